/* Structured logs: one line an event, to standard error.
 *
 * On a terminal a line for people:       08:15:04.120 info  job done  job=733100245518912 seconds=2
 * anywhere else one JSON object a line:  {"time":"2026-11-22T08:15:04.120Z","level":"info","msg":"job
 * done","job":"733..."}
 *
 *     log_info("job done", log_text("request_id", request->id), log_id("job", id), log_number("seconds", 2));
 *
 * msg is a fixed sentence, so that logs can be counted by it; what varies goes into fields. Only programs and the
 * server log; libraries return errors. A line is one write(), so lines of many threads and processes do not mix. Bytes
 * that are no UTF-8 and control characters are escaped: nothing a client sends can forge a line or move a cursor. A
 * line that cannot be written is lost; logging never fails and never blocks on a lock. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"

enum {
    LOG_LINE_BYTES_MAX = 8192, /* longer values are cut and end in "…"; fields that do not fit are left out */
    LOG_VALUE_BYTES_MAX = 2048,
};

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR, LOG_LEVEL_OFF };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON }; /* auto: text on a terminal, else JSON */

/* Before the first thread; without it: info, auto, standard error. fd: where lines go. */
void log_setup(enum log_level level, enum log_format format, int fd);

/* Whether a line of this level would be written: for fields that cost something to make. */
bool log_enabled(enum log_level level);

const char *log_level_name(enum log_level level); /* "debug", "info", "warn", "error", "off" */

enum log_kind { LOG_NONE, LOG_TEXT, LOG_SECRET, LOG_NUMBER, LOG_ID, LOG_REAL, LOG_FLAG };

/* One key=value; made by the functions below. Strings are only read during the call. A key is letters, digits, '_'. */
struct log_field {
    const char *key;
    enum log_kind kind;
    union {
        const char *text;
        int64_t number;
        double real;
        bool flag;
    };
};

static inline struct log_field log_text(const char *key, const char *value) /* NULL: null, or nothing as text */
{
    return (struct log_field){.key = key, .kind = LOG_TEXT, .text = value};
}

/* Of a secret only the last four characters are shown ("…7f3a"), and none of one shorter than 12. */
static inline struct log_field log_secret(const char *key, const char *value)
{
    return (struct log_field){.key = key, .kind = LOG_SECRET, .text = value};
}

static inline struct log_field log_number(const char *key, int64_t value)
{
    return (struct log_field){.key = key, .kind = LOG_NUMBER, .number = value};
}

static inline struct log_field log_id(const char *key, int64_t value) /* text in JSON, as ids are everywhere */
{
    return (struct log_field){.key = key, .kind = LOG_ID, .number = value};
}

static inline struct log_field log_real(const char *key, double value)
{
    return (struct log_field){.key = key, .kind = LOG_REAL, .real = value};
}

static inline struct log_field log_flag(const char *key, bool value)
{
    return (struct log_field){.key = key, .kind = LOG_FLAG, .flag = value};
}

/* The text of an error as a field "error". */
static inline struct log_field log_error_text(const conch_error *err)
{
    return log_text("error", err->text);
}

/* fields[0..count): those of kind LOG_NONE are skipped. Keeps errno. */
void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t count);

#define log_at(level, message, ...)                                                                                    \
    log_write(level, message, (const struct log_field[]){{.key = NULL}, ##__VA_ARGS__},                                \
              sizeof((const struct log_field[]){{.key = NULL}, ##__VA_ARGS__}) / sizeof(struct log_field))
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)  log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)

#endif
