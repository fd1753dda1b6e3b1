#include "store_world.h"

#include <stdlib.h>
#include <string.h>

struct start {
    int64_t microusd;
};

static int account_make(void *context, struct store_tx *tx, conch_error *err)
{
    const struct start *start = context;
    struct store_account account = {.ledger = {.id = WORLD_ACCOUNT}, .name = "studio", .created_ms = 1000};
    struct store_key key = {.id = WORLD_KEY,
                            .account_id = WORLD_ACCOUNT,
                            .name = "first",
                            .tail = "abcd",
                            .scopes = STORE_SCOPE_GENERATE | STORE_SCOPE_READ,
                            .queued_max = -1,
                            .running_max = -1,
                            .priority_max = -1,
                            .created_ms = 1000};
    struct store_grant grant = {.account_id = WORLD_ACCOUNT,
                                .lot_id = WORLD_LOT,
                                .kind = LEDGER_PAYG,
                                .amount = start->microusd,
                                .now_ms = 1000,
                                .note = "start"};
    const uint8_t hash[STORE_KEY_HASH_BYTES] = {1, 2, 3};
    int rc = store_account_add(tx, &account, err);
    if (rc == 0)
        rc = store_key_add(tx, &key, hash, err);
    return rc == 0 ? store_grant(tx, &grant, err) : rc;
}

struct store *world_reopen(void)
{
    struct store_settings settings = {.path = scratch_path()};
    struct store *store = NULL;
    conch_error err = {0};
    if (store_open(&store, &settings, &err) < 0)
        fail_msg("%s", err.text);
    return store;
}

struct store *world_open(int64_t microusd)
{
    struct store *store = world_reopen();
    struct start start = {.microusd = microusd};
    if (microusd > 0)
        world_write(store, account_make, &start, 0, NULL);
    return store;
}

static void expect(int rc, int wanted, const conch_error *err, conch_error *ret_err)
{
    if (rc != wanted)
        fail_msg("%d and not %d: %s", rc, wanted, err->text);
    if (ret_err)
        *ret_err = *err;
}

void world_write(struct store *store, store_work *work, void *context, int wanted, conch_error *ret_err)
{
    conch_error err = {0};
    int rc = store_write(store, work, context, &err);
    expect(rc, wanted, &err, ret_err);
}

void world_read(struct store *store, store_work *work, void *context, int wanted, conch_error *ret_err)
{
    conch_error err = {0};
    int rc = store_read(store, work, context, &err);
    expect(rc, wanted, &err, ret_err);
}

int world_job_add(void *context, struct store_tx *tx, conch_error *err)
{
    const struct world_job *wanted = context;
    struct job_settings settings = {.id = wanted->id, .remote = wanted->remote, .priority = wanted->priority};
    struct job_event event;
    struct store_job job = {.account_id = WORLD_ACCOUNT,
                            .key_id = wanted->key_id ? wanted->key_id : WORLD_KEY,
                            .hold_id = wanted->id,
                            .dialect = (char[]){"conch"},
                            .task = (char[]){"generation"},
                            .model_asked = (char[]){"tiny"},
                            .model = strdup(wanted->model ? wanted->model : "conch/tiny"),
                            .served_by = (char[]){"conch/tiny"},
                            .backend = strdup(wanted->backend ? wanted->backend : "local"),
                            .mode = (char[]){"text"},
                            .prompt = strdup(wanted->prompt ? wanted->prompt : "a red ball"),
                            .resolution = (char[]){"256P"},
                            .seconds = 2,
                            .seed = -1,
                            .details = (char[]){"{\"steps\":8}"},
                            .unit = LEDGER_MICROUSD,
                            .quoted = wanted->price};
    struct store_hold hold = {.account_id = WORLD_ACCOUNT,
                              .hold_id = wanted->id,
                              .key_id = job.key_id,
                              .quote = {.unit = LEDGER_MICROUSD, .amount = wanted->price},
                              .now_ms = wanted->now_ms};
    struct store_job_new add = {
        .job = &job, .event = &event, .inputs = wanted->inputs, .input_count = wanted->input_count};
    int rc = job_create(&job.job, &settings, wanted->now_ms, &event, err);
    if (rc == 0)
        rc = store_hold(tx, &hold, err);
    if (rc == 0)
        rc = store_job_add(tx, &add, NULL, err);
    free(job.model);
    free(job.backend);
    free(job.prompt);
    return rc;
}

static int arrow_make(struct world_step *step, struct store_job *job, struct job_event *event, conch_error *err)
{
    switch (step->arrow) {
    case WORLD_CLAIM: return job_claim(&job->job, step->lease_ms ? step->lease_ms : 60000, step->now_ms, event, err);
    case WORLD_START: return job_start(&job->job, step->fence, step->now_ms, event, err);
    case WORLD_PROGRESS: return job_progress(&job->job, step->fence, 500, step->now_ms, event, err);
    case WORLD_OUTPUT: return job_output(&job->job, step->fence, step->now_ms, event, err);
    case WORLD_FINISH: return job_finish(&job->job, step->fence, step->now_ms, event, err);
    case WORLD_FAIL: return job_fail(&job->job, step->fence, step->error, step->now_ms, event, err);
    case WORLD_CANCEL: return job_cancel(&job->job, step->now_ms, event, err);
    case WORLD_STOP: return job_stop(&job->job, step->fence, step->now_ms, event, err);
    case WORLD_TROUBLE: return job_trouble(&job->job, step->fence, step->error, step->now_ms, event, err);
    case WORLD_LAPSE:
        return job_lapsed(&job->job, step->now_ms) ? job_lapse(&job->job, step->now_ms, event, err) : JOB_ERR_STALE;
    case WORLD_FIND: return job_find(&job->job, step->fence, step->now_ms, event, err);
    case WORLD_GIVE_UP:
        return job_allows(&job->job, JOB_ARROW_GIVE_UP)
                   ? job_give_up(&job->job, step->charge_permille > 0, step->now_ms, event, err)
                   : JOB_ERR_STALE;
    }
    return CONCH_ERR_INTERNAL;
}

int world_job_step(void *context, struct store_tx *tx, conch_error *err)
{
    struct world_step *step = context;
    struct store_job job;
    struct job_event event;
    int rc = store_job_get(tx, step->id, 0, &job, err);
    if (rc < 0)
        return rc;
    struct store_job_step write = {.job = &job, .event = &event, .charge = step->charge};
    rc = arrow_make(step, &job, &event, err);
    if (step->charge_permille > 0)
        write.charge = job.quoted * step->charge_permille / 1000;
    if (rc == 0)
        rc = store_job_step(tx, &write, NULL, err);
    if (rc == 0) {
        step->after = job.job;
        if (step->arrow == WORLD_CLAIM)
            step->fence = job.job.fence;
    }
    store_job_finish(&job);
    return rc;
}

struct audit_call {
    struct store_audit audit;
    char lines[4096];
};

static void audit_line(void *context, const char *line)
{
    struct audit_call *call = context;
    size_t size = strlen(call->lines);
    snprintf(call->lines + size, sizeof(call->lines) - size, "\n%s", line);
}

static int audit_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct audit_call *call = context;
    return store_audit(tx, audit_line, call, &call->audit, err);
}

struct store_audit world_audit(struct store *store, int64_t wanted)
{
    struct audit_call call = {0};
    world_read(store, audit_work, &call, 0, NULL);
    if (call.audit.problems != wanted)
        fail_msg("%lld problems and not %lld:%s", (long long)call.audit.problems, (long long)wanted, call.lines);
    return call.audit;
}
