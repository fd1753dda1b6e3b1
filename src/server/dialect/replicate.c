/* The table of Replicate's API, and its refusals. */
#include "server/dialect/replicate.h"

#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "server/dialect/dialect_rename.h"
#include "server/dialect/dialect_webhook.h"

/* ---- refusals ---- */

static const struct dialect_name names[] = {{"seconds", "duration"},
                                            {"ratio", "aspect_ratio"},
                                            {"first_frame", "first_frame_image"},
                                            {"picture", "first_frame_image"},
                                            {"last_frame", "last_frame_image"},
                                            {"subjects", "subject_reference"},
                                            {"references", "reference_images"},
                                            {"optimizer", "prompt_optimizer"},
                                            {"steps", "num_inference_steps"},
                                            {"guidance", "guidance_scale"},
                                            {"negative", "negative_prompt"},
                                            {"callback_url", "webhook"},
                                            {NULL, NULL}};

struct words {
    int status;
    const char *title;
};

static struct words words_of(const struct dialect_refusal *refusal)
{
    switch (refusal->problem->kind) {
    case API_INVALID:
        if (refusal->status != 400)
            break;
        return strcmp(refusal->problem->field, "body") == 0 ? (struct words){400, "Bad request"}
                                                            : (struct words){422, "Input validation failed"};
    case API_INVISIBLE:
    case API_CONTENT_POLICY:
    case API_UNAVAILABLE_HERE:
    case API_FETCH: return (struct words){422, "Input validation failed"};
    case API_UNAUTHORIZED: return (struct words){401, "Unauthenticated"};
    case API_FORBIDDEN: return (struct words){403, "Forbidden"};
    case API_NOT_FOUND: return (struct words){404, "Not found"};
    case API_BALANCE:
    case API_BUDGET: return (struct words){402, "Insufficient credit"};
    case API_RATE_LIMIT:
    case API_QUEUE_FULL: return (struct words){429, "Request was throttled"};
    case API_BUSY: return (struct words){503, "Service unavailable"};
    default: break;
    }
    return (struct words){refusal->status, http_reason(refusal->status)};
}

void replicate_refuse(const struct dialect *dialect, const struct dialect_refusal *refusal,
                      const struct http_request *request, struct http_response *response)
{
    struct api_problem problem = *refusal->problem;
    const struct words words = words_of(refusal);
    struct out out;
    dialect_rename(&problem, names);
    out_init(&out, &response->body, NULL);
    out_object(&out, NULL);
    out_text(&out, "title", words.title);
    out_text(&out, "detail", problem.text);
    out_integer(&out, "status", words.status);
    if (words.status == 422 && problem.field[0]) {
        out_array(&out, "invalid_fields");
        out_object(&out, NULL);
        out_text(&out, "field", problem.field);
        out_text(&out, "description", problem.text);
        if (problem.allowed[0])
            out_text(&out, "allowed", problem.allowed);
        out_object_end(&out);
        out_array_end(&out);
    }
    if (problem.retry_after_s > 0)
        out_integer(&out, "retry_after", problem.retry_after_s);
    out_object_end(&out);
    dialect_refusal_end(&out, response, words.status);
}

/* ---- the table ---- */

#define MAKE STORE_SCOPE_GENERATE
#define READ STORE_SCOPE_READ
#define JSON DIALECT_BODY_JSON, DIALECT_SIZE_JSON
#define NONE DIALECT_BODY_NONE, DIALECT_SIZE_SMALL
#define FORM DIALECT_BODY_FORM, DIALECT_SIZE_UPLOAD
#define POLL DIALECT_FAST | DIALECT_NO_RATE

#define BOTH(base)                                                                                                     \
    {HTTP_POST, base "/predictions", MAKE, 0, JSON, replicate_prediction_create},                                      \
        {HTTP_GET, base "/predictions", READ, 0, NONE, replicate_prediction_list},                                     \
        {HTTP_GET, base "/predictions/{id}", READ, POLL, NONE, replicate_prediction_get},                              \
        {HTTP_POST, base "/predictions/{id}/cancel", MAKE, 0, NONE, replicate_prediction_cancel},                      \
        {HTTP_POST, base "/models/{owner}/{name}/predictions", MAKE, 0, JSON, replicate_model_prediction_create},      \
        {HTTP_GET, base "/models/{owner}/{name}", READ, 0, NONE, replicate_model_get},                                 \
        {HTTP_GET, base "/webhooks/default/secret", MAKE, 0, NONE, replicate_webhook_secret},                          \
        {HTTP_GET, base "/account", READ, 0, NONE, replicate_account},                                                 \
        {HTTP_GET, base "/files/{id}", READ, 0, NONE, replicate_file_get},                                             \
    {                                                                                                                  \
        HTTP_DELETE, base "/files/{id}", MAKE, 0, NONE, replicate_file_delete                                          \
    }

static const struct dialect_route routes[] = {
    BOTH("/v1"),
    BOTH("/replicate/v1"),
    {HTTP_POST, "/replicate/v1/files", MAKE, 0, FORM, replicate_file_create},
    {HTTP_GET, "/replicate/v1/files", READ, 0, NONE, replicate_file_list},
    {HTTP_GET, "/replicate/v1/models", READ, 0, NONE, replicate_model_list},
};

static const char *const prefixes[] = {"/v1/predictions", "/v1/webhooks/", "/v1/account", "/replicate/", NULL};

const struct dialect dialect_replicate = {
    .name = "replicate",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = ARRAY_LEN(routes),
    .refuse = replicate_refuse,
    .callback_styles = replicate_styles,
    .callback_body = replicate_callback_body,
    .callback_sign = dialect_webhook_sign,
};
