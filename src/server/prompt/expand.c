#include "server/prompt/expand.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "server/prompt/expand_parts.h"
#include "server/prompt/fold.h"

static const struct family_row {
    const char *name;
    int (*expand)(const struct expansion *expansion, struct buf *out, conch_error *err);
} families[] = {
    [PROMPT_FAMILY_TINY] = {"conch/tiny", expand_tiny},
    [PROMPT_FAMILY_WAN] = {"wan", expand_wan},
    [PROMPT_FAMILY_H3] = {"h3", expand_h3},
};

const char *prompt_family_name(enum prompt_family family)
{
    assert(family < ARRAY_LEN(families));
    return families[family].name;
}

void note_add(struct prompt_notes *notes, enum prompt_note_kind kind, const char *format, ...)
{
    if (notes->count == PROMPT_NOTES_MAX)
        return;
    char *text = notes->notes[notes->count].text;
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, PROMPT_NOTE_BYTES, format, args);
    va_end(args);
    if (size >= PROMPT_NOTE_BYTES) {
        size_t end = PROMPT_NOTE_BYTES - 1, start = end; /* the last character may be cut: find where it begins */
        while (start && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
            start--;
        if (start && (unsigned char)text[start - 1] >= 0xC0) {
            int32_t c;
            if (char_read(text + start - 1, &c) != end - (start - 1))
                text[start - 1] = 0;
        }
    }
    notes->notes[notes->count++].kind = kind;
}

/* FNV-1a, 64 bits. */
static uint64_t hash_add(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001B3u;
    return hash;
}

size_t choice(const struct expansion *expansion, const char *what, size_t count)
{
    uint64_t hash = hash_add(expansion->hash, what);
    return (size_t)((hash ^ hash >> 29) * 0x9E3779B97F4A7C15u >> 33) % count;
}

static int count_check(const char *what, size_t count, size_t max, conch_error *err)
{
    if (count > max)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s is %zu; allowed are 0 to %zu", what, count, max);
    return 0;
}

static int request_check(const struct prompt_expand_request *request, conch_error *err)
{
    int rc = prompt_check(request->text, PROMPT_CHARS_MAX, "prompt", NULL, err);
    if (rc == 0)
        rc = count_check("the number of reference pictures", request->images, PROMPT_IMAGES_MAX, err);
    if (rc == 0)
        rc = count_check("the number of reference videos", request->videos, PROMPT_VIDEOS_MAX, err);
    if (rc == 0)
        rc = count_check("the number of reference sounds", request->audios, PROMPT_AUDIOS_MAX, err);
    if (rc < 0)
        return rc;
    bool frames = request->first_frame || request->last_frame;
    if (frames && request->images + request->videos + request->audios > 0)
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "first and last frames cannot be combined with references; give one of the two");
    if (request->family == PROMPT_FAMILY_H3 && !(request->seconds > 0 && request->seconds <= PROMPT_SECONDS_MAX))
        return conch_error_set(err, CONCH_ERR_RANGE, "seconds is %g; allowed are above 0 to %d", request->seconds,
                               PROMPT_SECONDS_MAX);
    if (request->audios > 0 && request->images + request->videos == 0)
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "reference sounds are given alone; they need a reference picture or video beside them");
    bool pictures = frames || request->images + request->videos > 0;
    if (!request->text[strspn(request->text, " \t\r\n")] && !pictures && request->family != PROMPT_FAMILY_TINY)
        return conch_error_set(err, CONCH_ERR_RANGE, "prompt is empty; it may be so only beside a picture");
    return 0;
}

static void unknown_commands_note(const struct camera_plan *plan, struct prompt_notes *notes)
{
    for (size_t i = 0; i < plan->unknown_count; i++)
        note_add(notes, PROMPT_NOTE_IGNORED, "\"%s\" in brackets is no camera command", plan->unknown[i]);
}

static int expand(const struct prompt_expand_request *request, struct buf *plain, struct buf *folded, struct buf *out,
                  struct prompt_notes *notes, conch_error *err)
{
    struct camera_plan plan;
    int rc = request_check(request, err);
    if (rc == 0)
        rc = camera_parse(request->text, &plan, plain, err);
    if (rc == 0)
        rc = prompt_fold(buf_text(plain), plain->size, false, folded, err);
    if (rc < 0)
        return rc;
    struct expansion expansion = {request, buf_text(plain), buf_text(folded), &plan, 0, false, notes};
    expansion.hash = hash_add(0xCBF29CE484222325u, expansion.folded);
    expansion.chinese = text_is_chinese(expansion.text);
    unknown_commands_note(&plan, notes);
    return families[request->family].expand(&expansion, out, err);
}

int prompt_expand(const struct prompt_expand_request *request, struct buf *ret_text, struct prompt_notes *ret_notes,
                  conch_error *err)
{
    assert(request && request->text && ret_text && ret_notes && request->family < ARRAY_LEN(families));
    struct prompt_notes notes = {.count = 0};
    struct buf plain, folded, out;
    buf_init(&plain, PROMPT_BYTES_MAX);
    buf_init(&folded, PROMPT_FOLDED_BYTES_MAX);
    buf_init(&out, size_min(ret_text->size_max, PROMPT_EXPANDED_BYTES_MAX));
    int rc = expand(request, &plain, &folded, &out, &notes, err);
    if (rc == 0) {
        out.size_max = ret_text->size_max;
        buf_finish(ret_text);
        *ret_text = out;
        *ret_notes = notes;
        buf_init(&out, 0);
    }
    buf_finish(&plain);
    buf_finish(&folded);
    buf_finish(&out);
    return rc;
}
