/* What the tools do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/dialect/dialect_media.h"
#include "server/dialect/mcp.h"

enum { MODELS_MAX = 2 * CATALOG_MODELS_MAX };

/* ---- the stream of a tool that waits ---- */

/* context: {"id": of the request, "token": for progress, or null}. */
static int context_write(struct dialect_events *events, const struct mcp_message *message)
{
    const json_t *token = json_object_get(json_object_get(message->params, "_meta"), "progressToken");
    if (!json_is_string(token) && !json_is_integer(token))
        token = NULL;
    json_t *context = json_pack("{sOsO*}", "id", message->id, "token", token);
    const size_t size = context ? json_dumpb(context, events->context, sizeof events->context - 1, JSON_COMPACT) : 0;
    json_decref(context);
    if (!size || size > sizeof events->context - 1)
        return -1;
    events->context[size] = '\0';
    return 0;
}

static char *link_of(struct api *api, const char *origin, const struct api_job *job)
{
    return job->row.job.state == JOB_SUCCEEDED && job->file.id ? api_file_link(api, origin, &job->file, 0, NULL) : NULL;
}

static void result_write(struct out *out, struct api *api, const char *origin, const struct api_job *job)
{
    char *link = link_of(api, origin, job);
    out_object(out, "result");
    mcp_job_result(out, job, link);
    out_object_end(out);
    free(link);
}

static int ended_render(struct dialect_events *events, int64_t id, const json_t *context, struct out *out,
                        conch_error *err)
{
    struct api_job job;
    const int rc = api_job_show(events->api, id, &job, err);
    if (rc < 0)
        return rc;
    out_object(out, NULL);
    mcp_answer_begin(out, json_object_get(context, "id"));
    result_write(out, events->api, events->origin, &job);
    out_object_end(out);
    api_job_finish(&job);
    return out_finish(out);
}

/* Progress must rise from one message to the next: what does not is not told. */
static int progress_render(struct dialect_events *events, const struct store_event *event, const json_t *token,
                           struct out *out)
{
    const int64_t progress = event->event.progress_permille;
    if (progress <= events->mark)
        return 0;
    events->mark = progress;
    out_object(out, NULL);
    out_text(out, "jsonrpc", "2.0");
    out_text(out, "method", "notifications/progress");
    out_object(out, "params");
    out_json(out, "progressToken", token);
    out_integer(out, "progress", progress);
    out_integer(out, "total", JOB_PROGRESS_FULL);
    if (event->step > 0)
        out_format(out, "message", "%.16s: step %d of %d", event->phase, (int)event->step, (int)event->step_count);
    else
        out_text(out, "message", event->phase[0] ? event->phase : job_state_name(event->event.to));
    out_object_end(out);
    out_object_end(out);
    return out_finish(out);
}

static int render(struct dialect_events *events, const struct store_event *event, struct buf *ret_name,
                  struct buf *ret_data, conch_error *err)
{
    struct out out;
    json_t *context = json_loads(events->context, 0, NULL);
    const json_t *token = json_object_get(context, "token");
    int rc = 0;
    out_init(&out, ret_data, err);
    if (job_terminal(event->event.to))
        rc = ended_render(events, event->event.job_id, context, &out, err);
    else if (token)
        rc = progress_render(events, event, token, &out);
    if (rc == 0 && ret_data->size)
        rc = buf_append_text(ret_name, "message", err);
    json_decref(context);
    return rc;
}

static int stream_open(struct mcp_call *tool_call, const struct api_job *job)
{
    struct dialect_call *call = tool_call->call;
    call->events = (struct dialect_events){.job_id = job->row.job.id,
                                           .account_id = job->row.account_id,
                                           .ended = job_terminal(job->row.job.state),
                                           .render = render,
                                           .api = call->api,
                                           .mark = -1};
    snprintf(call->events.origin, sizeof call->events.origin, "%s", call->request->origin);
    if (context_write(&call->events, tool_call->message) < 0)
        return api_refuse(&call->problem, API_INVALID, "", "the id of the request or its progress token is too long");
    call->outcome = DIALECT_EVENTS;
    tool_call->streams = true;
    return 0;
}

/* ---- tools about a job ---- */

static int job_show(struct dialect_call *call, int64_t id, struct out *out)
{
    struct api_job job;
    if (api_job_get(call->api, call->caller, id, &job, &call->problem) < 0)
        return -1;
    result_write(out, call->api, call->request->origin, &job);
    api_job_finish(&job);
    return 0;
}

/* As a stream, or in one answer as far as that may take. */
static int job_wait(struct mcp_call *tool_call, int64_t id, struct out *out)
{
    struct dialect_call *call = tool_call->call;
    struct api_job job;
    if (tool_call->may_stream) {
        if (api_job_peek(call->api, call->caller, id, &job, &call->problem) < 0)
            return -1;
        const bool ended = job_terminal(job.row.job.state);
        const int rc = ended ? 0 : stream_open(tool_call, &job);
        api_job_finish(&job);
        return rc < 0 || !ended ? rc : job_show(call, id, out);
    }
    if (api_job_wait(call->api, call->caller, id, MCP_WAIT_MS, &job, &call->problem) < 0)
        return -1;
    result_write(out, call->api, call->request->origin, &job);
    api_job_finish(&job);
    return 0;
}

static bool takes_links(const struct dialect_call *call)
{
    const char *version = http_header(call->request, "MCP-Protocol-Version");
    return version && strcmp(version, "2025-06-18") >= 0; /* dates: they sort as texts */
}

static int fetch(struct dialect_call *call, int64_t id, struct out *out)
{
    struct api_job job;
    char text[1200];
    if (api_job_get(call->api, call->caller, id, &job, &call->problem) < 0)
        return -1;
    char *link = link_of(call->api, call->request->origin, &job);
    if (!link || !takes_links(call)) {
        out_object(out, "result");
        mcp_job_result(out, &job, link);
        out_object_end(out);
    } else {
        snprintf(text, sizeof text, "Success. Video URL: %.1100s", link);
        out_object(out, "result");
        out_array(out, "content");
        out_object(out, NULL);
        out_text(out, "type", "text");
        out_text(out, "text", text);
        out_object_end(out);
        out_object(out, NULL);
        out_text(out, "type", "resource_link");
        out_text(out, "uri", link);
        out_text(out, "name", job.file.name);
        out_text(out, "mimeType", job.file.type);
        out_integer(out, "size", job.file.bytes);
        out_object_end(out);
        out_array_end(out);
        out_object(out, "structuredContent");
        out_id(out, "task_id", id);
        out_text(out, "video_url", link);
        out_object_end(out);
        out_flag(out, "isError", false);
        out_object_end(out);
    }
    free(link);
    api_job_finish(&job);
    return 0;
}

static int cancel(struct dialect_call *call, int64_t id, struct out *out)
{
    struct api_job job;
    char text[120];
    if (api_job_cancel(call->api, call->caller, id, NULL, &job, &call->problem) < 0)
        return -1;
    snprintf(text, sizeof text, "%s Task ID: %lld",
             job.row.job.state == JOB_CANCELLED ? "The task is cancelled." : "The task will stop within a step.",
             (long long)id);
    api_job_finish(&job);
    out_object(out, "result");
    mcp_text_result(out, false, text);
    out_object_end(out);
    return 0;
}

/* ---- tools that make or foresee one ---- */

static int generate(struct mcp_call *tool_call, struct mcp_arguments *arguments, struct out *out)
{
    struct dialect_call *call = tool_call->call;
    struct api_job job;
    dialect_own_links(call, arguments->media, arguments->submit.media_count);
    if (api_job_submit(call->api, call->caller, &arguments->submit, NULL, &job, &call->problem) < 0)
        return -1;
    const int64_t id = job.row.job.id;
    int rc = 0;
    if (arguments->async) {
        out_object(out, "result");
        mcp_submitted_result(out, &job);
        out_object_end(out);
    } else {
        rc = job_wait(tool_call, id, out);
    }
    api_job_finish(&job);
    return rc;
}

static int estimate(struct dialect_call *call, const struct mcp_arguments *arguments, struct out *out)
{
    struct api_estimate *estimated = calloc(1, sizeof *estimated);
    if (!estimated)
        return api_refuse(&call->problem, API_BUSY, "", "no memory for the estimate");
    int rc = api_estimate(call->api, call->caller, &arguments->submit, estimated, &call->problem);
    if (rc == 0) {
        out_object(out, "result");
        mcp_estimate_result(out, estimated);
        out_object_end(out);
        api_estimate_finish(estimated);
    }
    free(estimated);
    return rc;
}

static int models(struct dialect_call *call, struct out *out)
{
    size_t count = MODELS_MAX;
    struct api_model *list = calloc(count, sizeof *list);
    if (!list)
        return api_refuse(&call->problem, API_BUSY, "", "no memory for the list");
    int rc = api_model_list(call->api, call->caller, list, &count, &call->problem);
    if (rc == 0) {
        out_object(out, "result");
        mcp_models_result(out, list, count);
        out_object_end(out);
    }
    free(list);
    return rc;
}

static int run(struct mcp_call *tool_call, enum mcp_tool tool, struct mcp_arguments *arguments, struct out *out)
{
    struct dialect_call *call = tool_call->call;
    switch (tool) {
    case MCP_GENERATE:
    case MCP_FROM_IMAGE:
    case MCP_FROM_FRAMES: return generate(tool_call, arguments, out);
    case MCP_QUERY:
    case MCP_STATUS: return job_show(call, arguments->task_id, out);
    case MCP_WAIT: return job_wait(tool_call, arguments->task_id, out);
    case MCP_FETCH: return fetch(call, arguments->task_id, out);
    case MCP_CANCEL: return cancel(call, arguments->task_id, out);
    case MCP_MODELS: return models(call, out);
    case MCP_ESTIMATE: break;
    }
    return estimate(call, arguments, out);
}

void mcp_tool_call(struct mcp_call *tool_call, enum mcp_tool tool, const json_t *given, struct out *out)
{
    struct dialect_call *call = tool_call->call;
    struct mcp_arguments arguments = {.owned = NULL};
    int rc = api_require(call->caller, mcp_tool_scope(tool), &call->problem);
    if (rc == 0)
        rc = mcp_arguments_read(tool, given, &arguments, &call->problem);
    if (rc == 0)
        rc = run(tool_call, tool, &arguments, out);
    if (rc < 0) {
        out_object(out, "result");
        mcp_problem_result(out, &call->problem);
        out_object_end(out);
    }
    mcp_arguments_finish(&arguments);
}
