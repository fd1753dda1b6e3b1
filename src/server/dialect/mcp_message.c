/* JSON-RPC 2.0, as far as MCP uses it. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "server/dialect/mcp.h"

/* Those that are spoken here, the newest first. */
static const char *const versions[] = {"2025-06-18", "2025-03-26", "2024-11-05"};

bool mcp_version_known(const char *version)
{
    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        if (strcmp(versions[i], version) == 0)
            return true;
    return false;
}

const char *mcp_version(const char *asked)
{
    for (size_t i = 0; asked && i < ARRAY_LEN(versions); i++)
        if (strcmp(versions[i], asked) == 0)
            return versions[i];
    return versions[0];
}

static bool is_short(const json_t *value)
{
    char text[MCP_ID_BYTES_MAX];
    return json_dumpb(value, text, sizeof text, JSON_COMPACT | JSON_ENCODE_ANY) <= sizeof text;
}

bool mcp_message_read(const json_t *json, struct mcp_message *ret, const char **ret_why)
{
    const json_t *id = json_object_get(json, "id"), *params = json_object_get(json, "params");
    const char *version = json_string_value(json_object_get(json, "jsonrpc"));
    *ret = (struct mcp_message){.method = json_string_value(json_object_get(json, "method"))};
    *ret_why = NULL;
    if (!json_is_object(json))
        *ret_why = "a message must be an object";
    else if (!version || strcmp(version, "2.0") != 0)
        *ret_why = "jsonrpc must be \"2.0\"";
    else if (id && ((!json_is_string(id) && !json_is_number(id)) || !is_short(id)))
        *ret_why = "id must be a number or a short text";
    else if (params && !json_is_object(params))
        *ret_why = "params must be an object";
    else if (!ret->method && !json_object_get(json, "result") && !json_object_get(json, "error"))
        *ret_why = "method is missing";
    if (*ret_why)
        return false;
    ret->id = ret->method ? id : NULL;
    ret->params = params;
    return true;
}

void mcp_answer_begin(struct out *out, const json_t *id)
{
    out_text(out, "jsonrpc", "2.0");
    out_json(out, "id", id);
}

void mcp_error_write(struct out *out, const json_t *id, int code, const char *text)
{
    out_object(out, NULL);
    mcp_answer_begin(out, id);
    out_object(out, "error");
    out_integer(out, "code", code);
    out_text(out, "message", text);
    out_object_end(out);
    out_object_end(out);
}
