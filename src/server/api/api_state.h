/* What the files of this folder share. Nobody else includes it; the manual is api.h. */
#ifndef SERVER_API_API_STATE_H
#define SERVER_API_API_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/hash.h"
#include "net/fetch_guard.h"
#include "server/api/api.h"
#include "server/api/gate.h"
#include "server/api/key_cache.h"
#include "server/api/local_models.h"
#include "server/api/rate.h"
#include "server/config.h"
#include "server/prompt/policy.h"

/* A piece of work in a transaction filled the problem itself: undo it, and pass the refusal on. */
enum { API_ERR_REFUSED = -130 };

enum {
    API_DECODES_MAX = 4,            /* pictures and clips looked at, at one time */
    API_DECODES_WAITING_MAX = 64,   /* requests that wait for that */
    API_WORKER_SEEN_MS = 60 * 1000, /* a worker seen within this time counts as there */
    API_WORKERS_MAX = 64,
    API_NOTE_BYTES_MAX = 2000, /* of a review */
    API_KEY_CHARS_MAX = 256    /* of an API key as sent */
};

/* What the verbs counted since the start. */
enum api_counter {
    API_COUNT_SUBMITTED,
    API_COUNT_REPLAYED, /* answers from an Idempotency-Key */
    API_COUNT_CANCELLED,
    API_COUNT_UPLOADS,
    API_COUNT_UPLOAD_BYTES,
    API_COUNT_FETCHES, /* media by URL */
    API_COUNT_FETCHES_REFUSED,
    API_COUNT_BLOCKED, /* by the safety hook */
    API_COUNT_AUTH_REFUSED,
    API_COUNT_RATE_REFUSED
};
enum { API_COUNTERS = 10 };

struct api {
    struct api_settings settings;
    const struct config *config;
    const struct catalog *catalog;
    struct store *store;
    struct blob_store *blobs;
    char *version;
    struct hash key_secret;  /* digests of API keys are made with it */
    struct hash link_secret; /* proofs of links to files */
    struct hash sign_secret; /* signatures of callbacks, proofs of other addresses */
    struct policy *policy;   /* NULL: no list */
    struct fetch_guard guard;
    struct key_cache *keys;
    struct rate *rate;
    struct local_models *locals;
    struct line *line;
    struct gate decodes;
    _Atomic int64_t counts[API_COUNTERS];
    _Atomic int64_t refusals[API_INTERNAL + 1]; /* of submits, by kind */
    _Atomic int waiters;                        /* in api_job_wait */
    _Atomic bool waits_stopped;
    /* Tells the store which keys were used, now and then. */
    pthread_t teller;
    bool teller_runs;
    pthread_mutex_t teller_lock;
    pthread_cond_t teller_wake;
    bool stopping;
    pthread_mutex_t totals_lock;
    struct store_totals totals; /* for metrics */
    int64_t totals_ns;          /* steady time when they were read; 0: never */
};

static inline void api_count(struct api *api, enum api_counter counter, int64_t by)
{
    atomic_fetch_add_explicit(&api->counts[counter], by, memory_order_relaxed);
}

/* ---- refusals (api_problem.c) ---- */

/* A value that is not allowed: field, value and allowed are filled, and the text says it all. */
int api_refuse_value(struct api_problem *problem, const char *field, const char *value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* For what store, blobs, ledger and job return. Errors that are ours are logged, and the client gets a plain sentence.
 * rc API_ERR_REFUSED leaves the problem as it is. Always -1. */
int api_refuse_error(struct api_problem *problem, int rc, const conch_error *err);

/* The same with the thing that was not found by name: "job 17". */
int api_refuse_missing(struct api_problem *problem, int rc, const conch_error *err, const char *what, int64_t id);

int api_refuse_catalog(struct api_problem *problem, const struct catalog_refusal *refusal);

/* Which account a caller may look at: its own, or any for an admin. API_NOT_FOUND. account_id 0: the caller's. */
int api_account_of(const struct api_caller *caller, int64_t account_id, int64_t *ret_account_id,
                   struct api_problem *problem);
bool api_is_admin(const struct api_caller *caller);
/* For filters and look-ups by id: 0 (any) for an admin. */
int64_t api_scope_account(const struct api_caller *caller);

/* ---- kept answers (api_once.c); once may be NULL, or without a key ---- */

/* api_once_begin (api.h) stands before anything is done. */
/* In the transaction: 1 when somebody else has kept an answer meanwhile, 0; API_ERR_REFUSED, or an error. */
int api_once_find(const struct api_caller *caller, struct api_once *once, struct store_tx *tx, int64_t now_ms,
                  struct api_problem *problem, conch_error *err);
/* In the transaction, last: words the result and keeps it. */
int api_once_keep(struct api *api, const struct api_caller *caller, struct api_once *once, struct store_tx *tx,
                  const void *result, int64_t now_ms, conch_error *err);
/* Words a result anew without keeping it: for what must not be kept. */
int api_once_render(struct api_once *once, const void *result, conch_error *err);

/* ---- keys (api_auth.c) ---- */

struct hash api_key_hash(const struct api *api, const char *token);

enum { API_KEY_SECRET_BYTES = 32 };
/* "ck_" and 43 characters. */
int api_key_make(char ret_secret[80], conch_error *err);

/* ---- jobs (api_job_read.c) ---- */

/* Its place in the queue and when it will be done. */
int api_job_queue(struct api *api, struct store_tx *tx, struct api_job *ret, conch_error *err);

/* Everything of a job that is shown; ret->row is filled. */
int api_job_complete(struct api *api, struct store_tx *tx, struct api_job *ret, conch_error *err);

/* Tells the callback of a job, when it has one, of what became of it. */
int api_job_notify(struct store_tx *tx, const struct store_job *row, int64_t event_id, int64_t now_ms,
                   conch_error *err);

/* ---- health and metrics (api_health.c) ---- */

struct api_gauges {
    int64_t queued, running, seen_after_ms;
    size_t engines, relays;
    struct store_worker *workers;
    size_t worker_count;
};
int api_gauges_read(struct api *api, struct api_gauges *ret, conch_error *err);

/* ---- files (api_files.c) ---- */

/* A file that is there, has not expired and whose job was not deleted; account_id 0: anybody's. */
int api_file_find(struct api *api, int64_t id, int64_t account_id, struct store_file *ret, struct api_problem *problem);

#endif
