#include "cli/pages.h"

#include <stdio.h>
#include <string.h>

#include "net/url.h"

enum { QUERIES_MAX = 16 };

int pages_query(struct buf *buf, const char *path, const struct http_field *queries, size_t count, conch_error *err)
{
    bool first = true;
    int rc = buf_append_text(buf, path, err);
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (!queries[i].value || !*queries[i].value)
            continue;
        rc = url_append_query(buf, first, queries[i].name, queries[i].value, err);
        first = false;
    }
    return rc;
}

static int page_get(const struct client *client, const struct pages *pages, const struct http_field own[2],
                    json_t **ret_page, conch_error *err)
{
    struct http_field queries[QUERIES_MAX];
    struct buf path;
    size_t count = 0;
    for (; count < pages->query_count && count < QUERIES_MAX - 2; count++)
        queries[count] = pages->queries[count];
    queries[count++] = own[0];
    queries[count++] = own[1];
    buf_init(&path, URL_BYTES_MAX);
    int rc = pages_query(&path, pages->path, queries, count, err);
    if (rc == 0)
        rc = client_get(client, path.data, ret_page, err);
    buf_finish(&path);
    return rc;
}

int pages_each(const struct client *client, const struct pages *pages, pages_row *each, void *context, bool *ret_more,
               conch_error *err)
{
    char before[24] = "", limit[24];
    long left = pages->limit;
    bool more = true;
    int rc = 0;
    while (more && rc == 0 && (!pages->limit || left > 0)) {
        json_t *page = NULL, *row;
        size_t index;
        snprintf(limit, sizeof limit, "%ld", pages->limit && left < PAGES_ROWS ? left : (long)PAGES_ROWS);
        rc = page_get(client, pages, (const struct http_field[]){{"limit", limit}, {"before", before}}, &page, err);
        if (rc < 0)
            break;
        json_array_foreach(json_object_get(page, "data"), index, row)
        {
            rc = each(context, row, err);
            left--;
            if (rc < 0)
                break;
        }
        const char *next = json_string_value(json_object_get(page, "next"));
        more = json_is_true(json_object_get(page, "has_more")) && next && strcmp(next, before) != 0;
        snprintf(before, sizeof before, "%s", next ? next : "");
        json_decref(page);
    }
    if (rc == 0 && ret_more)
        *ret_more = more;
    return rc;
}
