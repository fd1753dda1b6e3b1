/* `conch generate`: its options, and how they become a request that the model allows. */
#ifndef CLI_GENERATE_SETTINGS_H
#define CLI_GENERATE_SETTINGS_H

#include "cli/option.h"
#include "conch/engine.h"
#include "media/media.h"

struct generate_settings {
    const char *model, *models;
    const char *first_frame, *last_frame;
    struct option_size size;
    double seconds;
    int frames;
    struct option_seed seed;
    int steps;
    double guidance, shift;
    const char *negative, *sampler, *precision;
    const char *output, *frames_dir, *preview, *latent, *decode;
    int crf, threads;
    uint64_t memory;
    bool plan, json, quiet, no_metadata, no_cache;
};

extern const struct option generate_options[];

/* What no model is needed for: options that exclude each other, names of precisions. CONCH_ERR_RANGE. */
int generate_settings_check(const struct generate_settings *settings, const struct option_words *words,
                            conch_error *err);

enum conch_precision generate_precision(const struct generate_settings *settings);

/* --frames, --seconds or neither: one of the model's frame counts. Seconds are met within a quarter of a second.
 * CONCH_ERR_RANGE lists what is allowed. */
int generate_frame_count(const struct generate_settings *settings, const conch_model_info *model, int *ret_count,
                         conch_error *err);

/* --size, or the model's size nearest in shape to the first frame, or the model's first. CONCH_ERR_RANGE lists the
 * sizes. picture may be NULL. */
int generate_size(const struct generate_settings *settings, const conch_model_info *model,
                  const struct media_image *picture, conch_size *ret_size, conch_error *err);

/* Fits the picture to size, in place: scaled to cover it, the centre kept. */
int generate_fit(struct media_image *picture, conch_size size, conch_error *err);

#endif
