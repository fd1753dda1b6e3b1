#include "cli/models_find.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/paths.h"
#include "conch/engine.h"

void models_list_finish(struct models_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->path[i]);
    list->count = 0;
}

static int list_add(struct models_list *list, const char *folder, size_t length, const char *suffix, conch_error *err)
{
    if (list->count == MODELS_FIND_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "more than %d model folders", MODELS_FIND_MAX);
    if (asprintf(&list->path[list->count], "%.*s%s", (int)length, folder, suffix) < 0)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
    list->count++;
    return 0;
}

/* Each part of a list with colons, suffix appended. */
static int list_add_parts(struct models_list *list, const char *parts, const char *suffix, conch_error *err)
{
    int rc = 0;
    while (rc == 0 && *parts) {
        size_t length = strcspn(parts, ":");
        if (length)
            rc = list_add(list, parts, length, suffix, err);
        parts += length + (parts[length] == ':');
    }
    return rc;
}

int models_search_path(const char *only, struct models_list *ret_folders, conch_error *err)
{
    struct models_list list = {.count = 0};
    const char *variable = getenv("CONCH_MODELS"), *data = getenv("XDG_DATA_DIRS");
    char *folder = NULL, *above = NULL;
    conch_error ignored;
    int rc = 0;
    if (only) {
        rc = list_add(&list, only, strlen(only), "", err);
        goto out;
    }
    if (variable)
        rc = list_add_parts(&list, variable, "", err);
    if (rc == 0)
        rc = list_add_parts(&list, "models", "", err);
    if (rc == 0 && paths_user(PATHS_DATA, "models", &folder, &ignored) == 0)
        rc = list_add(&list, folder, strlen(folder), "", err);
    free(folder);
    folder = NULL;
    if (rc == 0)
        rc = list_add_parts(&list, data && *data ? data : "/usr/local/share:/usr/share", "/conch/models", err);
    if (rc == 0 && paths_program(&folder, &ignored) == 0 && paths_folder_of(folder, &above, &ignored) == 0) {
        rc = list_add(&list, above, strlen(above), "/share/conch/models", err);
        if (rc == 0)
            rc = list_add(&list, above, strlen(above), "/models", err);
    }
out:
    free(above);
    free(folder);
    if (rc < 0)
        models_list_finish(&list);
    else
        *ret_folders = list;
    return rc;
}

static bool is_model(const char *folder)
{
    char *manifest = NULL;
    bool is = paths_join(folder, "conch.json", &manifest, NULL) == 0 && file_exists(manifest);
    free(manifest);
    return is;
}

static bool same_folder(const char *a, const char *b)
{
    char real_a[PATH_MAX], real_b[PATH_MAX];
    return realpath(a, real_a) && realpath(b, real_b) && strcmp(real_a, real_b) == 0;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int add_models_of(struct models_list *list, const char *folder, conch_error *err)
{
    struct dirent **entries = NULL;
    int rc = 0, count = scandir(folder, &entries, visible, alphasort);
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        bool known = false;
        if (rc == 0)
            rc = paths_join(folder, entries[i]->d_name, &path, err);
        for (size_t k = 0; path && k < list->count && !known; k++)
            known = same_folder(path, list->path[k]);
        if (rc == 0 && !known && is_model(path))
            rc = list_add(list, path, strlen(path), "", err);
        free(path);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

int models_find_all(const char *only, struct models_list *ret_models, conch_error *err)
{
    struct models_list folders = {.count = 0}, models = {.count = 0};
    int rc = models_search_path(only, &folders, err);
    for (size_t i = 0; rc == 0 && i < folders.count; i++) {
        if (is_model(folders.path[i]) && only) /* --models names a model itself */
            rc = list_add(&models, folders.path[i], strlen(folders.path[i]), "", err);
        else
            rc = add_models_of(&models, folders.path[i], err);
    }
    models_list_finish(&folders);
    if (rc < 0)
        models_list_finish(&models);
    else
        *ret_models = models;
    return rc;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* 3: the full name, 2: its last part, 1: the folder's name, 0: not it. An empty wish takes any, complete ones first. */
static int match(const char *folder, const char *wish)
{
    conch_model *model = NULL;
    int quality = wish && strcmp(last_part(folder), wish) == 0; /* also a folder whose manifest is damaged */
    if (conch_model_open(&model, folder, NULL) == 0) {
        const conch_model_info *info = conch_model_info_get(model);
        if (!wish)
            quality = info->missing ? 1 : 2;
        else if (strcmp(info->name, wish) == 0)
            quality = 3;
        else if (strcmp(last_part(info->name), wish) == 0)
            quality = 2;
    }
    conch_model_close(model);
    return quality;
}

static int nothing_found(const struct models_list *models, const char *name, const char *only, conch_error *err)
{
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < models->count && used < sizeof names - 1; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", last_part(models->path[i]));
    if (models->count == 0)
        return conch_error_set(err, CONCH_ERR_NOTFOUND, "%s%s%s; `conch doctor` lists the folders searched",
                               name ? "no model " : "no model folder found", name ? name : "",
                               only ? " in the folder of --models" : "");
    return conch_error_set(err, CONCH_ERR_NOTFOUND, "no model %s; there is: %s", name ? name : "can be used", names);
}

int models_find(const char *only, const char *name, char **ret_folder, conch_error *err)
{
    struct models_list models = {.count = 0};
    int best = 0, rc;
    size_t best_index = 0;
    if (name && is_model(name)) {
        *ret_folder = strdup(name);
        return *ret_folder ? 0 : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
    }
    if (name && paths_is_folder(name) && (strchr(name, '/') || strcmp(name, ".") == 0))
        return conch_error_set(err, CONCH_ERR_NOTFOUND, "%s has no conch.json: it is not a model folder", name);
    rc = models_find_all(only, &models, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < models.count; i++) {
        int quality = match(models.path[i], name);
        if (quality > best) {
            best = quality;
            best_index = i;
        }
    }
    if (best) {
        *ret_folder = models.path[best_index];
        models.path[best_index] = NULL;
    } else {
        rc = nothing_found(&models, name, only, err);
    }
    models_list_finish(&models);
    return rc;
}
