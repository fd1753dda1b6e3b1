/* The frames of a small, short clip made into a clip of the size, rate and length that was asked for. Pure arithmetic.
 *
 * In time: a clip is played slower, its frames blended into each other, down to half its speed; when that is not long
 * enough it goes forth and back (a clip that must end on its last frame is only played slower). In space: bicubic
 * (Catmull and Rom), either the middle part of the right shape, or the whole picture drawn out of shape, which undoes
 * what frames_squash did to a picture before. */
#ifndef SERVER_BACKEND_FRAMES_H
#define SERVER_BACKEND_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "conch/error.h"

struct frames {
    const uint8_t *rgb; /* [count][height][width][3] */
    int width, height, count, fps;
};

struct frames_target {
    int width, height, count, fps;
    bool whole;    /* all of the picture, out of shape; else the middle part of the target's shape */
    bool ends;     /* the last frame is to be the source's last */
    bool reversed; /* from the last frame to the first */
};

struct frames_scaler;
/* The source is borrowed. CONCH_ERR_NOMEM. */
int frames_scaler_create(struct frames_scaler **ret_scaler, const struct frames *source,
                         const struct frames_target *target, conch_error *err);
void frames_scaler_destroy(struct frames_scaler *scaler);

/* Frame number index of the target, width * height * 3 bytes. */
void frames_scaler_make(struct frames_scaler *scaler, int index, uint8_t *ret_rgb);

/* Where in the source (0 .. source->count - 1) frame number index of the target is taken from. */
double frames_position(const struct frames *source, const struct frames_target *target, int index);

/* A picture brought to width x height, whatever its shape. ret_rgb: width * height * 3 bytes. CONCH_ERR_NOMEM. */
int frames_squash(uint8_t *ret_rgb, int width, int height, const struct frames *picture, conch_error *err);

#endif
