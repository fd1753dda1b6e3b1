/* conch-bench kernels: this machine's peaks, then matrix products, attention and row kernels at the sizes of real
 * models, for every kernel table that runs here. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "bench.h"
#include "engine/tensor/attention.h"
#include "engine/tensor/compute.h"
#include "engine/tensor/linear.h"
#include "peaks.h"

struct run {
    const struct bench_options *options;
    struct bench_report *report;
    struct compute compute;
    struct peaks peaks;
    const struct kern_table *picked; /* what the engine takes here */
    size_t threads;
};

static bool is_picked(const struct run *run)
{
    return run->compute.kern == run->picked;
}

/* The peak a table's products are held against. */
static double product_peak(const struct run *run, enum precision precision)
{
    return peaks_product(&run->peaks, run->compute.kern, precision);
}

static void row_add(struct run *run, struct bench_row row, bench_work *work, void *context)
{
    row.table = run->compute.kern->name;
    row.threads = run->threads;
    row.time = bench_measure(work, context, run->threads, BENCH_REPEATS);
    bench_report_add(run->report, &row);
}

/* ---- linear layers ---- */

struct product_context {
    struct run *run;
    struct linear_job job;
};

static void product_work(void *context)
{
    struct product_context *product = context;
    linear_run(&product->run->compute, &product->job);
}

/* Makes sums over k of the size a trained layer has (about 1): far larger ones would time GELU where it is flat. */
static void weights_scale(void *weights, size_t count, enum precision precision, float factor)
{
    for (size_t i = 0; i < count; i++) {
        if (precision == PRECISION_BF16)
            ((bf16 *)weights)[i] = bf16_from_f32(bf16_to_f32(((bf16 *)weights)[i]) * factor);
        else
            ((float *)weights)[i] *= factor;
    }
}

/* y = gelu(x W^T + b), bf16 out for bf16: the first half of a feed-forward, the tail included. */
static void product_measure(struct run *run, size_t rows, size_t k, size_t n, enum precision precision)
{
    char name[64];
    size_t element = precision_bytes(precision), panels = (n + KERN_PANEL - 1) / KERN_PANEL;
    size_t weights = panels * (precision == PRECISION_BF16 ? kern_panel_bf16(1, k) : kern_panel_f32(1, k));
    void *x = bench_alloc(rows * k * element + 64), *w = bench_alloc(weights * element);
    float *bias = bench_alloc(n * sizeof *bias);
    void *y = bench_alloc(rows * n * element);
    memset(y, 0, rows * n * element);
    bench_random_f32(bias, n);
    if (precision == PRECISION_BF16) {
        bench_random_bf16(x, rows * k);
        bench_random_bf16(w, weights);
    } else {
        bench_random_f32(x, rows * k);
        bench_random_f32(w, weights);
    }
    weights_scale(w, weights, precision, 3 / sqrtf((float)k));
    struct linear linear = {.n = n, .k = k, .precision = precision, .packed = w, .bias = bias};
    struct product_context product = {.run = run, .job = {.linear = &linear, .x = x, .rows = rows, .x_ld = k}};
    product.job.act = KERN_ACT_GELU_TANH;
    product.job.out_f32 = operand_f32(y, precision, 0);
    product.job.out_bf16 = operand_bf16(y, precision, 0);
    snprintf(name, sizeof name, "%zu tokens, %zu -> %zu", rows, k, n);
    struct bench_row row = {.group = precision == PRECISION_BF16 ? "linear, bf16, GELU" : "linear, f32, GELU",
                            .name = name,
                            .amount = 2.0 * (double)rows * (double)k * (double)n,
                            .unit = "GFLOP/s",
                            .peak = product_peak(run, precision)};
    row_add(run, row, product_work, &product);
    free(x);
    free(w);
    free(bias);
    free(y);
}

/* Wan 2.1 1.3B, Wan 2.2 5B, and the width of a larger transformer. */
static const size_t shapes[][2] = {{1536, 1536},  {1536, 8960}, {8960, 1536},  {3072, 3072}, {3072, 14336},
                                   {14336, 3072}, {5376, 5376}, {5376, 14336}, {14336, 5376}};
enum { SHAPES_SMALL = 3 }; /* those of the first model */

static const size_t token_counts[] = {1000, 2000, 4000, 8000};

/* How many of token_counts this run takes: all of them only for the table that the engine picks. */
static size_t token_counts_used(const struct run *run)
{
    size_t count = is_picked(run) ? ARRAY_LEN(token_counts) : 1;
    while (count > 1 && run->options->tokens_max && token_counts[count - 1] > run->options->tokens_max)
        count--;
    return count;
}

static void products_measure(struct run *run)
{
    if (run->options->quick) {
        product_measure(run, 384, 1536, 1536, PRECISION_BF16);
        product_measure(run, 384, 512, 512, PRECISION_F32);
        return;
    }
    for (size_t s = 0; s < (is_picked(run) ? ARRAY_LEN(shapes) : SHAPES_SMALL); s++)
        for (size_t t = 0; t < token_counts_used(run); t += s < SHAPES_SMALL ? 1 : 2)
            product_measure(run, token_counts[t], shapes[s][0], shapes[s][1], PRECISION_BF16);
    product_measure(run, 1000, 1536, 1536, PRECISION_F32);
}

/* ---- attention ---- */

struct attention_context {
    struct run *run;
    struct attention_job job;
    const bf16 *kv_rows;
};

static void attention_work(void *context)
{
    struct attention_context *attention = context;
    const struct attention_kv *kv = attention->job.kv;
    attention_pack_k(&attention->run->compute, kv, attention->kv_rows, kv->heads * kv->head_size);
    attention_pack_v(&attention->run->compute, kv, attention->kv_rows, kv->heads * kv->head_size);
    attention_run(&attention->run->compute, &attention->job);
}

static int attention_measure(struct run *run, size_t tokens, size_t heads, size_t head_size, conch_error *err)
{
    char name[64];
    size_t width = heads * head_size;
    struct arena arena;
    struct attention_kv kv;
    arena_init(&arena);
    attention_kv_take(&kv, &arena, heads, head_size, tokens, PRECISION_BF16);
    int rc = arena_reserve(&arena, err);
    if (rc < 0)
        return rc;
    attention_kv_take(&kv, &arena, heads, head_size, tokens, PRECISION_BF16);
    bf16 *q = bench_alloc(tokens * width * sizeof *q + 64), *k = bench_alloc(tokens * width * sizeof *k + 64);
    bf16 *out = bench_alloc(tokens * width * sizeof *out);
    bench_random_bf16(q, tokens * width + 32);
    bench_random_bf16(k, tokens * width + 32);
    memset(out, 0, tokens * width * sizeof *out);
    struct attention_context attention = {.run = run, .kv_rows = k};
    attention.job = (struct attention_job){.kv = &kv,
                                           .q = q,
                                           .rows = tokens,
                                           .q_ld = width,
                                           .scale = 1 / sqrtf((float)head_size),
                                           .out_bf16 = out,
                                           .out_ld = width};
    snprintf(name, sizeof name, "%zu tokens, %zu heads of %zu", tokens, heads, head_size);
    struct bench_row row = {.group = "attention, bf16, packing included",
                            .name = name,
                            .amount = 4.0 * (double)tokens * (double)tokens * (double)width,
                            .unit = "GFLOP/s",
                            .peak = product_peak(run, PRECISION_BF16)};
    row_add(run, row, attention_work, &attention);
    free(q);
    free(k);
    free(out);
    arena_finish(&arena);
    return 0;
}

static int attentions_measure(struct run *run, conch_error *err)
{
    static const size_t heads[][2] = {{12, 128}, {24, 128}, {56, 96}};
    if (run->options->quick)
        return attention_measure(run, 300, 12, 128, err);
    for (size_t h = 0; h < (is_picked(run) ? ARRAY_LEN(heads) : 1); h++) {
        for (size_t t = 0; t < token_counts_used(run); t++) {
            int rc = attention_measure(run, token_counts[t], heads[h][0], heads[h][1], err);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

/* ---- rows ---- */

/* 1,000 rows of a 1.3B model, more than the second-level cache holds; the softmax and the epilogue repeat the block
 * they work on in the engine, which stays there. */
enum { ROWS = 1000, WIDTH = 1536, HEAD = 128, PIXELS = 16000, CHANNELS = 96 };

enum row_kernel { ROW_LAYER, ROW_RMS_ROPE, ROW_L2_SILU, ROW_SCALE, ROW_WIDEN, ROW_GELU, ROW_GATE_ADD, ROW_SOFTMAX };

static const struct {
    const char *name;
    size_t pieces, values; /* a piece is one task */
} row_kernels[] = {
    [ROW_LAYER] = {"layer norm of 1536, to bf16", ROWS, WIDTH},
    [ROW_RMS_ROPE] = {"rms norm and rotation of 1536, to bf16", ROWS, WIDTH},
    [ROW_L2_SILU] = {"l2 norm and SiLU of 96, to bf16", PIXELS, CHANNELS},
    [ROW_SCALE] = {"f32 to bf16", ROWS, WIDTH},
    [ROW_WIDEN] = {"bf16 to f32", ROWS, WIDTH},
    [ROW_GELU] = {"epilogue: bias, GELU, to bf16", 32, TILE_M *TILE_N},
    [ROW_GATE_ADD] = {"epilogue: bias, gate, add, f32", 32, TILE_M *TILE_N},
    [ROW_SOFTMAX] = {"softmax of 64 x 512, to bf16", 64, ATTN_QUERIES *ATTN_KEYS},
};

struct rows_context {
    struct run *run;
    enum row_kernel kernel;
    float *x, *y, *mul, *add;
    bf16 *half;
};

static void epilogue_task(const struct rows_context *rows, size_t worker)
{
    float *c = rows->run->compute.scratch[worker];
    struct kern_epilogue e = {.c = c, .ldc = TILE_N, .m = TILE_M, .n = TILE_N, .bias = rows->add, .out_ld = TILE_N};
    if (rows->kernel == ROW_GELU) {
        e.act = KERN_ACT_GELU_TANH;
        e.out_bf16 = rows->half + worker * TILE_M * TILE_N;
    } else {
        e.gate = rows->mul;
        e.add = e.out_f32 = rows->y + worker * TILE_M * TILE_N;
        e.add_ld = TILE_N;
    }
    rows->run->compute.kern->epilogue(&e);
}

static void softmax_task(const struct rows_context *rows, size_t worker, size_t index)
{
    float *s = rows->run->compute.scratch[worker], *out = s + (size_t)2 * ATTN_QUERIES * ATTN_KEYS;
    float row_max[ATTN_QUERIES], row_sum[ATTN_QUERIES] = {0};
    for (size_t i = 0; i < ATTN_QUERIES; i++)
        row_max[i] = KERN_SCORE_MIN;
    memcpy(s, rows->x + index * 1024, (size_t)ATTN_QUERIES * ATTN_KEYS * sizeof *s); /* overwritten by the last one */
    struct kern_softmax sm = {.s = s,
                              .lds = ATTN_KEYS,
                              .m = ATTN_QUERIES,
                              .n = ATTN_KEYS,
                              .scale = 8,
                              .p_bf16 = (bf16 *)(s + ATTN_QUERIES * ATTN_KEYS),
                              .ldp = ATTN_KEYS,
                              .row_max = row_max,
                              .row_sum = row_sum,
                              .o = out,
                              .ldo = HEAD,
                              .d = HEAD};
    rows->run->compute.kern->softmax(&sm);
}

static void rows_task(void *context, size_t worker, size_t index)
{
    const struct rows_context *rows = context;
    const struct kern_table *kern = rows->run->compute.kern;
    size_t n = row_kernels[rows->kernel].values, at = index * n;
    switch (rows->kernel) {
    case ROW_LAYER: kern->norm_layer(NULL, rows->half + at, rows->x + at, rows->mul, rows->add, n, 1e-6f); break;
    case ROW_RMS_ROPE: kern->norm_rms(NULL, rows->half + at, rows->x + at, rows->mul, rows->add, n, HEAD, 1e-6f); break;
    case ROW_L2_SILU: kern->norm_l2(NULL, rows->half + at, rows->x + at, rows->mul, n, true); break;
    case ROW_SCALE: kern->scale(NULL, rows->half + at, rows->x + at, 1, n); break;
    case ROW_WIDEN: kern->widen(rows->y + at, rows->half + at, n); break;
    case ROW_GELU:
    case ROW_GATE_ADD: epilogue_task(rows, worker); break;
    case ROW_SOFTMAX: softmax_task(rows, worker, index); break;
    }
}

static void rows_work(void *context)
{
    struct rows_context *rows = context;
    compute_run(&rows->run->compute, row_kernels[rows->kernel].pieces, rows_task, rows);
}

static void rows_measure(struct run *run)
{
    /* The largest of: rows, pixels, one epilogue tile a thread. */
    size_t count = size_max(size_max((size_t)ROWS * WIDTH, (size_t)PIXELS * CHANNELS),
                            run->threads * (size_t)TILE_M * TILE_N);
    struct rows_context rows = {.run = run,
                                .x = bench_alloc(count * sizeof(float)),
                                .y = bench_alloc(count * sizeof(float)),
                                .mul = bench_alloc(WIDTH * sizeof(float)),
                                .add = bench_alloc(WIDTH * sizeof(float)),
                                .half = bench_alloc(count * sizeof(bf16))};
    bench_random_f32(rows.x, count);
    bench_random_f32(rows.y, count);
    bench_random_bf16(rows.half, count);
    bench_random_f32(rows.mul, WIDTH);
    bench_random_f32(rows.add, WIDTH);
    for (size_t i = 0; i < run->threads; i++)
        bench_random_f32(run->compute.scratch[i], (size_t)TILE_M * TILE_N);
    for (size_t i = 0; i < ARRAY_LEN(row_kernels); i++) {
        rows.kernel = (enum row_kernel)i;
        struct bench_row row = {.group = "rows",
                                .name = row_kernels[i].name,
                                .amount = (double)row_kernels[i].pieces * (double)row_kernels[i].values,
                                .unit = "Gvalue/s"};
        row_add(run, row, rows_work, &rows);
    }
    free(rows.x);
    free(rows.y);
    free(rows.mul);
    free(rows.add);
    free(rows.half);
}

/* ---- all of it ---- */

static int table_measure(struct run *run, const struct kern_table *table, conch_error *err)
{
    int rc = compute_init(&run->compute, run->threads, NULL, err);
    if (rc < 0)
        return rc;
    run->compute.kern = table;
    products_measure(run);
    rc = attentions_measure(run, err);
    if (rc == 0)
        rows_measure(run);
    compute_finish(&run->compute);
    return rc;
}

static int threads_measure(struct run *run, conch_error *err)
{
    /* A table that is passed over because vdpbf16ps is slow here is still measured: the reason should be visible. */
    unsigned flags = kern_cpu_flags() | KERN_CPU_FAST_BF16;
    int rc = peaks_measure(&run->peaks, run->report, run->options, run->threads, err);
    for (size_t i = 0; rc == 0 && kern_tables[i]; i++)
        if (kern_tables[i] != &kern_ref && (kern_tables[i]->needs & ~flags) == 0)
            rc = table_measure(run, kern_tables[i], err);
    return rc;
}

static int kernels_run(const struct bench_options *options, conch_error *err)
{
    struct run run = {.options = options, .picked = kern_pick(kern_cpu_flags(), NULL)};
    size_t cores = pool_cores_usable();
    int rc = bench_report_create(&run.report, options, "kernels", err);
    if (rc == 0) {
        run.threads = options->threads ? options->threads : 1;
        rc = threads_measure(&run, err);
    }
    if (rc == 0 && !options->threads && cores > 1) {
        run.threads = cores;
        rc = threads_measure(&run, err);
    }
    bench_report_destroy(run.report);
    return rc;
}

const struct bench_command bench_kernels = {
    .name = "kernels", .summary = "peaks, matrix products, attention and rows, per kernel table", .run = kernels_run};
