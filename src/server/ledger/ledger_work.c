#include "server/ledger/ledger_work.h"

#include <assert.h>
#include <string.h>

bool lot_expired(const struct ledger_lot *lot, int64_t now_ms)
{
    return lot->expires_ms != 0 && now_ms >= lot->expires_ms;
}

/* True when a is spent before b. */
static bool lot_before(const struct ledger_lot *a, const struct ledger_lot *b)
{
    const int64_t a_ms = a->expires_ms ? a->expires_ms : INT64_MAX, b_ms = b->expires_ms ? b->expires_ms : INT64_MAX;
    if (a_ms != b_ms)
        return a_ms < b_ms;
    if (a->kind != b->kind)
        return a->kind < b->kind;
    return a->id < b->id;
}

static int lot_check(const struct ledger_lot *lot, const struct ledger_work *work, conch_error *err)
{
    const long long id = (long long)lot->id;
    if (lot->id <= 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "lot %lld: an id is above 0", id);
    if (lot->account_id != work->view->account.id)
        return conch_error_set(err, CONCH_ERR_FORMAT, "lot %lld belongs to account %lld, not to %lld", id,
                               (long long)lot->account_id, (long long)work->view->account.id);
    if ((unsigned)lot->kind >= LEDGER_KINDS)
        return conch_error_set(err, CONCH_ERR_FORMAT, "lot %lld: kind %d is none of 0 to %d", id, (int)lot->kind,
                               LEDGER_KINDS - 1);
    if (ledger_kind_unit(lot->kind) != work->unit)
        return conch_error_set(err, CONCH_ERR_FORMAT, "lot %lld is in %s, the operation in %s", id,
                               ledger_unit_name(ledger_kind_unit(lot->kind)), ledger_unit_name(work->unit));
    if (lot->available < 0 || lot->held < 0 || lot->expires_ms < 0)
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "lot %lld: available %lld, held %lld, expires_ms %lld: none may be below 0", id,
                               (long long)lot->available, (long long)lot->held, (long long)lot->expires_ms);
    return 0;
}

static int account_check(const struct ledger_account *account, enum ledger_unit unit, conch_error *err)
{
    if (account->id <= 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "account %lld: an id is above 0", (long long)account->id);
    if (account->issued[unit] < 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "account %lld: issued %lld %s is below 0", (long long)account->id,
                               (long long)account->issued[unit], ledger_unit_name(unit));
    return 0;
}

/* Puts a lot where it belongs among the sorted ones. Lots are few and mostly read in order already. */
static int lot_insert(struct ledger_work *work, const struct ledger_lot *lot, conch_error *err)
{
    if (work_lot(work, lot->id))
        return conch_error_set(err, CONCH_ERR_FORMAT, "lot %lld stands twice among the rows", (long long)lot->id);
    size_t at = work->lot_count;
    for (; at > 0 && lot_before(lot, &work->lots[at - 1]); at--)
        work->lots[at] = work->lots[at - 1];
    work->lots[at] = *lot;
    work->lot_count++;
    return 0;
}

int work_begin(struct ledger_work *work, const struct ledger_view *view, enum ledger_unit unit,
               struct ledger_change *change, conch_error *err)
{
    assert(view->lots || view->lot_count == 0);
    *work = (struct ledger_work){.view = view, .unit = unit, .change = change};
    if (view->lot_count > LEDGER_LOTS_MAX)
        return conch_error_set(err, CONCH_ERR_FORMAT, "account %lld has %zu open lots in %s, at most %d are kept",
                               (long long)view->account.id, view->lot_count, ledger_unit_name(unit), LEDGER_LOTS_MAX);
    int rc = account_check(&view->account, unit, err);
    int64_t sum = 0;
    for (size_t i = 0; rc == 0 && i < view->lot_count; i++) {
        const struct ledger_lot *lot = &view->lots[i];
        rc = lot_check(lot, work, err);
        if (rc == 0)
            rc = lot_insert(work, lot, err);
        if (rc == 0 && (__builtin_add_overflow(sum, lot->available, &sum) ||
                        __builtin_add_overflow(sum, lot->held, &sum) || sum > view->account.issued[unit]))
            rc = conch_error_set(err, CONCH_ERR_FORMAT,
                                 "account %lld: its lots up to lot %lld hold more than the %lld %s ever issued",
                                 (long long)view->account.id, (long long)lot->id, (long long)view->account.issued[unit],
                                 ledger_unit_name(unit));
    }
    if (rc < 0 || !change)
        return rc;
    change->movement_count = change->posting_count = change->lot_count = change->pin_count = 0;
    change->lot_new_id = 0;
    change->account = view->account;
    change->hold_change = LEDGER_HOLD_UNCHANGED;
    memset(&change->hold, 0, sizeof change->hold);
    return 0;
}

struct ledger_lot *work_lot(struct ledger_work *work, int64_t lot_id)
{
    for (size_t i = 0; i < work->lot_count; i++)
        if (work->lots[i].id == lot_id)
            return &work->lots[i];
    return NULL;
}

void work_movement(struct ledger_work *work, enum ledger_movement_kind kind, int64_t hold_id, int64_t lot_id)
{
    struct ledger_change *change = work->change;
    assert(change->movement_count < LEDGER_MOVEMENTS_MAX);
    change->movements[change->movement_count++] = (struct ledger_movement){.kind = kind,
                                                                           .account_id = work->view->account.id,
                                                                           .unit = work->unit,
                                                                           .hold_id = hold_id,
                                                                           .lot_id = lot_id,
                                                                           .at_ms = work->view->now_ms};
}

static void add(int64_t *sum, int64_t amount)
{
    bool overflow = __builtin_add_overflow(*sum, amount, sum);
    assert(!overflow); /* all sums are at most what was issued, which was checked */
    assert(*sum >= 0);
    (void)overflow;
}

void work_post(struct ledger_work *work, struct ledger_lot *lot, enum ledger_book book, int64_t hold_id, int64_t amount)
{
    struct ledger_change *change = work->change;
    if (amount == 0)
        return;
    assert(change->movement_count > 0 && change->posting_count < LEDGER_POSTINGS_MAX);
    if (book == LEDGER_BOOK_AVAILABLE)
        add(&lot->available, amount);
    if (book == LEDGER_BOOK_HELD)
        add(&lot->held, amount);
    work->changed[lot - work->lots] = true;
    change->postings[change->posting_count++] = (struct ledger_posting){.movement_index = change->movement_count - 1,
                                                                        .book = book,
                                                                        .lot_id = lot->id,
                                                                        .hold_id = hold_id,
                                                                        .amount = amount};
}

void work_expire(struct ledger_work *work)
{
    for (size_t i = 0; i < work->lot_count; i++) {
        struct ledger_lot *lot = &work->lots[i];
        if (lot->available == 0 || !lot_expired(lot, work->view->now_ms))
            continue;
        const int64_t amount = lot->available;
        work_movement(work, LEDGER_EXPIRE, 0, lot->id);
        work_post(work, lot, LEDGER_BOOK_AVAILABLE, 0, -amount);
        work_post(work, lot, LEDGER_BOOK_EXPIRED, 0, amount);
    }
}

static void movements_check(const struct ledger_change *change)
{
    __int128 sum = 0; /* partial sums may pass int64 */
    for (size_t i = 0; i < change->posting_count; i++) {
        const struct ledger_posting *posting = &change->postings[i];
        sum += posting->amount;
        if (i + 1 == change->posting_count || posting[1].movement_index != posting->movement_index)
            assert(sum == 0);
    }
}

void work_end(struct ledger_work *work)
{
    struct ledger_change *change = work->change;
    for (size_t i = 0; i < work->lot_count; i++)
        if (work->changed[i])
            change->lots[change->lot_count++] = work->lots[i];
    movements_check(change);
}
