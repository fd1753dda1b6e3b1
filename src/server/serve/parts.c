#include "server/serve/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "server/catalog_find.h"
#include "server/serve/source.h"

int parts_configure(struct parts *parts, const struct serve_source *source, conch_error *err)
{
    int rc = source_config(source, &parts->config, err);
    if (rc < 0)
        return rc;
    parts->config_read = true;
    log_setup((enum log_level)parts->config.server.log_level, (enum log_format)parts->config.server.log_format, 2);
    for (size_t i = 0; i < parts->config.strange.count; i++)
        log_warn("an environment variable looks like a setting and is none",
                 log_text("name", parts->config.strange.items[i]));
    return 0;
}

int parts_folders(struct parts *parts, conch_error *err)
{
    int rc = source_path(&parts->config, "preview", &parts->preview_folder, err);
    if (rc == 0)
        rc = source_path(&parts->config, "spool", &parts->spool_folder, err);
    if (rc == 0)
        rc = file_make_folders(parts->preview_folder, err);
    if (rc == 0)
        rc = file_make_folders(parts->spool_folder, err);
    return rc;
}

static int aliases_check(const struct parts *parts, conch_error *err)
{
    for (size_t i = 0; i < parts->config.aliases.count; i++) {
        const struct catalog_pin *pin = &parts->config.aliases.items[i];
        if (!strchr(pin->slug, '/'))
            return conch_error_set(err, CONCH_ERR_RANGE,
                                   "aliases.%s: '%s' is not allowed (a model as PROVIDER/NAME, such as conch/tiny)",
                                   pin->name, pin->slug);
        if (!catalog_find(&parts->catalog, pin->slug)) /* it may be a model folder of this machine */
            log_info("an alias leads to a model that the catalog does not list", log_text("name", pin->name),
                     log_text("model", pin->slug));
    }
    return 0;
}

int parts_catalog(struct parts *parts, conch_error *err)
{
    int rc = catalog_folder_find(&parts->catalog_folder, err);
    if (rc == 0)
        rc = catalog_open(parts->catalog_folder, &parts->catalog, &parts->offers, err);
    if (rc < 0)
        return rc;
    parts->catalog_read = true;
    return aliases_check(parts, err);
}

int parts_store(struct parts *parts, const struct parts_store *settings, conch_error *err)
{
    char *database = NULL, *blobs = NULL;
    int rc = source_path(&parts->config, "conch.db", &database, err);
    if (rc == 0)
        rc = source_path(&parts->config, "blobs", &blobs, err);
    struct store_settings store = {.path = database,
                                   .readers = settings->readers,
                                   .read_only = settings->read_only,
                                   .committed = settings->committed,
                                   .context = settings->context};
    if (rc == 0)
        rc = store_open(&parts->store, &store, err);
    if (rc == 0)
        rc = blob_store_open(&parts->blobs, blobs, err);
    free(database);
    free(blobs);
    return rc;
}

void parts_close(struct parts *parts)
{
    blob_store_close(parts->blobs);
    store_close(parts->store);
    if (parts->catalog_read) {
        catalog_finish(&parts->catalog);
        catalog_offers_finish(&parts->offers);
    }
    free(parts->catalog_folder);
    free(parts->preview_folder);
    free(parts->spool_folder);
    if (parts->config_read)
        config_finish(&parts->config);
    *parts = (struct parts){0};
}
