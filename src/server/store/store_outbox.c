/* Callbacks that are still to be sent, and what became of them. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/store_inner.h"

#define MESSAGE_COLUMNS                                                                                                \
    "m.id, m.job_id, m.event_id, m.kind, m.attempts, m.created_ms, m.due_ms, m.done_ms, m.dead_ms, m.last_status, "    \
    "m.last_error, m.url, m.style, m.body, m.body_type"

void store_message_finish(struct store_message *message)
{
    if (!message)
        return;
    free(message->url);
    free(message->style);
    free(message->body);
    free(message->body_type);
    memset(message, 0, sizeof(*message));
}

static int message_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    struct store_message *message = (struct store_message *)context + index;
    memset(message, 0, sizeof(*message));
    message->id = db_column_int64(statement, 0);
    message->job_id = db_column_int64(statement, 1);
    message->event_id = db_column_int64(statement, 2);
    column_copy(statement, 3, message->kind, sizeof(message->kind));
    message->attempts = (int32_t)db_column_int64(statement, 4);
    message->created_ms = db_column_int64(statement, 5);
    message->due_ms = db_column_int64(statement, 6);
    message->done_ms = db_column_int64(statement, 7);
    message->dead_ms = db_column_int64(statement, 8);
    message->last_status = (int32_t)db_column_int64(statement, 9);
    column_copy(statement, 10, message->last_error, sizeof(message->last_error));
    int rc = column_take(statement, 11, &message->url, err);
    if (rc == 0)
        rc = column_take(statement, 12, &message->style, err);
    if (rc == 0)
        rc = column_take(statement, 13, &message->body, err);
    if (rc == 0)
        rc = column_take(statement, 14, &message->body_type, err);
    if (rc < 0)
        store_message_finish(message);
    return rc;
}

static int messages_read(struct store_tx *tx, const char *sql, struct db_values values, struct store_message *ret,
                         size_t *count, conch_error *err)
{
    struct rows_wanted wanted = {.row = message_row, .context = ret, .max = *count};
    int rc = rows_each(tx->db, sql, values, &wanted, count, err);
    if (rc < 0)
        while (*count > 0)
            store_message_finish(&ret[--*count]);
    return rc;
}

int store_message_due(struct store_tx *tx, int64_t now_ms, struct store_message *ret, size_t *count, conch_error *err)
{
    return messages_read(tx,
                         "SELECT " MESSAGE_COLUMNS " FROM message m WHERE m.done_ms = 0 AND m.dead_ms = 0"
                         " AND m.due_ms <= $1 AND (m.job_id = 0 OR NOT EXISTS (SELECT 1 FROM message o"
                         " WHERE o.job_id = m.job_id AND o.id < m.id AND o.done_ms = 0 AND o.dead_ms = 0))"
                         " ORDER BY m.due_ms, m.id LIMIT $2",
                         DB_WITH(db_int64(now_ms), db_int64((int64_t)*count)), ret, count, err);
}

int store_message_list(struct store_tx *tx, int64_t job_id, struct store_message *ret, size_t *count, conch_error *err)
{
    struct db_value max = db_int64((int64_t)*count);
    if (!job_id)
        return messages_read(tx,
                             "SELECT " MESSAGE_COLUMNS " FROM message m WHERE m.dead_ms > 0"
                             " ORDER BY m.dead_ms DESC, m.id DESC LIMIT $1",
                             DB_WITH(max), ret, count, err);
    return messages_read(tx, "SELECT " MESSAGE_COLUMNS " FROM message m WHERE m.job_id = $1 ORDER BY m.id LIMIT $2",
                         DB_WITH(db_int64(job_id), max), ret, count, err);
}

int store_message_add(struct store_tx *tx, const struct store_message *message, int64_t *ret_id, conch_error *err)
{
    assert(tx->scratch);
    int64_t id = 0;
    int rc = db_number(tx->db,
                       "INSERT INTO message (job_id, event_id, url, style, kind, body, body_type, attempts, created_ms,"
                       " due_ms, done_ms, dead_ms, last_status, last_error)"
                       " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id",
                       DB_WITH(db_int64(message->job_id), db_int64(message->event_id), db_text(message->url),
                               db_text(message->style), db_text(message->kind), db_text(message->body),
                               db_text(message->body_type), db_int64(message->attempts), db_int64(message->created_ms),
                               db_int64(message->due_ms), db_int64(message->done_ms), db_int64(message->dead_ms),
                               db_int64(message->last_status), db_text(message->last_error)),
                       &id, err);
    if (rc == 0 && ret_id)
        *ret_id = id;
    return rc;
}

int store_message_update(struct store_tx *tx, const struct store_message *message, conch_error *err)
{
    assert(tx->scratch);
    return run_one(tx->db,
                   "UPDATE message SET attempts = $2, due_ms = $3, done_ms = $4, dead_ms = $5, last_status = $6,"
                   " last_error = $7 WHERE id = $1",
                   DB_WITH(db_int64(message->id), db_int64(message->attempts), db_int64(message->due_ms),
                           db_int64(message->done_ms), db_int64(message->dead_ms), db_int64(message->last_status),
                           db_text(message->last_error)),
                   "message", message->id, err);
}
