#include "server/queue/clock.h"

#include <stdlib.h>

#include "base/clock.h"

static int64_t wall_ms(const struct queue_clock *clock)
{
    return clock->wall_ms ? clock->wall_ms() : clock_wall_ms();
}

int64_t queue_clock_ms(const struct queue_clock *clock)
{
    return wall_ms(clock) + clock->ahead_ms;
}

/* Not the newest event alone: the API process, which has no part in this, may have written that one since. */
enum { EVENTS_LOOKED_AT = 64 };

struct latest {
    int64_t lease_ms, at_ms;
};

static int events_work(struct latest *latest, struct store_tx *tx, conch_error *err)
{
    struct store_event *events = calloc(EVENTS_LOOKED_AT, sizeof *events);
    size_t count = EVENTS_LOOKED_AT;
    int64_t last = 0;
    if (!events)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for events");
    int rc = store_event_last(tx, &last, err);
    const struct store_event_filter filter = {.after_id = last > EVENTS_LOOKED_AT ? last - EVENTS_LOOKED_AT : 0};
    if (rc == 0)
        rc = store_event_list(tx, &filter, events, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        latest->at_ms = events[i].event.at_ms > latest->at_ms ? events[i].event.at_ms : latest->at_ms;
    free(events);
    return rc;
}

static int latest_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct latest *latest = context;
    int64_t until_ms = 0;
    int rc = events_work(latest, tx, err);
    if (rc == 0)
        rc = store_lease_last(tx, &until_ms, err);
    if (rc == 0 && until_ms - latest->lease_ms > latest->at_ms)
        latest->at_ms = until_ms - latest->lease_ms;
    return rc;
}

int queue_clock_start(struct queue_clock *clock, struct store *store, int64_t lease_ms, conch_error *err)
{
    struct latest latest = {.lease_ms = lease_ms};
    int rc = store_read(store, latest_work, &latest, err);
    if (rc < 0)
        return rc;
    const int64_t ahead_ms = latest.at_ms - wall_ms(clock);
    clock->ahead_ms = ahead_ms > 0 && ahead_ms <= QUEUE_CLOCK_AHEAD_MS_MAX ? ahead_ms : 0;
    return 0;
}
