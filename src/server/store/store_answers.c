/* Answers that are kept, so that a request which is sent again gets the same bytes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/store_inner.h"

void store_answer_finish(struct store_answer *answer)
{
    if (!answer)
        return;
    free(answer->body);
    memset(answer, 0, sizeof(*answer));
}

static int answer_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    struct store_answer *answer = context;
    size_t size = 0;
    memset(answer, 0, sizeof(*answer));
    answer->key_id = db_column_int64(statement, 0);
    column_copy(statement, 1, answer->scope, sizeof(answer->scope));
    column_copy(statement, 2, answer->name, sizeof(answer->name));
    const void *hash = db_column_blob(statement, 3, &size);
    if (size != sizeof(answer->request_hash))
        return conch_error_set(err, CONCH_ERR_FORMAT, "a kept answer has a hash of %zu bytes, not %zu", size,
                               sizeof(answer->request_hash));
    memcpy(answer->request_hash, hash, size);
    answer->status = (int32_t)db_column_int64(statement, 4);
    answer->created_ms = db_column_int64(statement, 6);
    answer->expires_ms = db_column_int64(statement, 7);
    const void *body = db_column_blob(statement, 5, &size);
    answer->body = malloc(size + 1);
    if (!answer->body)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a kept answer");
    if (size > 0)
        memcpy(answer->body, body, size);
    answer->body[size] = 0;
    answer->body_size = size;
    return 0;
}

int store_answer_get(struct store_tx *tx, int64_t key_id, const char *scope, const char *name, int64_t now_ms,
                     struct store_answer *ret, conch_error *err)
{
    struct rows_wanted wanted = {.row = answer_row, .context = ret, .max = 1};
    size_t count = 0;
    int rc = rows_each(tx->db,
                       "SELECT key_id, scope, name, request_hash, status, body, created_ms, expires_ms FROM answer"
                       " WHERE key_id = $1 AND scope = $2 AND name = $3 AND expires_ms > $4",
                       DB_WITH(db_int64(key_id), db_text(scope), db_text(name), db_int64(now_ms)), &wanted, &count,
                       err);
    if (rc == 0 && count == 0)
        return conch_error_set(err, CONCH_ERR_NOTFOUND, "there is no kept answer of that name");
    return rc;
}

int store_answer_add(struct store_tx *tx, const struct store_answer *answer, conch_error *err)
{
    assert(tx->scratch);
    int64_t changed = 0;
    if (answer->body_size > STORE_ANSWER_BYTES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "an answer of %zu bytes; at most %d are kept", answer->body_size,
                               STORE_ANSWER_BYTES_MAX);
    int rc = db_run(tx->db,
                    "INSERT INTO answer (key_id, scope, name, request_hash, status, body, created_ms, expires_ms)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (key_id, scope, name) DO UPDATE SET"
                    " request_hash = $4, status = $5, body = $6, created_ms = $7, expires_ms = $8"
                    " WHERE answer.expires_ms <= $7",
                    DB_WITH(db_int64(answer->key_id), db_text(answer->scope), db_text(answer->name),
                            db_blob(answer->request_hash, sizeof(answer->request_hash)), db_int64(answer->status),
                            db_blob(answer->body, answer->body_size), db_int64(answer->created_ms),
                            db_int64(answer->expires_ms)),
                    &changed, err);
    if (rc == 0 && changed != 1)
        return conch_error_set(err, STORE_ERR_CONFLICT, "an answer of that name is kept already");
    return rc;
}
