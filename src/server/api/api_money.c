/* Balances, grants, statements and usage. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/id.h"
#include "server/api/api_state.h"
#include "server/prompt/check.h"

enum { NOTE_CHARS_MAX = 60, USAGE_DAYS_MAX = 366 };
#define DAY_MS    INT64_C(86400000)
#define GRANT_MAX (INT64_C(1) << 53) /* so that every client reads it exactly */

/* ---- balance ---- */

struct balance {
    int64_t account_id, now_ms;
    struct api_balance *ret;
};

static int balance_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct balance *balance = context;
    struct api_balance *ret = balance->ret;
    struct store_account account;
    int rc = store_account_get(tx, balance->account_id, &account, err);
    for (int unit = 0; rc == 0 && unit < LEDGER_UNITS; unit++) {
        struct ledger_lot *lots = ret->lots + ret->lot_count;
        size_t count = 0;
        rc = store_lots(tx, balance->account_id, (enum ledger_unit)unit, lots, &count, err);
        for (size_t i = 0; rc == 0 && i < count; i++) {
            const bool expired = lots[i].expires_ms && lots[i].expires_ms <= balance->now_ms;
            ret->available[unit] += expired ? 0 : lots[i].available;
            ret->held[unit] += lots[i].held;
        }
        ret->lot_count += rc == 0 ? count : 0;
    }
    return rc;
}

int api_balance(struct api *api, const struct api_caller *caller, int64_t account_id, struct api_balance *ret,
                struct api_problem *ret_problem)
{
    struct balance balance = {.now_ms = clock_wall_ms(), .ret = ret};
    conch_error err = {0};
    if (api_require(caller, STORE_SCOPE_USAGE, ret_problem) < 0 ||
        api_account_of(caller, account_id, &balance.account_id, ret_problem) < 0)
        return -1;
    memset(ret, 0, sizeof *ret);
    const int rc = store_read(api->store, balance_work, &balance, &err);
    return rc < 0 ? api_refuse_missing(ret_problem, rc, &err, "account", balance.account_id) : 0;
}

/* ---- packages ---- */

struct package {
    int64_t account_id, now_ms;
    struct api_package *ret;
};

static int package_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct package *package = context;
    struct api_package *ret = package->ret;
    struct ledger_lot lots[LEDGER_LOTS_MAX];
    size_t count = 0;
    int rc = store_lots(tx, package->account_id, LEDGER_MILLICREDIT, lots, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct ledger_lot *lot = &lots[i];
        int64_t issued = 0, at_ms = 0;
        if (lot->kind != LEDGER_PACKAGE || (lot->expires_ms && lot->expires_ms <= package->now_ms))
            continue;
        rc = store_lot_issued(tx, lot->id, &issued, &at_ms, err);
        if (ret->count == 0 || (lot->expires_ms && (!ret->end_ms || lot->expires_ms < ret->end_ms))) {
            ret->start_ms = at_ms;
            ret->end_ms = lot->expires_ms;
        }
        ret->count++;
        ret->issued += issued; /* of one account and unit: it cannot overflow */
        ret->available += lot->available;
    }
    return rc;
}

int api_package(struct api *api, const struct api_caller *caller, struct api_package *ret,
                struct api_problem *ret_problem)
{
    struct package package = {.account_id = caller->key.account_id, .now_ms = clock_wall_ms(), .ret = ret};
    conch_error err = {0};
    *ret = (struct api_package){0};
    if (api_require(caller, STORE_SCOPE_USAGE, ret_problem) < 0)
        return -1;
    const int rc = store_read(api->store, package_work, &package, &err);
    return rc < 0 ? api_refuse_error(ret_problem, rc, &err) : 0;
}

/* ---- grants ---- */

struct grant {
    struct api *api;
    const struct api_caller *caller;
    struct api_once *once;
    struct api_problem *problem;
    struct store_grant grant;
    struct ledger_lot lot;
    bool replayed;
};

static int grant_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct grant *grant = context;
    struct store_account account;
    const struct store_grant *asked = &grant->grant;
    int rc = api_once_find(grant->caller, grant->once, tx, asked->now_ms, grant->problem, err);
    if (rc != 0) {
        grant->replayed = rc == 1;
        return rc < 0 ? rc : 0;
    }
    rc = store_account_get(tx, asked->account_id, &account, err);
    if (rc == 0)
        rc = store_grant(tx, asked, err);
    if (rc == CONCH_ERR_LIMIT) { /* of the account, not of the server: waiting does not help */
        api_refuse(grant->problem, API_CONFLICT, "", "%s", err->text);
        return API_ERR_REFUSED;
    }
    if (rc < 0)
        return rc;
    grant->lot = (struct ledger_lot){.id = asked->lot_id,
                                     .account_id = asked->account_id,
                                     .kind = asked->kind,
                                     .available = asked->amount,
                                     .expires_ms = asked->expires_ms};
    return api_once_keep(grant->api, grant->caller, grant->once, tx, &grant->lot, asked->now_ms, err);
}

static int grant_check(const struct store_grant *grant, struct api_problem *problem)
{
    char value[32];
    conch_error err = {0};
    snprintf(value, sizeof value, "%lld", (long long)grant->amount);
    if (grant->amount < 1 || grant->amount > GRANT_MAX)
        return api_refuse_value(problem, "amount", value, "1 to %lld", (long long)GRANT_MAX);
    snprintf(value, sizeof value, "%d", (int)grant->kind);
    if ((unsigned)grant->kind >= LEDGER_KINDS)
        return api_refuse_value(problem, "kind", value, "bonus, membership, package, purchased, payg");
    snprintf(value, sizeof value, "%lld", (long long)grant->expires_ms);
    if (grant->expires_ms && grant->expires_ms <= grant->now_ms)
        return api_refuse_value(problem, "expires_at", value, "a time to come, or none");
    if (grant->note && (strlen(grant->note) > 127 || prompt_check(grant->note, NOTE_CHARS_MAX, "note", NULL, &err) < 0))
        return api_refuse_value(problem, "note", grant->note, "at most %d characters", NOTE_CHARS_MAX);
    return 0;
}

int api_grant(struct api *api, const struct api_caller *caller, const struct store_grant *ask, struct api_once *once,
              struct ledger_lot *ret, struct api_problem *ret_problem)
{
    struct grant grant = {.api = api, .caller = caller, .once = once, .problem = ret_problem, .grant = *ask};
    conch_error err = {0};
    grant.grant.now_ms = clock_wall_ms();
    grant.grant.lot_id = id_next();
    grant.grant.note = ask->note ? ask->note : "";
    if (ask->account_id == 0)
        grant.grant.account_id = caller->key.account_id;
    if (api_require(caller, STORE_SCOPE_ADMIN, ret_problem) < 0 || grant_check(&grant.grant, ret_problem) < 0)
        return -1;
    if (once)
        once->subject = grant.grant.account_id;
    const int kept = api_once_begin(api, caller, once, ret_problem);
    if (kept != 0)
        return kept < 0 ? -1 : 0;
    const int rc = store_write(api->store, grant_work, &grant, &err);
    if (rc < 0)
        return api_refuse_missing(ret_problem, rc, &err, "account", grant.grant.account_id);
    if (!grant.replayed)
        *ret = grant.lot;
    return 0;
}

/* ---- what was spent ---- */

static int time_check(int64_t from_ms, int64_t until_ms, struct api_problem *problem)
{
    if (from_ms < 0 || until_ms < 0 || (until_ms && until_ms <= from_ms))
        return api_refuse(problem, API_INVALID, "until", "the time asked for must end after it begins");
    return 0;
}

struct statement {
    struct store_statement_filter filter;
    const struct store_page *page;
    struct store_statement_line *rows;
    size_t count;
};

static int statement_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct statement *statement = context;
    return store_statement(tx, &statement->filter, statement->page, statement->rows, &statement->count, err);
}

int api_statement(struct api *api, const struct api_caller *caller, const struct store_statement_filter *filter,
                  const struct store_page *page, struct store_statement_line *ret, size_t *ret_count,
                  struct api_problem *ret_problem)
{
    struct statement statement = {.filter = *filter, .page = page, .rows = ret};
    conch_error err = {0};
    char value[32];
    if (api_require(caller, STORE_SCOPE_USAGE, ret_problem) < 0 ||
        api_account_of(caller, filter->account_id, &statement.filter.account_id, ret_problem) < 0 ||
        time_check(filter->from_ms, filter->until_ms, ret_problem) < 0)
        return -1;
    snprintf(value, sizeof value, "%zu", page->count);
    if (page->count < 1 || page->count > STORE_PAGE_MAX)
        return api_refuse_value(ret_problem, "limit", value, "1 to %d", STORE_PAGE_MAX);
    snprintf(value, sizeof value, "%d", (int)filter->unit);
    if ((unsigned)filter->unit >= LEDGER_UNITS)
        return api_refuse_value(ret_problem, "unit", value, "microusd, millicredit");
    const int rc = store_read(api->store, statement_work, &statement, &err);
    if (rc < 0)
        return api_refuse_error(ret_problem, rc, &err);
    *ret_count = statement.count;
    return 0;
}

struct usage {
    struct store_usage_filter filter;
    struct store_usage_row *rows;
    size_t count;
};

static int usage_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct usage *usage = context;
    return store_usage(tx, &usage->filter, usage->rows, &usage->count, err);
}

int api_usage(struct api *api, const struct api_caller *caller, const struct store_usage_filter *filter,
              struct store_usage_row *ret, size_t *count, struct api_problem *ret_problem)
{
    struct usage usage = {.filter = *filter, .rows = ret, .count = *count};
    conch_error err = {0};
    if (api_require(caller, STORE_SCOPE_USAGE, ret_problem) < 0 ||
        api_account_of(caller, filter->account_id, &usage.filter.account_id, ret_problem) < 0 ||
        time_check(filter->from_ms, filter->until_ms, ret_problem) < 0)
        return -1;
    if (usage.filter.until_ms == 0)
        usage.filter.until_ms = clock_wall_ms() + 1;
    if (usage.filter.until_ms <= usage.filter.from_ms)
        return api_refuse(ret_problem, API_INVALID, "from", "the time asked for begins in the future");
    if (usage.filter.until_ms - usage.filter.from_ms > USAGE_DAYS_MAX * DAY_MS)
        return api_refuse(ret_problem, API_INVALID, "from", "at most %d days can be asked for at once", USAGE_DAYS_MAX);
    const int rc = store_read(api->store, usage_work, &usage, &err);
    if (rc < 0)
        return api_refuse_error(ret_problem, rc, &err);
    *count = usage.count;
    return 0;
}
