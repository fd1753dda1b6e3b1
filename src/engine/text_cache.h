/* Embedded prompts kept on disk: encoding a text with a large encoder takes longer than a step of the clip, and prompts
 * repeat. A cache that is missing, damaged or full is never an error: the text is encoded again. */
#ifndef ENGINE_TEXT_CACHE_H
#define ENGINE_TEXT_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/manifest.h"
#include "engine/tensor/compute.h"

enum { TEXT_CACHE_FILES_MAX = 256 }; /* the oldest beyond these are removed */

/* Names the result: encoder files (path, size, time of change) and sizes, kernels, precision, token ids. */
struct text_key {
    char hex[65];
};
struct text_source {
    const struct manifest *manifest;
    const char *kernels;
    enum precision precision;
    const int32_t *ids;
    size_t count;
};
void text_key_make(struct text_key *key, const struct text_source *source);

/* Whether text_cache_get would find it. */
bool text_cache_has(const char *folder, const struct text_key *key, size_t rows, size_t width);
/* features [rows][width]; false when not there, damaged or not readable. */
bool text_cache_get(const char *folder, const struct text_key *key, float *features, size_t rows, size_t width);
void text_cache_put(const char *folder, const struct text_key *key, const float *features, size_t rows, size_t width);

#endif
