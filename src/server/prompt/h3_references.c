#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "server/prompt/h3_parts.h"

enum medium { MEDIUM_PICTURE, MEDIUM_VIDEO, MEDIUM_AUDIO };

static const struct medium_row {
    const char *name;      /* as the model knows it */
    const char *words[10]; /* as people write it; longer ones first */
} media[] = {
    [MEDIUM_PICTURE] = {"Picture",
                        {"reference image", "picture", "image", "photo", "img", "图片", "图像", "参考图", "图"}},
    [MEDIUM_VIDEO] = {"Video", {"reference video", "video clip", "video", "视频"}},
    [MEDIUM_AUDIO] = {"Audio", {"reference audio", "audio", "音频", "声音"}},
};

size_t h3_picture_count(const struct prompt_expand_request *request)
{
    return request->images + request->first_frame + request->last_frame;
}

static size_t medium_count(const struct prompt_expand_request *request, size_t medium)
{
    return medium == MEDIUM_PICTURE ? h3_picture_count(request)
           : medium == MEDIUM_VIDEO ? request->videos
                                    : request->audios;
}

/* A medium named at text: "@image 1", "[Image 1]", "图片1". Bytes, or 0. */
static size_t reference_size(const char *text, size_t *ret_medium, size_t *ret_number)
{
    bool bracket = *text == '[';
    const char *start = text + (bracket || *text == '@');
    for (size_t i = 0; i < ARRAY_LEN(media); i++)
        for (size_t j = 0; j < ARRAY_LEN(media[i].words) && media[i].words[j]; j++) {
            const char *at = start;
            if (strncasecmp(at, media[i].words[j], strlen(media[i].words[j])) != 0)
                continue;
            at += strlen(media[i].words[j]);
            at += *at == ' ' || *at == '#' || *at == '_';
            size_t digits = strspn(at, "0123456789");
            if (digits < 1 || digits > 2 || isalpha((unsigned char)at[digits]) || (bracket && at[digits] != ']'))
                continue;
            *ret_medium = i;
            *ret_number = digits == 1 ? (size_t)(at[0] - '0') : (size_t)((at[0] - '0') * 10 + at[1] - '0');
            return (size_t)(at + digits - text) + bracket;
        }
    return 0;
}

/* Appends "<Picture 1>", or the words as they are when no such medium is given. */
static int reference_write(const struct expansion *e, const char *text, size_t size, size_t medium, size_t number,
                           struct buf *out, conch_error *err)
{
    size_t count = medium_count(e->request, medium);
    if (number >= 1 && number <= count)
        return buf_append_format(out, err, "<%s %zu>", media[medium].name, number);
    if (count)
        note_add(e->notes, PROMPT_NOTE_IGNORED, "the prompt speaks of <%s %zu>, but there %s only %zu",
                 media[medium].name, number, count == 1 ? "is" : "are", count);
    return buf_append(out, text, size, err);
}

int h3_references_write(const struct expansion *e, const char *text, struct buf *out, conch_error *err)
{
    char before = ' ';
    int rc = 0;
    buf_clear(out);
    while (*text && rc == 0) {
        size_t medium, number;
        bool inside = isalnum((unsigned char)before) || before == '<' || before == '[' || before == '@';
        size_t size = inside ? 0 : reference_size(text, &medium, &number);
        if (size) {
            rc = reference_write(e, text, size, medium, number, out, err);
        } else {
            size = 1;
            rc = buf_append(out, text, 1, err);
            if (rc == 0 && text[0] == '<' && text[1] == '|') /* the tokenizer's own words are not for users */
                rc = buf_append(out, " ", 1, err);
        }
        before = text[size - 1];
        text += size;
    }
    return rc;
}

/* ---- subjects ---- */

enum { PHRASE_BYTES_MAX = 60 };

/* In "... the old man in <Picture 1>" the words "the old man", or nothing. */
static size_t phrase_find(const char *text, const char *name, const char **ret)
{
    static const char *const links[] = {" in ", " from ", " of ", " on "};
    static const char *const articles[] = {"the ", "a ", "an ", "this "};
    const char *at = strstr(text, name);
    for (size_t i = 0; at && i < ARRAY_LEN(links); i++) {
        size_t link = strlen(links[i]);
        if ((size_t)(at - text) < link || strncasecmp(at - link, links[i], link) != 0)
            continue;
        const char *end = at - link;
        for (const char *start = end;
             start > text && end - start < PHRASE_BYTES_MAX && !strchr(",.;:<>\n", start[-1]);) {
            start--;
            if (start > text && start[-1] != ' ')
                continue;
            for (size_t j = 0; j < ARRAY_LEN(articles); j++)
                if (strncasecmp(start, articles[j], strlen(articles[j])) == 0 && end > start + strlen(articles[j])) {
                    *ret = start + strlen(articles[j]);
                    return (size_t)(end - *ret);
                }
        }
    }
    return 0;
}

static int subject_write(const struct expansion *e, const char *text, enum medium medium, size_t number,
                         struct buf *out, conch_error *err)
{
    struct buf name;
    const char *phrase;
    buf_init(&name, PHRASE_BYTES_MAX);
    int rc = buf_append_format(&name, err, "<%s %zu>", media[medium].name, number);
    size_t size = rc == 0 ? phrase_find(text, name.data, &phrase) : 0;
    if (rc == 0 && size)
        rc = buf_append_format(out, err, "<Subject %zu> is the %.*s in %s.\n", number, (int)size, phrase, name.data);
    else if (rc == 0)
        rc = buf_append_format(out, err, "<Subject %zu> is the main subject of %s.\n", number, name.data);
    buf_finish(&name);
    return rc;
}

int h3_subjects_write(const struct expansion *e, const char *text, struct buf *out, conch_error *err)
{
    enum medium medium = e->request->images ? MEDIUM_PICTURE : MEDIUM_VIDEO;
    int rc = 0;
    for (size_t i = 1; i <= medium_count(e->request, medium) && rc == 0; i++)
        rc = subject_write(e, text, medium, i, out, err);
    return rc;
}

int h3_retention_write(const struct expansion *e, struct buf *out, conch_error *err)
{
    const struct prompt_expand_request *request = e->request;
    int rc = 0;
    for (size_t i = 1; i <= request->images && rc == 0; i++)
        rc = buf_append_format(out, err,
                               "<Picture %zu>: shape, face, clothing, colours and materials of <Subject %zu> are "
                               "kept; its background is not.\n",
                               i, i);
    for (size_t i = 1; i <= request->videos && rc == 0; i++)
        rc = buf_append_format(out, err, "<Video %zu>: the movement and the camera path are kept.\n", i);
    for (size_t i = 1; i <= request->audios && rc == 0; i++)
        rc = buf_append_format(out, err, "<Audio %zu>: the voice and the character of the sound are kept.\n", i);
    return rc;
}
