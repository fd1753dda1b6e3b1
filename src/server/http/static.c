#include "server/http/static.h"

#include <string.h>

#include "base/text.h"

static const char landing[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>Conch</title>\n"
    "</head>\n"
    "<body>\n"
    "<main>\n"
    "<h1>Conch</h1>\n"
    "<p>Short videos from a sentence or a picture, made on this machine. This is its server, and it is up.</p>\n"
    "<ul>\n"
    "<li>What it understands: <a href=\"/conch/v1/openapi.json\">/conch/v1/openapi.json</a> (OpenAPI 3.1)</li>\n"
    "<li>Whether it can take work: <a href=\"/readyz\">/readyz</a></li>\n"
    "<li>MiniMax clients: this address as the base URL, and a key of this server.</li>\n"
    "</ul>\n"
    "<p>The first start printed a key. A first job:</p>\n"
    "<pre>curl -H \"Authorization: Bearer KEY\" -H \"Content-Type: application/json\" \\\n"
    "     -d '{\"prompt\": \"a red ball bounces\"}' THIS-ADDRESS/conch/v1/jobs</pre>\n"
    "</main>\n"
    "</body>\n"
    "</html>\n";

static const char landing_policy[] = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
static const char site_policy[] =
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'";

static const struct static_file *find(const struct static_file *site, const char *path)
{
    for (; site->path; site++)
        if (strcmp(site->path, path) == 0)
            return site;
    return NULL;
}

/* Whether one of the names in a list header stands for gzip with a weight above 0. */
static bool takes_gzip(const struct http_request *request)
{
    const char *accept = http_header(request, "Accept-Encoding");
    const char *at = accept ? strstr(accept, "gzip") : NULL;
    if (!at)
        return false;
    at += strlen("gzip");
    return strncmp(at, ";q=0", 4) != 0 || at[4] == '.';
}

static bool is_same(const struct http_request *request, const char *etag)
{
    const char *have = http_header(request, "If-None-Match");
    return have && strstr(have, etag) != NULL;
}

static int send(const struct static_file *file, const struct http_request *request, struct http_response *response)
{
    conch_error err;
    char etag[80] = "\"";
    bool packed = file->packed && takes_gzip(request), named = text_begins(file->path, "/assets/");
    strncat(etag, file->etag, sizeof etag - 3);
    strcat(etag, "\"");
    int rc = http_response_header(response, "ETag", etag, &err);
    if (rc == 0) /* names below /assets hold a digest of what is in them */
        rc = http_response_header(response, "Cache-Control", named ? "public, max-age=31536000, immutable" : "no-cache",
                                  &err);
    if (rc == 0 && file->packed)
        rc = http_response_header(response, "Vary", "Accept-Encoding", &err);
    if (rc == 0)
        rc = http_response_header(response, "Content-Security-Policy", site_policy, &err);
    if (rc < 0)
        return rc;
    if (is_same(request, file->etag)) {
        response->status = 304;
        return 0;
    }
    rc = http_response_header(response, "Content-Type", file->type, &err);
    if (rc == 0 && packed)
        rc = http_response_header(response, "Content-Encoding", "gzip", &err);
    if (rc == 0)
        rc = buf_append(&response->body, packed ? file->packed : file->data, packed ? file->packed_size : file->size,
                        &err);
    response->status = 200;
    return rc;
}

static int send_landing(struct http_response *response)
{
    int rc = http_response_text(response, 200, "text/html; charset=utf-8", landing, NULL);
    if (rc == 0)
        rc = http_response_header(response, "Content-Security-Policy", landing_policy, NULL);
    return rc == 0 ? http_response_header(response, "Cache-Control", "no-cache", NULL) : rc;
}

bool static_answer(const struct static_file *site, const struct http_request *request, struct http_response *response)
{
    const bool root = strcmp(request->path, "/") == 0;
    /* places of the studio are addresses of one page */
    const bool place = root || strcmp(request->path, "/studio") == 0 || text_begins(request->path, "/studio/");
    const struct static_file *file = find(site, place ? "/index.html" : request->path);
    if (!file && !root)
        return false;
    if ((file ? send(file, request, response) : send_landing(response)) < 0) {
        http_response_reset(response);
        response->status = 503;
    }
    return true;
}
