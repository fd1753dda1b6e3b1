#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "server/dialect/dialect_json.h"

enum { NAME_CHARS_MAX = 255, ANSWER_BYTES_MAX = STORE_ANSWER_BYTES_MAX };

static void add_size(struct hash_stream *stream, uint64_t size)
{
    hash_stream_add(stream, &size, sizeof size);
}

static void add_text(struct hash_stream *stream, const char *text)
{
    add_size(stream, text ? strlen(text) : UINT64_MAX);
    if (text)
        hash_stream_add(stream, text, strlen(text));
}

static int add_spooled(struct hash_stream *stream, const char *path, conch_error *err)
{
    char block[16384];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "an uploaded file could not be opened");
    ssize_t got;
    do {
        got = read(file, block, sizeof block);
        if (got > 0)
            hash_stream_add(stream, block, (size_t)got);
    } while (got > 0 || (got < 0 && errno == EINTR));
    int rc = got < 0 ? conch_error_errno(err, CONCH_ERR_IO, errno, "an uploaded file could not be read") : 0;
    close(file);
    return rc;
}

/* Boundaries differ from one sending to the next: what counts is what the parts hold, each with its length so that no
 * two forms give the same bytes. */
static int digest_form(const struct http_request *request, struct dialect_digest *ret, conch_error *err)
{
    struct hash_stream stream;
    int rc = 0;
    hash_stream_init(&stream);
    for (size_t i = 0; i < request->part_count && rc == 0; i++) {
        const struct http_part *part = &request->parts[i];
        add_text(&stream, part->name);
        add_text(&stream, part->filename);
        add_size(&stream, part->size);
        if (part->spool_path)
            rc = add_spooled(&stream, part->spool_path, err);
        else
            hash_stream_add(&stream, part->data, part->size);
    }
    struct hash hash = hash_stream_finish(&stream);
    memcpy(ret->bytes, hash.bytes, sizeof ret->bytes);
    return rc;
}

static int key_check(struct dialect_call *call, const char *key)
{
    size_t size = strlen(key);
    if (size >= 1 && size <= NAME_CHARS_MAX)
        return 0;
    api_refuse(&call->problem, API_INVALID, "Idempotency-Key",
               "the header Idempotency-Key has %zu characters, allowed are 1 to %d", size, NAME_CHARS_MAX);
    strcpy(call->problem.allowed, "1 to 255 characters");
    return -1;
}

int dialect_once(struct dialect_call *call, const char *scope,
                 int (*render)(void *context, const void *result, int *ret_status, struct buf *ret_body,
                               conch_error *err),
                 struct dialect_digest *digest, struct api_once *ret_once)
{
    const struct http_request *request = call->request;
    conch_error err = {0};
    const char *key = http_header(request, "Idempotency-Key");
    if (key && key_check(call, key) < 0)
        return -1;
    *ret_once = (struct api_once){.key = key,
                                  .scope = scope,
                                  .request = request->body,
                                  .request_size = request->body_size,
                                  .render = render,
                                  .context = call};
    buf_init(&ret_once->body, ANSWER_BYTES_MAX);
    if (key && request->multipart) {
        if (digest_form(request, digest, &err) < 0)
            return dialect_trouble(&call->problem, &err);
        ret_once->request = digest->bytes;
        ret_once->request_size = sizeof digest->bytes;
    }
    return 0;
}

int dialect_once_answer(struct dialect_call *call, struct api_once *once)
{
    conch_error err = {0};
    struct http_response *response = call->response;
    buf_clear(&response->body);
    int rc = buf_append(&response->body, once->body.data, once->body.size, &err);
    if (rc == 0)
        rc = http_response_header(response, "Content-Type", "application/json", &err);
    if (rc == 0 && once->replayed)
        rc = http_response_header(response, "Idempotent-Replayed", "true", &err);
    buf_finish(&once->body);
    if (rc < 0)
        return dialect_trouble(&call->problem, &err);
    response->kind = HTTP_BODY_MEMORY;
    response->status = once->status;
    return 0;
}
