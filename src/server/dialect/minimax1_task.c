/* Answers about tasks: of the create call, of the query, of callbacks. */
#include "base/id.h"
#include "server/dialect/minimax1.h"
#include "server/dialect/minimax_codes.h"
#include "server/dialect/minimax_job.h"

/* Queries and callbacks spell the same moments differently. */
static const struct {
    const char *query, *callback;
} status_names[] = {
    [MINIMAX_QUEUED] = {"Queueing", "processing"},
    [MINIMAX_PREPARING] = {"Preparing", "processing"},
    [MINIMAX_RUNNING] = {"Processing", "processing"},
    [MINIMAX_SUCCEEDED] = {"Success", "success"},
    [MINIMAX_FAILED] = {"Fail", "failed"},
    [MINIMAX_CANCELLED] = {"Fail", "failed"},
};

void minimax1_base_resp(struct out *out, int code, const char *text)
{
    out_object(out, "base_resp");
    out_integer(out, "status_code", code);
    out_text(out, "status_msg", text);
    out_object_end(out);
}

int minimax1_create_write(const struct api_job *job, struct buf *ret_body, conch_error *err)
{
    struct out out;
    out_init(&out, ret_body, err);
    out_object(&out, NULL);
    out_id(&out, "task_id", job->row.job.id);
    minimax1_base_resp(&out, 0, "success");
    minimax_metadata(&out, job, true);
    out_object_end(&out);
    return out_finish(&out);
}

/* Members of one task. A failure carries its code beside the status: a client that knows other words for the end (mmx
 * waits for "Failed") stops at the code. */
static void task_members(struct out *out, const struct api_job *job, enum minimax_phase phase, const char *status)
{
    const struct store_job *row = &job->row;
    out_id(out, "task_id", row->job.id);
    out_text(out, "status", status);
    if (phase == MINIMAX_SUCCEEDED) {
        out_id(out, "file_id", row->file_id);
        out_integer(out, "video_width", row->width);
        out_integer(out, "video_height", row->height);
    }
    if (phase == MINIMAX_FAILED || phase == MINIMAX_CANCELLED)
        minimax1_base_resp(out, minimax_code_of_job(&row->job)->code, minimax_job_text(job).text);
    else
        minimax1_base_resp(out, 0, "success");
    minimax_metadata(out, job, phase == MINIMAX_SUCCEEDED);
}

void minimax1_task_write(struct out *out, const struct api_job *job)
{
    const enum minimax_phase phase = minimax_phase_of_state(job->row.job.state);
    task_members(out, job, phase, status_names[phase].query);
}

int minimax1_callback_body(struct api *api, const struct api_job *job, const char *kind, const char *origin,
                           int64_t now_ms, struct buf *ret_body, conch_error *err)
{
    const enum minimax_phase phase = minimax_phase_of_kind(kind, &job->row.job);
    struct out out;
    out_init(&out, ret_body, err);
    out_object(&out, NULL);
    task_members(&out, job, phase, status_names[phase].callback);
    out_object_end(&out);
    return out_finish(&out);
}
