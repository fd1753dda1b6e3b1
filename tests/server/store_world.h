/* A store with an account, a key and jobs, for tests that are about something else. Every function fails the test (or,
 * in a child, ends the process) when the store refuses. */
#ifndef TESTS_SERVER_STORE_WORLD_H
#define TESTS_SERVER_STORE_WORLD_H

#include "server/store/store.h"
#include "store_test.h"

enum { WORLD_ACCOUNT = 11, WORLD_KEY = 21, WORLD_LOT = 31 };

/* Opens the store at scratch_path(); with an account of that many micro-USD (0: no account) and a key. */
struct store *world_open(int64_t microusd);
struct store *world_reopen(void);

/* Runs work and fails unless it returns `wanted`; ret_err may be NULL. */
void world_write(struct store *store, store_work *work, void *context, int wanted, conch_error *ret_err);
void world_read(struct store *store, store_work *work, void *context, int wanted, conch_error *ret_err);

/* A job with a hold of price micro-USD, as a submit makes it. */
struct world_job {
    int64_t id, key_id, price, now_ms;
    const char *backend, *model, *prompt; /* NULL: local, conch/tiny, "a red ball" */
    int32_t priority;
    bool remote;
    const struct store_input *inputs;
    size_t input_count;
};
int world_job_add(void *context, struct store_tx *tx, conch_error *err); /* context: struct world_job */

/* One arrow of a job, inside a transaction of its own. */
enum world_arrow {
    WORLD_CLAIM,
    WORLD_START,
    WORLD_PROGRESS,
    WORLD_OUTPUT,
    WORLD_FINISH,
    WORLD_FAIL,
    WORLD_CANCEL,
    WORLD_STOP,
    WORLD_TROUBLE,
    WORLD_LAPSE,
    WORLD_FIND,
    WORLD_GIVE_UP
};
struct world_step {
    int64_t id;
    enum world_arrow arrow;
    int64_t fence, now_ms, charge, lease_ms; /* fence: written by a claim */
    int charge_permille;                     /* of what was quoted; 0: charge */
    enum job_error error;
    struct job after;
};
int world_job_step(void *context, struct store_tx *tx, conch_error *err);

/* The lines of the audit; fails unless there are `wanted`. */
struct store_audit world_audit(struct store *store, int64_t wanted);

#endif
