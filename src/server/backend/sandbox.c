/* The backend "sandbox": hosted models by name, with pixels of the model that ships. */
#include "server/backend/sandbox.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "server/backend/clip.h"
#include "server/backend/frames.h"
#include "server/backend/local.h"
#include "server/backend/mark.h"
#include "server/prompt/rehearse.h"

enum {
    PROMPT_BYTES_MAX = 64 << 10,
    SLICE_MS = 250,         /* of a long wait, between two words about progress */
    MADE_PERMILLE = 650,    /* of the work: the rest is scaling and encoding */
    WORK_MS = 6000,         /* what the work takes, roughly: its share of the progress beside the waiting */
    DONE_PERMILLE_MAX = 990 /* the rest comes when the job is finished */
};

struct sandbox {
    struct backend backend;
    struct local *local;
    const char *watermark;
    bool real_time;
};

struct sandbox_run {
    const struct sandbox *sandbox;
    const struct backend_job *job;
    const struct backend_sink *sink;
    struct rehearsal rehearsal;
    struct buf prompt; /* without the words for the sandbox */
    struct media_image first, last;
    struct local_plan plan;
    uint8_t *frames; /* of the small model, all of them */
    int frame_count; /* that came */
    struct clip_preview preview;
    int64_t wait_ms; /* after the work */
    conch_error failure;
};

/* ---- sizes ---- */

static int short_side(const char *resolution)
{
    if (resolution && strcasecmp(resolution, "2K") == 0)
        return 1440;
    if (resolution && strcasecmp(resolution, "4K") == 0)
        return 2160;
    const long side = resolution ? strtol(resolution, NULL, 10) : 0;
    return side >= 64 && side <= 2160 ? (int)side : SANDBOX_SHORT_SIDE;
}

static double aspect_of(const struct backend_job *job, struct sandbox_size picture)
{
    double across, down;
    if (picture.width > 0 && picture.height > 0)
        return (double)picture.width / picture.height;
    if (job->ratio && sscanf(job->ratio, "%lf:%lf", &across, &down) == 2 && across > 0 && down > 0)
        return across / down;
    return 16.0 / 9;
}

static int even(double side)
{
    const int value = 2 * (int)lrint(side / 2);
    return value < 16 ? 16 : value > SANDBOX_LONG_SIDE_MAX ? SANDBOX_LONG_SIDE_MAX : value;
}

struct sandbox_size sandbox_size(const struct backend_job *job, struct sandbox_size picture)
{
    if (job->width > 0 && job->height > 0)
        return (struct sandbox_size){even(job->width), even(job->height)};
    const double aspect = aspect_of(job, picture);
    const int side = short_side(job->resolution);
    return aspect >= 1 ? (struct sandbox_size){even(side * aspect), even(side)}
                       : (struct sandbox_size){even(side), even(side / aspect)};
}

/* ---- waiting and failing as asked ---- */

static int failed(struct backend_result *ret, enum job_error error, conch_error *err, const char *text)
{
    ret->error = error;
    return conch_error_set(err, error == JOB_ERROR_CONTENT_POLICY ? CONCH_ERR_RANGE : CONCH_ERR_IO,
                           "%s (rehearsed: the prompt asked for it)", text);
}

/* What strikes before the provider has taken the job. */
static int fail_early(const struct sandbox_run *run, struct backend_result *ret, conch_error *err)
{
    switch (run->rehearsal.kind) {
    case REHEARSE_TIMEOUT: return failed(ret, JOB_ERROR_TIMEOUT, err, "the provider did not answer in time");
    case REHEARSE_LOST_ANSWER:
        return failed(ret, JOB_ERROR_LOST_ANSWER, err, "the request was sent and its answer was lost");
    case REHEARSE_RATE_LIMIT: return failed(ret, JOB_ERROR_RATE_LIMIT, err, "the provider has too many requests");
    case REHEARSE_BALANCE: return failed(ret, JOB_ERROR_BALANCE, err, "the provider's account has no balance");
    case REHEARSE_CONTENT_POLICY:
        return failed(ret, JOB_ERROR_CONTENT_POLICY, err, "the prompt breaks the content policy");
    case REHEARSE_INVALID: return failed(ret, JOB_ERROR_INVALID_INPUT, err, "the request is not valid");
    default: return 0;
    }
}

/* What strikes in the middle of it. */
static int fail_running(const struct sandbox_run *run, struct backend_result *ret, conch_error *err)
{
    if (run->rehearsal.kind == REHEARSE_INTERNAL)
        return failed(ret, JOB_ERROR_INTERNAL, err, "the provider failed inside");
    if (run->rehearsal.kind == REHEARSE_WORKER_CRASH && run->job->attempt <= 1)
        kill(getpid(), SIGKILL); /* the whole process, as a crash would; the next attempt goes through */
    return 0;
}

static int fail_late(const struct sandbox_run *run, struct backend_result *ret, conch_error *err)
{
    if (run->rehearsal.kind == REHEARSE_OUTPUT_POLICY)
        return failed(ret, JOB_ERROR_CONTENT_POLICY, err, "the clip was held back by the content policy");
    return 0;
}

static int tell(const struct sandbox_run *run, const char *phase, int step, int step_count, int permille)
{
    const struct backend_progress progress = {
        .phase = phase, .step = step, .step_count = step_count, .permille = permille, .eta_ms = -1};
    return run->sink->progress(run->sink->context, &progress);
}

/* Of the whole job, when the work is so far. */
static int permille_of_work(const struct sandbox_run *run, int permille)
{
    return (int)(permille * (int64_t)WORK_MS / (WORK_MS + run->wait_ms));
}

static int wait_out(const struct sandbox_run *run)
{
    const int begin = permille_of_work(run, DONE_PERMILLE_MAX);
    for (int64_t waited = 0; waited < run->wait_ms; waited += SLICE_MS) {
        int rc = run->sink->wait(run->sink->context, SLICE_MS);
        if (rc == 0)
            rc = tell(run, "encode", 0, 0, begin + (int)((DONE_PERMILLE_MAX - begin) * waited / run->wait_ms));
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- the small model ---- */

static bool on_stopped(void *context)
{
    const struct sandbox_run *run = context;
    return run->sink->stopped(run->sink->context);
}

static int on_begin(void *context, const struct local_plan *plan)
{
    struct sandbox_run *run = context;
    run->plan = *plan;
    run->frames = malloc((size_t)plan->width * (size_t)plan->height * 3 * (size_t)plan->frame_count);
    if (!run->frames)
        return conch_error_set(&run->failure, CONCH_ERR_NOMEM, "no memory for %d frames", plan->frame_count);
    return run->sink->begun(run->sink->context);
}

static int on_progress(void *context, const struct backend_progress *progress)
{
    struct sandbox_run *run = context;
    struct backend_progress told = *progress;
    told.permille = permille_of_work(run, progress->permille * MADE_PERMILLE / JOB_PROGRESS_FULL);
    told.eta_ms = -1;
    return run->sink->progress(run->sink->context, &told);
}

static int on_frame(void *context, const uint8_t *rgb, int index)
{
    struct sandbox_run *run = context;
    const size_t bytes = (size_t)run->plan.width * (size_t)run->plan.height * 3;
    memcpy(run->frames + (size_t)index * bytes, rgb, bytes);
    run->frame_count = index + 1;
    return 0;
}

static int on_preview(void *context, const uint8_t *rgb)
{
    struct sandbox_run *run = context;
    clip_preview(&run->preview, run->job->preview_path, (struct media_rgb){rgb, run->plan.width, run->plan.height});
    return 0;
}

static int make_pixels(struct sandbox_run *run, double seconds_least, conch_error *err)
{
    const struct backend_job *job = run->job;
    const struct local_sink sink = {run, on_stopped, on_begin, on_progress, on_frame, on_preview};
    const bool last_alone = !run->first.rgb && run->last.rgb; /* is begun with, and shown in reverse */
    const struct local_request request = {
        .job_id = job->id,
        .model = job->served_by,
        .prompt = run->prompt.data && *run->prompt.data ? run->prompt.data : "a red ball rolls to the right",
        .seconds_least = seconds_least,
        .seed = job->seed,
        .steps = (int)json_integer_value(json_object_get(job->details, "steps")),
        .first_frame = last_alone ? &run->last : &run->first,
        .last_frame = last_alone ? NULL : &run->last,
        .fit = LOCAL_FIT_SQUASH,
        .previews = job->preview_path != NULL,
    };
    int rc = local_generate(run->sandbox->local, &request, &sink, err);
    if (rc < 0 && run->failure.code < 0) {
        if (err)
            *err = run->failure;
        rc = run->failure.code;
    }
    return rc;
}

static int clip_seconds(const struct backend_job *job)
{
    return job->seconds > 0 && job->seconds <= SANDBOX_SECONDS_MAX ? job->seconds : SANDBOX_SECONDS;
}

static struct sandbox_size picture_size(const struct sandbox_run *run)
{
    const struct media_image *picture = run->first.rgb ? &run->first : &run->last;
    return (struct sandbox_size){picture->width, picture->height};
}

static struct frames source_of(const struct sandbox_run *run)
{
    return (struct frames){.rgb = run->frames,
                           .width = run->plan.width,
                           .height = run->plan.height,
                           .count = run->frame_count,
                           .fps = run->plan.fps};
}

static int encode(struct sandbox_run *run, struct backend_result *ret, conch_error *err)
{
    const struct backend_job *job = run->job;
    const struct sandbox_size size = sandbox_size(job, picture_size(run));
    const int seconds = clip_seconds(job);
    const int fps = job->fps > 0 ? job->fps : SANDBOX_FPS;
    const struct frames source = source_of(run);
    const struct frames_target target = {.width = size.width,
                                         .height = size.height,
                                         .count = seconds * fps,
                                         .fps = fps,
                                         .whole = run->first.rgb || run->last.rgb,
                                         .ends = run->last.rgb != NULL,
                                         .reversed = !run->first.rgb && run->last.rgb};
    const struct clip_settings settings = {.job = job,
                                           .plan = run->plan,
                                           .width = size.width,
                                           .height = size.height,
                                           .fps = fps,
                                           .frame_count = target.count,
                                           .mark = run->sandbox->watermark,
                                           .sandbox = true,
                                           .fast = true};
    struct frames_scaler *scaler = NULL;
    struct clip *clip = NULL;
    uint8_t *rgb = malloc((size_t)size.width * (size_t)size.height * 3);
    int rc = rgb ? frames_scaler_create(&scaler, &source, &target, err)
                 : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a frame of %dx%d", size.width, size.height);
    if (rc == 0)
        rc = clip_open(&clip, &settings, err);
    for (int i = 0; rc == 0 && i < target.count; i++) {
        frames_scaler_make(scaler, i, rgb);
        rc = clip_frame(clip, rgb, err);
        if (rc == 0 &&
            tell(run, "encode", i + 1, target.count,
                 permille_of_work(run, MADE_PERMILLE + (DONE_PERMILLE_MAX - MADE_PERMILLE) * i / target.count)) != 0)
            rc = conch_error_set(err, CONCH_ERR_CANCELLED, "the job was stopped");
    }
    if (rc == 0) {
        rc = clip_close(clip, ret, err);
        clip = NULL;
    }
    clip_abandon(clip);
    frames_scaler_destroy(scaler);
    free(rgb);
    return rc;
}

/* One picture: a frame from the middle, where things are moving. */
static int encode_image(struct sandbox_run *run, struct backend_result *ret, conch_error *err)
{
    struct backend_job job = *run->job;
    if (job.width <= 0 || job.height <= 0) {
        const double aspect = job.ratio ? aspect_of(&job, (struct sandbox_size){0, 0}) : 1;
        job.width = even(aspect >= 1 ? SANDBOX_IMAGE_SIDE * aspect : SANDBOX_IMAGE_SIDE);
        job.height = even(aspect >= 1 ? SANDBOX_IMAGE_SIDE : SANDBOX_IMAGE_SIDE / aspect);
    }
    struct frames source = source_of(run);
    source.rgb += (size_t)(source.count / 2) * (size_t)source.width * (size_t)source.height * 3;
    source.count = 1;
    const struct frames_target target = {.width = job.width, .height = job.height, .count = 1, .fps = 1};
    const struct clip_settings facts = {.job = &job, .plan = run->plan};
    struct frames_scaler *scaler = NULL;
    uint8_t *rgb = malloc((size_t)job.width * (size_t)job.height * 3);
    int rc = rgb ? frames_scaler_create(&scaler, &source, &target, err)
                 : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a picture of %dx%d", job.width, job.height);
    if (rc == 0) {
        frames_scaler_make(scaler, 0, rgb);
        mark_draw(rgb, job.width, job.height, run->sandbox->watermark);
        rc = media_image_write_png(job.clip_path, (struct media_rgb){rgb, job.width, job.height}, err);
    }
    if (rc == 0) {
        ret->width = job.width;
        ret->height = job.height;
        ret->frame_count = 1;
        ret->seed = run->plan.seed;
        ret->facts = clip_facts(&facts);
    }
    frames_scaler_destroy(scaler);
    free(rgb);
    return rc;
}

/* ---- the job ---- */

static int run_context(struct sandbox_run *run, struct backend_result *ret, conch_error *err)
{
    const char *h3 = json_string_value(json_object_get(run->job->details, "h3_context"));
    ret->text = strdup(h3 ? h3 : run->prompt.data ? run->prompt.data : "");
    if (!ret->text)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a text");
    int rc = run->sink->begun(run->sink->context);
    if (rc == 0)
        rc = fail_running(run, ret, err);
    return rc == 0 ? fail_late(run, ret, err) : rc;
}

static int run_picture(struct sandbox_run *run, struct backend_result *ret, conch_error *err)
{
    const bool image = strcmp(run->job->task, "image") == 0;
    int rc = clip_pictures(run->job, &run->first, &run->last, err);
    if (rc == 0)
        rc = make_pixels(run, image ? 0.1 : clip_seconds(run->job), err);
    if (rc == 0)
        rc = fail_running(run, ret, err);
    if (rc == 0)
        rc = image ? encode_image(run, ret, err) : encode(run, ret, err);
    if (rc == 0)
        rc = wait_out(run);
    if (rc == 0)
        rc = fail_late(run, ret, err);
    if (rc < 0)
        unlink(run->job->clip_path);
    return rc;
}

/* The prompt was sent with the words for the sandbox; what the model is given may still have them. */
static int prepare(struct sandbox_run *run, conch_error *err)
{
    struct rehearsal ignored;
    buf_init(&run->prompt, PROMPT_BYTES_MAX);
    int rc = run->job->prompt ? rehearse_parse(run->job->prompt, &run->rehearsal, &run->prompt, err) : 0;
    if (rc == 0)
        rc = rehearse_parse(run->job->prompt_used, run->job->prompt ? &ignored : &run->rehearsal, &run->prompt, err);
    run->wait_ms = run->rehearsal.slow_seconds * INT64_C(1000);
    if (run->sandbox->real_time)
        run->wait_ms += (int64_t)SANDBOX_RUN_MS_PER_SECOND * (run->job->seconds > 0 ? run->job->seconds : 1);
    return rc;
}

static int sandbox_run(struct backend *backend, const struct backend_job *job, const struct backend_sink *sink,
                       struct backend_result *ret, conch_error *err)
{
    struct sandbox_run run = {.sandbox = (struct sandbox *)backend, .job = job, .sink = sink};
    int rc = prepare(&run, err);
    if (rc == 0 && run.sandbox->real_time)
        rc = sink->wait(sink->context, SANDBOX_QUEUE_MS);
    if (rc == 0)
        rc = job->resumed ? 0 : fail_early(&run, ret, err);
    if (rc == 0)
        rc = strcmp(job->task, "context") == 0 ? run_context(&run, ret, err) : run_picture(&run, ret, err);
    if (job->preview_path)
        unlink(job->preview_path);
    media_image_finish(&run.first);
    media_image_finish(&run.last);
    buf_finish(&run.prompt);
    free(run.frames);
    return rc;
}

static void sandbox_cancel(struct backend *backend, int64_t job_id)
{
    local_cancel(((struct sandbox *)backend)->local, job_id);
}

static void sandbox_close(struct backend *backend)
{
    free(backend);
}

static const struct backend_table table = {.name = "sandbox",
                                           .run = sandbox_run,
                                           .cancel = sandbox_cancel,
                                           .close = sandbox_close,
                                           .found_after_ms = SANDBOX_FOUND_MS};

int backend_sandbox_open(struct backend **ret_backend, const struct backend_sandbox_settings *settings,
                         conch_error *err)
{
    struct sandbox *sandbox = calloc(1, sizeof *sandbox);
    if (!sandbox)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the sandbox");
    *sandbox = (struct sandbox){.backend.table = &table,
                                .local = backend_local_engine(settings->local),
                                .watermark = settings->watermark,
                                .real_time = settings->real_time};
    *ret_backend = &sandbox->backend;
    return 0;
}
