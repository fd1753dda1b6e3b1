/* Uploads. Their address is what a client puts into an input. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/dialect/replicate.h"

static const char purpose[] = "video_generation_input";

static void file_write(const struct dialect_call *call, struct out *out, const struct store_file *file)
{
    out_object(out, NULL);
    out_id(out, "id", file->id);
    out_text(out, "name", file->name);
    out_text(out, "content_type", file->type);
    out_integer(out, "size", file->bytes);
    out_text(out, "etag", file->sha256);
    out_object(out, "checksums");
    out_text(out, "sha256", file->sha256);
    out_object_end(out);
    out_raw(out, "metadata", "{}");
    out_time(out, "created_at", file->created_ms);
    out_time(out, "expires_at", file->expires_ms);
    out_object(out, "urls");
    out_format(out, "get", "%s%s/files/%lld", call->request->origin, replicate_base(call->request),
               (long long)file->id);
    out_object_end(out);
    out_object_end(out);
}

static int created_render(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    struct out out;
    out_init(&out, ret_body, err);
    file_write(context, &out, result);
    *ret_status = 201;
    return out_finish(&out);
}

int replicate_file_create(struct dialect_call *call)
{
    const struct http_part *part = http_part(call->request, "content");
    struct dialect_digest digest;
    struct api_once once;
    struct store_file file;
    if (!part)
        return api_refuse(&call->problem, API_INVALID, "content",
                          "content is missing: a part of the form with the bytes");
    if (dialect_once(call, "POST /v1/files content", created_render, &digest, &once) < 0)
        return -1;
    const struct api_upload put = {.purpose = purpose,
                                   .name = part->filename ? part->filename : "upload",
                                   .data = part->data,
                                   .path = part->spool_path,
                                   .size = part->size};
    if (api_file_put(call->api, call->caller, &put, &once, &file, &call->problem) == 0)
        return dialect_once_answer(call, &once);
    buf_finish(&once.body);
    return -1;
}

int replicate_file_create_here(struct dialect_call *call)
{
    if (replicate_file_create(call) == 0)
        return 0;
    const struct dialect_refusal refusal = {.problem = &call->problem, .status = api_kind_status(call->problem.kind)};
    http_response_reset(call->response);
    replicate_refuse(&dialect_replicate, &refusal, call->request, call->response);
    return 0;
}

static int find(struct dialect_call *call, struct store_file *ret)
{
    int64_t id;
    if (dialect_parameter_id(call, "id", &id) < 0)
        return -1;
    return api_file_get(call->api, call->caller, id, ret, &call->problem);
}

int replicate_file_get(struct dialect_call *call)
{
    struct store_file file;
    struct out out;
    conch_error err = {0};
    if (find(call, &file) < 0)
        return -1;
    dialect_answer_begin(call, &out, &err);
    file_write(call, &out, &file);
    return dialect_answer_end(call, &out, 200);
}

int replicate_file_list(struct dialect_call *call)
{
    const struct store_file_filter filter = {.purpose = purpose};
    const struct store_page page = {.count = REPLICATE_PAGE};
    struct store_file *files = calloc(REPLICATE_PAGE, sizeof *files);
    size_t count = REPLICATE_PAGE;
    struct out out;
    conch_error err = {0};
    if (!files)
        return api_refuse(&call->problem, API_BUSY, "", "no memory for the list");
    int rc = api_file_list(call->api, call->caller, &filter, &page, files, &count, &call->problem);
    if (rc == 0) {
        dialect_answer_begin(call, &out, &err);
        out_object(&out, NULL);
        out_null(&out, "previous");
        out_null(&out, "next");
        out_array(&out, "results");
        for (size_t i = 0; i < count; i++)
            file_write(call, &out, &files[i]);
        out_array_end(&out);
        out_object_end(&out);
        rc = dialect_answer_end(call, &out, 200);
    }
    free(files);
    return rc;
}

int replicate_file_delete(struct dialect_call *call)
{
    int64_t id;
    if (dialect_parameter_id(call, "id", &id) < 0 || api_file_delete(call->api, call->caller, id, &call->problem) < 0)
        return -1;
    call->response->status = 204;
    return 0;
}
