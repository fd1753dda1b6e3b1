/* Reading and writing UTF-8, one character at a time. Overlong forms, surrogates and values above U+10FFFF are invalid.
 */
#ifndef ENGINE_TEXT_UTF8_H
#define ENGINE_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "conch/error.h"

/* Reads the character at text (size > 0 bytes are there); returns its bytes, 1..4, or 0 when they are not UTF-8. */
size_t utf8_read(const char *text, size_t size, uint32_t *ret_char);

/* Appends one character. */
int utf8_append(struct buf *buf, uint32_t character, conch_error *err);

/* CONCH_OK or `code` with a text that names `what` and the offset of the first byte that is not UTF-8. */
int utf8_check(const char *text, size_t size, const char *what, int code, conch_error *err);

/* Bytes of the character that begins with this byte of valid UTF-8. */
static inline size_t utf8_step(char lead)
{
    unsigned char c = (unsigned char)lead;
    return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

static inline bool utf8_is_tail(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

/* The Unicode property White_Space. */
bool char_is_space(uint32_t character);

#endif
