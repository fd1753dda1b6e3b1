/* Pictures brought to an exact size, the way the official start-image code of Wan 2.2 TI2V-5B does it: choose a size of
 * the given area, scale so that the picture covers it, crop the centre. Pure arithmetic: no files, no helper. */
#ifndef MEDIA_FIT_H
#define MEDIA_FIT_H

#include <stdint.h>

#include "conch/error.h"

struct fit_size {
    int width, height;
};

/* The output size for a picture of this size: close to area pixels and never above it, close to the picture's ratio,
 * the sides multiples of step. Of rounding the width down first or the height first, the better ratio wins, as
 * best_output_size in Wan2.2 wan/utils/utils.py. CONCH_ERR_RANGE: a value below 1, or a picture so long and thin that a
 * side would become 0. */
int fit_best_size(struct fit_size *ret_size, struct fit_size picture, struct fit_size step, int64_t area,
                  conch_error *err);

/* Scales rgb (width * height * 3 bytes, rows top down) so that it just covers target, with the Lanczos filter of three
 * lobes as Pillow applies it (wider when shrinking; each pass, across then down, rounded to 8 bits), and writes the
 * centre of the result, target.width * target.height * 3 bytes, to ret_rgb. Only what is kept is computed.
 *   CONCH_ERR_RANGE  a side outside 1 .. MEDIA_SIDE_MAX
 *   CONCH_ERR_NOMEM */
int fit_cover(uint8_t *ret_rgb, struct fit_size target, const uint8_t *rgb, struct fit_size picture, conch_error *err);

#endif
