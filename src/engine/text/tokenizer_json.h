/* Reads a Hugging Face tokenizer.json with a Unigram model.
 *
 * normalizer      null, Sequence, Precompiled, Lowercase, NFC, NFD, NFKC, NFKD, Strip, Prepend, Replace (a string, or
 * the regular expression " {2,}") pre_tokenizer   null, Sequence, WhitespaceSplit, Metaspace (add_prefix_space, or
 * prepend_scheme and split) model           Unigram: vocab, unk_id, byte_fallback added_tokens    those inside the
 * vocabulary must agree with it; those after it, in order of their ids, extend it
 *
 * Anything else in these places is refused with its name. post_processor, decoder, truncation and padding are not read:
 * the end id and the slots are the caller's business.
 *
 * Differences from the tokenizers library, all on the side of SentencePiece: added tokens and byte pieces (<0x0A>) are
 * never matched in text, so that a prompt cannot spell them; a run of unknown characters is one id also across words;
 * Precompiled takes the longest match instead of working by grapheme. */
#ifndef ENGINE_TEXT_TOKENIZER_JSON_H
#define ENGINE_TEXT_TOKENIZER_JSON_H

#include <stddef.h>

#include "conch/error.h"
#include "engine/text/rules.h"
#include "engine/text/unigram.h"

/* Fills an initialised unigram (not yet built) and the rules; both are the caller's to finish, also after an error. */
int tokenizer_json_parse(const void *data, size_t size, struct unigram *unigram, struct text_rules *rules,
                         conch_error *err);

#endif
