#include "media/helper.h"

#include <errno.h>
#include <libavformat/avio.h>
#include <libavutil/error.h>
#include <libavutil/mem.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

enum { IO_BUFFER_BYTES = 65536 };

/* 1: all read; 0: end before the first byte; -1: error or end in the middle. */
static int read_all(uint8_t *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(0, data + done, size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 && done == 0 ? 0 : -1;
        done += (size_t)got;
    }
    return 1;
}

static int write_all(const uint8_t *data, size_t size)
{
    while (size) {
        ssize_t done = write(1, data, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        data += done;
        size -= (size_t)done;
    }
    return 0;
}

int message_begin(struct wire_header *ret_header, conch_error *err)
{
    uint8_t bytes[WIRE_HEADER_BYTES];
    int got = read_all(bytes, sizeof bytes);
    if (got == 0)
        return 0;
    if (got < 0)
        return conch_error_set(err, CONCH_ERR_IO, "conch-media: the request ends in the middle");
    int rc = wire_header_parse(ret_header, bytes, err);
    return rc < 0 ? rc : 1;
}

int message_payload(void *ret_payload, size_t size, conch_error *err)
{
    if (size > 0 && read_all(ret_payload, size) != 1)
        return conch_error_set(err, CONCH_ERR_IO, "conch-media: the request ends in the middle");
    return 0;
}

int message_send(uint32_t type, const void *head, size_t head_size, const void *body, size_t body_size)
{
    uint8_t bytes[WIRE_HEADER_BYTES];
    wire_header_pack(bytes, (struct wire_header){type, head_size + body_size});
    if (write_all(bytes, sizeof bytes) < 0 || write_all(head, head_size) < 0)
        return -1;
    return write_all(body, body_size);
}

int message_send_failure(const conch_error *failure)
{
    uint8_t bytes[MEDIA_FAILED_BYTES_MAX];
    return message_send(WIRE_FAILED, bytes, wire_failed_pack(bytes, failure), NULL, 0);
}

int error_av(conch_error *err, int av_code, const char *what)
{
    char reason[AV_ERROR_MAX_STRING_SIZE] = "";
    if (av_code == AVERROR(ENOMEM))
        return conch_error_set(err, CONCH_ERR_NOMEM, "not enough memory: %s", what);
    if (av_code == AVERROR(ENOSPC) || av_code == AVERROR(EDQUOT) || av_code == AVERROR(EFBIG))
        return conch_error_errno(err, CONCH_ERR_DISKFULL, AVUNERROR(av_code), "%s", what);
    av_strerror(av_code, reason, sizeof reason);
    return conch_error_set(err, CONCH_ERR_MEDIA, "%s: %s", what, reason);
}

/* One source of bytes: a descriptor, or memory when data is not NULL. */
struct byte_source {
    int fd;
    const uint8_t *data;
    int64_t size; /* of the memory */
    int64_t at;
};

static int source_read(void *context, uint8_t *bytes, int size)
{
    struct byte_source *source = context;
    ssize_t got;
    if (source->data) {
        got = (ssize_t)size_min((size_t)size, (size_t)(source->size - source->at));
        memcpy(bytes, source->data + source->at, (size_t)got);
    } else {
        do
            got = pread(source->fd, bytes, (size_t)size, source->at);
        while (got < 0 && errno == EINTR);
        if (got < 0)
            return AVERROR(errno);
    }
    source->at += got;
    return got == 0 ? AVERROR_EOF : (int)got;
}

static int source_write(void *context, uint8_t *bytes, int size)
{
    struct byte_source *source = context;
    for (int done = 0; done < size;) {
        ssize_t wrote = pwrite(source->fd, bytes + done, (size_t)(size - done), source->at);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return AVERROR(errno);
        done += (int)wrote;
        source->at += wrote;
    }
    return size;
}

static int64_t source_seek(void *context, int64_t offset, int whence)
{
    struct byte_source *source = context;
    int64_t size = source->data ? source->size : lseek(source->fd, 0, SEEK_END);
    if (size < 0)
        return AVERROR(errno);
    switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE: return size;
    case SEEK_SET: break;
    case SEEK_CUR: offset += source->at; break;
    case SEEK_END: offset += size; break;
    default: return AVERROR(EINVAL);
    }
    if (offset < 0 || (source->data && offset > size))
        return AVERROR(EINVAL);
    return source->at = offset;
}

static AVIOContext *source_open(struct byte_source source, bool write)
{
    struct byte_source *copy = malloc(sizeof *copy);
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);
    AVIOContext *io = NULL;
    if (copy && buffer) {
        *copy = source;
        io = avio_alloc_context(buffer, IO_BUFFER_BYTES, write, copy, write ? NULL : source_read,
                                write ? source_write : NULL, source_seek);
    }
    if (!io) {
        free(copy);
        av_free(buffer);
    }
    return io;
}

AVIOContext *av_file_open(int fd, bool write)
{
    return source_open((struct byte_source){.fd = fd}, write);
}

AVIOContext *av_bytes_open(const uint8_t *data, size_t size)
{
    return source_open((struct byte_source){.fd = -1, .data = data, .size = (int64_t)size}, false);
}

void av_file_close(AVIOContext *io)
{
    if (!io)
        return;
    free(io->opaque);
    av_freep(&io->buffer);
    avio_context_free(&io);
}
