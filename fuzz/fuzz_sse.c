/* An event stream from a server: whole and byte by byte give the same events, and each event written again is read as
 * itself. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "net/sse.h"

enum { EVENT_MAX = 1 << 16 };

static int take(void *context, const struct sse_event *event)
{
    struct sse_event copy = *event;
    copy.retry_ms = 0; /* the reader keeps the last one, and 0 cannot be written */
    return sse_append(context, &copy, NULL);
}

static int read_all(const char *data, size_t size, size_t step, struct buf *out)
{
    struct sse_parser parser;
    int rc = 0;
    sse_parser_init(&parser, EVENT_MAX, take, out);
    for (size_t at = 0; at < size && rc == 0; at += step)
        rc = sse_parser_feed(&parser, data + at, size - at < step ? size - at : step, NULL);
    sse_parser_finish(&parser);
    return rc;
}

static int same(const struct buf *a, const struct buf *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole, bytes, again;
    buf_init(&whole, 1 << 26);
    buf_init(&bytes, 1 << 26);
    buf_init(&again, 1 << 26);
    int rc = read_all((const char *)data, size, size + 1, &whole);
    if (read_all((const char *)data, size, 1, &bytes) != rc || !same(&whole, &bytes))
        abort();
    if (whole.size && read_all(whole.data, whole.size, whole.size, &again) == 0 && !same(&whole, &again))
        abort();
    buf_finish(&whole);
    buf_finish(&bytes);
    buf_finish(&again);
    return 0;
}
