/* Lists of the server, page by page. */
#ifndef CLI_PAGES_H
#define CLI_PAGES_H

#include "cli/client.h"

enum { PAGES_ROWS = 100 /* of one page */ };

struct pages {
    const char *path;                 /* without a query */
    const struct http_field *queries; /* those with a value NULL or "" are left out */
    size_t query_count;
    long limit; /* rows in all; 0: every one */
};

/* Called for each row; other than 0 ends pages_each with it. */
typedef int pages_row(void *context, const json_t *row, conch_error *err);

/* *ret_more (may be NULL): rows are left. What client_call gives, or what each returned. */
int pages_each(const struct client *client, const struct pages *pages, pages_row *each, void *context, bool *ret_more,
               conch_error *err);

/* PATH?name=value&...; values NULL or "" are left out. */
int pages_query(struct buf *buf, const char *path, const struct http_field *queries, size_t count, conch_error *err);

#endif
