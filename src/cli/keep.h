/* The denoised latents that were saved before decoding, so that a clip whose encoding failed need not be made again. */
#ifndef CLI_KEEP_H
#define CLI_KEEP_H

#include <stdint.h>

#include "conch/error.h"

enum { KEEP_LATENTS_MAX = 16 };

/* A new name in the state folder (latents/DATE-WORDS-SEED.latent); makes the folder. *ret_path is malloc'ed. */
int keep_latent_path(const char *prompt, uint64_t seed, char **ret_path, conch_error *err);

/* Removes all but the newest KEEP_LATENTS_MAX latents of that folder. What cannot be removed stays, quietly. */
void keep_prune(void);

#endif
