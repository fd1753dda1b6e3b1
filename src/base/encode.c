#include "base/encode.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";
static const char alphabet[2][65] = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};

size_t encode_size(enum encode_kind kind, size_t size)
{
    switch (kind) {
    case ENCODE_HEX: return size * 2;
    case ENCODE_BASE64URL: return size / 3 * 4 + (size % 3 ? size % 3 + 1 : 0);
    default: return (size + 2) / 3 * 4;
    }
}

size_t encode_decoded_max(enum encode_kind kind, size_t length)
{
    return kind == ENCODE_HEX ? length / 2 : length / 4 * 3 + (length % 4 ? length % 4 - 1 : 0);
}

static char *encode_hex(char *out, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        *out++ = digits[data[i] >> 4];
        *out++ = digits[data[i] & 15];
    }
    return out;
}

static char *encode_base64(char *out, const uint8_t *data, size_t size, const char *letters, bool padding)
{
    for (; size >= 3; size -= 3, data += 3) {
        const uint32_t bits = (uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2];
        *out++ = letters[bits >> 18];
        *out++ = letters[bits >> 12 & 63];
        *out++ = letters[bits >> 6 & 63];
        *out++ = letters[bits & 63];
    }
    if (size > 0) {
        const uint32_t bits = (uint32_t)data[0] << 16 | (size == 2 ? (uint32_t)data[1] << 8 : 0);
        *out++ = letters[bits >> 18];
        *out++ = letters[bits >> 12 & 63];
        if (size == 2)
            *out++ = letters[bits >> 6 & 63];
        for (size_t i = size; padding && i < 3; i++)
            *out++ = '=';
    }
    return out;
}

int encode(struct buf *buf, enum encode_kind kind, const void *data, size_t size, conch_error *err)
{
    assert(kind != ENCODE_BASE64_LOOSE);
    if (size > SIZE_MAX / 4)
        return conch_error_set(err, CONCH_ERR_LIMIT, "%zu bytes are too many to write as text", size);
    conch_error local = {0};
    char *out = buf_reserve(buf, encode_size(kind, size), err ? err : &local), *end;
    if (!out)
        return err ? err->code : local.code;
    if (kind == ENCODE_HEX)
        end = encode_hex(out, data, size);
    else
        end = encode_base64(out, data, size, alphabet[kind == ENCODE_BASE64URL], kind == ENCODE_BASE64);
    *end = 0;
    buf->size += (size_t)(end - out);
    return 0;
}

/* 0..63, or what else a character is. */
enum { OTHER = 64, SPACE, PAD };

static unsigned base64_value(enum encode_kind kind, unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26u;
    if (c >= '0' && c <= '9')
        return c - '0' + 52u;
    if ((c == '+' && kind != ENCODE_BASE64URL) || (c == '-' && kind != ENCODE_BASE64))
        return 62;
    if ((c == '/' && kind != ENCODE_BASE64URL) || (c == '_' && kind != ENCODE_BASE64))
        return 63;
    if (kind == ENCODE_BASE64_LOOSE && (c == '\n' || c == '\r' || c == ' ' || c == '\t'))
        return SPACE;
    return c == '=' && kind != ENCODE_BASE64URL ? PAD : OTHER;
}

static int character_error(const char *kind, const char *text, size_t at, conch_error *err)
{
    const unsigned char c = (unsigned char)text[at];
    if (c > 0x20 && c < 0x7f)
        return conch_error_set(err, CONCH_ERR_FORMAT, "character %zu of the %s is '%c', which has no place there",
                               at + 1, kind, c);
    return conch_error_set(err, CONCH_ERR_FORMAT, "byte %zu of the %s is 0x%02x, which has no place there", at + 1,
                           kind, c);
}

/* Padding from text[at] on, after `count` letters of the last group; nothing but spaces may follow (loose). */
static int padding_check(enum encode_kind kind, const char *text, size_t length, size_t at, unsigned count,
                         conch_error *err)
{
    unsigned pads = 0;
    for (; at < length; at++) {
        const unsigned value = base64_value(kind, (unsigned char)text[at]);
        if (value == SPACE)
            continue;
        if (value != PAD || count + pads >= 4 || count < 2)
            return character_error("base64", text, at, err);
        pads++;
    }
    if (count == 1 || (count > 0 && count + pads != 4 && (kind == ENCODE_BASE64 || pads > 0)))
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "the base64 ends in the middle of a group of four, after %zu bytes", length);
    return 0;
}

static int decode_base64(enum encode_kind kind, uint8_t *out, size_t *ret_size, const char *text, size_t length,
                         conch_error *err)
{
    uint32_t bits = 0;
    unsigned count = 0;
    size_t used = 0, at = 0;
    for (; at < length; at++) {
        const unsigned value = base64_value(kind, (unsigned char)text[at]);
        if (value == SPACE)
            continue;
        if (value == PAD)
            break;
        if (value == OTHER)
            return character_error("base64", text, at, err);
        bits = bits << 6 | value;
        if (++count < 4)
            continue;
        out[used++] = (uint8_t)(bits >> 16);
        out[used++] = (uint8_t)(bits >> 8);
        out[used++] = (uint8_t)bits;
        bits = count = 0;
    }
    int rc = padding_check(kind, text, length, at, count, err);
    if (rc < 0)
        return rc;
    if (count == 3) {
        out[used++] = (uint8_t)(bits >> 10);
        out[used++] = (uint8_t)(bits >> 2);
    } else if (count == 2) {
        out[used++] = (uint8_t)(bits >> 4);
    }
    if (kind != ENCODE_BASE64_LOOSE && count > 0 && (bits & (count == 3 ? 3 : 15)))
        return conch_error_set(err, CONCH_ERR_FORMAT, "the last character of the base64 holds bits of no byte");
    *ret_size = used;
    return 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int decode_hex(uint8_t *out, size_t *ret_size, const char *text, size_t length, conch_error *err)
{
    if (length % 2)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%zu hex digits are no whole bytes", length);
    for (size_t i = 0; i < length; i++) {
        const int value = hex_value(text[i]);
        if (value < 0)
            return character_error("hex", text, i, err);
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | value : value << 4);
    }
    *ret_size = length / 2;
    return 0;
}

/* Room for what comes out, to the byte: a text that just fits the buffer's limit is taken. */
static size_t decoded_room(enum encode_kind kind, const char *text, size_t length)
{
    size_t count = length;
    if (kind == ENCODE_BASE64_LOOSE) {
        count = 0;
        for (size_t i = 0; i < length; i++)
            count += base64_value(kind, (unsigned char)text[i]) < OTHER;
    } else if (kind == ENCODE_BASE64) {
        for (int i = 0; i < 2 && count > 0 && text[count - 1] == '='; i++)
            count--;
    }
    return encode_decoded_max(kind, count);
}

int encode_decode(struct buf *buf, enum encode_kind kind, const char *text, size_t length, conch_error *err)
{
    size_t size = 0;
    conch_error local = {0};
    char *out = buf_reserve(buf, decoded_room(kind, text, length), err ? err : &local);
    if (!out)
        return err ? err->code : local.code;
    int rc = kind == ENCODE_HEX ? decode_hex((uint8_t *)out, &size, text, length, err)
                                : decode_base64(kind, (uint8_t *)out, &size, text, length, err);
    if (rc == 0)
        buf->size += size;
    out[size] = 0;
    return rc;
}
