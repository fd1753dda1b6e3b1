/* The backend "local": what was asked for is what the engine makes. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/backend/clip.h"
#include "server/backend/local.h"

struct local_backend {
    struct backend backend;
    struct local *local;
};

struct local_run {
    const struct backend_job *job;
    const struct backend_sink *sink;
    struct clip *clip;
    struct clip_preview preview;
    int width, height;
    conch_error failure; /* what stopped the engine besides a cancel; code 0: nothing */
};

struct local *backend_local_engine(struct backend *backend)
{
    return ((struct local_backend *)backend)->local;
}

static bool on_stopped(void *context)
{
    const struct local_run *run = context;
    return run->sink->stopped(run->sink->context);
}

static int on_begin(void *context, const struct local_plan *plan)
{
    struct local_run *run = context;
    const json_t *watermark = json_object_get(run->job->details, "watermark");
    const struct clip_settings settings = {.job = run->job,
                                           .plan = *plan,
                                           .width = plan->width,
                                           .height = plan->height,
                                           .fps = plan->fps,
                                           .frame_count = plan->frame_count,
                                           .mark = json_is_true(watermark) ? "AI generated" : NULL};
    run->width = plan->width;
    run->height = plan->height;
    int rc = clip_open(&run->clip, &settings, &run->failure);
    return rc < 0 ? rc : run->sink->begun(run->sink->context);
}

static int on_progress(void *context, const struct backend_progress *progress)
{
    struct local_run *run = context;
    return run->sink->progress(run->sink->context, progress);
}

static int on_frame(void *context, const uint8_t *rgb, int index)
{
    struct local_run *run = context;
    return clip_frame(run->clip, rgb, &run->failure);
}

static int on_preview(void *context, const uint8_t *rgb)
{
    struct local_run *run = context;
    clip_preview(&run->preview, run->job->preview_path, (struct media_rgb){rgb, run->width, run->height});
    return 0;
}

static int generate(struct local_backend *b, struct local_run *run, struct backend_result *ret, conch_error *err)
{
    const struct backend_job *job = run->job;
    struct media_image first = {0}, last = {0};
    const struct local_sink sink = {run, on_stopped, on_begin, on_progress, on_frame, on_preview};
    int rc = clip_pictures(job, &first, &last, err);
    const struct local_request request = {
        .job_id = job->id,
        .model = job->served_by,
        .prompt = job->prompt_used,
        .negative = json_string_value(json_object_get(job->details, "negative")),
        .width = job->width,
        .height = job->height,
        .seconds = job->seconds,
        .seed = job->seed,
        .steps = (int)json_integer_value(json_object_get(job->details, "steps")),
        .guidance = json_number_value(json_object_get(job->details, "guidance")),
        .first_frame = &first,
        .last_frame = &last,
        .previews = job->preview_path != NULL,
    };
    if (rc == 0)
        rc = local_generate(b->local, &request, &sink, err);
    media_image_finish(&first);
    media_image_finish(&last);
    if (rc < 0 && run->failure.code < 0) { /* the engine only knows that it was told to stop */
        if (err)
            *err = run->failure;
        rc = run->failure.code;
    }
    if (rc == 0) {
        rc = clip_close(run->clip, ret, err);
        run->clip = NULL;
    }
    return rc;
}

static int local_run(struct backend *backend, const struct backend_job *job, const struct backend_sink *sink,
                     struct backend_result *ret, conch_error *err)
{
    struct local_run run = {.job = job, .sink = sink};
    int rc;
    if (strcmp(job->task, "context") == 0) {
        ret->text = strdup(job->prompt_used);
        return ret->text ? sink->begun(sink->context) : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a text");
    }
    if (strcmp(job->task, "generation") != 0)
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "task %s: %s makes clips alone", job->task, job->served_by);
    rc = generate((struct local_backend *)backend, &run, ret, err);
    clip_abandon(run.clip);
    if (job->preview_path)
        unlink(job->preview_path);
    return rc;
}

static void cancel(struct backend *backend, int64_t job_id)
{
    local_cancel(((struct local_backend *)backend)->local, job_id);
}

static int describe(struct backend *backend, json_t *object, conch_error *err)
{
    return local_describe(((struct local_backend *)backend)->local, object, err);
}

static void close_backend(struct backend *backend)
{
    local_close(((struct local_backend *)backend)->local);
    free(backend);
}

static const struct backend_table table = {
    .name = "local", .run = local_run, .cancel = cancel, .describe = describe, .close = close_backend};

int backend_local_open(struct backend **ret_backend, const struct backend_local_settings *settings, conch_error *err)
{
    struct local_backend *b = calloc(1, sizeof *b);
    if (!b)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the engine");
    b->backend.table = &table;
    int rc = local_open(&b->local, settings, err);
    if (rc < 0) {
        free(b);
        return rc;
    }
    *ret_backend = &b->backend;
    return 0;
}
