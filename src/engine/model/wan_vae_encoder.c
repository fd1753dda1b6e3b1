#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "engine/model/wan_vae_parts.h"

/* One resolution of the encoder: residual blocks, then a halving of the sides (and of time), which the last lacks. */
struct level {
    size_t height, width, in, out;
    struct res_block blocks[VAE_RES_BLOCKS_MAX];
    size_t block_count;
    bool down, down_time;
    struct conv down_conv, time_conv;
    struct frame down_in;
    struct frame time_in[3]; /* halved frames 2j-2, 2j-1, 2j: the window of the time convolution, stride 2 */
    size_t frame;            /* number of the next frame of the clip at this level */
    float *x_in;             /* [pixels][in] */
    float *x;                /* [pixels][out] */
    float *average;          /* [pixels / 4][out]: shortcut of VAE 2.2, summed over the frames of a group */
};

struct wan_vae_encoder {
    struct wan_vae_config config;
    size_t height, width; /* of conv1's input: pixels, or 2x2 pixel blocks */
    struct arena arena;
    struct vae_shared shared;
    struct causal conv1;
    struct level levels[WAN_VAE_LEVELS];
    struct vae_middle middle;
    float *head_gamma;
    struct causal head;            /* -> 2z */
    struct linear moments;         /* 2z -> 2z: mean, log variance */
    float *patches;                /* [height][width][12] */
    float *head_out, *moments_out; /* [pixels][2z] */
    float *latent;                 /* [z][latent pixels] */
};

struct run {
    struct wan_vae_encoder *encoder;
    const struct probe *probe;
    wan_vae_sink *sink;
    void *sink_context;
};

static void part_name(char *name, size_t size, const struct wan_vae_config *c, size_t level, size_t part)
{
    if (c->kind == WAN_VAE_22)
        snprintf(name, size, "encoder.downsamples.%zu.downsamples.%zu", level, part);
    else
        snprintf(name, size, "encoder.downsamples.%zu", level * (c->res_blocks + 1) + part);
}

static void levels_shape(struct wan_vae_encoder *e)
{
    const struct wan_vae_config *c = &e->config;
    size_t height = e->height, width = e->width, in = c->dim;
    for (size_t i = 0; i < WAN_VAE_LEVELS; i++) {
        struct level *level = &e->levels[i];
        level->height = height;
        level->width = width;
        level->in = in;
        level->out = c->dim * c->dim_mult[i];
        level->block_count = c->res_blocks;
        level->down = i + 1 < WAN_VAE_LEVELS;
        level->down_time = level->down && c->temporal_down[i];
        in = level->out;
        height /= 2;
        width /= 2;
    }
}

static void level_load(struct vae_loader *loader, const struct wan_vae_config *c, struct level *level, size_t index)
{
    char name[96], part[128];
    for (size_t j = 0; j < level->block_count; j++) {
        part_name(name, sizeof name, c, index, j);
        res_block_load(loader, &level->blocks[j], level->out, j ? level->out : level->in, name);
    }
    if (!level->down)
        return;
    part_name(name, sizeof name, c, index, level->block_count);
    snprintf(part, sizeof part, "%s.resample.1", name);
    vae_load_conv(loader, &level->down_conv, (struct conv_spec){.kind = CONV_DOWN, .out = level->out, .in = level->out},
                  part);
    snprintf(part, sizeof part, "%s.time_conv", name);
    if (level->down_time)
        vae_load_conv(loader, &level->time_conv,
                      (struct conv_spec){.kind = CONV_TIME, .out = level->out, .in = level->out}, part);
}

static void encoder_load(struct wan_vae_encoder *e, struct vae_loader *loader)
{
    const struct wan_vae_config *c = &e->config;
    causal_load(loader, &e->conv1, c->dim, c->kind == WAN_VAE_22 ? 12 : 3, "encoder.conv1");
    for (size_t i = 0; i < WAN_VAE_LEVELS; i++)
        level_load(loader, c, &e->levels[i], i);
    size_t widest = e->levels[WAN_VAE_LEVELS - 1].out;
    vae_middle_load(loader, &e->middle, widest, "encoder.middle");
    vae_load_vector(loader, &e->head_gamma, widest, "encoder.head.0.gamma");
    causal_load(loader, &e->head, 2 * c->z, widest, "encoder.head.2");
    vae_load_linear(loader, &e->moments, 2 * c->z, 2 * c->z, PRECISION_F32, "conv1");
}

static void level_take(struct vae_shared *shared, struct level *level, bool average)
{
    size_t pixels = level->height * level->width;
    level->x_in = arena_floats(shared->arena, pixels * level->in);
    level->x = arena_floats(shared->arena, pixels * level->out);
    for (size_t j = 0; j < level->block_count; j++)
        res_block_take(shared, &level->blocks[j], level->height, level->width);
    if (!level->down)
        return;
    frame_take(&level->down_in, shared->arena, level->height, level->width, level->out, shared->precision);
    if (average)
        level->average = arena_floats(shared->arena, pixels / 4 * level->out);
    for (size_t i = 0; level->down_time && i < 3; i++)
        frame_take(&level->time_in[i], shared->arena, level->height / 2, level->width / 2, level->out,
                   shared->precision);
}

static void encoder_take(struct wan_vae_encoder *e)
{
    struct vae_shared *shared = &e->shared;
    const struct level *last = &e->levels[WAN_VAE_LEVELS - 1];
    size_t pixels = last->height * last->width, z = e->config.z;
    shared->spare_count = 0;
    if (e->config.kind == WAN_VAE_22)
        e->patches = arena_floats(&e->arena, e->height * e->width * 12);
    causal_take(shared, &e->conv1, e->height, e->width);
    for (size_t i = 0; i < WAN_VAE_LEVELS; i++)
        level_take(shared, &e->levels[i], e->config.kind == WAN_VAE_22);
    vae_middle_take(shared, &e->middle, last->height, last->width);
    causal_take(shared, &e->head, last->height, last->width);
    e->head_out = arena_floats(&e->arena, pixels * 2 * z);
    e->moments_out = arena_floats(&e->arena, pixels * 2 * z);
    e->latent = arena_floats(&e->arena, pixels * z);
    vae_shared_take(shared);
}

static void encoder_init(struct wan_vae_encoder *e, const struct wan_vae_config *config, enum precision precision,
                         size_t height, size_t width)
{
    size_t patch = config->kind == WAN_VAE_22 ? 2 : 1;
    *e = (struct wan_vae_encoder){.config = *config, .height = height / patch, .width = width / patch};
    e->shared.precision = precision;
    e->shared.arena = &e->arena;
    levels_shape(e);
    arena_init(&e->arena);
}

size_t wan_vae_encoder_bytes(const struct wan_vae_config *config, size_t height, size_t width, enum precision precision)
{
    struct wan_vae_encoder *e = malloc(sizeof *e);
    if (!e)
        return 0;
    encoder_init(e, config, precision, height, width);
    struct vae_loader loader = {.precision = precision};
    encoder_load(e, &loader);
    encoder_take(e);
    size_t bytes = loader.bytes + e->arena.peak;
    free(e);
    return bytes;
}

int wan_vae_encoder_create(struct wan_vae_encoder **ret, const struct compute *compute, const struct weights *weights,
                           const struct wan_vae_config *config, enum precision precision, size_t height, size_t width,
                           conch_error *err)
{
    size_t stride = wan_vae_stride(config);
    if (height == 0 || width == 0 || height % stride || width % stride)
        return conch_error_set(err, CONCH_ERR_RANGE, "size %zux%zu is not allowed (both sides multiples of %zu)", width,
                               height, stride);
    struct wan_vae_encoder *e = malloc(sizeof *e);
    if (!e)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for an encoder");
    encoder_init(e, config, precision, height, width);
    e->shared.compute = compute;
    struct vae_loader loader = {.compute = compute, .weights = weights, .precision = precision, .err = err};
    encoder_load(e, &loader);
    int rc = loader.rc;
    if (rc == 0) {
        encoder_take(e);
        rc = arena_reserve(&e->arena, err);
    }
    if (rc < 0) {
        wan_vae_encoder_destroy(e);
        return rc;
    }
    encoder_take(e);
    *ret = e;
    return 0;
}

void wan_vae_encoder_destroy(struct wan_vae_encoder *e)
{
    if (!e)
        return;
    causal_finish(&e->conv1);
    for (size_t i = 0; i < WAN_VAE_LEVELS; i++) {
        struct level *level = &e->levels[i];
        for (size_t j = 0; j < level->block_count; j++)
            res_block_finish(&level->blocks[j]);
        conv_finish(&level->down_conv);
        conv_finish(&level->time_conv);
    }
    vae_middle_finish(&e->middle);
    free(e->head_gamma);
    causal_finish(&e->head);
    linear_finish(&e->moments);
    arena_finish(&e->arena);
    free(e);
}

void wan_vae_encoder_reset(struct wan_vae_encoder *e)
{
    e->conv1.seen = e->head.seen = 0;
    vae_middle_reset(&e->middle);
    for (size_t i = 0; i < WAN_VAE_LEVELS; i++) {
        for (size_t j = 0; j < e->levels[i].block_count; j++)
            res_block_reset(&e->levels[i].blocks[j]);
        e->levels[i].frame = 0;
    }
}

/* ---- running ---- */

/* Channel (c * 2 + r) * 2 + q of a position is colour c of pixel (2y + q, 2x + r). */
static void patch(const struct wan_vae_encoder *e, const float *pixels)
{
    size_t width = 2 * e->width;
    for (size_t y = 0; y < 2 * e->height; y++)
        for (size_t x = 0; x < width; x++)
            for (size_t c = 0; c < 3; c++)
                e->patches[(y / 2 * e->width + x / 2) * 12 + (c * 2 + x % 2) * 2 + y % 2] =
                    pixels[(y * width + x) * 3 + c];
}

/* Adds one frame's share to the shortcut of VAE 2.2: cells of frames x rows x columns become channels, of which groups
 * of neighbours are averaged. */
static void average_add(struct level *level, size_t frame, size_t frames)
{
    size_t factor = level->down ? 2 : 1, out_width = level->width / factor;
    size_t group = level->in * frames * factor * factor / level->out;
    float *sums = level->down ? level->average : level->x;
    for (size_t y = 0; y < level->height; y++)
        for (size_t x = 0; x < level->width; x++) {
            const float *in = level->x_in + (y * level->width + x) * level->in;
            float *out = sums + (y / factor * out_width + x / factor) * level->out;
            for (size_t c = 0; c < level->in; c++) {
                size_t i = ((c * frames + frame) * factor + y % factor) * factor + x % factor;
                out[i / group] += in[c] / (float)group;
            }
        }
}

static int level_run(const struct run *run, size_t index);

static int finish_run(const struct run *run)
{
    struct wan_vae_encoder *e = run->encoder;
    const struct wan_vae_config *c = &e->config;
    struct level *last = &e->levels[WAN_VAE_LEVELS - 1];
    size_t pixels = last->height * last->width;
    vae_middle_run(&e->shared, &e->middle, last->x, last->height, last->width, run->probe, "enc");
    causal_run(&e->shared, &e->head, last->x, e->head_gamma, NULL, e->head_out);
    struct linear_job job = {
        .linear = &e->moments, .x = e->head_out, .rows = pixels, .x_ld = 2 * c->z, .out_f32 = e->moments_out};
    linear_run(e->shared.compute, &job);
    probe_frame(run->probe, e->moments_out, last->height, last->width, 2 * c->z, "moments");
    for (size_t k = 0; k < c->z; k++)
        for (size_t i = 0; i < pixels; i++)
            e->latent[k * pixels + i] = (e->moments_out[i * 2 * c->z + k] - c->latent_mean[k]) / c->latent_std[k];
    return run->sink(run->sink_context, e->latent);
}

/* Number of the level's flat output in VAE 2.1, of the level in 2.2. */
static void probe_level(const struct run *run, size_t index, size_t part, const float *x, size_t height, size_t width,
                        bool level_end)
{
    const struct wan_vae_config *c = &run->encoder->config;
    size_t channels = run->encoder->levels[index].out;
    if (c->kind == WAN_VAE_21)
        probe_frame(run->probe, x, height, width, channels, "enc.downsamples.%zu", index * (c->res_blocks + 1) + part);
    else if (level_end)
        probe_frame(run->probe, x, height, width, channels, "enc.downsamples.%zu", index);
}

/* The next level's input is ready but for the shortcut. */
static int level_pass(const struct run *run, size_t index)
{
    struct wan_vae_encoder *e = run->encoder;
    struct level *level = &e->levels[index], *next = level + 1;
    if (e->config.kind == WAN_VAE_22)
        for (size_t i = 0; i < next->height * next->width * level->out; i++)
            next->x_in[i] += level->average[i];
    probe_level(run, index, level->block_count, next->x_in, next->height, next->width, true);
    return level_run(run, index + 1);
}

/* Halved frames in threes: (0), then (0 1 2), (2 3 4), ... The very first passes as it is. */
static int level_down_time(const struct run *run, size_t index, size_t frame)
{
    struct wan_vae_encoder *e = run->encoder;
    struct level *level = &e->levels[index], *next = level + 1;
    const float *halved = e->shared.apart;
    if (frame == 0) {
        frame_fill(e->shared.compute, &level->time_in[0], halved);
        memcpy(next->x_in, halved, next->height * next->width * level->out * sizeof(float));
        return level_pass(run, index);
    }
    frame_fill(e->shared.compute, &level->time_in[frame % 2 ? 1 : 2], halved);
    if (frame % 2)
        return 0;
    struct conv_job job = {.conv = &level->time_conv,
                           .frames = {&level->time_in[0], &level->time_in[1], &level->time_in[2]},
                           .out = next->x_in};
    conv_run(e->shared.compute, &job);
    void *swap = level->time_in[0].data;
    level->time_in[0].data = level->time_in[2].data;
    level->time_in[2].data = swap;
    return level_pass(run, index);
}

static void level_average(struct level *level, size_t frame)
{
    bool group_starts = !level->down_time || frame == 0 || frame % 2;
    if (group_starts)
        memset(level->average, 0, level->height * level->width / 4 * level->out * sizeof(float));
    if (level->down_time)
        average_add(level, frame == 0 || frame % 2 == 0, 2); /* the first group's other frame is zero */
    else
        average_add(level, 0, 1);
}

static int level_run(const struct run *run, size_t index)
{
    struct wan_vae_encoder *e = run->encoder;
    struct level *level = &e->levels[index];
    size_t frame = level->frame++;
    for (size_t j = 0; j < level->block_count; j++) {
        res_block_run(&e->shared, &level->blocks[j], j ? level->x : level->x_in, level->x,
                      level->height * level->width);
        probe_level(run, index, j, level->x, level->height, level->width, false);
    }
    if (!level->down) {
        if (e->config.kind == WAN_VAE_22) {
            average_add(level, 0, 1);
            probe_level(run, index, 0, level->x, level->height, level->width, true);
        }
        return finish_run(run);
    }
    if (e->config.kind == WAN_VAE_22)
        level_average(level, frame);
    frame_fill(e->shared.compute, &level->down_in, level->x);
    float *halved = level->down_time ? e->shared.apart : e->levels[index + 1].x_in;
    struct conv_job job = {.conv = &level->down_conv, .frames = {NULL, NULL, &level->down_in}, .out = halved};
    conv_run(e->shared.compute, &job);
    return level->down_time ? level_down_time(run, index, frame) : level_pass(run, index);
}

int wan_vae_encode(struct wan_vae_encoder *e, const float *pixels, wan_vae_sink *sink, void *sink_context,
                   const struct probe *probe, conch_error *err)
{
    const struct run run = {.encoder = e, .probe = probe, .sink = sink, .sink_context = sink_context};
    if (e->config.kind == WAN_VAE_22) {
        patch(e, pixels);
        pixels = e->patches;
    }
    struct level *first = &e->levels[0];
    causal_run(&e->shared, &e->conv1, pixels, NULL, NULL, first->x_in);
    probe_frame(probe, first->x_in, first->height, first->width, first->in, "enc.conv1");
    if (level_run(&run, 0) != 0)
        return conch_error_set(err, CONCH_ERR_CANCELLED, "cancelled while encoding");
    return 0;
}
