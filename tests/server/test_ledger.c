/* Exact examples of the ledger: which lot pays, what comes back, what expires, and the edges of int64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "server/ledger/ledger.h"

static struct ledger_change change;
static conch_error err;

#define NOW 1000

static struct ledger_lot lot(int64_t id, enum ledger_kind kind, int64_t available, int64_t expires_ms)
{
    return (struct ledger_lot){
        .id = id, .account_id = 7, .kind = kind, .available = available, .expires_ms = expires_ms};
}

static struct ledger_view view_of(const struct ledger_lot *lots, size_t count, int64_t now_ms)
{
    return (struct ledger_view){.account = {.id = 7, .issued = {INT64_MAX / 2, INT64_MAX / 2}},
                                .lots = lots,
                                .lot_count = count,
                                .now_ms = now_ms};
}

static struct ledger_quote credits(int64_t amount)
{
    return (struct ledger_quote){.unit = LEDGER_MILLICREDIT, .amount = amount};
}

/* Writes the rows of the last change back, as a store would. */
static void apply(struct ledger_lot *lots, size_t count)
{
    for (size_t i = 0; i < change.lot_count; i++)
        for (size_t k = 0; k < count; k++)
            if (lots[k].id == change.lots[i].id)
                lots[k] = change.lots[i];
}

static void assert_pin(size_t index, int64_t lot_id, int64_t amount, int64_t spent)
{
    assert_true(index < change.pin_count);
    assert_int_equal(change.pins[index].lot_id, lot_id);
    assert_int_equal(change.pins[index].position, index);
    assert_int_equal(change.pins[index].amount, amount);
    assert_int_equal(change.pins[index].spent, spent);
}

static void assert_posting(size_t index, enum ledger_book book, int64_t lot_id, int64_t hold_id, int64_t amount)
{
    assert_true(index < change.posting_count);
    assert_int_equal(change.postings[index].book, book);
    assert_int_equal(change.postings[index].lot_id, lot_id);
    assert_int_equal(change.postings[index].hold_id, hold_id);
    assert_int_equal(change.postings[index].amount, amount);
}

static void assert_movement(size_t index, enum ledger_movement_kind kind, int64_t hold_id, int64_t lot_id)
{
    assert_true(index < change.movement_count);
    assert_int_equal(change.movements[index].kind, kind);
    assert_int_equal(change.movements[index].hold_id, hold_id);
    assert_int_equal(change.movements[index].lot_id, lot_id);
    assert_int_equal(change.movements[index].account_id, 7);
}

static void assert_refused(int rc, int code, const char *text)
{
    assert_int_equal(rc, code);
    assert_int_equal(err.code, code);
    if (!strstr(err.text, text))
        fail_msg("'%s' does not say '%s'", err.text, text);
}

static void a_hold_drains_by_expiry_then_kind_then_id(void **state)
{
    const struct ledger_lot lots[] = {
        lot(1, LEDGER_PURCHASED, 10, 0),     lot(2, LEDGER_MEMBERSHIP, 10, 0), lot(3, LEDGER_PACKAGE, 10, 9000),
        lot(4, LEDGER_MEMBERSHIP, 10, 9000), lot(6, LEDGER_BONUS, 10, 9000),   lot(5, LEDGER_BONUS, 10, 9000),
        lot(8, LEDGER_PURCHASED, 10, 5000),  lot(9, LEDGER_BONUS, 10, 0),
    };
    const struct ledger_view view = view_of(lots, ARRAY_LEN(lots), NOW);
    const struct ledger_quote quote = credits(75);
    static const int64_t order[] = {8, 5, 6, 4, 3, 9, 2, 1};
    assert_int_equal(ledger_hold(&view, &quote, 50, &change, &err), 0);
    assert_int_equal(change.pin_count, ARRAY_LEN(order));
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        assert_pin(i, order[i], i == 7 ? 5 : 10, 0);
    assert_int_equal(change.hold_change, LEDGER_HOLD_INSERT);
    assert_int_equal(change.hold.amount, 75);
    assert_int_equal(change.hold.state, LEDGER_HOLD_OPEN);
    assert_movement(0, LEDGER_HOLD, 50, 0);
    assert_int_equal(change.movement_count, 1);
    assert_posting(0, LEDGER_BOOK_AVAILABLE, 8, 0, -10);
    assert_posting(1, LEDGER_BOOK_HELD, 8, 50, 10);
}

static void a_hold_above_the_balance_names_both_sums(void **state)
{
    const struct ledger_lot lots[] = {lot(1, LEDGER_BONUS, 10, 0), lot(2, LEDGER_BONUS, 90, NOW)};
    const struct ledger_view view = view_of(lots, 2, NOW);
    struct ledger_quote quote = credits(11);
    int64_t spendable;
    assert_refused(ledger_hold(&view, &quote, 50, &change, &err), LEDGER_ERR_BALANCE,
                   "11 milli-credits are wanted, 10 can be spent");
    assert_int_equal(ledger_spendable(&view, &quote, &spendable, &err), 0);
    assert_int_equal(spendable, 10);
    quote.amount = 10;
    assert_int_equal(ledger_hold(&view, &quote, 50, &change, &err), 0);
}

static void a_lot_expires_at_its_very_millisecond(void **state)
{
    const struct ledger_lot lots[] = {lot(1, LEDGER_BONUS, 10, NOW + 1)};
    struct ledger_view view = view_of(lots, 1, NOW);
    const struct ledger_quote quote = credits(10);
    assert_int_equal(ledger_expire(&view, LEDGER_MILLICREDIT, &change, &err), 0);
    assert_int_equal(change.movement_count, 0);
    assert_int_equal(change.lot_count, 0);
    assert_int_equal(ledger_hold(&view, &quote, 50, &change, &err), 0);
    view.now_ms = NOW + 1;
    assert_refused(ledger_hold(&view, &quote, 50, &change, &err), LEDGER_ERR_BALANCE, "0 can be spent");
    assert_int_equal(ledger_expire(&view, LEDGER_MILLICREDIT, &change, &err), 0);
    assert_movement(0, LEDGER_EXPIRE, 0, 1);
    assert_posting(0, LEDGER_BOOK_AVAILABLE, 1, 0, -10);
    assert_posting(1, LEDGER_BOOK_EXPIRED, 1, 0, 10);
    assert_int_equal(change.lots[0].available, 0);
}

static void a_hold_lets_expired_lots_leave_first(void **state)
{
    const struct ledger_lot lots[] = {lot(1, LEDGER_BONUS, 10, NOW), lot(2, LEDGER_BONUS, 20, 0)};
    const struct ledger_view view = view_of(lots, 2, NOW);
    const struct ledger_quote quote = credits(5);
    assert_int_equal(ledger_hold(&view, &quote, 50, &change, &err), 0);
    assert_movement(0, LEDGER_EXPIRE, 0, 1);
    assert_movement(1, LEDGER_HOLD, 50, 0);
    assert_int_equal(change.pin_count, 1);
    assert_pin(0, 2, 5, 0);
}

/* Two lots pinned, 10 and 5; then settled, released or refused. */
static struct ledger_held held_two(struct ledger_lot *lots, struct ledger_pin *pins)
{
    lots[0] = lot(1, LEDGER_BONUS, 10, 2000);
    lots[1] = lot(2, LEDGER_PURCHASED, 20, 0);
    const struct ledger_view view = view_of(lots, 2, NOW);
    const struct ledger_quote quote = credits(15);
    assert_int_equal(ledger_hold(&view, &quote, 50, &change, &err), 0);
    apply(lots, 2);
    memcpy(pins, change.pins, 2 * sizeof *pins);
    return (struct ledger_held){.hold = change.hold, .pins = pins, .pin_count = change.pin_count};
}

static void a_partial_settle_charges_the_soonest_lot_first(void **state)
{
    struct ledger_lot lots[2];
    struct ledger_pin pins[2];
    const struct ledger_held held = held_two(lots, pins);
    const struct ledger_view view = view_of(lots, 2, NOW + 5);
    assert_int_equal(ledger_settle(&view, &held, 12, &change, &err), 0);
    assert_pin(0, 1, 10, 10);
    assert_pin(1, 2, 5, 2);
    assert_movement(0, LEDGER_SETTLE, 50, 0);
    assert_int_equal(change.movement_count, 1);
    assert_posting(0, LEDGER_BOOK_HELD, 1, 50, -10);
    assert_posting(1, LEDGER_BOOK_SPENT, 1, 50, 10);
    assert_posting(2, LEDGER_BOOK_HELD, 2, 50, -5);
    assert_posting(3, LEDGER_BOOK_SPENT, 2, 50, 2);
    assert_posting(4, LEDGER_BOOK_AVAILABLE, 2, 0, 3);
    assert_int_equal(change.posting_count, 5);
    apply(lots, 2);
    assert_int_equal(lots[0].available, 0);
    assert_int_equal(lots[0].held, 0);
    assert_int_equal(lots[1].available, 18);
    assert_int_equal(lots[1].held, 0);
    assert_int_equal(change.hold_change, LEDGER_HOLD_RESOLVE);
    assert_int_equal(change.hold.state, LEDGER_HOLD_SETTLED);
    assert_int_equal(change.hold.spent, 12);
}

static void a_pin_outlives_its_lot_and_what_returns_expires_at_once(void **state)
{
    struct ledger_lot lots[2];
    struct ledger_pin pins[2];
    const struct ledger_held held = held_two(lots, pins);
    const struct ledger_view view = view_of(lots, 2, 2000);
    assert_int_equal(ledger_expire(&view, LEDGER_MILLICREDIT, &change, &err), 0);
    assert_int_equal(change.movement_count, 0); /* all of lot 1 is pinned */
    assert_int_equal(ledger_settle(&view, &held, 4, &change, &err), 0);
    assert_movement(0, LEDGER_SETTLE, 50, 0);
    assert_movement(1, LEDGER_EXPIRE, 0, 1);
    assert_pin(0, 1, 10, 4);
    assert_pin(1, 2, 5, 0);
    assert_posting(5, LEDGER_BOOK_AVAILABLE, 1, 0, -6);
    assert_posting(6, LEDGER_BOOK_EXPIRED, 1, 0, 6);
    apply(lots, 2);
    assert_int_equal(lots[0].available, 0);
    assert_int_equal(lots[1].available, 20);
}

static void a_settle_charges_a_pin_whose_lot_has_expired(void **state)
{
    struct ledger_lot lots[2];
    struct ledger_pin pins[2];
    const struct ledger_held held = held_two(lots, pins);
    const struct ledger_view view = view_of(lots, 2, 99999);
    assert_int_equal(ledger_settle(&view, &held, 15, &change, &err), 0);
    assert_int_equal(change.movement_count, 1);
    assert_pin(0, 1, 10, 10);
    assert_pin(1, 2, 5, 5);
}

static void a_release_returns_to_the_same_lots(void **state)
{
    struct ledger_lot lots[2];
    struct ledger_pin pins[2];
    const struct ledger_held held = held_two(lots, pins);
    const struct ledger_view view = view_of(lots, 2, NOW);
    assert_int_equal(ledger_release(&view, &held, &change, &err), 0);
    assert_movement(0, LEDGER_RELEASE, 50, 0);
    assert_int_equal(change.hold.state, LEDGER_HOLD_RELEASED);
    assert_int_equal(change.hold.spent, 0);
    apply(lots, 2);
    assert_int_equal(lots[0].available, 10);
    assert_int_equal(lots[1].available, 20);
    assert_int_equal(lots[0].held + lots[1].held, 0);
}

static void a_hold_is_resolved_once(void **state)
{
    struct ledger_lot lots[2];
    struct ledger_pin pins[2];
    struct ledger_held held = held_two(lots, pins);
    const struct ledger_view view = view_of(lots, 2, NOW);
    held.hold.state = LEDGER_HOLD_SETTLED;
    assert_refused(ledger_settle(&view, &held, 1, &change, &err), LEDGER_ERR_RESOLVED, "hold 50 is settled already");
    assert_refused(ledger_release(&view, &held, &change, &err), LEDGER_ERR_RESOLVED, "settled");
    held.hold.state = LEDGER_HOLD_RELEASED;
    assert_refused(ledger_settle(&view, &held, 1, &change, &err), LEDGER_ERR_RESOLVED, "hold 50 is released already");
    assert_refused(ledger_release(&view, &held, &change, &err), LEDGER_ERR_RESOLVED, "released");
}

static void a_settle_above_the_hold_or_below_zero_is_refused(void **state)
{
    struct ledger_lot lots[2];
    struct ledger_pin pins[2];
    const struct ledger_held held = held_two(lots, pins);
    const struct ledger_view view = view_of(lots, 2, NOW);
    assert_refused(ledger_settle(&view, &held, 16, &change, &err), CONCH_ERR_RANGE,
                   "16 milli-credits of hold 50, allowed are 0 to 15");
    assert_refused(ledger_settle(&view, &held, -1, &change, &err), CONCH_ERR_RANGE, "allowed are 0 to 15");
    assert_refused(ledger_settle(&view, &held, INT64_MIN, &change, &err), CONCH_ERR_RANGE, "0 to 15");
    assert_int_equal(ledger_settle(&view, &held, 0, &change, &err), 0);
    assert_int_equal(change.hold.state, LEDGER_HOLD_SETTLED);
}

static void a_price_of_zero_is_held_and_settled_without_lots(void **state)
{
    const struct ledger_view view = view_of(NULL, 0, NOW);
    const struct ledger_quote quote = credits(0);
    assert_int_equal(ledger_hold(&view, &quote, 50, &change, &err), 0);
    assert_int_equal(change.pin_count, 0);
    assert_int_equal(change.posting_count, 0);
    assert_movement(0, LEDGER_HOLD, 50, 0);
    const struct ledger_held held = {.hold = change.hold};
    assert_int_equal(ledger_settle(&view, &held, 0, &change, &err), 0);
    assert_int_equal(change.hold.state, LEDGER_HOLD_SETTLED);
    assert_int_equal(change.posting_count, 0);
    assert_refused(ledger_settle(&view, &held, 1, &change, &err), CONCH_ERR_RANGE, "0 to 0");
}

static void a_quote_says_which_kinds_may_pay(void **state)
{
    const struct ledger_lot lots[] = {lot(1, LEDGER_PACKAGE, 10, 5000), lot(2, LEDGER_PURCHASED, 10, 0)};
    const struct ledger_view view = view_of(lots, 2, NOW);
    struct ledger_quote quote = {
        .unit = LEDGER_MILLICREDIT, .amount = 10, .kinds = 1u << LEDGER_PURCHASED | 1u << LEDGER_BONUS};
    assert_int_equal(ledger_hold(&view, &quote, 50, &change, &err), 0);
    assert_int_equal(change.pin_count, 1);
    assert_pin(0, 2, 10, 0);
    quote.amount = 11;
    assert_refused(ledger_hold(&view, &quote, 50, &change, &err), LEDGER_ERR_BALANCE, "10 can be spent");
}

static void units_never_mix(void **state)
{
    const struct ledger_lot lots[] = {lot(1, LEDGER_PAYG, 10, 0)};
    const struct ledger_view view = view_of(lots, 1, NOW);
    struct ledger_quote quote = credits(1);
    assert_refused(ledger_hold(&view, &quote, 50, &change, &err), CONCH_ERR_FORMAT,
                   "lot 1 is in micro-USD, the operation in milli-credits");
    quote.unit = LEDGER_MICROUSD;
    assert_int_equal(ledger_hold(&view, &quote, 50, &change, &err), 0);
    assert_int_equal(change.movements[0].unit, LEDGER_MICROUSD);
}

static void a_grant_makes_a_lot(void **state)
{
    struct ledger_view view = view_of(NULL, 0, NOW);
    view.account.issued[LEDGER_MICROUSD] = 5;
    const struct ledger_grant grant = {.lot_id = 3, .kind = LEDGER_PAYG, .amount = 100, .expires_ms = NOW + 1};
    assert_int_equal(ledger_grant(&view, &grant, &change, &err), 0);
    assert_movement(0, LEDGER_GRANT, 0, 3);
    assert_posting(0, LEDGER_BOOK_ISSUED, 3, 0, -100);
    assert_posting(1, LEDGER_BOOK_AVAILABLE, 3, 0, 100);
    assert_int_equal(change.lot_new_id, 3);
    assert_int_equal(change.lot_count, 1);
    assert_int_equal(change.lots[0].available, 100);
    assert_int_equal(change.lots[0].expires_ms, NOW + 1);
    assert_int_equal(change.account.issued[LEDGER_MICROUSD], 105);
}

static void grants_that_cannot_be_are_refused(void **state)
{
    const struct ledger_lot lots[] = {lot(3, LEDGER_BONUS, 1, 0)};
    const struct ledger_view view = view_of(lots, 1, NOW);
    struct ledger_grant grant = {.lot_id = 4, .kind = LEDGER_BONUS, .amount = 0};
    assert_refused(ledger_grant(&view, &grant, &change, &err), CONCH_ERR_RANGE, "amount 0, wanted 1 to");
    grant.amount = -1;
    assert_refused(ledger_grant(&view, &grant, &change, &err), CONCH_ERR_RANGE, "amount -1");
    grant.amount = 1;
    grant.expires_ms = NOW;
    assert_refused(ledger_grant(&view, &grant, &change, &err), CONCH_ERR_RANGE, "expires_ms 1000 is not after now");
    grant.expires_ms = 0;
    grant.lot_id = 3;
    assert_refused(ledger_grant(&view, &grant, &change, &err), CONCH_ERR_RANGE, "lot id 3 is taken");
    grant.kind = 5;
    assert_refused(ledger_grant(&view, &grant, &change, &err), CONCH_ERR_RANGE, "kind 5 is none of 0 to 4");
}

static void a_grant_past_int64_is_refused(void **state)
{
    const struct ledger_lot lots[] = {lot(1, LEDGER_BONUS, INT64_MAX - 10, 0)};
    struct ledger_view view = view_of(lots, 1, NOW);
    struct ledger_grant grant = {.lot_id = 2, .kind = LEDGER_BONUS, .amount = 11};
    view.account.issued[LEDGER_MILLICREDIT] = INT64_MAX - 10;
    assert_refused(ledger_grant(&view, &grant, &change, &err), CONCH_ERR_LIMIT, "may not pass 9223372036854775807");
    grant.amount = 10;
    assert_int_equal(ledger_grant(&view, &grant, &change, &err), 0);
    assert_int_equal(change.account.issued[LEDGER_MILLICREDIT], INT64_MAX);
    assert_refused(ledger_adjust(&view, 1, 11, &change, &err), CONCH_ERR_LIMIT, "may not pass");
    assert_int_equal(ledger_adjust(&view, 1, 10, &change, &err), 0);
    assert_int_equal(change.lots[0].available, INT64_MAX);
}

static void all_of_int64_can_be_held_and_settled(void **state)
{
    struct ledger_lot lots[] = {lot(1, LEDGER_BONUS, INT64_MAX - 1, 2000), lot(2, LEDGER_BONUS, 1, 0)};
    struct ledger_view view = view_of(lots, 2, NOW);
    const struct ledger_quote quote = credits(INT64_MAX);
    view.account.issued[LEDGER_MILLICREDIT] = INT64_MAX;
    assert_int_equal(ledger_hold(&view, &quote, 50, &change, &err), 0);
    apply(lots, 2);
    struct ledger_pin pins[2];
    memcpy(pins, change.pins, sizeof pins);
    const struct ledger_held held = {.hold = change.hold, .pins = pins, .pin_count = 2};
    assert_int_equal(ledger_settle(&view, &held, INT64_MAX, &change, &err), 0);
    assert_int_equal(change.hold.spent, INT64_MAX);
    view.now_ms = INT64_MAX;
    assert_int_equal(ledger_release(&view, &held, &change, &err), 0);
    assert_movement(1, LEDGER_EXPIRE, 0, 1);
}

static void an_adjustment_takes_at_most_what_is_free(void **state)
{
    struct ledger_lot lots[] = {lot(1, LEDGER_BONUS, 10, 2000)};
    lots[0].held = 5;
    struct ledger_view view = view_of(lots, 1, NOW);
    assert_refused(ledger_adjust(&view, 1, -11, &change, &err), CONCH_ERR_RANGE, "which has 10 free");
    assert_refused(ledger_adjust(&view, 1, INT64_MIN, &change, &err), CONCH_ERR_RANGE, "which has 10 free");
    assert_refused(ledger_adjust(&view, 1, 0, &change, &err), CONCH_ERR_RANGE, "changes nothing");
    assert_refused(ledger_adjust(&view, 9, 1, &change, &err), CONCH_ERR_NOTFOUND, "lot 9 is none of account 7's");
    assert_int_equal(ledger_adjust(&view, 1, -10, &change, &err), 0);
    assert_posting(0, LEDGER_BOOK_ADJUSTED, 1, 0, 10);
    assert_posting(1, LEDGER_BOOK_AVAILABLE, 1, 0, -10);
    assert_int_equal(change.account.issued[LEDGER_MILLICREDIT], INT64_MAX / 2);
    view.now_ms = 2000;
    assert_refused(ledger_adjust(&view, 1, 1, &change, &err), CONCH_ERR_RANGE, "lot 1 expired at 2000");
}

static void open_lots_have_a_maximum(void **state)
{
    struct ledger_lot lots[LEDGER_LOTS_MAX + 1];
    for (int i = 0; i <= LEDGER_LOTS_MAX; i++)
        lots[i] = lot(i + 1, LEDGER_BONUS, 1, 2000 + i);
    struct ledger_view view = view_of(lots, LEDGER_LOTS_MAX, NOW);
    const struct ledger_grant grant = {.lot_id = 900, .kind = LEDGER_BONUS, .amount = 1};
    const struct ledger_quote quote = credits(LEDGER_LOTS_MAX);
    assert_refused(ledger_grant(&view, &grant, &change, &err), CONCH_ERR_LIMIT, "128 open lots");
    assert_int_equal(ledger_hold(&view, &quote, 50, &change, &err), 0);
    assert_int_equal(change.pin_count, LEDGER_LOTS_MAX);
    view.now_ms = 2000; /* the first leaves and makes room */
    assert_int_equal(ledger_grant(&view, &grant, &change, &err), 0);
    assert_int_equal(change.lot_count, 2);
    view.now_ms = 99999;
    assert_int_equal(ledger_grant(&view, &grant, &change, &err), 0);
    assert_int_equal(change.movement_count, LEDGER_MOVEMENTS_MAX);
    view.lot_count = LEDGER_LOTS_MAX + 1;
    assert_refused(ledger_hold(&view, &quote, 50, &change, &err), CONCH_ERR_FORMAT, "at most 128 are kept");
}

static void the_largest_change_fits(void **state)
{
    struct ledger_lot lots[LEDGER_LOTS_MAX];
    struct ledger_pin pins[LEDGER_LOTS_MAX];
    for (int i = 0; i < LEDGER_LOTS_MAX; i++)
        lots[i] = lot(i + 1, LEDGER_BONUS, 3, 2000 + i);
    struct ledger_view view = view_of(lots, LEDGER_LOTS_MAX, NOW);
    const struct ledger_quote quote = credits(3 * LEDGER_LOTS_MAX - 1);
    assert_int_equal(ledger_hold(&view, &quote, 50, &change, &err), 0);
    apply(lots, LEDGER_LOTS_MAX);
    memcpy(pins, change.pins, sizeof pins);
    const struct ledger_held held = {.hold = change.hold, .pins = pins, .pin_count = change.pin_count};
    view.now_ms = 99999;
    assert_int_equal(ledger_settle(&view, &held, 1, &change, &err), 0);
    assert_int_equal(change.movement_count, LEDGER_MOVEMENTS_MAX);
    assert_int_equal(change.posting_count, 4 * LEDGER_LOTS_MAX + 1);
}

static void rows_that_cannot_be_are_named(void **state)
{
    const struct ledger_quote quote = credits(1);
    struct ledger_lot lots[] = {lot(1, LEDGER_BONUS, 10, 0), lot(1, LEDGER_BONUS, 10, 0)};
    struct ledger_view view = view_of(lots, 2, NOW);
    assert_refused(ledger_hold(&view, &quote, 50, &change, &err), CONCH_ERR_FORMAT, "lot 1 stands twice");
    view.lot_count = 1;
    lots[0].available = -1;
    assert_refused(ledger_hold(&view, &quote, 50, &change, &err), CONCH_ERR_FORMAT, "lot 1: available -1");
    lots[0] = lot(1, LEDGER_BONUS, 10, 0);
    lots[0].account_id = 8;
    assert_refused(ledger_hold(&view, &quote, 50, &change, &err), CONCH_ERR_FORMAT, "belongs to account 8, not to 7");
    lots[0] = lot(1, 77, 10, 0);
    assert_refused(ledger_hold(&view, &quote, 50, &change, &err), CONCH_ERR_FORMAT, "kind 77");
    lots[0] = lot(1, LEDGER_BONUS, 10, 0);
    view.account.issued[LEDGER_MILLICREDIT] = 9;
    assert_refused(ledger_hold(&view, &quote, 50, &change, &err), CONCH_ERR_FORMAT, "more than the 9 milli-credits");
}

static void pins_that_cannot_be_are_named(void **state)
{
    struct ledger_lot lots[2];
    struct ledger_pin pins[2];
    struct ledger_held held = held_two(lots, pins);
    struct ledger_view view = view_of(lots, 2, NOW);
    held.pin_count = 1;
    assert_refused(ledger_release(&view, &held, &change, &err), CONCH_ERR_FORMAT, "5 short of its amount 15");
    held.pin_count = 2;
    pins[1].lot_id = 1;
    assert_refused(ledger_release(&view, &held, &change, &err), CONCH_ERR_FORMAT, "pins lot 1 twice");
    pins[1].lot_id = 9;
    assert_refused(ledger_release(&view, &held, &change, &err), CONCH_ERR_FORMAT, "pins lot 9");
    pins[1].lot_id = 2;
    pins[1].amount = 6;
    assert_refused(ledger_release(&view, &held, &change, &err), CONCH_ERR_FORMAT, "pin 1 of hold 50");
    pins[1].amount = 5;
    view.lot_count = 1;
    assert_refused(ledger_release(&view, &held, &change, &err), CONCH_ERR_FORMAT, "pins lot 2, which is not");
    view.lot_count = 2;
    held.hold.account_id = 1;
    assert_refused(ledger_release(&view, &held, &change, &err), CONCH_ERR_FORMAT, "belongs to account 1");
}

static void a_replay_adds_up_and_sees_what_cannot_be(void **state)
{
    struct ledger_lot sum = {.id = 1};
    const struct ledger_posting in = {.book = LEDGER_BOOK_AVAILABLE, .lot_id = 1, .amount = INT64_MAX};
    const struct ledger_posting more = {.book = LEDGER_BOOK_AVAILABLE, .lot_id = 1, .amount = 1};
    const struct ledger_posting held = {.book = LEDGER_BOOK_HELD, .lot_id = 1, .hold_id = 5, .amount = -1};
    const struct ledger_posting other = {.book = LEDGER_BOOK_SPENT, .lot_id = 1, .hold_id = 5, .amount = 9};
    assert_int_equal(ledger_replay(&sum, &in, &err), 0);
    assert_refused(ledger_replay(&sum, &more, &err), CONCH_ERR_FORMAT, "lot 1: available");
    assert_refused(ledger_replay(&sum, &held, &err), CONCH_ERR_FORMAT, "lot 1: held 0 and a posting of -1");
    assert_int_equal(ledger_replay(&sum, &other, &err), 0);
    assert_int_equal(sum.available, INT64_MAX);
    assert_int_equal(sum.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hold_drains_by_expiry_then_kind_then_id),
        cmocka_unit_test(a_hold_above_the_balance_names_both_sums),
        cmocka_unit_test(a_lot_expires_at_its_very_millisecond),
        cmocka_unit_test(a_hold_lets_expired_lots_leave_first),
        cmocka_unit_test(a_partial_settle_charges_the_soonest_lot_first),
        cmocka_unit_test(a_pin_outlives_its_lot_and_what_returns_expires_at_once),
        cmocka_unit_test(a_settle_charges_a_pin_whose_lot_has_expired),
        cmocka_unit_test(a_release_returns_to_the_same_lots),
        cmocka_unit_test(a_hold_is_resolved_once),
        cmocka_unit_test(a_settle_above_the_hold_or_below_zero_is_refused),
        cmocka_unit_test(a_price_of_zero_is_held_and_settled_without_lots),
        cmocka_unit_test(a_quote_says_which_kinds_may_pay),
        cmocka_unit_test(units_never_mix),
        cmocka_unit_test(a_grant_makes_a_lot),
        cmocka_unit_test(grants_that_cannot_be_are_refused),
        cmocka_unit_test(a_grant_past_int64_is_refused),
        cmocka_unit_test(all_of_int64_can_be_held_and_settled),
        cmocka_unit_test(an_adjustment_takes_at_most_what_is_free),
        cmocka_unit_test(open_lots_have_a_maximum),
        cmocka_unit_test(the_largest_change_fits),
        cmocka_unit_test(rows_that_cannot_be_are_named),
        cmocka_unit_test(pins_that_cannot_be_are_named),
        cmocka_unit_test(a_replay_adds_up_and_sees_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
