/* Totals for metrics, added up piece by piece: only what was written since the last call is read. */
#include "server/store/store_inner.h"

static int money_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    struct store_totals *totals = context;
    const int64_t unit = db_column_int64(statement, 0), available = db_column_int64(statement, 2);
    if (unit < 0 || unit >= LEDGER_UNITS)
        return conch_error_set(err, CONCH_ERR_FORMAT, "movements of unit %lld, known are 0 to %d", (long long)unit,
                               LEDGER_UNITS - 1);
    struct store_money_totals *money = &totals->money[unit];
    money->available += available;
    money->held += db_column_int64(statement, 3);
    money->spent += db_column_int64(statement, 4);
    switch ((enum ledger_movement_kind)db_column_int64(statement, 1)) {
    case LEDGER_GRANT: money->issued += available; break;
    case LEDGER_ADJUST: money->adjusted += available; break;
    case LEDGER_EXPIRE: money->expired -= available; break;
    case LEDGER_HOLD:
    case LEDGER_SETTLE:
    case LEDGER_RELEASE: break;
    }
    return 0;
}

static int newest(struct db *db, const char *sql, int64_t *ret, conch_error *err)
{
    return db_number(db, sql, DB_NOTHING, ret, err);
}

static int money_add(struct db *db, struct store_totals *totals, conch_error *err)
{
    struct rows_wanted wanted = {.row = money_row, .context = totals, .max = SIZE_MAX};
    int64_t last = 0;
    int rc = newest(db, "SELECT COALESCE(max(id), 0) FROM movement", &last, err);
    if (rc == 0 && last > totals->movement_id)
        rc = rows_each(db,
                       "SELECT unit, kind, sum(available_change), sum(held_change), sum(spent) FROM movement"
                       " WHERE id > $1 AND id <= $2 GROUP BY unit, kind",
                       DB_WITH(db_int64(totals->movement_id), db_int64(last)), &wanted, NULL, err);
    if (rc == 0)
        totals->movement_id = last;
    return rc;
}

static int ended_add(struct db *db, struct store_totals *totals, conch_error *err)
{
    int64_t last = 0;
    int rc = newest(db, "SELECT COALESCE(max(id), 0) FROM event", &last, err);
    for (int state = 0; rc == 0 && state < JOB_STATES && last > totals->event_id; state++) {
        int64_t count = 0;
        if (!job_terminal((enum job_state)state))
            continue;
        rc = db_number(db,
                       "SELECT count(*) FROM event WHERE to_state = $1 AND to_state IN (4, 5, 6, 7) AND id > $2"
                       " AND id <= $3",
                       DB_WITH(db_int64(state), db_int64(totals->event_id), db_int64(last)), &count, err);
        totals->ended[state] += count;
    }
    if (rc == 0)
        totals->event_id = last;
    return rc;
}

int store_totals(struct store_tx *tx, struct store_totals *totals, conch_error *err)
{
    struct store_totals next = *totals; /* half of it is worth nothing */
    int rc = money_add(tx->db, &next, err);
    if (rc == 0)
        rc = ended_add(tx->db, &next, err);
    if (rc == 0)
        rc = db_number(tx->db, "SELECT count(*) FROM message WHERE dead_ms > 0", DB_NOTHING, &next.messages_dead, err);
    if (rc == 0)
        *totals = next;
    return rc;
}

struct issued {
    int64_t amount, at_ms;
};

static int issued_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    *(struct issued *)context = (struct issued){db_column_int64(statement, 0), db_column_int64(statement, 1)};
    return 0;
}

int store_lot_issued(struct store_tx *tx, int64_t lot_id, int64_t *ret_amount, int64_t *ret_at_ms, conch_error *err)
{
    struct issued issued = {0};
    struct rows_wanted wanted = {.row = issued_row, .context = &issued, .max = 1};
    int rc = rows_each(tx->db,
                       "SELECT COALESCE(sum(available_change), 0), COALESCE(min(at_ms), 0) FROM movement"
                       " WHERE lot_id = $1 AND kind IN (0, 1)",
                       DB_WITH(db_int64(lot_id)), &wanted, NULL, err);
    if (rc == 0) {
        *ret_amount = issued.amount;
        *ret_at_ms = issued.at_ms;
    }
    return rc;
}
