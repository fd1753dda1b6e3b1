/* Collects the body of one request within its limits: in memory, or as the parts of a form, with large files in a spool
 * folder. Used by the server alone; no sockets here. */
#ifndef NET_HTTP_BODY_H
#define NET_HTTP_BODY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/http.h"

/* Bytes that many requests share. */
struct http_budget {
    _Atomic uint64_t used;
    uint64_t max;
};

struct http_body_settings {
    uint64_t bytes_max;             /* of this body */
    uint64_t part_memory_bytes_max; /* a file above it is spooled */
    const char *spool_folder;       /* NULL: nothing is spooled */
    struct http_budget *memory, *spool;
};

enum http_body_fault {
    HTTP_BODY_OK,
    HTTP_BODY_TOO_LARGE,   /* above bytes_max */
    HTTP_BODY_NO_MEMORY,   /* the memory budget is used up, or the system's memory */
    HTTP_BODY_NO_SPOOL,    /* the spool budget is used up */
    HTTP_BODY_DISKFULL,    /* the folder's file system is full */
    HTTP_BODY_MALFORMED,   /* not the form it claims to be */
    HTTP_BODY_SPOOL_BROKEN /* the spool folder cannot be written */
};

struct http_body;

/* head: its Content-Type decides between bytes and form. On a fault *ret_body stays NULL. err may not be NULL: its text
 * is what the caller of a malformed form is told. */
enum http_body_fault http_body_create(struct http_body **ret_body, const struct http_request *head,
                                      const struct http_body_settings *settings, conch_error *err);

/* Files that are still in the spool folder are removed; the budgets get their bytes back. NULL is allowed. */
void http_body_destroy(struct http_body *body);

enum http_body_fault http_body_feed(struct http_body *body, const char *data, size_t size, conch_error *err);

/* The body is complete: request->body or its parts point into it. */
enum http_body_fault http_body_end(struct http_body *body, struct http_request *request, conch_error *err);

#endif
