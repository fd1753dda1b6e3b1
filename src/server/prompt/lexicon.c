#include "server/prompt/lexicon.h"

#include <assert.h>
#include <string.h>

/* Spellings by their first byte: those of one byte stand together in `order`, from start[byte] to start[byte + 1]. */
struct spelling {
    const char *text;
    uint16_t row;
    uint8_t size; /* without '~' */
    bool plural;  /* may have the ending */
};

struct index {
    struct spelling spellings[LEXICON_SPELLINGS_MAX];
    uint16_t order[LEXICON_SPELLINGS_MAX];
    uint16_t start[257];
    size_t count;
};

static bool is_ascii_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static void index_make(struct index *index, const struct lexicon *lexicon)
{
    index->count = 0;
    memset(index->start, 0, sizeof index->start);
    for (size_t i = 0; i < lexicon->row_count; i++)
        for (const char *text = lexicon->rows[i].spellings; *text;) {
            size_t size = strcspn(text, "|");
            bool plural = text[size - 1] == '~';
            assert(size > plural && size < 256 && index->count < LEXICON_SPELLINGS_MAX);
            index->spellings[index->count++] = (struct spelling){text, (uint16_t)i, (uint8_t)(size - plural), plural};
            index->start[(uint8_t)*text + 1]++;
            text += size + (text[size] == '|');
        }
    for (size_t i = 0; i < 256; i++)
        index->start[i + 1] = (uint16_t)(index->start[i + 1] + index->start[i]);
    uint16_t next[256];
    memcpy(next, index->start, sizeof next);
    for (size_t i = 0; i < index->count; i++)
        index->order[next[(uint8_t)*index->spellings[i].text]++] = (uint16_t)i;
}

/* Bytes that a spelling takes at text, 0 when it is not there. */
static size_t spelling_size(const struct spelling *spelling, const char *text, bool *ret_plural)
{
    size_t size = spelling->size;
    *ret_plural = false;
    if (strncmp(text, spelling->text, size) != 0)
        return 0;
    if (!is_ascii_word(spelling->text[size - 1]) || !is_ascii_word(text[size]))
        return size;
    if (!spelling->plural)
        return 0;
    size_t ending = text[size] == 's' ? 1 : text[size] == 'e' && text[size + 1] == 's' ? 2 : 0;
    if (!ending || is_ascii_word(text[size + ending]))
        return 0;
    *ret_plural = true;
    return size + ending;
}

static bool find_at(const struct index *index, const struct lexicon *lexicon, const char *folded, size_t at,
                    struct lexicon_hit *ret)
{
    const uint8_t first = (uint8_t)folded[at];
    ret->size = 0;
    if (is_ascii_word((char)first) && at && is_ascii_word(folded[at - 1]))
        return false;
    for (size_t i = index->start[first]; i < index->start[first + 1]; i++) {
        const struct spelling *spelling = &index->spellings[index->order[i]];
        bool plural;
        size_t size = spelling_size(spelling, folded + at, &plural);
        if (size > ret->size)
            *ret = (struct lexicon_hit){&lexicon->rows[spelling->row], (uint32_t)at, (uint32_t)size, plural};
    }
    return ret->size > 0;
}

size_t lexicon_find(const struct lexicon *lexicon, const char *folded, struct lexicon_hit *hits, size_t hits_max)
{
    struct index index;
    size_t count = 0;
    index_make(&index, lexicon);
    for (size_t at = 0; folded[at] && count < hits_max;) {
        if (find_at(&index, lexicon, folded, at, &hits[count]))
            at += hits[count++].size;
        else
            at++;
    }
    return count;
}

const struct lexicon_hit *lexicon_first(const struct lexicon_hit *hits, size_t count, uint8_t kind)
{
    for (size_t i = 0; i < count; i++)
        if (hits[i].row->kind == kind)
            return &hits[i];
    return NULL;
}
