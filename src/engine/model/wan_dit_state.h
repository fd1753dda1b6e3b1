/* What a transformer instance is made of, shared by its three files: wan_dit.c makes it, wan_dit_context.c prepares
 * prompts, wan_dit_pass.c runs it. */
#ifndef MODEL_WAN_DIT_STATE_H
#define MODEL_WAN_DIT_STATE_H

#include "engine/model/wan_dit.h"
#include "engine/model/wan_dit_weights.h"
#include "engine/tensor/arena.h"
#include "engine/tensor/attention.h"

/* Tokens whose feed-forward hidden layer is held at a time: at 8960 wide, 14 MB instead of 140. */
enum { FFN_ROWS = 4 * TILE_M };

/* Buffers of a pass; planned once. */
struct dit_buffers {
    float *x;       /* [tokens][dim] residual stream */
    void *in;       /* [tokens][dim] operand: what a norm made of x; then the attention result */
    float *wide;    /* [tokens][max(dim, 4 in_channels)] f32: a projection before its norm */
    void *rows;     /* [tokens][dim] operand: normed q, or k or v on their way to be packed */
    void *hidden;   /* [FFN_ROWS][ffn] operand */
    float *patches; /* [tokens][4 max(in, out channels)] */
    float *rope;    /* [tokens][head_size] */
    float *sinusoid, *time, *time_act, *time_rows; /* [times][freq_dim], [times][dim] twice, [times][6 dim] */
    float *modulation;                             /* [times][6][dim] of the block at hand; scales have their 1 added */
    float *head_rows;                              /* [times][2][dim] */
    uint32_t *token_time;                          /* [tokens] index of the timestep */
    struct attention_kv kv;
};

struct wan_dit {
    const struct compute *compute;
    const struct weights *weights;
    struct wan_dit_config config;
    struct wan_dit_options options;
    size_t tokens, head_size;
    struct dit_edges edges;
    struct dit_block *blocks; /* layers of them, or one when streamed */
    struct arena arena;
    struct dit_buffers buffers;
};

struct wan_dit_context {
    size_t rows;
    bool padded;             /* the last row stands for all padding slots */
    float *bias;             /* [rows] added to the scores: ln(how many slots the row stands for) */
    struct attention_kv *kv; /* one a layer */
    struct arena arena;
};

/* Bytes of one prompt's context. */
size_t dit_context_bytes(const struct wan_dit_config *config, const struct wan_dit_options *options);

/* out [rows][linear->n] = act(linear(x)), as an operand of the next product or as f32. x is contiguous. */
void dit_linear_operand(const struct wan_dit *dit, const struct linear *linear, const void *x, size_t rows,
                        enum kern_act act, void *out);
void dit_linear_f32(const struct wan_dit *dit, const struct linear *linear, const void *x, size_t rows,
                    enum kern_act act, float *out);

#endif
