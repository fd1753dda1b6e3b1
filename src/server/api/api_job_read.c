/* Jobs as they are shown. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/file.h"
#include "server/api/api_state.h"
#include "server/api/line.h"
#include "server/api/served.h"

enum { PREVIEW_BYTES_MAX = 16 << 20 };

void api_job_finish(struct api_job *job)
{
    if (!job)
        return;
    store_job_finish(&job->row);
    json_decref(job->details);
    memset(job, 0, sizeof *job);
}

const json_t *api_job_details(const struct api_job *job)
{
    struct api_job *mutable = (struct api_job *)job; /* what is kept here is no part of what the job says */
    if (!mutable->details && job->row.details)
        mutable->details = json_loads(job->row.details, 0, NULL);
    if (!mutable->details)
        mutable->details = json_object();
    return mutable->details;
}

static void job_begin(struct api_job *job)
{
    job->sandbox = job->row.backend && strcmp(job->row.backend, "sandbox") == 0;
    job->place = -1;
}

/* A file that is there. */
static int file_read_live(struct store_tx *tx, int64_t id, struct store_file *ret, conch_error *err)
{
    if (id == 0)
        return 0;
    const int rc = store_file_get(tx, id, 0, ret, err);
    if (rc == CONCH_ERR_NOTFOUND || (rc == 0 && ret->deleted_ms)) {
        memset(ret, 0, sizeof *ret);
        return 0;
    }
    return rc;
}

/* When a queued or running job will be done, as far as rates were measured. */
static int64_t eta_of(struct api *api, const struct api_job *job, int64_t now_ms)
{
    if (job->row.job.state != JOB_QUEUED)
        return job->row.job.state == JOB_RUNNING ? job_eta_ms(&job->row.job, now_ms) : 0;
    const int64_t clip_ms = job->row.served_by ? local_models_clip_ms(api->locals, job->row.served_by) : -1;
    const int64_t workers = (int64_t)local_models_workers(api->locals);
    if (clip_ms < 0 || workers == 0 || job->place < 0)
        return 0;
    return now_ms + (job->place / workers + 1) * clip_ms;
}

/* One engine makes the clips of both, so both stand in one queue. */
static int place_read(struct api *api, struct store_tx *tx, struct api_job *job, conch_error *err)
{
    const char *backend = job->row.backend;
    if (job->row.task && strcmp(job->row.task, "context") == 0) { /* words wait for no engine */
        job->place = 0;
        return 0;
    }
    if (backend && (strcmp(backend, "local") == 0 || strcmp(backend, "sandbox") == 0))
        return line_engine_place(api->line, tx, &job->row.job, &job->place, err);
    return store_job_place(tx, &job->row.job, backend, STORE_PLACE_MAX, &job->place, err);
}

int api_job_queue(struct api *api, struct store_tx *tx, struct api_job *ret, conch_error *err)
{
    int rc = 0;
    ret->place = -1;
    if (ret->row.job.state == JOB_QUEUED)
        rc = place_read(api, tx, ret, err);
    ret->eta_ms = eta_of(api, ret, clock_wall_ms());
    return rc;
}

int api_job_complete(struct api *api, struct store_tx *tx, struct api_job *ret, conch_error *err)
{
    job_begin(ret);
    int rc = api_job_queue(api, tx, ret, err);
    if (rc == 0)
        rc = file_read_live(tx, ret->row.file_id, &ret->file, err);
    if (rc == 0)
        rc = file_read_live(tx, ret->row.poster_file_id, &ret->poster, err);
    if (rc == 0)
        rc = store_job_inputs(tx, ret->row.job.id, ret->inputs, &ret->input_count, err);
    return rc;
}

int api_job_notify(struct store_tx *tx, const struct store_job *row, int64_t event_id, int64_t now_ms, conch_error *err)
{
    int64_t id;
    if (!row->callback_url)
        return 0;
    struct store_message message = {.job_id = row->job.id,
                                    .event_id = event_id,
                                    .url = row->callback_url,
                                    .style = row->callback_style,
                                    .created_ms = now_ms,
                                    .due_ms = now_ms};
    strncpy(message.kind, job_state_name(row->job.state), sizeof message.kind - 1);
    return store_message_add(tx, &message, &id, err);
}

/* ---- one ---- */

struct get {
    struct api *api;
    int64_t id, account_id;
    bool row_alone;
    struct api_job job;
};

static int get_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct get *get = context;
    int rc = store_job_get(tx, get->id, get->account_id, &get->job.row, err);
    if (rc == 0 && get->job.row.deleted_ms)
        rc = conch_error_set(err, CONCH_ERR_NOTFOUND, "job %lld was deleted", (long long)get->id);
    if (rc == 0 && !get->row_alone)
        return api_job_complete(get->api, tx, &get->job, err);
    if (rc == 0)
        job_begin(&get->job);
    return rc;
}

static int get_run(struct get *get, struct api_job *ret, conch_error *err)
{
    const int rc = store_read(get->api->store, get_work, get, err);
    if (rc < 0)
        api_job_finish(&get->job);
    else
        *ret = get->job;
    return rc;
}

static int get_for(struct api *api, const struct api_caller *caller, int64_t id, bool row_alone, struct api_job *ret,
                   struct api_problem *problem)
{
    struct get get = {.api = api, .id = id, .account_id = api_scope_account(caller), .row_alone = row_alone};
    conch_error err = {0};
    if (api_require(caller, STORE_SCOPE_READ, problem) < 0)
        return -1;
    const int rc = get_run(&get, ret, &err);
    return rc < 0 ? api_refuse_missing(problem, rc, &err, "job", id) : 0;
}

int api_job_get(struct api *api, const struct api_caller *caller, int64_t id, struct api_job *ret,
                struct api_problem *ret_problem)
{
    return get_for(api, caller, id, false, ret, ret_problem);
}

int api_job_peek(struct api *api, const struct api_caller *caller, int64_t id, struct api_job *ret,
                 struct api_problem *ret_problem)
{
    return get_for(api, caller, id, true, ret, ret_problem);
}

int api_job_show(struct api *api, int64_t id, struct api_job *ret, conch_error *err)
{
    struct get get = {.api = api, .id = id};
    return get_run(&get, ret, err);
}

/* ---- many ---- */

struct list {
    struct api *api;
    struct store_job_filter filter;
    struct store_page page; /* one row more than asked for, to see whether there are more */
    bool with_total;
    struct store_job *rows;
    struct api_job *jobs;
    size_t count;
    int64_t total;
};

static int list_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct list *list = context;
    int rc = store_job_list(tx, &list->filter, &list->page, list->rows, &list->count, err);
    if (rc < 0) {
        list->count = 0;
        return rc;
    }
    for (size_t i = 0; i < list->count; i++)
        list->jobs[i].row = list->rows[i];
    for (size_t i = 0; rc == 0 && i < list->count; i++)
        rc = api_job_complete(list->api, tx, &list->jobs[i], err);
    return rc == 0 && list->with_total ? store_job_count(tx, &list->filter, &list->total, err) : rc;
}

void api_job_list_finish(struct api_job_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->count; i++)
        api_job_finish(&list->jobs[i]);
    free(list->jobs);
    memset(list, 0, sizeof *list);
}

static int page_check(const struct api *api, const struct store_page *page, struct api_problem *problem)
{
    const size_t most = size_min(STORE_PAGE_MAX, (size_t)api->config->limits.jobs_list_max);
    char value[32];
    if (page->count >= 1 && page->count <= most)
        return 0;
    snprintf(value, sizeof value, "%zu", page->count);
    return api_refuse_value(problem, "limit", value, "1 to %zu", most);
}

int api_job_list(struct api *api, const struct api_caller *caller, const struct store_job_filter *filter,
                 const struct store_page *page, bool with_total, struct api_job_list *ret,
                 struct api_problem *ret_problem)
{
    struct list list = {.api = api, .filter = *filter, .page = *page, .with_total = with_total, .total = -1};
    conch_error err = {0};
    if (api_require(caller, STORE_SCOPE_READ, ret_problem) < 0 || page_check(api, page, ret_problem) < 0)
        return -1;
    if (!api_is_admin(caller) || list.filter.account_id == 0)
        list.filter.account_id = caller->key.account_id;
    list.page.count = size_min(page->count + 1, STORE_PAGE_MAX);
    list.rows = calloc(list.page.count, sizeof *list.rows);
    list.jobs = calloc(list.page.count, sizeof *list.jobs);
    int rc = list.rows && list.jobs ? store_read(api->store, list_work, &list, &err)
                                    : conch_error_set(&err, CONCH_ERR_NOMEM, "no memory for a list of jobs");
    struct api_job_list done = {.jobs = list.jobs, .count = list.count, .total = list.total};
    free(list.rows);
    if (rc < 0) {
        api_job_list_finish(&done);
        return api_refuse_error(ret_problem, rc, &err);
    }
    done.more = done.count > page->count || (page->count == STORE_PAGE_MAX && done.count == page->count);
    if (done.count > page->count)
        api_job_finish(&done.jobs[--done.count]);
    *ret = done;
    return 0;
}

/* ---- events and previews ---- */

struct events {
    struct store_event_filter filter;
    struct store_event *rows;
    size_t count;
};

static int events_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct events *events = context;
    return store_event_list(tx, &events->filter, events->rows, &events->count, err);
}

int api_event_list(struct api *api, const struct api_caller *caller, const struct store_event_filter *filter,
                   struct store_event *ret, size_t *count, struct api_problem *ret_problem)
{
    struct events events = {.filter = *filter, .rows = ret, .count = *count};
    conch_error err = {0};
    if (api_require(caller, STORE_SCOPE_READ, ret_problem) < 0)
        return -1;
    if (!api_is_admin(caller))
        events.filter.account_id = caller->key.account_id;
    const int rc = store_read(api->store, events_work, &events, &err);
    if (rc < 0)
        return api_refuse_error(ret_problem, rc, &err);
    *count = events.count;
    return 0;
}

int api_job_preview(struct api *api, const struct api_caller *caller, int64_t id, void **ret_data, size_t *ret_size,
                    struct api_problem *ret_problem)
{
    struct api_job job;
    struct buf picture;
    char path[4200];
    conch_error err = {0};
    if (api_job_peek(api, caller, id, &job, ret_problem) < 0)
        return -1;
    const bool over = job_terminal(job.row.job.state);
    api_job_finish(&job);
    buf_init(&picture, PREVIEW_BYTES_MAX);
    const int length = snprintf(path, sizeof path, "%s/preview/%lld.png", api->config->server.data, (long long)id);
    int rc = over || length >= (int)sizeof path ? CONCH_ERR_NOTFOUND : file_read(&picture, path, &err);
    if (rc == 0 && picture.size == 0)
        rc = CONCH_ERR_NOTFOUND;
    if (rc < 0) {
        buf_finish(&picture);
        return rc == CONCH_ERR_NOTFOUND
                   ? api_refuse(ret_problem, API_NOT_FOUND, "", "job %lld has no preview at the moment", (long long)id)
                   : api_refuse_error(ret_problem, rc, &err);
    }
    *ret_data = picture.data;
    *ret_size = picture.size;
    return 0;
}
