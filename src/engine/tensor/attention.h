/* Attention without an N x N matrix: keys and values are packed once, then blocks of queries meet blocks of keys with a
 * running softmax. */
#ifndef TENSOR_ATTENTION_H
#define TENSOR_ATTENTION_H

#include "engine/tensor/arena.h"
#include "engine/tensor/compute.h"

/* Keys and values of all heads, packed. */
struct attention_kv {
    size_t heads, head_size, keys;
    enum precision precision;
    void *k, *v; /* from the arena that attention_kv_take was given */
};

/* Takes room for keys x (heads * head_size) twice. head_size 1 .. KERN_D_MAX. */
void attention_kv_take(struct attention_kv *kv, struct arena *arena, size_t heads, size_t head_size, size_t keys,
                       enum precision precision);

/* rows [keys][ld] in kv->precision, head h at columns h * head_size. One call for each of k and v. */
void attention_pack_k(const struct compute *compute, const struct attention_kv *kv, const void *rows, size_t ld);
void attention_pack_v(const struct compute *compute, const struct attention_kv *kv, const void *rows, size_t ld);

/* out[i] = sum_j softmax_j(scale q[i].k[j] + bias) v[j] */
struct attention_job {
    const struct attention_kv *kv;
    const void *q; /* [rows][q_ld] in kv->precision */
    size_t rows, q_ld;
    float scale;
    /* Added to the scores of head h: bias[h * bias_head_step + i * bias_row_step + j]; NULL: none. A row step of -1
     * over a table of distances gives a relative position bias, a step of 0 one bias a key. */
    const float *bias;
    size_t bias_head_step;
    ptrdiff_t bias_row_step;
    float *out_f32; /* [rows][out_ld], one of the two */
    bf16 *out_bf16;
    size_t out_ld;
};
void attention_run(const struct compute *compute, const struct attention_job *job);

#endif
