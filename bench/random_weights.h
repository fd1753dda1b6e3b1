/* Weights for timing: Gaussian numbers under the names and shapes of the official checkpoints, in bf16. Speed and
 * memory do not depend on what a network has learned, only on how much of it there is.
 *
 * They are written to a file in $TMPDIR (or /tmp) that has no name and goes with the process, because a loader that
 * maps a file is part of what is measured. Deviations are 0.5 / sqrt(inputs), biases 0.01, gains about 1: values stay
 * normal numbers through all layers. */
#ifndef BENCH_RANDOM_WEIGHTS_H
#define BENCH_RANDOM_WEIGHTS_H

#include "engine/model/wan_dit.h"
#include "engine/model/wan_vae.h"

/* path: a checkpoint to use instead; NULL: make one. CONCH_ERR_IO, CONCH_ERR_NOMEM, and what weights_open gives. */
int random_weights_dit(struct weights **ret, const struct wan_dit_config *config, const char *path, conch_error *err);

/* The decoder's half of a VAE. */
int random_weights_vae(struct weights **ret, const struct wan_vae_config *config, const char *path, conch_error *err);

#endif
