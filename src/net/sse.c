#include "net/sse.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

static int line_check(const char *what, const char *text, conch_error *err)
{
    if (text && strpbrk(text, "\r\n"))
        return conch_error_set(err, CONCH_ERR_RANGE, "the %s of an event has a line break", what);
    return 0;
}

static int line_append(struct buf *buf, const char *field, const char *text, size_t size, conch_error *err)
{
    int rc = buf_append_text(buf, field, err);
    if (rc == 0)
        rc = buf_append(buf, text, size, err);
    return rc < 0 ? rc : buf_append_text(buf, "\n", err);
}

static int data_append(struct buf *buf, const char *data, conch_error *err)
{
    for (;;) {
        size_t size = strcspn(data, "\r\n");
        int rc = line_append(buf, "data: ", data, size, err);
        if (rc < 0 || data[size] == 0)
            return rc;
        data += size + (data[size] == '\r' && data[size + 1] == '\n' ? 2 : 1);
    }
}

int sse_append(struct buf *buf, const struct sse_event *event, conch_error *err)
{
    int rc = line_check("id", event->id, err);
    if (rc == 0)
        rc = line_check("name", event->event, err);
    if (rc == 0 && event->id)
        rc = line_append(buf, "id: ", event->id, strlen(event->id), err);
    if (rc == 0 && event->event)
        rc = line_append(buf, "event: ", event->event, strlen(event->event), err);
    if (rc == 0 && event->retry_ms > 0)
        rc = buf_append_format(buf, err, "retry: %ld\n", event->retry_ms);
    if (rc == 0 && event->data)
        rc = data_append(buf, event->data, err);
    return rc < 0 ? rc : buf_append_text(buf, "\n", err);
}

int sse_append_comment(struct buf *buf, const char *text, conch_error *err)
{
    int rc = line_check("comment", text, err);
    return rc < 0 ? rc : buf_append_format(buf, err, ": %s\n\n", text);
}

/* ---- reading ---- */

void sse_parser_init(struct sse_parser *parser, size_t event_bytes_max, sse_sink *sink, void *context)
{
    *parser = (struct sse_parser){.sink = sink, .context = context};
    buf_init(&parser->line, event_bytes_max);
    buf_init(&parser->data, event_bytes_max);
    buf_init(&parser->event, event_bytes_max);
    buf_init(&parser->id, event_bytes_max);
}

void sse_parser_finish(struct sse_parser *parser)
{
    buf_finish(&parser->line);
    buf_finish(&parser->data);
    buf_finish(&parser->event);
    buf_finish(&parser->id);
}

static int dispatch(struct sse_parser *parser)
{
    struct sse_event event = {
        .id = parser->had_id && parser->id.data ? parser->id.data : NULL,
        .event = parser->event.size ? parser->event.data : NULL,
        .data = parser->had_data ? (parser->data.data ? parser->data.data : "") : NULL,
        .retry_ms = parser->retry_ms,
    };
    int rc = event.data || event.event ? parser->sink(parser->context, &event) : 0;
    parser->had_data = 0;
    buf_clear(&parser->data);
    buf_clear(&parser->event);
    return rc;
}

static int copy_set(struct buf *buf, const char *text, size_t size, conch_error *err)
{
    buf_clear(buf);
    return buf_append(buf, text, size, err);
}

static void retry_set(struct sse_parser *parser, const char *text)
{
    long value = 0;
    if (!*text)
        return;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || value > INT_MAX / 10 - 1)
            return; /* the standard: a field that is not digits alone is ignored */
        value = value * 10 + (*text - '0');
    }
    parser->retry_ms = value;
}

static int field_take(struct sse_parser *parser, const char *name, size_t name_size, const char *value, size_t size,
                      conch_error *err)
{
    if (memchr(value, 0, size))
        return 0; /* the standard says so of ids; names and data are C strings here */
    if (name_size == 4 && memcmp(name, "data", 4) == 0) {
        int rc = parser->had_data ? buf_append(&parser->data, "\n", 1, err) : 0;
        parser->had_data = 1;
        return rc < 0 ? rc : buf_append(&parser->data, value, size, err);
    }
    if (name_size == 5 && memcmp(name, "event", 5) == 0)
        return copy_set(&parser->event, value, size, err);
    if (name_size == 2 && memcmp(name, "id", 2) == 0) {
        parser->had_id = 1;
        return copy_set(&parser->id, value, size, err);
    }
    if (name_size == 5 && memcmp(name, "retry", 5) == 0)
        retry_set(parser, value);
    return 0;
}

static int line_take(struct sse_parser *parser, conch_error *err)
{
    const char *line = parser->line.data;
    size_t size = parser->line.size;
    if (size == 0)
        return dispatch(parser);
    if (line[0] == ':')
        return 0;
    const char *colon = memchr(line, ':', size);
    size_t name_size = colon ? (size_t)(colon - line) : size;
    const char *value = colon ? colon + 1 : line + size;
    if (colon && *value == ' ')
        value++;
    return field_take(parser, line, name_size, value, (size_t)(line + size - value), err);
}

/* A byte order mark at the very start does not belong to the first line. */
static size_t bom_skip(struct sse_parser *parser, const char *data, size_t size, int *ret_rc, conch_error *err)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t used = 0;
    while (parser->bom >= 0 && used < size) {
        if (data[used] == mark[parser->bom]) {
            used++;
            parser->bom = parser->bom == 2 ? -1 : parser->bom + 1;
        } else {
            *ret_rc = buf_append(&parser->line, mark, (size_t)parser->bom, err);
            parser->bom = -1;
        }
    }
    return used;
}

int sse_parser_feed(struct sse_parser *parser, const char *data, size_t size, conch_error *err)
{
    int rc = 0;
    size_t at = bom_skip(parser, data, size, &rc, err);
    while (rc == 0 && at < size) {
        if (parser->after_cr && data[at] == '\n') {
            parser->after_cr = 0;
            at++;
            continue;
        }
        parser->after_cr = 0;
        size_t run = 0;
        while (at + run < size && data[at + run] != '\n' && data[at + run] != '\r')
            run++;
        rc = buf_append(&parser->line, data + at, run, err);
        at += run;
        if (rc < 0 || at == size)
            break;
        parser->after_cr = data[at++] == '\r';
        rc = line_take(parser, err);
        buf_clear(&parser->line);
    }
    return rc;
}
