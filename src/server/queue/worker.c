#include "server/queue/worker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/queue/worker_inner.h"

enum {
    POLL_MS = 50,   /* a look whether anybody has committed */
    LOOK_MS = 1000, /* a look at the queue all the same: what waits becomes due by itself */
    DUE_FEW = 16,   /* ids that one look asks for, */
    TROUBLE_WAIT_MS = 1000
};

/* ---- the seat ---- */

static void wait_ms(struct worker *worker, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&worker->changed, &worker->lock, &until);
}

void worker_seat_take(struct step *step)
{
    struct worker *worker = step->worker;
    pthread_mutex_lock(&worker->lock);
    worker->seat_waiters++;
    while (worker->seat_taken)
        pthread_cond_wait(&worker->changed, &worker->lock);
    worker->seat_waiters--;
    worker->seat_taken = step->seated = true;
    pthread_mutex_unlock(&worker->lock);
}

void worker_seat_leave(struct step *step)
{
    struct worker *worker = step->worker;
    pthread_mutex_lock(&worker->lock);
    if (step->seated)
        worker->seat_taken = step->seated = false;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

void step_end_locked(struct step *step, enum step_stop why)
{
    int none = STEP_GO_ON;
    if (!atomic_compare_exchange_strong(&step->stop, &none, why))
        return;
    if (step->backend->table->cancel)
        step->backend->table->cancel(step->backend, step->job_id);
    pthread_cond_broadcast(&step->worker->changed); /* one that waits looks again */
}

void step_end(struct step *step, enum step_stop why)
{
    pthread_mutex_lock(&step->worker->lock);
    step_end_locked(step, why);
    pthread_mutex_unlock(&step->worker->lock);
}

/* ---- claiming ---- */

struct claim {
    struct worker *worker;
    const char *names[WORKER_BACKENDS_MAX];
    int64_t ids[STORE_PAGE_MAX];
    size_t count;
    struct store_job row; /* what was claimed; job.id 0: nothing */
    struct backend *backend;
    bool context; /* only jobs that need no engine */
};

bool worker_needs_engine(const struct store_job *row)
{
    return !row->task || strcmp(row->task, "context") != 0;
}

static int due_read(void *context, struct store_tx *tx, conch_error *err)
{
    struct claim *claim = context;
    struct worker *worker = claim->worker;
    const struct store_due due = {.backends = claim->names,
                                  .backend_count = worker->settings.backend_count,
                                  .now_ms = worker_now_ms(worker),
                                  .context = claim->context,
                                  .server_running_max = worker->settings.config->limits.running_per_key};
    return store_job_due(tx, &due, claim->ids, &claim->count, err);
}

static struct backend *backend_of(const struct worker *worker, const char *name)
{
    for (size_t i = 0; name && i < worker->settings.backend_count; i++)
        if (strcmp(worker->settings.backends[i]->table->name, name) == 0)
            return worker->settings.backends[i];
    return NULL;
}

/* A job whose answer was lost is asked for again after a while, and only where asking finds something. */
static bool may_claim(const struct store_job *row, const struct backend *backend, int64_t now_ms)
{
    if (!backend || !job_claimable(&row->job, now_ms))
        return false;
    const int64_t found_after_ms = backend->table->found_after_ms;
    return row->job.state != JOB_UNKNOWN || (found_after_ms > 0 && now_ms - row->job.state_ms >= found_after_ms);
}

static int claim_one(struct claim *claim, struct store_tx *tx, int64_t id, conch_error *err)
{
    struct worker *worker = claim->worker;
    const int64_t now_ms = worker_now_ms(worker);
    struct store_job row = {.hold_id = 0};
    struct job_event event;
    int rc = store_job_get(tx, id, 0, &row, err);
    if (rc == CONCH_ERR_NOTFOUND)
        return 0;
    struct backend *backend = rc == 0 ? backend_of(worker, row.backend) : NULL;
    if (rc < 0 || !may_claim(&row, backend, now_ms)) {
        store_job_finish(&row);
        return rc;
    }
    rc = job_claim(&row.job, worker->lease_ms, now_ms, &event, err);
    const struct store_job_step step = {.job = &row, .event = &event};
    if (rc == 0)
        rc = store_job_step(tx, &step, NULL, err);
    if (rc < 0) {
        store_job_finish(&row);
        return rc;
    }
    claim->row = row;
    claim->backend = backend;
    return 0;
}

static int claim_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct claim *claim = context;
    int rc = due_read(claim, tx, err);
    store_job_finish(&claim->row); /* of a try that was undone */
    claim->row = (struct store_job){.hold_id = 0};
    for (size_t i = 0; rc == 0 && i < claim->count && claim->row.job.id == 0; i++)
        rc = claim_one(claim, tx, claim->ids[i], err);
    return rc;
}

/* Few ids first: only when none of them can be had is the whole page looked at. */
static int claim_next(struct claim *claim, conch_error *err)
{
    static const size_t counts[] = {DUE_FEW, STORE_PAGE_MAX};
    struct store *store = claim->worker->settings.store;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        claim->count = counts[i];
        int rc = store_read(store, due_read, claim, err); /* idle, nothing is written */
        if (rc < 0 || claim->count == 0)
            return rc;
        claim->count = counts[i];
        rc = store_write(store, claim_work, claim, err);
        if (rc < 0 || claim->row.job.id || claim->count < counts[i])
            return rc;
    }
    return 0;
}

/* ---- steps as threads ---- */

static void *step_thread(void *context)
{
    struct step *step = context;
    struct worker *worker = step->worker;
    step_run(step);
    worker_seat_leave(step);
    pthread_mutex_lock(&worker->lock);
    step->finished = true;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

/* The main thread's: frees the slots of steps that are through. */
static void steps_reap(struct worker *worker, bool wait)
{
    for (size_t i = 0; i < WORKER_JOBS_MAX; i++) {
        struct step *step = &worker->steps[i];
        pthread_mutex_lock(&worker->lock);
        const bool finished = step->finished;
        pthread_mutex_unlock(&worker->lock);
        if (!step->used || (!finished && !wait))
            continue;
        pthread_join(step->thread, NULL);
        pthread_mutex_lock(&worker->lock);
        store_job_finish(&step->row);
        memset(step, 0, sizeof *step);
        pthread_mutex_unlock(&worker->lock);
    }
}

static struct step *step_free(struct worker *worker)
{
    for (size_t i = 0; i < WORKER_JOBS_MAX; i++)
        if (!worker->steps[i].used)
            return &worker->steps[i];
    return NULL;
}

/* Takes the seat if it is free and nobody waits for it, so that none comes in between while a job is claimed for it. */
static bool seat_reserve(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    const bool is_free = !worker->seat_taken && worker->seat_waiters == 0;
    worker->seat_taken = worker->seat_taken || is_free;
    pthread_mutex_unlock(&worker->lock);
    return is_free;
}

static void seat_give_back_locked(struct worker *worker)
{
    worker->seat_taken = false;
    pthread_cond_broadcast(&worker->changed);
}

/* Takes the row. The reserved seat is the new step's if it needs one; when no thread can be had, its lease will lapse.
 */
static void step_start(struct worker *worker, struct claim *claim, bool reserved)
{
    struct step *step = step_free(worker);
    assert(step);
    pthread_mutex_lock(&worker->lock);
    memset(step, 0, sizeof *step);
    step->worker = worker;
    step->row = claim->row;
    step->job = claim->row.job;
    step->job_id = claim->row.job.id;
    step->fence = claim->row.job.fence;
    step->backend = claim->backend;
    step->claimed_ns = step->renewed_ns = clock_steady_ns();
    step->seated = worker_needs_engine(&claim->row);
    assert(reserved || !step->seated);
    step->used = pthread_create(&step->thread, NULL, step_thread, step) == 0;
    if (reserved && (!step->used || !step->seated))
        seat_give_back_locked(worker);
    if (!step->used) {
        log_error("no thread for a job", log_id("job", step->job_id));
        store_job_finish(&step->row);
        memset(step, 0, sizeof *step);
    }
    pthread_mutex_unlock(&worker->lock);
}

/* ---- the loop ---- */

/* Claims and starts one job when there is one; while the seat is taken, one that needs none. *ret: whether it did. */
static int take_one(struct worker *worker, bool *ret, conch_error *err)
{
    const bool reserved = seat_reserve(worker);
    struct claim claim = {.worker = worker, .context = !reserved};
    for (size_t i = 0; i < worker->settings.backend_count; i++)
        claim.names[i] = worker->settings.backends[i]->table->name;
    int rc = claim_next(&claim, err);
    *ret = rc == 0 && claim.row.job.id != 0;
    if (*ret) {
        step_start(worker, &claim, reserved);
        return rc;
    }
    store_job_finish(&claim.row);
    if (reserved) {
        pthread_mutex_lock(&worker->lock);
        seat_give_back_locked(worker);
        pthread_mutex_unlock(&worker->lock);
    }
    return rc;
}

static bool seat_free(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    const bool is_free = !worker->seat_taken && worker->seat_waiters == 0;
    pthread_mutex_unlock(&worker->lock);
    return is_free;
}

static void pause_ms(struct worker *worker, int64_t ms)
{
    pthread_mutex_lock(&worker->lock);
    wait_ms(worker, ms);
    pthread_mutex_unlock(&worker->lock);
}

static void worker_loop(struct worker *worker)
{
    int64_t version = -1, looked_ns = 0;
    bool seat = true;
    conch_error problem;
    while (!atomic_load(worker->settings.stop)) {
        int64_t now = 0;
        bool taken = false;
        steps_reap(worker, false);
        const bool seat_before = seat;
        seat = seat_free(worker);
        if (!step_free(worker)) {
            pause_ms(worker, POLL_MS);
            looked_ns = 0;
            continue;
        }
        if (seat && !seat_before)
            looked_ns = 0; /* what came meanwhile is looked at as soon as the seat is free */
        int rc = store_version(worker->settings.store, &now, &problem);
        if (rc == 0 && (now != version || clock_steady_ns() - looked_ns >= LOOK_MS * INT64_C(1000000))) {
            version = now;
            looked_ns = clock_steady_ns();
            rc = take_one(worker, &taken, &problem);
        }
        if (rc < 0)
            log_warn("the queue cannot be read", log_error_text(&problem));
        if (!taken)
            pause_ms(worker, rc < 0 ? TROUBLE_WAIT_MS : POLL_MS);
    }
}

static int worker_init(struct worker *worker, const struct worker_settings *settings, conch_error *err)
{
    char host[64] = "";
    pthread_condattr_t steady;
    worker->settings = *settings;
    worker->clock.wall_ms = settings->wall_ms;
    worker->lease_ms = settings->config->jobs.lease_ms;
    gethostname(host, sizeof host - 1);
    snprintf(worker->name, sizeof worker->name, "engine-%.40s-%ld", host, (long)getpid());
    if (settings->name)
        snprintf(worker->name, sizeof worker->name, "%s", settings->name);
    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->changed, &steady);
    pthread_condattr_destroy(&steady);
    worker->rates = json_object();
    int rc = worker->rates ? queue_clock_start(&worker->clock, settings->store, settings->config->jobs.lease_ms, err)
                           : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a worker");
    worker->started_ms = worker_now_ms(worker);
    return rc;
}

static void worker_finish(struct worker *worker)
{
    json_decref(worker->rates);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

int worker_run(const struct worker_settings *settings, conch_error *err)
{
    assert(settings->backend_count >= 1 && settings->backend_count <= WORKER_BACKENDS_MAX);
    pthread_t beat;
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a worker");
    int rc = worker_init(worker, settings, err);
    if (rc == 0 && pthread_create(&beat, NULL, worker_beat, worker) != 0)
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "no thread for the worker's heartbeat");
    if (rc == 0) {
        worker_loop(worker);
        steps_reap(worker, true); /* the beat has told them to end */
        pthread_mutex_lock(&worker->lock);
        worker->ending = true;
        pthread_cond_broadcast(&worker->changed);
        pthread_mutex_unlock(&worker->lock);
        pthread_join(beat, NULL);
    }
    worker_finish(worker);
    return rc;
}
