/* A request checked and resolved, with the numbers that follow from it. */
#ifndef ENGINE_PLAN_H
#define ENGINE_PLAN_H

#include "engine/engine_state.h"
#include "engine/text/tokenizer.h"
#include "engine/text_cache.h"

enum { TEXT_PROMPT, TEXT_NEGATIVE, TEXT_COUNT };

struct resolved {
    conch_engine *engine;
    const struct manifest *manifest;
    const conch_request *request;
    conch_plan plan;
    enum precision precision;
    size_t z, latent_frames, height, width; /* of the latent that is decoded */
    size_t frames;                          /* the transformer's: one more when a last frame is appended */
    size_t text_count;                      /* 1 without guidance, else 2 */
    struct token_list tokens[TEXT_COUNT];
    struct text_key keys[TEXT_COUNT];
    enum sampler_kind sampler;
    const char *negative;
};

int resolve(struct resolved *resolved, conch_engine *engine, const conch_model *model, const conch_request *request,
            conch_error *err);
void resolved_finish(struct resolved *resolved);

/* What the transformer is asked for. */
struct wan_dit_options resolved_dit_options(const struct resolved *resolved);

#endif
