/* Small things: values of the installation, who works here, and what may be thrown away. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/store_inner.h"

enum { META_BYTES_MAX = 64 * 1024 };

static int meta_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    size_t size = 0;
    const void *data = db_column_blob(statement, 0, &size);
    return size > 0 ? buf_append(context, data, size, err) : 0;
}

int store_meta_get(struct store_tx *tx, const char *name, struct buf *ret, conch_error *err)
{
    struct rows_wanted wanted = {.row = meta_row, .context = ret, .max = 1};
    size_t count = 0;
    int rc = rows_each(tx->db, "SELECT value FROM meta WHERE name = $1", DB_WITH(db_text(name)), &wanted, &count, err);
    return rc == 0 && count == 0 ? conch_error_set(err, CONCH_ERR_NOTFOUND, "there is no value %s", name) : rc;
}

static int meta_check(const char *name, size_t size, conch_error *err)
{
    if (size > META_BYTES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "value %s has %zu bytes; at most %d are kept", name, size,
                               META_BYTES_MAX);
    return 0;
}

/* An empty value is a value, whatever its pointer. */
static struct db_value meta_value(const void *value, size_t size)
{
    return db_blob(size > 0 ? value : "", size);
}

int store_meta_put_once(struct store_tx *tx, const char *name, const void *value, size_t size, conch_error *err)
{
    assert(tx->scratch);
    int rc = meta_check(name, size, err);
    if (rc < 0)
        return rc;
    return db_run(tx->db, "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                  DB_WITH(db_text(name), meta_value(value, size)), NULL, err);
}

int store_meta_put(struct store_tx *tx, const char *name, const void *value, size_t size, conch_error *err)
{
    assert(tx->scratch);
    int rc = meta_check(name, size, err);
    if (rc < 0)
        return rc;
    return db_run(tx->db, "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
                  DB_WITH(db_text(name), meta_value(value, size)), NULL, err);
}

/* ---- workers ---- */

void store_worker_finish(struct store_worker *worker)
{
    if (!worker)
        return;
    free(worker->details);
    memset(worker, 0, sizeof(*worker));
}

static int worker_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    struct store_worker *worker = (struct store_worker *)context + index;
    memset(worker, 0, sizeof(*worker));
    column_copy(statement, 0, worker->name, sizeof(worker->name));
    column_copy(statement, 1, worker->kind, sizeof(worker->kind));
    worker->pid = db_column_int64(statement, 2);
    worker->started_ms = db_column_int64(statement, 3);
    worker->seen_ms = db_column_int64(statement, 4);
    worker->job_id = db_column_int64(statement, 5);
    return column_take(statement, 6, &worker->details, err);
}

int store_worker_list(struct store_tx *tx, int64_t seen_after_ms, struct store_worker *ret, size_t *count,
                      conch_error *err)
{
    struct rows_wanted wanted = {.row = worker_row, .context = ret, .max = *count};
    int rc = rows_each(tx->db,
                       "SELECT name, kind, pid, started_ms, seen_ms, job_id, details FROM worker WHERE seen_ms > $1"
                       " ORDER BY name",
                       DB_WITH(db_int64(seen_after_ms)), &wanted, count, err);
    if (rc < 0)
        while (*count > 0)
            store_worker_finish(&ret[--*count]);
    return rc;
}

int store_worker_seen(struct store_tx *tx, const struct store_worker *worker, conch_error *err)
{
    assert(tx->scratch);
    return db_run(tx->db,
                  "INSERT INTO worker (name, kind, pid, started_ms, seen_ms, job_id, details)"
                  " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO UPDATE SET kind = $2, pid = $3,"
                  " started_ms = $4, seen_ms = $5, job_id = $6, details = $7",
                  DB_WITH(db_text(worker->name), db_text(worker->kind), db_int64(worker->pid),
                          db_int64(worker->started_ms), db_int64(worker->seen_ms), db_int64(worker->job_id),
                          db_text(worker->details)),
                  NULL, err);
}

int store_worker_gone(struct store_tx *tx, const char *name, conch_error *err)
{
    assert(tx->scratch);
    return db_run(tx->db, "DELETE FROM worker WHERE name = $1", DB_WITH(db_text(name)), NULL, err);
}

/* ---- what nobody needs any more ---- */

enum { PRUNE_MAX = 1000 };

/* Progress and renewals of jobs that are over. The job remembers how many are gone, so that a gap stays a fault. */
static int events_prune(struct store_tx *tx, int64_t before_ms, size_t max, conch_error *err)
{
    int64_t ids[PRUNE_MAX];
    size_t count = max;
    int rc = ids_read(tx->db,
                      "SELECT e.id FROM event e JOIN job j ON j.id = e.job_id WHERE e.arrow IN (14, 15)"
                      " AND e.at_ms < $1 AND j.state IN (4, 5, 6, 7) ORDER BY e.at_ms LIMIT $2",
                      DB_WITH(db_int64(before_ms), db_int64((int64_t)max)), ids, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        int64_t job_id = 0;
        rc = db_number(tx->db, "DELETE FROM event WHERE id = $1 RETURNING job_id", DB_WITH(db_int64(ids[i])), &job_id,
                       err);
        if (rc == 0)
            rc = db_run(tx->db, "UPDATE job SET events_pruned = events_pruned + 1 WHERE id = $1",
                        DB_WITH(db_int64(job_id)), NULL, err);
    }
    return rc;
}

/* Deleted files whose bytes another file has: nothing is left to be done for them. */
static int files_prune(struct store_tx *tx, int64_t before_ms, struct db_value limit, conch_error *err)
{
    return db_run(tx->db,
                  "DELETE FROM file WHERE id IN (SELECT f.id FROM file f WHERE f.deleted_ms > 0 AND f.deleted_ms < $1"
                  " AND EXISTS (SELECT 1 FROM file o WHERE o.blob = f.blob AND o.deleted_ms = 0) AND NOT EXISTS"
                  " (SELECT 1 FROM job_input i JOIN job j ON j.id = i.job_id WHERE i.file_id = f.id"
                  " AND j.state IN (0, 1, 2, 3, 8)) ORDER BY f.deleted_ms LIMIT $2)",
                  DB_WITH(db_int64(before_ms), limit), NULL, err);
}

_Static_assert(JOB_ARROW_PROGRESS == 14 && JOB_ARROW_RENEW == 15, "the numbers stand in SQL");

int store_prune(struct store_tx *tx, int64_t now_ms, int64_t before_ms, size_t count, conch_error *err)
{
    assert(tx->scratch);
    const size_t max = count < PRUNE_MAX ? count : PRUNE_MAX;
    const struct db_value limit = db_int64((int64_t)max);
    int rc = db_run(tx->db,
                    "DELETE FROM answer WHERE (key_id, scope, name) IN (SELECT key_id, scope, name FROM answer"
                    " WHERE expires_ms <= $1 ORDER BY expires_ms LIMIT $2)",
                    DB_WITH(db_int64(now_ms), limit), NULL, err);
    if (rc == 0)
        rc = db_run(tx->db,
                    "DELETE FROM message WHERE id IN (SELECT id FROM message WHERE done_ms > 0 AND done_ms < $1"
                    " ORDER BY done_ms LIMIT $2)",
                    DB_WITH(db_int64(before_ms), limit), NULL, err);
    if (rc == 0)
        rc = db_run(tx->db, "DELETE FROM worker WHERE name IN (SELECT name FROM worker WHERE seen_ms < $1 LIMIT $2)",
                    DB_WITH(db_int64(before_ms), limit), NULL, err);
    if (rc == 0)
        rc = files_prune(tx, before_ms, limit, err);
    return rc == 0 ? events_prune(tx, before_ms, max, err) : rc;
}
