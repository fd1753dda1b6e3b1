/* /v1/files: results and uploads.
 *
 * The documented calls live at /v1/files/retrieve, /retrieve_content, /list, /upload and /delete; older clients use
 * POST, GET and DELETE of /v1/files itself and read other members of the answers, so those have both shapes. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/sniff.h"
#include "base/text.h"
#include "server/dialect/minimax1.h"
#include "server/dialect/minimax_job.h"
#include "server/dialect/replicate.h"

/* ---- writing ---- */

/* The shape of the documents, and beside it the one that users of /v1/files read. */
static void file_members(struct out *out, const struct store_file *file)
{
    out_integer(out, "file_id", file->id);
    out_integer(out, "bytes", file->bytes);
    out_integer(out, "created_at", file->created_ms / 1000);
    out_text(out, "filename", file->name);
    out_text(out, "purpose", file->purpose);
    out_id(out, "id", file->id);
    out_text(out, "object", "file");
}

static void file_object(struct out *out, const char *key, const struct store_file *file, const char *link)
{
    out_object(out, key);
    file_members(out, file);
    if (link)
        out_text(out, "download_url", link);
    out_object_end(out);
}

int minimax1_answer_end(struct dialect_call *call, struct out *out)
{
    minimax1_base_resp(out, 0, "success");
    out_object_end(out);
    return dialect_answer_end(call, out, 200);
}

/* ---- GET /v1/files/retrieve, /v1/files/retrieve_content ---- */

static int file_find(struct dialect_call *call, int64_t id, struct store_file *ret)
{
    if (api_file_get(call->api, call->caller, id, ret, &call->problem) == 0)
        return 0;
    return call->problem.kind == API_NOT_FOUND ? minimax_not_found(&call->problem, "file_id", id) : -1;
}

static int file_of_query(struct dialect_call *call, struct store_file *ret)
{
    int64_t id;
    if (minimax_id_read(http_query(call->request, "file_id"), "file_id", &id, &call->problem) < 0)
        return -1;
    return file_find(call, id, ret);
}

int minimax1_file_retrieve(struct dialect_call *call)
{
    struct store_file file;
    struct out out;
    conch_error err = {0};
    int64_t expires_ms;
    if (file_of_query(call, &file) < 0)
        return -1;
    char *link = api_file_link(call->api, call->request->origin, &file, 0, &expires_ms);
    if (!link)
        return api_refuse(&call->problem, API_BUSY, "", "there is no memory for this at the moment");
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    file_object(&out, "file", &file, link);
    free(link);
    return minimax1_answer_end(call, &out);
}

int minimax1_file_content(struct dialect_call *call)
{
    if (file_of_query(call, &call->file.file) < 0)
        return -1;
    call->file.attachment = true;
    call->outcome = DIALECT_FILE;
    return 0;
}

/* ---- GET /v1/files/list and its alias ---- */

/* One page; *page goes on behind it. */
static int list_page(struct dialect_call *call, const struct store_file_filter *filter, struct store_page *page,
                     struct store_file *rows, size_t *ret_count)
{
    if (api_file_list(call->api, call->caller, filter, page, rows, ret_count, &call->problem) < 0)
        return -1;
    if (*ret_count > 0)
        page->before_id = rows[*ret_count - 1].id;
    return 0;
}

static int list_read(struct dialect_call *call, const struct store_file_filter *filter, struct store_file *rows,
                     size_t *ret_count)
{
    struct store_page page = {.count = STORE_PAGE_MAX};
    size_t count = 0, got;
    do {
        page.count = size_min(STORE_PAGE_MAX, MINIMAX1_FILES_MAX - count);
        if (list_page(call, filter, &page, rows + count, &got) < 0)
            return -1;
        count += got;
    } while (got == page.count && count < MINIMAX1_FILES_MAX);
    *ret_count = count;
    return 0;
}

/* Posters and the pictures of jobs have purposes of ours, which no client of MiniMax's knows. */
static bool is_listed(const struct store_file *file)
{
    struct api_problem ignored;
    return minimax1_purpose_check(file->purpose, MINIMAX1_LIST, &ignored) == 0;
}

static int list_answer(struct dialect_call *call, const struct store_file *rows, size_t count)
{
    static const char *const names[] = {"files", "data"};
    struct out out;
    conch_error err = {0};
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        out_array(&out, names[n]);
        for (size_t i = 0; i < count; i++)
            if (is_listed(&rows[i]))
                file_object(&out, NULL, &rows[i], NULL);
        out_array_end(&out);
    }
    return minimax1_answer_end(call, &out);
}

/* purpose is documented as required; mmx lists without one, and then gets everything. */
int minimax1_file_list(struct dialect_call *call)
{
    struct store_file_filter filter = {.purpose = http_query(call->request, "purpose")};
    size_t count;
    if (filter.purpose && !filter.purpose[0])
        filter.purpose = NULL;
    if (filter.purpose && minimax1_purpose_check(filter.purpose, MINIMAX1_LIST, &call->problem) < 0)
        return -1;
    struct store_file *rows = calloc(MINIMAX1_FILES_MAX, sizeof *rows);
    if (!rows)
        return api_refuse(&call->problem, API_BUSY, "", "there is no memory for this at the moment");
    int rc = list_read(call, &filter, rows, &count);
    if (rc == 0)
        rc = list_answer(call, rows, count);
    free(rows);
    return rc;
}

/* ---- POST /v1/files/upload and its alias ---- */

static ssize_t head_read(const struct http_part *part, uint8_t *head)
{
    if (part->data) {
        const size_t size = size_min(part->size, SNIFF_BYTES);
        memcpy(head, part->data, size);
        return (ssize_t)size;
    }
    int file = open(part->spool_path, O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? -1 : pread(file, head, SNIFF_BYTES, 0);
    if (file >= 0)
        close(file);
    return size;
}

static int part_check(const struct http_part *part, const char *purpose, struct api_problem *problem)
{
    uint8_t *head = malloc(SNIFF_BYTES);
    if (!head)
        return api_refuse(problem, API_BUSY, "", "there is no memory for this at the moment");
    const ssize_t size = head_read(part, head);
    int rc = size < 0 ? api_refuse(problem, API_INTERNAL, "file", "file could not be read back")
                      : minimax1_upload_check(purpose, head, (size_t)size, (int64_t)part->size, problem);
    free(head);
    return rc;
}

static int upload_render(const void *result, bool flat, struct buf *ret_body, conch_error *err)
{
    const struct store_file *file = result;
    struct out out;
    out_init(&out, ret_body, err);
    out_object(&out, NULL);
    file_object(&out, "file", file, NULL);
    if (flat)
        file_members(&out, file);
    minimax1_base_resp(&out, 0, "success");
    out_object_end(&out);
    return out_finish(&out);
}

static int render_documented(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    *ret_status = 200;
    return upload_render(result, false, ret_body, err);
}

static int render_alias(void *context, const void *result, int *ret_status, struct buf *ret_body, conch_error *err)
{
    *ret_status = 200;
    return upload_render(result, true, ret_body, err);
}

static int upload(struct dialect_call *call, const char *scope,
                  int (*render)(void *, const void *, int *, struct buf *, conch_error *))
{
    const struct http_part *part = http_part(call->request, "file");
    const char *purpose = dialect_part_text(call->request, "purpose");
    struct dialect_digest digest;
    struct api_once once;
    struct store_file file;
    if (minimax1_purpose_check(purpose, MINIMAX1_UPLOAD, &call->problem) < 0)
        return -1;
    if (!part)
        return api_refuse(&call->problem, API_INVALID, "file", "file is required: a part of the form with the bytes");
    if (part_check(part, purpose, &call->problem) < 0 || dialect_once(call, scope, render, &digest, &once) < 0)
        return -1;
    const struct api_upload put = {.purpose = purpose,
                                   .name = part->filename ? part->filename : "upload",
                                   .data = part->data,
                                   .path = part->spool_path,
                                   .size = part->size,
                                   .document = strcmp(purpose, "video_generation_input") != 0};
    if (api_file_put(call->api, call->caller, &put, &once, &file, &call->problem) == 0)
        return dialect_once_answer(call, &once);
    buf_finish(&once.body);
    return -1;
}

int minimax1_file_upload(struct dialect_call *call)
{
    return upload(call, "POST /v1/files/upload", render_documented);
}

/* One address for two services: a form with a part `content` is Replicate's upload, one with `file` is MiniMax's. */
int minimax1_files_post(struct dialect_call *call)
{
    if (http_part(call->request, "content") && !http_part(call->request, "file"))
        return replicate_file_create_here(call);
    return upload(call, "POST /v1/files", render_alias);
}

/* ---- POST /v1/files/delete and its alias ---- */

struct removal {
    int64_t id;
    const char *purpose; /* NULL: not named */
};

static int removal_of_json(const json_t *body, struct removal *ret, struct api_problem *problem)
{
    if (dialect_id(body, "file_id", &ret->id, problem) < 0 || dialect_text(body, "purpose", &ret->purpose, problem) < 0)
        return -1;
    return ret->id ? 0 : minimax_id_read(NULL, "file_id", &ret->id, problem);
}

static int removal_read(struct dialect_call *call, struct removal *ret)
{
    *ret = (struct removal){0};
    if (call->json && !call->request->multipart)
        return removal_of_json(call->json, ret, &call->problem);
    ret->purpose = dialect_part_text(call->request, "purpose");
    return minimax_id_read(dialect_part_text(call->request, "file_id"), "file_id", &ret->id, &call->problem);
}

/* A purpose that is named must be the file's: it is there so that nobody deletes the wrong thing by number. */
static int remove_file(struct dialect_call *call, const struct removal *removal)
{
    const char *purpose = removal->purpose && removal->purpose[0] ? removal->purpose : NULL;
    struct store_file file;
    if (purpose && minimax1_purpose_check(purpose, MINIMAX1_REMOVE, &call->problem) < 0)
        return -1;
    if (file_find(call, removal->id, &file) < 0)
        return -1;
    if (purpose && strcmp(purpose, file.purpose) != 0)
        return api_refuse(&call->problem, API_INVALID, "purpose", "file %" PRId64 " has purpose %s, not %s",
                          removal->id, file.purpose, purpose);
    if (api_file_delete(call->api, call->caller, removal->id, &call->problem) == 0)
        return 0;
    return call->problem.kind == API_NOT_FOUND ? minimax_not_found(&call->problem, "file_id", removal->id) : -1;
}

int minimax1_file_delete(struct dialect_call *call)
{
    struct removal removal;
    struct out out;
    conch_error err = {0};
    if (removal_read(call, &removal) < 0 || remove_file(call, &removal) < 0)
        return -1;
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    out_integer(&out, "file_id", removal.id);
    return minimax1_answer_end(call, &out);
}

int minimax1_files_delete(struct dialect_call *call)
{
    struct removal removal = {.purpose = http_query(call->request, "purpose")};
    struct out out;
    conch_error err = {0};
    if (minimax_id_read(http_query(call->request, "file_id"), "file_id", &removal.id, &call->problem) < 0 ||
        remove_file(call, &removal) < 0)
        return -1;
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    out_integer(&out, "file_id", removal.id);
    out_id(&out, "id", removal.id);
    out_text(&out, "object", "file");
    out_flag(&out, "deleted", true);
    return minimax1_answer_end(call, &out);
}
