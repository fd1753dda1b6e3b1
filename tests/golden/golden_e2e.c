/* Whole pipelines: prompt to features, the sampling loop with guidance, and decoding to frames. The start noise is an
 * input, so the loop here is written with the sampler and the networks alone. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "engine/sampling/sampler.h"
#include "engine/text/tokenizer.h"
#include "golden.h"
#include "golden_models.h"

/* One transformer, with what its prompts need once. Wan 2.2 A14B has two: one for high noise, one for low. */
struct expert {
    const char *role;
    struct weights *weights;
    struct wan_dit *dit;
    struct wan_dit_context *cond, *uncond;
    double guidance;
};

enum { EXPERTS_MAX = 2 };

struct pipeline {
    const struct vectors *vectors;
    struct report *report;
    enum precision precision; /* of transformer and text encoder; the VAE runs in f32 as the official one does */
    double allowed;           /* of everything that is not a frame; wide in bf16, where the frames count */
    struct expert experts[EXPERTS_MAX];
    size_t expert_count;
    double boundary; /* timestep from which on the first of two experts is used */
    struct weights *vae_weights;
    struct wan_dit_config dit_config;
    struct wan_vae_config vae_config;
    struct clip_shape latent_shape;
    struct values noise, context, context_null;
    float *given;  /* [z][height][width]: the start image as latent frame 0, or NULL */
    float *latent; /* the sample */
    size_t latent_count;
};

static const char *text_of(const struct pipeline *p, const char *key)
{
    const char *text = json_string_value(json_object_get(p->vectors->config, key));
    return text ? text : "";
}

static double number_of(const struct pipeline *p, const char *key, double otherwise)
{
    const json_t *value = json_object_get(p->vectors->config, key);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static void tensor_check(struct pipeline *p, const char *name, const float *got, size_t count)
{
    report_tensor(p->report, p->vectors->file, name, got, count, p->allowed);
}

/* The step'th of the tensors stacked in NAME, when it was kept. */
static void step_check(struct pipeline *p, const char *name, size_t step, const float *got, size_t count)
{
    struct values want;
    if (values_read(&want, p->vectors->file, "%s", name) && want.ndim > 1 && step < want.shape[0]) {
        bool fits = want.count == want.shape[0] * count;
        report_exact(p->report, fits, "%s: %zu values a step, golden %zu", name, count, want.count / want.shape[0]);
        if (fits)
            report_check(p->report,
                         &(struct check){.got = got,
                                         .want = want.data + step * count,
                                         .count = count,
                                         .allowed = p->allowed,
                                         .ndim = want.ndim - 1,
                                         .shape = want.shape + 1},
                         "%s[%zu]", name, step);
    }
    values_finish(&want);
}

/* ---- text ---- */

/* Tokenises, compares the ids with row `row` of in.ids, and encodes. */
static int prompt_encode(struct pipeline *p, const char *prompt, size_t row, const struct weights *weights,
                         const struct umt5_config *config, const struct tokenizer *tok, struct values *ret,
                         conch_error *err)
{
    struct token_list list = {0};
    const struct st_tensor *ids = st_find(p->vectors->file, "in.ids");
    int rc = tokenizer_encode(tok, prompt, p->dit_config.text_len, &list, NULL, err);
    if (rc < 0)
        return rc;
    int64_t *want = integers_read(p->vectors->file, "in.ids", NULL);
    size_t slots = ids && ids->ndim == 2 ? (size_t)ids->shape[1] : 0;
    for (size_t i = 0; want && i < slots; i++) {
        int64_t got = i < list.count ? list.ids[i] : 0;
        report_exact(p->report, got == want[row * slots + i], "prompt %zu: id %zu is %lld, golden %lld", row, i,
                     (long long)got, (long long)want[row * slots + i]);
    }
    free(want);
    *ret = (struct values){.ndim = 2, .shape = {list.count, config->dim}, .count = list.count * config->dim};
    ret->data = test_floats(ret->count);
    struct umt5_job job = {
        .config = config, .weights = weights, .precision = p->precision, .ids = list.ids, .count = list.count};
    rc = umt5_encode(&p->vectors->golden->compute, &job, ret->data, err);
    token_list_finish(&list);
    return rc;
}

static int prompts_encode(struct pipeline *p, conch_error *err)
{
    struct weights *weights = NULL;
    struct tokenizer *tok = NULL;
    struct umt5_config config;
    json_t *json = NULL;
    char path[1024];
    if (!vectors_path(p->vectors, "tokenizer", path, sizeof path))
        return conch_error_set(err, CONCH_ERR_FORMAT, "the metadata names no tokenizer, and there is no in.context");
    int rc = tokenizer_open(&tok, path, err);
    if (rc == 0)
        rc = vectors_weights(p->vectors, "text", &weights, err);
    if (rc == 0) {
        json = vectors_config(p->vectors, "text", weights);
        rc = umt5_config_read(json, &config, err);
    }
    if (rc == 0)
        rc = prompt_encode(p, text_of(p, "prompt"), 0, weights, &config, tok, &p->context, err);
    if (rc == 0)
        rc = prompt_encode(p, text_of(p, "negative_prompt"), 1, weights, &config, tok, &p->context_null, err);
    if (rc == 0) {
        tensor_check(p, "mid.context", p->context.data, p->context.count);
        tensor_check(p, "mid.context_null", p->context_null.data, p->context_null.count);
    }
    json_decref(json);
    tokenizer_close(tok);
    weights_close(weights);
    return rc;
}

/* Features are given, or made from the prompts. */
static int contexts_read(struct pipeline *p, conch_error *err)
{
    bool given = values_read(&p->context, p->vectors->file, "in.context");
    given &= values_read(&p->context_null, p->vectors->file, "in.context_null");
    if (!given)
        return prompts_encode(p, err);
    if (p->context.ndim != 2 || p->context_null.ndim != 2 || p->context.shape[1] != p->dit_config.text_dim)
        return conch_error_set(err, CONCH_ERR_FORMAT, "in.context and in.context_null are not [rows, %zu]",
                               p->dit_config.text_dim);
    return CONCH_OK;
}

/* ---- start image ---- */

static int image_encode(struct pipeline *p, conch_error *err)
{
    struct values image;
    if (!values_read(&image, p->vectors->file, "in.image_u8"))
        return CONCH_OK;
    size_t stride = wan_vae_stride(&p->vae_config), plane = p->latent_shape.height * p->latent_shape.width;
    struct clip_shape shape = {
        .frames = 1, .height = p->latent_shape.height * stride, .width = p->latent_shape.width * stride};
    int rc = CONCH_OK;
    if (image.count != 3 * shape.height * shape.width) {
        rc = conch_error_set(err, CONCH_ERR_FORMAT, "in.image_u8 is not [3, %zu, %zu]", shape.height, shape.width);
    } else {
        for (size_t i = 0; i < image.count; i++)
            image.data[i] = image.data[i] / 255 * 2 - 1;
        p->given = test_floats(p->vae_config.z * plane);
        rc = vae_encode_clip(&p->vectors->golden->compute, p->vae_weights, &p->vae_config, PRECISION_F32, &shape,
                             image.data, p->given, NULL, err);
        if (rc == 0)
            tensor_check(p, "mid.image_latent", p->given, p->vae_config.z * plane);
    }
    values_finish(&image);
    return rc;
}

static void given_frame_put(struct pipeline *p)
{
    size_t plane = p->latent_shape.height * p->latent_shape.width;
    for (size_t c = 0; p->given && c < p->vae_config.z; c++)
        memcpy(p->latent + c * p->latent_shape.frames * plane, p->given + c * plane, plane * sizeof *p->latent);
}

/* ---- the loop ---- */

struct loop {
    struct sampler *sampler;
    struct schedule *schedule;
    uint8_t *frame_time;
    float *v_cond, *v_uncond;
};

static const struct expert *expert_of(struct pipeline *p, size_t step, double time)
{
    bool high = p->expert_count == 1 || time >= p->boundary;
    size_t count = 0;
    int64_t *want = integers_read(p->vectors->file, "out.expert_is_high", &count);
    if (want && step < count)
        report_exact(p->report, high == (want[step] != 0), "step %zu: timestep %g is for the other expert", step, time);
    free(want);
    return &p->experts[high ? 0 : 1];
}

static int step_run(struct pipeline *p, struct loop *loop, size_t step, conch_error *err)
{
    const struct expert *expert = expert_of(p, step, loop->schedule->timesteps[step]);
    struct wan_dit_input input = {.latent = p->latent, .times = {loop->schedule->timesteps[step]}, .time_count = 1};
    if (p->given) { /* frame 0 is clean, so its time is 0 */
        input.times[1] = 0;
        input.time_count = 2;
        input.frame_time = loop->frame_time;
    }
    step_check(p, "out.model_input", step, p->latent, p->latent_count);
    int rc = wan_dit_forward(expert->dit, expert->cond, &input, loop->v_cond, err);
    if (rc == 0)
        rc = wan_dit_forward(expert->dit, expert->uncond, &input, loop->v_uncond, err);
    if (rc < 0)
        return rc;
    step_check(p, "out.cond", step, loop->v_cond, p->latent_count);
    step_check(p, "out.uncond", step, loop->v_uncond, p->latent_count);
    for (size_t i = 0; i < p->latent_count; i++)
        loop->v_cond[i] = (float)(loop->v_uncond[i] + expert->guidance * ((double)loop->v_cond[i] - loop->v_uncond[i]));
    sampler_step(loop->sampler, step, p->latent, loop->v_cond);
    step_check(p, "out.latents", step, p->latent, p->latent_count);
    given_frame_put(p);
    return CONCH_OK;
}

static int loop_start(struct pipeline *p, struct loop *loop, conch_error *err)
{
    const char *solver = text_of(p, "solver");
    int kind = sampler_from_name(strcmp(solver, "dpm++") ? solver : "dpmpp");
    size_t steps;
    int rc = config_size(p->vectors->config, "steps", &steps, err);
    if (rc < 0)
        return rc;
    if (kind < 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "config: solver '%s' is none of dpm++, " SAMPLER_NAMES, solver);
    if ((rc = schedule_init(loop->schedule, kind, steps, number_of(p, "shift", 1), err)) < 0)
        return rc;
    schedule_check(p->report, p->vectors->file, loop->schedule, "out.");
    if ((rc = sampler_create(&loop->sampler, loop->schedule, p->latent_count, err)) < 0)
        return rc;
    struct wan_dit_options options = {
        .shape = {.frames = p->latent_shape.frames, .height = p->latent_shape.height, .width = p->latent_shape.width},
        .precision = p->precision,
        .context_rows_max = size_max(p->context.shape[0], p->context_null.shape[0]),
    };
    for (size_t i = 0; rc == 0 && i < p->expert_count; i++) {
        struct expert *e = &p->experts[i];
        rc = wan_dit_create(&e->dit, &p->vectors->golden->compute, e->weights, &p->dit_config, &options, err);
        if (rc == 0)
            rc = wan_dit_context_create(&e->cond, e->dit, p->context.data, p->context.shape[0], NULL, err);
        if (rc == 0)
            rc = wan_dit_context_create(&e->uncond, e->dit, p->context_null.data, p->context_null.shape[0], NULL, err);
    }
    return rc;
}

static int loop_run(struct pipeline *p, conch_error *err)
{
    struct loop loop = {.schedule = test_alloc(sizeof *loop.schedule),
                        .frame_time = test_alloc(p->latent_shape.frames),
                        .v_cond = test_floats(p->latent_count),
                        .v_uncond = test_floats(p->latent_count)};
    loop.frame_time[0] = 1;
    int rc = loop_start(p, &loop, err);
    given_frame_put(p);
    for (size_t i = 0; rc == 0 && i < loop.schedule->steps; i++)
        rc = step_run(p, &loop, i, err);
    sampler_destroy(loop.sampler);
    free(loop.schedule);
    free(loop.frame_time);
    free(loop.v_cond);
    free(loop.v_uncond);
    return rc;
}

/* ---- frames ---- */

/* out.video_NAME keeps some frames: the last, or the first and the last. */
static void frames_check(struct pipeline *p, const char *name, const float *video, size_t frames, size_t pixels)
{
    struct values want;
    if (!values_read(&want, p->vectors->file, "%s", name))
        return;
    size_t kept = want.ndim == 4 ? want.shape[1] : 0;
    if (kept < 1 || kept > 2 || want.count != 3 * kept * pixels) {
        report_exact(p->report, false, "%s is not 1 or 2 frames of the video's size", name);
    } else {
        float *got = test_floats(want.count);
        for (size_t c = 0; c < 3; c++)
            for (size_t k = 0; k < kept; k++)
                memcpy(got + (c * kept + k) * pixels, video + (c * frames + (k + 1 == kept ? frames - 1 : 0)) * pixels,
                       pixels * sizeof *got);
        report_check(p->report,
                     &(struct check){.got = got,
                                     .want = want.data,
                                     .count = want.count,
                                     .allowed = p->allowed,
                                     .ndim = 4,
                                     .shape = want.shape},
                     "%s", name);
        free(got);
    }
    values_finish(&want);
}

static int decode_check(struct pipeline *p, conch_error *err)
{
    size_t stride = wan_vae_stride(&p->vae_config);
    size_t frames = 1 + (p->latent_shape.frames - 1) * wan_vae_time_stride(&p->vae_config);
    size_t pixels = p->latent_shape.height * p->latent_shape.width * stride * stride;
    float *video = test_floats(3 * frames * pixels);
    uint8_t *bytes = test_alloc(3 * frames * pixels);
    int rc = vae_decode_clip(&p->vectors->golden->compute, p->vae_weights, &p->vae_config, PRECISION_F32,
                             &p->latent_shape, p->latent, video, NULL, err);
    if (rc == 0) {
        const struct st_tensor *want = st_find(p->vectors->file, "out.video_u8");
        clamp_values(video, 3 * frames * pixels);
        tensor_check(p, "out.video", video, 3 * frames * pixels);
        frames_check(p, "out.video_first_last", video, frames, pixels);
        frames_check(p, "out.video_last", video, frames, pixels);
        for (size_t i = 0; i < 3 * frames * pixels; i++) /* truncated, not rounded */
            bytes[i] = (uint8_t)((video[i] + 1) / 2 * 255);
        if (want && want->dtype == DTYPE_U8 && want->bytes == 3 * frames * pixels)
            report_frames(p->report, bytes, want->data, want->bytes, p->precision);
        else
            report_exact(p->report, !want, "out.video_u8 is not [3, %zu, ..] of %zu pixels a frame", frames, pixels);
    }
    free(video);
    free(bytes);
    return rc;
}

/* ---- the case ---- */

/* "dit", or "high" and "low" with a guidance each; all of one shape. */
static int experts_open(struct pipeline *p, conch_error *err)
{
    bool two = json_object_get(p->vectors->weights, "high") != NULL;
    p->experts[0] = (struct expert){.role = two ? "high" : "dit",
                                    .guidance = number_of(p, two ? "guide_scale_high" : "guide_scale", 1)};
    p->experts[1] = (struct expert){.role = "low", .guidance = number_of(p, "guide_scale_low", 1)};
    p->expert_count = two ? 2 : 1;
    p->boundary = 1000 * number_of(p, "boundary", 0);
    int rc = CONCH_OK;
    for (size_t i = 0; rc == 0 && i < p->expert_count; i++)
        rc = vectors_weights(p->vectors, p->experts[i].role, &p->experts[i].weights, err);
    if (rc < 0)
        return rc;
    json_t *config = vectors_config(p->vectors, p->experts[0].role, p->experts[0].weights);
    rc = wan_dit_config_read(config, &p->dit_config, err);
    json_decref(config);
    return rc;
}

static int networks_open(struct pipeline *p, conch_error *err)
{
    int rc = experts_open(p, err);
    if (rc == 0)
        rc = vectors_weights(p->vectors, "vae", &p->vae_weights, err);
    if (rc == 0) {
        json_t *vae = vectors_config(p->vectors, "vae", p->vae_weights);
        rc = wan_vae_config_read(vae, &p->vae_config, err);
        json_decref(vae);
    }
    return rc;
}

static int noise_read(struct pipeline *p, conch_error *err)
{
    if (!values_read(&p->noise, p->vectors->file, "in.noise") || p->noise.ndim != 4 ||
        p->noise.shape[0] != p->vae_config.z || p->noise.shape[0] != p->dit_config.in_channels ||
        p->dit_config.in_channels != p->dit_config.out_channels)
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "in.noise is not [%zu, frames, height, width] as the networks are", p->vae_config.z);
    p->latent_shape = (struct clip_shape){
        .frames = p->noise.shape[1], .height = p->noise.shape[2], .width = p->noise.shape[3]};
    p->latent_count = p->noise.count;
    p->latent = test_floats(p->latent_count);
    memcpy(p->latent, p->noise.data, p->latent_count * sizeof *p->latent);
    return CONCH_OK;
}

static void pipeline_run(const struct vectors *vectors, enum precision precision, struct report *report)
{
    struct pipeline p = {.vectors = vectors,
                         .report = report,
                         .precision = precision,
                         .allowed = precision == PRECISION_F32 ? ALLOWED_FP32_PIPELINE : ALLOWED_BF16_PIPELINE};
    conch_error err;
    int rc = networks_open(&p, &err);
    if (rc == 0)
        rc = noise_read(&p, &err);
    if (rc == 0)
        rc = contexts_read(&p, &err);
    if (rc == 0)
        rc = image_encode(&p, &err);
    if (rc == 0)
        rc = loop_run(&p, &err);
    if (rc == 0) {
        tensor_check(&p, "out.latent", p.latent, p.latent_count);
        rc = decode_check(&p, &err);
    }
    if (rc < 0)
        report_error(report, "pipeline", &err);
    values_finish(&p.noise);
    values_finish(&p.context);
    values_finish(&p.context_null);
    free(p.given);
    free(p.latent);
    for (size_t i = 0; i < EXPERTS_MAX; i++) {
        wan_dit_context_destroy(p.experts[i].cond);
        wan_dit_context_destroy(p.experts[i].uncond);
        wan_dit_destroy(p.experts[i].dit);
        weights_close(p.experts[i].weights);
    }
    weights_close(p.vae_weights);
}

static bool is_pipeline(const struct vectors *vectors)
{
    return st_find(vectors->file, "in.noise") && st_find(vectors->file, "out.latents");
}

static bool is_image_pipeline_21(const struct vectors *vectors)
{
    return is_pipeline(vectors) && json_object_get(vectors->weights, "clip");
}

static bool is_vace_pipeline(const struct vectors *vectors)
{
    return is_pipeline(vectors) && (st_find(vectors->file, "in.mask") && st_find(vectors->file, "in.video"));
}

const struct golden_kind golden_kinds_e2e[] = {
    {.name = "image-to-video of Wan 2.1", .matches = is_image_pipeline_21, .reason = "its CLIP branch is not built"},
    {.name = "VACE pipeline", .matches = is_vace_pipeline, .reason = "VACE blocks are not built"},
    {.name = "pipeline", .matches = is_pipeline, .run = pipeline_run, .precision_matters = true},
    {0}};
