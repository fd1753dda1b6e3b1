/* The part of JSON Schema that docs/api/openapi.json uses. */
#ifndef TESTS_SERVER_SCHEMA_CHECK_H
#define TESTS_SERVER_SCHEMA_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct schema_check {
    json_t *document; /* where $ref leads */
    bool closed;      /* members that a schema does not name are faults, so that nothing is shown undescribed */
    char fault[512];  /* the first, with where it is */
};

/* false: fault says why. */
bool schema_check(struct schema_check *check, const json_t *schema, const json_t *value);

/* What a "#/a/b" leads to, with ~1 for '/'; NULL: nowhere. */
const json_t *schema_ref(const json_t *document, const char *ref);

#endif
