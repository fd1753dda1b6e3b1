#include "engine/model/wan_dit.h"

#include <math.h>
#include <stdlib.h>

#include "base/base.h"
#include "engine/model/wan_dit_state.h"

static size_t token_count(const struct wan_dit_shape *shape)
{
    return shape->frames * (shape->height / 2) * (shape->width / 2);
}

static void buffers_take(struct dit_buffers *b, struct arena *arena, const struct wan_dit_config *c,
                         const struct wan_dit_options *options)
{
    size_t tokens = token_count(&options->shape), d = c->dim, element = precision_bytes(options->precision);
    size_t channels = size_max(c->in_channels, c->out_channels);
    b->x = arena_floats(arena, tokens * d);
    b->in = arena_take(arena, tokens * d * element);
    b->wide = arena_floats(arena, tokens * size_max(d, 4 * c->in_channels));
    b->rows = arena_take(arena, tokens * d * element);
    b->hidden = arena_take(arena, size_min(tokens, FFN_ROWS) * c->ffn * element);
    b->patches = arena_floats(arena, tokens * 4 * channels);
    b->rope = arena_floats(arena, tokens * (d / c->heads));
    b->sinusoid = arena_floats(arena, WAN_DIT_TIMES_MAX * c->freq_dim);
    b->time = arena_floats(arena, WAN_DIT_TIMES_MAX * d);
    b->time_act = arena_floats(arena, WAN_DIT_TIMES_MAX * d);
    b->time_rows = arena_floats(arena, WAN_DIT_TIMES_MAX * 6 * d);
    b->modulation = arena_floats(arena, WAN_DIT_TIMES_MAX * 6 * d);
    b->head_rows = arena_floats(arena, WAN_DIT_TIMES_MAX * 2 * d);
    b->token_time = arena_take(arena, tokens * sizeof(uint32_t));
    attention_kv_take(&b->kv, arena, c->heads, d / c->heads, tokens, options->precision);
}

void wan_dit_plan(const struct wan_dit_config *config, const struct wan_dit_options *options, struct wan_dit_bytes *ret)
{
    struct dit_buffers buffers;
    struct arena arena;
    arena_init(&arena);
    buffers_take(&buffers, &arena, config, options);
    size_t block = dit_block_bytes(config, options->precision);
    /* keys and values of one layer's cross-attention are packed while a context is made, beside the resident blocks */
    size_t cross = dit_cross_bytes(config, options->precision);
    ret->weights = dit_edges_bytes(config, options->precision) +
                   (options->streamed ? size_max(block, cross) : config->layers * block + cross);
    ret->buffers = arena.peak;
    ret->context = dit_context_bytes(config, options);
}

static int config_check(const struct wan_dit_config *c, const struct wan_dit_options *options, conch_error *err)
{
    const struct wan_dit_shape *s = &options->shape;
    if (c->heads == 0 || c->dim % c->heads != 0 || c->dim / c->heads % 2 != 0 || c->dim / c->heads > KERN_D_MAX)
        return conch_error_set(err, CONCH_ERR_FORMAT, "transformer: %zu channels in %zu heads is not allowed", c->dim,
                               c->heads);
    if (s->frames < 1 || s->height < 2 || s->width < 2 || s->height % 2 || s->width % 2 ||
        s->frames > WAN_DIT_POSITIONS || s->height / 2 > WAN_DIT_POSITIONS || s->width / 2 > WAN_DIT_POSITIONS)
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "latent of %zu frames of %zux%zu is not allowed (even sides, at most %d tokens an axis)",
                               s->frames, s->width, s->height, WAN_DIT_POSITIONS);
    return 0;
}

int wan_dit_create(struct wan_dit **ret, const struct compute *compute, const struct weights *weights,
                   const struct wan_dit_config *config, const struct wan_dit_options *options, conch_error *err)
{
    int rc = config_check(config, options, err);
    if (rc < 0)
        return rc;
    struct wan_dit *dit = calloc(1, sizeof *dit);
    size_t blocks = options->streamed ? 1 : config->layers;
    if (dit)
        dit->blocks = calloc(blocks, sizeof *dit->blocks);
    if (!dit || !dit->blocks) {
        free(dit);
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a transformer");
    }
    dit->compute = compute;
    dit->weights = weights;
    dit->config = *config;
    dit->options = *options;
    dit->tokens = token_count(&options->shape);
    dit->head_size = config->dim / config->heads;
    arena_init(&dit->arena);
    buffers_take(&dit->buffers, &dit->arena, config, options);
    rc = arena_reserve(&dit->arena, err);
    if (rc == 0)
        rc = dit_edges_load(&dit->edges, compute, weights, config, options->precision, err);
    for (size_t i = 0; rc == 0 && i < config->layers && !options->streamed; i++)
        rc = dit_block_load(&dit->blocks[i], compute, weights, config, options->precision, i, err);
    if (rc < 0) {
        wan_dit_destroy(dit);
        return rc;
    }
    buffers_take(&dit->buffers, &dit->arena, config, options);
    wan_dit_rope(dit->buffers.rope, dit->head_size, options->shape.frames, options->shape.height / 2,
                 options->shape.width / 2);
    *ret = dit;
    return 0;
}

void wan_dit_destroy(struct wan_dit *dit)
{
    if (!dit)
        return;
    for (size_t i = 0; i < (dit->options.streamed ? 1 : dit->config.layers); i++)
        dit_block_finish(&dit->blocks[i]);
    dit_edges_finish(&dit->edges);
    arena_finish(&dit->arena);
    free(dit->blocks);
    free(dit);
}

void wan_dit_rope(float *table, size_t head_size, size_t frames, size_t height, size_t width)
{
    size_t pairs = head_size / 2, side = pairs / 3, first = pairs - 2 * side;
    for (size_t token = 0; token < frames * height * width; token++) {
        size_t position[3] = {token / (height * width), token / width % height, token % width};
        float *row = table + token * head_size;
        for (size_t i = 0; i < pairs; i++) {
            size_t axis = i < first ? 0 : i < first + side ? 1 : 2;
            size_t j = axis == 0 ? i : (i - first) % side, count = axis == 0 ? first : side;
            double angle = (double)position[axis] * pow(10000.0, -(double)j / (double)count);
            row[2 * i] = (float)cos(angle);
            row[2 * i + 1] = (float)sin(angle);
        }
    }
}

void wan_dit_sinusoid(float *out, size_t freq_dim, double t)
{
    size_t half = freq_dim / 2;
    for (size_t i = 0; i < half; i++) {
        double angle = t * pow(10000.0, -(double)i / (double)half);
        out[i] = (float)cos(angle);
        out[half + i] = (float)sin(angle);
    }
}

void dit_linear_operand(const struct wan_dit *dit, const struct linear *linear, const void *x, size_t rows,
                        enum kern_act act, void *out)
{
    struct linear_job job = {.linear = linear,
                             .x = x,
                             .rows = rows,
                             .x_ld = linear->k,
                             .act = act,
                             .out_f32 = operand_f32(out, dit->options.precision, 0),
                             .out_bf16 = operand_bf16(out, dit->options.precision, 0)};
    linear_run(dit->compute, &job);
}

void dit_linear_f32(const struct wan_dit *dit, const struct linear *linear, const void *x, size_t rows,
                    enum kern_act act, float *out)
{
    struct linear_job job = {.linear = linear, .x = x, .rows = rows, .x_ld = linear->k, .act = act, .out_f32 = out};
    linear_run(dit->compute, &job);
}
