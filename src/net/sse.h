/* Server-sent events (text/event-stream, WHATWG HTML 9.2): writing one, and reading a stream of them piece by piece. */
#ifndef NET_SSE_H
#define NET_SSE_H

#include <stddef.h>

#include "base/buf.h"
#include "conch/error.h"

struct sse_event {
    const char *id;    /* NULL: none. No line breaks */
    const char *event; /* NULL: none ("message"). No line breaks */
    const char *data;  /* NULL: none; line breaks of all kinds are allowed */
    long retry_ms;     /* 0: not stated */
};

/* Appends the event with its closing empty line. CONCH_ERR_RANGE for a line break in id or event. */
int sse_append(struct buf *buf, const struct sse_event *event, conch_error *err);

/* Appends ": text" and an empty line: keeps a connection alive, readers ignore it. text has no line breaks. */
int sse_append_comment(struct buf *buf, const char *text, conch_error *err);

/* Called for each event that has data or a name. What event points to is valid until it returns. A return other than 0
 * ends sse_parser_feed with that value. Fields that hold a NUL are ignored. event->id is the last id seen so far, as a
 * browser remembers it; NULL before the first. */
typedef int sse_sink(void *context, const struct sse_event *event);

/* Reads a stream. Zero it, then sse_parser_init; sse_parser_finish frees it. */
struct sse_parser {
    struct buf line, data, event, id;
    long retry_ms; /* the last one stated */
    sse_sink *sink;
    void *context;
    int bom; /* bytes of a byte order mark seen at the start; -1: past it */
    char had_id, had_data, after_cr;
};

/* event_bytes_max: the longest line and the most data of one event. */
void sse_parser_init(struct sse_parser *parser, size_t event_bytes_max, sse_sink *sink, void *context);
void sse_parser_finish(struct sse_parser *parser);

/* Pieces of any size. CONCH_ERR_LIMIT, CONCH_ERR_NOMEM, or what sink returned; the parser is of no use then. An event
 * whose empty line has not come is not given to sink (the standard wants it dropped at the end). */
int sse_parser_feed(struct sse_parser *parser, const char *data, size_t size, conch_error *err);

#endif
