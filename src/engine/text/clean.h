/* Prompt preparation: what Wan does to a prompt before its tokenizer sees it.
 *
 *   1. the main effects of ftfy.fix_text (a Python library, version 6), line by line and until nothing changes:
 *      HTML entities become characters (up to the first line that contains '<'); C1 control characters are read as
 *      Windows-1252; Latin ligatures are spelt out; full-width and half-width forms become normal ones; curly quotes
 *      become straight; CR, CRLF, U+0085, U+2028 and U+2029 become LF; terminal escape sequences, other control
 *      characters and U+FEFF are dropped; NFC.
 *   2. HTML entities are decoded twice, by the laxer rules of Python's html.unescape.
 *   3. every run of white space becomes one space, none is left at the ends.
 *
 * Left out of step 1: the repair of text that was decoded in a wrong charset ("mojibake"), which guesses by
 * frequencies; prompts typed in UTF-8 do not need it.
 *
 * Time is linear in the text. Prompts hold at most PROMPT_BYTES_MAX bytes of valid UTF-8. */
#ifndef ENGINE_TEXT_CLEAN_H
#define ENGINE_TEXT_CLEAN_H

#include "base/buf.h"
#include "conch/error.h"

/* Steps 1 to 3. Replaces the content of ret, which the caller has initialised (its data may be NULL after an empty
 * text). CONCH_ERR_RANGE for invalid UTF-8, naming the byte offset; CONCH_ERR_LIMIT for a prompt that is too long. */
int text_clean(const char *text, struct buf *ret, conch_error *err);

/* Step 1 alone. */
int text_fix(const char *text, struct buf *ret, conch_error *err);

/* Steps 2 and 3, as the golden tokenisations apply them. */
int text_unescape_and_collapse(const char *text, struct buf *ret, conch_error *err);

#endif
