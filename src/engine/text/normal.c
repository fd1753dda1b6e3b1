#include "engine/text/normal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/base.h"
#include "engine/text/limits.h"
#include "engine/text/utf8.h"

/* Decomposed characters. */
struct chars {
    int32_t *items;
    size_t count, capacity;
};

#define DECOMPOSED_MAX 32 /* characters that one decomposes into; U+FDFA into 18 */

static int chars_reserve(struct chars *chars, size_t more, conch_error *err)
{
    if (chars->count + more > NORMALIZED_BYTES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT,
                               "the prompt has more than the allowed %u characters when normalised",
                               NORMALIZED_BYTES_MAX);
    if (chars->count + more <= chars->capacity)
        return 0;
    size_t capacity = size_max(chars->capacity * 2, chars->count + more);
    int32_t *items = realloc(chars->items, capacity * sizeof *items);
    if (!items)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to normalise %zu characters", capacity);
    chars->items = items;
    chars->capacity = capacity;
    return 0;
}

static int decompose(const char *text, size_t size, bool compat, struct chars *chars, conch_error *err)
{
    int options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compat ? UTF8PROC_COMPAT : 0);
    int boundary = UTF8PROC_BOUNDCLASS_START;
    int rc = chars_reserve(chars, size_min(size, NORMALIZED_BYTES_MAX), err);
    for (size_t at = 0; rc == 0 && at < size;) {
        uint32_t c;
        at += utf8_read(text + at, size - at, &c);
        if (c < 0x80) { /* most of most texts */
            rc = chars_reserve(chars, 1, err);
            if (rc == 0)
                chars->items[chars->count++] = (int32_t)c;
            continue;
        }
        int32_t parts[DECOMPOSED_MAX];
        long count = utf8proc_decompose_char((int32_t)c, parts, DECOMPOSED_MAX, (utf8proc_option_t)options, &boundary);
        if (count < 0 || count > DECOMPOSED_MAX)
            return conch_error_set(err, CONCH_ERR_INTERNAL, "cannot decompose the character U+%04X", c);
        rc = chars_reserve(chars, (size_t)count, err);
        for (long i = 0; rc == 0 && i < count; i++)
            chars->items[chars->count++] = parts[i];
    }
    return rc;
}

/* 0 for a character that starts a new sequence. */
static uint8_t combining_class(int32_t c)
{
    return c < 0x300 ? 0 : (uint8_t)utf8proc_get_property(c)->combining_class;
}

/* Sorts a run of marks by class and keeps the order within a class. */
static void sort_run(int32_t *run, size_t count, int32_t *spare)
{
    size_t place[257] = {0};
    for (size_t i = 0; i < count; i++)
        place[combining_class(run[i]) + 1]++;
    for (size_t i = 1; i < ARRAY_LEN(place); i++)
        place[i] += place[i - 1];
    for (size_t i = 0; i < count; i++)
        spare[place[combining_class(run[i])]++] = run[i];
    memcpy(run, spare, count * sizeof *run);
}

static int sort_marks(struct chars *chars, conch_error *err)
{
    int32_t *spare = NULL;
    for (size_t at = 0; at < chars->count;) {
        size_t end = at;
        while (end < chars->count && combining_class(chars->items[end]) != 0)
            end++;
        if (end - at > 1) {
            if (!spare)
                spare = malloc(chars->count * sizeof *spare);
            if (!spare)
                return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to normalise the prompt");
            sort_run(chars->items + at, end - at, spare);
        }
        at = end + 1;
    }
    free(spare);
    return 0;
}

int text_normalize(const char *text, size_t size, struct normal_form form, struct buf *out, conch_error *err)
{
    struct chars chars = {0};
    int rc = decompose(text, size, form.compat, &chars, err);
    if (rc == 0)
        rc = sort_marks(&chars, err);
    if (rc == 0 && form.compose) {
        long count = utf8proc_normalize_utf32(chars.items, (long)chars.count, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
        if (count < 0)
            rc = conch_error_set(err, CONCH_ERR_INTERNAL, "cannot compose the prompt: %s", utf8proc_errmsg(count));
        chars.count = count < 0 ? 0 : (size_t)count;
    }
    for (size_t i = 0; rc == 0 && i < chars.count; i++)
        rc = utf8_append(out, (uint32_t)chars.items[i], err);
    free(chars.items);
    return rc;
}
