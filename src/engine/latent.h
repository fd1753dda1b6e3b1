/* Denoised latents as files: what hours of sampling made, kept before the decoder starts. A safetensors file with one
 * tensor, "latent" [z][frames][height][width] f32, and what is needed to decode it in its metadata. */
#ifndef ENGINE_LATENT_H
#define ENGINE_LATENT_H

#include "conch/engine.h"

struct latent {
    conch_latent_info info;
    size_t z, frames, height, width;
    float *data;
};

/* The texts of latent->info may be borrowed. */
int latent_write(const char *path, const struct latent *latent, conch_error *err);

/* Fills latent, which the caller finishes. CONCH_ERR_FORMAT: not a latent of ours, damaged, or values that are not
 * finite. */
int latent_read(const char *path, struct latent *latent, conch_error *err);
void latent_finish(struct latent *latent);

#endif
