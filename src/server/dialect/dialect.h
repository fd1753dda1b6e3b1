/* A dialect: one wire format over the verbs of api.h. It decodes requests, calls a verb and words the result or the
 * refusal its own way. Pure: no clock, no database, no sockets; the layer above (server/http) brings request, time and
 * caller, and carries files and events to the client.
 *
 * What that layer does for every dialect, in this order: finds the route (404, 405 with Allow, HEAD, OPTIONS and CORS),
 * authenticates (Authorization: Bearer K or Key K, or x-api-key: K), checks the scope, counts what is no GET or HEAD
 * against the key's rate, limits the body, parses JSON (depth limits.json_depth_max, duplicate keys refused), calls the
 * handler; then `finish` of the dialect for its own headers, X-Request-Id, Retry-After of a refusal, security headers,
 * log and metrics. Every refusal on the way, also one before a handler ran, is worded by the dialect's `refuse`. */
#ifndef SERVER_DIALECT_DIALECT_H
#define SERVER_DIALECT_DIALECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/http.h"
#include "server/api/api.h"
#include "server/dialect/route.h"

struct http_app;

enum dialect_outcome {
    DIALECT_ANSWER, /* the response is written */
    DIALECT_FILE,   /* call->file is to be sent: Range, ETag, If-None-Match, Content-Disposition are the layer's */
    DIALECT_EVENTS  /* call->events is to be followed: an event stream is opened */
};

struct dialect_file {
    struct store_file file;
    bool attachment;      /* "save as" instead of showing it */
    const char *type;     /* instead of file.type; NULL: that */
    int64_t max_age_s;    /* Cache-Control: private, max-age; 0: no-cache (asks again each time, with the ETag) */
    bool accept_anywhere; /* may be embedded by pages of other origins: links that are their own proof */
};

/* Names and words one event for a stream; both buffers are empty. No name: an event without one; no data: nothing is
 * sent. Runs on the thread that feeds all streams: at most a fast read of the store. */
struct dialect_events;
typedef int dialect_event_render(struct dialect_events *events, const struct store_event *event, struct buf *ret_name,
                                 struct buf *ret_data, conch_error *err);

struct dialect_events {
    int64_t account_id; /* 0: all (admin) */
    int64_t job_id;     /* 0: all of the account; of one job: the stream ends after its terminal event */
    int64_t after_id;   /* events behind this one; -1: those from now on */
    bool ended;         /* the job has ended: the stream does too, once what is there has been sent */
    dialect_event_render *render;
    /* for render alone */
    struct api *api;
    char origin[256];  /* of the request, for links; "" where it is longer */
    char context[512]; /* the dialect's own: what it must remember of the request */
    int64_t mark;      /* the dialect's own: how far it has told */
};

struct dialect_parameter {
    const char *name, *value; /* decoded */
};

/* One request on its way through a handler. */
struct dialect_call {
    struct api *api;
    struct http_app *app; /* for the routes of server/http itself; dialects do not touch it */
    const struct dialect *dialect;
    const struct dialect_route *route;
    const struct api_caller *caller; /* of an open route without a key: key.id is 0 */
    const struct http_request *request;
    const struct dialect_parameter *parameters;
    size_t parameter_count;
    json_t *json; /* an object, borrowed; NULL: the body is multipart, or none is taken */
    int64_t now_ms;
    struct http_response *response;
    /* results beside the response */
    struct api_problem problem;
    enum dialect_outcome outcome;
    struct dialect_file file;
    struct dialect_events events;
};

struct dialect_refusal {
    const struct api_problem *problem;
    int status;        /* the usual HTTP status: api_kind_status(problem->kind), or 405, 408, 431, 507 of the layer */
    const char *allow; /* of 405: "GET, POST"; else NULL. The header is the layer's */
};

/* A callback that is about to be sent, for its signature. */
struct dialect_message {
    const struct api_job *job;
    const char *id; /* of the message: the same at every try */
    int64_t at_s;   /* Unix seconds of this try */
    const char *body;
    size_t body_size;
};
struct dialect_header {
    char name[48], value[160];
};
enum { DIALECT_MESSAGE_HEADERS_MAX = 4 };

struct dialect {
    const char *name; /* "conch", "minimax1": as in store_job.dialect and in metrics */
    const char *const
        *prefixes; /* paths it owns for refusals where no route fits, ending in NULL: "/v2/" for all
                      below, "/v1/files" for just that. The longest that fits decides; "" takes the rest */
    const struct dialect_route *routes;
    size_t route_count;
    /* Words any problem in the dialect's shape; response is empty before. request may lack a body (it was refused
     * before one came). Must not block. */
    void (*refuse)(const struct dialect *dialect, const struct dialect_refusal *refusal,
                   const struct http_request *request, struct http_response *response);
    /* Headers on every answer of the dialect, good or bad; NULL: none. */
    void (*finish)(const struct dialect *dialect, const struct http_request *request, struct http_response *response);
    /* Styles of store_job.callback_style that callback_body answers for, ending in NULL; NULL: none. */
    const char *const *callback_styles;
    /* The body of a callback about a job; kind as in store_message.kind, origin for links. Appends JSON; nothing when
     * the style does not tell of this moment: the message is then done without being sent. */
    int (*callback_body)(struct api *api, const struct api_job *job, const char *kind, const char *origin,
                         int64_t now_ms, struct buf *ret_body, conch_error *err);
    /* Headers that prove where a callback comes from; NULL: the style has none. At most DIALECT_MESSAGE_HEADERS_MAX. */
    int (*callback_sign)(struct api *api, const struct dialect_message *message, struct dialect_header *ret,
                         size_t *ret_count, conch_error *err);
};

/* Conch's own, /conch/v1, with the addresses at the root: links to files, health, the description. */
extern const struct dialect dialect_conch;
extern const struct dialect dialect_fal;
extern const struct dialect dialect_mcp;
extern const struct dialect dialect_minimax1;
extern const struct dialect dialect_minimax2;
extern const struct dialect dialect_replicate;
extern const struct dialect dialect_modellix;
extern const struct dialect dialect_openai;

/* All of them; ends in NULL. */
extern const struct dialect *const dialect_all[];

/* Which words a callback of this style; NULL: none does. */
const struct dialect *dialect_of_callback(const char *style);

/* The decoded value of {name}; asserts that the route has it. */
const char *dialect_parameter(const struct dialect_call *call, const char *name);

/* Why a job ended without a clip, for a person: what is noted in it, or a word for its error. Belongs to the job, or is
 * static. */
const char *dialect_job_reason(const struct api_job *job);

/* {id} as a number; API_NOT_FOUND for text that is no id. */
int dialect_parameter_id(struct dialect_call *call, const char *name, int64_t *ret_id);

#endif
