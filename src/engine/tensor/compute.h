/* What every tensor operation works with: the threads, the chosen kernels, and scratch for each thread. One per engine;
 * used by one caller at a time. */
#ifndef TENSOR_COMPUTE_H
#define TENSOR_COMPUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/pool.h"
#include "engine/kernels/kern.h"

/* What a component computes in. F32: weights, activations and sums in f32. BF16: products take bf16 operands and sum in
 * f32; norms, softmax, the residual stream and everything else stay f32. */
enum precision { PRECISION_BF16, PRECISION_F32 };

/* Macro tile of a matrix product: rows x columns of C that one task computes. The A rows of a K block stay in the
 * second- level cache while the columns pass, and C (204 KB) beside them. Fixed, so results do not depend on the
 * threads. Rows of C in scratch are TILE_LD apart: at a power of two, sixteen rows of a tile would share four sets of
 * the first-level cache. */
enum { TILE_M = 192, TILE_N = 256, TILE_LD = TILE_N + 16 };

/* Attention: query rows of a task and keys of a block. Scores (136 KB), probabilities and output stay in the cache;
 * their rows are ATTN_LD apart, for the same reason. */
enum { ATTN_QUERIES = 64, ATTN_KEYS = 512, ATTN_LD = ATTN_KEYS + 32 };

struct compute {
    struct pool *pool;
    const struct kern_table *kern;
    size_t worker_count;
    void **scratch; /* worker_count blocks of COMPUTE_SCRATCH_BYTES, 64-byte aligned */
};

/* Largest user: attention with the widest head. */
#define COMPUTE_SCRATCH_BYTES                                                                                          \
    ((size_t)ATTN_QUERIES * (ATTN_LD * 8 + KERN_D_MAX * 4 + 64) + (size_t)TILE_M * TILE_LD * 4)

/* threads 0: as many as cores are usable. cpu_limit: value of CONCH_CPU or NULL.
 * CONCH_ERR_RANGE (threads, unknown cpu_limit), CONCH_ERR_NOMEM. */
int compute_init(struct compute *compute, size_t threads, const char *cpu_limit, conch_error *err);

/* Takes a zeroed or half-built compute. */
void compute_finish(struct compute *compute);

/* Runs task(context, worker, i) for i in 0 .. count - 1. */
static inline void compute_run(const struct compute *compute, size_t count, pool_task *task, void *context)
{
    pool_run(compute->pool, count, task, context);
}

/* Element size of an operand of a product. */
static inline size_t precision_bytes(enum precision precision)
{
    return precision == PRECISION_BF16 ? 2 : 4;
}

/* A buffer that holds an operand in either type: base + i elements. */
static inline void *operand_at(void *base, enum precision precision, size_t i)
{
    return (char *)base + i * precision_bytes(precision);
}

static inline const void *operand_at_const(const void *base, enum precision precision, size_t i)
{
    return (const char *)base + i * precision_bytes(precision);
}

/* Kernels write "f32 or bf16" through two pointers, of which one is NULL. */
static inline float *operand_f32(void *base, enum precision precision, size_t i)
{
    return precision == PRECISION_F32 ? (float *)base + i : NULL;
}

static inline bf16 *operand_bf16(void *base, enum precision precision, size_t i)
{
    return precision == PRECISION_BF16 ? (bf16 *)base + i : NULL;
}

#endif
