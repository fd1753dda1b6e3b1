/* remix, edits, extensions and characters: what starts from a clip that is there.
 *
 * No model here changes a clip. A remix, and an edit of a clip made here, is a new clip: the same model, size, length,
 * seed and pictures with the new prompt, which keeps as much of the old one as the same noise does. What would need the
 * pixels of a clip is looked at as if it could be done, so that a client's own mistakes come first, and then refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "server/dialect/openai.h"

enum { NAME_BYTES_MAX = 200 };

/* ---- which clip ---- */

int openai_video_ref_read(const struct openai_source *source, const json_t *body, struct openai_video_ref *ret,
                          struct api_problem *ret_problem)
{
    const json_t *value = json_object_get(body, "video");
    const char *text = json_string_value(json_is_object(value) ? json_object_get(value, "id") : value);
    char number[24];
    memset(ret, 0, sizeof *ret);
    ret->file = openai_file(source, "video");
    if (ret->file && value)
        return api_refuse(ret_problem, API_INVALID, "video", "video is there as a file and as an id");
    if (ret->file)
        return ret->file->size ? 0 : api_refuse(ret_problem, API_INVALID, "video", "the file of video is empty");
    if (!value)
        return api_refuse(ret_problem, API_INVALID, "video", "video is missing: a file, or {\"id\"}");
    if (json_is_integer(value)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        text = number;
    }
    if (!text)
        return api_refuse(ret_problem, API_INVALID, "video", "video must be a file, or {\"id\": \"video_...\"}");
    if (!openai_id_parse(text, &ret->id))
        return openai_missing(ret_problem, "video", text);
    snprintf(ret->text, sizeof ret->text, "%s", openai_id(ret->id).text);
    return 0;
}

/* A clip that was made; *ret is to be finished. */
static int source_job(struct dialect_call *call, int64_t id, const char *param, struct api_job *ret)
{
    if (openai_job(call, id, param, ret) < 0)
        return -1;
    if (ret->row.job.state == JOB_SUCCEEDED)
        return 0;
    api_job_finish(ret);
    return api_refuse(&call->problem, API_INVALID, param,
                      "video %s is not completed; only a completed one can be the source of another",
                      openai_id(id).text);
}

static int prompt_read(const json_t *body, const char **ret, struct api_problem *problem)
{
    *ret = NULL;
    if (dialect_text(body, "prompt", ret, problem) < 0)
        return -1;
    return *ret ? 0 : api_refuse(problem, API_INVALID, "prompt", "prompt is missing");
}

/* ---- the same again with other words ---- */

/* Of the model's lengths the one nearest to the clip's, which another model may have made in a length of its own. */
static int64_t seconds_near(const struct catalog_model *model, const struct store_job *row)
{
    int64_t best = 0;
    for (size_t i = 0; model && i < model->output_count; i++) {
        const struct catalog_output *output = &model->outputs[i];
        if (!row->resolution || strcmp(output->resolution, row->resolution) != 0)
            continue;
        for (size_t k = 0; k < output->second_count; k++)
            if (!best || llabs(output->seconds[k] - row->seconds) < llabs(best - row->seconds))
                best = output->seconds[k];
    }
    return best ? best : row->seconds;
}

/* What was asked for beside the columns of the row. */
static void details_take(const json_t *details, struct api_submit *submit)
{
    const char *optimizer = json_string_value(json_object_get(details, "optimizer"));
    submit->optimizer = optimizer && strcmp(optimizer, "off") == 0 ? API_OFF : API_ON;
    submit->negative = json_string_value(json_object_get(details, "negative"));
    submit->steps = (int)json_integer_value(json_object_get(details, "steps"));
    submit->guidance = json_number_value(json_object_get(details, "guidance"));
}

int openai_again_make(const struct api_job *job, const struct catalog *catalog, const char *prompt,
                      struct openai_create *ret, struct api_problem *ret_problem)
{
    const struct store_job *row = &job->row;
    const bool shaped = row->ratio && strcmp(row->ratio, "adaptive") != 0;
    memset(ret, 0, sizeof *ret);
    ret->submit = (struct api_submit){.dialect = "openai",
                                      .model = row->model_asked,
                                      .prompt = prompt,
                                      .resolution = row->resolution,
                                      .ratio = shaped ? row->ratio : NULL,
                                      .seconds = seconds_near(catalog_find(catalog, row->model), row),
                                      .seed = row->seed,
                                      .media = ret->media};
    details_take(api_job_details(job), &ret->submit);
    for (size_t i = 0; i < job->input_count; i++) {
        snprintf(ret->fields[i], sizeof ret->fields[i], "input_reference");
        ret->media[i] = (struct api_media){
            .role = job->inputs[i].role, .file_id = job->inputs[i].file_id, .field = ret->fields[i]};
        ret->submit.media_count++;
    }
    ret->metadata = json_pack("{s:s}", "remixed_from_video_id", openai_id(row->job.id).text);
    if (!ret->metadata)
        return api_refuse(ret_problem, API_BUSY, "", "there is no memory for the request at the moment");
    ret->submit.metadata = ret->metadata;
    return 0;
}

static int remix(struct dialect_call *call, const char *scope, const struct api_job *job, const char *prompt)
{
    struct openai_create create;
    if (openai_again_make(job, api_catalog(call->api), prompt, &create, &call->problem) < 0)
        return -1;
    const int rc = openai_submit(call, scope, &create);
    openai_create_finish(&create);
    return rc;
}

static int remix_of(struct dialect_call *call, const char *scope, const char *param, int64_t id, const char *prompt)
{
    struct api_job job;
    if (source_job(call, id, param, &job) < 0)
        return -1;
    const int rc = remix(call, scope, &job, prompt);
    api_job_finish(&job);
    return rc;
}

int openai_remix(struct dialect_call *call)
{
    const struct openai_source source = openai_source(call);
    char scope[96];
    const char *prompt;
    json_t *body;
    int64_t id;
    if (openai_id_of_path(call, &id) < 0 || openai_body_read(&source, &body, &call->problem) < 0)
        return -1;
    snprintf(scope, sizeof scope, "POST /v1/videos/%s/remix", openai_id(id).text);
    int rc = prompt_read(body, &prompt, &call->problem);
    if (rc == 0)
        rc = remix_of(call, scope, "video_id", id, prompt);
    json_decref(body);
    return rc;
}

/* ---- edits, extensions ---- */

static int refuse_pixels(struct api_problem *problem, const char *what)
{
    return api_refuse(problem, API_UNAVAILABLE_HERE, "video", "no model of this server can %s; nothing was charged",
                      what);
}

static int edit(struct dialect_call *call, const struct openai_source *source, const json_t *body)
{
    struct openai_video_ref ref;
    const char *prompt;
    if (prompt_read(body, &prompt, &call->problem) < 0 || openai_video_ref_read(source, body, &ref, &call->problem) < 0)
        return -1;
    if (ref.file)
        return refuse_pixels(&call->problem, "change a clip that was uploaded; the id of one made here is taken");
    return remix_of(call, "POST /v1/videos/edits", "video", ref.id, prompt);
}

static int extend(struct dialect_call *call, const struct openai_source *source, const json_t *body)
{
    struct openai_video_ref ref;
    struct api_job job;
    const char *prompt;
    int64_t seconds = 0;
    if (prompt_read(body, &prompt, &call->problem) < 0 ||
        dialect_integer(body, "seconds", 1, 3600, &seconds, &call->problem) < 0)
        return -1;
    if (!seconds)
        return api_refuse(&call->problem, API_INVALID, "seconds", "seconds is missing");
    if (openai_video_ref_read(source, body, &ref, &call->problem) < 0)
        return -1;
    if (ref.id) {
        if (source_job(call, ref.id, "video", &job) < 0)
            return -1;
        api_job_finish(&job);
    }
    return refuse_pixels(&call->problem, "go on with a clip; its last frame as input_reference begins a new one");
}

static int character_create(struct dialect_call *call, const struct openai_source *source, const json_t *body)
{
    struct openai_video_ref ref;
    const char *name = NULL;
    if (dialect_text(body, "name", &name, &call->problem) < 0)
        return -1;
    if (!name)
        return api_refuse(&call->problem, API_INVALID, "name", "name is missing");
    if (strlen(name) > NAME_BYTES_MAX)
        return api_refuse(&call->problem, API_INVALID, "name", "name has %zu bytes; allowed: at most %d", strlen(name),
                          NAME_BYTES_MAX);
    if (openai_video_ref_read(source, body, &ref, &call->problem) < 0)
        return -1;
    return refuse_pixels(&call->problem, "keep a character from one clip to another");
}

typedef int body_handler(struct dialect_call *call, const struct openai_source *source, const json_t *body);

static int with_body(struct dialect_call *call, body_handler *handle)
{
    const struct openai_source source = openai_source(call);
    json_t *body;
    if (openai_body_read(&source, &body, &call->problem) < 0)
        return -1;
    const int rc = handle(call, &source, body);
    json_decref(body);
    return rc;
}

int openai_edit(struct dialect_call *call)
{
    return with_body(call, edit);
}

int openai_extend(struct dialect_call *call)
{
    return with_body(call, extend);
}

int openai_character_create(struct dialect_call *call)
{
    return with_body(call, character_create);
}

/* None can be made, so there is none. */
int openai_character_get(struct dialect_call *call)
{
    return api_refuse(&call->problem, API_NOT_FOUND, "character_id", "there is no character with the id '%.60s'",
                      dialect_parameter(call, "character_id"));
}
