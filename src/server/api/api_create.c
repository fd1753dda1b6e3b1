/* Set-up and end: the secrets of the installation, the first account with its key, the word list, and the thread that
 * tells the store which keys were used. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "server/api/api_state.h"
#include "server/api/line.h"

enum { TELL_EVERY_S = 10, TELL_MAX = 256 };

const struct catalog *api_catalog(const struct api *api)
{
    return api->catalog;
}

const struct catalog_offers *api_offers(const struct api *api)
{
    return api->settings.offers;
}

const struct config *api_config(const struct api *api)
{
    return api->config;
}

/* ---- secrets ---- */

static int secret_get(struct store_tx *tx, const char *name, struct hash *ret, conch_error *err)
{
    uint8_t fresh[HASH_BYTES];
    struct buf value;
    buf_init(&value, 64);
    hash_random(fresh, sizeof fresh);
    int rc = store_meta_put_once(tx, name, fresh, sizeof fresh, err);
    if (rc == 0)
        rc = store_meta_get(tx, name, &value, err);
    if (rc == 0 && value.size != HASH_BYTES)
        rc = conch_error_set(err, CONCH_ERR_FORMAT, "the database holds a %s of %zu bytes; it must have %d", name,
                             value.size, HASH_BYTES);
    if (rc == 0)
        memcpy(ret->bytes, value.data, HASH_BYTES);
    hash_wipe(fresh, sizeof fresh);
    buf_finish(&value);
    return rc;
}

static int secrets_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct api *api = context;
    int rc = secret_get(tx, "key_secret", &api->key_secret, err);
    if (rc == 0)
        rc = secret_get(tx, "link_secret", &api->link_secret, err);
    return rc < 0 ? rc : secret_get(tx, "sign_secret", &api->sign_secret, err);
}

/* ---- the first account ---- */

struct first {
    struct api *api;
    const char *key;
    bool given; /* by the operator: it is to be there, whatever else is. Otherwise it is for want of another */
    bool made;
};

static int account_first(struct api *api, struct store_tx *tx, int64_t now_ms, int64_t *ret_id, conch_error *err)
{
    struct store_account account;
    size_t count = 0;
    int rc = store_account_list(tx, &(struct store_page){.ascending = true, .count = 1}, &account, &count, err);
    if (rc < 0)
        return rc;
    if (count) {
        *ret_id = account.ledger.id;
        return 0;
    }
    account = (struct store_account){.ledger.id = id_next(), .name = "main", .created_ms = now_ms};
    rc = store_account_add(tx, &account, err);
    if (rc == 0 && api->config->credits.starting_microusd > 0)
        rc = store_grant(tx,
                         &(struct store_grant){.account_id = account.ledger.id,
                                               .lot_id = id_next(),
                                               .kind = LEDGER_PAYG,
                                               .amount = api->config->credits.starting_microusd,
                                               .now_ms = now_ms,
                                               .note = "starting credits"},
                         err);
    *ret_id = account.ledger.id;
    return rc;
}

/* Whether a key that may do everything is there, so that nobody needs another. */
static int admin_there(struct store_tx *tx, int64_t now_ms, bool *ret_there, conch_error *err)
{
    struct store_key *keys = malloc(STORE_PAGE_MAX * sizeof *keys);
    struct store_page page = {.count = STORE_PAGE_MAX};
    size_t count = STORE_PAGE_MAX;
    int rc = keys ? 0 : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a list of keys");
    *ret_there = false;
    while (rc == 0 && !*ret_there && count == STORE_PAGE_MAX) {
        rc = store_key_list(tx, 0, &page, keys, &count, err);
        for (size_t i = 0; rc == 0 && i < count; i++) {
            if ((keys[i].scopes & STORE_SCOPE_ADMIN) && !keys[i].revoked_ms &&
                (!keys[i].expires_ms || keys[i].expires_ms > now_ms))
                *ret_there = true;
            page.before_id = keys[i].id;
        }
    }
    free(keys);
    return rc;
}

static int key_first(struct first *first, struct store_tx *tx, int64_t account_id, int64_t now_ms, conch_error *err)
{
    const struct api_settings *settings = &first->api->settings;
    const struct hash hash = api_key_hash(first->api, first->key);
    const size_t length = strlen(first->key);
    struct store_key there, key = {.id = id_next(),
                                   .account_id = account_id,
                                   .scopes = STORE_SCOPE_GENERATE | STORE_SCOPE_READ | STORE_SCOPE_USAGE |
                                             STORE_SCOPE_KEYS | STORE_SCOPE_ADMIN,
                                   .queued_max = -1,
                                   .running_max = -1,
                                   .priority_max = -1,
                                   .created_ms = now_ms};
    int rc = store_key_by_hash(tx, hash.bytes, &there, err);
    if (rc != CONCH_ERR_NOTFOUND)
        return rc; /* it is there already and stays as it is, also when it was revoked */
    strcpy(key.name, first->given ? "admin (CONCH_ADMIN_KEY)" : "admin");
    if (length >= 16) /* four characters of a short one would say too much */
        strcpy(key.tail, first->key + length - 4);
    rc = store_key_add(tx, &key, hash.bytes, err);
    if (rc == 0 && !first->given && settings->first_key_keep)
        rc = settings->first_key_keep(settings->first_key_context, first->key, err);
    first->made = rc == 0;
    return rc;
}

static int first_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct first *first = context;
    const int64_t now_ms = clock_wall_ms();
    int64_t account_id = 0;
    bool there = false;
    int rc = account_first(first->api, tx, now_ms, &account_id, err);
    if (rc == 0 && !first->given)
        rc = admin_there(tx, now_ms, &there, err);
    if (rc == 0 && !there)
        rc = key_first(first, tx, account_id, now_ms, err);
    return rc;
}

static int first_make(struct api *api, char **ret_key, conch_error *err)
{
    char secret[80] = "";
    struct first first = {.api = api, .key = api->config->admin_key};
    first.given = first.key && *first.key;
    *ret_key = NULL;
    int rc = first.given ? 0 : api_key_make(secret, err);
    if (!first.given)
        first.key = secret;
    if (rc == 0)
        rc = store_write(api->store, first_work, &first, err);
    if (rc == 0 && first.made && !first.given && !(*ret_key = strdup(secret)))
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a key");
    hash_wipe(secret, sizeof secret);
    return rc;
}

/* ---- the word list, and which addresses may be asked ---- */

/* The list is needed when anybody is checked by it; a key may ask for that too, so it is read whenever it is there. */
static int policy_load(struct api *api, conch_error *err)
{
    const char *path = api->config->safety.words_file, *folder = api->settings.catalog_folder;
    char installed[4096] = "";
    json_t *json = NULL;
    if (!(path && *path) && folder) {
        snprintf(installed, sizeof installed, "%s/policy.json", folder);
        path = installed;
    }
    if (!(path && *path)) {
        if (api->config->safety.policy == CONFIG_POLICY_WORDS)
            return conch_error_set(err, CONCH_ERR_NOTFOUND,
                                   "safety.policy is words, and there is no list: set safety.words_file");
        return 0;
    }
    int rc = json_file_read(&json, path, err);
    if (rc == 0)
        rc = policy_read(&api->policy, json, path, err);
    json_decref(json);
    if (rc == CONCH_ERR_NOTFOUND && path == installed && api->config->safety.policy != CONFIG_POLICY_WORDS)
        return 0;
    return rc;
}

static int guard_load(struct api *api, conch_error *err)
{
    const struct config_list *allow = &api->config->fetch.allow;
    struct buf list;
    buf_init(&list, CONFIG_VALUE_BYTES_MAX);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < allow->count; i++)
        rc = buf_append_format(&list, err, "%s%s", i ? "," : "", allow->items[i]);
    if (rc == 0)
        rc = fetch_guard_parse(&api->guard, list.data, err);
    buf_finish(&list);
    return rc;
}

/* ---- when keys were used ---- */

struct told {
    int64_t ids[TELL_MAX];
    size_t count;
    int64_t now_ms;
};

static int told_work(void *context, struct store_tx *tx, conch_error *err)
{
    const struct told *told = context;
    for (size_t i = 0; i < told->count; i++) {
        const int rc = store_key_used(tx, told->ids[i], told->now_ms, err);
        if (rc < 0 && rc != CONCH_ERR_NOTFOUND)
            return rc;
    }
    return 0;
}

static void tell(struct api *api)
{
    struct told told = {.now_ms = clock_wall_ms()};
    conch_error err = {0};
    told.count = key_cache_used(api->keys, told.now_ms, told.ids, TELL_MAX);
    if (told.count && store_write(api->store, told_work, &told, &err) < 0)
        log_warn("the times at which keys were used could not be written", log_error_text(&err));
}

static void *teller_main(void *context)
{
    struct api *api = context;
    pthread_mutex_lock(&api->teller_lock);
    for (bool over = false; !over;) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += TELL_EVERY_S;
        while (!api->stopping && pthread_cond_timedwait(&api->teller_wake, &api->teller_lock, &until) != ETIMEDOUT)
            ;
        over = api->stopping;
        pthread_mutex_unlock(&api->teller_lock);
        tell(api); /* at the end as well */
        pthread_mutex_lock(&api->teller_lock);
    }
    pthread_mutex_unlock(&api->teller_lock);
    return NULL;
}

static int teller_start(struct api *api, conch_error *err)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    const int failed = pthread_create(&api->teller, &attributes, teller_main, api);
    pthread_attr_destroy(&attributes);
    if (failed)
        return conch_error_errno(err, CONCH_ERR_INTERNAL, failed, "cannot start a thread");
    api->teller_runs = true;
    return 0;
}

/* ---- all of it ---- */

static struct api *api_new(const struct api_settings *settings)
{
    pthread_condattr_t steady;
    struct api *api = calloc(1, sizeof *api);
    if (!api)
        return NULL;
    api->settings = *settings;
    api->config = settings->config;
    api->catalog = settings->catalog;
    api->store = settings->store;
    api->blobs = settings->blobs;
    gate_init(&api->decodes,
              (struct gate_sizes){.inside_max = API_DECODES_MAX, .waiting_max = API_DECODES_WAITING_MAX});
    pthread_mutex_init(&api->teller_lock, NULL);
    pthread_mutex_init(&api->totals_lock, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&api->teller_wake, &steady);
    pthread_condattr_destroy(&steady);
    api->version = strdup(settings->version ? settings->version : "");
    api->keys = key_cache_create();
    api->rate = rate_create();
    api->locals = local_models_create();
    api->line = line_create();
    if (api->version && api->keys && api->rate && api->locals && api->line)
        return api;
    api_destroy(api);
    return NULL;
}

int api_create(struct api **ret_api, const struct api_settings *settings, char **ret_first_key, conch_error *err)
{
    struct api *api = api_new(settings);
    char *key = NULL;
    int rc = api ? 0 : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the server's state");
    if (rc == 0)
        rc = guard_load(api, err);
    if (rc == 0)
        rc = policy_load(api, err);
    if (rc == 0)
        rc = store_write(api->store, secrets_work, api, err);
    if (rc == 0 && !settings->guest)
        rc = first_make(api, &key, err);
    if (rc == 0 && !settings->guest)
        rc = teller_start(api, err);
    if (rc < 0) {
        free(key);
        api_destroy(api);
        return rc;
    }
    *ret_first_key = key;
    *ret_api = api;
    return 0;
}

void api_destroy(struct api *api)
{
    if (!api)
        return;
    if (api->teller_runs) {
        pthread_mutex_lock(&api->teller_lock);
        api->stopping = true;
        pthread_cond_signal(&api->teller_wake);
        pthread_mutex_unlock(&api->teller_lock);
        pthread_join(api->teller, NULL);
    }
    line_destroy(api->line);
    local_models_destroy(api->locals);
    rate_destroy(api->rate);
    key_cache_destroy(api->keys);
    policy_destroy(api->policy);
    gate_finish(&api->decodes);
    pthread_cond_destroy(&api->teller_wake);
    pthread_mutex_destroy(&api->teller_lock);
    pthread_mutex_destroy(&api->totals_lock);
    hash_wipe(&api->key_secret, sizeof api->key_secret);
    hash_wipe(&api->link_secret, sizeof api->link_secret);
    free(api->version);
    free(api);
}
