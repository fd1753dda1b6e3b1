/* A refusal in Modellix's words: {"code": the HTTP status, "message": "Category: detail"}. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/text.h"
#include "server/dialect/dialect_rename.h"
#include "server/dialect/modellix.h"

struct row {
    int status;
    const char *category;
};

/* The client takes 4xx for "certainly not done" and 5xx for "nobody knows", so mistakes of the caller are all 4xx. */
static const struct row rows[] = {
    [API_INVALID] = {400, "Invalid parameters"},
    [API_INVISIBLE] = {400, "Invalid parameters"},
    [API_UNAUTHORIZED] = {401, "Authentication failed"},
    [API_FORBIDDEN] = {403, "Permission denied"},
    [API_NOT_FOUND] = {404, "Not found"},
    [API_CONFLICT] = {400, "Invalid parameters"},
    [API_REUSED_KEY] = {400, "Invalid parameters"},
    [API_TOO_LARGE] = {413, "Request too large"},
    [API_BALANCE] = {402, "Insufficient balance"},
    [API_BUDGET] = {402, "Insufficient balance"},
    [API_RATE_LIMIT] = {429, "Rate limit exceeded"},
    [API_QUEUE_FULL] = {429, "Concurrency limit exceeded"},
    [API_CONTENT_POLICY] = {400, "Content policy violation"},
    [API_UNAVAILABLE_HERE] = {400, "Invalid parameters"},
    [API_FETCH] = {400, "Invalid parameters"},
    [API_BUSY] = {503, "Service unavailable"},
    [API_TIMEOUT] = {503, "Service unavailable"},
    [API_INTERNAL] = {500, "Internal error"},
};
_Static_assert(ARRAY_LEN(rows) == API_INTERNAL + 1, "a kind of refusal without a row");

static const struct dialect_name names[] = {
    {"seconds", "duration"},
    {"first_frame", "first_frame_image"},
    {"last_frame", "last_frame_image"},
    {"subjects", "subject_reference"},
    {"references", "reference_images"},
    {"negative", "negative_prompt"},
    {NULL, NULL},
};

/* "a text", "true or false", ... : not a value but the form of one. */
static bool is_type(const char *allowed)
{
    return strcmp(allowed, "a text") == 0 || strcmp(allowed, "true or false") == 0 || text_begins(allowed, "an ");
}

static struct row row_of(const struct api_problem *problem)
{
    struct row row = rows[problem->kind];
    if (problem->kind == API_UNAVAILABLE_HERE && strcmp(problem->field, "model") == 0)
        return (struct row){404, "Not found"};
    if (problem->kind != API_INVALID)
        return row;
    if (strstr(problem->text, " is missing"))
        row.category = "Missing required parameter";
    else if (strcmp(problem->field, "body") == 0 || is_type(problem->allowed))
        row.category = "Invalid format";
    else if (problem->allowed[0] && problem->value[0])
        row.category = "Value out of range";
    return row;
}

static void header_number(struct http_response *response, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    http_response_header(response, name, text, NULL); /* without memory the answer goes out without it */
}

/* What is allowed begins with the number: "60 requests a minute". */
static void limit_headers(const struct api_problem *problem, struct http_response *response)
{
    const long long limit = strtoll(problem->allowed, NULL, 10);
    if (limit > 0)
        header_number(response, "X-RateLimit-Limit", limit);
    header_number(response, "X-RateLimit-Remaining", 0);
    header_number(response, "X-RateLimit-Reset", clock_wall_ms() / 1000 + problem->retry_after_s);
}

void modellix_refuse(const struct dialect *dialect, const struct dialect_refusal *refusal,
                     const struct http_request *request, struct http_response *response)
{
    struct api_problem problem = *refusal->problem;
    dialect_rename(&problem, names);
    const struct row row = row_of(&problem);
    /* HTTP codes of the layer (405, 408, ...) stay. */
    const int status = refusal->status != api_kind_status(problem.kind) ? refusal->status : row.status;
    struct buf body;
    struct out out;
    buf_init(&body, 16 << 10);
    out_init(&out, &body, NULL);
    out_object(&out, NULL);
    out_integer(&out, "code", status);
    out_format(&out, "message", "%s: %s", row.category, problem.text);
    out_object_end(&out);
    if (out_finish(&out) == 0)
        http_response_text(response, status, "application/json", body.data, NULL);
    if (status == 429)
        limit_headers(&problem, response);
    buf_finish(&body);
}
