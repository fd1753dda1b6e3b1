/* CPU leaf code of the engine: pointers and sizes in, no threads, no allocation, no errors.
 *
 * Every instruction set fills one struct kern_table; kern_pick chooses one at start and hot code never asks about the
 * CPU again. kern_ref.c is the plain C that the others are tested against. Destination first, as memcpy does.
 *
 * Matrix products. Both kinds of B operand are packed in panels of 16 columns, so one packed weight serves every table:
 *   bf16: [panel][batch][K2/2][16][2]   K2 = k rounded up to 32, the added rows are zero
 *   f32:  [panel][batch][k][16]
 * A column pair of bf16 stands side by side because vdpbf16ps and tdpbf16ps consume two k at a time. */
#ifndef KERNELS_KERN_H
#define KERNELS_KERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint16_t bf16; /* upper half of an IEEE float */

enum {
    KERN_PANEL = 16,  /* columns a packed panel holds */
    KERN_K_PAD = 32,  /* bf16 panels are zero-padded to this many rows; A may be read this far too */
    KERN_D_MAX = 1024 /* widest attention head: VAE 2.2 has one head of 4 x 256 channels */
};

/* Flags of kern_cpu_flags and kern_table.needs. */
enum kern_cpu {
    KERN_CPU_AVX2 = 1,       /* AVX2 with FMA and F16C */
    KERN_CPU_AVX512 = 2,     /* F, BW, DQ, VL */
    KERN_CPU_AVX512BF16 = 4, /* vdpbf16ps */
    KERN_CPU_FAST_BF16 = 8,  /* ... and it is faster than two FMAs (AMD; Intel's runs at a quarter of the rate) */
    KERN_CPU_AMX = 16        /* tdpbf16ps, and the kernel lets us use it */
};

enum kern_act { KERN_ACT_NONE, KERN_ACT_GELU_TANH, KERN_ACT_SILU };

/* C[m][n] = (or +=) the sum over batches of A_b[m][k] B_b[k][n], summed in f32. A linear layer has one batch; a
 * convolution has one per kernel row, whose A pointers are shifted pixels of one image. */
struct kern_mm {
    float *c;             /* [m][ldc]; n rounded up to 16 columns are written */
    size_t ldc;           /* floats */
    bool accumulate;      /* add to what c holds */
    size_t m, n;          /* n: real columns */
    const void *const *a; /* batch_count pointers to A_b[0][0]; bf16 or f32 as the function says */
    size_t lda;           /* elements from one row of A to the next */
    size_t batch_count;
    size_t k;      /* per batch; bf16 rows of A are readable to KERN_K_PAD past a multiple of it, with finite values */
    const void *b; /* first panel */
    size_t panel_stride; /* elements from one panel to the next */
};

/* What follows a matrix product: out = act(c + bias) * times * gate[row] + add, each part optional (NULL). */
struct kern_epilogue {
    const float *c;
    size_t ldc;
    size_t m, n;
    const float *bias; /* [n] */
    enum kern_act act;
    const float *times; /* [m][times_ld] */
    size_t times_ld;
    const float *gate; /* [rows][gate_ld], row gate_row[i] for row i, row 0 when gate_row is NULL */
    size_t gate_ld;
    const uint32_t *gate_row;
    const float *add; /* [m][add_ld]; may be out_f32 itself */
    size_t add_ld;
    float *out_f32; /* one of the two, or both */
    bf16 *out_bf16;
    size_t out_ld;
};

/* One key block of an online softmax. Scores become probabilities relative to the running maximum; when the maximum
 * rises, what o and row_sum hold is scaled down. Start with row_max = -inf (KERN_SCORE_MIN), row_sum = 0, o = 0. */
struct kern_softmax {
    float *s; /* [m][lds] scores, overwritten */
    size_t lds;
    size_t m, n;
    float scale;       /* multiplies the scores */
    const float *bias; /* added after the scale; bias[i * bias_row_step + j]; NULL: none */
    ptrdiff_t bias_row_step;
    float *p_f32; /* [m][ldp], one of the two; columns n .. round_up(n, 32) - 1 become zero */
    bf16 *p_bf16;
    size_t ldp;
    float *row_max, *row_sum;
    float *o; /* [m][ldo], d columns */
    size_t ldo, d;
};

#define KERN_SCORE_MIN (-3.0e38f)

struct kern_table {
    const char *name;
    unsigned needs; /* enum kern_cpu */

    void (*mm_bf16)(const struct kern_mm *mm);
    void (*mm_f32)(const struct kern_mm *mm);
    void (*epilogue)(const struct kern_epilogue *e);
    void (*softmax)(const struct kern_softmax *sm);

    /* y = (x - mean) / sqrt(variance + eps) * mul + add over n values; mul and add are never NULL. One of the outputs.
     */
    void (*norm_layer)(float *y, bf16 *y_bf16, const float *x, const float *mul, const float *add, size_t n, float eps);
    /* y = x / sqrt(mean(x^2) + eps) * weight over n values, then, when rope is not NULL, each head of d values has its
     * adjacent pairs (2i, 2i+1) rotated by rope[i] = (cos, sin), d/2 of them, the same for every head. */
    void (*norm_rms)(float *y, bf16 *y_bf16, const float *x, const float *weight, const float *rope, size_t n, size_t d,
                     float eps);
    /* y = x / max(|x|, 1e-12) * sqrt(n) * gamma, then SiLU when silu is set: the VAE's norm over channels. */
    void (*norm_l2)(float *y, bf16 *y_bf16, const float *x, const float *gamma, size_t n, bool silu);
    /* y = x * factor: the last step of attention, and conversion to bf16 (factor 1). */
    void (*scale)(float *y, bf16 *y_bf16, const float *x, float factor, size_t n);
    /* y = x widened */
    void (*widen)(float *y, const bf16 *x, size_t n);
};

/* All tables of this build, best first, NULL at the end; kern_ref is the last. */
extern const struct kern_table *const kern_tables[];
extern const struct kern_table kern_ref, kern_avx2, kern_avx512, kern_avx512bf16, kern_amx;

/* What the machine has (and the operating system enables: AMX state is requested here). */
unsigned kern_cpu_flags(void);

/* The best table whose needs are within flags. limit: NULL or the value of CONCH_CPU, a table's name, above which no
 * table is taken. Returns NULL when limit is no table's name. */
const struct kern_table *kern_pick(unsigned flags, const char *limit);

static inline float bf16_to_f32(bf16 x)
{
    union {
        uint32_t u;
        float f;
    } v = {.u = (uint32_t)x << 16};
    return v.f;
}

/* Nearest, ties to even; NaN stays NaN. */
static inline bf16 bf16_from_f32(float x)
{
    union {
        float f;
        uint32_t u;
    } v = {.f = x};
    if ((v.u & 0x7fffffff) > 0x7f800000)
        return (bf16)(v.u >> 16 | 0x40);
    return (bf16)((v.u + 0x7fff + (v.u >> 16 & 1)) >> 16);
}

static inline size_t kern_k_padded(size_t k)
{
    return (k + KERN_K_PAD - 1) / KERN_K_PAD * KERN_K_PAD;
}

/* Packing (kern_pack.c, plain C). Elements a panel of `batch_count` batches takes: */
static inline size_t kern_panel_bf16(size_t batch_count, size_t k)
{
    return batch_count * kern_k_padded(k) * KERN_PANEL;
}

static inline size_t kern_panel_f32(size_t batch_count, size_t k)
{
    return batch_count * k * KERN_PANEL;
}

/* One panel of one batch. rows: up to 16 rows of B transposed, src[j * ld + i] = B[i][j] (a weight [out, in]: j is the
 * output). Missing columns (count < 16) become zero. */
void kern_pack_rows_bf16(bf16 *dst, const bf16 *src, size_t ld, size_t count, size_t k);
void kern_pack_rows_f32(float *dst, const float *src, size_t ld, size_t count, size_t k);

/* One panel of B as it lies: src[i * ld + j] = B[i][j], j < count. */
void kern_pack_columns_bf16(bf16 *dst, const bf16 *src, size_t ld, size_t count, size_t k);
void kern_pack_columns_f32(float *dst, const float *src, size_t ld, size_t count, size_t k);

#endif
