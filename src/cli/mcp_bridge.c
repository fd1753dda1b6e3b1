#include "cli/mcp_bridge.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "cli/mcp_local.h"
#include "cli/stop.h"
#include "net/sse.h"

enum {
    STALL_MS = 120 * 1000, /* a server that lives sends something every 15 s of a stream */
    EVENT_BYTES_MAX = 16 << 20,
    ID_BYTES_MAX = 256,
    VERSION_BYTES = 32,
    ERROR_SERVER = -32000,
    ERROR_PARSE = -32700,
};

struct call {
    struct mcp_bridge *bridge;
    bool taken;
    atomic_bool cancelled;
    char id[ID_BYTES_MAX]; /* as JSON; "": a notification */
    json_t *message;
    struct mcp_local local;
    bool answered;
    /* the answer as it comes */
    bool begun, streams;
    struct buf body;
    struct sse_parser parser;
};

struct mcp_bridge {
    const struct client *client;
    int output;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct call calls[MCP_BRIDGE_CALLS_MAX];
    size_t under_way;
    char version[VERSION_BYTES]; /* of the protocol, once it was agreed on */
    bool broken;                 /* nobody reads */
};

/* ---- writing ---- */

static bool write_all(int file, const char *data, size_t size)
{
    while (size) {
        const ssize_t wrote = write(file, data, size);
        if (wrote < 0 && errno != EINTR)
            return false;
        if (wrote > 0) {
            data += wrote;
            size -= (size_t)wrote;
        }
    }
    return true;
}

static void line_write(struct mcp_bridge *bridge, const json_t *message)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    pthread_mutex_lock(&bridge->lock);
    if (!text || bridge->broken || !write_all(bridge->output, text, strlen(text)) ||
        !write_all(bridge->output, "\n", 1))
        bridge->broken = true;
    pthread_mutex_unlock(&bridge->lock);
    free(text);
}

static void error_write(struct mcp_bridge *bridge, const json_t *id, int code, const char *text)
{
    json_t *message = json_pack("{sssOs{siss}}", "jsonrpc", "2.0", "id", id ? id : json_null(), "error", "code", code,
                                "message", text);
    line_write(bridge, message);
    json_decref(message);
}

/* ---- one answer ---- */

static void version_note(struct mcp_bridge *bridge, const json_t *answer)
{
    const char *version = json_string_value(json_object_get(json_object_get(answer, "result"), "protocolVersion"));
    if (!version || strlen(version) >= VERSION_BYTES)
        return;
    pthread_mutex_lock(&bridge->lock);
    strcpy(bridge->version, version);
    pthread_mutex_unlock(&bridge->lock);
}

/* A message of the server's: an answer, or a notification on the way to it. */
static void message_pass(struct call *call, json_t *message)
{
    const bool answer = json_object_get(message, "result") || json_object_get(message, "error");
    if (answer) {
        call->answered = true;
        version_note(call->bridge, message);
        mcp_local_deliver(call->bridge->client, &call->local, message);
    }
    if (!atomic_load(&call->cancelled))
        line_write(call->bridge, message);
}

static int event_take(void *context, const struct sse_event *event)
{
    json_t *message = event->data ? json_loads(event->data, 0, NULL) : NULL;
    if (message)
        message_pass(context, message);
    json_decref(message);
    return 0;
}

/* JSON begins with a bracket, a stream does not. */
static int body_take(void *context, const char *data, size_t size)
{
    struct call *call = context;
    if (!call->begun && size) {
        call->begun = true;
        call->streams = *data != '{' && *data != '[';
    }
    return call->streams ? sse_parser_feed(&call->parser, data, size, NULL) : buf_append(&call->body, data, size, NULL);
}

static bool stop_wanted(void *context)
{
    const struct call *call = context;
    return stop_signal() != 0 || atomic_load(&call->cancelled);
}

/* ---- one request ---- */

static int post(struct call *call, const char *text, struct http_fetched *ret, conch_error *err)
{
    struct mcp_bridge *bridge = call->bridge;
    struct client_http http;
    char version[VERSION_BYTES];
    int rc = client_http_init(&http, bridge->client, "/mcp", err);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&bridge->lock);
    strcpy(version, bridge->version);
    pthread_mutex_unlock(&bridge->lock);
    client_http_header(&http, "Content-Type", "application/json");
    client_http_header(&http, "Accept", "application/json, text/event-stream");
    if (*version)
        client_http_header(&http, "MCP-Protocol-Version", version);
    http.settings.method = "POST";
    http.settings.body = text;
    http.settings.body_size = strlen(text);
    http.settings.timeout_ms = -1;
    http.settings.stall_timeout_ms = STALL_MS;
    http.settings.sink = body_take;
    http.settings.sink_context = call;
    http.settings.stop = stop_wanted;
    http.settings.stop_context = call;
    rc = http_client_fetch(&http.settings, ret, err);
    client_http_finish(&http);
    return rc;
}

/* A request must have an answer: what went wrong becomes one. */
static void trouble_tell(struct call *call, int rc, const struct http_fetched *fetched, const conch_error *cause)
{
    const struct client *client = call->bridge->client;
    const json_t *id = json_object_get(call->message, "id");
    struct client_answer ignored = {0};
    conch_error err = {0};
    if (call->answered || !*call->id || atomic_load(&call->cancelled))
        return;
    if (rc < 0)
        client_fault(client, fetched, cause, &ignored, &err);
    else if (fetched->status == 401 && !client->authorization)
        conch_error_set(&err, CONCH_ERR_IO,
                        "%s wants a key: put it into CONCH_KEY, or name a file that holds it with --key-file",
                        client->base);
    else
        conch_error_set(&err, CONCH_ERR_IO, "%s answered %d %s", client->base, fetched->status,
                        http_reason(fetched->status));
    error_write(call->bridge, id, ERROR_SERVER, err.text);
}

/* The whole answer in one piece. One without the request's id is about what went before it: key, rate, size. */
static void body_pass(struct call *call, const struct http_fetched *fetched)
{
    json_t *json = call->body.size ? json_loadb(call->body.data, call->body.size, 0, NULL) : NULL;
    const bool no_key = fetched->status == 401 && !call->bridge->client->authorization;
    if (json && *call->id && !no_key) {
        const json_t *id = json_object_get(call->message, "id");
        if (json_is_object(json) && json_is_null(json_object_get(json, "id")))
            json_object_set(json, "id", (json_t *)id);
        message_pass(call, json);
    }
    json_decref(json);
}

static void call_run(struct call *call)
{
    struct http_fetched fetched = {.fault = HTTP_FAULT_NONE};
    conch_error err = {0};
    char *text = json_dumps(call->message, JSON_COMPACT);
    buf_init(&call->body, CLIENT_ANSWER_BYTES_MAX);
    sse_parser_init(&call->parser, EVENT_BYTES_MAX, event_take, call);
    int rc = text ? post(call, text, &fetched, &err)
                  : conch_error_set(&err, CONCH_ERR_NOMEM, "no memory for a message");
    if (rc == 0 && !call->streams)
        body_pass(call, &fetched);
    trouble_tell(call, rc, &fetched, &err);
    http_fetched_finish(&fetched);
    sse_parser_finish(&call->parser);
    buf_finish(&call->body);
    free(text);
}

static void call_end(struct call *call)
{
    struct mcp_bridge *bridge = call->bridge;
    json_decref(call->message);
    pthread_mutex_lock(&bridge->lock);
    call->taken = false;
    bridge->under_way--;
    pthread_cond_broadcast(&bridge->changed);
    pthread_mutex_unlock(&bridge->lock);
}

static void *call_thread(void *context)
{
    struct call *call = context;
    conch_error err = {0};
    if (mcp_local_prepare(call->message, &call->local, &err) < 0) {
        json_t *refusal = mcp_local_refusal(json_object_get(call->message, "id"), err.text);
        line_write(call->bridge, refusal);
        json_decref(refusal);
    } else {
        call_run(call);
    }
    call_end(call);
    return NULL;
}

/* ---- messages of the program ---- */

static void id_write(const json_t *id, char ret[ID_BYTES_MAX])
{
    const size_t size = id ? json_dumpb(id, ret, ID_BYTES_MAX - 1, JSON_COMPACT | JSON_ENCODE_ANY) : 0;
    ret[size < ID_BYTES_MAX ? size : 0] = '\0';
}

static void call_cancel(struct mcp_bridge *bridge, const json_t *message)
{
    char id[ID_BYTES_MAX];
    id_write(json_object_get(json_object_get(message, "params"), "requestId"), id);
    pthread_mutex_lock(&bridge->lock);
    for (size_t i = 0; *id && i < MCP_BRIDGE_CALLS_MAX; i++)
        if (bridge->calls[i].taken && strcmp(bridge->calls[i].id, id) == 0)
            atomic_store(&bridge->calls[i].cancelled, true);
    pthread_mutex_unlock(&bridge->lock);
}

/* Waits until one is free. */
static struct call *call_take(struct mcp_bridge *bridge, json_t *message)
{
    struct call *call = bridge->calls;
    pthread_mutex_lock(&bridge->lock);
    while (bridge->under_way == MCP_BRIDGE_CALLS_MAX)
        pthread_cond_wait(&bridge->changed, &bridge->lock);
    while (call->taken)
        call++;
    memset(call, 0, sizeof *call);
    call->bridge = bridge;
    call->taken = true;
    call->message = message;
    id_write(json_object_get(message, "id"), call->id);
    bridge->under_way++;
    pthread_mutex_unlock(&bridge->lock);
    return call;
}

static void call_start(struct mcp_bridge *bridge, json_t *message)
{
    struct call *call = call_take(bridge, message);
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    const bool initialize = !*call->id ||
                            strcmp(json_string_value(json_object_get(message, "method")), "initialize") == 0;
    /* Notifications are short; what comes after `initialize` must have the version that it agrees on. */
    if (initialize || pthread_create(&thread, &attributes, call_thread, call) != 0)
        call_thread(call);
    pthread_attr_destroy(&attributes);
}

int mcp_bridge_feed(struct mcp_bridge *bridge, const char *line, size_t size, conch_error *err)
{
    json_error_t error;
    json_t *message = json_loadb(line, size, JSON_REJECT_DUPLICATES, &error);
    const char *method = json_string_value(json_object_get(message, "method"));
    if (!message) {
        error_write(bridge, NULL, ERROR_PARSE, error.text);
    } else if (!method) {
        json_decref(message); /* an answer: nothing was asked */
    } else if (strcmp(method, "notifications/cancelled") == 0) {
        call_cancel(bridge, message);
        json_decref(message);
    } else {
        call_start(bridge, message);
    }
    pthread_mutex_lock(&bridge->lock);
    const bool broken = bridge->broken;
    pthread_mutex_unlock(&bridge->lock);
    return broken ? conch_error_set(err, CONCH_ERR_IO, "nobody reads the answers any more") : 0;
}

/* ---- life ---- */

int mcp_bridge_create(struct mcp_bridge **ret_bridge, const struct client *client, int output, conch_error *err)
{
    struct mcp_bridge *bridge = calloc(1, sizeof *bridge);
    if (!bridge)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the bridge");
    bridge->client = client;
    bridge->output = output;
    pthread_mutex_init(&bridge->lock, NULL);
    pthread_cond_init(&bridge->changed, NULL);
    *ret_bridge = bridge;
    return 0;
}

void mcp_bridge_destroy(struct mcp_bridge *bridge)
{
    if (!bridge)
        return;
    pthread_mutex_lock(&bridge->lock);
    while (bridge->under_way)
        pthread_cond_wait(&bridge->changed, &bridge->lock);
    pthread_mutex_unlock(&bridge->lock);
    pthread_cond_destroy(&bridge->changed);
    pthread_mutex_destroy(&bridge->lock);
    free(bridge);
}
