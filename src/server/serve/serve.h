/* `conch serve` and `conch worker`: how the parts become processes.
 *
 * The API process owns the network, and starts its workers as children: one engine worker, which makes the clips, and
 * one relay worker, which sends callbacks and sweeps. They meet only at the data folder: the database and the blobs. A
 * child that dies is started again; a child outlives its parent by nothing (it gets SIGTERM when that dies).
 *
 * The data folder:
 *   conch.db        the database            blobs/      clips, posters, uploads
 *   admin.key       the first key, 0600     preview/    pictures of running jobs
 *   conch.lock      held while served       spool/      uploads on their way */
#ifndef SERVER_SERVE_SERVE_H
#define SERVER_SERVE_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"

enum { SERVE_OVERRIDES_MAX = 72 };

/* What both programs are given: where the configuration comes from. */
struct serve_source {
    const char *config_path;      /* NULL: where it is looked for */
    const char *listen, *data;    /* options of their own; NULL: not given */
    const char *const *overrides; /* NAME=VALUE */
    size_t override_count;
};

struct serve_settings {
    struct serve_source source;
    const char *first_clip; /* a prompt: when the data folder has no job yet, this one is submitted; NULL: none */
};

/* Serves until SIGINT or SIGTERM, then stops cleanly. To be called before any thread is started.
 * CONCH_ERR_RANGE (configuration), CONCH_ERR_IO (the address is taken, another server has the data folder), errors of
 * the store. */
int serve_run(const struct serve_settings *settings, conch_error *err);

enum serve_worker { SERVE_WORKER_ENGINE, SERVE_WORKER_RELAY };
enum { SERVE_WORKERS = 2 };
const char *serve_worker_name(enum serve_worker kind); /* "engine", "relay" */

struct serve_worker_settings {
    struct serve_source source;
    enum serve_worker kind;
    bool child; /* it ends with the process that started it */
    /* Finds the model folders below a folder; NULL: where they are looked for without one. Calls add for each. */
    int (*find_models)(const char *folder, int (*add)(void *context, const char *folder, conch_error *err),
                       void *context, conch_error *err);
    const char *cache_dir; /* for embeddings of prompts; NULL: none are kept */
};

/* One worker, until SIGINT or SIGTERM: its job is handed back. */
int serve_worker_run(const struct serve_worker_settings *settings, conch_error *err);

/* Prints the configuration: the whole file with its help, or the values in force. */
int serve_print_config(const struct serve_source *source, bool in_force, conch_error *err);

/* Rebuilds the books from their entries, beside a running server or without one; problems go to standard output a line
 * each. *ret_problems: how many. */
int serve_audit(const struct serve_source *source, long long *ret_problems, conch_error *err);

/* A copy of a data folder that belongs together, beside a running server or without one: the database as it is at one
 * moment, then every file that it names, each a second name of the same bytes where source and target lie on one disk.
 * The target appears whole, or not at all (TARGET.partial is what is being made); the copy is opened and its books are
 * rebuilt. `conch serve --data TARGET` serves it. */
struct serve_backup_settings {
    struct serve_source source;
    const char *target; /* a folder that is not there, or is empty */
    bool with_key;      /* admin.key too */
    /* what: "database", "files" or "books"; other than 0 ends the backup with that code. NULL: nobody is told. */
    int (*told)(void *context, const char *what, int64_t done, int64_t total, conch_error *err);
    void *context;
};
struct serve_backup {
    int64_t database_bytes;
    int64_t files, bytes, linked; /* linked: of the files */
    int64_t deleted;              /* while the backup ran: the copy knows that they are gone */
    int64_t missing;              /* the data folder itself has lost them */
    int64_t jobs;
    int64_t problems; /* of the books; they are copied as they are, and each is a line of standard output */
};
/* CONCH_ERR_RANGE: the target is in the way; CONCH_ERR_FORMAT: what was copied is damaged. */
int serve_backup(const struct serve_backup_settings *settings, struct serve_backup *ret, conch_error *err);

#endif
