/* The table of MiniMax's second generation, its refusals and the calls that make tasks. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "server/dialect/minimax2.h"

static int create_render(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    *ret_status = 200;
    return minimax2_create_write(result, ret_body, err);
}

static int submit(struct dialect_call *call, const char *scope, const struct api_submit *what)
{
    struct dialect_digest digest;
    struct api_once once;
    struct api_job job;
    if (dialect_once(call, scope, create_render, &digest, &once) < 0)
        return -1;
    if (api_job_submit(call->api, call->caller, what, &once, &job, &call->problem) < 0) {
        buf_finish(&once.body);
        return -1;
    }
    if (!once.replayed)
        api_job_finish(&job);
    return dialect_once_answer(call, &once);
}

static int create(struct dialect_call *call)
{
    struct minimax2_create create;
    if (minimax2_create_read(call->json, api_catalog(call->api), &create, &call->problem) < 0)
        return -1;
    return submit(call, "POST /v2/video_generation", &create.submit);
}

static int context(struct dialect_call *call)
{
    struct minimax2_create create;
    if (minimax2_context_read(call->json, api_catalog(call->api), &create, &call->problem) < 0)
        return -1;
    return submit(call, "POST /v2/h3_context_ir", &create.submit);
}

/* Looked at as if it could be done, so that a client's own mistakes come first. */
static int regeneration(struct dialect_call *call)
{
    struct minimax2_regeneration regeneration;
    struct api_job job;
    if (minimax2_regeneration_read(call->json, api_catalog(call->api), &regeneration, &call->problem) < 0)
        return -1;
    if (regeneration.source_task_id) {
        if (api_job_peek(call->api, call->caller, regeneration.source_task_id, &job, &call->problem) < 0)
            return call->problem.kind == API_NOT_FOUND
                       ? minimax_not_found(&call->problem, "source_task_id", regeneration.source_task_id)
                       : -1;
        const bool done = job.row.job.state == JOB_SUCCEEDED;
        api_job_finish(&job);
        if (!done)
            return api_refuse(&call->problem, API_INVALID, "source_task_id",
                              "source_task_id names a task that has not succeeded");
    }
    return api_refuse(&call->problem, API_UNAVAILABLE_HERE, "resolution",
                      "no model of this server can make a 2K video from another video");
}

#define GENERATE STORE_SCOPE_GENERATE
#define READ     STORE_SCOPE_READ
#define JSON     DIALECT_BODY_JSON, DIALECT_SIZE_JSON
#define NONE     DIALECT_BODY_NONE, DIALECT_SIZE_SMALL

static const struct dialect_route routes[] = {
    {HTTP_POST, "/v2/video_generation", GENERATE, 0, JSON, create},
    {HTTP_GET, "/v2/query/video_generation/{task_id}", READ, DIALECT_FAST | DIALECT_NO_RATE, NONE, minimax2_task_get},
    {HTTP_GET, "/v2/query/video_generation", READ, 0, NONE, minimax2_task_list},
    {HTTP_DELETE, "/v2/video_generation/{task_id}", GENERATE, 0, NONE, minimax2_task_delete},
    {HTTP_POST, "/v2/h3_context_ir", GENERATE, 0, JSON, context},
    {HTTP_POST, "/v2/video_regeneration", GENERATE, 0, JSON, regeneration},
};

static const char *const prefixes[] = {"/v2/", NULL};
static const char *const callback_styles[] = {"minimax2", NULL};

static void finish(const struct dialect *dialect, const struct http_request *request, struct http_response *response)
{
    http_response_header(response, "Trace-Id", request->id, NULL);
}

const struct dialect dialect_minimax2 = {
    .name = "minimax2",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = ARRAY_LEN(routes),
    .refuse = minimax2_refuse,
    .finish = finish,
    .callback_styles = callback_styles,
    .callback_body = minimax2_callback_body,
};
