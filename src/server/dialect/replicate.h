/* Replicate's API, taken apart: decoders and encoders without a server, for replicate.c, tests and fuzzing.
 * docs/replicate.md tells what is served and which choices were made.
 *
 * Everything stands at /v1 and again below /replicate/v1. At /v1 two addresses belong to others: GET /v1/models is
 * OpenAI's list, and POST /v1/files is MiniMax's alias too, where the names of the parts decide. */
#ifndef SERVER_DIALECT_REPLICATE_H
#define SERVER_DIALECT_REPLICATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/api/api.h"
#include "server/dialect/dialect.h"
#include "server/dialect/dialect_json.h"

enum {
    REPLICATE_MEDIA_MAX = 12,   /* of one request */
    REPLICATE_NAME_MAX = 200,   /* "OWNER/NAME" */
    REPLICATE_WAIT_S_MAX = 60,  /* of "Prefer: wait" */
    REPLICATE_PAGE = 100,       /* predictions of one list */
    REPLICATE_VERSION_SIZE = 65 /* 64 hex digits and the NUL */
};

/* ---- input (replicate_input.c) ---- */

struct replicate_input {
    struct api_submit submit; /* media points into this struct: it must not be copied */
    struct api_media media[REPLICATE_MEDIA_MAX];
    char fields[REPLICATE_MEDIA_MAX][48];
};
/* body: {"input": {...}, "webhook", "webhook_events_filter"}; name: "OWNER/NAME". origin: whose /v1/files/ID addresses
 * are files of the caller's; NULL: nobody's. Fields of input that nobody knows are ignored. */
int replicate_input_read(const json_t *body, const char *name, const char *origin, struct replicate_input *ret,
                         struct api_problem *ret_problem);

/* "wait", "wait=5", also among other preferences, in ms; 0: not asked for. */
int64_t replicate_prefer_ms(const char *header);

/* "OWNER/NAME", "OWNER/NAME:VERSION" or "VERSION": the first two as a name. false: too long. */
bool replicate_name_split(const char *version, char ret_name[REPLICATE_NAME_MAX], bool *ret_is_name);

/* ---- predictions (replicate_prediction.c) ---- */

struct replicate_view {
    const char *origin, *base; /* base: "/v1" or "/replicate/v1" */
    const char *link;          /* of the clip; NULL: none */
    bool starting;             /* say so, whatever the state: an answer to Prefer: wait that came too early */
};
const char *replicate_status(enum job_state state);
void replicate_prediction_write(struct out *out, const char *key, const struct replicate_view *view,
                                const struct api_job *job);

/* The same with its link made; out is begun. */
void replicate_prediction_show(struct api *api, struct out *out, const char *key, struct replicate_view *view,
                               const struct api_job *job);

/* The version of a model: a digest of its slug, since there is one version of each. */
void replicate_version(const char *slug, char ret[REPLICATE_VERSION_SIZE]);

/* ---- callbacks ---- */

/* events: bits 1 start, 2 output, 4 completed. */
enum { REPLICATE_START = 1, REPLICATE_OUTPUT = 2, REPLICATE_COMPLETED = 4 };
const char *replicate_style(unsigned events);
extern const char *const replicate_styles[];
int replicate_callback_body(struct api *api, const struct api_job *job, const char *kind, const char *origin,
                            int64_t now_ms, struct buf *ret_body, conch_error *err);

/* ---- calls ---- */

/* "/v1" or "/replicate/v1": as the caller came in. */
const char *replicate_base(const struct http_request *request);

void replicate_refuse(const struct dialect *dialect, const struct dialect_refusal *refusal,
                      const struct http_request *request, struct http_response *response);

int replicate_prediction_create(struct dialect_call *call);
int replicate_model_prediction_create(struct dialect_call *call);
int replicate_prediction_get(struct dialect_call *call);
int replicate_prediction_list(struct dialect_call *call);
int replicate_prediction_cancel(struct dialect_call *call);
int replicate_webhook_secret(struct dialect_call *call);
int replicate_account(struct dialect_call *call);

int replicate_model_get(struct dialect_call *call);
int replicate_model_list(struct dialect_call *call);
/* The slug of a version's digest; API_INVALID names the field "version". */
int replicate_model_of_version(struct dialect_call *call, const char *version, char ret_name[REPLICATE_NAME_MAX]);

int replicate_file_create(struct dialect_call *call);
int replicate_file_get(struct dialect_call *call);
int replicate_file_list(struct dialect_call *call);
int replicate_file_delete(struct dialect_call *call);
/* The same upload for an address that is another dialect's: refusals too are worded as Replicate does. Always 0. */
int replicate_file_create_here(struct dialect_call *call);

#endif
