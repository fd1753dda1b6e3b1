/* A list of words that a prompt may not have: the local part of the safety hook.
 *
 *   {"format": 1,
 *    "words": ["..."],                  single words
 *    "phrases": ["... ..."],            words that follow one another
 *    "together": [{"name": "...", "one": ["..."], "other": ["..."]}]}   a word of each list near one another
 *
 * All three lists may be left out. "words" and "phrases" may also hold {"text": "...", "name": "..."}, where name is
 * the class that is reported; without it the name is "words" or "phrases".
 *
 * Words are compared in a common form, the same for list and prompt: case folded, full-width letters and ligatures made
 * normal (NFKC), zero-width characters and accents removed, everything that is no letter and no digit one space,
 * letters that stand one by one joined ("p o r n", "p.o.r.n"). Entries match whole words; entries in scripts without
 * spaces (Chinese, Japanese, Thai) match anywhere, also with blanks and marks between their characters.
 *
 * Not done: look-alike letters of other scripts, digits for letters, inflections (write them out), meaning. A word list
 * stops the obvious and is no classifier.
 *
 * A policy does not change after it was read, so threads may share it. Matching is linear in the text (Aho-Corasick).
 */
#ifndef SERVER_PROMPT_POLICY_H
#define SERVER_PROMPT_POLICY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "conch/error.h"

enum {
    POLICY_ENTRIES_MAX = 8192,   /* words, phrases and the words of "together", all counted */
    POLICY_ENTRY_CHARS_MAX = 80, /* as written */
    POLICY_TOGETHER_MAX = 64,
    POLICY_NEAR_WORDS = 10, /* "together": at most so many words apart; a Chinese character counts as one */
};

struct policy;

struct policy_match {
    const char *entry; /* as the list spells it; belongs to the policy */
    const char *other; /* for "together": the other word; else NULL */
    const char *name;  /* the class */
};

/* json is borrowed; document names it in error texts. The caller owns *ret (policy_destroy).
 * CONCH_ERR_FORMAT names the field, what it holds and what is allowed; CONCH_ERR_LIMIT; CONCH_ERR_NOMEM. */
int policy_read(struct policy **ret, const json_t *json, const char *document, conch_error *err);
void policy_destroy(struct policy *policy);

size_t policy_entry_count(const struct policy *policy);

/* 1 and the first entry found in a text that prompt_check has passed, 0 when it has none; CONCH_ERR_LIMIT,
 * CONCH_ERR_NOMEM. */
int policy_match(const struct policy *policy, const char *text, struct policy_match *ret, conch_error *err);

#endif
