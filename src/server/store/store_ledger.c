/* The ledger's operations inside a transaction: read the rows, let ledger.h decide, write what it says. */
#include <assert.h>
#include <string.h>

#include "server/store/store_inner.h"

static int lot_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    if (index == LEDGER_LOTS_MAX)
        return conch_error_set(err, CONCH_ERR_FORMAT, "account %lld has more than %d open lots",
                               (long long)db_column_int64(statement, 1), LEDGER_LOTS_MAX);
    ((struct ledger_lot *)context)[index] = (struct ledger_lot){.id = db_column_int64(statement, 0),
                                                                .account_id = db_column_int64(statement, 1),
                                                                .kind = (enum ledger_kind)db_column_int64(statement, 2),
                                                                .available = db_column_int64(statement, 3),
                                                                .held = db_column_int64(statement, 4),
                                                                .expires_ms = db_column_int64(statement, 5)};
    return 0;
}

_Static_assert(LEDGER_PAYG == LEDGER_KINDS - 1, "the kinds of a unit must be a range");

int store_lots(struct store_tx *tx, int64_t account_id, enum ledger_unit unit, struct ledger_lot *ret,
               size_t *ret_count, conch_error *err)
{
    struct rows_wanted wanted = {.row = lot_row, .context = ret, .max = LEDGER_LOTS_MAX + 1};
    bool money = unit == LEDGER_MICROUSD;
    return rows_each(tx->db,
                     "SELECT id, account_id, kind, available, held, expires_ms FROM lot WHERE account_id = $1"
                     " AND kind >= $2 AND kind <= $3 AND (available > 0 OR held > 0)",
                     DB_WITH(db_int64(account_id), db_int64(money ? LEDGER_PAYG : 0),
                             db_int64(money ? LEDGER_PAYG : LEDGER_PAYG - 1)),
                     &wanted, ret_count, err);
}

static int pin_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    ((struct ledger_pin *)context)[index] = (struct ledger_pin){.hold_id = db_column_int64(statement, 0),
                                                                .position = (int32_t)db_column_int64(statement, 1),
                                                                .lot_id = db_column_int64(statement, 2),
                                                                .amount = db_column_int64(statement, 3),
                                                                .spent = db_column_int64(statement, 4)};
    return 0;
}

struct hold_read {
    struct ledger_hold hold;
    int64_t key_id;
};

static int hold_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    struct hold_read *read = context;
    read->hold = (struct ledger_hold){.id = db_column_int64(statement, 0),
                                      .account_id = db_column_int64(statement, 1),
                                      .unit = (enum ledger_unit)db_column_int64(statement, 2),
                                      .state = (enum ledger_hold_state)db_column_int64(statement, 3),
                                      .amount = db_column_int64(statement, 4),
                                      .spent = db_column_int64(statement, 5)};
    read->key_id = db_column_int64(statement, 6);
    return 0;
}

static int hold_read(struct db *db, int64_t hold_id, struct hold_read *ret, struct ledger_pin *ret_pins,
                     size_t *ret_pin_count, conch_error *err)
{
    struct rows_wanted one = {.row = hold_row, .context = ret, .max = 1};
    struct rows_wanted pins = {.row = pin_row, .context = ret_pins, .max = LEDGER_LOTS_MAX};
    size_t count = 0;
    int rc = rows_each(db, "SELECT id, account_id, unit, state, amount, spent, key_id FROM hold WHERE id = $1",
                       DB_WITH(db_int64(hold_id)), &one, &count, err);
    if (rc == 0 && count == 0)
        return not_found(err, "hold", hold_id);
    if (rc < 0)
        return rc;
    return rows_each(db,
                     "SELECT hold_id, position, lot_id, amount, spent FROM pin WHERE hold_id = $1 ORDER BY position",
                     DB_WITH(db_int64(hold_id)), &pins, ret_pin_count, err);
}

int store_hold_get(struct store_tx *tx, int64_t hold_id, struct ledger_hold *ret, struct ledger_pin *ret_pins,
                   size_t *ret_pin_count, conch_error *err)
{
    struct hold_read read;
    int rc = hold_read(tx->db, hold_id, &read, ret_pins, ret_pin_count, err);
    if (rc == 0)
        *ret = read.hold;
    return rc;
}

/* What an operation looks at. The lots lie in the scratch. */
static int view_read(struct store_tx *tx, int64_t account_id, enum ledger_unit unit, int64_t now_ms,
                     struct ledger_view *ret, conch_error *err)
{
    struct store_account account;
    size_t count = 0;
    int rc = store_account_get(tx, account_id, &account, err);
    if (rc == 0)
        rc = store_lots(tx, account_id, unit, tx->scratch->lots, &count, err);
    if (rc == 0)
        *ret = (struct ledger_view){
            .account = account.ledger, .lots = tx->scratch->lots, .lot_count = count, .now_ms = now_ms};
    return rc;
}

/* ---- writing a change ---- */

struct totals {
    int64_t available, held;
};

/* Of the account's newest movement in that unit. */
static int totals_read(struct db *db, const struct ledger_movement *movement, struct totals *ret, conch_error *err)
{
    struct db_statement *statement = NULL;
    *ret = (struct totals){0};
    int rc = db_start(db,
                      "SELECT available_after, held_after FROM movement WHERE account_id = $1 AND unit = $2"
                      " ORDER BY id DESC LIMIT 1",
                      DB_WITH(db_int64(movement->account_id), db_int64(movement->unit)), &statement, err);
    if (rc == 0)
        rc = db_step(statement, err);
    if (rc == 1)
        *ret = (struct totals){db_column_int64(statement, 0), db_column_int64(statement, 1)};
    db_end(statement);
    return rc < 0 ? rc : 0;
}

/* The sum of a movement's postings in one book. It cannot overflow: see issued in ledger.h. */
static int64_t book_sum(const struct ledger_change *change, size_t movement_index, enum ledger_book book)
{
    int64_t sum = 0;
    for (size_t i = 0; i < change->posting_count; i++)
        if (change->postings[i].movement_index == movement_index && change->postings[i].book == book)
            sum += change->postings[i].amount;
    return sum;
}

static int postings_write(struct db *db, const struct ledger_change *change, size_t movement_index, int64_t movement_id,
                          conch_error *err)
{
    int rc = 0;
    int64_t position = 0;
    for (size_t i = 0; rc == 0 && i < change->posting_count; i++) {
        const struct ledger_posting *posting = &change->postings[i];
        if (posting->movement_index != movement_index)
            continue;
        rc = db_run(db,
                    "INSERT INTO posting (movement_id, position, book, lot_id, hold_id, amount)"
                    " VALUES ($1, $2, $3, $4, $5, $6)",
                    DB_WITH(db_int64(movement_id), db_int64(position++), db_int64(posting->book),
                            db_int64(posting->lot_id), db_int64(posting->hold_id), db_int64(posting->amount)),
                    NULL, err);
    }
    return rc;
}

static int movement_write(struct db *db, const struct ledger_change *change, size_t index, const char *note,
                          conch_error *err)
{
    const struct ledger_movement *movement = &change->movements[index];
    const int64_t available = book_sum(change, index, LEDGER_BOOK_AVAILABLE);
    const int64_t held = book_sum(change, index, LEDGER_BOOK_HELD);
    struct totals before;
    int64_t id = 0;
    int rc = totals_read(db, movement, &before, err);
    if (rc == 0)
        rc = db_number(db,
                       "INSERT INTO movement (kind, account_id, unit, hold_id, lot_id, at_ms, note, available_change,"
                       " held_change, spent, available_after, held_after)"
                       " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id",
                       DB_WITH(db_int64(movement->kind), db_int64(movement->account_id), db_int64(movement->unit),
                               db_int64(movement->hold_id), db_int64(movement->lot_id), db_int64(movement->at_ms),
                               db_text(note ? note : ""), db_int64(available), db_int64(held),
                               db_int64(book_sum(change, index, LEDGER_BOOK_SPENT)),
                               db_int64(before.available + available), db_int64(before.held + held)),
                       &id, err);
    return rc == 0 ? postings_write(db, change, index, id, err) : rc;
}

static int lot_write(struct db *db, const struct ledger_lot *lot, bool insert, conch_error *err)
{
    if (insert)
        return db_run(db,
                      "INSERT INTO lot (id, account_id, kind, available, held, expires_ms)"
                      " VALUES ($1, $2, $3, $4, $5, $6)",
                      DB_WITH(db_int64(lot->id), db_int64(lot->account_id), db_int64(lot->kind),
                              db_int64(lot->available), db_int64(lot->held), db_int64(lot->expires_ms)),
                      NULL, err);
    return run_one(db, "UPDATE lot SET available = $2, held = $3 WHERE id = $1",
                   DB_WITH(db_int64(lot->id), db_int64(lot->available), db_int64(lot->held)), "lot", lot->id, err);
}

static int hold_insert(struct db *db, const struct ledger_change *change, int64_t key_id, int64_t now_ms,
                       conch_error *err)
{
    const struct ledger_hold *hold = &change->hold;
    int rc = db_run(db,
                    "INSERT INTO hold (id, account_id, key_id, unit, state, amount, spent, at_ms)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                    DB_WITH(db_int64(hold->id), db_int64(hold->account_id), db_int64(key_id), db_int64(hold->unit),
                            db_int64(hold->state), db_int64(hold->amount), db_int64(hold->spent), db_int64(now_ms)),
                    NULL, err);
    for (size_t i = 0; rc == 0 && i < change->pin_count; i++) {
        const struct ledger_pin *pin = &change->pins[i];
        rc = db_run(db, "INSERT INTO pin (hold_id, position, lot_id, amount, spent) VALUES ($1, $2, $3, $4, $5)",
                    DB_WITH(db_int64(pin->hold_id), db_int64(pin->position), db_int64(pin->lot_id),
                            db_int64(pin->amount), db_int64(pin->spent)),
                    NULL, err);
    }
    return rc;
}

/* Only an open hold: a second one who came to the same end finds no row. */
static int hold_update(struct db *db, const struct ledger_change *change, conch_error *err)
{
    const struct ledger_hold *hold = &change->hold;
    int64_t changed = 0;
    int rc = db_run(db, "UPDATE hold SET state = $2, spent = $3 WHERE id = $1 AND state = 0",
                    DB_WITH(db_int64(hold->id), db_int64(hold->state), db_int64(hold->spent)), &changed, err);
    if (rc == 0 && changed != 1)
        rc = conch_error_set(err, LEDGER_ERR_RESOLVED, "hold %lld is resolved already", (long long)hold->id);
    for (size_t i = 0; rc == 0 && i < change->pin_count; i++)
        rc = run_one(db, "UPDATE pin SET spent = $3 WHERE hold_id = $1 AND position = $2",
                     DB_WITH(db_int64(hold->id), db_int64(change->pins[i].position), db_int64(change->pins[i].spent)),
                     "pin of hold", hold->id, err);
    return rc;
}

struct change_facts {
    int64_t key_id, now_ms;
    const char *note;
};

static int change_write(struct store_tx *tx, const struct change_facts *facts, conch_error *err)
{
    const struct ledger_change *change = &tx->scratch->change;
    if (change->movement_count == 0)
        return 0;
    int rc = run_one(tx->db, "UPDATE account SET issued_microusd = $2, issued_millicredit = $3 WHERE id = $1",
                     DB_WITH(db_int64(change->account.id), db_int64(change->account.issued[LEDGER_MICROUSD]),
                             db_int64(change->account.issued[LEDGER_MILLICREDIT])),
                     "account", change->account.id, err);
    for (size_t i = 0; rc == 0 && i < change->lot_count; i++)
        rc = lot_write(tx->db, &change->lots[i], change->lots[i].id == change->lot_new_id, err);
    for (size_t i = 0; rc == 0 && i < change->movement_count; i++)
        rc = movement_write(tx->db, change, i, facts->note, err);
    if (rc == 0 && change->hold_change == LEDGER_HOLD_INSERT)
        rc = hold_insert(tx->db, change, facts->key_id, facts->now_ms, err);
    if (rc == 0 && change->hold_change == LEDGER_HOLD_RESOLVE)
        rc = hold_update(tx->db, change, err);
    return rc;
}

/* ---- operations ---- */

int store_grant(struct store_tx *tx, const struct store_grant *grant, conch_error *err)
{
    assert(tx->scratch);
    struct ledger_view view;
    struct ledger_grant wanted = {
        .lot_id = grant->lot_id, .kind = grant->kind, .amount = grant->amount, .expires_ms = grant->expires_ms};
    if ((unsigned)grant->kind >= LEDGER_KINDS)
        return conch_error_set(err, CONCH_ERR_RANGE, "grant: kind %d is none of 0 to %d", (int)grant->kind,
                               LEDGER_KINDS - 1);
    int rc = view_read(tx, grant->account_id, ledger_kind_unit(grant->kind), grant->now_ms, &view, err);
    if (rc == 0)
        rc = ledger_grant(&view, &wanted, &tx->scratch->change, err);
    struct change_facts facts = {.now_ms = grant->now_ms, .note = grant->note};
    return rc == 0 ? change_write(tx, &facts, err) : rc;
}

static int lot_unit(struct store_tx *tx, int64_t account_id, int64_t lot_id, enum ledger_unit *ret, conch_error *err)
{
    int64_t kind = 0;
    int rc = db_number(tx->db, "SELECT kind FROM lot WHERE id = $1 AND account_id = $2",
                       DB_WITH(db_int64(lot_id), db_int64(account_id)), &kind, err);
    if (rc == CONCH_ERR_NOTFOUND)
        return not_found(err, "lot", lot_id);
    if (rc == 0)
        *ret = ledger_kind_unit((enum ledger_kind)kind);
    return rc;
}

int store_adjust(struct store_tx *tx, int64_t account_id, int64_t lot_id, int64_t delta, int64_t now_ms,
                 const char *note, conch_error *err)
{
    assert(tx->scratch);
    struct ledger_view view;
    enum ledger_unit unit = LEDGER_MICROUSD;
    int rc = lot_unit(tx, account_id, lot_id, &unit, err);
    if (rc == 0)
        rc = view_read(tx, account_id, unit, now_ms, &view, err);
    if (rc == 0)
        rc = ledger_adjust(&view, lot_id, delta, &tx->scratch->change, err);
    struct change_facts facts = {.now_ms = now_ms, .note = note};
    return rc == 0 ? change_write(tx, &facts, err) : rc;
}

static int budget_refuse(struct store_tx *tx, const struct store_hold *hold, conch_error *err)
{
    struct store_key key;
    int rc = store_key_get(tx, hold->key_id, &key, err);
    if (rc < 0)
        return rc;
    return conch_error_set(err, STORE_ERR_BUDGET,
                           "budget of key %lld: %lld micro-USD are wanted, %lld of %lld are spent or held",
                           (long long)key.id, (long long)hold->quote.amount, (long long)key.spent_microusd,
                           (long long)key.budget_microusd);
}

/* Counts against the key's budget; a key that is none (0) has no limit. */
static int budget_take(struct store_tx *tx, const struct store_hold *hold, conch_error *err)
{
    int64_t changed = 0;
    if (!hold->key_id || hold->quote.unit != LEDGER_MICROUSD || hold->quote.amount == 0)
        return 0;
    int rc = db_run(tx->db,
                    "UPDATE api_key SET spent_microusd = spent_microusd + $2 WHERE id = $1"
                    " AND (budget_microusd = 0 OR $2 <= budget_microusd - spent_microusd)",
                    DB_WITH(db_int64(hold->key_id), db_int64(hold->quote.amount)), &changed, err);
    return rc == 0 && changed != 1 ? budget_refuse(tx, hold, err) : rc;
}

static int budget_return(struct store_tx *tx, const struct hold_read *read, int64_t charge, conch_error *err)
{
    const int64_t back = read->hold.amount - charge;
    if (!read->key_id || read->hold.unit != LEDGER_MICROUSD || back == 0)
        return 0;
    return run_one(tx->db, "UPDATE api_key SET spent_microusd = spent_microusd - $2 WHERE id = $1",
                   DB_WITH(db_int64(read->key_id), db_int64(back)), "key", read->key_id, err);
}

int store_hold(struct store_tx *tx, const struct store_hold *hold, conch_error *err)
{
    assert(tx->scratch);
    struct ledger_view view;
    if ((unsigned)hold->quote.unit >= LEDGER_UNITS)
        return conch_error_set(err, CONCH_ERR_RANGE, "quote: unit %d is none of 0 to %d", (int)hold->quote.unit,
                               LEDGER_UNITS - 1);
    int rc = view_read(tx, hold->account_id, hold->quote.unit, hold->now_ms, &view, err);
    if (rc == 0)
        rc = ledger_hold(&view, &hold->quote, hold->hold_id, &tx->scratch->change, err);
    if (rc == 0)
        rc = budget_take(tx, hold, err);
    struct change_facts facts = {.key_id = hold->key_id, .now_ms = hold->now_ms, .note = hold->note};
    return rc == 0 ? change_write(tx, &facts, err) : rc;
}

int ledger_resolve(struct store_tx *tx, const struct store_job *job, enum job_money money, int64_t charge,
                   int64_t now_ms, conch_error *err)
{
    struct hold_read read;
    struct ledger_view view;
    size_t pin_count = 0;
    if (money == JOB_MONEY_RELEASE)
        charge = 0;
    if (!job->hold_id)
        return charge == 0 ? 0
                           : conch_error_set(err, CONCH_ERR_RANGE, "job %lld has no hold, so %lld cannot be charged",
                                             (long long)job->job.id, (long long)charge);
    int rc = hold_read(tx->db, job->hold_id, &read, tx->scratch->pins, &pin_count, err);
    if (rc == 0)
        rc = view_read(tx, read.hold.account_id, read.hold.unit, now_ms, &view, err);
    if (rc < 0)
        return rc;
    struct ledger_held held = {.hold = read.hold, .pins = tx->scratch->pins, .pin_count = pin_count};
    rc = money == JOB_MONEY_SETTLE ? ledger_settle(&view, &held, charge, &tx->scratch->change, err)
                                   : ledger_release(&view, &held, &tx->scratch->change, err);
    if (rc == 0)
        rc = budget_return(tx, &read, charge, err);
    struct change_facts facts = {.now_ms = now_ms};
    return rc == 0 ? change_write(tx, &facts, err) : rc;
}

/* ---- the sweep ---- */

enum { EXPIRE_MAX = 64 };

struct expiring {
    int64_t account_id[EXPIRE_MAX];
    enum ledger_unit unit[EXPIRE_MAX];
};

static int expiring_row(void *context, size_t index, struct db_statement *statement, conch_error *err)
{
    struct expiring *expiring = context;
    expiring->account_id[index] = db_column_int64(statement, 0);
    expiring->unit[index] = db_column_int64(statement, 1) ? LEDGER_MICROUSD : LEDGER_MILLICREDIT;
    return 0;
}

int store_expire_lots(struct store_tx *tx, int64_t now_ms, size_t count, bool *ret_done, conch_error *err)
{
    assert(tx->scratch);
    struct expiring expiring;
    size_t found = 0;
    struct rows_wanted wanted = {
        .row = expiring_row, .context = &expiring, .max = count < EXPIRE_MAX ? count : EXPIRE_MAX};
    int rc = rows_each(tx->db,
                       "SELECT DISTINCT account_id, CASE WHEN kind = 4 THEN 1 ELSE 0 END FROM lot"
                       " WHERE expires_ms > 0 AND available > 0 AND expires_ms <= $1",
                       DB_WITH(db_int64(now_ms)), &wanted, &found, err);
    struct change_facts facts = {.now_ms = now_ms};
    for (size_t i = 0; rc == 0 && i < found; i++) {
        struct ledger_view view;
        rc = view_read(tx, expiring.account_id[i], expiring.unit[i], now_ms, &view, err);
        if (rc == 0)
            rc = ledger_expire(&view, expiring.unit[i], &tx->scratch->change, err);
        if (rc == 0)
            rc = change_write(tx, &facts, err);
    }
    if (rc == 0)
        *ret_done = found < wanted.max;
    return rc;
}
