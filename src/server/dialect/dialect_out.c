#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/text.h"
#include "base/time_text.h"
#include "server/dialect/dialect_json.h"

enum { FORMAT_BYTES_MAX = 2048 };

void out_init(struct out *out, struct buf *buf, conch_error *err)
{
    *out = (struct out){.buf = buf, .err = err};
}

int out_finish(struct out *out)
{
    return out->rc;
}

static void put(struct out *out, const char *data, size_t size)
{
    if (out->rc == 0)
        out->rc = buf_append(out->buf, data, size, out->err);
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

static void put_text(struct out *out, const char *text)
{
    size_t size = strlen(text);
    put_char(out, '"');
    for (size_t at = 0; at < size;) {
        size_t run = plain_run(text, at, size);
        put(out, text + at, run);
        at += run;
        if (at < size)
            put_escape(out, (unsigned char)text[at++]);
    }
    put_char(out, '"');
}

static void begin(struct out *out, const char *key)
{
    if (out->comma)
        put_char(out, ',');
    if (key) {
        put_text(out, key);
        put_char(out, ':');
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

void out_integer(struct out *out, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    out_raw(out, key, text);
}

void out_id(struct out *out, const char *key, int64_t id)
{
    char text[24];
    if (!id) {
        out_null(out, key);
        return;
    }
    snprintf(text, sizeof text, "\"%lld\"", (long long)id);
    out_raw(out, key, text);
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
