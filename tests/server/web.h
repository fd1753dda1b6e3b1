/* A whole server in a temporary folder, without a socket or with one: what tests of the dialects and of server/http
 * share. Requests are made by hand and go through admit, handle and done as a server would call them. */
#ifndef TESTS_SERVER_WEB_H
#define TESTS_SERVER_WEB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "server/api/api.h"
#include "server/blob/blob.h"
#include "server/catalog_find.h"
#include "server/config.h"
#include "server/http/http_app.h"
#include "server/store/store.h"

#define WEB_KEY    "admin-key-of-the-tests"
#define WEB_ORIGIN "http://conch.test:8787"

struct web {
    char folder[64];
    struct config config;
    struct catalog catalog;
    struct catalog_offers offers;
    struct store *store;
    struct blob_store *blobs;
    struct api *api;
    struct http_app *app;
    struct http_embedder embedder;
};
extern struct web web;

int web_setup(void **state);
int web_teardown(void **state);
#define web_test(f) cmocka_unit_test_setup_teardown(f, web_setup, web_teardown)

struct web_request {
    enum http_method method;
    const char *target; /* path?query, percent-encoded */
    const char *key;    /* NULL: WEB_KEY; "": none */
    const char *body;
    const char *type; /* of the body; NULL: application/json when there is a body */
    const struct http_part *parts;
    size_t part_count;
    struct http_field headers[8]; /* ends with a NULL name */
    const char *address;          /* NULL: 127.0.0.1 */
};

struct web_answer {
    int status;
    struct http_response response; /* a file's bytes are read into its body */
    json_t *json;                  /* NULL: the body is no JSON */
    bool refused;                  /* before the body was taken */
    uint64_t body_bytes_max;
    bool fast, spool;
};

/* The answer stays until the next web_send or the end of the test. */
struct web_answer *web_send(const struct web_request *request);
struct web_answer *web_get(const char *target);
struct web_answer *web_post(const char *target, const char *body);

/* Fails the test with the answer's text when the status is another. */
void web_expect(const struct web_answer *answer, int status);

/* "error.code" and so on: a text, or "" when it is no text; numbers as web_number. */
const char *web_text(const struct web_answer *answer, const char *path);
int64_t web_number(const struct web_answer *answer, const char *path);
const json_t *web_value(const struct web_answer *answer, const char *path);
int64_t web_id(const struct web_answer *answer); /* of "id" */

/* A key of the main account (account 0) or another; scopes 0: the usual ones. Static storage, four at a time. */
const char *web_key(unsigned scopes, int64_t account_id);
int64_t web_account(const char *name);

/* Another process's work: claims, starts, makes a clip and finishes a queued job. */
void web_job_start(int64_t id);
void web_job_progress(int64_t id, int permille, int step);
void web_job_finish(int64_t id);

#endif
