/* The language that libconch and the program conch-media speak over a socket pair: framed binary messages.
 *
 * A message is a header of 16 bytes (u32 magic, u32 type, u64 payload bytes; little-endian, as everything here) and its
 * payload. Each type has a named maximum; both sides check it before they allocate. The functions here only turn bytes
 * into numbers and back: no input or output, so that both directions can be fuzzed.
 *
 * Who says what, by the way the helper was started:
 *   image   IMAGE_DECODE -> IMAGE | FAILED;  PNG_ENCODE -> PNG | FAILED;  any number of them, then end of input
 *   encode  CLIP_BEGIN, then FRAME and SOUND in any order, END -> ALIVE..., DONE | FAILED at any moment
 *   decode  CLIP_PROBE -> CLIP_INFO | FAILED;  CLIP_READ -> CLIP_INFO, FRAME and SOUND..., DONE | FAILED
 * The clip's own bytes never travel here: the file is open as descriptor WIRE_CLIP_FD of the helper. */
#ifndef MEDIA_WIRE_H
#define MEDIA_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"

enum wire_type {
    WIRE_IMAGE_DECODE = 1, /* the file's bytes */
    WIRE_PNG_ENCODE = 2,   /* as IMAGE */
    WIRE_CLIP_BEGIN = 3,   /* struct wire_clip_begin */
    WIRE_CLIP_PROBE = 4,   /* empty */
    WIRE_CLIP_READ = 5,    /* empty */
    WIRE_END = 6,          /* empty */
    WIRE_FRAME = 16,       /* both ways: width * height * 3 bytes of RGB, rows top down */
    WIRE_SOUND = 17,       /* both ways: f32 samples, channels interleaved */
    WIRE_IMAGE = 32,       /* u32 width, u32 height, then RGB as in FRAME */
    WIRE_PNG = 33,         /* the PNG file */
    WIRE_CLIP_INFO = 34,   /* struct wire_clip_info */
    WIRE_ALIVE = 35,       /* empty: still finishing the clip */
    WIRE_DONE = 36,        /* empty */
    WIRE_FAILED = 37,      /* i32 code of conch/error.h, then the text for a person */
};

#define WIRE_MAGIC        0x31444d43u /* "CMD1": the digit is the version of this language */
#define WIRE_HEADER_BYTES 16
#define WIRE_CLIP_FD      3
#define WIRE_PROTOCOL     1

#define MEDIA_INPUT_BYTES_MAX  ((uint64_t)64 << 20) /* an encoded picture */
#define MEDIA_SIDE_MAX         16384                /* pixels */
#define MEDIA_PIXELS_MAX       ((uint64_t)64 << 20) /* width * height of a picture */
#define MEDIA_CLIP_SIDE_MAX    4096
#define MEDIA_CLIP_PIXELS_MAX  ((uint64_t)4096 * 2304) /* H.264 level 5.1 */
#define MEDIA_TEXT_BYTES_MAX   ((uint64_t)64 << 10)    /* title, comment */
#define MEDIA_SOUND_BYTES_MAX  ((uint64_t)1 << 20)     /* one SOUND message */
#define MEDIA_FAILED_BYTES_MAX 512
#define MEDIA_FPS_MAX          240
#define MEDIA_RATE_MAX         96000
#define MEDIA_CHANNELS_MAX     2

struct wire_header {
    uint32_t type;
    uint64_t payload_bytes;
};

/* The most payload bytes a message of this type may have; 0 for empty ones; -1 for an unknown type. */
int64_t wire_payload_max(uint32_t type);

void wire_header_pack(uint8_t ret_bytes[WIRE_HEADER_BYTES], struct wire_header header);

/* CONCH_ERR_MEDIA: another magic, an unknown type, or more payload than the type allows. */
int wire_header_parse(struct wire_header *ret_header, const uint8_t bytes[WIRE_HEADER_BYTES], conch_error *err);

/* Sizes of a still picture or preview: 1 .. MEDIA_SIDE_MAX a side, MEDIA_PIXELS_MAX together. CONCH_ERR_LIMIT. */
int wire_image_size_check(uint64_t width, uint64_t height, conch_error *err);

#define WIRE_IMAGE_HEAD_BYTES 8
void wire_image_head_pack(uint8_t ret_bytes[WIRE_IMAGE_HEAD_BYTES], uint32_t width, uint32_t height);

/* Points *ret_rgb into the payload. CONCH_ERR_MEDIA when the size is out of range or does not fit the bytes. */
int wire_image_parse(const uint8_t *payload, size_t size, int *ret_width, int *ret_height, const uint8_t **ret_rgb,
                     conch_error *err);

/* What a clip to be written looks like. */
struct wire_clip_begin {
    uint32_t width, height;
    uint32_t fps_num, fps_den;
    uint32_t crf;
    uint32_t sound_rate, sound_channels; /* both 0: no sound */
    bool bare;                           /* nothing in the file but the clip: no tags, not even the encoder's */
    bool fast;             /* an encoder's setting that takes a quarter of the time and makes larger files */
    char *title, *comment; /* owned; NULL: none */
};

/* Says which value is not allowed and what is: CONCH_ERR_RANGE. */
int wire_clip_begin_check(const struct wire_clip_begin *begin, conch_error *err);

/* *ret_bytes is malloc'ed. CONCH_ERR_RANGE, CONCH_ERR_NOMEM. */
int wire_clip_begin_pack(uint8_t **ret_bytes, size_t *ret_size, const struct wire_clip_begin *begin, conch_error *err);
int wire_clip_begin_parse(struct wire_clip_begin *ret_begin, const uint8_t *payload, size_t size, conch_error *err);
void wire_clip_begin_finish(struct wire_clip_begin *begin);

/* What a clip that was read looks like. */
struct wire_clip_info {
    uint32_t width, height; /* as shown, after rotation */
    uint32_t fps_num, fps_den;
    uint64_t frame_count; /* 0: the file does not say */
    uint64_t duration_us;
    uint32_t sound_rate, sound_channels; /* both 0: no sound */
    uint64_t sound_samples;              /* per channel, by the file's own count; 0: not said */
    char video_codec[16], pixel_format[16], sound_codec[16];
    char *title, *comment, *encoder; /* owned; NULL: none */
};

int wire_clip_info_pack(uint8_t **ret_bytes, size_t *ret_size, const struct wire_clip_info *info, conch_error *err);
int wire_clip_info_parse(struct wire_clip_info *ret_info, const uint8_t *payload, size_t size, conch_error *err);
void wire_clip_info_finish(struct wire_clip_info *info);

/* Packs into at most MEDIA_FAILED_BYTES_MAX bytes and returns how many. */
size_t wire_failed_pack(uint8_t ret_bytes[MEDIA_FAILED_BYTES_MAX], const conch_error *failure);

/* Fills err with what the other side reported and returns its code, always negative. */
int wire_failed_parse(const uint8_t *payload, size_t size, conch_error *err);

#endif
