/* What can be asked of Conch, whatever the wire format: one verb a function, one file a subject.
 *
 * A dialect decodes a request into these structs, calls a verb, and words the result or the refusal its own way.
 * Nothing here knows HTTP or JSON shapes of a dialect. All verbs may block (a commit, a fetch, a decoder's process) and
 * may be called from many threads; those marked fast never wait for anything but a read of the store.
 *
 * Results: 0, or a negative code with *ret_problem filled (never NULL there): what kind it is decides the dialect's
 * code, its parts the wording. Strings in results belong to the result, which has a _finish. */
#ifndef SERVER_API_API_H
#define SERVER_API_API_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "conch/error.h"
#include "server/job/catalog.h"
#include "server/job/job.h"
#include "server/store/store.h"

struct api;

/* ---- refusals ---- */

enum api_kind {
    API_OK,
    API_INVALID,      /* a field; field, value, allowed say which */
    API_INVISIBLE,    /* a text has so many invisible characters that something seems to be hidden in it */
    API_UNAUTHORIZED, /* no key, or a wrong, revoked or expired one */
    API_FORBIDDEN,    /* the key's scopes do not have it */
    API_NOT_FOUND,
    API_CONFLICT,   /* the thing is not in a state that allows it */
    API_REUSED_KEY, /* an Idempotency-Key with another request */
    API_TOO_LARGE,
    API_BALANCE,
    API_BUDGET,     /* of the key */
    API_RATE_LIMIT, /* requests a minute; retry_after_s */
    API_QUEUE_FULL, /* queued jobs of the key, or of the server; retry_after_s */
    API_CONTENT_POLICY,
    API_UNAVAILABLE_HERE, /* well-formed, but nothing here can do it: a template, a model without weights */
    API_FETCH,            /* a URL of the request could not be fetched, or may not be */
    API_BUSY,             /* too much at once, the disk is full, the database locked; retry_after_s */
    API_TIMEOUT,          /* rehearsed */
    API_INTERNAL
};
const char *api_kind_name(enum api_kind kind); /* "invalid", ... */
int api_kind_status(enum api_kind kind);       /* the usual HTTP status: 400, 401, ... */

struct api_problem {
    enum api_kind kind;
    char field[64]; /* "resolution"; a dialect may map it to its own name; "" when none is to blame */
    char value[80];
    char allowed[600];
    char text[900];    /* all in one sentence for a person; holds no secret */
    int retry_after_s; /* 0: waiting does not help, or nobody knows */
};

/* Fills it; returns -1 so that `return api_refuse(...)` is one statement. */
int api_refuse(struct api_problem *problem, enum api_kind kind, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- set-up ---- */

struct config;
struct blob_store;
struct catalog_offers;

struct api_settings {
    const struct config *config;
    const struct catalog *catalog;
    const struct catalog_offers *offers; /* templates and pictures, for refusing them honestly; NULL: not known */
    struct store *store;
    struct blob_store *blobs;
    const char *version;
    const char *catalog_folder; /* where policy.json is, for a config without safety.words_file; NULL: nowhere */
    /* Writes the first admin key down before it is committed, so that a crash in between loses nobody's only key: one
     * that was written and not committed is replaced at the next start. On the store's writer thread; NULL: nowhere. */
    int (*first_key_keep)(void *context, const char *key, conch_error *err);
    void *first_key_context;
    bool guest; /* another process serves: no account and no key are made here */
};
/* Reads or makes the secrets of the installation, the first account and its admin key. ret_first_key: the new admin
 * key, shown once (malloc'ed), or NULL when there is one already or CONCH_ADMIN_KEY set it. */
int api_create(struct api **ret_api, const struct api_settings *settings, char **ret_first_key, conch_error *err);
void api_destroy(struct api *api);

const struct catalog *api_catalog(const struct api *api);
const struct catalog_offers *api_offers(const struct api *api);
const struct config *api_config(const struct api *api);

/* ---- who calls ---- */

struct api_caller {
    struct store_key key; /* id, account, scopes, limits */
    char address[64];
    char request_id[33];
    const char *origin; /* "http://127.0.0.1:8787", for links */
};

/* token: the key as sent (without "Bearer "), or NULL. Fast (a cache of some seconds stands before the store). */
int api_authenticate(struct api *api, const char *token, struct api_caller *ret_caller,
                     struct api_problem *ret_problem);
/* API_FORBIDDEN names the scope that is missing. */
int api_require(const struct api_caller *caller, enum store_scope scope, struct api_problem *ret_problem);
/* Whether pages of this origin may use the server: the configuration's server.cors_origins. */
bool api_origin_allowed(const struct api *api, const char *origin);
/* Counts a request against the key's requests a minute. For the layer above, once a request: verbs do not. */
int api_rate(struct api *api, const struct api_caller *caller, struct api_problem *ret_problem);

/* ---- the same request again: Idempotency-Key ---- */

/* The answer to a POST as bytes, so that the same request gets the same bytes. A verb that takes an api_once and has a
 * key in it looks for a kept answer first: when there is one, it does nothing and sets replayed, status and body; when
 * not, it calls render inside its transaction and keeps what that made. Without a key render is called all the same, so
 * that a dialect has one path. API_REUSED_KEY when the kept one was another request. */
struct api_once {
    const char *key;   /* NULL: none was sent; at most 255 characters */
    const char *scope; /* "POST /conch/v1/jobs" */
    const void *request;
    size_t request_size; /* body; is hashed together with scope */
    int (*render)(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err);
    void *context;
    int64_t subject; /* set by the verb: the job or account it is about, which is part of the request too */
    /* results */
    bool replayed;
    int status;
    struct buf body; /* the caller finishes it */
};

/* For verbs that take no api_once since doing them twice does no harm: begin looks for a kept answer (1: there is one,
 * in once; 0: none; -1: *ret_problem), end renders the result and keeps it, in a transaction of its own. */
int api_once_begin(struct api *api, const struct api_caller *caller, struct api_once *once,
                   struct api_problem *ret_problem);
int api_once_end(struct api *api, const struct api_caller *caller, struct api_once *once, const void *result,
                 struct api_problem *ret_problem);

/* ---- jobs ---- */

/* Where a picture or other medium comes from. Exactly one of url, data and file_id. */
struct api_media {
    enum store_input_role role;
    const char *url;  /* http(s), data:, or mm_file://ID */
    const void *data; /* bytes that came with the request (multipart) */
    size_t data_size;
    const char *path; /* or a spooled file */
    int64_t file_id;
    const char *field; /* its name in the request, for refusals: "first_frame_image" */
};

enum api_choice { API_DEFAULT, API_ON, API_OFF };

struct api_submit {
    const char *dialect;            /* "conch", "minimax1", ... */
    const char *task;               /* NULL: "generation"; "context": expand the prompt only; "template"; "image" */
    const char *model;              /* as sent; NULL: the operator's default (engine.default_model) */
    const char *prompt, *negative;  /* NULL: none */
    const char *resolution, *ratio; /* as sent, NULL: the default */
    int width, height;              /* instead of resolution; 0: none */
    int64_t seconds;                /* 0: the default */
    int64_t seed;                   /* -1: none */
    int steps;                      /* 0: default; local models only */
    double guidance;                /* 0: default */
    enum api_choice optimizer, pretreatment, watermark;
    const char *expansion; /* H3-Max: disabled, balanced, quality */
    int32_t priority;
    const struct api_media *media;
    size_t media_count;                        /* at most STORE_INPUTS_MAX */
    const char *callback_url, *callback_style; /* NULL: none. Preflighted (challenge where the style has one) */
    json_t *metadata;                          /* object of at most 16 short strings, shown again; NULL; borrowed */
    bool place; /* the answer says how many jobs are before it and when it will be done: place and eta_ms are filled */
};

/* What a job costs in one purse of the account, and what there is. A unit of "package" is a thousandth of one. */
struct api_purse {
    const char *name; /* "package", "credits", "payg" */
    enum ledger_unit unit;
    int64_t amount, available;
};
enum { API_PURSES_MAX = 3 };

/* What a request will be and cost, without making it. */
struct api_estimate {
    struct catalog_resolved resolved; /* model, output, mode, seconds */
    char served_by[128], backend[16];
    bool sandbox;
    enum ledger_unit unit;
    int64_t amount;    /* of the hold */
    const char *purse; /* that would pay it; NULL: nothing is to be paid, or nobody can */
    bool affordable;
    struct api_purse purses[API_PURSES_MAX]; /* that have a price and may pay, in the order in which they are asked */
    size_t purse_count;
    int64_t list_microusd;   /* what the hosted model would cost, 0 for our own */
    int64_t wait_ms, run_ms; /* expected, from the queue and measured rates; -1: not known */
    int64_t available;       /* in that purse; of the account when nothing is to be paid */
    char prompt_used[8192];  /* after the optimizer */
    json_t *notes;           /* array of strings; owned */
};
void api_estimate_finish(struct api_estimate *estimate);
int api_estimate(struct api *api, const struct api_caller *caller, const struct api_submit *submit,
                 struct api_estimate *ret, struct api_problem *ret_problem);

/* A job as it is shown. */
struct api_job {
    struct store_job row;
    bool sandbox;
    json_t *details; /* NULL until api_job_details has been called; owned */
    int64_t place;   /* in the queue, 0: next, at most STORE_PLACE_MAX; -1: not queued, or not asked for */
    int64_t eta_ms;  /* Unix time when it will be done; 0: not known */
    struct store_file file, poster; /* id 0: none */
    struct store_input inputs[STORE_INPUTS_MAX];
    size_t input_count;
};
void api_job_finish(struct api_job *job);

/* row.details as an object (docs/jobs.md names its members), parsed at the first call; belongs to the job. An empty
 * object when there is nothing; NULL: no memory. Not for two threads with one job at a time. */
const json_t *api_job_details(const struct api_job *job);

/* Validates, fetches and looks at the media, expands the prompt, asks the safety hook, preflights the callback, then in
 * one transaction: kept answer, limits of the key, hold, job, event, kept answer. once->render gets a const struct
 * api_job *. *ret is not written for a replay. */
int api_job_submit(struct api *api, const struct api_caller *caller, const struct api_submit *submit,
                   struct api_once *once, struct api_job *ret, struct api_problem *ret_problem);

/* Fast. Only jobs of the caller's account (an admin: all). API_NOT_FOUND. */
int api_job_get(struct api *api, const struct api_caller *caller, int64_t id, struct api_job *ret,
                struct api_problem *ret_problem);

/* The row alone, for polls: place -1, eta_ms 0, no files (their ids are in the row), no inputs. Faster still. */
int api_job_peek(struct api *api, const struct api_caller *caller, int64_t id, struct api_job *ret,
                 struct api_problem *ret_problem);

/* As api_job_get, once the job has ended or wait_ms are over: row.job.state tells which. It keeps the caller's thread,
 * so at most half of server.handlers wait at a time; one more than those gets the job as it is, at once. */
int api_job_wait(struct api *api, const struct api_caller *caller, int64_t id, int64_t wait_ms, struct api_job *ret,
                 struct api_problem *ret_problem);
/* Ends all waits, now and later: the server is about to stop. */
void api_wait_stop(struct api *api);

/* As api_job_get for whoever sends callbacks: no caller, any account. */
int api_job_show(struct api *api, int64_t id, struct api_job *ret, conch_error *err);

struct api_job_list {
    struct api_job *jobs; /* owned */
    size_t count;
    int64_t total; /* -1: not asked for */
    bool more;
};
void api_job_list_finish(struct api_job_list *list);
/* filter.account_id is set from the caller. */
int api_job_list(struct api *api, const struct api_caller *caller, const struct store_job_filter *filter,
                 const struct store_page *page, bool with_total, struct api_job_list *ret,
                 struct api_problem *ret_problem);

/* API_CONFLICT for a terminal job; ret as it is afterwards. */
int api_job_cancel(struct api *api, const struct api_caller *caller, int64_t id, struct api_once *once,
                   struct api_job *ret, struct api_problem *ret_problem);
/* Only terminal jobs: gone from lists, its files too (the money stays in the books). API_CONFLICT. */
int api_job_delete(struct api *api, const struct api_caller *caller, int64_t id, struct api_problem *ret_problem);
/* Until the sweep has taken its files. */
int api_job_restore(struct api *api, const struct api_caller *caller, int64_t id, struct api_problem *ret_problem);
/* accepted 1, -1, 0; note may be NULL. */
int api_job_accept(struct api *api, const struct api_caller *caller, int64_t id, int accepted, const char *note,
                   struct api_job *ret, struct api_problem *ret_problem);

/* Decides about a job in unknown. Admin. */
int api_job_give_up(struct api *api, const struct api_caller *caller, int64_t id, bool charge, struct api_job *ret,
                    struct api_problem *ret_problem);

/* Events after an id; fast. filter.account_id is set from the caller. */
int api_event_list(struct api *api, const struct api_caller *caller, const struct store_event_filter *filter,
                   struct store_event *ret, size_t *count, struct api_problem *ret_problem);

/* The newest preview picture of a running job (PNG or JPEG bytes, malloc'ed). API_NOT_FOUND when there is none. */
int api_job_preview(struct api *api, const struct api_caller *caller, int64_t id, void **ret_data, size_t *ret_size,
                    struct api_problem *ret_problem);

/* ---- files ---- */

struct api_upload {
    const char *purpose; /* "video_generation_input" and those of the dialect */
    const char *name;    /* as the client calls it; cleaned */
    const void *data;    /* or */
    const char *path;    /* a spooled file, which is copied or moved */
    size_t size;
    int64_t lifetime_ms; /* 0: the default for its purpose */
    bool document;       /* any bytes at all are taken; otherwise they must be a picture, video or sound that opens */
};
int api_file_put(struct api *api, const struct api_caller *caller, const struct api_upload *upload,
                 struct api_once *once, struct store_file *ret, struct api_problem *ret_problem);
int api_file_get(struct api *api, const struct api_caller *caller, int64_t id, struct store_file *ret,
                 struct api_problem *ret_problem);
int api_file_list(struct api *api, const struct api_caller *caller, const struct store_file_filter *filter,
                  const struct store_page *page, struct store_file *ret, size_t *ret_count,
                  struct api_problem *ret_problem);
int api_file_delete(struct api *api, const struct api_caller *caller, int64_t id, struct api_problem *ret_problem);
/* The bytes: a descriptor that the caller closes. */
int api_file_open(struct api *api, const struct store_file *file, int *ret_file, struct api_problem *ret_problem);

/* A link that works without a key until it expires: ORIGIN/files/ID/EXPIRES/MAC/NAME. lifetime_ms 0: the
 * configuration's (jobs.link_lifetime); it never outlives the file. malloc'ed; NULL: no memory. */
char *api_file_link(struct api *api, const char *origin, const struct store_file *file, int64_t lifetime_ms,
                    int64_t *ret_expires_ms);
/* The file of such a path ("/files/…"); API_FORBIDDEN when the proof is wrong or too old. */
int api_file_by_link(struct api *api, const char *path, struct store_file *ret, struct api_problem *ret_problem);

/* ---- signatures: made with a secret of the installation that never changes ---- */

enum { API_SIGN_PUBLIC_BYTES = 32, API_SIGN_BYTES = 64 };

/* The public half of the Ed25519 key that callbacks of some dialects are signed with. */
void api_signing_key(const struct api *api, uint8_t ret_public[API_SIGN_PUBLIC_BYTES]);
void api_sign(const struct api *api, const void *data, size_t size, uint8_t ret_signature[API_SIGN_BYTES]);

/* What an account's receivers check HMAC signatures of callbacks with; no other account's is the same. */
struct hash api_webhook_secret(const struct api *api, int64_t account_id);
/* Whether Conch's own callbacks are signed with it; false: with the operator's webhooks.signing_secret. */
bool api_webhook_secret_own(const struct api *api);

/* A proof that a text (an address without its proof) comes from here: 64 hex digits. Says nothing about time. */
struct hash_hex api_proof(const struct api *api, const char *text);
bool api_proof_holds(const struct api *api, const char *text, const char *proof);

/* Bytes that only this installation can read, and that nobody can change, as base64url (XChaCha20-Poly1305; a purpose
 * has a key of its own). Appends. CONCH_ERR_FORMAT: it was not sealed here for this purpose. */
int api_seal(const struct api *api, const char *purpose, const void *data, size_t size, struct buf *ret,
             conch_error *err);
int api_unseal(const struct api *api, const char *purpose, const char *text, struct buf *ret, conch_error *err);

/* ---- models ---- */

/* A model that can be asked for: of the catalog, or a model folder of this machine. */
struct api_model {
    const struct catalog_model *model;
    char served_by[128], backend[16];
    bool sandbox, available;
    char reason[200];  /* why not available */
    const char *alias; /* the operator's name for it, or NULL */
};
int api_model_list(struct api *api, const struct api_caller *caller, struct api_model *ret, size_t *count,
                   struct api_problem *ret_problem);
/* By slug, hosted name or alias: what serves it. API_INVALID with the candidates for an unpinned name. */
int api_model_get(struct api *api, const char *name, struct api_model *ret, struct api_problem *ret_problem);

/* ---- accounts, keys, money ---- */

int api_account_add(struct api *api, const struct api_caller *caller, const char *name, struct api_once *once,
                    struct store_account *ret, struct api_problem *ret_problem);
int api_account_list(struct api *api, const struct api_caller *caller, const struct store_page *page,
                     struct store_account *ret, size_t *ret_count, struct api_problem *ret_problem);

struct api_key_new {
    int64_t account_id; /* 0: the caller's */
    const char *name;
    unsigned scopes; /* 0: generate, read and usage; at most the caller's own */
    int64_t budget_microusd, expires_ms;
    int32_t queued_max, running_max, priority_max; /* -1: the server's */
    const char *policy;                            /* NULL: the server's */
};
/* The key itself is in secret (shown this once; render of once gets a const struct api_key_made *). Kept answers do not
 * hold the secret: a replay shows "" in its place. */
struct api_key_made {
    struct store_key key;
    char secret[80]; /* "ck_…" */
};
int api_key_add(struct api *api, const struct api_caller *caller, const struct api_key_new *add, struct api_once *once,
                struct api_key_made *ret, struct api_problem *ret_problem);
int api_key_list(struct api *api, const struct api_caller *caller, int64_t account_id, const struct store_page *page,
                 struct store_key *ret, size_t *ret_count, struct api_problem *ret_problem);
int api_key_revoke(struct api *api, const struct api_caller *caller, int64_t id, struct store_key *ret,
                   struct api_problem *ret_problem);

struct api_balance {
    struct ledger_lot lots[2 * LEDGER_LOTS_MAX];
    size_t lot_count;
    int64_t available[LEDGER_UNITS], held[LEDGER_UNITS];
};
int api_balance(struct api *api, const struct api_caller *caller, int64_t account_id, struct api_balance *ret,
                struct api_problem *ret_problem);
/* Admin. once->render gets a const struct ledger_lot *. */
int api_grant(struct api *api, const struct api_caller *caller, const struct store_grant *grant, struct api_once *once,
              struct ledger_lot *ret, struct api_problem *ret_problem);
int api_statement(struct api *api, const struct api_caller *caller, const struct store_statement_filter *filter,
                  const struct store_page *page, struct store_statement_line *ret, size_t *ret_count,
                  struct api_problem *ret_problem);
/* What came into the account's lots of packages that hold something, and what of it is left: the units that its monthly
 * package has. count 0: there is none. Times: of the lot that ends first; end 0: never. */
struct api_package {
    size_t count;
    int64_t issued, available;
    int64_t start_ms, end_ms;
};
int api_package(struct api *api, const struct api_caller *caller, struct api_package *ret,
                struct api_problem *ret_problem);
int api_usage(struct api *api, const struct api_caller *caller, const struct store_usage_filter *filter,
              struct store_usage_row *ret, size_t *count, struct api_problem *ret_problem);

/* How the daily P50 and P95 of a job's cost change, in micro-USD a day: a line through the days by least squares, a row
 * a model, by name. Days without a job whose cost is known in micro-USD are left out. rows: as api_usage gives them.
 * *ret: malloc'ed. CONCH_ERR_NOMEM. */
struct api_slope {
    char model[128];
    int64_t days;
    bool known; /* there are two days */
    double cost_p50, cost_p95;
};
int api_usage_slopes(const struct store_usage_row *rows, size_t count, struct api_slope **ret, size_t *ret_count,
                     conch_error *err);

/* ---- the server itself ---- */

struct api_health {
    bool store, blobs, engine; /* engine: a worker was seen lately */
    int64_t queued, running, free_bytes;
    char text[300];
};
/* 0: ready. -1: something that the configuration wants is missing; text says what. *ret is filled either way. */
int api_health(struct api *api, struct api_health *ret);

/* Who works here, seen within the last minute. Admin. *count: room before, rows after; each is to be finished. */
int api_worker_list(struct api *api, const struct api_caller *caller, struct store_worker *ret, size_t *count,
                    struct api_problem *ret_problem);

/* Prometheus text: what the verbs counted since the start, and gauges from the store. */
int api_metrics(struct api *api, struct buf *ret, conch_error *err);

#endif
