/* /conch/v1/files and the signed links at /files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/dialect/native.h"

enum { LIFETIME_SECONDS_MAX = 366 * 24 * 3600, LINK_SECONDS_MAX = 31536000 };

void native_file_facts(struct out *out, const struct store_file *file)
{
    out_text(out, "content_type", file->type);
    out_integer(out, "bytes", file->bytes);
    out_text(out, "sha256", file->sha256);
    native_positive(out, "width", file->width);
    native_positive(out, "height", file->height);
    if (file->duration_ms > 0)
        out_real(out, "duration_seconds", file->duration_ms / 1000.0);
    else
        out_null(out, "duration_seconds");
}

void native_file(struct out *out, const char *key, const struct native_view *view, const struct store_file *file)
{
    char *url = api_file_link(view->api, view->origin, file, 0, NULL);
    out_object(out, key);
    out_id(out, "id", file->id);
    out_text(out, "object", "file");
    out_text(out, "purpose", file->purpose);
    out_text(out, "name", file->name);
    native_file_facts(out, file);
    out_id(out, "job_id", file->job_id);
    out_time(out, "created_at", file->created_ms);
    out_time(out, "expires_at", file->expires_ms);
    out_text(out, "url", url ? url : "");
    out_object_end(out);
    free(url);
}

static int answer_file(struct dialect_call *call, const struct store_file *file)
{
    struct out out;
    conch_error err = {0};
    struct native_view view = native_view(call);
    dialect_answer_begin(call, &out, &err);
    native_file(&out, NULL, &view, file);
    return dialect_answer_end(call, &out, 200);
}

/* ---- upload ---- */

static int render_created(void *context, const void *file, int *ret_status, struct buf *ret_body, conch_error *err)
{
    struct out out;
    struct native_view view = native_view(context);
    out_init(&out, ret_body, err);
    native_file(&out, NULL, &view, file);
    *ret_status = 201;
    return out_finish(&out);
}

static int lifetime_read(struct dialect_call *call, int64_t *ret_ms)
{
    const char *text = dialect_part_text(call->request, "lifetime");
    if (!text || !*text)
        return 0;
    json_t *json = json_pack("{s:o}", "lifetime",
                             json_real(strspn(text, "0123456789") == strlen(text) ? atof(text) : -1));
    int64_t seconds = 0;
    if (!json)
        return api_refuse(&call->problem, API_BUSY, "", "no memory for the request");
    int rc = dialect_integer(json, "lifetime", 1, LIFETIME_SECONDS_MAX, &seconds, &call->problem);
    json_decref(json);
    *ret_ms = seconds * 1000;
    return rc;
}

static int upload_read(struct dialect_call *call, struct api_upload *ret)
{
    static const char *const known[] = {"file", "purpose", "name", "lifetime", NULL};
    const struct http_request *request = call->request;
    const struct http_part *part = http_part(request, "file");
    if (dialect_known_parts(request, known, &call->problem) < 0)
        return -1;
    if (!part)
        return api_refuse(&call->problem, API_INVALID, "file", "file is missing: the part of the form with the bytes");
    const char *purpose = dialect_part_text(request, "purpose");
    const char *name = dialect_part_text(request, "name");
    *ret = (struct api_upload){.purpose = purpose && *purpose ? purpose : "video_generation_input",
                               .name = name && *name    ? name
                                       : part->filename ? part->filename
                                                        : "upload",
                               .data = part->spool_path ? NULL : part->data,
                               .path = part->spool_path,
                               .size = part->size};
    return lifetime_read(call, &ret->lifetime_ms);
}

int native_file_create(struct dialect_call *call)
{
    struct api_upload upload;
    struct native_once once;
    struct store_file file = {0};
    if (upload_read(call, &upload) < 0 || native_once(call, render_created, &once) < 0)
        return -1;
    int rc = api_file_put(call->api, call->caller, &upload, &once.once, &file, &call->problem);
    if (rc == 0)
        rc = dialect_once_answer(call, &once.once);
    buf_finish(&once.once.body);
    return rc;
}

/* ---- list, get, delete ---- */

static int answer_list(struct dialect_call *call, const struct store_file *files, size_t count, size_t limit)
{
    struct out out;
    conch_error err = {0};
    struct native_view view = native_view(call);
    size_t shown = count > limit ? limit : count;
    dialect_answer_begin(call, &out, &err);
    native_list_begin(&out);
    for (size_t i = 0; i < shown; i++)
        native_file(&out, NULL, &view, &files[i]);
    native_list_end(&out, &(struct native_list_end){.more = count > limit, .last_id = shown ? files[shown - 1].id : 0});
    return dialect_answer_end(call, &out, 200);
}

int native_file_list(struct dialect_call *call)
{
    static const char *const known[] = {"purpose", "job_id", "limit", "before", "after", NULL};
    struct store_page page;
    struct store_file_filter filter = {0};
    if (dialect_known_queries(call->request, known, &call->problem) < 0 || native_page(call, &page) < 0 ||
        dialect_query_id(call->request, "job_id", &filter.job_id, &call->problem) < 0)
        return -1;
    const char *purpose = http_query(call->request, "purpose");
    filter.purpose = purpose && *purpose ? purpose : NULL;
    struct native_rows rows;
    if (native_rows(call, &page, sizeof(struct store_file), &rows) < 0)
        return -1;
    size_t count = 0;
    int rc = api_file_list(call->api, call->caller, &filter, &page, rows.data, &count, &call->problem);
    if (rc == 0)
        rc = answer_list(call, rows.data, count, rows.limit);
    free(rows.data);
    return rc;
}

int native_file_get(struct dialect_call *call)
{
    struct store_file file;
    int64_t id;
    if (dialect_parameter_id(call, "id", &id) < 0 ||
        api_file_get(call->api, call->caller, id, &file, &call->problem) < 0)
        return -1;
    return answer_file(call, &file);
}

int native_file_delete(struct dialect_call *call)
{
    struct out out;
    conch_error err = {0};
    int64_t id;
    if (dialect_parameter_id(call, "id", &id) < 0 || api_file_delete(call->api, call->caller, id, &call->problem) < 0)
        return -1;
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    out_id(&out, "id", id);
    out_text(&out, "object", "file");
    out_flag(&out, "deleted", true);
    out_object_end(&out);
    return dialect_answer_end(call, &out, 200);
}

/* ---- bytes ---- */

int native_file_content(struct dialect_call *call)
{
    int64_t id;
    if (dialect_parameter_id(call, "id", &id) < 0 ||
        dialect_query_flag(call->request, "download", &call->file.attachment, &call->problem) < 0 ||
        api_file_get(call->api, call->caller, id, &call->file.file, &call->problem) < 0)
        return -1;
    call->outcome = DIALECT_FILE;
    return 0;
}

int native_link_open(struct dialect_call *call)
{
    if (dialect_query_flag(call->request, "download", &call->file.attachment, &call->problem) < 0 ||
        api_file_by_link(call->api, call->request->path, &call->file.file, &call->problem) < 0)
        return -1;
    call->file.accept_anywhere = true;
    call->outcome = DIALECT_FILE;
    return 0;
}

struct link {
    const char *url;
    int64_t expires_ms;
};

static int render_link(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    const struct link *link = result;
    struct out out;
    (void)context;
    out_init(&out, ret_body, err);
    out_object(&out, NULL);
    out_text(&out, "url", link->url);
    out_time(&out, "expires_at", link->expires_ms);
    out_object_end(&out);
    *ret_status = 200;
    return out_finish(&out);
}

static int link_make(struct dialect_call *call, struct native_once *once)
{
    static const char *const known[] = {"seconds", NULL};
    struct store_file file;
    struct link link = {0};
    int64_t id, seconds = 0;
    if (dialect_parameter_id(call, "id", &id) < 0 || dialect_known(call->json, known, &call->problem) < 0 ||
        dialect_integer(call->json, "seconds", 1, LINK_SECONDS_MAX, &seconds, &call->problem) < 0 ||
        api_file_get(call->api, call->caller, id, &file, &call->problem) < 0)
        return -1;
    char *url = api_file_link(call->api, call->request->origin, &file, seconds * 1000, &link.expires_ms);
    if (!url)
        return api_refuse(&call->problem, API_BUSY, "", "no memory for the link");
    link.url = url;
    int rc = api_once_end(call->api, call->caller, &once->once, &link, &call->problem);
    free(url);
    return rc;
}

int native_file_link(struct dialect_call *call)
{
    struct native_once once;
    int rc = native_repeatable(call, render_link, &once);
    if (rc == 0)
        rc = link_make(call, &once);
    return native_repeatable_end(call, &once, rc);
}
