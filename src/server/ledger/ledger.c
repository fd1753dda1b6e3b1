#include "server/ledger/ledger.h"

#include <assert.h>

#include "server/ledger/ledger_work.h"

static bool kind_may_pay(const struct ledger_quote *quote, enum ledger_kind kind)
{
    return quote->kinds == 0 || (quote->kinds & 1u << kind) != 0;
}

/* What a lot can pay of a quote. */
static int64_t lot_spendable(const struct ledger_lot *lot, const struct ledger_quote *quote, int64_t now_ms)
{
    return kind_may_pay(quote, lot->kind) && !lot_expired(lot, now_ms) ? lot->available : 0;
}

static int64_t work_spendable(const struct ledger_work *work, const struct ledger_quote *quote)
{
    int64_t sum = 0; /* at most what was issued: work_begin looked */
    for (size_t i = 0; i < work->lot_count; i++)
        sum += lot_spendable(&work->lots[i], quote, work->view->now_ms);
    return sum;
}

static int quote_check(const struct ledger_quote *quote, conch_error *err)
{
    if ((unsigned)quote->unit >= LEDGER_UNITS)
        return conch_error_set(err, CONCH_ERR_RANGE, "quote: unit %d is none of 0 to %d", (int)quote->unit,
                               LEDGER_UNITS - 1);
    if (quote->amount < 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "quote: amount %lld %s is below 0", (long long)quote->amount,
                               ledger_unit_name(quote->unit));
    return 0;
}

int ledger_spendable(const struct ledger_view *view, const struct ledger_quote *quote, int64_t *ret_amount,
                     conch_error *err)
{
    struct ledger_work work;
    int rc = quote_check(quote, err);
    if (rc == 0)
        rc = work_begin(&work, view, quote->unit, NULL, err);
    if (rc == 0)
        *ret_amount = work_spendable(&work, quote);
    return rc;
}

/* Counts amount as issued; CONCH_ERR_LIMIT when the total would pass INT64_MAX. */
static int account_issue(struct ledger_account *account, enum ledger_unit unit, int64_t amount, conch_error *err)
{
    int64_t sum;
    if (__builtin_add_overflow(account->issued[unit], amount, &sum))
        return conch_error_set(err, CONCH_ERR_LIMIT,
                               "amount %lld %s: account %lld was issued %lld, and all together may not pass %lld",
                               (long long)amount, ledger_unit_name(unit), (long long)account->id,
                               (long long)account->issued[unit], (long long)INT64_MAX);
    account->issued[unit] = sum;
    return 0;
}

static int grant_check(const struct ledger_grant *grant, int64_t now_ms, conch_error *err)
{
    if ((unsigned)grant->kind >= LEDGER_KINDS)
        return conch_error_set(err, CONCH_ERR_RANGE, "grant: kind %d is none of 0 to %d", (int)grant->kind,
                               LEDGER_KINDS - 1);
    if (grant->lot_id <= 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "grant: lot id %lld, wanted one above 0",
                               (long long)grant->lot_id);
    if (grant->amount <= 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "grant: amount %lld, wanted 1 to %lld", (long long)grant->amount,
                               (long long)INT64_MAX);
    if (grant->expires_ms < 0 || (grant->expires_ms != 0 && grant->expires_ms <= now_ms))
        return conch_error_set(err, CONCH_ERR_RANGE, "grant: expires_ms %lld is not after now (%lld); 0 means never",
                               (long long)grant->expires_ms, (long long)now_ms);
    return 0;
}

static size_t work_open_count(const struct ledger_work *work)
{
    size_t count = 0;
    for (size_t i = 0; i < work->lot_count; i++)
        count += work->lots[i].available > 0 || work->lots[i].held > 0;
    return count;
}

/* After what has expired has left. */
static int grant_room_check(struct ledger_work *work, const struct ledger_grant *grant, conch_error *err)
{
    if (work_lot(work, grant->lot_id))
        return conch_error_set(err, CONCH_ERR_RANGE, "grant: lot id %lld is taken", (long long)grant->lot_id);
    const size_t count = work_open_count(work);
    if (count >= LEDGER_LOTS_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "grant: account %lld has %zu open lots in %s, at most %d are kept",
                               (long long)work->view->account.id, count, ledger_unit_name(work->unit), LEDGER_LOTS_MAX);
    return account_issue(&work->change->account, work->unit, grant->amount, err);
}

int ledger_grant(const struct ledger_view *view, const struct ledger_grant *grant, struct ledger_change *ret_change,
                 conch_error *err)
{
    struct ledger_work work;
    int rc = grant_check(grant, view->now_ms, err);
    if (rc == 0)
        rc = work_begin(&work, view, ledger_kind_unit(grant->kind), ret_change, err);
    if (rc < 0)
        return rc;
    work_expire(&work);
    rc = grant_room_check(&work, grant, err);
    if (rc < 0)
        return rc;
    struct ledger_lot *lot = &work.lots[work.lot_count++];
    *lot = (struct ledger_lot){
        .id = grant->lot_id, .account_id = view->account.id, .kind = grant->kind, .expires_ms = grant->expires_ms};
    work_movement(&work, LEDGER_GRANT, 0, lot->id);
    work_post(&work, lot, LEDGER_BOOK_ISSUED, 0, -grant->amount);
    work_post(&work, lot, LEDGER_BOOK_AVAILABLE, 0, grant->amount);
    work_end(&work);
    ret_change->lot_new_id = lot->id;
    return 0;
}

static int view_lot_kind(const struct ledger_view *view, int64_t lot_id, enum ledger_kind *ret_kind, conch_error *err)
{
    for (size_t i = 0; i < view->lot_count; i++)
        if (view->lots[i].id == lot_id && (unsigned)view->lots[i].kind < LEDGER_KINDS) {
            *ret_kind = view->lots[i].kind;
            return 0;
        }
    return conch_error_set(err, CONCH_ERR_NOTFOUND, "lot %lld is none of account %lld's open lots", (long long)lot_id,
                           (long long)view->account.id);
}

static int adjust_check(struct ledger_work *work, const struct ledger_lot *lot, int64_t delta, conch_error *err)
{
    if (delta < 0 && lot->available + delta < 0)
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "adjustment: %lld of lot %lld, which has %lld free; at most that can be taken",
                               (long long)delta, (long long)lot->id, (long long)lot->available);
    if (delta > 0 && lot_expired(lot, work->view->now_ms))
        return conch_error_set(err, CONCH_ERR_RANGE, "adjustment: lot %lld expired at %lld; grant a new lot instead",
                               (long long)lot->id, (long long)lot->expires_ms);
    return delta > 0 ? account_issue(&work->change->account, work->unit, delta, err) : 0;
}

int ledger_adjust(const struct ledger_view *view, int64_t lot_id, int64_t delta, struct ledger_change *ret_change,
                  conch_error *err)
{
    struct ledger_work work;
    enum ledger_kind kind = LEDGER_BONUS;
    if (delta == 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "adjustment: amount 0 of lot %lld changes nothing",
                               (long long)lot_id);
    int rc = view_lot_kind(view, lot_id, &kind, err);
    if (rc == 0)
        rc = work_begin(&work, view, ledger_kind_unit(kind), ret_change, err);
    if (rc < 0)
        return rc;
    work_expire(&work);
    struct ledger_lot *lot = work_lot(&work, lot_id);
    rc = adjust_check(&work, lot, delta, err);
    if (rc < 0)
        return rc;
    work_movement(&work, LEDGER_ADJUST, 0, lot->id);
    work_post(&work, lot, LEDGER_BOOK_ADJUSTED, 0, -delta);
    work_post(&work, lot, LEDGER_BOOK_AVAILABLE, 0, delta);
    work_end(&work);
    return 0;
}

/* Pins amount in the lots that may pay, in their order; there is enough. */
static void pins_make(struct ledger_work *work, const struct ledger_quote *quote, int64_t hold_id)
{
    struct ledger_change *change = work->change;
    int64_t wanted = quote->amount;
    for (size_t i = 0; wanted > 0 && i < work->lot_count; i++) {
        struct ledger_lot *lot = &work->lots[i];
        int64_t part = lot_spendable(lot, quote, work->view->now_ms);
        if (part > wanted)
            part = wanted;
        if (part == 0)
            continue;
        work_post(work, lot, LEDGER_BOOK_AVAILABLE, 0, -part);
        work_post(work, lot, LEDGER_BOOK_HELD, hold_id, part);
        change->pins[change->pin_count] = (struct ledger_pin){
            .hold_id = hold_id, .lot_id = lot->id, .position = (int32_t)change->pin_count, .amount = part};
        change->pin_count++;
        wanted -= part;
    }
    assert(wanted == 0);
}

int ledger_hold(const struct ledger_view *view, const struct ledger_quote *quote, int64_t hold_id,
                struct ledger_change *ret_change, conch_error *err)
{
    struct ledger_work work;
    if (hold_id <= 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "hold: id %lld, wanted one above 0", (long long)hold_id);
    int rc = quote_check(quote, err);
    if (rc == 0)
        rc = work_begin(&work, view, quote->unit, ret_change, err);
    if (rc < 0)
        return rc;
    const int64_t spendable = work_spendable(&work, quote);
    if (quote->amount > spendable)
        return conch_error_set(err, LEDGER_ERR_BALANCE, "balance: %lld %s are wanted, %lld can be spent",
                               (long long)quote->amount, ledger_unit_name(quote->unit), (long long)spendable);
    work_expire(&work);
    work_movement(&work, LEDGER_HOLD, hold_id, 0);
    pins_make(&work, quote, hold_id);
    work_end(&work);
    ret_change->hold_change = LEDGER_HOLD_INSERT;
    ret_change->hold = (struct ledger_hold){.id = hold_id,
                                            .account_id = view->account.id,
                                            .unit = quote->unit,
                                            .state = LEDGER_HOLD_OPEN,
                                            .amount = quote->amount};
    return 0;
}

static int hold_check(const struct ledger_view *view, const struct ledger_hold *hold, conch_error *err)
{
    if (hold->account_id != view->account.id)
        return conch_error_set(err, CONCH_ERR_FORMAT, "hold %lld belongs to account %lld, not to %lld",
                               (long long)hold->id, (long long)hold->account_id, (long long)view->account.id);
    if ((unsigned)hold->unit >= LEDGER_UNITS || hold->amount < 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "hold %lld: unit %d, amount %lld cannot be", (long long)hold->id,
                               (int)hold->unit, (long long)hold->amount);
    if (hold->state != LEDGER_HOLD_OPEN)
        return conch_error_set(err, LEDGER_ERR_RESOLVED, "hold %lld is %s already", (long long)hold->id,
                               hold->state == LEDGER_HOLD_SETTLED ? "settled" : "released");
    return 0;
}

/* Pins must be the hold's, each within what its lot has held, and add up to the hold. */
static int pins_check(struct ledger_work *work, const struct ledger_held *held, conch_error *err)
{
    int64_t left = held->hold.amount;
    for (size_t i = 0; i < held->pin_count; i++) {
        const struct ledger_pin *pin = &held->pins[i];
        const struct ledger_lot *lot = work_lot(work, pin->lot_id);
        if (!lot)
            return conch_error_set(err, CONCH_ERR_FORMAT, "hold %lld pins lot %lld, which is not among the rows",
                                   (long long)held->hold.id, (long long)pin->lot_id);
        if (pin->hold_id != held->hold.id || pin->position != (int32_t)i || pin->amount <= 0 ||
            pin->amount > lot->held || pin->amount > left)
            return conch_error_set(err, CONCH_ERR_FORMAT,
                                   "pin %zu of hold %lld (hold %lld, position %d, amount %lld, lot %lld with %lld "
                                   "held, %lld of the hold left) cannot be",
                                   i, (long long)held->hold.id, (long long)pin->hold_id, (int)pin->position,
                                   (long long)pin->amount, (long long)lot->id, (long long)lot->held, (long long)left);
        for (size_t k = 0; k < i; k++)
            if (held->pins[k].lot_id == pin->lot_id)
                return conch_error_set(err, CONCH_ERR_FORMAT, "hold %lld pins lot %lld twice", (long long)held->hold.id,
                                       (long long)pin->lot_id);
        left -= pin->amount;
    }
    if (left != 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "hold %lld: its pins are %lld short of its amount %lld",
                               (long long)held->hold.id, (long long)left, (long long)held->hold.amount);
    return 0;
}

/* Charges the pins in their order until actual is reached; the rest returns to the same lots. */
static void pins_resolve(struct ledger_work *work, const struct ledger_held *held, int64_t actual)
{
    struct ledger_change *change = work->change;
    for (size_t i = 0; i < held->pin_count; i++) {
        const struct ledger_pin *pin = &held->pins[i];
        struct ledger_lot *lot = work_lot(work, pin->lot_id);
        const int64_t spent = pin->amount < actual ? pin->amount : actual;
        work_post(work, lot, LEDGER_BOOK_HELD, held->hold.id, -pin->amount);
        work_post(work, lot, LEDGER_BOOK_SPENT, held->hold.id, spent);
        work_post(work, lot, LEDGER_BOOK_AVAILABLE, 0, pin->amount - spent);
        change->pins[change->pin_count] = *pin;
        change->pins[change->pin_count++].spent = spent;
        actual -= spent;
    }
    assert(actual == 0);
}

/* Settle and release: they differ in the amount, in the movement's name and in the state that is left. */
static int hold_resolve(const struct ledger_view *view, const struct ledger_held *held, int64_t actual,
                        enum ledger_movement_kind kind, struct ledger_change *ret_change, conch_error *err)
{
    struct ledger_work work;
    assert(kind == LEDGER_SETTLE || (kind == LEDGER_RELEASE && actual == 0));
    int rc = hold_check(view, &held->hold, err);
    if (rc == 0 && (actual < 0 || actual > held->hold.amount))
        rc = conch_error_set(err, CONCH_ERR_RANGE, "settle: %lld %s of hold %lld, allowed are 0 to %lld",
                             (long long)actual, ledger_unit_name(held->hold.unit), (long long)held->hold.id,
                             (long long)held->hold.amount);
    if (rc == 0)
        rc = work_begin(&work, view, held->hold.unit, ret_change, err);
    if (rc == 0)
        rc = pins_check(&work, held, err);
    if (rc < 0)
        return rc;
    work_movement(&work, kind, held->hold.id, 0);
    pins_resolve(&work, held, actual);
    work_expire(&work); /* last, so that what came back to an expired lot leaves as well */
    work_end(&work);
    ret_change->hold_change = LEDGER_HOLD_RESOLVE;
    ret_change->hold = held->hold;
    ret_change->hold.state = kind == LEDGER_SETTLE ? LEDGER_HOLD_SETTLED : LEDGER_HOLD_RELEASED;
    ret_change->hold.spent = actual;
    return 0;
}

int ledger_settle(const struct ledger_view *view, const struct ledger_held *held, int64_t actual,
                  struct ledger_change *ret_change, conch_error *err)
{
    return hold_resolve(view, held, actual, LEDGER_SETTLE, ret_change, err);
}

int ledger_release(const struct ledger_view *view, const struct ledger_held *held, struct ledger_change *ret_change,
                   conch_error *err)
{
    return hold_resolve(view, held, 0, LEDGER_RELEASE, ret_change, err);
}

int ledger_expire(const struct ledger_view *view, enum ledger_unit unit, struct ledger_change *ret_change,
                  conch_error *err)
{
    struct ledger_work work;
    int rc = work_begin(&work, view, unit, ret_change, err);
    if (rc < 0)
        return rc;
    work_expire(&work);
    work_end(&work);
    return 0;
}

int ledger_replay(struct ledger_lot *lot, const struct ledger_posting *posting, conch_error *err)
{
    int64_t *sum = posting->book == LEDGER_BOOK_AVAILABLE ? &lot->available
                   : posting->book == LEDGER_BOOK_HELD    ? &lot->held
                                                          : NULL;
    int64_t next;
    if (!sum)
        return 0;
    if (posting->lot_id != lot->id)
        return conch_error_set(err, CONCH_ERR_FORMAT, "a posting of lot %lld was added to lot %lld",
                               (long long)posting->lot_id, (long long)lot->id);
    if (__builtin_add_overflow(*sum, posting->amount, &next) || next < 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "lot %lld: %s %lld and a posting of %lld give no sum",
                               (long long)lot->id, ledger_book_name(posting->book), (long long)*sum,
                               (long long)posting->amount);
    *sum = next;
    return 0;
}
