/* The engine worker: takes jobs that are due, has a backend make them, puts the results away.
 *
 * One job at a time has the seat at the engine; a job that only waits (a rehearsed delay) gives it up meanwhile, so
 * that up to WORKER_JOBS_MAX may be under way, each on a thread of its own. A job of task "context", of which words
 * alone come, never has it and waits for nobody who has. One more thread renews their leases, looks whether they are to
 * be cancelled, and tells the store that this worker lives.
 *
 * A job that this worker has lost (its lease ran out, somebody else has it) is dropped with all that was made for it.
 * Told to stop, the worker hands back what is not finished: it is queued again and no attempt is counted. */
#ifndef SERVER_QUEUE_WORKER_H
#define SERVER_QUEUE_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/backend/backend.h"
#include "server/blob/blob.h"
#include "server/config.h"
#include "server/store/store.h"

enum { WORKER_JOBS_MAX = 16, WORKER_BACKENDS_MAX = 8 };

struct worker_settings {
    const struct config *config; /* jobs, engine.timeout_ms, limits.running_per_key */
    struct store *store;
    struct blob_store *blobs;
    struct backend *const *backends;
    size_t backend_count;
    const char *preview_folder; /* NULL: no previews */
    const char *name;           /* NULL: "engine-HOST-PID" */
    const atomic_bool *stop;    /* becomes true, also in a signal handler, when it is to end */
    int64_t (*wall_ms)(void);   /* NULL: clock_wall_ms */
};

/* Until *stop. Trouble of the store that passes is waited out; CONCH_ERR_NOMEM and what the store says at the start. */
int worker_run(const struct worker_settings *settings, conch_error *err);

#endif
