/* A vocabulary of scored pieces and the segmentation of text into them: the path with the greatest sum of scores.
 *
 * Fill with unigram_add, seal with unigram_build, then it is read-only and may be used by several threads at once.
 *
 * Rules of the segmentation (those of SentencePiece): only normal and user-defined pieces match text; of two paths with
 * the same sum the one found first wins, which is the one whose last piece begins earlier; a character that no
 * single-character piece covers may be taken as unknown, at the least score of all normal pieces minus 10. A run of
 * unknown characters gives one unknown id, or with byte fallback the byte pieces of each.
 *
 * The pieces are kept in a trie whose nodes are numbered level by level: then every edge leads to the node numbered one
 * higher than the edge, and 9 bytes a node suffice. Lookup is a binary search among the edges of a node. Building takes
 * time in proportion to the bytes of all pieces (after a sort), whatever the pieces are. */
#ifndef ENGINE_TEXT_UNIGRAM_H
#define ENGINE_TEXT_UNIGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "conch/error.h"

/* The numbers are those of SentencePiece's files. */
enum piece_kind {
    PIECE_NORMAL = 1,
    PIECE_UNKNOWN = 2, /* exactly one */
    PIECE_CONTROL = 3, /* <pad>, </s>: never matched in text */
    PIECE_USER = 4,    /* user-defined: preferred to any division of it */
    PIECE_UNUSED = 5,
    PIECE_BYTE = 6, /* <0x00> ... <0xFF>: only by byte fallback */
};

struct piece {
    size_t text_at; /* offset in texts; NUL-terminated there */
    double score;
    uint16_t text_bytes;
    uint8_t kind;
};

/* Ids in text order; zero before use. */
struct token_list {
    int32_t *ids;
    size_t count;
    size_t capacity;
};

void token_list_finish(struct token_list *list);
int token_list_append(struct token_list *list, int32_t id, conch_error *err);

struct unigram {
    /* settings, before unigram_build */
    bool byte_fallback;
    bool sums_in_double; /* tokenizer.json sums in f64, SentencePiece in f32; it can decide near ties */

    struct piece *pieces; /* by id */
    size_t piece_count;
    size_t piece_capacity;
    struct buf texts;

    int32_t unknown_id;
    int32_t end_id; /* </s> */
    int32_t byte_ids[256];
    double unknown_score;
    double score_max; /* greatest score of a normal piece */
    bool has_user_pieces;

    size_t node_count;
    uint32_t *first_edge; /* [node_count + 1] */
    uint8_t *label;       /* [node_count - 1], by edge */
    int32_t *node_piece;  /* [node_count], -1 without */
};

void unigram_init(struct unigram *unigram);
void unigram_finish(struct unigram *unigram);

struct piece_row {
    const char *text; /* UTF-8 without NUL */
    size_t text_bytes;
    double score;
    enum piece_kind kind;
};

/* The next id gets this piece. CONCH_ERR_FORMAT (empty, invalid UTF-8, score not finite), CONCH_ERR_LIMIT. */
int unigram_add(struct unigram *unigram, const struct piece_row *row, conch_error *err);

/* CONCH_ERR_FORMAT for no or two unknown pieces, no </s>, duplicate pieces, missing byte pieces. */
int unigram_build(struct unigram *unigram, conch_error *err);

static inline const char *unigram_piece_text(const struct unigram *unigram, size_t id)
{
    return unigram->texts.data + unigram->pieces[id].text_at;
}

/* The node reached from node over this byte, or 0, for no edge leads to the root. */
size_t unigram_walk(const struct unigram *unigram, size_t node, char byte);

/* Bytes of the longest user-defined piece that text begins with; 0 without. */
size_t unigram_user_match(const struct unigram *unigram, const char *text, size_t size);

/* Appends the ids of text, which is valid UTF-8. An unknown run that continues one at the end of list adds nothing. */
int unigram_encode(const struct unigram *unigram, const char *text, size_t size, struct token_list *list,
                   conch_error *err);

#endif
