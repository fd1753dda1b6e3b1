#include "engine/tensor/conv.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

size_t frame_elements(size_t height, size_t width, size_t channels)
{
    return (height + 2) * (width + 2) * channels;
}

void frame_take(struct frame *frame, struct arena *arena, size_t height, size_t width, size_t channels,
                enum precision precision)
{
    *frame = (struct frame){.height = height, .width = width, .channels = channels, .precision = precision};
    frame->data = arena_take(arena, frame_elements(height, width, channels) * precision_bytes(precision));
}

/* Element index of pixel (y, x); -1 and height (width) are the border. */
static size_t pixel_at(const struct frame *frame, ptrdiff_t y, ptrdiff_t x)
{
    return ((size_t)(y + 1) * (frame->width + 2) + (size_t)(x + 1)) * frame->channels;
}

struct fill_context {
    const struct compute *compute;
    const struct frame *frame;
    const float *x, *gamma;
    bool silu;
};

static void fill_row(void *context, size_t worker, size_t y)
{
    const struct fill_context *fill = context;
    const struct frame *frame = fill->frame;
    const struct kern_table *kern = fill->compute->kern;
    size_t channels = frame->channels, at = pixel_at(frame, (ptrdiff_t)y, 0);
    const float *x = fill->x + y * frame->width * channels;
    if (!fill->gamma) {
        kern->scale(operand_f32(frame->data, frame->precision, at), operand_bf16(frame->data, frame->precision, at), x,
                    1.0f, frame->width * channels);
        return;
    }
    for (size_t i = 0; i < frame->width; i++, at += channels, x += channels)
        kern->norm_l2(operand_f32(frame->data, frame->precision, at), operand_bf16(frame->data, frame->precision, at),
                      x, fill->gamma, channels, fill->silu);
}

void frame_fill(const struct compute *compute, const struct frame *frame, const float *x)
{
    struct fill_context fill = {.compute = compute, .frame = frame, .x = x};
    compute_run(compute, frame->height, fill_row, &fill);
}

void frame_norm(const struct compute *compute, const struct frame *frame, const float *x, const float *gamma, bool silu)
{
    struct fill_context fill = {.compute = compute, .frame = frame, .x = x, .gamma = gamma, .silu = silu};
    compute_run(compute, frame->height, fill_row, &fill);
}

/* ---- weights ---- */

struct kernel_shape {
    size_t kt, kh, kw;            /* of the stored weight */
    size_t rows, columns, phases; /* of one product's kernel */
};

static struct kernel_shape kernel_shape(enum conv_kind kind)
{
    switch (kind) {
    case CONV_3D: return (struct kernel_shape){3, 3, 3, 3, 3, 1};
    case CONV_2D:
    case CONV_DOWN: return (struct kernel_shape){1, 3, 3, 3, 3, 1};
    case CONV_UP: return (struct kernel_shape){1, 3, 3, 2, 2, 4};
    case CONV_TIME: return (struct kernel_shape){3, 1, 1, 1, 1, 1};
    case CONV_POINT: break;
    }
    return (struct kernel_shape){1, 1, 1, 1, 1, 1};
}

static void conv_shape(struct conv *conv, enum conv_kind kind, size_t out, size_t in, enum precision precision)
{
    struct kernel_shape shape = kernel_shape(kind);
    *conv = (struct conv){.kind = kind,
                          .out = out,
                          .in = in,
                          .precision = precision,
                          .phases = shape.phases,
                          .batches = shape.kt * shape.rows,
                          .k = shape.columns * in};
}

static size_t panel_count(const struct conv *conv)
{
    return (conv->out + KERN_PANEL - 1) / KERN_PANEL;
}

static size_t panel_elements(const struct conv *conv)
{
    return conv->precision == PRECISION_BF16 ? kern_panel_bf16(conv->batches, conv->k)
                                             : kern_panel_f32(conv->batches, conv->k);
}

static size_t batch_elements(const struct conv *conv)
{
    return panel_elements(conv) / conv->batches;
}

static size_t packed_bytes(const struct conv *conv)
{
    return round_up(conv->phases * panel_count(conv) * panel_elements(conv) * precision_bytes(conv->precision), 64);
}

size_t conv_bytes(enum conv_kind kind, size_t out, size_t in, enum precision precision)
{
    struct conv conv;
    conv_shape(&conv, kind, out, in, precision);
    return packed_bytes(&conv) + out * sizeof(float);
}

struct load_context {
    const struct conv *conv;
    const struct weight_ref *ref;
    size_t out_first;
    atomic_int rc;
};

/* Value of the kernel of a phase at (row, column), for one output and input channel. taps: the stored [kt][kh][kw].
 * Doubling repeats source pixels under the 3x3 kernel: phase 0 sees (previous, own, own), phase 1 (own, own, next). */
static float tap_value(const struct conv *conv, const float *taps, size_t t, size_t phase, size_t row, size_t column)
{
    struct kernel_shape shape = kernel_shape(conv->kind);
    taps += t * shape.kh * shape.kw;
    if (conv->kind != CONV_UP)
        return taps[row * shape.kw + column];
    static const unsigned char first[2][2] = {{0, 1}, {0, 2}}, count[2][2] = {{1, 2}, {2, 1}};
    size_t py = phase / 2, px = phase % 2;
    double sum = 0;
    for (size_t i = 0; i < count[py][row]; i++)
        for (size_t j = 0; j < count[px][column]; j++)
            sum += taps[(first[py][row] + i) * 3 + first[px][column] + j];
    return (float)sum;
}

/* One product's rows [count][k] for 16 outputs. source: [count][in][kt][kh][kw]. */
static void gather_rows(const struct conv *conv, const float *source, size_t count, size_t phase, size_t batch,
                        float *rows)
{
    struct kernel_shape shape = kernel_shape(conv->kind);
    size_t taps = shape.kt * shape.kh * shape.kw, t = batch / shape.rows, row = batch % shape.rows;
    for (size_t j = 0; j < count; j++)
        for (size_t column = 0; column < shape.columns; column++)
            for (size_t c = 0; c < conv->in; c++)
                rows[j * conv->k + column * conv->in + c] = tap_value(conv, source + (j * conv->in + c) * taps, t,
                                                                      phase, row, column);
}

static void load_panel(void *context, size_t worker, size_t index)
{
    struct load_context *load = context;
    const struct conv *conv = load->conv;
    struct kernel_shape shape = kernel_shape(conv->kind);
    size_t phase = index / panel_count(conv), first = index % panel_count(conv) * KERN_PANEL;
    size_t count = size_min(KERN_PANEL, conv->out - first), one = conv->in * shape.kt * shape.kh * shape.kw;
    float *source = malloc(count * one * sizeof(float)), *rows = malloc(count * conv->k * sizeof(float));
    bf16 *rounded = malloc(count * conv->k * sizeof(bf16));
    int rc = source && rows && rounded
                 ? weight_read_f32(load->ref, (load->out_first + first) * one, count * one, source)
                 : CONCH_ERR_NOMEM;
    for (size_t batch = 0; rc == 0 && batch < conv->batches; batch++) {
        void *dst = operand_at(conv->packed, conv->precision,
                               index * panel_elements(conv) + batch * batch_elements(conv));
        gather_rows(conv, source, count, phase, batch, rows);
        if (conv->precision == PRECISION_BF16) {
            dtype_f32_to_bf16(rounded, rows, count * conv->k);
            kern_pack_rows_bf16(dst, rounded, conv->k, count, conv->k);
        } else {
            kern_pack_rows_f32(dst, rows, conv->k, count, conv->k);
        }
    }
    if (rc < 0)
        atomic_store(&load->rc, rc);
    free(source);
    free(rows);
    free(rounded);
}

int conv_load(struct conv *conv, const struct compute *compute, const struct weights *weights,
              const struct conv_spec *spec, conch_error *err, const char *name_format, ...)
{
    char stem[256], name[272];
    va_list args;
    va_start(args, name_format);
    vsnprintf(stem, sizeof stem, name_format, args);
    va_end(args);
    conv_shape(conv, spec->kind, spec->out, spec->in, spec->precision);
    struct kernel_shape shape = kernel_shape(spec->kind);
    snprintf(name, sizeof name, "%s.weight", stem);
    const struct st_tensor *tensor = weights_find(weights, name);
    int64_t stored = (int64_t)(spec->out_stored ? spec->out_stored : spec->out);
    int64_t dims3[] = {stored, (int64_t)spec->in, (int64_t)shape.kt, (int64_t)shape.kh, (int64_t)shape.kw};
    int64_t dims2[] = {stored, (int64_t)spec->in, (int64_t)shape.kh, (int64_t)shape.kw};
    bool flat = shape.kt == 1 && tensor && tensor->ndim == 4;
    struct weight_ref ref, bias;
    int rc = weights_get(weights, name, flat ? 4 : 5, flat ? dims2 : dims3, &ref, err);
    snprintf(name, sizeof name, "%s.bias", stem);
    if (rc == 0)
        rc = weights_get(weights, name, 1, (const int64_t[]){stored}, &bias, err);
    if (rc < 0)
        return rc;
    conv->packed = aligned_alloc(64, packed_bytes(conv));
    conv->bias = malloc(spec->out * sizeof(float));
    if (!conv->packed || !conv->bias) {
        conv_finish(conv);
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the weight %s", stem);
    }
    struct load_context load = {.conv = conv, .ref = &ref, .out_first = spec->out_first};
    compute_run(compute, conv->phases * panel_count(conv), load_panel, &load);
    rc = atomic_load(&load.rc);
    if (rc == 0)
        rc = weight_read_f32(&bias, spec->out_first, spec->out, conv->bias);
    weight_drop(&ref);
    if (rc < 0) {
        conv_finish(conv);
        return conch_error_set(err, rc, "cannot read the weight %s", stem);
    }
    return 0;
}

void conv_finish(struct conv *conv)
{
    free(conv->packed);
    free(conv->bias);
    conv->packed = conv->bias = NULL;
}

/* ---- running ---- */

struct run_context {
    const struct compute *compute;
    const struct conv_job *job;
    size_t height, width; /* positions computed per phase: output pixels, or source pixels of CONV_UP */
    size_t stride;
    size_t rows_per_task; /* rows a task takes together; 1 when a row is split */
    size_t columns_per_task;
    size_t row_tasks, column_tasks;
};

/* A pointers of one task: its first position is (y, x). Frames of zeros are left out of the sum. Returns how many
 * products remain; ret_skipped counts those left out, which are the first ones. */
static size_t task_operands(const struct run_context *run, size_t phase, size_t y, size_t x, const void **a,
                            size_t *ret_skipped)
{
    const struct conv *conv = run->job->conv;
    struct kernel_shape shape = kernel_shape(conv->kind);
    ptrdiff_t y0 = (ptrdiff_t)(y * run->stride), x0 = (ptrdiff_t)(x * run->stride);
    if (conv->kind == CONV_3D || conv->kind == CONV_2D) {
        y0--;
        x0--;
    } else if (conv->kind == CONV_UP) {
        y0 -= phase / 2 == 0;
        x0 -= phase % 2 == 0;
    }
    size_t count = 0, skipped = 0;
    for (size_t t = 0; t < shape.kt; t++) {
        const struct frame *frame = run->job->frames[3 - shape.kt + t];
        if (!frame) {
            assert(count == 0); /* zeros come only before the clip */
            skipped += shape.rows;
            continue;
        }
        for (size_t row = 0; row < shape.rows; row++)
            a[count++] = operand_at_const(frame->data, frame->precision, pixel_at(frame, y0 + (ptrdiff_t)row, x0));
    }
    *ret_skipped = skipped;
    return count;
}

/* Writes one row of positions, from the scratch rows of the product. */
static void task_store(const struct run_context *run, const float *c, size_t phase, size_t y, size_t x, size_t count,
                       size_t column, size_t n)
{
    const struct conv *conv = run->job->conv;
    size_t grow = conv->kind == CONV_UP ? 2 : 1, out_width = run->width * grow;
    size_t at = ((y * grow + phase / 2) * out_width + x * grow + phase % 2) * conv->out + column;
    struct kern_epilogue e = {.c = c,
                              .ldc = TILE_LD,
                              .m = count,
                              .n = n,
                              .bias = conv->bias + column,
                              .add = run->job->add ? run->job->add + at : NULL,
                              .add_ld = grow * conv->out,
                              .out_f32 = run->job->out + at,
                              .out_ld = grow * conv->out};
    run->compute->kern->epilogue(&e);
}

static void run_task(void *context, size_t worker, size_t index)
{
    const struct run_context *run = context;
    const struct conv *conv = run->job->conv;
    const struct frame *current = run->job->frames[2];
    size_t y = index % run->row_tasks * run->rows_per_task;
    index /= run->row_tasks;
    size_t x = index % run->column_tasks * run->columns_per_task;
    index /= run->column_tasks;
    size_t phase = index % conv->phases, column = index / conv->phases * TILE_N;
    size_t rows = size_min(run->rows_per_task, run->height - y);
    size_t columns = size_min(run->columns_per_task, run->width - x);
    size_t pitch = current->width + 2; /* positions from one image row to the next, the border included */
    const void *a[9];
    size_t skipped, n = size_min(TILE_N, conv->out - column);
    size_t batches = task_operands(run, phase, y, x, a, &skipped);
    size_t panel = phase * panel_count(conv) + column / KERN_PANEL;
    float *c = run->compute->scratch[worker];
    struct kern_mm mm = {.c = c,
                         .ldc = TILE_LD,
                         .m = (rows - 1) * pitch + columns,
                         .n = n,
                         .a = a,
                         .lda = run->stride * current->channels,
                         .batch_count = batches,
                         .k = conv->k,
                         .b = operand_at_const(conv->packed, conv->precision,
                                               panel * panel_elements(conv) + skipped * batch_elements(conv)),
                         .panel_stride = panel_elements(conv)};
    if (conv->precision == PRECISION_BF16)
        run->compute->kern->mm_bf16(&mm);
    else
        run->compute->kern->mm_f32(&mm);
    for (size_t row = 0; row < rows; row++)
        task_store(run, c + row * pitch * TILE_LD, phase, y + row, x, columns, column, n);
}

void conv_run(const struct compute *compute, const struct conv_job *job)
{
    const struct conv *conv = job->conv;
    const struct frame *current = job->frames[2];
    assert(current->channels == conv->in && current->precision == conv->precision);
    struct run_context run = {.compute = compute, .job = job, .stride = conv->kind == CONV_DOWN ? 2 : 1};
    run.height = current->height / run.stride;
    run.width = current->width / run.stride;
    size_t pitch = current->width + 2;
    if (run.stride == 1 && 2 * pitch <= TILE_M) {
        run.rows_per_task = TILE_M / pitch;
        run.columns_per_task = run.width;
    } else {
        size_t pieces = (run.width + TILE_M - 1) / TILE_M;
        run.rows_per_task = 1;
        run.columns_per_task = round_up((run.width + pieces - 1) / pieces, 16); /* even pieces, whole tiles of rows */
    }
    run.row_tasks = (run.height + run.rows_per_task - 1) / run.rows_per_task;
    run.column_tasks = (run.width + run.columns_per_task - 1) / run.columns_per_task;
    size_t column_blocks = (conv->out + TILE_N - 1) / TILE_N;
    compute_run(compute, run.row_tasks * run.column_tasks * conv->phases * column_blocks, run_task, &run);
}
