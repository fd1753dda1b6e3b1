/* UMT5 text encoder (google/umt5-xxl and the small one that ships): token ids to features.
 *
 * Weights are streamed: one layer is packed, run and dropped at a time, so the 5.7 billion parameters of the real model
 * need the memory of one layer. Runs on the unpadded sequence, which gives the same rows as a padded one with a mask.
 */
#ifndef MODEL_UMT5_H
#define MODEL_UMT5_H

#include <stdint.h>

#include "engine/tensor/compute.h"
#include "engine/tensor/probe.h"
#include "engine/tensor/weights.h"

struct umt5_config {
    size_t vocab, dim, dim_attn, dim_ffn, heads, layers, buckets;
};

enum { UMT5_TOKENS_MAX = 4096 };

/* Bytes umt5_encode needs at its peak: buffers, and the largest layer packed. */
size_t umt5_peak_bytes(const struct umt5_config *config, size_t count, enum precision precision);

struct umt5_job {
    const struct umt5_config *config;
    const struct weights *weights;
    enum precision precision;
    const int32_t *ids; /* 0 .. vocab - 1 */
    size_t count;       /* 1 .. UMT5_TOKENS_MAX */
    const struct probe *probe;
    /* Called after each layer with layers done; a non-zero return stops with CONCH_ERR_CANCELLED. NULL: not called. */
    int (*progress)(void *context, size_t layers_done);
    void *progress_context;
};

/* out: [count][dim] f32. CONCH_ERR_RANGE (an id outside the vocabulary), CONCH_ERR_NOTFOUND and CONCH_ERR_FORMAT
 * (weights), CONCH_ERR_NOMEM, CONCH_ERR_CANCELLED. */
int umt5_encode(const struct compute *compute, const struct umt5_job *job, float *out, conch_error *err);

/* Bucket of the distance key - query, 0 .. buckets - 1; exact where the logarithm meets a power of two. */
size_t umt5_bucket(ptrdiff_t distance, size_t buckets);

#endif
