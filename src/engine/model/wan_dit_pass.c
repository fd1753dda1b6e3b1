#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "engine/model/branch.h"
#include "engine/model/wan_dit_state.h"
#include "engine/tensor/rows.h"

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
    dit_linear_f32(dit, &dit->edges.time_in, b->sinusoid, times, KERN_ACT_SILU, b->time_act);
    dit_linear_f32(dit, &dit->edges.time_out, b->time_act, times, KERN_ACT_NONE, b->time);
    for (size_t i = 0; i < times * c->dim; i++)
        b->time_act[i] = silu(b->time[i]);
    dit_linear_f32(dit, &dit->edges.time_projection, b->time_act, times, KERN_ACT_NONE, b->time_rows);
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
            b->modulation[time * 6 * d + i] = block->modulation[i] + b->time_rows[time * 6 * d + i] +
                                              (i / d == 1 || i / d == 4 ? 1.0f : 0.0f);
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
    dit_linear_f32(dit, &block->k, b->in, dit->tokens, KERN_ACT_NONE, b->wide);
    norm_heads(pass, block->norm_k, b->rope);
    probe_operand(pass, b->rows, layer, "k_rope");
    attention_pack_k(dit->compute, &b->kv, b->rows, d);
    dit_linear_operand(dit, &block->v, b->in, dit->tokens, KERN_ACT_NONE, b->rows);
    probe_operand(pass, b->rows, layer, "v");
    attention_pack_v(dit->compute, &b->kv, b->rows, d);
    dit_linear_f32(dit, &block->q, b->in, dit->tokens, KERN_ACT_NONE, b->wide);
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
    dit_linear_f32(dit, &block->cross_q, b->in, dit->tokens, KERN_ACT_NONE, b->wide);
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
        dit_linear_operand(dit, &block->ffn_in, operand_at(b->in, dit->options.precision, row * d), rows,
                           KERN_ACT_GELU_TANH, b->hidden);
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
            b->head_rows[time * 2 * d + i] = dit->edges.head_modulation[i] + b->time[time * d + i % d] +
                                             (i >= d ? 1.0f : 0.0f);
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
    dit_linear_f32(dit, &dit->edges.head, b->wide, dit->tokens, KERN_ACT_NONE, b->patches);
    probe_rows(pass->input->probe, b->patches, dit->tokens, 4 * dit->config.out_channels, "head");
}

int wan_dit_forward(struct wan_dit *dit, const struct wan_dit_context *context, const struct wan_dit_input *input,
                    float *velocity, conch_error *err)
{
    assert(input->time_count >= 1 && input->time_count <= WAN_DIT_TIMES_MAX);
    struct pass pass = {.dit = dit, .context = context, .input = input};
    patches_gather(&pass);
    dit_linear_f32(dit, &dit->edges.patch, dit->buffers.patches, dit->tokens, KERN_ACT_NONE, dit->buffers.x);
    probe_rows(input->probe, dit->buffers.x, dit->tokens, dit->config.dim, "patch_embedding");
    time_embed(&pass);
    int rc = blocks_run(&pass, err);
    if (rc < 0)
        return rc;
    head(&pass);
    patches_scatter(&pass, velocity);
    return 0;
}
