/* Time as numbers with their unit in the name. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Steady time since some fixed moment: for durations. */
static inline int64_t clock_steady_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Unix time in milliseconds. Within this process it never goes backwards: when the system's clock is set back, it goes
 * on from where it was at the pace of the steady clock, so that leases still run out, until the process starts anew.
 * Two processes can then differ by what the clock was set back. */
int64_t clock_wall_ms(void);

/* The rule behind clock_wall_ms, for tests: what the greatest difference of wall and steady clock so far makes of them.
 * Any thread. */
struct clock_guard {
    _Atomic int64_t offset_ns;
};
int64_t clock_guard_ns(struct clock_guard *guard, int64_t wall_ns, int64_t steady_ns);

/* CPU time of this whole process, all threads. */
static inline int64_t clock_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#endif
