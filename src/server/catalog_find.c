#include "server/catalog_find.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/file.h"
#include "base/json.h"

static int no_memory(conch_error *err)
{
    return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the catalog's path");
}

/* FOLDER/NAME/models.json is there. */
static int folder_try(const char *folder, const char *name, char **ret_folder, conch_error *err)
{
    char *path = NULL, *models = NULL;
    if (asprintf(&path, "%s%s", folder, name) < 0)
        return no_memory(err);
    if (asprintf(&models, "%s/models.json", path) < 0) {
        free(path);
        return no_memory(err);
    }
    const bool found = file_exists(models);
    free(models);
    if (found)
        *ret_folder = path;
    else
        free(path);
    return found ? 1 : 0;
}

int catalog_folder_find_from(const char *named, const char *program_folder, char **ret_folder, conch_error *err)
{
    static const char *const places[] = {"/../share/conch/catalog", "/../catalog"};
    if (named && *named) {
        const int rc = folder_try(named, "", ret_folder, err);
        if (rc == 0)
            return conch_error_set(err, CONCH_ERR_NOTFOUND, "CONCH_CATALOG: there is no models.json in %s", named);
        return rc < 0 ? rc : 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        const int rc = folder_try(program_folder, places[i], ret_folder, err);
        if (rc != 0)
            return rc < 0 ? rc : 0;
    }
    return conch_error_set(err, CONCH_ERR_NOTFOUND,
                           "no catalog of models: neither %.150s%s nor %.150s%s has a models.json; set CONCH_CATALOG",
                           program_folder, places[0], program_folder, places[1]);
}

int catalog_folder_find(char **ret_folder, conch_error *err)
{
    char program[PATH_MAX];
    const ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    if (size < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "cannot tell where this program is");
    program[size] = 0;
    char *slash = strrchr(program, '/');
    if (slash)
        *slash = 0;
    return catalog_folder_find_from(getenv("CONCH_CATALOG"), program, ret_folder, err);
}

static int document_read(const char *folder, const char *name, json_t **ret, conch_error *err)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return no_memory(err);
    const int rc = json_file_read(ret, path, err);
    free(path);
    return rc;
}

int catalog_open(const char *folder, struct catalog *ret_catalog, struct catalog_offers *ret_offers, conch_error *err)
{
    json_t *models = NULL, *templates = NULL, *services = NULL;
    struct catalog catalog = {0};
    struct catalog_offers offers = {0};
    int rc = document_read(folder, "models.json", &models, err);
    if (rc == 0)
        rc = document_read(folder, "templates.json", &templates, err);
    if (rc == 0)
        rc = document_read(folder, "services.json", &services, err);
    if (rc == 0)
        rc = catalog_read(&catalog, models, err);
    if (rc == 0)
        rc = catalog_offers_read(&offers, templates, services, err);
    if (rc == 0) {
        *ret_catalog = catalog;
        *ret_offers = offers;
    } else {
        catalog_finish(&catalog);
    }
    json_decref(models);
    json_decref(templates);
    json_decref(services);
    return rc;
}
