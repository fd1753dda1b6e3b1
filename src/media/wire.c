#include "media/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Little-endian numbers into and out of bytes; a cursor that has run out stays so and yields zeros. */
struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

static void put_u32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

static void put_u64(uint8_t *bytes, uint64_t value)
{
    put_u32(bytes, (uint32_t)value);
    put_u32(bytes + 4, (uint32_t)(value >> 32));
}

static const uint8_t *take(struct cursor *cursor, size_t size)
{
    if (cursor->bad || size > (size_t)(cursor->end - cursor->at)) {
        cursor->bad = true;
        return NULL;
    }
    const uint8_t *bytes = cursor->at;
    cursor->at += size;
    return bytes;
}

static uint32_t take_u32(struct cursor *cursor)
{
    const uint8_t *b = take(cursor, 4);
    return b ? (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24 : 0;
}

static uint64_t take_u64(struct cursor *cursor)
{
    uint64_t low = take_u32(cursor);
    return low | (uint64_t)take_u32(cursor) << 32;
}

/* A text travels as u32 length + 1 (0: none) and its bytes without the NUL. */
static int take_text(struct cursor *cursor, char **ret_text, const char *name, conch_error *err)
{
    uint32_t coded = take_u32(cursor);
    *ret_text = NULL;
    if (coded == 0 || cursor->bad)
        return 0;
    if (coded - 1 > MEDIA_TEXT_BYTES_MAX)
        return conch_error_set(err, CONCH_ERR_MEDIA, "%s: a text of %u bytes (at most %d)", name, coded - 1,
                               (int)MEDIA_TEXT_BYTES_MAX);
    const uint8_t *bytes = take(cursor, coded - 1);
    if (!bytes)
        return 0; /* the caller sees cursor->bad */
    if (memchr(bytes, 0, coded - 1))
        return conch_error_set(err, CONCH_ERR_MEDIA, "%s: a text with a NUL byte inside", name);
    *ret_text = strndup((const char *)bytes, coded - 1);
    return *ret_text ? 0 : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for %s", name);
}

static size_t text_bytes(const char *text)
{
    return 4 + (text ? strlen(text) : 0);
}

static uint8_t *put_text(uint8_t *bytes, const char *text)
{
    put_u32(bytes, text ? (uint32_t)strlen(text) + 1 : 0);
    if (text)
        memcpy(bytes + 4, text, strlen(text));
    return bytes + text_bytes(text);
}

static int text_check(const char *name, const char *text, conch_error *err)
{
    if (text && strlen(text) > MEDIA_TEXT_BYTES_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s: %zu bytes is too long (at most %d)", name, strlen(text),
                               (int)MEDIA_TEXT_BYTES_MAX);
    return 0;
}

int64_t wire_payload_max(uint32_t type)
{
    switch (type) {
    case WIRE_IMAGE_DECODE: return MEDIA_INPUT_BYTES_MAX;
    case WIRE_PNG_ENCODE:
    case WIRE_IMAGE: return WIRE_IMAGE_HEAD_BYTES + MEDIA_PIXELS_MAX * 3;
    case WIRE_PNG: return MEDIA_PIXELS_MAX * 3 + MEDIA_PIXELS_MAX / 8; /* deflate adds little to what it cannot pack */
    case WIRE_CLIP_BEGIN:
    case WIRE_CLIP_INFO: return 256 + 3 * MEDIA_TEXT_BYTES_MAX;
    case WIRE_FRAME: return MEDIA_CLIP_PIXELS_MAX * 3;
    case WIRE_SOUND: return MEDIA_SOUND_BYTES_MAX;
    case WIRE_FAILED: return MEDIA_FAILED_BYTES_MAX;
    case WIRE_CLIP_PROBE:
    case WIRE_CLIP_READ:
    case WIRE_END:
    case WIRE_ALIVE:
    case WIRE_DONE: return 0;
    default: return -1;
    }
}

void wire_header_pack(uint8_t ret_bytes[WIRE_HEADER_BYTES], struct wire_header header)
{
    put_u32(ret_bytes, WIRE_MAGIC);
    put_u32(ret_bytes + 4, header.type);
    put_u64(ret_bytes + 8, header.payload_bytes);
}

int wire_header_parse(struct wire_header *ret_header, const uint8_t bytes[WIRE_HEADER_BYTES], conch_error *err)
{
    struct cursor cursor = {bytes, bytes + WIRE_HEADER_BYTES, false};
    uint32_t magic = take_u32(&cursor);
    struct wire_header header = {.type = take_u32(&cursor)};
    header.payload_bytes = take_u64(&cursor);
    if (magic != WIRE_MAGIC)
        return conch_error_set(err, CONCH_ERR_MEDIA,
                               "conch and conch-media do not speak the same language (0x%08x instead of 0x%08x): "
                               "install both from one build",
                               magic, WIRE_MAGIC);
    int64_t max = wire_payload_max(header.type);
    if (max < 0)
        return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: a message of the unknown type %u", header.type);
    if (header.payload_bytes > (uint64_t)max)
        return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: a message of type %u with %llu bytes (at most %lld)",
                               header.type, (unsigned long long)header.payload_bytes, (long long)max);
    *ret_header = header;
    return 0;
}

int wire_image_size_check(uint64_t width, uint64_t height, conch_error *err)
{
    if (width < 1 || height < 1 || width > MEDIA_SIDE_MAX || height > MEDIA_SIDE_MAX ||
        width * height > MEDIA_PIXELS_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT,
                               "a picture of %llux%llu pixels is not allowed (1 to %d a side, at most %llu together)",
                               (unsigned long long)width, (unsigned long long)height, MEDIA_SIDE_MAX,
                               (unsigned long long)MEDIA_PIXELS_MAX);
    return 0;
}

void wire_image_head_pack(uint8_t ret_bytes[WIRE_IMAGE_HEAD_BYTES], uint32_t width, uint32_t height)
{
    put_u32(ret_bytes, width);
    put_u32(ret_bytes + 4, height);
}

int wire_image_parse(const uint8_t *payload, size_t size, int *ret_width, int *ret_height, const uint8_t **ret_rgb,
                     conch_error *err)
{
    struct cursor cursor = {payload, payload + size, false};
    uint32_t width = take_u32(&cursor), height = take_u32(&cursor);
    if (cursor.bad)
        return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: a picture message of only %zu bytes", size);
    int rc = wire_image_size_check(width, height, err);
    if (rc < 0)
        return rc;
    if (size - WIRE_IMAGE_HEAD_BYTES != (uint64_t)width * height * 3)
        return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: %zu bytes for a picture of %ux%u pixels",
                               size - WIRE_IMAGE_HEAD_BYTES, width, height);
    *ret_width = (int)width;
    *ret_height = (int)height;
    *ret_rgb = cursor.at;
    return 0;
}

static int clip_size_check(uint32_t width, uint32_t height, conch_error *err)
{
    if (width < 1 || height < 1 || width > MEDIA_CLIP_SIDE_MAX || height > MEDIA_CLIP_SIDE_MAX ||
        (uint64_t)width * height > MEDIA_CLIP_PIXELS_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "size: a clip of %ux%u pixels is not allowed (at most %d a side, %llu together)", width,
                               height, MEDIA_CLIP_SIDE_MAX, (unsigned long long)MEDIA_CLIP_PIXELS_MAX);
    return 0;
}

static int sound_check(uint32_t rate, uint32_t channels, conch_error *err)
{
    static const uint32_t rates[] = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000};
    if (rate == 0 && channels == 0)
        return 0;
    if (channels < 1 || channels > MEDIA_CHANNELS_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "sound channels: %u is not allowed (1 or 2, with a sound rate)",
                               channels);
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++)
        if (rates[i] == rate)
            return 0;
    return conch_error_set(err, CONCH_ERR_RANGE,
                           "sound rate: %u Hz is not allowed (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, "
                           "48000, 64000, 88200 or 96000)",
                           rate);
}

int wire_clip_begin_check(const struct wire_clip_begin *begin, conch_error *err)
{
    int rc = clip_size_check(begin->width, begin->height, err);
    if (rc < 0)
        return rc;
    if (begin->width % 2 || begin->height % 2)
        return conch_error_set(
            err, CONCH_ERR_RANGE,
            "size: %ux%u has an odd side; MP4 clips store colour for blocks of 2x2 pixels (yuv420p), "
            "so both sides must be even",
            begin->width, begin->height);
    if (begin->width < 16 || begin->height < 16)
        return conch_error_set(err, CONCH_ERR_RANGE, "size: a clip of %ux%u pixels is too small (at least 16 a side)",
                               begin->width, begin->height);
    if (begin->fps_num < 1 || begin->fps_den < 1 || begin->fps_num > 1000000 || begin->fps_den > 1000000 ||
        begin->fps_num > (uint64_t)MEDIA_FPS_MAX * begin->fps_den || begin->fps_den > begin->fps_num)
        return conch_error_set(err, CONCH_ERR_RANGE, "fps: %u/%u is not allowed (1 to %d frames a second)",
                               begin->fps_num, begin->fps_den, MEDIA_FPS_MAX);
    if (begin->crf > 51)
        return conch_error_set(err, CONCH_ERR_RANGE, "crf: %u is not allowed (1, best, to 51, smallest)", begin->crf);
    rc = sound_check(begin->sound_rate, begin->sound_channels, err);
    if (rc == 0)
        rc = text_check("title", begin->title, err);
    if (rc == 0)
        rc = text_check("comment", begin->comment, err);
    if (rc == 0 && begin->bare && (begin->title || begin->comment))
        rc = conch_error_set(err, CONCH_ERR_RANGE, "bare: a clip without any tags cannot have a title or comment");
    return rc;
}

enum { WIRE_FLAG_BARE = 1, WIRE_FLAG_FAST = 2 };

int wire_clip_begin_pack(uint8_t **ret_bytes, size_t *ret_size, const struct wire_clip_begin *begin, conch_error *err)
{
    int rc = wire_clip_begin_check(begin, err);
    if (rc < 0)
        return rc;
    const uint32_t numbers[] = {begin->width,
                                begin->height,
                                begin->fps_num,
                                begin->fps_den,
                                begin->crf,
                                begin->sound_rate,
                                begin->sound_channels,
                                (begin->bare ? WIRE_FLAG_BARE : 0u) | (begin->fast ? WIRE_FLAG_FAST : 0u)};
    size_t size = sizeof numbers + text_bytes(begin->title) + text_bytes(begin->comment);
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to describe a clip");
    uint8_t *at = bytes;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++, at += 4)
        put_u32(at, numbers[i]);
    at = put_text(at, begin->title);
    put_text(at, begin->comment);
    *ret_bytes = bytes;
    *ret_size = size;
    return 0;
}

/* What every payload parser says at its end: all there, and nothing left over. */
static int cursor_check(const struct cursor *cursor, const char *name, conch_error *err)
{
    if (cursor->bad)
        return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: the %s message ends too early", name);
    if (cursor->at != cursor->end)
        return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: %zu bytes too many in the %s message",
                               (size_t)(cursor->end - cursor->at), name);
    return 0;
}

int wire_clip_begin_parse(struct wire_clip_begin *ret_begin, const uint8_t *payload, size_t size, conch_error *err)
{
    struct cursor cursor = {payload, payload + size, false};
    struct wire_clip_begin begin = {0};
    begin.width = take_u32(&cursor);
    begin.height = take_u32(&cursor);
    begin.fps_num = take_u32(&cursor);
    begin.fps_den = take_u32(&cursor);
    begin.crf = take_u32(&cursor);
    begin.sound_rate = take_u32(&cursor);
    begin.sound_channels = take_u32(&cursor);
    const uint32_t flags = take_u32(&cursor);
    begin.bare = (flags & WIRE_FLAG_BARE) != 0;
    begin.fast = (flags & WIRE_FLAG_FAST) != 0;
    int rc = take_text(&cursor, &begin.title, "title", err);
    if (rc == 0)
        rc = take_text(&cursor, &begin.comment, "comment", err);
    if (rc == 0)
        rc = cursor_check(&cursor, "clip", err);
    if (rc == 0)
        rc = wire_clip_begin_check(&begin, err);
    if (rc < 0)
        wire_clip_begin_finish(&begin);
    else
        *ret_begin = begin;
    return rc;
}

void wire_clip_begin_finish(struct wire_clip_begin *begin)
{
    free(begin->title);
    free(begin->comment);
    *begin = (struct wire_clip_begin){0};
}

int wire_clip_info_pack(uint8_t **ret_bytes, size_t *ret_size, const struct wire_clip_info *info, conch_error *err)
{
    size_t names = sizeof info->video_codec + sizeof info->pixel_format + sizeof info->sound_codec;
    size_t size = 6 * 4 + 3 * 8 + names + text_bytes(info->title) + text_bytes(info->comment) +
                  text_bytes(info->encoder);
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to describe a clip");
    uint8_t *at = bytes;
    const uint32_t numbers[] = {info->width,   info->height,     info->fps_num,
                                info->fps_den, info->sound_rate, info->sound_channels};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++, at += 4)
        put_u32(at, numbers[i]);
    const uint64_t longs[] = {info->frame_count, info->duration_us, info->sound_samples};
    for (size_t i = 0; i < sizeof longs / sizeof longs[0]; i++, at += 8)
        put_u64(at, longs[i]);
    memcpy(at, info->video_codec, sizeof info->video_codec);
    at += sizeof info->video_codec;
    memcpy(at, info->pixel_format, sizeof info->pixel_format);
    at += sizeof info->pixel_format;
    memcpy(at, info->sound_codec, sizeof info->sound_codec);
    at += sizeof info->sound_codec;
    at = put_text(at, info->title);
    at = put_text(at, info->comment);
    put_text(at, info->encoder);
    *ret_bytes = bytes;
    *ret_size = size;
    return 0;
}

static void take_name(struct cursor *cursor, char *name, size_t size)
{
    const uint8_t *bytes = take(cursor, size);
    if (bytes)
        snprintf(name, size, "%.*s", (int)size - 1, (const char *)bytes);
}

int wire_clip_info_parse(struct wire_clip_info *ret_info, const uint8_t *payload, size_t size, conch_error *err)
{
    struct cursor cursor = {payload, payload + size, false};
    struct wire_clip_info info = {0};
    info.width = take_u32(&cursor);
    info.height = take_u32(&cursor);
    info.fps_num = take_u32(&cursor);
    info.fps_den = take_u32(&cursor);
    info.sound_rate = take_u32(&cursor);
    info.sound_channels = take_u32(&cursor);
    info.frame_count = take_u64(&cursor);
    info.duration_us = take_u64(&cursor);
    info.sound_samples = take_u64(&cursor);
    take_name(&cursor, info.video_codec, sizeof info.video_codec);
    take_name(&cursor, info.pixel_format, sizeof info.pixel_format);
    take_name(&cursor, info.sound_codec, sizeof info.sound_codec);
    int rc = take_text(&cursor, &info.title, "title", err);
    if (rc == 0)
        rc = take_text(&cursor, &info.comment, "comment", err);
    if (rc == 0)
        rc = take_text(&cursor, &info.encoder, "encoder", err);
    if (rc == 0)
        rc = cursor_check(&cursor, "clip", err);
    if (rc == 0)
        rc = clip_size_check(info.width, info.height, err);
    if (rc == 0 && (info.sound_channels > MEDIA_CHANNELS_MAX || (info.sound_rate == 0) != (info.sound_channels == 0)))
        rc = conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: a clip with %u sound channels at %u Hz",
                             info.sound_channels, info.sound_rate);
    if (rc < 0)
        wire_clip_info_finish(&info);
    else
        *ret_info = info;
    return rc;
}

void wire_clip_info_finish(struct wire_clip_info *info)
{
    free(info->title);
    free(info->comment);
    free(info->encoder);
    *info = (struct wire_clip_info){0};
}

size_t wire_failed_pack(uint8_t ret_bytes[MEDIA_FAILED_BYTES_MAX], const conch_error *failure)
{
    size_t size = strnlen(failure->text, MEDIA_FAILED_BYTES_MAX - 4);
    put_u32(ret_bytes, (uint32_t)failure->code);
    memcpy(ret_bytes + 4, failure->text, size);
    return 4 + size;
}

int wire_failed_parse(const uint8_t *payload, size_t size, conch_error *err)
{
    struct cursor cursor = {payload, payload + size, false};
    int code = (int32_t)take_u32(&cursor);
    if (cursor.bad || code >= 0 || code < CONCH_ERR_LIMIT)
        return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: a failure without a valid code");
    return conch_error_set(err, code, "%.*s", (int)(cursor.end - cursor.at), (const char *)cursor.at);
}
