/* Reads a SentencePiece model file (a protobuf message): pieces, normaliser, byte fallback.
 *
 * Read: unigram models. Refused by name: the other model types and treat_whitespace_as_suffix. Fields that do not touch
 * the encoding (the rest of the trainer settings, self tests, the denormaliser) are skipped.
 * Field numbers: sentencepiece/src/sentencepiece_model.proto. */
#ifndef ENGINE_TEXT_SENTENCEPIECE_H
#define ENGINE_TEXT_SENTENCEPIECE_H

#include <stddef.h>

#include "conch/error.h"
#include "engine/text/rules.h"
#include "engine/text/unigram.h"

/* Fills an initialised unigram (not yet built) and the rules; both are the caller's to finish, also after an error. */
int sentencepiece_parse(const void *data, size_t size, struct unigram *unigram, struct text_rules *rules,
                        conch_error *err);

#endif
