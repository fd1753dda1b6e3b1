/* A bounded queue of work and the threads that do it. Work that waits when the queue is closed is refused, not done. */
#ifndef NET_HTTP_QUEUE_H
#define NET_HTTP_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "conch/error.h"

/* Part of the caller's own object; belongs to the queue from push until run was called. */
struct http_work {
    struct http_work *next;
};

struct http_queue_settings {
    size_t thread_count, waiting_max, stack_bytes;
    void (*run)(struct http_work *work, bool refused); /* on a thread of the queue */
};

struct http_queue;

int http_queue_create(struct http_queue **ret_queue, const struct http_queue_settings *settings, conch_error *err);

/* False when waiting_max items wait or the queue is closed; before_push(work) is called under the queue's lock once it
 * is certain that the work is taken, and before any thread sees it. */
bool http_queue_push(struct http_queue *queue, struct http_work *work, void (*before_push)(struct http_work *work));

/* Nothing is taken from now on; blocks until all that was taken is done or refused and the threads are gone. */
void http_queue_close(struct http_queue *queue);
void http_queue_destroy(struct http_queue *queue);

void http_queue_state(struct http_queue *queue, size_t *ret_waiting, size_t *ret_busy);

#endif
