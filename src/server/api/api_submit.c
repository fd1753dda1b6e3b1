#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/text.h"
#include "server/api/submit.h"
#include "server/blob/blob.h"
#include "server/prompt/expand.h"

/* NULL: no memory, ret_problem says so. */
static struct submit *submit_create(struct api *api, const struct api_caller *caller, const struct api_submit *ask,
                                    struct api_problem *ret_problem)
{
    struct submit *submit = calloc(1, sizeof *submit);
    if (!submit) {
        api_refuse(ret_problem, API_BUSY, "", "the server has not enough memory at the moment");
        return NULL;
    }
    submit->api = api;
    submit->caller = caller;
    submit->ask = ask;
    submit->problem = ret_problem;
    submit->now_ms = clock_wall_ms();
    submit->task = "generation";
    buf_init(&submit->prompt, PROMPT_BYTES_MAX);
    buf_init(&submit->used, PROMPT_EXPANDED_BYTES_MAX);
    buf_init(&submit->context, PROMPT_EXPANDED_BYTES_MAX);
    return submit;
}

/* Blobs that no row names go again. */
static void submit_destroy(struct submit *submit)
{
    for (size_t i = 0; i < submit->media_count && !submit->stored; i++)
        if (submit->media[i].fresh)
            blob_delete(submit->api->blobs, submit->media[i].file.blob, NULL);
    buf_finish(&submit->prompt);
    buf_finish(&submit->used);
    buf_finish(&submit->context);
    json_decref(submit->notes);
    json_decref(submit->camera);
    api_job_finish(&submit->job);
    free(submit);
}

static int stages(struct submit *submit)
{
    if (submit_check(submit) < 0 || submit_words(submit) < 0 || submit_media(submit) < 0 || submit_prompt(submit) < 0)
        return -1;
    return submit_price(submit) < 0 || submit_callback(submit) < 0 ? -1 : 0;
}

int api_job_submit(struct api *api, const struct api_caller *caller, const struct api_submit *ask,
                   struct api_once *once, struct api_job *ret, struct api_problem *ret_problem)
{
    if (api_require(caller, STORE_SCOPE_GENERATE, ret_problem) < 0)
        return -1;
    const int kept = api_once_begin(api, caller, once, ret_problem);
    if (kept != 0)
        return kept < 0 ? -1 : 0;
    struct submit *submit = submit_create(api, caller, ask, ret_problem);
    if (!submit)
        return -1;
    submit->once = once;
    int rc = stages(submit);
    if (rc == 0)
        rc = submit_store(submit);
    if (rc < 0) {
        atomic_fetch_add_explicit(&api->refusals[ret_problem->kind], 1, memory_order_relaxed);
    } else if (submit->replayed) {
        api_count(api, API_COUNT_REPLAYED, 1);
    } else {
        api_count(api, API_COUNT_SUBMITTED, 1);
        *ret = submit->job;
        memset(&submit->job, 0, sizeof submit->job);
    }
    submit_destroy(submit);
    return rc;
}

/* ---- beforehand ---- */

struct outlook {
    struct submit *submit;
    int64_t queued, running, available; /* available: micro-USD */
};

static int outlook_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct outlook *outlook = context;
    struct submit *submit = outlook->submit;
    const int64_t account_id = submit->caller->key.account_id;
    struct purse_offer money = {.purse = PURSE_PAYG};
    int rc = store_job_load(tx, 0, &outlook->queued, &outlook->running, err);
    if (rc == 0)
        rc = purse_look(tx, account_id, submit->now_ms, submit->offers, submit->offer_count, err);
    if (rc == 0)
        rc = purse_look(tx, account_id, submit->now_ms, &money, 1, err);
    outlook->available = money.available;
    return rc;
}

/* Who would pay; when nobody can, the last that was asked stands for the price. */
static void estimate_price(const struct submit *submit, const struct outlook *outlook, struct api_estimate *ret)
{
    const struct purse_offer *pays = purse_choose(submit->offers, submit->offer_count);
    const struct purse_offer *shown = pays                  ? pays
                                      : submit->offer_count ? &submit->offers[submit->offer_count - 1]
                                                            : NULL;
    ret->unit = shown ? purse_unit(shown->purse) : LEDGER_MICROUSD;
    ret->amount = shown ? shown->amount : 0;
    ret->available = shown ? shown->available : outlook->available;
    ret->affordable = pays || !submit->priced;
    ret->purse = pays ? purse_name(pays->purse) : NULL;
    ret->purse_count = submit->offer_count;
    for (size_t i = 0; i < submit->offer_count; i++)
        ret->purses[i] = (struct api_purse){.name = purse_name(submit->offers[i].purse),
                                            .unit = purse_unit(submit->offers[i].purse),
                                            .amount = submit->offers[i].amount,
                                            .available = submit->offers[i].available};
}

static int estimate_fill(struct submit *submit, struct api_estimate *ret)
{
    struct outlook outlook = {.submit = submit};
    conch_error err = {0};
    const int rc = store_read(submit->api->store, outlook_work, &outlook, &err);
    if (rc < 0)
        return api_refuse_error(submit->problem, rc, &err);
    const int64_t clip_ms = local_models_clip_ms(submit->api->locals, submit->served.served_by);
    const int64_t workers = (int64_t)local_models_workers(submit->api->locals);
    const int64_t ahead = outlook.queued + outlook.running;
    *ret = (struct api_estimate){.resolved = submit->resolved,
                                 .sandbox = submit->served.sandbox,
                                 .list_microusd = submit->list_microusd,
                                 .wait_ms = ahead == 0                ? 0
                                            : clip_ms < 0 || !workers ? -1
                                                                      : ahead * clip_ms / workers,
                                 .run_ms = clip_ms,
                                 .notes = submit->notes ? json_incref(submit->notes) : json_array()};
    estimate_price(submit, &outlook, ret);
    memcpy(ret->served_by, submit->served.served_by, sizeof ret->served_by);
    memcpy(ret->backend, submit->served.backend, sizeof ret->backend);
    const size_t size = text_utf8_cut(submit->used.data ? submit->used.data : "", submit->used.size,
                                      sizeof ret->prompt_used - 1);
    memcpy(ret->prompt_used, submit->used.data ? submit->used.data : "", size);
    ret->prompt_used[size] = 0;
    return 0;
}

int api_estimate(struct api *api, const struct api_caller *caller, const struct api_submit *ask,
                 struct api_estimate *ret, struct api_problem *ret_problem)
{
    if (api_require(caller, STORE_SCOPE_GENERATE, ret_problem) < 0)
        return -1;
    struct submit *submit = submit_create(api, caller, ask, ret_problem);
    if (!submit)
        return -1;
    submit->estimate = true;
    int rc = stages(submit);
    if (rc == 0)
        rc = estimate_fill(submit, ret);
    submit_destroy(submit);
    return rc;
}

void api_estimate_finish(struct api_estimate *estimate)
{
    if (!estimate)
        return;
    json_decref(estimate->notes);
    estimate->notes = NULL;
}
