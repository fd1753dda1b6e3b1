#include "server/store/readers.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct readers {
    struct db_settings settings;
    pthread_mutex_t mutex;
    pthread_cond_t given;
    int count;  /* connections there may be */
    int opened; /* there are, idle or taken */
    int idle;   /* in the list: the last one given is taken first, its cache is warm */
    struct db *list[READERS_MAX];
};

int readers_create(const struct db_settings *db, int count, struct readers **ret_readers, conch_error *err)
{
    assert(db->role == DB_READER && count >= 1 && count <= READERS_MAX);
    struct readers *readers = calloc(1, sizeof(*readers));
    if (!readers)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for database connections");
    readers->settings = *db;
    readers->count = count;
    pthread_mutex_init(&readers->mutex, NULL);
    pthread_cond_init(&readers->given, NULL);
    *ret_readers = readers;
    return 0;
}

void readers_destroy(struct readers *readers)
{
    if (!readers)
        return;
    assert(readers->idle == readers->opened);
    for (int i = 0; i < readers->idle; i++)
        db_close(readers->list[i]);
    pthread_cond_destroy(&readers->given);
    pthread_mutex_destroy(&readers->mutex);
    free(readers);
}

static void reader_forget(struct readers *readers)
{
    pthread_mutex_lock(&readers->mutex);
    readers->opened--;
    pthread_cond_signal(&readers->given);
    pthread_mutex_unlock(&readers->mutex);
}

int db_reader_take(struct readers *readers, struct db **ret_db, conch_error *err)
{
    struct db *db = NULL;
    pthread_mutex_lock(&readers->mutex);
    while (!readers->idle && readers->opened == readers->count)
        pthread_cond_wait(&readers->given, &readers->mutex);
    if (readers->idle)
        db = readers->list[--readers->idle];
    else
        readers->opened++; /* ours, to be opened below without the mutex */
    pthread_mutex_unlock(&readers->mutex);
    int rc = db ? 0 : db_open(&readers->settings, &db, err);
    if (rc == 0)
        rc = db_begin_read(db, err);
    if (rc < 0) {
        db_close(db);
        reader_forget(readers);
        return rc;
    }
    *ret_db = db;
    return 0;
}

void db_reader_give(struct readers *readers, struct db *db)
{
    db_rollback(db);
    pthread_mutex_lock(&readers->mutex);
    assert(readers->idle < readers->opened);
    readers->list[readers->idle++] = db;
    pthread_cond_signal(&readers->given);
    pthread_mutex_unlock(&readers->mutex);
}
