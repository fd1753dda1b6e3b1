/* The prompt optimizer by an OpenAI-compatible chat service, where the operator configured one. */
#ifndef SERVER_API_CHAT_H
#define SERVER_API_CHAT_H

#include "base/buf.h"
#include "server/config.h"
#include "server/prompt/expand.h"

enum { CHAT_ANSWER_BYTES_MAX = 256 << 10, CHAT_PROMPT_CHARS_MAX = 4000 };

/* Asks for a rewritten prompt in the style of a family; ret_text (initialised, empty) gets it, checked for characters
 * and length. Errors of http_client_fetch; CONCH_ERR_FORMAT for an answer without a usable text. */
int chat_rewrite(const struct config *config, enum prompt_family family, const char *text, struct buf *ret_text,
                 conch_error *err);

#endif
