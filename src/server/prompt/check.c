#include "server/prompt/check.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <utf8proc.h>

static bool is_invisible(int32_t c)
{
    if (c == 0x034F || c == 0x115F || c == 0x1160 || c == 0x17B4 || c == 0x17B5 || c == 0x3164 || c == 0xFFA0)
        return true; /* joiners and fillers that have no ink */
    if ((c >= 0xFE00 && c <= 0xFE0F) || (c >= 0xE0000 && c <= 0xE0FFF) || (c >= 0x180B && c <= 0x180F))
        return true; /* variation selectors, tags */
    return utf8proc_category(c) == UTF8PROC_CATEGORY_CF;
}

static bool is_allowed(int32_t c, char next)
{
    if (c == '\n' || c == '\t' || (c == '\r' && next == '\n'))
        return true;
    return c >= 0x20 && !(c >= 0x7F && c < 0xA0);
}

int prompt_check(const char *text, size_t chars_max, const char *field, struct prompt_facts *ret, conch_error *err)
{
    assert(text && field);
    struct prompt_facts facts = {0};
    size_t size = strlen(text);
    for (size_t at = 0; at < size;) {
        int32_t c = 0;
        utf8proc_ssize_t step = utf8proc_iterate((const uint8_t *)text + at,
                                                 (utf8proc_ssize_t)(size - at < 4 ? size - at : 4), &c);
        if (step <= 0)
            return conch_error_set(err, CONCH_ERR_RANGE, "%s is not UTF-8: byte 0x%02x at offset %zu", field,
                                   (unsigned char)text[at], at);
        if (!is_allowed(c, text[at + (size_t)step]))
            return conch_error_set(err, CONCH_ERR_RANGE,
                                   "%s has the control character U+%04X as character %zu; of those only line feeds and "
                                   "tabs are allowed",
                                   field, (unsigned)c, facts.chars + 1);
        facts.chars++;
        facts.invisible += is_invisible(c);
        at += (size_t)step;
    }
    if (facts.chars > chars_max)
        return conch_error_set(err, CONCH_ERR_LIMIT, "%s has %zu characters; at most %zu are allowed", field,
                               facts.chars, chars_max);
    if (facts.chars)
        facts.invisible_permille = (unsigned)(facts.invisible * 1000 / facts.chars);
    if (ret)
        *ret = facts;
    return 0;
}
