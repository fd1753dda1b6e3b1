#include "engine/model/umt5.h"

#include <math.h>
#include <stdio.h>

#include "base/base.h"
#include "engine/model/branch.h"
#include "engine/tensor/arena.h"
#include "engine/tensor/attention.h"
#include "engine/tensor/linear.h"
#include "engine/tensor/rows.h"

static const float norm_eps = 1e-6f;

/* Everything one encoding works in. */
struct run {
    const struct compute *compute;
    const struct umt5_job *job;
    float *x;       /* [count][dim] residual stream */
    void *normed;   /* [count][dim] operand */
    void *qkv;      /* [count][dim_attn] operand: k, then v, then q, one after another */
    void *attended; /* [count][dim_attn] operand */
    float *gate;    /* [count][dim_ffn] */
    void *hidden;   /* [count][dim_ffn] operand */
    float *bias;    /* [heads][2 count - 1] position bias by distance */
    float *table;   /* [buckets][heads] as stored */
    float *gain;    /* [dim] of the norm at hand */
    struct attention_kv kv;
};

static void run_take(struct run *run, struct arena *arena)
{
    const struct umt5_config *c = run->job->config;
    size_t count = run->job->count, element = precision_bytes(run->job->precision);
    run->x = arena_floats(arena, count * c->dim);
    run->normed = arena_take(arena, count * c->dim * element);
    run->qkv = arena_take(arena, count * c->dim_attn * element);
    run->attended = arena_take(arena, count * c->dim_attn * element);
    run->gate = arena_floats(arena, count * c->dim_ffn);
    run->hidden = arena_take(arena, count * c->dim_ffn * element);
    run->bias = arena_floats(arena, c->heads * (2 * count - 1));
    run->table = arena_floats(arena, c->buckets * c->heads);
    run->gain = arena_floats(arena, c->dim);
    attention_kv_take(&run->kv, arena, c->heads, c->dim_attn / c->heads, count, run->job->precision);
}

size_t umt5_peak_bytes(const struct umt5_config *c, size_t count, enum precision precision)
{
    struct umt5_job job = {.config = c, .count = count, .precision = precision};
    struct run run = {.job = &job};
    struct arena arena;
    arena_init(&arena);
    run_take(&run, &arena);
    /* one attention half or one feed-forward half of a layer is packed at a time */
    size_t attention = 4 * linear_bytes(c->dim_attn, c->dim, false, precision);
    size_t feed_forward = 3 * linear_bytes(c->dim_ffn, c->dim, false, precision);
    return arena.peak + size_max(attention, feed_forward);
}

size_t umt5_bucket(ptrdiff_t distance, size_t buckets)
{
    size_t half = buckets / 2, exact = half / 2, m = (size_t)(distance < 0 ? -distance : distance);
    size_t offset = distance > 0 ? half : 0;
    if (m < exact)
        return offset + m;
    /* f32 as in the original; ln(128 / exact) spans the remaining buckets */
    float position = logf((float)m / (float)exact) / logf(128.0f / (float)exact) * (float)(half - exact);
    return offset + size_min(half - 1, exact + (size_t)position);
}

static int embed(const struct run *run, conch_error *err)
{
    const struct umt5_config *c = run->job->config;
    struct weight_ref ref;
    int rc = weights_get(run->job->weights, "token_embedding.weight", 2,
                         (const int64_t[]){(int64_t)c->vocab, (int64_t)c->dim}, &ref, err);
    for (size_t i = 0; rc == 0 && i < run->job->count; i++) {
        int32_t id = run->job->ids[i];
        if (id < 0 || (size_t)id >= c->vocab)
            return conch_error_set(err, CONCH_ERR_RANGE, "token %zu has id %d, outside the vocabulary (0 to %zu)", i,
                                   id, c->vocab - 1);
        rc = weight_read_f32(&ref, (size_t)id * c->dim, c->dim, run->x + i * c->dim);
    }
    if (rc == 0)
        weight_drop(&ref);
    return rc;
}

/* normed = RMS(x) * gain of the named norm. */
static int norm(const struct run *run, conch_error *err, const char *name, size_t layer)
{
    const struct umt5_config *c = run->job->config;
    int rc = vector_load(run->gain, run->job->weights, c->dim, err, "blocks.%zu.%s.weight", layer, name);
    if (rc < 0)
        return rc;
    struct rows_rms_norm job = {.x = run->x,
                                .rows = run->job->count,
                                .width = c->dim,
                                .weight = run->gain,
                                .eps = norm_eps,
                                .precision = run->job->precision,
                                .out = run->normed};
    rows_rms_norm(run->compute, &job);
    return 0;
}

/* Scores of a distance, for every head: the layer's own table (T5 would share the first layer's). */
static int position_bias(const struct run *run, size_t layer, conch_error *err)
{
    const struct umt5_config *c = run->job->config;
    int rc = vector_load(run->table, run->job->weights, c->buckets * c->heads, err,
                         "blocks.%zu.pos_embedding.embedding.weight", layer);
    if (rc < 0)
        return rc;
    size_t span = 2 * run->job->count - 1;
    for (size_t i = 0; i < span; i++) {
        size_t bucket = umt5_bucket((ptrdiff_t)i - (ptrdiff_t)run->job->count + 1, c->buckets);
        for (size_t head = 0; head < c->heads; head++)
            run->bias[head * span + i] = run->table[bucket * c->heads + head];
    }
    return 0;
}

static void project(const struct run *run, const struct linear *linear, const void *in, void *out)
{
    struct linear_job job = {.linear = linear,
                             .x = in,
                             .rows = run->job->count,
                             .x_ld = linear->k,
                             .out_f32 = operand_f32(out, linear->precision, 0),
                             .out_bf16 = operand_bf16(out, linear->precision, 0)};
    linear_run(run->compute, &job);
}

static void attend(const struct run *run, const struct linear *q, const struct linear *k, const struct linear *v)
{
    const struct umt5_config *c = run->job->config;
    size_t count = run->job->count, span = 2 * count - 1;
    project(run, k, run->normed, run->qkv);
    attention_pack_k(run->compute, &run->kv, run->qkv, c->dim_attn);
    project(run, v, run->normed, run->qkv);
    attention_pack_v(run->compute, &run->kv, run->qkv, c->dim_attn);
    project(run, q, run->normed, run->qkv);
    struct attention_job job = {.kv = &run->kv,
                                .q = run->qkv,
                                .rows = count,
                                .q_ld = c->dim_attn,
                                .scale = 1.0f, /* UMT5 does not scale its scores */
                                .bias = run->bias + count - 1,
                                .bias_head_step = span,
                                .bias_row_step = -1,
                                .out_f32 = operand_f32(run->attended, run->job->precision, 0),
                                .out_bf16 = operand_bf16(run->attended, run->job->precision, 0),
                                .out_ld = c->dim_attn};
    attention_run(run->compute, &job);
}

/* x += end(in), offered to the probe as "blockN.what". */
static int close_branch(const struct run *run, const struct linear *end, const void *in, size_t layer, const char *what,
                        conch_error *err)
{
    char name[64];
    snprintf(name, sizeof name, "block%zu.%s", layer, what);
    struct branch branch = {.linear = end, .in = in, .rows = run->job->count, .x = run->x};
    return branch_run(run->compute, &branch, run->job->probe, name, err);
}

static int attention_half(const struct run *run, size_t layer, conch_error *err)
{
    static const char *const names[] = {"q", "k", "v", "o"};
    const struct umt5_config *c = run->job->config;
    struct linear linears[4] = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < 4; i++) {
        struct linear_spec spec = {i == 3 ? c->dim : c->dim_attn, i == 3 ? c->dim_attn : c->dim, false,
                                   run->job->precision};
        rc = linear_load(&linears[i], run->compute, run->job->weights, &spec, err, "blocks.%zu.attn.%s", layer,
                         names[i]);
    }
    if (rc == 0)
        rc = norm(run, err, "norm1", layer);
    if (rc == 0)
        rc = position_bias(run, layer, err);
    if (rc == 0) {
        attend(run, &linears[0], &linears[1], &linears[2]);
        rc = close_branch(run, &linears[3], run->attended, layer, "attn", err);
    }
    for (size_t i = 0; i < 4; i++)
        linear_finish(&linears[i]);
    return rc;
}

static int feed_forward_half(const struct run *run, size_t layer, conch_error *err)
{
    const struct umt5_config *c = run->job->config;
    struct linear_spec wide = {c->dim_ffn, c->dim, false, run->job->precision};
    struct linear_spec narrow = {c->dim, c->dim_ffn, false, run->job->precision};
    struct linear gate = {0}, up = {0}, down = {0};
    int rc = linear_load(&gate, run->compute, run->job->weights, &wide, err, "blocks.%zu.ffn.gate.0", layer);
    if (rc == 0)
        rc = linear_load(&up, run->compute, run->job->weights, &wide, err, "blocks.%zu.ffn.fc1", layer);
    if (rc == 0)
        rc = linear_load(&down, run->compute, run->job->weights, &narrow, err, "blocks.%zu.ffn.fc2", layer);
    if (rc == 0)
        rc = norm(run, err, "norm2", layer);
    if (rc == 0) {
        struct linear_job gated = {.linear = &gate,
                                   .x = run->normed,
                                   .rows = run->job->count,
                                   .x_ld = c->dim,
                                   .act = KERN_ACT_GELU_TANH,
                                   .out_f32 = run->gate};
        linear_run(run->compute, &gated);
        struct linear_job product = {.linear = &up,
                                     .x = run->normed,
                                     .rows = run->job->count,
                                     .x_ld = c->dim,
                                     .times = run->gate,
                                     .out_f32 = operand_f32(run->hidden, run->job->precision, 0),
                                     .out_bf16 = operand_bf16(run->hidden, run->job->precision, 0)};
        linear_run(run->compute, &product);
        rc = close_branch(run, &down, run->hidden, layer, "ffn", err);
    }
    linear_finish(&gate);
    linear_finish(&up);
    linear_finish(&down);
    return rc;
}

static int encode(const struct run *run, float *out, conch_error *err)
{
    const struct umt5_job *job = run->job;
    const struct umt5_config *c = job->config;
    int rc = embed(run, err);
    if (rc == 0)
        probe_rows(job->probe, run->x, job->count, c->dim, "embedding");
    for (size_t layer = 0; rc == 0 && layer < c->layers; layer++) {
        rc = attention_half(run, layer, err);
        if (rc == 0)
            rc = feed_forward_half(run, layer, err);
        if (rc == 0)
            probe_rows(job->probe, run->x, job->count, c->dim, "block%zu.out", layer);
        if (rc == 0 && job->progress && job->progress(job->progress_context, layer + 1) != 0)
            rc = conch_error_set(err, CONCH_ERR_CANCELLED, "cancelled while encoding the text");
    }
    if (rc == 0)
        rc = vector_load(run->gain, job->weights, c->dim, err, "norm.weight");
    if (rc < 0)
        return rc;
    struct rows_rms_norm last = {.x = run->x,
                                 .rows = job->count,
                                 .width = c->dim,
                                 .weight = run->gain,
                                 .eps = norm_eps,
                                 .precision = PRECISION_F32,
                                 .out = out};
    rows_rms_norm(run->compute, &last);
    return 0;
}

int umt5_encode(const struct compute *compute, const struct umt5_job *job, float *out, conch_error *err)
{
    if (job->count < 1 || job->count > UMT5_TOKENS_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "text of %zu tokens is not allowed (1 to %d)", job->count,
                               UMT5_TOKENS_MAX);
    struct run run = {.compute = compute, .job = job};
    struct arena arena;
    arena_init(&arena);
    run_take(&run, &arena);
    int rc = arena_reserve(&arena, err);
    if (rc < 0)
        return rc;
    run_take(&run, &arena);
    rc = encode(&run, out, err);
    arena_finish(&arena);
    return rc;
}
