/* The video transformer of Wan 2.1 text-to-video and Wan 2.2 TI2V (one timestep a latent frame).
 *
 * Variants with more inputs (CLIP features, VACE hints, condition channels) belong beside this file. */
#ifndef MODEL_WAN_DIT_H
#define MODEL_WAN_DIT_H

#include <stdint.h>

#include "engine/tensor/compute.h"
#include "engine/tensor/probe.h"
#include "engine/tensor/weights.h"

struct wan_dit_config {
    size_t dim, heads, layers, ffn;
    size_t in_channels, out_channels;
    size_t text_dim, text_len; /* width of the text features; slots they are padded to */
    size_t freq_dim;           /* of the timestep embedding */
    float eps;
};

enum { WAN_DIT_TIMES_MAX = 2, WAN_DIT_POSITIONS = 1024 /* of the official rotary tables, per axis */ };

/* The latent that one instance works on. height and width are even. */
struct wan_dit_shape {
    size_t frames, height, width;
};

/* resident: all blocks are packed once and stay; else each block is packed for each pass and dropped (slower by the
 * time to read the weights, smaller by their size). */
struct wan_dit_options {
    struct wan_dit_shape shape;
    enum precision precision;
    bool streamed;
    size_t context_rows_max; /* largest text that wan_dit_context_create will be given, in tokens */
};

struct wan_dit_bytes {
    size_t weights; /* packed weights held at a time */
    size_t buffers; /* activations of a pass */
    size_t context; /* of one prompt: keys and values of every layer */
};
void wan_dit_plan(const struct wan_dit_config *config, const struct wan_dit_options *options,
                  struct wan_dit_bytes *ret);

struct wan_dit;
/* weights must stay open while a streamed instance lives. CONCH_ERR_RANGE (shape), CONCH_ERR_NOTFOUND,
 * CONCH_ERR_FORMAT, CONCH_ERR_NOMEM. */
int wan_dit_create(struct wan_dit **ret, const struct compute *compute, const struct weights *weights,
                   const struct wan_dit_config *config, const struct wan_dit_options *options, conch_error *err);
void wan_dit_destroy(struct wan_dit *dit);

/* What a prompt needs once, however many steps follow: the embedded text and every layer's packed keys and values. */
struct wan_dit_context;
/* features [rows][text_dim] f32, 1 <= rows <= text_len. */
int wan_dit_context_create(struct wan_dit_context **ret, struct wan_dit *dit, const float *features, size_t rows,
                           const struct probe *probe, conch_error *err);
void wan_dit_context_destroy(struct wan_dit_context *context);

struct wan_dit_input {
    const float *latent;            /* [in_channels][frames][height][width] */
    float times[WAN_DIT_TIMES_MAX]; /* timesteps 0..1000 */
    size_t time_count;              /* distinct ones: 1, or 2 when some frames are given clean */
    const uint8_t *frame_time;      /* [frames] index into times; NULL: all 0 */
    const struct probe *probe;
    int (*progress)(void *context, size_t blocks_done); /* non-zero: stop with CONCH_ERR_CANCELLED */
    void *progress_context;
};

/* velocity: [out_channels][frames][height][width]. */
int wan_dit_forward(struct wan_dit *dit, const struct wan_dit_context *context, const struct wan_dit_input *input,
                    float *velocity, conch_error *err);

/* Rotary table of a token grid: [frames * height * width][head_size / 2][cos, sin]; the grid is in tokens. */
void wan_dit_rope(float *table, size_t head_size, size_t frames, size_t height, size_t width);

/* [cos(t w_i).., sin(t w_i)..], w_i = 10000^(-i / (freq_dim / 2)). */
void wan_dit_sinusoid(float *out, size_t freq_dim, double t);

#endif
