/* Which jobs are to be done next, and by how many they are awaited. */
#include <assert.h>
#include <stdlib.h>

#include "server/store/store_inner.h"

int store_job_load(struct store_tx *tx, int64_t key_id, int64_t *ret_queued, int64_t *ret_running, conch_error *err)
{
    struct db_statement *statement = NULL;
    int64_t queued = 0, running = 0;
    int rc = db_start(tx->db, "SELECT queued, running FROM job_load WHERE key_id = $1", DB_WITH(db_int64(key_id)),
                      &statement, err);
    if (rc == 0)
        rc = db_step(statement, err);
    if (rc == 1) {
        queued = db_column_int64(statement, 0);
        running = db_column_int64(statement, 1);
    }
    db_end(statement);
    if (rc < 0)
        return rc;
    *ret_queued = queued;
    *ret_running = running;
    return 0;
}

/* Two ranges of the index, each read no further than the limit: a poll costs the same however long the queue is. */
int store_job_place(struct store_tx *tx, const struct job *job, const char *backend, int64_t most, int64_t *ret_place,
                    conch_error *err)
{
    return db_number(tx->db,
                     "SELECT count(*) FROM (SELECT 1 FROM job WHERE state = 0 AND backend = $1 AND priority > $2"
                     " UNION ALL SELECT 1 FROM job WHERE state = 0 AND backend = $1 AND priority = $2"
                     " AND (created_ms, id) < ($3, $4) LIMIT $5) AS ahead",
                     DB_WITH(db_text(backend), db_int64(job->priority), db_int64(job->created_ms), db_int64(job->id),
                             db_int64(most)),
                     ret_place, err);
}

int store_job_front(struct store_tx *tx, const char *backend, struct job *ret, size_t *count, conch_error *err)
{
    struct db_statement *statement = NULL;
    size_t found = 0;
    int rc = db_start(tx->db,
                      "SELECT id, priority, created_ms FROM job WHERE state = 0 AND backend = $1"
                      " ORDER BY priority DESC, created_ms, id LIMIT $2",
                      DB_WITH(db_text(backend), db_int64((int64_t)*count)), &statement, err);
    while (rc >= 0 && (rc = db_step(statement, err)) == 1)
        ret[found++] = (struct job){.id = db_column_int64(statement, 0),
                                    .priority = (int32_t)db_column_int64(statement, 1),
                                    .created_ms = db_column_int64(statement, 2)};
    db_end(statement);
    if (rc == 0)
        *count = found;
    return rc;
}

/* ---- due ---- */

struct candidate {
    struct job job; /* what job_before looks at */
    int64_t key_id;
    bool resumed; /* under way already: no limit of running jobs holds it back */
};

struct picked {
    struct candidate *items; /* of STORE_PAGE_MAX */
    size_t count;
};

/* Of one key, this many more may run. */
static int64_t room_of(const struct picked *picked, int64_t key_id, int64_t running_max, int64_t running)
{
    if (running_max <= 0)
        return INT64_MAX;
    int64_t room = running_max - running;
    for (size_t i = 0; i < picked->count; i++)
        room -= picked->items[i].key_id == key_id && !picked->items[i].resumed;
    return room;
}

#define DUE_COLUMNS "j.id, j.priority, j.created_ms, j.key_id"

static struct candidate candidate_of(struct db_statement *statement, bool resumed)
{
    return (struct candidate){.job = {.id = db_column_int64(statement, 0),
                                      .priority = (int32_t)db_column_int64(statement, 1),
                                      .created_ms = db_column_int64(statement, 2)},
                              .key_id = db_column_int64(statement, 3),
                              .resumed = resumed};
}

/* The index gives them in order; a key at its limit is passed over, so it keeps nobody else waiting. */
#define QUEUED(more)                                                                                                   \
    "SELECT " DUE_COLUMNS ", CASE WHEN COALESCE(k.running_max, -1) < 0 THEN $3 ELSE k.running_max END,"                \
    " COALESCE(l.running, 0) FROM job j LEFT JOIN api_key k ON k.id = j.key_id"                                        \
    " LEFT JOIN job_load l ON l.key_id = j.key_id AND j.key_id <> 0"                                                   \
    " WHERE j.state = 0 AND j.backend = $1 AND j.due_ms <= $2" more " ORDER BY j.priority DESC, j.created_ms, j.id"

static int queued_pick(struct db *db, const struct store_due *due, const char *backend, size_t max,
                       struct picked *picked, conch_error *err)
{
    struct db_statement *statement = NULL;
    const size_t from = picked->count;
    int rc = db_start(db, due->context ? QUEUED(" AND j.task = 'context'") : QUEUED(""),
                      DB_WITH(db_text(backend), db_int64(due->now_ms), db_int64(due->server_running_max)), &statement,
                      err);
    while (rc == 0 && picked->count < from + max && (rc = db_step(statement, err)) == 1) {
        struct candidate candidate = candidate_of(statement, false);
        if (room_of(picked, candidate.key_id, db_column_int64(statement, 4), db_column_int64(statement, 5)) > 0)
            picked->items[picked->count++] = candidate;
        rc = 0;
    }
    db_end(statement);
    return rc < 0 ? rc : 0;
}

static int resumable_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    struct picked *picked = context;
    picked->items[picked->count++] = candidate_of(statement, true);
    return 0;
}

static int resumable_pick(struct db *db, const char *backend, size_t max, struct picked *picked, conch_error *err)
{
    struct rows_wanted wanted = {.row = resumable_row, .context = picked, .max = max};
    return rows_each(db,
                     "SELECT " DUE_COLUMNS " FROM job j WHERE j.remote = 1 AND j.lease_until_ms = 0"
                     " AND j.state IN (2, 3, 8) AND j.backend = $1 ORDER BY j.priority DESC, j.created_ms, j.id",
                     DB_WITH(db_text(backend)), &wanted, NULL, err);
}

static int candidate_compare(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    if (a->resumed != b->resumed)
        return a->resumed ? -1 : 1; /* what is under way costs money already */
    return job_before(&a->job, &b->job) ? -1 : job_before(&b->job, &a->job);
}

enum { BACKENDS_MAX = 16 };

int store_job_due(struct store_tx *tx, const struct store_due *due, int64_t *ret_ids, size_t *count, conch_error *err)
{
    const size_t max = *count < STORE_PAGE_MAX ? *count : STORE_PAGE_MAX;
    if (due->backend_count > BACKENDS_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "%zu backends, at most %d are asked for at once",
                               due->backend_count, BACKENDS_MAX);
    struct picked picked = {.items = malloc(2 * BACKENDS_MAX * (max + 1) * sizeof(*picked.items))};
    if (!picked.items)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to pick jobs");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < due->backend_count; i++) {
        if (!due->context)
            rc = resumable_pick(tx->db, due->backends[i], max, &picked, err);
        if (rc == 0)
            rc = queued_pick(tx->db, due, due->backends[i], max, &picked, err);
    }
    if (rc == 0) {
        qsort(picked.items, picked.count, sizeof(*picked.items), candidate_compare);
        *count = picked.count < max ? picked.count : max;
        for (size_t i = 0; i < *count; i++)
            ret_ids[i] = picked.items[i].job.id;
    }
    free(picked.items);
    return rc;
}

int store_job_lapsed(struct store_tx *tx, int64_t now_ms, int64_t *ret_ids, size_t *count, conch_error *err)
{
    return ids_read(tx->db,
                    "SELECT id FROM job WHERE lease_until_ms > 0 AND lease_until_ms <= $1 ORDER BY lease_until_ms",
                    DB_WITH(db_int64(now_ms)), ret_ids, count, err);
}

int store_lease_last(struct store_tx *tx, int64_t *ret_until_ms, conch_error *err)
{
    return db_number(tx->db, "SELECT COALESCE(max(lease_until_ms), 0) FROM job WHERE lease_until_ms > 0", DB_NOTHING,
                     ret_until_ms, err);
}

int store_job_expired(struct store_tx *tx, int64_t now_ms, int64_t *ret_ids, size_t *count, conch_error *err)
{
    return ids_read(tx->db,
                    "SELECT id FROM job WHERE expires_ms > 0 AND files_live > 0 AND expires_ms <= $1"
                    " ORDER BY expires_ms",
                    DB_WITH(db_int64(now_ms)), ret_ids, count, err);
}
