/* A job as a prediction, in answers and in callbacks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/hash.h"
#include "base/text.h"
#include "server/dialect/minimax_job.h"
#include "server/dialect/replicate.h"

enum { BAR = 10 };

const char *replicate_status(enum job_state state)
{
    switch (state) {
    case JOB_QUEUED:
    case JOB_SUBMITTING: return "starting";
    case JOB_RUNNING:
    case JOB_STORING:
    case JOB_UNKNOWN: return "processing";
    case JOB_SUCCEEDED: return "succeeded";
    case JOB_FAILED:
    case JOB_BLOCKED: return "failed";
    case JOB_CANCELLED: return "canceled";
    }
    return "processing";
}

void replicate_version(const char *slug, char ret[REPLICATE_VERSION_SIZE])
{
    char text[REPLICATE_NAME_MAX + 16];
    snprintf(text, sizeof text, "conch model %.200s", slug);
    memcpy(ret, hash_sha256_hex(text, strlen(text)).text, REPLICATE_VERSION_SIZE);
}

static void input_write(struct out *out, const struct store_job *row)
{
    out_object(out, "input");
    if (row->prompt)
        out_text(out, "prompt", row->prompt);
    if (row->resolution)
        out_text(out, "resolution", row->resolution);
    if (row->seconds > 0)
        out_integer(out, "duration", row->seconds);
    if (row->ratio)
        out_text(out, "aspect_ratio", row->ratio);
    if (row->seed >= 0)
        out_integer(out, "seed", row->seed);
    out_object_end(out);
}

/* A line as the usual progress bars print it: the official client reads percent and steps from its like. */
static void logs_write(struct out *out, const struct store_job *row)
{
    char bar[BAR + 1];
    if (row->step_count <= 0 || row->step > row->step_count) {
        out_text(out, "logs", "");
        return;
    }
    const int percent = (int)((int64_t)row->step * 100 / row->step_count);
    for (int i = 0; i < BAR; i++)
        bar[i] = i < percent * BAR / 100 ? '#' : ' ';
    bar[BAR] = '\0';
    out_format(out, "logs", "%.16s\n%3d%%|%s| %d/%d\n", row->phase ? row->phase : "", percent, bar, (int)row->step,
               (int)row->step_count);
}

static void urls_write(struct out *out, const struct replicate_view *view, int64_t id)
{
    out_object(out, "urls");
    out_format(out, "get", "%s%s/predictions/%lld", view->origin, view->base, (long long)id);
    out_format(out, "cancel", "%s%s/predictions/%lld/cancel", view->origin, view->base, (long long)id);
    out_object_end(out);
}

static void metrics_write(struct out *out, const struct job *job)
{
    out_object(out, "metrics");
    if (job_terminal(job->state) && job->started_ms && job->finished_ms >= job->started_ms)
        out_real(out, "predict_time", (double)(job->finished_ms - job->started_ms) / 1000);
    if (job_terminal(job->state) && job->finished_ms >= job->created_ms)
        out_real(out, "total_time", (double)(job->finished_ms - job->created_ms) / 1000);
    out_object_end(out);
}

void replicate_prediction_write(struct out *out, const char *key, const struct replicate_view *view,
                                const struct api_job *job)
{
    const struct store_job *row = &job->row;
    const struct job *state = &row->job;
    const bool lost = job_terminal(state->state) && state->state != JOB_SUCCEEDED && state->state != JOB_CANCELLED;
    char version[REPLICATE_VERSION_SIZE];
    replicate_version(row->model ? row->model : "", version);
    out_object(out, key);
    out_id(out, "id", state->id);
    out_text(out, "model", row->model);
    out_text(out, "version", version);
    input_write(out, row);
    logs_write(out, row);
    out_text(out, "output", view->link);
    out_flag(out, "data_removed", state->state == JOB_SUCCEEDED && !view->link);
    out_text(out, "error", lost ? dialect_job_reason(job) : NULL);
    out_text(out, "status", view->starting ? "starting" : replicate_status(state->state));
    out_text(out, "source", "api");
    out_time(out, "created_at", state->created_ms);
    out_time(out, "started_at", state->started_ms);
    out_time(out, "completed_at", state->finished_ms);
    metrics_write(out, state);
    urls_write(out, view, state->id);
    minimax_metadata(out, job, true);
    out_object_end(out);
}

void replicate_prediction_show(struct api *api, struct out *out, const char *key, struct replicate_view *view,
                               const struct api_job *job)
{
    char *link = job->row.job.state == JOB_SUCCEEDED && job->file.id
                     ? api_file_link(api, view->origin, &job->file, 0, NULL)
                     : NULL;
    view->link = link;
    replicate_prediction_write(out, key, view, job);
    view->link = NULL;
    free(link);
}

/* ---- callbacks: the same, at the moments that were asked for ---- */

const char *const replicate_styles[] = {"replicate:",   "replicate:s",   "replicate:o",
                                        "replicate:so", "replicate:c",   "replicate:sc",
                                        "replicate:oc", "replicate:soc", NULL};

const char *replicate_style(unsigned events)
{
    return replicate_styles[events & (REPLICATE_START | REPLICATE_OUTPUT | REPLICATE_COMPLETED)];
}

static unsigned events_of(const char *style)
{
    unsigned events = 0;
    while (style && replicate_styles[events] && strcmp(replicate_styles[events], style) != 0)
        events++;
    return style && replicate_styles[events] ? events : 0;
}

/* Output and end are one moment here: one message tells both. */
static bool tells(const struct api_job *job, const char *kind, unsigned events)
{
    const enum job_state state = job->row.job.state;
    if (strcmp(kind, job_state_name(JOB_RUNNING)) == 0)
        return (events & REPLICATE_START) != 0;
    if (!job_terminal(state) || strcmp(kind, job_state_name(state)) != 0)
        return false;
    return (events & REPLICATE_COMPLETED) != 0 || (state == JOB_SUCCEEDED && (events & REPLICATE_OUTPUT) != 0);
}

int replicate_callback_body(struct api *api, const struct api_job *job, const char *kind, const char *origin,
                            int64_t now_ms, struct buf *ret_body, conch_error *err)
{
    struct replicate_view view = {.origin = origin, .base = "/v1"};
    struct out out;
    if (!tells(job, kind, events_of(job->row.callback_style)))
        return 0;
    out_init(&out, ret_body, err);
    replicate_prediction_show(api, &out, NULL, &view, job);
    return out_finish(&out);
}
