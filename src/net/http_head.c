#include "net/http_head.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/url.h"

enum http_method http_method_of(const char *name)
{
    for (int method = HTTP_GET; method < HTTP_OTHER; method++)
        if (strcmp(name, http_method_name((enum http_method)method)) == 0)
            return (enum http_method)method;
    return HTTP_OTHER;
}

/* ---- the target ---- */

size_t http_target_room(size_t target_size)
{
    return target_size + 2;
}

/* Where the path begins in "http://host/path"; the target itself in other forms. */
static const char *path_find(const char *target)
{
    const char *rest = strncasecmp(target, "http://", 7) == 0    ? target + 7
                       : strncasecmp(target, "https://", 8) == 0 ? target + 8
                                                                 : NULL;
    return rest ? rest + strcspn(rest, "/?") : target;
}

static int escape_refuse(conch_error *err, const char *what)
{
    return conch_error_set(err, CONCH_ERR_RANGE,
                           "the %s of the request has a '%%' that is not followed by two hex "
                           "digits, or an encoded NUL",
                           what);
}

/* "a=1&b": in place; names and values end in NUL. */
static int queries_parse(struct http_request *request, char *text, struct http_field *queries, conch_error *err)
{
    request->queries = queries;
    for (char *next = text; next && *next;) {
        char *item = strsep(&next, "&");
        if (!*item)
            continue;
        if (request->query_count == HTTP_FIELDS_MAX)
            return conch_error_set(err, CONCH_ERR_LIMIT, "more than the allowed %d query parameters", HTTP_FIELDS_MAX);
        char *value = strchr(item, '=');
        if (value)
            *value++ = 0;
        else
            value = item + strlen(item);
        if (url_decode(item, strlen(item), true) < 0 || url_decode(value, strlen(value), true) < 0)
            return escape_refuse(err, "query");
        queries[request->query_count++] = (struct http_field){.name = item, .value = value};
    }
    return 0;
}

int http_target_parse(struct http_request *request, char *text, struct http_field *queries, conch_error *err)
{
    const char *path = path_find(request->target);
    size_t path_size = strcspn(path, "?");
    bool empty = path_size == 0 && path != request->target;
    if (empty || strcmp(path, "*") == 0) {
        request->path = "/";
    } else if (*path != '/') {
        return conch_error_set(err, CONCH_ERR_RANGE, "the path of the request does not begin with '/'");
    } else {
        memcpy(text, path, path_size);
        if (url_decode(text, path_size, false) < 0)
            return escape_refuse(err, "path");
        request->path = text;
        text += path_size + 1;
    }
    if (path[path_size] == 0)
        return 0;
    strcpy(text, path + path_size + 1);
    return queries_parse(request, text, queries, err);
}

/* ---- who asked, and how ---- */

/* A host with an optional port that may stand in a link. */
static bool host_is_valid(const char *host, size_t size)
{
    if (size == 0 || size > HTTP_ORIGIN_BYTES_MAX - 10)
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = host[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!plain && !strchr("-._:[]", c))
            return false;
    }
    return true;
}

/* The first entry of a list with commas, without blanks. */
static const char *first_entry(const char *list, size_t *ret_size)
{
    list += strspn(list, " \t");
    size_t size = strcspn(list, ",");
    while (size && (list[size - 1] == ' ' || list[size - 1] == '\t'))
        size--;
    *ret_size = size;
    return list;
}

void http_origin_find(const struct http_request *request, bool trust_forwarded, const char *fallback,
                      char origin[HTTP_ORIGIN_BYTES_MAX])
{
    size_t host_size = 0, forwarded_size = 0, proto_size = 0;
    const char *host = http_header(request, "Host");
    const char *forwarded = trust_forwarded ? http_header(request, "X-Forwarded-Host") : NULL;
    const char *proto = trust_forwarded ? http_header(request, "X-Forwarded-Proto") : NULL;
    host = host ? first_entry(host, &host_size) : "";
    forwarded = forwarded ? first_entry(forwarded, &forwarded_size) : "";
    proto = proto ? first_entry(proto, &proto_size) : "";
    if (host_is_valid(forwarded, forwarded_size)) {
        host = forwarded;
        host_size = forwarded_size;
    }
    bool tls = proto_size ? proto_size == 5 && strncasecmp(proto, "https", 5) == 0
                          : strncmp(fallback, "https:", 6) == 0;
    if (host_is_valid(host, host_size))
        snprintf(origin, HTTP_ORIGIN_BYTES_MAX, "%s://%.*s", tls ? "https" : "http", (int)host_size, host);
    else
        snprintf(origin, HTTP_ORIGIN_BYTES_MAX, "%s", fallback);
}

bool http_forwarded_for(const struct http_request *request, char *address, size_t size)
{
    const char *list = NULL;
    for (size_t i = 0; i < request->header_count; i++) /* the last header: a proxy appends */
        if (strcasecmp(request->headers[i].name, "X-Forwarded-For") == 0)
            list = request->headers[i].value;
    if (!list)
        return false;
    const char *last = strrchr(list, ',');
    last = last ? last + 1 : list;
    size_t last_size;
    last = first_entry(last, &last_size);
    unsigned char binary[16];
    if (last_size >= size)
        return false;
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)last_size, last);
    if (inet_pton(AF_INET, text, binary) != 1 && inet_pton(AF_INET6, text, binary) != 1)
        return false;
    snprintf(address, size, "%s", text);
    return true;
}
