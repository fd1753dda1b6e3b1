/* What every process of ours opens: the configuration, the data folder, the database, the blobs. */
#ifndef SERVER_SERVE_PARTS_H
#define SERVER_SERVE_PARTS_H

#include "server/blob/blob.h"
#include "server/config.h"
#include "server/job/catalog.h"
#include "server/job/catalog_offers.h"
#include "server/serve/serve.h"
#include "server/store/store.h"

struct parts {
    struct config config;
    bool config_read;
    char *catalog_folder;
    struct catalog catalog;
    struct catalog_offers offers;
    bool catalog_read;
    char *preview_folder, *spool_folder;
    struct store *store;
    struct blob_store *blobs;
};

/* Reads the configuration and sets the log up. */
int parts_configure(struct parts *parts, const struct serve_source *source, conch_error *err);

/* Makes the data folder and those in it. */
int parts_folders(struct parts *parts, conch_error *err);

/* The catalog; every alias of the configuration must lead to a model of it. */
int parts_catalog(struct parts *parts, conch_error *err);

/* The database and the blobs; committed may be NULL. */
struct parts_store {
    void (*committed)(void *context);
    void *context;
    bool read_only;
    int readers; /* 0: as the store has it */
};
int parts_store(struct parts *parts, const struct parts_store *settings, conch_error *err);

/* Takes a zeroed or half-opened one. */
void parts_close(struct parts *parts);

#endif
