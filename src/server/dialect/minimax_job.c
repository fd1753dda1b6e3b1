#include "server/dialect/minimax_job.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/dialect/minimax_codes.h"

enum minimax_phase minimax_phase_of_state(enum job_state state)
{
    switch (state) {
    case JOB_QUEUED: return MINIMAX_QUEUED;
    case JOB_SUBMITTING: return MINIMAX_PREPARING;
    case JOB_RUNNING:
    case JOB_STORING:
    case JOB_UNKNOWN: return MINIMAX_RUNNING;
    case JOB_SUCCEEDED: return MINIMAX_SUCCEEDED;
    case JOB_FAILED:
    case JOB_BLOCKED: return MINIMAX_FAILED;
    case JOB_CANCELLED: return MINIMAX_CANCELLED;
    }
    return MINIMAX_RUNNING;
}

static enum job_state state_of_kind(const char *kind, enum job_state other)
{
    static const struct {
        const char *name;
        enum job_state state;
    } buckets[] = {{"pending", JOB_QUEUED}, {"processing", JOB_RUNNING}, {"success", JOB_SUCCEEDED}};
    for (int state = 0; kind && state < JOB_STATES; state++)
        if (strcmp(kind, job_state_name((enum job_state)state)) == 0)
            return (enum job_state)state;
    for (size_t i = 0; kind && i < ARRAY_LEN(buckets); i++)
        if (strcmp(kind, buckets[i].name) == 0)
            return buckets[i].state;
    return other;
}

enum minimax_phase minimax_phase_of_kind(const char *kind, const struct job *job)
{
    const enum job_state state = state_of_kind(kind, job->state);
    return minimax_phase_of_state(job_terminal(state) ? job->state : state);
}

void minimax_metadata(struct out *out, const struct api_job *job, bool with_prompt)
{
    out_object(out, "metadata");
    out_flag(out, "sandbox", job->sandbox);
    out_text(out, "served_by", job->row.served_by);
    if (minimax_phase_of_state(job->row.job.state) == MINIMAX_RUNNING)
        out_real(out, "progress", job->row.job.progress_permille / 1000.0);
    if (with_prompt && job->row.prompt_used)
        out_text(out, "prompt_used", job->row.prompt_used);
    out_object_end(out);
}

struct minimax_text minimax_job_text(const struct api_job *job)
{
    const struct minimax_code *code = minimax_code_of_job(&job->row.job);
    const char *reason = job->row.error_text && job->row.error_text[0] ? job->row.error_text
                         : job->row.job.state == JOB_CANCELLED         ? "the task was cancelled"
                                                                       : job_error_rule(job->row.job.error)->name;
    struct minimax_text ret;
    const size_t room = sizeof ret.text - 1 - strlen(code->words) - strlen(", ");
    snprintf(ret.text, sizeof ret.text, "%s, %.*s", code->words, (int)text_utf8_cut(reason, strlen(reason), room),
             reason);
    return ret;
}

struct minimax_text minimax_problem_text(const struct api_problem *problem)
{
    struct minimax_text ret;
    snprintf(ret.text, sizeof ret.text, "%s, %s", minimax_code_of_problem(problem)->words, problem->text);
    return ret;
}

int minimax_model_check(const struct catalog *catalog, const char *name, const char *api,
                        struct api_problem *ret_problem)
{
    if (!name || !name[0])
        return api_refuse(ret_problem, API_INVALID, "model", "model is required");
    const struct catalog_model *model = catalog_find(catalog, name);
    if (!model || strcmp(model->provider, "minimax") != 0 || strcmp(model->api, api) == 0)
        return 0;
    return api_refuse(ret_problem, API_INVALID, "model",
                      "model %s is not taken here; allowed: POST /%s/video_generation", model->name, model->api);
}

int minimax_id_read(const char *text, const char *field, int64_t *ret_id, struct api_problem *ret_problem)
{
    if (!text || !text[0])
        return api_refuse(ret_problem, API_INVALID, field, "%s is required", field);
    if (dialect_id_parse(text, ret_id))
        return 0;
    return api_refuse(ret_problem, API_INVALID, field, "invalid %s '%.*s'; allowed: 1 to %d decimal digits", field,
                      (int)text_utf8_cut(text, strlen(text), 40), text, DIALECT_ID_DIGITS_MAX);
}

int minimax_not_found(struct api_problem *problem, const char *field, int64_t id)
{
    return api_refuse(problem, API_INVALID, field, "invalid %s, there is no %s %" PRId64 " of this account", field,
                      strcmp(field, "file_id") == 0 ? "file" : "task", id);
}
