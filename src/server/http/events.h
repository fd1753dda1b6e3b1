/* Event streams: one thread follows the log and writes each event to every stream that asked for it, in the order of
 * the log, none twice, none left out.
 *
 * The thread sleeps while there is no stream. With streams it looks whether the store has changed every
 * EVENTS_POLL_MS (other processes write too) and at once when events_wake is called. A stream that begins in the past
 * is brought up by reads of its own, a batch a round, before it takes part in the common reading. Progress of running
 * jobs, which is no line of the log, is told between its lines at most every EVENTS_PROGRESS_MS, without an id.
 * A reader whose backlog is full is dropped (it comes back with Last-Event-ID); so is one whose key was revoked. */
#ifndef SERVER_HTTP_EVENTS_H
#define SERVER_HTTP_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"
#include "server/dialect/dialect.h"
#include "server/store/store.h"

enum { EVENTS_POLL_MS = 100, EVENTS_PROGRESS_MS = 250, EVENTS_HEARTBEAT_MS = 15000, EVENTS_BYTES_EACH = 1024 };

struct events;

struct events_settings {
    struct store *store;
    size_t clients_max;
    size_t backlog_max;   /* events that may wait for a reader, counted as EVENTS_BYTES_EACH each */
    int64_t heartbeat_ms; /* 0: EVENTS_HEARTBEAT_MS */
};

int events_create(struct events **ret_events, const struct events_settings *settings, conch_error *err);
/* Ends all streams and the thread. Events that are opened afterwards are refused. */
void events_stop(struct events *events);
void events_destroy(struct events *events);

/* Something was committed. */
void events_wake(struct events *events);

/* Opens call->events as the response's stream. API_BUSY above clients_max. */
int events_open(struct events *events, struct dialect_call *call);

size_t events_count(struct events *events);

#endif
