#include "cli/style.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct style_text style_bytes(uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    struct style_text ret;
    double value = (double)bytes;
    int unit = 0;
    while (value >= 1000 && unit < 4) { /* 1000, not 1024: no four-digit numbers */
        value /= 1024;
        unit++;
    }
    snprintf(ret.text, sizeof ret.text, "%.*f %s", unit && value < 9.95 ? 1 : 0, value, units[unit]);
    return ret;
}

struct style_text style_duration(double seconds)
{
    struct style_text ret;
    long whole = lround(seconds);
    if (seconds < 9.95)
        snprintf(ret.text, sizeof ret.text, "%.1f s", seconds);
    else if (whole < 60)
        snprintf(ret.text, sizeof ret.text, "%ld s", whole);
    else if (whole < 3600)
        snprintf(ret.text, sizeof ret.text, "%ld min %02ld s", whole / 60, whole % 60);
    else
        snprintf(ret.text, sizeof ret.text, "%ld h %02ld min", whole / 3600, whole / 60 % 60);
    return ret;
}

struct style_text style_seconds(double seconds)
{
    struct style_text ret;
    snprintf(ret.text, sizeof ret.text, "%.2f", seconds);
    size_t length = strlen(ret.text);
    while (length && ret.text[length - 1] == '0')
        ret.text[--length] = 0;
    if (length && ret.text[length - 1] == '.')
        ret.text[--length] = 0;
    return ret;
}

bool style_colours(FILE *stream)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(stream)) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

const char *style_on(FILE *stream, enum style_colour colour)
{
    static const char *const sequences[] = {
        [STYLE_PLAIN] = "\033[0m",    [STYLE_BOLD] = "\033[1m",    [STYLE_RED] = "\033[1;31m",
        [STYLE_GREEN] = "\033[1;32m", [STYLE_YELLOW] = "\033[33m", [STYLE_DIM] = "\033[2m"};
    return style_colours(stream) ? sequences[colour] : "";
}

void style_error(const char *text)
{
    fprintf(stderr, "%sconch:%s %s\n", style_on(stderr, STYLE_RED), style_off(stderr), text);
}

void style_warning(const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%sconch: note:%s ", style_on(stderr, STYLE_YELLOW), style_off(stderr));
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}
