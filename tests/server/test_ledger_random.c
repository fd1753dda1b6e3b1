/* Random operations against a second ledger that is written in another way: it knows no lots' sums and no pins, only
 * coins. Every milli-credit is one coin with the lot it came from and where it lies now (free, in hold n, spent,
 * expired, taken back); an operation moves coins one by one. After each step both must agree on every lot and hold,
 * and the postings kept so far must add up to the rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"
#include "server/ledger/ledger.h"

enum { ROUNDS = 500, STEPS = 500, LOTS = 40, HOLDS = 400, COINS = 4000, GRANT_MAX = 60 };

enum place { FREE = -1, SPENT = -2, EXPIRED = -3, TAKEN = -4 }; /* 0 and above: in that hold */

struct model_lot {
    int kind;
    int64_t expires_ms;
};

struct model {
    struct model_lot lots[LOTS];
    int lot_count;
    int coin_lot[COINS], coin_place[COINS];
    int coin_count;
};

/* What a store would keep. Ids are index + 1. */
struct rows {
    struct ledger_account account;
    struct ledger_lot lots[LOTS];
    int lot_count;
    struct ledger_hold holds[HOLDS];
    struct ledger_pin pins[HOLDS][LOTS];
    size_t pin_counts[HOLDS];
    int hold_count;
    struct ledger_lot sums[LOTS]; /* replayed from postings alone */
    int64_t hold_sums[HOLDS], spent_sums[HOLDS];
    int64_t books[LEDGER_BOOKS];
    int resolutions[HOLDS];
};

struct world {
    struct model model;
    struct rows rows;
    struct ledger_change change;
    int64_t now_ms;
    uint64_t seed, draws;
    int counts[16]; /* how often each outcome came up */
};

static uint32_t draw(struct world *w, uint32_t below)
{
    uint32_t words[4];
    rand_block(words, w->seed, w->draws++);
    return words[0] % below;
}

/* The model. */

static bool model_gone(const struct model *m, int lot, int64_t now_ms)
{
    return m->lots[lot].expires_ms > 0 && m->lots[lot].expires_ms <= now_ms;
}

static void model_expire(struct model *m, int64_t now_ms)
{
    for (int i = 0; i < m->coin_count; i++)
        if (m->coin_place[i] == FREE && model_gone(m, m->coin_lot[i], now_ms))
            m->coin_place[i] = EXPIRED;
}

/* A number that sorts lots in the order in which their coins are taken. */
static double model_rank(const struct model *m, int lot)
{
    const double when = m->lots[lot].expires_ms ? (double)m->lots[lot].expires_ms : 1e9;
    return (when * 8 + m->lots[lot].kind) * 1024 + lot;
}

/* Of the coins lying at `from`, the one to be taken first; -1 when there is none. */
static int model_pick(const struct model *m, int from, unsigned kinds)
{
    int best = -1;
    for (int i = 0; i < m->coin_count; i++)
        if (m->coin_place[i] == from && (kinds == 0 || (kinds >> m->lots[m->coin_lot[i]].kind & 1)) &&
            (best < 0 || model_rank(m, m->coin_lot[i]) < model_rank(m, m->coin_lot[best])))
            best = i;
    return best;
}

static int model_count(const struct model *m, int lot, int place)
{
    int count = 0;
    for (int i = 0; i < m->coin_count; i++)
        count += (lot < 0 || m->coin_lot[i] == lot) && m->coin_place[i] == place;
    return count;
}

/* The store. */

static struct ledger_view view_now(struct world *w, struct ledger_lot *lots)
{
    size_t count = 0;
    for (int i = 0; i < w->rows.lot_count; i++)
        if (w->rows.lots[i].available > 0 || w->rows.lots[i].held > 0)
            lots[count++] = w->rows.lots[i];
    for (size_t i = count; i > 1; i--) { /* in any order */
        const size_t k = draw(w, (uint32_t)i);
        const struct ledger_lot keep = lots[i - 1];
        lots[i - 1] = lots[k];
        lots[k] = keep;
    }
    return (struct ledger_view){.account = w->rows.account, .lots = lots, .lot_count = count, .now_ms = w->now_ms};
}

static void store_postings(struct rows *rows, const struct ledger_change *change)
{
    int64_t sums[LEDGER_MOVEMENTS_MAX] = {0};
    for (size_t i = 0; i < change->posting_count; i++) {
        const struct ledger_posting *p = &change->postings[i];
        assert_true(p->movement_index < change->movement_count);
        assert_int_not_equal(p->amount, 0);
        sums[p->movement_index] += p->amount;
        rows->books[p->book] += p->amount;
        assert_int_equal(ledger_replay(&rows->sums[p->lot_id - 1], p, NULL), 0);
        if (p->book == LEDGER_BOOK_HELD)
            rows->hold_sums[p->hold_id - 1] += p->amount;
        if (p->book == LEDGER_BOOK_SPENT)
            rows->spent_sums[p->hold_id - 1] += p->amount;
    }
    for (size_t i = 0; i < change->movement_count; i++) {
        const struct ledger_movement *m = &change->movements[i];
        assert_int_equal(sums[i], 0);
        if (m->kind == LEDGER_SETTLE || m->kind == LEDGER_RELEASE)
            assert_int_equal(++rows->resolutions[m->hold_id - 1], 1);
    }
}

static void store(struct world *w)
{
    struct rows *rows = &w->rows;
    const struct ledger_change *change = &w->change;
    if (change->lot_new_id) {
        assert_int_equal(change->lot_new_id, rows->lot_count + 1);
        rows->sums[rows->lot_count] = (struct ledger_lot){.id = change->lot_new_id};
        rows->lot_count++;
    }
    store_postings(rows, change);
    for (size_t i = 0; i < change->lot_count; i++)
        rows->lots[change->lots[i].id - 1] = change->lots[i];
    rows->account = change->account;
    if (change->hold_change == LEDGER_HOLD_UNCHANGED)
        return;
    const int64_t index = change->hold.id - 1;
    rows->hold_count += change->hold_change == LEDGER_HOLD_INSERT;
    rows->holds[index] = change->hold;
    rows->pin_counts[index] = change->pin_count;
    memcpy(rows->pins[index], change->pins, change->pin_count * sizeof change->pins[0]);
}

/* Both agree, and the entries add up. */
static void compare(const struct world *w)
{
    const struct model *m = &w->model;
    const struct rows *rows = &w->rows;
    int free_by_lot[LOTS] = {0}, held_by_lot[LOTS] = {0}, by_hold[HOLDS] = {0}, spent = 0, expired = 0;
    for (int i = 0; i < m->coin_count; i++) {
        const int place = m->coin_place[i];
        free_by_lot[m->coin_lot[i]] += place == FREE;
        held_by_lot[m->coin_lot[i]] += place >= 0;
        if (place >= 0)
            by_hold[place]++;
        spent += place == SPENT;
        expired += place == EXPIRED;
    }
    for (int i = 0; i < rows->lot_count; i++) {
        assert_int_equal(rows->lots[i].available, free_by_lot[i]);
        assert_int_equal(rows->lots[i].held, held_by_lot[i]);
        assert_int_equal(rows->sums[i].available, free_by_lot[i]);
        assert_int_equal(rows->sums[i].held, held_by_lot[i]);
    }
    for (int i = 0; i < rows->hold_count; i++) {
        const bool open = rows->holds[i].state == LEDGER_HOLD_OPEN;
        assert_int_equal(rows->hold_sums[i], by_hold[i]);
        assert_int_equal(rows->hold_sums[i], open ? rows->holds[i].amount : 0);
        assert_int_equal(rows->spent_sums[i], rows->holds[i].spent);
        assert_int_equal(rows->resolutions[i], open ? 0 : 1);
    }
    assert_int_equal(rows->books[LEDGER_BOOK_SPENT], spent);
    assert_int_equal(rows->books[LEDGER_BOOK_EXPIRED], expired);
    int64_t sum = 0;
    for (int i = 0; i < LEDGER_BOOKS; i++)
        sum += rows->books[i];
    assert_int_equal(sum, 0);
    assert_int_equal(rows->account.issued[LEDGER_MILLICREDIT], m->coin_count);
}

/* The operations. */

static void coins_add(struct model *m, int lot, int count)
{
    for (int i = 0; i < count; i++) {
        m->coin_lot[m->coin_count] = lot;
        m->coin_place[m->coin_count++] = FREE;
    }
}

static void step_grant(struct world *w)
{
    struct ledger_lot lots[LOTS];
    const int amount = 1 + (int)draw(w, GRANT_MAX);
    if (w->rows.lot_count == LOTS || w->model.coin_count + amount > COINS)
        return;
    const struct ledger_view view = view_now(w, lots);
    const struct ledger_grant grant = {.lot_id = w->rows.lot_count + 1,
                                       .kind = draw(w, LEDGER_PAYG),
                                       .amount = amount,
                                       .expires_ms = draw(w, 4) == 0 ? 0 : w->now_ms + 1 + draw(w, 30)};
    assert_int_equal(ledger_grant(&view, &grant, &w->change, NULL), 0);
    store(w);
    model_expire(&w->model, w->now_ms);
    w->model.lots[w->model.lot_count] = (struct model_lot){.kind = grant.kind, .expires_ms = grant.expires_ms};
    coins_add(&w->model, w->model.lot_count++, amount);
    w->counts[0]++;
}

static void step_adjust(struct world *w)
{
    struct ledger_lot lots[LOTS];
    const struct ledger_view view = view_now(w, lots);
    if (view.lot_count == 0)
        return;
    struct model *m = &w->model;
    const int64_t lot_id = lots[draw(w, (uint32_t)view.lot_count)].id;
    const int lot = (int)lot_id - 1, delta = (int)draw(w, 21) - 12;
    struct model after = *m;
    model_expire(&after, w->now_ms);
    const bool allowed = delta > 0   ? !model_gone(m, lot, w->now_ms)
                         : delta < 0 ? model_count(&after, lot, FREE) >= -delta
                                     : false;
    if (delta > 0 && m->coin_count + delta > COINS)
        return;
    const int rc = ledger_adjust(&view, lot_id, delta, &w->change, NULL);
    assert_int_equal(rc, allowed ? 0 : CONCH_ERR_RANGE);
    w->counts[allowed ? 1 : 2]++;
    if (!allowed)
        return;
    store(w);
    *m = after;
    if (delta > 0)
        coins_add(m, lot, delta);
    for (int i = 0, left = -delta; left > 0 && i < m->coin_count; i++)
        if (m->coin_lot[i] == lot && m->coin_place[i] == FREE) {
            m->coin_place[i] = TAKEN;
            left--;
        }
}

static void step_hold(struct world *w)
{
    struct ledger_lot lots[LOTS];
    if (w->rows.hold_count == HOLDS)
        return;
    const struct ledger_view view = view_now(w, lots);
    const struct ledger_quote quote = {.unit = LEDGER_MILLICREDIT,
                                       .amount = draw(w, 8) == 0 ? 0 : draw(w, 2 * GRANT_MAX),
                                       .kinds = draw(w, 4) == 0 ? draw(w, 16) : 0};
    const int hold = w->rows.hold_count;
    struct model after = w->model;
    model_expire(&after, w->now_ms);
    int64_t left = quote.amount, spendable = 0;
    for (int coin; left > 0 && (coin = model_pick(&after, FREE, quote.kinds)) >= 0; left--)
        after.coin_place[coin] = hold;
    assert_int_equal(ledger_spendable(&view, &quote, &spendable, NULL), 0);
    assert_int_equal(spendable >= quote.amount, left == 0);
    const int rc = ledger_hold(&view, &quote, hold + 1, &w->change, NULL);
    assert_int_equal(rc, left == 0 ? 0 : LEDGER_ERR_BALANCE);
    w->counts[rc < 0 ? 4 : quote.amount == 0 ? 5 : 3]++;
    if (rc < 0)
        return;
    store(w);
    w->model = after;
}

static void step_resolve(struct world *w)
{
    struct ledger_lot lots[LOTS];
    if (w->rows.hold_count == 0)
        return;
    struct rows *rows = &w->rows;
    const int hold = (int)draw(w, (uint32_t)rows->hold_count);
    const struct ledger_held held = {
        .hold = rows->holds[hold], .pins = rows->pins[hold], .pin_count = rows->pin_counts[hold]};
    const struct ledger_view view = view_now(w, lots);
    const bool settle = draw(w, 2) == 0;
    const int64_t actual = settle ? (int64_t)draw(w, (uint32_t)held.hold.amount + 3) - 1 : 0;
    int wanted = held.hold.state != LEDGER_HOLD_OPEN       ? LEDGER_ERR_RESOLVED
                 : actual < 0 || actual > held.hold.amount ? CONCH_ERR_RANGE
                                                           : 0;
    const int rc = settle ? ledger_settle(&view, &held, actual, &w->change, NULL)
                          : ledger_release(&view, &held, &w->change, NULL);
    assert_int_equal(rc, wanted);
    w->counts[rc == LEDGER_ERR_RESOLVED ? 6 : rc < 0 ? 7 : settle ? 8 : 9]++;
    if (rc < 0)
        return;
    store(w);
    struct model *m = &w->model;
    for (int64_t i = 0; i < actual; i++)
        m->coin_place[model_pick(m, hold, 0)] = SPENT;
    for (int i = 0; i < m->coin_count; i++)
        if (m->coin_place[i] == hold) {
            m->coin_place[i] = FREE;
            w->counts[10] += model_gone(m, m->coin_lot[i], w->now_ms); /* expiry under a hold */
        }
    model_expire(m, w->now_ms);
}

static void step_expire(struct world *w)
{
    struct ledger_lot lots[LOTS];
    const struct ledger_view view = view_now(w, lots);
    assert_int_equal(ledger_expire(&view, LEDGER_MILLICREDIT, &w->change, NULL), 0);
    w->counts[11] += w->change.movement_count > 0;
    store(w);
    model_expire(&w->model, w->now_ms);
}

static void step(struct world *w)
{
    w->now_ms += draw(w, 3) == 0 ? draw(w, 4) : 0;
    const uint32_t what = draw(w, 100);
    if (what < 12)
        step_grant(w);
    else if (what < 22)
        step_adjust(w);
    else if (what < 60)
        step_hold(w);
    else if (what < 92)
        step_resolve(w);
    else
        step_expire(w);
}

static void random_operations_agree_with_counting_coins(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    int counts[16] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        memset(w, 0, sizeof *w);
        w->seed = 20260700u + (uint64_t)round;
        w->now_ms = 1;
        w->rows.account.id = 1;
        for (int i = 0; i < STEPS; i++) {
            step(w);
            compare(w);
        }
        for (int i = 0; i < 16; i++)
            counts[i] += w->counts[i];
    }
    for (int i = 0; i < 12; i++)
        assert_true(counts[i] > 500); /* every outcome came up, or the test tests less than it says */
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_operations_agree_with_counting_coins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
