/* Pictures and clips as files.
 *
 * Nothing here decodes or encodes: every call starts the program conch-media, which does it in a sandbox, and talks to
 * it. A picture that crashes, stalls or takes over the decoder costs one child process and gives an error. The program
 * is looked for in this order: $CONCH_MEDIA, beside the running program, $PATH, ../libexec/conch as seen from there.
 *
 * Calls block. Any number may run at once, in any threads; one clip or png writer belongs to one thread at a time.
 * Every call reaps the process that it started. Common errors of all:
 *   CONCH_ERR_NOTFOUND     conch-media (or the file) is not there
 *   CONCH_ERR_MEDIA        the picture or clip is damaged or not one, or conch-media crashed or was killed on it
 *   CONCH_ERR_UNSUPPORTED  well-formed, but not a kind that is read
 *   CONCH_ERR_LIMIT        too large, or too slow to decode; the limits are in media/wire.h
 *   CONCH_ERR_DISKFULL, CONCH_ERR_IO, CONCH_ERR_NOMEM */
#ifndef MEDIA_MEDIA_H
#define MEDIA_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"

enum {
    MEDIA_IMAGE_WALL_MS = 20000,    /* one picture, start to end */
    MEDIA_CLIP_SILENCE_MS = 120000, /* a clip's helper may take this long over one step before it is given up */
    MEDIA_CRF_DEFAULT = 16,
};

/* --- Pictures --------------------------------------------------------------------------------------------------- */

struct media_image {
    uint8_t *rgb; /* width * height * 3 bytes, rows top down, upright; sRGB values as stored in the file */
    int width, height;
};

/* Reads PNG, JPEG, WebP, GIF (its first picture) or AVIF; HEIC where the FFmpeg in use can. Transparent parts come over
 * white, EXIF orientation is applied, 16 bits are rounded to 8. */
int media_image_read(const char *path, struct media_image *ret_image, conch_error *err);
int media_image_decode(const void *data, size_t size, struct media_image *ret_image, conch_error *err);
void media_image_finish(struct media_image *image);

/* Packs width * height * 3 bytes as PNG into *ret_png (malloc'ed). */
struct media_rgb {
    const uint8_t *rgb;
    int width, height;
};
int media_png_pack(struct media_rgb picture, uint8_t **ret_png, size_t *ret_size, conch_error *err);

/* As above into a file, which appears complete or not at all. */
int media_image_write_png(const char *path, struct media_rgb picture, conch_error *err);

/* For many pictures in a row: one helper serves them all, which saves its start-up each time. */
struct media_png_writer;
int media_png_writer_open(struct media_png_writer **ret_writer, conch_error *err);
int media_png_writer_write(struct media_png_writer *writer, const char *path, struct media_rgb picture,
                           conch_error *err);
void media_png_writer_close(struct media_png_writer *writer);

/* --- Writing a clip --------------------------------------------------------------------------------------------- */

struct media_clip_settings {
    const char *path;               /* MP4; appears when media_clip_close succeeds, replacing what was there */
    int width, height;              /* even, 16 .. 4096 a side */
    int fps_num, fps_den;           /* frames a second as a fraction, 1 .. 240; fps_den 0 means 1 */
    int crf;                        /* x264's quality, 1 (best) .. 51 (smallest); 0: MEDIA_CRF_DEFAULT */
    int sound_rate, sound_channels; /* Hz and 1 or 2; both 0: no sound */
    const char *title, *comment;    /* UTF-8 tags, at most 64 KiB each; NULL: none; copied */
    bool bare;                      /* no tags at all, not even which encoder wrote it */
    bool fast;                      /* a quarter of the time, files up to twice as large */
};

struct media_clip;

/* Errors at once for anything that is not allowed (CONCH_ERR_RANGE names it) and for a folder that cannot be written.
 * Until the close, the clip grows in PATH.PID-N.partial beside its target. */
int media_clip_open(struct media_clip **ret_clip, const struct media_clip_settings *settings, conch_error *err);

/* width * height * 3 bytes, rows top down; shown for one frame time each. */
int media_clip_frame(struct media_clip *clip, const uint8_t *rgb, conch_error *err);

/* sample_count samples per channel, interleaved, -1 .. 1 (more is cut off). May come before, between or after frames.
 */
int media_clip_sound(struct media_clip *clip, const float *samples, size_t sample_count, conch_error *err);

/* Ends the clip, syncs it and puts it in place. Frees clip in any case; on error no file is left behind, and one that
 * was at path before is still there. After an error of a call above, returns that error again. Takes NULL. */
int media_clip_close(struct media_clip *clip, conch_error *err);

/* Ends without a result: nothing is left behind. Takes NULL. */
void media_clip_abandon(struct media_clip *clip);

/* --- Reading a clip --------------------------------------------------------------------------------------------- */

struct media_clip_info {
    int width, height;    /* as shown, after rotation */
    int fps_num, fps_den; /* average; 0/1 when the file does not say */
    int64_t frame_count;  /* by the file's own count; 0 when it does not say */
    int64_t duration_us;
    int sound_rate, sound_channels; /* both 0: no sound */
    int64_t sound_samples;          /* per channel, by the file's own count; 0 when it does not say */
    char video_codec[16], pixel_format[16], sound_codec[16]; /* FFmpeg's names: h264, yuv420p, aac */
    char *title, *comment, *encoder;                         /* owned; NULL: the file has none */
};

void media_clip_info_finish(struct media_clip_info *info);

/* MP4, MOV, WebM or Matroska. */
int media_clip_probe(const char *path, struct media_clip_info *ret_info, conch_error *err);

/* Where a clip's content goes. Any may be NULL; a result other than 0 stops the reading with CONCH_ERR_CANCELLED. */
struct media_clip_sink {
    void *context;
    int (*begin)(void *context, const struct media_clip_info *info); /* once, first; info ends with the call */
    int (*frame)(void *context, const uint8_t *rgb, int64_t frame_index);
    int (*sound)(void *context, const float *samples, size_t sample_count); /* interleaved, per channel count */
};

int media_clip_read(const char *path, const struct media_clip_sink *sink, conch_error *err);

/* --- The helper itself ------------------------------------------------------------------------------------------ */

struct media_helper_info {
    char path[4096];
    char version[32], ffmpeg[64], libavcodec[32];
    bool reads_png, reads_jpeg, reads_webp, reads_gif, reads_avif, reads_heic, reads_h264;
    bool writes_h264, writes_aac, writes_png;
    bool sandbox_works;
    char sandbox_text[256]; /* why not */
};

/* Finds conch-media and asks it what it can do. */
int media_helper_probe(struct media_helper_info *ret_info, conch_error *err);

#endif
