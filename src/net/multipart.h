/* Reads a multipart/form-data body (RFC 7578) piece by piece. Pure: bytes in, calls out; nothing is stored but the
 * headers of the present part and the few bytes that may be the start of a boundary.
 *
 * Strict where leniency lets two readers see different forms: the boundary is 1 to 70 characters, every part has a
 * Content-Disposition "form-data" with a name, names hold no control characters, transfer encodings other than 7bit,
 * 8bit and binary are refused. What stands before the first boundary and after the last is ignored. */
#ifndef NET_MULTIPART_H
#define NET_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#include "conch/error.h"

enum {
    MULTIPART_BOUNDARY_MAX = 70,
    MULTIPART_HEADER_BYTES_MAX = 4096, /* all header lines of one part */
    MULTIPART_PARTS_MAX = 100,
};

struct multipart_head {
    const char *name;
    const char *filename; /* NULL: not a file. The last component alone: folders in it are cut off */
    const char *type;     /* NULL: not stated */
};

/* Called in the order begin, data (any number), end for each part. A return other than 0 ends multipart_feed with that
 * value. */
struct multipart_sink {
    void *context;
    int (*begin)(void *context, const struct multipart_head *head, conch_error *err);
    int (*data)(void *context, const char *data, size_t size, conch_error *err);
    int (*end)(void *context, conch_error *err);
};

struct multipart {
    struct multipart_sink sink;
    int state;
    char delimiter[MULTIPART_BOUNDARY_MAX + 5]; /* "\r\n--boundary" */
    size_t delimiter_size;
    size_t matched; /* bytes of the delimiter seen */
    size_t part_count;
    size_t head_size;
    char head[MULTIPART_HEADER_BYTES_MAX + 1];
};

/* content_type: the request's header with the boundary in it. CONCH_ERR_RANGE when there is none or it is not valid. */
int multipart_init(struct multipart *multipart, const char *content_type, const struct multipart_sink *sink,
                   conch_error *err);

/* CONCH_ERR_FORMAT for a body that breaks the rules above, CONCH_ERR_LIMIT for too many parts or too long headers, or
 * what a call returned. After an error the reader is of no use. */
int multipart_feed(struct multipart *multipart, const char *data, size_t size, conch_error *err);

/* After the last byte: CONCH_ERR_FORMAT when the closing boundary did not come. */
int multipart_end(const struct multipart *multipart, conch_error *err);

#endif
