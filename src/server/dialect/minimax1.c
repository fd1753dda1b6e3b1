/* The table of MiniMax's first generation, its refusals and the two calls about tasks. */
#include <inttypes.h>
#include <string.h>

#include "base/base.h"
#include "server/dialect/minimax1.h"
#include "server/dialect/minimax_job.h"

static int create_render(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    *ret_status = 200;
    return minimax1_create_write(result, ret_body, err);
}

static int create(struct dialect_call *call)
{
    struct minimax1_create create;
    struct dialect_digest digest;
    struct api_once once;
    struct api_job job;
    if (minimax1_create_read(call->json, api_catalog(call->api), &create, &call->problem) < 0 ||
        dialect_once(call, "POST /v1/video_generation", create_render, &digest, &once) < 0)
        return -1;
    if (api_job_submit(call->api, call->caller, &create.submit, &once, &job, &call->problem) < 0) {
        buf_finish(&once.body);
        return -1;
    }
    if (!once.replayed)
        api_job_finish(&job);
    return dialect_once_answer(call, &once);
}

static int query(struct dialect_call *call)
{
    struct api_job job;
    struct out out;
    conch_error err = {0};
    int64_t id;
    if (minimax_id_read(http_query(call->request, "task_id"), "task_id", &id, &call->problem) < 0)
        return -1;
    if (api_job_peek(call->api, call->caller, id, &job, &call->problem) < 0)
        return call->problem.kind == API_NOT_FOUND ? minimax_not_found(&call->problem, "task_id", id) : -1;
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    minimax1_task_write(&out, &job);
    out_object_end(&out);
    api_job_finish(&job);
    return dialect_answer_end(call, &out, 200);
}

/* ---- what there is to pay with ---- */

static bool may_see_money(const struct dialect_call *call)
{
    return call->caller->key.scopes & (STORE_SCOPE_USAGE | STORE_SCOPE_ADMIN);
}

/* What mmx asks to find out where a key belongs, and shows as a quota: the units of clip packages. For a key that may
 * not see money, and without a package, the list is empty. */
static int plan_remains(struct dialect_call *call)
{
    struct api_package package = {0};
    struct out out;
    conch_error err = {0};
    if (may_see_money(call) && api_package(call->api, call->caller, &package, &call->problem) < 0)
        return -1;
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    out_array(&out, "model_remains");
    if (package.count)
        minimax1_remains_write(&out, &package, call->now_ms);
    out_array_end(&out);
    return minimax1_answer_end(call, &out);
}

/* What mmx asks with keys that begin with sk-api-. */
static int query_balance(struct dialect_call *call)
{
    struct api_balance balance;
    struct out out;
    conch_error err = {0};
    if (api_balance(call->api, call->caller, 0, &balance, &call->problem) < 0)
        return -1;
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    minimax1_balance_write(&out, &balance, call->now_ms);
    return minimax1_answer_end(call, &out);
}

/* ---- what nothing here can make: looked at, then refused ---- */

static int template_create(struct dialect_call *call)
{
    const struct catalog_template *template;
    if (minimax1_template_read(call->json, api_offers(call->api), &template, &call->problem) < 0)
        return -1;
    return api_refuse(&call->problem, API_UNAVAILABLE_HERE, "template_id",
                      "no model of this server can make the template%s%s; nothing was charged", template ? " " : "",
                      template ? template->name : "");
}

/* There is no such task, as none can be made. */
static int template_query(struct dialect_call *call)
{
    int64_t id;
    if (minimax_id_read(http_query(call->request, "task_id"), "task_id", &id, &call->problem) < 0)
        return -1;
    return api_refuse(&call->problem, API_INVALID, "task_id",
                      "invalid task_id, there is no template task %" PRId64 " of this account", id);
}

static int image_create(struct dialect_call *call)
{
    if (minimax1_image_read(call->json, api_offers(call->api), &call->problem) < 0)
        return -1;
    return api_refuse(&call->problem, API_UNAVAILABLE_HERE, "",
                      "no model of this server makes pictures; nothing was charged");
}

static int voice(struct dialect_call *call)
{
    return api_refuse(&call->problem, API_UNAVAILABLE_HERE, "",
                      "no model of this server makes or understands speech and music; it makes videos");
}

#define GENERATE STORE_SCOPE_GENERATE
#define READ     STORE_SCOPE_READ
#define JSON     DIALECT_BODY_JSON, DIALECT_SIZE_JSON
#define NONE     DIALECT_BODY_NONE, DIALECT_SIZE_SMALL
#define FORM     DIALECT_BODY_FORM, DIALECT_SIZE_UPLOAD
#define BOTH     DIALECT_BODY_BOTH, DIALECT_SIZE_JSON

static const struct dialect_route routes[] = {
    {HTTP_POST, "/v1/video_generation", GENERATE, 0, JSON, create},
    {HTTP_GET, "/v1/query/video_generation", READ, DIALECT_FAST | DIALECT_NO_RATE, NONE, query},
    {HTTP_GET, "/v1/files/retrieve", READ, DIALECT_NO_RATE, NONE, minimax1_file_retrieve},
    {HTTP_GET, "/v1/files/retrieve_content", READ, DIALECT_NO_RATE, NONE, minimax1_file_content},
    {HTTP_GET, "/v1/files/list", READ, 0, NONE, minimax1_file_list},
    {HTTP_POST, "/v1/files/upload", GENERATE, 0, FORM, minimax1_file_upload},
    {HTTP_POST, "/v1/files/delete", GENERATE, 0, DIALECT_BODY_BOTH, DIALECT_SIZE_SMALL, minimax1_file_delete},
    {HTTP_POST, "/v1/files", GENERATE, 0, FORM, minimax1_files_post},
    {HTTP_GET, "/v1/files", READ, 0, NONE, minimax1_file_list},
    {HTTP_DELETE, "/v1/files", GENERATE, 0, NONE, minimax1_files_delete},
    {HTTP_POST, "/v1/video_template_generation", GENERATE, 0, JSON, template_create},
    {HTTP_GET, "/v1/query/video_template_generation", READ, 0, NONE, template_query},
    {HTTP_POST, "/v1/image_generation", GENERATE, 0, JSON, image_create},
    {HTTP_GET, "/v1/token_plan/remains", 0, DIALECT_NO_RATE, NONE, plan_remains},
    {HTTP_GET, "/account/query_balance", STORE_SCOPE_USAGE, DIALECT_NO_RATE, NONE, query_balance},
    {HTTP_POST, "/v1/t2a_v2", GENERATE, 0, BOTH, voice},
    {HTTP_POST, "/v1/t2a_async_v2", GENERATE, 0, BOTH, voice},
    {HTTP_GET, "/v1/query/t2a_async_query_v2", READ, 0, NONE, voice},
    {HTTP_POST, "/v1/get_voice", READ, 0, BOTH, voice},
    {HTTP_POST, "/v1/voice_clone", GENERATE, 0, BOTH, voice},
    {HTTP_POST, "/v1/voice_design", GENERATE, 0, BOTH, voice},
    {HTTP_POST, "/v1/delete_voice", GENERATE, 0, BOTH, voice},
    {HTTP_POST, "/v1/music_generation", GENERATE, 0, BOTH, voice},
    {HTTP_POST, "/v1/lyrics_generation", GENERATE, 0, BOTH, voice},
    {HTTP_POST, "/v1/speech_to_text", GENERATE, 0, DIALECT_BODY_BOTH, DIALECT_SIZE_UPLOAD, voice},
};

static const char *const prefixes[] = {
    "/v1/video_generation",
    "/v1/query/",
    "/v1/files",
    "/v1/files/",
    "/v1/image_generation",
    "/v1/token_plan/",
    "/account/query_balance",
    "/v1/video_template_generation",
    "/v1/t2a_v2",
    "/v1/t2a_async_v2",
    "/v1/get_voice",
    "/v1/voice_clone",
    "/v1/voice_design",
    "/v1/delete_voice",
    "/v1/music_generation",
    "/v1/lyrics_generation",
    "/v1/speech_to_text",
    NULL,
};

static const char *const callback_styles[] = {"minimax1", NULL};

/* Clients show it in every error text. */
static void finish(const struct dialect *dialect, const struct http_request *request, struct http_response *response)
{
    http_response_header(response, "Trace-Id", request->id, NULL);
}

const struct dialect dialect_minimax1 = {
    .name = "minimax1",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = ARRAY_LEN(routes),
    .refuse = minimax1_refuse,
    .finish = finish,
    .callback_styles = callback_styles,
    .callback_body = minimax1_callback_body,
};
