/* From the raw head of a request to the fields of struct http_request: target, queries, origin. Pure. */
#ifndef NET_HTTP_HEAD_H
#define NET_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "net/http.h"

enum { HTTP_ORIGIN_BYTES_MAX = 300 };

enum http_method http_method_of(const char *name);

/* Room that http_target_parse needs for a target of target_size bytes. */
size_t http_target_room(size_t target_size);

/* Takes request->target apart: sets path and queries. text: http_target_room bytes, queries: HTTP_FIELDS_MAX entries;
 * both live as long as the request. Absolute targets ("http://host/path") are cut to their path, "*" becomes "/".
 * CONCH_ERR_RANGE for an escape that is not %XX or gives a NUL, and for a target that does not begin with '/';
 * CONCH_ERR_LIMIT above HTTP_FIELDS_MAX queries. */
int http_target_parse(struct http_request *request, char *text, struct http_field *queries, conch_error *err);

/* "http://host:port" as the caller used it: from Host, and with trust_forwarded from X-Forwarded-Proto and -Host;
 * fallback when there is no usable Host. fallback's scheme is that of the connection, where no proxy says otherwise. */
void http_origin_find(const struct http_request *request, bool trust_forwarded, const char *fallback,
                      char origin[HTTP_ORIGIN_BYTES_MAX]);

/* With trust_forwarded: the last address of X-Forwarded-For, which is what the proxy in front of us saw. False: there
 * is none that is an address. */
bool http_forwarded_for(const struct http_request *request, char *address, size_t size);

#endif
