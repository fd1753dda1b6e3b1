/* The time that leases, waits and expiries are measured with.
 *
 * Within a process the wall clock never goes back (base/clock.h). Between processes it could: after a restart on a
 * machine whose clock was set back, leases would seem to last for hours. So a process begins at the latest of its wall
 * clock, the newest events of the store, and the moment at which its last lease was given, and goes on from there at
 * the clock's pace. */
#ifndef SERVER_QUEUE_CLOCK_H
#define SERVER_QUEUE_CLOCK_H

#include <stdint.h>

#include "server/store/store.h"

enum { QUEUE_CLOCK_AHEAD_MS_MAX = 24 * 3600 * 1000 /* further ahead an event's time is not believed */ };

struct queue_clock {
    int64_t (*wall_ms)(void); /* NULL: clock_wall_ms; tests have their own */
    int64_t ahead_ms;
};

/* Sets ahead_ms from the store, whose leases were given for lease_ms; wall_ms as it is. */
int queue_clock_start(struct queue_clock *clock, struct store *store, int64_t lease_ms, conch_error *err);
int64_t queue_clock_ms(const struct queue_clock *clock);

#endif
