#include <math.h>
#include <stdlib.h>

#include "base/base.h"
#include "engine/model/wan_dit_state.h"
#include "engine/tensor/rows.h"

/* Context buffers, and behind them what only its making needs. */
struct context_work {
    void *operand; /* [rows][max(text_dim, dim)] */
    void *text;    /* [rows][dim] operand: the embedded text */
    float *wide;   /* [rows][dim] */
    void *hidden;  /* [rows][dim] operand */
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

size_t dit_context_bytes(const struct wan_dit_config *config, const struct wan_dit_options *options)
{
    struct wan_dit_context context = {.rows = size_min(options->context_rows_max + 1, config->text_len)};
    struct context_work work;
    arena_init(&context.arena);
    context_take(&context, &work, NULL, config, options->precision);
    return context.arena.peak;
}

static int context_layer(struct wan_dit *dit, struct wan_dit_context *context, const struct context_work *work,
                         size_t layer, conch_error *err)
{
    const struct wan_dit_config *c = &dit->config;
    struct dit_cross cross;
    int rc = dit_cross_load(&cross, dit->compute, dit->weights, c, dit->options.precision, layer, err);
    if (rc < 0)
        return rc;
    dit_linear_f32(dit, &cross.k, work->text, context->rows, KERN_ACT_NONE, work->wide);
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
    dit_linear_operand(dit, &cross.v, work->text, context->rows, KERN_ACT_NONE, work->hidden);
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
        dit_linear_operand(dit, &dit->edges.text_in, work.operand, context->rows, KERN_ACT_GELU_TANH, work.hidden);
        dit_linear_f32(dit, &dit->edges.text_out, work.hidden, context->rows, KERN_ACT_NONE, work.wide);
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
