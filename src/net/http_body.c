#include "net/http_body.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "net/http_server.h"
#include "net/multipart.h"

#define SPOOL_NAME "upload-"

/* A part while it comes. */
struct part {
    struct buf data;  /* in memory */
    uint64_t charged; /* of the memory budget */
    char *name, *filename, *type;
    char *path; /* in the spool folder; NULL: in memory */
    int file;
    uint64_t size;
};

struct http_body {
    struct http_body_settings settings;
    enum http_body_fault fault; /* why a call from the form reader failed */
    uint64_t size;              /* of the whole body so far */
    struct buf data;            /* not a form */
    uint64_t charged;
    bool is_form;
    struct multipart form;
    size_t part_count;
    struct part parts[MULTIPART_PARTS_MAX];
    struct http_part views[MULTIPART_PARTS_MAX];
};

static bool budget_take(struct http_budget *budget, uint64_t bytes)
{
    uint64_t before = atomic_fetch_add_explicit(&budget->used, bytes, memory_order_relaxed);
    if (bytes <= budget->max && before <= budget->max - bytes)
        return true;
    atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
    return false;
}

static void budget_give(struct http_budget *budget, uint64_t bytes)
{
    atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
}

/* Appends and charges what the buffer grew by, not only the bytes in it. */
static enum http_body_fault memory_append(struct http_body *body, struct buf *buf, uint64_t *charged, const char *data,
                                          size_t size, conch_error *err)
{
    struct http_budget *budget = body->settings.memory;
    if (atomic_load_explicit(&budget->used, memory_order_relaxed) >= budget->max ||
        buf_append(buf, data, size, err) < 0)
        return HTTP_BODY_NO_MEMORY;
    if (!budget_take(budget, buf->capacity - *charged))
        return HTTP_BODY_NO_MEMORY;
    *charged = buf->capacity;
    return HTTP_BODY_OK;
}

/* ---- parts of a form ---- */

static int fail(struct http_body *body, enum http_body_fault fault)
{
    body->fault = fault;
    return CONCH_ERR_IO; /* any code: the fault says what it was */
}

static int part_begin(void *context, const struct multipart_head *head, conch_error *err)
{
    struct http_body *body = context;
    struct part *part = &body->parts[body->part_count++];
    *part = (struct part){.file = -1};
    buf_init(&part->data, SIZE_MAX / 2);
    part->name = strdup(head->name);
    part->filename = head->filename ? strdup(head->filename) : NULL;
    part->type = head->type ? strdup(head->type) : NULL;
    if (!part->name || (head->filename && !part->filename) || (head->type && !part->type))
        return fail(body, HTTP_BODY_NO_MEMORY);
    return 0;
}

static int file_append(struct http_body *body, struct part *part, const char *data, size_t size)
{
    if (!budget_take(body->settings.spool, size))
        return fail(body, HTTP_BODY_NO_SPOOL);
    part->size += size;
    while (size) {
        ssize_t written = write(part->file, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return fail(body, written < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
                                  ? HTTP_BODY_DISKFULL
                                  : HTTP_BODY_SPOOL_BROKEN);
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

/* Moves what a part has in memory into a file of its own. */
static int part_spool(struct http_body *body, struct part *part)
{
    if (asprintf(&part->path, "%s/" SPOOL_NAME "XXXXXX", body->settings.spool_folder) < 0) {
        part->path = NULL;
        return fail(body, HTTP_BODY_NO_MEMORY);
    }
    part->file = mkostemp(part->path, O_CLOEXEC);
    if (part->file < 0) {
        free(part->path);
        part->path = NULL;
        return fail(body, errno == ENOSPC || errno == EDQUOT ? HTTP_BODY_DISKFULL : HTTP_BODY_SPOOL_BROKEN);
    }
    size_t size = part->data.size;
    part->size = 0;
    int rc = size ? file_append(body, part, part->data.data, size) : 0;
    buf_finish(&part->data);
    budget_give(body->settings.memory, part->charged);
    part->charged = 0;
    return rc;
}

static int part_data(void *context, const char *data, size_t size, conch_error *err)
{
    struct http_body *body = context;
    struct part *part = &body->parts[body->part_count - 1];
    bool may_spool = part->filename && body->settings.spool_folder;
    if (!part->path && may_spool && part->data.size + size > body->settings.part_memory_bytes_max) {
        int rc = part_spool(body, part);
        if (rc < 0)
            return rc;
    }
    if (part->path)
        return file_append(body, part, data, size);
    enum http_body_fault fault = memory_append(body, &part->data, &part->charged, data, size, err);
    part->size = part->data.size;
    return fault ? fail(body, fault) : 0;
}

static int part_end(void *context, conch_error *err)
{
    struct http_body *body = context;
    struct part *part = &body->parts[body->part_count - 1];
    if (part->file < 0)
        return 0;
    int rc = close(part->file);
    part->file = -1;
    return rc < 0 && errno != EINTR ? fail(body, HTTP_BODY_SPOOL_BROKEN) : 0;
}

static void part_finish(struct http_body *body, struct part *part)
{
    if (part->file >= 0)
        close(part->file);
    if (part->path) {
        unlink(part->path); /* gone already when the embedder took the file */
        budget_give(body->settings.spool, part->size);
    }
    budget_give(body->settings.memory, part->charged);
    buf_finish(&part->data);
    free(part->path);
    free(part->name);
    free(part->filename);
    free(part->type);
}

/* ---- the whole ---- */

enum http_body_fault http_body_create(struct http_body **ret_body, const struct http_request *head,
                                      const struct http_body_settings *settings, conch_error *err)
{
    bool is_form = http_type_is(head, "multipart/form-data");
    /* a form's tables are most of the struct: other bodies get the part before them */
    size_t size = is_form ? sizeof(struct http_body) : offsetof(struct http_body, form);
    struct http_body *body = calloc(1, size);
    if (!body)
        return HTTP_BODY_NO_MEMORY;
    body->settings = *settings;
    body->is_form = is_form;
    buf_init(&body->data, SIZE_MAX / 2);
    if (is_form) {
        struct multipart_sink sink = {.context = body, .begin = part_begin, .data = part_data, .end = part_end};
        if (multipart_init(&body->form, http_header(head, "Content-Type"), &sink, err) < 0) {
            free(body);
            return HTTP_BODY_MALFORMED;
        }
    }
    *ret_body = body;
    return HTTP_BODY_OK;
}

void http_body_destroy(struct http_body *body)
{
    if (!body)
        return;
    for (size_t i = 0; body->is_form && i < body->part_count; i++)
        part_finish(body, &body->parts[i]);
    budget_give(body->settings.memory, body->charged);
    buf_finish(&body->data);
    free(body);
}

enum http_body_fault http_body_feed(struct http_body *body, const char *data, size_t size, conch_error *err)
{
    if (size > body->settings.bytes_max - body->size)
        return HTTP_BODY_TOO_LARGE;
    body->size += size;
    if (!body->is_form)
        return memory_append(body, &body->data, &body->charged, data, size, err);
    body->fault = HTTP_BODY_MALFORMED;
    return multipart_feed(&body->form, data, size, err) < 0 ? body->fault : HTTP_BODY_OK;
}

enum http_body_fault http_body_end(struct http_body *body, struct http_request *request, conch_error *err)
{
    if (!body->is_form) {
        request->body = body->data.size ? body->data.data : NULL;
        request->body_size = body->data.size;
        return HTTP_BODY_OK;
    }
    if (multipart_end(&body->form, err) < 0)
        return HTTP_BODY_MALFORMED;
    for (size_t i = 0; i < body->part_count; i++) {
        const struct part *part = &body->parts[i];
        body->views[i] = (struct http_part){.name = part->name,
                                            .filename = part->filename,
                                            .type = part->type,
                                            .data = part->path        ? NULL
                                                    : part->data.data ? part->data.data
                                                                      : "",
                                            .spool_path = part->path,
                                            .size = (size_t)part->size};
    }
    request->multipart = true;
    request->parts = body->views;
    request->part_count = body->part_count;
    return HTTP_BODY_OK;
}

int http_spool_clean(const char *folder, conch_error *err)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "the spool folder %s cannot be read", folder);
    for (struct dirent *item; (item = readdir(dir));)
        if (strncmp(item->d_name, SPOOL_NAME, strlen(SPOOL_NAME)) == 0)
            unlinkat(dirfd(dir), item->d_name, 0);
    closedir(dir);
    return 0;
}
