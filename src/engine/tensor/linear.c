#include "engine/tensor/linear.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static size_t panel_bytes(size_t k, enum precision precision)
{
    return precision == PRECISION_BF16 ? kern_panel_bf16(1, k) * 2 : kern_panel_f32(1, k) * 4;
}

static size_t packed_bytes(size_t n, size_t k, enum precision precision)
{
    return round_up((n + KERN_PANEL - 1) / KERN_PANEL * panel_bytes(k, precision), 64);
}

size_t linear_bytes(size_t n, size_t k, bool bias, enum precision precision)
{
    return packed_bytes(n, k, precision) + (bias ? n * sizeof(float) : 0);
}

struct pack_context {
    const struct linear *linear;
    const struct weight_ref *ref;
    atomic_int rc;
};

/* One panel: 16 rows of the weight, read in the packed type and interleaved. */
static void pack_panel(void *context, size_t worker, size_t panel)
{
    struct pack_context *pack = context;
    const struct linear *linear = pack->linear;
    size_t first = panel * KERN_PANEL, count = size_min(KERN_PANEL, linear->n - first), k = linear->k;
    void *rows = malloc(count * k * precision_bytes(linear->precision));
    int rc = rows ? 0 : CONCH_ERR_NOMEM;
    char *dst = (char *)linear->packed + panel * panel_bytes(k, linear->precision);
    if (rc == 0 && linear->precision == PRECISION_BF16) {
        rc = weight_read_bf16(pack->ref, first * k, count * k, rows);
        kern_pack_rows_bf16((bf16 *)dst, rows, k, count, k);
    } else if (rc == 0) {
        rc = weight_read_f32(pack->ref, first * k, count * k, rows);
        kern_pack_rows_f32((float *)dst, rows, k, count, k);
    }
    if (rc < 0)
        atomic_store(&pack->rc, rc);
    weight_drop_range(pack->ref, first * k, count * k); /* what is packed need not be resident twice */
    free(rows);
}

static int shape_check(const struct weight_ref *ref, const char *name, const struct linear_spec *spec, conch_error *err)
{
    if (ref->ndim >= 2 && (size_t)ref->shape[0] == spec->n && ref->elements == spec->n * spec->k)
        return 0;
    char shape[ST_SHAPE_TEXT_BYTES];
    return conch_error_set(err, CONCH_ERR_FORMAT, "%s: tensor %s has shape %s, wanted is [%zu, %zu]", ref->part[0].path,
                           name, st_shape_text(shape, ref->ndim, ref->shape), spec->n, spec->k);
}

static int weight_any_shape(const struct weights *weights, const char *name, struct weight_ref *ret, conch_error *err)
{
    const struct st_tensor *tensor = weights_find(weights, name);
    const int64_t any[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return weights_get(weights, name, tensor ? tensor->ndim : 2, any, ret, err);
}

int linear_load(struct linear *linear, const struct compute *compute, const struct weights *weights,
                const struct linear_spec *spec, conch_error *err, const char *name_format, ...)
{
    char stem[256], name[272];
    va_list args;
    va_start(args, name_format);
    vsnprintf(stem, sizeof stem, name_format, args);
    va_end(args);
    struct weight_ref ref, bias_ref;
    *linear = (struct linear){.n = spec->n, .k = spec->k, .precision = spec->precision};
    snprintf(name, sizeof name, "%s.weight", stem);
    int rc = weight_any_shape(weights, name, &ref, err);
    if (rc == 0)
        rc = shape_check(&ref, name, spec, err);
    if (rc == 0 && spec->bias) {
        snprintf(name, sizeof name, "%s.bias", stem);
        rc = weights_get(weights, name, 1, (const int64_t[]){(int64_t)spec->n}, &bias_ref, err);
    }
    if (rc < 0)
        return rc;
    linear->packed = aligned_alloc(64, packed_bytes(spec->n, spec->k, spec->precision));
    linear->bias = spec->bias ? malloc(spec->n * sizeof(float)) : NULL;
    if (!linear->packed || (spec->bias && !linear->bias)) {
        linear_finish(linear);
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the weight %s (%zu MB)", stem,
                               linear_bytes(spec->n, spec->k, spec->bias, spec->precision) >> 20);
    }
    struct pack_context pack = {.linear = linear, .ref = &ref};
    compute_run(compute, (spec->n + KERN_PANEL - 1) / KERN_PANEL, pack_panel, &pack);
    rc = atomic_load(&pack.rc);
    if (rc == 0 && spec->bias)
        rc = weight_read_f32(&bias_ref, 0, spec->n, linear->bias);
    weight_drop(&ref);
    if (rc < 0) {
        linear_finish(linear);
        return conch_error_set(err, rc, "cannot read the weight %s", stem);
    }
    return 0;
}

void linear_finish(struct linear *linear)
{
    free(linear->packed);
    free(linear->bias);
    *linear = (struct linear){0};
}

int vector_load(float *dst, const struct weights *weights, size_t n, conch_error *err, const char *name_format, ...)
{
    char name[272];
    va_list args;
    va_start(args, name_format);
    vsnprintf(name, sizeof name, name_format, args);
    va_end(args);
    struct weight_ref ref;
    int rc = weight_any_shape(weights, name, &ref, err);
    if (rc < 0)
        return rc;
    if (ref.elements != n)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: tensor %s has %zu values, wanted %zu", ref.part[0].path,
                               name, ref.elements, n);
    return weight_read_f32(&ref, 0, n, dst);
}

struct run_context {
    const struct compute *compute;
    const struct linear_job *job;
    size_t row_blocks, out_ld;
};

static void run_epilogue(const struct run_context *run, const float *c, size_t row, size_t m, size_t column, size_t n)
{
    const struct linear_job *job = run->job;
    size_t width = job->linear->n;
    struct kern_epilogue e = {
        .c = c,
        .ldc = TILE_LD,
        .m = m,
        .n = n,
        .bias = job->linear->bias ? job->linear->bias + column : NULL,
        .act = job->act,
        .times = job->times ? job->times + row * width + column : NULL,
        .times_ld = width,
        .gate = job->gate ? job->gate + column : NULL,
        .gate_ld = job->gate_ld,
        .gate_row = job->gate_row ? job->gate_row + row : NULL,
        .add = job->add ? job->add + row * run->out_ld + column : NULL,
        .add_ld = run->out_ld,
        .out_f32 = job->out_f32 ? job->out_f32 + row * run->out_ld + column : NULL,
        .out_bf16 = job->out_bf16 ? job->out_bf16 + row * run->out_ld + column : NULL,
        .out_ld = run->out_ld,
    };
    run->compute->kern->epilogue(&e);
}

/* One macro tile. Row blocks vary fastest, so neighbouring tasks read the same columns of the weight. */
static void run_tile(void *context, size_t worker, size_t index)
{
    const struct run_context *run = context;
    const struct linear_job *job = run->job;
    const struct linear *linear = job->linear;
    size_t row = index % run->row_blocks * TILE_M, column = index / run->row_blocks * TILE_N;
    size_t m = size_min(TILE_M, job->rows - row), n = size_min(TILE_N, linear->n - column);
    const void *a = operand_at_const(job->x, linear->precision, row * job->x_ld);
    float *c = run->compute->scratch[worker];
    size_t panel = panel_bytes(linear->k, linear->precision);
    struct kern_mm mm = {.c = c,
                         .ldc = TILE_LD,
                         .m = m,
                         .n = n,
                         .a = &a,
                         .lda = job->x_ld,
                         .batch_count = 1,
                         .k = linear->k,
                         .b = (const char *)linear->packed + column / KERN_PANEL * panel,
                         .panel_stride = panel / precision_bytes(linear->precision)};
    if (linear->precision == PRECISION_BF16)
        run->compute->kern->mm_bf16(&mm);
    else
        run->compute->kern->mm_f32(&mm);
    run_epilogue(run, c, row, m, column, n);
}

void linear_run(const struct compute *compute, const struct linear_job *job)
{
    assert(job->linear->packed && (job->out_f32 || job->out_bf16));
    struct run_context run = {.compute = compute,
                              .job = job,
                              .row_blocks = (job->rows + TILE_M - 1) / TILE_M,
                              .out_ld = job->out_ld ? job->out_ld : job->linear->n};
    size_t column_blocks = (job->linear->n + TILE_N - 1) / TILE_N;
    compute_run(compute, run.row_blocks * column_blocks, run_tile, &run);
}
