/* The worker's second thread: renews leases, sees who is to end, and says that the worker lives. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/queue/worker_inner.h"

enum { BEAT_MS = 100, PUBLISH_NS_PER_MS = 1000000, PUBLISH_MS = 5000 };

struct seen {
    size_t index;
    int64_t job_id, fence;
    int64_t lease_ms;
    struct worker *worker;
    bool renew, cancel;
};

/* The step is still the one that was looked at. */
static void end_if_same(const struct seen *seen, enum step_stop why)
{
    struct step *step = &seen->worker->steps[seen->index];
    pthread_mutex_lock(&seen->worker->lock);
    if (step->used && !step->finished && step->job_id == seen->job_id && step->fence == seen->fence)
        step_end_locked(step, why);
    pthread_mutex_unlock(&seen->worker->lock);
}

static int look_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct seen *seen = context;
    struct store_job row = {.hold_id = 0};
    const int64_t now_ms = worker_now_ms(seen->worker);
    int rc = store_job_get(tx, seen->job_id, 0, &row, err);
    if (rc < 0)
        return rc;
    seen->cancel = row.job.cancel_requested;
    if (row.job.fence != seen->fence || row.job.lease_until_ms == 0 || job_lapsed(&row.job, now_ms))
        rc = conch_error_set(err, JOB_ERR_STALE, "job %lld is held by another", (long long)seen->job_id);
    row.job.lease_until_ms = now_ms + seen->lease_ms;
    if (rc == 0 && seen->renew)
        rc = store_job_progress(tx, &row, err);
    store_job_finish(&row);
    return rc;
}

static bool step_look(struct worker *worker, size_t index, struct seen *ret, bool *ret_late)
{
    struct step *step = &worker->steps[index];
    const int64_t now_ns = clock_steady_ns(), timeout_ms = worker->settings.config->engine.timeout_ms;
    pthread_mutex_lock(&worker->lock);
    const bool live = step->used && !step->finished;
    *ret = (struct seen){.index = index,
                         .job_id = step->job_id,
                         .fence = step->fence,
                         .lease_ms = worker->lease_ms,
                         .worker = worker,
                         .renew = now_ns - step->renewed_ns >= worker->lease_ms * PUBLISH_NS_PER_MS / 3};
    if (live && ret->renew)
        step->renewed_ns = now_ns;
    *ret_late = timeout_ms > 0 && now_ns - step->claimed_ns > timeout_ms * PUBLISH_NS_PER_MS;
    pthread_mutex_unlock(&worker->lock);
    return live;
}

static void step_beat(struct worker *worker, size_t index, bool news)
{
    struct seen seen;
    conch_error problem;
    bool late;
    if (!step_look(worker, index, &seen, &late))
        return;
    if (atomic_load(worker->settings.stop))
        end_if_same(&seen, STEP_HAND_BACK);
    if (late)
        end_if_same(&seen, STEP_TIMEOUT);
    if (!news && !seen.renew)
        return;
    int rc = seen.renew ? store_write(worker->settings.store, look_work, &seen, &problem)
                        : store_read(worker->settings.store, look_work, &seen, &problem);
    if (rc == JOB_ERR_STALE || rc == CONCH_ERR_NOTFOUND)
        end_if_same(&seen, STEP_LOST);
    else if (rc < 0)
        log_warn("a lease could not be renewed", log_id("job", seen.job_id), log_error_text(&problem));
    else if (seen.cancel)
        end_if_same(&seen, STEP_CANCEL);
}

/* ---- what the worker tells of itself ---- */

void worker_learn(struct step *step)
{
    struct worker *worker = step->worker;
    const int64_t ms = (clock_steady_ns() - step->claimed_ns) / 1000000;
    const char *model = step->row.model ? step->row.model : "";
    pthread_mutex_lock(&worker->lock);
    const json_t *known = json_object_get(worker->rates, model);
    const int64_t rate = known ? (3 * json_integer_value(known) + ms) / 4 : ms;
    if (worker_needs_engine(&step->row)) /* words say nothing about clips */
        json_object_set_new(worker->rates, model, json_integer((json_int_t)rate));
    pthread_mutex_unlock(&worker->lock);
    log_info("a job is done", log_id("job", step->job_id), log_text("model", model), log_number("ms", ms));
}

static int seen_work(void *context, struct store_tx *tx, conch_error *err)
{
    return store_worker_seen(tx, context, err);
}

static int64_t newest_job(struct worker *worker)
{
    int64_t id = 0;
    for (size_t i = 0; i < WORKER_JOBS_MAX; i++)
        if (worker->steps[i].used && (worker->steps[i].seated || !id))
            id = worker->steps[i].job_id;
    return id;
}

void worker_publish(struct worker *worker)
{
    json_t *details = json_object(), *rates = NULL;
    conch_error problem = {0};
    struct store_worker row = {.kind = "engine", .pid = getpid(), .started_ms = worker->started_ms};
    int rc = details ? 0 : CONCH_ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < worker->settings.backend_count; i++) {
        struct backend *backend = worker->settings.backends[i];
        if (backend->table->describe)
            rc = backend->table->describe(backend, details, &problem);
    }
    pthread_mutex_lock(&worker->lock);
    rates = json_deep_copy(worker->rates);
    row.job_id = newest_job(worker);
    pthread_mutex_unlock(&worker->lock);
    if (details)
        json_object_set_new(details, "ms_per_clip", rates);
    else
        json_decref(rates);
    row.details = details ? json_dumps(details, JSON_COMPACT) : NULL;
    json_decref(details);
    memcpy(row.name, worker->name, sizeof row.name);
    row.seen_ms = worker_now_ms(worker);
    if (rc == 0)
        rc = store_write(worker->settings.store, seen_work, &row, &problem);
    if (rc < 0)
        log_warn("the worker could not say that it lives", log_error_text(&problem));
    free(row.details);
}

static int gone_work(void *context, struct store_tx *tx, conch_error *err)
{
    return store_worker_gone(tx, context, err);
}

static bool beat_pause(struct worker *worker)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += BEAT_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&worker->lock);
    if (!worker->ending)
        pthread_cond_timedwait(&worker->changed, &worker->lock, &until);
    const bool ending = worker->ending;
    pthread_mutex_unlock(&worker->lock);
    return !ending;
}

void *worker_beat(void *context)
{
    struct worker *worker = context;
    int64_t version = -1, published_ns = 0;
    do {
        int64_t now = version;
        const bool news = store_version(worker->settings.store, &now, NULL) < 0 || now != version;
        version = now;
        for (size_t i = 0; i < WORKER_JOBS_MAX; i++)
            step_beat(worker, i, news);
        if (!published_ns || clock_steady_ns() - published_ns >= PUBLISH_MS * (int64_t)PUBLISH_NS_PER_MS) {
            published_ns = clock_steady_ns();
            worker_publish(worker);
        }
    } while (beat_pause(worker));
    store_write(worker->settings.store, gone_work, worker->name, NULL);
    return NULL;
}
