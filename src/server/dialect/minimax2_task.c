/* How a task of the second generation is written. */
#include <string.h>

#include "base/base.h"
#include "server/dialect/minimax2.h"
#include "server/dialect/minimax_codes.h"

/* A task that somebody has taken up is no longer queued: it cannot be withdrawn. */
static const char *const status_names[] = {
    [MINIMAX_QUEUED] = "queued",       [MINIMAX_PREPARING] = "running", [MINIMAX_RUNNING] = "running",
    [MINIMAX_SUCCEEDED] = "succeeded", [MINIMAX_FAILED] = "failed",     [MINIMAX_CANCELLED] = "cancelled",
};

const char *minimax2_status(enum minimax_phase phase)
{
    return status_names[phase];
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

/* ---- of the create call ---- */

int minimax2_create_write(const struct api_job *job, struct buf *ret_body, conch_error *err)
{
    struct out out;
    out_init(&out, ret_body, err);
    out_object(&out, NULL);
    out_id(&out, "task_id", job->row.job.id);
    minimax_metadata(&out, job, !is_context(job));
    out_object_end(&out);
    return out_finish(&out);
}
