/* Where frames go: the MP4, a folder of PNGs, or both; and the preview. Everything appears complete or not at all. */
#ifndef CLI_GENERATE_OUTPUT_H
#define CLI_GENERATE_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "media/media.h"

struct output_settings {
    const char *clip_path;  /* NULL: no MP4 */
    const char *frames_dir; /* NULL: no PNGs */
    int width, height, fps;
    int crf;                     /* 0: the default */
    const char *title, *comment; /* NULL: none */
    bool bare;
};

struct output {
    struct output_settings settings; /* borrowed */
    struct media_clip *clip;
    struct media_png_writer *frames;
    bool folder_made;
    int frame_count; /* PNGs written */
};

/* Checks that the places can be written; nothing is made yet, and no process started.
 * CONCH_ERR_RANGE: frames_dir has frames of another clip. CONCH_ERR_NOTFOUND, CONCH_ERR_IO. */
int output_init(struct output *output, const struct output_settings *settings, conch_error *err);

/* Frame number index (from 0) in display order. */
int output_frame(struct output *output, const uint8_t *rgb, int index, conch_error *err);

/* Puts the clip in place. On error nothing is left. */
int output_close(struct output *output, conch_error *err);

/* Removes what was written and not closed; takes a zeroed or closed one. */
void output_abandon(struct output *output);

/* generator JSON for the clip's comment; malloc'ed. prompt and negative are left out when they are very long. */
struct output_facts {
    const char *model, *prompt, *negative, *sampler;
    uint64_t seed;
    int frame_count, step_count; /* step_count 0: not known (a decoded latent) */
    double guidance, shift;
};
int output_comment(const struct output_facts *facts, char **ret_comment, conch_error *err);

#endif
