/* The connections of a server and their deadlines: a thread shuts down the sockets of those that take too long over
 * their headers or body. The HTTP library knows inactivity alone, and a byte now and then is activity. */
#ifndef NET_HTTP_LINKS_H
#define NET_HTTP_LINKS_H

#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"

struct http_links;
struct http_link;

/* step_ms: how often the thread looks. */
int http_links_create(struct http_links **ret_links, int64_t step_ms, conch_error *err);

/* Without any link left; NULL is allowed. */
void http_links_destroy(struct http_links *links);

/* The socket stays open until http_links_remove. deadline_ms: on the steady clock (base/clock.h); 0: none. NULL: no
 * memory. */
struct http_link *http_links_add(struct http_links *links, int socket, int64_t deadline_ms);
void http_links_remove(struct http_links *links, struct http_link *link);

void http_link_deadline(struct http_link *link, int64_t deadline_ms);

size_t http_links_count(struct http_links *links);

#endif
