/* Text in the forms that words are looked up in, and the small questions about characters that several files here ask.
 * All texts are valid UTF-8 (prompt_check). */
#ifndef SERVER_PROMPT_FOLD_H
#define SERVER_PROMPT_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "conch/error.h"

/* What folding can make of one prompt: a single character can become 18 (U+FDFA), but not many of them in earnest. */
enum { PROMPT_FOLDED_BYTES_MAX = 1 << 20 };

/* Lower case, full-width letters made normal, zero-width characters gone (NFKC with case folding, default ignorables
 * removed); every white space, also a line feed, is one space. With strip_marks accents go as well. Replaces ret.
 * CONCH_ERR_RANGE for invalid UTF-8, CONCH_ERR_LIMIT, CONCH_ERR_NOMEM. */
int prompt_fold(const char *text, size_t size, bool strip_marks, struct buf *ret, conch_error *err);

/* The character at text, which is valid UTF-8, and its bytes. 0 bytes at the end. */
size_t char_read(const char *text, int32_t *ret_char);

/* Scripts written without spaces between words. */
bool char_is_unspaced(int32_t c);
bool char_is_word(int32_t c); /* letter, digit or mark */
bool char_is_blank(int32_t c);

/* Whether somebody who wrote this reads Chinese better than English: Han characters, and no fewer than a third as many
 * as there are Latin letters (a Chinese word has two of them, an English one five). */
bool text_is_chinese(const char *text);

/* "" for a buffer that nothing was appended to. */
static inline const char *buf_text(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}

#endif
