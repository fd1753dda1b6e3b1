/* Configurations of the networks from the JSON that golden files carry. CONCH_ERR_FORMAT names what is missing. */
#ifndef GOLDEN_MODELS_H
#define GOLDEN_MODELS_H

#include <jansson.h>

#include "engine/model/umt5.h"
#include "engine/model/wan_dit.h"
#include "engine/model/wan_vae.h"
#include "engine/sampling/sampler.h"
#include "golden.h"

int umt5_config_read(const json_t *json, struct umt5_config *ret, conch_error *err);
int wan_dit_config_read(const json_t *json, struct wan_dit_config *ret, conch_error *err);
int wan_vae_config_read(const json_t *json, struct wan_vae_config *ret, conch_error *err);

/* A clip or a latent without its channels. */
struct clip_shape {
    size_t frames, height, width;
};

/* latent [z][frames][height][width] of latent_shape to video [3][its frames][its height][its width], not clamped. */
int vae_decode_clip(const struct compute *compute, const struct weights *weights, const struct wan_vae_config *config,
                    enum precision precision, const struct clip_shape *latent_shape, const float *latent, float *video,
                    const struct probe *probe, conch_error *err);
/* video [3][frames][height][width] of shape to latent [z][..]. */
int vae_encode_clip(const struct compute *compute, const struct weights *weights, const struct wan_vae_config *config,
                    enum precision precision, const struct clip_shape *shape, const float *video, float *latent,
                    const struct probe *probe, conch_error *err);
/* PREFIXsigmas and PREFIXtimesteps of a file against a schedule. */
void schedule_check(struct report *report, const struct st_file *file, const struct schedule *schedule,
                    const char *prefix);

void clamp_values(float *values, size_t count);

#endif
