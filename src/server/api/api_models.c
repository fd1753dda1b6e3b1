#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/api/api_state.h"
#include "server/api/served.h"

/* ---- what workers publish ---- */

struct workers {
    struct store_worker *rows;
    size_t count;
    int64_t seen_after_ms;
};

static int workers_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct workers *workers = context;
    return store_worker_list(tx, workers->seen_after_ms, workers->rows, &workers->count, err);
}

void served_refresh(struct api *api)
{
    const int64_t now_ms = clock_wall_ms();
    conch_error err = {0};
    if (!local_models_stale(api->locals, now_ms))
        return;
    struct workers workers = {.rows = calloc(API_WORKERS_MAX, sizeof *workers.rows),
                              .count = API_WORKERS_MAX,
                              .seen_after_ms = now_ms - API_WORKER_SEEN_MS};
    if (!workers.rows)
        return;
    if (store_read(api->store, workers_work, &workers, &err) == 0) {
        local_models_update(api->locals, workers.rows, workers.count, now_ms);
        for (size_t i = 0; i < workers.count; i++)
            store_worker_finish(&workers.rows[i]);
    } else {
        log_warn("what the workers publish could not be read", log_error_text(&err));
    }
    free(workers.rows);
}

int api_worker_list(struct api *api, const struct api_caller *caller, struct store_worker *ret, size_t *count,
                    struct api_problem *ret_problem)
{
    struct workers workers = {.rows = ret, .count = *count, .seen_after_ms = clock_wall_ms() - API_WORKER_SEEN_MS};
    conch_error err = {0};
    if (api_require(caller, STORE_SCOPE_ADMIN, ret_problem) < 0)
        return -1;
    const int rc = store_read(api->store, workers_work, &workers, &err);
    if (rc < 0)
        return api_refuse_error(ret_problem, rc, &err);
    *count = workers.count;
    return 0;
}

/* ---- who serves what ---- */

bool served_is_ours(const struct catalog_model *model)
{
    return strcmp(model->provider, "conch") == 0 || strcmp(model->provider, "local") == 0;
}

/* Of the catalog, or of a worker. live: a worker has it at the moment. */
static const struct catalog_model *model_find(struct api *api, const char *name, bool *ret_live)
{
    const struct catalog_model *model = catalog_find(api->catalog, name);
    const struct catalog_model *local = local_models_find(api->locals, model ? model->slug : name, ret_live);
    return model ? model : local;
}

static const struct catalog_pin *alias_find(const struct api *api, const char *name, const struct catalog_model *model)
{
    for (size_t i = 0; i < api->config->aliases.count; i++) {
        const struct catalog_pin *pin = &api->config->aliases.items[i];
        if (strcmp(pin->name, name) == 0 ||
            (model && (strcmp(pin->name, model->slug) == 0 || strcmp(pin->name, model->name) == 0)))
            return pin;
    }
    return NULL;
}

static void ours(struct api *api, const struct catalog_model *maker, bool live, struct served *served)
{
    served->maker = maker;
    snprintf(served->served_by, sizeof served->served_by, "%s", maker->slug);
    snprintf(served->backend, sizeof served->backend, "local");
    const bool listed = strcmp(maker->provider, "local") != 0;    /* of the catalog: there once an engine runs */
    const bool starting = local_models_workers(api->locals) == 0; /* one that works has said what it has */
    served->available = live || (listed && api->config->engine.enabled && starting);
    if (!served->available)
        snprintf(served->reason, sizeof served->reason,
                 listed && !api->config->engine.enabled
                     ? "the engine is switched off here (engine.enabled) and no worker has %.100s"
                     : "no worker that has %.100s is there at the moment (conch doctor looks at the models)",
                 maker->slug);
}

static void rehearsed(struct api *api, const struct catalog_model *asked, struct served *served)
{
    bool live;
    snprintf(served->backend, sizeof served->backend, "sandbox");
    served->sandbox = true;
    if (!api->config->sandbox.enabled) {
        snprintf(served->reason, sizeof served->reason,
                 "%.100s is a hosted model, and the sandbox that rehearses those is switched off here", asked->slug);
        return;
    }
    const char *pixels = api->config->engine.default_model;
    const struct catalog_model *maker = model_find(api, pixels, &live);
    if (!maker || !served_is_ours(maker)) {
        snprintf(served->reason, sizeof served->reason,
                 "engine.default_model is %.80s, which is no model of this machine, so the sandbox has no pixels",
                 pixels);
        return;
    }
    ours(api, maker, live, served);
    snprintf(served->backend, sizeof served->backend, "sandbox");
}

int served_find(struct api *api, const char *name, struct served *ret, struct api_problem *ret_problem)
{
    struct served served = {0};
    struct catalog_refusal refusal;
    struct catalog_resolved unused;
    bool live;
    served_refresh(api);
    name = name && *name ? name : api->config->engine.default_model;
    const struct catalog_model *named = model_find(api, name, &live), *target = named;
    const struct catalog_pin *alias = alias_find(api, name, named);
    if (alias) {
        served.alias = alias->name;
        target = model_find(api, alias->slug, &live);
    }
    served.model = named ? named : target;
    if (!served.model && alias)
        return api_refuse(ret_problem, API_UNAVAILABLE_HERE, "model",
                          "'%s' is an alias of '%s', which is no model here", alias->name, alias->slug);
    if (!served.model) {
        catalog_resolve(api->catalog, &(struct catalog_request){.model = name}, &unused, &refusal);
        return api_refuse_catalog(ret_problem, &refusal);
    }
    if (!target)
        snprintf(served.reason, sizeof served.reason, "'%.60s' is an alias of '%.80s', which is no model here",
                 alias->name, alias->slug);
    else if (served_is_ours(target))
        ours(api, target, live, &served);
    else
        rehearsed(api, target, &served);
    *ret = served;
    return 0;
}

int served_require(const struct served *served, struct api_problem *ret_problem)
{
    return served->available ? 0
                             : api_refuse(ret_problem, API_UNAVAILABLE_HERE, "model", "%s cannot be had here: %s",
                                          served->model->slug, served->reason);
}

/* ---- for clients ---- */

static void model_fill(struct api_model *model, const struct served *served)
{
    *model = (struct api_model){
        .model = served->model, .sandbox = served->sandbox, .available = served->available, .alias = served->alias};
    memcpy(model->served_by, served->served_by, sizeof model->served_by);
    memcpy(model->backend, served->backend, sizeof model->backend);
    memcpy(model->reason, served->reason, sizeof model->reason);
}

struct models {
    struct api_model *list;
    size_t count, room;
};

static void model_add(struct api *api, const char *name, struct models *models)
{
    struct served served;
    struct api_problem unused;
    if (models->count < models->room && served_find(api, name, &served, &unused) == 0)
        model_fill(&models->list[models->count++], &served);
}

int api_model_list(struct api *api, const struct api_caller *caller, struct api_model *ret, size_t *count,
                   struct api_problem *ret_problem)
{
    const struct catalog_model *locals[LOCAL_MODELS_MAX];
    size_t local_count = LOCAL_MODELS_MAX;
    struct models models = {ret, 0, *count};
    if (api_require(caller, STORE_SCOPE_READ, ret_problem) < 0)
        return -1;
    served_refresh(api);
    for (size_t i = 0; i < api->catalog->model_count; i++)
        model_add(api, api->catalog->models[i].slug, &models);
    local_models_list(api->locals, locals, &local_count);
    for (size_t i = 0; i < local_count; i++)
        if (!catalog_find(api->catalog, locals[i]->slug))
            model_add(api, locals[i]->slug, &models);
    for (size_t i = 0; i < api->config->aliases.count; i++) /* names that are no model's of their own */
        if (!catalog_find(api->catalog, api->config->aliases.items[i].name))
            model_add(api, api->config->aliases.items[i].name, &models);
    *count = models.count;
    return 0;
}

/* A name that means several models; others are just not there. */
static bool is_family(const struct api *api, const char *name)
{
    const size_t length = strlen(name);
    for (size_t i = 0; i < api->catalog->alias_count; i++)
        if (strcasecmp(api->catalog->aliases[i].name, name) == 0)
            return true;
    for (size_t i = 0; length > 0 && i < api->catalog->model_count; i++)
        if (strncasecmp(api->catalog->models[i].slug, name, length) == 0 ||
            strncasecmp(api->catalog->models[i].name, name, length) == 0)
            return true;
    return false;
}

int api_model_get(struct api *api, const char *name, struct api_model *ret, struct api_problem *ret_problem)
{
    struct served served;
    if (served_find(api, name, &served, ret_problem) < 0) {
        if (ret_problem->kind == API_INVALID && name && !is_family(api, name))
            ret_problem->kind = API_NOT_FOUND;
        return -1;
    }
    model_fill(ret, &served);
    return 0;
}
