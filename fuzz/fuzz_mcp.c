/* Messages of MCP clients from a stranger: JSON-RPC, then the arguments of each tool. A refusal names its words; what
 * is taken stays within its limits, and an answer with these texts is JSON that can be read again. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "server/dialect/mcp.h"

enum { TEXT_MAX = 4096 };

static void arguments_check(enum mcp_tool tool, const json_t *given)
{
    struct mcp_arguments arguments;
    struct api_problem problem = {0};
    const struct api_submit *submit = &arguments.submit;
    const int rc = mcp_arguments_read(tool, given, &arguments, &problem);
    if (rc < 0 && (problem.kind == API_OK || !problem.text[0]))
        abort();
    if (rc == 0 && (submit->media_count > MCP_MEDIA_MAX || submit->seconds < 0 || submit->seed < -1))
        abort();
    for (size_t i = 0; rc == 0 && i < submit->media_count; i++)
        if (!submit->media[i].url || !submit->media[i].field)
            abort();
    mcp_arguments_finish(&arguments);
}

static void answer_check(const json_t *id, const char *words, size_t size)
{
    struct api_job job = {.row = {.job = {.id = 1, .state = size % JOB_STATES, .error = size % JOB_ERRORS},
                                  .model = (char *)words,
                                  .served_by = (char *)words,
                                  .phase = (char *)words,
                                  .step = (int32_t)(size % 3),
                                  .error_text = (char *)words},
                          .place = (int64_t)(size % 4) - 1};
    struct buf text;
    struct out out;
    buf_init(&text, 1 << 20);
    out_init(&out, &text, NULL);
    out_object(&out, NULL);
    mcp_answer_begin(&out, id);
    out_object(&out, "result");
    mcp_job_result(&out, &job, size % 2 ? words : NULL);
    out_object_end(&out);
    out_object_end(&out);
    json_t *json = out_finish(&out) < 0 ? NULL : json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    if (!json)
        abort();
    json_decref(json);
    buf_finish(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char words[TEXT_MAX];
    struct api_problem problem = {0};
    struct mcp_message message;
    const char *why;
    json_t *json;
    const size_t kept = size < sizeof words - 1 ? size : sizeof words - 1;
    memcpy(words, data, kept);
    words[kept] = '\0';
    answer_check(NULL, words, size);
    if (dialect_json_parse((const char *)data, size, MCP_DEPTH_MAX, &json, &problem) < 0)
        return 0;
    if (mcp_message_read(json, &message, &why) != (why == NULL))
        abort();
    if (!why) {
        answer_check(message.id, words, size);
        for (int tool = 0; tool < MCP_TOOLS; tool++)
            arguments_check((enum mcp_tool)tool, json_object_get(message.params, "arguments"));
    }
    json_decref(json);
    return 0;
}
