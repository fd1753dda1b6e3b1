/* Headers that every answer gets, and those read from every request. */
#ifndef SERVER_HTTP_HEADERS_H
#define SERVER_HTTP_HEADERS_H

#include <stdbool.h>

#include "net/http.h"
#include "server/config.h"

enum { HEADERS_TOKEN_BYTES = 300 };

/* The key of a request, copied out without its scheme; false: none was sent, or one longer than any key. */
bool headers_token(const struct http_request *request, char ret[HEADERS_TOKEN_BYTES]);

/* Whether the request asks, before the real one, if another origin's page may send it. */
bool headers_is_preflight(const struct http_request *request);
/* 204; allow: "GET, POST". */
void headers_preflight(const struct config *config, const struct http_request *request, const char *allow,
                       struct http_response *response);

/* X-Request-Id, what browsers must not do with an answer, and what pages of other origins may read. Those already set
 * are left as they are. anywhere: pages of any origin may embed it. */
void headers_finish(const struct config *config, const struct http_request *request, bool anywhere,
                    struct http_response *response);

#endif
