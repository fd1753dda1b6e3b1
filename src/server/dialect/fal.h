/* fal's queue API, taken apart: decoders and encoders without a server, for fal.c, tests and fuzzing. docs/fal.md tells
 * what is served and which choices were made.
 *
 * Everything stands below /fal: the queue at /fal/APP..., the synchronous host at /fal/run/APP..., the storage host at
 * /fal/storage/..., and /fal/proxy takes any of them by the header x-fal-target-url. An endpoint's path names model,
 * size and mode ("fal-ai/minimax/hailuo-02/pro/image-to-video"); after the submit clients keep only its first two
 * segments, so a request is found by its id alone. */
#ifndef SERVER_DIALECT_FAL_H
#define SERVER_DIALECT_FAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/api/api.h"
#include "server/dialect/dialect.h"
#include "server/dialect/dialect_json.h"

enum {
    FAL_PATH_BYTES_MAX = 200, /* of an endpoint */
    FAL_MEDIA_MAX = 12,       /* of one request */
    FAL_RUN_MS = 600 * 1000,  /* that the synchronous host waits */
    FAL_LOGS_MAX = 64,        /* lines of one status */
    FAL_UPLOAD_S = 3600       /* that an upload's address can be used */
};

/* ---- addresses (fal_path.c) ---- */

/* What an endpoint takes. */
enum fal_kind { FAL_TEXT, FAL_IMAGE, FAL_SUBJECT, FAL_REFERENCE, FAL_ANY };

/* "standard" and "pro" are sizes. Strings of the table, or of the target they were read into. */
struct fal_endpoint {
    const char *path;       /* without "fal-ai/" */
    const char *slug;       /* of the catalog, or a name of this server */
    const char *resolution; /* that it always has, or its default; NULL: the model's */
    bool resolution_fixed;
    enum fal_kind kind;
};

enum fal_action { FAL_NOTHING, FAL_SUBMIT, FAL_STATUS, FAL_STREAM, FAL_RESULT, FAL_CANCEL };

struct fal_target {
    enum fal_action action;
    char app[FAL_PATH_BYTES_MAX]; /* what stands in addresses of its requests: "fal-ai/minimax" */
    const char *id;               /* of a request; points into the path */
    struct fal_endpoint endpoint; /* of a submit */
    char path[FAL_PATH_BYTES_MAX];
};

/* path as on queue.fal.run: "/fal-ai/minimax/requests/17/status". FAL_NOTHING: nothing is there. */
void fal_target_read(enum http_method method, const char *path, struct fal_target *ret);

/* The row of the table; NULL for other names, which are models of this server (FAL_ANY). */
const struct fal_endpoint *fal_endpoint_find(const char *path);

/* ---- input (fal_input.c) ---- */

struct fal_input {
    struct api_submit submit; /* media points into this struct: it must not be copied */
    struct api_media media[FAL_MEDIA_MAX];
    char fields[FAL_MEDIA_MAX][40];
};
/* Fields that the endpoint does not have are ignored, but for duration and resolution, which are then judged by the
 * model: nobody gets another clip than was asked for. */
int fal_input_read(const struct fal_endpoint *endpoint, const json_t *body, struct fal_input *ret,
                   struct api_problem *ret_problem);

/* ---- answers (fal_answer.c) ---- */

/* base: "ORIGIN/fal/APP", for addresses. */
const char *fal_status_name(enum job_state state);
void fal_submitted_write(struct out *out, const char *base, const struct api_job *job);

struct fal_logs {
    const struct store_event *events;
    size_t count;
    const struct store_job *now; /* whose step is the last line; NULL: no such line */
    int64_t now_ms;
};
/* state: the job's own, or the moment that is told of. logs NULL: an empty list. */
void fal_status_write(struct out *out, const char *base, const struct api_job *job, enum job_state state,
                      const struct fal_logs *logs);

/* {"video": ..., "metadata": ...}; link NULL: the clip is gone. */
void fal_output_write(struct out *out, const char *key, const struct api_job *job, const char *link);

/* What the result of a job that ended without a clip answers: status and body as the model itself would have failed. */
int fal_failure_status(const struct job *job);
const char *fal_failure_type(const struct job *job);
void fal_failure_write(struct out *out, const char *key, const struct api_job *job);

/* ---- refusals, callbacks, uploads ---- */

void fal_refuse(const struct dialect *dialect, const struct dialect_refusal *refusal,
                const struct http_request *request, struct http_response *response);

int fal_callback_body(struct api *api, const struct api_job *job, const char *kind, const char *origin, int64_t now_ms,
                      struct buf *ret_body, conch_error *err);
int fal_callback_sign(struct api *api, const struct dialect_message *message, struct dialect_header *ret,
                      size_t *ret_count, conch_error *err);
int fal_jwks(struct dialect_call *call);

int fal_upload_initiate(struct dialect_call *call);
int fal_upload_multipart(struct dialect_call *call);
int fal_upload_put(struct dialect_call *call);
int fal_upload_get(struct dialect_call *call);
/* Replaces addresses of uploads of the caller's own by the files themselves. */
int fal_uploads_resolve(struct dialect_call *call, struct fal_input *input);

/* The path as it is on fal's host: without the mount. */
const char *fal_path(const struct dialect_call *call);

/* The calls of fal_calls.c, for a target that was read from whatever address. */
int fal_call(struct dialect_call *call, const struct fal_target *target);
int fal_run(struct dialect_call *call, const struct fal_target *target);

#endif
