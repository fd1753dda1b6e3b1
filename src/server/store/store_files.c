/* Files: what the blob store's bytes are, whose, and until when. */
#include <assert.h>
#include <string.h>

#include "server/store/store_inner.h"

#define FILE_COLUMNS                                                                                                   \
    "id, account_id, job_id, purpose, name, type, blob, sha256, bytes, created_ms, expires_ms, deleted_ms, width, "    \
    "height, duration_ms"

static int file_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    struct store_file *file = (struct store_file *)context + index;
    memset(file, 0, sizeof(*file));
    file->id = db_column_int64(statement, 0);
    file->account_id = db_column_int64(statement, 1);
    file->job_id = db_column_int64(statement, 2);
    column_copy(statement, 3, file->purpose, sizeof(file->purpose));
    column_copy(statement, 4, file->name, sizeof(file->name));
    column_copy(statement, 5, file->type, sizeof(file->type));
    column_copy(statement, 6, file->blob, sizeof(file->blob));
    column_copy(statement, 7, file->sha256, sizeof(file->sha256));
    file->bytes = db_column_int64(statement, 8);
    file->created_ms = db_column_int64(statement, 9);
    file->expires_ms = db_column_int64(statement, 10);
    file->deleted_ms = db_column_int64(statement, 11);
    file->width = (int32_t)db_column_int64(statement, 12);
    file->height = (int32_t)db_column_int64(statement, 13);
    file->duration_ms = (int32_t)db_column_int64(statement, 14);
    return 0;
}

int store_file_get(struct store_tx *tx, int64_t id, int64_t account_id, struct store_file *ret, conch_error *err)
{
    struct rows_wanted wanted = {.row = file_row, .context = ret, .max = 1};
    size_t count = 0;
    int rc = rows_each(tx->db,
                       "SELECT " FILE_COLUMNS " FROM file WHERE id = $1"
                       " AND ($2 = 0 OR (account_id = $2 AND deleted_ms = 0))",
                       DB_WITH(db_int64(id), db_int64(account_id)), &wanted, &count, err);
    return rc == 0 && count == 0 ? not_found(err, "file", id) : rc;
}

#define FILE_LIST(owner, order)                                                                                        \
    "SELECT " FILE_COLUMNS " FROM file WHERE deleted_ms = 0 AND id < $1 AND id > $2 AND " owner                        \
    " AND ($6 IS NULL OR purpose = $6) ORDER BY id " order " LIMIT $3 OFFSET $4"
#define OF_JOB     "job_id = $5 AND job_id > 0 AND ($7 = 0 OR account_id = $7)"
#define OF_ACCOUNT "account_id = $5 AND $7 = $7"
#define OF_ALL     "$5 = $5 AND $7 = $7"

static const char *file_list_sql(const struct store_file_filter *filter, bool ascending)
{
    if (filter->job_id)
        return ascending ? FILE_LIST(OF_JOB, "ASC") : FILE_LIST(OF_JOB, "DESC");
    if (filter->account_id)
        return ascending ? FILE_LIST(OF_ACCOUNT, "ASC") : FILE_LIST(OF_ACCOUNT, "DESC");
    return ascending ? FILE_LIST(OF_ALL, "ASC") : FILE_LIST(OF_ALL, "DESC");
}

int store_file_list(struct store_tx *tx, const struct store_file_filter *filter, const struct store_page *page,
                    struct store_file *ret, size_t *ret_count, conch_error *err)
{
    struct rows_wanted wanted = {.row = file_row, .context = ret, .max = page->count};
    int rc = page_check(page, err);
    if (rc < 0)
        return rc;
    return rows_each(tx->db, file_list_sql(filter, page->ascending),
                     DB_WITH(page_before(page), page_after(page), db_int64((int64_t)page->count),
                             db_int64((int64_t)page->skip),
                             db_int64(filter->job_id ? filter->job_id : filter->account_id), db_text(filter->purpose),
                             db_int64(filter->account_id)),
                     &wanted, ret_count, err);
}

/* Nothing alive has the blob, and no job that may still read it. */
#define BLOB_MAY_GO                                                                                                    \
    "NOT EXISTS (SELECT 1 FROM file o WHERE o.blob = f.blob AND o.deleted_ms = 0) AND NOT EXISTS (SELECT 1 FROM"       \
    " job_input i JOIN job j ON j.id = i.job_id WHERE i.file_id = f.id AND j.state IN (0, 1, 2, 3, 8))"

int store_file_expired(struct store_tx *tx, int64_t now_ms, struct store_file *ret, size_t *count, conch_error *err)
{
    const size_t max = *count;
    size_t first = 0, second = 0;
    struct rows_wanted wanted = {.row = file_row, .context = ret, .max = max};
    int rc = rows_each(tx->db,
                       "SELECT " FILE_COLUMNS " FROM file WHERE expires_ms > 0 AND deleted_ms = 0 AND expires_ms <= $1"
                       " ORDER BY expires_ms LIMIT $2",
                       DB_WITH(db_int64(now_ms), db_int64((int64_t)max)), &wanted, &first, err);
    if (rc < 0)
        return rc;
    wanted = (struct rows_wanted){.row = file_row, .context = ret + first, .max = max - first};
    rc = rows_each(tx->db,
                   "SELECT " FILE_COLUMNS " FROM file f WHERE deleted_ms > 0 AND " BLOB_MAY_GO
                   " ORDER BY deleted_ms LIMIT $1",
                   DB_WITH(db_int64((int64_t)wanted.max)), &wanted, &second, err);
    if (rc == 0)
        *count = first + second;
    return rc;
}

int store_file_usage(struct store_tx *tx, int64_t account_id, int64_t *ret_bytes, conch_error *err)
{
    return db_number(tx->db,
                     "SELECT CAST(COALESCE(sum(bytes), 0) AS INTEGER) FROM file WHERE account_id = $1"
                     " AND deleted_ms = 0",
                     DB_WITH(db_int64(account_id)), ret_bytes, err);
}

int store_blob_used(struct store_tx *tx, const char *blob, bool *ret_used, conch_error *err)
{
    int64_t count = 0;
    int rc = db_number(tx->db, "SELECT count(*) FROM file WHERE blob = $1 AND deleted_ms = 0", DB_WITH(db_text(blob)),
                       &count, err);
    if (rc == 0)
        *ret_used = count > 0;
    return rc;
}

/* Jobs know how many of their files are there, so that those with something to expire are found at once. */
static int job_files_change(struct db *db, int64_t job_id, int change, conch_error *err)
{
    if (!job_id)
        return 0;
    return run_one(db, "UPDATE job SET files_live = files_live + $2 WHERE id = $1",
                   DB_WITH(db_int64(job_id), db_int64(change)), "job", job_id, err);
}

int store_file_add(struct store_tx *tx, const struct store_file *file, conch_error *err)
{
    assert(tx->scratch);
    int rc = db_run(tx->db,
                    "INSERT INTO file (" FILE_COLUMNS ")"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
                    DB_WITH(db_int64(file->id), db_int64(file->account_id), db_int64(file->job_id),
                            db_text(file->purpose), db_text(file->name), db_text(file->type), db_text(file->blob),
                            db_text(file->sha256), db_int64(file->bytes), db_int64(file->created_ms),
                            db_int64(file->expires_ms), db_int64(file->deleted_ms), db_int64(file->width),
                            db_int64(file->height), db_int64(file->duration_ms)),
                    NULL, err);
    return rc == 0 ? job_files_change(tx->db, file->job_id, file->deleted_ms == 0, err) : rc;
}

int store_file_delete(struct store_tx *tx, int64_t id, int64_t now_ms, conch_error *err)
{
    assert(tx->scratch);
    int64_t job_id = 0;
    int rc = db_number(tx->db, "UPDATE file SET deleted_ms = $2 WHERE id = $1 AND deleted_ms = 0 RETURNING job_id",
                       DB_WITH(db_int64(id), db_int64(now_ms)), &job_id, err);
    if (rc == CONCH_ERR_NOTFOUND)
        return not_found(err, "file", id);
    return rc == 0 ? job_files_change(tx->db, job_id, -1, err) : rc;
}

int store_file_forget(struct store_tx *tx, int64_t id, conch_error *err)
{
    assert(tx->scratch);
    return run_one(tx->db, "DELETE FROM file WHERE id = $1 AND deleted_ms > 0", DB_WITH(db_int64(id)), "deleted file",
                   id, err);
}
