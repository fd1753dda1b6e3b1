#include "server/queue/relay.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/log.h"
#include "server/queue/relay_inner.h"

#define SECRET_NAME   "webhook_secret"
#define SECRET_PREFIX "whsec_"

enum { SECRET_BYTES_MAX = 1024, SECRET_BYTES = 32, TICK_MS = 50, PUBLISH_MS = 5000 };

/* ---- the secret ---- */

static int secret_work(void *context, struct store_tx *tx, conch_error *err)
{
    uint8_t fresh[SECRET_BYTES];
    hash_random(fresh, sizeof fresh);
    int rc = store_meta_put_once(tx, SECRET_NAME, fresh, sizeof fresh, err);
    hash_wipe(fresh, sizeof fresh);
    buf_clear(context);
    return rc < 0 ? rc : store_meta_get(tx, SECRET_NAME, context, err);
}

int relay_secret(struct store *store, const struct config *config, struct buf *ret, conch_error *err)
{
    const char *secret = config->webhooks.signing_secret;
    const size_t prefix = strlen(SECRET_PREFIX);
    if (!*secret)
        return store_write(store, secret_work, ret, err);
    if (strncmp(secret, SECRET_PREFIX, prefix) == 0)
        return encode_decode(ret, ENCODE_BASE64, secret + prefix, strlen(secret) - prefix, err);
    return buf_append_text(ret, secret, err);
}

/* ---- what the relay tells of itself ---- */

static int seen_work(void *context, struct store_tx *tx, conch_error *err)
{
    return store_worker_seen(tx, context, err);
}

static int gone_work(void *context, struct store_tx *tx, conch_error *err)
{
    return store_worker_gone(tx, context, err);
}

static void publish(struct relay *relay)
{
    conch_error problem;
    struct store_worker row = {.kind = "relay",
                               .pid = getpid(),
                               .started_ms = relay->started_ms,
                               .seen_ms = relay_now_ms(relay),
                               .details = (char[]){"{}"}};
    memcpy(row.name, relay->name, sizeof row.name);
    if (store_write(relay->settings.store, seen_work, &row, &problem) < 0)
        log_warn("the relay could not say that it lives", log_error_text(&problem));
}

/* ---- the loop ---- */

static const struct duty {
    void (*work)(struct relay *relay);
    int64_t every_ms;
} duties[] = {
    {sweep_leases, 1000},    {publish, PUBLISH_MS},   {sweep_files, 60000},     {sweep_lots, 60000},
    {sweep_previews, 60000}, {sweep_unknown, 600000}, {sweep_orphans, 3600000}, {sweep_rows, 600000},
};

static void duties_run(struct relay *relay)
{
    int64_t due_ns[ARRAY_LEN(duties)] = {0}; /* all at the start */
    while (!relay_stopped(relay)) {
        for (size_t i = 0; i < ARRAY_LEN(duties) && !relay_stopped(relay); i++) {
            if (clock_steady_ns() < due_ns[i])
                continue;
            duties[i].work(relay);
            due_ns[i] = clock_steady_ns() + duties[i].every_ms * 1000000;
        }
        usleep(TICK_MS * 1000);
    }
}

static int guard_make(struct relay *relay, conch_error *err)
{
    const struct config_list *allow = &relay->settings.config->fetch.allow;
    struct buf list;
    buf_init(&list, CONFIG_LIST_MAX * 128);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < allow->count; i++)
        rc = buf_append_format(&list, err, "%s%s", i ? "," : "", allow->items[i]);
    if (rc == 0)
        rc = fetch_guard_parse(&relay->guard, list.data, err);
    buf_finish(&list);
    return rc;
}

static int relay_init(struct relay *relay, const struct relay_settings *settings, conch_error *err)
{
    char host[64] = "";
    relay->settings = *settings;
    relay->clock.wall_ms = settings->wall_ms;
    gethostname(host, sizeof host - 1);
    snprintf(relay->name, sizeof relay->name, "relay-%.40s-%ld", host, (long)getpid());
    if (settings->name)
        snprintf(relay->name, sizeof relay->name, "%s", settings->name);
    pthread_mutex_init(&relay->lock, NULL);
    pthread_cond_init(&relay->changed, NULL);
    buf_init(&relay->secret, SECRET_BYTES_MAX);
    int rc = queue_clock_start(&relay->clock, settings->store, settings->config->jobs.lease_ms, err);
    relay->started_ms = relay_now_ms(relay);
    if (rc == 0)
        rc = relay_secret(settings->store, settings->config, &relay->secret, err);
    return rc == 0 ? guard_make(relay, err) : rc;
}

static void relay_finish(struct relay *relay)
{
    if (relay->secret.data)
        hash_wipe(relay->secret.data, relay->secret.size);
    buf_finish(&relay->secret);
    pthread_cond_destroy(&relay->changed);
    pthread_mutex_destroy(&relay->lock);
    free(relay);
}

int relay_run(const struct relay_settings *settings, conch_error *err)
{
    pthread_t outbox;
    struct relay *relay = calloc(1, sizeof *relay);
    if (!relay)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the relay");
    int rc = relay_init(relay, settings, err);
    if (rc == 0 && pthread_create(&outbox, NULL, outbox_run, relay) != 0)
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "no thread for the relay's callbacks");
    if (rc == 0) {
        duties_run(relay);
        pthread_join(outbox, NULL);
        store_write(settings->store, gone_work, relay->name, NULL);
    }
    relay_finish(relay);
    return rc;
}
