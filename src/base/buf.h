/* A growing byte buffer that knows its maximum from birth.
 *
 * Rules: buf_init once, buf_finish once (takes a zeroed or finished buffer). data is always followed by a NUL byte that
 * size does not count, so text can be read as a C string. An append that would pass size_max changes nothing. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

#include "conch/error.h"

struct buf {
    char *data;      /* NULL while nothing was appended */
    size_t size;     /* bytes used */
    size_t capacity; /* bytes allocated */
    size_t size_max; /* bytes that may ever be used */
};

void buf_init(struct buf *buf, size_t size_max);
void buf_finish(struct buf *buf);

/* Forgets the content and keeps the memory. */
void buf_clear(struct buf *buf);

/* CONCH_ERR_LIMIT above size_max, CONCH_ERR_NOMEM. */
int buf_append(struct buf *buf, const void *data, size_t size, conch_error *err);
int buf_append_text(struct buf *buf, const char *text, conch_error *err);
int buf_append_format(struct buf *buf, conch_error *err, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Makes room for size more bytes and returns where they go; the caller adds to buf->size what it used. NULL on error.
 */
char *buf_reserve(struct buf *buf, size_t size, conch_error *err);

#endif
