#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/readers.h"
#include "server/store/schema.h"
#include "server/store/store_inner.h"
#include "server/store/writer.h"

enum { READERS_DEFAULT = 4 };

struct store {
    char *path;
    struct writer *writer; /* NULL: read only */
    struct readers *readers;
    pthread_mutex_t watch_mutex;
    struct db *watch; /* for store_version; opened when first asked */
    struct db_settings watch_settings;
    struct store_scratch scratch; /* of the writer's thread */
};

static struct db_settings settings_for(const struct store *store, const struct store_settings *settings,
                                       enum db_role role)
{
    return (struct db_settings){.path = store->path,
                                .role = role,
                                .busy_ms = settings->busy_ms,
                                .migrations = schema_steps,
                                .migration_count = schema_step_count};
}

int store_open(struct store **ret_store, const struct store_settings *settings, conch_error *err)
{
    struct store *store = calloc(1, sizeof(*store));
    if (!store || !(store->path = strdup(settings->path))) {
        free(store);
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the store");
    }
    pthread_mutex_init(&store->watch_mutex, NULL);
    struct writer_settings writer = {
        .db = settings_for(store, settings, DB_WRITER), .committed = settings->committed, .context = settings->context};
    struct db_settings reader = settings_for(store, settings, DB_READER);
    store->watch_settings = reader;
    int count = settings->readers ? settings->readers : READERS_DEFAULT;
    int rc = 0;
    if (count < 1 || count > READERS_MAX)
        rc = conch_error_set(err, CONCH_ERR_RANGE, "readers %d, allowed are 1 to %d", count, READERS_MAX);
    if (rc == 0 && !settings->read_only)
        rc = writer_open(&writer, &store->writer, err);
    if (rc == 0)
        rc = readers_create(&reader, count, &store->readers, err);
    if (rc == 0)
        rc = store_read(store, NULL, NULL, err); /* so that a file that is no good is refused now */
    if (rc == 0) {
        *ret_store = store;
        store = NULL;
    }
    store_close(store);
    return rc;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    writer_close(store->writer);
    readers_destroy(store->readers);
    db_close(store->watch);
    pthread_mutex_destroy(&store->watch_mutex);
    free(store->path);
    free(store);
}

struct store_call {
    struct store *store;
    store_work *work;
    void *context;
};

static int write_call(void *context, struct db *db, conch_error *err)
{
    struct store_call *call = context;
    struct store_tx tx = {.db = db, .scratch = &call->store->scratch};
    return call->work(call->context, &tx, err);
}

int store_write(struct store *store, store_work *work, void *context, conch_error *err)
{
    if (!store->writer)
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "%s was opened for reading only", store->path);
    struct store_call call = {.store = store, .work = work, .context = context};
    return writer_run(store->writer, write_call, &call, err);
}

int store_read(struct store *store, store_work *work, void *context, conch_error *err)
{
    struct store_tx tx = {0};
    int rc = db_reader_take(store->readers, &tx.db, err);
    if (rc < 0)
        return rc;
    if (work)
        rc = work(context, &tx, err);
    db_reader_give(store->readers, tx.db);
    return rc;
}

int store_version(struct store *store, int64_t *ret_version, conch_error *err)
{
    pthread_mutex_lock(&store->watch_mutex);
    int rc = store->watch ? 0 : db_open(&store->watch_settings, &store->watch, err);
    if (rc == 0)
        rc = db_version(store->watch, ret_version, err);
    pthread_mutex_unlock(&store->watch_mutex);
    return rc;
}
