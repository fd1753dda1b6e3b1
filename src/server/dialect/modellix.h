/* Modellix's API (/api/v1/...), one asynchronous pattern for every model, taken apart: decoders and encoders without a
 * server, for modellix.c, tests and fuzzing. docs/modellix.md tells what is served and which choices were made.
 *
 * A slug names a model and what it is to start from ("minimax/hailuo-02-i2v"); here it is one of the catalog and a
 * mode. Slugs of the catalog itself ("conch/tiny", "minimax/h3") are taken too, with the mode that follows from the
 * inputs. Fields nobody knows are ignored. */
#ifndef SERVER_DIALECT_MODELLIX_H
#define SERVER_DIALECT_MODELLIX_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/api/api.h"
#include "server/dialect/dialect.h"
#include "server/dialect/dialect_json.h"

enum {
    MODELLIX_SLUG_BYTES_MAX = 128,
    MODELLIX_IMAGES_MAX = 9, /* references */
    MODELLIX_VIDEOS_MAX = 3,
    MODELLIX_AUDIOS_MAX = 3,
};
#define MODELLIX_FILE_LIFETIME_MS (INT64_C(7) * 24 * 3600 * 1000)

/* ---- slugs ---- */

struct modellix_model {
    const char *slug;  /* "minimax/hailuo-02-fl2v" */
    const char *model; /* of the catalog: "minimax/hailuo-02" */
    enum catalog_mode mode;
    const char *type, *description;
};

/* NULL behind the last. */
const struct modellix_model *modellix_model(size_t index);
const struct modellix_model *modellix_find(const char *slug);

/* "hailuo-02-fl2v" of a job, "tiny" where no slug of the table fits. */
const char *modellix_model_id(const char *model, const char *mode);

/* "/api/v1/minimax/hailuo-02-t2v" and the two longer forms, from their parameters. type NULL: none. */
struct modellix_target {
    const char *type, *provider, *model;
};

/* ---- submit ---- */

struct modellix_create {
    struct api_submit submit; /* media points into this struct: it must not be copied */
    struct api_media media[STORE_INPUTS_MAX];
    char slug[MODELLIX_SLUG_BYTES_MAX];
};
/* API_NOT_FOUND for a model that is not here, with the nearest one; API_INVALID for what the slug's mode excludes. */
int modellix_create_read(const struct modellix_target *target, const json_t *body, const struct catalog *catalog,
                         struct modellix_create *ret, struct api_problem *ret_problem);

int modellix_create_write(const struct api_job *job, const char *origin, struct buf *ret_body, conch_error *err);

/* ---- tasks ---- */

/* link NULL: none; link_ms: until when it works. */
struct modellix_show {
    const char *link;
    int64_t link_ms;
};
void modellix_task_write(struct out *out, const struct api_job *job, const struct modellix_show *show);

/* ---- answers ---- */

/* {"code":0,"message":"success","data": ... } is begun, written into, and ended with modellix_answer_end. */
void modellix_answer_begin(struct dialect_call *call, struct out *out, conch_error *err);
int modellix_answer_end(struct dialect_call *call, struct out *out);

/* As dialect.refuse: the HTTP status is the code. */
void modellix_refuse(const struct dialect *dialect, const struct dialect_refusal *refusal,
                     const struct http_request *request, struct http_response *response);

/* ---- handlers ---- */

int modellix_submit(struct dialect_call *call);
int modellix_task(struct dialect_call *call);
int modellix_model_list(struct dialect_call *call);
int modellix_key(struct dialect_call *call);
int modellix_balance(struct dialect_call *call);
int modellix_upload(struct dialect_call *call);

#endif
