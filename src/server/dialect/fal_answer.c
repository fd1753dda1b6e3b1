/* What a request looks like: its status, its log, its output, and how it failed. */
#include <stdio.h>
#include <string.h>

#include "server/dialect/fal.h"
#include "server/dialect/minimax_job.h"

/* Three words are all that fal's clients know: one of them polls for ever on any other, also after a failure. */
const char *fal_status_name(enum job_state state)
{
    if (job_terminal(state))
        return "COMPLETED";
    return state == JOB_QUEUED ? "IN_QUEUE" : "IN_PROGRESS";
}

static void addresses(struct out *out, const char *base, int64_t id)
{
    out_format(out, "response_url", "%s/requests/%lld", base, (long long)id);
    out_format(out, "status_url", "%s/requests/%lld/status", base, (long long)id);
    out_format(out, "cancel_url", "%s/requests/%lld/cancel", base, (long long)id);
}

void fal_submitted_write(struct out *out, const char *base, const struct api_job *job)
{
    out_object(out, NULL);
    out_text(out, "status", fal_status_name(job->row.job.state));
    out_id(out, "request_id", job->row.job.id);
    out_id(out, "gateway_request_id", job->row.job.id);
    out_integer(out, "queue_position", job->place > 0 ? job->place : 0);
    addresses(out, base, job->row.job.id);
    out_object_end(out);
}

/* ---- log lines ---- */

static void line(struct out *out, int64_t at_ms, const char *level, const char *message)
{
    out_object(out, NULL);
    out_time(out, "timestamp", at_ms);
    out_text(out, "level", level);
    out_text(out, "source", "USER");
    out_text(out, "message", message);
    out_object_end(out);
}

static const char *words_of(const struct store_event *event)
{
    switch (event->event.arrow) {
    case JOB_ARROW_CREATE: return "queued";
    case JOB_ARROW_CLAIM: return "taken by a worker";
    case JOB_ARROW_START: return "started";
    case JOB_ARROW_OUTPUT: return "storing the clip";
    case JOB_ARROW_FINISH: return "done";
    case JOB_ARROW_RETRY:
    case JOB_ARROW_HAND_BACK: return "back in the queue";
    case JOB_ARROW_FAIL:
    case JOB_ARROW_GIVE_UP: return "failed";
    case JOB_ARROW_BLOCK: return "blocked";
    case JOB_ARROW_WITHDRAW:
    case JOB_ARROW_STOP: return "cancelled";
    case JOB_ARROW_CANCEL_REQUEST: return "cancellation requested";
    default: return NULL;
    }
}

static void event_line(struct out *out, const struct store_event *event)
{
    char text[400];
    const char *words = words_of(event);
    /* Between the lines of the log the stream tells of steps; those that come late are left out. */
    if (event->event.arrow == JOB_ARROW_PROGRESS && !event->id && (!event->step || event->event.to != JOB_RUNNING))
        return;
    if (event->event.arrow == JOB_ARROW_PROGRESS && event->step > 0)
        snprintf(text, sizeof text, "%.16s: step %d/%d", event->phase, event->step, event->step_count);
    else if (event->event.arrow == JOB_ARROW_PROGRESS && event->phase[0])
        snprintf(text, sizeof text, "%.16s", event->phase);
    else if (words && event->text[0])
        snprintf(text, sizeof text, "%s: %.256s", words, event->text);
    else if (words)
        snprintf(text, sizeof text, "%s", words);
    else
        return;
    line(out, event->event.at_ms, event->event.error ? "ERROR" : "INFO", text);
}

static void logs_write(struct out *out, const struct fal_logs *logs)
{
    char text[64];
    out_array(out, "logs");
    for (size_t i = 0; logs && i < logs->count; i++)
        event_line(out, &logs->events[i]);
    if (logs && logs->now && logs->now->job.state == JOB_RUNNING && logs->now->step > 0) {
        snprintf(text, sizeof text, "%.16s: step %d/%d", logs->now->phase ? logs->now->phase : "denoise",
                 (int)logs->now->step, (int)logs->now->step_count);
        line(out, logs->now_ms, "INFO", text);
    }
    out_array_end(out);
}

/* ---- statuses ---- */

void fal_status_write(struct out *out, const char *base, const struct api_job *job, enum job_state state,
                      const struct fal_logs *logs)
{
    const struct job *row = &job->row.job;
    out_object(out, NULL);
    out_text(out, "status", fal_status_name(state));
    out_id(out, "request_id", row->id);
    if (state == JOB_QUEUED)
        out_integer(out, "queue_position", job->place > 0 ? job->place : 0);
    addresses(out, base, row->id);
    if (state != JOB_QUEUED)
        logs_write(out, logs);
    if (job_terminal(state)) {
        out_object(out, "metrics");
        if (row->started_ms && row->finished_ms > row->started_ms)
            out_real(out, "inference_time", (double)(row->finished_ms - row->started_ms) / 1000);
        out_object_end(out);
        if (state != JOB_SUCCEEDED) {
            out_text(out, "error", dialect_job_reason(job));
            out_text(out, "error_type", fal_failure_type(row));
        }
    }
    out_object_end(out);
}

/* ---- outputs ---- */

void fal_output_write(struct out *out, const char *key, const struct api_job *job, const char *link)
{
    out_object(out, key);
    out_object(out, "video");
    out_text(out, "url", link);
    out_text(out, "content_type", job->file.type);
    out_text(out, "file_name", job->file.name);
    out_integer(out, "file_size", job->file.bytes);
    out_object_end(out);
    if (job->row.seed >= 0)
        out_integer(out, "seed", job->row.seed);
    minimax_metadata(out, job, true);
    out_object_end(out);
}

/* ---- failures ---- */

static const struct {
    const char *type;
    int status;
} failures[JOB_ERRORS] = {
    [JOB_ERROR_NONE] = {"internal_server_error", 500},
    [JOB_ERROR_INVALID_INPUT] = {"value_error", 422},
    [JOB_ERROR_CONTENT_POLICY] = {"content_policy_violation", 422},
    [JOB_ERROR_AUTH] = {"downstream_service_error", 500},
    [JOB_ERROR_BALANCE] = {"downstream_service_error", 500},
    [JOB_ERROR_RATE_LIMIT] = {"downstream_service_unavailable", 500},
    [JOB_ERROR_TIMEOUT] = {"generation_timeout", 500},
    [JOB_ERROR_CAPACITY] = {"internal_server_error", 500},
    [JOB_ERROR_PROVIDER] = {"downstream_service_error", 500},
    [JOB_ERROR_STORAGE] = {"internal_server_error", 500},
    [JOB_ERROR_WORKER_LOST] = {"runner_disconnected", 500},
    [JOB_ERROR_LOST_ANSWER] = {"downstream_service_error", 500},
    [JOB_ERROR_INTERNAL] = {"internal_server_error", 500},
};

/* Never a status that a client takes for "ask again" (429, 502 to 504): what has failed stays failed. */
int fal_failure_status(const struct job *job)
{
    return job->state == JOB_CANCELLED ? 400 : failures[job->error].status;
}

const char *fal_failure_type(const struct job *job)
{
    return job->state == JOB_CANCELLED ? "client_cancelled" : failures[job->error].type;
}

void fal_failure_write(struct out *out, const char *key, const struct api_job *job)
{
    const struct job *row = &job->row.job;
    const char *text = dialect_job_reason(job);
    out_object(out, key);
    if (row->state != JOB_CANCELLED && fal_failure_status(row) == 422) {
        out_array(out, "detail");
        out_object(out, NULL);
        out_array(out, "loc");
        out_text(out, NULL, "body");
        out_text(out, NULL, "prompt");
        out_array_end(out);
        out_text(out, "msg", text);
        out_text(out, "type", fal_failure_type(row));
        out_object_end(out);
        out_array_end(out);
    } else {
        out_text(out, "detail", text);
        out_text(out, "error_type", fal_failure_type(row));
    }
    out_text(out, "message", text);
    out_object_end(out);
}
