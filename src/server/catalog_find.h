/* Where the catalog's documents lie, and reading all of them.
 *
 * Searched in this order: $CONCH_CATALOG, ../share/conch/catalog beside the folder of the running program (an installed
 * one), ../catalog (a build folder inside the source tree). The folder has a models.json. */
#ifndef SERVER_CATALOG_FIND_H
#define SERVER_CATALOG_FIND_H

#include "conch/error.h"
#include "server/job/catalog.h"
#include "server/job/catalog_offers.h"

/* *ret_folder is malloc'ed. CONCH_ERR_NOTFOUND lists where it was looked for; a $CONCH_CATALOG without a catalog is an
 * error, nothing else is tried then. */
int catalog_folder_find(char **ret_folder, conch_error *err);

/* The same for a value of $CONCH_CATALOG (NULL or "": not set) and a program's folder. */
int catalog_folder_find_from(const char *named, const char *program_folder, char **ret_folder, conch_error *err);

/* Reads models.json, templates.json and services.json of a folder; catalog_finish and catalog_offers_finish are the
 * caller's. As catalog_read; CONCH_ERR_NOTFOUND, CONCH_ERR_IO. */
int catalog_open(const char *folder, struct catalog *ret_catalog, struct catalog_offers *ret_offers, conch_error *err);

#endif
