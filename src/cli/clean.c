#include "cli/clean.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

/* Length of the character at text[0..size), and whether it may be shown. */
static size_t character(const char *text, size_t size, bool *ret_shown)
{
    uint32_t code = 0;
    size_t step = text_utf8_next(text, size, &code);
    *ret_shown = step && code >= 0x20 && code != 0x7f && !(code >= 0x80 && code <= 0x9f) && code != 0x2028 &&
                 code != 0x2029 && !(code >= 0x202a && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069);
    return step;
}

void clean_line(char *text)
{
    size_t size = text ? strlen(text) : 0;
    for (size_t i = 0; i < size;) {
        bool shown;
        size_t step = character(text + i, size - i, &shown);
        if (!shown)
            memset(text + i, step ? ' ' : '?', step ? step : 1);
        i += step ? step : 1;
    }
}

void clean_print(FILE *out, const char *text, size_t width, int pad)
{
    const char *from = text ? text : "-";
    size_t size = strlen(from), count = 0, at = 0;
    bool shown;
    while (at < size && count < width) {
        size_t step = character(from + at, size - at, &shown);
        bool last = count + 1 == width && at + (step ? step : 1) < size;
        if (last)
            fputs("…", out);
        else if (!step)
            fputc('?', out);
        else if (shown)
            fwrite(from + at, 1, step, out);
        else
            fputc(' ', out);
        count++;
        at += step ? step : 1;
    }
    for (; pad && count < width; count++)
        fputc(' ', out);
}
