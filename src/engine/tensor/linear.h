/* Linear layers: y = x W^T + b, with what follows fused into the product's tail. */
#ifndef TENSOR_LINEAR_H
#define TENSOR_LINEAR_H

#include "engine/tensor/compute.h"
#include "engine/tensor/weights.h"

/* A weight [n, k], packed for the kernels. */
struct linear {
    size_t n, k;
    enum precision precision;
    void *packed; /* panels as kern.h has them; 64-byte aligned */
    float *bias;  /* [n] or NULL */
};

/* Bytes linear_load will allocate. */
size_t linear_bytes(size_t n, size_t k, bool bias, enum precision precision);

/* Reads NAME.weight [n, k] and, with bias set, NAME.bias [n], packs them and drops the file's pages. A weight stored
 * with more dimensions (a patch embedding [n, c, 1, 2, 2], a 1x1 convolution) is taken as [n, product of the rest].
 * CONCH_ERR_NOTFOUND, CONCH_ERR_FORMAT (shape), CONCH_ERR_NOMEM. */
struct linear_spec {
    size_t n, k;
    bool bias;
    enum precision precision;
};
int linear_load(struct linear *linear, const struct compute *compute, const struct weights *weights,
                const struct linear_spec *spec, conch_error *err, const char *name_format, ...)
    __attribute__((format(printf, 6, 7)));
void linear_finish(struct linear *linear);

/* Reads a weight of n values, whatever its dimensions (a gain [n], a VAE gamma [n, 1, 1, 1]), as f32 into dst. */
int vector_load(float *dst, const struct weights *weights, size_t n, conch_error *err, const char *name_format, ...)
    __attribute__((format(printf, 5, 6)));

/* One product. Zero or NULL fields are absent; see kern_epilogue for the order of the tail. */
struct linear_job {
    const struct linear *linear;
    const void *x; /* [rows][x_ld] in the linear's precision */
    size_t rows, x_ld;
    enum kern_act act;
    const float *times; /* [rows][n] */
    const float *gate;  /* [..][gate_ld] by gate_row */
    size_t gate_ld;
    const uint32_t *gate_row;
    const float *add; /* [rows][out_ld] */
    float *out_f32;   /* [rows][out_ld] */
    bf16 *out_bf16;
    size_t out_ld; /* 0: n */
};
void linear_run(const struct compute *compute, const struct linear_job *job);

#endif
