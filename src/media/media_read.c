#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "media/media.h"
#include "media/media_link.h"

/* Opens the clip for the helper: a regular file, read only. */
static int clip_fd_open(const char *path, conch_error *err)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return conch_error_errno(err, errno == ENOENT ? CONCH_ERR_NOTFOUND : CONCH_ERR_IO, errno, "cannot open %s",
                                 path);
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
        return fd;
    close(fd);
    return conch_error_set(err, CONCH_ERR_IO, "%s is not a regular file", path);
}

static int int_of(uint64_t value)
{
    return value > INT_MAX ? 0 : (int)value;
}

static int64_t int64_of(uint64_t value)
{
    return value > INT64_MAX ? 0 : (int64_t)value;
}

static int info_receive(struct link *link, struct media_clip_info *ret_info, conch_error *err)
{
    struct wire_clip_info wire;
    uint8_t *payload;
    size_t size;
    int rc = link_expect(link, WIRE_CLIP_INFO, &payload, &size, err);
    if (rc < 0)
        return rc;
    rc = wire_clip_info_parse(&wire, payload, size, err);
    free(payload);
    if (rc < 0)
        return rc;
    struct media_clip_info info = {
        .width = (int)wire.width,
        .height = (int)wire.height,
        .fps_num = int_of(wire.fps_num),
        .fps_den = wire.fps_den && int_of(wire.fps_den) ? int_of(wire.fps_den) : 1,
        .frame_count = int64_of(wire.frame_count),
        .duration_us = int64_of(wire.duration_us),
        .sound_rate = int_of(wire.sound_rate),
        .sound_channels = (int)wire.sound_channels,
        .sound_samples = int64_of(wire.sound_samples),
        .title = wire.title,
        .comment = wire.comment,
        .encoder = wire.encoder,
    };
    memcpy(info.video_codec, wire.video_codec, sizeof info.video_codec);
    memcpy(info.pixel_format, wire.pixel_format, sizeof info.pixel_format);
    memcpy(info.sound_codec, wire.sound_codec, sizeof info.sound_codec);
    *ret_info = info;
    return 0;
}

void media_clip_info_finish(struct media_clip_info *info)
{
    free(info->title);
    free(info->comment);
    free(info->encoder);
    *info = (struct media_clip_info){0};
}

/* Asks the helper about the clip and takes its description, the first answer to either question. */
static int reading_open(struct link *link, int fd, uint32_t question, struct media_clip_info *ret_info,
                        conch_error *err)
{
    int rc = link_open(link, "decode", fd, err);
    if (rc < 0)
        return rc;
    link_deadline(link, question == WIRE_CLIP_PROBE ? MEDIA_IMAGE_WALL_MS : MEDIA_CLIP_SILENCE_MS);
    rc = link_send(link, question, NULL, 0, NULL, 0, err);
    return rc < 0 ? rc : info_receive(link, ret_info, err);
}

int media_clip_probe(const char *path, struct media_clip_info *ret_info, conch_error *err)
{
    struct link link = {.fd = -1};
    int fd = clip_fd_open(path, err);
    if (fd < 0)
        return fd;
    int rc = error_name(err, reading_open(&link, fd, WIRE_CLIP_PROBE, ret_info, err), path);
    link_close(&link);
    close(fd);
    return rc;
}

struct reading {
    struct link link;
    struct media_clip_info info;
    const struct media_clip_sink *sink;
    uint8_t *rgb; /* one frame */
    float *samples;
    int64_t frame_count;
};

static int stopped(int rc, conch_error *err)
{
    return rc ? conch_error_set(err, CONCH_ERR_CANCELLED, "the reading was stopped") : 0;
}

static int frame_receive(struct reading *r, size_t size, conch_error *err)
{
    size_t frame_bytes = (size_t)r->info.width * (size_t)r->info.height * 3;
    if (size != frame_bytes)
        return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: a frame of %zu bytes instead of %zu", size,
                               frame_bytes);
    int rc = link_payload(&r->link, r->rgb, size, err);
    int64_t index = r->frame_count++;
    return rc < 0 || !r->sink->frame ? rc : stopped(r->sink->frame(r->sink->context, r->rgb, index), err);
}

static int sound_receive(struct reading *r, size_t size, conch_error *err)
{
    size_t unit = (size_t)r->info.sound_channels * sizeof *r->samples;
    if (unit == 0 || size % unit)
        return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: %zu bytes are no whole number of samples", size);
    int rc = link_payload(&r->link, r->samples, size, err);
    return rc < 0 || !r->sink->sound ? rc : stopped(r->sink->sound(r->sink->context, r->samples, size / unit), err);
}

/* 1 when the clip is complete. */
static int part_receive(struct reading *r, conch_error *err)
{
    struct wire_header header;
    link_deadline(&r->link, MEDIA_CLIP_SILENCE_MS);
    int rc = link_receive(&r->link, &header, err);
    if (rc < 0)
        return rc;
    switch (header.type) {
    case WIRE_FRAME: return frame_receive(r, header.payload_bytes, err);
    case WIRE_SOUND: return sound_receive(r, header.payload_bytes, err);
    case WIRE_DONE: return 1;
    default:
        return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: an answer of type %u inside a clip", header.type);
    }
}

static int clip_receive(struct reading *r, conch_error *err)
{
    r->rgb = malloc((size_t)r->info.width * (size_t)r->info.height * 3);
    r->samples = malloc(MEDIA_SOUND_BYTES_MAX);
    if (!r->rgb || !r->samples)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to read a clip");
    int rc = r->sink->begin ? stopped(r->sink->begin(r->sink->context, &r->info), err) : 0;
    while (rc == 0)
        rc = part_receive(r, err);
    return rc < 0 ? rc : 0;
}

int media_clip_read(const char *path, const struct media_clip_sink *sink, conch_error *err)
{
    struct reading r = {.link.fd = -1, .sink = sink};
    int fd = clip_fd_open(path, err);
    if (fd < 0)
        return fd;
    int rc = reading_open(&r.link, fd, WIRE_CLIP_READ, &r.info, err);
    if (rc == 0)
        rc = clip_receive(&r, err);
    link_close(&r.link);
    media_clip_info_finish(&r.info);
    free(r.rgb);
    free(r.samples);
    close(fd);
    return error_name(err, rc, path);
}
