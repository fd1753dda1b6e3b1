/* Group commit: one thread a process that writes, for many that wait.
 *
 * Every durable commit costs a sync of the disk. The writer takes all work that is waiting (at most WRITER_BATCH_MAX),
 * runs each piece in one transaction, commits once, and wakes those who wait: a sync is shared by all who came while
 * the last one ran. Each piece is a part of its own: its error undoes what it did and nothing else. */
#ifndef SERVER_STORE_WRITER_H
#define SERVER_STORE_WRITER_H

#include <stdint.h>

#include "server/store/db.h"

enum {
    WRITER_BATCH_MAX = 256,    /* pieces of work in one transaction */
    WRITER_WAITING_MAX = 8192, /* pieces that may wait, unless the settings say another number */
};

struct writer;

struct writer_settings {
    struct db_settings db;            /* of the writer's own connection; role is DB_WRITER */
    int waiting_max;                  /* pieces that may wait; 0: WRITER_WAITING_MAX */
    void (*committed)(void *context); /* on the writer's thread, after each commit that wrote; NULL: nobody */
    void *context;
};

/* Opens the connection (which brings the tables up to date) and starts the thread. Errors of db_open. */
int writer_open(const struct writer_settings *settings, struct writer **ret_writer, conch_error *err);

/* Finishes what is waiting, then ends the thread. Nobody may call writer_run any more. Takes NULL. */
void writer_close(struct writer *writer);

/* A piece of work, on the writer's thread. It leaves transactions alone; a negative code undoes what it did. */
typedef int writer_work(void *context, struct db *db, conch_error *err);

/* Blocks until the transaction with this work is committed and synced, or is not. Returns what work returned; or the
 * error of the commit or of the whole transaction, with nothing written; or CONCH_ERR_LIMIT when too many wait (the
 * text says so). From any thread but the writer's own. */
int writer_run(struct writer *writer, writer_work *work, void *context, conch_error *err);

struct writer_counts {
    int64_t commits, pieces, failed; /* failed: pieces that returned an error, or were lost with a commit */
    int64_t waiting;                 /* now */
    int64_t commit_ns;               /* time in commits, all together */
};
void writer_counts(struct writer *writer, struct writer_counts *ret_counts);

#endif
