/* The calls about requests: submit, status, stream, result, cancel, and the synchronous host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "server/dialect/dialect_media.h"
#include "server/dialect/fal.h"

/* "ORIGIN/fal/APP" */
struct base {
    char text[512];
};
static struct base base_of(const struct dialect_call *call, const char *app)
{
    struct base base;
    snprintf(base.text, sizeof base.text, "%.250s/fal/%s", call->request->origin, app);
    return base;
}

/* The request's own id as the header that clients show. */
static int id_header(struct dialect_call *call, int64_t id)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)id);
    return http_response_header(call->response, "x-fal-request-id", text, NULL);
}

static int answer_text(struct dialect_call *call, int status, const char *json)
{
    conch_error err = {0};
    return http_response_text(call->response, status, "application/json", json, &err) < 0
               ? dialect_trouble(&call->problem, &err)
               : 0;
}

/* ---- submit ---- */

/* A name that is no model's is an address without anything behind it. */
static int model_check(struct dialect_call *call, const char *slug)
{
    struct api_model model;
    if (api_model_get(call->api, slug, &model, &call->problem) == 0)
        return 0;
    return api_refuse(&call->problem, API_NOT_FOUND, "", "Application '%.100s' not found", slug);
}

/* fal_max_queue_length: better refused than kept waiting. */
static int queue_check(struct dialect_call *call)
{
    int64_t most = -1;
    struct api_health health;
    if (dialect_query_integer(call->request, "fal_max_queue_length", 0, INT32_MAX, &most, &call->problem) < 0)
        return -1;
    if (most < 0)
        return 0;
    api_health(call->api, &health); /* whether it is well does not matter here */
    if (health.queued <= most)
        return 0;
    api_refuse(&call->problem, API_QUEUE_FULL, "", "%lld requests wait, which is more than the %lld that were allowed",
               (long long)health.queued, (long long)most);
    call->problem.retry_after_s = 5;
    return -1;
}

static int submitted_render(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    struct dialect_call *call = context;
    const struct api_job *job = result;
    struct fal_target target;
    struct out out;
    fal_target_read(HTTP_POST, fal_path(call), &target);
    const struct base base = base_of(call, target.app);
    out_init(&out, ret_body, err);
    fal_submitted_write(&out, base.text, job);
    *ret_status = 200;
    return out_finish(&out);
}

/* Makes the job; the answer is in *once. *ret_id: 0 for a replay. */
static int submit(struct dialect_call *call, const struct fal_target *target, struct api_once *once, int64_t *ret_id)
{
    struct fal_input input;
    struct dialect_digest digest;
    struct api_job job;
    char scope[96];
    if (model_check(call, target->endpoint.slug) < 0 || queue_check(call) < 0 ||
        fal_input_read(&target->endpoint, call->json, &input, &call->problem) < 0 ||
        fal_uploads_resolve(call, &input) < 0)
        return -1;
    dialect_own_links(call, input.media, input.submit.media_count);
    const char *webhook = http_query(call->request, "fal_webhook");
    if (webhook && *webhook) {
        input.submit.callback_url = webhook;
        input.submit.callback_style = "fal";
    }
    snprintf(scope, sizeof scope, "POST /fal/%.80s", target->path);
    if (dialect_once(call, scope, submitted_render, &digest, once) < 0)
        return -1;
    if (api_job_submit(call->api, call->caller, &input.submit, once, &job, &call->problem) < 0) {
        buf_finish(&once->body);
        return -1;
    }
    *ret_id = once->replayed ? 0 : job.row.job.id;
    if (!once->replayed)
        api_job_finish(&job);
    return 0;
}

static int submit_answer(struct dialect_call *call, const struct fal_target *target)
{
    struct api_once once;
    int64_t id;
    if (submit(call, target, &once, &id) < 0)
        return -1;
    if (id)
        id_header(call, id);
    return dialect_once_answer(call, &once);
}

/* ---- one request ---- */

static int find(struct dialect_call *call, const struct fal_target *target, struct api_job *ret)
{
    char text[DIALECT_ID_DIGITS_MAX + 1];
    const size_t size = strcspn(target->id, "/");
    int64_t id = 0;
    if (size < sizeof text) {
        memcpy(text, target->id, size);
        text[size] = '\0';
    }
    if (size >= sizeof text || !dialect_id_parse(text, &id))
        return api_refuse(&call->problem, API_NOT_FOUND, "", "Request not found");
    if (api_job_peek(call->api, call->caller, id, ret, &call->problem) < 0)
        return call->problem.kind == API_NOT_FOUND
                   ? api_refuse(&call->problem, API_NOT_FOUND, "", "Request %lld not found", (long long)id)
                   : -1;
    id_header(call, id);
    return 0;
}

/* With place and files, where those are needed. */
static int complete(struct dialect_call *call, struct api_job *job)
{
    const int64_t id = job->row.job.id;
    api_job_finish(job);
    return api_job_get(call->api, call->caller, id, job, &call->problem);
}

static int logs_wanted(struct dialect_call *call, bool *ret)
{
    *ret = false;
    return dialect_query_flag(call->request, "logs", ret, &call->problem);
}

static int logs_read(struct dialect_call *call, const struct api_job *job, struct fal_logs *ret)
{
    struct store_event_filter filter = {.job_id = job->row.job.id};
    struct store_event *events = calloc(FAL_LOGS_MAX, sizeof *events);
    *ret = (struct fal_logs){.events = events, .count = FAL_LOGS_MAX, .now = &job->row, .now_ms = call->now_ms};
    if (!events)
        return api_refuse(&call->problem, API_BUSY, "", "no memory for the log");
    if (api_event_list(call->api, call->caller, &filter, events, &ret->count, &call->problem) == 0)
        return 0;
    free(events);
    return -1;
}

static int status(struct dialect_call *call, const struct fal_target *target)
{
    struct api_job job;
    struct fal_logs logs = {0};
    struct out out;
    conch_error err = {0};
    bool wanted;
    if (logs_wanted(call, &wanted) < 0 || find(call, target, &job) < 0)
        return -1;
    int rc = job.row.job.state == JOB_QUEUED ? complete(call, &job) : 0;
    if (rc == 0 && wanted)
        rc = logs_read(call, &job, &logs);
    if (rc == 0) {
        const struct base base = base_of(call, target->app);
        dialect_answer_begin(call, &out, &err);
        fal_status_write(&out, base.text, &job, job.row.job.state, wanted ? &logs : NULL);
        rc = dialect_answer_end(call, &out, job_terminal(job.row.job.state) ? 200 : 202);
    }
    free((void *)logs.events);
    api_job_finish(&job);
    return rc;
}

/* ---- the stream of statuses ---- */

/* context: '1' with logs, then the base. mark: what was told last. Without logs only changes are told. */
static int stream_render(struct dialect_events *events, const struct store_event *event, struct buf *ret_name,
                         struct buf *ret_data, conch_error *err)
{
    const bool with_logs = events->context[0] == '1';
    const enum job_state state = event->event.to;
    const int64_t told = job_terminal(state) ? 3 : state == JOB_QUEUED ? 1 : 2;
    const struct fal_logs logs = {.events = event, .count = 1};
    struct api_job job;
    struct out out;
    const bool late = !event->id && (!event->step || state != JOB_RUNNING);
    if (events->mark == 3 || (events->mark == told && (!with_logs || late)))
        return 0;
    int rc = api_job_show(events->api, event->event.job_id, &job, err);
    if (rc < 0)
        return rc;
    events->mark = told;
    out_init(&out, ret_data, err);
    fal_status_write(&out, events->context + 1, &job, state, with_logs ? &logs : NULL);
    api_job_finish(&job);
    return out_finish(&out);
}

static int stream(struct dialect_call *call, const struct fal_target *target)
{
    struct api_job job;
    bool wanted;
    if (logs_wanted(call, &wanted) < 0 || find(call, target, &job) < 0)
        return -1;
    const struct base base = base_of(call, target->app);
    call->events = (struct dialect_events){.job_id = job.row.job.id,
                                           .account_id = job.row.account_id,
                                           .ended = job_terminal(job.row.job.state),
                                           .render = stream_render,
                                           .api = call->api};
    snprintf(call->events.context, sizeof call->events.context, "%c%.500s", wanted ? '1' : '0', base.text);
    call->outcome = DIALECT_EVENTS;
    api_job_finish(&job);
    return 0;
}

/* ---- result ---- */

static int output(struct dialect_call *call, const struct api_job *job)
{
    struct out out;
    conch_error err = {0};
    char *link = job->file.id ? api_file_link(call->api, call->request->origin, &job->file, 0, NULL) : NULL;
    if (!link)
        return api_refuse(&call->problem, API_NOT_FOUND, "",
                          "The clip of request %lld is gone: it was kept until its "
                          "time was over, or was deleted",
                          (long long)job->row.job.id);
    dialect_answer_begin(call, &out, &err);
    fal_output_write(&out, NULL, job, link);
    free(link);
    return dialect_answer_end(call, &out, 200);
}

static int failure(struct dialect_call *call, const struct api_job *job)
{
    struct out out;
    conch_error err = {0};
    dialect_answer_begin(call, &out, &err);
    fal_failure_write(&out, NULL, job);
    http_response_header(call->response, "X-Fal-Retryable", "false", NULL);
    http_response_header(call->response, "X-Fal-Error-Type", fal_failure_type(&job->row.job), NULL);
    return dialect_answer_end(call, &out, fal_failure_status(&job->row.job));
}

/* These very words are how one client knows that it has to wait. */
static int ended(struct dialect_call *call, const struct api_job *job)
{
    if (!job_terminal(job->row.job.state))
        return answer_text(call, 400, "{\"detail\":\"Request is still in progress\"}");
    return job->row.job.state == JOB_SUCCEEDED ? output(call, job) : failure(call, job);
}

static int result(struct dialect_call *call, const struct fal_target *target)
{
    struct api_job job;
    if (find(call, target, &job) < 0)
        return -1;
    int rc = job.row.job.state == JOB_SUCCEEDED ? complete(call, &job) : 0;
    if (rc == 0)
        rc = ended(call, &job);
    api_job_finish(&job);
    return rc;
}

/* ---- cancel ---- */

static int cancel(struct dialect_call *call, const struct fal_target *target)
{
    struct api_job job, after;
    if (find(call, target, &job) < 0)
        return call->problem.kind == API_NOT_FOUND ? answer_text(call, 404, "{\"status\":\"NOT_FOUND\"}") : -1;
    const int64_t id = job.row.job.id;
    api_job_finish(&job);
    if (api_job_cancel(call->api, call->caller, id, NULL, &after, &call->problem) == 0) {
        api_job_finish(&after);
        return answer_text(call, 202, "{\"status\":\"CANCELLATION_REQUESTED\"}");
    }
    return call->problem.kind == API_CONFLICT ? answer_text(call, 400, "{\"status\":\"ALREADY_COMPLETED\"}") : -1;
}

/* ---- the synchronous host ---- */

/* A request that nobody waits for any more is not made. */
static int give_up(struct dialect_call *call, int64_t id)
{
    struct api_problem ignored;
    struct api_job after;
    if (api_job_cancel(call->api, call->caller, id, NULL, &after, &ignored) == 0)
        api_job_finish(&after);
    return api_refuse(&call->problem, API_TIMEOUT, "",
                      "Request %lld was not done in time, or too many wait here at once; use the queue", (long long)id);
}

int fal_run(struct dialect_call *call, const struct fal_target *target)
{
    struct api_once once;
    struct api_job job;
    int64_t id;
    if (target->action != FAL_SUBMIT)
        return api_refuse(&call->problem, API_NOT_FOUND, "", "there is nothing at this address");
    if (submit(call, target, &once, &id) < 0)
        return -1;
    if (!id)
        return dialect_once_answer(call, &once); /* a replay says where the request of then stands */
    buf_finish(&once.body);
    id_header(call, id);
    if (api_job_wait(call->api, call->caller, id, FAL_RUN_MS, &job, &call->problem) < 0)
        return -1;
    int rc = job_terminal(job.row.job.state) ? ended(call, &job) : give_up(call, id);
    api_job_finish(&job);
    return rc;
}

int fal_call(struct dialect_call *call, const struct fal_target *target)
{
    switch (target->action) {
    case FAL_SUBMIT: return submit_answer(call, target);
    case FAL_STATUS: return status(call, target);
    case FAL_STREAM: return stream(call, target);
    case FAL_RESULT: return result(call, target);
    case FAL_CANCEL: return cancel(call, target);
    case FAL_NOTHING: break;
    }
    return api_refuse(&call->problem, API_NOT_FOUND, "", "there is nothing at this address");
}
