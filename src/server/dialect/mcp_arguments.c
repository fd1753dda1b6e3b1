/* The arguments of a tool. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/dialect/mcp.h"

enum { SECONDS_MAX = 3600, NAME_BYTES_MAX = 64 };

/* ---- names ---- */

static bool snake_write(const char *name, char ret[NAME_BYTES_MAX])
{
    size_t used = 0;
    for (; *name; name++) {
        const bool upper = *name >= 'A' && *name <= 'Z';
        if (used + 3 > NAME_BYTES_MAX)
            return false;
        if (upper && used)
            ret[used++] = '_';
        ret[used++] = upper ? (char)(*name - 'A' + 'a') : *name;
    }
    ret[used] = '\0';
    return true;
}

static int names_unify(const json_t *arguments, json_t **ret, struct api_problem *problem)
{
    char name[NAME_BYTES_MAX];
    const char *key;
    json_t *value;
    *ret = json_object();
    json_object_foreach((json_t *)arguments, key, value)
    {
        if (!snake_write(key, name))
            return api_refuse(problem, API_INVALID, "", "there is no argument '%.60s'", key);
        if (json_object_get(*ret, name))
            return api_refuse(problem, API_INVALID, name, "%s is given twice, also as %.60s", name, key);
        if (json_object_set(*ret, name, value) < 0)
            return api_refuse(problem, API_BUSY, "", "no memory for the request");
    }
    return *ret ? 0 : api_refuse(problem, API_BUSY, "", "no memory for the request");
}

#define FIELDS                                                                                                         \
    "prompt", "model", "resolution", "aspect_ratio", "duration", "seed", "negative_prompt", "prompt_optimizer"
#define DELIVERY "async_mode", "output_directory", "output_file"
static const char *const of_generate[] = {
    FIELDS, DELIVERY, "first_frame_image", "last_frame_image", "subject_reference", NULL};
static const char *const of_image[] = {FIELDS, DELIVERY, "first_frame_image", NULL};
static const char *const of_frames[] = {FIELDS, DELIVERY, "first_frame_image", "last_frame_image", NULL};
static const char *const of_estimate[] = {FIELDS, NULL};
static const char *const of_task[] = {"task_id", NULL};
static const char *const of_fetch[] = {"task_id", "output_directory", "output_file", NULL};
static const char *const of_nothing[] = {NULL};

static const char *const *names_of(enum mcp_tool tool)
{
    switch (tool) {
    case MCP_GENERATE: return of_generate;
    case MCP_FROM_IMAGE: return of_image;
    case MCP_FROM_FRAMES: return of_frames;
    case MCP_QUERY:
    case MCP_WAIT:
    case MCP_FETCH: return of_fetch;
    case MCP_STATUS:
    case MCP_CANCEL: return of_task;
    case MCP_ESTIMATE: return of_estimate;
    case MCP_MODELS: break;
    }
    return of_nothing;
}

/* ---- values ---- */

static int text_read(const json_t *body, const char *key, const char **ret, struct api_problem *problem)
{
    if (dialect_text(body, key, ret, problem) < 0)
        return -1;
    if (*ret && !**ret)
        *ret = NULL;
    return 0;
}

static int refuse_missing(struct api_problem *problem, const char *field)
{
    return api_refuse(problem, API_INVALID, field, "%s is missing", field);
}

/* Models write numbers as texts now and then. */
static int seconds_read(const json_t *body, int64_t *ret, struct api_problem *problem)
{
    const char *text = json_string_value(json_object_get(body, "duration"));
    if (text && text_integer(text, 1, SECONDS_MAX, ret))
        return 0;
    return dialect_integer(body, "duration", 1, SECONDS_MAX, ret, problem);
}

static int media_read(struct mcp_arguments *read, enum store_input_role role, const char *name, bool required,
                      struct api_problem *problem)
{
    const char *url = NULL;
    if (text_read(read->owned, name, &url, problem) < 0)
        return -1;
    if (!url)
        return required ? refuse_missing(problem, name) : 0;
    if (!text_begins(url, "http://") && !text_begins(url, "https://") && !text_begins(url, "data:") &&
        !text_begins(url, "mm_file://"))
        return api_refuse(
            problem, API_INVALID, name,
            "%s is '%.60s', but must be an http(s) address or a data: URL; paths of local files work with "
            "`conch mcp`",
            name, url);
    read->media[read->submit.media_count++] = (struct api_media){.role = role, .url = url, .field = name};
    return 0;
}

static int pictures_read(struct mcp_arguments *read, enum mcp_tool tool, struct api_problem *problem)
{
    const bool first = tool != MCP_GENERATE, last = tool == MCP_FROM_FRAMES;
    if (media_read(read, STORE_INPUT_FIRST_FRAME, "first_frame_image", first, problem) < 0 ||
        media_read(read, STORE_INPUT_LAST_FRAME, "last_frame_image", last, problem) < 0)
        return -1;
    return media_read(read, STORE_INPUT_SUBJECT, "subject_reference", false, problem);
}

static int submit_read(struct mcp_arguments *read, enum mcp_tool tool, struct api_problem *problem)
{
    const json_t *body = read->owned;
    struct api_submit *submit = &read->submit;
    *submit = (struct api_submit){.dialect = "mcp", .seed = -1, .media = read->media};
    if (text_read(body, "prompt", &submit->prompt, problem) < 0 ||
        text_read(body, "model", &submit->model, problem) < 0 ||
        text_read(body, "resolution", &submit->resolution, problem) < 0 ||
        text_read(body, "aspect_ratio", &submit->ratio, problem) < 0 ||
        text_read(body, "negative_prompt", &submit->negative, problem) < 0 ||
        seconds_read(body, &submit->seconds, problem) < 0 ||
        dialect_integer(body, "seed", 0, ((int64_t)1 << 53) - 1, &submit->seed, problem) < 0 ||
        dialect_choice(body, "prompt_optimizer", &submit->optimizer, problem) < 0 ||
        dialect_flag(body, "async_mode", &read->async, problem) < 0)
        return -1;
    if (!submit->prompt && tool != MCP_FROM_FRAMES)
        return refuse_missing(problem, "prompt");
    return tool == MCP_ESTIMATE ? 0 : pictures_read(read, tool, problem);
}

int mcp_arguments_read(enum mcp_tool tool, const json_t *arguments, struct mcp_arguments *ret,
                       struct api_problem *ret_problem)
{
    memset(ret, 0, sizeof *ret);
    if (arguments && !json_is_object(arguments))
        return api_refuse(ret_problem, API_INVALID, "arguments", "arguments must be an object");
    if (names_unify(arguments, &ret->owned, ret_problem) < 0 ||
        dialect_known(ret->owned, names_of(tool), ret_problem) < 0)
        return -1;
    switch (tool) {
    case MCP_GENERATE:
    case MCP_FROM_IMAGE:
    case MCP_FROM_FRAMES:
    case MCP_ESTIMATE: return submit_read(ret, tool, ret_problem);
    case MCP_MODELS: return 0;
    default: break;
    }
    if (dialect_id(ret->owned, "task_id", &ret->task_id, ret_problem) < 0)
        return -1;
    return ret->task_id ? 0 : refuse_missing(ret_problem, "task_id");
}

void mcp_arguments_finish(struct mcp_arguments *arguments)
{
    json_decref(arguments->owned);
    arguments->owned = NULL;
}
