/* The common form of policy entries and prompts; see policy.h for what it does. */
#ifndef SERVER_PROMPT_POLICY_FORM_H
#define SERVER_PROMPT_POLICY_FORM_H

#include "base/buf.h"
#include "conch/error.h"

/* A text has a space at both ends and between its words. An entry has one at an end where only a whole word may match;
 * so an entry is found as a plain piece of a text. Characters of scripts without spaces stand without any between them,
 * and with one where another script begins. */
enum policy_form_of { POLICY_FORM_ENTRY, POLICY_FORM_TEXT };

/* Replaces ret; empty for an entry without letters and digits. Errors as prompt_fold. */
int policy_form(const char *text, enum policy_form_of of, struct buf *ret, conch_error *err);

#endif
