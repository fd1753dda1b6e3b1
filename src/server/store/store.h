/* Everything that must survive: accounts, keys, jobs with their log, money, files, what is still to be told, and what
 * was answered. The API process and the workers meet here and at the blobs, nowhere else.
 *
 * Two ways in:
 *   store_write(store, work, context)  runs work inside a write transaction, together with the work of other threads,
 *                                      and returns once it is committed and synced (group commit). work's own error
 *                                      undoes its own part alone. It runs on the writer's thread: it must be short, and
 *                                      do no I/O and no waiting of its own.
 *   store_read(store, work, context)   runs work on this thread, on a snapshot.
 * Both hand work a transaction; the functions below take one. Those named in the second half need a write transaction.
 * Rules of the rows: times are Unix ms and arguments; 0 is "not" for times and references; text is UTF-8 or NULL; ids
 * are made by the caller (base/id.h) except where a function says that the store numbers the row.
 * Errors: those of store/db.h, and what each function says. CONCH_ERR_NOTFOUND: there is no such row (also one that was
 * deleted, or belongs to another account where an account is given). */
#ifndef SERVER_STORE_STORE_H
#define SERVER_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "conch/error.h"
#include "server/job/job.h"
#include "server/ledger/ledger.h"

struct store;
struct store_tx;

enum { STORE_ERR_CONFLICT = -120 /* = DB_ERR_CONFLICT: a row of that id, name or key is there already */ };

enum {
    STORE_PAGE_MAX = 200,              /* rows of one list */
    STORE_DETAILS_BYTES_MAX = 1 << 20, /* of a job's JSON */
    STORE_ANSWER_BYTES_MAX = 1 << 18,  /* of a kept answer */
    STORE_PLACE_MAX = 1000,            /* of a queue, places further back are not told apart */
    STORE_INPUTS_MAX = 16              /* pictures and other media of one job */
};

struct store_settings {
    const char *path; /* of the database */
    int busy_ms;      /* 0: the default of db.h */
    int readers;      /* connections for store_read; 0: 4 */
    bool read_only;   /* no writer: for checks beside a running server */
    /* Called on the writer's thread after each commit, e.g. to wake those who follow events. NULL: nobody. */
    void (*committed)(void *context);
    void *context;
};

int store_open(struct store **ret_store, const struct store_settings *settings, conch_error *err);
void store_close(struct store *store);

typedef int store_work(void *context, struct store_tx *tx, conch_error *err);
int store_write(struct store *store, store_work *work, void *context, conch_error *err);
int store_read(struct store *store, store_work *work, void *context, conch_error *err);

/* Changes whenever somebody, this process or another, has committed; cheap: for those who wait for news. */
int store_version(struct store *store, int64_t *ret_version, conch_error *err);

/* ---- accounts and keys ---- */

struct store_account {
    struct ledger_account ledger; /* id, issued */
    char name[128];
    int64_t created_ms, closed_ms;
};

enum store_scope {
    STORE_SCOPE_GENERATE = 1, /* make jobs, upload files */
    STORE_SCOPE_READ = 2,     /* jobs, files, models of its account */
    STORE_SCOPE_USAGE = 4,    /* balance, statement, usage */
    STORE_SCOPE_KEYS = 8,     /* make and revoke keys of its account */
    STORE_SCOPE_ADMIN = 16    /* every account; grants */
};

enum { STORE_KEY_HASH_BYTES = 32 };

struct store_key {
    int64_t id, account_id;
    char name[128];
    char tail[8]; /* its last four characters, to recognise it by */
    unsigned scopes;
    int64_t budget_microusd;                             /* 0: none */
    int64_t spent_microusd;                              /* settled and held by its jobs; released is taken off again */
    int32_t queued_max, running_max, priority_max;       /* -1: the server's */
    char policy[16];                                     /* off, words, http; "": the server's */
    int64_t created_ms, used_ms, revoked_ms, expires_ms; /* used: within the last minute or so */
};

struct store_page {
    int64_t before_id; /* ids below it; 0: from the newest */
    int64_t after_id;  /* with ascending: ids above it */
    bool ascending;
    size_t count; /* 1 .. STORE_PAGE_MAX */
    size_t skip;  /* for pages with numbers */
};

int store_account_get(struct store_tx *tx, int64_t id, struct store_account *ret, conch_error *err);
int store_account_list(struct store_tx *tx, const struct store_page *page, struct store_account *ret, size_t *ret_count,
                       conch_error *err);
int store_key_by_hash(struct store_tx *tx, const uint8_t hash[STORE_KEY_HASH_BYTES], struct store_key *ret,
                      conch_error *err);
int store_key_get(struct store_tx *tx, int64_t id, struct store_key *ret, conch_error *err);
/* account_id 0: all accounts. */
int store_key_list(struct store_tx *tx, int64_t account_id, const struct store_page *page, struct store_key *ret,
                   size_t *ret_count, conch_error *err);

/* ---- jobs ---- */

/* What a job is besides its state. Owned strings; store_job_finish. */
struct store_job {
    struct job job;
    int64_t account_id, key_id, hold_id; /* hold_id: the job's own id when there is a hold, else 0 */
    char *dialect;                       /* which wire format made it: "conch", "minimax1", "minimax2", ... */
    char *task;                          /* "generation", "context" (text only), "template", "image" */
    char *model_asked;                   /* as the client wrote it */
    char *model;                         /* slug of the catalog that it was resolved to */
    char *served_by;                     /* slug or folder name of what makes the pixels: decided at submit */
    char *backend;                       /* "local", "sandbox" */
    char *mode;                          /* catalog_mode_name */
    char *prompt;                        /* as sent */
    char *prompt_used;                   /* what the model is given */
    char *resolution;                    /* of the catalog: "768P" */
    char *ratio;                         /* or NULL */
    int32_t seconds, width, height, fps; /* of the result; 0: not known yet */
    int64_t seed;                        /* -1: not chosen */
    char *details;    /* JSON object: everything else that was asked or found out; docs/jobs.md names its members */
    char *error_text; /* of failed, blocked, retried: for a person */
    int64_t file_id, poster_file_id; /* results; 0: none */
    enum ledger_unit unit;
    int64_t quoted, charged;        /* in unit */
    char *callback_url;             /* or NULL */
    char *callback_style;           /* "conch", "minimax1", "minimax2", ... */
    int32_t step, step_count;       /* of denoising */
    char *phase;                    /* "text", "image", "denoise", "decode", "encode"; NULL */
    int64_t deleted_ms, expires_ms; /* expires: when its result files go */
    int32_t accepted;               /* by the user: 1 accepted, -1 rejected, 0 not said */
    char *note;                     /* why */
};
void store_job_finish(struct store_job *job);

enum store_input_role {
    STORE_INPUT_FIRST_FRAME,
    STORE_INPUT_LAST_FRAME,
    STORE_INPUT_SUBJECT,
    STORE_INPUT_REFERENCE_IMAGE,
    STORE_INPUT_REFERENCE_VIDEO,
    STORE_INPUT_REFERENCE_AUDIO
};
enum { STORE_INPUT_ROLES = 6 };
const char *store_input_role_name(enum store_input_role role); /* "first_frame", ... */

struct store_input {
    enum store_input_role role;
    int32_t position; /* within its role */
    int64_t file_id;
};

/* account_id 0 is for those who work on jobs and files or clean up: they see deleted ones too (deleted_ms says so). */
int store_job_get(struct store_tx *tx, int64_t id, int64_t account_id /* 0: any */, struct store_job *ret,
                  conch_error *err);
int store_job_inputs(struct store_tx *tx, int64_t job_id, struct store_input *ret, size_t *ret_count, conch_error *err);

/* Which jobs. Zero, NULL: does not matter. Deleted ones never count. */
struct store_job_filter {
    int64_t account_id, key_id;
    unsigned states;   /* bits 1 << job_state */
    const char *model; /* slug, or as it was asked */
    const char *mode, *dialect, *task;
    const char *text;          /* in one of the prompts, without case (ASCII) */
    int64_t from_ms, until_ms; /* created: from <= t < until */
    const int64_t *ids;
    size_t id_count; /* at most STORE_PAGE_MAX */
    int accepted;    /* 1 accepted, -1 rejected, 2 not said */
};
/* Newest first (by id) unless page says ascending. ret: page->count rows; each is to be finished. */
int store_job_list(struct store_tx *tx, const struct store_job_filter *filter, const struct store_page *page,
                   struct store_job *ret, size_t *ret_count, conch_error *err);
int store_job_count(struct store_tx *tx, const struct store_job_filter *filter, int64_t *ret_count, conch_error *err);

/* How many are queued and how many under way (submitting, running, storing), of one key (0: of all). */
int store_job_load(struct store_tx *tx, int64_t key_id, int64_t *ret_queued, int64_t *ret_running, conch_error *err);

/* How many queued jobs of its backend are claimed before it; counted up to most. Costs as much as it counts. */
int store_job_place(struct store_tx *tx, const struct job *job, const char *backend, int64_t most, int64_t *ret_place,
                    conch_error *err);
/* The queued jobs of a backend that are claimed first, in that order: what job_before looks at. *count: room before. */
int store_job_front(struct store_tx *tx, const char *backend, struct job *ret, size_t *count, conch_error *err);

/* Ids of jobs that are due and claimable for one of these backends, best first; at most count. running_max of keys is
 * looked at: jobs of a key that has as many running already are left out (server_running_max for keys without one;
 * 0: no limit). */
struct store_due {
    const char *const *backends;
    size_t backend_count;
    int64_t now_ms;
    int64_t server_running_max;
    bool context; /* only queued jobs of task "context", which need no engine */
};
int store_job_due(struct store_tx *tx, const struct store_due *due, int64_t *ret_ids, size_t *count, conch_error *err);
/* Ids of jobs whose lease has run out; of jobs whose result files are to go. */
int store_job_lapsed(struct store_tx *tx, int64_t now_ms, int64_t *ret_ids, size_t *count, conch_error *err);
int store_lease_last(struct store_tx *tx, int64_t *ret_until_ms,
                     conch_error *err); /* when the last one ends; 0: none */
int store_job_expired(struct store_tx *tx, int64_t now_ms, int64_t *ret_ids, size_t *count, conch_error *err);

/* ---- events: one log for polling, streams and webhooks ---- */

struct store_event {
    int64_t id; /* of the whole log, rising in order of commit; made by the store */
    int64_t account_id;
    struct job_event event;
    int32_t step, step_count;
    char phase[16];
    char text[256]; /* what a person should know: an error's text; "" */
};
/* Events with id > after_id, oldest first. job_id 0: all; account_id 0: all. *count: room before, rows after. */
struct store_event_filter {
    int64_t after_id, job_id, account_id;
};
int store_event_list(struct store_tx *tx, const struct store_event_filter *filter, struct store_event *ret,
                     size_t *count, conch_error *err);
int store_event_last(struct store_tx *tx, int64_t *ret_id, conch_error *err);

/* ---- files ---- */

struct store_file {
    int64_t id, account_id, job_id; /* job_id 0: an upload */
    char purpose[32];               /* "video_generation", "video_generation_input", "poster", "preview", ... */
    char name[128];                 /* for people and downloads: "clip.mp4" */
    char type[64];                  /* media type, found by looking at the bytes */
    char blob[96];                  /* where the bytes are: key of the blob store */
    char sha256[65];
    int64_t bytes, created_ms, expires_ms, deleted_ms;
    int32_t width, height, duration_ms;
};
int store_file_get(struct store_tx *tx, int64_t id, int64_t account_id /* 0: any */, struct store_file *ret,
                   conch_error *err);
struct store_file_filter {
    int64_t account_id, job_id;
    const char *purpose; /* NULL: any */
};
int store_file_list(struct store_tx *tx, const struct store_file_filter *filter, const struct store_page *page,
                    struct store_file *ret, size_t *ret_count, conch_error *err);
/* Files past their expiry that are not deleted yet; and rows of deleted files whose blob may go (nothing else uses it).
 */
int store_file_expired(struct store_tx *tx, int64_t now_ms, struct store_file *ret, size_t *count, conch_error *err);
int store_file_usage(struct store_tx *tx, int64_t account_id, int64_t *ret_bytes, conch_error *err);
/* Every file there is a row of, deleted ones too; visit returns 0 to go on. */
struct store_file_brief {
    int64_t id, bytes, deleted_ms;
    const char *blob; /* during the call */
};
int store_file_each(struct store_tx *tx,
                    int (*visit)(void *context, const struct store_file_brief *file, conch_error *err), void *context,
                    conch_error *err);
int store_file_count(struct store_tx *tx, int64_t *ret_count, conch_error *err);
/* Whether a live file still has this blob. */
int store_blob_used(struct store_tx *tx, const char *blob, bool *ret_used, conch_error *err);

/* ---- money ---- */

/* Lots that hold something, in any order; room for LEDGER_LOTS_MAX. */
int store_lots(struct store_tx *tx, int64_t account_id, enum ledger_unit unit, struct ledger_lot *ret,
               size_t *ret_count, conch_error *err);
int store_hold_get(struct store_tx *tx, int64_t hold_id, struct ledger_hold *ret, struct ledger_pin *ret_pins,
                   size_t *ret_pin_count, conch_error *err); /* room for LEDGER_LOTS_MAX pins */

/* One line of a statement: a movement, with what it did to the account's free and held money, and both after it. */
struct store_statement_line {
    int64_t id, job_id;
    struct ledger_movement movement;
    int64_t available_change, held_change, spent; /* spent: by a settle */
    int64_t available_after, held_after;
    char note[128];
};
struct store_statement_filter {
    int64_t account_id;
    enum ledger_unit unit;
    int64_t from_ms, until_ms;
};
int store_statement(struct store_tx *tx, const struct store_statement_filter *filter, const struct store_page *page,
                    struct store_statement_line *ret, size_t *ret_count, conch_error *err);

/* Finished jobs by day (UTC) and model. */
struct store_usage_row {
    int64_t day_ms; /* 00:00 UTC */
    char model[128];
    int64_t succeeded, failed, blocked, cancelled;
    int64_t charged_microusd, charged_millicredits, seconds;
    int64_t cost_jobs; /* succeeded jobs in micro-USD, those that cost nothing too: what the next two are of */
    int64_t cost_p50_microusd, cost_p95_microusd;
    int64_t wait_p50_ms, wait_p95_ms, run_p50_ms, run_p95_ms;
};
struct store_usage_filter {
    int64_t account_id, from_ms, until_ms; /* account_id 0: all; at most 366 days */
};
int store_usage(struct store_tx *tx, const struct store_usage_filter *filter, struct store_usage_row *ret,
                size_t *count, conch_error *err);

/* What has ever been: begin with zeros, and call again with the same struct to bring it up to date. The first call
 * reads every movement there is, the later ones what is new. issued + adjusted = available + held + spent + expired. */
struct store_money_totals {
    int64_t issued, adjusted, available, held, spent, expired;
};
struct store_totals {
    int64_t movement_id, event_id; /* the last that is added up */
    struct store_money_totals money[LEDGER_UNITS];
    int64_t ended[JOB_STATES]; /* jobs that have come to that terminal state */
    int64_t messages_dead;     /* that are laid aside now */
};
int store_totals(struct store_tx *tx, struct store_totals *totals, conch_error *err);

/* What came into a lot, with corrections, and when it was made. 0 and 0 when there is no such lot. */
int store_lot_issued(struct store_tx *tx, int64_t lot_id, int64_t *ret_amount, int64_t *ret_at_ms, conch_error *err);

/* Rebuilds every lot, hold and balance from the postings and compares; also: every movement sums to zero, every hold is
 * open with a live job or resolved exactly once, every terminal job's hold is resolved, no job has two terminal events,
 * event numbers of a job have no gap. For each thing that is wrong `report` is called with one line; *ret_count: how
 * many. Works in a read transaction. */
struct store_audit {
    int64_t accounts, jobs, holds, movements, postings, problems;
};
int store_audit(struct store_tx *tx, void (*report)(void *context, const char *line), void *context,
                struct store_audit *ret, conch_error *err);

/* Copies the whole database, as this transaction sees it, into a new file (db_copy). */
struct store_copy {
    const char *path;
    int (*told)(void *context, int64_t done, int64_t total); /* pages; other than 0 ends it; NULL: nobody is told */
    void *context;
};
int store_copy(struct store_tx *tx, const struct store_copy *copy, conch_error *err);

/* Whether every page and index of the database fit together; CONCH_ERR_FORMAT says what does not. */
int store_check(struct store_tx *tx, conch_error *err);

/* ---- what is to be told: callbacks ---- */

struct store_message {
    int64_t id;               /* made by the store */
    int64_t job_id, event_id; /* event_id 0: a challenge or none */
    char *url, *style, *body; /* body NULL: it is made from the job when it is sent */
    char *body_type;          /* media type; NULL: application/json */
    char kind[24];            /* which moment: "processing", "success", ... of the style */
    int32_t attempts;
    int64_t created_ms, due_ms, done_ms, dead_ms; /* dead: given up */
    int32_t last_status;
    char last_error[200];
};
void store_message_finish(struct store_message *message);
/* Due, not done, not dead; messages of one job in order: a later one is not due before the earlier is done or dead. */
int store_message_due(struct store_tx *tx, int64_t now_ms, struct store_message *ret, size_t *count, conch_error *err);
int store_message_list(struct store_tx *tx, int64_t job_id /* 0: dead ones of all */, struct store_message *ret,
                       size_t *count, conch_error *err);

/* ---- kept answers (Idempotency-Key), meta ---- */

struct store_answer {
    int64_t key_id;
    char scope[96]; /* "POST /conch/v1/jobs" */
    char name[256]; /* the client's key */
    uint8_t request_hash[32];
    int32_t status;
    char *body; /* owned */
    size_t body_size;
    int64_t created_ms, expires_ms;
};
void store_answer_finish(struct store_answer *answer);
int store_answer_get(struct store_tx *tx, int64_t key_id, const char *scope, const char *name, int64_t now_ms,
                     struct store_answer *ret, conch_error *err);

/* Small values of the installation: secrets for signing, ... CONCH_ERR_NOTFOUND. Appends to ret. */
int store_meta_get(struct store_tx *tx, const char *name, struct buf *ret, conch_error *err);

/* Who works here: shown by readiness and the studio. */
struct store_worker {
    char name[64]; /* "engine-HOST-PID" */
    char kind[16]; /* "engine", "relay" */
    int64_t pid, started_ms, seen_ms, job_id;
    char *details; /* JSON: models, kernels, threads, step rates; owned */
};
void store_worker_finish(struct store_worker *worker);
int store_worker_list(struct store_tx *tx, int64_t seen_after_ms, struct store_worker *ret, size_t *count,
                      conch_error *err);

/* ======================================== write transactions only ======================================== */

int store_account_add(struct store_tx *tx, const struct store_account *account, conch_error *err); /* issued is 0 */
int store_account_close(struct store_tx *tx, int64_t id, int64_t now_ms, conch_error *err);
/* STORE_ERR_CONFLICT: the hash is there. */
int store_key_add(struct store_tx *tx, const struct store_key *key, const uint8_t hash[STORE_KEY_HASH_BYTES],
                  conch_error *err);
/* name, scopes, budget, maxima, policy, expires, revoked. */
int store_key_update(struct store_tx *tx, const struct store_key *key, conch_error *err);
int store_key_used(struct store_tx *tx, int64_t id, int64_t now_ms, conch_error *err);

/* Inserts the job as job_create left it, its inputs and its first event; ret_event_id may be NULL. */
struct store_job_new {
    const struct store_job *job;
    const struct job_event *event;
    const struct store_input *inputs;
    size_t input_count;
};
int store_job_add(struct store_tx *tx, const struct store_job_new *add, int64_t *ret_event_id, conch_error *err);

/* Writes what an arrow of job.h made of job->job (which was read in this same transaction), the event, and the facts
 * that may change (served_by, prompt_used, width, height, fps, seed, details, error_text, file ids, charged, step,
 * phase, expires); carries out event->money on the hold: settle charges `charge` (0 .. the hold), sets job->charged,
 * keeps the key's spent in step. JOB_ERR_STALE when the row has changed since it was read. */
struct store_job_step {
    struct store_job *job;
    const struct job_event *event;
    int64_t charge;   /* for settle */
    const char *text; /* of the event; NULL: job->error_text when the event has an error */
};
int store_job_step(struct store_tx *tx, const struct store_job_step *step, int64_t *ret_event_id, conch_error *err);

/* Facts that are no arrow: accepted, note, deleted. */
int store_job_mark(struct store_tx *tx, const struct store_job *job, conch_error *err);

/* Progress without an event of its own: step, step_count, phase, progress; renews the lease. JOB_ERR_STALE. A number
 * of these per second is fine. */
int store_job_progress(struct store_tx *tx, const struct store_job *job, conch_error *err);

/* A file's row; its bytes are in the blob store already. */
int store_file_add(struct store_tx *tx, const struct store_file *file, conch_error *err);
int store_file_delete(struct store_tx *tx, int64_t id, int64_t now_ms, conch_error *err);
int store_file_forget(struct store_tx *tx, int64_t id, conch_error *err); /* the row of a deleted file goes */

/* Ledger operations, each a whole one: reads, calls ledger.h, writes. Errors of ledger.h. note goes to the statement.
 */
struct store_grant {
    int64_t account_id, lot_id;
    enum ledger_kind kind;
    int64_t amount, expires_ms, now_ms;
    const char *note;
};
int store_grant(struct store_tx *tx, const struct store_grant *grant, conch_error *err);
int store_adjust(struct store_tx *tx, int64_t account_id, int64_t lot_id, int64_t delta, int64_t now_ms,
                 const char *note, conch_error *err);
struct store_hold {
    int64_t account_id, hold_id, key_id;
    struct ledger_quote quote;
    int64_t now_ms;
    const char *note;
};
/* LEDGER_ERR_BALANCE; STORE_ERR_BUDGET when the key's budget (micro-USD quotes) would be passed. */
enum { STORE_ERR_BUDGET = -121 };
int store_hold(struct store_tx *tx, const struct store_hold *hold, conch_error *err);
/* Lets expired lots leave, of at most count accounts. *ret_done: none is left. */
int store_expire_lots(struct store_tx *tx, int64_t now_ms, size_t count, bool *ret_done, conch_error *err);

int store_message_add(struct store_tx *tx, const struct store_message *message, int64_t *ret_id, conch_error *err);
/* attempts, due, done, dead, last_status, last_error. */
int store_message_update(struct store_tx *tx, const struct store_message *message, conch_error *err);

/* STORE_ERR_CONFLICT when one is there that has not expired; an expired one is replaced. */
int store_answer_add(struct store_tx *tx, const struct store_answer *answer, conch_error *err);

/* Inserts unless the name is there; then *ret has what is there. value: at most 64 KiB. */
int store_meta_put_once(struct store_tx *tx, const char *name, const void *value, size_t size, conch_error *err);
int store_meta_put(struct store_tx *tx, const char *name, const void *value, size_t size, conch_error *err);

int store_worker_seen(struct store_tx *tx, const struct store_worker *worker, conch_error *err);
int store_worker_gone(struct store_tx *tx, const char *name, conch_error *err);

/* Old rows that nothing needs: kept answers past expiry, messages done, workers not seen, progress events of terminal
 * jobs older than before_ms, deleted files whose bytes another file has; each at most `count` rows. */
int store_prune(struct store_tx *tx, int64_t now_ms, int64_t before_ms, size_t count, conch_error *err);

#endif
