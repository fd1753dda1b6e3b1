/* A model folder: what conch.json says, checked, with the files it names made into paths.
 *
 * docs/models.md describes the format for people. */
#ifndef ENGINE_MANIFEST_H
#define ENGINE_MANIFEST_H

#include <jansson.h>

#include "conch/engine.h"
#include "engine/model/umt5.h"
#include "engine/model/wan_dit.h"
#include "engine/model/wan_vae.h"
#include "engine/sampling/sampler.h"

enum { MANIFEST_FILES_MAX = 64 };

/* How a picture for the end of the clip is given to the transformer. */
enum last_frame_style {
    LAST_FRAME_APPEND, /* as one clean latent frame more, behind the clip, which is dropped afterwards */
    LAST_FRAME_REPLACE /* in place of the last latent frame */
};

struct component_files {
    char *paths[MANIFEST_FILES_MAX]; /* owned */
    size_t count;
};

struct manifest {
    json_t *root; /* texts of info point into it */
    char *folder;
    conch_model_info info;
    enum sampler_kind sampler;
    enum last_frame_style last_frame;
    struct umt5_config text;
    size_t text_len; /* slots of the prompt */
    struct component_files text_files;
    char *tokenizer_path; /* NULL: inside the text encoder's weights, tensor spiece_model */
    struct wan_dit_config dit;
    struct component_files dit_files;
    struct wan_vae_config vae;
    struct component_files vae_files;
    char *missing; /* owned; info.missing */
};

int manifest_read(struct manifest *manifest, const char *folder, conch_error *err);
void manifest_finish(struct manifest *manifest);

#endif
