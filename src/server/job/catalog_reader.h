/* Reading the catalog's documents field by field. Private to the files that do. */
#ifndef SERVER_JOB_CATALOG_READER_H
#define SERVER_JOB_CATALOG_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "conch/error.h"

/* One object of the document: where it stands, and what went wrong first. Readers do nothing once rc is set, so that a
 * caller may read all fields and look once. */
struct catalog_reader {
    const json_t *object;
    struct json_place place;
    char prefix[96];
    int rc;
    conch_error *err;
};

/* prefix: "" or where the object stands, with a dot at its end ("models[2]."). An object that is none is an error. */
void catalog_reader_begin(struct catalog_reader *r, const json_t *object, const char *prefix, conch_error *err);

/* Refuses fields that are none of `known` (a list in one text, each followed by a space). */
void catalog_reader_fields_check(struct catalog_reader *r, const char *known);

bool catalog_reader_has(const struct catalog_reader *r, const char *key);
size_t catalog_reader_number(struct catalog_reader *r, const char *key, size_t min, size_t max);
size_t catalog_reader_number_or(struct catalog_reader *r, const char *key, size_t max, size_t otherwise);
const char *catalog_reader_text(struct catalog_reader *r, const char *key); /* never empty */
bool catalog_reader_flag(struct catalog_reader *r, const char *key, bool required);
json_t *catalog_reader_list(struct catalog_reader *r, const char *key, size_t min, size_t max);

/* The place of a word among names; of several, their bits. */
size_t catalog_reader_word(struct catalog_reader *r, const char *key, const char *const *names, size_t count);
unsigned catalog_reader_words(struct catalog_reader *r, const char *key, const char *const *names, size_t count);

char catalog_reader_confidence(struct catalog_reader *r); /* 'H', 'M' or 'L' */

/* A day as "2026-01-31", in Unix ms of its first moment. */
int64_t catalog_reader_date(struct catalog_reader *r, const char *key);

/* Zeroed memory for rows; the caller's. NULL once something went wrong. */
void *catalog_reader_rows_allocate(struct catalog_reader *r, size_t count, size_t size);

#endif
