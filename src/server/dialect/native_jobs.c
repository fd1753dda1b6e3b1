/* /conch/v1/jobs and /conch/v1/estimate. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/dialect/native.h"

/* ---- create ---- */

static int render_created(void *context, const void *job, int *ret_status, struct buf *ret_body, conch_error *err)
{
    int rc = native_render_job(context, job, ret_status, ret_body, err);
    *ret_status = 201;
    return rc;
}

static int location(struct dialect_call *call, const struct api_job *job)
{
    char text[HTTP_VALUE_BYTES_MAX];
    conch_error err = {0};
    snprintf(text, sizeof text, "/conch/v1/jobs/%lld", (long long)job->row.job.id);
    return http_response_header(call->response, "Location", text, &err) < 0 ? dialect_trouble(&call->problem, &err) : 0;
}

int native_job_create(struct dialect_call *call)
{
    struct native_submit read;
    struct native_once once;
    struct api_job job = {0};
    int rc = native_submit_read(call, &read);
    if (rc == 0)
        rc = native_once(call, render_created, &once);
    if (rc == 0) {
        rc = api_job_submit(call->api, call->caller, &read.submit, &once.once, &job, &call->problem);
        if (rc == 0)
            rc = dialect_once_answer(call, &once.once);
        if (rc == 0 && !once.once.replayed)
            rc = location(call, &job);
        buf_finish(&once.once.body);
        api_job_finish(&job);
    }
    native_submit_finish(&read);
    return rc;
}

/* ---- estimate ---- */

static void milliseconds(struct out *out, const char *key, int64_t ms)
{
    if (ms >= 0)
        out_real(out, key, (double)ms / 1000);
    else
        out_null(out, key);
}

static void write_purses(struct out *out, const struct api_estimate *estimate)
{
    out_array(out, "purses");
    for (size_t i = 0; i < estimate->purse_count; i++) {
        const struct api_purse *purse = &estimate->purses[i];
        out_object(out, NULL);
        out_text(out, "purse", purse->name);
        out_text(out, "unit", native_unit(purse->unit));
        out_integer(out, "amount", purse->amount);
        out_integer(out, "available", purse->available);
        out_object_end(out);
    }
    out_array_end(out);
}

static void write_estimate(struct out *out, const struct api_estimate *estimate)
{
    const struct catalog_resolved *resolved = &estimate->resolved;
    out_object(out, NULL);
    out_text(out, "object", "estimate");
    out_text(out, "model", resolved->model->slug);
    out_text(out, "served_by", estimate->served_by);
    out_text(out, "backend", estimate->backend);
    out_flag(out, "sandbox", estimate->sandbox);
    out_text(out, "mode", catalog_mode_name(resolved->mode));
    out_text(out, "resolution", resolved->output->resolution);
    out_text(out, "ratio", resolved->ratio);
    out_integer(out, "seconds", resolved->seconds);
    native_positive(out, "width", resolved->output->width);
    native_positive(out, "height", resolved->output->height);
    native_positive(out, "fps", (int64_t)resolved->model->fps);
    out_object(out, "price");
    out_text(out, "unit", native_unit(estimate->unit));
    out_text(out, "purse", estimate->purse);
    out_integer(out, "amount", estimate->amount);
    native_positive(out, "list_microusd", estimate->list_microusd);
    out_object_end(out);
    out_integer(out, "available", estimate->available);
    out_flag(out, "affordable", estimate->affordable);
    write_purses(out, estimate);
    milliseconds(out, "wait_seconds", estimate->wait_ms);
    milliseconds(out, "run_seconds", estimate->run_ms);
    out_text(out, "prompt_used", *estimate->prompt_used ? estimate->prompt_used : NULL);
    if (json_is_array(estimate->notes))
        out_json(out, "notes", estimate->notes);
    else
        out_raw(out, "notes", "[]");
    out_object_end(out);
}

static int render_estimate(void *context, const void *estimate, int *ret_status, struct buf *ret_body, conch_error *err)
{
    struct out out;
    (void)context;
    out_init(&out, ret_body, err);
    write_estimate(&out, estimate);
    *ret_status = 200;
    return out_finish(&out);
}

static int estimate_make(struct dialect_call *call, const struct native_submit *read, struct native_once *once)
{
    struct api_estimate estimate = {0};
    if (api_estimate(call->api, call->caller, &read->submit, &estimate, &call->problem) < 0)
        return -1;
    int rc = api_once_end(call->api, call->caller, &once->once, &estimate, &call->problem);
    api_estimate_finish(&estimate);
    return rc;
}

int native_estimate(struct dialect_call *call)
{
    struct native_submit read;
    struct native_once once = {0};
    int rc = native_submit_read(call, &read);
    if (rc == 0)
        rc = native_repeatable(call, render_estimate, &once);
    if (rc == 0)
        rc = estimate_make(call, &read, &once);
    native_submit_finish(&read);
    return native_repeatable_end(call, &once, rc);
}

/* ---- get, list ---- */

int native_job_get(struct dialect_call *call)
{
    struct api_job job = {0};
    int64_t id;
    if (dialect_parameter_id(call, "id", &id) < 0 || api_job_get(call->api, call->caller, id, &job, &call->problem) < 0)
        return -1;
    int rc = native_answer_job(call, &job);
    api_job_finish(&job);
    return rc;
}

/* Words of state, and of status where no state has that word. */
static int states_read(struct dialect_call *call, unsigned *ret)
{
    const char *text = http_query(call->request, "state");
    *ret = 0;
    while (text && *text) {
        size_t size = strcspn(text, ",");
        unsigned bits = 0, bucket_bits = 0;
        for (int i = 0; i < JOB_STATES; i++) {
            const char *state = job_state_name((enum job_state)i);
            const char *bucket = job_bucket_name(job_bucket((enum job_state)i));
            if (strlen(state) == size && memcmp(state, text, size) == 0)
                bits |= 1u << i;
            if (strlen(bucket) == size && memcmp(bucket, text, size) == 0)
                bucket_bits |= 1u << i;
        }
        if (!bits && !bucket_bits) {
            static const char allowed[] =
                "queued, submitting, running, storing, succeeded, failed, blocked, cancelled, "
                "unknown, pending, processing, success";
            api_refuse(&call->problem, API_INVALID, "state", "there is no state '%.*s': there are %s",
                       size > 40 ? 40 : (int)size, text, allowed);
            snprintf(call->problem.value, sizeof call->problem.value, "%.*s", size > 40 ? 40 : (int)size, text);
            strcpy(call->problem.allowed, allowed);
            return -1;
        }
        *ret |= bits ? bits : bucket_bits;
        text += size + (text[size] == ',');
    }
    return 0;
}

static int accepted_read(struct dialect_call *call, int *ret)
{
    const char *text = http_query(call->request, "accepted");
    *ret = 0;
    if (!text || !*text)
        return 0;
    *ret = strcmp(text, "true") == 0 ? 1 : strcmp(text, "false") == 0 ? -1 : strcmp(text, "none") == 0 ? 2 : 0;
    if (*ret)
        return 0;
    api_refuse(&call->problem, API_INVALID, "accepted", "accepted is '%.40s', but must be true, false or none", text);
    strcpy(call->problem.allowed, "true, false, none");
    return -1;
}

static const char *query_or_null(const struct dialect_call *call, const char *name)
{
    const char *value = http_query(call->request, name);
    return value && *value ? value : NULL;
}

static int filter_read(struct dialect_call *call, struct store_job_filter *ret)
{
    const struct http_request *request = call->request;
    *ret = (struct store_job_filter){.model = query_or_null(call, "model"),
                                     .mode = query_or_null(call, "mode"),
                                     .dialect = query_or_null(call, "dialect"),
                                     .task = query_or_null(call, "task"),
                                     .text = query_or_null(call, "q")};
    if (states_read(call, &ret->states) < 0 || accepted_read(call, &ret->accepted) < 0 ||
        dialect_query_id(request, "key_id", &ret->key_id, &call->problem) < 0 ||
        dialect_query_time(request, "from", &ret->from_ms, &call->problem) < 0 ||
        dialect_query_time(request, "until", &ret->until_ms, &call->problem) < 0)
        return -1;
    return 0;
}

static int answer_list(struct dialect_call *call, const struct api_job_list *list)
{
    struct out out;
    conch_error err = {0};
    struct native_view view = native_view(call);
    dialect_answer_begin(call, &out, &err);
    native_list_begin(&out);
    for (size_t i = 0; i < list->count; i++)
        native_job(&out, NULL, &view, &list->jobs[i]);
    native_list_end(&out, &(struct native_list_end){.more = list->more,
                                                    .last_id = list->count ? list->jobs[list->count - 1].row.job.id : 0,
                                                    .with_total = true,
                                                    .total = list->total});
    return dialect_answer_end(call, &out, 200);
}

int native_job_list(struct dialect_call *call)
{
    static const char *const known[] = {"state",  "model", "mode",     "dialect", "task",   "q",     "from", "until",
                                        "key_id", "total", "accepted", "limit",   "before", "after", NULL};
    struct store_job_filter filter;
    struct store_page page;
    struct api_job_list list = {0};
    bool total = false;
    if (dialect_known_queries(call->request, known, &call->problem) < 0 || filter_read(call, &filter) < 0 ||
        native_page(call, &page) < 0 || dialect_query_flag(call->request, "total", &total, &call->problem) < 0 ||
        api_job_list(call->api, call->caller, &filter, &page, total, &list, &call->problem) < 0)
        return -1;
    int rc = answer_list(call, &list);
    api_job_list_finish(&list);
    return rc;
}

/* ---- what is done to one ---- */

int native_job_cancel(struct dialect_call *call)
{
    struct native_once once;
    struct api_job job = {0};
    int64_t id;
    if (dialect_parameter_id(call, "id", &id) < 0 || native_once(call, native_render_job, &once) < 0)
        return -1;
    int rc = api_job_cancel(call->api, call->caller, id, &once.once, &job, &call->problem);
    if (rc == 0)
        rc = dialect_once_answer(call, &once.once);
    buf_finish(&once.once.body);
    api_job_finish(&job);
    return rc;
}

int native_job_delete(struct dialect_call *call)
{
    struct out out;
    conch_error err = {0};
    int64_t id;
    if (dialect_parameter_id(call, "id", &id) < 0 || api_job_delete(call->api, call->caller, id, &call->problem) < 0)
        return -1;
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    out_id(&out, "id", id);
    out_text(&out, "object", "job");
    out_flag(&out, "deleted", true);
    out_object_end(&out);
    return dialect_answer_end(call, &out, 200);
}

/* What restore, review and give-up have in common: the job afterwards is the answer. */
typedef int job_verb(struct dialect_call *call, int64_t id, struct api_job *ret);

static int job_answer(struct dialect_call *call, job_verb *verb)
{
    struct native_once once;
    struct api_job job = {0};
    int64_t id;
    if (dialect_parameter_id(call, "id", &id) < 0)
        return -1;
    int rc = native_repeatable(call, native_render_job, &once);
    if (rc == 0)
        rc = verb(call, id, &job);
    if (rc == 0)
        rc = api_once_end(call->api, call->caller, &once.once, &job, &call->problem);
    api_job_finish(&job);
    return native_repeatable_end(call, &once, rc);
}

static int restore(struct dialect_call *call, int64_t id, struct api_job *ret)
{
    if (api_job_restore(call->api, call->caller, id, &call->problem) < 0)
        return -1;
    return api_job_get(call->api, call->caller, id, ret, &call->problem);
}

int native_job_restore(struct dialect_call *call)
{
    return job_answer(call, restore);
}

static int review(struct dialect_call *call, int64_t id, struct api_job *ret)
{
    static const char *const known[] = {"accepted", "note", NULL};
    const char *note = NULL;
    bool accepted = false;
    const json_t *value = json_object_get(call->json, "accepted");
    if (dialect_known(call->json, known, &call->problem) < 0 ||
        dialect_flag(call->json, "accepted", &accepted, &call->problem) < 0 ||
        dialect_text(call->json, "note", &note, &call->problem) < 0)
        return -1;
    if (value)
        return api_job_accept(call->api, call->caller, id,
                              json_is_null(value) ? 0
                              : accepted          ? 1
                                                  : -1,
                              note, ret, &call->problem);
    api_refuse(&call->problem, API_INVALID, "accepted", "accepted is missing: true, false, or null to take it back");
    strcpy(call->problem.allowed, "true, false, null");
    return -1;
}

int native_job_review(struct dialect_call *call)
{
    return job_answer(call, review);
}

static int give_up(struct dialect_call *call, int64_t id, struct api_job *ret)
{
    static const char *const known[] = {"charge", NULL};
    bool charge = false;
    if (dialect_known(call->json, known, &call->problem) < 0 ||
        dialect_flag(call->json, "charge", &charge, &call->problem) < 0)
        return -1;
    if (!json_is_boolean(json_object_get(call->json, "charge")))
        return api_refuse(&call->problem, API_INVALID, "charge", "charge is missing: true or false");
    return api_job_give_up(call->api, call->caller, id, charge, ret, &call->problem);
}

int native_job_give_up(struct dialect_call *call)
{
    return job_answer(call, give_up);
}

/* ---- what belongs to one ---- */

int native_job_preview(struct dialect_call *call)
{
    void *data = NULL;
    size_t size = 0;
    int64_t id;
    conch_error err = {0};
    struct http_response *response = call->response;
    if (dialect_parameter_id(call, "id", &id) < 0 ||
        api_job_preview(call->api, call->caller, id, &data, &size, &call->problem) < 0)
        return -1;
    bool png = size >= 4 && memcmp(data, "\x89PNG", 4) == 0;
    int rc = buf_append(&response->body, data, size, &err);
    free(data);
    if (rc == 0)
        rc = http_response_header(response, "Content-Type", png ? "image/png" : "image/jpeg", &err);
    if (rc == 0)
        rc = http_response_header(response, "Cache-Control", "no-store", &err);
    if (rc < 0)
        return dialect_trouble(&call->problem, &err);
    response->kind = HTTP_BODY_MEMORY;
    response->status = 200;
    return 0;
}

static int send_result(struct dialect_call *call, bool poster)
{
    struct api_job job = {0};
    int64_t id;
    int rc = 0;
    if (dialect_parameter_id(call, "id", &id) < 0 ||
        dialect_query_flag(call->request, "download", &call->file.attachment, &call->problem) < 0 ||
        api_job_get(call->api, call->caller, id, &job, &call->problem) < 0)
        return -1;
    const struct store_file *file = poster ? &job.poster : &job.file;
    if (!file->id || file->deleted_ms) {
        bool gone = job.row.job.state == JOB_SUCCEEDED;
        rc = api_refuse(&call->problem, API_NOT_FOUND, "id", "job %lld has no %s%s (it is %s)", (long long)id,
                        poster ? "poster" : "clip", gone ? " any more" : " yet", job_state_name(job.row.job.state));
    } else {
        call->file.file = *file;
        call->outcome = DIALECT_FILE;
    }
    api_job_finish(&job);
    return rc;
}

int native_job_content(struct dialect_call *call)
{
    return send_result(call, false);
}

int native_job_poster(struct dialect_call *call)
{
    return send_result(call, true);
}
