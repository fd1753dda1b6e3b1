/* How a task is written. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "server/dialect/modellix.h"

/* There are these four; the official client polls on at any other word. */
static const char *status_of(enum job_state state)
{
    switch (state) {
    case JOB_QUEUED:
    case JOB_SUBMITTING: return "pending";
    case JOB_RUNNING:
    case JOB_STORING:
    case JOB_UNKNOWN: return "processing";
    case JOB_SUCCEEDED: return "success";
    case JOB_FAILED:
    case JOB_BLOCKED:
    case JOB_CANCELLED: break;
    }
    return "failed";
}

static const char *model_id(const struct api_job *job)
{
    return modellix_model_id(job->row.model, job->row.mode);
}

/* Like every answer: code, message, data. */
static void frame_begin(struct out *out, const char *message)
{
    out_object(out, NULL);
    out_integer(out, "code", 0);
    out_text(out, "message", message);
    out_object(out, "data");
}

static void frame_end(struct out *out)
{
    out_object_end(out);
    out_object_end(out);
}

int modellix_create_write(const struct api_job *job, const char *origin, struct buf *ret_body, conch_error *err)
{
    struct out out;
    out_init(&out, ret_body, err);
    frame_begin(&out, "success");
    out_text(&out, "status", status_of(job->row.job.state));
    out_id(&out, "task_id", job->row.job.id);
    out_text(&out, "model_id", model_id(job));
    out_object(&out, "get_result");
    out_text(&out, "method", "GET");
    out_format(&out, "url", "%s/api/v1/tasks/%" PRId64, origin, job->row.job.id);
    out_object_end(&out);
    frame_end(&out);
    return out_finish(&out);
}

/* ---- one task ---- */

struct words {
    char text[900];
};

/* "Category: detail" */
static struct words failure_words(const struct api_job *job)
{
    const struct store_job *row = &job->row;
    const char *category = row->job.state == JOB_CANCELLED              ? "Cancelled"
                           : row->job.error == JOB_ERROR_CONTENT_POLICY ? "Content policy violation"
                           : row->job.error == JOB_ERROR_INVALID_INPUT  ? "Invalid parameters"
                           : row->job.error == JOB_ERROR_RATE_LIMIT     ? "Rate limit exceeded"
                           : row->job.error == JOB_ERROR_BALANCE        ? "Insufficient balance"
                           : row->job.error == JOB_ERROR_CAPACITY       ? "Service unavailable"
                                                                        : "Internal error";
    const char *reason = row->error_text && *row->error_text ? row->error_text
                         : row->job.state == JOB_CANCELLED   ? "the task was cancelled"
                                                             : job_error_rule(row->job.error)->name;
    struct words ret;
    snprintf(ret.text, sizeof ret.text, "%s: %.800s", category, reason);
    return ret;
}

static void failure_write(struct out *out, const struct api_job *job, const char *words)
{
    const struct job *row = &job->row.job;
    out_text(out, "message", words);
    out_object(out, "error");
    out_text(out, "code", row->state == JOB_CANCELLED ? "cancelled" : job_error_rule(row->error)->name);
    out_text(out, "message", words);
    out_object_end(out);
}

static void result_write(struct out *out, const struct api_job *job, const struct modellix_show *show)
{
    out_object(out, "result");
    out_array(out, "resources");
    if (show->link) {
        out_object(out, NULL);
        out_text(out, "url", show->link);
        out_text(out, "type", "video");
        if (job->row.width > 0 && job->row.height > 0) {
            out_integer(out, "width", job->row.width);
            out_integer(out, "height", job->row.height);
        }
        out_text(out, "format", "mp4");
        out_text(out, "role", "primary");
        out_object_end(out);
    }
    out_array_end(out);
    out_object_end(out);
    if (show->link)
        out_integer(out, "result_expires_at", show->link_ms);
}

/* Dollars with four places, rounded up: nobody pays more than is shown. */
static void billing_write(struct out *out, const struct store_job *row)
{
    const bool done = row->job.state == JOB_SUCCEEDED;
    const int64_t tenths = row->unit == LEDGER_MICROUSD ? ((done ? row->charged : 0) + 99) / 100 : 0;
    out_object(out, "billing");
    out_text(out, "status", done ? "succeeded" : job_terminal(row->job.state) ? "released" : "pending");
    out_format(out, "amount", "%" PRId64 ".%04d", tenths / 10000, (int)(tenths % 10000));
    out_object_end(out);
}

static void metadata_write(struct out *out, const struct api_job *job)
{
    out_object(out, "metadata");
    out_flag(out, "sandbox", job->sandbox);
    out_text(out, "served_by", job->row.served_by);
    if (!job_terminal(job->row.job.state))
        out_real(out, "progress", job->row.job.progress_permille / 1000.0);
    if (job->row.prompt_used)
        out_text(out, "prompt_used", job->row.prompt_used);
    out_object_end(out);
}

void modellix_task_write(struct out *out, const struct api_job *job, const struct modellix_show *show)
{
    const struct store_job *row = &job->row;
    const struct job *state = &row->job;
    const bool ended = job_terminal(state->state), done = state->state == JOB_SUCCEEDED;
    const struct words words = failure_words(job);
    frame_begin(out, ended && !done ? words.text : "success");
    out_text(out, "status", status_of(state->state));
    out_id(out, "task_id", state->id);
    out_text(out, "model_id", model_id(job));
    if (ended)
        out_integer(out, "duration", state->finished_ms - (state->started_ms ? state->started_ms : state->created_ms));
    if (done)
        result_write(out, job, show);
    else if (ended)
        failure_write(out, job, words.text);
    billing_write(out, row);
    out_time(out, "submit_time", state->created_ms);
    if (ended)
        out_time(out, "end_time", state->finished_ms);
    metadata_write(out, job);
    frame_end(out);
}

/* ---- frames of other answers ---- */

void modellix_answer_begin(struct dialect_call *call, struct out *out, conch_error *err)
{
    dialect_answer_begin(call, out, err);
    frame_begin(out, "success");
}

int modellix_answer_end(struct dialect_call *call, struct out *out)
{
    frame_end(out);
    return dialect_answer_end(call, out, 200);
}
