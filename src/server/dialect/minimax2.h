/* The second generation of MiniMax's video API (/v2/...), taken apart as in minimax1.h.
 *
 * Errors have real HTTP codes and a shape of their own; answers have no base_resp. Fields nobody knows are ignored.
 * Decoded texts are borrowed from the JSON. */
#ifndef SERVER_DIALECT_MINIMAX2_H
#define SERVER_DIALECT_MINIMAX2_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/api/api.h"
#include "server/dialect/dialect.h"
#include "server/dialect/dialect_json.h"
#include "server/dialect/minimax_job.h"

enum {
    MINIMAX2_FILES_MAX = 12, /* pictures, videos and sounds of one request */
    MINIMAX2_ITEMS_MAX = 16, /* of content, with texts */
    MINIMAX2_TEXT_CHARS_MAX = 7000,
    MINIMAX2_REGENERATION_CHARS_MAX = 40000,
    MINIMAX2_PAGE_DEFAULT = 20,
    MINIMAX2_PAGE_MAX = 100,
    MINIMAX2_PAGES_MAX = 100000,
};

/* ---- content[] ---- */

struct minimax2_content {
    const char *text; /* NULL: none */
    struct api_media media[MINIMAX2_FILES_MAX];
    char fields[MINIMAX2_FILES_MAX][64]; /* "content[2].image_url.url", what media[].field points to */
    size_t media_count;
    const char *base_video; /* of a regeneration; NULL: none */
};
/* Roles and what excludes what; how many of each a model takes is the catalog's. At most one text, of chars_max
 * characters. *ret must not be copied. */
int minimax2_content_read(const json_t *body, size_t chars_max, struct minimax2_content *ret,
                          struct api_problem *ret_problem);

/* ---- POST /v2/video_generation, POST /v2/h3_context_ir ---- */

struct minimax2_create {
    struct api_submit submit; /* media points into this struct: it must not be copied */
    struct minimax2_content content;
};
int minimax2_create_read(const json_t *body, const struct catalog *catalog, struct minimax2_create *ret,
                         struct api_problem *ret_problem);
int minimax2_context_read(const json_t *body, const struct catalog *catalog, struct minimax2_create *ret,
                          struct api_problem *ret_problem);

/* {"task_id", "metadata"} */
int minimax2_create_write(const struct api_job *job, struct buf *ret_body, conch_error *err);

/* ---- POST /v2/video_regeneration ---- */

struct minimax2_regeneration {
    int64_t source_task_id; /* 0: none */
    const char *base_video; /* exactly one of the two */
    const char *text;
    enum api_choice watermark;
};
int minimax2_regeneration_read(const json_t *body, const struct catalog *catalog, struct minimax2_regeneration *ret,
                               struct api_problem *ret_problem);

/* ---- tasks ---- */

/* link: of the clip, NULL: none; input_ms: of reference videos. */
struct minimax2_show {
    enum minimax_phase phase; /* of callbacks it is the moment they tell of */
    const char *link;
    int64_t input_ms;
};
const char *minimax2_status(enum minimax_phase phase);
void minimax2_task_write(struct out *out, const char *key, const struct api_job *job, const struct minimax2_show *show);

struct minimax2_list {
    struct store_job_filter filter;
    struct store_page page;
    int64_t ids[STORE_PAGE_MAX]; /* filter.ids points here: must not be copied */
};
int minimax2_list_read(const struct http_request *request, struct minimax2_list *ret, struct api_problem *ret_problem);

int minimax2_task_get(struct dialect_call *call);
int minimax2_task_list(struct dialect_call *call);
int minimax2_task_delete(struct dialect_call *call);
/* As dialect.refuse: real HTTP codes. */
void minimax2_refuse(const struct dialect *dialect, const struct dialect_refusal *refusal,
                     const struct http_request *request, struct http_response *response);

int minimax2_callback_body(struct api *api, const struct api_job *job, const char *kind, const char *origin,
                           int64_t now_ms, struct buf *ret_body, conch_error *err);

#endif
