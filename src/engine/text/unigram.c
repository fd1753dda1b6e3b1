#include "engine/text/unigram.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "engine/text/limits.h"
#include "engine/text/utf8.h"

#define UNKNOWN_PENALTY 10.0
#define END_PIECE       "</s>"

void token_list_finish(struct token_list *list)
{
    free(list->ids);
    *list = (struct token_list){0};
}

int token_list_append(struct token_list *list, int32_t id, conch_error *err)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        int32_t *ids = realloc(list->ids, capacity * sizeof *ids);
        if (!ids)
            return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for %zu token ids", capacity);
        list->ids = ids;
        list->capacity = capacity;
    }
    list->ids[list->count++] = id;
    return 0;
}

void unigram_init(struct unigram *unigram)
{
    *unigram = (struct unigram){.unknown_id = -1, .end_id = -1};
    buf_init(&unigram->texts, MODEL_BYTES_MAX + PIECES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(unigram->byte_ids); i++)
        unigram->byte_ids[i] = -1;
}

void unigram_finish(struct unigram *unigram)
{
    free(unigram->pieces);
    free(unigram->first_edge);
    free(unigram->label);
    free(unigram->node_piece);
    buf_finish(&unigram->texts);
    *unigram = (struct unigram){0};
}

static int pieces_grow(struct unigram *unigram, conch_error *err)
{
    if (unigram->piece_count >= PIECES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "the vocabulary has more than the allowed %u pieces", PIECES_MAX);
    if (unigram->piece_count < unigram->piece_capacity)
        return 0;
    size_t capacity = unigram->piece_capacity ? unigram->piece_capacity * 2 : 1024;
    struct piece *pieces = realloc(unigram->pieces, capacity * sizeof *pieces);
    if (!pieces)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a vocabulary of %zu pieces", capacity);
    unigram->pieces = pieces;
    unigram->piece_capacity = capacity;
    return 0;
}

int unigram_add(struct unigram *unigram, const struct piece_row *row, conch_error *err)
{
    size_t id = unigram->piece_count;
    if (row->text_bytes == 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "piece %zu is empty", id);
    if (row->text_bytes > PIECE_BYTES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "piece %zu has %zu bytes; at most %u are allowed", id,
                               row->text_bytes, PIECE_BYTES_MAX);
    char what[32];
    snprintf(what, sizeof what, "piece %zu", id);
    int rc = utf8_check(row->text, row->text_bytes, what, CONCH_ERR_FORMAT, err);
    if (rc < 0)
        return rc;
    if (memchr(row->text, 0, row->text_bytes))
        return conch_error_set(err, CONCH_ERR_FORMAT, "piece %zu contains a NUL character", id);
    if (!isfinite(row->score) || fabs(row->score) > 1e30)
        return conch_error_set(err, CONCH_ERR_FORMAT, "piece %zu has the score %g; scores are within +-1e30", id,
                               row->score);
    rc = pieces_grow(unigram, err);
    if (rc < 0)
        return rc;
    struct piece piece = {unigram->texts.size, row->score, (uint16_t)row->text_bytes, (uint8_t)row->kind};
    rc = buf_append(&unigram->texts, row->text, row->text_bytes, err);
    if (rc == 0)
        rc = buf_append(&unigram->texts, "", 1, err);
    if (rc == 0)
        unigram->pieces[unigram->piece_count++] = piece;
    return rc;
}

/* ---- build ---- */

/* The byte of a piece written <0xHH>, or -1. */
static int piece_byte(const char *text, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    if (size != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
        return -1;
    const char *high = memchr(digits, text[3], 16), *low = memchr(digits, text[4], 16);
    return high && low ? (int)((high - digits) * 16 + (low - digits)) : -1;
}

static int claim_id(int32_t *slot, size_t id, const char *text, conch_error *err)
{
    if (*slot >= 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "pieces %d and %zu are both %s", (int)*slot, id, text);
    *slot = (int32_t)id;
    return 0;
}

static bool piece_is_matched(const struct piece *piece)
{
    return piece->kind == PIECE_NORMAL || piece->kind == PIECE_USER || piece->kind == PIECE_UNUSED;
}

static int note_piece(struct unigram *unigram, size_t id, conch_error *err)
{
    struct piece *piece = &unigram->pieces[id];
    const char *text = unigram_piece_text(unigram, id);
    if (strcmp(text, END_PIECE) == 0) {
        piece->kind = PIECE_CONTROL; /* whatever the file says: a prompt must not be able to end itself */
        return claim_id(&unigram->end_id, id, END_PIECE, err);
    }
    if (piece->kind == PIECE_UNKNOWN)
        return claim_id(&unigram->unknown_id, id, "unknown pieces", err);
    if (piece->kind == PIECE_BYTE) {
        int byte = piece_byte(text, piece->text_bytes);
        if (byte < 0)
            return conch_error_set(err, CONCH_ERR_FORMAT,
                                   "piece %zu is a byte piece named %.40s; the names are <0x00> to <0xFF>", id, text);
        return claim_id(&unigram->byte_ids[byte], id, text, err);
    }
    unigram->has_user_pieces |= piece->kind == PIECE_USER;
    return 0;
}

static int note_pieces(struct unigram *unigram, conch_error *err)
{
    double score_min = INFINITY;
    unigram->score_max = -INFINITY;
    for (size_t id = 0; id < unigram->piece_count; id++) {
        int rc = note_piece(unigram, id, err);
        if (rc < 0)
            return rc;
        const struct piece *piece = &unigram->pieces[id];
        if (piece->kind == PIECE_NORMAL) {
            score_min = fmin(score_min, piece->score);
            unigram->score_max = fmax(unigram->score_max, piece->score);
        }
    }
    if (unigram->unknown_id < 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "the vocabulary has no unknown piece (<unk>)");
    if (unigram->end_id < 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "the vocabulary has no end piece (" END_PIECE ")");
    if (!isfinite(score_min))
        return conch_error_set(err, CONCH_ERR_FORMAT, "the vocabulary has no normal piece");
    unigram->unknown_score = score_min - UNKNOWN_PENALTY;
    for (int byte = 0; unigram->byte_fallback && byte < 256; byte++)
        if (unigram->byte_ids[byte] < 0)
            return conch_error_set(err, CONCH_ERR_FORMAT, "byte fallback is on, but there is no piece <0x%02X>", byte);
    return 0;
}

static int key_compare(const void *left, const void *right, void *context)
{
    const struct unigram *unigram = context;
    const struct piece *a = &unigram->pieces[*(const int32_t *)left], *b = &unigram->pieces[*(const int32_t *)right];
    int order = memcmp(unigram->texts.data + a->text_at, unigram->texts.data + b->text_at,
                       size_min(a->text_bytes, b->text_bytes));
    return order ? order : (int)a->text_bytes - (int)b->text_bytes;
}

/* Nodes of the trie: the root, and for each key what it does not share with the one before. */
static int count_nodes(const struct unigram *unigram, const int32_t *keys, size_t key_count, size_t *ret_count,
                       conch_error *err)
{
    size_t count = 1;
    for (size_t i = 0; i < key_count; i++) {
        const struct piece *piece = &unigram->pieces[keys[i]];
        const char *text = unigram_piece_text(unigram, (size_t)keys[i]);
        size_t shared = 0;
        if (i > 0) {
            const char *before = unigram_piece_text(unigram, (size_t)keys[i - 1]);
            while (text[shared] && text[shared] == before[shared])
                shared++;
            if (!text[shared] && !before[shared])
                return conch_error_set(err, CONCH_ERR_FORMAT, "pieces %d and %d are both %.100s", (int)keys[i - 1],
                                       (int)keys[i], text);
        }
        count += piece->text_bytes - shared;
    }
    *ret_count = count;
    return 0;
}

/* The sorted keys below a node: they share the bytes on the way to it. */
struct key_range {
    uint32_t begin, end;
};

static void fill_trie(struct unigram *unigram, const int32_t *keys, size_t key_count, struct key_range *ranges)
{
    size_t next = 1, depth = 0, level_end = 1;
    ranges[0] = (struct key_range){0, (uint32_t)key_count};
    for (size_t node = 0; node < unigram->node_count; node++) {
        if (node == level_end) {
            depth++;
            level_end = next;
        }
        struct key_range range = ranges[node];
        unigram->node_piece[node] = -1;
        unigram->first_edge[node] = (uint32_t)(next - 1);
        if (range.begin < range.end && unigram->pieces[keys[range.begin]].text_bytes == depth)
            unigram->node_piece[node] = keys[range.begin++];
        while (range.begin < range.end) {
            uint32_t begin = range.begin;
            char byte = unigram_piece_text(unigram, (size_t)keys[begin])[depth];
            while (range.begin < range.end && unigram_piece_text(unigram, (size_t)keys[range.begin])[depth] == byte)
                range.begin++;
            unigram->label[next - 1] = (uint8_t)byte;
            ranges[next++] = (struct key_range){begin, range.begin};
        }
    }
    assert(next == unigram->node_count);
    unigram->first_edge[unigram->node_count] = (uint32_t)(next - 1);
}

static int build_trie(struct unigram *unigram, conch_error *err)
{
    size_t key_count = 0;
    struct key_range *ranges = NULL;
    int32_t *keys = malloc((unigram->piece_count + 1) * sizeof *keys);
    int rc = 0;
    if (!keys)
        goto no_memory;
    for (size_t id = 0; id < unigram->piece_count; id++)
        if (piece_is_matched(&unigram->pieces[id]))
            keys[key_count++] = (int32_t)id;
    qsort_r(keys, key_count, sizeof *keys, key_compare, unigram);
    rc = count_nodes(unigram, keys, key_count, &unigram->node_count, err);
    if (rc < 0)
        goto out;
    ranges = malloc(unigram->node_count * sizeof *ranges);
    unigram->first_edge = malloc((unigram->node_count + 1) * sizeof *unigram->first_edge);
    unigram->label = malloc(unigram->node_count);
    unigram->node_piece = malloc(unigram->node_count * sizeof *unigram->node_piece);
    if (ranges && unigram->first_edge && unigram->label && unigram->node_piece) {
        fill_trie(unigram, keys, key_count, ranges);
        goto out;
    }
no_memory:
    rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a vocabulary of %zu pieces", unigram->piece_count);
out:
    free(ranges);
    free(keys);
    return rc;
}

int unigram_build(struct unigram *unigram, conch_error *err)
{
    assert(!unigram->first_edge);
    int rc = note_pieces(unigram, err);
    return rc < 0 ? rc : build_trie(unigram, err);
}

/* ---- encode ---- */

size_t unigram_walk(const struct unigram *unigram, size_t node, char byte)
{
    size_t low = unigram->first_edge[node], high = unigram->first_edge[node + 1];
    uint8_t wanted = (uint8_t)byte;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (unigram->label[middle] == wanted)
            return middle + 1;
        if (unigram->label[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

size_t unigram_user_match(const struct unigram *unigram, const char *text, size_t size)
{
    size_t longest = 0;
    if (!unigram->has_user_pieces)
        return 0;
    for (size_t node = 0, at = 0; at < size;) {
        node = unigram_walk(unigram, node, text[at++]);
        if (!node)
            break;
        int32_t id = unigram->node_piece[node];
        if (id >= 0 && unigram->pieces[id].kind == PIECE_USER)
            longest = at;
    }
    return longest;
}

/* The best path that ends at a byte offset. */
struct path_end {
    double sum;
    uint32_t begin; /* where its last piece begins; PATH_NONE: nothing ends here */
    int32_t id;
};

#define PATH_NONE UINT32_MAX

static double path_sum(const struct unigram *unigram, double before, double score)
{
    return unigram->sums_in_double ? before + score : (double)(float)((float)before + (float)score);
}

static void path_offer(struct path_end *end, double sum, size_t begin, int32_t id)
{
    if (end->begin == PATH_NONE || sum > end->sum)
        *end = (struct path_end){sum, (uint32_t)begin, id};
}

/* A user-defined piece is to outbid any division of the same bytes into normal ones: SentencePiece scores each of its
 * bytes like the best piece there is, less a little. */
static double piece_score(const struct unigram *unigram, const struct piece *piece)
{
    if (piece->kind == PIECE_USER)
        return (double)(float)(piece->text_bytes * unigram->score_max - 0.1);
    return piece->score;
}

static void extend_paths(const struct unigram *unigram, const char *text, size_t size, size_t begin,
                         struct path_end *ends)
{
    size_t first = utf8_step(text[begin]);
    bool covered = false; /* a piece of just this character exists */
    for (size_t node = 0, at = begin; at < size;) {
        node = unigram_walk(unigram, node, text[at++]);
        if (!node)
            break;
        int32_t id = unigram->node_piece[node];
        if (id < 0 || unigram->pieces[id].kind == PIECE_UNUSED)
            continue;
        path_offer(&ends[at], path_sum(unigram, ends[begin].sum, piece_score(unigram, &unigram->pieces[id])), begin,
                   id);
        covered |= at == begin + first;
    }
    if (!covered)
        path_offer(&ends[begin + first], path_sum(unigram, ends[begin].sum, unigram->unknown_score), begin,
                   unigram->unknown_id);
}

static int append_unknown(const struct unigram *unigram, const char *text, size_t size, struct token_list *list,
                          conch_error *err)
{
    int rc = 0;
    if (!unigram->byte_fallback) {
        bool goes_on = list->count && list->ids[list->count - 1] == unigram->unknown_id;
        return goes_on ? 0 : token_list_append(list, unigram->unknown_id, err);
    }
    for (size_t i = 0; rc == 0 && i < size; i++)
        rc = token_list_append(list, unigram->byte_ids[(uint8_t)text[i]], err);
    return rc;
}

/* Turns the links from the end to the start round, so that they can be followed in text order: ends[i].begin becomes
 * where the piece that starts at i ends. */
static void path_reverse(struct path_end *ends, size_t size)
{
    size_t at = size;
    uint32_t next = PATH_NONE;
    int32_t id = -1;
    while (at > 0) {
        struct path_end here = ends[at];
        ends[at] = (struct path_end){0, next, id};
        next = (uint32_t)at;
        id = here.id;
        at = here.begin;
    }
    ends[0] = (struct path_end){0, next, id};
}

int unigram_encode(const struct unigram *unigram, const char *text, size_t size, struct token_list *list,
                   conch_error *err)
{
    assert(unigram->first_edge && size < PATH_NONE);
    if (size == 0)
        return 0;
    struct path_end *ends = malloc((size + 1) * sizeof *ends);
    if (!ends)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to tokenise %zu bytes", size);
    for (size_t i = 0; i <= size; i++)
        ends[i] = (struct path_end){0, PATH_NONE, -1};
    ends[0].begin = 0;
    for (size_t at = 0; at < size; at += utf8_step(text[at]))
        extend_paths(unigram, text, size, at, ends);
    path_reverse(ends, size);
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < size;) {
        size_t end = ends[at].begin;
        int32_t id = ends[at].id;
        if (id == unigram->unknown_id)
            rc = append_unknown(unigram, text + at, end - at, list, err);
        else
            rc = token_list_append(list, id, err);
        at = end;
    }
    free(ends);
    return rc;
}
