/* The last stage: what was found out becomes a row, and the transaction that makes it durable: kept answer, limits of
 * the key, hold, job with its first event, files, kept answer. It runs on the writer's thread: everything that can be
 * done before is done before. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/id.h"
#include "server/api/submit.h"

enum { ID_TRIES = 3, QUEUE_WAIT_S_MIN = 1, QUEUE_WAIT_S_MAX = 60, QUEUE_WAIT_S = 5 };

/* ---- details ---- */

static void put_text(json_t *object, const char *name, const char *text)
{
    if (text && *text)
        json_object_set_new(object, name, json_string(text));
}

static void put_choice(json_t *object, const char *name, enum api_choice choice)
{
    if (choice != API_DEFAULT)
        json_object_set_new(object, name, json_boolean(choice == API_ON));
}

/* "rate_limit" of "[sandbox:rate_limit]". */
static json_t *rehearsal_json(const struct rehearsal *rehearsal)
{
    size_t count;
    const struct rehearse_row *rows = rehearse_rows(&count);
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        if (rehearsal->kind == REHEARSE_NONE || rows[i].kind != rehearsal->kind)
            continue;
        const char *name = strchr(rows[i].tag, ':') + 1;
        json_object_set_new(object, "kind", json_stringn(name, strcspn(name, "]")));
    }
    if (rehearsal->slow_seconds)
        json_object_set_new(object, "seconds", json_integer(rehearsal->slow_seconds));
    return object;
}

/* docs/jobs.md describes the members. */
static json_t *details_make(const struct submit *submit)
{
    const struct api_submit *ask = submit->ask;
    json_t *details = json_object();
    json_object_set_new(details, "sandbox", json_boolean(submit->served.sandbox));
    json_object_set_new(details, "list_microusd", json_integer(submit->list_microusd));
    put_text(details, "price_source", submit->list_source);
    put_text(details, "optimizer", submit->optimizer);
    if (submit->notes)
        json_object_set(details, "notes", submit->notes);
    if (submit->camera)
        json_object_set(details, "camera", submit->camera);
    put_text(details, "h3_context", submit->context.data);
    put_text(details, "negative", ask->negative);
    put_choice(details, "pretreatment", ask->pretreatment);
    put_choice(details, "watermark", ask->watermark);
    put_text(details, "expansion", ask->expansion);
    if (ask->steps)
        json_object_set_new(details, "steps", json_integer(ask->steps));
    if (ask->guidance > 0)
        json_object_set_new(details, "guidance", json_real(ask->guidance));
    if (ask->metadata)
        json_object_set_new(details, "metadata", json_deep_copy(ask->metadata));
    if (submit->rehearsal.kind != REHEARSE_NONE || submit->rehearsal.slow_seconds)
        json_object_set_new(details, "rehearse", rehearsal_json(&submit->rehearsal));
    put_text(details, "alias", submit->served.alias);
    put_text(details, "request_id", submit->caller->request_id);
    if (ask->callback_url)
        put_text(details, "origin", submit->caller->origin); /* links in callbacks lead where the caller came in */
    return details;
}

/* ---- the row ---- */

static char *copy(const char *text, bool *complete)
{
    char *to = text ? strdup(text) : NULL;
    *complete = *complete && (!text || to);
    return to;
}

static const char *text_or(const char *text, const char *otherwise)
{
    return text && *text ? text : otherwise;
}

static int row_make(struct submit *submit, conch_error *err)
{
    const struct api_submit *ask = submit->ask;
    const struct catalog_resolved *resolved = &submit->resolved;
    struct store_job *row = &submit->job.row;
    const bool context = strcmp(submit->task, "context") == 0;
    const bool told = ask->callback_url && *ask->callback_url;
    bool complete = true;
    row->account_id = submit->caller->key.account_id;
    row->key_id = submit->caller->key.id;
    row->dialect = copy(text_or(ask->dialect, "conch"), &complete);
    row->task = copy(submit->task, &complete);
    row->model_asked = copy(text_or(ask->model, submit->served.model->slug), &complete);
    row->model = copy(submit->served.model->slug, &complete);
    row->served_by = copy(submit->served.served_by, &complete);
    row->backend = copy(submit->served.backend, &complete);
    row->mode = copy(catalog_mode_name(resolved->mode), &complete);
    row->prompt = copy(text_or(ask->prompt, ""), &complete);
    row->prompt_used = copy(submit->used.data ? submit->used.data : "", &complete);
    row->resolution = copy(context ? ask->resolution : resolved->output->resolution, &complete);
    row->ratio = copy(context ? ask->ratio : resolved->ratio, &complete);
    row->callback_url = told ? copy(ask->callback_url, &complete) : NULL;
    row->callback_style = told ? copy(text_or(ask->callback_style, "conch"), &complete) : NULL;
    row->seconds = submit->seconds;
    row->width = context ? 0 : submit->width;
    row->height = context ? 0 : submit->height;
    row->fps = context ? 0 : submit->fps;
    row->seed = ask->seed;
    row->unit = LEDGER_MICROUSD; /* unless there is a price, see pay */
    row->quoted = 0;
    submit->job.sandbox = submit->served.sandbox;
    submit->job.place = -1;
    submit->job.details = details_make(submit);
    row->details = submit->job.details ? json_dumps(submit->job.details, JSON_COMPACT) : NULL;
    if (!complete || !row->details)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a job");
    return 0;
}

/* ---- the transaction ---- */

static int refuse_queue(struct submit *submit, int64_t queued, int64_t queued_max)
{
    const int64_t clip_ms = local_models_clip_ms(submit->api->locals, submit->served.served_by);
    int64_t wait_s = clip_ms < 0 ? QUEUE_WAIT_S : clip_ms / 1000;
    wait_s = wait_s < QUEUE_WAIT_S_MIN ? QUEUE_WAIT_S_MIN : wait_s > QUEUE_WAIT_S_MAX ? QUEUE_WAIT_S_MAX : wait_s;
    api_refuse(submit->problem, API_QUEUE_FULL, "", "%lld jobs of this API key wait already; at most %lld may",
               (long long)queued, (long long)queued_max);
    snprintf(submit->problem->allowed, sizeof submit->problem->allowed, "%lld waiting jobs", (long long)queued_max);
    submit->problem->retry_after_s = (int)wait_s;
    return API_ERR_REFUSED;
}

/* The key as it is now: it may have been revoked, or its limits changed, since the caller was looked up. */
static int key_check(struct submit *submit, struct store_tx *tx, conch_error *err)
{
    struct store_key key;
    int64_t queued = 0, running = 0;
    int rc = store_key_get(tx, submit->caller->key.id, &key, err);
    if (rc == CONCH_ERR_NOTFOUND ||
        (rc == 0 && (key.revoked_ms || (key.expires_ms && key.expires_ms <= submit->now_ms)))) {
        api_refuse(submit->problem, API_UNAUTHORIZED, "", "this API key is no longer good");
        return API_ERR_REFUSED;
    }
    const int64_t queued_max = key.queued_max >= 0 ? key.queued_max : submit->api->config->limits.queued_per_key;
    if (rc < 0 || queued_max == 0)
        return rc;
    rc = store_job_load(tx, key.id, &queued, &running, err);
    return rc == 0 && queued >= queued_max ? refuse_queue(submit, queued, queued_max) : rc;
}

static int storage_check(struct submit *submit, struct store_tx *tx, conch_error *err)
{
    const int64_t most = submit->api->config->limits.storage_bytes_per_account;
    int64_t fresh = 0, used = 0;
    for (size_t i = 0; i < submit->media_count; i++)
        fresh += submit->media[i].fresh ? submit->media[i].file.bytes : 0;
    if (most == 0 || fresh == 0)
        return 0;
    const int rc = store_file_usage(tx, submit->caller->key.account_id, &used, err);
    if (rc < 0 || fresh <= most - used)
        return rc;
    api_refuse(submit->problem, API_TOO_LARGE, "", "the account's files would have %lld bytes; at most %lld are kept",
               (long long)(used + fresh), (long long)most);
    return API_ERR_REFUSED;
}

/* Each job has files of its own, also of what was uploaded before: the bytes are the same, the lives are not. */
static int files_add(struct submit *submit, struct store_tx *tx, conch_error *err)
{
    const int64_t kept_ms = submit->api->config->jobs.retention_ms + submit->api->config->jobs.upload_retention_ms;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < submit->media_count; i++) {
        struct store_file *file = &submit->media[i].file;
        file->id = submit->job.inputs[i].file_id;
        file->account_id = submit->caller->key.account_id;
        file->job_id = submit->job.row.job.id;
        file->created_ms = submit->now_ms;
        file->expires_ms = submit->now_ms + kept_ms;
        file->deleted_ms = 0;
        memset(file->purpose, 0, sizeof file->purpose);
        strcpy(file->purpose, "job_input");
        rc = store_file_add(tx, file, err);
    }
    return rc;
}

/* Chooses the purse, and writes into the job what it will be settled by. */
static int pay(struct submit *submit, struct store_tx *tx, struct ledger_quote *ret, conch_error *err)
{
    struct store_job *row = &submit->job.row;
    *ret = (struct ledger_quote){.unit = LEDGER_MICROUSD};
    if (!submit->priced)
        return 0;
    int rc = purse_look(tx, row->account_id, submit->now_ms, submit->offers, submit->offer_count, err);
    if (rc < 0)
        return rc;
    const struct purse_offer *offer = purse_choose(submit->offers, submit->offer_count);
    if (!offer) {
        purse_refuse(submit->offers, submit->offer_count, submit->problem);
        return API_ERR_REFUSED;
    }
    *ret = purse_quote(offer->purse, offer->amount);
    row->unit = ret->unit;
    row->quoted = ret->amount;
    json_object_set_new(submit->job.details, "purse", json_string(purse_name(offer->purse)));
    json_object_set_new(submit->job.details, "price_fixed", json_integer(offer->fixed));
    json_object_set_new(submit->job.details, "price_source", json_string(offer->source));
    free(row->details);
    row->details = json_dumps(submit->job.details, JSON_COMPACT);
    return row->details ? 0 : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a job");
}

static int job_add(struct submit *submit, struct store_tx *tx, conch_error *err)
{
    struct store_job *row = &submit->job.row;
    struct job_event event;
    /* an answer can only be lost on the way from somebody else, so that rehearsal is a provider's job */
    const struct job_settings settings = {.id = id_next(),
                                          .remote = submit->served.sandbox &&
                                                    submit->rehearsal.kind == REHEARSE_LOST_ANSWER,
                                          .priority = submit->ask->priority,
                                          .attempts_max = (int32_t)submit->api->config->jobs.attempts};
    struct store_hold hold = {.account_id = row->account_id,
                              .hold_id = settings.id,
                              .key_id = row->key_id,
                              .now_ms = submit->now_ms,
                              .note = row->model};
    for (size_t i = 0; i < submit->media_count; i++)
        submit->job.inputs[i] = (struct store_input){
            .role = submit->media[i].ask->role, .position = submit->media[i].position, .file_id = id_next()};
    submit->job.input_count = submit->media_count;
    row->hold_id = settings.id;
    int rc = job_create(&row->job, &settings, submit->now_ms, &event, err);
    if (rc == 0)
        rc = pay(submit, tx, &hold.quote, err);
    if (rc == 0)
        rc = store_hold(tx, &hold, err);
    if (rc == 0)
        rc = store_job_add(
            tx,
            &(struct store_job_new){
                .job = row, .event = &event, .inputs = submit->job.inputs, .input_count = submit->job.input_count},
            NULL, err);
    return rc == 0 ? files_add(submit, tx, err) : rc;
}

static int store_work_one(void *context, struct store_tx *tx, conch_error *err)
{
    struct submit *submit = context;
    int rc = api_once_find(submit->caller, submit->once, tx, submit->now_ms, submit->problem, err);
    if (rc != 0) {
        submit->replayed = rc == 1;
        return rc < 0 ? rc : 0;
    }
    rc = key_check(submit, tx, err);
    if (rc == 0)
        rc = storage_check(submit, tx, err);
    if (rc == 0)
        rc = job_add(submit, tx, err);
    if (rc == 0 && submit->ask->place)
        rc = api_job_queue(submit->api, tx, &submit->job, err);
    if (rc == 0)
        rc = api_once_keep(submit->api, submit->caller, submit->once, tx, &submit->job, submit->now_ms, err);
    return rc;
}

int submit_store(struct submit *submit)
{
    conch_error err = {0};
    int rc = row_make(submit, &err);
    for (int i = 0; rc == 0 && i < ID_TRIES; i++) { /* an id may have been made by another process too */
        rc = store_write(submit->api->store, store_work_one, submit, &err);
        if (rc != STORE_ERR_CONFLICT)
            break;
        rc = i + 1 < ID_TRIES ? 0 : rc;
    }
    if (rc < 0)
        return api_refuse_error(submit->problem, rc, &err);
    submit->stored = !submit->replayed;
    return 0;
}
