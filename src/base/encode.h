/* Bytes as text: hex, base64 and base64url (RFC 4648). Decoding is strict: what is accepted has one spelling, and
 * encoding it again gives the same text (ENCODE_BASE64_LOOSE aside). */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "conch/error.h"

enum encode_kind {
    ENCODE_HEX,          /* lower case; decoding takes both */
    ENCODE_BASE64,       /* with padding */
    ENCODE_BASE64URL,    /* without padding */
    ENCODE_BASE64_LOOSE, /* decoding only, for what clients send in data URLs: both alphabets, padding or none, line
                            breaks, spaces and tabs skipped */
};

/* Characters without a NUL. */
size_t encode_size(enum encode_kind kind, size_t size);

/* Bytes that a text of this length can hold at most: to refuse it before it is decoded. */
size_t encode_decoded_max(enum encode_kind kind, size_t length);

/* Appends; CONCH_ERR_LIMIT, CONCH_ERR_NOMEM. */
int encode(struct buf *buf, enum encode_kind kind, const void *data, size_t size, conch_error *err);

/* Appends the bytes of text[0..length). CONCH_ERR_FORMAT names the place and the character, CONCH_ERR_LIMIT when buf
 * may not hold as many; then buf is as it was. */
int encode_decode(struct buf *buf, enum encode_kind kind, const char *text, size_t length, conch_error *err);

#endif
