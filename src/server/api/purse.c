#include "server/api/purse.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"

static const struct {
    const char *name, *wanted; /* in refusals */
    enum ledger_unit unit;
    unsigned kinds;
    enum catalog_meter meter;
} purses[PURSES] = {
    [PURSE_PACKAGE] = {"package", "thousandths of a package unit", LEDGER_MILLICREDIT, 1u << LEDGER_PACKAGE,
                       CATALOG_MILLIPACKAGE},
    [PURSE_CREDITS] = {"credits", "milli-credits", LEDGER_MILLICREDIT,
                       1u << LEDGER_BONUS | 1u << LEDGER_MEMBERSHIP | 1u << LEDGER_PURCHASED, CATALOG_MILLICREDIT},
    [PURSE_PAYG] = {"payg", "micro-USD", LEDGER_MICROUSD, 1u << LEDGER_PAYG, CATALOG_MICROUSD},
};

const char *purse_name(enum purse purse)
{
    assert((unsigned)purse < PURSES);
    return purses[purse].name;
}

enum ledger_unit purse_unit(enum purse purse)
{
    return purses[purse].unit;
}

enum purse purse_of_kind(enum ledger_kind kind)
{
    int purse = 0;
    while (purse < PURSES - 1 && !(purses[purse].kinds & 1u << kind))
        purse++;
    return (enum purse)purse;
}

struct ledger_quote purse_quote(enum purse purse, int64_t amount)
{
    return (struct ledger_quote){.unit = purses[purse].unit, .amount = amount, .kinds = purses[purse].kinds};
}

size_t purse_order(const struct config_list *order, enum purse ret[PURSES])
{
    unsigned seen = 0;
    size_t count = 0;
    for (size_t i = 0; i < order->count; i++)
        for (int purse = 0; purse < PURSES; purse++) {
            if (strcmp(order->items[i], purses[purse].name) != 0 || seen & 1u << purse)
                continue;
            seen |= 1u << purse;
            ret[count++] = (enum purse)purse;
        }
    return count;
}

const struct purse_offer *purse_choose(const struct purse_offer *offers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (offers[i].amount <= offers[i].available)
            return &offers[i];
    return NULL;
}

int purse_look(struct store_tx *tx, int64_t account_id, int64_t now_ms, struct purse_offer *offers, size_t count,
               conch_error *err)
{
    struct store_account account;
    struct ledger_lot lots[LEDGER_LOTS_MAX];
    size_t lot_count = 0;
    int unit_read = -1; /* of lots */
    int rc = store_account_get(tx, account_id, &account, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct ledger_quote quote = purse_quote(offers[i].purse, offers[i].amount);
        if (unit_read != (int)quote.unit)
            rc = store_lots(tx, account_id, quote.unit, lots, &lot_count, err);
        unit_read = (int)quote.unit;
        const struct ledger_view view = {
            .account = account.ledger, .lots = lots, .lot_count = lot_count, .now_ms = now_ms};
        if (rc == 0)
            rc = ledger_spendable(&view, &quote, &offers[i].available, err);
    }
    return rc;
}

int purse_refuse(const struct purse_offer *offers, size_t count, struct api_problem *problem)
{
    char text[600] = "";
    if (count == 0)
        return api_refuse(problem, API_BALANCE, "",
                          "this job has a price, but in none of the purses that may pay here (credits.order)");
    for (size_t i = 0; i < count; i++) {
        const size_t at = strlen(text);
        snprintf(text + at, sizeof text - at, "%s%s: %lld %s are wanted, %lld are free", i ? "; " : "",
                 purses[offers[i].purse].name, (long long)offers[i].amount, purses[offers[i].purse].wanted,
                 (long long)offers[i].available);
    }
    return api_refuse(problem, API_BALANCE, "", "the account cannot pay for this job. %s", text);
}

int purse_price(const struct catalog *catalog, const struct catalog_resolved *resolved, int64_t at_ms,
                struct purse_offer *offer, conch_error *err)
{
    const struct catalog_price *row = NULL;
    offer->amount = offer->fixed = 0;
    offer->source[0] = 0;
    const int rc = catalog_price(catalog, resolved, purses[offer->purse].meter, at_ms, &offer->amount, &row, err);
    if (rc < 0)
        return rc;
    /* the sum was made of these, so neither overflows */
    offer->fixed = offer->amount - (row->seconds ? row->amount : row->amount * resolved->seconds);
    const char *source = row->source ? row->source : "";
    const size_t size = text_utf8_cut(source, strlen(source), sizeof offer->source - 1);
    memcpy(offer->source, source, size);
    offer->source[size] = 0;
    return 0;
}
