/* Models as Replicate shows them: one version each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/dialect/replicate.h"

enum { MODELS_MAX = 2 * CATALOG_MODELS_MAX };

static void seconds_write(struct out *out, const struct catalog_model *model)
{
    bool seen[256] = {false};
    out_object(out, "duration");
    out_text(out, "type", "integer");
    out_array(out, "enum");
    for (size_t i = 0; i < model->output_count; i++)
        for (size_t k = 0; k < model->outputs[i].second_count; k++) {
            const int seconds = model->outputs[i].seconds[k];
            if (seconds < 0 || seconds > 255 || seen[seconds])
                continue;
            seen[seconds] = true;
            out_integer(out, NULL, seconds);
        }
    out_array_end(out);
    out_object_end(out);
}

static bool is_first(const struct catalog_model *model, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(model->outputs[i].resolution, model->outputs[index].resolution) == 0)
            return false;
    return true;
}

static void resolutions_write(struct out *out, const struct catalog_model *model)
{
    out_object(out, "resolution");
    out_text(out, "type", "string");
    out_array(out, "enum");
    for (size_t i = 0; i < model->output_count; i++)
        if (is_first(model, i))
            out_text(out, NULL, model->outputs[i].resolution);
    out_array_end(out);
    out_object_end(out);
}

static void text_property(struct out *out, const char *name, const char *format)
{
    out_object(out, name);
    out_text(out, "type", "string");
    if (format)
        out_text(out, "format", format);
    out_object_end(out);
}

static void schema_write(struct out *out, const struct catalog_model *model)
{
    unsigned modes = 0;
    for (size_t i = 0; i < model->output_count; i++)
        modes |= model->outputs[i].modes;
    out_object(out, "openapi_schema");
    out_object(out, "components");
    out_object(out, "schemas");
    out_object(out, "Input");
    out_text(out, "type", "object");
    out_object(out, "properties");
    text_property(out, "prompt", NULL);
    seconds_write(out, model);
    resolutions_write(out, model);
    if (modes & 1u << CATALOG_FIRST_FRAME)
        text_property(out, "first_frame_image", "uri");
    if (modes & 1u << CATALOG_LAST_FRAME)
        text_property(out, "last_frame_image", "uri");
    if (modes & 1u << CATALOG_SUBJECT)
        text_property(out, "subject_reference", "uri");
    out_object_end(out);
    out_object_end(out);
    out_object(out, "Output");
    out_text(out, "type", "string");
    out_text(out, "format", "uri");
    out_object_end(out);
    out_object_end(out);
    out_object_end(out);
    out_object_end(out);
}

/* id, object, created and owned_by are for OpenAI's clients, whose address of a model this is too. */
static void model_write(struct dialect_call *call, struct out *out, const struct api_model *model)
{
    const char *slug = model->model->slug, *slash = strchr(slug, '/');
    char version[REPLICATE_VERSION_SIZE];
    replicate_version(slug, version);
    out_object(out, NULL);
    out_format(out, "url", "%s%s/models/%s", call->request->origin, replicate_base(call->request), slug);
    out_text(out, "owner", model->model->provider);
    out_text(out, "name", slash ? slash + 1 : slug);
    if (!model->available)
        out_format(out, "description", "%s; not available here: %s", model->model->name, model->reason);
    else
        out_format(out, "description", "%s, served by %s%s", model->model->name, model->served_by,
                   model->sandbox ? " as a rehearsal (sandbox)" : "");
    out_text(out, "visibility", "public");
    out_integer(out, "run_count", 0);
    out_null(out, "cover_image_url");
    out_null(out, "default_example");
    out_object(out, "latest_version");
    out_text(out, "id", version);
    schema_write(out, model->model);
    out_object_end(out);
    out_text(out, "id", slug);
    out_text(out, "object", "model");
    out_integer(out, "created", 0);
    out_text(out, "owned_by", model->model->provider);
    out_object_end(out);
}

int replicate_model_get(struct dialect_call *call)
{
    char name[REPLICATE_NAME_MAX];
    struct api_model model;
    struct out out;
    conch_error err = {0};
    snprintf(name, sizeof name, "%.95s/%.95s", dialect_parameter(call, "owner"), dialect_parameter(call, "name"));
    if (api_model_get(call->api, name, &model, &call->problem) < 0)
        return api_refuse(&call->problem, API_NOT_FOUND, "", "there is no model %.100s here", name);
    dialect_answer_begin(call, &out, &err);
    model_write(call, &out, &model);
    return dialect_answer_end(call, &out, 200);
}

static int models_read(struct dialect_call *call, struct api_model **ret, size_t *ret_count)
{
    *ret_count = MODELS_MAX;
    *ret = calloc(*ret_count, sizeof **ret);
    if (!*ret)
        return api_refuse(&call->problem, API_BUSY, "", "no memory for the list");
    if (api_model_list(call->api, call->caller, *ret, ret_count, &call->problem) == 0)
        return 0;
    free(*ret);
    return -1;
}

int replicate_model_list(struct dialect_call *call)
{
    struct api_model *models;
    size_t count;
    struct out out;
    conch_error err = {0};
    if (models_read(call, &models, &count) < 0)
        return -1;
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    out_null(&out, "previous");
    out_null(&out, "next");
    out_array(&out, "results");
    for (size_t i = 0; i < count; i++)
        model_write(call, &out, &models[i]);
    out_array_end(&out);
    out_object_end(&out);
    free(models);
    return dialect_answer_end(call, &out, 200);
}

int replicate_model_of_version(struct dialect_call *call, const char *version, char ret_name[REPLICATE_NAME_MAX])
{
    struct api_model *models;
    size_t count;
    bool found = false;
    if (models_read(call, &models, &count) < 0)
        return -1;
    for (size_t i = 0; i < count && !found; i++) {
        char id[REPLICATE_VERSION_SIZE];
        replicate_version(models[i].model->slug, id);
        found = strcmp(id, version) == 0;
        if (found)
            snprintf(ret_name, REPLICATE_NAME_MAX, "%s", models[i].model->slug);
    }
    free(models);
    return found ? 0
                 : api_refuse(&call->problem, API_INVALID, "version",
                              "there is no version %.70s here; OWNER/NAME works as well", version);
}
