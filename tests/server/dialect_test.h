/* What the tests of the catalog and of the wire formats read: the shipped catalog, and bodies written with single
 * quotes. */
#ifndef TESTS_SERVER_DIALECT_TEST_H
#define TESTS_SERVER_DIALECT_TEST_H

#include <jansson.h>

#include "server/job/catalog.h"

/* The shipped catalog and the document it was read from: there between a group's shipped_open and shipped_close. */
extern struct catalog catalog;
extern json_t *document;
int shipped_open(void **state);
int shipped_close(void **state); /* with body_free */

/* Single quotes stand for double ones. Fails the test when that is no JSON. */
json_t *json_of(const char *text);

/* The body that is being read: what decoders answer points into it, so it stays until the next body_set or body_free.
 */
extern json_t *body;
void body_set(json_t *json); /* takes it */
int body_free(void **state); /* a teardown */

#endif
