#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "server/prompt/fold.h"
#include "server/prompt/h3_parts.h"

/* ---- quotes ---- */

enum { QUOTE_BYTES_MAX = 2000 };

static const struct quote_row {
    const char *open, *close;
} quotes[] = {{"\"", "\""}, {"“", "”"}, {"「", "」"}, {"『", "』"}, {"<d>", "</d>"}};
enum { QUOTE_DONE = ARRAY_LEN(quotes) - 1 }; /* speech that is marked already */

/* The quotation that begins at text, as a row and its content; NULL when none does or it does not end. */
static const struct quote_row *quote_find(const char *text, size_t size, size_t *ret_content)
{
    for (size_t i = 0; i < ARRAY_LEN(quotes); i++) {
        size_t open = strlen(quotes[i].open), close = strlen(quotes[i].close);
        if (size < open + close || memcmp(text, quotes[i].open, open) != 0)
            continue;
        const char *end = memmem(text + open, size_min(size - open, QUOTE_BYTES_MAX), quotes[i].close, close);
        if (!end)
            return NULL;
        *ret_content = (size_t)(end - text) - open;
        return &quotes[i];
    }
    return NULL;
}

static size_t quote_size(const struct quote_row *row, size_t content)
{
    return strlen(row->open) + content + strlen(row->close);
}

/* ---- shots ---- */

/* Words between two shots. Those that begin with a letter do so at the start of a word. */
static const char *const cuts[] = {
    ", and then ",
    ", then ",
    "; then ",
    ". then ",
    "! then ",
    "? then ",
    " and then ",
    ". next, ",
    ". after that, ",
    ", after that ",
    ". finally, ",
    "cut to: ",
    "cut to ",
    "cuts to ",
    "the scene changes to ",
    "the scene cuts to ",
    "the shot changes to ",
    "next shot: ",
    "，然后",
    "。然后",
    "；然后",
    "，接着",
    "。接着",
    "，随后",
    "。随后",
    "，最后",
    "。最后",
    "镜头切换到",
    "镜头切到",
    "画面切换到",
    "画面切到",
    "切换到",
    "切到",
    "然后",
    "接着",
    "随后",
};

/* "[Shot 2]", "Shot 2:", "镜头2：": bytes, or 0. */
static size_t shot_label_size(const char *text)
{
    const char *at = text + (*text == '[');
    bool chinese = strncmp(at, "镜头", strlen("镜头")) == 0;
    if (!chinese && strncasecmp(at, "shot ", 5) != 0)
        return 0;
    at += chinese ? strlen("镜头") : 5;
    size_t digits = strspn(at, "0123456789");
    if (!digits || digits > 3)
        return 0;
    at += digits;
    static const char *const ends[] = {"]", ":", "："};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (strncmp(at, ends[i], strlen(ends[i])) == 0)
            return (size_t)(at - text) + strlen(ends[i]);
    return 0;
}

static size_t cut_size(const char *text, char before)
{
    if (isalpha((unsigned char)before) && isalpha((unsigned char)*text))
        return 0;
    size_t size = shot_label_size(text);
    for (size_t i = 0; i < ARRAY_LEN(cuts) && !size; i++)
        if (strncasecmp(text, cuts[i], strlen(cuts[i])) == 0)
            size = strlen(cuts[i]);
    return size;
}

static bool has_words(const char *text, size_t size)
{
    int32_t c;
    for (size_t at = 0, step; at < size; at += step) {
        step = char_read(text + at, &c);
        if (char_is_word(c))
            return true;
    }
    return false;
}

void h3_shots_split(const char *text, size_t shots_max, struct h3_shots *ret)
{
    size_t size = strlen(text), start = 0;
    ret->count = 0;
    for (size_t at = 0; at < size && ret->count + 1 < shots_max;) {
        size_t content;
        const struct quote_row *quote = quote_find(text + at, size - at, &content);
        size_t cut = quote ? 0 : cut_size(text + at, at ? text[at - 1] : ' ');
        if (quote) {
            at += quote_size(quote, content);
        } else if (cut) {
            if (has_words(text + start, at - start))
                ret->shots[ret->count++] = (struct h3_shot){text + start, at - start};
            at += cut;
            start = at;
        } else {
            at++;
        }
    }
    if (has_words(text + start, size - start) || !ret->count)
        ret->shots[ret->count++] = (struct h3_shot){text + start, size - start};
}

/* ---- speech ---- */

enum { WORDS_BEFORE_BYTES = 80, WORDS_AFTER_BYTES = 30 };

static const struct lexicon_row speech_rows[] = {
    {"say~|saying|said|shout~|shouting|shouted|whisper~|whispering|whispered|ask~|asking|asked|reply|replies|replied|"
     "answer~|answered|speak~|speaking|tell~|telling|told|yell~|yelling|scream~|screaming|sing~|singing|mutter~|murmur~"
     "|"
     "exclaim~|announce~|call~ out|calls "
     "out|narrator|voice|dialogue|line|说|说道|喊|喊道|问|问道|回答|道|叫|唱|低语|旁白|台词|告诉",
     1, 0, 0},
    {"sign|signs|reads|reading|text|title|titled|caption|written|writing|label|labeled|labelled|logo|words|banner|"
     "poster|"
     "called|named|写着|标题|文字|招牌|字幕|名为|叫做|标语",
     2, 0, 0},
};
static const struct lexicon speech_lexicon = {speech_rows, ARRAY_LEN(speech_rows)};

/* The kind of the last (or first) word of speech_rows in some bytes, 0 for none. */
static int speech_word(const char *text, size_t size, bool last, conch_error *err)
{
    struct lexicon_hit hits[WORDS_BEFORE_BYTES];
    struct buf folded;
    buf_init(&folded, PROMPT_FOLDED_BYTES_MAX);
    int rc = prompt_fold(text, size, false, &folded, err);
    size_t count = rc == 0 ? lexicon_find(&speech_lexicon, buf_text(&folded), hits, ARRAY_LEN(hits)) : 0;
    buf_finish(&folded);
    return rc < 0 ? rc : !count ? 0 : hits[last ? count - 1 : 0].row->kind;
}

/* 1 when the quotation at text + at is spoken. */
static int is_spoken(const char *text, size_t size, size_t at, size_t end, conch_error *err)
{
    size_t start = at > WORDS_BEFORE_BYTES ? at - WORDS_BEFORE_BYTES : 0;
    while (start < at && ((unsigned char)text[start] & 0xC0) == 0x80)
        start++;
    int kind = speech_word(text + start, at - start, true, err);
    if (kind == 0) {
        size_t after = size_min(size, end + WORDS_AFTER_BYTES);
        while (after > end && after < size && ((unsigned char)text[after] & 0xC0) == 0x80)
            after--;
        kind = speech_word(text + end, after - end, false, err);
    }
    return kind < 0 ? kind : kind == 1;
}

/* The name of the language as the script tells it; Latin letters are taken for English. */
static const char *language_of(const char *text, size_t size)
{
    const char *name = "English";
    int32_t c;
    for (size_t at = 0, step; at < size; at += step) {
        step = char_read(text + at, &c);
        if (c >= 0x3040 && c <= 0x30FF)
            return "Japanese";
        if (c >= 0xAC00 && c <= 0xD7AF)
            return "Korean";
        if (c >= 0x0400 && c <= 0x04FF)
            return "Russian";
        if (c >= 0x0600 && c <= 0x06FF)
            return "Arabic";
        if (c >= 0x3400 && c <= 0x9FFF)
            name = "Chinese"; /* unless kana follow */
    }
    return name;
}

int h3_speech_write(const char *text, size_t size, struct buf *out, bool *ret_spoken, conch_error *err)
{
    int rc = 0;
    for (size_t at = 0; at < size && rc == 0;) {
        size_t content;
        const struct quote_row *quote = quote_find(text + at, size - at, &content);
        if (!quote) {
            rc = buf_append(out, text + at, 1, err);
            at++;
            continue;
        }
        const char *words = text + at + strlen(quote->open);
        size_t whole = quote_size(quote, content);
        bool done = quote == &quotes[QUOTE_DONE];
        rc = done || !has_words(words, content) ? 0 : is_spoken(text, size, at, at + whole, err);
        *ret_spoken |= done || rc == 1;
        if (rc == 1)
            rc = buf_append_format(out, err, "<d>[%s] %.*s</d>", language_of(words, content), (int)content, words);
        else if (rc == 0)
            rc = buf_append(out, text + at, whole, err);
        at += whole;
    }
    return rc;
}
