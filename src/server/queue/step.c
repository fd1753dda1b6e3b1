/* One job, from the claim to its last arrow. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "server/queue/result.h"
#include "server/queue/worker_inner.h"

enum { PROGRESS_NS = 250000000, PICTURE_BYTES_MAX = 64 << 20 };

struct inputs {
    struct backend_picture pictures[2]; /* first, last; owned */
};

/* ---- arrows ---- */

static struct arrow arrow_of(struct step *step, int (*make)(struct arrow *, struct store_tx *, struct store_job *,
                                                            struct job_event *, conch_error *))
{
    return (struct arrow){.worker = step->worker, .job_id = step->job_id, .make = make, .context = step};
}

/* What went wrong with an arrow: another has the job, or the store does not work. */
static int arrow_trouble(struct step *step, int rc, const conch_error *problem)
{
    if (rc == JOB_ERR_STALE)
        step_end(step, STEP_LOST);
    else if (rc < 0)
        log_error("a step of a job could not be written", log_id("job", step->job_id), log_error_text(problem));
    return rc;
}

static int step_arrow(struct step *step, struct arrow *arrow)
{
    conch_error problem = {0};
    int rc = arrow_trouble(step, arrow_make(arrow, &problem), &problem);
    if (rc == 0)
        step->job = arrow->job;
    return rc;
}

static int text_set(char **text, const char *value, conch_error *err)
{
    char *copy = value ? strdup(value) : NULL;
    if (value && !copy)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a job's text");
    free(*text);
    *text = copy;
    return 0;
}

static int make_start(struct arrow *arrow, struct store_tx *tx, struct store_job *row, struct job_event *ret_event,
                      conch_error *err)
{
    const struct step *step = arrow->context;
    int rc = text_set(&row->error_text, NULL, err); /* of the attempt before */
    return rc < 0 ? rc : job_start(&row->job, step->fence, worker_now_ms(arrow->worker), ret_event, err);
}

static int make_find(struct arrow *arrow, struct store_tx *tx, struct store_job *row, struct job_event *ret_event,
                     conch_error *err)
{
    const struct step *step = arrow->context;
    int rc = text_set(&row->error_text, NULL, err);
    return rc < 0 ? rc : job_find(&row->job, step->fence, worker_now_ms(arrow->worker), ret_event, err);
}

static int make_output(struct arrow *arrow, struct store_tx *tx, struct store_job *row, struct job_event *ret_event,
                       conch_error *err)
{
    const struct step *step = arrow->context;
    return job_output(&row->job, step->fence, worker_now_ms(arrow->worker), ret_event, err);
}

static int make_stop(struct arrow *arrow, struct store_tx *tx, struct store_job *row, struct job_event *ret_event,
                     conch_error *err)
{
    const struct step *step = arrow->context;
    const int64_t now_ms = worker_now_ms(arrow->worker);
    if (row->job.fence == step->fence && row->job.cancel_requested && job_allows(&row->job, JOB_ARROW_STOP))
        return job_stop(&row->job, step->fence, now_ms, ret_event, err);
    return job_hand_back(&row->job, step->fence, now_ms, ret_event, err);
}

struct trouble {
    struct step *step;
    enum job_error error;
    const char *text;
};

static int make_trouble(struct arrow *arrow, struct store_tx *tx, struct store_job *row, struct job_event *ret_event,
                        conch_error *err)
{
    const struct trouble *trouble = arrow->context;
    const int64_t fence = trouble->step->fence, now_ms = worker_now_ms(arrow->worker);
    int rc = text_set(&row->error_text, trouble->text, err);
    if (rc < 0)
        return rc;
    if (row->job.fence == fence && row->job.cancel_requested && job_allows(&row->job, JOB_ARROW_STOP))
        return job_stop(&row->job, fence, now_ms, ret_event, err); /* it was to end anyway */
    if (trouble->error != JOB_ERROR_LOST_ANSWER)
        return job_trouble(&row->job, fence, trouble->error, now_ms, ret_event, err);
    if (job_allows(&row->job, JOB_ARROW_LOSE))
        return job_lose(&row->job, fence, now_ms, ret_event, err);
    return job_fail(&row->job, fence, trouble->error, now_ms, ret_event, err);
}

static void step_trouble(struct step *step, enum job_error error, const char *text)
{
    struct trouble trouble = {step, error, text};
    struct arrow arrow = arrow_of(step, make_trouble);
    arrow.context = &trouble;
    if (step_arrow(step, &arrow) == 0)
        log_warn("a job met an error", log_id("job", step->job_id), log_text("error", job_error_rule(error)->name),
                 log_text("text", text), log_text("state", job_state_name(step->job.state)));
}

/* ---- what the backend tells ---- */

static bool on_stopped(void *context)
{
    struct step *step = context;
    return atomic_load(&step->stop) != STEP_GO_ON;
}

static int on_begun(void *context)
{
    struct step *step = context;
    struct arrow arrow = arrow_of(step, make_start);
    if (on_stopped(step))
        return CONCH_ERR_CANCELLED;
    return step->job.state == JOB_SUBMITTING ? step_arrow(step, &arrow) : 0; /* else it had begun before */
}

struct telling {
    struct step *step;
    const struct backend_progress *progress;
    bool cancel;
};

/* A new phase: a line in the job's log. */
static int make_phase(struct arrow *arrow, struct store_tx *tx, struct store_job *row, struct job_event *ret_event,
                      conch_error *err)
{
    struct telling *telling = arrow->context;
    const int64_t now_ms = worker_now_ms(arrow->worker), lease_until_ms = now_ms + arrow->worker->lease_ms;
    int rc = text_set(&row->phase, telling->progress->phase, err);
    row->step = telling->progress->step;
    row->step_count = telling->progress->step_count;
    if (rc == 0)
        rc = job_progress(&row->job, telling->step->fence, telling->progress->permille, now_ms, ret_event, err);
    if (rc == 0 && row->job.lease_until_ms < lease_until_ms)
        row->job.lease_until_ms = lease_until_ms;
    telling->cancel = row->job.cancel_requested;
    return rc;
}

/* The same phase going on: numbers alone. */
static int tell_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct telling *telling = context;
    struct step *step = telling->step;
    struct store_job row = {.hold_id = 0};
    const int64_t now_ms = worker_now_ms(step->worker);
    int rc = store_job_get(tx, step->job_id, 0, &row, err);
    if (rc < 0)
        return rc;
    if (row.job.fence != step->fence || row.job.lease_until_ms == 0 || job_lapsed(&row.job, now_ms))
        rc = conch_error_set(err, JOB_ERR_STALE, "job %lld is held by another", (long long)step->job_id);
    telling->cancel = row.job.cancel_requested;
    row.step = telling->progress->step;
    row.step_count = telling->progress->step_count;
    row.job.lease_until_ms = now_ms + step->worker->lease_ms;
    if (row.job.progress_permille < telling->progress->permille)
        row.job.progress_permille = telling->progress->permille;
    if (rc == 0)
        rc = store_job_progress(tx, &row, err);
    store_job_finish(&row);
    return rc;
}

static int on_progress(void *context, const struct backend_progress *progress)
{
    struct step *step = context;
    const int64_t now_ns = clock_steady_ns();
    const bool new_phase = strcmp(step->phase, progress->phase) != 0;
    if (on_stopped(step))
        return CONCH_ERR_CANCELLED;
    if (step->job.state != JOB_RUNNING || (!new_phase && now_ns - step->told_ns < PROGRESS_NS))
        return 0;
    step->told_ns = now_ns;
    strncpy(step->phase, progress->phase, sizeof step->phase - 1);
    struct telling telling = {.step = step, .progress = progress};
    struct arrow arrow = arrow_of(step, make_phase);
    arrow.context = &telling;
    conch_error problem = {0};
    int rc = new_phase ? step_arrow(step, &arrow)
                       : arrow_trouble(step, store_write(step->worker->settings.store, tell_work, &telling, &problem),
                                       &problem);
    if (rc == 0 && telling.cancel)
        step_end(step, STEP_CANCEL);
    return on_stopped(step) ? CONCH_ERR_CANCELLED : 0; /* progress that could not be written is no reason to give up */
}

static int on_wait(void *context, int64_t ms)
{
    struct step *step = context;
    struct worker *worker = step->worker;
    struct timespec until;
    const bool seated = step->seated; /* this thread's own: nobody else changes it while it runs */
    worker_seat_leave(step);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&worker->lock);
    while (!on_stopped(step) && pthread_cond_timedwait(&worker->changed, &worker->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&worker->lock);
    if (seated)
        worker_seat_take(step);
    return on_stopped(step) ? CONCH_ERR_CANCELLED : 0;
}

/* ---- what is needed ---- */

struct picture_keys {
    int64_t job_id;
    char keys[2][BLOB_KEY_BYTES];
};

static int pictures_find(void *context, struct store_tx *tx, conch_error *err)
{
    struct picture_keys *keys = context;
    struct store_input inputs[STORE_INPUTS_MAX];
    size_t count = STORE_INPUTS_MAX;
    int rc = store_job_inputs(tx, keys->job_id, inputs, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct store_file file;
        if (inputs[i].role != STORE_INPUT_FIRST_FRAME && inputs[i].role != STORE_INPUT_LAST_FRAME)
            continue;
        rc = store_file_get(tx, inputs[i].file_id, 0, &file, err);
        if (rc == 0)
            memcpy(keys->keys[inputs[i].role == STORE_INPUT_LAST_FRAME], file.blob, BLOB_KEY_BYTES);
    }
    return rc;
}

static int inputs_read(struct step *step, struct inputs *inputs, conch_error *err)
{
    struct picture_keys keys = {.job_id = step->job_id};
    int rc = store_read(step->worker->settings.store, pictures_find, &keys, err);
    for (int i = 0; rc == 0 && i < 2; i++) {
        void *data = NULL;
        if (!keys.keys[i][0])
            continue;
        rc = blob_read(step->worker->settings.blobs, keys.keys[i], PICTURE_BYTES_MAX, &data, &inputs->pictures[i].size,
                       err);
        inputs->pictures[i].data = data;
    }
    return rc;
}

static void inputs_finish(struct inputs *inputs)
{
    for (int i = 0; i < 2; i++)
        free((void *)(uintptr_t)inputs->pictures[i].data); /* ours; const is for the backend */
}

/* ---- the job ---- */

static int run_backend(struct step *step, const struct inputs *inputs, struct blob_put *put, struct backend_result *ret,
                       conch_error *err)
{
    const struct store_job *row = &step->row;
    char *preview = NULL;
    json_t *details = row->details ? json_loads(row->details, 0, NULL) : NULL;
    const struct backend_sink sink = {step, on_stopped, on_begun, on_progress, on_wait};
    if (step->worker->settings.preview_folder &&
        asprintf(&preview, "%s/%s.png", step->worker->settings.preview_folder, id_text(step->job_id).text) < 0)
        preview = NULL;
    const struct backend_job job = {.id = step->job_id,
                                    .attempt = row->job.attempts,
                                    .resumed = row->job.state != JOB_SUBMITTING,
                                    .task = row->task ? row->task : "generation",
                                    .model_asked = row->model_asked,
                                    .model = row->model,
                                    .served_by = row->served_by ? row->served_by : "",
                                    .prompt = row->prompt,
                                    .prompt_used = row->prompt_used ? row->prompt_used
                                                   : row->prompt    ? row->prompt
                                                                    : "",
                                    .resolution = row->resolution,
                                    .ratio = row->ratio,
                                    .seconds = row->seconds,
                                    .width = row->width,
                                    .height = row->height,
                                    .fps = row->fps,
                                    .seed = row->seed,
                                    .first_frame = inputs->pictures[0],
                                    .last_frame = inputs->pictures[1],
                                    .details = details,
                                    .clip_path = blob_put_path(put),
                                    .preview_path = preview};
    int rc = backend_run(step->backend, &job, &sink, ret, err);
    free(preview);
    json_decref(details);
    return rc;
}

/* The backend did not get to its end: because it was told so, or because it could not. */
static void not_done(struct step *step, const struct backend_result *result, const conch_error *problem)
{
    struct arrow stop = arrow_of(step, make_stop);
    char text[128];
    switch ((enum step_stop)atomic_load(&step->stop)) {
    case STEP_LOST: log_warn("a job was lost to another worker", log_id("job", step->job_id)); return;
    case STEP_CANCEL:
    case STEP_HAND_BACK:
        if (step_arrow(step, &stop) == 0)
            log_info("a job was stopped", log_id("job", step->job_id),
                     log_text("state", job_state_name(step->job.state)));
        return;
    case STEP_TIMEOUT:
        snprintf(text, sizeof text, "it took longer than the %lld s of engine.timeout",
                 (long long)(step->worker->settings.config->engine.timeout_ms / 1000));
        step_trouble(step, JOB_ERROR_TIMEOUT, text);
        return;
    case STEP_GO_ON: break;
    }
    step_trouble(step, result->error == JOB_ERROR_NONE ? JOB_ERROR_INTERNAL : result->error,
                 *problem->text ? problem->text : "the store did not take a step of this job");
}

/* A clip that is finished is put away, even when the worker is to stop or its time has run out meanwhile. */
static bool may_go_on(struct step *step)
{
    return atomic_load(&step->stop) != STEP_CANCEL && atomic_load(&step->stop) != STEP_LOST;
}

static void put_away(struct step *step, struct backend_result *result, struct blob_put **put)
{
    struct arrow output = arrow_of(step, make_output);
    struct result stored = {.step = step, .made = result};
    conch_error problem = {0};
    if (step->job.state == JOB_RUNNING && step_arrow(step, &output) < 0)
        return;
    int rc = result_put(&stored, put, &problem);
    if (rc < 0) {
        step_trouble(step, JOB_ERROR_STORAGE, problem.text);
        return;
    }
    struct arrow finish = arrow_of(step, result_finish);
    finish.context = &stored;
    if (step_arrow(step, &finish) == 0)
        worker_learn(step);
    else
        result_drop(&stored);
}

void step_run(struct step *step)
{
    struct inputs inputs = {.pictures = {{0}}};
    struct backend_result result = {.error = JOB_ERROR_NONE};
    struct blob_put *put = NULL;
    conch_error problem = {0};
    struct arrow find = arrow_of(step, make_find);
    if (step->job.state == JOB_UNKNOWN && step_arrow(step, &find) < 0)
        return;
    int rc = inputs_read(step, &inputs, &problem);
    if (rc == 0)
        rc = blob_put_begin(&put, step->worker->settings.blobs, &problem);
    if (rc < 0) {
        result.error = JOB_ERROR_STORAGE;
    } else {
        rc = run_backend(step, &inputs, put, &result, &problem);
        if (rc == 0 && !may_go_on(step))
            rc = CONCH_ERR_CANCELLED;
    }
    if (rc == 0)
        put_away(step, &result, &put);
    else
        not_done(step, &result, &problem);
    blob_put_abandon(put);
    backend_result_finish(&result);
    inputs_finish(&inputs);
}
