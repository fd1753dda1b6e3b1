#include "server/dialect/native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/dialect/dialect_webhook.h"

#define V1 "/conch/v1"

enum { READ = STORE_SCOPE_READ, MAKE = STORE_SCOPE_GENERATE, USAGE = STORE_SCOPE_USAGE, KEYS = STORE_SCOPE_KEYS };
enum { ADMIN = STORE_SCOPE_ADMIN, FAST = DIALECT_FAST, OPEN = DIALECT_OPEN };
/* as macros: enumerations of their own would not be the types of the fields */
#define NONE   DIALECT_BODY_NONE
#define JSON   DIALECT_BODY_JSON
#define FORM   DIALECT_BODY_FORM
#define BOTH   DIALECT_BODY_BOTH
#define SMALL  DIALECT_SIZE_SMALL
#define LONG   DIALECT_SIZE_JSON
#define UPLOAD DIALECT_SIZE_UPLOAD

static const struct dialect_route routes[] = {
    {HTTP_POST, V1 "/jobs", MAKE, 0, BOTH, LONG, native_job_create},
    {HTTP_GET, V1 "/jobs", READ, 0, NONE, SMALL, native_job_list},
    {HTTP_GET, V1 "/jobs/{id}", READ, FAST, NONE, SMALL, native_job_get},
    {HTTP_DELETE, V1 "/jobs/{id}", MAKE, 0, NONE, SMALL, native_job_delete},
    {HTTP_POST, V1 "/jobs/{id}/cancel", MAKE, 0, NONE, SMALL, native_job_cancel},
    {HTTP_POST, V1 "/jobs/{id}/restore", MAKE, 0, NONE, SMALL, native_job_restore},
    {HTTP_POST, V1 "/jobs/{id}/review", MAKE, 0, JSON, SMALL, native_job_review},
    {HTTP_POST, V1 "/jobs/{id}/give-up", ADMIN, 0, JSON, SMALL, native_job_give_up},
    {HTTP_GET, V1 "/jobs/{id}/events", READ, 0, NONE, SMALL, native_job_events},
    {HTTP_GET, V1 "/events", READ, 0, NONE, SMALL, native_events},
    {HTTP_GET, V1 "/jobs/{id}/preview", READ, 0, NONE, SMALL, native_job_preview},
    {HTTP_GET, V1 "/jobs/{id}/content", READ, 0, NONE, SMALL, native_job_content},
    {HTTP_GET, V1 "/jobs/{id}/poster", READ, 0, NONE, SMALL, native_job_poster},
    {HTTP_POST, V1 "/estimate", READ, 0, BOTH, LONG, native_estimate},
    {HTTP_GET, V1 "/models", READ, 0, NONE, SMALL, native_model_list},
    {HTTP_GET, V1 "/models/{provider}/{name}", READ, 0, NONE, SMALL, native_model_get},
    {HTTP_GET, V1 "/models/{name}", READ, 0, NONE, SMALL, native_model_by_name},
    {HTTP_POST, V1 "/files", MAKE, 0, FORM, UPLOAD, native_file_create},
    {HTTP_GET, V1 "/files", READ, 0, NONE, SMALL, native_file_list},
    {HTTP_GET, V1 "/files/{id}", READ, 0, NONE, SMALL, native_file_get},
    {HTTP_DELETE, V1 "/files/{id}", MAKE, 0, NONE, SMALL, native_file_delete},
    {HTTP_GET, V1 "/files/{id}/content", READ, 0, NONE, SMALL, native_file_content},
    {HTTP_POST, V1 "/files/{id}/link", READ, 0, JSON, SMALL, native_file_link},
    {HTTP_GET, "/files/{id}/{expires}/{mac}/{name}", 0, OPEN, NONE, SMALL, native_link_open},
    {HTTP_GET, V1 "/account", USAGE, 0, NONE, SMALL, native_account},
    {HTTP_GET, V1 "/statement", USAGE, 0, NONE, SMALL, native_statement},
    {HTTP_GET, V1 "/usage", USAGE, 0, NONE, SMALL, native_usage},
    {HTTP_GET, V1 "/webhook-secret", MAKE, 0, NONE, SMALL, native_webhook_secret},
    {HTTP_GET, V1 "/keys", KEYS, 0, NONE, SMALL, native_key_list},
    {HTTP_POST, V1 "/keys", KEYS, 0, JSON, SMALL, native_key_create},
    {HTTP_DELETE, V1 "/keys/{id}", KEYS, 0, NONE, SMALL, native_key_revoke},
    {HTTP_GET, V1 "/accounts", ADMIN, 0, NONE, SMALL, native_account_list},
    {HTTP_POST, V1 "/accounts", ADMIN, 0, JSON, SMALL, native_account_create},
    {HTTP_POST, V1 "/accounts/{id}/grants", ADMIN, 0, JSON, SMALL, native_grant},
    {HTTP_GET, V1 "/workers", ADMIN, 0, NONE, SMALL, native_worker_list},
    {HTTP_GET, V1 "/openapi.json", 0, OPEN, NONE, SMALL, native_openapi},
    {HTTP_GET, "/healthz", 0, OPEN | FAST, NONE, SMALL, native_healthz},
    {HTTP_GET, "/readyz", 0, OPEN, NONE, SMALL, native_readyz},
};

/* ---- refusals ---- */

static const char *refusal_code(const struct dialect_refusal *refusal)
{
    switch (refusal->status) {
    case 405: return "method_not_allowed";
    case 408: return "timeout";
    case 431: return "headers_too_large";
    case 507: return "disk_full";
    default: return api_kind_name(refusal->problem->kind);
    }
}

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static void refuse(const struct dialect *dialect, const struct dialect_refusal *refusal,
                   const struct http_request *request, struct http_response *response)
{
    const struct api_problem *problem = refusal->problem;
    struct out out;
    out_init(&out, &response->body, NULL);
    out_object(&out, NULL);
    out_object(&out, "error");
    out_text(&out, "code", refusal_code(refusal));
    out_text(&out, "message", problem->text);
    out_text(&out, "field", or_null(problem->field));
    out_text(&out, "value", or_null(problem->value));
    out_text(&out, "allowed", or_null(problem->allowed));
    native_positive(&out, "retry_after", problem->retry_after_s);
    out_object_end(&out);
    out_text(&out, "request_id", request->id);
    out_object_end(&out);
    if (dialect_refusal_end(&out, response, refusal->status) < 0)
        return;
    if (refusal->status == 401)
        http_response_header(response, "WWW-Authenticate", "Bearer", NULL);
}

/* ---- callbacks ---- */

int native_format(struct dialect_call *call, const char *type, const char *const names[2], bool *ret_first)
{
    const char *format = http_query(call->request, "format");
    const char *accept = http_header(call->request, "Accept");
    *ret_first = accept && strncmp(accept, type, strlen(type)) == 0;
    if (!format || !*format)
        return 0;
    *ret_first = strcmp(format, names[0]) == 0;
    if (*ret_first || strcmp(format, names[1]) == 0)
        return 0;
    api_refuse(&call->problem, API_INVALID, "format", "format is '%.40s', but must be %s or %s", format, names[0],
               names[1]);
    snprintf(call->problem.allowed, sizeof call->problem.allowed, "%s, %s", names[0], names[1]);
    return -1;
}

static int callback_body(struct api *api, const struct api_job *job, const char *kind, const char *origin,
                         int64_t now_ms, struct buf *ret_body, conch_error *err)
{
    struct out out;
    struct native_view view = {api, origin, now_ms};
    out_init(&out, ret_body, err);
    out_object(&out, NULL);
    out_format(&out, "type", "job.%s", kind);
    out_time(&out, "timestamp", now_ms);
    native_job(&out, "data", &view, job);
    out_object_end(&out);
    return out_finish(&out);
}

/* With the operator's secret where there is one, which the relay has; else with what /webhook-secret shows. */
static int callback_sign(struct api *api, const struct dialect_message *message, struct dialect_header *ret,
                         size_t *ret_count, conch_error *err)
{
    return api_webhook_secret_own(api) ? dialect_webhook_sign(api, message, ret, ret_count, err)
                                       : CONCH_ERR_UNSUPPORTED;
}

static const char *const prefixes[] = {"", NULL};
static const char *const callback_styles[] = {"conch", NULL};

const struct dialect dialect_conch = {.name = "conch",
                                      .prefixes = prefixes,
                                      .routes = routes,
                                      .route_count = ARRAY_LEN(routes),
                                      .refuse = refuse,
                                      .callback_styles = callback_styles,
                                      .callback_body = callback_body,
                                      .callback_sign = callback_sign};

/* ---- what the handlers share ---- */

struct native_view native_view(const struct dialect_call *call)
{
    return (struct native_view){call->api, call->request->origin, call->now_ms};
}

const char *native_unit(enum ledger_unit unit)
{
    return unit == LEDGER_MICROUSD ? "microusd" : "millicredit";
}

void native_positive(struct out *out, const char *key, int64_t value)
{
    if (value > 0)
        out_integer(out, key, value);
    else
        out_null(out, key);
}

int native_page(struct dialect_call *call, struct store_page *ret)
{
    int64_t limit = NATIVE_PAGE_DEFAULT;
    *ret = (struct store_page){0};
    if (dialect_query_integer(call->request, "limit", 1, STORE_PAGE_MAX, &limit, &call->problem) < 0 ||
        dialect_query_id(call->request, "before", &ret->before_id, &call->problem) < 0 ||
        dialect_query_id(call->request, "after", &ret->after_id, &call->problem) < 0)
        return -1;
    if (ret->before_id && ret->after_id)
        return api_refuse(&call->problem, API_INVALID, "after",
                          "before and after are sent both; allowed is one of them");
    ret->ascending = ret->after_id != 0;
    ret->count = (size_t)limit;
    return 0;
}

int native_account_id(struct dialect_call *call, int64_t *ret_id)
{
    *ret_id = 0;
    return dialect_query_id(call->request, "account_id", ret_id, &call->problem);
}

int native_rows(struct dialect_call *call, struct store_page *page, size_t row_bytes, struct native_rows *ret)
{
    if (page->count < STORE_PAGE_MAX) /* the store gives no more at a time: a page of that many shows one less */
        page->count++;
    ret->limit = page->count - 1;
    ret->data = calloc(page->count, row_bytes);
    if (!ret->data)
        return api_refuse(&call->problem, API_BUSY, "", "no memory for the list");
    return 0;
}

int native_no_store(struct dialect_call *call)
{
    conch_error err = {0};
    if (http_response_header(call->response, "Cache-Control", "no-store", &err) < 0)
        return dialect_trouble(&call->problem, &err);
    return 0;
}

void native_list_begin(struct out *out)
{
    out_object(out, NULL);
    out_text(out, "object", "list");
    out_array(out, "data");
}

void native_list_end(struct out *out, const struct native_list_end *end)
{
    out_array_end(out);
    out_flag(out, "has_more", end->more);
    out_id(out, "next", end->more ? end->last_id : 0);
    if (end->with_total && end->total >= 0)
        out_integer(out, "total", end->total);
    else if (end->with_total)
        out_null(out, "total");
    out_object_end(out);
}

int native_once(struct dialect_call *call, native_render *render, struct native_once *ret)
{
    snprintf(ret->scope, sizeof ret->scope, "POST %s", call->request->path);
    return dialect_once(call, ret->scope, render, &ret->digest, &ret->once);
}

int native_repeatable(struct dialect_call *call, native_render *render, struct native_once *ret)
{
    *ret = (struct native_once){0};
    if (native_once(call, render, ret) < 0)
        return -1;
    return api_once_begin(call->api, call->caller, &ret->once, &call->problem);
}

int native_repeatable_end(struct dialect_call *call, struct native_once *once, int rc)
{
    if (rc >= 0)
        return dialect_once_answer(call, &once->once);
    buf_finish(&once->once.body);
    return -1;
}
