/* Prompt text to token ids: the public face of this folder.
 *
 * A tokenizer is opened once and then only read: any number of threads may encode with it at once. The files it reads
 * are described in sentencepiece.h and tokenizer_json.h, the clean-up of prompts in clean.h, the limits in limits.h. */
#ifndef ENGINE_TEXT_TOKENIZER_H
#define ENGINE_TEXT_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"
#include "engine/text/unigram.h" /* struct token_list */

struct tokenizer;

/* Opens a SentencePiece .model or a tokenizer.json; which of them it is, its first bytes tell.
 *   CONCH_ERR_NOTFOUND, CONCH_ERR_IO   the file cannot be read
 *   CONCH_ERR_FORMAT                   it is damaged, or it lacks </s> or the unknown piece
 *   CONCH_ERR_UNSUPPORTED              it asks for something that is not built; the text names it
 *   CONCH_ERR_LIMIT                    see limits.h */
int tokenizer_open(struct tokenizer **ret_tok, const char *path, conch_error *err);

/* The same from memory, for checkpoints that carry the file as a tensor. data may be freed afterwards. */
int tokenizer_open_memory(struct tokenizer **ret_tok, const void *data, size_t size, conch_error *err);

/* Takes NULL. */
void tokenizer_close(struct tokenizer *tok);

size_t tokenizer_piece_count(const struct tokenizer *tok);

/* The id of </s>. */
int32_t tokenizer_end_id(const struct tokenizer *tok);

/* The text of a piece, valid until the tokenizer is closed; NULL when id is not one of 0 .. piece_count - 1. */
const char *tokenizer_piece(const struct tokenizer *tok, int32_t id);

/* Cleans text as clean.h says, encodes it and appends the end id. More than slot_count ids are cut to that number, the
 * end id still last; *ret_cut (may be NULL) is how many were dropped, so that the user can be told. Empty text gives
 * the end id alone. The list is the caller's to finish, and is only set on success. CONCH_ERR_RANGE   invalid UTF-8
 * (names the byte offset), slot_count 0 CONCH_ERR_LIMIT   more than PROMPT_BYTES_MAX bytes */
int tokenizer_encode(const struct tokenizer *tok, const char *text, size_t slot_count, struct token_list *ret_list,
                     size_t *ret_cut, conch_error *err);

/* Encodes text as it is: no clean-up, no end id, no cut. Same errors. */
int tokenizer_encode_raw(const struct tokenizer *tok, const char *text, struct token_list *ret_list, conch_error *err);

#endif
