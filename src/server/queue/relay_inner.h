/* What the files of the relay share. */
#ifndef SERVER_QUEUE_RELAY_INNER_H
#define SERVER_QUEUE_RELAY_INNER_H

#include <pthread.h>

#include "net/fetch_guard.h"
#include "server/queue/clock.h"
#include "server/queue/relay.h"

struct relay {
    struct relay_settings settings;
    struct queue_clock clock;
    char name[64];
    int64_t started_ms;
    struct buf secret;
    struct fetch_guard guard;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int sending; /* threads under way; under lock */
};

static inline int64_t relay_now_ms(const struct relay *relay)
{
    return queue_clock_ms(&relay->clock);
}

static inline bool relay_stopped(const struct relay *relay)
{
    return atomic_load(relay->settings.stop);
}

/* Sends what is due until the relay stops, then waits for what is under way. context: struct relay *. */
void *outbox_run(void *context);

/* What is to be done now; each returns at once when there is nothing. Trouble is logged. */
void sweep_leases(struct relay *relay);
void sweep_files(struct relay *relay);
void sweep_lots(struct relay *relay);
void sweep_previews(struct relay *relay);
void sweep_orphans(struct relay *relay);
void sweep_rows(struct relay *relay);
void sweep_unknown(struct relay *relay);

#endif
