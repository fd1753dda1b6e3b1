/* What a tokenizer does to text before it looks for pieces: a list of rules, applied in order.
 *
 * A SentencePiece model has one rule that does everything; a tokenizer.json lists its normalizers and then its
 * pre-tokenizers. The latter cut the text into parts that are segmented apart; a cut is a NUL byte in the text, which
 * cannot occur otherwise, and empty parts mean nothing. */
#ifndef ENGINE_TEXT_RULES_H
#define ENGINE_TEXT_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "conch/error.h"
#include "engine/text/charsmap.h"
#include "engine/text/limits.h"

struct unigram;

enum text_rule_kind {
    RULE_SENTENCEPIECE, /* map, spaces; user-defined pieces of the vocabulary are left as they are */
    RULE_CHARSMAP,      /* map */
    RULE_LOWERCASE,     /* character by character, the simple mapping (and U+0130 to i and a dot) */
    RULE_NFC,
    RULE_NFD,
    RULE_NFKC,
    RULE_NFKD,
    RULE_REPLACE,          /* pattern by content */
    RULE_REPLACE_SPACES,   /* two spaces or more by content */
    RULE_STRIP,            /* white space at the ends */
    RULE_PREPEND,          /* content, unless the text is empty */
    RULE_SPLIT_WHITESPACE, /* a cut in place of every white space */
    RULE_METASPACE,        /* spaces by content; content in front of parts that lack it; cuts in front of content */
};

enum metaspace_prefix { METASPACE_ALWAYS, METASPACE_FIRST, METASPACE_NEVER };

struct text_rule {
    enum text_rule_kind kind;
    struct charsmap map;
    char *pattern; /* owned, not empty where used */
    char *content; /* owned */
    bool strip_left, strip_right;
    bool add_dummy_prefix, remove_extra_whitespaces, escape_whitespaces; /* as in SentencePiece's normaliser */
    enum metaspace_prefix prefix;
    bool metaspace_split;
};

struct text_rules {
    struct text_rule items[TEXT_RULES_MAX];
    size_t count;
};

void text_rules_finish(struct text_rules *rules);

/* A new zeroed rule at the end, or NULL: CONCH_ERR_LIMIT. */
struct text_rule *text_rules_add(struct text_rules *rules, enum text_rule_kind kind, conch_error *err);

/* Replaces the content of ret (initialised) by text (valid UTF-8 without NUL) after all rules. */
int text_rules_apply(const struct text_rules *rules, const struct unigram *unigram, const char *text, size_t size,
                     struct buf *ret, conch_error *err);

#endif
