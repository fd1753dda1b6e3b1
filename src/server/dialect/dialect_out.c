#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "base/time_text.h"
#include "server/dialect/dialect_json.h"

enum { FORMAT_BYTES_MAX = 2048, FIRST_BYTES = 4096 };

void out_init(struct out *out, struct buf *buf, conch_error *err)
{
    *out = (struct out){.buf = buf, .err = err};
}

int out_finish(struct out *out)
{
    return out->rc;
}

/* In place while there is room: a job is some 300 appends, and polls are many. */
static void put(struct out *out, const char *data, size_t size)
{
    struct buf *buf = out->buf;
    if (out->rc < 0)
        return;
    if (size >= buf->capacity - buf->size || size > buf->size_max - buf->size) {
        out->rc = buf_append(buf, data, size, out->err);
        return;
    }
    memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->data[buf->size] = 0;
}

static void put_char(struct out *out, char c)
{
    put(out, &c, 1);
}

/* Bytes of `text` from `from` on that stand in a JSON text as they are. */
static size_t plain_run(const char *text, size_t from, size_t size)
{
    size_t at = from;
    while (at < size) {
        unsigned char c = (unsigned char)text[at];
        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f)
            break;
        size_t step = c < 0x80 ? 1 : text_utf8_next(text + at, size - at, NULL);
        if (!step)
            break;
        at += step;
    }
    return at - from;
}

static void put_escape(struct out *out, unsigned char c)
{
    char text[8];
    switch (c) {
    case '"': put(out, "\\\"", 2); return;
    case '\\': put(out, "\\\\", 2); return;
    case '\n': put(out, "\\n", 2); return;
    case '\r': put(out, "\\r", 2); return;
    case '\t': put(out, "\\t", 2); return;
    default: break;
    }
    if (c >= 0x80) /* no UTF-8 */
        put(out, "\xef\xbf\xbd", 3);
    else {
        snprintf(text, sizeof text, "\\u%04x", c);
        put(out, text, 6);
    }
}

static void put_escaped(struct out *out, const char *text)
{
    size_t size = strlen(text);
    for (size_t at = 0; at < size;) {
        size_t run = plain_run(text, at, size);
        put(out, text + at, run);
        at += run;
        if (at < size)
            put_escape(out, (unsigned char)text[at++]);
    }
}

static void put_text(struct out *out, const char *text)
{
    put_char(out, '"');
    put_escaped(out, text);
    put_char(out, '"');
}

static void begin(struct out *out, const char *key)
{
    if (out->comma)
        put_char(out, ',');
    if (key) { /* a word of ours: nothing in it to escape */
        put_char(out, '"');
        put(out, key, strlen(key));
        put(out, "\":", 2);
    }
    out->comma = true;
}

static void open_with(struct out *out, const char *key, char bracket)
{
    begin(out, key);
    put_char(out, bracket);
    out->comma = false;
}

static void close_with(struct out *out, char bracket)
{
    put_char(out, bracket);
    out->comma = true;
}

void out_object(struct out *out, const char *key)
{
    open_with(out, key, '{');
}

void out_object_end(struct out *out)
{
    close_with(out, '}');
}

void out_array(struct out *out, const char *key)
{
    open_with(out, key, '[');
}

void out_array_end(struct out *out)
{
    close_with(out, ']');
}

void out_raw(struct out *out, const char *key, const char *json)
{
    begin(out, key);
    put(out, json, strlen(json));
}

void out_null(struct out *out, const char *key)
{
    out_raw(out, key, "null");
}

void out_flag(struct out *out, const char *key, bool value)
{
    out_raw(out, key, value ? "true" : "false");
}

void out_text(struct out *out, const char *key, const char *value)
{
    if (!value) {
        out_null(out, key);
        return;
    }
    begin(out, key);
    put_text(out, value);
}

enum { INTEGER_SIZE = 24 };

/* The end of `text` holds the digits; returns where they begin. */
static char *digits(char text[INTEGER_SIZE], int64_t value)
{
    char *at = text + INTEGER_SIZE - 1;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    *at = 0;
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        *--at = '-';
    return at;
}

void out_texts(struct out *out, const char *key, const char *first, const char *second)
{
    begin(out, key);
    put_char(out, '"');
    put_escaped(out, first);
    put_escaped(out, second);
    put_char(out, '"');
}

void out_integer(struct out *out, const char *key, int64_t value)
{
    char text[INTEGER_SIZE];
    out_raw(out, key, digits(text, value));
}

void out_id(struct out *out, const char *key, int64_t id)
{
    char text[INTEGER_SIZE];
    if (!id) {
        out_null(out, key);
        return;
    }
    begin(out, key);
    put_char(out, '"');
    const char *number = digits(text, id);
    put(out, number, strlen(number));
    put_char(out, '"');
}

void out_real(struct out *out, const char *key, double value)
{
    char text[40];
    if (!isfinite(value)) {
        out_null(out, key);
        return;
    }
    snprintf(text, sizeof text, "%.15g", value);
    out_raw(out, key, text);
}

void out_time(struct out *out, const char *key, int64_t wall_ms)
{
    out_text(out, key, wall_ms ? time_text(wall_ms).text : NULL);
}

static int take(const char *data, size_t size, void *context)
{
    struct out *out = context;
    put(out, data, size);
    return out->rc;
}

void out_json(struct out *out, const char *key, const json_t *value)
{
    if (!value) {
        out_null(out, key);
        return;
    }
    begin(out, key);
    if (out->rc == 0 && json_dump_callback(value, take, out, JSON_COMPACT | JSON_ENCODE_ANY) < 0 && out->rc == 0)
        out->rc = conch_error_set(out->err, CONCH_ERR_INTERNAL, "a value could not be written as JSON");
}

void out_format(struct out *out, const char *key, const char *format, ...)
{
    char text[FORMAT_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    out_text(out, key, text);
}

/* ---- whole answers ---- */

int dialect_trouble(struct api_problem *problem, const conch_error *err)
{
    bool busy = err->code == CONCH_ERR_NOMEM || err->code == CONCH_ERR_LIMIT || err->code == CONCH_ERR_DISKFULL;
    api_refuse(problem, busy ? API_BUSY : API_INTERNAL, "", "%s", err->text);
    problem->retry_after_s = busy ? 1 : 0;
    return -1;
}

void dialect_answer_begin(struct dialect_call *call, struct out *out, conch_error *err)
{
    buf_clear(&call->response->body);
    buf_reserve(&call->response->body, size_min(FIRST_BYTES, call->response->body.size_max),
                NULL); /* so it grows once */
    out_init(out, &call->response->body, err);
}

int dialect_answer_end(struct dialect_call *call, struct out *out, int status)
{
    conch_error err = {0};
    int rc = out_finish(out);
    if (rc < 0 && out->err)
        return dialect_trouble(&call->problem, out->err);
    if (rc < 0)
        return api_refuse(&call->problem, API_INTERNAL, "", "the answer could not be written");
    if (http_response_header(call->response, "Content-Type", "application/json", &err) < 0)
        return dialect_trouble(&call->problem, &err);
    call->response->kind = HTTP_BODY_MEMORY;
    call->response->status = status;
    return 0;
}

int dialect_refusal_end(struct out *out, struct http_response *response, int status)
{
    if (out_finish(out) < 0) {
        buf_clear(&response->body);
        response->status = 503;
        return -1;
    }
    http_response_header(response, "Content-Type", "application/json", NULL);
    response->status = status;
    return 0;
}
