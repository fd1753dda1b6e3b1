/* A few words drawn into the corner of a picture, in letters of five by seven dots: how a clip says in itself that it
 * was made for a rehearsal. Letters A to Z (small ones are drawn as capitals), digits and - . : / are drawn, everything
 * else is a gap. Pure arithmetic. */
#ifndef SERVER_BACKEND_MARK_H
#define SERVER_BACKEND_MARK_H

#include <stdint.h>

enum { MARK_LETTERS_MAX = 32 };

/* Into the lower right corner of rgb, [height][width][3]; cut to MARK_LETTERS_MAX letters. A text that does not fit the
 * width is drawn as far as it does. Nothing for NULL and "". */
void mark_draw(uint8_t *rgb, int width, int height, const char *text);

#endif
