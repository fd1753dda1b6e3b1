#include "engine/tensor/attention.h"

#include <assert.h>
#include <string.h>

#include "base/base.h"

/* Keys as columns of the first product: one panel is 16 keys, head_size deep. */
static size_t k_panel(const struct attention_kv *kv)
{
    return kv->precision == PRECISION_BF16 ? kern_panel_bf16(1, kv->head_size) : kern_panel_f32(1, kv->head_size);
}

/* Values as columns of the second product: one panel is 16 channels, all keys deep. f32 panels have no padding of their
 * own, so the depth is padded here: probabilities come in blocks of 32. */
static size_t v_panel(const struct attention_kv *kv)
{
    return kern_k_padded(kv->keys) * KERN_PANEL;
}

static size_t panels(size_t n)
{
    return (n + KERN_PANEL - 1) / KERN_PANEL;
}

void attention_kv_take(struct attention_kv *kv, struct arena *arena, size_t heads, size_t head_size, size_t keys,
                       enum precision precision)
{
    assert(head_size > 0 && head_size <= KERN_D_MAX);
    *kv = (struct attention_kv){.heads = heads, .head_size = head_size, .keys = keys, .precision = precision};
    size_t element = precision_bytes(precision);
    kv->k = arena_take(arena, heads * panels(keys) * k_panel(kv) * element);
    kv->v = arena_take(arena, heads * panels(head_size) * v_panel(kv) * element);
}

struct pack_context {
    const struct attention_kv *kv;
    const void *rows;
    size_t ld, pieces;
};

static void pack_k_piece(void *context, size_t worker, size_t index)
{
    const struct pack_context *pack = context;
    const struct attention_kv *kv = pack->kv;
    size_t head = index / pack->pieces, panel = index % pack->pieces, first = panel * KERN_PANEL;
    size_t count = size_min(KERN_PANEL, kv->keys - first);
    const void *src = operand_at_const(pack->rows, kv->precision, first * pack->ld + head * kv->head_size);
    void *dst = operand_at(kv->k, kv->precision, (head * pack->pieces + panel) * k_panel(kv));
    if (kv->precision == PRECISION_BF16)
        kern_pack_rows_bf16(dst, src, pack->ld, count, kv->head_size);
    else
        kern_pack_rows_f32(dst, src, pack->ld, count, kv->head_size);
}

static void pack_v_piece(void *context, size_t worker, size_t index)
{
    const struct pack_context *pack = context;
    const struct attention_kv *kv = pack->kv;
    size_t head = index / pack->pieces, panel = index % pack->pieces;
    size_t first = panel * KERN_PANEL, count = size_min(KERN_PANEL, kv->head_size - first);
    const void *src = operand_at_const(pack->rows, kv->precision, head * kv->head_size + first);
    void *dst = operand_at(kv->v, kv->precision, (head * pack->pieces + panel) * v_panel(kv));
    if (kv->precision == PRECISION_BF16) {
        kern_pack_columns_bf16(dst, src, pack->ld, count, kv->keys);
    } else {
        kern_pack_columns_f32(dst, src, pack->ld, count, kv->keys);
        size_t written = kv->keys * KERN_PANEL;
        memset((float *)dst + written, 0, (v_panel(kv) - written) * sizeof(float));
    }
}

void attention_pack_k(const struct compute *compute, const struct attention_kv *kv, const void *rows, size_t ld)
{
    struct pack_context pack = {.kv = kv, .rows = rows, .ld = ld, .pieces = panels(kv->keys)};
    compute_run(compute, kv->heads * pack.pieces, pack_k_piece, &pack);
}

void attention_pack_v(const struct compute *compute, const struct attention_kv *kv, const void *rows, size_t ld)
{
    struct pack_context pack = {.kv = kv, .rows = rows, .ld = ld, .pieces = panels(kv->head_size)};
    compute_run(compute, kv->heads * pack.pieces, pack_v_piece, &pack);
}

/* One thread's state for one block of queries; all in the compute's scratch. */
struct block {
    float *scores, *out, *row_max, *row_sum;
    void *probabilities;
    size_t rows, out_ld;
};

static void block_init(struct block *block, float *scratch, size_t head_size)
{
    block->scores = scratch;
    block->probabilities = scratch + ATTN_QUERIES * ATTN_LD;
    block->out = scratch + (size_t)2 * ATTN_QUERIES * ATTN_LD;
    block->out_ld = round_up(head_size, KERN_PANEL);
    block->row_max = block->out + ATTN_QUERIES * KERN_D_MAX;
    block->row_sum = block->row_max + ATTN_QUERIES;
    for (size_t i = 0; i < block->rows; i++) {
        block->row_max[i] = KERN_SCORE_MIN;
        block->row_sum[i] = 0;
        memset(block->out + i * block->out_ld, 0, block->out_ld * sizeof(float));
    }
}

struct run_context {
    const struct compute *compute;
    const struct attention_job *job;
    size_t query_blocks;
};

static void mm_run(const struct run_context *run, const struct kern_mm *mm)
{
    if (run->job->kv->precision == PRECISION_BF16)
        run->compute->kern->mm_bf16(mm);
    else
        run->compute->kern->mm_f32(mm);
}

static void block_keys(const struct run_context *run, struct block *block, size_t head, size_t query, size_t key)
{
    const struct attention_job *job = run->job;
    const struct attention_kv *kv = job->kv;
    size_t count = size_min(ATTN_KEYS, kv->keys - key), d = kv->head_size;
    const void *q = operand_at_const(job->q, kv->precision, query * job->q_ld + head * d);
    struct kern_mm scores = {
        .c = block->scores,
        .ldc = ATTN_LD,
        .m = block->rows,
        .n = count,
        .a = &q,
        .lda = job->q_ld,
        .batch_count = 1,
        .k = d,
        .b = operand_at_const(kv->k, kv->precision, (head * panels(kv->keys) + key / KERN_PANEL) * k_panel(kv)),
        .panel_stride = k_panel(kv)};
    mm_run(run, &scores);
    const float *bias = NULL;
    if (job->bias)
        bias = job->bias + head * job->bias_head_step + (ptrdiff_t)query * job->bias_row_step + key;
    bool is_bf16 = kv->precision == PRECISION_BF16;
    struct kern_softmax softmax = {.s = block->scores,
                                   .lds = ATTN_LD,
                                   .m = block->rows,
                                   .n = count,
                                   .scale = job->scale,
                                   .bias = bias,
                                   .bias_row_step = job->bias_row_step,
                                   .p_f32 = is_bf16 ? NULL : block->probabilities,
                                   .p_bf16 = is_bf16 ? block->probabilities : NULL,
                                   .ldp = ATTN_LD,
                                   .row_max = block->row_max,
                                   .row_sum = block->row_sum,
                                   .o = block->out,
                                   .ldo = block->out_ld,
                                   .d = d};
    run->compute->kern->softmax(&softmax);
    const void *p = block->probabilities;
    struct kern_mm values = {
        .c = block->out,
        .ldc = block->out_ld,
        .accumulate = true,
        .m = block->rows,
        .n = d,
        .a = &p,
        .lda = ATTN_LD,
        .batch_count = 1,
        .k = round_up(count, 32),
        .b = operand_at_const(kv->v, kv->precision, head * panels(d) * v_panel(kv) + key * KERN_PANEL),
        .panel_stride = v_panel(kv)};
    mm_run(run, &values);
}

static void run_block(void *context, size_t worker, size_t index)
{
    const struct run_context *run = context;
    const struct attention_job *job = run->job;
    size_t head = index / run->query_blocks, query = index % run->query_blocks * ATTN_QUERIES;
    size_t d = job->kv->head_size;
    struct block block = {.rows = size_min(ATTN_QUERIES, job->rows - query)};
    block_init(&block, run->compute->scratch[worker], d);
    for (size_t key = 0; key < job->kv->keys; key += ATTN_KEYS)
        block_keys(run, &block, head, query, key);
    for (size_t i = 0; i < block.rows; i++) {
        size_t at = (query + i) * job->out_ld + head * d;
        run->compute->kern->scale(job->out_f32 ? job->out_f32 + at : NULL, job->out_bf16 ? job->out_bf16 + at : NULL,
                                  block.out + i * block.out_ld, 1.0f / block.row_sum[i], d);
    }
}

void attention_run(const struct compute *compute, const struct attention_job *job)
{
    assert(job->kv->k && (job->out_f32 || job->out_bf16));
    struct run_context run = {
        .compute = compute, .job = job, .query_blocks = (job->rows + ATTN_QUERIES - 1) / ATTN_QUERIES};
    compute_run(compute, job->kv->heads * run.query_blocks, run_block, &run);
}
