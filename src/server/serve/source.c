#include "server/serve/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct overrides {
    struct config_override items[SERVE_OVERRIDES_MAX + 2];
    char *names[SERVE_OVERRIDES_MAX]; /* owned copies of what stands before '=' */
    size_t count, name_count;
};

static int override_add(struct overrides *all, const char *text, conch_error *err)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return conch_error_set(err, CONCH_ERR_RANGE, "--set: '%s' is not allowed (SECTION.KEY=VALUE)", text);
    if (all->name_count == SERVE_OVERRIDES_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "--set was given more than %d times", SERVE_OVERRIDES_MAX);
    char *name = strndup(text, (size_t)(equals - text));
    if (!name)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the configuration");
    all->names[all->name_count++] = name;
    all->items[all->count++] = (struct config_override){.name = name, .value = equals + 1};
    return 0;
}

int source_config(const struct serve_source *source, struct config *ret_config, conch_error *err)
{
    struct overrides all = {.count = 0};
    int rc = 0;
    for (size_t i = 0; i < source->override_count && rc == 0; i++)
        rc = override_add(&all, source->overrides[i], err);
    if (source->listen)
        all.items[all.count++] = (struct config_override){
            .name = "server.listen", .value = source->listen, .option = "--listen"};
    if (source->data)
        all.items[all.count++] = (struct config_override){
            .name = "server.data", .value = source->data, .option = "--data"};
    struct config_settings settings = {
        .path = source->config_path, .environment = environ, .overrides = all.items, .override_count = all.count};
    if (rc == 0)
        rc = config_load(ret_config, &settings, err);
    for (size_t i = 0; i < all.name_count; i++)
        free(all.names[i]);
    return rc;
}

int source_path(const struct config *config, const char *name, char **ret_path, conch_error *err)
{
    if (asprintf(ret_path, "%s/%s", config->server.data, name) < 0) {
        *ret_path = NULL;
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
    }
    return 0;
}

int source_worker_arguments(const struct serve_source *source, const char *kind, const char *data,
                            const char ***ret_arguments, conch_error *err)
{
    const char **list = calloc(10 + 2 * source->override_count, sizeof *list);
    size_t count = 0;
    if (!list)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for arguments");
    list[count++] = "worker";
    list[count++] = "--kind";
    list[count++] = kind;
    list[count++] = "--child";
    list[count++] = "--data";
    list[count++] = data;
    if (source->config_path) {
        list[count++] = "--config";
        list[count++] = source->config_path;
    }
    for (size_t i = 0; i < source->override_count; i++) {
        list[count++] = "--set";
        list[count++] = source->overrides[i];
    }
    *ret_arguments = list;
    return 0;
}
