/* Pieces the VAE's encoder and decoder are made of. Internal to wan_vae*.c.
 *
 * Everything works on one frame at a time. The residual stream is f32, [height * width][channels]; inputs of
 * convolutions are bordered frames in the VAE's precision. */
#ifndef MODEL_WAN_VAE_PARTS_H
#define MODEL_WAN_VAE_PARTS_H

#include "engine/model/wan_vae.h"
#include "engine/tensor/arena.h"
#include "engine/tensor/attention.h"
#include "engine/tensor/conv.h"
#include "engine/tensor/linear.h"

enum { VAE_SPARES_MAX = 24, VAE_RES_BLOCKS_MAX = 8 };

/* Reads weights, or only counts their bytes while weights is NULL. The first error sticks and later calls do nothing.
 */
struct vae_loader {
    const struct compute *compute;
    const struct weights *weights;
    enum precision precision;
    size_t bytes;
    int rc;
    conch_error *err;
};
void vae_load_conv(struct vae_loader *loader, struct conv *conv, struct conv_spec spec, const char *name);
void vae_load_linear(struct vae_loader *loader, struct linear *linear, size_t n, size_t k, enum precision precision,
                     const char *name);
void vae_load_vector(struct vae_loader *loader, float **vector, size_t n, const char *name);

/* Buffers that all pieces share, because no two use them at once. */
struct vae_shared {
    const struct compute *compute;
    enum precision precision;
    struct arena *arena;
    struct frame
        spares[VAE_SPARES_MAX]; /* one a size of frame: where the next input of a causal convolution is written */
    size_t spare_count;
    size_t values_max;  /* largest height * width * channels of an f32 frame */
    size_t operand_max; /* likewise of an operand without border */
    float *apart;       /* [values_max]: inside of a residual block, or a convolution's result on its way */
    void *operand;      /* [operand_max] */
};

/* A causal 3x3x3 convolution with the two input frames before the current one. They rotate with the shared spare: the
 * frame just used becomes the newest kept one and the oldest becomes the spare, so nothing is copied. */
struct causal {
    struct conv conv;
    struct frame kept[2]; /* older, newer */
    size_t seen;          /* input frames so far, at most 2 counted */
};
void causal_load(struct vae_loader *loader, struct causal *causal, size_t out, size_t in, const char *name);
void causal_take(struct vae_shared *shared, struct causal *causal, size_t height, size_t width);
void causal_finish(struct causal *causal);
/* out = conv(norm(x)) (+ add); gamma NULL: x itself without norm and SiLU. */
void causal_run(struct vae_shared *shared, struct causal *causal, const float *x, const float *gamma, const float *add,
                float *out);

/* The spare frame of a size; made when asked for the first time. */
struct frame *vae_spare(struct vae_shared *shared, size_t height, size_t width, size_t channels);

struct res_block {
    size_t in, out;
    float *gamma1, *gamma2;
    struct causal conv1, conv2;
    struct linear shortcut; /* only when in != out */
};
void res_block_load(struct vae_loader *loader, struct res_block *block, size_t out, size_t in, const char *name);
void res_block_take(struct vae_shared *shared, struct res_block *block, size_t height, size_t width);
void res_block_finish(struct res_block *block);
void res_block_reset(struct res_block *block);
/* out [pixels][block->out] from x [pixels][block->in]; out may be x when in == out. */
void res_block_run(struct vae_shared *shared, struct res_block *block, const float *x, float *out, size_t pixels);

/* Attention of one head over the pixels of a frame. */
struct vae_attention {
    size_t channels;
    float *gamma;
    struct linear qkv, proj;
    struct attention_kv kv;
    void *rows; /* [pixels][3 channels] */
};
void vae_attention_load(struct vae_loader *loader, struct vae_attention *attention, size_t channels, const char *name);
void vae_attention_take(struct vae_shared *shared, struct vae_attention *attention, size_t pixels);
void vae_attention_finish(struct vae_attention *attention);
void vae_attention_run(struct vae_shared *shared, struct vae_attention *attention, float *x, size_t pixels);

/* residual, attention, residual: the middle of both networks. */
struct vae_middle {
    struct res_block first, last;
    struct vae_attention attention;
};
void vae_middle_load(struct vae_loader *loader, struct vae_middle *middle, size_t channels, const char *name);
void vae_middle_take(struct vae_shared *shared, struct vae_middle *middle, size_t height, size_t width);
void vae_middle_finish(struct vae_middle *middle);
void vae_middle_reset(struct vae_middle *middle);
/* In place. prefix: "dec" or "enc", for the probe. */
void vae_middle_run(struct vae_shared *shared, struct vae_middle *middle, float *x, size_t height, size_t width,
                    const struct probe *probe, const char *prefix);

/* Notes that a frame of this many f32 values (operand values) passes through the shared buffers. */
void vae_shared_note(struct vae_shared *shared, size_t values, size_t operand);
/* Takes the shared buffers; after all pieces have been taken. */
void vae_shared_take(struct vae_shared *shared);

#endif
