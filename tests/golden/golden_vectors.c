/* Files of vectors: configuration, and the weights they name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

static const char *weights_name(const struct vectors *vectors, const char *role)
{
    if (!role)
        return json_string_value(vectors->weights);
    return json_string_value(json_object_get(vectors->weights, role));
}

bool vectors_path(const struct vectors *vectors, const char *role, char *path, size_t path_bytes)
{
    const char *name = weights_name(vectors, role);
    if (!name)
        return false;
    int length = snprintf(path, path_bytes, "%s/%s", vectors->golden->options.folder, name);
    return length > 0 && (size_t)length < path_bytes;
}

int vectors_weights(const struct vectors *vectors, const char *role, struct weights **ret, conch_error *err)
{
    char path[1024];
    if (!vectors_path(vectors, role, path, sizeof path))
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: the metadata names no weights%s%s", vectors->name,
                               role ? " for " : "", role ? role : "");
    const char *paths[] = {path};
    return weights_open(ret, paths, 1, err);
}

json_t *vectors_config(const struct vectors *vectors, const char *role, const struct weights *weights)
{
    json_t *own = role ? json_object_get(vectors->config, role) : vectors->config;
    json_t *config = json_is_object(own) ? json_copy(own) : json_object();
    const char *text = weights ? weights_metadata(weights, "config") : NULL;
    json_t *beside = text ? json_loads(text, 0, NULL) : NULL;
    if (json_is_object(beside))
        json_object_update_missing(config, beside);
    json_decref(beside);
    return config;
}

int config_size(const json_t *config, const char *key, size_t *ret, conch_error *err)
{
    const json_t *value = json_object_get(config, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "config: %s is missing or no whole number", key);
    *ret = (size_t)json_integer_value(value);
    return CONCH_OK;
}
