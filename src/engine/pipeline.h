/* The phases of a generation, one after another; each opens its weights, works, and gives all its memory back. */
#ifndef ENGINE_PIPELINE_H
#define ENGINE_PIPELINE_H

#include "engine/plan.h"
#include "engine/work.h"

/* Damaged weights must not become a clip that looks like an answer: CONCH_ERR_FORMAT, naming the component's files,
 * unless all values are finite. pipeline_damaged sets that error. */
int pipeline_damaged(const struct component_files *files, conch_error *err);
int pipeline_check_finite(const float *values, size_t count, const struct component_files *files, conch_error *err);

/* features[i]: [tokens[i].count][text dim], malloc'ed, from the cache or the encoder. */
int pipeline_text(const struct resolved *resolved, struct work *work, float *features[TEXT_COUNT], conch_error *err);

/* The clean latent frames of the request's pictures: [z][height][width] each, malloc'ed; NULL where there is none. */
struct pipeline_images {
    float *first, *last;
};
int pipeline_images(const struct resolved *resolved, struct work *work, struct pipeline_images *ret, conch_error *err);

/* From noise to x [z][frames][height][width]. */
int pipeline_denoise(const struct resolved *resolved, struct work *work, float *const features[TEXT_COUNT],
                     const struct pipeline_images *images, float *x, conch_error *err);

/* Latent frames 0 .. latent_frames - 1 of x, which has `frames` of them, to 8-bit pictures for the sink. */
struct pipeline_decode {
    conch_engine *engine;
    const struct manifest *manifest;
    enum precision precision;
    const float *x;
    size_t frames, latent_frames, height, width;
};
/* What it holds: the decoder and one picture. */
uint64_t pipeline_decode_bytes(const struct manifest *manifest, enum precision precision, size_t height, size_t width);
int pipeline_decode(const struct pipeline_decode *job, struct work *work, conch_error *err);

/* One picture of a single latent frame, as if it were a clip's first: for previews. */
struct preview;
int preview_create(struct preview **ret, const struct resolved *resolved, conch_error *err);
void preview_destroy(struct preview *preview);
/* The clean estimate x - sigma v of the clip's middle latent frame, given to the sink. */
int preview_show(struct preview *preview, const struct work *work, const float *x, const float *velocity, float sigma,
                 int step, conch_error *err);

#endif
