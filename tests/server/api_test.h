/* A server's state on a database and a folder of its own, without HTTP: for tests of what can be asked of Conch. */
#ifndef TESTS_SERVER_API_TEST_H
#define TESTS_SERVER_API_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/api/api.h"
#include "server/blob/blob.h"
#include "server/config.h"

#define TINY    "conch/tiny"
#define HAILUO  "MiniMax-Hailuo-02"
#define HAILUO3 "MiniMax-Hailuo-2.3"

struct api_world {
    char folder[64];
    struct config config;
    json_t *document;
    struct catalog catalog;
    struct store *store;
    struct blob_store *blobs;
    struct api *api;
    char *admin_key;         /* as it was shown at the first start */
    struct api_caller admin; /* its caller */
    struct api_problem problem;
    conch_error err;
};
extern struct api_world world;

/* options: "section.key=value", ended by NULL. The fetch guard lets 127.0.0.1 pass unless an option says otherwise. */
void world_start(const char *const *options);
void world_stop(void);
int world_teardown(void **state);

#define api_test(f) cmocka_unit_test_teardown(f, world_teardown)

/* The last refusal was of this kind and about this field ("": none). */
#define assert_refused(call, kind_, field_)                                                                            \
    do {                                                                                                               \
        assert_int_equal((call), -1);                                                                                  \
        if (strcmp(api_kind_name(world.problem.kind), api_kind_name(kind_)) != 0)                                      \
            print_error("%s: %s\n", api_kind_name(world.problem.kind), world.problem.text);                            \
        assert_string_equal(api_kind_name(world.problem.kind), api_kind_name(kind_));                                  \
        assert_string_equal(world.problem.field, field_);                                                              \
        assert_true(world.problem.text[0] != 0);                                                                       \
    } while (0)

/* The call worked; else its refusal is printed. */
#define assert_done(call)                                                                                              \
    do {                                                                                                               \
        memset(&world.problem, 0, sizeof world.problem);                                                               \
        if ((call) != 0)                                                                                               \
            fail_msg("%s: %s", api_kind_name(world.problem.kind), world.problem.text);                                 \
    } while (0)

/* A caller with a key of these scopes, of the admin's account or of a new one. */
struct api_caller world_key(unsigned scopes);
struct api_caller world_stranger(void);
struct api_caller world_caller(const char *secret);

/* A request for a clip from text; with zeros for everything else. */
struct api_submit world_ask(const char *model, const char *prompt);

/* Submits and returns the id; fails the test when it is refused. */
int64_t world_submit(const struct api_caller *caller, const struct api_submit *ask);

/* Brings a queued job to an end as a worker does, with a result file of 4 bytes when it succeeds. */
enum world_end { WORLD_RUNNING, WORLD_SUCCEEDED, WORLD_FAILED };
void world_work(int64_t id, enum world_end end);

/* What an engine worker publishes. */
void world_worker(const char *details);

int64_t world_available(void);
size_t world_blobs(void); /* files in the blob folder */

/* A PNG of that size, malloc'ed. */
uint8_t *world_png(int width, int height, size_t *ret_size);
/* "data:LABEL;base64,..." of it, malloc'ed. */
char *world_data_url(const char *label, int width, int height);

/* A server of one thread that answers every request with answer(context, request). */
struct world_http {
    int socket, port;
    char *(*answer)(void *context, const char *request, size_t *ret_size); /* malloc'ed head and body; NULL: hangs up */
    void *context;
    _Atomic int requests;
    unsigned long thread;
};
void world_http_start(struct world_http *http);
void world_http_stop(struct world_http *http);

#endif
