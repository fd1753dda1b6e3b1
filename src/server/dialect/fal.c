/* The table of fal's queue, with the addresses that a client sends through the proxy. */
#include "server/dialect/fal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "net/url.h"

/* ---- which host was meant ---- */

static const char mount[] = "/fal", run_mount[] = "/fal/run";

const char *fal_path(const struct dialect_call *call)
{
    const char *path = call->request->path;
    return path + (text_begins(path, "/fal/run/") ? strlen(run_mount) : strlen(mount));
}

static int dispatch(struct dialect_call *call)
{
    struct fal_target target;
    fal_target_read(call->request->method, fal_path(call), &target);
    return text_begins(call->request->path, "/fal/run/") ? fal_run(call, &target) : fal_call(call, &target);
}

/* ---- the proxy: every call to one address, the real one in a header ---- */

enum { QUERIES_MAX = 16 };

struct proxied {
    struct http_request request;
    struct http_field queries[QUERIES_MAX];
    char *path; /* "/fal" and the path of the real address, then its query, decoded */
};

static const char *mount_of(const char *host)
{
    static const struct {
        const char *host, *mount;
    } hosts[] = {
        {"queue.fal.run", "/fal"}, {"fal.run", "/fal/run"}, {"rest.fal.ai", "/fal"}, {"rest.alpha.fal.ai", "/fal"}};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (strcmp(hosts[i].host, host) == 0)
            return hosts[i].mount;
    return NULL;
}

/* Decodes in place: pieces only get shorter. false: an escape that is none. */
static bool queries_split(struct proxied *proxied, char *query)
{
    size_t count = 0;
    while (query && *query && count < QUERIES_MAX) {
        char *next = strchr(query, '&');
        if (next)
            *next++ = '\0';
        char *value = strchr(query, '=');
        if (value)
            *value++ = '\0';
        else
            value = query + strlen(query);
        if (url_decode(query, strlen(query), true) < 0 || url_decode(value, strlen(value), true) < 0)
            return false;
        proxied->queries[count++] = (struct http_field){query, value};
        query = next;
    }
    proxied->request.queries = proxied->queries;
    proxied->request.query_count = count;
    return true;
}

static int refuse_target(struct api_problem *problem)
{
    return api_refuse(problem, API_INVALID, "x-fal-target-url",
                      "the header x-fal-target-url must hold an address at queue.fal.run, fal.run or rest.fal.ai");
}

static int proxied_read(const struct http_request *request, struct proxied *ret, struct api_problem *problem)
{
    const char *text = http_header(request, "x-fal-target-url"), *at;
    struct url url = {0};
    *ret = (struct proxied){.request = *request};
    if (!text || url_parse(&url, text, NULL) < 0)
        return refuse_target(problem);
    at = mount_of(url.host);
    const size_t size = at ? strlen(at) + strlen(url.target) + 1 : 0;
    ret->path = at ? malloc(size) : NULL;
    if (ret->path)
        snprintf(ret->path, size, "%s%s", at, url.target);
    url_finish(&url);
    if (!at)
        return refuse_target(problem);
    if (!ret->path)
        return api_refuse(problem, API_BUSY, "", "no memory for the request");
    char *query = strchr(ret->path, '?');
    if (query)
        *query++ = '\0';
    if (url_decode(ret->path, strlen(ret->path), false) < 0 || !queries_split(ret, query))
        return refuse_target(problem);
    ret->request.path = ret->path;
    return 0;
}

static int proxy(struct dialect_call *call)
{
    const struct http_request *request = call->request;
    struct proxied proxied;
    int rc = proxied_read(request, &proxied, &call->problem);
    if (rc == 0) {
        call->request = &proxied.request;
        if (strcmp(proxied.path, "/fal/storage/upload/initiate") == 0)
            rc = fal_upload_initiate(call);
        else if (strcmp(proxied.path, "/fal/storage/upload/initiate-multipart") == 0)
            rc = fal_upload_multipart(call);
        else
            rc = dispatch(call);
        call->request = request;
    }
    free(proxied.path);
    return rc;
}

/* ---- the table ---- */

#define MAKE STORE_SCOPE_GENERATE
#define READ STORE_SCOPE_READ
#define JSON DIALECT_BODY_JSON, DIALECT_SIZE_JSON
#define NONE DIALECT_BODY_NONE, DIALECT_SIZE_SMALL
#define RAW  DIALECT_BODY_NONE, DIALECT_SIZE_JSON
#define POLL DIALECT_NO_RATE
#define FAST DIALECT_NO_RATE | DIALECT_FAST

/* Endpoints have two to six segments. Their requests stand below two of them, three in two namespaces, and below all of
 * them in addresses that people put together. */
#define REQUESTS(app)                                                                                                  \
    {HTTP_GET, app "/requests/{id}/status", READ, FAST, NONE, dispatch},                                               \
        {HTTP_GET, app "/requests/{id}/status/stream", READ, POLL, NONE, dispatch},                                    \
        {HTTP_GET, app "/requests/{id}", READ, FAST, NONE, dispatch},                                                  \
        {HTTP_GET, app "/requests/{id}/response", READ, FAST, NONE, dispatch},                                         \
    {                                                                                                                  \
        HTTP_PUT, app "/requests/{id}/cancel", MAKE, 0, NONE, dispatch                                                 \
    }
#define ENDPOINT(app)                                                                                                  \
    {HTTP_POST, "/fal" app, MAKE, 0, JSON, dispatch},                                                                  \
    {                                                                                                                  \
        HTTP_POST, "/fal/run" app, MAKE, 0, JSON, dispatch                                                             \
    }

static const struct dialect_route routes[] = {
    ENDPOINT("/{a}/{b}"),
    ENDPOINT("/{a}/{b}/{c}"),
    ENDPOINT("/{a}/{b}/{c}/{d}"),
    ENDPOINT("/{a}/{b}/{c}/{d}/{e}"),
    ENDPOINT("/{a}/{b}/{c}/{d}/{e}/{f}"),
    REQUESTS("/fal/{a}/{b}"),
    REQUESTS("/fal/{a}/{b}/{c}"),
    REQUESTS("/fal/{a}/{b}/{c}/{d}"),
    REQUESTS("/fal/{a}/{b}/{c}/{d}/{e}"),
    {HTTP_GET, "/fal/proxy", READ, POLL, NONE, proxy},
    {HTTP_POST, "/fal/proxy", MAKE, 0, JSON, proxy},
    {HTTP_PUT, "/fal/proxy", MAKE, 0, NONE, proxy},
    {HTTP_POST, "/fal/storage/upload/initiate", MAKE, 0, DIALECT_BODY_JSON, DIALECT_SIZE_SMALL, fal_upload_initiate},
    {HTTP_POST, "/fal/storage/upload/initiate-multipart", MAKE, 0, DIALECT_BODY_JSON, DIALECT_SIZE_SMALL,
     fal_upload_multipart},
    {HTTP_PUT, "/fal/storage/put/{account}/{token}/{until}/{proof}/{name}", 0, DIALECT_OPEN, RAW, fal_upload_put},
    {HTTP_GET, "/fal/storage/file/{account}/{token}/{proof}/{name}", 0, DIALECT_OPEN, NONE, fal_upload_get},
    {HTTP_GET, "/.well-known/jwks.json", 0, DIALECT_OPEN, NONE, fal_jwks},
    {HTTP_GET, "/fal/.well-known/jwks.json", 0, DIALECT_OPEN, NONE, fal_jwks},
};

static const char *const prefixes[] = {"/fal/", NULL};
static const char *const callback_styles[] = {"fal", NULL};

static void finish(const struct dialect *dialect, const struct http_request *request, struct http_response *response)
{
    if (!http_response_field(response, "x-fal-request-id"))
        http_response_header(response, "x-fal-request-id", request->id, NULL);
}

const struct dialect dialect_fal = {
    .name = "fal",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = ARRAY_LEN(routes),
    .refuse = fal_refuse,
    .finish = finish,
    .callback_styles = callback_styles,
    .callback_body = fal_callback_body,
    .callback_sign = fal_callback_sign,
};
