/* The job's states: every arrow from every state, fencing, lapses, cancelling, retries. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "server/job/job.h"

#define NOW 5000

static conch_error err;
static struct job_event event;

/* A job that stands in a state as if it had come there, held by fence 3 where a worker holds it. */
static struct job job_in(enum job_state state, bool remote)
{
    struct job job = {.id = 9,
                      .state = state,
                      .remote = remote,
                      .attempts = 1,
                      .attempts_max = 3,
                      .fence = 3,
                      .created_ms = 100,
                      .event_count = 4};
    if (state == JOB_SUBMITTING || state == JOB_RUNNING || state == JOB_STORING || state == JOB_UNKNOWN)
        job.lease_until_ms = NOW + 1000;
    return job;
}

/* Makes an arrow by its own function. */
static int arrow_make(struct job *job, enum job_arrow arrow)
{
    switch (arrow) {
    case JOB_ARROW_CREATE: break;
    case JOB_ARROW_CLAIM: return job_claim(job, 100, NOW, &event, &err);
    case JOB_ARROW_START: return job_start(job, 3, NOW, &event, &err);
    case JOB_ARROW_OUTPUT: return job_output(job, 3, NOW, &event, &err);
    case JOB_ARROW_FINISH: return job_finish(job, 3, NOW, &event, &err);
    case JOB_ARROW_RETRY: return job_retry(job, 3, JOB_ERROR_TIMEOUT, NOW, NOW, &event, &err);
    case JOB_ARROW_FAIL: return job_fail(job, job->state == JOB_QUEUED ? 0 : 3, JOB_ERROR_PROVIDER, NOW, &event, &err);
    case JOB_ARROW_BLOCK:
        return job_block(job, job->state == JOB_QUEUED ? 0 : 3, JOB_ERROR_CONTENT_POLICY, NOW, &event, &err);
    case JOB_ARROW_LOSE: return job_lose(job, 3, NOW, &event, &err);
    case JOB_ARROW_FIND: return job_find(job, 3, NOW, &event, &err);
    case JOB_ARROW_GIVE_UP: return job_give_up(job, false, NOW, &event, &err);
    case JOB_ARROW_WITHDRAW:
    case JOB_ARROW_CANCEL_REQUEST: return job_cancel(job, NOW, &event, &err);
    case JOB_ARROW_STOP: job->cancel_requested = true; return job_stop(job, 3, NOW, &event, &err);
    case JOB_ARROW_PROGRESS: return job_progress(job, 3, 500, NOW, &event, &err);
    case JOB_ARROW_RENEW: return job_renew(job, 3, 100, NOW, &event, &err);
    case JOB_ARROW_RESUME: job->lease_until_ms = 0; return job_claim(job, 100, NOW, &event, &err);
    case JOB_ARROW_DROP: job->lease_until_ms = NOW; return job_lapse(job, NOW, &event, &err);
    case JOB_ARROW_HAND_BACK: return job_hand_back(job, 3, NOW, &event, &err);
    }
    return -1;
}

/* What the table of the header's diagram says, written out: the target state, or -1 for no such arrow. Columns: queued,
 * submitting, running, storing, succeeded, failed, blocked, cancelled, unknown. */
#define Q JOB_QUEUED
#define S JOB_SUBMITTING
#define R JOB_RUNNING
#define T JOB_STORING
#define F JOB_FAILED
#define B JOB_BLOCKED
#define C JOB_CANCELLED
#define U JOB_UNKNOWN
struct arrow_row {
    enum job_arrow arrow;
    int local[JOB_STATES], remote[JOB_STATES];
};
static const struct arrow_row rows[] = {
    {JOB_ARROW_CREATE, {-1, -1, -1, -1, -1, -1, -1, -1, -1}, {-1, -1, -1, -1, -1, -1, -1, -1, -1}},
    {JOB_ARROW_CLAIM, {S, -1, -1, -1, -1, -1, -1, -1, -1}, {S, -1, -1, -1, -1, -1, -1, -1, -1}},
    {JOB_ARROW_START, {-1, R, -1, -1, -1, -1, -1, -1, -1}, {-1, R, -1, -1, -1, -1, -1, -1, -1}},
    {JOB_ARROW_OUTPUT, {-1, -1, T, -1, -1, -1, -1, -1, -1}, {-1, -1, T, -1, -1, -1, -1, -1, -1}},
    {JOB_ARROW_FINISH,
     {-1, -1, -1, JOB_SUCCEEDED, -1, -1, -1, -1, -1},
     {-1, -1, -1, JOB_SUCCEEDED, -1, -1, -1, -1, -1}},
    {JOB_ARROW_RETRY, {-1, Q, Q, Q, -1, -1, -1, -1, -1}, {-1, Q, -1, -1, -1, -1, -1, -1, -1}},
    {JOB_ARROW_FAIL, {F, F, F, F, -1, -1, -1, -1, -1}, {F, F, F, F, -1, -1, -1, -1, -1}},
    {JOB_ARROW_BLOCK, {B, B, B, B, -1, -1, -1, -1, -1}, {B, B, B, B, -1, -1, -1, -1, -1}},
    {JOB_ARROW_LOSE, {-1, -1, -1, -1, -1, -1, -1, -1, -1}, {-1, U, -1, -1, -1, -1, -1, -1, -1}},
    {JOB_ARROW_FIND, {-1, -1, -1, -1, -1, -1, -1, -1, R}, {-1, -1, -1, -1, -1, -1, -1, -1, R}},
    {JOB_ARROW_GIVE_UP, {-1, -1, -1, -1, -1, -1, -1, -1, F}, {-1, -1, -1, -1, -1, -1, -1, -1, F}},
    {JOB_ARROW_WITHDRAW, {C, -1, -1, -1, -1, -1, -1, -1, -1}, {C, -1, -1, -1, -1, -1, -1, -1, -1}},
    {JOB_ARROW_STOP, {-1, C, C, -1, -1, -1, -1, -1, -1}, {-1, C, C, -1, -1, -1, -1, -1, -1}},
    {JOB_ARROW_CANCEL_REQUEST, {-1, S, R, T, -1, -1, -1, -1, U}, {-1, S, R, T, -1, -1, -1, -1, U}},
    {JOB_ARROW_PROGRESS, {-1, -1, R, -1, -1, -1, -1, -1, -1}, {-1, -1, R, -1, -1, -1, -1, -1, -1}},
    {JOB_ARROW_RENEW, {-1, S, R, T, -1, -1, -1, -1, U}, {-1, S, R, T, -1, -1, -1, -1, U}},
    {JOB_ARROW_RESUME, {-1, -1, -1, -1, -1, -1, -1, -1, -1}, {-1, -1, R, T, -1, -1, -1, -1, U}},
    {JOB_ARROW_DROP, {-1, -1, -1, -1, -1, -1, -1, -1, -1}, {-1, -1, R, T, -1, -1, -1, -1, U}},
    {JOB_ARROW_HAND_BACK, {-1, Q, Q, Q, -1, -1, -1, -1, -1}, {-1, Q, -1, -1, -1, -1, -1, -1, -1}},
};

static enum job_money money_of(int to)
{
    return to == JOB_SUCCEEDED                ? JOB_MONEY_SETTLE
           : job_terminal((enum job_state)to) ? JOB_MONEY_RELEASE
                                              : JOB_MONEY_KEEP;
}

static void allowed_arrow_check(enum job_arrow arrow, enum job_state from, bool remote, int to)
{
    struct job job = job_in(from, remote);
    assert_true(job_allows(&job, arrow));
    assert_int_equal(arrow_make(&job, arrow), 0);
    assert_int_equal(job.state, to);
    assert_int_equal(event.arrow, arrow);
    assert_int_equal(event.from, from);
    assert_int_equal(event.to, to);
    assert_int_equal(event.number, 5);
    assert_int_equal(job.event_count, 5);
    assert_int_equal(event.job_id, 9);
    assert_int_equal(event.at_ms, NOW);
    assert_int_equal(event.money, money_of(to));
    if (to == JOB_QUEUED || job_terminal((enum job_state)to) || arrow == JOB_ARROW_LOSE || arrow == JOB_ARROW_DROP)
        assert_int_equal(job.lease_until_ms, 0);
    else
        assert_true(job.lease_until_ms > NOW);
    assert_int_equal(job.finished_ms, job_terminal((enum job_state)to) ? NOW : 0);
    if ((int)from != to)
        assert_int_equal(job.state_ms, NOW);
}

/* A forbidden arrow is a bug of the caller: the function must stop at its assertion. */
static void assert_aborts(enum job_arrow arrow, enum job_state from, bool remote)
{
    fflush(stdout);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(3);
        struct job job = job_in(from, remote);
        job.lease_until_ms = NOW + 1000; /* even a worker that holds it */
        arrow_make(&job, arrow);
        _exit(job.event_count == 4 ? 0 : 4); /* 0: refused by a code, nothing changed */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    const bool aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    const bool by_code = arrow == JOB_ARROW_CREATE || arrow == JOB_ARROW_CLAIM || arrow == JOB_ARROW_RESUME ||
                         ((arrow == JOB_ARROW_WITHDRAW || arrow == JOB_ARROW_CANCEL_REQUEST) && job_terminal(from));
    if (by_code ? !(WIFEXITED(status) && WEXITSTATUS(status) == 0) : !aborted)
        fail_msg("%s from %s: status %x", job_arrow_name(arrow), job_state_name(from), (unsigned)status);
}

/* These share a function with another arrow, which the same call makes in that state. */
static bool other_arrow_of_the_function(enum job_arrow arrow, enum job_state from, bool remote)
{
    if (arrow == JOB_ARROW_WITHDRAW || arrow == JOB_ARROW_CANCEL_REQUEST)
        return !job_terminal(from);
    if (arrow == JOB_ARROW_CLAIM || arrow == JOB_ARROW_RESUME)
        return arrow == JOB_ARROW_CLAIM ? remote : from == JOB_QUEUED;
    if (arrow == JOB_ARROW_HAND_BACK)
        return remote && (from == JOB_RUNNING || from == JOB_STORING || from == JOB_UNKNOWN); /* drop */
    return arrow == JOB_ARROW_DROP &&
           (remote ? from == JOB_SUBMITTING
                   : from != JOB_UNKNOWN && !job_terminal(from) /* local: lapses its own way */);
}

static void every_arrow_from_every_state(void **state)
{
    assert_int_equal(ARRAY_LEN(rows), JOB_ARROWS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int from = 0; from < JOB_STATES; from++)
            for (int remote = 0; remote < 2; remote++) {
                const int to = (remote ? rows[i].remote : rows[i].local)[from];
                const struct job job = job_in((enum job_state)from, remote != 0);
                assert_int_equal(rows[i].arrow, i);
                assert_int_equal(job_allows(&job, rows[i].arrow), to >= 0);
                if (to >= 0)
                    allowed_arrow_check(rows[i].arrow, (enum job_state)from, remote != 0, to);
                else if (!other_arrow_of_the_function(rows[i].arrow, (enum job_state)from, remote != 0))
                    assert_aborts(rows[i].arrow, (enum job_state)from, remote != 0);
            }
}

static void a_stale_fence_changes_nothing(void **state)
{
    static const enum job_arrow arrows[] = {JOB_ARROW_START, JOB_ARROW_OUTPUT, JOB_ARROW_FINISH,   JOB_ARROW_RETRY,
                                            JOB_ARROW_FAIL,  JOB_ARROW_BLOCK,  JOB_ARROW_LOSE,     JOB_ARROW_FIND,
                                            JOB_ARROW_STOP,  JOB_ARROW_RENEW,  JOB_ARROW_PROGRESS, JOB_ARROW_HAND_BACK};
    for (size_t i = 0; i < ARRAY_LEN(arrows); i++)
        for (int from = 0; from < JOB_STATES; from++)
            for (int how = 0; how < 3; how++) {
                struct job job = job_in((enum job_state)from, true);
                if (from == JOB_QUEUED && (arrows[i] == JOB_ARROW_FAIL || arrows[i] == JOB_ARROW_BLOCK))
                    continue; /* queued is ended without a fence */
                job.fence = how == 0 ? 4 : 3;
                job.lease_until_ms = how == 0 ? NOW + 1000 : how == 1 ? NOW : 0; /* another's, lapsed, nobody's */
                job.cancel_requested = true;
                const struct job before = job;
                assert_int_equal(arrow_make(&job, arrows[i]), JOB_ERR_STALE);
                assert_memory_equal(&job, &before, sizeof job);
            }
}

static void a_revived_worker_cannot_finish_what_another_has(void **state)
{
    struct job job;
    const struct job_settings settings = {.id = 1};
    assert_int_equal(job_create(&job, &settings, 0, &event, &err), 0);
    assert_int_equal(job_claim(&job, 100, 0, &event, &err), 0);
    const int64_t first = job.fence;
    assert_int_equal(job_start(&job, first, 10, &event, &err), 0);
    assert_int_equal(job_claim(&job, 100, 50, &event, &err), CONCH_ERR_UNSUPPORTED);
    assert_false(job_lapsed(&job, 99));
    assert_true(job_lapsed(&job, 100));
    assert_int_equal(job_lapse(&job, 100, &event, &err), 0);
    assert_int_equal(job.state, JOB_QUEUED);
    assert_int_equal(job.error, JOB_ERROR_WORKER_LOST);
    assert_int_equal(job.started_ms, 0);
    assert_int_equal(job_output(&job, first, 101, &event, &err), JOB_ERR_STALE);
    assert_int_equal(job_claim(&job, 100, 102, &event, &err), 0);
    assert_true(job.fence > first);
    assert_int_equal(job.attempts, 2);
    assert_int_equal(job_start(&job, first, 103, &event, &err), JOB_ERR_STALE);
    assert_int_equal(job_renew(&job, first, 500, 103, &event, &err), JOB_ERR_STALE);
    assert_int_equal(job_start(&job, job.fence, 103, &event, &err), 0);
    assert_int_equal(job_output(&job, job.fence, 104, &event, &err), 0);
    assert_int_equal(job_finish(&job, job.fence, 105, &event, &err), 0);
    assert_int_equal(event.money, JOB_MONEY_SETTLE);
    assert_int_equal(job_fail(&job, job.fence, JOB_ERROR_INTERNAL, 106, &event, &err), JOB_ERR_STALE);
    assert_non_null(strstr(err.text, "held by nobody"));
}

static void a_renewal_lengthens_and_never_shortens(void **state)
{
    struct job job = job_in(JOB_RUNNING, false);
    assert_int_equal(job_renew(&job, 3, 10, NOW, &event, &err), 0);
    assert_int_equal(job.lease_until_ms, NOW + 1000);
    assert_int_equal(job_renew(&job, 3, 3000, NOW, &event, &err), 0);
    assert_int_equal(job.lease_until_ms, NOW + 3000);
    assert_int_equal(job_renew(&job, 3, 0, NOW, &event, &err), CONCH_ERR_RANGE);
    assert_int_equal(job_renew(&job, 3, (int64_t)JOB_LEASE_MS_MAX + 1, NOW, &event, &err), CONCH_ERR_RANGE);
    assert_int_equal(job_claim(&job, -1, NOW, &event, &err), CONCH_ERR_RANGE);
}

static struct job lapsed(enum job_state state, bool remote)
{
    struct job job = job_in(state, remote);
    job.lease_until_ms = NOW;
    assert_int_equal(job_lapse(&job, NOW, &event, &err), 0);
    return job;
}

static void a_silent_worker_costs_an_attempt_or_leaves_a_question(void **state)
{
    static const enum job_state held[] = {JOB_SUBMITTING, JOB_RUNNING, JOB_STORING};
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        assert_int_equal(lapsed(held[i], false).state, JOB_QUEUED);
        struct job job = job_in(held[i], false);
        job.attempts = 3;
        job.lease_until_ms = NOW;
        assert_int_equal(job_lapse(&job, NOW, &event, &err), 0);
        assert_int_equal(job.state, JOB_FAILED);
        assert_int_equal(job.error, JOB_ERROR_WORKER_LOST);
        assert_int_equal(event.money, JOB_MONEY_RELEASE);
    }
    const struct job lost = lapsed(JOB_SUBMITTING, true);
    assert_int_equal(lost.state, JOB_UNKNOWN);
    assert_int_equal(lost.error, JOB_ERROR_LOST_ANSWER);
    assert_int_equal(event.money, JOB_MONEY_KEEP);
    struct job running = lapsed(JOB_RUNNING, true);
    assert_int_equal(running.state, JOB_RUNNING);
    assert_true(job_claimable(&running, NOW));
    assert_int_equal(job_claim(&running, 100, NOW, &event, &err), 0);
    assert_int_equal(running.attempts, 1); /* not sent again */
    assert_int_equal(running.fence, 4);
}

static void unknown_is_found_or_given_up_never_sent_again(void **state)
{
    struct job job = job_in(JOB_SUBMITTING, true);
    assert_int_equal(job_lose(&job, 3, NOW, &event, &err), 0);
    assert_int_equal(job.state_ms, NOW);
    assert_int_equal(job_find(&job, 3, NOW, &event, &err), JOB_ERR_STALE); /* the lease ended */
    assert_int_equal(job_claim(&job, 100, NOW + 1, &event, &err), 0);
    assert_int_equal(job.state, JOB_UNKNOWN);
    assert_int_equal(job.state_ms, NOW); /* it ages on while looked up */
    assert_int_equal(job_trouble(&job, 3, JOB_ERROR_TIMEOUT, NOW, &event, &err), JOB_ERR_STALE);
    struct job found = job;
    assert_int_equal(job_find(&found, 4, NOW + 2, &event, &err), 0);
    assert_int_equal(found.state, JOB_RUNNING);
    assert_int_equal(found.error, JOB_ERROR_NONE);
    struct job charged = job;
    assert_int_equal(job_give_up(&charged, true, NOW + 2, &event, &err), 0);
    assert_int_equal(event.money, JOB_MONEY_SETTLE);
    assert_int_equal(job_give_up(&job, false, NOW + 2, &event, &err), 0);
    assert_int_equal(event.money, JOB_MONEY_RELEASE);
    assert_int_equal(job.error, JOB_ERROR_LOST_ANSWER);
}

static void errors_are_retried_as_their_rule_says(void **state)
{
    static const enum job_error retried[] = {JOB_ERROR_RATE_LIMIT, JOB_ERROR_TIMEOUT, JOB_ERROR_CAPACITY,
                                             JOB_ERROR_PROVIDER,   JOB_ERROR_STORAGE, JOB_ERROR_WORKER_LOST,
                                             JOB_ERROR_INTERNAL};
    for (int error = 1; error < JOB_ERRORS; error++) {
        bool again = false;
        for (size_t i = 0; i < ARRAY_LEN(retried); i++)
            again = again || (int)retried[i] == error;
        const bool blocks = error == JOB_ERROR_INVALID_INPUT || error == JOB_ERROR_CONTENT_POLICY;
        const struct job_error_rule *rule = job_error_rule((enum job_error)error);
        assert_int_equal(rule->retried, again);
        assert_int_equal(rule->blocks, blocks);
        assert_false(rule->charged);
        if (error == JOB_ERROR_LOST_ANSWER)
            continue;
        struct job job = job_in(JOB_SUBMITTING, true);
        assert_int_equal(job_trouble(&job, 3, (enum job_error)error, NOW, &event, &err), 0);
        assert_int_equal(job.state, blocks ? JOB_BLOCKED : again ? JOB_QUEUED : JOB_FAILED);
        assert_int_equal(job.error, error);
        job = job_in(JOB_RUNNING, true); /* acknowledged: not sent again */
        assert_int_equal(job_trouble(&job, 3, (enum job_error)error, NOW, &event, &err), 0);
        assert_int_equal(job.state, blocks ? JOB_BLOCKED : JOB_FAILED);
        assert_int_equal(event.money, JOB_MONEY_RELEASE);
    }
}

static void retries_wait_longer_each_time_and_end(void **state)
{
    static const int64_t waits_ms[] = {1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000, 300000, 300000};
    struct job job;
    const struct job_settings settings = {.id = 1, .attempts_max = 12};
    int64_t now_ms = 0;
    assert_int_equal(job_create(&job, &settings, now_ms, &event, &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(waits_ms); i++) {
        assert_int_equal(job_claim(&job, 100, now_ms, &event, &err), 0);
        assert_int_equal(job_trouble(&job, job.fence, JOB_ERROR_CAPACITY, now_ms, &event, &err), 0);
        assert_int_equal(job.due_ms, now_ms + waits_ms[i]);
        assert_false(job_claimable(&job, job.due_ms - 1));
        now_ms = job.due_ms;
    }
    assert_int_equal(job_claim(&job, 100, now_ms, &event, &err), 0);
    assert_int_equal(job_trouble(&job, job.fence, JOB_ERROR_CAPACITY, now_ms, &event, &err), 0);
    assert_int_equal(job.state, JOB_FAILED);
}

static void a_cancelled_job_is_not_tried_again(void **state)
{
    struct job job = job_in(JOB_RUNNING, false);
    assert_int_equal(job_cancel(&job, NOW, &event, &err), 0);
    assert_true(job.cancel_requested);
    assert_int_equal(job_cancel(&job, NOW, &event, &err), 0); /* twice is once */
    struct job trouble = job;
    assert_int_equal(job_trouble(&trouble, 3, JOB_ERROR_TIMEOUT, NOW, &event, &err), 0);
    assert_int_equal(trouble.state, JOB_FAILED);
    job.lease_until_ms = NOW;
    assert_int_equal(job_lapse(&job, NOW, &event, &err), 0);
    assert_int_equal(job.state, JOB_CANCELLED);
    assert_int_equal(job_cancel(&job, NOW, &event, &err), CONCH_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "job 9 is cancelled already"));
}

static void a_job_handed_back_has_lost_no_attempt(void **state)
{
    struct job job;
    const struct job_settings settings = {.id = 1, .attempts_max = 1};
    assert_int_equal(job_create(&job, &settings, 0, &event, &err), 0);
    for (int64_t now_ms = 0; now_ms < 50; now_ms += 10) { /* workers come and go more often than there are attempts */
        assert_int_equal(job_claim(&job, 100, now_ms, &event, &err), 0);
        assert_int_equal(job.attempts, 1);
        assert_int_equal(job_start(&job, job.fence, now_ms + 1, &event, &err), 0);
        assert_int_equal(job_progress(&job, job.fence, 300, now_ms + 2, &event, &err), 0);
        assert_int_equal(job_hand_back(&job, job.fence, now_ms + 3, &event, &err), 0);
        assert_int_equal(job.state, JOB_QUEUED);
        assert_int_equal(job.error, JOB_ERROR_NONE);
        assert_int_equal(job.progress_permille, 0);
        assert_true(job_claimable(&job, now_ms + 3));
        assert_int_equal(job_start(&job, job.fence, now_ms + 4, &event, &err), JOB_ERR_STALE);
    }
    struct job sent = job_in(JOB_RUNNING, true); /* a provider goes on with it: another worker takes it from there */
    assert_int_equal(job_hand_back(&sent, 3, NOW, &event, &err), 0);
    assert_int_equal(event.arrow, JOB_ARROW_DROP);
    assert_int_equal(sent.state, JOB_RUNNING);
    assert_int_equal(sent.attempts, 1);
    assert_true(job_claimable(&sent, NOW));
}

static void progress_never_goes_back_and_gives_an_eta(void **state)
{
    struct job job = job_in(JOB_RUNNING, false);
    job.started_ms = 1000;
    assert_int_equal(job_eta_ms(&job, NOW), 0);
    assert_int_equal(job_progress(&job, 3, 400, NOW, &event, &err), 0);
    assert_int_equal(job_eta_ms(&job, NOW), NOW + 6000);
    assert_int_equal(job_progress(&job, 3, 300, NOW, &event, &err), 0);
    assert_int_equal(event.progress_permille, 400);
    assert_int_equal(job_progress(&job, 3, 1001, NOW, &event, &err), CONCH_ERR_RANGE);
    assert_int_equal(job_progress(&job, 3, -1, NOW, &event, &err), CONCH_ERR_RANGE);
    assert_int_equal(job_eta_ms(&job, 0), 0); /* a clock that went back */
}

static void higher_priority_then_older_then_smaller_id_comes_first(void **state)
{
    struct job a = {.id = 1, .created_ms = 10}, b = {.id = 2, .created_ms = 20};
    assert_true(job_before(&a, &b));
    b.priority = 1;
    assert_true(job_before(&b, &a));
    a.priority = 1;
    b.created_ms = 10;
    assert_true(job_before(&a, &b));
    assert_false(job_before(&b, &a));
    assert_false(job_before(&a, &a));
}

static void the_public_sees_five_buckets(void **state)
{
    static const char *const wanted[JOB_STATES] = {"pending", "pending", "processing", "processing", "success",
                                                   "failed",  "blocked", "failed",     "processing"};
    for (int i = 0; i < JOB_STATES; i++)
        assert_string_equal(job_bucket_name(job_bucket((enum job_state)i)), wanted[i]);
}

static void settings_outside_their_limits_are_refused(void **state)
{
    struct job job;
    struct job_settings settings = {.id = 0};
    assert_int_equal(job_create(&job, &settings, 0, &event, &err), CONCH_ERR_RANGE);
    settings = (struct job_settings){.id = 1, .attempts_max = JOB_ATTEMPTS_MAX + 1};
    assert_int_equal(job_create(&job, &settings, 0, &event, &err), CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "attempts_max 1001, allowed are 1 to 1000"));
    settings.attempts_max = 0;
    assert_int_equal(job_create(&job, &settings, 7, &event, &err), 0);
    assert_int_equal(job.attempts_max, 3);
    assert_int_equal(event.number, 1);
    assert_int_equal(event.arrow, JOB_ARROW_CREATE);
    assert_int_equal(job.state_ms, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_arrow_from_every_state),
        cmocka_unit_test(a_stale_fence_changes_nothing),
        cmocka_unit_test(a_revived_worker_cannot_finish_what_another_has),
        cmocka_unit_test(a_renewal_lengthens_and_never_shortens),
        cmocka_unit_test(a_silent_worker_costs_an_attempt_or_leaves_a_question),
        cmocka_unit_test(unknown_is_found_or_given_up_never_sent_again),
        cmocka_unit_test(errors_are_retried_as_their_rule_says),
        cmocka_unit_test(retries_wait_longer_each_time_and_end),
        cmocka_unit_test(a_cancelled_job_is_not_tried_again),
        cmocka_unit_test(a_job_handed_back_has_lost_no_attempt),
        cmocka_unit_test(progress_never_goes_back_and_gives_an_eta),
        cmocka_unit_test(higher_priority_then_older_then_smaller_id_comes_first),
        cmocka_unit_test(the_public_sees_five_buckets),
        cmocka_unit_test(settings_outside_their_limits_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
