/* Reading documents of ours (manifests, configuration) with errors that name the field, what it holds and what is
 * allowed.
 *
 * A field is named by a path for people ("components.vae.dim"). Objects are jansson's; all references are borrowed. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "conch/error.h"

enum { JSON_FILE_BYTES_MAX = 4 << 20 };

/* Parses a whole file; duplicate keys are refused. The caller owns *ret (json_decref).
 * CONCH_ERR_FORMAT names line and column; CONCH_ERR_NOTFOUND, CONCH_ERR_IO, CONCH_ERR_LIMIT. */
int json_file_read(json_t **ret, const char *path, conch_error *err);

/* Where in which document: for error texts. */
struct json_place {
    const char *document; /* file name */
    const char *prefix;   /* "" or "components.vae." */
};

/* Each returns CONCH_ERR_FORMAT for a field that is missing, of another type or outside min..max. */
int json_field_size(const json_t *object, const char *key, size_t min, size_t max, size_t *ret,
                    const struct json_place *place, conch_error *err);
int json_field_number(const json_t *object, const char *key, double min, double max, double *ret,
                      const struct json_place *place, conch_error *err);
int json_field_text(const json_t *object, const char *key, const char **ret, const struct json_place *place,
                    conch_error *err);
int json_field_object(const json_t *object, const char *key, json_t **ret, const struct json_place *place,
                      conch_error *err);
/* An array with count_min .. count_max entries. */
int json_field_array(const json_t *object, const char *key, size_t count_min, size_t count_max, json_t **ret,
                     const struct json_place *place, conch_error *err);

#endif
