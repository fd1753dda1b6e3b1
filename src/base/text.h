/* Small questions about text that several folders ask. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"

/* ASCII letters alone are compared without case, whatever the locale. */
bool text_equal_nocase(const char *a, const char *b);
bool text_begins(const char *text, const char *prefix);

/* Bytes of the well-formed UTF-8 character at text[0..size): 1 to 4; 0 when it is none (overlong forms, surrogates and
 * what is cut included). ret_code may be NULL. */
size_t text_utf8_next(const char *text, size_t size, uint32_t *ret_code);

/* The first bytes of text[0..size) that fit size_max and end with a whole character. */
size_t text_utf8_cut(const char *text, size_t size, size_t size_max);

/* Whole text as a decimal integer in min..max; a sign is allowed, spaces are not. */
bool text_integer(const char *text, int64_t min, int64_t max, int64_t *ret);

/* "64M", "1G", "512K", "100" (bytes), also with iB ("64MiB"); units are powers of 1024. false: no such form, or above
 * INT64_MAX. */
bool text_bytes(const char *text, int64_t *ret_bytes);

/* "250ms", "30s", "5m", "12h", "7d", "0"; every other number needs its unit. */
bool text_duration(const char *text, int64_t *ret_ms);

/* The shortest such spelling of a value: "64M", "1536K"; "30s", "90m". */
struct text_short {
    char text[24];
};
struct text_short text_bytes_write(int64_t bytes);
struct text_short text_duration_write(int64_t ms);

/* Of names[0..count), the one that `text` was most probably meant to be: at most a third of it differs (ASCII case and
 * '-' or '_' do not count). NULL: none is near. names may hold NULL. */
const char *text_nearest(const char *text, const char *const *names, size_t count);

#endif
