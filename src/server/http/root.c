/* The addresses that are the server's own: the page at /, /metrics, and the session of a browser. */
#include <string.h>

#include "base/base.h"
#include "server/dialect/dialect_json.h"
#include "server/http/app.h"
#include "server/http/headers.h"

static int page(struct dialect_call *call)
{
    static_answer(call->app->settings.site, call->request, call->response);
    return 0;
}

/* From this machine, and not through a proxy on it. */
static bool is_local(const struct dialect_call *call)
{
    const char *address = call->request->address;
    if (http_header(call->request, "X-Forwarded-For") || http_header(call->request, "Forwarded"))
        return false;
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static int may_read_metrics(struct dialect_call *call)
{
    char token[HEADERS_TOKEN_BYTES];
    struct api_caller caller = {0};
    if (is_local(call))
        return 0;
    bool sent = headers_token(call->request, token);
    int rc = api_authenticate(call->api, sent ? token : NULL, &caller, &call->problem);
    return rc == 0 ? api_require(&caller, STORE_SCOPE_ADMIN, &call->problem) : -1;
}

static int metrics(struct dialect_call *call)
{
    struct http_app *app = call->app;
    struct http_server_state state;
    struct buf *buf = &call->response->body;
    conch_error err = {0};
    if (may_read_metrics(call) < 0)
        return -1;
    if (app->server)
        http_server_state(app->server, &state);
    int rc = api_metrics(call->api, buf, &err);
    if (rc == 0)
        rc = count_write(app->count, app->server ? &state : NULL, events_count(app->events), buf, &err);
    if (rc == 0)
        rc = http_response_header(call->response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8", &err);
    if (rc < 0)
        return dialect_trouble(&call->problem, &err);
    call->response->status = 200;
    return 0;
}

static const struct dialect_route routes[] = {
    {HTTP_GET, "/", 0, DIALECT_OPEN, DIALECT_BODY_NONE, DIALECT_SIZE_SMALL, page},
    {HTTP_GET, "/metrics", 0, DIALECT_OPEN, DIALECT_BODY_NONE, DIALECT_SIZE_SMALL, metrics},
    {HTTP_POST, "/conch/v1/session", 0, DIALECT_OPEN, DIALECT_BODY_JSON, DIALECT_SIZE_SMALL, session_open},
    {HTTP_GET, "/conch/v1/session", 0, DIALECT_OPEN, DIALECT_BODY_NONE, DIALECT_SIZE_SMALL, session_show},
    {HTTP_DELETE, "/conch/v1/session", 0, DIALECT_OPEN, DIALECT_BODY_NONE, DIALECT_SIZE_SMALL, session_end},
    {HTTP_POST, "/conch/v1/session/links", 0, 0, DIALECT_BODY_NONE, DIALECT_SIZE_SMALL, session_link},
};

static void refuse(const struct dialect *dialect, const struct dialect_refusal *refusal,
                   const struct http_request *request, struct http_response *response)
{
    (void)dialect;
    dialect_conch.refuse(&dialect_conch, refusal, request, response);
}

const struct dialect app_dialect = {
    .name = "server", .routes = routes, .route_count = ARRAY_LEN(routes), .refuse = refuse};
