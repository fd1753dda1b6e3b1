/* Convolutions over frames, channels last, without an im2col copy.
 *
 * A frame carries a border of one zero pixel, so no kernel asks about edges. The pixels under one kernel row lie side
 * by side in memory: kw * channels values that the matrix product takes as one run of K, and its rows are neighbouring
 * output pixels. A causal 3x3x3 convolution is then 9 such products (3 frames x 3 rows) summed in the accumulators. */
#ifndef TENSOR_CONV_H
#define TENSOR_CONV_H

#include "engine/tensor/arena.h"
#include "engine/tensor/compute.h"
#include "engine/tensor/weights.h"

/* One frame as input of a convolution: [height + 2][width + 2][channels], the border zero. */
struct frame {
    size_t height, width, channels;
    enum precision precision;
    void *data;
};

size_t frame_elements(size_t height, size_t width, size_t channels);

/* Takes room; the border (and all else) is zero in a fresh arena. */
void frame_take(struct frame *frame, struct arena *arena, size_t height, size_t width, size_t channels,
                enum precision precision);

/* Fills the inside of a frame from x [height][width][channels] f32. frame_norm: VAE channel norm with gamma [channels],
 * then SiLU when silu is set. */
void frame_fill(const struct compute *compute, const struct frame *frame, const float *x);
void frame_norm(const struct compute *compute, const struct frame *frame, const float *x, const float *gamma,
                bool silu);

/* The kinds of convolution the video VAEs have. */
enum conv_kind {
    CONV_3D,   /* 3x3x3, causal in time, zero padding in space */
    CONV_2D,   /* 3x3, padding 1 */
    CONV_DOWN, /* 3x3, stride 2, one zero row below and one zero column to the right */
    CONV_UP,   /* nearest-neighbour doubling followed by 3x3 with padding 1 */
    CONV_TIME, /* 3x1x1 over three given frames */
    CONV_POINT /* 1x1x1 */
};

struct conv {
    enum conv_kind kind;
    size_t out, in;
    enum precision precision;
    size_t phases;  /* CONV_UP: the four output positions have 2x2 kernels of their own; else 1 */
    size_t batches; /* products summed: frames x kernel rows */
    size_t k;       /* run of K of one product */
    void *packed;   /* [phase][panel][batch]... */
    float *bias;    /* [out] */
};

size_t conv_bytes(enum conv_kind kind, size_t out, size_t in, enum precision precision);

/* NAME.weight ([out, in, kt, kh, kw] or [out, in, kh, kw]) and NAME.bias [out]. */
struct conv_spec {
    enum conv_kind kind;
    size_t out, in;
    enum precision precision;
    size_t out_first, out_stored; /* take outputs out_first .. out_first + out - 1 of out_stored; 0, 0: all */
};
int conv_load(struct conv *conv, const struct compute *compute, const struct weights *weights,
              const struct conv_spec *spec, conch_error *err, const char *name_format, ...)
    __attribute__((format(printf, 6, 7)));
void conv_finish(struct conv *conv);

/* y = conv(frames) + bias (+ add). */
struct conv_job {
    const struct conv *conv;
    const struct frame *frames[3]; /* oldest first, the current one last ([2]); NULL: a frame of zeros. Kinds without
                                      time use [2] alone */
    const float *add;              /* [out_height][out_width][out], NULL: nothing */
    float *out;                    /* the same shape; may be add itself */
};
void conv_run(const struct compute *compute, const struct conv_job *job);

#endif
