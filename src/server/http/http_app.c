#include "server/http/http_app.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/dialect/dialect_json.h"
#include "server/http/app.h"
#include "server/http/files.h"
#include "server/http/headers.h"

enum { SMALL_BODY_BYTES_MAX = 64 << 10 };

/* ---- refusals ---- */

struct refusal {
    const struct api_problem *problem;
    int status; /* 0: of the problem */
    const char *allow;
};

/* Whatever was written is dropped, but for headers that belong to the refusal. */
static void refuse(const struct dialect *dialect, const struct http_request *request, const struct refusal *refusal,
                   struct http_response *response)
{
    char text[24];
    const struct dialect_refusal words = {
        .problem = refusal->problem,
        .status = refusal->status ? refusal->status : api_kind_status(refusal->problem->kind),
        .allow = refusal->allow,
    };
    if (words.status != 416)
        http_response_reset(response);
    dialect->refuse(dialect, &words, request, response);
    if (refusal->allow)
        http_response_header(response, "Allow", refusal->allow, NULL);
    if (refusal->problem->retry_after_s > 0 && !http_response_field(response, "Retry-After")) {
        snprintf(text, sizeof text, "%d", refusal->problem->retry_after_s);
        http_response_header(response, "Retry-After", text, NULL);
    }
}

static void finish(const struct http_app *app, const struct dialect *dialect, const struct http_request *request,
                   bool anywhere, struct http_response *response)
{
    if (dialect->finish)
        dialect->finish(dialect, request, response);
    headers_finish(app->settings.config, request, anywhere, response);
}

/* ---- admit ---- */

static uint64_t body_max(const struct config *config, const struct dialect_route *route)
{
    switch (route->size) {
    case DIALECT_SIZE_SMALL: break;
    case DIALECT_SIZE_JSON: return (uint64_t)config->server.body_bytes_max;
    case DIALECT_SIZE_UPLOAD: return (uint64_t)config->server.upload_bytes_max + SMALL_BODY_BYTES_MAX; /* the form */
    }
    return SMALL_BODY_BYTES_MAX;
}

static int authenticate(struct http_app *app, const struct http_request *head, struct app_note *note)
{
    char token[HEADERS_TOKEN_BYTES];
    struct api_problem *problem = &note->call.problem;
    const struct dialect_route *route = note->match.row->route;
    int rc = 0;
    if (!(route->flags & DIALECT_OPEN)) {
        bool sent = headers_token(head, token);
        if (!sent) {
            rc = sessions_token(app->sessions, head, token, problem);
            sent = rc > 0;
        }
        if (rc >= 0)
            rc = api_authenticate(app->settings.api, sent ? token : NULL, &note->caller, problem);
        if (rc == 0 && route->scope)
            rc = api_require(&note->caller, (enum store_scope)route->scope, problem);
        /* who only looks is not counted: clients poll */
        if (rc == 0 && head->method != HTTP_GET && head->method != HTTP_HEAD && !(route->flags & DIALECT_NO_RATE))
            rc = api_rate(app->settings.api, &note->caller, problem);
    }
    note->caller.origin = head->origin;
    snprintf(note->caller.address, sizeof note->caller.address, "%s", head->address ? head->address : "");
    memcpy(note->caller.request_id, head->id, sizeof note->caller.request_id);
    return rc;
}

/* No row: OPTIONS, another method, or nothing at all. */
static void answer_unrouted(struct http_app *app, const struct http_request *head, struct app_note *note,
                            struct http_response *response)
{
    char allow[80];
    struct api_problem *problem = &note->call.problem;
    struct refusal refusal = {.problem = problem};
    unsigned methods = note->match.methods;
    if (methods && head->method == HTTP_OPTIONS) {
        router_allow(methods, allow, sizeof allow);
        if (headers_is_preflight(head))
            headers_preflight(app->settings.config, head, allow, response);
        response->status = 204;
        http_response_header(response, "Allow", allow, NULL);
        return;
    }
    if (!methods && (head->method == HTTP_GET || head->method == HTTP_HEAD) &&
        static_answer(app->settings.site, head, response))
        return;
    if (methods) {
        router_allow(methods, allow, sizeof allow);
        refusal.status = 405;
        refusal.allow = allow;
        api_refuse(problem, API_INVALID, "method", "%s is not taken here; allowed: %s", http_method_name(head->method),
                   allow);
        snprintf(problem->allowed, sizeof problem->allowed, "%s", allow);
    } else {
        api_refuse(problem, API_NOT_FOUND, "", "there is nothing at this address");
    }
    refuse(note->dialect, head, &refusal, response);
}

static void admit(void *context, const struct http_request *head, struct http_verdict *verdict,
                  struct http_response *response)
{
    struct http_app *app = context;
    struct app_note *note = malloc(sizeof *note); /* filled where it is used: most of it are buffers */
    if (!note) {
        verdict->refused = true;
        response->status = 503;
        return;
    }
    verdict->note = note;
    note->caller.key.id = 0;
    router_find(app->router, head->method, head->path, &note->match);
    const struct router_row *row = note->match.row;
    note->dialect = row ? row->dialect : router_owner(app->router, head->path);
    if (!row) {
        verdict->refused = true;
        answer_unrouted(app, head, note, response);
    } else if (authenticate(app, head, note) < 0) {
        verdict->refused = true;
        refuse(note->dialect, head, &(struct refusal){.problem = &note->call.problem}, response);
    } else {
        verdict->fast = (row->route->flags & DIALECT_FAST) != 0;
        verdict->spool = row->route->size == DIALECT_SIZE_UPLOAD || row->route->body == DIALECT_BODY_BOTH;
        verdict->body_bytes_max = body_max(app->settings.config, row->route);
    }
    if (verdict->refused)
        finish(app, note->dialect, head, false, response);
}

/* ---- handle ---- */

static int body_read(struct http_app *app, struct dialect_call *call, json_t **ret_json)
{
    const struct http_request *request = call->request;
    enum dialect_body body = call->route->body;
    *ret_json = NULL;
    if (body == DIALECT_BODY_NONE)
        return 0;
    if (body == DIALECT_BODY_FORM && !request->multipart)
        return api_refuse(&call->problem, API_INVALID, "body", "the body must be a form: multipart/form-data");
    if (body == DIALECT_BODY_JSON && request->multipart)
        return api_refuse(&call->problem, API_INVALID, "body", "the body must be JSON, not a form");
    if (request->multipart)
        return 0;
    return dialect_json_parse(request->body ? request->body : "", request->body_size,
                              app->settings.config->limits.json_depth_max, ret_json, &call->problem);
}

static void call_begin(struct http_app *app, const struct http_request *request, struct app_note *note,
                       struct http_response *response)
{
    struct dialect_call *call = &note->call;
    *call = (struct dialect_call){.api = app->settings.api,
                                  .app = app,
                                  .dialect = note->dialect,
                                  .route = note->match.row->route,
                                  .caller = &note->caller,
                                  .request = request,
                                  .parameters = note->match.parameters,
                                  .parameter_count = note->match.parameter_count,
                                  .now_ms = clock_wall_ms(),
                                  .response = response};
    if (!note->caller.key.id)
        note->caller.key = (struct store_key){0};
}

/* The handler, and what it leaves to this layer. */
static int run(struct http_app *app, struct dialect_call *call, int *ret_status)
{
    int rc = call->route->handle(call);
    if (rc == 0 && call->outcome == DIALECT_FILE)
        rc = files_send(call, ret_status);
    if (rc == 0 && call->outcome == DIALECT_EVENTS)
        rc = events_open(app->events, call);
    return rc;
}

static void handle(void *context, const struct http_request *request, void *context_note,
                   struct http_response *response)
{
    struct http_app *app = context;
    struct app_note *note = context_note;
    struct dialect_call *call = &note->call;
    json_t *json = NULL;
    int status = 0;
    call_begin(app, request, note, response);
    int rc = body_read(app, call, &json);
    call->json = json;
    if (rc == 0)
        rc = run(app, call, &status);
    if (rc < 0)
        refuse(note->dialect, request, &(struct refusal){.problem = &call->problem, .status = status}, response);
    call->json = NULL;
    json_decref(json);
    finish(app, note->dialect, request, rc == 0 && call->file.accept_anywhere, response);
}

/* ---- what the server refuses ---- */

static enum api_kind kind_of(enum http_refuse_kind kind)
{
    switch (kind) {
    case HTTP_REFUSE_BODY_TOO_LARGE: return API_TOO_LARGE;
    case HTTP_REFUSE_BUSY:
    case HTTP_REFUSE_DISKFULL:
    case HTTP_REFUSE_STOPPING: return API_BUSY;
    case HTTP_REFUSE_BAD_REQUEST:
    case HTTP_REFUSE_TOO_MANY: return API_INVALID;
    case HTTP_REFUSE_TIMEOUT: return API_TIMEOUT;
    case HTTP_REFUSE_INTERNAL: break;
    }
    return API_INTERNAL;
}

static void refused_by_server(void *context, const struct http_request *head, const struct http_refusal *refusal,
                              struct http_response *response)
{
    struct http_app *app = context;
    struct router_match match;
    struct api_problem problem;
    router_find(app->router, head->method, head->path, &match);
    const struct dialect *dialect = match.row ? match.row->dialect : router_owner(app->router, head->path);
    api_refuse(&problem, kind_of(refusal->kind), refusal->kind == HTTP_REFUSE_BODY_TOO_LARGE ? "body" : "", "%s",
               refusal->text);
    problem.retry_after_s = refusal->retry_after_s;
    if (refusal->kind == HTTP_REFUSE_BODY_TOO_LARGE)
        snprintf(problem.allowed, sizeof problem.allowed, "%llu bytes", (unsigned long long)refusal->limit);
    refuse(dialect, head, &(struct refusal){.problem = &problem, .status = refusal->status}, response);
    finish(app, dialect, head, false, response);
}

/* ---- done ---- */

static enum log_level level_of(const struct dialect_route *route, int status)
{
    if (status >= 500)
        return LOG_LEVEL_WARN;
    bool polled = route && (route->flags & DIALECT_FAST) && route->method == HTTP_GET;
    return polled && status < 400 ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

static void log_request(const struct http_request *request, const struct app_note *note, const struct http_done *done)
{
    const struct router_row *row = note ? note->match.row : NULL;
    const struct dialect_route *route = row ? row->route : NULL;
    enum log_level level = level_of(route, done->status);
    if (!log_enabled(level))
        return;
    /* whoever reads the log must not be able to use a link, nor a key that was put into an address by mistake */
    const bool secret = (route && strstr(route->pattern, "{mac}")) || strstr(request->path, "ck_");
    const char *path = !secret ? request->path : route ? route->pattern : "(hidden)";
    log_at(level, "request", log_text("method", http_method_name(request->method)), log_text("path", path),
           log_number("status", done->status), log_real("ms", (double)done->duration_us / 1000),
           log_text("request_id", request->id), log_text("route", route ? route->pattern : NULL),
           log_number("bytes", (int64_t)done->bytes), log_number("body_bytes", (int64_t)done->body_bytes),
           note && note->caller.key.id ? log_id("key", note->caller.key.id) : (struct log_field){.kind = LOG_NONE},
           log_flag("complete", done->complete), log_text("address", request->address));
}

static void done(void *context, const struct http_request *request, void *context_note, const struct http_done *what)
{
    struct http_app *app = context;
    struct app_note *note = context_note;
    count_request(app->count, note ? note->match.row : NULL, what->status, what->duration_us);
    log_request(request, note, what);
    free(note);
}

/* ---- life ---- */

static int dialects_take(struct http_app *app, const struct dialect *const *dialects, conch_error *err)
{
    app->dialects[app->dialect_count++] = &app_dialect;
    for (; *dialects; dialects++) {
        if (app->dialect_count == APP_DIALECTS_MAX)
            return conch_error_set(err, CONCH_ERR_LIMIT, "more than %d dialects", APP_DIALECTS_MAX);
        app->dialects[app->dialect_count++] = *dialects;
    }
    return 0;
}

int http_app_create(struct http_app **ret_app, const struct http_app_settings *settings, conch_error *err)
{
    const struct config *config = settings->config;
    struct http_app *app = calloc(1, sizeof *app);
    if (!app)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the server");
    app->settings = *settings;
    if (!app->settings.site)
        app->settings.site = static_site;
    int rc = dialects_take(app, settings->dialects ? settings->dialects : dialect_all, err);
    if (rc == 0)
        rc = router_create(&app->router, app->dialects, app->dialect_count, err);
    if (rc == 0)
        rc = count_create(&app->count, app->router, err);
    if (rc == 0)
        rc = events_create(&app->events,
                           &(struct events_settings){.store = settings->store,
                                                     .clients_max = (size_t)config->limits.sse_clients_max,
                                                     .backlog_max = (size_t)config->limits.events_backlog_max},
                           err);
    if (rc == 0)
        rc = sessions_create(&app->sessions, settings->api, settings->store, err);
    if (rc < 0)
        http_app_close(app, 0);
    else
        *ret_app = app;
    return rc;
}

int http_app_listen(struct http_app *app, const char *spool_folder, conch_error *err)
{
    const struct config *config = app->settings.config;
    const struct http_embedder embedder = http_app_embedder(app);
    const struct http_server_settings settings = {
        .listen = config->server.listen,
        .public_url = *config->server.public_url ? config->server.public_url : NULL,
        .tls_certificate = *config->server.tls_certificate ? config->server.tls_certificate : NULL,
        .tls_key = *config->server.tls_key ? config->server.tls_key : NULL,
        .trust_forwarded = config->server.trust_forwarded,
        .spool_folder = spool_folder,
        .network_threads = (size_t)config->server.threads,
        .handler_threads = (size_t)config->server.handlers,
        .queue_max = (size_t)config->server.handler_queue_max,
        .connections_max = (size_t)config->server.connections_max,
        .header_bytes_max = (size_t)config->server.header_bytes_max,
        .inflight_bytes_max = (uint64_t)config->server.inflight_bytes_max,
        .spool_bytes_max = (uint64_t)config->server.spool_bytes_max,
        .idle_timeout_ms = config->server.idle_timeout_ms,
        .header_timeout_ms = config->server.header_timeout_ms,
        .body_timeout_ms = config->server.body_timeout_ms,
    };
    assert(!app->server);
    return http_server_open(&app->server, &settings, &embedder, err);
}

const char *http_app_address(const struct http_app *app)
{
    return app->server ? http_server_address(app->server) : NULL;
}

const char *http_app_origin(const struct http_app *app)
{
    return app->server ? http_server_origin(app->server) : NULL;
}

int http_app_sign_in(const struct http_app *app, const char *key, struct buf *ret_url, conch_error *err)
{
    int64_t expires_ms;
    return sessions_link(app->sessions, http_app_origin(app), key, ret_url, &expires_ms, err);
}

void http_app_close(struct http_app *app, int64_t grace_ms)
{
    if (!app)
        return;
    api_wait_stop(app->settings.api);
    events_stop(app->events);
    http_server_close(app->server, grace_ms);
    events_destroy(app->events);
    sessions_destroy(app->sessions);
    count_destroy(app->count);
    router_destroy(app->router);
    free(app);
}

void http_app_wake(struct http_app *app)
{
    if (app)
        events_wake(app->events);
}

struct http_embedder http_app_embedder(struct http_app *app)
{
    return (struct http_embedder){app, admit, handle, refused_by_server, done};
}
