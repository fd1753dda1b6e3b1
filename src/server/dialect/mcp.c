/* /mcp: from the body of a POST to messages, and back. */
#include "server/dialect/mcp.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"

static const char instructions[] = "Conch makes short videos. generate_video, image_to_video and "
                                   "first_last_frame_video wait until the video is done and "
                                   "return \"Video URL:\"; with async_mode they return a \"Task ID:\" for "
                                   "query_video_generation, wait and fetch_video. "
                                   "list_models says which models, resolutions and durations there are.";

/* ---- methods ---- */

static void initialize_write(struct out *out, const struct mcp_message *message)
{
    out_object(out, "result");
    out_text(out, "protocolVersion",
             mcp_version(json_string_value(json_object_get(message->params, "protocolVersion"))));
    out_object(out, "capabilities");
    out_object(out, "tools");
    out_flag(out, "listChanged", false);
    out_object_end(out);
    out_object_end(out);
    out_object(out, "serverInfo");
    out_text(out, "name", "conch");
    out_text(out, "title", "Conch");
    out_text(out, "version", CONCH_VERSION);
    out_object_end(out);
    out_text(out, "instructions", instructions);
    out_object_end(out);
}

/* One request into its answer; nothing is written when it is answered by a stream. */
static void request_answer(struct mcp_call *tool_call, struct out *out)
{
    const struct mcp_message *message = tool_call->message;
    const char *name = json_string_value(json_object_get(message->params, "name"));
    enum mcp_tool tool;
    if (strcmp(message->method, "tools/call") == 0 && !mcp_tool_find(name, &tool)) {
        mcp_error_write(out, message->id, MCP_ERROR_PARAMS, "there is no such tool; tools/list has them");
        return;
    }
    const bool known = strcmp(message->method, "initialize") == 0 || strcmp(message->method, "ping") == 0 ||
                       strcmp(message->method, "tools/list") == 0 || strcmp(message->method, "tools/call") == 0;
    if (!known) {
        mcp_error_write(out, message->id, MCP_ERROR_METHOD, "there is no such method here");
        return;
    }
    out_object(out, NULL);
    mcp_answer_begin(out, message->id);
    if (strcmp(message->method, "initialize") == 0) {
        initialize_write(out, message);
    } else if (strcmp(message->method, "ping") == 0) {
        out_raw(out, "result", "{}");
    } else if (strcmp(message->method, "tools/list") == 0) {
        out_object(out, "result");
        out_raw(out, "tools", mcp_tools_json());
        out_object_end(out);
    } else {
        mcp_tool_call(tool_call, tool, json_object_get(message->params, "arguments"), out);
    }
    out_object_end(out);
}

/* ---- one message, or an array of them ---- */

/* A notification and an answer of the client's need none. true: something was written, or is going to be. */
static bool message_answer(struct dialect_call *call, const json_t *json, bool may_stream, struct out *out,
                           bool *ret_streams)
{
    struct mcp_message message;
    const char *why;
    *ret_streams = false;
    if (!mcp_message_read(json, &message, &why)) {
        mcp_error_write(out, NULL, MCP_ERROR_REQUEST, why);
        return true;
    }
    if (!message.id)
        return false;
    struct mcp_call tool_call = {.call = call, .message = &message, .may_stream = may_stream};
    request_answer(&tool_call, out);
    *ret_streams = tool_call.streams;
    return true;
}

static bool wants_stream(const struct http_request *request)
{
    const char *accept = http_header(request, "Accept");
    return accept && strstr(accept, "text/event-stream");
}

static int accepted(struct dialect_call *call)
{
    buf_clear(&call->response->body);
    call->response->kind = HTTP_BODY_MEMORY;
    call->response->status = 202;
    return 0;
}

static int one_answer(struct dialect_call *call, const json_t *json)
{
    struct out out;
    conch_error err = {0};
    bool streams;
    dialect_answer_begin(call, &out, &err);
    const bool answered = message_answer(call, json, wants_stream(call->request), &out, &streams);
    if (streams) {
        buf_clear(&call->response->body);
        return 0;
    }
    if (!answered)
        return accepted(call);
    struct mcp_message unused;
    const char *why;
    return dialect_answer_end(call, &out, mcp_message_read(json, &unused, &why) ? 200 : 400);
}

static int batch_answer(struct dialect_call *call, const json_t *batch)
{
    struct out out;
    conch_error err = {0};
    bool answered = false, streams;
    if (json_array_size(batch) == 0 || json_array_size(batch) > MCP_BATCH_MAX)
        return api_refuse(&call->problem, API_INVALID, "body", "an array must hold 1 to %d messages", MCP_BATCH_MAX);
    dialect_answer_begin(call, &out, &err);
    out_array(&out, NULL);
    for (size_t i = 0; i < json_array_size(batch); i++)
        answered |= message_answer(call, json_array_get(batch, i), false, &out, &streams);
    out_array_end(&out);
    return answered ? dialect_answer_end(call, &out, 200) : accepted(call);
}

/* ---- the request ---- */

/* Pages of other origins have no business here, whoever the name in their address leads to. Requests without Origin do
 * not come from a page. */
static int origin_check(struct dialect_call *call)
{
    const char *origin = http_header(call->request, "Origin");
    if (!origin || text_equal_nocase(origin, call->request->origin) || api_origin_allowed(call->api, origin))
        return 0;
    return api_refuse(&call->problem, API_FORBIDDEN, "Origin", "pages of %.100s may not use this address", origin);
}

static int version_check(struct dialect_call *call)
{
    const char *version = http_header(call->request, "MCP-Protocol-Version");
    if (!version || mcp_version_known(version))
        return 0;
    return api_refuse(&call->problem, API_INVALID, "MCP-Protocol-Version",
                      "MCP-Protocol-Version '%.40s' is not spoken here; allowed: 2025-06-18, 2025-03-26, 2024-11-05",
                      version);
}

/* An array is parsed as the only member of an object, since bodies of others are objects. */
static int batch_parse(const char *body, size_t size, json_t **ret, struct api_problem *problem)
{
    struct buf text;
    conch_error err = {0};
    buf_init(&text, size + 16);
    int rc = buf_append_text(&text, "{\"batch\":", &err);
    if (rc == 0)
        rc = buf_append(&text, body, size, &err);
    if (rc == 0)
        rc = buf_append_text(&text, "}", &err);
    rc = rc < 0 ? dialect_trouble(problem, &err)
                : dialect_json_parse(text.data, text.size, MCP_DEPTH_MAX + 1, ret, problem);
    buf_finish(&text);
    return rc;
}

static int body_answer(struct dialect_call *call)
{
    const char *body = call->request->body ? call->request->body : "";
    const size_t size = call->request->body_size, space = strspn(body, " \t\r\n");
    const bool batch = body[space] == '[';
    json_t *json = NULL;
    int rc = batch ? batch_parse(body, size, &json, &call->problem)
                   : dialect_json_parse(body, size, MCP_DEPTH_MAX, &json, &call->problem);
    if (rc < 0)
        return -1;
    rc = batch ? batch_answer(call, json_object_get(json, "batch")) : one_answer(call, json);
    json_decref(json);
    return rc;
}

static int post(struct dialect_call *call)
{
    return origin_check(call) < 0 || version_check(call) < 0 ? -1 : body_answer(call);
}

/* ---- the table ---- */

/* Key, rate, size, no JSON: said before there is an id to answer to. */
static void refuse(const struct dialect *dialect, const struct dialect_refusal *refusal,
                   const struct http_request *request, struct http_response *response)
{
    const bool parse = refusal->problem->kind == API_INVALID && strcmp(refusal->problem->field, "body") == 0;
    struct out out;
    out_init(&out, &response->body, NULL);
    mcp_error_write(&out, NULL, parse ? MCP_ERROR_PARSE : MCP_ERROR_REFUSED, refusal->problem->text);
    if (dialect_refusal_end(&out, response, refusal->status) < 0)
        return;
    if (refusal->status == 401)
        http_response_header(response, "WWW-Authenticate", "Bearer", NULL);
}

static const struct dialect_route routes[] = {
    {HTTP_POST, "/mcp", 0, 0, DIALECT_BODY_NONE, DIALECT_SIZE_JSON, post},
};

static const char *const prefixes[] = {"/mcp", NULL};

const struct dialect dialect_mcp = {
    .name = "mcp", .prefixes = prefixes, .routes = routes, .route_count = ARRAY_LEN(routes), .refuse = refuse};
