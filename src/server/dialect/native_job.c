/* A job as the native interface shows it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/dialect/native.h"

void native_media(struct out *out, const char *key, const struct native_view *view, const struct store_file *file)
{
    if (!file->id || file->deleted_ms) {
        out_null(out, key);
        return;
    }
    char *url = api_file_link(view->api, view->origin, file, 0, NULL);
    out_object(out, key);
    out_id(out, "file_id", file->id);
    out_text(out, "url", url ? url : "");
    native_file_facts(out, file);
    out_time(out, "expires_at", file->expires_ms);
    out_object_end(out);
    free(url);
}

static void identity(struct out *out, const struct api_job *job)
{
    const struct store_job *row = &job->row;
    out_id(out, "id", row->job.id);
    out_text(out, "object", "job");
    out_text(out, "state", job_state_name(row->job.state));
    out_text(out, "status", job_bucket_name(job_bucket(row->job.state)));
    out_flag(out, "cancel_requested", row->job.cancel_requested);
    out_text(out, "task", row->task);
    out_text(out, "dialect", row->dialect);
    out_text(out, "model", row->model);
    out_text(out, "model_requested", row->model_asked);
    out_text(out, "served_by", row->served_by);
    out_text(out, "backend", row->backend);
    out_flag(out, "sandbox", job->sandbox);
    out_text(out, "mode", row->mode);
}

static void array_or_empty(struct out *out, const char *key, const json_t *value)
{
    if (json_is_array(value))
        out_json(out, key, value);
    else
        out_raw(out, key, "[]");
}

static void request(struct out *out, const struct api_job *job, const json_t *details)
{
    const struct store_job *row = &job->row;
    out_text(out, "prompt", row->prompt);
    out_text(out, "prompt_used", row->prompt_used);
    out_text(out, "negative_prompt", json_string_value(json_object_get(details, "negative")));
    array_or_empty(out, "notes", json_object_get(details, "notes"));
    out_text(out, "context", json_string_value(json_object_get(details, "context")));
    out_text(out, "resolution", row->resolution);
    out_text(out, "ratio", row->ratio);
    native_positive(out, "seconds", row->seconds);
    native_positive(out, "width", row->width);
    native_positive(out, "height", row->height);
    native_positive(out, "fps", row->fps);
    if (row->seed >= 0)
        out_integer(out, "seed", row->seed);
    else
        out_null(out, "seed");
    out_integer(out, "priority", row->job.priority);
}

/* What was asked for beyond prompt and shape; null: the default. */
static void settings(struct out *out, const json_t *details)
{
    static const char *const names[] = {"optimizer", "steps", "guidance", "watermark", "pretreatment", "expansion"};
    out_object(out, "settings");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const json_t *value = json_object_get(details, names[i]);
        if (value)
            out_json(out, names[i], value);
        else
            out_null(out, names[i]);
    }
    out_object_end(out);
}

static void progress(struct out *out, const struct native_view *view, const struct api_job *job)
{
    const struct store_job *row = &job->row;
    bool under_way = row->job.state == JOB_RUNNING || row->job.state == JOB_STORING;
    int64_t left_ms = job->eta_ms - view->now_ms;
    out_integer(out, "attempts", row->job.attempts);
    out_real(out, "progress",
             row->job.state == JOB_SUCCEEDED ? 1 : row->job.progress_permille / (double)JOB_PROGRESS_FULL);
    out_text(out, "phase", under_way ? row->phase : NULL);
    native_positive(out, "step", under_way ? row->step : 0);
    native_positive(out, "steps", row->step_count);
    if (job->place >= 0)
        out_integer(out, "queue_place", job->place);
    else
        out_null(out, "queue_place");
    bool known = job->eta_ms > 0 && !job_terminal(row->job.state);
    out_time(out, "eta", known ? job->eta_ms : 0);
    if (known)
        out_integer(out, "eta_seconds", left_ms > 0 ? (left_ms + 999) / 1000 : 0);
    else
        out_null(out, "eta_seconds");
    out_time(out, "created_at", row->job.created_ms);
    out_time(out, "started_at", row->job.started_ms);
    out_time(out, "finished_at", row->job.finished_ms);
}

static void outcome(struct out *out, const struct api_job *job, const json_t *details)
{
    const struct store_job *row = &job->row;
    enum job_state state = row->job.state;
    if (row->job.error && (state == JOB_FAILED || state == JOB_BLOCKED)) {
        const struct job_error_rule *rule = job_error_rule(row->job.error);
        out_object(out, "error");
        out_text(out, "code", rule->name);
        out_text(out, "message", row->error_text);
        out_flag(out, "retryable", !rule->blocks);
        out_object_end(out);
    } else {
        out_null(out, "error");
    }
    const json_t *list = json_object_get(details, "list_microusd");
    out_object(out, "price");
    out_text(out, "unit", native_unit(row->unit));
    out_text(out, "purse", json_string_value(json_object_get(details, "purse")));
    out_integer(out, "quoted", row->quoted);
    if (job_terminal(state))
        out_integer(out, "charged", row->charged);
    else
        out_null(out, "charged");
    native_positive(out, "list_microusd", json_integer_value(list));
    out_object_end(out);
}

static void inputs(struct out *out, const struct native_view *view, const struct api_job *job)
{
    out_array(out, "inputs");
    for (size_t i = 0; i < job->input_count; i++) {
        const struct store_input *input = &job->inputs[i];
        out_object(out, NULL);
        out_text(out, "role", store_input_role_name(input->role));
        out_id(out, "file_id", input->file_id);
        out_format(out, "url", "%s/conch/v1/files/%lld/content", view->origin, (long long)input->file_id);
        out_object_end(out);
    }
    out_array_end(out);
}

static void links(struct out *out, const struct native_view *view, int64_t id)
{
    static const struct {
        const char *name, *rest;
    } rows[] = {{"self", ""},          {"events", "/events"},   {"content", "/content"},
                {"poster", "/poster"}, {"preview", "/preview"}, {"cancel", "/cancel"}};
    char self[512];
    snprintf(self, sizeof self, "%s/conch/v1/jobs/%lld", view->origin, (long long)id);
    out_object(out, "links");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        out_texts(out, rows[i].name, self, rows[i].rest);
    out_object_end(out);
}

void native_job(struct out *out, const char *key, const struct native_view *view, const struct api_job *job)
{
    const struct store_job *row = &job->row;
    const json_t *details = api_job_details(job);
    const json_t *metadata = json_object_get(details, "metadata");
    out_object(out, key);
    identity(out, job);
    request(out, job, details);
    settings(out, details);
    progress(out, view, job);
    outcome(out, job, details);
    native_media(out, "video", view, &job->file);
    native_media(out, "poster", view, &job->poster);
    inputs(out, view, job);
    if (row->accepted)
        out_flag(out, "accepted", row->accepted > 0);
    else
        out_null(out, "accepted");
    out_text(out, "note", row->note);
    out_text(out, "callback_url", row->callback_url);
    if (json_is_object(metadata))
        out_json(out, "metadata", metadata);
    else
        out_raw(out, "metadata", "{}");
    links(out, view, row->job.id);
    out_object_end(out);
}

int native_answer_job(struct dialect_call *call, const struct api_job *job)
{
    struct out out;
    conch_error err = {0};
    struct native_view view = native_view(call);
    dialect_answer_begin(call, &out, &err);
    native_job(&out, NULL, &view, job);
    return dialect_answer_end(call, &out, 200);
}

int native_render_job(void *context, const void *job, int *ret_status, struct buf *ret_body, conch_error *err)
{
    struct out out;
    struct native_view view = native_view(context);
    out_init(&out, ret_body, err);
    native_job(&out, NULL, &view, job);
    *ret_status = 200;
    return out_finish(&out);
}
