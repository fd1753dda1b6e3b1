/* Packed weights of the video transformer. Internal to wan_dit*.c. */
#ifndef MODEL_WAN_DIT_WEIGHTS_H
#define MODEL_WAN_DIT_WEIGHTS_H

#include "engine/model/wan_dit.h"
#include "engine/tensor/linear.h"

/* One transformer block, without the keys and values of cross-attention: those are used once a prompt and loaded then.
 */
struct dit_block {
    struct linear q, k, v, o;
    struct linear cross_q, cross_o;
    struct linear ffn_in, ffn_out;
    float *norm_q, *norm_k, *cross_norm_q; /* [dim] gains of the RMS norms */
    float *norm3_weight, *norm3_bias;      /* [dim] of the layer norm before cross-attention */
    float *modulation;                     /* [6][dim] */
};

/* Outside the blocks. Small products at the edges stay f32: they cost nothing and their errors reach everything. */
struct dit_edges {
    struct linear patch;                              /* [dim, in_channels * 4] */
    struct linear time_in, time_out, time_projection; /* freq_dim -> dim -> dim, dim -> 6 dim */
    struct linear text_in, text_out;                  /* text_dim -> dim -> dim, in the model's precision */
    struct linear head;                               /* dim -> out_channels * 4 */
    float *head_modulation;                           /* [2][dim] */
};

/* Keys and values of one block's cross-attention. */
struct dit_cross {
    struct linear k, v;
    float *norm_k; /* [dim] */
};

int dit_block_load(struct dit_block *block, const struct compute *compute, const struct weights *weights,
                   const struct wan_dit_config *config, enum precision precision, size_t index, conch_error *err);
void dit_block_finish(struct dit_block *block);
size_t dit_block_bytes(const struct wan_dit_config *config, enum precision precision);

int dit_edges_load(struct dit_edges *edges, const struct compute *compute, const struct weights *weights,
                   const struct wan_dit_config *config, enum precision precision, conch_error *err);
void dit_edges_finish(struct dit_edges *edges);
size_t dit_edges_bytes(const struct wan_dit_config *config, enum precision precision);

int dit_cross_load(struct dit_cross *cross, const struct compute *compute, const struct weights *weights,
                   const struct wan_dit_config *config, enum precision precision, size_t index, conch_error *err);
void dit_cross_finish(struct dit_cross *cross);
size_t dit_cross_bytes(const struct wan_dit_config *config, enum precision precision);

#endif
