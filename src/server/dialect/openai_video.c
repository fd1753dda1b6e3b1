/* How a job looks to clients of the OpenAI Videos API. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/dialect/openai.h"

enum { POLL_MS_MIN = 1000, POLL_MS_MAX = 10000, POLL_QUEUED_MS = 2000 };

static const char id_prefix[] = "video_";

struct openai_id openai_id(int64_t id)
{
    struct openai_id ret;
    snprintf(ret.text, sizeof ret.text, "%s%lld", id_prefix, (long long)id);
    return ret;
}

bool openai_id_parse(const char *text, int64_t *ret_id)
{
    return dialect_id_parse(text && text_begins(text, id_prefix) ? text + strlen(id_prefix) : text, ret_id);
}

/* There are these four, and clients know no other. */
static const char *status_of(enum job_state state)
{
    switch (state) {
    case JOB_QUEUED:
    case JOB_SUBMITTING: return "queued";
    case JOB_RUNNING:
    case JOB_STORING:
    case JOB_UNKNOWN: return "in_progress";
    case JOB_SUCCEEDED: return "completed";
    case JOB_FAILED:
    case JOB_BLOCKED:
    case JOB_CANCELLED: break;
    }
    return "failed";
}

bool openai_gone(const struct job *job)
{
    return job->cancel_requested && job->state != JOB_SUCCEEDED && job->state != JOB_FAILED &&
           job->state != JOB_BLOCKED;
}

/* Half of what is probably left, so that a short clip is not kept waiting and a long one is not asked for in vain. */
int64_t openai_poll_ms(const struct job *job, int64_t now_ms)
{
    if (job_terminal(job->state))
        return 0;
    if (job->state == JOB_QUEUED)
        return POLL_QUEUED_MS;
    const int64_t eta_ms = job->state == JOB_RUNNING ? job_eta_ms(job, now_ms) : 0;
    const int64_t half = eta_ms > now_ms ? (eta_ms - now_ms) / 2 : 0;
    return half < POLL_MS_MIN ? POLL_MS_MIN : half > POLL_MS_MAX ? POLL_MS_MAX : half;
}

/* ---- parts ---- */

static const char *error_code(const struct job *job)
{
    if (job->state == JOB_CANCELLED)
        return "cancelled";
    switch (job->error) {
    case JOB_ERROR_CONTENT_POLICY: return "moderation_blocked";
    case JOB_ERROR_INVALID_INPUT: return "invalid_prompt";
    default: return "video_generation_failed";
    }
}

static void error_write(struct out *out, const struct api_job *job)
{
    const struct store_job *row = &job->row;
    const char *text = row->error_text && *row->error_text ? row->error_text
                       : row->job.state == JOB_CANCELLED   ? "the job was cancelled"
                       : row->job.error != JOB_ERROR_NONE  ? job_error_rule(row->job.error)->name
                                                           : "the job failed";
    out_object(out, "error");
    out_text(out, "code", error_code(&row->job));
    out_text(out, "message", text);
    out_object_end(out);
}

static void time_write(struct out *out, const char *key, int64_t wall_ms)
{
    if (wall_ms)
        out_integer(out, key, wall_ms / 1000);
    else
        out_null(out, key);
}

/* Parsed only for jobs that have it. */
static const char *remixed_from(const struct api_job *job)
{
    static const char key[] = "remixed_from_video_id";
    if (!job->row.details || !strstr(job->row.details, key))
        return NULL;
    return json_string_value(json_object_get(json_object_get(api_job_details(job), "metadata"), key));
}

static void size_write(struct out *out, const struct store_job *row)
{
    if (row->width > 0 && row->height > 0)
        out_format(out, "size", "%dx%d", (int)row->width, (int)row->height);
    else
        out_text(out, "size", row->resolution ? row->resolution : "");
}

/* What no client of this API asks for: whether it is a rehearsal, what serves it, the prompt the model is given. */
static void metadata_write(struct out *out, const struct api_job *job)
{
    out_object(out, "metadata");
    out_flag(out, "sandbox", job->sandbox);
    out_text(out, "served_by", job->row.served_by);
    if (job->row.prompt_used)
        out_text(out, "prompt_used", job->row.prompt_used);
    if (job->row.seed >= 0)
        out_integer(out, "seed", job->row.seed);
    out_object_end(out);
}

/* What the self-hosted servers add when a clip is there. */
static void made_write(struct out *out, const struct job *job, const char *url)
{
    const int64_t took_ms = job->finished_ms - (job->started_ms ? job->started_ms : job->created_ms);
    out_text(out, "url", url);
    out_text(out, "media_type", "video/mp4");
    out_real(out, "inference_time_s", (double)took_ms / 1000);
}

void openai_video_write(struct out *out, const char *key, const struct api_job *job, const char *url)
{
    const struct store_job *row = &job->row;
    const bool done = row->job.state == JOB_SUCCEEDED, ended = job_terminal(row->job.state);
    out_object(out, key);
    out_text(out, "id", openai_id(row->job.id).text);
    out_text(out, "object", "video");
    out_text(out, "model", row->model_asked);
    out_text(out, "status", status_of(row->job.state));
    out_integer(out, "progress", done ? 100 : row->job.progress_permille / 10);
    out_integer(out, "created_at", row->job.created_ms / 1000);
    time_write(out, "completed_at", ended ? row->job.finished_ms : 0);
    time_write(out, "expires_at", done ? row->expires_ms : 0);
    out_text(out, "prompt", row->prompt);
    size_write(out, row);
    out_format(out, "seconds", "%d", (int)row->seconds);
    out_text(out, "remixed_from_video_id", remixed_from(job));
    if (ended && !done)
        error_write(out, job);
    else
        out_null(out, "error");
    if (url)
        made_write(out, &row->job, url);
    metadata_write(out, job);
    out_object_end(out);
}

/* ---- webhooks ---- */

int openai_callback_body(struct api *api, const struct api_job *job, const char *kind, const char *origin,
                         int64_t now_ms, struct buf *ret_body, conch_error *err)
{
    const bool done = strcmp(kind, job_state_name(JOB_SUCCEEDED)) == 0;
    const bool ended = done || strcmp(kind, job_state_name(JOB_FAILED)) == 0 ||
                       strcmp(kind, job_state_name(JOB_BLOCKED)) == 0 ||
                       strcmp(kind, job_state_name(JOB_CANCELLED)) == 0;
    struct out out;
    if (!ended)
        return 0;
    out_init(&out, ret_body, err);
    out_object(&out, NULL);
    out_format(&out, "id", "evt_%lld", (long long)job->row.job.id);
    out_text(&out, "object", "event");
    out_integer(&out, "created_at", (job->row.job.finished_ms ? job->row.job.finished_ms : now_ms) / 1000);
    out_text(&out, "type", done ? "video.completed" : "video.failed");
    out_object(&out, "data");
    out_text(&out, "id", openai_id(job->row.job.id).text);
    out_object_end(&out);
    out_object_end(&out);
    return out_finish(&out);
}
