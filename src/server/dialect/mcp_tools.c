/* The tools and what they take. MiniMax's server has the first, the second and the fourth under the same names, so that
 * what was written for it goes on working. */
#include <string.h>

#include "base/base.h"
#include "server/dialect/mcp.h"

static const struct {
    const char *name;
    enum store_scope scope;
} tools[MCP_TOOLS] = {
    [MCP_GENERATE] = {"generate_video", STORE_SCOPE_GENERATE},
    [MCP_FROM_IMAGE] = {"image_to_video", STORE_SCOPE_GENERATE},
    [MCP_FROM_FRAMES] = {"first_last_frame_video", STORE_SCOPE_GENERATE},
    [MCP_QUERY] = {"query_video_generation", STORE_SCOPE_READ},
    [MCP_STATUS] = {"status", STORE_SCOPE_READ},
    [MCP_WAIT] = {"wait", STORE_SCOPE_READ},
    [MCP_FETCH] = {"fetch_video", STORE_SCOPE_READ},
    [MCP_CANCEL] = {"cancel_video", STORE_SCOPE_GENERATE},
    [MCP_MODELS] = {"list_models", STORE_SCOPE_READ},
    [MCP_ESTIMATE] = {"estimate", STORE_SCOPE_GENERATE},
};

const char *mcp_tool_name(enum mcp_tool tool)
{
    return tools[tool].name;
}

enum store_scope mcp_tool_scope(enum mcp_tool tool)
{
    return tools[tool].scope;
}

bool mcp_tool_find(const char *name, enum mcp_tool *ret)
{
    for (size_t i = 0; name && i < ARRAY_LEN(tools); i++)
        if (strcmp(tools[i].name, name) == 0) {
            *ret = (enum mcp_tool)i;
            return true;
        }
    return false;
}

/* ---- schemas ---- */

#define TEXT(name, about) "\"" name "\":{\"type\":\"string\",\"description\":\"" about "\"}"
#define PICTURE(name, about)                                                                                           \
    TEXT(name, about ": an http(s) address, a data: URL, or (with `conch mcp`) the path of a local file")
#define OBJECT(required, properties)                                                                                   \
    "{\"type\":\"object\",\"required\":[" required "],\"properties\":{" properties "},\"additionalProperties\":false}"
#define TOOL(name, title, about, hints, schema)                                                                        \
    "{\"name\":\"" name "\",\"title\":\"" title "\",\"description\":\"" about "\",\"annotations\":{\"title\":\"" title \
    "\"," hints "},\"inputSchema\":" schema "}"

#define MAKES "\"readOnlyHint\":false,\"destructiveHint\":false,\"idempotentHint\":false,\"openWorldHint\":true"
#define READS "\"readOnlyHint\":true,\"openWorldHint\":false"
#define ENDS  "\"readOnlyHint\":false,\"destructiveHint\":true,\"idempotentHint\":true,\"openWorldHint\":false"

#define PROMPT                                                                                                         \
    TEXT("prompt", "What happens in the video. Camera commands in square brackets are understood where the model has " \
                   "them: [Push in], [Pan left], [Static shot]")
#define MODEL TEXT("model", "A model of list_models; left out: the server's own")
#define SIZES                                                                                                          \
    TEXT("resolution", "As list_models names it: 768P, 1080P, ...")                                                    \
    "," TEXT("aspect_ratio",                                                                                           \
             "As 16:9, where the model "                                                                               \
             "has ratios") ",\"duration\":{\"type\":\"integer\",\"minimum\":1,\"description\":\"Seconds\"}"
#define MORE                                                                                                           \
    "\"seed\":{\"type\":\"integer\",\"minimum\":0,\"description\":\"The same seed gives the same video\"}," TEXT(      \
        "negative_prompt",                                                                                             \
        "What should not be seen; models of this machine only") ",\"prompt_optimizer\":{\"type\":\"boolean\","         \
                                                                "\"description\":\"Let the server complete the "       \
                                                                "prompt (default true)\"}"
#define DELIVERY                                                                                                       \
    "\"async_mode\":{\"type\":\"boolean\",\"default\":false,\"description\":\"Answer with a task id at once instead "  \
    "of "                                                                                                              \
    "waiting for the video\"}," FOLDER
#define FOLDER                                                                                                         \
    TEXT("output_directory", "With `conch mcp`: save the video in this folder")                                        \
    "," TEXT("output_file", "With `conch mcp`: the name of that file")
#define TASK     OBJECT("\"task_id\"", TEXT("task_id", "The id that a generating tool gave"))
#define TASK_OUT OBJECT("\"task_id\"", TEXT("task_id", "The id that a generating tool gave") "," FOLDER)

static const char tools_json[] =
    "[" TOOL(
        "generate_video", "Generate a video",
        "Makes a video from a prompt, and from a first and a last frame where these are given. Waits until it is "
        "done and returns its address, unless async_mode is set.",
        MAKES,
        OBJECT(
            "\"prompt\"",
            PROMPT "," MODEL "," PICTURE(
                "first_frame_image",
                "The picture that it begins "
                "with") "," PICTURE("last_frame_image",
                                    "The picture that it ends with") "," PICTURE("subject_reference",
                                                                                 "A picture of a person to "
                                                                                 "appear, where the model "
                                                                                 "can") "," SIZES "," MORE
                                                                                        "," DELIVERY)) "," TOOL("image_"
                                                                                                                "to_"
                                                                                                                "video",
                                                                                                                "Animat"
                                                                                                                "e a "
                                                                                                                "pictur"
                                                                                                                "e",
                                                                                                                "Makes "
                                                                                                                "a "
                                                                                                                "video "
                                                                                                                "that "
                                                                                                                "begins"
                                                                                                                " with "
                                                                                                                "a "
                                                                                                                "pictur"
                                                                                                                "e. "
                                                                                                                "Waits "
                                                                                                                "until "
                                                                                                                "it is "
                                                                                                                "done "
                                                                                                                "and "
                                                                                                                "return"
                                                                                                                "s its "
                                                                                                                "addres"
                                                                                                                "s, "
                                                                                                                "unless"
                                                                                                                " "
                                                                                                                "async_"
                                                                                                                "mode "
                                                                                                                "is "
                                                                                                                "set.",
                                                                                                                MAKES,
                                                                                                                OBJECT(
                                                                                                                    "\""
                                                                                                                    "pr"
                                                                                                                    "om"
                                                                                                                    "pt"
                                                                                                                    "\""
                                                                                                                    ","
                                                                                                                    "\""
                                                                                                                    "fi"
                                                                                                                    "rs"
                                                                                                                    "t_"
                                                                                                                    "fr"
                                                                                                                    "am"
                                                                                                                    "e_"
                                                                                                                    "im"
                                                                                                                    "ag"
                                                                                                                    "e"
                                                                                                                    "\"",
                                                                                                                    PROMPT
                                                                                                                    "," MODEL
                                                                                                                    "," PICTURE(
                                                                                                                        "first_frame_image",
                                                                                                                        "The picture "
                                                                                                                        "that it begins with") "," SIZES
                                                                                                                                               "," MORE
                                                                                                                                               "," DELIVERY)) "," TOOL("first_last_frame_video",
                                                                                                                                                                       "Video between two pictures",
                                                                                                                                                                       "Makes a video that begins with one picture and ends with another. Waits until it is done and returns its "
                                                                                                                                                                       "address, unless async_mode is set.",
                                                                                                                                                                       MAKES, OBJECT("\"first_frame_image\",\"last_frame_image\"", PROMPT "," MODEL "," PICTURE("first_frame_image", "The picture that it begins with") "," PICTURE("last_frame_image", "The picture that it ends with") "," SIZES "," MORE "," DELIVERY)) "," TOOL("query_video_generation", "Look after a video", "Says how far a video is, and its address once it is done. Does not wait.", READS, TASK_OUT) "," TOOL("status",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                          "State of a task",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                          "Says how far a task is: state, step, place in the queue.", READS,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                          TASK) "," TOOL("wait",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                         "Wait for a video",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                         "Waits until a task has ended and returns the video's address.", READS, TASK_OUT) "," TOOL("fetch_video", "Get a finished video", "Gives a fresh address of a finished video; it works without a key until it expires.", READS, TASK_OUT) "," TOOL("cancel_video",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "Cancel a task",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "Stops a task that has not ended; nothing is charged for it.",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            ENDS,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            TASK) "," TOOL("list_models",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                           "List models",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                           "Lists the models that can be asked for: what they make, and what serves them here.", READS, OBJECT("", "")) "," TOOL("estimate",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                 "Estimate",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                 "Says what a video would cost and how long it would take, without making it.",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                 READS,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                 OBJECT(
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     "\"prompt\"",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     PROMPT
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     "," MODEL
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     "," SIZES "," MORE)) "]";

const char *mcp_tools_json(void)
{
    return tools_json;
}
