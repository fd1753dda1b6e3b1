/* What tests of the engine's top share: model folders made of small weights, and a sink that keeps what it is given. */
#ifndef TESTS_ENGINE_TEST_H
#define TESTS_ENGINE_TEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/engine.h"

/* Under a sanitizer memory is not what the program took. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_SANITIZED 1
#elif defined(__has_feature)
#define TEST_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define TEST_SANITIZED 0
#endif

/* A folder of its own under /tmp, with 'model' folders inside; removed by test_folder_remove. */
const char *test_folder_make(const char *name);
void test_folder_remove(void);
/* The path of NAME in it; the last eight results stay valid. */
const char *test_path(const char *name);

/* conch.json of a model of golden weights: text, first and last frame ("append"); sizes 96x64 and 64x96, 1, 5, 9 and 17
 * frames. The caller owns it. */
json_t *manifest_ti2v(void);
/* The same for Wan 2.1, of which only text is given; 48x32. Its text encoder is made up on the way. */
json_t *manifest_t2v(void);

/* Follows a path of keys ("components.vae.dim"; numbers index lists) and replaces, or with value NULL removes, what is
 * there. Takes over value. */
void manifest_change(json_t *root, const char *path, json_t *value);

/* Writes root, which it takes over, as conch.json into the folder NAME and returns the folder's path. */
const char *model_write(json_t *root, const char *name);

/* Sizes of networks to be filled with random numbers, in bf16. */
struct made_text {
    size_t vocab, dim, dim_attn, dim_ffn, heads, layers, buckets;
};
struct made_dit {
    size_t dim, ffn, heads, layers, channels, text_dim, freq_dim;
};
void text_encoder_make(const char *path, const struct made_text *made);
void transformer_make(const char *path, const struct made_dit *made);
/* Writes sizes and the file into the component of a manifest. */
void manifest_text_set(json_t *root, const struct made_text *made, const char *path);
void manifest_dit_set(json_t *root, const struct made_dit *made, const char *path);

conch_engine *engine_make(size_t threads);
conch_model *model_of(const char *folder);
/* The model that ships. */
conch_model *model_tiny(void);

/* What a generation gave. */
struct clip {
    conch_sink sink;
    size_t frame_bytes;
    uint8_t *frames;
    int frame_count, preview_count, progress_count;
    int stop_at_progress, stop_at_frame; /* the call with this number (1 ..) says stop; 0: none */
    conch_engine *cancel; /* engine that is cancelled at stop_at_progress, which then does not say stop itself */
    enum conch_phase last_phase;
    double last_fraction;
    bool out_of_order; /* frames, phases or fractions were */
    bool preview;      /* wants previews */
};
void clip_init(struct clip *clip);
void clip_finish(struct clip *clip);
/* conch_generate into clip, which is emptied first. */
int clip_generate(struct clip *clip, conch_engine *engine, const conch_model *model, const conch_request *request,
                  conch_error *err);
int clip_decode(struct clip *clip, conch_engine *engine, const conch_model *model, const char *latent_path,
                conch_error *err);
bool clips_equal(const struct clip *a, const struct clip *b);

/* A picture of a request's size: sky, grass and a red ball, moved to the right by 0..1. The caller frees ret->rgb. */
void picture_draw(conch_picture *ret, int width, int height, double shift);

#endif
