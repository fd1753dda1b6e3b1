/* What the files of the store share. */
#ifndef SERVER_STORE_STORE_INNER_H
#define SERVER_STORE_STORE_INNER_H

#include "server/store/db.h"
#include "server/store/store.h"

_Static_assert((int)STORE_ERR_CONFLICT == (int)DB_ERR_CONFLICT, "one code, two names");

/* Room for one operation of the ledger; only the writer's thread has it. */
struct store_scratch {
    struct ledger_change change;
    struct ledger_lot lots[LEDGER_LOTS_MAX];
    struct ledger_pin pins[LEDGER_LOTS_MAX];
};

struct store_tx {
    struct db *db;
    struct store_scratch *scratch; /* NULL: a read transaction */
};

/* ---- rows ---- */

/* A column into an array of characters, cut when a later program made it longer. */
void column_copy(struct db_statement *statement, int column, char *ret, size_t size);

/* A column into memory of its own; a null is NULL. CONCH_ERR_NOMEM. */
int column_take(struct db_statement *statement, int column, char **ret, conch_error *err);

/* Runs a statement that must change one row. CONCH_ERR_NOTFOUND "there is no WHAT ID". */
int run_one(struct db *db, const char *sql, struct db_values values, const char *what, int64_t id, conch_error *err);

int not_found(conch_error *err, const char *what, int64_t id);

/* CONCH_ERR_RANGE for a page without rows or with too many. */
int page_check(const struct store_page *page, conch_error *err);
/* Both bounds of the ids, exclusive. */
struct db_value page_before(const struct store_page *page);
struct db_value page_after(const struct store_page *page);

/* A statement's rows, one at a time: `row` is called for each until it returns a negative code or `max` rows were
 * read. ret_count may be NULL. */
typedef int row_read(void *context, size_t index, struct db_statement *statement, conch_error *err);
struct rows_wanted {
    row_read *row;
    void *context;
    size_t max;
};
int rows_each(struct db *db, const char *sql, struct db_values values, const struct rows_wanted *wanted,
              size_t *ret_count, conch_error *err);

/* Ids alone, into an array of *count; *count becomes how many. */
int ids_read(struct db *db, const char *sql, struct db_values values, int64_t *ret_ids, size_t *count,
             conch_error *err);

/* ---- between the files ---- */

/* The key that a hold counts for, which store_hold wrote. */
int ledger_resolve(struct store_tx *tx, const struct store_job *job, enum job_money money, int64_t charge,
                   int64_t now_ms, conch_error *err);

int event_add(struct store_tx *tx, const struct store_job *job, const struct job_event *event, const char *text,
              int64_t *ret_id, conch_error *err);

#endif
