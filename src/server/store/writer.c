#include "server/store/writer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* One call of writer_run; lives on its stack. */
struct piece {
    struct piece *next;
    writer_work *work;
    void *context;
    conch_error err;
    int rc;
    sem_t done;
};

struct writer {
    struct db *db;
    void (*committed)(void *context);
    void *context;
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t some;
    struct piece *first, **last;
    size_t waiting, waiting_max;
    bool closing;
    struct writer_counts counts;
};

static struct piece *batch_take(struct writer *writer, size_t *ret_count)
{
    pthread_mutex_lock(&writer->mutex);
    while (!writer->first && !writer->closing)
        pthread_cond_wait(&writer->some, &writer->mutex);
    struct piece *batch = writer->first;
    struct piece **end = &writer->first;
    size_t count = 0;
    for (; *end && count < WRITER_BATCH_MAX; count++)
        end = &(*end)->next;
    writer->first = *end;
    *end = NULL;
    if (!writer->first)
        writer->last = &writer->first;
    writer->waiting -= count;
    pthread_mutex_unlock(&writer->mutex);
    *ret_count = count;
    return count ? batch : NULL;
}

/* Every piece that was to be written is lost, those with an error of their own keep it. */
static void batch_lose(struct piece *batch, int rc, const conch_error *err)
{
    for (struct piece *piece = batch; piece; piece = piece->next) {
        if (piece->rc < 0)
            continue;
        piece->rc = rc;
        piece->err = *err;
    }
}

/* One piece under its own savepoint. A negative code says that the whole transaction is over. */
static int piece_work(struct db *db, struct piece *piece, conch_error *err)
{
    int rc = db_part_begin(db, err);
    if (rc < 0)
        return rc;
    piece->rc = piece->work(piece->context, db, &piece->err);
    if (!db_in_transaction(db)) { /* the disk is full, for one: SQLite has undone everything */
        *err = piece->err;
        return piece->rc < 0 ? piece->rc : conch_error_set(err, CONCH_ERR_INTERNAL, "the transaction was lost");
    }
    return piece->rc < 0 ? db_part_undo(db, err) : db_part_keep(db, err);
}

static int batch_run(struct writer *writer, struct piece *batch, conch_error *err)
{
    int rc = db_begin_write(writer->db, err);
    size_t kept = 0;
    for (struct piece *piece = batch; piece && rc == 0; piece = piece->next) {
        rc = piece_work(writer->db, piece, err);
        kept += rc == 0 && piece->rc >= 0;
    }
    if (rc < 0 || !kept) {
        db_rollback(writer->db);
        return rc;
    }
    return db_commit(writer->db, err);
}

/* Wakes those who wait; a piece is gone once its semaphore is posted. */
static void batch_answer(struct writer *writer, struct piece *batch, int64_t spent_ns)
{
    size_t kept = 0, failed = 0;
    for (struct piece *piece = batch; piece; piece = piece->next) {
        kept += piece->rc >= 0;
        failed += piece->rc < 0;
    }
    pthread_mutex_lock(&writer->mutex);
    writer->counts.commits += kept > 0;
    writer->counts.pieces += (int64_t)(kept + failed);
    writer->counts.failed += (int64_t)failed;
    writer->counts.commit_ns += spent_ns;
    pthread_mutex_unlock(&writer->mutex);
    for (struct piece *next; batch; batch = next) {
        next = batch->next;
        sem_post(&batch->done);
    }
    if (kept && writer->committed)
        writer->committed(writer->context);
}

static void *writer_thread(void *argument)
{
    struct writer *writer = argument;
    struct piece *batch;
    size_t count;
    while ((batch = batch_take(writer, &count)) != NULL) {
        conch_error err = {0};
        int64_t since_ns = clock_steady_ns();
        int rc = batch_run(writer, batch, &err);
        if (rc < 0)
            batch_lose(batch, rc, &err);
        batch_answer(writer, batch, clock_steady_ns() - since_ns);
    }
    return NULL;
}

int writer_open(const struct writer_settings *settings, struct writer **ret_writer, conch_error *err)
{
    assert(settings->db.role == DB_WRITER);
    struct writer *writer = calloc(1, sizeof(*writer));
    if (!writer)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the writer");
    int rc = db_open(&settings->db, &writer->db, err);
    if (rc < 0) {
        free(writer);
        return rc;
    }
    writer->committed = settings->committed;
    writer->context = settings->context;
    writer->waiting_max = settings->waiting_max > 0 ? (size_t)settings->waiting_max : WRITER_WAITING_MAX;
    writer->last = &writer->first;
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_cond_init(&writer->some, NULL);
    int failed = pthread_create(&writer->thread, NULL, writer_thread, writer);
    if (failed) {
        rc = conch_error_errno(err, CONCH_ERR_INTERNAL, failed, "cannot start the writer's thread");
        db_close(writer->db);
        pthread_cond_destroy(&writer->some);
        pthread_mutex_destroy(&writer->mutex);
        free(writer);
        return rc;
    }
    *ret_writer = writer;
    return 0;
}

void writer_close(struct writer *writer)
{
    if (!writer)
        return;
    pthread_mutex_lock(&writer->mutex);
    writer->closing = true;
    pthread_cond_signal(&writer->some);
    pthread_mutex_unlock(&writer->mutex);
    pthread_join(writer->thread, NULL);
    assert(!writer->first);
    db_close(writer->db);
    pthread_cond_destroy(&writer->some);
    pthread_mutex_destroy(&writer->mutex);
    free(writer);
}

int writer_run(struct writer *writer, writer_work *work, void *context, conch_error *err)
{
    assert(!pthread_equal(pthread_self(), writer->thread));
    struct piece piece = {.work = work, .context = context};
    sem_init(&piece.done, 0, 0);
    pthread_mutex_lock(&writer->mutex);
    assert(!writer->closing);
    bool room = writer->waiting < writer->waiting_max;
    if (room) {
        *writer->last = &piece;
        writer->last = &piece.next;
        if (writer->waiting++ == 0)
            pthread_cond_signal(&writer->some);
    }
    pthread_mutex_unlock(&writer->mutex);
    if (room)
        while (sem_wait(&piece.done) < 0 && errno == EINTR)
            ;
    sem_destroy(&piece.done);
    if (!room)
        return conch_error_set(err, CONCH_ERR_LIMIT, "too many writes are waiting (%zu)", writer->waiting_max);
    if (piece.rc < 0 && err)
        *err = piece.err;
    return piece.rc;
}

void writer_counts(struct writer *writer, struct writer_counts *ret_counts)
{
    pthread_mutex_lock(&writer->mutex);
    *ret_counts = writer->counts;
    ret_counts->waiting = (int64_t)writer->waiting;
    pthread_mutex_unlock(&writer->mutex);
}
