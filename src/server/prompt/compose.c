#include "server/prompt/compose.h"

#include <string.h>

#include "base/base.h"
#include "server/prompt/camera.h"
#include "server/prompt/fold.h"

static bool is_ascii_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Marks after which no full stop is wanted; a closing quote or bracket after one of them counts with it. */
static bool ends_sentence(const char *text, size_t size)
{
    static const char *const closers[] = {"\"", "'", ")", "]", "”", "’", "」", "』", "）"};
    static const char *const stops[] = {".", "!", "?", "…", "。", "！", "？", "</d>"};
    for (size_t i = 0; i < ARRAY_LEN(closers); i++) {
        size_t length = strlen(closers[i]);
        if (size > length && memcmp(text + size - length, closers[i], length) == 0)
            return ends_sentence(text, size - length);
    }
    for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
        size_t length = strlen(stops[i]);
        if (size >= length && memcmp(text + size - length, stops[i], length) == 0)
            return true;
    }
    return false;
}

/* A comma or semicolon left hanging at the end gives way to the full stop. */
static size_t hanging_size(const char *text, size_t size)
{
    static const char *const marks[] = {",", ";", ":", "，", "；", "、", "："};
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        size_t length = strlen(marks[i]);
        if (size > length && memcmp(text + size - length, marks[i], length) == 0)
            return length;
    }
    return 0;
}

int compose_stop(struct buf *out, bool chinese, conch_error *err)
{
    for (;;) {
        while (out->size && is_ascii_blank(out->data[out->size - 1]))
            out->size--;
        size_t hanging = out->size ? hanging_size(out->data, out->size) : 0;
        if (!hanging)
            break;
        out->size -= hanging;
    }
    if (!out->size || ends_sentence(out->data, out->size))
        return out->data ? (out->data[out->size] = 0, 0) : 0;
    return buf_append_text(out, chinese ? "。" : ".", err);
}

int compose_capital(struct buf *out, const char *text, size_t size, conch_error *err)
{
    while (size && is_ascii_blank(*text))
        text++, size--;
    while (size && is_ascii_blank(text[size - 1]))
        size--;
    if (!size)
        return 0;
    char first = *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text;
    int rc = buf_append(out, &first, 1, err);
    return rc < 0 ? rc : buf_append(out, text + 1, size - 1, err);
}

int compose_sentence(struct buf *out, const char *text, bool chinese, conch_error *err)
{
    if (!*text)
        return 0;
    int rc = compose_stop(out, chinese, err);
    if (rc == 0 && out->size && !chinese)
        rc = buf_append_text(out, " ", err);
    if (rc == 0)
        rc = compose_capital(out, text, strlen(text), err);
    return rc < 0 ? rc : compose_stop(out, chinese, err);
}

size_t compose_chars(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

int prompt_camera_words(const char *text, struct buf *ret_text, conch_error *err)
{
    struct camera_plan plan;
    struct buf words;
    buf_init(&words, PROMPT_FOLDED_BYTES_MAX);
    int rc = camera_parse(text, &plan, ret_text, err);
    bool chinese = text_is_chinese(text);
    if (rc == 0)
        rc = camera_plan_words(&plan, chinese, &words, err);
    if (rc == 0 && words.size)
        rc = compose_sentence(ret_text, words.data, chinese, err);
    buf_finish(&words);
    return rc;
}
