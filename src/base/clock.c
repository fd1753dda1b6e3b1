#include "base/clock.h"

#include <stdatomic.h>

int64_t clock_guard_ns(struct clock_guard *guard, int64_t wall_ns, int64_t steady_ns)
{
    const int64_t offset = wall_ns - steady_ns;
    int64_t greatest = atomic_load(&guard->offset_ns);
    while (offset > greatest && !atomic_compare_exchange_weak(&guard->offset_ns, &greatest, offset))
        ;
    return steady_ns + (offset > greatest ? offset : greatest);
}

int64_t clock_wall_ms(void)
{
    static struct clock_guard guard;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    const int64_t steady_ns =
        clock_steady_ns(); /* second: a pause in between makes the offset smaller, so it is lost */
    return clock_guard_ns(&guard, (int64_t)t.tv_sec * 1000000000 + t.tv_nsec, steady_ns) / 1000000;
}
