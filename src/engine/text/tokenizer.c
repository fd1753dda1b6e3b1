#include "engine/text/tokenizer.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "engine/text/clean.h"
#include "engine/text/limits.h"
#include "engine/text/rules.h"
#include "engine/text/sentencepiece.h"
#include "engine/text/tokenizer_json.h"
#include "engine/text/utf8.h"

struct tokenizer {
    struct unigram unigram;
    struct text_rules rules;
};

/* A JSON object begins with { and then " or }. A SentencePiece model begins with the tag of its first piece, 0x0A,
 * which JSON takes for a line end; what follows it is a length and another tag, never these two. */
static bool looks_like_json(const char *data, size_t size)
{
    size_t at = 0;
    while (at < size && memchr(" \t\r\n", data[at], 4))
        at++;
    if (at == size || data[at++] != '{')
        return false;
    while (at < size && memchr(" \t\r\n", data[at], 4))
        at++;
    return at < size && (data[at] == '"' || data[at] == '}');
}

int tokenizer_open_memory(struct tokenizer **ret_tok, const void *data, size_t size, conch_error *err)
{
    const char *bytes = data;
    if (size > MODEL_BYTES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "the tokenizer has %zu bytes; at most %u are allowed", size,
                               MODEL_BYTES_MAX);
    bool json = looks_like_json(bytes, size);
    if (!json && (size == 0 || bytes[0] != 0x0A))
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "the tokenizer is neither a SentencePiece model nor a tokenizer.json");
    struct tokenizer *tok = calloc(1, sizeof *tok);
    if (!tok)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the tokenizer");
    unigram_init(&tok->unigram);
    int rc = json ? tokenizer_json_parse(data, size, &tok->unigram, &tok->rules, err)
                  : sentencepiece_parse(data, size, &tok->unigram, &tok->rules, err);
    if (rc == 0)
        rc = unigram_build(&tok->unigram, err);
    if (rc == 0) {
        *ret_tok = tok;
        tok = NULL;
    }
    tokenizer_close(tok);
    return rc;
}

int tokenizer_open(struct tokenizer **ret_tok, const char *path, conch_error *err)
{
    struct buf file;
    buf_init(&file, MODEL_BYTES_MAX);
    int rc = file_read(&file, path, err); /* read, not mapped: a file that shrinks under a map would kill the process */
    if (rc == 0)
        rc = tokenizer_open_memory(ret_tok, file.data, file.size, err);
    buf_finish(&file);
    return rc;
}

void tokenizer_close(struct tokenizer *tok)
{
    if (!tok)
        return;
    unigram_finish(&tok->unigram);
    text_rules_finish(&tok->rules);
    free(tok);
}

size_t tokenizer_piece_count(const struct tokenizer *tok)
{
    return tok->unigram.piece_count;
}

int32_t tokenizer_end_id(const struct tokenizer *tok)
{
    return tok->unigram.end_id;
}

const char *tokenizer_piece(const struct tokenizer *tok, int32_t id)
{
    if (id < 0 || (size_t)id >= tok->unigram.piece_count)
        return NULL;
    return unigram_piece_text(&tok->unigram, (size_t)id);
}

/* text is valid UTF-8 */
static int encode(const struct tokenizer *tok, const char *text, size_t size, struct token_list *list, conch_error *err)
{
    struct buf ready;
    buf_init(&ready, NORMALIZED_BYTES_MAX);
    int rc = text_rules_apply(&tok->rules, &tok->unigram, text, size, &ready, err);
    for (size_t begin = 0; rc == 0 && begin < ready.size;) {
        size_t part = strnlen(ready.data + begin, ready.size - begin);
        rc = unigram_encode(&tok->unigram, ready.data + begin, part, list, err);
        begin += part + 1;
    }
    buf_finish(&ready);
    return rc;
}

int tokenizer_encode_raw(const struct tokenizer *tok, const char *text, struct token_list *ret_list, conch_error *err)
{
    struct token_list list = {0};
    size_t size = strlen(text);
    if (size > PROMPT_BYTES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "the prompt has %zu bytes; at most %u are allowed", size,
                               PROMPT_BYTES_MAX);
    int rc = utf8_check(text, size, "the prompt", CONCH_ERR_RANGE, err);
    if (rc == 0)
        rc = encode(tok, text, size, &list, err);
    if (rc == 0) {
        *ret_list = list;
        list = (struct token_list){0};
    }
    token_list_finish(&list);
    return rc;
}

int tokenizer_encode(const struct tokenizer *tok, const char *text, size_t slot_count, struct token_list *ret_list,
                     size_t *ret_cut, conch_error *err)
{
    if (slot_count == 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "slot_count is 0; at least one slot is needed for the end id");
    struct token_list list = {0};
    size_t cut = 0;
    struct buf clean;
    buf_init(&clean, NORMALIZED_BYTES_MAX);
    int rc = text_clean(text, &clean, err);
    if (rc == 0 && clean.size)
        rc = encode(tok, clean.data, clean.size, &list, err);
    if (rc == 0 && list.count > slot_count - 1) {
        cut = list.count - (slot_count - 1);
        list.count = slot_count - 1;
    }
    if (rc == 0)
        rc = token_list_append(&list, tok->unigram.end_id, err);
    if (rc == 0) {
        assert(list.count >= 1 && list.count <= slot_count);
        *ret_list = list;
        list = (struct token_list){0};
        if (ret_cut)
            *ret_cut = cut;
    }
    token_list_finish(&list);
    buf_finish(&clean);
    return rc;
}
