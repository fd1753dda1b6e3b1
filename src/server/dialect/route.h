/* One address that a dialect answers: a row of its table.
 *
 * A pattern is a path whose segments are text or one {name}: "/conch/v1/jobs/{id}/events". A segment of text goes
 * before a {name} wherever a path fits both ("/jobs/search" before "/jobs/{id}"); {name} takes one segment that is not
 * empty, percent-decoded. Two rows of one method and one pattern are a bug of ours that the router asserts. HEAD is
 * answered by the row of GET. */
#ifndef SERVER_DIALECT_ROUTE_H
#define SERVER_DIALECT_ROUTE_H

#include <stddef.h>

#include "net/http.h"

struct dialect_call;

enum { DIALECT_PARAMETERS_MAX = 6, DIALECT_SEGMENTS_MAX = 12 };

enum dialect_flag {
    DIALECT_OPEN = 1,   /* answers without a key; one that is sent is ignored */
    DIALECT_FAST = 2,   /* runs on the network thread: nothing but a read of the store (api.h says which verbs) */
    DIALECT_NO_RATE = 4 /* not counted against the requests a minute of the key; GET and HEAD never are */
};

/* What the body may be. Whatever is not multipart/form-data is read as JSON where JSON is taken, whatever its
 * Content-Type says (curl -d states a form). */
enum dialect_body {
    DIALECT_BODY_NONE, /* ignored when there is one (a few KiB are let pass) */
    DIALECT_BODY_JSON, /* one object; call->json. An empty body is an empty object */
    DIALECT_BODY_FORM, /* multipart/form-data alone; request->parts */
    DIALECT_BODY_BOTH  /* call->json, or request->parts when request->multipart */
};

/* How long it may be: which key of the configuration holds. */
enum dialect_size {
    DIALECT_SIZE_SMALL, /* 64 KiB: a few fields */
    DIALECT_SIZE_JSON,  /* server.body_bytes_max: data: URLs in JSON */
    DIALECT_SIZE_UPLOAD /* server.upload_bytes_max, files spooled */
};

/* Fills call->response (or call->outcome and what belongs to it) and returns 0, or fills call->problem and returns -1:
 * the layer then asks the dialect's refuse for the words. */
typedef int dialect_handler(struct dialect_call *call);

struct dialect_route {
    enum http_method method;
    const char *pattern;
    unsigned scope; /* enum store_scope that the key must have; 0: any key will do */
    unsigned flags; /* of dialect_flag */
    enum dialect_body body;
    enum dialect_size size;
    dialect_handler *handle;
};

#endif
