#include "cli/clip_fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/hash.h"
#include "cli/exit_code.h"
#include "cli/job_show.h"
#include "cli/patience.h"
#include "cli/watch.h"

enum { REFUSAL_BYTES_MAX = 64 << 10, STALL_MS = 30000 };

struct download {
    const struct client *client;
    const char *id, *sha256; /* borrowed from the job */
    uint64_t size;           /* as the job states it */
    int file;
    uint64_t received; /* and written */
    struct hash_stream hash;
    int write_errno;
    /* of one request */
    const struct http_fetched *fetched;
    bool began;
    struct buf refusal; /* the body of an answer that is not the clip */
};

static bool is_clip(int status)
{
    return status == 200 || status == 206;
}

/* From the first byte on again: the server gives no part of what we have. */
static bool start_over(struct download *download)
{
    hash_stream_init(&download->hash);
    download->received = 0;
    return ftruncate(download->file, 0) == 0 && lseek(download->file, 0, SEEK_SET) == 0;
}

static int take(void *context, const char *data, size_t size)
{
    struct download *download = context;
    if (!is_clip(download->fetched->status))
        return buf_append(&download->refusal, data, size, NULL);
    if (!download->began && download->fetched->status == 200 && !start_over(download)) {
        download->write_errno = errno;
        return -1;
    }
    download->began = true;
    hash_stream_add(&download->hash, data, size);
    for (size_t at = 0; at < size;) {
        ssize_t written = write(download->file, data + at, size - at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            download->write_errno = written < 0 ? errno : EIO;
            return -1;
        }
        at += (size_t)written;
        download->received += (uint64_t)written;
    }
    return 0;
}

/* One request for what is missing. */
static int part_get(struct download *download, struct client_answer *answer, conch_error *err)
{
    struct client_http http;
    struct http_fetched fetched = {.fault = HTTP_FAULT_NONE};
    char path[80], range[48], tag[80];
    conch_error cause = {0};
    snprintf(path, sizeof path, "/conch/v1/jobs/%.20s/content", download->id);
    int rc = client_http_init(&http, download->client, path, err);
    if (rc < 0)
        return rc;
    if (download->received) {
        snprintf(range, sizeof range, "bytes=%llu-", (unsigned long long)download->received);
        snprintf(tag, sizeof tag, "\"%.64s\"", download->sha256);
        client_http_header(&http, "Range", range);
        client_http_header(&http, "If-Range", tag);
    }
    buf_init(&download->refusal, REFUSAL_BYTES_MAX);
    download->fetched = &fetched;
    download->began = false;
    http.settings.timeout_ms = -1;
    http.settings.stall_timeout_ms = STALL_MS;
    http.settings.bytes_max = download->size + REFUSAL_BYTES_MAX;
    http.settings.sink = take;
    http.settings.sink_context = download;
    if (http_client_fetch(&http.settings, &fetched, &cause) < 0 && download->write_errno == 0)
        rc = client_fault(download->client, &fetched, &cause, answer, err);
    else if (download->write_errno == 0 && !is_clip(fetched.status))
        rc = client_refusal(download->client, fetched.status, &download->refusal, answer, err);
    buf_finish(&download->refusal);
    http_fetched_finish(&fetched);
    client_http_finish(&http);
    return rc;
}

static int get_all(struct download *download, const struct clip_fetch *fetch, conch_error *err)
{
    struct patience patience = {.limit_ms = fetch->patience_ms};
    for (;;) {
        struct client_answer answer = {.status = 0};
        uint64_t before = download->received;
        int rc = part_get(download, &answer, err);
        if (download->write_errno)
            return conch_error_errno(err, CONCH_ERR_IO, download->write_errno, "cannot write %s", fetch->output);
        if (rc == 0)
            return 0;
        if (download->received > before)
            patience_answered(&patience);
        if (!answer.transient || !patience_wait(&patience, answer.retry_after_ms))
            return rc;
    }
}

static int check(struct download *download, const struct clip_fetch *fetch, conch_error *err)
{
    if (download->received != download->size)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: the server sent %llu bytes of a clip of %llu", fetch->output,
                               (unsigned long long)download->received, (unsigned long long)download->size);
    struct hash hash = hash_stream_finish(&download->hash);
    if (strcmp(hash_hex(&hash).text, download->sha256) != 0)
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "%s: the bytes that came are not those of the clip (their SHA-256 is another)",
                               fetch->output);
    if (fsync(download->file) < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "cannot write %s", fetch->output);
    return 0;
}

static int no_clip(const json_t *job, conch_error *err)
{
    struct job_show_word id = job_show_word(job, "id"), state = job_show_word(job, "state");
    if (!watch_ended(job))
        return conch_error_set(err, CONCH_ERR_NOTFOUND,
                               "job %s has no clip yet, it is %s; `conch wait %s -o FILE` waits for it", id.text,
                               state.text, id.text);
    if (strcmp(job_show_word(job, "status").text, "success") == 0)
        return conch_error_set(err, CONCH_ERR_NOTFOUND, "the clip of job %s is no longer there", id.text);
    return conch_error_set(err, CONCH_ERR_NOTFOUND, "job %s has no clip: it is %s", id.text, state.text);
}

int clip_fetch(const struct client *client, const struct clip_fetch *fetch, uint64_t *ret_bytes, conch_error *err)
{
    const json_t *video = json_object_get(fetch->job, "video");
    struct download download = {.client = client,
                                .id = json_string_value(json_object_get(fetch->job, "id")),
                                .sha256 = json_string_value(json_object_get(video, "sha256")),
                                .size = (uint64_t)json_integer_value(json_object_get(video, "bytes")),
                                .file = -1};
    char *partial = NULL;
    int rc = 0;
    if (!download.id || !download.sha256 || !download.size)
        return no_clip(fetch->job, err);
    if (asprintf(&partial, "%s.%ld-0.partial", fetch->output, (long)getpid()) < 0)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
    hash_stream_init(&download.hash);
    download.file = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (download.file < 0)
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot create %s", fetch->output);
    if (rc == 0)
        rc = get_all(&download, fetch, err);
    if (rc == 0)
        rc = check(&download, fetch, err);
    if (download.file >= 0 && close(download.file) < 0 && rc == 0)
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot write %s", fetch->output);
    if (rc == 0 && rename(partial, fetch->output) < 0)
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot put %s in place", fetch->output);
    if (rc < 0 && download.file >= 0)
        unlink(partial);
    free(partial);
    if (rc == 0)
        *ret_bytes = download.received;
    return rc;
}
