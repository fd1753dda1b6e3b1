#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/store_inner.h"

void column_copy(struct db_statement *statement, int column, char *ret, size_t size)
{
    const char *text = db_column_text(statement, column);
    snprintf(ret, size, "%s", text ? text : "");
}

int column_take(struct db_statement *statement, int column, char **ret, conch_error *err)
{
    *ret = NULL;
    if (db_column_null(statement, column))
        return 0;
    const char *text = db_column_text(statement, column);
    if (!text || !(*ret = strdup(text)))
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a row of the database");
    return 0;
}

int not_found(conch_error *err, const char *what, int64_t id)
{
    return conch_error_set(err, CONCH_ERR_NOTFOUND, "there is no %s %lld", what, (long long)id);
}

int run_one(struct db *db, const char *sql, struct db_values values, const char *what, int64_t id, conch_error *err)
{
    int64_t changed = 0;
    int rc = db_run(db, sql, values, &changed, err);
    if (rc == 0 && changed != 1)
        return not_found(err, what, id);
    return rc;
}

int page_check(const struct store_page *page, conch_error *err)
{
    if (page->count < 1 || page->count > STORE_PAGE_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "a page of %zu rows; allowed are 1 to %d", page->count,
                               STORE_PAGE_MAX);
    return 0;
}

struct db_value page_before(const struct store_page *page)
{
    return db_int64(page->before_id ? page->before_id : INT64_MAX);
}

struct db_value page_after(const struct store_page *page)
{
    return db_int64(page->after_id);
}

int rows_each(struct db *db, const char *sql, struct db_values values, const struct rows_wanted *wanted,
              size_t *ret_count, conch_error *err)
{
    struct db_statement *statement = NULL;
    size_t count = 0;
    int rc = db_start(db, sql, values, &statement, err);
    while (rc == 0 && count < wanted->max && (rc = db_step(statement, err)) == 1) {
        rc = wanted->row(wanted->context, count, statement, err);
        count += rc == 0;
    }
    db_end(statement);
    if (ret_count)
        *ret_count = count;
    return rc < 0 ? rc : 0;
}

static int id_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    ((int64_t *)context)[index] = db_column_int64(statement, 0);
    return 0;
}

int ids_read(struct db *db, const char *sql, struct db_values values, int64_t *ret_ids, size_t *count, conch_error *err)
{
    struct rows_wanted wanted = {.row = id_row, .context = ret_ids, .max = *count};
    return rows_each(db, sql, values, &wanted, count, err);
}
