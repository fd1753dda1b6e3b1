#include "net/http_stream.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct http_stream {
    pthread_mutex_t lock;
    struct buf waiting; /* bytes from `read` on have not been taken */
    size_t read;
    size_t backlog_max;
    int references;
    bool ended;  /* no more writes */
    bool gone;   /* no reader */
    bool broken; /* the backlog was full */
    bool paused; /* the reader sleeps and wants a resume */
    struct http_stream_link link;
};

int http_stream_create(struct http_stream **ret_stream, size_t backlog_max, conch_error *err)
{
    struct http_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a stream");
    pthread_mutex_init(&stream->lock, NULL);
    /* twice: bytes that were taken still lie at the front until the rest is moved down */
    buf_init(&stream->waiting, backlog_max < SIZE_MAX / 4 ? 2 * backlog_max : SIZE_MAX / 2);
    stream->backlog_max = backlog_max;
    stream->references = 2;
    *ret_stream = stream;
    return 0;
}

static void unlock_and_drop(struct http_stream *stream)
{
    int left = --stream->references;
    assert(left >= 0);
    pthread_mutex_unlock(&stream->lock);
    if (left > 0)
        return;
    buf_finish(&stream->waiting);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

static void wake(struct http_stream *stream)
{
    if (!stream->paused)
        return;
    stream->paused = false;
    if (stream->link.resume)
        stream->link.resume(stream->link.context);
}

static void front_remove(struct http_stream *stream)
{
    size_t left = stream->waiting.size - stream->read;
    if (left)
        memmove(stream->waiting.data, stream->waiting.data + stream->read, left);
    stream->waiting.size = left;
    stream->read = 0;
}

static int write_locked(struct http_stream *stream, const void *data, size_t size, conch_error *err)
{
    if (stream->gone || stream->ended || stream->broken)
        return conch_error_set(err, CONCH_ERR_CANCELLED, "nobody reads this stream any more");
    if (size > stream->backlog_max - (stream->waiting.size - stream->read)) {
        stream->broken = true;
        wake(stream);
        return conch_error_set(err, CONCH_ERR_LIMIT, "the reader is too slow: more than the allowed %zu bytes wait",
                               stream->backlog_max);
    }
    if (stream->read && stream->read >= stream->waiting.size - stream->read)
        front_remove(stream);
    int rc = buf_append(&stream->waiting, data, size, err);
    if (rc == 0 && size)
        wake(stream);
    return rc;
}

int http_stream_write(struct http_stream *stream, const void *data, size_t size, conch_error *err)
{
    pthread_mutex_lock(&stream->lock);
    int rc = write_locked(stream, data, size, err);
    pthread_mutex_unlock(&stream->lock);
    return rc;
}

bool http_stream_alive(struct http_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    bool alive = !stream->gone && !stream->ended && !stream->broken;
    pthread_mutex_unlock(&stream->lock);
    return alive;
}

void http_stream_close(struct http_stream *stream)
{
    if (!stream)
        return;
    pthread_mutex_lock(&stream->lock);
    stream->ended = true;
    wake(stream);
    unlock_and_drop(stream);
}

void http_stream_attach(struct http_stream *stream, const struct http_stream_link *link)
{
    pthread_mutex_lock(&stream->lock);
    stream->link = *link;
    pthread_mutex_unlock(&stream->lock);
}

static long read_locked(struct http_stream *stream, void *data, size_t size)
{
    if (stream->broken)
        return HTTP_STREAM_BROKEN;
    size_t left = stream->waiting.size - stream->read;
    if (left) {
        size_t taken = left < size ? left : size;
        memcpy(data, stream->waiting.data + stream->read, taken);
        stream->read += taken;
        if (stream->read == stream->waiting.size) {
            buf_finish(&stream->waiting); /* most streams are silent most of the time: keep nothing */
            stream->read = 0;
        }
        return (long)taken;
    }
    if (stream->ended)
        return HTTP_STREAM_END;
    stream->paused = true;
    if (stream->link.pause)
        stream->link.pause(stream->link.context);
    return HTTP_STREAM_WAIT;
}

long http_stream_read(struct http_stream *stream, void *data, size_t size)
{
    pthread_mutex_lock(&stream->lock);
    long taken = read_locked(stream, data, size);
    pthread_mutex_unlock(&stream->lock);
    return taken;
}

void http_stream_end(struct http_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->ended = true;
    wake(stream);
    pthread_mutex_unlock(&stream->lock);
}

void http_stream_release(struct http_stream *stream)
{
    if (!stream)
        return;
    pthread_mutex_lock(&stream->lock);
    stream->gone = true;
    stream->paused = false;
    stream->link = (struct http_stream_link){0};
    buf_finish(&stream->waiting);
    stream->read = 0;
    unlock_and_drop(stream);
}
