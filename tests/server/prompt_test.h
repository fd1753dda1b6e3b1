/* Where the tests of prompts have their answers: a text, what was noted, the error. */
#ifndef TESTS_SERVER_PROMPT_TEST_H
#define TESTS_SERVER_PROMPT_TEST_H

#include "base/buf.h"
#include "server/prompt/expand.h"

/* There between a group's text_open and text_close. */
extern struct buf text;
extern struct prompt_notes notes;
extern conch_error err;
int text_open(void **state);
int text_close(void **state);

/* prompt_expand into text, notes: its text. Fails the test when it is refused. */
const char *expand(struct prompt_expand_request request);

#endif
