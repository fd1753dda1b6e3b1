/* What the targets of the wire formats share: the shipped catalog, and what every refusal must say. */
#ifndef FUZZ_FUZZ_DIALECT_H
#define FUZZ_FUZZ_DIALECT_H

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "server/api/api.h"
#include "server/job/catalog.h"

/* catalog/NAME under CONCH_TEST_ROOT; the caller owns it. */
static inline json_t *shipped_document(const char *name)
{
    const char *root = getenv("CONCH_TEST_ROOT");
    char path[4096];
    json_t *document;
    snprintf(path, sizeof path, "%s/catalog/%s", root ? root : ".", name);
    if (json_file_read(&document, path, NULL) < 0)
        abort();
    return document;
}

/* Read at the first call. */
static inline const struct catalog *shipped_catalog(void)
{
    static struct catalog catalog;
    if (!catalog.models) {
        json_t *document = shipped_document("models.json");
        if (catalog_read(&catalog, document, NULL) < 0)
            abort();
        json_decref(document);
    }
    return &catalog;
}

static inline void refusal_check(int rc, const struct api_problem *problem)
{
    if (rc < 0 && (problem->kind == API_OK || !problem->text[0]))
        abort();
}

#endif
