/* What was answered, counted: by row, status and time. Any thread, no locks. */
#ifndef SERVER_HTTP_COUNT_H
#define SERVER_HTTP_COUNT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "conch/error.h"
#include "net/http_server.h"
#include "server/http/router.h"

struct count;

int count_create(struct count **ret_count, const struct router *router, conch_error *err);
void count_destroy(struct count *count);

/* row NULL: no row fitted. */
void count_request(struct count *count, const struct router_row *row, int status, int64_t duration_us);

/* Appends Prometheus text; state may be NULL. */
int count_write(struct count *count, const struct http_server_state *state, size_t event_streams, struct buf *buf,
                conch_error *err);

#endif
