/* What can be done to a job that is there. Each verb is one transaction. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "server/api/api_state.h"
#include "server/prompt/check.h"

struct change {
    struct api *api;
    const struct api_caller *caller;
    int64_t id, now_ms;
    struct api_once *once;
    struct api_problem *problem;
    struct api_job job;
    /* of single verbs */
    bool charge;
    int accepted;
    const char *note;
    bool replayed;
};

/* The row, of the caller's account or any for an admin; deleted ones only when they are asked for. */
static int row_read(struct change *change, struct store_tx *tx, bool deleted, conch_error *err)
{
    struct store_job *row = &change->job.row;
    int rc = store_job_get(tx, change->id, 0, row, err);
    if (rc < 0)
        return rc;
    const bool theirs = api_is_admin(change->caller) || row->account_id == change->caller->key.account_id;
    if (theirs && (row->deleted_ms != 0) == deleted)
        return 0;
    store_job_finish(row);
    return conch_error_set(err, CONCH_ERR_NOTFOUND, "there is no job %lld", (long long)change->id);
}

static int refuse_state(struct change *change, const char *format)
{
    api_refuse(change->problem, API_CONFLICT, "", format, (long long)change->id,
               job_state_name(change->job.row.job.state));
    return API_ERR_REFUSED;
}

static int run(struct change *change, store_work *work, struct api_job *ret)
{
    conch_error err = {0};
    change->now_ms = clock_wall_ms();
    const int rc = store_write(change->api->store, work, change, &err);
    if (rc < 0 || change->replayed || !ret)
        api_job_finish(&change->job);
    if (rc < 0)
        return api_refuse_missing(change->problem, rc, &err, "job", change->id);
    if (ret && !change->replayed)
        *ret = change->job;
    return 0;
}

/* ---- cancel ---- */

static int cancel_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct change *change = context;
    struct store_job *row = &change->job.row;
    struct job_event event;
    int64_t event_id = 0;
    int rc = api_once_find(change->caller, change->once, tx, change->now_ms, change->problem, err);
    if (rc != 0) {
        change->replayed = rc == 1;
        return rc < 0 ? rc : 0;
    }
    rc = row_read(change, tx, false, err);
    if (rc < 0)
        return rc;
    if (job_terminal(row->job.state))
        return refuse_state(change, "job %lld is %s and cannot be cancelled");
    rc = job_cancel(&row->job, change->now_ms, &event, err);
    if (rc == 0)
        rc = store_job_step(tx, &(struct store_job_step){.job = row, .event = &event}, &event_id, err);
    if (rc == 0 && job_terminal(row->job.state))
        rc = api_job_notify(tx, row, event_id, change->now_ms, err);
    if (rc == 0)
        rc = api_job_complete(change->api, tx, &change->job, err);
    if (rc == 0)
        rc = api_once_keep(change->api, change->caller, change->once, tx, &change->job, change->now_ms, err);
    return rc;
}

int api_job_cancel(struct api *api, const struct api_caller *caller, int64_t id, struct api_once *once,
                   struct api_job *ret, struct api_problem *ret_problem)
{
    struct change change = {.api = api, .caller = caller, .id = id, .once = once, .problem = ret_problem};
    if (api_require(caller, STORE_SCOPE_GENERATE, ret_problem) < 0)
        return -1;
    if (once)
        once->subject = id;
    const int kept = api_once_begin(api, caller, once, ret_problem);
    if (kept != 0)
        return kept < 0 ? -1 : 0;
    const int rc = run(&change, cancel_work, ret);
    if (rc == 0)
        api_count(api, change.replayed ? API_COUNT_REPLAYED : API_COUNT_CANCELLED, 1);
    return rc;
}

/* ---- delete and restore ---- */

static int delete_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct change *change = context;
    const int rc = row_read(change, tx, false, err);
    if (rc < 0)
        return rc;
    if (!job_terminal(change->job.row.job.state))
        return refuse_state(change, "job %lld is %s; only finished jobs can be deleted, cancel it first");
    change->job.row.deleted_ms = change->now_ms;
    return store_job_mark(tx, &change->job.row, err);
}

int api_job_delete(struct api *api, const struct api_caller *caller, int64_t id, struct api_problem *ret_problem)
{
    struct change change = {.api = api, .caller = caller, .id = id, .problem = ret_problem};
    if (api_require(caller, STORE_SCOPE_GENERATE, ret_problem) < 0)
        return -1;
    return run(&change, delete_work, NULL);
}

/* Whether a job's result, if it ever had one, is still there. */
static int result_there(struct store_tx *tx, const struct store_job *row, bool *ret_there, conch_error *err)
{
    struct store_file file;
    *ret_there = true;
    if (row->file_id == 0)
        return 0;
    const int rc = store_file_get(tx, row->file_id, 0, &file, err);
    if (rc < 0 && rc != CONCH_ERR_NOTFOUND)
        return rc;
    *ret_there = rc == 0 && !file.deleted_ms;
    return 0;
}

static int restore_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct change *change = context;
    bool there;
    int rc = row_read(change, tx, true, err);
    if (rc == 0)
        rc = result_there(tx, &change->job.row, &there, err);
    if (rc < 0)
        return rc;
    if (!there) {
        api_refuse(change->problem, API_CONFLICT, "", "the files of job %lld are gone; it cannot be restored",
                   (long long)change->id);
        return API_ERR_REFUSED;
    }
    change->job.row.deleted_ms = 0;
    return store_job_mark(tx, &change->job.row, err);
}

int api_job_restore(struct api *api, const struct api_caller *caller, int64_t id, struct api_problem *ret_problem)
{
    struct change change = {.api = api, .caller = caller, .id = id, .problem = ret_problem};
    if (api_require(caller, STORE_SCOPE_GENERATE, ret_problem) < 0)
        return -1;
    return run(&change, restore_work, NULL);
}

/* ---- review ---- */

static int accept_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct change *change = context;
    struct store_job *row = &change->job.row;
    int rc = row_read(change, tx, false, err);
    if (rc < 0)
        return rc;
    if (row->job.state != JOB_SUCCEEDED)
        return refuse_state(change, "job %lld is %s; only a clip that was made can be reviewed");
    free(row->note);
    row->note = change->note && *change->note ? strdup(change->note) : NULL;
    if (change->note && *change->note && !row->note)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a note");
    row->accepted = change->accepted;
    rc = store_job_mark(tx, row, err);
    return rc == 0 ? api_job_complete(change->api, tx, &change->job, err) : rc;
}

int api_job_accept(struct api *api, const struct api_caller *caller, int64_t id, int accepted, const char *note,
                   struct api_job *ret, struct api_problem *ret_problem)
{
    struct change change = {
        .api = api, .caller = caller, .id = id, .problem = ret_problem, .accepted = accepted, .note = note};
    char value[16];
    conch_error err = {0};
    if (api_require(caller, STORE_SCOPE_GENERATE, ret_problem) < 0)
        return -1;
    snprintf(value, sizeof value, "%d", accepted);
    if (accepted < -1 || accepted > 1)
        return api_refuse_value(ret_problem, "accepted", value, "1 accepted, -1 rejected, 0 not said");
    if (note && prompt_check(note, API_NOTE_BYTES_MAX, "note", NULL, &err) < 0)
        return api_refuse(ret_problem, API_INVALID, "note", "%s", err.text);
    return run(&change, accept_work, ret);
}

/* ---- a job whose fate is not known ---- */

static int give_up_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct change *change = context;
    struct store_job *row = &change->job.row;
    struct job_event event;
    int64_t event_id = 0;
    int rc = row_read(change, tx, false, err);
    if (rc < 0)
        return rc;
    if (!job_allows(&row->job, JOB_ARROW_GIVE_UP))
        return refuse_state(change, "job %lld is %s; only a job in unknown can be given up");
    rc = job_give_up(&row->job, change->charge, change->now_ms, &event, err);
    if (rc == 0)
        rc = store_job_step(
            tx, &(struct store_job_step){.job = row, .event = &event, .charge = change->charge ? row->quoted : 0},
            &event_id, err);
    if (rc == 0)
        rc = api_job_notify(tx, row, event_id, change->now_ms, err);
    return rc == 0 ? api_job_complete(change->api, tx, &change->job, err) : rc;
}

int api_job_give_up(struct api *api, const struct api_caller *caller, int64_t id, bool charge, struct api_job *ret,
                    struct api_problem *ret_problem)
{
    struct change change = {.api = api, .caller = caller, .id = id, .problem = ret_problem, .charge = charge};
    if (api_require(caller, STORE_SCOPE_ADMIN, ret_problem) < 0)
        return -1;
    return run(&change, give_up_work, ret);
}
