/* GET /v1/models: what can be named here. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "server/dialect/openai.h"

enum { MODELS_MAX = CATALOG_MODELS_MAX + CATALOG_ALIASES_MAX + 64 };

/* The name that clients of the provider use; the operator's own goes before it. */
static const char *name_of(const struct api_model *model)
{
    const bool renamed = model->alias && strcmp(model->alias, model->model->slug) != 0;
    return renamed ? model->alias : model->model->name;
}

static void model_write(struct out *out, const char *key, const struct api_model *model, const char *name)
{
    out_object(out, key);
    out_text(out, "id", name);
    out_text(out, "object", "model");
    out_integer(out, "created", 0); /* nobody knows */
    out_text(out, "owned_by", model->model->provider);
    out_object(out, "metadata");
    out_text(out, "slug", model->model->slug);
    out_text(out, "served_by", model->served_by);
    out_flag(out, "sandbox", model->sandbox);
    out_object_end(out);
    out_object_end(out);
}

/* Only what can be had: clients offer every one of them. */
int openai_model_list(struct dialect_call *call)
{
    size_t count = MODELS_MAX;
    struct out out;
    conch_error err = {0};
    struct api_model *models = calloc(count, sizeof *models);
    if (!models)
        return api_refuse(&call->problem, API_BUSY, "", "there is no memory for the list at the moment");
    const int rc = api_model_list(call->api, call->caller, models, &count, &call->problem);
    if (rc == 0) {
        dialect_answer_begin(call, &out, &err);
        out_object(&out, NULL);
        out_text(&out, "object", "list");
        out_array(&out, "data");
        for (size_t i = 0; i < count; i++)
            if (models[i].available)
                model_write(&out, NULL, &models[i], name_of(&models[i]));
        out_array_end(&out);
        out_object_end(&out);
    }
    free(models);
    return rc < 0 ? -1 : dialect_answer_end(call, &out, 200);
}

int openai_model_get(struct dialect_call *call)
{
    const char *name = dialect_parameter(call, "model");
    struct api_model model;
    struct out out;
    conch_error err = {0};
    if (api_model_get(call->api, name, &model, &call->problem) < 0)
        return -1;
    if (!model.available)
        return api_refuse(&call->problem, API_NOT_FOUND, "model", "%.100s cannot be had here: %s", name, model.reason);
    dialect_answer_begin(call, &out, &err);
    model_write(&out, NULL, &model, name);
    return dialect_answer_end(call, &out, 200);
}
