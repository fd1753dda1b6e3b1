/* Callbacks: picked when they are due, sent on threads of their own, tried again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/log.h"
#include "base/time_text.h"
#include "net/http_client.h"
#include "server/queue/relay_inner.h"

enum {
    POLL_MS = 50,
    LOOK_MS = 1000,
    ANSWER_BYTES_MAX = 64 << 10,
    CLAIM_EXTRA_MS =
        30000, /* a message that is being sent comes back after its timeout and this, if we die meanwhile */
    STATUS_GONE = 410,
    STACK_BYTES = 256 << 10
};

struct sending {
    struct relay *relay;
    struct store_message message;
    struct store_job job;
    struct buf body;
    const char *type;
};

int64_t relay_wait_ms(const struct config *config, int32_t attempts)
{
    const int64_t tries = config->webhooks.attempts;
    if (attempts < 1 || attempts >= tries)
        return 0;
    /* waits w, 2w, 4w, ... that add up to the span; doubling ends after 20, so that many tries are spread evenly */
    double sum = 0, mine = 0;
    for (int64_t i = 1; i < tries; i++) {
        const double wait = (double)(1 << (i <= 20 ? i - 1 : 20));
        sum += wait;
        mine = i == attempts ? wait : mine;
    }
    const int64_t wait_ms = (int64_t)((double)config->webhooks.span_ms * mine / sum);
    return wait_ms > 0 ? wait_ms : 1;
}

/* ---- picking ---- */

struct picked {
    struct relay *relay;
    struct store_message messages[RELAY_SENDERS];
    size_t count;
};

static void picked_clear(struct picked *picked)
{
    for (size_t i = 0; i < picked->count; i++)
        store_message_finish(&picked->messages[i]);
    picked->count = 0;
}

static int due_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct picked *picked = context;
    return store_message_due(tx, relay_now_ms(picked->relay), picked->messages, &picked->count, err);
}

/* A message that is taken is not due again for as long as sending can last. */
static int pick_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct picked *picked = context;
    const int64_t timeout_ms = picked->relay->settings.config->webhooks.timeout_ms;
    int rc = due_work(context, tx, err);
    for (size_t i = 0; rc == 0 && i < picked->count; i++) {
        struct store_message *message = &picked->messages[i];
        message->attempts++;
        message->due_ms = relay_now_ms(picked->relay) + timeout_ms + CLAIM_EXTRA_MS;
        rc = store_message_update(tx, message, err);
    }
    if (rc < 0)
        picked_clear(picked);
    return rc;
}

/* ---- one message ---- */

static int job_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct sending *s = context;
    return store_job_get(tx, s->message.job_id, 0, &s->job, err);
}

static int plain_body(struct sending *s, conch_error *err)
{
    const struct store_job *job = &s->job;
    const char *status = s->message.kind;
    json_t *o = json_pack("{s:s+, s:s, s:{s:s, s:s, s:s, s:s*, s:i, s:s*, s:s*}}", "type", "job.", status, "timestamp",
                          time_text(s->message.created_ms).text, "data", "id", id_text(job->job.id).text, "object",
                          "job", "state", status, "model", job->model, "progress_permille", job->job.progress_permille,
                          "error", job->job.error == JOB_ERROR_NONE ? NULL : job_error_rule(job->job.error)->name,
                          "error_message", job->error_text);
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    int rc = text ? buf_append_text(&s->body, text, err)
                  : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a callback");
    free(text);
    return rc;
}

/* Our own style. */
static bool is_plain(const struct sending *s)
{
    return !s->message.style || strcmp(s->message.style, "conch") == 0;
}

static int body_make(struct sending *s, conch_error *err)
{
    const struct relay_settings *settings = &s->relay->settings;
    s->type = s->message.body_type ? s->message.body_type : "application/json";
    int rc = s->message.job_id ? store_read(settings->store, job_work, s, err) : 0;
    if (s->message.body)
        return buf_append_text(&s->body, s->message.body, err);
    if (rc < 0)
        return rc;
    rc = settings->render ? settings->render(settings->render_context, &s->message, &s->job, &s->body, &s->type, err)
                          : conch_error_set(err, CONCH_ERR_UNSUPPORTED, "callbacks of the style %s are not known here",
                                            s->message.style ? s->message.style : "conch");
    if (rc != CONCH_ERR_UNSUPPORTED || !is_plain(s))
        return rc;
    buf_clear(&s->body);
    return plain_body(s, err);
}

/* Standard Webhooks: what is signed is "id.timestamp.body". */
static int sign_plain(const struct relay *relay, const struct relay_outgoing *out, struct relay_header *ret,
                      conch_error *err)
{
    struct buf text, code;
    buf_init(&text, out->body_size + 128);
    buf_init(&code, sizeof ret->value - 4);
    int rc = buf_append_format(&text, err, "%s.%lld.", out->id, (long long)out->at_s);
    if (rc == 0)
        rc = buf_append(&text, out->body, out->body_size, err);
    if (rc == 0) {
        const struct hash mac = hash_hmac_sha256(relay->secret.data, relay->secret.size, text.data, text.size);
        rc = encode(&code, ENCODE_BASE64, mac.bytes, sizeof mac.bytes, err);
    }
    if (rc == 0) {
        ret[0] = (struct relay_header){.name = "webhook-id"};
        snprintf(ret[0].value, sizeof ret->value, "%s", out->id);
        ret[1] = (struct relay_header){.name = "webhook-timestamp"};
        snprintf(ret[1].value, sizeof ret->value, "%lld", (long long)out->at_s);
        ret[2] = (struct relay_header){.name = "webhook-signature"};
        snprintf(ret[2].value, sizeof ret->value, "v1,%s", code.data);
    }
    buf_finish(&text);
    buf_finish(&code);
    return rc;
}

static int sign(const struct sending *s, struct relay_header *ret, size_t *ret_count, conch_error *err)
{
    char id[48];
    const struct relay_settings *settings = &s->relay->settings;
    const struct relay_outgoing outgoing = {.message = &s->message,
                                            .job = &s->job,
                                            .id = id,
                                            .at_s = relay_now_ms(s->relay) / 1000,
                                            .body = s->body.data,
                                            .body_size = s->body.size};
    snprintf(id, sizeof id, "msg_%lld", (long long)s->message.id);
    *ret_count = 0;
    int rc = settings->sign && s->job.job.id ? settings->sign(settings->render_context, &outgoing, ret, ret_count, err)
                                             : CONCH_ERR_UNSUPPORTED;
    if (rc != CONCH_ERR_UNSUPPORTED)
        return rc;
    *ret_count = is_plain(s) ? 3 : 0;
    return is_plain(s) ? sign_plain(s->relay, &outgoing, ret, err) : 0;
}

static bool stop_wanted(void *context)
{
    return relay_stopped(context);
}

static int post(struct sending *s, struct http_fetched *ret, conch_error *err)
{
    const struct config *config = s->relay->settings.config;
    struct relay_header proofs[RELAY_HEADERS_MAX];
    struct http_field headers[2 + RELAY_HEADERS_MAX] = {{"Content-Type", s->type},
                                                        {"User-Agent", "Conch/" CONCH_VERSION}};
    size_t count = 0;
    int rc = sign(s, proofs, &count, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count; i++)
        headers[2 + i] = (struct http_field){proofs[i].name, proofs[i].value};
    const struct http_client_settings settings = {.url = s->message.url,
                                                  .method = "POST",
                                                  .headers = headers,
                                                  .header_count = 2 + count,
                                                  .body = s->body.data,
                                                  .body_size = s->body.size,
                                                  .bytes_max = ANSWER_BYTES_MAX,
                                                  .timeout_ms = config->webhooks.timeout_ms,
                                                  .connect_timeout_ms = config->webhooks.timeout_ms,
                                                  .guard = &s->relay->guard,
                                                  .https_only = !config->fetch.allow_http,
                                                  .stop = stop_wanted,
                                                  .stop_context = s->relay};
    return http_client_fetch(&settings, ret, err);
}

static int update_work(void *context, struct store_tx *tx, conch_error *err)
{
    return store_message_update(tx, context, err);
}

static void note(struct sending *s, const char *trouble, bool final)
{
    struct store_message *message = &s->message;
    const int64_t now_ms = relay_now_ms(s->relay),
                  wait_ms = relay_wait_ms(s->relay->settings.config, message->attempts);
    conch_error problem;
    snprintf(message->last_error, sizeof message->last_error, "%s", trouble ? trouble : "");
    if (!trouble)
        message->done_ms = now_ms;
    else if (final || wait_ms == 0)
        message->dead_ms = now_ms;
    else
        message->due_ms = now_ms + wait_ms;
    if (store_write(s->relay->settings.store, update_work, message, &problem) < 0)
        log_error("what became of a callback could not be written", log_number("message", message->id),
                  log_error_text(&problem));
    else if (message->dead_ms)
        log_warn("a callback is given up", log_number("message", message->id), log_id("job", message->job_id),
                 log_number("attempts", message->attempts), log_text("error", trouble));
    else
        log_debug("a callback was sent", log_number("message", message->id), log_id("job", message->job_id),
                  log_number("status", message->last_status));
}

/* Stopped in the middle: as if it had not been tried. */
static void put_back(struct sending *s)
{
    s->message.attempts--;
    s->message.due_ms = relay_now_ms(s->relay);
    store_write(s->relay->settings.store, update_work, &s->message, NULL);
}

static void message_send(struct sending *s)
{
    struct http_fetched answer = {.fault = HTTP_FAULT_NONE};
    conch_error problem = {0};
    char text[64];
    int rc = body_make(s, &problem);
    if (rc < 0) {
        note(s, problem.text, rc == CONCH_ERR_UNSUPPORTED || rc == CONCH_ERR_NOTFOUND);
        return;
    }
    if (s->body.size == 0) {
        note(s, NULL, false); /* nothing to say at this moment */
        return;
    }
    rc = post(s, &answer, &problem);
    s->message.last_status = answer.status;
    if (rc < 0 && answer.fault == HTTP_FAULT_CANCELLED && relay_stopped(s->relay)) {
        put_back(s);
    } else if (rc < 0) {
        note(s, problem.text, answer.fault == HTTP_FAULT_URL);
    } else if (answer.status >= 200 && answer.status < 300) {
        note(s, NULL, false);
    } else {
        snprintf(text, sizeof text, "the receiver answered %d", answer.status);
        note(s, text, answer.status == STATUS_GONE);
    }
    http_fetched_finish(&answer);
}

static void *sending_thread(void *context)
{
    struct sending *s = context;
    struct relay *relay = s->relay;
    message_send(s);
    store_message_finish(&s->message);
    store_job_finish(&s->job);
    buf_finish(&s->body);
    free(s);
    pthread_mutex_lock(&relay->lock);
    relay->sending--;
    pthread_cond_broadcast(&relay->changed);
    pthread_mutex_unlock(&relay->lock);
    return NULL;
}

/* Takes the message. One that cannot be begun comes back when its claim has run out. */
static void sending_start(struct relay *relay, struct store_message *message)
{
    pthread_t thread;
    pthread_attr_t attributes;
    struct sending *s = calloc(1, sizeof *s);
    if (!s)
        return store_message_finish(message);
    s->relay = relay;
    s->message = *message;
    buf_init(&s->body, (size_t)relay->settings.config->limits.webhook_body_bytes_max);
    pthread_mutex_lock(&relay->lock);
    relay->sending++;
    pthread_mutex_unlock(&relay->lock);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, sending_thread, s) != 0) {
        log_error("no thread for a callback", log_number("message", message->id));
        store_message_finish(&s->message);
        free(s);
        pthread_mutex_lock(&relay->lock);
        relay->sending--;
        pthread_mutex_unlock(&relay->lock);
    }
    pthread_attr_destroy(&attributes);
}

/* ---- the thread ---- */

static size_t room(struct relay *relay)
{
    pthread_mutex_lock(&relay->lock);
    const size_t count = (size_t)(RELAY_SENDERS - relay->sending);
    pthread_mutex_unlock(&relay->lock);
    return count;
}

static int pick_and_send(struct relay *relay, struct picked *picked, conch_error *err)
{
    picked->relay = relay;
    picked->count = room(relay);
    if (picked->count == 0)
        return 0;
    int rc = store_read(relay->settings.store, due_work, picked, err); /* idle, nothing is written */
    const bool any = rc == 0 && picked->count > 0;
    if (rc == 0)
        picked_clear(picked);
    if (!any)
        return rc;
    picked->count = room(relay);
    rc = store_write(relay->settings.store, pick_work, picked, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < picked->count; i++)
        sending_start(relay, &picked->messages[i]);
    return 0;
}

void *outbox_run(void *context)
{
    struct relay *relay = context;
    struct picked *picked = calloc(1, sizeof *picked);
    int64_t version = -1, looked_ns = 0;
    conch_error problem;
    size_t had_room = 0;
    while (picked && !relay_stopped(relay)) {
        int64_t now = 0;
        const size_t has_room = room(relay);
        int rc = store_version(relay->settings.store, &now, &problem);
        if (rc == 0 &&
            (now != version || has_room > had_room || clock_steady_ns() - looked_ns >= LOOK_MS * INT64_C(1000000))) {
            version = now;
            looked_ns = clock_steady_ns();
            rc = pick_and_send(relay, picked, &problem);
        }
        had_room = has_room;
        if (rc < 0)
            log_warn("callbacks cannot be read", log_error_text(&problem));
        usleep(POLL_MS * 1000);
    }
    free(picked);
    pthread_mutex_lock(&relay->lock);
    while (relay->sending > 0)
        pthread_cond_wait(&relay->changed, &relay->lock);
    pthread_mutex_unlock(&relay->lock);
    return NULL;
}
