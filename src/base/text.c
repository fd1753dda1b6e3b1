#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include "base/base.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_equal_nocase(const char *a, const char *b)
{
    for (; *a && lower(*a) == lower(*b); a++, b++)
        ;
    return lower(*a) == lower(*b);
}

bool text_begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

size_t text_utf8_next(const char *text, size_t size, uint32_t *ret_code)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *c = (const unsigned char *)text;
    if (size == 0)
        return 0;
    const size_t length = c[0] < 0x80 ? 1 : c[0] >> 5 == 6 ? 2 : c[0] >> 4 == 14 ? 3 : c[0] >> 3 == 30 ? 4 : 0;
    if (length == 0 || length > size)
        return 0;
    uint32_t code = length == 1 ? c[0] : c[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (c[i] >> 6 != 2)
            return 0;
        code = code << 6 | (c[i] & 63);
    }
    if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    if (ret_code)
        *ret_code = code;
    return length;
}

size_t text_utf8_cut(const char *text, size_t size, size_t size_max)
{
    if (size <= size_max)
        return size;
    size_t end = size_max;
    while (end > 0 && size_max - end < 4 && ((unsigned char)text[end] >> 6) == 2)
        end--;
    return size_max - end < 4 ? end : size_max;
}

bool text_integer(const char *text, int64_t min, int64_t max, int64_t *ret)
{
    const bool negative = *text == '-';
    int64_t value = 0;
    if (*text == '-' || *text == '+')
        text++;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10, &value) ||
            (negative ? __builtin_sub_overflow(value, *text - '0', &value)
                      : __builtin_add_overflow(value, *text - '0', &value)))
            return false;
    }
    if (value < min || value > max)
        return false;
    *ret = value;
    return true;
}

struct unit {
    const char *name;
    int64_t factor;
};
static const struct unit byte_units[] = {
    {"T", INT64_C(1) << 40}, {"G", INT64_C(1) << 30}, {"M", 1 << 20}, {"K", 1 << 10}};
static const struct unit time_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

/* The digits at the beginning of text; *ret_rest is what follows them. */
static bool number_begin(const char *text, int64_t *ret, const char **ret_rest)
{
    char digits[20];
    const size_t count = strspn(text, "0123456789");
    if (count == 0 || count >= sizeof digits)
        return false;
    memcpy(digits, text, count);
    digits[count] = 0;
    *ret_rest = text + count;
    return text_integer(digits, 0, INT64_MAX, ret);
}

bool text_bytes(const char *text, int64_t *ret_bytes)
{
    int64_t value, factor = 1;
    const char *rest;
    if (!number_begin(text, &value, &rest))
        return false;
    for (size_t i = 0; *rest && i < ARRAY_LEN(byte_units); i++)
        if (lower(*rest) == lower(*byte_units[i].name)) {
            factor = byte_units[i].factor;
            rest += text_equal_nocase(rest + 1, "iB") ? 3 : 1;
            break;
        }
    return !*rest && !__builtin_mul_overflow(value, factor, ret_bytes);
}

bool text_duration(const char *text, int64_t *ret_ms)
{
    int64_t value;
    const char *rest;
    if (!number_begin(text, &value, &rest))
        return false;
    if (!*rest && value == 0) {
        *ret_ms = 0;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(time_units); i++)
        if (strcmp(rest, time_units[i].name) == 0)
            return !__builtin_mul_overflow(value, time_units[i].factor, ret_ms);
    return false;
}

static struct text_short short_write(int64_t value, const struct unit *units, size_t count)
{
    struct text_short text;
    for (size_t i = 0; i < count; i++)
        if (value != 0 && value % units[i].factor == 0) {
            snprintf(text.text, sizeof text.text, "%lld%s", (long long)(value / units[i].factor), units[i].name);
            return text;
        }
    snprintf(text.text, sizeof text.text, "%lld", (long long)value);
    return text;
}

struct text_short text_bytes_write(int64_t bytes)
{
    return short_write(bytes, byte_units, ARRAY_LEN(byte_units));
}

struct text_short text_duration_write(int64_t ms)
{
    return short_write(ms, time_units, ARRAY_LEN(time_units));
}

enum { NEAR_CHARS_MAX = 64 };

static char fold(char c)
{
    return c == '-' ? '_' : lower(c);
}

/* Letters to insert, delete, change or swap with their neighbour (Damerau, restricted). Lengths at most NEAR_CHARS_MAX.
 */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t rows[3][NEAR_CHARS_MAX + 1], *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t k = 0; k <= b_size; k++)
        above[k] = before[k] = k;
    for (size_t i = 1; i <= a_size; i++) {
        row[0] = i;
        for (size_t k = 1; k <= b_size; k++) {
            const bool same = fold(a[i - 1]) == fold(b[k - 1]);
            row[k] = size_min(size_min(above[k], row[k - 1]) + 1, above[k - 1] + !same);
            if (i > 1 && k > 1 && fold(a[i - 1]) == fold(b[k - 2]) && fold(a[i - 2]) == fold(b[k - 1]))
                row[k] = size_min(row[k], before[k - 2] + 1);
        }
        size_t *reused = before;
        before = above;
        above = row;
        row = reused;
    }
    return above[b_size];
}

const char *text_nearest(const char *text, const char *const *names, size_t count)
{
    const size_t size = strnlen(text, NEAR_CHARS_MAX + 1);
    const char *nearest = NULL;
    size_t least = size / 3 + 1; /* a third, rounded down, may differ */
    for (size_t i = 0; i < count && size <= NEAR_CHARS_MAX; i++) {
        const size_t name_size = names[i] ? strnlen(names[i], NEAR_CHARS_MAX + 1) : NEAR_CHARS_MAX + 1;
        if (name_size > NEAR_CHARS_MAX)
            continue;
        const size_t found = distance(text, size, names[i], name_size);
        if (found < least) {
            least = found;
            nearest = names[i];
        }
    }
    return nearest;
}
