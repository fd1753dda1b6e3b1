#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/text.h"
#include "server/api/api_state.h"

struct hash api_key_hash(const struct api *api, const char *token)
{
    return hash_keyed(&api->key_secret, token, strlen(token));
}

int api_key_make(char ret_secret[80], conch_error *err)
{
    uint8_t bytes[API_KEY_SECRET_BYTES];
    struct buf text;
    buf_init(&text, 79);
    hash_random(bytes, sizeof bytes);
    int rc = buf_append_text(&text, "ck_", err);
    if (rc == 0)
        rc = encode(&text, ENCODE_BASE64URL, bytes, sizeof bytes, err);
    if (rc == 0)
        memcpy(ret_secret, text.data, text.size + 1);
    hash_wipe(bytes, sizeof bytes);
    if (text.data)
        hash_wipe(text.data, text.size);
    buf_finish(&text);
    return rc;
}

struct lookup {
    const struct hash *hash;
    struct store_key key;
    bool closed; /* its account */
};

static int lookup_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct lookup *lookup = context;
    struct store_account account;
    int rc = store_key_by_hash(tx, lookup->hash->bytes, &lookup->key, err);
    if (rc == 0)
        rc = store_account_get(tx, lookup->key.account_id, &account, err);
    if (rc == 0)
        lookup->closed = account.closed_ms != 0;
    return rc;
}

static int refuse_key(struct api *api, struct api_problem *problem, const char *why)
{
    api_count(api, API_COUNT_AUTH_REFUSED, 1);
    return api_refuse(problem, API_UNAUTHORIZED, "", "%s", why);
}

int api_authenticate(struct api *api, const char *token, struct api_caller *ret_caller, struct api_problem *ret_problem)
{
    const int64_t now_ms = clock_wall_ms();
    uint64_t ticket;
    conch_error err = {0};
    if (!token || !*token)
        return refuse_key(api, ret_problem, "an API key is missing");
    if (strnlen(token, API_KEY_CHARS_MAX + 1) > API_KEY_CHARS_MAX)
        return refuse_key(api, ret_problem, "this API key is not known");
    const struct hash hash = api_key_hash(api, token);
    struct lookup lookup = {.hash = &hash};
    if (!key_cache_get(api->keys, &hash, now_ms, &lookup.key, &ticket)) {
        const int rc = store_read(api->store, lookup_work, &lookup, &err);
        if (rc == CONCH_ERR_NOTFOUND || (rc == 0 && lookup.closed))
            return refuse_key(api, ret_problem,
                              lookup.closed ? "the account of this API key is closed" : "this API key is not known");
        if (rc < 0)
            return api_refuse_error(ret_problem, rc, &err);
        key_cache_put(api->keys, &hash, &lookup.key, now_ms, ticket);
    }
    if (lookup.key.revoked_ms)
        return refuse_key(api, ret_problem, "this API key was revoked");
    if (lookup.key.expires_ms && now_ms >= lookup.key.expires_ms)
        return refuse_key(api, ret_problem, "this API key has expired");
    ret_caller->key = lookup.key;
    return 0;
}

bool api_is_admin(const struct api_caller *caller)
{
    return (caller->key.scopes & STORE_SCOPE_ADMIN) != 0;
}

int64_t api_scope_account(const struct api_caller *caller)
{
    return api_is_admin(caller) ? 0 : caller->key.account_id;
}

int api_account_of(const struct api_caller *caller, int64_t account_id, int64_t *ret_account_id,
                   struct api_problem *problem)
{
    if (account_id != 0 && account_id != caller->key.account_id && !api_is_admin(caller))
        return api_refuse(problem, API_NOT_FOUND, "", "there is no account %lld", (long long)account_id);
    *ret_account_id = account_id ? account_id : caller->key.account_id;
    return 0;
}

static const char *scope_name(enum store_scope scope)
{
    switch (scope) {
    case STORE_SCOPE_GENERATE: return "generate";
    case STORE_SCOPE_READ: return "read";
    case STORE_SCOPE_USAGE: return "usage";
    case STORE_SCOPE_KEYS: return "keys";
    case STORE_SCOPE_ADMIN: return "admin";
    }
    return "?";
}

int api_require(const struct api_caller *caller, enum store_scope scope, struct api_problem *ret_problem)
{
    if (api_is_admin(caller) || (caller->key.scopes & (unsigned)scope))
        return 0;
    api_refuse(ret_problem, API_FORBIDDEN, "", "this API key lacks the scope '%s', which this needs",
               scope_name(scope));
    strncpy(ret_problem->allowed, scope_name(scope), sizeof ret_problem->allowed - 1);
    return -1;
}

int api_rate(struct api *api, const struct api_caller *caller, struct api_problem *ret_problem)
{
    const int64_t limit = api->config->limits.requests_per_minute_per_key;
    int wait_s = 0;
    if (limit == 0 || rate_take(api->rate, caller->key.id, limit, clock_wall_ms(), &wait_s))
        return 0;
    api_count(api, API_COUNT_RATE_REFUSED, 1);
    api_refuse(ret_problem, API_RATE_LIMIT, "", "this API key may make %lld requests a minute; wait %d s",
               (long long)limit, wait_s);
    snprintf(ret_problem->allowed, sizeof ret_problem->allowed, "%lld requests a minute", (long long)limit);
    ret_problem->retry_after_s = wait_s;
    return -1;
}

bool api_origin_allowed(const struct api *api, const char *origin)
{
    const struct config_list *list = &api->config->server.cors_origins;
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], "*") == 0 || text_equal_nocase(list->items[i], origin))
            return true;
    return false;
}
