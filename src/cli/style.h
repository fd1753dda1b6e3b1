/* How numbers and lines look to a person. */
#ifndef CLI_STYLE_H
#define CLI_STYLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Short texts are returned by value, to be used inside printf: style_bytes(n).text. */
struct style_text {
    char text[48];
};

struct style_text style_bytes(uint64_t bytes);    /* "812 MiB" */
struct style_text style_duration(double seconds); /* "0.4 s", "42 s", "3 min 05 s", "2 h 10 min" */
struct style_text style_seconds(double seconds);  /* "1.42" : length of a clip */

/* Whether colours may be used on this stream: a terminal, NO_COLOR not set (https://no-color.org), TERM not "dumb". */
bool style_colours(FILE *stream);

/* The sequence when colours may be used, else "". */
enum style_colour { STYLE_PLAIN, STYLE_BOLD, STYLE_RED, STYLE_GREEN, STYLE_YELLOW, STYLE_DIM };
const char *style_on(FILE *stream, enum style_colour colour);
static inline const char *style_off(FILE *stream)
{
    return style_on(stream, STYLE_PLAIN);
}

/* "conch: TEXT" on stderr, the word conch in red (error) or yellow (warning: "conch: note: TEXT"). */
void style_error(const char *text);
void style_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
