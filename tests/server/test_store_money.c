/* Money in the store: lots that drain and expire, statements, usage, adjustments. */
#include <string.h>

#include "store_world.h"

enum { DAY_MS = 24 * 3600 * 1000 };

struct grant_call {
    int64_t lot_id;
    enum ledger_kind kind;
    int64_t amount, expires_ms, now_ms;
};

static int grant_work(void *context, struct store_tx *tx, conch_error *err)
{
    const struct grant_call *call = context;
    struct store_grant grant = {.account_id = WORLD_ACCOUNT,
                                .lot_id = call->lot_id,
                                .kind = call->kind,
                                .amount = call->amount,
                                .expires_ms = call->expires_ms,
                                .now_ms = call->now_ms,
                                .note = "gift"};
    return store_grant(tx, &grant, err);
}

static void grant(struct store *store, int64_t lot_id, enum ledger_kind kind, int64_t amount, int64_t expires_ms)
{
    struct grant_call call = {lot_id, kind, amount, expires_ms, 1000};
    world_write(store, grant_work, &call, 0, NULL);
}

struct lots_call {
    enum ledger_unit unit;
    struct ledger_lot lots[LEDGER_LOTS_MAX];
    size_t count;
};

static int lots_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct lots_call *call = context;
    return store_lots(tx, WORLD_ACCOUNT, call->unit, call->lots, &call->count, err);
}

static void assert_lot(struct store *store, int64_t id, int64_t available, int64_t held)
{
    for (int unit = 0; unit < LEDGER_UNITS; unit++) {
        struct lots_call call = {.unit = (enum ledger_unit)unit};
        world_read(store, lots_work, &call, 0, NULL);
        for (size_t i = 0; i < call.count; i++)
            if (call.lots[i].id == id) {
                assert_int_equal(call.lots[i].available, available);
                assert_int_equal(call.lots[i].held, held);
                return;
            }
    }
    assert_int_equal(available, 0); /* one that holds nothing is not listed */
    assert_int_equal(held, 0);
}

struct hold_call {
    int64_t id, amount, now_ms;
    enum ledger_unit unit;
    struct ledger_hold hold;
    struct ledger_pin pins[LEDGER_LOTS_MAX];
    size_t pin_count;
};

static int hold_work(void *context, struct store_tx *tx, conch_error *err)
{
    const struct hold_call *call = context;
    struct store_hold hold = {.account_id = WORLD_ACCOUNT,
                              .hold_id = call->id,
                              .quote = {.unit = call->unit, .amount = call->amount},
                              .now_ms = call->now_ms};
    return store_hold(tx, &hold, err);
}

static int hold_get_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct hold_call *call = context;
    return store_hold_get(tx, call->id, &call->hold, call->pins, &call->pin_count, err);
}

static void a_hold_pins_what_expires_first_and_never_mixes_units(void **state)
{
    struct store *store = world_open(100);
    grant(store, 200, LEDGER_PURCHASED, 50, 0);
    grant(store, 201, LEDGER_MEMBERSHIP, 30, 9000);
    grant(store, 202, LEDGER_BONUS, 20, 9000);
    struct hold_call hold = {.id = 300, .amount = 60, .now_ms = 2000, .unit = LEDGER_MILLICREDIT};
    world_write(store, hold_work, &hold, 0, NULL);
    assert_lot(store, 202, 0, 20);
    assert_lot(store, 201, 0, 30);
    assert_lot(store, 200, 40, 10);
    assert_lot(store, WORLD_LOT, 100, 0);
    world_read(store, hold_get_work, &hold, 0, NULL);
    assert_int_equal(hold.hold.state, LEDGER_HOLD_OPEN);
    assert_int_equal(hold.hold.amount, 60);
    assert_int_equal(hold.pin_count, 3);
    assert_int_equal(hold.pins[0].lot_id, 202);
    assert_int_equal(hold.pins[1].lot_id, 201);
    assert_int_equal(hold.pins[2].lot_id, 200);
    struct hold_call again = {.id = 300, .amount = 1, .now_ms = 2000, .unit = LEDGER_MILLICREDIT};
    world_write(store, hold_work, &again, STORE_ERR_CONFLICT, NULL);
    struct hold_call more = {.id = 301, .amount = 41, .now_ms = 2000, .unit = LEDGER_MILLICREDIT};
    world_write(store, hold_work, &more, LEDGER_ERR_BALANCE, NULL);
    struct hold_call none = {.id = 302};
    world_read(store, hold_get_work, &none, CONCH_ERR_NOTFOUND, NULL);
    store_close(store);
}

struct expire_call {
    int64_t now_ms;
    size_t count;
    bool done;
};

static int expire_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct expire_call *call = context;
    return store_expire_lots(tx, call->now_ms, call->count, &call->done, err);
}

struct lines_call {
    enum ledger_unit unit;
    struct store_statement_line lines[32];
    size_t count;
    struct store_page page;
    int64_t from_ms, until_ms;
};

static int lines_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct lines_call *call = context;
    struct store_statement_filter filter = {
        .account_id = WORLD_ACCOUNT, .unit = call->unit, .from_ms = call->from_ms, .until_ms = call->until_ms};
    return store_statement(tx, &filter, &call->page, call->lines, &call->count, err);
}

static void what_expires_leaves_visibly(void **state)
{
    struct store *store = world_open(100);
    grant(store, 201, LEDGER_MEMBERSHIP, 30, 9000);
    grant(store, 203, LEDGER_PAYG, 40, 9000);
    struct expire_call early = {.now_ms = 8999, .count = 10}, one = {.now_ms = 9000, .count = 1},
                       rest = {.now_ms = 9000, .count = 10};
    world_write(store, expire_work, &early, 0, NULL);
    assert_true(early.done);
    assert_lot(store, 201, 30, 0);
    world_write(store, expire_work, &one, 0, NULL);
    assert_false(one.done);
    world_write(store, expire_work, &rest, 0, NULL);
    assert_true(rest.done);
    assert_lot(store, 201, 0, 0);
    assert_lot(store, 203, 0, 0);
    assert_lot(store, WORLD_LOT, 100, 0);
    struct lines_call lines = {.unit = LEDGER_MILLICREDIT, .page = {.count = 32}};
    world_read(store, lines_work, &lines, 0, NULL);
    assert_int_equal(lines.count, 2);
    assert_int_equal(lines.lines[0].movement.kind, LEDGER_EXPIRE);
    assert_int_equal(lines.lines[0].available_change, -30);
    assert_int_equal(lines.lines[0].available_after, 0);
    assert_int_equal(lines.lines[0].movement.lot_id, 201);
    world_audit(store, 0);
    store_close(store);
}

static void step(struct store *store, int64_t id, enum world_arrow arrow, int64_t now_ms, int64_t charge)
{
    static int64_t fence;
    struct world_step at = {.id = id, .arrow = arrow, .fence = fence, .now_ms = now_ms, .charge = charge};
    world_write(store, world_job_step, &at, 0, NULL);
    fence = at.fence;
}

static void job_run(struct store *store, int64_t id, int64_t price, int64_t at_ms, int64_t charge)
{
    struct world_job job = {.id = id, .price = price, .now_ms = at_ms};
    world_write(store, world_job_add, &job, 0, NULL);
    step(store, id, WORLD_CLAIM, at_ms + 10, 0);
    step(store, id, WORLD_START, at_ms + 20, 0);
    step(store, id, WORLD_OUTPUT, at_ms + 30 + id, 0);
    step(store, id, WORLD_FINISH, at_ms + 30 + id, charge);
}

static void a_statement_shows_every_movement_and_what_was_left(void **state)
{
    struct store *store = world_open(100);
    job_run(store, 400, 30, 5000, 20);
    struct lines_call lines = {.unit = LEDGER_MICROUSD, .page = {.count = 32, .ascending = true}};
    world_read(store, lines_work, &lines, 0, NULL);
    assert_int_equal(lines.count, 3);
    const struct store_statement_line *line = lines.lines;
    assert_int_equal(line[0].movement.kind, LEDGER_GRANT);
    assert_string_equal(line[0].note, "start");
    assert_int_equal(line[0].available_after, 100);
    assert_int_equal(line[1].movement.kind, LEDGER_HOLD);
    assert_int_equal(line[1].job_id, 400);
    assert_int_equal(line[1].available_change, -30);
    assert_int_equal(line[1].held_change, 30);
    assert_int_equal(line[1].available_after, 70);
    assert_int_equal(line[1].held_after, 30);
    assert_int_equal(line[2].movement.kind, LEDGER_SETTLE);
    assert_int_equal(line[2].spent, 20);
    assert_int_equal(line[2].available_change, 10);
    assert_int_equal(line[2].available_after, 80);
    assert_int_equal(line[2].held_after, 0);
    lines.page = (struct store_page){.count = 1, .before_id = line[2].id};
    world_read(store, lines_work, &lines, 0, NULL);
    assert_int_equal(lines.count, 1);
    assert_int_equal(lines.lines[0].movement.kind, LEDGER_HOLD);
    lines = (struct lines_call){.unit = LEDGER_MICROUSD, .page = {.count = 32}, .from_ms = 1001, .until_ms = 5001};
    world_read(store, lines_work, &lines, 0, NULL);
    assert_int_equal(lines.count, 1);
    store_close(store);
}

static int adjust_work(void *context, struct store_tx *tx, conch_error *err)
{
    return store_adjust(tx, WORLD_ACCOUNT, WORLD_LOT, *(int64_t *)context, 5000, "sorry", err);
}

static void an_operator_corrects_a_lot(void **state)
{
    struct store *store = world_open(100);
    int64_t more = 25, less = -100, too_much = -26;
    world_write(store, adjust_work, &more, 0, NULL);
    assert_lot(store, WORLD_LOT, 125, 0);
    world_write(store, adjust_work, &less, 0, NULL);
    assert_lot(store, WORLD_LOT, 25, 0);
    world_write(store, adjust_work, &too_much, CONCH_ERR_RANGE, NULL);
    assert_lot(store, WORLD_LOT, 25, 0);
    world_audit(store, 0);
    store_close(store);
}

struct usage_call {
    struct store_usage_filter filter;
    struct store_usage_row rows[8];
    size_t count;
};

static int usage_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct usage_call *call = context;
    return store_usage(tx, &call->filter, call->rows, &call->count, err);
}

static void usage_counts_days_and_models(void **state)
{
    struct store *store = world_open(1000);
    for (int i = 0; i < 20; i++) /* run for 11 + id - 400 ms, cost id - 400 */
        job_run(store, 401 + i, 30, DAY_MS + 1000, 1 + i);
    struct world_job failed = {.id = 430, .price = 30, .now_ms = DAY_MS, .model = "minimax/hailuo-02"};
    world_write(store, world_job_add, &failed, 0, NULL);
    step(store, 430, WORLD_CANCEL, DAY_MS + 5, 0);
    job_run(store, 440, 9, 2 * (int64_t)DAY_MS, 9);
    struct usage_call usage = {.filter = {.until_ms = 10 * (int64_t)DAY_MS}, .count = 8};
    world_read(store, usage_work, &usage, 0, NULL);
    assert_int_equal(usage.count, 3);
    const struct store_usage_row *row = usage.rows;
    assert_int_equal(row[0].day_ms, DAY_MS);
    assert_string_equal(row[0].model, "conch/tiny");
    assert_int_equal(row[0].succeeded, 20);
    assert_int_equal(row[0].charged_microusd, 210);
    assert_int_equal(row[0].seconds, 40);
    assert_int_equal(row[0].cost_p50_microusd, 10);
    assert_int_equal(row[0].cost_p95_microusd, 19);
    assert_int_equal(row[0].wait_p50_ms, 20);
    assert_int_equal(row[0].run_p50_ms, 10 + 410);
    assert_string_equal(row[1].model, "minimax/hailuo-02");
    assert_int_equal(row[1].cancelled, 1);
    assert_int_equal(row[1].charged_microusd, 0);
    assert_int_equal(row[1].cost_p95_microusd, 0);
    assert_int_equal(row[2].day_ms, 2 * (int64_t)DAY_MS);
    usage.count = 2;
    world_read(store, usage_work, &usage, CONCH_ERR_LIMIT, NULL);
    usage = (struct usage_call){.filter = {.account_id = 5, .until_ms = 10 * (int64_t)DAY_MS}, .count = 8};
    world_read(store, usage_work, &usage, 0, NULL);
    assert_int_equal(usage.count, 0);
    usage.filter.until_ms = 400 * (int64_t)DAY_MS;
    world_read(store, usage_work, &usage, CONCH_ERR_RANGE, NULL);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_hold_pins_what_expires_first_and_never_mixes_units),
        scratch_test(what_expires_leaves_visibly),
        scratch_test(a_statement_shows_every_movement_and_what_was_left),
        scratch_test(an_operator_corrects_a_lot),
        scratch_test(usage_counts_days_and_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
