/* The calls that answer with the clip itself: POST /v1/videos/sync of vLLM-Omni, POST /video of LocalAI. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/encode.h"
#include "base/text.h"
#include "server/dialect/openai.h"

/* ---- waiting ---- */

static int refuse_end(struct dialect_call *call, const struct api_job *job)
{
    const struct store_job *row = &job->row;
    const char *text = row->error_text && *row->error_text ? row->error_text : job_error_rule(row->job.error)->name;
    const struct openai_id id = openai_id(row->job.id);
    if (!job_terminal(row->job.state))
        return api_refuse(&call->problem, API_TIMEOUT, "",
                          "video %s is still being made; it goes on, and GET /v1/videos/%s tells how far it is",
                          id.text, id.text);
    if (row->job.state == JOB_CANCELLED)
        return api_refuse(&call->problem, API_INVALID, "", "video %s was cancelled", id.text);
    const enum api_kind kind = row->job.error == JOB_ERROR_CONTENT_POLICY  ? API_CONTENT_POLICY
                               : row->job.error == JOB_ERROR_INVALID_INPUT ? API_INVALID
                                                                           : API_INTERNAL;
    return api_refuse(&call->problem, kind, "", "video %s failed: %s", id.text, text);
}

/* *ret succeeded and has a file; it is to be finished. */
static int job_await(struct dialect_call *call, int64_t id, struct api_job *ret)
{
    if (api_job_wait(call->api, call->caller, id, OPENAI_SYNC_MS_MAX, ret, &call->problem) < 0)
        return -1;
    if (ret->row.job.state == JOB_SUCCEEDED && ret->file.id)
        return 0;
    refuse_end(call, ret);
    api_job_finish(ret);
    return -1;
}

static int made(struct dialect_call *call, const char *scope, struct api_job *ret)
{
    const struct openai_source source = openai_source(call);
    struct openai_create create;
    int64_t id;
    if (openai_create_read(&source, api_catalog(call->api), &create, &call->problem) < 0)
        return -1;
    const int rc = openai_submit_id(call, scope, &create, &id);
    openai_create_finish(&create);
    return rc < 0 ? -1 : job_await(call, id, ret);
}

/* ---- POST /v1/videos/sync ---- */

static int header_set(struct dialect_call *call, const char *name, const char *value)
{
    conch_error err = {0};
    return http_response_header(call->response, name, value, &err) < 0 ? dialect_trouble(&call->problem, &err) : 0;
}

int openai_sync(struct dialect_call *call)
{
    struct api_job job;
    char seconds[32];
    if (made(call, "POST /v1/videos/sync", &job) < 0)
        return -1;
    const struct job *row = &job.row.job;
    const int64_t took_ms = row->finished_ms - (row->started_ms ? row->started_ms : row->created_ms);
    snprintf(seconds, sizeof seconds, "%.3f", (double)took_ms / 1000);
    call->file.file = job.file;
    call->outcome = DIALECT_FILE;
    const int rc = header_set(call, "x-inference-time-s", seconds) < 0 ||
                           header_set(call, "x-video-id", openai_id(row->id).text) < 0
                       ? -1
                       : 0;
    api_job_finish(&job);
    return rc;
}

/* ---- POST /video ---- */

static int file_read_whole(int file, void *to, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t got = read(file, (char *)to + done, size - done);
        if (got <= 0)
            return -1;
        done += (size_t)got;
    }
    return 0;
}

/* Appends the clip as base64. */
static int clip_encode(struct dialect_call *call, const struct store_file *file, struct buf *to)
{
    conch_error err = {0};
    int descriptor;
    if (file->bytes > OPENAI_BASE64_BYTES_MAX)
        return api_refuse(&call->problem, API_INVALID, "response_format",
                          "the clip has %" PRId64 " bytes; as b64_json at most %d are sent: use url", file->bytes,
                          OPENAI_BASE64_BYTES_MAX);
    if (api_file_open(call->api, file, &descriptor, &call->problem) < 0)
        return -1;
    void *data = malloc((size_t)file->bytes + 1);
    int rc = 0;
    if (!data || file_read_whole(descriptor, data, (size_t)file->bytes) < 0)
        rc = api_refuse(&call->problem, API_BUSY, "", "the clip cannot be read at the moment");
    else if (encode(to, ENCODE_BASE64, data, (size_t)file->bytes, &err) < 0)
        rc = dialect_trouble(&call->problem, &err);
    close(descriptor);
    free(data);
    return rc;
}

static int localai_answer(struct dialect_call *call, const struct api_job *job, bool base64)
{
    struct out out;
    struct buf text;
    conch_error err = {0};
    buf_init(&text, encode_size(ENCODE_BASE64, OPENAI_BASE64_BYTES_MAX) + 1);
    char *url = base64 ? NULL : api_file_link(call->api, call->request->origin, &job->file, 0, NULL);
    int rc = base64 ? clip_encode(call, &job->file, &text) : 0;
    if (rc == 0 && !base64 && !url)
        rc = api_refuse(&call->problem, API_BUSY, "", "there is no memory for the link at the moment");
    if (rc == 0) {
        dialect_answer_begin(call, &out, &err);
        out_object(&out, NULL);
        out_text(&out, "id", openai_id(job->row.job.id).text);
        out_integer(&out, "created", job->row.job.created_ms / 1000);
        out_array(&out, "data");
        out_object(&out, NULL);
        out_text(&out, base64 ? "b64_json" : "url", base64 ? text.data : url);
        out_object_end(&out);
        out_array_end(&out);
        out_object_end(&out);
        rc = dialect_answer_end(call, &out, 200);
    }
    buf_finish(&text);
    free(url);
    return rc;
}

static int response_format_read(struct dialect_call *call, bool *ret_base64)
{
    const struct openai_source source = openai_source(call);
    const char *format = "url";
    json_t *body;
    if (openai_body_read(&source, &body, &call->problem) < 0)
        return -1;
    int rc = dialect_text(body, "response_format", &format, &call->problem);
    *ret_base64 = rc == 0 && strcmp(format, "b64_json") == 0;
    if (rc == 0 && !*ret_base64 && strcmp(format, "url") != 0)
        rc = api_refuse(&call->problem, API_INVALID, "response_format",
                        "response_format is '%.40s', but must be url or b64_json", format);
    json_decref(body);
    return rc;
}

int openai_localai(struct dialect_call *call)
{
    struct api_job job;
    bool base64;
    if (response_format_read(call, &base64) < 0 || made(call, "POST /video", &job) < 0)
        return -1;
    const int rc = localai_answer(call, &job, base64);
    api_job_finish(&job);
    return rc;
}
