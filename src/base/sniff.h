/* What a file is, by its first bytes: labels that clients send are never believed.
 *
 * Sniffing is a first look, not a check that the file is whole: pictures and clips are decoded in the media helper. */
#ifndef BASE_SNIFF_H
#define BASE_SNIFF_H

#include <stddef.h>
#include <stdint.h>

enum { SNIFF_BYTES = 64 << 10 }; /* more is never looked at; a JPEG's size can stand that far in */

enum sniff_type {
    SNIFF_UNKNOWN,
    SNIFF_PNG,
    SNIFF_JPEG,
    SNIFF_WEBP,
    SNIFF_GIF,
    SNIFF_HEIC, /* HEVC in HEIF */
    SNIFF_HEIF, /* HEIF with another or an unnamed codec */
    SNIFF_AVIF,
    SNIFF_MP4,
    SNIFF_MOV,
    SNIFF_WEBM, /* or Matroska */
    SNIFF_WAV,
    SNIFF_MP3,
};
enum { SNIFF_TYPES = 13 };

enum sniff_kind { SNIFF_OTHER, SNIFF_PICTURE, SNIFF_VIDEO, SNIFF_AUDIO };

struct sniff {
    enum sniff_type type;
    uint32_t width,
        height; /* of PNG, JPEG, WebP and GIF; 0 when not seen. A JPEG's as stored, before its orientation */
};

/* data[0..size): the beginning of the file, or all of it. */
struct sniff sniff(const void *data, size_t size);

enum sniff_kind sniff_kind(enum sniff_type type);
const char *sniff_media_type(enum sniff_type type); /* "image/png", ...; "application/octet-stream" */
const char *sniff_extension(enum sniff_type type);  /* "png", ...; "bin" */
const char *sniff_name(enum sniff_type type);       /* "PNG", ... for people; "an unknown type" */

#endif
