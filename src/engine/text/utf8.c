#include "engine/text/utf8.h"

size_t utf8_read(const char *text, size_t size, uint32_t *ret_char)
{
    const unsigned char *c = (const unsigned char *)text;
    if (c[0] < 0x80) {
        *ret_char = c[0];
        return 1;
    }
    if (c[0] < 0xC2 || c[0] > 0xF4) /* C0 and C1 could only begin an overlong form */
        return 0;
    size_t count = utf8_step(text[0]);
    if (count > size)
        return 0;
    uint32_t value = c[0] & (0x7Fu >> count);
    for (size_t i = 1; i < count; i++) {
        if (!utf8_is_tail(text[i]))
            return 0;
        value = value << 6 | (c[i] & 0x3F);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (value < least[count] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *ret_char = value;
    return count;
}

int utf8_append(struct buf *buf, uint32_t c, conch_error *err)
{
    char bytes[4];
    size_t size;
    if (c < 0x80) {
        bytes[0] = (char)c;
        size = 1;
    } else if (c < 0x800) {
        bytes[0] = (char)(0xC0 | c >> 6);
        bytes[1] = (char)(0x80 | (c & 0x3F));
        size = 2;
    } else if (c < 0x10000) {
        bytes[0] = (char)(0xE0 | c >> 12);
        bytes[1] = (char)(0x80 | (c >> 6 & 0x3F));
        bytes[2] = (char)(0x80 | (c & 0x3F));
        size = 3;
    } else {
        bytes[0] = (char)(0xF0 | c >> 18);
        bytes[1] = (char)(0x80 | (c >> 12 & 0x3F));
        bytes[2] = (char)(0x80 | (c >> 6 & 0x3F));
        bytes[3] = (char)(0x80 | (c & 0x3F));
        size = 4;
    }
    return buf_append(buf, bytes, size, err);
}

int utf8_check(const char *text, size_t size, const char *what, int code, conch_error *err)
{
    for (size_t at = 0; at < size;) {
        uint32_t c;
        size_t step = utf8_read(text + at, size - at, &c);
        if (!step)
            return conch_error_set(err, code, "%s is not valid UTF-8: byte 0x%02X at offset %zu", what,
                                   (unsigned char)text[at], at);
        at += step;
    }
    return 0;
}

bool char_is_space(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= 0x09 && c <= 0x0D);
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}
