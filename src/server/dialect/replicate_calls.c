/* The calls about predictions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "server/dialect/dialect_media.h"
#include "server/dialect/dialect_webhook.h"
#include "server/dialect/replicate.h"

const char *replicate_base(const struct http_request *request)
{
    return text_begins(request->path, "/replicate/") ? "/replicate/v1" : "/v1";
}

static struct replicate_view view_of(const struct dialect_call *call)
{
    return (struct replicate_view){.origin = call->request->origin, .base = replicate_base(call->request)};
}

static int answer(struct dialect_call *call, int status, const struct api_job *job, bool starting)
{
    struct replicate_view view = view_of(call);
    struct out out;
    conch_error err = {0};
    view.starting = starting;
    dialect_answer_begin(call, &out, &err);
    replicate_prediction_show(call->api, &out, NULL, &view, job);
    return dialect_answer_end(call, &out, status);
}

/* ---- create ---- */

static int created_render(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    struct dialect_call *call = context;
    struct replicate_view view = view_of(call);
    struct out out;
    view.starting = true;
    out_init(&out, ret_body, err);
    replicate_prediction_show(call->api, &out, NULL, &view, result);
    *ret_status = 201;
    return out_finish(&out);
}

/* Either the end, or "starting": the official client takes any other word for the end, without an output. */
static int wait_answer(struct dialect_call *call, int64_t id, int64_t wait_ms)
{
    struct api_job job;
    if (api_job_wait(call->api, call->caller, id, wait_ms, &job, &call->problem) < 0)
        return -1;
    const int rc = answer(call, 201, &job, !job_terminal(job.row.job.state));
    api_job_finish(&job);
    return rc;
}

/* A name that is no model's is an address without anything behind it. */
static int model_check(struct dialect_call *call, const char *name)
{
    struct api_model model;
    if (api_model_get(call->api, name, &model, &call->problem) == 0)
        return 0;
    return api_refuse(&call->problem, API_NOT_FOUND, "", "there is no model %.100s here", name);
}

static int create(struct dialect_call *call, const char *name)
{
    const int64_t wait_ms = replicate_prefer_ms(http_header(call->request, "Prefer"));
    struct replicate_input input;
    struct dialect_digest digest;
    struct api_once once;
    struct api_job job;
    char scope[96];
    if (replicate_input_read(call->json, name, call->request->origin, &input, &call->problem) < 0 ||
        model_check(call, input.submit.model) < 0)
        return -1;
    dialect_own_links(call, input.media, input.submit.media_count);
    snprintf(scope, sizeof scope, "POST /v1/predictions %.70s", name);
    if (dialect_once(call, scope, created_render, &digest, &once) < 0)
        return -1;
    if (api_job_submit(call->api, call->caller, &input.submit, &once, &job, &call->problem) < 0) {
        buf_finish(&once.body);
        return -1;
    }
    const int64_t id = once.replayed ? 0 : job.row.job.id;
    if (!once.replayed)
        api_job_finish(&job);
    if (!id || !wait_ms)
        return dialect_once_answer(call, &once);
    buf_finish(&once.body);
    return wait_answer(call, id, wait_ms);
}

int replicate_model_prediction_create(struct dialect_call *call)
{
    char name[REPLICATE_NAME_MAX];
    snprintf(name, sizeof name, "%.95s/%.95s", dialect_parameter(call, "owner"), dialect_parameter(call, "name"));
    return create(call, name);
}

int replicate_prediction_create(struct dialect_call *call)
{
    const char *version = NULL;
    char name[REPLICATE_NAME_MAX];
    bool is_name;
    if (dialect_text(call->json, "version", &version, &call->problem) < 0 ||
        (!version && dialect_text(call->json, "model", &version, &call->problem) < 0))
        return -1;
    if (!version)
        return api_refuse(&call->problem, API_INVALID, "version", "version is missing: OWNER/NAME or a version's id");
    if (!replicate_name_split(version, name, &is_name))
        return api_refuse(&call->problem, API_INVALID, "version", "version is no OWNER/NAME and no version's id");
    if (!is_name && replicate_model_of_version(call, version, name) < 0)
        return -1;
    return create(call, name);
}

/* ---- one ---- */

static int id_read(struct dialect_call *call, int64_t *ret_id)
{
    const char *text = dialect_parameter(call, "id");
    if (dialect_id_parse(text, ret_id))
        return 0;
    return api_refuse(&call->problem, API_NOT_FOUND, "", "there is no prediction %.40s", text);
}

static int missing(struct dialect_call *call, int64_t id)
{
    return call->problem.kind == API_NOT_FOUND
               ? api_refuse(&call->problem, API_NOT_FOUND, "", "there is no prediction %lld", (long long)id)
               : -1;
}

/* Polls of unfinished ones read the row alone. */
int replicate_prediction_get(struct dialect_call *call)
{
    struct api_job job;
    int64_t id;
    if (id_read(call, &id) < 0)
        return -1;
    if (api_job_peek(call->api, call->caller, id, &job, &call->problem) < 0)
        return missing(call, id);
    if (job.row.job.state == JOB_SUCCEEDED) {
        api_job_finish(&job);
        if (api_job_get(call->api, call->caller, id, &job, &call->problem) < 0)
            return missing(call, id);
    }
    const int rc = answer(call, 200, &job, false);
    api_job_finish(&job);
    return rc;
}

/* One that has ended stays as it is. */
int replicate_prediction_cancel(struct dialect_call *call)
{
    struct api_job job;
    int64_t id;
    if (id_read(call, &id) < 0)
        return -1;
    if (api_job_cancel(call->api, call->caller, id, NULL, &job, &call->problem) < 0 &&
        (call->problem.kind != API_CONFLICT || api_job_get(call->api, call->caller, id, &job, &call->problem) < 0))
        return missing(call, id);
    const int rc = answer(call, 200, &job, false);
    api_job_finish(&job);
    return rc;
}

/* ---- list ---- */

/* cursor: 'b' and the id below which a page begins, or 'a' and the id above which it does. */
static int page_read(struct dialect_call *call, struct store_page *ret)
{
    const char *cursor = http_query(call->request, "cursor");
    int64_t id;
    *ret = (struct store_page){.count = REPLICATE_PAGE};
    if (!cursor || !*cursor)
        return 0;
    if ((*cursor != 'b' && *cursor != 'a') || !dialect_id_parse(cursor + 1, &id))
        return api_refuse(&call->problem, API_INVALID, "cursor",
                          "cursor is '%.40s'; allowed: what next and previous of a page hold", cursor);
    ret->ascending = *cursor == 'a';
    if (ret->ascending)
        ret->after_id = id;
    else
        ret->before_id = id;
    return 0;
}

static void page_link(struct dialect_call *call, struct out *out, const char *key, char side, int64_t id)
{
    if (id)
        out_format(out, key, "%s%s/predictions?cursor=%c%lld", call->request->origin, replicate_base(call->request),
                   side, (long long)id);
    else
        out_null(out, key);
}

int replicate_prediction_list(struct dialect_call *call)
{
    const struct store_job_filter filter = {.task = "generation"};
    struct replicate_view view = view_of(call);
    struct api_job_list list;
    struct store_page page;
    struct out out;
    conch_error err = {0};
    if (page_read(call, &page) < 0 ||
        api_job_list(call->api, call->caller, &filter, &page, false, &list, &call->problem) < 0)
        return -1;
    const bool back = page.ascending;
    const int64_t first = list.count ? list.jobs[back ? list.count - 1 : 0].row.job.id : 0;
    const int64_t last = list.count ? list.jobs[back ? 0 : list.count - 1].row.job.id : 0;
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    page_link(call, &out, "previous", 'a', (back ? list.more : page.before_id != 0) ? first : 0);
    page_link(call, &out, "next", 'b', (back || list.more) ? last : 0);
    out_array(&out, "results");
    for (size_t i = 0; i < list.count; i++)
        replicate_prediction_show(call->api, &out, NULL, &view, &list.jobs[back ? list.count - 1 - i : i]);
    out_array_end(&out);
    out_object_end(&out);
    api_job_list_finish(&list);
    return dialect_answer_end(call, &out, 200);
}

/* ---- the account ---- */

int replicate_webhook_secret(struct dialect_call *call)
{
    struct dialect_webhook_secret secret;
    struct out out;
    conch_error err = {0};
    if (dialect_webhook_secret(call->api, call->caller->key.account_id, &secret, &err) < 0)
        return dialect_trouble(&call->problem, &err);
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    out_text(&out, "key", secret.text);
    out_object_end(&out);
    hash_wipe(&secret, sizeof secret);
    return dialect_answer_end(call, &out, 200);
}

int replicate_account(struct dialect_call *call)
{
    struct out out;
    conch_error err = {0};
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    out_text(&out, "type", "organization");
    out_id(&out, "username", call->caller->key.account_id);
    out_text(&out, "name", call->caller->key.name);
    out_object_end(&out);
    return dialect_answer_end(call, &out, 200);
}
