#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/time_text.h"

enum { SECRET_CHARS_SHOWN = 4, SECRET_CHARS_MIN = 12, TAIL_ROOM = 32 /* ,"cut":true}\n */ };
static const char ellipsis[] = "…";

static _Atomic int state_level = LOG_LEVEL_INFO, state_format = LOG_FORMAT_AUTO, state_fd = STDERR_FILENO;

/* A line in the making. What does not fit sets `full`; the caller goes back to where the field began. */
struct line {
    char data[LOG_LINE_BYTES_MAX];
    size_t size;
    bool json, full;
};

const char *log_level_name(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error", "off"};
    assert((unsigned)level <= LOG_LEVEL_OFF);
    return names[level];
}

void log_setup(enum log_level level, enum log_format format, int fd)
{
    if (format == LOG_FORMAT_AUTO)
        format = isatty(fd) ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
    atomic_store(&state_level, (int)level);
    atomic_store(&state_format, (int)format);
    atomic_store(&state_fd, fd);
}

bool log_enabled(enum log_level level)
{
    return level != LOG_LEVEL_OFF && (int)level >= atomic_load_explicit(&state_level, memory_order_relaxed);
}

static void put(struct line *line, const char *data, size_t size)
{
    if (line->full || size > sizeof line->data - TAIL_ROOM - line->size) {
        line->full = true;
        return;
    }
    memcpy(line->data + line->size, data, size);
    line->size += size;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* Characters that end a line or a string, move a cursor or turn the direction of what follows. */
static bool must_escape(uint32_t code)
{
    return code < 0x20 || code == '"' || code == '\\' || (code >= 0x7f && code < 0xa0) || code == 0x200e ||
           code == 0x200f || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

/* One character as it may stand in a line; `out` holds 8 bytes. */
static size_t character_write(char *out, const char *text, size_t size, size_t *ret_read)
{
    uint32_t code = 0;
    *ret_read = text_utf8_next(text, size, &code);
    if (*ret_read == 0) {
        *ret_read = 1;
        memcpy(out, "\xef\xbf\xbd", 3); /* U+FFFD */
        return 3;
    }
    if (!must_escape(code)) {
        memcpy(out, text, *ret_read);
        return *ret_read;
    }
    if (code == '"' || code == '\\')
        return (size_t)snprintf(out, 8, "\\%c", (char)code);
    if (code == '\n' || code == '\t' || code == '\r')
        return (size_t)snprintf(out, 8, "\\%c", code == '\n' ? 'n' : code == '\t' ? 't' : 'r');
    return (size_t)snprintf(out, 8, "\\u%04x", code & 0xffffu);
}

static void put_escaped(struct line *line, const char *text, size_t size)
{
    const size_t begin = line->size;
    while (size > 0 && !line->full) {
        char out[8];
        size_t taken;
        const size_t length = character_write(out, text, size, &taken);
        if (line->size - begin + length > LOG_VALUE_BYTES_MAX) {
            put_text(line, ellipsis);
            return;
        }
        put(line, out, length);
        text += taken;
        size -= taken;
    }
}

static void put_quoted(struct line *line, const char *text, size_t size)
{
    put(line, "\"", 1);
    put_escaped(line, text, size);
    put(line, "\"", 1);
}

static void put_value_text(struct line *line, const char *text)
{
    const size_t size = text ? strlen(text) : 0;
    bool plain = !line->json && size > 0;
    for (size_t i = 0; plain && i < size; i++)
        plain = text[i] > ' ' && text[i] != '"' && text[i] != '=' && text[i] != '\\' && text[i] != 0x7f;
    if (!text)
        put_text(line, line->json ? "null" : "-");
    else if (plain)
        put_escaped(line, text, size);
    else
        put_quoted(line, text, size);
}

static void put_secret(struct line *line, const char *text)
{
    char shown[sizeof ellipsis + SECRET_CHARS_SHOWN];
    const size_t size = text ? strlen(text) : 0;
    snprintf(shown, sizeof shown, "%s%s", ellipsis, size >= SECRET_CHARS_MIN ? text + size - SECRET_CHARS_SHOWN : "");
    put_value_text(line, shown);
}

static void put_value(struct line *line, const struct log_field *field)
{
    char number[40];
    switch (field->kind) {
    case LOG_TEXT: put_value_text(line, field->text); return;
    case LOG_SECRET: put_secret(line, field->text); return;
    case LOG_FLAG: put_text(line, field->flag ? "true" : "false"); return;
    case LOG_REAL:
        snprintf(number, sizeof number, isfinite(field->real) ? "%.9g" : "null", field->real);
        put_text(line, number);
        return;
    case LOG_ID:
    case LOG_NUMBER:
        snprintf(number, sizeof number, line->json && field->kind == LOG_ID ? "\"%lld\"" : "%lld",
                 (long long)field->number);
        put_text(line, number);
        return;
    case LOG_NONE: return;
    }
}

/* Whether the whole field fitted. */
static bool put_field(struct line *line, const struct log_field *field)
{
    const size_t begin = line->size;
    put_text(line, line->json ? ",\"" : " ");
    put_text(line, field->key);
    put_text(line, line->json ? "\":" : "=");
    put_value(line, field);
    if (line->full)
        line->size = begin;
    return !line->full;
}

static void put_head(struct line *line, enum log_level level, const char *message)
{
    const struct time_text now = time_text(clock_wall_ms());
    const char *name = log_level_name(level);
    if (line->json) {
        put_text(line, "{\"time\":\"");
        put_text(line, now.text);
        put_text(line, "\",\"level\":\"");
        put_text(line, name);
        put_text(line, "\",\"msg\":");
        put_quoted(line, message, strlen(message));
        return;
    }
    put(line, now.text + 11, 12); /* the time of the day */
    put(line, " ", 1);
    put_text(line, name);
    put(line, "      ", 6 - strlen(name));
    put_escaped(line, message, strlen(message));
}

static void line_send(const struct line *line, int fd)
{
    size_t sent = 0;
    while (sent < line->size) {
        const ssize_t done = write(fd, line->data + sent, line->size - sent);
        if (done < 0 && errno != EINTR)
            return;
        sent += done > 0 ? (size_t)done : 0;
    }
}

void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t count)
{
    const int saved = errno;
    struct line line;
    if (!log_enabled(level))
        return;
    int format = atomic_load(&state_format);
    const int fd = atomic_load(&state_fd);
    if (format == LOG_FORMAT_AUTO)
        format = isatty(fd) ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
    line.size = 0;
    line.full = false;
    line.json = format == LOG_FORMAT_JSON;
    put_head(&line, level, message);
    bool whole = true;
    for (size_t i = 0; i < count && whole; i++)
        whole = fields[i].kind == LOG_NONE || put_field(&line, &fields[i]);
    const int tail = snprintf(line.data + line.size, TAIL_ROOM, "%s%s\n",
                              whole       ? ""
                              : line.json ? ",\"cut\":true"
                                          : " cut=true",
                              line.json ? "}" : "");
    line.size += (size_t)tail;
    line_send(&line, fd);
    errno = saved;
}
