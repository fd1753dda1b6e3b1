#include "engine/tensor/rows.h"

#include "base/base.h"

enum { ROWS_PER_TASK = 32, CONVERT_PER_TASK = 1 << 16 };

static size_t task_count(size_t rows)
{
    return (rows + ROWS_PER_TASK - 1) / ROWS_PER_TASK;
}

struct context {
    const struct compute *compute;
    const void *job;
};

static void layer_norm_task(void *context, size_t worker, size_t index)
{
    const struct context *c = context;
    const struct rows_layer_norm *job = c->job;
    size_t end = size_min((index + 1) * ROWS_PER_TASK, job->rows);
    for (size_t i = index * ROWS_PER_TASK; i < end; i++) {
        size_t chosen = job->select ? job->select[i] * job->select_ld : 0, at = i * job->width;
        c->compute->kern->norm_layer(operand_f32(job->out, job->precision, at),
                                     operand_bf16(job->out, job->precision, at), job->x + at, job->mul + chosen,
                                     job->add + chosen, job->width, job->eps);
    }
}

void rows_layer_norm(const struct compute *compute, const struct rows_layer_norm *job)
{
    struct context context = {compute, job};
    compute_run(compute, task_count(job->rows), layer_norm_task, &context);
}

static void rms_norm_task(void *context, size_t worker, size_t index)
{
    const struct context *c = context;
    const struct rows_rms_norm *job = c->job;
    size_t end = size_min((index + 1) * ROWS_PER_TASK, job->rows);
    for (size_t i = index * ROWS_PER_TASK; i < end; i++) {
        size_t at = i * job->width;
        c->compute->kern->norm_rms(
            operand_f32(job->out, job->precision, at), operand_bf16(job->out, job->precision, at), job->x + at,
            job->weight, job->rope ? job->rope + i * job->head_size : NULL, job->width, job->head_size, job->eps);
    }
}

void rows_rms_norm(const struct compute *compute, const struct rows_rms_norm *job)
{
    struct context context = {compute, job};
    compute_run(compute, task_count(job->rows), rms_norm_task, &context);
}

struct l2_norm {
    const struct compute *compute;
    void *out;
    const float *x, *gamma;
    size_t rows, width;
    enum precision precision;
};

static void l2_norm_task(void *context, size_t worker, size_t index)
{
    const struct l2_norm *job = context;
    size_t end = size_min((index + 1) * ROWS_PER_TASK, job->rows);
    for (size_t i = index * ROWS_PER_TASK; i < end; i++)
        job->compute->kern->norm_l2(operand_f32(job->out, job->precision, i * job->width),
                                    operand_bf16(job->out, job->precision, i * job->width), job->x + i * job->width,
                                    job->gamma, job->width, false);
}

void rows_l2_norm(const struct compute *compute, void *out, const float *x, const float *gamma, size_t rows,
                  size_t width, enum precision precision)
{
    struct l2_norm job = {compute, out, x, gamma, rows, width, precision};
    compute_run(compute, task_count(rows), l2_norm_task, &job);
}

struct convert {
    const struct compute *compute;
    void *out;
    const float *x;
    size_t count;
    enum precision precision;
};

static void convert_task(void *context, size_t worker, size_t index)
{
    const struct convert *job = context;
    size_t at = index * CONVERT_PER_TASK;
    job->compute->kern->scale(operand_f32(job->out, job->precision, at), operand_bf16(job->out, job->precision, at),
                              job->x + at, 1.0f, size_min(CONVERT_PER_TASK, job->count - at));
}

void rows_convert(const struct compute *compute, void *out, const float *x, size_t count, enum precision precision)
{
    struct convert job = {compute, out, x, count, precision};
    compute_run(compute, (count + CONVERT_PER_TASK - 1) / CONVERT_PER_TASK, convert_task, &job);
}

void rows_add(const struct rows_add *job)
{
    for (size_t i = 0; i < job->rows; i++) {
        const float *gate = job->gate ? job->gate + (job->select ? job->select[i] * job->select_ld : 0) : NULL;
        for (size_t j = 0; j < job->width; j++)
            job->x[i * job->width + j] += job->branch[i * job->width + j] * (gate ? gate[j] : 1);
    }
}
