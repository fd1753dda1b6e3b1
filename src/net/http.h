/* A request and a response as values: what a dialect reads and writes, whoever carries the bytes.
 *
 * No sockets here. The server (net/http_server.h) fills a request and sends a response; tests make both by hand. All
 * strings of a request are UTF-8 as sent (not validated), NUL-terminated, and live as long as the request. */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "conch/error.h"

enum {
    HTTP_FIELDS_MAX = 100, /* headers, query parameters or parts of one request */
    HTTP_RESPONSE_FIELDS_MAX = 24,
    HTTP_VALUE_BYTES_MAX = 1024, /* of a response header */
};

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS, HTTP_OTHER };

struct http_field {
    const char *name, *value;
};

/* One part of a multipart body. Small ones are in memory, large files lie in a spool file that goes with the request;
 * exactly one of data and spool_path is set. */
struct http_part {
    const char *name;
    const char *filename; /* NULL: not a file */
    const char *type;     /* as the client states it; NULL: not stated. Never to be trusted */
    const char *data;     /* NUL follows the bytes */
    const char *spool_path;
    size_t size;
};

struct http_request {
    enum http_method method;
    const char *path;                 /* percent-decoded, begins with '/', no query */
    const char *target;               /* as sent, with the query */
    const struct http_field *queries; /* decoded, in order */
    size_t query_count;
    const struct http_field *headers;
    size_t header_count;
    const char *body; /* NULL: none, or multipart; NUL follows the bytes */
    size_t body_size;
    const struct http_part *parts; /* of a multipart body */
    size_t part_count;
    bool multipart;
    const char *origin;  /* "http://127.0.0.1:8787": what the caller used to reach us, for links in answers */
    const char *address; /* of the peer, "127.0.0.1" */
    char id[33];         /* 32 hex digits, ours */
};

/* NULL when there is none; names of headers are compared without case, the others exactly; the first one counts. */
const char *http_header(const struct http_request *request, const char *name);
const char *http_query(const struct http_request *request, const char *name);
const struct http_part *http_part(const struct http_request *request, const char *name);

/* The media type of the body without parameters is `type` ("application/json"), compared without case. */
bool http_type_is(const struct http_request *request, const char *type);

const char *http_method_name(enum http_method method);

/* ---- responses ---- */

/* A response whose bytes come over time (events). The one who opened it and the server hold a reference each. */
struct http_stream;

enum http_body_kind { HTTP_BODY_MEMORY, HTTP_BODY_FILE, HTTP_BODY_STREAM };

struct http_response {
    int status; /* 0: nothing was written yet */
    struct http_field_text {
        char name[48];
        char *value; /* owned */
    } fields[HTTP_RESPONSE_FIELDS_MAX];
    size_t field_count;
    enum http_body_kind kind;
    struct buf body; /* memory */
    int file;        /* descriptor, owned; -1: none */
    int64_t file_offset, file_size;
    struct http_stream *stream; /* a reference that the server takes over */
};

/* body_max: the most a memory body may have. */
void http_response_init(struct http_response *response, size_t body_max);
void http_response_finish(struct http_response *response);

/* Back to nothing written: fields, body, file and stream are dropped. */
void http_response_reset(struct http_response *response);

/* Sets (replaces) a header. CONCH_ERR_RANGE for a name or value that cannot stand in a header (control characters),
 * CONCH_ERR_LIMIT for too many or too long. */
int http_response_header(struct http_response *response, const char *name, const char *value, conch_error *err);
const char *http_response_field(const struct http_response *response, const char *name);

/* A whole answer in one call: status, Content-Type and a copy of the text. */
int http_response_text(struct http_response *response, int status, const char *type, const char *text,
                       conch_error *err);

/* From offset on, size bytes of an open file, which the response owns from now on also when this fails. */
int http_response_file(struct http_response *response, int status, const char *type, int file, int64_t offset,
                       int64_t size, conch_error *err);

/* The standard reason phrase: "Not Found". "Unknown" for a status that has none. */
const char *http_reason(int status);

/* ---- streams ---- */

/* backlog_max: bytes that may wait for a slow reader. Two references: the caller's and the one for the response. */
int http_stream_create(struct http_stream **ret_stream, size_t backlog_max, conch_error *err);

/* From any thread. CONCH_ERR_CANCELLED when the reader is gone, CONCH_ERR_LIMIT when it is too slow: the stream then
 * ends, and every later write says CONCH_ERR_CANCELLED. */
int http_stream_write(struct http_stream *stream, const void *data, size_t size, conch_error *err);

/* Whether somebody may still read. */
bool http_stream_alive(struct http_stream *stream);

/* The end of the answer: what waits is still sent. Gives up the caller's reference; NULL is allowed. */
void http_stream_close(struct http_stream *stream);

#endif
