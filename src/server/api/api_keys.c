/* Accounts and the keys to them. A key can give away no more than it has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/text.h"
#include "server/api/api_state.h"
#include "server/prompt/check.h"

enum {
    NAME_CHARS_MAX = 60, /* of accounts and keys; four bytes each fit the rows */
    LIMIT_MAX = 1000000, /* of queued and running jobs */
    SCOPES_ALL = STORE_SCOPE_GENERATE | STORE_SCOPE_READ | STORE_SCOPE_USAGE | STORE_SCOPE_KEYS | STORE_SCOPE_ADMIN,
    SCOPES_USUAL = STORE_SCOPE_GENERATE | STORE_SCOPE_READ | STORE_SCOPE_USAGE
};

static int name_check(const char *name, bool needed, struct api_problem *problem)
{
    conch_error err = {0};
    if (!name || !*name)
        return needed ? api_refuse_value(problem, "name", "", "1 to %d characters", NAME_CHARS_MAX) : 0;
    if (strlen(name) > 127 || prompt_check(name, NAME_CHARS_MAX, "name", NULL, &err) < 0)
        return api_refuse_value(problem, "name", name, "1 to %d characters without control characters", NAME_CHARS_MAX);
    return 0;
}

static int page_check(const struct store_page *page, struct api_problem *problem)
{
    char value[32];
    snprintf(value, sizeof value, "%zu", page->count);
    return page->count >= 1 && page->count <= STORE_PAGE_MAX
               ? 0
               : api_refuse_value(problem, "limit", value, "1 to %d", STORE_PAGE_MAX);
}

/* ---- accounts ---- */

struct account_add {
    struct api *api;
    const struct api_caller *caller;
    struct api_once *once;
    struct api_problem *problem;
    struct store_account account;
    bool replayed;
};

static int account_add_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct account_add *add = context;
    struct store_account *account = &add->account;
    const int64_t starting = add->api->config->credits.starting_microusd;
    int rc = api_once_find(add->caller, add->once, tx, account->created_ms, add->problem, err);
    if (rc != 0) {
        add->replayed = rc == 1;
        return rc < 0 ? rc : 0;
    }
    account->ledger.id = id_next();
    rc = store_account_add(tx, account, err);
    if (rc == 0 && starting > 0)
        rc = store_grant(tx,
                         &(struct store_grant){.account_id = account->ledger.id,
                                               .lot_id = id_next(),
                                               .kind = LEDGER_PAYG,
                                               .amount = starting,
                                               .now_ms = account->created_ms,
                                               .note = "starting credits"},
                         err);
    if (rc == 0)
        rc = store_account_get(tx, account->ledger.id, account, err);
    return rc < 0 ? rc : api_once_keep(add->api, add->caller, add->once, tx, account, account->created_ms, err);
}

int api_account_add(struct api *api, const struct api_caller *caller, const char *name, struct api_once *once,
                    struct store_account *ret, struct api_problem *ret_problem)
{
    struct account_add add = {.api = api, .caller = caller, .once = once, .problem = ret_problem};
    conch_error err = {0};
    if (api_require(caller, STORE_SCOPE_ADMIN, ret_problem) < 0 || name_check(name, true, ret_problem) < 0)
        return -1;
    const int kept = api_once_begin(api, caller, once, ret_problem);
    if (kept != 0)
        return kept < 0 ? -1 : 0;
    strcpy(add.account.name, name);
    add.account.created_ms = clock_wall_ms();
    const int rc = store_write(api->store, account_add_work, &add, &err);
    if (rc < 0)
        return api_refuse_error(ret_problem, rc, &err);
    if (!add.replayed)
        *ret = add.account;
    return 0;
}

struct account_list {
    const struct store_page *page;
    struct store_account *rows;
    size_t count;
};

static int account_list_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct account_list *list = context;
    return store_account_list(tx, list->page, list->rows, &list->count, err);
}

int api_account_list(struct api *api, const struct api_caller *caller, const struct store_page *page,
                     struct store_account *ret, size_t *ret_count, struct api_problem *ret_problem)
{
    struct account_list list = {.page = page, .rows = ret};
    conch_error err = {0};
    if (api_require(caller, STORE_SCOPE_ADMIN, ret_problem) < 0 || page_check(page, ret_problem) < 0)
        return -1;
    const int rc = store_read(api->store, account_list_work, &list, &err);
    if (rc < 0)
        return api_refuse_error(ret_problem, rc, &err);
    *ret_count = list.count;
    return 0;
}

/* ---- a new key ---- */

struct key_add {
    struct api *api;
    const struct api_caller *caller;
    struct api_once *once;
    struct api_problem *problem;
    struct api_key_made made;
    struct hash hash;
    bool replayed;
};

static int scopes_check(const struct api_caller *caller, unsigned scopes, struct api_problem *problem)
{
    char value[16];
    snprintf(value, sizeof value, "%u", scopes);
    if (scopes == 0 || (scopes & ~(unsigned)SCOPES_ALL))
        return api_refuse_value(problem, "scopes", value, "generate, read, usage, keys, admin");
    if (!api_is_admin(caller) && (scopes & ~caller->key.scopes))
        return api_refuse(problem, API_FORBIDDEN, "scopes", "a key can be given no scope that yours lacks");
    return 0;
}

/* -1 takes the maker's own, which is the server's when that is -1 too. Above one's own only an admin may go. */
static int limit_pick(const struct api_caller *caller, const char *field, int32_t asked, int32_t own, int32_t *ret,
                      struct api_problem *problem)
{
    char value[16];
    snprintf(value, sizeof value, "%d", (int)asked);
    if (asked < -1 || asked > LIMIT_MAX)
        return api_refuse_value(problem, field, value, "-1 (the server's) to %d", LIMIT_MAX);
    *ret = asked;
    if (api_is_admin(caller) || own < 0)
        return 0;
    if (asked < 0)
        *ret = own;
    else if (asked > own || (asked == 0 && own > 0))
        return api_refuse(problem, API_FORBIDDEN, field,
                          "%s of your own key is %d; a key made with it can have no more", field, (int)own);
    return 0;
}

static int limits_pick(const struct api_caller *caller, const struct api_key_new *add, struct store_key *key,
                       struct api_problem *problem)
{
    const struct store_key *own = &caller->key;
    if (limit_pick(caller, "queued_max", add->queued_max, own->queued_max, &key->queued_max, problem) < 0 ||
        limit_pick(caller, "running_max", add->running_max, own->running_max, &key->running_max, problem) < 0)
        return -1;
    /* Priority 0 is the least there is, not "no limit" as for the others. */
    if (add->priority_max == 0) {
        key->priority_max = 0;
        return 0;
    }
    return limit_pick(caller, "priority_max", add->priority_max, own->priority_max, &key->priority_max, problem);
}

static int money_and_time_pick(const struct api_caller *caller, const struct api_key_new *add, struct store_key *key,
                               struct api_problem *problem)
{
    const struct store_key *own = &caller->key;
    const bool admin = api_is_admin(caller);
    char value[32];
    snprintf(value, sizeof value, "%lld", (long long)add->budget_microusd);
    if (add->budget_microusd < 0)
        return api_refuse_value(problem, "budget_microusd", value, "0 (none) or more");
    const int64_t left = own->budget_microusd - own->spent_microusd;
    if (!admin && own->budget_microusd && (add->budget_microusd == 0 || add->budget_microusd > left))
        return api_refuse(
            problem, API_FORBIDDEN, "budget_microusd",
            "your own key has %lld micro-USD of its budget left; a key made with it needs a budget within",
            (long long)left);
    key->budget_microusd = add->budget_microusd;
    snprintf(value, sizeof value, "%lld", (long long)add->expires_ms);
    if (add->expires_ms < 0 || (add->expires_ms && add->expires_ms <= key->created_ms))
        return api_refuse_value(problem, "expires_at", value, "a time to come, or none");
    key->expires_ms = add->expires_ms;
    if (!admin && own->expires_ms && (!key->expires_ms || key->expires_ms > own->expires_ms))
        key->expires_ms = own->expires_ms;
    return 0;
}

/* Only an admin says how prompts are checked: others hand down what holds for them. */
static int policy_pick(const struct api_caller *caller, const char *policy, struct store_key *key,
                       struct api_problem *problem)
{
    const bool known = !policy || !*policy || strcmp(policy, "off") == 0 || strcmp(policy, "words") == 0 ||
                       strcmp(policy, "http") == 0;
    if (!known)
        return api_refuse_value(problem, "policy", policy, "off, words, http");
    if (!api_is_admin(caller) && policy && *policy && strcmp(policy, caller->key.policy) != 0)
        return api_refuse(problem, API_FORBIDDEN, "policy", "only an admin decides how prompts are checked");
    strcpy(key->policy, policy && *policy ? policy : api_is_admin(caller) ? "" : caller->key.policy);
    return 0;
}

static int key_add_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct key_add *add = context;
    struct store_key *key = &add->made.key;
    struct store_account account;
    int rc = api_once_find(add->caller, add->once, tx, key->created_ms, add->problem, err);
    if (rc != 0) {
        add->replayed = rc == 1;
        return rc < 0 ? rc : 0;
    }
    rc = store_account_get(tx, key->account_id, &account, err);
    if (rc == CONCH_ERR_NOTFOUND || (rc == 0 && account.closed_ms)) {
        api_refuse(add->problem, API_NOT_FOUND, "", "there is no open account %lld", (long long)key->account_id);
        return API_ERR_REFUSED;
    }
    if (rc == 0)
        rc = store_key_add(tx, key, add->hash.bytes, err);
    if (rc < 0)
        return rc;
    const struct api_key_made shown = {.key = *key}; /* kept answers hold no secrets */
    return api_once_keep(add->api, add->caller, add->once, tx, &shown, key->created_ms, err);
}

int api_key_add(struct api *api, const struct api_caller *caller, const struct api_key_new *ask, struct api_once *once,
                struct api_key_made *ret, struct api_problem *ret_problem)
{
    struct key_add add = {.api = api, .caller = caller, .once = once, .problem = ret_problem};
    struct store_key *key = &add.made.key;
    const unsigned usual = (unsigned)SCOPES_USUAL & (api_is_admin(caller) ? (unsigned)SCOPES_ALL : caller->key.scopes);
    conch_error err = {0};
    *key = (struct store_key){
        .id = id_next(), .scopes = ask->scopes ? ask->scopes : usual, .created_ms = clock_wall_ms()};
    if (api_require(caller, STORE_SCOPE_KEYS, ret_problem) < 0 ||
        api_account_of(caller, ask->account_id, &key->account_id, ret_problem) < 0 ||
        name_check(ask->name, false, ret_problem) < 0 || scopes_check(caller, key->scopes, ret_problem) < 0 ||
        limits_pick(caller, ask, key, ret_problem) < 0 || money_and_time_pick(caller, ask, key, ret_problem) < 0 ||
        policy_pick(caller, ask->policy, key, ret_problem) < 0)
        return -1;
    const int kept = api_once_begin(api, caller, once, ret_problem);
    if (kept != 0)
        return kept < 0 ? -1 : 0;
    strcpy(key->name, ask->name ? ask->name : "");
    int rc = api_key_make(add.made.secret, &err);
    if (rc == 0) {
        strcpy(key->tail, add.made.secret + strlen(add.made.secret) - 4);
        add.hash = api_key_hash(api, add.made.secret);
        rc = store_write(api->store, key_add_work, &add, &err);
    }
    if (rc == 0 && !add.replayed)
        rc = api_once_render(once, &add.made, &err);
    if (rc == 0 && !add.replayed)
        *ret = add.made;
    hash_wipe(add.made.secret, sizeof add.made.secret);
    return rc < 0 ? api_refuse_error(ret_problem, rc, &err) : 0;
}

/* ---- keys that are there ---- */

struct key_list {
    int64_t account_id;
    const struct store_page *page;
    struct store_key *rows;
    size_t count;
};

static int key_list_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct key_list *list = context;
    return store_key_list(tx, list->account_id, list->page, list->rows, &list->count, err);
}

int api_key_list(struct api *api, const struct api_caller *caller, int64_t account_id, const struct store_page *page,
                 struct store_key *ret, size_t *ret_count, struct api_problem *ret_problem)
{
    struct key_list list = {.page = page, .rows = ret};
    conch_error err = {0};
    if (api_require(caller, STORE_SCOPE_KEYS, ret_problem) < 0 || page_check(page, ret_problem) < 0 ||
        api_account_of(caller, account_id, &list.account_id, ret_problem) < 0)
        return -1;
    const int rc = store_read(api->store, key_list_work, &list, &err);
    if (rc < 0)
        return api_refuse_error(ret_problem, rc, &err);
    *ret_count = list.count;
    return 0;
}

struct revoke {
    const struct api_caller *caller;
    int64_t id, now_ms;
    struct api_problem *problem;
    struct store_key key;
};

static int revoke_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct revoke *revoke = context;
    int rc = store_key_get(tx, revoke->id, &revoke->key, err);
    if (rc < 0)
        return rc;
    const bool admin = api_is_admin(revoke->caller);
    if (!admin && revoke->key.account_id != revoke->caller->key.account_id)
        return conch_error_set(err, CONCH_ERR_NOTFOUND, "there is no key %lld", (long long)revoke->id);
    if (!admin && (revoke->key.scopes & ~revoke->caller->key.scopes)) {
        api_refuse(revoke->problem, API_FORBIDDEN, "", "key %lld has scopes that yours lacks; an admin may revoke it",
                   (long long)revoke->id);
        return API_ERR_REFUSED;
    }
    if (revoke->key.revoked_ms)
        return 0; /* once is enough; the first time stays */
    revoke->key.revoked_ms = revoke->now_ms;
    return store_key_update(tx, &revoke->key, err);
}

int api_key_revoke(struct api *api, const struct api_caller *caller, int64_t id, struct store_key *ret,
                   struct api_problem *ret_problem)
{
    struct revoke revoke = {.caller = caller, .id = id, .now_ms = clock_wall_ms(), .problem = ret_problem};
    conch_error err = {0};
    if (api_require(caller, STORE_SCOPE_KEYS, ret_problem) < 0)
        return -1;
    const int rc = store_write(api->store, revoke_work, &revoke, &err);
    if (rc < 0)
        return api_refuse_missing(ret_problem, rc, &err, "key", id);
    key_cache_forget(api->keys, id);
    *ret = revoke.key;
    return 0;
}
