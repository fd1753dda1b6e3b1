/* The description of the interface, and what tells whether the server is well. */
#include <string.h>

#include "server/dialect/native.h"
#include "server/dialect/openapi.h"

int native_openapi(struct dialect_call *call)
{
    conch_error err = {0};
    struct http_response *response = call->response;
    int rc = buf_append(&response->body, openapi_json, openapi_json_size, &err);
    if (rc == 0)
        rc = http_response_header(response, "Content-Type", "application/json", &err);
    if (rc == 0)
        rc = http_response_header(response, "Access-Control-Allow-Origin", "*", &err);
    if (rc < 0)
        return dialect_trouble(&call->problem, &err);
    response->status = 200;
    return 0;
}

int native_healthz(struct dialect_call *call)
{
    struct out out;
    conch_error err = {0};
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    out_text(&out, "status", "ok");
    out_text(&out, "version", CONCH_VERSION);
    out_object_end(&out);
    return dialect_answer_end(call, &out, 200);
}

int native_readyz(struct dialect_call *call)
{
    struct api_health health = {0};
    struct out out;
    conch_error err = {0};
    (void)api_health(call->api, &health);
    bool ready = health.store && health.blobs; /* jobs can be taken and kept while no engine works on them */
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    out_text(&out, "status", ready ? "ready" : "not_ready");
    out_flag(&out, "store", health.store);
    out_flag(&out, "blobs", health.blobs);
    out_flag(&out, "engine", health.engine);
    out_integer(&out, "queued", health.queued);
    out_integer(&out, "running", health.running);
    out_integer(&out, "free_bytes", health.free_bytes);
    out_text(&out, "message", *health.text ? health.text : NULL);
    out_object_end(&out);
    return dialect_answer_end(call, &out, ready ? 200 : 503);
}
