/* conch-media: the program that touches pictures and clips, so that conch itself never does.
 *
 * It is started for one purpose (enum helper_mode), limits itself, and only then reads the first byte from outside. It
 * speaks media/wire.h over descriptors 0 (in) and 1 (out) and uses one more, WIRE_CLIP_FD, when a clip is concerned. */
#ifndef MEDIA_HELPER_H
#define MEDIA_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"
#include "media/wire.h"

enum helper_mode {
    HELPER_IMAGE,  /* decodes pictures from anywhere: the narrowest limits */
    HELPER_PNG,    /* packs our own pictures */
    HELPER_ENCODE, /* our own frames to a clip: may start threads */
    HELPER_DECODE, /* decodes clips from anywhere */
};

/* helper_sandbox.c: resource limits, no new privileges, and the list of allowed system calls. From its return on the
 * process can compute, allocate, and use the descriptors it has; it cannot open, connect, execute or fork.
 * CONCH_ERR_MEDIA when the system refuses: the caller must then give up. */
int sandbox_enter(enum helper_mode mode, conch_error *err);

/* Tries what the sandbox must stop, each in a child process, and prints one line each. 0 when all of it was stopped. */
int sandbox_self_test(void);

/* True when a child process could put itself into the sandbox. */
bool sandbox_works(enum helper_mode mode, conch_error *err);

/* helper_io.c: whole messages in and out. */

/* 1: a message began; 0: the other side has closed; negative: error. */
int message_begin(struct wire_header *ret_header, conch_error *err);
int message_payload(void *ret_payload, size_t size, conch_error *err);

/* One message whose payload is head followed by body. An error means that nobody listens any more. */
int message_send(uint32_t type, const void *head, size_t head_size, const void *body, size_t body_size);
int message_send_failure(const conch_error *failure);

/* The text of a libav error code with what was being done; ENOMEM, ENOSPC, EDQUOT and EFBIG choose their own code,
 * everything else is CONCH_ERR_MEDIA. */
int error_av(conch_error *err, int av_code, const char *what);

/* A libav byte stream (struct AVIOContext) over a descriptor, at its own position; reads and writes go to the file at
 * once. NULL without memory. av_file_close takes NULL. */
struct AVIOContext *av_file_open(int fd, bool write);
void av_file_close(struct AVIOContext *io);

/* A libav byte stream over bytes in memory, which must outlive it; closed by av_file_close too. */
struct AVIOContext *av_bytes_open(const uint8_t *data, size_t size);

/* helper_head.c: what the first bytes of a picture say, without decoding. */
enum picture_kind { PICTURE_PNG, PICTURE_JPEG, PICTURE_GIF, PICTURE_WEBP, PICTURE_HEIF };

struct picture_head {
    enum picture_kind kind;
    uint32_t width, height; /* 0 where only decoding tells (HEIF) */
    int orientation;        /* 1 .. 8 as in EXIF: how the stored rows and columns are to be shown */
};

/* CONCH_ERR_MEDIA (not a picture we read, or damaged), CONCH_ERR_UNSUPPORTED, CONCH_ERR_LIMIT (too large). */
int picture_head_read(struct picture_head *ret_head, const uint8_t *data, size_t size, conch_error *err);

/* helper_pixels.c */
struct AVFrame;

/* How the colours of a frame that does not say so itself are meant: an AVColorSpace, and full (0..255) or not. */
struct pixel_rules {
    int matrix;
    bool matrix_forced;  /* whatever the frame says */
    int range;           /* an AVColorRange, 0: as the frame says, else limited */
    bool chroma_centred; /* JPEG's place for the colour samples of subsampled pictures, else MPEG's */
};

/* Turns any frame into RGB8, transparent parts over white, and orients it as an EXIF orientation (1 .. 8) says.
 * *ret_rgb is malloc'ed. */
int pixels_from_frame(uint8_t **ret_rgb, int *ret_width, int *ret_height, const struct AVFrame *frame,
                      struct pixel_rules rules, int orientation, conch_error *err);

/* The modes: each serves its messages until the other side closes. Returns the exit code. */
int serve_image(void);
int serve_png(void);
int serve_encode(void);
int serve_decode(void);

#endif
