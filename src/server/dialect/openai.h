/* The OpenAI Videos API (/v1/videos) with the fields that self-hosted servers of that shape added to it, taken apart:
 * decoders and encoders without a server, for openai.c, tests and fuzzing. docs/openai-videos.md tells what is served
 * and which choices were made.
 *
 * Every POST takes JSON and multipart/form-data alike: both become one object of known fields with the types that they
 * have in JSON (openai_body_read), so that "4" and 4 are the same. Fields nobody knows are ignored. */
#ifndef SERVER_DIALECT_OPENAI_H
#define SERVER_DIALECT_OPENAI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/api/api.h"
#include "server/dialect/dialect.h"
#include "server/dialect/dialect_json.h"

enum {
    OPENAI_PAGE_DEFAULT = 20,
    OPENAI_PAGE_MAX = 100,
    OPENAI_ID_BYTES = 32,             /* "video_" and 16 digits */
    OPENAI_NESTING_MAX = 8,           /* of JSON inside a form field, and of its brackets */
    OPENAI_LIST_MAX = 32,             /* entries of a list in a form */
    OPENAI_SYNC_MS_MAX = 590 * 1000,  /* clients give up after 600 s */
    OPENAI_CANCEL_MS_MAX = 5 * 1000,  /* how long DELETE waits for a worker to stop */
    OPENAI_BASE64_BYTES_MAX = 8 << 20 /* of a clip inside a JSON answer */
};

/* The model that requests mean which name none. */
#define OPENAI_DEFAULT_MODEL "sora-2"

/* ---- ids: "video_" and the job's own number; the number alone is taken too ---- */

struct openai_id {
    char text[OPENAI_ID_BYTES];
};
struct openai_id openai_id(int64_t id);
bool openai_id_parse(const char *text, int64_t *ret_id);

/* {id} of the path; API_NOT_FOUND names the text. */
int openai_id_of_path(struct dialect_call *call, int64_t *ret_id);
/* The refusal of a job that is not there. */
int openai_missing(struct api_problem *problem, const char *param, const char *id);

/* ---- bodies ---- */

/* What a request brought: JSON, or a form (whose json is NULL). */
struct openai_source {
    const json_t *json;
    const struct http_request *form; /* NULL: json counts */
};
struct openai_source openai_source(const struct dialect_call *call);

/* One object of the known fields; what extra_body and extra_params hold stands in it as if it had been sent beside
 * them. Files of a form are not in it (openai_file). The caller owns *ret. */
int openai_body_read(const struct openai_source *source, json_t **ret, struct api_problem *ret_problem);

/* A part of the form with a file; NULL: none. */
const struct http_part *openai_file(const struct openai_source *source, const char *name);

/* ---- POST /v1/videos ---- */

struct openai_create {
    struct api_submit submit; /* media points into this struct: it must not be copied */
    struct api_media media[STORE_INPUTS_MAX];
    char fields[STORE_INPUTS_MAX][48]; /* what media[].field points to */
    json_t *body;
    json_t *metadata;
    char resolution[24], ratio[24];
};
int openai_create_read(const struct openai_source *source, const struct catalog *catalog, struct openai_create *ret,
                       struct api_problem *ret_problem);
void openai_create_finish(struct openai_create *create);

/* Pictures and other media: input_reference and its relatives, conditions of H3. */
int openai_media_read(const struct openai_source *source, struct openai_create *create,
                      struct api_problem *ret_problem);

/* Size, length and shape of the clip, in terms of the model where the catalog has it (model NULL: it has not). */
int openai_output_read(struct openai_create *create, const struct catalog_model *model,
                       struct api_problem *ret_problem);

/* ---- POST /v1/videos/{id}/remix and its relatives ---- */

struct openai_video_ref {
    int64_t id;                   /* 0: a file */
    char text[OPENAI_ID_BYTES];   /* as sent */
    const struct http_part *file; /* NULL: an id */
};
/* video: an id, {"id"}, or a file. */
int openai_video_ref_read(const struct openai_source *source, const json_t *body, struct openai_video_ref *ret,
                          struct api_problem *ret_problem);

/* A submit with everything of `job` but its prompt. Texts are borrowed from both. */
int openai_again_make(const struct api_job *job, const struct catalog *catalog, const char *prompt,
                      struct openai_create *ret, struct api_problem *ret_problem);

/* ---- answers ---- */

/* The Video object. url: of the clip, NULL: none. */
void openai_video_write(struct out *out, const char *key, const struct api_job *job, const char *url);

/* Milliseconds after which asking again makes sense; 0: the job has ended. */
int64_t openai_poll_ms(const struct job *job, int64_t now_ms);

/* Somebody cancelled it while it ran: for this dialect it is deleted. */
bool openai_gone(const struct job *job);

/* As dialect.refuse. */
void openai_refuse(const struct dialect *dialect, const struct dialect_refusal *refusal,
                   const struct http_request *request, struct http_response *response);

/* video.completed and video.failed; nothing for other moments. */
int openai_callback_body(struct api *api, const struct api_job *job, const char *kind, const char *origin,
                         int64_t now_ms, struct buf *ret_body, conch_error *err);

/* ---- handlers ---- */

int openai_create(struct dialect_call *call);
int openai_get(struct dialect_call *call);
int openai_list(struct dialect_call *call);
int openai_delete(struct dialect_call *call);
int openai_content(struct dialect_call *call);
int openai_remix(struct dialect_call *call);
int openai_edit(struct dialect_call *call);
int openai_extend(struct dialect_call *call);
int openai_character_create(struct dialect_call *call);
int openai_character_get(struct dialect_call *call);
int openai_sync(struct dialect_call *call);
int openai_localai(struct dialect_call *call);
int openai_model_list(struct dialect_call *call);
int openai_model_get(struct dialect_call *call);

/* Makes the job and writes the Video object. Takes the media that are links of our own from the store. */
int openai_submit(struct dialect_call *call, const char *scope, struct openai_create *create);
/* The same without an answer: the id of the job that was made, or that was made for the same request before. */
int openai_submit_id(struct dialect_call *call, const char *scope, struct openai_create *create, int64_t *ret_id);
/* A job that this dialect shows; *ret is to be finished. */
int openai_job(struct dialect_call *call, int64_t id, const char *param, struct api_job *ret);

#endif
