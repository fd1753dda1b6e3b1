/* The life of one job, as pure functions over one row: no clock (now_ms is an argument), no store, no allocation.
 *
 *   create         claim              start           output           finish
 *   -----> queued ------> submitting ------> running --------> storing --------> succeeded
 *            ^                |                 ^
 *            |                | lose            | find
 *            |                +-----> unknown --+
 *            |                           |
 *            |                           +--- give_up ---> failed
 *            |
 *            +--- retry, hand_back --- submitting; of a local job also running, storing
 *
 *   queued, submitting, running, storing --- fail -----> failed
 *   queued, submitting, running, storing --- block ----> blocked
 *   queued ----------------------------- withdraw -----> cancelled
 *   submitting, running -------------------- stop -----> cancelled
 *
 * succeeded, failed, blocked and cancelled are terminal: no arrow leaves them.
 *
 * Who does the work decides what may be repeated. A local job (our own engine) may begin again from submitting, running
 * or storing. A remote job (a provider that charges) is sent once: from submitting it may go back to queued only while
 * the provider has certainly not taken it, which the worker that held it says by job_retry; when that is not certain
 * the job is lost (unknown), and is then found again by look-up or given up by an operator or a rule, never sent again.
 * Once running it stays so while workers come and go.
 *
 * Leases. job_claim gives a worker the job until lease_until_ms and a fence, a number no other claim of this job has.
 * Arrows that a worker makes take that fence; with another, or after the lease has run out, they change nothing and
 * return JOB_ERR_STALE, so a worker that was thought dead cannot finish a job that somebody else has. job_lapse is what
 * the sweep does to a job whose lease ran out. A lease ends with the arrow to queued, unknown or a terminal state.
 *
 * How a store runs an arrow, in one transaction: read the row, call the function, UPDATE ... WHERE id = $1 AND
 * event_count = (what was read), which must change one row; insert the event; carry out event.money on the job's hold;
 * commit. Every function asserts the state it starts from (job_allows tells beforehand), writes the job and *ret_event
 * on success only, and numbers its event, so that the log of a job has no gaps and no two of a number. */
#ifndef SERVER_JOB_JOB_H
#define SERVER_JOB_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"

/* Codes beside those of conch/error.h. */
enum { JOB_ERR_STALE = -110 /* the fence is not the current one, or its lease has run out */ };

enum job_state {
    JOB_QUEUED,
    JOB_SUBMITTING, /* about to be sent: written before a provider is called */
    JOB_RUNNING,
    JOB_STORING, /* the clip exists, its file is being put away */
    JOB_SUCCEEDED,
    JOB_FAILED,
    JOB_BLOCKED,
    JOB_CANCELLED,
    JOB_UNKNOWN /* sent, and the answer was lost: it may run, and may have been charged for */
};
enum { JOB_STATES = 9 };

/* What the public sees. */
enum job_bucket {
    JOB_BUCKET_PENDING,    /* queued, submitting */
    JOB_BUCKET_PROCESSING, /* running, storing, unknown */
    JOB_BUCKET_BLOCKED,
    JOB_BUCKET_SUCCESS,
    JOB_BUCKET_FAILED /* failed, cancelled */
};

enum job_error {
    JOB_ERROR_NONE,
    JOB_ERROR_INVALID_INPUT,
    JOB_ERROR_CONTENT_POLICY,
    JOB_ERROR_AUTH,    /* our key at the provider */
    JOB_ERROR_BALANCE, /* our balance at the provider */
    JOB_ERROR_RATE_LIMIT,
    JOB_ERROR_TIMEOUT,  /* before the provider had the request; later it is a lost answer */
    JOB_ERROR_CAPACITY, /* no room: the provider is overloaded, or the machine has not the memory */
    JOB_ERROR_PROVIDER, /* it says that it failed */
    JOB_ERROR_STORAGE,  /* the clip could not be put away */
    JOB_ERROR_WORKER_LOST,
    JOB_ERROR_LOST_ANSWER,
    JOB_ERROR_INTERNAL
};
enum { JOB_ERRORS = 13 };

/* What a kind of error means. charged is false in every row: no meter we know deducts failed or blocked jobs. */
struct job_error_rule {
    const char *name; /* "invalid_input", ... */
    bool blocks;      /* ends in blocked rather than failed */
    bool retried;     /* while attempts are left and nothing was acknowledged */
    bool charged;
};

enum job_arrow {
    JOB_ARROW_CREATE,
    JOB_ARROW_CLAIM,
    JOB_ARROW_START,
    JOB_ARROW_OUTPUT,
    JOB_ARROW_FINISH,
    JOB_ARROW_RETRY,
    JOB_ARROW_FAIL,
    JOB_ARROW_BLOCK,
    JOB_ARROW_LOSE,
    JOB_ARROW_FIND,
    JOB_ARROW_GIVE_UP,
    JOB_ARROW_WITHDRAW,
    JOB_ARROW_STOP,
    /* These leave the state as it is. */
    JOB_ARROW_CANCEL_REQUEST,
    JOB_ARROW_PROGRESS,
    JOB_ARROW_RENEW,
    JOB_ARROW_RESUME, /* a claim of a remote job that is under way, or unknown */
    JOB_ARROW_DROP,   /* a lapsed lease of one of those */
    /* From submitting, running and storing to queued, as retry, but nothing went wrong: its worker stops. */
    JOB_ARROW_HAND_BACK
};
enum { JOB_ARROWS = 19 };

enum job_money { JOB_MONEY_KEEP, JOB_MONEY_SETTLE, JOB_MONEY_RELEASE };

enum { JOB_PROGRESS_FULL = 1000, JOB_ATTEMPTS_MAX = 1000, JOB_LEASE_MS_MAX = 24 * 3600 * 1000 };

struct job {
    int64_t id;
    enum job_state state;
    enum job_error error; /* of failed and blocked; of queued: why the last attempt ended */
    bool remote;          /* a provider does the work and charges for it */
    bool cancel_requested;
    int32_t priority; /* higher first */
    int32_t attempts; /* claims of queued so far */
    int32_t attempts_max;
    int32_t progress_permille;
    int64_t fence;                               /* of the newest claim; 0: never claimed */
    int64_t lease_until_ms;                      /* 0: nobody has it */
    int64_t due_ms;                              /* queued: not claimed before */
    int64_t created_ms, started_ms, finished_ms; /* started: running in this attempt; 0: not yet */
    int64_t state_ms;                            /* since when in this state, so that unknown ages visibly */
    int64_t event_count;
};

/* One line of the job's log. */
struct job_event {
    int64_t job_id;
    int64_t number; /* 1 for the first of a job */
    int64_t at_ms;
    enum job_arrow arrow;
    enum job_state from, to;
    enum job_error error;
    enum job_money money; /* what is to happen to the hold, in the same transaction */
    int32_t attempt;
    int32_t progress_permille;
    int64_t fence;
};

struct job_settings {
    int64_t id;
    bool remote;
    int32_t priority;
    int32_t attempts_max; /* 1 .. JOB_ATTEMPTS_MAX; 0: 3 */
};

const char *job_state_name(enum job_state state); /* "queued", ... */
const char *job_arrow_name(enum job_arrow arrow); /* "create", ... */
const char *job_bucket_name(enum job_bucket bucket);
const struct job_error_rule *job_error_rule(enum job_error error);
enum job_bucket job_bucket(enum job_state state);
bool job_terminal(enum job_state state);

/* Whether an arrow may leave a job as it stands (state, and for retry and resume also who does the work). */
bool job_allows(const struct job *job, enum job_arrow arrow);

/* Which of two queued jobs is claimed first: higher priority, then the older, then the smaller id. */
bool job_before(const struct job *a, const struct job *b);

/* Whether job_claim would succeed now. */
bool job_claimable(const struct job *job, int64_t now_ms);

/* New job, queued. CONCH_ERR_RANGE names a setting outside its limits. */
int job_create(struct job *ret_job, const struct job_settings *settings, int64_t now_ms, struct job_event *ret_event,
               conch_error *err);

/* Gives the job to a worker; job->fence is its token. queued -> submitting (one attempt more); a remote job that is
 * running, storing or unknown and has no lease keeps its state (arrow resume). CONCH_ERR_UNSUPPORTED when it is not
 * claimable (taken, not due, terminal), CONCH_ERR_RANGE for a lease outside 1 .. JOB_LEASE_MS_MAX. */
int job_claim(struct job *job, int64_t lease_ms, int64_t now_ms, struct job_event *ret_event, conch_error *err);

/* Lengthens the lease to now_ms + lease_ms, never shortens it. */
int job_renew(struct job *job, int64_t fence, int64_t lease_ms, int64_t now_ms, struct job_event *ret_event,
              conch_error *err);

/* submitting -> running: the engine has begun, or the provider has acknowledged. */
int job_start(struct job *job, int64_t fence, int64_t now_ms, struct job_event *ret_event, conch_error *err);

/* running: progress in permille; it never goes back, and a value outside 0..1000 is CONCH_ERR_RANGE. */
int job_progress(struct job *job, int64_t fence, int32_t permille, int64_t now_ms, struct job_event *ret_event,
                 conch_error *err);

/* When a running job will be done if it goes on as it has since it started; 0 when that cannot be said. */
int64_t job_eta_ms(const struct job *job, int64_t now_ms);

/* running -> storing -> succeeded (settle). */
int job_output(struct job *job, int64_t fence, int64_t now_ms, struct job_event *ret_event, conch_error *err);
int job_finish(struct job *job, int64_t fence, int64_t now_ms, struct job_event *ret_event, conch_error *err);

/* submitting -> queued; a local job also from running and storing. Due again at due_ms. The caller has seen that the
 * error is retried and attempts are left (asserted); job_trouble looks for itself. */
int job_retry(struct job *job, int64_t fence, enum job_error error, int64_t due_ms, int64_t now_ms,
              struct job_event *ret_event, conch_error *err);

/* A worker that stops gives back what it has not finished: due again at once, and the attempt does not count. From
 * where job_retry may leave to queued; a remote job that is further on keeps its state and only its lease ends (arrow
 * drop). */
int job_hand_back(struct job *job, int64_t fence, int64_t now_ms, struct job_event *ret_event, conch_error *err);

/* queued (fence 0: nobody has it), submitting, running, storing -> failed or blocked (release). fail wants an error
 * that does not block, block one that does. */
int job_fail(struct job *job, int64_t fence, enum job_error error, int64_t now_ms, struct job_event *ret_event,
             conch_error *err);
int job_block(struct job *job, int64_t fence, enum job_error error, int64_t now_ms, struct job_event *ret_event,
              conch_error *err);

/* What a worker calls when an attempt ended in an error: block, retry after a wait of 1 s doubling up to 5 min, or
 * fail; a job whose cancellation was asked for is not tried again. Not for lost answers. */
int job_trouble(struct job *job, int64_t fence, enum job_error error, int64_t now_ms, struct job_event *ret_event,
                conch_error *err);

/* submitting -> unknown: sent, and no answer came. Remote jobs only. The hold stays. */
int job_lose(struct job *job, int64_t fence, int64_t now_ms, struct job_event *ret_event, conch_error *err);

/* unknown -> running: the look-up found it; the worker goes on with its lease. */
int job_find(struct job *job, int64_t fence, int64_t now_ms, struct job_event *ret_event, conch_error *err);

/* unknown -> failed: an operator or a rule has decided, also whether it is charged. Any lease ends. */
int job_give_up(struct job *job, bool charge, int64_t now_ms, struct job_event *ret_event, conch_error *err);

/* A client wants it stopped. queued -> cancelled at once (arrow withdraw, release); in the other states that are not
 * terminal the wish is noted for the worker. Asking twice is an event without effect. CONCH_ERR_UNSUPPORTED for a
 * terminal job; the text names its state. */
int job_cancel(struct job *job, int64_t now_ms, struct job_event *ret_event, conch_error *err);

/* submitting (nothing sent yet), running -> cancelled (release): the worker has stopped as asked. */
int job_stop(struct job *job, int64_t fence, int64_t now_ms, struct job_event *ret_event, conch_error *err);

/* Whether the lease has run out. */
bool job_lapsed(const struct job *job, int64_t now_ms);

/* What becomes of a job whose worker went silent (job_lapsed, asserted). Local: cancelled when that was asked for, else
 * queued again, else failed. Remote: unknown from submitting; otherwise the lease is dropped and another may resume. */
int job_lapse(struct job *job, int64_t now_ms, struct job_event *ret_event, conch_error *err);

#endif
