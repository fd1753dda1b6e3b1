/* MCP, the Model Context Protocol: tools for language models over streamable HTTP at /mcp. docs/mcp.md tells what is
 * served and which choices were made.
 *
 * JSON-RPC 2.0 in the body of a POST, one message or (2025-03-26) an array of them. There are no sessions: every
 * request stands for itself, and carries its key. A tool that waits for a clip answers as an event stream where the
 * client takes one, with progress where it gave a token; its thread is free meanwhile. */
#ifndef SERVER_DIALECT_MCP_H
#define SERVER_DIALECT_MCP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/api/api.h"
#include "server/dialect/dialect.h"
#include "server/dialect/dialect_json.h"

enum {
    MCP_DEPTH_MAX = 32,     /* levels of JSON */
    MCP_BATCH_MAX = 32,     /* messages of one array */
    MCP_ID_BYTES_MAX = 128, /* of an id or a progress token, as JSON */
    MCP_MEDIA_MAX = 3,      /* first frame, last frame, subject */
    MCP_WAIT_MS = 50 * 1000 /* without an event stream: less than what clients wait for an answer */
};

/* Codes of JSON-RPC. */
enum {
    MCP_ERROR_PARSE = -32700,
    MCP_ERROR_REQUEST = -32600,
    MCP_ERROR_METHOD = -32601,
    MCP_ERROR_PARAMS = -32602,
    MCP_ERROR_REFUSED = -32001 /* by the server before the message was read: key, rate, size */
};

/* ---- messages (mcp_message.c) ---- */

struct mcp_message {
    const json_t *id;     /* text or number; NULL: a notification, or an answer */
    const char *method;   /* NULL: an answer of the client's, which nobody waits for */
    const json_t *params; /* an object; NULL: none */
};
/* false: no JSON-RPC 2.0; *ret_why says what is wrong (static). */
bool mcp_message_read(const json_t *json, struct mcp_message *ret, const char **ret_why);

/* "jsonrpc" and "id" of an answer whose object is begun. */
void mcp_answer_begin(struct out *out, const json_t *id);
void mcp_error_write(struct out *out, const json_t *id, int code, const char *text);

/* The version that is spoken with a client that asked for this one. */
const char *mcp_version(const char *asked);
bool mcp_version_known(const char *version);

/* ---- tools (mcp_tools.c) ---- */

enum mcp_tool {
    MCP_GENERATE,
    MCP_FROM_IMAGE,
    MCP_FROM_FRAMES,
    MCP_QUERY,
    MCP_STATUS,
    MCP_WAIT,
    MCP_FETCH,
    MCP_CANCEL,
    MCP_MODELS,
    MCP_ESTIMATE
};
enum { MCP_TOOLS = 10 };
const char *mcp_tool_name(enum mcp_tool tool);
bool mcp_tool_find(const char *name, enum mcp_tool *ret);
enum store_scope mcp_tool_scope(enum mcp_tool tool);
/* The array that tools/list answers with: JSON. */
const char *mcp_tools_json(void);

/* ---- arguments (mcp_arguments.c) ---- */

struct mcp_arguments {
    struct api_submit submit; /* media points into this struct: it must not be copied */
    struct api_media media[MCP_MEDIA_MAX];
    bool async;
    int64_t task_id;
    json_t *owned; /* the arguments with names in snake_case, which texts point into */
};
/* camelCase is taken for snake_case. Names that the tool does not have are refused. To be finished also after a
 * refusal. */
int mcp_arguments_read(enum mcp_tool tool, const json_t *arguments, struct mcp_arguments *ret,
                       struct api_problem *ret_problem);
void mcp_arguments_finish(struct mcp_arguments *arguments);

/* ---- results (mcp_result.c): members of an object that is begun ---- */

void mcp_text_result(struct out *out, bool is_error, const char *text);
void mcp_problem_result(struct out *out, const struct api_problem *problem);
/* link: of the clip, NULL: none. */
void mcp_job_result(struct out *out, const struct api_job *job, const char *link);
void mcp_submitted_result(struct out *out, const struct api_job *job);
void mcp_estimate_result(struct out *out, const struct api_estimate *estimate);
void mcp_models_result(struct out *out, const struct api_model *models, size_t count);

/* ---- calls (mcp_calls.c) ---- */

/* One tools/call. Writes "result" into out, whose answer is begun; or, when may_stream and the tool waits, opens the
 * stream instead and says so. */
struct mcp_call {
    struct dialect_call *call;
    const struct mcp_message *message;
    bool may_stream;
    bool streams; /* result */
};
void mcp_tool_call(struct mcp_call *tool_call, enum mcp_tool tool, const json_t *arguments, struct out *out);

#endif
