/* The real server with the real API and store on a socket, in a temporary folder, for recorded exchanges (wire.h). No
 * worker runs: the exchanges say when a job starts, ends or fails. */
#ifndef TESTS_SERVER_WIRE_WORLD_H
#define TESTS_SERVER_WIRE_WORLD_H

#include "server/api/api.h"
#include "server/blob/blob.h"
#include "server/catalog_find.h"
#include "server/config.h"
#include "server/dialect/dialect.h"
#include "server/http/http_app.h"

struct wire_world {
    char folder[64];
    struct config config;
    struct catalog catalog;
    struct catalog_offers offers;
    struct store *store;
    struct blob_store *blobs;
    struct api *api;
    struct http_app *app;
    char *key; /* with every scope */
};
extern struct wire_world wire_world;

/* Set-up and tear-down of a group of tests. */
int wire_world_open(void **state);
int wire_world_close(void **state);

/* "start ID", "finish ID", "fail ID words", "block ID words": what a worker would do. */
int wire_world_act(void *context, const char *words);

/* Plays tests/wire/FOLDER/NAME.txt, in which {key} and {address} are known. */
void wire_world_play(const char *folder, const char *name);

const char *wire_world_root(void); /* of the repository */

#endif
