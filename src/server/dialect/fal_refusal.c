/* Refusals as fal words them: a list of places for bad input, one sentence for the rest. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/dialect/dialect_rename.h"
#include "server/dialect/fal.h"

static const struct dialect_name names[] = {{"seconds", "duration"},
                                            {"ratio", "aspect_ratio"},
                                            {"first_frame", "image_url"},
                                            {"picture", "image_url"},
                                            {"last_frame", "end_image_url"},
                                            {"subjects", "subject_reference_image_url"},
                                            {"references", "reference_image_urls"},
                                            {"optimizer", "prompt_optimizer"},
                                            {"steps", "num_inference_steps"},
                                            {"guidance", "guidance_scale"},
                                            {"negative", "negative_prompt"},
                                            {"callback_url", "fal_webhook"},
                                            {NULL, NULL}};

static bool is_input(const struct dialect_refusal *refusal)
{
    switch (refusal->problem->kind) {
    case API_INVALID: return refusal->status == 400;
    case API_INVISIBLE:
    case API_CONTENT_POLICY:
    case API_UNAVAILABLE_HERE:
    case API_FETCH: return true;
    default: return false;
    }
}

static bool is_picture(const char *field)
{
    return strstr(field, "image_url") != NULL;
}

/* The word of fal's list that fits. */
static const char *type_of(const struct api_problem *problem)
{
    switch (problem->kind) {
    case API_CONTENT_POLICY: return "content_policy_violation";
    case API_UNAVAILABLE_HERE: return "feature_not_supported";
    case API_FETCH: return "file_download_error";
    default: break;
    }
    if (strcmp(problem->field, "body") == 0)
        return "json_invalid";
    if (!problem->value[0] && strstr(problem->text, " is missing"))
        return "missing";
    if (is_picture(problem->field))
        return "image_load_error";
    const bool listed = problem->value[0] && problem->allowed[0] && !strstr(problem->text, "must be");
    return listed ? "one_of" : "value_error";
}

static void input_write(struct out *out, const struct api_problem *problem)
{
    const char *place = strcmp(problem->field, "fal_webhook") == 0 ? "query" : "body";
    out_array(out, "detail");
    out_object(out, NULL);
    out_array(out, "loc");
    out_text(out, NULL, place);
    if (problem->field[0] && strcmp(problem->field, "body") != 0)
        out_text(out, NULL, problem->field);
    out_array_end(out);
    out_text(out, "msg", problem->text);
    out_text(out, "type", type_of(problem));
    if (problem->value[0])
        out_text(out, "input", problem->value);
    if (problem->allowed[0]) {
        out_object(out, "ctx");
        out_text(out, "allowed", problem->allowed);
        out_object_end(out);
    }
    out_object_end(out);
    out_array_end(out);
    out_text(out, "message", problem->text);
}

struct platform {
    int status;
    const char *type; /* NULL: none */
};

static struct platform platform_of(const struct dialect_refusal *refusal)
{
    switch (refusal->problem->kind) {
    case API_BALANCE:
    case API_BUDGET: return (struct platform){403, NULL};
    case API_RATE_LIMIT:
    case API_QUEUE_FULL: return (struct platform){429, "concurrent_requests_limit"};
    case API_BUSY: return (struct platform){503, "runner_scheduling_failure"};
    case API_TIMEOUT: return (struct platform){504, "request_timeout"};
    case API_INTERNAL: return (struct platform){500, "internal_error"};
    case API_CONFLICT:
    case API_REUSED_KEY: return (struct platform){400, "bad_request"};
    default: return (struct platform){refusal->status, NULL};
    }
}

static void platform_write(struct out *out, const struct api_problem *problem, const struct platform *platform)
{
    const bool locked = problem->kind == API_BALANCE || problem->kind == API_BUDGET;
    char text[1100];
    snprintf(text, sizeof text, "%s%s", locked ? "User is locked. Reason: Exhausted balance. " : "", problem->text);
    out_text(out, "detail", text);
    if (platform->type)
        out_text(out, "error_type", platform->type);
    out_text(out, "message", text);
}

void fal_refuse(const struct dialect *dialect, const struct dialect_refusal *refusal,
                const struct http_request *request, struct http_response *response)
{
    struct api_problem problem = *refusal->problem;
    struct platform platform = platform_of(refusal);
    const bool input = is_input(refusal);
    struct out out;
    dialect_rename(&problem, names);
    out_init(&out, &response->body, NULL);
    out_object(&out, NULL);
    if (input)
        input_write(&out, &problem);
    else
        platform_write(&out, &problem, &platform);
    out_object_end(&out);
    if (dialect_refusal_end(&out, response, input ? 422 : platform.status) < 0)
        return;
    http_response_header(response, "X-Fal-Retryable", problem.retry_after_s > 0 ? "true" : "false", NULL);
    if (!input && platform.type)
        http_response_header(response, "X-Fal-Error-Type", platform.type, NULL);
}
