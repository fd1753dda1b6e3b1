/* Points in time as text (RFC 3339), always UTC when written. */
#ifndef BASE_TIME_TEXT_H
#define BASE_TIME_TEXT_H

#include <stdint.h>

#include "conch/error.h"

#define TIME_TEXT_MS_MIN INT64_C(0)               /* 1970-01-01T00:00:00.000Z */
#define TIME_TEXT_MS_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

struct time_text {
    char text[25]; /* "2026-11-22T08:15:04.120Z" and the NUL */
};

/* Milliseconds are left out with time_text_seconds: "2026-11-22T08:15:04Z". Values outside the limits are moved to
 * them. */
struct time_text time_text(int64_t wall_ms);
struct time_text time_text_seconds(int64_t wall_ms);

/* "Sun, 22 Nov 2026 08:15:04 GMT", as HTTP headers have it (RFC 9110). */
struct time_text_http {
    char text[30];
};
struct time_text_http time_text_http(int64_t wall_ms);

/* RFC 3339 with Z or an offset, 'T' or a space, a fraction of any length (cut to ms); a leap second is read as the
 * second before it. A day alone ("2026-11-22") is its first moment. CONCH_ERR_RANGE names the text. */
int time_text_parse(const char *text, int64_t *ret_wall_ms, conch_error *err);

#endif
