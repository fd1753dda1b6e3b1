/* The first generation of MiniMax's video API (/v1/...), taken apart: decoders and encoders without a server, for
 * minimax1.c, tests and fuzzing. docs/minimax.md tells what is served and which choices were made.
 *
 * Every answer of this generation is HTTP 200 with base_resp; fields nobody knows are ignored, as is GroupId in the
 * query. Decoded texts are borrowed from the JSON. */
#ifndef SERVER_DIALECT_MINIMAX1_H
#define SERVER_DIALECT_MINIMAX1_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/api/api.h"
#include "server/dialect/dialect.h"
#include "server/dialect/dialect_json.h"
#include "server/job/catalog_offers.h"

enum {
    MINIMAX1_MEDIA_MAX = 3,             /* first frame, last frame, subject */
    MINIMAX1_INPUTS_MAX = 16,           /* elements of an array of inputs */
    MINIMAX1_FILES_MAX = 1000,          /* of one list, which has no pages */
    MINIMAX1_FILE_BYTES_MAX = 512 << 20 /* one stored document; purposes have smaller limits */
};

/* ---- POST /v1/video_generation ---- */

struct minimax1_create {
    struct api_submit submit; /* media points into this struct: it must not be copied */
    struct api_media media[MINIMAX1_MEDIA_MAX];
};
/* The mode follows from the pictures; the catalog decides what the model takes. */
int minimax1_create_read(const json_t *body, const struct catalog *catalog, struct minimax1_create *ret,
                         struct api_problem *ret_problem);

/* {"task_id", "base_resp", "metadata"} */
int minimax1_create_write(const struct api_job *job, struct buf *ret_body, conch_error *err);

/* ---- GET /v1/query/video_generation ---- */

void minimax1_task_write(struct out *out, const struct api_job *job);

/* The same shape with lower-case status, as callbacks have it: processing, success, failed. */
int minimax1_callback_body(struct api *api, const struct api_job *job, const char *kind, const char *origin,
                           int64_t now_ms, struct buf *ret_body, conch_error *err);

/* ---- /v1/files ---- */

/* Where a purpose may be named. */
enum minimax1_use { MINIMAX1_UPLOAD, MINIMAX1_LIST, MINIMAX1_REMOVE };
/* API_INVALID lists the purposes; NULL and "" are missing ones. */
int minimax1_purpose_check(const char *purpose, enum minimax1_use use, struct api_problem *ret_problem);

/* Whether bytes may be stored under a purpose: kind and size by what they are, not by their label. head: their first
 * SNIFF_BYTES, or all. */
int minimax1_upload_check(const char *purpose, const void *head, size_t head_size, int64_t bytes,
                          struct api_problem *ret_problem);

int minimax1_file_upload(struct dialect_call *call);
int minimax1_file_retrieve(struct dialect_call *call);
int minimax1_file_content(struct dialect_call *call);
int minimax1_file_list(struct dialect_call *call);
int minimax1_file_delete(struct dialect_call *call);
/* The aliases at /v1/files. */
int minimax1_files_post(struct dialect_call *call);
int minimax1_files_delete(struct dialect_call *call);

/* ---- templates and pictures ---- */

/* offers NULL: their limits are not known. *ret: the template, NULL without offers. */
int minimax1_template_read(const json_t *body, const struct catalog_offers *offers, const struct catalog_template **ret,
                           struct api_problem *ret_problem);
int minimax1_image_read(const json_t *body, const struct catalog_offers *offers, struct api_problem *ret_problem);

/* ---- money ---- */

/* An element of model_remains. usage_count is what was used; remaining_percent tells so to clients that doubt it. */
void minimax1_remains_write(struct out *out, const struct api_package *package, int64_t now_ms);

/* The members of GET /account/query_balance: dollars as decimal text. Cash is pay-as-you-go money that was not a gift
 * with an end, voucher the rest of it; available is both. What jobs hold is in neither. */
void minimax1_balance_write(struct out *out, const struct api_balance *balance, int64_t now_ms);

/* ---- parts of answers ---- */

/* As dialect.refuse: always HTTP 200. */
void minimax1_refuse(const struct dialect *dialect, const struct dialect_refusal *refusal,
                     const struct http_request *request, struct http_response *response);

void minimax1_base_resp(struct out *out, int code, const char *text);

/* A whole answer {..., "base_resp":{"status_code":0,...}} is begun with dialect_answer_begin, written, and ended so. */
int minimax1_answer_end(struct dialect_call *call, struct out *out);

#endif
