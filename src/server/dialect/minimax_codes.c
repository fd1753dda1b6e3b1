#include "server/dialect/minimax_codes.h"

#include <assert.h>
#include <string.h>

#include "base/base.h"

static const struct minimax_code code_unknown = {1000, "unknown error", 500, "server_error"};
static const struct minimax_code code_timeout = {1001, "timeout", 500, "server_error"};
static const struct minimax_code code_rate = {1002, "rate limit", 429, "rate_limit_error"};
static const struct minimax_code code_auth = {1004, "not authorized", 401, "authorized_error"};
static const struct minimax_code code_balance = {1008, "insufficient balance", 402, "insufficient_balance_error"};
static const struct minimax_code code_internal = {1024, "internal error", 500, "server_error"};
static const struct minimax_code code_input = {1026, "input sensitive", 422, "unprocessable_entity_error"};
static const struct minimax_code code_output = {1027, "output sensitive", 422, "unprocessable_entity_error"};
static const struct minimax_code code_busy = {1033, "system error", 529, "overloaded_error"};
static const struct minimax_code code_connections = {1041, "connection limit", 429, "rate_limit_error"};
static const struct minimax_code code_invisible = {1042, "too many invisible characters", 400, "bad_request_error"};
static const struct minimax_code code_invalid = {2013, "invalid params", 400, "bad_request_error"};
static const struct minimax_code code_unavailable = {2013, "not available here", 400, "bad_request_error"};
static const struct minimax_code code_budget = {2056, "usage limit exceeded", 402, "insufficient_balance_error"};
static const struct minimax_code code_model = {2061, "model not available", 400, "bad_request_error"};

static const struct minimax_code *const by_kind[] = {
    [API_INVALID] = &code_invalid,      [API_INVISIBLE] = &code_invisible,
    [API_UNAUTHORIZED] = &code_auth,    [API_FORBIDDEN] = &code_auth,
    [API_NOT_FOUND] = &code_invalid,    [API_CONFLICT] = &code_invalid,
    [API_REUSED_KEY] = &code_invalid,   [API_TOO_LARGE] = &code_invalid,
    [API_BALANCE] = &code_balance,      [API_BUDGET] = &code_budget,
    [API_RATE_LIMIT] = &code_rate,      [API_QUEUE_FULL] = &code_connections,
    [API_CONTENT_POLICY] = &code_input, [API_UNAVAILABLE_HERE] = &code_unavailable,
    [API_FETCH] = &code_invalid,        [API_BUSY] = &code_busy,
    [API_TIMEOUT] = &code_timeout,      [API_INTERNAL] = &code_unknown,
};
_Static_assert(ARRAY_LEN(by_kind) == API_INTERNAL + 1, "a kind of refusal without a code");

const struct minimax_code *minimax_code_of_problem(const struct api_problem *problem)
{
    assert(problem->kind > API_OK && problem->kind < (int)ARRAY_LEN(by_kind) && by_kind[problem->kind]);
    if (problem->kind == API_UNAVAILABLE_HERE && strcmp(problem->field, "model") == 0)
        return &code_model;
    return by_kind[problem->kind];
}

static const struct minimax_code *const by_error[JOB_ERRORS] = {
    [JOB_ERROR_NONE] = &code_unknown,
    [JOB_ERROR_INVALID_INPUT] = &code_invalid,
    [JOB_ERROR_CONTENT_POLICY] = &code_input,
    [JOB_ERROR_AUTH] = &code_internal, /* our key at a provider is no fault of the caller's */
    [JOB_ERROR_BALANCE] = &code_balance,
    [JOB_ERROR_RATE_LIMIT] = &code_rate,
    [JOB_ERROR_TIMEOUT] = &code_timeout,
    [JOB_ERROR_CAPACITY] = &code_internal,
    [JOB_ERROR_PROVIDER] = &code_unknown,
    [JOB_ERROR_STORAGE] = &code_busy,
    [JOB_ERROR_WORKER_LOST] = &code_internal,
    [JOB_ERROR_LOST_ANSWER] = &code_unknown,
    [JOB_ERROR_INTERNAL] = &code_internal,
};

const struct minimax_code *minimax_code_of_job(const struct job *job)
{
    assert(job_terminal(job->state) && job->state != JOB_SUCCEEDED);
    if (job->state == JOB_CANCELLED)
        return &code_unknown;
    /* What a job that had begun was blocked for is what came out of it; its input had been looked at before. */
    if (job->error == JOB_ERROR_CONTENT_POLICY && job->started_ms)
        return &code_output;
    return by_error[job->error];
}
