/* The target and the Host of a request from a stranger. The first line is the target, the second the Host, the third an
 * X-Forwarded-For. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "net/http_head.h"

static void target_check(struct http_request *request)
{
    static struct http_field queries[HTTP_FIELDS_MAX];
    char *text = malloc(http_target_room(strlen(request->target)));
    conch_error err = {0};
    if (!text)
        abort();
    if (http_target_parse(request, text, queries, &err) < 0) {
        if (!err.text[0])
            abort();
    } else {
        if (request->path[0] != '/' || request->query_count > HTTP_FIELDS_MAX)
            abort();
        for (size_t i = 0; i < request->query_count; i++)
            if (!request->queries[i].name || !http_query(request, request->queries[i].name))
                abort();
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *rest = text, *line;
    char origin[HTTP_ORIGIN_BYTES_MAX], address[48];
    const char *lines[3] = {"", "", ""};
    if (!text)
        abort();
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    for (int i = 0; i < 3 && (line = strsep(&rest, "\n")); i++)
        lines[i] = line;
    const struct http_field headers[] = {{"Host", lines[1]},
                                         {"X-Forwarded-Host", lines[1]},
                                         {"X-Forwarded-Proto", lines[2]},
                                         {"X-Forwarded-For", lines[2]},
                                         {"Content-Type", lines[2]}};
    struct http_request request = {.target = lines[0], .headers = headers, .header_count = 5};
    target_check(&request);
    http_origin_find(&request, size & 1, "http://fallback", origin);
    if (strncmp(origin, "http", 4) != 0 || strpbrk(origin, " \"<>\r\n/") != strchr(origin, '/'))
        abort();
    http_forwarded_for(&request, address, sizeof address);
    http_type_is(&request, "application/json");
    free(text);
    return 0;
}
