/* Messages between conch and conch-media, in both directions: a stream of them as either side would take it apart. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "media/wire.h"

static void begin_check(const uint8_t *payload, size_t size)
{
    struct wire_clip_begin begin, again;
    uint8_t *bytes;
    size_t packed;
    if (wire_clip_begin_parse(&begin, payload, size, NULL) < 0)
        return;
    /* What was accepted can be said again, and is then understood in the same way. */
    if (wire_clip_begin_pack(&bytes, &packed, &begin, NULL) < 0 || packed != size)
        abort();
    if (wire_clip_begin_parse(&again, bytes, packed, NULL) < 0 || again.width != begin.width ||
        again.bare != begin.bare)
        abort();
    wire_clip_begin_finish(&again);
    wire_clip_begin_finish(&begin);
    free(bytes);
}

static void info_check(const uint8_t *payload, size_t size)
{
    struct wire_clip_info info;
    uint8_t *bytes;
    size_t packed;
    if (wire_clip_info_parse(&info, payload, size, NULL) < 0)
        return;
    if (strlen(info.video_codec) >= sizeof info.video_codec || info.width > MEDIA_CLIP_SIDE_MAX)
        abort();
    if (wire_clip_info_pack(&bytes, &packed, &info, NULL) < 0 || packed != size)
        abort();
    wire_clip_info_finish(&info);
    free(bytes);
}

static void image_check(const uint8_t *payload, size_t size)
{
    int width, height;
    const uint8_t *rgb;
    if (wire_image_parse(payload, size, &width, &height, &rgb, NULL) == 0 &&
        (rgb != payload + WIRE_IMAGE_HEAD_BYTES || (size_t)width * (size_t)height * 3 != size - WIRE_IMAGE_HEAD_BYTES))
        abort();
}

static void payload_check(uint32_t type, const uint8_t *payload, size_t size)
{
    conch_error err = {0};
    switch (type) {
    case WIRE_CLIP_BEGIN: begin_check(payload, size); break;
    case WIRE_CLIP_INFO: info_check(payload, size); break;
    case WIRE_IMAGE:
    case WIRE_PNG_ENCODE: image_check(payload, size); break;
    case WIRE_FAILED:
        if (wire_failed_parse(payload, size, &err) >= 0 || err.code >= 0)
            abort();
        break;
    default: break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t at = 0; size - at >= WIRE_HEADER_BYTES;) {
        struct wire_header header;
        if (wire_header_parse(&header, data + at, NULL) < 0)
            return 0;
        at += WIRE_HEADER_BYTES;
        if ((int64_t)header.payload_bytes > wire_payload_max(header.type))
            abort();
        size_t there = header.payload_bytes < size - at ? header.payload_bytes : size - at;
        uint8_t *payload = malloc(there ? there : 1); /* ends where the payload ends, for the sanitizers */
        if (!payload)
            abort();
        memcpy(payload, data + at, there);
        payload_check(header.type, payload, there);
        free(payload);
        at += there;
    }
    return 0;
}
