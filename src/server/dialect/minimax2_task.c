/* Answers about tasks of the second generation: of the create call, of the query, of callbacks; and DELETE. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "server/dialect/minimax2.h"
#include "server/dialect/minimax_codes.h"

/* A task that somebody has taken up is no longer queued: it cannot be withdrawn. */
static const char *const status_names[] = {
    [MINIMAX_QUEUED] = "queued",       [MINIMAX_PREPARING] = "running", [MINIMAX_RUNNING] = "running",
    [MINIMAX_SUCCEEDED] = "succeeded", [MINIMAX_FAILED] = "failed",     [MINIMAX_CANCELLED] = "cancelled",
};

int minimax2_create_write(const struct api_job *job, struct buf *ret_body, conch_error *err)
{
    struct out out;
    out_init(&out, ret_body, err);
    out_object(&out, NULL);
    out_id(&out, "task_id", job->row.job.id);
    minimax_metadata(&out, job, true);
    out_object_end(&out);
    return out_finish(&out);
}

/* ---- one task ---- */

static bool is_context(const struct api_job *job)
{
    return job->row.task && strcmp(job->row.task, "context") == 0;
}

static const char *context_text(const struct api_job *job)
{
    const char *text = json_string_value(json_object_get(api_job_details(job), "context"));
    return text ? text : job->row.prompt_used;
}

static void error_write(struct out *out, const struct api_job *job)
{
    out_object(out, "error");
    out_format(out, "code", "%d", minimax_code_of_job(&job->row.job)->code);
    out_text(out, "message", minimax_job_text(job).text);
    out_object_end(out);
}

static void content_write(struct out *out, const struct api_job *job, const char *link)
{
    if (!is_context(job) && !link)
        return;
    out_object(out, "content");
    if (is_context(job))
        out_text(out, "prompt", context_text(job));
    else
        out_text(out, "url", link);
    out_object_end(out);
}

static void usage_write(struct out *out, const struct api_job *job, const struct minimax2_show *show)
{
    int64_t images = 0;
    for (size_t i = 0; i < job->input_count; i++)
        images += job->inputs[i].role != STORE_INPUT_REFERENCE_VIDEO &&
                  job->inputs[i].role != STORE_INPUT_REFERENCE_AUDIO;
    out_object(out, "usage");
    if (show->phase == MINIMAX_SUCCEEDED && !is_context(job)) {
        const int64_t input_seconds = (show->input_ms + 999) / 1000;
        out_integer(out, "total_seconds", input_seconds + job->row.seconds);
        out_integer(out, "input_seconds", input_seconds);
        out_integer(out, "output_seconds", job->row.seconds);
        out_integer(out, "input_image_count", images);
    }
    out_object_end(out);
}

void minimax2_task_write(struct out *out, const char *key, const struct api_job *job, const struct minimax2_show *show)
{
    const struct store_job *row = &job->row;
    out_object(out, key);
    out_id(out, "id", row->job.id);
    out_text(out, "model", row->model_asked);
    out_text(out, "status", status_names[show->phase]);
    if (show->phase == MINIMAX_FAILED)
        error_write(out, job);
    out_integer(out, "created_at", row->job.created_ms / 1000);
    out_integer(out, "updated_at", (row->job.state_ms ? row->job.state_ms : row->job.created_ms) / 1000);
    if (show->phase == MINIMAX_SUCCEEDED)
        content_write(out, job, show->link);
    if (!is_context(job))
        out_text(out, "resolution", row->resolution);
    out_integer(out, "duration", row->seconds);
    usage_write(out, job, show);
    if (row->ratio && !is_context(job))
        out_text(out, "ratio", row->ratio);
    out_text(out, "task_type", is_context(job) ? "h3_context_ir" : "generation");
    out_text(out, "modality", is_context(job) ? "text" : "video");
    minimax_metadata(out, job, show->phase == MINIMAX_SUCCEEDED && !is_context(job));
    out_object_end(out);
}

/* ---- what belongs to a finished task ---- */

static int64_t input_ms(struct api *api, const struct api_caller *caller, const struct api_job *job)
{
    struct api_problem ignored;
    struct store_file file;
    int64_t sum = 0;
    for (size_t i = 0; i < job->input_count; i++)
        if (job->inputs[i].role == STORE_INPUT_REFERENCE_VIDEO &&
            api_file_get(api, caller, job->inputs[i].file_id, &file, &ignored) == 0)
            sum += file.duration_ms;
    return sum;
}

/* Writes one task with its link; origin is the one that the caller used. */
static void task_show(struct api *api, const struct api_caller *caller, const char *origin, struct out *out,
                      const char *key, const struct api_job *job, enum minimax_phase phase)
{
    struct minimax2_show show = {.phase = phase};
    char *link = NULL;
    int64_t expires_ms;
    if (phase == MINIMAX_SUCCEEDED) {
        if (job->file.id)
            link = api_file_link(api, origin, &job->file, 0, &expires_ms);
        show.link = link;
        show.input_ms = input_ms(api, caller, job);
    }
    minimax2_task_write(out, key, job, &show);
    free(link);
}

static int task_id_read(struct dialect_call *call, int64_t *ret_id)
{
    return minimax_id_read(dialect_parameter(call, "task_id"), "task_id", ret_id, &call->problem);
}

static int task_missing(struct dialect_call *call, int64_t id)
{
    return call->problem.kind == API_NOT_FOUND ? minimax_not_found(&call->problem, "task_id", id) : -1;
}

/* Polls of unfinished tasks read the row alone. */
static int task_find(struct dialect_call *call, int64_t id, struct api_job *ret)
{
    if (api_job_peek(call->api, call->caller, id, ret, &call->problem) < 0)
        return task_missing(call, id);
    if (ret->row.job.state != JOB_SUCCEEDED)
        return 0;
    api_job_finish(ret);
    if (api_job_get(call->api, call->caller, id, ret, &call->problem) < 0)
        return task_missing(call, id);
    return 0;
}

int minimax2_task_get(struct dialect_call *call)
{
    struct api_job job;
    struct out out;
    conch_error err = {0};
    int64_t id;
    if (task_id_read(call, &id) < 0 || task_find(call, id, &job) < 0)
        return -1;
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    task_show(call->api, call->caller, call->request->origin, &out, "task", &job,
              minimax_phase_of_state(job.row.job.state));
    out_object_end(&out);
    api_job_finish(&job);
    return dialect_answer_end(call, &out, 200);
}

int minimax2_task_list(struct dialect_call *call)
{
    struct minimax2_list list;
    struct api_job_list jobs;
    struct out out;
    conch_error err = {0};
    if (minimax2_list_read(call->request, &list, &call->problem) < 0 ||
        api_job_list(call->api, call->caller, &list.filter, &list.page, true, &jobs, &call->problem) < 0)
        return -1;
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    out_array(&out, "items");
    for (size_t i = 0; i < jobs.count; i++)
        task_show(call->api, call->caller, call->request->origin, &out, NULL, &jobs.jobs[i],
                  minimax_phase_of_state(jobs.jobs[i].row.job.state));
    out_array_end(&out);
    out_integer(&out, "total", jobs.total);
    out_object_end(&out);
    api_job_list_finish(&jobs);
    return dialect_answer_end(call, &out, 200);
}

int minimax2_callback_body(struct api *api, const struct api_job *job, const char *kind, const char *origin,
                           int64_t now_ms, struct buf *ret_body, conch_error *err)
{
    /* The account's own view of its files: nobody calls here. */
    const struct api_caller caller = {.key = {.account_id = job->row.account_id, .scopes = STORE_SCOPE_READ},
                                      .origin = origin};
    struct out out;
    out_init(&out, ret_body, err);
    out_object(&out, NULL);
    task_show(api, &caller, origin, &out, "task", job, minimax_phase_of_kind(kind, &job->row.job));
    out_object_end(&out);
    return out_finish(&out);
}

/* ---- DELETE ---- */

static int delete_answer(struct buf *body, int64_t id, const char *action, enum minimax_phase phase, conch_error *err)
{
    struct out out;
    out_init(&out, body, err);
    out_object(&out, NULL);
    out_id(&out, "task_id", id);
    out_text(&out, "action", action);
    out_text(&out, "status", status_names[phase]);
    out_object_end(&out);
    return out_finish(&out);
}

/* A worker may have taken it in between: it then stops within a step, and the status says that it still runs. */
static int cancel_render(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    const struct api_job *job = result;
    *ret_status = 200;
    return delete_answer(ret_body, job->row.job.id, "cancelled", minimax_phase_of_state(job->row.job.state), err);
}

static int task_cancel(struct dialect_call *call, int64_t id)
{
    struct api_once once = {.scope = "DELETE /v2/video_generation", .render = cancel_render};
    struct api_job job;
    buf_init(&once.body, 1024);
    if (api_job_cancel(call->api, call->caller, id, &once, &job, &call->problem) == 0) {
        api_job_finish(&job);
        return dialect_once_answer(call, &once);
    }
    buf_finish(&once.body);
    return task_missing(call, id);
}

static int task_remove(struct dialect_call *call, int64_t id, enum minimax_phase phase)
{
    struct buf body;
    conch_error err = {0};
    if (api_job_delete(call->api, call->caller, id, &call->problem) < 0)
        return task_missing(call, id);
    buf_init(&body, 1024);
    int rc = delete_answer(&body, id, "deleted", phase, &err);
    if (rc == 0)
        rc = http_response_text(call->response, 200, "application/json", body.data, &err);
    buf_finish(&body);
    return rc < 0 ? dialect_trouble(&call->problem, &err) : 0;
}

int minimax2_task_delete(struct dialect_call *call)
{
    struct api_job job;
    int64_t id;
    if (task_id_read(call, &id) < 0)
        return -1;
    if (api_job_peek(call->api, call->caller, id, &job, &call->problem) < 0)
        return task_missing(call, id);
    const enum minimax_phase phase = minimax_phase_of_state(job.row.job.state);
    api_job_finish(&job);
    switch (phase) {
    case MINIMAX_QUEUED: return task_cancel(call, id);
    case MINIMAX_SUCCEEDED:
    case MINIMAX_FAILED: return task_remove(call, id, phase);
    default: break;
    }
    return api_refuse(&call->problem, API_CONFLICT, "task_id",
                      "task %" PRId64 " is %s; a queued task can be cancelled, a succeeded or failed one deleted", id,
                      status_names[phase]);
}
