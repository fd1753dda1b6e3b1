/* The calls about tasks of the second generation: one, a list, DELETE; and callbacks. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/dialect/minimax2.h"

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
    out_text(&out, "status", minimax2_status(phase));
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
                      minimax2_status(phase));
}
