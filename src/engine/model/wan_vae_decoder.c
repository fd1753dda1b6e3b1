#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "engine/model/wan_vae_parts.h"
#include "engine/tensor/rows.h"

/* One resolution of the decoder: residual blocks, then a doubling of the sides (and of time), which the last lacks. */
struct level {
    size_t height, width, in, out; /* out: channels of the residual blocks */
    struct res_block blocks[VAE_RES_BLOCKS_MAX];
    size_t block_count;
    bool up, up_time;
    size_t up_out; /* channels of the doubled frame */
    struct conv up_conv;
    struct conv time_conv[2]; /* the earlier and the later of the two frames that one becomes */
    struct frame time_kept[2];
    size_t time_seen;   /* inputs of the time convolution so far; the clip's first frame is not one */
    bool first_passed;  /* the clip's first frame has been here */
    struct frame up_in; /* input of up_conv */
    bool keeps_input;   /* for the shortcut of VAE 2.2 */
    float *x_in;        /* [pixels][in] */
    float *x;           /* [pixels][out]; the same memory as x_in where nobody misses that */
};

struct wan_vae_decoder {
    struct wan_vae_config config;
    size_t latent_height, latent_width;
    struct arena arena;
    struct vae_shared shared;
    struct linear conv2; /* z -> z on the denormalised latent */
    struct causal conv1; /* z -> widest */
    struct vae_middle middle;
    struct level levels[WAN_VAE_LEVELS];
    float *head_gamma;
    struct causal head;  /* -> 3, or 12 for 2x2 pixel blocks */
    float *z_in, *z_out; /* [pixels][z] */
    float *head_out;     /* [pixels][head.conv.out] */
    float *pixels;       /* [height][width][3] */
};

/* One decode call. */
struct run {
    struct wan_vae_decoder *decoder;
    const struct probe *probe;
    wan_vae_sink *sink;
    void *sink_context;
};

static size_t head_channels(const struct wan_vae_config *config)
{
    return config->kind == WAN_VAE_22 ? 12 : 3;
}

static void levels_shape(struct wan_vae_decoder *d)
{
    const struct wan_vae_config *c = &d->config;
    size_t height = d->latent_height, width = d->latent_width, in = c->dec_dim * c->dim_mult[WAN_VAE_LEVELS - 1];
    for (size_t i = 0; i < WAN_VAE_LEVELS; i++) {
        struct level *level = &d->levels[i];
        level->height = height;
        level->width = width;
        level->in = in;
        level->out = c->dec_dim * c->dim_mult[WAN_VAE_LEVELS - 1 - i];
        level->block_count = c->res_blocks + 1;
        level->up = i + 1 < WAN_VAE_LEVELS;
        level->up_time = level->up && c->temporal_down[WAN_VAE_LEVELS - 2 - i];
        level->up_out = c->kind == WAN_VAE_22 ? level->out : level->out / 2;
        level->keeps_input = c->kind == WAN_VAE_22 && level->up;
        in = level->up_out;
        height *= 2;
        width *= 2;
    }
}

/* Official names: VAE 2.1 numbers all parts of all levels in one row, 2.2 has a list a level. */
static void part_name(char *name, size_t size, const struct wan_vae_config *c, size_t level, size_t part)
{
    if (c->kind == WAN_VAE_22)
        snprintf(name, size, "decoder.upsamples.%zu.upsamples.%zu", level, part);
    else
        snprintf(name, size, "decoder.upsamples.%zu", level * (c->res_blocks + 2) + part);
}

static void level_load(struct vae_loader *loader, const struct wan_vae_config *c, struct level *level, size_t index)
{
    char name[96], part[128];
    for (size_t j = 0; j < level->block_count; j++) {
        part_name(name, sizeof name, c, index, j);
        res_block_load(loader, &level->blocks[j], level->out, j ? level->out : level->in, name);
    }
    if (!level->up)
        return;
    part_name(name, sizeof name, c, index, level->block_count);
    snprintf(part, sizeof part, "%s.resample.1", name);
    vae_load_conv(loader, &level->up_conv, (struct conv_spec){.kind = CONV_UP, .out = level->up_out, .in = level->out},
                  part);
    snprintf(part, sizeof part, "%s.time_conv", name);
    for (size_t half = 0; level->up_time && half < 2; half++)
        vae_load_conv(loader, &level->time_conv[half],
                      (struct conv_spec){.kind = CONV_TIME,
                                         .out = level->out,
                                         .in = level->out,
                                         .out_first = half * level->out,
                                         .out_stored = 2 * level->out},
                      part);
}

static void decoder_load(struct wan_vae_decoder *d, struct vae_loader *loader)
{
    const struct wan_vae_config *c = &d->config;
    size_t widest = c->dec_dim * c->dim_mult[WAN_VAE_LEVELS - 1];
    vae_load_linear(loader, &d->conv2, c->z, c->z, PRECISION_F32, "conv2");
    causal_load(loader, &d->conv1, widest, c->z, "decoder.conv1");
    vae_middle_load(loader, &d->middle, widest, "decoder.middle");
    for (size_t i = 0; i < WAN_VAE_LEVELS; i++)
        level_load(loader, c, &d->levels[i], i);
    size_t narrow = d->levels[WAN_VAE_LEVELS - 1].out;
    vae_load_vector(loader, &d->head_gamma, narrow, "decoder.head.0.gamma");
    causal_load(loader, &d->head, head_channels(c), narrow, "decoder.head.2");
}

static void level_take(struct vae_shared *shared, struct level *level)
{
    size_t pixels = level->height * level->width;
    level->x_in = arena_floats(shared->arena, pixels * level->in);
    bool in_place = !level->keeps_input && level->in == level->out;
    level->x = in_place ? level->x_in : arena_floats(shared->arena, pixels * level->out);
    for (size_t j = 0; j < level->block_count; j++)
        res_block_take(shared, &level->blocks[j], level->height, level->width);
    if (level->up)
        frame_take(&level->up_in, shared->arena, level->height, level->width, level->out, shared->precision);
    for (size_t i = 0; level->up_time && i < 2; i++)
        frame_take(&level->time_kept[i], shared->arena, level->height, level->width, level->out, shared->precision);
}

static void decoder_take(struct wan_vae_decoder *d)
{
    struct vae_shared *shared = &d->shared;
    size_t pixels = d->latent_height * d->latent_width;
    shared->spare_count = 0;
    d->z_in = arena_floats(&d->arena, pixels * d->config.z);
    d->z_out = arena_floats(&d->arena, pixels * d->config.z);
    causal_take(shared, &d->conv1, d->latent_height, d->latent_width);
    vae_middle_take(shared, &d->middle, d->latent_height, d->latent_width);
    for (size_t i = 0; i < WAN_VAE_LEVELS; i++)
        level_take(shared, &d->levels[i]);
    const struct level *last = &d->levels[WAN_VAE_LEVELS - 1];
    causal_take(shared, &d->head, last->height, last->width);
    d->head_out = arena_floats(&d->arena, last->height * last->width * head_channels(&d->config));
    size_t stride = wan_vae_stride(&d->config);
    d->pixels = arena_floats(&d->arena, pixels * stride * stride * 3);
    vae_shared_take(shared);
}

static void decoder_init(struct wan_vae_decoder *d, const struct wan_vae_config *config, enum precision precision,
                         size_t latent_height, size_t latent_width)
{
    *d = (struct wan_vae_decoder){.config = *config, .latent_height = latent_height, .latent_width = latent_width};
    d->shared.precision = precision;
    d->shared.arena = &d->arena;
    levels_shape(d);
    arena_init(&d->arena);
}

size_t wan_vae_decoder_bytes(const struct wan_vae_config *config, size_t latent_height, size_t latent_width,
                             enum precision precision)
{
    struct wan_vae_decoder *d = malloc(sizeof *d);
    if (!d)
        return 0;
    decoder_init(d, config, precision, latent_height, latent_width);
    struct vae_loader loader = {.precision = precision};
    decoder_load(d, &loader);
    decoder_take(d);
    size_t bytes = loader.bytes + d->arena.peak;
    free(d);
    return bytes;
}

int wan_vae_decoder_create(struct wan_vae_decoder **ret, const struct compute *compute, const struct weights *weights,
                           const struct wan_vae_config *config, enum precision precision, size_t latent_height,
                           size_t latent_width, conch_error *err)
{
    struct wan_vae_decoder *d = malloc(sizeof *d);
    if (!d)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a decoder");
    decoder_init(d, config, precision, latent_height, latent_width);
    d->shared.compute = compute;
    struct vae_loader loader = {.compute = compute, .weights = weights, .precision = precision, .err = err};
    decoder_load(d, &loader);
    int rc = loader.rc;
    if (rc == 0) {
        decoder_take(d);
        rc = arena_reserve(&d->arena, err);
    }
    if (rc < 0) {
        wan_vae_decoder_destroy(d);
        return rc;
    }
    decoder_take(d);
    *ret = d;
    return 0;
}

void wan_vae_decoder_destroy(struct wan_vae_decoder *d)
{
    if (!d)
        return;
    linear_finish(&d->conv2);
    causal_finish(&d->conv1);
    vae_middle_finish(&d->middle);
    for (size_t i = 0; i < WAN_VAE_LEVELS; i++) {
        struct level *level = &d->levels[i];
        for (size_t j = 0; j < level->block_count; j++)
            res_block_finish(&level->blocks[j]);
        conv_finish(&level->up_conv);
        conv_finish(&level->time_conv[0]);
        conv_finish(&level->time_conv[1]);
    }
    free(d->head_gamma);
    causal_finish(&d->head);
    arena_finish(&d->arena);
    free(d);
}

void wan_vae_decoder_reset(struct wan_vae_decoder *d)
{
    d->conv1.seen = d->head.seen = 0;
    vae_middle_reset(&d->middle);
    for (size_t i = 0; i < WAN_VAE_LEVELS; i++) {
        for (size_t j = 0; j < d->levels[i].block_count; j++)
            res_block_reset(&d->levels[i].blocks[j]);
        d->levels[i].time_seen = 0;
        d->levels[i].first_passed = false;
    }
}

/* ---- running ---- */

/* Adds the parameter-free shortcut of VAE 2.2 to a doubled frame: every channel of the level's input repeated, read as
 * (output channel, frame, row, column). */
struct dup_up {
    const struct level *level;
    float *out; /* [2 height][2 width][up_out] */
    size_t frame, frame_factor;
};

static void dup_up_row(void *context, size_t worker, size_t y)
{
    const struct dup_up *job = context;
    const struct level *level = job->level;
    size_t repeats = level->up_out * job->frame_factor * 4 / level->in, out_width = 2 * level->width;
    size_t row = y % 2, source = y / 2 * level->width;
    for (size_t x = 0; x < out_width; x++) {
        const float *in = level->x_in + (source + x / 2) * level->in;
        float *out = job->out + (y * out_width + x) * level->up_out;
        for (size_t o = 0; o < level->up_out; o++)
            out[o] += in[(((o * job->frame_factor + job->frame) * 2 + row) * 2 + x % 2) / repeats];
    }
}

static int level_run(const struct run *run, size_t index);

/* Doubles the sides of y [pixels][out] into the next level's input and goes on there. */
static int level_up(const struct run *run, size_t index, const float *y, size_t frame)
{
    struct wan_vae_decoder *d = run->decoder;
    struct level *level = &d->levels[index], *next = level + 1;
    const struct compute *compute = d->shared.compute;
    frame_fill(compute, &level->up_in, y);
    struct conv_job job = {.conv = &level->up_conv, .frames = {NULL, NULL, &level->up_in}, .out = next->x_in};
    conv_run(compute, &job);
    if (d->config.kind == WAN_VAE_22) {
        struct dup_up shortcut = {
            .level = level, .out = next->x_in, .frame = frame, .frame_factor = level->up_time ? 2 : 1};
        compute_run(compute, 2 * level->height, dup_up_row, &shortcut);
        probe_frame(run->probe, next->x_in, next->height, next->width, next->in, "dec.upsamples.%zu", index);
    } else {
        probe_frame(run->probe, next->x_in, next->height, next->width, next->in, "dec.upsamples.%zu",
                    index * (d->config.res_blocks + 2) + level->block_count);
    }
    return level_run(run, index + 1);
}

/* One frame becomes two: the time convolution over this and the two frames before it, once for each half. */
static int level_up_time(const struct run *run, size_t index)
{
    struct wan_vae_decoder *d = run->decoder;
    struct level *level = &d->levels[index];
    struct frame *spare = vae_spare(&d->shared, level->height, level->width, level->out);
    frame_fill(d->shared.compute, spare, level->x);
    int rc = 0;
    for (size_t half = 0; rc == 0 && half < 2; half++) {
        struct conv_job job = {.conv = &level->time_conv[half],
                               .frames = {level->time_seen >= 2 ? &level->time_kept[0] : NULL,
                                          level->time_seen >= 1 ? &level->time_kept[1] : NULL, spare},
                               .out = d->shared.apart};
        conv_run(d->shared.compute, &job);
        rc = level_up(run, index, d->shared.apart, half);
    }
    void *oldest = level->time_kept[0].data;
    level->time_kept[0].data = level->time_kept[1].data;
    level->time_kept[1].data = spare->data;
    spare->data = oldest;
    level->time_seen = size_min(level->time_seen + 1, 2);
    return rc;
}

/* Channel (c * 2 + r) * 2 + q of a position is colour c of pixel (2y + q, 2x + r). */
static void unpatch(const struct wan_vae_decoder *d)
{
    const struct level *last = &d->levels[WAN_VAE_LEVELS - 1];
    size_t width = 2 * last->width;
    for (size_t y = 0; y < 2 * last->height; y++)
        for (size_t x = 0; x < width; x++)
            for (size_t c = 0; c < 3; c++)
                d->pixels[(y * width + x) * 3 + c] =
                    d->head_out[(y / 2 * last->width + x / 2) * 12 + (c * 2 + x % 2) * 2 + y % 2];
}

static int head_run(const struct run *run)
{
    struct wan_vae_decoder *d = run->decoder;
    const struct level *last = &d->levels[WAN_VAE_LEVELS - 1];
    causal_run(&d->shared, &d->head, last->x, d->head_gamma, NULL, d->head_out);
    probe_frame(run->probe, d->head_out, last->height, last->width, head_channels(&d->config), "dec.head");
    if (d->config.kind == WAN_VAE_22)
        unpatch(d);
    return run->sink(run->sink_context, d->config.kind == WAN_VAE_22 ? d->pixels : d->head_out);
}

static int level_run(const struct run *run, size_t index)
{
    struct wan_vae_decoder *d = run->decoder;
    struct level *level = &d->levels[index];
    for (size_t j = 0; j < level->block_count; j++) {
        res_block_run(&d->shared, &level->blocks[j], j ? level->x : level->x_in, level->x,
                      level->height * level->width);
        if (d->config.kind == WAN_VAE_21)
            probe_frame(run->probe, level->x, level->height, level->width, level->out, "dec.upsamples.%zu",
                        index * (d->config.res_blocks + 2) + j);
    }
    if (!level->up) {
        if (d->config.kind == WAN_VAE_22)
            probe_frame(run->probe, level->x, level->height, level->width, level->out, "dec.upsamples.%zu", index);
        return head_run(run);
    }
    if (level->up_time && level->first_passed)
        return level_up_time(run, index);
    level->first_passed = true;
    /* the first frame stays one frame: it is the later of the two its shortcut would give */
    return level_up(run, index, level->x, level->up_time ? 1 : 0);
}

int wan_vae_decode(struct wan_vae_decoder *d, const float *latent, size_t plane_stride, wan_vae_sink *sink,
                   void *sink_context, const struct probe *probe, conch_error *err)
{
    const struct wan_vae_config *c = &d->config;
    const struct run run = {.decoder = d, .probe = probe, .sink = sink, .sink_context = sink_context};
    size_t pixels = d->latent_height * d->latent_width;
    for (size_t i = 0; i < pixels; i++)
        for (size_t k = 0; k < c->z; k++)
            d->z_in[i * c->z + k] = latent[k * plane_stride + i] * c->latent_std[k] + c->latent_mean[k];
    struct linear_job job = {.linear = &d->conv2, .x = d->z_in, .rows = pixels, .x_ld = c->z, .out_f32 = d->z_out};
    linear_run(d->shared.compute, &job);
    probe_frame(probe, d->z_out, d->latent_height, d->latent_width, c->z, "conv2");
    float *x = d->levels[0].x_in;
    causal_run(&d->shared, &d->conv1, d->z_out, NULL, NULL, x);
    probe_frame(probe, x, d->latent_height, d->latent_width, d->conv1.conv.out, "dec.conv1");
    vae_middle_run(&d->shared, &d->middle, x, d->latent_height, d->latent_width, probe, "dec");
    if (level_run(&run, 0) != 0)
        return conch_error_set(err, CONCH_ERR_CANCELLED, "cancelled while decoding");
    return 0;
}
