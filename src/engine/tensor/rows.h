/* Row-wise operations over token matrices, spread over the threads. */
#ifndef TENSOR_ROWS_H
#define TENSOR_ROWS_H

#include "engine/tensor/compute.h"

/* LayerNorm with a gain and an offset chosen by row: out[i] = LN(x[i]) * mul[r] + add[r], r = select[i] (0 when NULL).
 * out is [rows][width] in the given precision; mul and add are [..][select_ld]. */
struct rows_layer_norm {
    const float *x;
    size_t rows, width;
    const float *mul, *add;
    const uint32_t *select;
    size_t select_ld;
    float eps;
    enum precision precision;
    void *out;
};
void rows_layer_norm(const struct compute *compute, const struct rows_layer_norm *job);

/* RMS norm over the whole width, then an optional rotation of each head's pairs; rope is [rows][head_size / 2][2]. */
struct rows_rms_norm {
    const float *x;
    size_t rows, width, head_size;
    const float *weight, *rope;
    float eps;
    enum precision precision;
    void *out;
};
void rows_rms_norm(const struct compute *compute, const struct rows_rms_norm *job);

/* VAE channel norm without an activation: out[i] = x[i] / max(|x[i]|, 1e-12) * sqrt(width) * gamma. */
void rows_l2_norm(const struct compute *compute, void *out, const float *x, const float *gamma, size_t rows,
                  size_t width, enum precision precision);

/* Conversion to an operand: out = x in the given precision, count values. */
void rows_convert(const struct compute *compute, void *out, const float *x, size_t count, enum precision precision);

/* x += branch * gate[select], gate NULL: 1. Only for runs with a probe; otherwise a product's tail does this. */
struct rows_add {
    float *x;
    const float *branch;
    size_t rows, width;
    const float *gate;
    const uint32_t *select;
    size_t select_ld;
};
void rows_add(const struct rows_add *job);

#endif
