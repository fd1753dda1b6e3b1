#include "engine/text/clean.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <utf8proc.h>

#include "base/base.h"
#include "engine/text/entities.h"
#include "engine/text/limits.h"
#include "engine/text/normal.h"
#include "engine/text/utf8.h"

static int prompt_check(const char *text, size_t *ret_size, conch_error *err)
{
    size_t size = strlen(text);
    if (size > PROMPT_BYTES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "the prompt has %zu bytes; at most %u are allowed", size,
                               PROMPT_BYTES_MAX);
    *ret_size = size;
    return utf8_check(text, size, "the prompt", CONCH_ERR_RANGE, err);
}

/* ---- step 1 ---- */

/* Characters are fixed while they are appended, and an entity is replaced as soon as its semicolon arrives at the end
 * of the output. So "&amp;amp;lt;" becomes "<" in one pass, where repeated passes over the text would take time
 * quadratic in its length. */
struct fixer {
    struct buf *out;
    bool entities; /* replace entities */
    bool after_cr; /* the last character was CR: a LF now belongs to it */
};

#define FIX_ENTITY_NAME_MAX 24 /* letters and digits that ftfy accepts between & and ; */

static const char *ligature_text(uint32_t c)
{
    static const struct {
        uint16_t character;
        const char *text;
    } ligatures[] = {
        {0x0132, "IJ"},      {0x0133, "ij"}, {0x0149, "\u02BCn"}, {0x01C4, "D\u017D"}, {0x01C5, "D\u017E"},
        {0x01C6, "d\u017E"}, {0x01C7, "LJ"}, {0x01C8, "Lj"},      {0x01C9, "lj"},      {0x01CA, "NJ"},
        {0x01CB, "Nj"},      {0x01CC, "nj"}, {0x01F1, "DZ"},      {0x01F2, "Dz"},      {0x01F3, "dz"},
        {0xFB00, "ff"},      {0xFB01, "fi"}, {0xFB02, "fl"},      {0xFB03, "ffi"},     {0xFB04, "ffl"},
        {0xFB05, "\u017Ft"}, {0xFB06, "st"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ligatures); i++)
        if (ligatures[i].character == c)
            return ligatures[i].text;
    return NULL;
}

/* One character for one, or the character itself. U+037E and U+212A are what NFC makes of them anyway; done here, they
 * can end or be part of an entity in the same pass. */
static uint32_t fixed_char(uint32_t c)
{
    if (c == 0x85 || c == '\r' || c == 0x2028 || c == 0x2029)
        return '\n';
    c = windows_1252_char(c);
    if (c == 0x02BC || (c >= 0x2018 && c <= 0x201B))
        return '\'';
    if (c >= 0x201C && c <= 0x201F)
        return '"';
    if (c == 0x3000)
        return ' ';
    if (c == 0x037E)
        return ';';
    if (c == 0x212A)
        return 'K';
    return c;
}

/* Appends c as it should have been written. */
static int append_fixed(struct fixer *fixer, uint32_t c, conch_error *err)
{
    bool joined = c == '\n' && fixer->after_cr;
    fixer->after_cr = c == '\r';
    if (joined)
        return 0;
    if (c > 0xFF00 && c < 0xFFF0) {
        int32_t wide[8];
        int boundary = UTF8PROC_BOUNDCLASS_START;
        long count = utf8proc_decompose_char((int32_t)c, wide, ARRAY_LEN(wide),
                                             UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_STABLE, &boundary);
        int rc = 0;
        for (long i = 0; rc == 0 && i < count && i < (long)ARRAY_LEN(wide); i++)
            rc = utf8_append(fixer->out, (uint32_t)wide[i], err);
        return rc;
    }
    const char *ligature = ligature_text(c);
    if (!ligature)
        return utf8_append(fixer->out, fixed_char(c), err);
    for (size_t at = 0, size = strlen(ligature); at < size;) {
        at += utf8_read(ligature + at, size - at, &c);
        int rc = utf8_append(fixer->out, fixed_char(c), err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int append_fixed_text(struct fixer *fixer, const char *text, bool upper, conch_error *err)
{
    int rc = 0;
    for (size_t at = 0, size = strlen(text); rc == 0 && at < size;) {
        uint32_t c;
        at += utf8_read(text + at, size - at, &c);
        if (upper && c == 0xDF) { /* the only one whose capital is two letters */
            rc = append_fixed(fixer, 'S', err);
            c = 'S';
        }
        if (rc == 0)
            rc = append_fixed(fixer, upper ? (uint32_t)utf8proc_toupper((int32_t)c) : c, err);
    }
    return rc;
}

/* "#123" or "#x7b" as a number; false when the digits do not fill the whole name. Large numbers saturate. */
static bool parse_number(const char *name, size_t size, uint32_t *ret_number)
{
    bool hex = size > 1 && (name[1] == 'x' || name[1] == 'X');
    size_t at = hex ? 2 : 1;
    if (at >= size)
        return false;
    uint32_t number = 0;
    for (; at < size; at++) {
        unsigned char c = (unsigned char)name[at];
        if (hex ? !isxdigit(c) : !isdigit(c))
            return false;
        uint32_t digit = isdigit(c) ? c - 48u : (c | 0x20u) - 97u + 10u;
        number = number > 0x110000 ? number : number * (hex ? 16 : 10) + digit;
    }
    *ret_number = number;
    return true;
}

/* The text of a name in capitals whose proper form is all small ("EACUTE"), which ftfy takes for a slip of the shift
 * key. */
static const char *find_shouted(const char *name, size_t size)
{
    char small[FIX_ENTITY_NAME_MAX];
    for (size_t i = 0; i < size; i++) {
        if (islower((unsigned char)name[i]))
            return NULL;
        small[i] = (char)tolower((unsigned char)name[i]);
    }
    const char *unused;
    if (entity_find_prefix(name, size, &unused))
        return NULL;
    return entity_find(small, size, false);
}

/* Replaces an entity at the very end of the output; *ret_done tells whether there was one. */
static int replace_entity_at_end(struct fixer *fixer, bool *ret_done, conch_error *err)
{
    struct buf *out = fixer->out;
    *ret_done = false;
    assert(out->size && out->data[out->size - 1] == ';');
    size_t end = out->size - 1, begin = end;
    while (begin > 0 && end - begin < FIX_ENTITY_NAME_MAX && isalnum((unsigned char)out->data[begin - 1]))
        begin--;
    if (begin == end || begin == 0)
        return 0;
    bool numbered = out->data[begin - 1] == '#';
    if (numbered && --begin == 0)
        return 0;
    if (out->data[begin - 1] != '&')
        return 0;
    const char *name = out->data + begin;
    size_t size = end - begin;
    uint32_t number = 0;
    const char *text = NULL;
    bool shouted = false;
    if (numbered) {
        if (!parse_number(name, size, &number))
            return 0;
        number = entity_number(number);
    } else {
        text = entity_find(name, size, false);
        if (!text) {
            text = find_shouted(name, size);
            shouted = true;
        }
        if (!text)
            return 0;
    }
    *ret_done = true;
    out->size = begin - 1;
    out->data[out->size] = 0;
    fixer->after_cr = false;
    if (!numbered)
        return append_fixed_text(fixer, text, shouted, err);
    return number == ENTITY_NOTHING ? 0 : append_fixed(fixer, number, err);
}

static int fix_char(struct fixer *fixer, uint32_t c, conch_error *err)
{
    size_t before = fixer->out->size;
    int rc = append_fixed(fixer, c, err);
    bool again = rc == 0 && fixer->entities && fixer->out->size > before;
    while (again && fixer->out->size && fixer->out->data[fixer->out->size - 1] == ';') {
        rc = replace_entity_at_end(fixer, &again, err);
        again = again && rc == 0;
    }
    return rc;
}

static bool is_control(uint32_t c)
{
    return (c < 0x20 && c != '\t' && c != '\n' && c != '\f' && c != '\r') || (c >= 0x7F && c < 0xA0) ||
           (c >= 0x206A && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

/* Bytes of the terminal escape sequence at text: ESC [ digits and semicolons, a letter; 0 when it is none. */
static size_t escape_size(const char *text)
{
    if (text[0] != 0x1B || text[1] != '[')
        return 0;
    size_t size = 2 + strspn(text + 2, "0123456789;");
    return isalpha((unsigned char)text[size]) ? size + 1 : 0;
}

static int drop_controls(const char *text, size_t size, struct buf *out, conch_error *err)
{
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < size;) {
        uint32_t c;
        size_t escape = escape_size(text + at);
        size_t step = escape ? escape : utf8_read(text + at, size - at, &c);
        assert(step > 0);
        if (!escape && !is_control(c))
            rc = buf_append(out, text + at, step, err);
        at += step;
    }
    return rc;
}

/* One pass over text; entities only before entity_end. */
static int fix_pass(const char *text, size_t size, size_t *entity_end, struct buf *out, conch_error *err)
{
    struct buf fixed, visible;
    buf_init(&fixed, NORMALIZED_BYTES_MAX);
    buf_init(&visible, NORMALIZED_BYTES_MAX);
    struct fixer fixer = {.out = &fixed};
    int rc = 0;
    size_t fixed_end = 0; /* where entity_end lies in the output */
    for (size_t at = 0; rc == 0 && at < size;) {
        uint32_t c;
        fixer.entities = at < *entity_end;
        at += utf8_read(text + at, size - at, &c);
        rc = fix_char(&fixer, c, err);
        if (fixer.entities)
            fixed_end = fixed.size;
    }
    buf_clear(out);
    for (int part = 0; rc == 0 && part < 2; part++) { /* the two parts meet at a line end: nothing combines over it */
        size_t begin = part ? fixed_end : 0, end = part ? fixed.size : fixed_end;
        buf_clear(&visible);
        if (begin < end)
            rc = drop_controls(fixed.data + begin, end - begin, &visible, err);
        if (rc == 0 && visible.size)
            rc = text_normalize(visible.data, visible.size, (struct normal_form){.compose = true}, out, err);
        if (part == 0)
            *entity_end = out->size;
    }
    buf_finish(&fixed);
    buf_finish(&visible);
    return rc;
}

/* Where the line begins that holds the first '<': a text with tags is taken for HTML whose entities were meant. */
static size_t entities_end(const char *text, size_t size)
{
    const char *tag = strchr(text, '<');
    if (!tag)
        return size;
    while (tag > text && tag[-1] != '\n')
        tag--;
    return (size_t)(tag - text);
}

#define FIX_PASSES_MAX 4 /* a second pass seldom finds anything (an entity that an escape sequence had cut in two) */

static int fix(const char *text, size_t size, struct buf *ret, conch_error *err)
{
    struct buf before;
    buf_init(&before, NORMALIZED_BYTES_MAX);
    size_t entity_end = entities_end(text, size);
    int rc = buf_append(&before, text, size, err);
    for (int pass = 0; rc == 0 && pass < FIX_PASSES_MAX; pass++) {
        rc = fix_pass(before.data, before.size, &entity_end, ret, err);
        if (rc < 0 || (ret->size == before.size && (!ret->size || memcmp(ret->data, before.data, ret->size) == 0)))
            break;
        buf_clear(&before);
        if (ret->size)
            rc = buf_append(&before, ret->data, ret->size, err);
    }
    buf_finish(&before);
    return rc;
}

/* ---- step 2 ---- */

/* The name run that html.unescape looks at: up to 32 characters that are none of TAB LF FF space < & # ; */
static size_t name_run(const char *text, size_t size)
{
    size_t at = 0;
    for (int count = 0; at < size && count < 32 && !memchr("\t\n\f <&#;", text[at], 8); count++)
        at += utf8_step(text[at]);
    return at;
}

static int unescape_number(const char *text, size_t size, size_t *ret_used, struct buf *out, conch_error *err)
{
    bool hex = size > 2 && (text[2] == 'x' || text[2] == 'X');
    size_t end = hex ? 3 : 2;
    while (end < size && (hex ? isxdigit((unsigned char)text[end]) : isdigit((unsigned char)text[end])))
        end++;
    uint32_t number;
    *ret_used = 0;
    if (!parse_number(text + 1, end - 1, &number))
        return 0;
    *ret_used = end < size && text[end] == ';' ? end + 1 : end;
    number = entity_number(number);
    return number == ENTITY_NOTHING ? 0 : utf8_append(out, number, err);
}

static int unescape_name(const char *text, size_t size, size_t *ret_used, struct buf *out, conch_error *err)
{
    size_t run = name_run(text + 1, size - 1);
    bool closed = run + 1 < size && text[run + 1] == ';';
    const char *value = entity_find(text + 1, run, !closed);
    *ret_used = 1 + run + closed;
    if (!value) {
        *ret_used = 1 + entity_find_prefix(text + 1, run, &value);
        if (*ret_used == 1) {
            *ret_used = 0;
            return 0;
        }
    }
    return buf_append_text(out, value, err);
}

/* As html.unescape of Python. */
static int unescape(const char *text, size_t size, struct buf *out, conch_error *err)
{
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < size;) {
        const char *mark = memchr(text + at, '&', size - at);
        size_t plain = mark ? (size_t)(mark - text) - at : size - at;
        rc = buf_append(out, text + at, plain, err);
        at += plain;
        if (rc < 0 || !mark)
            break;
        size_t used = 0;
        if (at + 1 < size && text[at + 1] == '#')
            rc = unescape_number(text + at, size - at, &used, out, err);
        else if (at + 1 < size)
            rc = unescape_name(text + at, size - at, &used, out, err);
        if (rc == 0 && used == 0) {
            rc = buf_append(out, "&", 1, err);
            used = 1;
        }
        at += used;
    }
    return rc;
}

/* ---- step 3 ---- */

static int collapse(const char *text, size_t size, struct buf *out, conch_error *err)
{
    int rc = 0;
    bool gap = false;
    for (size_t at = 0; rc == 0 && at < size;) {
        uint32_t c;
        size_t step = utf8_read(text + at, size - at, &c);
        assert(step > 0);
        if (char_is_space(c) || (c >= 0x1C && c <= 0x1F)) { /* Python counts the four separators as white space */
            gap = true;
        } else {
            if (gap && out->size)
                rc = buf_append(out, " ", 1, err);
            gap = false;
            if (rc == 0)
                rc = buf_append(out, text + at, step, err);
        }
        at += step;
    }
    return rc;
}

static int unescape_and_collapse(const char *text, size_t size, struct buf *ret, conch_error *err)
{
    struct buf once, twice;
    buf_init(&once, NORMALIZED_BYTES_MAX);
    buf_init(&twice, NORMALIZED_BYTES_MAX);
    buf_clear(ret);
    int rc = unescape(text, size, &once, err);
    if (rc == 0 && once.size)
        rc = unescape(once.data, once.size, &twice, err);
    if (rc == 0 && twice.size)
        rc = collapse(twice.data, twice.size, ret, err);
    buf_finish(&once);
    buf_finish(&twice);
    return rc;
}

/* ---- the public face ---- */

int text_fix(const char *text, struct buf *ret, conch_error *err)
{
    size_t size = 0;
    int rc = prompt_check(text, &size, err);
    buf_clear(ret);
    return rc < 0 ? rc : fix(text, size, ret, err);
}

int text_unescape_and_collapse(const char *text, struct buf *ret, conch_error *err)
{
    size_t size = 0;
    int rc = prompt_check(text, &size, err);
    return rc < 0 ? rc : unescape_and_collapse(text, size, ret, err);
}

int text_clean(const char *text, struct buf *ret, conch_error *err)
{
    struct buf fixed;
    size_t size = 0;
    int rc = prompt_check(text, &size, err);
    if (rc < 0)
        return rc;
    buf_init(&fixed, NORMALIZED_BYTES_MAX);
    rc = fix(text, size, &fixed, err);
    if (rc == 0)
        rc = unescape_and_collapse(fixed.data ? fixed.data : "", fixed.size, ret, err);
    buf_finish(&fixed);
    return rc;
}
