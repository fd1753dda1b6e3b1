/* A store with its blobs, a worker in this process, and jobs for it: what the tests of the queue share. */
#ifndef TESTS_SERVER_QUEUE_TEST_H
#define TESTS_SERVER_QUEUE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/blob/blob.h"
#include "server/config.h"
#include "server/queue/worker.h"
#include "server/store/store.h"

enum { QT_ACCOUNT = 11, QT_KEY = 21, QT_LOT = 31, QT_MONEY = 1000000 };

struct qt {
    char folder[64];
    struct config config;
    struct store *store;
    struct blob_store *blobs;
};
extern struct qt qt;

int qt_setup(void **state); /* also where conch-media and the model are */
int qt_teardown(void **state);
const char *qt_path(const char *name); /* in the folder; four at a time */

#define qt_test(f) cmocka_unit_test_setup_teardown(f, qt_setup, qt_teardown)

/* A job of 1000 micro-USD; zero or NULL: what is said beside it. */
struct qt_job {
    const char *backend;  /* "fake" */
    const char *model;    /* "conch/tiny" */
    const char *task;     /* "generation" */
    const char *prompt;   /* "a red ball rolls to the right on the grass" */
    const char *details;  /* {"steps":4} */
    const char *callback; /* none */
    const char *style;    /* "conch" */
    const char *resolution;
    int seconds, width, height; /* 1 */
    int attempts_max;
    bool remote;
    const void *first_frame;
    size_t first_frame_size;
};
int64_t qt_submit(const struct qt_job *job);
void qt_cancel(int64_t id);

/* The row as it is now; to be finished. */
struct store_job qt_row(int64_t id);
/* Until it is in one of these states (bits); fails after `seconds`. */
struct store_job qt_wait(int64_t id, unsigned states, int seconds);
enum job_state qt_state(int64_t id);
size_t qt_events(int64_t id, struct store_event *ret, size_t max);
int qt_messages(int64_t id, struct store_message *ret, size_t max);

void qt_write(store_work *work, void *context);
void qt_read(store_work *work, void *context);
void qt_sleep_ms(int ms);
int qt_blob_count(void);
/* Money that is free and held; the audit finds nothing. */
void qt_money(int64_t available, int64_t held);

/* A worker on a thread of this process. */
struct qt_worker;
struct qt_worker *qt_worker_start(struct backend *const *backends, size_t count);
void qt_worker_stop(struct qt_worker *worker);

#endif
