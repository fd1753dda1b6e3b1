/* A refusal in the words of the OpenAI API: {"error": {"message", "type", "param", "code"}}. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "server/dialect/dialect_rename.h"
#include "server/dialect/openai.h"

struct row {
    int status;
    const char *type, *code;
    bool again; /* the client may try by itself */
};

#define REQUEST "invalid_request_error"

/* Clients try 409 and everything from 500 on again by themselves, POST too and without an Idempotency-Key: so no
 * caller's mistake is one of these, and what may have made a job says that it is not to be tried again. */
static const struct row rows[] = {
    [API_INVALID] = {400, REQUEST, "invalid_value", false},
    [API_INVISIBLE] = {400, REQUEST, "invalid_prompt", false},
    [API_UNAUTHORIZED] = {401, REQUEST, "invalid_api_key", false},
    [API_FORBIDDEN] = {403, REQUEST, "insufficient_permissions", false},
    [API_NOT_FOUND] = {404, REQUEST, "not_found", false},
    [API_CONFLICT] = {400, REQUEST, "invalid_state", false},
    [API_REUSED_KEY] = {400, REQUEST, "idempotency_key_reused", false},
    [API_TOO_LARGE] = {413, REQUEST, "request_too_large", false},
    [API_BALANCE] = {429, "insufficient_quota", "insufficient_quota", false},
    [API_BUDGET] = {429, "insufficient_quota", "insufficient_quota", false},
    [API_RATE_LIMIT] = {429, "rate_limit_error", "rate_limit_exceeded", true},
    [API_QUEUE_FULL] = {429, "rate_limit_error", "rate_limit_exceeded", true},
    [API_CONTENT_POLICY] = {400, REQUEST, "moderation_blocked", false},
    [API_UNAVAILABLE_HERE] = {400, REQUEST, "unsupported_value", false},
    [API_FETCH] = {400, REQUEST, "invalid_value", false},
    [API_BUSY] = {503, "server_error", "server_busy", true},
    [API_TIMEOUT] = {504, "server_error", "timeout", false},
    [API_INTERNAL] = {500, "server_error", "internal_error", false},
};
_Static_assert(ARRAY_LEN(rows) == API_INTERNAL + 1, "a kind of refusal without a row");

static const struct dialect_name names[] = {
    {"resolution", "size"},
    {"ratio", "aspect_ratio"},
    {"first_frame", "input_reference"},
    {"references", "conditions"},
    {"subjects", "conditions"},
    {"negative", "negative_prompt"},
    {"steps", "num_inference_steps"},
    {"guidance", "guidance_scale"},
    {"callback_url", "webhook_url"},
    {NULL, NULL},
};

static const char *code_of(const struct row *row, const struct api_problem *problem)
{
    const bool input = problem->kind == API_INVALID || problem->kind == API_UNAVAILABLE_HERE ||
                       problem->kind == API_NOT_FOUND;
    if (input && strcmp(problem->field, "model") == 0)
        return "model_not_found";
    if (problem->kind == API_INVALID && strstr(problem->text, " is missing"))
        return "missing_required_parameter";
    return row->code;
}

/* A widely used client takes the word "videos" in a refusal of a create for the news that there is no such API. Values
 * of the caller's stand between quotes, not between spaces. */
static void words_mend(char *text)
{
    static const char word[] = " videos ", other[] = " clips ";
    for (char *at = text; (at = strstr(at, word));) {
        memcpy(at, other, strlen(other));
        at += strlen(other);
        memmove(at, at + 1, strlen(at + 1) + 1);
        at--;
    }
}

void openai_refuse(const struct dialect *dialect, const struct dialect_refusal *refusal,
                   const struct http_request *request, struct http_response *response)
{
    struct api_problem problem = *refusal->problem;
    const struct row *row = &rows[problem.kind];
    /* HTTP codes of the layer (405, 408, ...) stay. */
    const int status = refusal->status != api_kind_status(problem.kind) ? refusal->status : row->status;
    struct buf body;
    struct out out;
    buf_init(&body, 16 << 10);
    dialect_rename(&problem, names);
    words_mend(problem.text);
    out_init(&out, &body, NULL);
    out_object(&out, NULL);
    out_object(&out, "error");
    out_text(&out, "message", problem.text);
    out_text(&out, "type", row->type);
    out_text(&out, "param", problem.field[0] ? problem.field : NULL);
    out_text(&out, "code", code_of(row, &problem));
    out_object_end(&out);
    out_object_end(&out);
    if (out_finish(&out) == 0)
        http_response_text(response, status, "application/json", body.data, NULL);
    if (!row->again && (status >= 500 || status == 429) && request->method == HTTP_POST)
        http_response_header(response, "x-should-retry", "false", NULL);
    buf_finish(&body);
}
