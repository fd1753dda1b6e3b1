#include "server/job/job.h"

#include <assert.h>

enum { ATTEMPTS_DEFAULT = 3, RETRY_FIRST_MS = 1000, RETRY_MAX_MS = 5 * 60 * 1000 };

#define IN(state) (1u << (state))

/* From which states an arrow leaves. */
static const unsigned arrow_from[JOB_ARROWS] = {
    [JOB_ARROW_CREATE] = 0,
    [JOB_ARROW_CLAIM] = IN(JOB_QUEUED),
    [JOB_ARROW_START] = IN(JOB_SUBMITTING),
    [JOB_ARROW_OUTPUT] = IN(JOB_RUNNING),
    [JOB_ARROW_FINISH] = IN(JOB_STORING),
    [JOB_ARROW_RETRY] = IN(JOB_SUBMITTING) | IN(JOB_RUNNING) | IN(JOB_STORING), /* the last two: local jobs only */
    [JOB_ARROW_FAIL] = IN(JOB_QUEUED) | IN(JOB_SUBMITTING) | IN(JOB_RUNNING) | IN(JOB_STORING),
    [JOB_ARROW_BLOCK] = IN(JOB_QUEUED) | IN(JOB_SUBMITTING) | IN(JOB_RUNNING) | IN(JOB_STORING),
    [JOB_ARROW_LOSE] = IN(JOB_SUBMITTING), /* remote jobs only */
    [JOB_ARROW_FIND] = IN(JOB_UNKNOWN),
    [JOB_ARROW_GIVE_UP] = IN(JOB_UNKNOWN),
    [JOB_ARROW_WITHDRAW] = IN(JOB_QUEUED),
    [JOB_ARROW_STOP] = IN(JOB_SUBMITTING) | IN(JOB_RUNNING),
    [JOB_ARROW_CANCEL_REQUEST] = IN(JOB_SUBMITTING) | IN(JOB_RUNNING) | IN(JOB_STORING) | IN(JOB_UNKNOWN),
    [JOB_ARROW_PROGRESS] = IN(JOB_RUNNING),
    [JOB_ARROW_RENEW] = IN(JOB_SUBMITTING) | IN(JOB_RUNNING) | IN(JOB_STORING) | IN(JOB_UNKNOWN),
    [JOB_ARROW_RESUME] = IN(JOB_RUNNING) | IN(JOB_STORING) | IN(JOB_UNKNOWN),       /* remote jobs only */
    [JOB_ARROW_DROP] = IN(JOB_RUNNING) | IN(JOB_STORING) | IN(JOB_UNKNOWN),         /* remote jobs only */
    [JOB_ARROW_HAND_BACK] = IN(JOB_SUBMITTING) | IN(JOB_RUNNING) | IN(JOB_STORING), /* as retry */
};

bool job_allows(const struct job *job, enum job_arrow arrow)
{
    assert((unsigned)arrow < JOB_ARROWS && (unsigned)job->state < JOB_STATES);
    if ((arrow_from[arrow] & IN(job->state)) == 0)
        return false;
    switch (arrow) {
    case JOB_ARROW_RETRY:
    case JOB_ARROW_HAND_BACK: return !job->remote || job->state == JOB_SUBMITTING;
    case JOB_ARROW_LOSE:
    case JOB_ARROW_RESUME:
    case JOB_ARROW_DROP: return job->remote;
    default: return true;
    }
}

bool job_before(const struct job *a, const struct job *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    if (a->created_ms != b->created_ms)
        return a->created_ms < b->created_ms;
    return a->id < b->id;
}

bool job_lapsed(const struct job *job, int64_t now_ms)
{
    return job->lease_until_ms != 0 && now_ms >= job->lease_until_ms;
}

/* Every event, and every change of a state, goes through here. */
static void job_move(struct job *job, enum job_arrow arrow, enum job_state to, int64_t now_ms,
                     struct job_event *ret_event)
{
    const enum job_state from = job->state;
    assert(arrow == JOB_ARROW_CREATE || !job_terminal(from));
    job->state = to;
    if (from != to || arrow == JOB_ARROW_CREATE)
        job->state_ms = now_ms;
    if (to == JOB_QUEUED || (to == JOB_UNKNOWN && from != to) || job_terminal(to))
        job->lease_until_ms = 0;
    if (job_terminal(to))
        job->finished_ms = now_ms;
    const enum job_money money = to == JOB_SUCCEEDED ? JOB_MONEY_SETTLE
                                 : job_terminal(to)  ? JOB_MONEY_RELEASE
                                                     : JOB_MONEY_KEEP;
    *ret_event = (struct job_event){.job_id = job->id,
                                    .number = ++job->event_count,
                                    .at_ms = now_ms,
                                    .arrow = arrow,
                                    .from = from,
                                    .to = to,
                                    .error = job->error,
                                    .money = money,
                                    .attempt = job->attempts,
                                    .progress_permille = job->progress_permille,
                                    .fence = job->fence};
}

/* The caller must hold the job. Looked at before the state: a stale worker's idea of the state is stale as well. */
static int fence_check(const struct job *job, int64_t fence, int64_t now_ms, conch_error *err)
{
    if (job->lease_until_ms == 0 || fence != job->fence)
        return conch_error_set(err, JOB_ERR_STALE, "job %lld: fence %lld does not hold it (newest %lld, %s)",
                               (long long)job->id, (long long)fence, (long long)job->fence,
                               job->lease_until_ms ? "held" : "held by nobody");
    if (job_lapsed(job, now_ms))
        return conch_error_set(err, JOB_ERR_STALE, "job %lld: the lease of fence %lld ran out %lld ms ago",
                               (long long)job->id, (long long)fence, (long long)(now_ms - job->lease_until_ms));
    return 0;
}

int job_create(struct job *ret_job, const struct job_settings *settings, int64_t now_ms, struct job_event *ret_event,
               conch_error *err)
{
    if (settings->id <= 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "job id %lld, wanted one above 0", (long long)settings->id);
    if (settings->attempts_max < 0 || settings->attempts_max > JOB_ATTEMPTS_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "attempts_max %d, allowed are 1 to %d (0: %d)",
                               (int)settings->attempts_max, JOB_ATTEMPTS_MAX, ATTEMPTS_DEFAULT);
    *ret_job = (struct job){.id = settings->id,
                            .state = JOB_QUEUED,
                            .remote = settings->remote,
                            .priority = settings->priority,
                            .attempts_max = settings->attempts_max ? settings->attempts_max : ATTEMPTS_DEFAULT,
                            .due_ms = now_ms,
                            .created_ms = now_ms};
    job_move(ret_job, JOB_ARROW_CREATE, JOB_QUEUED, now_ms, ret_event);
    return 0;
}

bool job_claimable(const struct job *job, int64_t now_ms)
{
    if (job->lease_until_ms != 0)
        return false; /* a lapsed lease is the sweep's first */
    if (job_allows(job, JOB_ARROW_CLAIM))
        return now_ms >= job->due_ms;
    return job_allows(job, JOB_ARROW_RESUME);
}

static int lease_check(int64_t lease_ms, conch_error *err)
{
    if (lease_ms < 1 || lease_ms > JOB_LEASE_MS_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "lease_ms %lld, allowed are 1 to %d", (long long)lease_ms,
                               JOB_LEASE_MS_MAX);
    return 0;
}

int job_claim(struct job *job, int64_t lease_ms, int64_t now_ms, struct job_event *ret_event, conch_error *err)
{
    int rc = lease_check(lease_ms, err);
    if (rc < 0)
        return rc;
    if (!job_claimable(job, now_ms))
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "job %lld is %s%s and cannot be claimed now",
                               (long long)job->id, job_state_name(job->state), job->lease_until_ms ? " and taken" : "");
    job->fence++;
    job->lease_until_ms = now_ms + lease_ms;
    if (job->state != JOB_QUEUED) {
        job_move(job, JOB_ARROW_RESUME, job->state, now_ms, ret_event);
        return 0;
    }
    job->attempts++;
    job->error = JOB_ERROR_NONE;
    job_move(job, JOB_ARROW_CLAIM, JOB_SUBMITTING, now_ms, ret_event);
    return 0;
}

int job_renew(struct job *job, int64_t fence, int64_t lease_ms, int64_t now_ms, struct job_event *ret_event,
              conch_error *err)
{
    int rc = fence_check(job, fence, now_ms, err);
    if (rc == 0)
        rc = lease_check(lease_ms, err);
    if (rc < 0)
        return rc;
    assert(job_allows(job, JOB_ARROW_RENEW));
    if (job->lease_until_ms < now_ms + lease_ms)
        job->lease_until_ms = now_ms + lease_ms;
    job_move(job, JOB_ARROW_RENEW, job->state, now_ms, ret_event);
    return 0;
}

/* Arrows of a worker that only change the state. */
static int worker_move(struct job *job, int64_t fence, enum job_arrow arrow, enum job_state to, int64_t now_ms,
                       struct job_event *ret_event, conch_error *err)
{
    int rc = fence_check(job, fence, now_ms, err);
    if (rc < 0)
        return rc;
    assert(job_allows(job, arrow));
    job_move(job, arrow, to, now_ms, ret_event);
    return 0;
}

int job_start(struct job *job, int64_t fence, int64_t now_ms, struct job_event *ret_event, conch_error *err)
{
    int rc = worker_move(job, fence, JOB_ARROW_START, JOB_RUNNING, now_ms, ret_event, err);
    if (rc == 0)
        job->started_ms = now_ms; /* of this attempt: the ETA is measured from here */
    return rc;
}

int job_progress(struct job *job, int64_t fence, int32_t permille, int64_t now_ms, struct job_event *ret_event,
                 conch_error *err)
{
    int rc = fence_check(job, fence, now_ms, err);
    if (rc < 0)
        return rc;
    assert(job_allows(job, JOB_ARROW_PROGRESS));
    if (permille < 0 || permille > JOB_PROGRESS_FULL)
        return conch_error_set(err, CONCH_ERR_RANGE, "progress %d, allowed are 0 to %d", (int)permille,
                               JOB_PROGRESS_FULL);
    if (job->progress_permille < permille)
        job->progress_permille = permille;
    job_move(job, JOB_ARROW_PROGRESS, job->state, now_ms, ret_event);
    return 0;
}

int64_t job_eta_ms(const struct job *job, int64_t now_ms)
{
    if (job->state != JOB_RUNNING || job->progress_permille <= 0 || now_ms < job->started_ms)
        return 0;
    const int64_t spent_ms = now_ms - job->started_ms;
    int64_t left_ms;
    if (__builtin_mul_overflow(spent_ms, JOB_PROGRESS_FULL - job->progress_permille, &left_ms))
        return 0;
    return now_ms + left_ms / job->progress_permille;
}

int job_output(struct job *job, int64_t fence, int64_t now_ms, struct job_event *ret_event, conch_error *err)
{
    return worker_move(job, fence, JOB_ARROW_OUTPUT, JOB_STORING, now_ms, ret_event, err);
}

int job_finish(struct job *job, int64_t fence, int64_t now_ms, struct job_event *ret_event, conch_error *err)
{
    int rc = fence_check(job, fence, now_ms, err);
    if (rc < 0)
        return rc;
    assert(job_allows(job, JOB_ARROW_FINISH));
    job->progress_permille = JOB_PROGRESS_FULL;
    job_move(job, JOB_ARROW_FINISH, JOB_SUCCEEDED, now_ms, ret_event);
    return 0;
}

/* The next attempt begins from nothing. */
static void job_queue_again(struct job *job, enum job_arrow arrow, enum job_error error, int64_t due_ms, int64_t now_ms,
                            struct job_event *ret_event)
{
    assert(job_allows(job, arrow));
    job->error = error;
    job->due_ms = due_ms;
    job->progress_permille = 0;
    job->started_ms = 0;
    job_move(job, arrow, JOB_QUEUED, now_ms, ret_event);
}

static void job_requeue(struct job *job, enum job_error error, int64_t due_ms, int64_t now_ms,
                        struct job_event *ret_event)
{
    assert(job_error_rule(error)->retried && job->attempts < job->attempts_max);
    job_queue_again(job, JOB_ARROW_RETRY, error, due_ms, now_ms, ret_event);
}

int job_retry(struct job *job, int64_t fence, enum job_error error, int64_t due_ms, int64_t now_ms,
              struct job_event *ret_event, conch_error *err)
{
    int rc = fence_check(job, fence, now_ms, err);
    if (rc == 0)
        job_requeue(job, error, due_ms, now_ms, ret_event);
    return rc;
}

int job_hand_back(struct job *job, int64_t fence, int64_t now_ms, struct job_event *ret_event, conch_error *err)
{
    int rc = fence_check(job, fence, now_ms, err);
    if (rc < 0)
        return rc;
    if (job->remote && job->state != JOB_SUBMITTING) {
        assert(job_allows(job, JOB_ARROW_DROP));
        job->lease_until_ms = 0;
        job_move(job, JOB_ARROW_DROP, job->state, now_ms, ret_event);
        return 0;
    }
    assert(job->attempts > 0);
    job->attempts--;
    job_queue_again(job, JOB_ARROW_HAND_BACK, JOB_ERROR_NONE, now_ms, now_ms, ret_event);
    return 0;
}

/* Fails and blocks: a queued job is nobody's, the others their worker's. */
static int job_end(struct job *job, int64_t fence, enum job_error error, enum job_arrow arrow, int64_t now_ms,
                   struct job_event *ret_event, conch_error *err)
{
    if (job->state != JOB_QUEUED || fence != 0) {
        int rc = fence_check(job, fence, now_ms, err);
        if (rc < 0)
            return rc;
    }
    assert(job_allows(job, arrow));
    assert(error != JOB_ERROR_NONE && job_error_rule(error)->blocks == (arrow == JOB_ARROW_BLOCK));
    job->error = error;
    job_move(job, arrow, arrow == JOB_ARROW_BLOCK ? JOB_BLOCKED : JOB_FAILED, now_ms, ret_event);
    return 0;
}

int job_fail(struct job *job, int64_t fence, enum job_error error, int64_t now_ms, struct job_event *ret_event,
             conch_error *err)
{
    return job_end(job, fence, error, JOB_ARROW_FAIL, now_ms, ret_event, err);
}

int job_block(struct job *job, int64_t fence, enum job_error error, int64_t now_ms, struct job_event *ret_event,
              conch_error *err)
{
    return job_end(job, fence, error, JOB_ARROW_BLOCK, now_ms, ret_event, err);
}

static bool job_may_retry(const struct job *job, enum job_error error)
{
    return job_allows(job, JOB_ARROW_RETRY) && job_error_rule(error)->retried && !job->cancel_requested &&
           job->attempts < job->attempts_max;
}

static int64_t retry_wait_ms(int32_t attempts)
{
    int64_t wait_ms = RETRY_FIRST_MS;
    for (int32_t i = 1; i < attempts && wait_ms < RETRY_MAX_MS; i++)
        wait_ms *= 2;
    return wait_ms < RETRY_MAX_MS ? wait_ms : RETRY_MAX_MS;
}

int job_trouble(struct job *job, int64_t fence, enum job_error error, int64_t now_ms, struct job_event *ret_event,
                conch_error *err)
{
    assert(error != JOB_ERROR_LOST_ANSWER);
    if (job_error_rule(error)->blocks)
        return job_block(job, fence, error, now_ms, ret_event, err);
    if (job_may_retry(job, error))
        return job_retry(job, fence, error, now_ms + retry_wait_ms(job->attempts), now_ms, ret_event, err);
    return job_fail(job, fence, error, now_ms, ret_event, err);
}

static void job_unknown(struct job *job, int64_t now_ms, struct job_event *ret_event)
{
    assert(job_allows(job, JOB_ARROW_LOSE));
    job->error = JOB_ERROR_LOST_ANSWER;
    job_move(job, JOB_ARROW_LOSE, JOB_UNKNOWN, now_ms, ret_event);
}

int job_lose(struct job *job, int64_t fence, int64_t now_ms, struct job_event *ret_event, conch_error *err)
{
    int rc = fence_check(job, fence, now_ms, err);
    if (rc == 0)
        job_unknown(job, now_ms, ret_event);
    return rc;
}

int job_find(struct job *job, int64_t fence, int64_t now_ms, struct job_event *ret_event, conch_error *err)
{
    int rc = fence_check(job, fence, now_ms, err);
    if (rc < 0)
        return rc;
    assert(job_allows(job, JOB_ARROW_FIND));
    job->error = JOB_ERROR_NONE;
    job->started_ms = now_ms;
    job_move(job, JOB_ARROW_FIND, JOB_RUNNING, now_ms, ret_event);
    return 0;
}

int job_give_up(struct job *job, bool charge, int64_t now_ms, struct job_event *ret_event, conch_error *err)
{
    assert(job_allows(job, JOB_ARROW_GIVE_UP));
    job_move(job, JOB_ARROW_GIVE_UP, JOB_FAILED, now_ms, ret_event);
    if (charge)
        ret_event->money = JOB_MONEY_SETTLE;
    return 0;
}

int job_cancel(struct job *job, int64_t now_ms, struct job_event *ret_event, conch_error *err)
{
    if (job_terminal(job->state))
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "job %lld is %s already and cannot be cancelled",
                               (long long)job->id, job_state_name(job->state));
    job->cancel_requested = true;
    if (job_allows(job, JOB_ARROW_WITHDRAW))
        job_move(job, JOB_ARROW_WITHDRAW, JOB_CANCELLED, now_ms, ret_event);
    else
        job_move(job, JOB_ARROW_CANCEL_REQUEST, job->state, now_ms, ret_event);
    return 0;
}

int job_stop(struct job *job, int64_t fence, int64_t now_ms, struct job_event *ret_event, conch_error *err)
{
    int rc = fence_check(job, fence, now_ms, err);
    if (rc < 0)
        return rc;
    assert(job_allows(job, JOB_ARROW_STOP));
    assert(job->cancel_requested);
    job_move(job, JOB_ARROW_STOP, JOB_CANCELLED, now_ms, ret_event);
    return 0;
}

static void lapse_remote(struct job *job, int64_t now_ms, struct job_event *ret_event)
{
    if (job->state == JOB_SUBMITTING) {
        job_unknown(job, now_ms, ret_event);
        return;
    }
    assert(job_allows(job, JOB_ARROW_DROP));
    job->lease_until_ms = 0;
    job_move(job, JOB_ARROW_DROP, job->state, now_ms, ret_event);
}

int job_lapse(struct job *job, int64_t now_ms, struct job_event *ret_event, conch_error *err)
{
    assert(job_lapsed(job, now_ms));
    if (job->remote) {
        lapse_remote(job, now_ms, ret_event);
    } else if (job->cancel_requested && job_allows(job, JOB_ARROW_STOP)) {
        job_move(job, JOB_ARROW_STOP, JOB_CANCELLED, now_ms, ret_event);
    } else if (job_may_retry(job, JOB_ERROR_WORKER_LOST)) {
        job_requeue(job, JOB_ERROR_WORKER_LOST, now_ms, now_ms, ret_event);
    } else {
        assert(job_allows(job, JOB_ARROW_FAIL));
        job->error = JOB_ERROR_WORKER_LOST;
        job_move(job, JOB_ARROW_FAIL, JOB_FAILED, now_ms, ret_event);
    }
    return 0;
}
