#include "engine/text/rules.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/text/normal.h"
#include "engine/text/unigram.h"
#include "engine/text/utf8.h"

#define SPACE_SYMBOL "\u2581"

void text_rules_finish(struct text_rules *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        charsmap_finish(&rules->items[i].map);
        free(rules->items[i].pattern);
        free(rules->items[i].content);
    }
    rules->count = 0;
}

struct text_rule *text_rules_add(struct text_rules *rules, enum text_rule_kind kind, conch_error *err)
{
    if (rules->count == TEXT_RULES_MAX) {
        conch_error_set(err, CONCH_ERR_LIMIT, "the tokenizer has more than the allowed %u normalisation steps",
                        TEXT_RULES_MAX);
        return NULL;
    }
    struct text_rule *rule = &rules->items[rules->count++];
    *rule = (struct text_rule){.kind = kind};
    return rule;
}

/* What goes into and comes out of one rule. */
struct pass {
    const char *text;
    size_t size;
    const struct unigram *unigram;
    struct buf *out;
    conch_error *err;
};

static bool text_ends_with(const struct buf *buf, const char *tail)
{
    size_t size = strlen(tail);
    return buf->size >= size && memcmp(buf->data + buf->size - size, tail, size) == 0;
}

/* ---- SentencePiece ---- */

/* The next piece of normalised text at `at`: what replaces how many bytes. */
static size_t next_chunk(const struct text_rule *rule, const struct pass *pass, size_t at, const char **ret_chunk,
                         size_t *ret_chunk_bytes)
{
    const char *text = pass->text + at;
    size_t left = pass->size - at;
    size_t used = unigram_user_match(pass->unigram, text, left);
    if (!used) {
        used = charsmap_match(&rule->map, text, left, ret_chunk);
        if (used) {
            *ret_chunk_bytes = strlen(*ret_chunk);
            return used;
        }
        used = utf8_step(text[0]);
    }
    *ret_chunk = text;
    *ret_chunk_bytes = used;
    return used;
}

static int append_spaced(const struct pass *pass, const char *chunk, size_t size, const char *space)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < size;) {
        size_t plain = i;
        while (plain < size && chunk[plain] != ' ')
            plain++;
        rc = buf_append(pass->out, chunk + i, plain - i, pass->err);
        if (rc == 0 && plain < size)
            rc = buf_append_text(pass->out, space, pass->err);
        i = plain + 1;
    }
    return rc;
}

static int apply_sentencepiece(const struct text_rule *rule, const struct pass *pass)
{
    const char *space = rule->escape_whitespaces ? SPACE_SYMBOL : " ";
    const char *chunk = NULL;
    size_t chunk_bytes = 0, at = 0;
    bool squeeze = rule->remove_extra_whitespaces;
    while (squeeze && at < pass->size) { /* leading spaces */
        size_t used = next_chunk(rule, pass, at, &chunk, &chunk_bytes);
        if (chunk_bytes != 1 || chunk[0] != ' ')
            break;
        at += used;
    }
    if (at == pass->size)
        return 0;
    int rc = rule->add_dummy_prefix ? buf_append_text(pass->out, space, pass->err) : 0;
    bool after_space = squeeze;
    while (rc == 0 && at < pass->size) {
        at += next_chunk(rule, pass, at, &chunk, &chunk_bytes);
        while (after_space && chunk_bytes && chunk[0] == ' ') {
            chunk++;
            chunk_bytes--;
        }
        if (chunk_bytes == 0)
            continue;
        rc = append_spaced(pass, chunk, chunk_bytes, space);
        after_space = squeeze && chunk[chunk_bytes - 1] == ' ';
    }
    while (squeeze && text_ends_with(pass->out, space)) /* a literal U+2581 at the end goes too, as upstream */
        pass->out->size -= strlen(space);
    return rc;
}

/* ---- normalizers of tokenizer.json ---- */

static int apply_charsmap(const struct text_rule *rule, const struct pass *pass)
{
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < pass->size;) {
        const char *chunk = NULL;
        size_t used = charsmap_match(&rule->map, pass->text + at, pass->size - at, &chunk);
        if (used) {
            rc = buf_append_text(pass->out, chunk, pass->err);
        } else {
            used = utf8_step(pass->text[at]);
            rc = buf_append(pass->out, pass->text + at, used, pass->err);
        }
        at += used;
    }
    return rc;
}

static int apply_lowercase(const struct pass *pass)
{
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < pass->size;) {
        uint32_t c;
        at += utf8_read(pass->text + at, pass->size - at, &c);
        rc = c == 0x130 ? buf_append_text(pass->out, "i\u0307", pass->err)
                        : utf8_append(pass->out, (uint32_t)utf8proc_tolower((int32_t)c), pass->err);
    }
    return rc;
}

static int apply_unicode_form(enum text_rule_kind kind, const struct pass *pass)
{
    struct normal_form form = {.compose = kind == RULE_NFC || kind == RULE_NFKC,
                               .compat = kind == RULE_NFKC || kind == RULE_NFKD};
    return text_normalize(pass->text, pass->size, form, pass->out, pass->err);
}

static int apply_replace(const struct text_rule *rule, const struct pass *pass)
{
    size_t pattern_bytes = strlen(rule->pattern);
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < pass->size;) {
        const char *hit = memmem(pass->text + at, pass->size - at, rule->pattern, pattern_bytes);
        size_t plain = hit ? (size_t)(hit - pass->text) - at : pass->size - at;
        rc = buf_append(pass->out, pass->text + at, plain, pass->err);
        if (rc == 0 && hit)
            rc = buf_append_text(pass->out, rule->content, pass->err);
        at += plain + (hit ? pattern_bytes : 0);
    }
    return rc;
}

static int apply_replace_spaces(const struct text_rule *rule, const struct pass *pass)
{
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < pass->size;) {
        size_t run = 0;
        while (at + run < pass->size && pass->text[at + run] == ' ')
            run++;
        if (run >= 2) {
            rc = buf_append_text(pass->out, rule->content, pass->err);
            at += run;
        } else {
            rc = buf_append(pass->out, pass->text + at++, 1, pass->err);
        }
    }
    return rc;
}

static int apply_strip(const struct text_rule *rule, const struct pass *pass)
{
    size_t begin = 0, end = 0;
    bool leading = rule->strip_left;
    for (size_t at = 0; at < pass->size;) {
        uint32_t c;
        at += utf8_read(pass->text + at, pass->size - at, &c);
        bool space = char_is_space(c);
        if (leading && space)
            begin = at;
        leading = leading && space;
        if (!space || !rule->strip_right)
            end = at;
    }
    return end > begin ? buf_append(pass->out, pass->text + begin, end - begin, pass->err) : 0;
}

static int apply_prepend(const struct text_rule *rule, const struct pass *pass)
{
    if (pass->size == 0)
        return 0;
    int rc = buf_append_text(pass->out, rule->content, pass->err);
    return rc < 0 ? rc : buf_append(pass->out, pass->text, pass->size, pass->err);
}

/* ---- pre-tokenizers: the text may hold cuts now ---- */

static int apply_split_whitespace(const struct pass *pass)
{
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < pass->size;) {
        uint32_t c;
        size_t step = utf8_read(pass->text + at, pass->size - at, &c);
        rc = char_is_space(c) ? buf_append(pass->out, "", 1, pass->err)
                              : buf_append(pass->out, pass->text + at, step, pass->err);
        at += step;
    }
    return rc;
}

static int metaspace_part(const struct text_rule *rule, const struct pass *pass, size_t begin, size_t end)
{
    const char *symbol = rule->content;
    size_t symbol_bytes = strlen(symbol);
    bool first = begin == 0; /* a text that began with white space begins with an empty part */
    const char *part = pass->text + begin;
    size_t size = end - begin;
    bool marked = part[0] == ' ' || (size >= symbol_bytes && memcmp(part, symbol, symbol_bytes) == 0);
    int rc = 0;
    if (!marked && (rule->prefix == METASPACE_ALWAYS || (rule->prefix == METASPACE_FIRST && first)))
        rc = buf_append_text(pass->out, symbol, pass->err);
    for (size_t at = 0; rc == 0 && at < size;) {
        bool space = part[at] == ' ';
        bool mark = space || (size - at >= symbol_bytes && memcmp(part + at, symbol, symbol_bytes) == 0);
        if (mark && at > 0 && rule->metaspace_split)
            rc = buf_append(pass->out, "", 1, pass->err);
        size_t step = utf8_step(part[at]);
        if (rc == 0)
            rc = mark ? buf_append_text(pass->out, symbol, pass->err)
                      : buf_append(pass->out, part + at, step, pass->err);
        at += step;
    }
    return rc;
}

static int apply_metaspace(const struct text_rule *rule, const struct pass *pass)
{
    int rc = 0;
    for (size_t begin = 0; rc == 0 && begin < pass->size;) {
        size_t end = begin + strnlen(pass->text + begin, pass->size - begin);
        if (end > begin)
            rc = metaspace_part(rule, pass, begin, end);
        if (rc == 0 && end < pass->size)
            rc = buf_append(pass->out, "", 1, pass->err);
        begin = end + 1;
    }
    return rc;
}

static int apply(const struct text_rule *rule, const struct pass *pass)
{
    switch (rule->kind) {
    case RULE_SENTENCEPIECE: return apply_sentencepiece(rule, pass);
    case RULE_CHARSMAP: return apply_charsmap(rule, pass);
    case RULE_LOWERCASE: return apply_lowercase(pass);
    case RULE_NFC:
    case RULE_NFD:
    case RULE_NFKC:
    case RULE_NFKD: return apply_unicode_form(rule->kind, pass);
    case RULE_REPLACE: return apply_replace(rule, pass);
    case RULE_REPLACE_SPACES: return apply_replace_spaces(rule, pass);
    case RULE_STRIP: return apply_strip(rule, pass);
    case RULE_PREPEND: return apply_prepend(rule, pass);
    case RULE_SPLIT_WHITESPACE: return apply_split_whitespace(pass);
    case RULE_METASPACE: return apply_metaspace(rule, pass);
    }
    assert(!"a rule of an unknown kind");
    return CONCH_ERR_INTERNAL;
}

int text_rules_apply(const struct text_rules *rules, const struct unigram *unigram, const char *text, size_t size,
                     struct buf *ret, conch_error *err)
{
    struct buf from, to;
    buf_init(&from, NORMALIZED_BYTES_MAX);
    buf_init(&to, NORMALIZED_BYTES_MAX);
    int rc = buf_append(&from, text, size, err);
    for (size_t i = 0; rc == 0 && i < rules->count; i++) {
        struct pass pass = {from.data, from.size, unigram, &to, err};
        buf_clear(&to);
        rc = apply(&rules->items[i], &pass);
        struct buf swapped = from;
        from = to;
        to = swapped;
        if (rc == 0 && from.size == 0)
            break;
    }
    buf_clear(ret);
    if (rc == 0 && from.size)
        rc = buf_append(ret, from.data, from.size, err);
    buf_finish(&from);
    buf_finish(&to);
    return rc;
}
