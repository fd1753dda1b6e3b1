#include "server/queue/clock.h"

#include "base/clock.h"

static int64_t wall_ms(const struct queue_clock *clock)
{
    return clock->wall_ms ? clock->wall_ms() : clock_wall_ms();
}

int64_t queue_clock_ms(const struct queue_clock *clock)
{
    return wall_ms(clock) + clock->ahead_ms;
}

static int newest_event(void *context, struct store_tx *tx, conch_error *err)
{
    int64_t last = 0;
    struct store_event event = {.id = 0};
    size_t count = 1;
    int rc = store_event_last(tx, &last, err);
    const struct store_event_filter filter = {.after_id = last - 1};
    if (rc == 0 && last > 0)
        rc = store_event_list(tx, &filter, &event, &count, err);
    *(int64_t *)context = rc == 0 && last > 0 && count == 1 ? event.event.at_ms : 0;
    return rc;
}

int queue_clock_start(struct queue_clock *clock, struct store *store, conch_error *err)
{
    int64_t newest_ms = 0;
    int rc = store_read(store, newest_event, &newest_ms, err);
    if (rc < 0)
        return rc;
    const int64_t ahead_ms = newest_ms - wall_ms(clock);
    clock->ahead_ms = ahead_ms > 0 && ahead_ms <= QUEUE_CLOCK_AHEAD_MS_MAX ? ahead_ms : 0;
    return 0;
}
