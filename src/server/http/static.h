/* The files of the site that are part of the program. tools/embed.py makes the table from a folder. */
#ifndef SERVER_HTTP_STATIC_H
#define SERVER_HTTP_STATIC_H

#include <stdbool.h>
#include <stddef.h>

#include "net/http.h"

struct static_file {
    const char *path; /* "/index.html"; NULL ends the table */
    const char *type;
    const char *data;
    size_t size;
    const char *packed; /* the same by gzip; NULL: not worth it */
    size_t packed_size;
    const char *etag; /* without quotes */
};

/* The table that is built in; it may be empty. */
extern const struct static_file static_site[];

/* Whether there is an answer for this GET or HEAD: a file of the site, "/" (its index.html, or a plain page that says
 * what this is), or a place below /studio (the same index.html: the page itself knows what to show there). When true
 * the response is written. */
bool static_answer(const struct static_file *site, const struct http_request *request, struct http_response *response);

#endif
