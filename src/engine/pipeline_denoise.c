#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "engine/pipeline.h"

enum { TIME_STEP, TIME_CLEAN }; /* indices of a pass's timesteps */

/* All that lives while the steps run. */
struct denoise {
    const struct resolved *r;
    struct work *work;
    struct weights *weights;
    struct wan_dit *dit;
    struct wan_dit_context *contexts[TEXT_COUNT];
    struct schedule schedule;
    struct sampler *sampler;
    struct preview *preview;
    uint8_t *frame_time;         /* [frames]: which are given clean; NULL when none is */
    float *x, *velocity, *other; /* [z][frames][height][width]; other: without the prompt */
    size_t count;
    size_t step, pass; /* where the transformer is now, for progress */
};

static int pass_progress(void *context, size_t blocks_done)
{
    const struct denoise *d = context;
    double passes = (double)d->r->text_count, blocks = (double)d->r->manifest->dit.layers;
    double in_step = ((double)d->pass + (double)blocks_done / blocks) / passes;
    return work_step(d->work, (int)d->step, ((double)d->step + in_step) / (double)d->schedule.steps);
}

static int denoise_open(struct denoise *d, float *const features[TEXT_COUNT], conch_error *err)
{
    const struct resolved *r = d->r;
    const struct manifest *m = r->manifest;
    struct wan_dit_options options = resolved_dit_options(r);
    int rc = weights_open(&d->weights, (const char *const *)m->dit_files.paths, m->dit_files.count, err);
    if (rc == 0)
        rc = wan_dit_create(&d->dit, &r->engine->compute, d->weights, &m->dit, &options, err);
    for (size_t i = 0; rc == 0 && i < r->text_count; i++)
        rc = wan_dit_context_create(&d->contexts[i], d->dit, features[i], r->tokens[i].count, NULL, err);
    if (rc == 0)
        rc = schedule_init(&d->schedule, r->sampler, (size_t)r->plan.step_count, r->plan.shift, err);
    if (rc == 0)
        rc = sampler_create(&d->sampler, &d->schedule, d->count, err);
    if (rc == 0 && r->request->preview && d->work->sink->preview)
        rc = preview_create(&d->preview, r, err);
    if (rc < 0)
        return rc;
    d->velocity = malloc(d->count * sizeof(float));
    d->other = r->text_count > 1 ? malloc(d->count * sizeof(float)) : NULL;
    if (!d->velocity || (r->text_count > 1 && !d->other))
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the latents");
    return 0;
}

static void denoise_close(struct denoise *d)
{
    preview_destroy(d->preview);
    sampler_destroy(d->sampler);
    for (size_t i = 0; i < TEXT_COUNT; i++)
        wan_dit_context_destroy(d->contexts[i]);
    wan_dit_destroy(d->dit);
    weights_close(d->weights);
    free(d->velocity);
    free(d->other);
    free(d->frame_time);
    malloc_trim(0);
}

/* Writes a clean latent frame [z][height][width] over frame `frame` of x. */
static void frame_put(const struct denoise *d, const float *latent, size_t frame)
{
    const struct resolved *r = d->r;
    size_t plane = r->height * r->width;
    for (size_t k = 0; latent && k < r->z; k++)
        memcpy(d->x + (k * r->frames + frame) * plane, latent + k * plane, plane * sizeof(float));
}

static void clean_frames_put(const struct denoise *d, const struct pipeline_images *images)
{
    frame_put(d, images->first, 0);
    frame_put(d, images->last, d->r->frames - 1);
}

static int clean_frames_note(struct denoise *d, const struct pipeline_images *images, conch_error *err)
{
    if (!images->first)
        return 0;
    d->frame_time = calloc(d->r->frames, 1);
    if (!d->frame_time)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the latents");
    d->frame_time[0] = TIME_CLEAN;
    if (images->last)
        d->frame_time[d->r->frames - 1] = TIME_CLEAN;
    return 0;
}

static int velocity_of(struct denoise *d, size_t text, float *velocity, conch_error *err)
{
    struct wan_dit_input input = {.latent = d->x,
                                  .times = {[TIME_STEP] = d->schedule.timesteps[d->step], [TIME_CLEAN] = 0},
                                  .time_count = d->frame_time ? 2 : 1,
                                  .frame_time = d->frame_time,
                                  .progress = pass_progress,
                                  .progress_context = d};
    d->pass = text;
    return wan_dit_forward(d->dit, d->contexts[text], &input, velocity, err);
}

static int step_run(struct denoise *d, const struct pipeline_images *images, conch_error *err)
{
    float guidance = (float)d->r->plan.guidance;
    int rc = velocity_of(d, TEXT_PROMPT, d->velocity, err);
    if (rc == 0 && d->r->text_count > 1) {
        rc = velocity_of(d, TEXT_NEGATIVE, d->other, err);
        for (size_t i = 0; rc == 0 && i < d->count; i++)
            d->velocity[i] = d->other[i] + guidance * (d->velocity[i] - d->other[i]);
    }
    if (rc == 0)
        rc = pipeline_check_finite(d->velocity, d->count, &d->r->manifest->dit_files, err);
    if (rc == 0 && d->preview)
        rc = preview_show(d->preview, d->work, d->x, d->velocity, d->schedule.sigmas[d->step], (int)d->step + 1, err);
    if (rc < 0)
        return rc;
    sampler_step(d->sampler, d->step, d->x, d->velocity);
    clean_frames_put(d, images); /* the sampler's own history keeps what it computed there */
    if (work_step(d->work, (int)d->step + 1, (double)(d->step + 1) / (double)d->schedule.steps) != 0)
        return conch_error_set(err, CONCH_ERR_CANCELLED, "cancelled");
    return 0;
}

int pipeline_denoise(const struct resolved *r, struct work *work, float *const features[TEXT_COUNT],
                     const struct pipeline_images *images, float *x, conch_error *err)
{
    struct denoise *d = calloc(1, sizeof *d);
    if (!d)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the sampler");
    *d = (struct denoise){.r = r, .work = work, .x = x, .count = r->z * r->frames * r->height * r->width};
    int rc = 0;
    if (work_phase(work, CONCH_PHASE_DENOISE, r->plan.step_count) != 0)
        rc = conch_error_set(err, CONCH_ERR_CANCELLED, "cancelled");
    if (rc == 0)
        rc = denoise_open(d, features, err);
    if (rc == 0)
        rc = clean_frames_note(d, images, err);
    if (rc == 0) {
        rand_normals(x, d->count, r->request->seed);
        clean_frames_put(d, images);
    }
    for (d->step = 0; rc == 0 && d->step < d->schedule.steps; d->step++)
        rc = step_run(d, images, err);
    if (rc == 0) /* finite velocities may still add up to more than f32 holds */
        rc = pipeline_check_finite(x, d->count, &r->manifest->dit_files, err);
    denoise_close(d);
    free(d);
    return rc;
}
