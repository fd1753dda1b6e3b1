/* Uploads, and files as they are listed and read. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "server/api/api_state.h"
#include "server/api/look.h"
#include "server/blob/blob.h"

enum { COPY_BYTES = 64 << 10, PURPOSE_CHARS_MAX = 31, ID_TRIES = 3 };

/* ---- putting ---- */

struct put {
    struct api *api;
    const struct api_caller *caller;
    struct api_once *once;
    struct api_problem *problem;
    struct store_file file;
    bool replayed;
};

/* What a client calls its file, as a name that is safe to show and to save under. */
static void name_clean(char to[128], const char *from, const char *extension)
{
    const char *slash = from ? strrchr(from, '/') : NULL, *back = from ? strrchr(from, '\\') : NULL;
    const char *name = slash > back ? slash + 1 : back ? back + 1 : from ? from : "";
    while (*name == '.' || *name == ' ')
        name++;
    const size_t length = strlen(name), size = text_utf8_cut(name, length, 127);
    size_t used = 0;
    for (size_t i = 0; i < size;) {
        const size_t step = text_utf8_next(name + i, size - i, NULL);
        const bool plain = step > 0 && (unsigned char)name[i] >= 0x20 && !strchr("\"*:<>?|\x7f", name[i]);
        if (plain)
            memcpy(to + used, name + i, step);
        else
            to[used] = '_';
        used += plain ? step : 1;
        i += step ? step : 1;
    }
    to[used] = 0;
    if (used == 0)
        snprintf(to, 128, "upload.%s", extension);
}

static int purpose_check(const char *purpose, struct api_problem *problem)
{
    size_t length = 0;
    while (purpose && ((purpose[length] >= 'a' && purpose[length] <= 'z') ||
                       (purpose[length] >= '0' && purpose[length] <= '9') || purpose[length] == '_'))
        length++;
    if (purpose && length >= 1 && length <= PURPOSE_CHARS_MAX && !purpose[length])
        return 0;
    return api_refuse_value(problem, "purpose", purpose ? purpose : "", "1 to %d of a-z, 0-9 and _", PURPOSE_CHARS_MAX);
}

static int bytes_write(struct blob_put *put, const struct api_upload *upload, conch_error *err)
{
    if (upload->data)
        return blob_put_write(put, upload->data, upload->size, err);
    const int file = open(upload->path, O_RDONLY | O_CLOEXEC);
    char *block = malloc(COPY_BYTES);
    ssize_t size = file < 0 || !block ? -1 : 0;
    int rc = 0;
    while (rc == 0 && size >= 0 && (size = read(file, block, COPY_BYTES)) > 0)
        rc = blob_put_write(put, block, (size_t)size, err);
    if (rc == 0 && size < 0)
        rc = conch_error_set(err, CONCH_ERR_IO, "a spooled file cannot be read");
    free(block);
    if (file >= 0)
        close(file);
    return rc;
}

/* Bytes nobody here will open: named by how they begin, and that is all. */
static int document_look(const char *path, struct look *ret, struct api_problem *problem)
{
    uint8_t *head = malloc(SNIFF_BYTES);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t size = head && file >= 0 ? pread(file, head, SNIFF_BYTES, 0) : -1;
    if (size >= 0)
        *ret = (struct look){.type = sniff(head, (size_t)size).type};
    if (file >= 0)
        close(file);
    free(head);
    return size < 0 ? api_refuse(problem, API_BUSY, "file", "what was sent cannot be read back at the moment") : 0;
}

/* Bytes into a blob, after a look at them. */
static int upload_take(struct put *put, const struct api_upload *upload, int64_t now_ms)
{
    struct store_file *file = &put->file;
    struct blob_put *blob = NULL;
    struct look look;
    conch_error err = {0};
    int rc = blob_put_begin(&blob, put->api->blobs, &err);
    if (rc < 0)
        return api_refuse_error(put->problem, rc, &err);
    rc = bytes_write(blob, upload, &err);
    if (rc < 0) {
        blob_put_abandon(blob);
        return api_refuse_error(put->problem, rc, &err);
    }
    rc = upload->document ? document_look(blob_put_path(blob), &look, put->problem)
                          : look_at(put->api, blob_put_path(blob), SNIFF_OTHER, "file", &look, put->problem);
    if (rc < 0) {
        blob_put_abandon(blob);
        return -1;
    }
    blob_key_make(file->blob, sniff_extension(look.type), now_ms);
    rc = blob_put_commit(blob, file->blob, file->sha256, &file->bytes, &err);
    if (rc < 0) {
        file->blob[0] = 0;
        return api_refuse_error(put->problem, rc, &err);
    }
    name_clean(file->name, upload->name, sniff_extension(look.type));
    snprintf(file->type, sizeof file->type, "%s", sniff_media_type(look.type));
    file->width = look.width;
    file->height = look.height;
    file->duration_ms = (int32_t)(look.duration_ms < INT32_MAX ? look.duration_ms : INT32_MAX);
    return 0;
}

static int put_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct put *put = context;
    const int64_t most = put->api->config->limits.storage_bytes_per_account;
    int64_t used = 0;
    int rc = api_once_find(put->caller, put->once, tx, put->file.created_ms, put->problem, err);
    if (rc != 0) {
        put->replayed = rc == 1;
        return rc < 0 ? rc : 0;
    }
    if (most)
        rc = store_file_usage(tx, put->file.account_id, &used, err);
    if (rc < 0)
        return rc;
    if (most && put->file.bytes > most - used) {
        api_refuse(put->problem, API_TOO_LARGE, "", "the account's files would have %lld bytes; at most %lld are kept",
                   (long long)(used + put->file.bytes), (long long)most);
        return API_ERR_REFUSED;
    }
    put->file.id = id_next();
    rc = store_file_add(tx, &put->file, err);
    return rc < 0 ? rc : api_once_keep(put->api, put->caller, put->once, tx, &put->file, put->file.created_ms, err);
}

static int put_store(struct put *put)
{
    conch_error err = {0};
    int rc = 0;
    for (int i = 0; i < ID_TRIES; i++) {
        rc = store_write(put->api->store, put_work, put, &err);
        if (rc != STORE_ERR_CONFLICT)
            break;
    }
    return rc < 0 ? api_refuse_error(put->problem, rc, &err) : 0;
}

int api_file_put(struct api *api, const struct api_caller *caller, const struct api_upload *upload,
                 struct api_once *once, struct store_file *ret, struct api_problem *ret_problem)
{
    const int64_t now_ms = clock_wall_ms();
    const int64_t lifetime_ms = upload->lifetime_ms ? upload->lifetime_ms : api->config->jobs.upload_retention_ms;
    struct put put = {.api = api, .caller = caller, .once = once, .problem = ret_problem};
    char value[32];
    if (api_require(caller, STORE_SCOPE_GENERATE, ret_problem) < 0)
        return -1;
    snprintf(value, sizeof value, "%lld", (long long)upload->lifetime_ms);
    if (lifetime_ms < 1 || lifetime_ms > api->config->jobs.upload_retention_ms)
        return api_refuse_value(ret_problem, "lifetime", value, "1 to %lld ms",
                                (long long)api->config->jobs.upload_retention_ms);
    if (purpose_check(upload->purpose, ret_problem) < 0)
        return -1;
    if ((int64_t)upload->size > look_bytes_max(api, SNIFF_OTHER))
        return look_refuse_size(ret_problem, "file", (int64_t)upload->size, look_bytes_max(api, SNIFF_OTHER));
    const int kept = api_once_begin(api, caller, once, ret_problem);
    if (kept != 0)
        return kept < 0 ? -1 : 0;
    put.file.account_id = caller->key.account_id;
    put.file.created_ms = now_ms;
    put.file.expires_ms = now_ms + lifetime_ms;
    strcpy(put.file.purpose, upload->purpose);
    int rc = upload_take(&put, upload, now_ms);
    if (rc == 0)
        rc = put_store(&put);
    if ((rc < 0 || put.replayed) && put.file.blob[0])
        blob_delete(api->blobs, put.file.blob, NULL);
    if (rc < 0)
        return rc;
    api_count(api, put.replayed ? API_COUNT_REPLAYED : API_COUNT_UPLOADS, 1);
    if (!put.replayed) {
        api_count(api, API_COUNT_UPLOAD_BYTES, put.file.bytes);
        *ret = put.file;
    }
    return 0;
}

/* ---- reading ---- */

struct find {
    int64_t id, account_id, now_ms;
    struct store_file file;
};

/* A file of a deleted job is as gone as the job, though its bytes may stay a while for a restore. */
static int job_there(struct store_tx *tx, int64_t job_id, bool *ret_there, conch_error *err)
{
    struct store_job job;
    *ret_there = true;
    if (job_id == 0)
        return 0;
    const int rc = store_job_get(tx, job_id, 0, &job, err);
    if (rc < 0)
        return rc;
    *ret_there = job.deleted_ms == 0;
    store_job_finish(&job);
    return 0;
}

static int find_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct find *find = context;
    bool there = false;
    int rc = store_file_get(tx, find->id, find->account_id, &find->file, err);
    if (rc == 0)
        rc = job_there(tx, find->file.job_id, &there, err);
    const bool over = find->file.expires_ms && find->file.expires_ms <= find->now_ms;
    if (rc == 0 && (!there || over || find->file.deleted_ms))
        rc = conch_error_set(err, CONCH_ERR_NOTFOUND, "there is no file %lld", (long long)find->id);
    return rc;
}

int api_file_find(struct api *api, int64_t id, int64_t account_id, struct store_file *ret, struct api_problem *problem)
{
    struct find find = {.id = id, .account_id = account_id, .now_ms = clock_wall_ms()};
    conch_error err = {0};
    const int rc = store_read(api->store, find_work, &find, &err);
    if (rc < 0)
        return api_refuse_missing(problem, rc, &err, "file", id);
    *ret = find.file;
    return 0;
}

int api_file_get(struct api *api, const struct api_caller *caller, int64_t id, struct store_file *ret,
                 struct api_problem *ret_problem)
{
    if (api_require(caller, STORE_SCOPE_READ, ret_problem) < 0)
        return -1;
    return api_file_find(api, id, api_scope_account(caller), ret, ret_problem);
}

struct list {
    struct store_file_filter filter;
    struct store_page page;
    struct store_file *rows;
    size_t count;
    int64_t now_ms;
};

static int list_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct list *list = context;
    size_t kept = 0;
    int rc = store_file_list(tx, &list->filter, &list->page, list->rows, &list->count, err);
    for (size_t i = 0; rc == 0 && i < list->count; i++) {
        const struct store_file *file = &list->rows[i];
        bool there;
        rc = job_there(tx, file->job_id, &there, err);
        if (rc == 0 && there && !(file->expires_ms && file->expires_ms <= list->now_ms))
            list->rows[kept++] = *file;
    }
    list->count = kept;
    return rc;
}

int api_file_list(struct api *api, const struct api_caller *caller, const struct store_file_filter *filter,
                  const struct store_page *page, struct store_file *ret, size_t *ret_count,
                  struct api_problem *ret_problem)
{
    struct list list = {.filter = *filter, .page = *page, .rows = ret, .now_ms = clock_wall_ms()};
    conch_error err = {0};
    char value[32];
    if (api_require(caller, STORE_SCOPE_READ, ret_problem) < 0)
        return -1;
    snprintf(value, sizeof value, "%zu", page->count);
    if (page->count < 1 || page->count > STORE_PAGE_MAX)
        return api_refuse_value(ret_problem, "limit", value, "1 to %d", STORE_PAGE_MAX);
    if (!api_is_admin(caller) || list.filter.account_id == 0)
        list.filter.account_id = caller->key.account_id;
    const int rc = store_read(api->store, list_work, &list, &err);
    if (rc < 0)
        return api_refuse_error(ret_problem, rc, &err);
    *ret_count = list.count;
    return 0;
}

struct removal {
    int64_t id, account_id, now_ms;
};

static int delete_work(void *context, struct store_tx *tx, conch_error *err)
{
    const struct removal *removal = context;
    struct find find = {.id = removal->id, .account_id = removal->account_id, .now_ms = removal->now_ms};
    const int rc = find_work(&find, tx, err);
    return rc < 0 ? rc : store_file_delete(tx, removal->id, removal->now_ms, err);
}

int api_file_delete(struct api *api, const struct api_caller *caller, int64_t id, struct api_problem *ret_problem)
{
    struct removal removal = {.id = id, .account_id = api_scope_account(caller), .now_ms = clock_wall_ms()};
    conch_error err = {0};
    if (api_require(caller, STORE_SCOPE_GENERATE, ret_problem) < 0)
        return -1;
    const int rc = store_write(api->store, delete_work, &removal, &err);
    return rc < 0 ? api_refuse_missing(ret_problem, rc, &err, "file", id) : 0;
}

int api_file_open(struct api *api, const struct store_file *file, int *ret_file, struct api_problem *ret_problem)
{
    int64_t bytes;
    conch_error err = {0};
    int opened;
    const int rc = blob_open(api->blobs, file->blob, &opened, &bytes, &err);
    if (rc < 0)
        return api_refuse_missing(ret_problem, rc, &err, "file", file->id);
    if (bytes == file->bytes) {
        *ret_file = opened;
        return 0;
    }
    /* an answer that stops short of the length it promised would keep the client waiting */
    close(opened);
    log_error("a file is damaged on the disk", log_number("file", file->id), log_text("blob", file->blob),
              log_number("bytes", bytes), log_number("wanted", file->bytes));
    return api_refuse(ret_problem, API_INTERNAL, "", "file %lld is damaged on the server's disk", (long long)file->id);
}
