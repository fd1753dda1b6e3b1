/* What tools answer: a text for the model, and the same as data. "Task ID:" and "Video URL:" are words that agents look
 * for. */
#include <stdio.h>
#include <string.h>

#include "server/dialect/dialect_rename.h"
#include "server/dialect/mcp.h"

enum { LINE_BYTES = 600 };

static void content_begin(struct out *out, const char *text)
{
    out_array(out, "content");
    out_object(out, NULL);
    out_text(out, "type", "text");
    out_text(out, "text", text);
    out_object_end(out);
}

void mcp_text_result(struct out *out, bool is_error, const char *text)
{
    content_begin(out, text);
    out_array_end(out);
    out_flag(out, "isError", is_error);
}

/* A refusal is for the model to read and to mend, so it speaks of the tool's arguments. */
void mcp_problem_result(struct out *out, const struct api_problem *given)
{
    static const struct dialect_name names[] = {
        {"seconds", "duration"},           {"ratio", "aspect_ratio"},          {"first_frame", "first_frame_image"},
        {"picture", "first_frame_image"},  {"last_frame", "last_frame_image"}, {"subjects", "subject_reference"},
        {"optimizer", "prompt_optimizer"}, {"negative", "negative_prompt"},    {NULL, NULL}};
    struct api_problem renamed = *given;
    const struct api_problem *problem = &renamed;
    dialect_rename(&renamed, names);
    mcp_text_result(out, true, problem->text);
    out_object(out, "structuredContent");
    out_object(out, "error");
    out_text(out, "code", api_kind_name(problem->kind));
    out_text(out, "message", problem->text);
    if (problem->field[0])
        out_text(out, "field", problem->field);
    if (problem->allowed[0])
        out_text(out, "allowed", problem->allowed);
    if (problem->retry_after_s > 0)
        out_integer(out, "retry_after_seconds", problem->retry_after_s);
    out_object_end(out);
    out_object_end(out);
}

/* ---- jobs ---- */

static void job_data(struct out *out, const struct api_job *job, const char *link)
{
    const struct store_job *row = &job->row;
    const struct job *state = &row->job;
    out_object(out, "structuredContent");
    out_id(out, "task_id", state->id);
    out_text(out, "status", job_bucket_name(job_bucket(state->state)));
    out_text(out, "state", job_state_name(state->state));
    out_text(out, "model", row->model);
    out_text(out, "served_by", row->served_by);
    out_flag(out, "sandbox", job->sandbox);
    out_real(out, "progress", state->state == JOB_SUCCEEDED ? 1 : state->progress_permille / (double)JOB_PROGRESS_FULL);
    if (job->place >= 0)
        out_integer(out, "queue_place", job->place);
    out_text(out, "prompt_used", row->prompt_used);
    out_text(out, "resolution", row->resolution);
    out_integer(out, "seconds", row->seconds);
    if (row->seed >= 0)
        out_integer(out, "seed", row->seed);
    if (link) {
        out_text(out, "video_url", link);
        out_text(out, "content_type", job->file.type);
        out_integer(out, "bytes", job->file.bytes);
        out_time(out, "kept_until", job->file.expires_ms);
    }
    if (job_terminal(state->state) && state->state != JOB_SUCCEEDED) {
        out_object(out, "error");
        out_text(out, "code", state->state == JOB_CANCELLED ? "cancelled" : job_error_rule(state->error)->name);
        out_text(out, "message", dialect_job_reason(job));
        out_object_end(out);
    }
    out_object_end(out);
}

static void words_of_running(const struct api_job *job, char text[LINE_BYTES])
{
    const struct store_job *row = &job->row;
    if (job->place > 0)
        snprintf(text, LINE_BYTES, "Video generation task is waiting, %lld before it. Task ID: %lld",
                 (long long)job->place, (long long)row->job.id);
    else if (row->job.state == JOB_RUNNING && row->step > 0)
        snprintf(text, LINE_BYTES, "Video generation task is still processing (%.16s, step %d of %d). Task ID: %lld",
                 row->phase ? row->phase : "denoise", (int)row->step, (int)row->step_count, (long long)row->job.id);
    else
        snprintf(text, LINE_BYTES, "Video generation task is still processing (%s). Task ID: %lld",
                 job_state_name(row->job.state), (long long)row->job.id);
}

void mcp_job_result(struct out *out, const struct api_job *job, const char *link)
{
    const struct store_job *row = &job->row;
    const bool ended = job_terminal(row->job.state), done = row->job.state == JOB_SUCCEEDED;
    char text[LINE_BYTES + 1024];
    if (!ended)
        words_of_running(job, text);
    else if (done && link)
        snprintf(text, sizeof text, "Success. Video URL: %.900s\nTask ID: %lld\nModel: %.100s, made by %.100s%s", link,
                 (long long)row->job.id, row->model ? row->model : "", row->served_by ? row->served_by : "",
                 job->sandbox ? " (a rehearsal: the sandbox stands in for the hosted model)" : "");
    else if (done)
        snprintf(text, sizeof text, "The video is gone: it was kept until its time was over, or deleted. Task ID: %lld",
                 (long long)row->job.id);
    else if (row->job.state == JOB_CANCELLED)
        snprintf(text, sizeof text, "Video generation was cancelled. Task ID: %lld", (long long)row->job.id);
    else
        snprintf(text, sizeof text, "Video generation failed: %.900s. Task ID: %lld", dialect_job_reason(job),
                 (long long)row->job.id);
    mcp_text_result(out, ended && !(done && link), text);
    job_data(out, job, link);
}

void mcp_submitted_result(struct out *out, const struct api_job *job)
{
    char text[LINE_BYTES];
    snprintf(text, sizeof text,
             "Success. Video generation task submitted. Task ID: %lld. Use query_video_generation to look after it, or "
             "wait.",
             (long long)job->row.job.id);
    mcp_text_result(out, false, text);
    job_data(out, job, NULL);
}

/* ---- estimates ---- */

static void usd_write(char text[32], int64_t microusd)
{
    snprintf(text, 32, "%lld.%06lld USD", (long long)(microusd / 1000000), (long long)(microusd % 1000000));
}

static void seconds_data(struct out *out, const char *key, int64_t ms)
{
    if (ms >= 0)
        out_real(out, key, (double)ms / 1000);
    else
        out_null(out, key);
}

/* In the money that would pay. */
static void price_write(char text[64], const struct api_estimate *estimate)
{
    const bool package = estimate->purse && strcmp(estimate->purse, "package") == 0;
    if (estimate->unit == LEDGER_MICROUSD)
        usd_write(text, estimate->amount);
    else
        snprintf(text, 64, "%lld.%03lld %s", (long long)(estimate->amount / 1000), (long long)(estimate->amount % 1000),
                 package ? "units of a package" : "credits");
}

void mcp_estimate_result(struct out *out, const struct api_estimate *estimate)
{
    const struct catalog_resolved *resolved = &estimate->resolved;
    char text[LINE_BYTES], price[64], list[32];
    price_write(price, estimate);
    usd_write(list, estimate->list_microusd);
    snprintf(text, sizeof text, "%.100s, %.24s, %d s: costs %s here (its provider's list: %s), made by %.100s%s.",
             resolved->model->slug, resolved->output->resolution, resolved->seconds,
             estimate->amount ? price : "nothing", list, estimate->served_by,
             estimate->sandbox ? " as a rehearsal" : "");
    mcp_text_result(out, false, text);
    out_object(out, "structuredContent");
    out_text(out, "model", resolved->model->slug);
    out_text(out, "served_by", estimate->served_by);
    out_flag(out, "sandbox", estimate->sandbox);
    out_text(out, "mode", catalog_mode_name(resolved->mode));
    out_text(out, "resolution", resolved->output->resolution);
    out_integer(out, "seconds", resolved->seconds);
    out_text(out, "unit", estimate->unit == LEDGER_MICROUSD ? "microusd" : "millicredit");
    out_integer(out, "amount", estimate->amount);
    out_integer(out, "list_microusd", estimate->list_microusd);
    out_integer(out, "available", estimate->available);
    seconds_data(out, "wait_seconds", estimate->wait_ms);
    seconds_data(out, "run_seconds", estimate->run_ms);
    out_text(out, "prompt_used", estimate->prompt_used);
    out_json(out, "notes", estimate->notes);
    out_object_end(out);
}

/* ---- models ---- */

static void model_data(struct out *out, const struct api_model *model)
{
    const struct catalog_model *facts = model->model;
    out_object(out, NULL);
    out_text(out, "model", facts->slug);
    out_text(out, "name", facts->name);
    out_flag(out, "available", model->available);
    if (!model->available)
        out_text(out, "reason", model->reason);
    out_text(out, "served_by", model->served_by);
    out_flag(out, "sandbox", model->sandbox);
    out_array(out, "outputs");
    for (size_t i = 0; i < facts->output_count; i++) {
        const struct catalog_output *output = &facts->outputs[i];
        out_object(out, NULL);
        out_text(out, "resolution", output->resolution);
        out_array(out, "seconds");
        for (size_t k = 0; k < output->second_count; k++)
            out_integer(out, NULL, output->seconds[k]);
        out_array_end(out);
        out_array(out, "modes");
        for (int mode = 0; mode < CATALOG_MODES; mode++)
            if (output->modes & 1u << mode)
                out_text(out, NULL, catalog_mode_name((enum catalog_mode)mode));
        out_array_end(out);
        out_object_end(out);
    }
    out_array_end(out);
    out_object_end(out);
}

/* "768P 6 or 10 s", "2K 4 to 15 s" */
static int output_words(struct buf *text, const struct catalog_output *output)
{
    const int first = output->seconds[0], last = output->seconds[output->second_count - 1];
    if (first == last)
        return buf_append_format(text, NULL, " %s %d s", output->resolution, first);
    return buf_append_format(text, NULL, " %s %d %s %d s", output->resolution, first,
                             output->second_count == 2 ? "or" : "to", last);
}

static int model_line(struct buf *text, const struct api_model *model)
{
    const struct catalog_model *facts = model->model;
    int rc = buf_append_format(text, NULL, "%s:", facts->slug);
    for (size_t i = 0; i < facts->output_count && rc == 0; i++) {
        const struct catalog_output *output = &facts->outputs[i];
        bool seen = !output->second_count;
        for (size_t k = 0; k < i && !seen; k++)
            seen = strcmp(facts->outputs[k].resolution, output->resolution) == 0;
        if (!seen && i)
            rc = buf_append_text(text, ",", NULL);
        if (!seen && rc == 0)
            rc = output_words(text, output);
    }
    if (rc < 0)
        return rc;
    if (!model->available)
        return buf_append_format(text, NULL, "; not available here: %s\n", model->reason);
    return buf_append_format(text, NULL, "; made by %s%s\n", model->served_by, model->sandbox ? " (rehearsal)" : "");
}

void mcp_models_result(struct out *out, const struct api_model *models, size_t count)
{
    struct buf text;
    buf_init(&text, 1 << 18);
    for (size_t i = 0; i < count; i++)
        if (model_line(&text, &models[i]) < 0)
            break; /* the data below has them all */
    mcp_text_result(out, false, text.data ? text.data : "There are no models.");
    buf_finish(&text);
    out_object(out, "structuredContent");
    out_array(out, "models");
    for (size_t i = 0; i < count; i++)
        model_data(out, &models[i]);
    out_array_end(out);
    out_object_end(out);
}
