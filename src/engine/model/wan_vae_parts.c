#include "engine/model/wan_vae_parts.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "engine/tensor/rows.h"

enum { NAME_BYTES = 128 };

/* ---- weights ---- */

void vae_load_conv(struct vae_loader *loader, struct conv *conv, struct conv_spec spec, const char *name)
{
    spec.precision = loader->precision;
    loader->bytes += conv_bytes(spec.kind, spec.out, spec.in, spec.precision);
    if (loader->weights && loader->rc == 0)
        loader->rc = conv_load(conv, loader->compute, loader->weights, &spec, loader->err, "%s", name);
}

void vae_load_linear(struct vae_loader *loader, struct linear *linear, size_t n, size_t k, enum precision precision,
                     const char *name)
{
    struct linear_spec spec = {n, k, true, precision};
    loader->bytes += linear_bytes(n, k, true, precision);
    if (loader->weights && loader->rc == 0)
        loader->rc = linear_load(linear, loader->compute, loader->weights, &spec, loader->err, "%s", name);
}

void vae_load_vector(struct vae_loader *loader, float **vector, size_t n, const char *name)
{
    loader->bytes += n * sizeof(float);
    if (!loader->weights || loader->rc < 0)
        return;
    *vector = malloc(n * sizeof(float));
    loader->rc = *vector ? vector_load(*vector, loader->weights, n, loader->err, "%s", name)
                         : conch_error_set(loader->err, CONCH_ERR_NOMEM, "no memory for the weight %s", name);
}

/* ---- shared buffers ---- */

struct frame *vae_spare(struct vae_shared *shared, size_t height, size_t width, size_t channels)
{
    for (size_t i = 0; i < shared->spare_count; i++) {
        struct frame *spare = &shared->spares[i];
        if (spare->height == height && spare->width == width && spare->channels == channels)
            return spare;
    }
    assert(shared->spare_count < VAE_SPARES_MAX);
    struct frame *spare = &shared->spares[shared->spare_count++];
    frame_take(spare, shared->arena, height, width, channels, shared->precision);
    return spare;
}

void vae_shared_note(struct vae_shared *shared, size_t values, size_t operand)
{
    shared->values_max = size_max(shared->values_max, values);
    shared->operand_max = size_max(shared->operand_max, operand);
}

void vae_shared_take(struct vae_shared *shared)
{
    shared->apart = arena_floats(shared->arena, shared->values_max);
    shared->operand = arena_take(shared->arena, shared->operand_max * precision_bytes(shared->precision));
}

/* ---- causal convolution ---- */

void causal_load(struct vae_loader *loader, struct causal *causal, size_t out, size_t in, const char *name)
{
    *causal = (struct causal){.conv = {.out = out, .in = in}};
    vae_load_conv(loader, &causal->conv, (struct conv_spec){.kind = CONV_3D, .out = out, .in = in}, name);
}

void causal_take(struct vae_shared *shared, struct causal *causal, size_t height, size_t width)
{
    for (size_t i = 0; i < 2; i++)
        frame_take(&causal->kept[i], shared->arena, height, width, causal->conv.in, shared->precision);
    vae_spare(shared, height, width, causal->conv.in);
}

void causal_finish(struct causal *causal)
{
    conv_finish(&causal->conv);
}

void causal_run(struct vae_shared *shared, struct causal *causal, const float *x, const float *gamma, const float *add,
                float *out)
{
    struct frame *spare = vae_spare(shared, causal->kept[0].height, causal->kept[0].width, causal->conv.in);
    if (gamma)
        frame_norm(shared->compute, spare, x, gamma, true);
    else
        frame_fill(shared->compute, spare, x);
    struct conv_job job = {
        .conv = &causal->conv,
        .frames = {causal->seen >= 2 ? &causal->kept[0] : NULL, causal->seen >= 1 ? &causal->kept[1] : NULL, spare},
        .add = add,
        .out = out};
    conv_run(shared->compute, &job);
    void *oldest = causal->kept[0].data;
    causal->kept[0].data = causal->kept[1].data;
    causal->kept[1].data = spare->data;
    spare->data = oldest;
    causal->seen = size_min(causal->seen + 1, 2);
}

/* ---- residual block ---- */

void res_block_load(struct vae_loader *loader, struct res_block *block, size_t out, size_t in, const char *name)
{
    char part[NAME_BYTES];
    *block = (struct res_block){.in = in, .out = out};
    snprintf(part, sizeof part, "%s.residual.0.gamma", name);
    vae_load_vector(loader, &block->gamma1, in, part);
    snprintf(part, sizeof part, "%s.residual.2", name);
    causal_load(loader, &block->conv1, out, in, part);
    snprintf(part, sizeof part, "%s.residual.3.gamma", name);
    vae_load_vector(loader, &block->gamma2, out, part);
    snprintf(part, sizeof part, "%s.residual.6", name);
    causal_load(loader, &block->conv2, out, out, part);
    snprintf(part, sizeof part, "%s.shortcut", name);
    if (in != out)
        vae_load_linear(loader, &block->shortcut, out, in, loader->precision, part);
}

void res_block_take(struct vae_shared *shared, struct res_block *block, size_t height, size_t width)
{
    causal_take(shared, &block->conv1, height, width);
    causal_take(shared, &block->conv2, height, width);
    vae_shared_note(shared, height * width * block->out, block->in != block->out ? height * width * block->in : 0);
}

void res_block_finish(struct res_block *block)
{
    causal_finish(&block->conv1);
    causal_finish(&block->conv2);
    linear_finish(&block->shortcut);
    free(block->gamma1);
    free(block->gamma2);
    *block = (struct res_block){0};
}

void res_block_reset(struct res_block *block)
{
    block->conv1.seen = block->conv2.seen = 0;
}

void res_block_run(struct vae_shared *shared, struct res_block *block, const float *x, float *out, size_t pixels)
{
    causal_run(shared, &block->conv1, x, block->gamma1, NULL, shared->apart);
    const float *add = x;
    if (block->in != block->out) {
        rows_convert(shared->compute, shared->operand, x, pixels * block->in, shared->precision);
        struct linear_job job = {
            .linear = &block->shortcut, .x = shared->operand, .rows = pixels, .x_ld = block->in, .out_f32 = out};
        linear_run(shared->compute, &job);
        add = out;
    }
    causal_run(shared, &block->conv2, shared->apart, block->gamma2, add, out);
}

/* ---- attention ---- */

void vae_attention_load(struct vae_loader *loader, struct vae_attention *attention, size_t channels, const char *name)
{
    char part[NAME_BYTES];
    *attention = (struct vae_attention){.channels = channels};
    snprintf(part, sizeof part, "%s.norm.gamma", name);
    vae_load_vector(loader, &attention->gamma, channels, part);
    snprintf(part, sizeof part, "%s.to_qkv", name);
    vae_load_linear(loader, &attention->qkv, 3 * channels, channels, loader->precision, part);
    snprintf(part, sizeof part, "%s.proj", name);
    vae_load_linear(loader, &attention->proj, channels, channels, loader->precision, part);
}

void vae_attention_take(struct vae_shared *shared, struct vae_attention *attention, size_t pixels)
{
    size_t c = attention->channels;
    attention->rows = arena_take(shared->arena, pixels * 3 * c * precision_bytes(shared->precision));
    attention_kv_take(&attention->kv, shared->arena, 1, c, pixels, shared->precision);
    vae_shared_note(shared, 0, pixels * c);
}

void vae_attention_finish(struct vae_attention *attention)
{
    linear_finish(&attention->qkv);
    linear_finish(&attention->proj);
    free(attention->gamma);
    *attention = (struct vae_attention){0};
}

void vae_attention_run(struct vae_shared *shared, struct vae_attention *attention, float *x, size_t pixels)
{
    enum precision precision = shared->precision;
    size_t c = attention->channels;
    rows_l2_norm(shared->compute, shared->operand, x, attention->gamma, pixels, c, precision);
    struct linear_job qkv = {.linear = &attention->qkv,
                             .x = shared->operand,
                             .rows = pixels,
                             .x_ld = c,
                             .out_f32 = operand_f32(attention->rows, precision, 0),
                             .out_bf16 = operand_bf16(attention->rows, precision, 0)};
    linear_run(shared->compute, &qkv);
    attention_pack_k(shared->compute, &attention->kv, operand_at(attention->rows, precision, c), 3 * c);
    attention_pack_v(shared->compute, &attention->kv, operand_at(attention->rows, precision, 2 * c), 3 * c);
    struct attention_job job = {.kv = &attention->kv,
                                .q = attention->rows,
                                .rows = pixels,
                                .q_ld = 3 * c,
                                .scale = 1.0f / sqrtf((float)c),
                                .out_f32 = operand_f32(shared->operand, precision, 0),
                                .out_bf16 = operand_bf16(shared->operand, precision, 0),
                                .out_ld = c};
    attention_run(shared->compute, &job);
    struct linear_job proj = {
        .linear = &attention->proj, .x = shared->operand, .rows = pixels, .x_ld = c, .add = x, .out_f32 = x};
    linear_run(shared->compute, &proj);
}

/* ---- middle ---- */

void vae_middle_load(struct vae_loader *loader, struct vae_middle *middle, size_t channels, const char *name)
{
    char part[NAME_BYTES];
    snprintf(part, sizeof part, "%s.0", name);
    res_block_load(loader, &middle->first, channels, channels, part);
    snprintf(part, sizeof part, "%s.1", name);
    vae_attention_load(loader, &middle->attention, channels, part);
    snprintf(part, sizeof part, "%s.2", name);
    res_block_load(loader, &middle->last, channels, channels, part);
}

void vae_middle_take(struct vae_shared *shared, struct vae_middle *middle, size_t height, size_t width)
{
    res_block_take(shared, &middle->first, height, width);
    vae_attention_take(shared, &middle->attention, height * width);
    res_block_take(shared, &middle->last, height, width);
}

void vae_middle_finish(struct vae_middle *middle)
{
    res_block_finish(&middle->first);
    vae_attention_finish(&middle->attention);
    res_block_finish(&middle->last);
}

void vae_middle_reset(struct vae_middle *middle)
{
    res_block_reset(&middle->first);
    res_block_reset(&middle->last);
}

void vae_middle_run(struct vae_shared *shared, struct vae_middle *middle, float *x, size_t height, size_t width,
                    const struct probe *probe, const char *prefix)
{
    size_t channels = middle->first.out;
    res_block_run(shared, &middle->first, x, x, height * width);
    probe_frame(probe, x, height, width, channels, "%s.middle.0", prefix);
    vae_attention_run(shared, &middle->attention, x, height * width);
    probe_frame(probe, x, height, width, channels, "%s.middle.1", prefix);
    res_block_run(shared, &middle->last, x, x, height * width);
    probe_frame(probe, x, height, width, channels, "%s.middle.2", prefix);
}
