/* The calls: submit, poll, upload, and those about models, key and money. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "server/dialect/dialect_media.h"
#include "server/dialect/modellix.h"

enum { MODELS_MAX = CATALOG_MODELS_MAX + CATALOG_ALIASES_MAX + 64 };

/* ---- submit ---- */

static int create_render(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    const struct dialect_call *call = context;
    *ret_status = 200;
    return modellix_create_write(result, call->request->origin, ret_body, err);
}

static const char *type_of(const struct dialect_call *call)
{
    for (size_t i = 0; i < call->parameter_count; i++)
        if (strcmp(call->parameters[i].name, "type") == 0)
            return call->parameters[i].value;
    return NULL;
}

/* A model folder that is not there, or a model that cannot be had, is a path that leads nowhere. */
static int model_missing(struct api_problem *problem)
{
    if (problem->kind == API_INVALID && strcmp(problem->field, "model") == 0)
        problem->kind = API_NOT_FOUND;
    return -1;
}

int modellix_submit(struct dialect_call *call)
{
    const struct modellix_target target = {.type = type_of(call),
                                           .provider = dialect_parameter(call, "provider"),
                                           .model = dialect_parameter(call, "model")};
    struct modellix_create create;
    struct dialect_digest digest;
    struct api_once once;
    struct api_job job;
    char scope[96];
    if (modellix_create_read(&target, call->json, api_catalog(call->api), &create, &call->problem) < 0)
        return -1;
    dialect_own_links(call, create.media, create.submit.media_count);
    snprintf(scope, sizeof scope, "POST /api/v1/%.70s", create.slug);
    if (dialect_once(call, scope, create_render, &digest, &once) < 0)
        return -1;
    if (api_job_submit(call->api, call->caller, &create.submit, &once, &job, &call->problem) < 0) {
        buf_finish(&once.body);
        return model_missing(&call->problem);
    }
    if (!once.replayed)
        api_job_finish(&job);
    return dialect_once_answer(call, &once);
}

/* ---- poll ---- */

static int task_missing(struct dialect_call *call, const char *text)
{
    if (call->problem.kind != API_NOT_FOUND)
        return -1;
    return api_refuse(&call->problem, API_NOT_FOUND, "task_id", "there is no task '%.60s', or it has expired", text);
}

/* Polls of unfinished tasks read the row alone. */
static int task_find(struct dialect_call *call, const char *text, struct api_job *ret)
{
    int64_t id;
    if (!dialect_id_parse(text, &id)) {
        call->problem.kind = API_NOT_FOUND;
        return task_missing(call, text);
    }
    if (api_job_peek(call->api, call->caller, id, ret, &call->problem) < 0)
        return task_missing(call, text);
    if (ret->row.job.state != JOB_SUCCEEDED)
        return 0;
    api_job_finish(ret);
    return api_job_get(call->api, call->caller, id, ret, &call->problem) < 0 ? task_missing(call, text) : 0;
}

/* Clients keep the link until result_expires_at, so it is good for as long as the file is there. */
int modellix_task(struct dialect_call *call)
{
    struct modellix_show show = {0};
    struct api_job job;
    struct out out;
    conch_error err = {0};
    if (task_find(call, dialect_parameter(call, "task_id"), &job) < 0)
        return -1;
    char *link = NULL;
    if (job.row.job.state == JOB_SUCCEEDED && job.file.id)
        link = api_file_link(call->api, call->request->origin, &job.file,
                             job.file.expires_ms ? job.file.expires_ms - call->now_ms : MODELLIX_FILE_LIFETIME_MS,
                             &show.link_ms);
    show.link = link;
    dialect_answer_begin(call, &out, &err);
    modellix_task_write(&out, &job, &show);
    free(link);
    api_job_finish(&job);
    return dialect_answer_end(call, &out, 200);
}

/* ---- models ---- */

static void model_write(struct out *out, const struct modellix_model *model, const char *origin)
{
    const size_t provider = strcspn(model->slug, "/");
    out_object(out, NULL);
    out_text(out, "slug", model->slug);
    out_text(out, "type", model->type);
    out_text(out, "description", model->description);
    out_format(out, "provider", "%.*s", (int)provider, model->slug);
    out_format(out, "docs_url", "%s/", origin);
    out_object_end(out);
}

/* Models of this machine, under their own names. */
static void own_models_write(struct dialect_call *call, struct out *out, const struct api_model *models, size_t count)
{
    char slug[MODELLIX_SLUG_BYTES_MAX];
    for (size_t i = 0; i < count; i++) {
        const struct catalog_model *model = models[i].model;
        const bool local = strcmp(model->provider, "local") == 0;
        if (models[i].alias || !models[i].available || (!local && strcmp(model->provider, "conch") != 0))
            continue;
        snprintf(slug, sizeof slug, "%s%.100s", local ? "local/" : "", model->slug);
        const struct modellix_model row = {
            .slug = slug, .type = "text-to-video", .description = "a model of this machine"};
        model_write(out, &row, call->request->origin);
    }
}

int modellix_model_list(struct dialect_call *call)
{
    size_t count = MODELS_MAX;
    struct out out;
    conch_error err = {0};
    struct api_model *models = calloc(count, sizeof *models);
    if (!models)
        return api_refuse(&call->problem, API_BUSY, "", "there is no memory for the list at the moment");
    if (api_model_list(call->api, call->caller, models, &count, &call->problem) < 0) {
        free(models);
        return -1;
    }
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    out_array(&out, "models");
    for (size_t i = 0; modellix_model(i); i++)
        for (size_t k = 0; k < count; k++)
            if (models[k].available && strcmp(models[k].model->slug, modellix_model(i)->model) == 0) {
                model_write(&out, modellix_model(i), call->request->origin);
                break;
            }
    own_models_write(call, &out, models, count);
    out_array_end(&out);
    out_object_end(&out);
    free(models);
    return dialect_answer_end(call, &out, 200);
}

/* ---- key and money ---- */

/* A key that is not valid does not come this far. */
int modellix_key(struct dialect_call *call)
{
    struct out out;
    conch_error err = {0};
    modellix_answer_begin(call, &out, &err);
    out_flag(&out, "is_valid", true);
    return modellix_answer_end(call, &out);
}

int modellix_balance(struct dialect_call *call)
{
    struct api_balance *balance = malloc(sizeof *balance);
    struct out out;
    conch_error err = {0};
    if (!balance)
        return api_refuse(&call->problem, API_BUSY, "", "there is no memory for the balance at the moment");
    int rc = api_balance(call->api, call->caller, 0, balance, &call->problem);
    if (rc == 0) {
        modellix_answer_begin(call, &out, &err);
        out_real(&out, "balance", (double)balance->available[LEDGER_MICROUSD] / 1e6);
        rc = modellix_answer_end(call, &out);
    }
    free(balance);
    return rc;
}

/* ---- upload ---- */

/* url goes into first_frame_image as it is. */
static int upload_render(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    const struct dialect_call *call = context;
    const struct store_file *file = result;
    struct out out;
    int64_t expires_ms = 0;
    char *url = api_file_link(call->api, call->request->origin, file, MODELLIX_FILE_LIFETIME_MS, &expires_ms);
    if (!url)
        return conch_error_set(err, CONCH_ERR_NOMEM, "there is no memory for the link");
    out_init(&out, ret_body, err);
    out_object(&out, NULL);
    out_integer(&out, "code", 0);
    out_text(&out, "message", "success");
    out_object(&out, "data");
    out_id(&out, "file_id", file->id);
    out_text(&out, "url", url);
    out_text(&out, "name", file->name);
    out_text(&out, "content_type", file->type);
    out_integer(&out, "size", file->bytes);
    out_integer(&out, "expires_at", expires_ms);
    out_object_end(&out);
    out_object_end(&out);
    free(url);
    *ret_status = 200;
    return out_finish(&out);
}

int modellix_upload(struct dialect_call *call)
{
    const struct http_part *part = http_part(call->request, "file");
    struct dialect_digest digest;
    struct api_once once;
    struct store_file file;
    if (!part)
        return api_refuse(&call->problem, API_INVALID, "file", "file is missing: a part of the form with the bytes");
    if (dialect_once(call, "POST /api/v1/media/files", upload_render, &digest, &once) < 0)
        return -1;
    const struct api_upload put = {.purpose = "video_generation_input",
                                   .name = part->filename ? part->filename : "upload",
                                   .data = part->spool_path ? NULL : part->data,
                                   .path = part->spool_path,
                                   .size = part->size,
                                   .lifetime_ms = MODELLIX_FILE_LIFETIME_MS};
    if (api_file_put(call->api, call->caller, &put, &once, &file, &call->problem) == 0)
        return dialect_once_answer(call, &once);
    buf_finish(&once.body);
    return -1;
}
