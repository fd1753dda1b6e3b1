/* Finding known words in a prompt: tables of rows, each with the spellings of one meaning in English and Chinese. */
#ifndef SERVER_PROMPT_LEXICON_H
#define SERVER_PROMPT_LEXICON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Spellings are separated by '|', in lower case. One that begins with an ASCII letter or digit matches whole words
 * only, others anywhere. A '~' at the end of a spelling stands for nothing, "s" or "es". */
struct lexicon_row {
    const char *spellings;
    uint8_t kind;  /* what sort of word; the table's own enum */
    uint8_t value; /* which of that sort */
    uint8_t extra; /* more about it; the table says what */
};

struct lexicon {
    const struct lexicon_row *rows;
    size_t row_count;
};

struct lexicon_hit {
    const struct lexicon_row *row;
    uint32_t at, size; /* in the folded text */
    bool plural;       /* the ending that '~' allows was there */
};

enum { LEXICON_HITS_MAX = 2048, LEXICON_SPELLINGS_MAX = 2048 };

/* Finds words in a folded text (prompt_fold), from left to right, the longest spelling at each place, none overlapping.
 * Writes at most hits_max and returns how many. The lexicon has at most LEXICON_SPELLINGS_MAX spellings (asserted). */
size_t lexicon_find(const struct lexicon *lexicon, const char *folded, struct lexicon_hit *hits, size_t hits_max);

/* The first hit of a kind, or NULL. */
const struct lexicon_hit *lexicon_first(const struct lexicon_hit *hits, size_t count, uint8_t kind);

#endif
