#include <assert.h>

#include "base/base.h"
#include "server/job/job.h"

static const char *const state_names[] = {"queued", "submitting", "running",   "storing", "succeeded",
                                          "failed", "blocked",    "cancelled", "unknown"};
static const char *const arrow_names[] = {
    "create",  "claim",    "start", "output",         "finish",   "retry", "fail",   "block", "lose",     "find",
    "give_up", "withdraw", "stop",  "cancel_request", "progress", "renew", "resume", "drop",  "hand_back"};
static const char *const bucket_names[] = {"pending", "processing", "blocked", "success", "failed"};

static const struct job_error_rule error_rules[] = {
    [JOB_ERROR_NONE] = {"none", false, false, false},
    [JOB_ERROR_INVALID_INPUT] = {"invalid_input", true, false, false},
    [JOB_ERROR_CONTENT_POLICY] = {"content_policy", true, false, false},
    [JOB_ERROR_AUTH] = {"auth", false, false, false},
    [JOB_ERROR_BALANCE] = {"balance", false, false, false},
    [JOB_ERROR_RATE_LIMIT] = {"rate_limit", false, true, false},
    [JOB_ERROR_TIMEOUT] = {"timeout", false, true, false},
    [JOB_ERROR_CAPACITY] = {"capacity", false, true, false},
    [JOB_ERROR_PROVIDER] = {"provider", false, true, false},
    [JOB_ERROR_STORAGE] = {"storage", false, true, false},
    [JOB_ERROR_WORKER_LOST] = {"worker_lost", false, true, false},
    [JOB_ERROR_LOST_ANSWER] = {"lost_answer", false, false, false},
    [JOB_ERROR_INTERNAL] = {"internal", false, true, false},
};

_Static_assert(ARRAY_LEN(state_names) == JOB_STATES, "a name a state");
_Static_assert(ARRAY_LEN(arrow_names) == JOB_ARROWS, "a name an arrow");
_Static_assert(ARRAY_LEN(error_rules) == JOB_ERRORS, "a rule an error");

const char *job_state_name(enum job_state state)
{
    assert((unsigned)state < JOB_STATES);
    return state_names[state];
}

const char *job_arrow_name(enum job_arrow arrow)
{
    assert((unsigned)arrow < JOB_ARROWS);
    return arrow_names[arrow];
}

const char *job_bucket_name(enum job_bucket bucket)
{
    assert((unsigned)bucket < ARRAY_LEN(bucket_names));
    return bucket_names[bucket];
}

const struct job_error_rule *job_error_rule(enum job_error error)
{
    assert((unsigned)error < JOB_ERRORS);
    return &error_rules[error];
}

enum job_bucket job_bucket(enum job_state state)
{
    switch (state) {
    case JOB_QUEUED:
    case JOB_SUBMITTING: return JOB_BUCKET_PENDING;
    case JOB_RUNNING:
    case JOB_STORING:
    case JOB_UNKNOWN: return JOB_BUCKET_PROCESSING;
    case JOB_BLOCKED: return JOB_BUCKET_BLOCKED;
    case JOB_SUCCEEDED: return JOB_BUCKET_SUCCESS;
    case JOB_FAILED:
    case JOB_CANCELLED: break;
    }
    return JOB_BUCKET_FAILED;
}

bool job_terminal(enum job_state state)
{
    return state == JOB_SUCCEEDED || state == JOB_FAILED || state == JOB_BLOCKED || state == JOB_CANCELLED;
}
