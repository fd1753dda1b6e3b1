#include "engine/model/wan_dit.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "engine/model/branch.h"
#include "engine/model/wan_dit_weights.h"
#include "engine/tensor/arena.h"
#include "engine/tensor/attention.h"
#include "engine/tensor/rows.h"

/* Tokens whose feed-forward hidden layer is held at a time: at 8960 wide, 14 MB instead of 140. */
enum { FFN_ROWS = 4 * TILE_M };

/* Buffers of a pass; planned once. */
struct dit_buffers {
    float *x;       /* [tokens][dim] residual stream */
    void *in;       /* [tokens][dim] operand: what a norm made of x; then the attention result */
    float *wide;    /* [tokens][max(dim, 4 in_channels)] f32: a projection before its norm */
    void *rows;     /* [tokens][dim] operand: normed q, or k or v on their way to be packed */
    void *hidden;   /* [FFN_ROWS][ffn] operand */
    float *patches; /* [tokens][4 max(in, out channels)] */
    float *rope;    /* [tokens][head_size] */
    float *sinusoid, *time, *time_act, *time_rows; /* [times][freq_dim], [times][dim] twice, [times][6 dim] */
    float *modulation;   /* [times][6][dim] of the block at hand; scales have their 1 added */
    float *head_rows;    /* [times][2][dim] */
    uint32_t *token_time; /* [tokens] index of the timestep */
    struct attention_kv kv;
};

struct wan_dit {
    const struct compute *compute;
    const struct weights *weights;
    struct wan_dit_config config;
    struct wan_dit_options options;
    size_t tokens, head_size;
    struct dit_edges edges;
    struct dit_block *blocks; /* layers of them, or one when streamed */
    struct arena arena;
    struct dit_buffers buffers;
};

struct wan_dit_context {
    size_t rows;
    bool padded;        /* the last row stands for all padding slots */
    float *bias;        /* [rows] added to the scores: ln(how many slots the row stands for) */
    struct attention_kv *kv; /* one a layer */
    struct arena arena;
};

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

/* Context buffers, and behind them what only its making needs. */
struct context_work {
    void *operand;  /* [rows][max(text_dim, dim)] */
    void *text;     /* [rows][dim] operand: the embedded text */
    float *wide;    /* [rows][dim] */
    void *hidden;   /* [rows][dim] operand */
};

static void context_take(struct wan_dit_context *context, struct context_work *work, struct attention_kv *kv,
                         const struct wan_dit_config *c, enum precision precision)
{
    size_t d = c->dim, rows = context->rows, element = precision_bytes(precision);
    struct arena *arena = &context->arena;
    context->bias = arena_floats(arena, rows);
    for (size_t i = 0; i < c->layers; i++)
        attention_kv_take(kv ? &kv[i] : &(struct attention_kv){0}, arena, c->heads, d / c->heads, rows, precision);
    work->operand = arena_take(arena, rows * size_max(c->text_dim, d) * element);
    work->text = arena_take(arena, rows * d * element);
    work->wide = arena_floats(arena, rows * d);
    work->hidden = arena_take(arena, rows * d * element);
}

void wan_dit_plan(const struct wan_dit_config *config, const struct wan_dit_options *options, struct wan_dit_bytes *ret)
{
    struct dit_buffers buffers;
    struct arena arena;
    arena_init(&arena);
    buffers_take(&buffers, &arena, config, options);
    struct wan_dit_context context = {.rows = size_min(options->context_rows_max + 1, config->text_len)};
    struct context_work work;
    arena_init(&context.arena);
    context_take(&context, &work, NULL, config, options->precision);
    size_t block = dit_block_bytes(config, options->precision);
    ret->weights = dit_edges_bytes(config, options->precision) + (options->streamed ? 1 : config->layers) * block;
    ret->buffers = arena.peak;
    ret->context = context.arena.peak;
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

/* ---- text ---- */

static void linear_operand(const struct wan_dit *dit, const struct linear *linear, const void *x, size_t rows,
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

static void linear_f32(const struct wan_dit *dit, const struct linear *linear, const void *x, size_t rows,
                       enum kern_act act, float *out)
{
    struct linear_job job = {
        .linear = linear, .x = x, .rows = rows, .x_ld = linear->k, .act = act, .out_f32 = out};
    linear_run(dit->compute, &job);
}

static int context_layer(struct wan_dit *dit, struct wan_dit_context *context, const struct context_work *work,
                         size_t layer, conch_error *err)
{
    const struct wan_dit_config *c = &dit->config;
    struct dit_cross cross;
    int rc = dit_cross_load(&cross, dit->compute, dit->weights, c, dit->options.precision, layer, err);
    if (rc < 0)
        return rc;
    linear_f32(dit, &cross.k, work->text, context->rows, KERN_ACT_NONE, work->wide);
    struct rows_rms_norm norm = {.x = work->wide,
                                 .rows = context->rows,
                                 .width = c->dim,
                                 .head_size = dit->head_size,
                                 .weight = cross.norm_k,
                                 .eps = c->eps,
                                 .precision = dit->options.precision,
                                 .out = work->hidden};
    rows_rms_norm(dit->compute, &norm);
    attention_pack_k(dit->compute, &context->kv[layer], work->hidden, c->dim);
    linear_operand(dit, &cross.v, work->text, context->rows, KERN_ACT_NONE, work->hidden);
    attention_pack_v(dit->compute, &context->kv[layer], work->hidden, c->dim);
    dit_cross_finish(&cross);
    return 0;
}

int wan_dit_context_create(struct wan_dit_context **ret, struct wan_dit *dit, const float *features, size_t rows,
                           const struct probe *probe, conch_error *err)
{
    const struct wan_dit_config *c = &dit->config;
    if (rows < 1 || rows > c->text_len)
        return conch_error_set(err, CONCH_ERR_RANGE, "text of %zu tokens is not allowed (1 to %zu)", rows, c->text_len);
    struct wan_dit_context *context = calloc(1, sizeof *context);
    if (context)
        context->kv = calloc(c->layers, sizeof *context->kv);
    if (!context || !context->kv) {
        free(context);
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the text");
    }
    struct context_work work;
    context->padded = rows < c->text_len;
    context->rows = rows + context->padded;
    arena_init(&context->arena);
    context_take(context, &work, NULL, c, dit->options.precision);
    int rc = arena_reserve(&context->arena, err);
    if (rc == 0) {
        context_take(context, &work, context->kv, c, dit->options.precision);
        if (context->padded)
            context->bias[rows] = logf((float)(c->text_len - rows));
        rows_convert(dit->compute, work.operand, features, rows * c->text_dim, dit->options.precision);
        linear_operand(dit, &dit->edges.text_in, work.operand, context->rows, KERN_ACT_GELU_TANH, work.hidden);
        linear_f32(dit, &dit->edges.text_out, work.hidden, context->rows, KERN_ACT_NONE, work.wide);
        probe_rows(probe, work.wide, context->rows, c->dim, "text_embedding");
        rows_convert(dit->compute, work.text, work.wide, context->rows * c->dim, dit->options.precision);
    }
    for (size_t layer = 0; rc == 0 && layer < c->layers; layer++)
        rc = context_layer(dit, context, &work, layer, err);
    if (rc < 0) {
        wan_dit_context_destroy(context);
        return rc;
    }
    *ret = context;
    return 0;
}

void wan_dit_context_destroy(struct wan_dit_context *context)
{
    if (!context)
        return;
    arena_finish(&context->arena);
    free(context->kv);
    free(context);
}

/* ---- one pass ---- */

struct pass {
    struct wan_dit *dit;
    const struct wan_dit_context *context;
    const struct wan_dit_input *input;
    const uint32_t *select; /* token_time, or NULL when all tokens share one timestep */
};

/* The 2x2 pixels of a token in order (channel, row, column). */
static void patches_gather(const struct pass *pass)
{
    const struct wan_dit_shape *s = &pass->dit->options.shape;
    size_t channels = pass->dit->config.in_channels, plane = s->frames * s->height * s->width;
    float *out = pass->dit->buffers.patches;
    for (size_t f = 0; f < s->frames; f++)
        for (size_t y = 0; y < s->height; y += 2)
            for (size_t x = 0; x < s->width; x += 2)
                for (size_t c = 0; c < channels; c++, out += 4) {
                    const float *src = pass->input->latent + c * plane + (f * s->height + y) * s->width + x;
                    out[0] = src[0];
                    out[1] = src[1];
                    out[2] = src[s->width];
                    out[3] = src[s->width + 1];
                }
}

/* The head's values of a token are in order (row, column, channel). */
static void patches_scatter(const struct pass *pass, float *velocity)
{
    const struct wan_dit_shape *s = &pass->dit->options.shape;
    size_t channels = pass->dit->config.out_channels, plane = s->frames * s->height * s->width;
    const float *in = pass->dit->buffers.patches;
    for (size_t f = 0; f < s->frames; f++)
        for (size_t y = 0; y < s->height; y += 2)
            for (size_t x = 0; x < s->width; x += 2, in += 4 * channels)
                for (size_t c = 0; c < channels; c++) {
                    float *dst = velocity + c * plane + (f * s->height + y) * s->width + x;
                    dst[0] = in[c];
                    dst[1] = in[channels + c];
                    dst[s->width] = in[2 * channels + c];
                    dst[s->width + 1] = in[3 * channels + c];
                }
}

static float silu(float x)
{
    return x / (1 + expf(-x));
}

/* e and e0 of every distinct timestep, and which one each token has. */
static void time_embed(struct pass *pass)
{
    struct wan_dit *dit = pass->dit;
    const struct wan_dit_config *c = &dit->config;
    struct dit_buffers *b = &dit->buffers;
    size_t times = pass->input->time_count, frame_tokens = dit->tokens / dit->options.shape.frames;
    for (size_t i = 0; i < times; i++)
        wan_dit_sinusoid(b->sinusoid + i * c->freq_dim, c->freq_dim, (double)pass->input->times[i]);
    linear_f32(dit, &dit->edges.time_in, b->sinusoid, times, KERN_ACT_SILU, b->time_act);
    linear_f32(dit, &dit->edges.time_out, b->time_act, times, KERN_ACT_NONE, b->time);
    for (size_t i = 0; i < times * c->dim; i++)
        b->time_act[i] = silu(b->time[i]);
    linear_f32(dit, &dit->edges.time_projection, b->time_act, times, KERN_ACT_NONE, b->time_rows);
    for (size_t i = 0; i < dit->tokens; i++)
        b->token_time[i] = pass->input->frame_time ? pass->input->frame_time[i / frame_tokens] : 0;
    pass->select = times > 1 ? b->token_time : NULL;
    probe_rows(pass->input->probe, b->sinusoid, times, c->freq_dim, "time_sinusoid");
    probe_rows(pass->input->probe, b->time, times, c->dim, "time_embedding");
    probe_rows(pass->input->probe, b->time_rows, times, 6 * c->dim, "time_projection");
}

/* modulation + e0; rows 1 and 4 are scales and get their 1 here. */
static void modulate(const struct pass *pass, const struct dit_block *block)
{
    const struct dit_buffers *b = &pass->dit->buffers;
    size_t d = pass->dit->config.dim;
    for (size_t time = 0; time < pass->input->time_count; time++)
        for (size_t i = 0; i < 6 * d; i++)
            b->modulation[time * 6 * d + i] =
                block->modulation[i] + b->time_rows[time * 6 * d + i] + (i / d == 1 || i / d == 4 ? 1.0f : 0.0f);
}

static void norm_modulated(const struct pass *pass, size_t shift_row, void *out, enum precision precision)
{
    const struct wan_dit *dit = pass->dit;
    const struct dit_buffers *b = &dit->buffers;
    size_t d = dit->config.dim;
    struct rows_layer_norm job = {.x = b->x,
                                  .rows = dit->tokens,
                                  .width = d,
                                  .mul = b->modulation + (shift_row + 1) * d,
                                  .add = b->modulation + shift_row * d,
                                  .select = pass->select,
                                  .select_ld = 6 * d,
                                  .eps = dit->config.eps,
                                  .precision = precision,
                                  .out = out};
    rows_layer_norm(dit->compute, &job);
}

/* Offers an operand buffer as f32. */
static void probe_operand(const struct pass *pass, const void *data, size_t layer, const char *what)
{
    const struct wan_dit *dit = pass->dit;
    if (!pass->input->probe)
        return;
    size_t d = dit->config.dim;
    float *copy = malloc(dit->tokens * d * sizeof *copy);
    if (!copy)
        return;
    if (dit->options.precision == PRECISION_BF16)
        dit->compute->kern->widen(copy, data, dit->tokens * d);
    else
        memcpy(copy, data, dit->tokens * d * sizeof *copy);
    probe_rows(pass->input->probe, copy, dit->tokens, d, "block%zu.%s", layer, what);
    free(copy);
}

static void norm_heads(const struct pass *pass, const float *weight, const float *rope)
{
    const struct wan_dit *dit = pass->dit;
    struct rows_rms_norm job = {.x = dit->buffers.wide,
                                .rows = dit->tokens,
                                .width = dit->config.dim,
                                .head_size = dit->head_size,
                                .weight = weight,
                                .rope = rope,
                                .eps = dit->config.eps,
                                .precision = dit->options.precision,
                                .out = dit->buffers.rows};
    rows_rms_norm(dit->compute, &job);
}

static void attend(const struct pass *pass, const struct attention_kv *kv, const float *bias)
{
    const struct wan_dit *dit = pass->dit;
    const struct dit_buffers *b = &dit->buffers;
    struct attention_job job = {.kv = kv,
                                .q = b->rows,
                                .rows = dit->tokens,
                                .q_ld = dit->config.dim,
                                .scale = 1.0f / sqrtf((float)dit->head_size),
                                .bias = bias,
                                .out_f32 = operand_f32(b->in, dit->options.precision, 0),
                                .out_bf16 = operand_bf16(b->in, dit->options.precision, 0),
                                .out_ld = dit->config.dim};
    attention_run(dit->compute, &job);
}

/* x += linear(in) * modulation[gate_row]; gate_row 0 (a shift) means no gate. */
static int close_branch(const struct pass *pass, const struct linear *linear, const void *in, size_t gate_row,
                        size_t layer, const char *what, conch_error *err)
{
    const struct wan_dit *dit = pass->dit;
    size_t d = dit->config.dim;
    char name[64];
    snprintf(name, sizeof name, "block%zu.%s", layer, what);
    struct branch branch = {.linear = linear,
                            .in = in,
                            .rows = dit->tokens,
                            .x = dit->buffers.x,
                            .gate = gate_row ? dit->buffers.modulation + gate_row * d : NULL,
                            .select = pass->select,
                            .gate_ld = 6 * d};
    return branch_run(dit->compute, &branch, pass->input->probe, name, err);
}

static int self_attention(const struct pass *pass, const struct dit_block *block, size_t layer, conch_error *err)
{
    const struct wan_dit *dit = pass->dit;
    const struct dit_buffers *b = &dit->buffers;
    size_t d = dit->config.dim;
    norm_modulated(pass, 0, b->in, dit->options.precision);
    probe_operand(pass, b->in, layer, "self_attn_in");
    linear_f32(dit, &block->k, b->in, dit->tokens, KERN_ACT_NONE, b->wide);
    norm_heads(pass, block->norm_k, b->rope);
    probe_operand(pass, b->rows, layer, "k_rope");
    attention_pack_k(dit->compute, &b->kv, b->rows, d);
    linear_operand(dit, &block->v, b->in, dit->tokens, KERN_ACT_NONE, b->rows);
    probe_operand(pass, b->rows, layer, "v");
    attention_pack_v(dit->compute, &b->kv, b->rows, d);
    linear_f32(dit, &block->q, b->in, dit->tokens, KERN_ACT_NONE, b->wide);
    norm_heads(pass, block->norm_q, b->rope);
    probe_operand(pass, b->rows, layer, "q_rope");
    attend(pass, &b->kv, NULL);
    probe_operand(pass, b->in, layer, "attn_before_o");
    return close_branch(pass, &block->o, b->in, 2, layer, "self_attn", err);
}

static int cross_attention(const struct pass *pass, const struct dit_block *block, size_t layer, conch_error *err)
{
    const struct wan_dit *dit = pass->dit;
    const struct dit_buffers *b = &dit->buffers;
    struct rows_layer_norm norm = {.x = b->x,
                                   .rows = dit->tokens,
                                   .width = dit->config.dim,
                                   .mul = block->norm3_weight,
                                   .add = block->norm3_bias,
                                   .eps = dit->config.eps,
                                   .precision = dit->options.precision,
                                   .out = b->in};
    rows_layer_norm(dit->compute, &norm);
    probe_operand(pass, b->in, layer, "norm3");
    linear_f32(dit, &block->cross_q, b->in, dit->tokens, KERN_ACT_NONE, b->wide);
    norm_heads(pass, block->cross_norm_q, NULL);
    attend(pass, &pass->context->kv[layer], pass->context->padded ? pass->context->bias : NULL);
    return close_branch(pass, &block->cross_o, b->in, 0, layer, "cross_attn", err);
}

/* In runs of FFN_ROWS tokens. With a probe the branch must be seen whole, so its parts are joined first. */
static int feed_forward(const struct pass *pass, const struct dit_block *block, size_t layer, conch_error *err)
{
    const struct wan_dit *dit = pass->dit;
    const struct dit_buffers *b = &dit->buffers;
    const struct probe *probe = pass->input->probe;
    size_t d = dit->config.dim;
    norm_modulated(pass, 3, b->in, dit->options.precision);
    probe_operand(pass, b->in, layer, "ffn_in");
    for (size_t row = 0; row < dit->tokens; row += FFN_ROWS) {
        size_t rows = size_min(FFN_ROWS, dit->tokens - row);
        linear_operand(dit, &block->ffn_in, operand_at(b->in, dit->options.precision, row * d), rows, KERN_ACT_GELU_TANH,
                       b->hidden);
        struct linear_job job = {.linear = &block->ffn_out, .x = b->hidden, .rows = rows, .x_ld = dit->config.ffn};
        if (probe) {
            job.out_f32 = b->wide + row * d;
        } else {
            job.gate = b->modulation + 5 * d;
            job.gate_ld = 6 * d;
            job.gate_row = pass->select ? pass->select + row : NULL;
            job.add = job.out_f32 = b->x + row * d;
        }
        linear_run(dit->compute, &job);
    }
    if (probe) {
        probe_rows(probe, b->wide, dit->tokens, d, "block%zu.ffn", layer);
        struct rows_add add = {.x = b->x,
                               .branch = b->wide,
                               .rows = dit->tokens,
                               .width = d,
                               .gate = b->modulation + 5 * d,
                               .select = pass->select,
                               .select_ld = 6 * d};
        rows_add(&add);
    }
    return 0;
}

static int block_run(const struct pass *pass, const struct dit_block *block, size_t layer, conch_error *err)
{
    const struct wan_dit *dit = pass->dit;
    modulate(pass, block);
    int rc = self_attention(pass, block, layer, err);
    if (rc == 0)
        rc = cross_attention(pass, block, layer, err);
    if (rc == 0)
        rc = feed_forward(pass, block, layer, err);
    if (rc == 0)
        probe_rows(pass->input->probe, dit->buffers.x, dit->tokens, dit->config.dim, "block%zu.out", layer);
    return rc;
}

static int blocks_run(const struct pass *pass, conch_error *err)
{
    struct wan_dit *dit = pass->dit;
    int rc = 0;
    for (size_t layer = 0; rc == 0 && layer < dit->config.layers; layer++) {
        struct dit_block *block = &dit->blocks[dit->options.streamed ? 0 : layer];
        if (dit->options.streamed)
            rc = dit_block_load(block, dit->compute, dit->weights, &dit->config, dit->options.precision, layer, err);
        if (rc == 0)
            rc = block_run(pass, block, layer, err);
        if (dit->options.streamed)
            dit_block_finish(block);
        if (rc == 0 && pass->input->progress && pass->input->progress(pass->input->progress_context, layer + 1) != 0)
            rc = conch_error_set(err, CONCH_ERR_CANCELLED, "cancelled");
    }
    return rc;
}

static void head(const struct pass *pass)
{
    struct wan_dit *dit = pass->dit;
    const struct dit_buffers *b = &dit->buffers;
    size_t d = dit->config.dim;
    for (size_t time = 0; time < pass->input->time_count; time++)
        for (size_t i = 0; i < 2 * d; i++)
            b->head_rows[time * 2 * d + i] =
                dit->edges.head_modulation[i] + b->time[time * d + i % d] + (i >= d ? 1.0f : 0.0f);
    struct rows_layer_norm norm = {.x = b->x,
                                   .rows = dit->tokens,
                                   .width = d,
                                   .mul = b->head_rows + d,
                                   .add = b->head_rows,
                                   .select = pass->select,
                                   .select_ld = 2 * d,
                                   .eps = dit->config.eps,
                                   .precision = PRECISION_F32,
                                   .out = b->wide};
    rows_layer_norm(dit->compute, &norm);
    linear_f32(dit, &dit->edges.head, b->wide, dit->tokens, KERN_ACT_NONE, b->patches);
    probe_rows(pass->input->probe, b->patches, dit->tokens, 4 * dit->config.out_channels, "head");
}

int wan_dit_forward(struct wan_dit *dit, const struct wan_dit_context *context, const struct wan_dit_input *input,
                    float *velocity, conch_error *err)
{
    assert(input->time_count >= 1 && input->time_count <= WAN_DIT_TIMES_MAX);
    struct pass pass = {.dit = dit, .context = context, .input = input};
    patches_gather(&pass);
    linear_f32(dit, &dit->edges.patch, dit->buffers.patches, dit->tokens, KERN_ACT_NONE, dit->buffers.x);
    probe_rows(input->probe, dit->buffers.x, dit->tokens, dit->config.dim, "patch_embedding");
    time_embed(&pass);
    int rc = blocks_run(&pass, err);
    if (rc < 0)
        return rc;
    head(&pass);
    patches_scatter(&pass, velocity);
    return 0;
}
