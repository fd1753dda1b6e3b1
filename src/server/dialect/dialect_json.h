/* Reading fields of requests with refusals that name field, value and what is allowed, and writing JSON answers without
 * building a tree. What every dialect shares. */
#ifndef SERVER_DIALECT_DIALECT_JSON_H
#define SERVER_DIALECT_DIALECT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "conch/error.h"
#include "server/api/api.h"
#include "server/dialect/dialect.h"

enum {
    DIALECT_ID_DIGITS_MAX = 16,
    DIALECT_ANSWER_BYTES_MAX = 16 << 20, /* of one JSON answer */
};

/* ---- parsing ---- */

/* A whole body: one object, no duplicate keys, at most depth_max levels (looked at before it is parsed), no NUL in
 * strings. API_INVALID with field "body", saying line and column. The caller owns *ret. */
int dialect_json_parse(const char *body, size_t size, int64_t depth_max, json_t **ret, struct api_problem *ret_problem);

/* Each of these reads object[key]. Absent and null leave *ret as it is; another type or a value outside what is allowed
 * is API_INVALID naming the key. Texts are borrowed from the object. */
int dialect_text(const json_t *object, const char *key, const char **ret, struct api_problem *ret_problem);
int dialect_integer(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *ret,
                    struct api_problem *ret_problem); /* 6.0 is 6 */
int dialect_real(const json_t *object, const char *key, double min, double max, double *ret,
                 struct api_problem *ret_problem);
int dialect_flag(const json_t *object, const char *key, bool *ret, struct api_problem *ret_problem);
int dialect_choice(const json_t *object, const char *key, enum api_choice *ret, struct api_problem *ret_problem);
int dialect_object(const json_t *object, const char *key, json_t **ret, struct api_problem *ret_problem);
int dialect_array(const json_t *object, const char *key, size_t count_max, json_t **ret,
                  struct api_problem *ret_problem);
/* An id as text or as a number. */
int dialect_id(const json_t *object, const char *key, int64_t *ret, struct api_problem *ret_problem);

/* Every key of the object is one of these (ending in NULL), or API_INVALID names it and the nearest or all allowed. */
int dialect_known(const json_t *object, const char *const *names, struct api_problem *ret_problem);
/* The same for the query and for the parts of a form. */
int dialect_known_queries(const struct http_request *request, const char *const *names,
                          struct api_problem *ret_problem);
int dialect_known_parts(const struct http_request *request, const char *const *names, struct api_problem *ret_problem);

/* [0-9]{1,16}, 1 .. 2^53-1 (leading zeros are allowed in what clients send). */
bool dialect_id_parse(const char *text, int64_t *ret_id);

/* Parameters of the query, as the fields above. An empty value counts as absent. */
int dialect_query_integer(const struct http_request *request, const char *name, int64_t min, int64_t max, int64_t *ret,
                          struct api_problem *ret_problem);
int dialect_query_id(const struct http_request *request, const char *name, int64_t *ret,
                     struct api_problem *ret_problem);
int dialect_query_flag(const struct http_request *request, const char *name, bool *ret,
                       struct api_problem *ret_problem); /* 1, 0, true, false */
int dialect_query_time(const struct http_request *request, const char *name, int64_t *ret_ms,
                       struct api_problem *ret_problem); /* RFC 3339, a day, or Unix seconds */

/* Text of a part of a form that is no file; NULL: there is none. */
const char *dialect_part_text(const struct http_request *request, const char *name);

/* ---- the same request again ---- */

/* Prepares once from Idempotency-Key (API_INVALID above 255 characters) and the body; what multipart bodies hold is
 * digested. scope: "POST /conch/v1/jobs". digest: room that lives as long as once. */
struct dialect_digest {
    unsigned char bytes[32];
};
int dialect_once(struct dialect_call *call, const char *scope,
                 int (*render)(void *context, const void *result, int *ret_status, struct buf *ret_body,
                               conch_error *err),
                 struct dialect_digest *digest, struct api_once *ret_once);

/* After the verb: its status and body become the answer (JSON, with Idempotent-Replayed: true when it was kept).
 * Finishes once->body. */
int dialect_once_answer(struct dialect_call *call, struct api_once *once);

/* ---- writing ---- */

/* Commas and escapes are its matter; bytes that are no UTF-8 become U+FFFD. The first error stays and out_finish
 * returns it, so calls need no checks between. key NULL: inside an array, or the outermost value; others
 * are words of ours, which need no escapes. */
struct out {
    struct buf *buf;
    conch_error *err;
    int rc;
    bool comma; /* the next value needs one */
};
void out_init(struct out *out, struct buf *buf, conch_error *err);
int out_finish(struct out *out);

void out_object(struct out *out, const char *key);
void out_object_end(struct out *out);
void out_array(struct out *out, const char *key);
void out_array_end(struct out *out);
void out_text(struct out *out, const char *key, const char *value);                      /* NULL: null */
void out_texts(struct out *out, const char *key, const char *first, const char *second); /* as one text */
void out_integer(struct out *out, const char *key, int64_t value);
void out_id(struct out *out, const char *key, int64_t id); /* as text; 0: null */
void out_real(struct out *out, const char *key, double value);
void out_flag(struct out *out, const char *key, bool value);
void out_null(struct out *out, const char *key);
void out_time(struct out *out, const char *key, int64_t wall_ms);     /* RFC 3339; 0: null */
void out_json(struct out *out, const char *key, const json_t *value); /* NULL: null */
void out_raw(struct out *out, const char *key, const char *json);     /* text that is JSON already */
/* A text put together; cut at 2 KiB. */
void out_format(struct out *out, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Writes into the response's body. Begin, out_* calls, end: status, Content-Type: application/json. */
void dialect_answer_begin(struct dialect_call *call, struct out *out, conch_error *err);
int dialect_answer_end(struct dialect_call *call, struct out *out, int status);
/* The end of a dialect's refuse: what was written into the response's body is the answer. Without memory the answer is
 * 503 without a body, which still says what it is, and -1 is returned. */
int dialect_refusal_end(struct out *out, struct http_response *response, int status);

/* Our own trouble (no memory, an answer too long) as a problem: API_INTERNAL, or API_BUSY where waiting may help. */
int dialect_trouble(struct api_problem *problem, const conch_error *err);

#endif
