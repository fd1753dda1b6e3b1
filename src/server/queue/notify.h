/* What is to be told about a job, written down in the same transaction as what happened to it. */
#ifndef SERVER_QUEUE_NOTIFY_H
#define SERVER_QUEUE_NOTIFY_H

#include "server/store/store.h"

/* For a job with a callback: adds a message when the event changed what the public sees (job_bucket), with the name of
 * the new state as its kind. A job that goes back to queued says nothing, nor does one say the same thing twice. Who
 * makes an event calls this right after store_job_step, with the id that gave. */
int queue_notify(struct store_tx *tx, const struct store_job *job, const struct job_event *event, int64_t event_id,
                 conch_error *err);

#endif
