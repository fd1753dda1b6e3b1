/* Putting sentences together: the texts that leave this folder end their sentences and begin them with a capital. */
#ifndef SERVER_PROMPT_COMPOSE_H
#define SERVER_PROMPT_COMPOSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "conch/error.h"

/* Takes white space from the end and ends the last sentence, unless it ends already or there is none. */
int compose_stop(struct buf *out, bool chinese, conch_error *err);

/* Ends the sentence before, and appends this one with a capital and a full stop. Nothing for an empty text. */
int compose_sentence(struct buf *out, const char *text, bool chinese, conch_error *err);

/* Appends size bytes of text with its first letter (ASCII) a capital, without white space at either end. */
int compose_capital(struct buf *out, const char *text, size_t size, conch_error *err);

/* Characters of a text. */
size_t compose_chars(const char *text);

#endif
