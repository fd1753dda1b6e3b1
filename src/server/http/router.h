/* Which row of the dialects' tables answers a path: a tree of segments, built once.
 *
 * Segments of text go before {names}; where the first choice leads nowhere the other is tried. A path that is known,
 * but not with this method, gives the methods that are. */
#ifndef SERVER_HTTP_ROUTER_H
#define SERVER_HTTP_ROUTER_H

#include <stdbool.h>
#include <stddef.h>

#include "conch/error.h"
#include "net/http.h"
#include "server/dialect/dialect.h"

enum { ROUTER_TEXT_BYTES = 1024 /* of all parameters of one path */ };

struct router;

/* Where a row came from; index counts the rows of all dialects, for counters. */
struct router_row {
    const struct dialect *dialect;
    const struct dialect_route *route;
    size_t index;
};

struct router_match {
    const struct router_row *row; /* NULL: not found, or another method */
    unsigned methods;             /* bits 1 << http_method that the path has, HEAD where it has GET */
    struct dialect_parameter parameters[DIALECT_PARAMETERS_MAX];
    size_t parameter_count;
    char text[ROUTER_TEXT_BYTES]; /* what the parameters point to */
};

/* Two rows of one method and path, or a pattern that cannot be: an assertion. CONCH_ERR_NOMEM. */
int router_create(struct router **ret_router, const struct dialect *const *dialects, size_t dialect_count,
                  conch_error *err);
void router_destroy(struct router *router);

size_t router_row_count(const struct router *router);
const struct router_row *router_row(const struct router *router, size_t index);

/* match needs no clearing before. */
void router_find(const struct router *router, enum http_method method, const char *path, struct router_match *match);

/* Whose words a refusal has where no row fits: the longest prefix; never NULL when one dialect has "". */
const struct dialect *router_owner(const struct router *router, const char *path);

/* "GET, HEAD, POST" */
void router_allow(unsigned methods, char *ret, size_t size);

#endif
