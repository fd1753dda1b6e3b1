/* The log of what happened to jobs: one for polling, streams and callbacks. */
#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "server/store/store_inner.h"

int event_add(struct store_tx *tx, const struct store_job *job, const struct job_event *event, const char *text,
              int64_t *ret_id, conch_error *err)
{
    int64_t id = 0;
    size_t size = text ? text_utf8_cut(text, strlen(text), sizeof(((struct store_event *)0)->text) - 1) : 0;
    int rc = db_number(
        tx->db,
        "INSERT INTO event (account_id, job_id, number, at_ms, arrow, from_state, to_state, error, money, attempt,"
        " progress_permille, fence, step, step_count, phase, text)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) RETURNING id",
        DB_WITH(db_int64(job->account_id), db_int64(event->job_id), db_int64(event->number), db_int64(event->at_ms),
                db_int64(event->arrow), db_int64(event->from), db_int64(event->to), db_int64(event->error),
                db_int64(event->money), db_int64(event->attempt), db_int64(event->progress_permille),
                db_int64(event->fence), db_int64(job->step), db_int64(job->step_count),
                db_text(job->phase ? job->phase : ""), db_text_sized(text ? text : "", size)),
        &id, err);
    if (rc == 0 && ret_id)
        *ret_id = id;
    return rc;
}

static int event_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    struct store_event *row = (struct store_event *)context + index;
    memset(row, 0, sizeof(*row));
    row->id = db_column_int64(statement, 0);
    row->account_id = db_column_int64(statement, 1);
    row->event = (struct job_event){.job_id = db_column_int64(statement, 2),
                                    .number = db_column_int64(statement, 3),
                                    .at_ms = db_column_int64(statement, 4),
                                    .arrow = (enum job_arrow)db_column_int64(statement, 5),
                                    .from = (enum job_state)db_column_int64(statement, 6),
                                    .to = (enum job_state)db_column_int64(statement, 7),
                                    .error = (enum job_error)db_column_int64(statement, 8),
                                    .money = (enum job_money)db_column_int64(statement, 9),
                                    .attempt = (int32_t)db_column_int64(statement, 10),
                                    .progress_permille = (int32_t)db_column_int64(statement, 11),
                                    .fence = db_column_int64(statement, 12)};
    row->step = (int32_t)db_column_int64(statement, 13);
    row->step_count = (int32_t)db_column_int64(statement, 14);
    column_copy(statement, 15, row->phase, sizeof(row->phase));
    column_copy(statement, 16, row->text, sizeof(row->text));
    return 0;
}

#define EVENT_SELECT                                                                                                   \
    "SELECT id, account_id, job_id, number, at_ms, arrow, from_state, to_state, error, money, attempt, "               \
    "progress_permille, fence, step, step_count, phase, text FROM event WHERE id > $1 "

/* Three texts, so that each has its index. */
int store_event_list(struct store_tx *tx, const struct store_event_filter *filter, struct store_event *ret,
                     size_t *count, conch_error *err)
{
    struct rows_wanted wanted = {.row = event_row, .context = ret, .max = *count};
    struct db_value after = db_int64(filter->after_id), max = db_int64((int64_t)*count);
    if (filter->job_id)
        return rows_each(
            tx->db, EVENT_SELECT "AND job_id = $2 AND ($3 = 0 OR account_id = $3) ORDER BY number LIMIT $4",
            DB_WITH(after, db_int64(filter->job_id), db_int64(filter->account_id), max), &wanted, count, err);
    if (filter->account_id)
        return rows_each(tx->db, EVENT_SELECT "AND account_id = $2 ORDER BY id LIMIT $3",
                         DB_WITH(after, db_int64(filter->account_id), max), &wanted, count, err);
    return rows_each(tx->db, EVENT_SELECT "ORDER BY id LIMIT $2", DB_WITH(after, max), &wanted, count, err);
}

int store_event_last(struct store_tx *tx, int64_t *ret_id, conch_error *err)
{
    return db_number(tx->db, "SELECT COALESCE(max(id), 0) FROM event", DB_NOTHING, ret_id, err);
}
