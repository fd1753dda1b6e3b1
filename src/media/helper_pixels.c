#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>

#include "media/helper.h"

enum { ROW_ALIGN = 64 }; /* swscale's vector code writes whole registers at the end of a row */

static int matrix_of(const AVFrame *frame, struct pixel_rules rules)
{
    int matrix = frame->colorspace;
    if (rules.matrix_forced || matrix == AVCOL_SPC_UNSPECIFIED || matrix == AVCOL_SPC_RESERVED)
        matrix = rules.matrix;
    return matrix;
}

static bool range_is_full(const AVFrame *frame, const AVPixFmtDescriptor *format, struct pixel_rules rules)
{
    if (rules.range)
        return rules.range == AVCOL_RANGE_JPEG;
    if (format->flags & AV_PIX_FMT_FLAG_RGB)
        return true;
    switch (frame->format) { /* the formats whose name means full range */
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVJ444P:
    case AV_PIX_FMT_YUVJ440P:
    case AV_PIX_FMT_YUVJ411P: return true;
    default: return frame->color_range == AVCOL_RANGE_JPEG;
    }
}

/* A converter from the frame's format to format, which has one plane. */
static struct SwsContext *converter_open(const AVFrame *frame, enum AVPixelFormat format, struct pixel_rules rules)
{
    const AVPixFmtDescriptor *from = av_pix_fmt_desc_get(frame->format);
    struct SwsContext *sws = sws_alloc_context();
    if (!sws)
        return NULL;
    av_opt_set_int(sws, "srcw", frame->width, 0);
    av_opt_set_int(sws, "srch", frame->height, 0);
    av_opt_set_int(sws, "src_format", frame->format, 0);
    av_opt_set_int(sws, "dstw", frame->width, 0);
    av_opt_set_int(sws, "dsth", frame->height, 0);
    av_opt_set_int(sws, "dst_format", format, 0);
    /* Bicubic: with SWS_BILINEAR swscale puts the colour samples of a doubled row half a pixel off (measured). */
    av_opt_set_int(sws, "sws_flags", SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP, 0);
    /* The place of colour samples in 1/256 luma steps, where they are subsampled. */
    if (from->log2_chroma_w)
        av_opt_set_int(sws, "src_h_chr_pos", rules.chroma_centred ? 128 : 0, 0);
    if (from->log2_chroma_h)
        av_opt_set_int(sws, "src_v_chr_pos", 128, 0);
    const int *matrix = sws_getCoefficients(matrix_of(frame, rules));
    sws_setColorspaceDetails(sws, matrix, range_is_full(frame, from, rules), matrix, 1, 0, 1 << 16, 1 << 16);
    if (sws_init_context(sws, NULL, NULL) < 0) {
        sws_freeContext(sws);
        return NULL;
    }
    return sws;
}

static unsigned over_white(unsigned value, unsigned alpha, unsigned max)
{
    return (unsigned)(((uint64_t)value * alpha + (uint64_t)max * (max - alpha) + max / 2) / max);
}

/* One row of RGB24, RGBA or RGBA64 to RGB8. */
static void row_flatten(uint8_t *out, const uint8_t *in, int width, enum AVPixelFormat format)
{
    if (format == AV_PIX_FMT_RGB24) {
        memcpy(out, in, (size_t)width * 3);
        return;
    }
    const uint16_t *deep = (const uint16_t *)(const void *)in;
    for (int x = 0; x < width; x++)
        for (int c = 0; c < 3; c++, out++)
            *out = (uint8_t)(format == AV_PIX_FMT_RGBA
                                 ? over_white(in[4 * x + c], in[4 * x + 3], 255)
                                 : (over_white(deep[4 * x + c], deep[4 * x + 3], 65535) + 128) / 257);
}

/* Where pixel (x, y) of the shown picture lies in the stored one, width x height, for an EXIF orientation. */
static size_t stored_index(int x, int y, int width, int height, int orientation)
{
    int column = x, row = y;
    switch (orientation) {
    case 2: column = width - 1 - x; break;
    case 3: column = width - 1 - x, row = height - 1 - y; break;
    case 4: row = height - 1 - y; break;
    case 5: column = y, row = x; break;
    case 6: column = y, row = height - 1 - x; break;
    case 7: column = width - 1 - y, row = height - 1 - x; break;
    case 8: column = width - 1 - y, row = x; break;
    default: break;
    }
    return (size_t)row * (size_t)width + (size_t)column;
}

static int orient(uint8_t **rgb, int *width, int *height, int orientation, conch_error *err)
{
    int shown_width = orientation >= 5 ? *height : *width, shown_height = orientation >= 5 ? *width : *height;
    uint8_t *shown = malloc((size_t)*width * (size_t)*height * 3);
    if (!shown)
        return conch_error_set(err, CONCH_ERR_NOMEM, "not enough memory to turn a picture of %dx%d pixels", *width,
                               *height);
    uint8_t *out = shown;
    for (int y = 0; y < shown_height; y++)
        for (int x = 0; x < shown_width; x++, out += 3)
            memcpy(out, *rgb + stored_index(x, y, *width, *height, orientation) * 3, 3);
    free(*rgb);
    *rgb = shown;
    *width = shown_width;
    *height = shown_height;
    return 0;
}

int pixels_from_frame(uint8_t **ret_rgb, int *ret_width, int *ret_height, const AVFrame *frame,
                      struct pixel_rules rules, int orientation, conch_error *err)
{
    int width = frame->width, height = frame->height, rc = 0;
    uint8_t *planes[4] = {0}, *rgb = NULL;
    int strides[4] = {0};
    struct SwsContext *sws = NULL;
    const AVPixFmtDescriptor *from = av_pix_fmt_desc_get(frame->format);
    if (!from || !sws_isSupportedInput(frame->format))
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "pixels of the kind %s are not supported",
                               from ? from->name : "unknown");
    bool alpha = from->flags & AV_PIX_FMT_FLAG_ALPHA || frame->format == AV_PIX_FMT_PAL8;
    enum AVPixelFormat format = from->comp[0].depth > 8 ? AV_PIX_FMT_RGBA64
                                : alpha                 ? AV_PIX_FMT_RGBA
                                                        : AV_PIX_FMT_RGB24;
    rgb = malloc((size_t)width * (size_t)height * 3);
    sws = converter_open(frame, format, rules);
    if (!rgb || !sws || av_image_alloc(planes, strides, width, height, format, ROW_ALIGN) < 0) {
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "not enough memory for a picture of %dx%d pixels", width, height);
        goto out;
    }
    rc = sws_scale(sws, (const uint8_t *const *)frame->data, frame->linesize, 0, height, planes, strides);
    if (rc != height) {
        rc = conch_error_set(err, CONCH_ERR_MEDIA, "the pixels (%s) could not be converted", from->name);
        goto out;
    }
    rc = 0;
    for (int y = 0; y < height; y++)
        row_flatten(rgb + (size_t)y * (size_t)width * 3, planes[0] + (ptrdiff_t)y * strides[0], width, format);
    av_freep(&planes[0]);
    if (orientation > 1)
        rc = orient(&rgb, &width, &height, orientation, err);
    if (rc < 0)
        goto out;
    *ret_rgb = rgb;
    *ret_width = width;
    *ret_height = height;
    rgb = NULL;
out:
    free(rgb);
    sws_freeContext(sws);
    av_freep(&planes[0]);
    return rc;
}
