/* Whether a prompt from a client may be used at all, and what is known about its characters.
 *
 * Limits on prompts are in characters (Unicode code points), never bytes: 2,000 Chinese characters are 6,000 bytes. */
#ifndef SERVER_PROMPT_CHECK_H
#define SERVER_PROMPT_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"

/* Above this share of invisible characters a text is taken for an attempt to hide something in it. */
enum { PROMPT_INVISIBLE_PERMILLE_MAX = 100 };

/* No prompt is longer, whatever the model allows. */
enum { PROMPT_CHARS_MAX = 40000, PROMPT_BYTES_MAX = 4 * PROMPT_CHARS_MAX };

struct prompt_facts {
    size_t chars;
    size_t invisible;            /* zero-width and other format characters, variation selectors, blank letters */
    unsigned invisible_permille; /* of chars; 0 for an empty text */
};

/* Looks at a prompt and counts. field names it in error texts ("prompt"). ret may be NULL.
 *   CONCH_ERR_RANGE  not UTF-8, or a control character other than line feed, tab and the carriage return of CR LF; the
 *                    text says which and where
 *   CONCH_ERR_LIMIT  more than chars_max characters
 * A share of invisible characters is reported, not refused: which answer that deserves is the caller's knowledge. */
int prompt_check(const char *text, size_t chars_max, const char *field, struct prompt_facts *ret, conch_error *err);

#endif
