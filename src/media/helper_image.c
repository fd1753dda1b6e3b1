#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/helper.h"

static enum AVCodecID codec_of(enum picture_kind kind)
{
    switch (kind) {
    case PICTURE_PNG: return AV_CODEC_ID_PNG;
    case PICTURE_JPEG: return AV_CODEC_ID_MJPEG;
    case PICTURE_GIF: return AV_CODEC_ID_GIF;
    case PICTURE_WEBP: return AV_CODEC_ID_WEBP;
    case PICTURE_HEIF: break;
    }
    return AV_CODEC_ID_NONE;
}

/* JPEG and WebP fix how their colours are meant; the others say it per file or hold RGB. */
static struct pixel_rules rules_of(enum picture_kind kind)
{
    struct pixel_rules rules = {.matrix = AVCOL_SPC_BT470BG, .chroma_centred = true};
    rules.matrix_forced = kind == PICTURE_JPEG || kind == PICTURE_WEBP;
    if (kind == PICTURE_JPEG || kind == PICTURE_PNG || kind == PICTURE_GIF)
        rules.range = AVCOL_RANGE_JPEG;
    else if (kind == PICTURE_WEBP)
        rules.range = AVCOL_RANGE_MPEG; /* FFmpeg takes VP8's clamping bit for a range bit: not so in WebP */
    return rules;
}

/* Opens the decoder, one thread, strict about damage. parameters may be NULL. */
static int decoder_open(AVCodecContext **ret_decoder, enum AVCodecID id, const AVCodecParameters *parameters,
                        conch_error *err)
{
    const AVCodec *codec = avcodec_find_decoder(id);
    if (!codec)
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "this FFmpeg has no decoder for %s", avcodec_get_name(id));
    AVCodecContext *decoder = avcodec_alloc_context3(codec);
    if (!decoder)
        return conch_error_set(err, CONCH_ERR_NOMEM, "not enough memory for a decoder");
    decoder->thread_count = 1;
    decoder->max_pixels = (int64_t)MEDIA_PIXELS_MAX;
    decoder->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER | AV_EF_EXPLODE;
    int rc = parameters ? avcodec_parameters_to_context(decoder, parameters) : 0;
    if (rc >= 0)
        rc = avcodec_open2(decoder, codec, NULL);
    if (rc < 0) {
        avcodec_free_context(&decoder);
        return error_av(err, rc, "the picture's decoder does not start");
    }
    *ret_decoder = decoder;
    return 0;
}

/* The first frame that packet yields. */
static int decode_packet(AVFrame *frame, AVCodecContext *decoder, const AVPacket *packet, conch_error *err)
{
    int rc = avcodec_send_packet(decoder, packet);
    if (rc >= 0) {
        rc = avcodec_receive_frame(decoder, frame);
        if (rc == AVERROR(EAGAIN) && (rc = avcodec_send_packet(decoder, NULL)) >= 0)
            rc = avcodec_receive_frame(decoder, frame);
    }
    if (rc == AVERROR_EOF || rc == AVERROR(EAGAIN))
        return conch_error_set(err, CONCH_ERR_MEDIA, "the file holds no complete picture");
    if (rc < 0)
        return error_av(err, rc, "the picture cannot be decoded (damaged or cut off?)");
    return wire_image_size_check((uint64_t)frame->width, (uint64_t)frame->height, err);
}

/* Formats whose decoder takes the file as it is. The bytes are followed by the padding that libav reads ahead into. */
static int decode_whole(AVFrame *frame, enum AVCodecID id, const uint8_t *data, size_t size, conch_error *err)
{
    AVCodecContext *decoder = NULL;
    AVPacket *packet = av_packet_alloc();
    int rc = packet ? decoder_open(&decoder, id, NULL, err)
                    : conch_error_set(err, CONCH_ERR_NOMEM, "not enough memory for a picture");
    if (rc == 0) {
        packet->data = (uint8_t *)(uintptr_t)data;
        packet->size = (int)size;
        packet->flags = AV_PKT_FLAG_KEY;
        rc = decode_packet(frame, decoder, packet, err);
    }
    av_packet_free(&packet);
    avcodec_free_context(&decoder);
    return rc;
}

static int refuse_open(AVFormatContext *context, AVIOContext **io, const char *url, int flags, AVDictionary **options)
{
    return AVERROR(EACCES); /* no file may lead to another */
}

/* AVIF and HEIC: a picture inside an MP4-like container. */
static int decode_contained(AVFrame *frame, const uint8_t *data, size_t size, conch_error *err)
{
    AVIOContext *io = av_bytes_open(data, size);
    AVFormatContext *container = avformat_alloc_context();
    AVPacket *packet = av_packet_alloc();
    AVCodecContext *decoder = NULL;
    int rc;
    if (!io || !container || !packet) {
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "not enough memory for a picture");
        goto out;
    }
    container->pb = io;
    container->io_open = refuse_open;
    container->codec_whitelist = av_strdup("libdav1d,libaom-av1,av1,hevc");
    rc = avformat_open_input(&container, NULL, av_find_input_format("mov"), NULL);
    bool avif = size >= 12 && memcmp(data + 8, "avi", 3) == 0; /* HEIC: damaged, or beyond this FFmpeg */
    if (rc < 0 && (avif || rc == AVERROR(ENOMEM))) {
        rc = error_av(err, rc, "the AVIF container cannot be read (damaged or cut off?)");
        goto out;
    }
    if (rc < 0 || container->nb_streams == 0 || container->streams[0]->codecpar->codec_type != AVMEDIA_TYPE_VIDEO) {
        rc = conch_error_set(err, CONCH_ERR_UNSUPPORTED,
                             "this HEIC or AVIF holds its picture in a way that FFmpeg %s does not read; save it as "
                             "JPEG or PNG",
                             av_version_info());
        goto out;
    }
    const AVCodecParameters *parameters = container->streams[0]->codecpar;
    if (parameters->codec_id != AV_CODEC_ID_AV1 && parameters->codec_id != AV_CODEC_ID_HEVC) {
        rc = conch_error_set(err, CONCH_ERR_UNSUPPORTED, "a HEIF picture coded as %s is not supported",
                             avcodec_get_name(parameters->codec_id));
        goto out;
    }
    if (parameters->width || parameters->height)
        rc = wire_image_size_check((uint64_t)parameters->width, (uint64_t)parameters->height, err);
    if (rc == 0)
        rc = decoder_open(&decoder, parameters->codec_id, parameters, err);
    if (rc < 0)
        goto out;
    do {
        av_packet_unref(packet);
        rc = av_read_frame(container, packet);
    } while (rc >= 0 && packet->stream_index != 0);
    rc = rc < 0 ? error_av(err, rc, "the file holds no complete picture") : decode_packet(frame, decoder, packet, err);
out:
    avcodec_free_context(&decoder);
    av_packet_free(&packet);
    avformat_close_input(&container);
    av_file_close(io);
    return rc;
}

static int decode_request(const uint8_t *data, size_t size, conch_error *err)
{
    struct picture_head head;
    uint8_t *rgb = NULL, bytes[WIRE_IMAGE_HEAD_BYTES];
    int width = 0, height = 0;
    int rc = picture_head_read(&head, data, size, err);
    if (rc < 0)
        return rc;
    AVFrame *frame = av_frame_alloc();
    if (!frame)
        return conch_error_set(err, CONCH_ERR_NOMEM, "not enough memory for a picture");
    rc = head.kind == PICTURE_HEIF ? decode_contained(frame, data, size, err)
                                   : decode_whole(frame, codec_of(head.kind), data, size, err);
    if (rc == 0)
        rc = pixels_from_frame(&rgb, &width, &height, frame, rules_of(head.kind), head.orientation, err);
    av_frame_free(&frame);
    if (rc < 0)
        return rc;
    wire_image_head_pack(bytes, (uint32_t)width, (uint32_t)height);
    message_send(WIRE_IMAGE, bytes, sizeof bytes, rgb, (size_t)width * (size_t)height * 3);
    free(rgb);
    return 0;
}

static int png_encode(AVPacket *packet, const uint8_t *rgb, int width, int height, conch_error *err)
{
    AVFrame *frame = av_frame_alloc();
    AVCodecContext *encoder = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_PNG));
    int rc = frame && encoder ? 0 : AVERROR(ENOMEM);
    if (rc == 0) {
        encoder->width = frame->width = width;
        encoder->height = frame->height = height;
        encoder->pix_fmt = frame->format = AV_PIX_FMT_RGB24;
        encoder->time_base = (AVRational){1, 1};
        encoder->max_pixels = (int64_t)MEDIA_PIXELS_MAX;
        encoder->thread_count = 1;
        encoder->compression_level = 6;
        rc = avcodec_open2(encoder, NULL, NULL);
    }
    if (rc >= 0)
        rc = av_frame_get_buffer(frame, 0);
    if (rc >= 0) {
        for (int y = 0; y < height; y++)
            memcpy(frame->data[0] + (ptrdiff_t)y * frame->linesize[0], rgb + (size_t)y * (size_t)width * 3,
                   (size_t)width * 3);
        rc = avcodec_send_frame(encoder, frame);
    }
    if (rc >= 0)
        rc = avcodec_receive_packet(encoder, packet);
    av_frame_free(&frame);
    avcodec_free_context(&encoder);
    return rc < 0 ? error_av(err, rc, "the picture cannot be packed as PNG") : 0;
}

static int png_request(const uint8_t *payload, size_t size, conch_error *err)
{
    int width, height;
    const uint8_t *rgb;
    int rc = wire_image_parse(payload, size, &width, &height, &rgb, err);
    if (rc < 0)
        return rc;
    AVPacket *packet = av_packet_alloc();
    rc = packet ? png_encode(packet, rgb, width, height, err)
                : conch_error_set(err, CONCH_ERR_NOMEM, "not enough memory for a PNG");
    if (rc == 0)
        message_send(WIRE_PNG, NULL, 0, packet->data, (size_t)packet->size);
    av_packet_free(&packet);
    return rc;
}

/* Answers messages of one type until the other side closes. */
static int serve_type(uint32_t type, int (*request)(const uint8_t *, size_t, conch_error *))
{
    conch_error err = {0};
    struct wire_header header;
    int rc;
    while ((rc = message_begin(&header, &err)) == 1) {
        uint8_t *payload = NULL;
        if (header.type != type)
            rc = conch_error_set(&err, CONCH_ERR_MEDIA, "conch-media: a message of type %u has no place here",
                                 header.type);
        else if (!(payload = calloc(1, header.payload_bytes + AV_INPUT_BUFFER_PADDING_SIZE)))
            rc = conch_error_set(&err, CONCH_ERR_NOMEM, "not enough memory for a picture");
        else
            rc = message_payload(payload, header.payload_bytes, &err);
        if (rc < 0) { /* the stream is out of step: say so and end */
            free(payload);
            break;
        }
        rc = request(payload, header.payload_bytes, &err);
        free(payload);
        if (rc < 0 && message_send_failure(&err) < 0)
            return 1;
    }
    if (rc < 0)
        message_send_failure(&err);
    return rc < 0;
}

int serve_image(void)
{
    return serve_type(WIRE_IMAGE_DECODE, decode_request);
}

int serve_png(void)
{
    return serve_type(WIRE_PNG_ENCODE, png_request);
}
