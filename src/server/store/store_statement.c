/* What an account is shown of its money: the statement, and usage by day. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/store_inner.h"

static int line_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    struct store_statement_line *line = (struct store_statement_line *)context + index;
    memset(line, 0, sizeof(*line));
    line->id = db_column_int64(statement, 0);
    line->movement = (struct ledger_movement){.kind = (enum ledger_movement_kind)db_column_int64(statement, 1),
                                              .account_id = db_column_int64(statement, 2),
                                              .unit = (enum ledger_unit)db_column_int64(statement, 3),
                                              .hold_id = db_column_int64(statement, 4),
                                              .lot_id = db_column_int64(statement, 5),
                                              .at_ms = db_column_int64(statement, 6)};
    line->job_id = line->movement.hold_id; /* a job's hold has its id */
    column_copy(statement, 7, line->note, sizeof(line->note));
    line->available_change = db_column_int64(statement, 8);
    line->held_change = db_column_int64(statement, 9);
    line->spent = db_column_int64(statement, 10);
    line->available_after = db_column_int64(statement, 11);
    line->held_after = db_column_int64(statement, 12);
    return 0;
}

#define STATEMENT(order)                                                                                               \
    "SELECT id, kind, account_id, unit, hold_id, lot_id, at_ms, note, available_change, held_change, spent, "          \
    "available_after, held_after FROM movement WHERE account_id = $1 AND unit = $2 AND at_ms >= $3 AND at_ms < $4 "    \
    "AND id < $5 AND id > $6 ORDER BY id " order " LIMIT $7 OFFSET $8"

int store_statement(struct store_tx *tx, const struct store_statement_filter *filter, const struct store_page *page,
                    struct store_statement_line *ret, size_t *ret_count, conch_error *err)
{
    struct rows_wanted wanted = {.row = line_row, .context = ret, .max = page->count};
    int rc = page_check(page, err);
    if (rc < 0)
        return rc;
    return rows_each(tx->db, page->ascending ? STATEMENT("ASC") : STATEMENT("DESC"),
                     DB_WITH(db_int64(filter->account_id), db_int64(filter->unit), db_int64(filter->from_ms),
                             db_int64(filter->until_ms ? filter->until_ms : INT64_MAX), page_before(page),
                             page_after(page), db_int64((int64_t)page->count), db_int64((int64_t)page->skip)),
                     &wanted, ret_count, err);
}

/* ---- usage ---- */

static const int64_t day_ms = INT64_C(86400000);

enum { USAGE_DAYS_MAX = 366 };

/* Numbers of one group, to find the one in the middle. */
struct series {
    int64_t *items;
    size_t count, capacity;
};

static int series_add(struct series *series, int64_t number, conch_error *err)
{
    if (series->count == series->capacity) {
        size_t capacity = series->capacity ? 2 * series->capacity : 64;
        int64_t *items = realloc(series->items, capacity * sizeof(*items));
        if (!items)
            return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to add up usage");
        series->items = items;
        series->capacity = capacity;
    }
    series->items[series->count++] = number;
    return 0;
}

static int number_compare(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* The smallest number that at least `percent` of all do not pass; 0 of none. */
static int64_t series_percentile(const struct series *series, size_t percent)
{
    if (series->count == 0)
        return 0;
    return series->items[(series->count * percent + 99) / 100 - 1];
}

struct usage {
    struct store_usage_row *rows;
    size_t count, max;
    struct series cost, wait, run;
};

static void series_close(struct series *series, int64_t *ret_p50, int64_t *ret_p95)
{
    if (series->count > 1)
        qsort(series->items, series->count, sizeof(*series->items), number_compare);
    *ret_p50 = series_percentile(series, 50);
    *ret_p95 = series_percentile(series, 95);
    series->count = 0;
}

static void usage_group_close(struct usage *usage)
{
    if (usage->count == 0)
        return;
    struct store_usage_row *row = &usage->rows[usage->count - 1];
    series_close(&usage->cost, &row->cost_p50_microusd, &row->cost_p95_microusd);
    series_close(&usage->wait, &row->wait_p50_ms, &row->wait_p95_ms);
    series_close(&usage->run, &row->run_p50_ms, &row->run_p95_ms);
}

/* The row that this job belongs to: the last one, or a new one. CONCH_ERR_LIMIT: there is no room for it. */
static struct store_usage_row *usage_row(struct usage *usage, int64_t day, const char *model)
{
    struct store_usage_row *row = usage->count ? &usage->rows[usage->count - 1] : NULL;
    if (row && row->day_ms == day && strncmp(row->model, model, sizeof(row->model) - 1) == 0)
        return row;
    usage_group_close(usage);
    if (usage->count == usage->max)
        return NULL;
    row = &usage->rows[usage->count++];
    memset(row, 0, sizeof(*row));
    row->day_ms = day;
    snprintf(row->model, sizeof(row->model), "%s", model);
    return row;
}

struct usage_job {
    enum job_state state;
    enum ledger_unit unit;
    int64_t charged, seconds, created_ms, started_ms, finished_ms;
};

static int usage_add(struct usage *usage, struct store_usage_row *row, const struct usage_job *job, conch_error *err)
{
    int rc = 0;
    row->succeeded += job->state == JOB_SUCCEEDED;
    row->failed += job->state == JOB_FAILED;
    row->blocked += job->state == JOB_BLOCKED;
    row->cancelled += job->state == JOB_CANCELLED;
    if (job->unit == LEDGER_MICROUSD)
        row->charged_microusd += job->charged;
    else
        row->charged_millicredits += job->charged;
    if (job->state != JOB_SUCCEEDED)
        return 0;
    row->seconds += job->seconds;
    row->cost_jobs += job->unit == LEDGER_MICROUSD;
    if (job->unit == LEDGER_MICROUSD)
        rc = series_add(&usage->cost, job->charged, err);
    if (rc == 0)
        rc = series_add(&usage->wait, job->started_ms - job->created_ms, err);
    return rc == 0 ? series_add(&usage->run, job->finished_ms - job->started_ms, err) : rc;
}

static int usage_job_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    struct usage *usage = context;
    const char *model = db_column_text(statement, 1);
    struct usage_job job = {.state = (enum job_state)db_column_int64(statement, 2),
                            .unit = (enum ledger_unit)db_column_int64(statement, 3),
                            .charged = db_column_int64(statement, 4),
                            .seconds = db_column_int64(statement, 5),
                            .created_ms = db_column_int64(statement, 6),
                            .started_ms = db_column_int64(statement, 7),
                            .finished_ms = db_column_int64(statement, 8)};
    struct store_usage_row *row = usage_row(usage, db_column_int64(statement, 0), model ? model : "");
    if (!row)
        return conch_error_set(err, CONCH_ERR_LIMIT, "usage has more than %zu rows; ask for fewer days", usage->max);
    return usage_add(usage, row, &job, err);
}

int store_usage(struct store_tx *tx, const struct store_usage_filter *filter, struct store_usage_row *ret,
                size_t *count, conch_error *err)
{
    if (filter->until_ms <= filter->from_ms || filter->until_ms - filter->from_ms > USAGE_DAYS_MAX * day_ms)
        return conch_error_set(err, CONCH_ERR_RANGE, "usage from %lld until %lld; allowed are 1 ms to %d days",
                               (long long)filter->from_ms, (long long)filter->until_ms, USAGE_DAYS_MAX);
    struct usage usage = {.rows = ret, .max = *count};
    struct rows_wanted wanted = {.row = usage_job_row, .context = &usage, .max = SIZE_MAX};
    int rc = rows_each(tx->db,
                       "SELECT finished_ms - finished_ms % 86400000 AS day, model, state, unit, charged, seconds,"
                       " created_ms, started_ms, finished_ms FROM job WHERE finished_ms > 0 AND finished_ms >= $1"
                       " AND finished_ms < $2 AND ($3 = 0 OR account_id = $3) ORDER BY day, model",
                       DB_WITH(db_int64(filter->from_ms), db_int64(filter->until_ms), db_int64(filter->account_id)),
                       &wanted, NULL, err);
    if (rc == 0) {
        usage_group_close(&usage);
        *count = usage.count;
    }
    free(usage.cost.items);
    free(usage.wait.items);
    free(usage.run.items);
    return rc;
}
