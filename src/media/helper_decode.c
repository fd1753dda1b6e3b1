#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "media/helper.h"

/* What a clip may be made of; everything else that this FFmpeg knows stays out of reach. */
static const char codecs[] = "h264,hevc,vp8,vp9,libdav1d,libaom-av1,av1,mpeg4,mjpeg,aac,mp3,mp3float,opus,vorbis,flac,"
                             "ac3,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_f32le";

enum { CLIP_HEAD_BYTES = 16, SAMPLES_PER_MESSAGE = 16384 };

struct reader {
    AVIOContext *io;
    AVFormatContext *file;
    AVCodecContext *video, *sound;
    AVStream *video_stream, *sound_stream; /* owned by file; sound_stream may be NULL */
    AVPacket *packet;
    AVFrame *frame;
    struct wire_clip_info info;
    int orientation;
    int video_packets; /* read so far */
};

static int refuse_open(AVFormatContext *context, AVIOContext **io, const char *url, int flags, AVDictionary **options)
{
    return AVERROR(EACCES); /* a clip made of other files is not one */
}

/* The container by its first bytes: never by guessing, which would let playlists and scripts in. */
static const AVInputFormat *container_of(conch_error *err)
{
    uint8_t head[CLIP_HEAD_BYTES] = {0};
    ssize_t got = pread(WIRE_CLIP_FD, head, sizeof head, 0);
    const AVInputFormat *format = NULL;
    if (got < 0) {
        conch_error_errno(err, CONCH_ERR_IO, errno, "the clip cannot be read");
        return NULL;
    }
    if (got == 0) {
        conch_error_set(err, CONCH_ERR_MEDIA, "the clip is empty (0 bytes)");
        return NULL;
    }
    if (!memcmp(head + 4, "ftyp", 4) || !memcmp(head + 4, "moov", 4))
        format = av_find_input_format("mov");
    else if (!memcmp(head, "\x1a\x45\xdf\xa3", 4))
        format = av_find_input_format("matroska");
    if (!format)
        conch_error_set(err, CONCH_ERR_MEDIA, "not a clip that Conch reads (MP4, MOV, WebM or Matroska)");
    return format;
}

static int file_open(struct reader *r, conch_error *err)
{
    const AVInputFormat *format = container_of(err);
    if (!format)
        return CONCH_ERR_MEDIA;
    r->io = av_file_open(WIRE_CLIP_FD, false);
    r->file = avformat_alloc_context();
    r->packet = av_packet_alloc();
    r->frame = av_frame_alloc();
    if (!r->io || !r->file || !r->packet || !r->frame)
        return error_av(err, AVERROR(ENOMEM), "opening the clip");
    r->file->pb = r->io;
    r->file->io_open = refuse_open;
    r->file->codec_whitelist = av_strdup(codecs);
    r->file->max_streams = 32;
    int rc = avformat_open_input(&r->file, NULL, format, NULL);
    if (rc < 0)
        return error_av(err, rc, "the clip cannot be read (damaged or cut off?)");
    for (unsigned i = 0; i < r->file->nb_streams; i++) { /* before libav itself decodes a frame to learn more */
        const AVCodecParameters *p = r->file->streams[i]->codecpar;
        if (p->codec_type == AVMEDIA_TYPE_VIDEO && (uint64_t)p->width * (uint64_t)p->height > MEDIA_CLIP_PIXELS_MAX)
            return conch_error_set(err, CONCH_ERR_LIMIT, "a clip of %dx%d pixels is not allowed (at most %d together)",
                                   p->width, p->height, (int)MEDIA_CLIP_PIXELS_MAX);
    }
    AVDictionary *single[32] = {0};
    for (unsigned i = 0; i < r->file->nb_streams && i < ARRAY_LEN(single); i++)
        av_dict_set(&single[i], "threads", "1", 0); /* the sandbox has no threads */
    rc = avformat_find_stream_info(r->file, r->file->nb_streams <= ARRAY_LEN(single) ? single : NULL);
    for (unsigned i = 0; i < ARRAY_LEN(single); i++)
        av_dict_free(&single[i]);
    return rc < 0 ? error_av(err, rc, "the clip cannot be read") : 0;
}

static int decoder_open(AVCodecContext **ret_decoder, const AVStream *stream, conch_error *err)
{
    const AVCodec *codec = avcodec_find_decoder(stream->codecpar->codec_id);
    AVCodecContext *decoder = codec ? avcodec_alloc_context3(codec) : NULL;
    int rc = decoder ? avcodec_parameters_to_context(decoder, stream->codecpar) : AVERROR_DECODER_NOT_FOUND;
    if (rc >= 0) {
        decoder->thread_count = 1;
        decoder->max_pixels = (int64_t)MEDIA_CLIP_PIXELS_MAX;
        decoder->codec_whitelist = av_strdup(codecs);
        decoder->pkt_timebase = stream->time_base;
        rc = avcodec_open2(decoder, codec, NULL);
    }
    if (rc < 0) {
        avcodec_free_context(&decoder);
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "a clip with a track coded as %s is not supported",
                               avcodec_get_name(stream->codecpar->codec_id));
    }
    *ret_decoder = decoder;
    return 0;
}

/* Phones store how the camera was held as a matrix; quarter turns are honoured. */
static int orientation_of(const AVStream *stream)
{
    const uint8_t *matrix = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    if (!matrix)
        return 1;
    double degrees = av_display_rotation_get((const int32_t *)(const void *)matrix); /* counter-clockwise */
    if (!isfinite(degrees))
        return 1;
    switch ((int)lrint(degrees / 90) & 3) {
    case 1: return 8;
    case 2: return 3;
    case 3: return 6;
    default: return 1;
    }
}

static char *tag(const AVDictionary *tags, const char *name)
{
    const AVDictionaryEntry *entry = av_dict_get(tags, name, NULL, 0);
    return entry ? strndup(entry->value, MEDIA_TEXT_BYTES_MAX) : NULL;
}

static void info_of_sound(struct wire_clip_info *info, const AVStream *stream)
{
    const AVCodecParameters *p = stream->codecpar;
    info->sound_rate = (uint32_t)p->sample_rate;
    info->sound_channels = (uint32_t)(p->ch_layout.nb_channels > 1 ? 2 : 1);
    info->sound_samples = stream->duration > 0 ? (uint64_t)av_rescale_q(stream->duration, stream->time_base,
                                                                        (AVRational){1, p->sample_rate})
                                               : 0;
    snprintf(info->sound_codec, sizeof info->sound_codec, "%s", avcodec_get_name(p->codec_id));
}

static int info_fill(struct reader *r, conch_error *err)
{
    struct wire_clip_info *info = &r->info;
    const AVCodecParameters *p = r->video_stream->codecpar;
    const char *format = av_get_pix_fmt_name((enum AVPixelFormat)p->format);
    AVRational rate = r->video_stream->avg_frame_rate.num > 0 ? r->video_stream->avg_frame_rate
                                                              : r->video_stream->r_frame_rate;
    bool turned = r->orientation >= 5;
    info->width = (uint32_t)(turned ? p->height : p->width);
    info->height = (uint32_t)(turned ? p->width : p->height);
    if (p->width < 1 || p->height < 1 || p->width > MEDIA_CLIP_SIDE_MAX || p->height > MEDIA_CLIP_SIDE_MAX ||
        (uint64_t)info->width * info->height > MEDIA_CLIP_PIXELS_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT,
                               "a clip of %dx%d pixels is not allowed (at most %d a side, %llu together)", p->width,
                               p->height, MEDIA_CLIP_SIDE_MAX, (unsigned long long)MEDIA_CLIP_PIXELS_MAX);
    info->fps_num = rate.num > 0 && rate.den > 0 ? (uint32_t)rate.num : 0;
    info->fps_den = rate.num > 0 && rate.den > 0 ? (uint32_t)rate.den : 1;
    info->frame_count = r->video_stream->nb_frames > 0 ? (uint64_t)r->video_stream->nb_frames : 0;
    info->duration_us = r->file->duration > 0 ? (uint64_t)r->file->duration : 0;
    snprintf(info->video_codec, sizeof info->video_codec, "%s", avcodec_get_name(p->codec_id));
    snprintf(info->pixel_format, sizeof info->pixel_format, "%s", format ? format : "?");
    if (r->sound_stream)
        info_of_sound(info, r->sound_stream);
    info->title = tag(r->file->metadata, "title");
    info->comment = tag(r->file->metadata, "comment");
    info->encoder = tag(r->file->metadata, "encoder");
    return 0;
}

static int reader_open(struct reader *r, conch_error *err)
{
    int rc = file_open(r, err);
    if (rc < 0)
        return rc;
    int video = av_find_best_stream(r->file, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    int sound = av_find_best_stream(r->file, AVMEDIA_TYPE_AUDIO, -1, video, NULL, 0);
    if (video < 0)
        return conch_error_set(err, CONCH_ERR_MEDIA, "the clip has no picture track");
    r->video_stream = r->file->streams[video];
    r->orientation = orientation_of(r->video_stream);
    rc = decoder_open(&r->video, r->video_stream, err);
    if (rc == 0 && sound >= 0 && r->file->streams[sound]->codecpar->sample_rate > 0) {
        r->sound_stream = r->file->streams[sound];
        rc = decoder_open(&r->sound, r->sound_stream, err);
    }
    return rc < 0 ? rc : info_fill(r, err);
}

static void reader_close(struct reader *r)
{
    avcodec_free_context(&r->video);
    avcodec_free_context(&r->sound);
    avformat_close_input(&r->file);
    av_packet_free(&r->packet);
    av_frame_free(&r->frame);
    av_file_close(r->io);
    wire_clip_info_finish(&r->info);
}

static int info_send(const struct reader *r, conch_error *err)
{
    uint8_t *bytes;
    size_t size;
    int rc = wire_clip_info_pack(&bytes, &size, &r->info, err);
    if (rc < 0)
        return rc;
    rc = message_send(WIRE_CLIP_INFO, NULL, 0, bytes, size);
    free(bytes);
    return rc < 0 ? conch_error_set(err, CONCH_ERR_IO, "nobody reads the clip") : 0;
}

static int picture_send(struct reader *r, conch_error *err)
{
    /* Untagged clips: standard definition is BT.601, anything larger BT.709, as every player assumes. */
    struct pixel_rules rules = {.matrix = r->frame->height > 576 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M};
    uint8_t *rgb;
    int width, height;
    int rc = pixels_from_frame(&rgb, &width, &height, r->frame, rules, r->orientation, err);
    if (rc < 0)
        return rc;
    if ((uint32_t)width != r->info.width || (uint32_t)height != r->info.height)
        rc = conch_error_set(err, CONCH_ERR_UNSUPPORTED, "the clip changes its size from %ux%u to %dx%d on the way",
                             r->info.width, r->info.height, width, height);
    else if (message_send(WIRE_FRAME, NULL, 0, rgb, (size_t)width * (size_t)height * 3) < 0)
        rc = conch_error_set(err, CONCH_ERR_IO, "nobody reads the clip");
    free(rgb);
    return rc;
}

/* Sample i of one channel as a float, whatever its format. */
static float sample_value(const AVFrame *frame, int channel, int i)
{
    enum AVSampleFormat format = frame->format;
    int planar = av_sample_fmt_is_planar(format), channels = frame->ch_layout.nb_channels;
    const void *plane = frame->extended_data[planar ? channel : 0];
    size_t at = planar ? (size_t)i : (size_t)i * (size_t)channels + (size_t)channel;
    switch (av_get_packed_sample_fmt(format)) {
    case AV_SAMPLE_FMT_U8: return (float)(((const uint8_t *)plane)[at] - 128) / 128;
    case AV_SAMPLE_FMT_S16: return (float)((const int16_t *)plane)[at] / 32768;
    case AV_SAMPLE_FMT_S32: return (float)((const int32_t *)plane)[at] / 2147483648.0f;
    case AV_SAMPLE_FMT_FLT: return ((const float *)plane)[at];
    case AV_SAMPLE_FMT_DBL: return (float)((const double *)plane)[at];
    default: return 0;
    }
}

/* More than two channels: the first two, front left and right. */
static int samples_send(struct reader *r, conch_error *err)
{
    static float samples[SAMPLES_PER_MESSAGE * MEDIA_CHANNELS_MAX];
    int channels = (int)r->info.sound_channels;
    if (r->frame->ch_layout.nb_channels < channels || (uint32_t)r->frame->sample_rate != r->info.sound_rate)
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "the clip's sound changes its channels or rate on the way");
    for (int begin = 0; begin < r->frame->nb_samples; begin += SAMPLES_PER_MESSAGE) {
        int count = (int)size_min((size_t)(r->frame->nb_samples - begin), SAMPLES_PER_MESSAGE);
        for (int i = 0; i < count; i++)
            for (int c = 0; c < channels; c++)
                samples[i * channels + c] = sample_value(r->frame, c, begin + i);
        if (message_send(WIRE_SOUND, NULL, 0, samples, (size_t)count * (size_t)channels * sizeof *samples) < 0)
            return conch_error_set(err, CONCH_ERR_IO, "nobody reads the clip");
    }
    return 0;
}

/* Gives the decoder a packet (NULL: the end) and passes on all it yields. */
static int packet_decode(struct reader *r, AVCodecContext *decoder, const AVPacket *packet, conch_error *err)
{
    int rc = avcodec_send_packet(decoder, packet);
    if (rc < 0 && rc != AVERROR_EOF)
        return error_av(err, rc, "the clip is damaged");
    while ((rc = avcodec_receive_frame(decoder, r->frame)) >= 0) {
        rc = decoder == r->video ? picture_send(r, err) : samples_send(r, err);
        if (rc < 0)
            return rc;
    }
    return rc == AVERROR(EAGAIN) || rc == AVERROR_EOF ? 0 : error_av(err, rc, "the clip is damaged");
}

static int packet_route(struct reader *r, conch_error *err)
{
    if (r->packet->flags & AV_PKT_FLAG_CORRUPT)
        return conch_error_set(err, CONCH_ERR_MEDIA, "the clip is damaged or cut off");
    if (r->packet->stream_index == r->video_stream->index) {
        r->video_packets++;
        return packet_decode(r, r->video, r->packet, err);
    }
    if (r->sound_stream && r->packet->stream_index == r->sound_stream->index)
        return packet_decode(r, r->sound, r->packet, err);
    return 0;
}

/* A file that ends too early looks to libav like one that ends: its index tells the difference. */
static int completeness_check(const struct reader *r, conch_error *err)
{
    int indexed = avformat_index_get_entries_count(r->video_stream);
    if (r->video_packets == 0 || r->video_packets < indexed)
        return conch_error_set(err, CONCH_ERR_MEDIA, "the clip is cut off: %d of its %d frames are there",
                               r->video_packets, indexed);
    return 0;
}

static int clip_send(struct reader *r, conch_error *err)
{
    int rc = 0, got;
    while (rc == 0 && (got = av_read_frame(r->file, r->packet)) >= 0) {
        rc = packet_route(r, err);
        av_packet_unref(r->packet);
    }
    if (rc == 0 && got != AVERROR_EOF)
        rc = error_av(err, got, "the clip cannot be read to its end");
    if (rc == 0)
        rc = completeness_check(r, err);
    if (rc == 0)
        rc = packet_decode(r, r->video, NULL, err);
    if (rc == 0 && r->sound)
        rc = packet_decode(r, r->sound, NULL, err);
    return rc;
}

int serve_decode(void)
{
    struct reader r = {0};
    conch_error err = {0};
    struct wire_header header;
    int rc = message_begin(&header, &err);
    if (rc == 0)
        return 0;
    if (rc > 0 && header.type != WIRE_CLIP_PROBE && header.type != WIRE_CLIP_READ)
        rc = conch_error_set(&err, CONCH_ERR_MEDIA, "conch-media: a message of type %u has no place here", header.type);
    if (rc > 0)
        rc = reader_open(&r, &err);
    if (rc == 0)
        rc = info_send(&r, &err);
    if (rc == 0 && header.type == WIRE_CLIP_READ) {
        rc = clip_send(&r, &err);
        if (rc == 0)
            rc = message_send(WIRE_DONE, NULL, 0, NULL, 0);
    }
    reader_close(&r);
    if (rc < 0)
        message_send_failure(&err);
    return rc < 0;
}
