/* The four Unicode normalisation forms, in linear time.
 *
 * The tables are those of utf8proc, but the reordering of combining marks is ours: the library's is quadratic in the
 * length of a run of marks, and a prompt of 64 KiB could keep it busy for five seconds. */
#ifndef ENGINE_TEXT_NORMAL_H
#define ENGINE_TEXT_NORMAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "conch/error.h"

struct normal_form {
    bool compose; /* NFC, NFKC; otherwise NFD, NFKD */
    bool compat;  /* NFKC, NFKD */
};

/* Appends text (valid UTF-8) in that form. CONCH_ERR_LIMIT above NORMALIZED_BYTES_MAX. */
int text_normalize(const char *text, size_t size, struct normal_form form, struct buf *out, conch_error *err);

#endif
