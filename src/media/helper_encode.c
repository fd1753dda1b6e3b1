#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "media/helper.h"

/* A fixed number, not the machine's: x264's output depends on it, and the same frames shall give the same file. */
enum { X264_THREADS = 4 };

struct encoder {
    struct wire_clip_begin begin;
    AVIOContext *io;
    AVFormatContext *mux;
    AVCodecContext *video, *sound;
    AVStream *video_stream, *sound_stream; /* owned by mux */
    struct SwsContext *sws;
    AVFrame *picture, *samples;
    AVPacket *packet;
    uint8_t *rgb;      /* one FRAME message, rows padded for swscale */
    float *pending;    /* sound not yet a full frame of the encoder, interleaved */
    int pending_count; /* in samples per channel */
    int64_t frame_count, sample_count;
    int header_written;
};

static int video_open(struct encoder *e, conch_error *err)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
    if (!codec)
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "this FFmpeg has no libx264 encoder");
    e->video = avcodec_alloc_context3(codec);
    if (!e->video)
        return error_av(err, AVERROR(ENOMEM), "opening the H.264 encoder");
    AVCodecContext *v = e->video;
    v->width = (int)e->begin.width;
    v->height = (int)e->begin.height;
    v->pix_fmt = AV_PIX_FMT_YUV420P;
    v->time_base = (AVRational){(int)e->begin.fps_den, (int)e->begin.fps_num};
    v->framerate = (AVRational){(int)e->begin.fps_num, (int)e->begin.fps_den};
    v->sample_aspect_ratio = (AVRational){1, 1};
    v->color_range = AVCOL_RANGE_MPEG;
    v->colorspace = AVCOL_SPC_BT709;
    v->color_primaries = AVCOL_PRI_BT709;
    v->color_trc = AVCOL_TRC_BT709;
    v->chroma_sample_location = AVCHROMA_LOC_LEFT;
    v->thread_count = X264_THREADS;
    v->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    av_opt_set(v->priv_data, "preset", e->begin.fast ? "veryfast" : "medium", 0);
    av_opt_set_double(v->priv_data, "crf", e->begin.crf, 0);
    int rc = avcodec_open2(v, codec, NULL);
    return rc < 0 ? error_av(err, rc, "opening the H.264 encoder") : 0;
}

static int sound_open(struct encoder *e, conch_error *err)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_AAC);
    int rc = AVERROR(ENOMEM);
    e->sound = codec ? avcodec_alloc_context3(codec) : NULL;
    e->samples = av_frame_alloc();
    if (e->sound && e->samples) {
        e->sound->sample_rate = (int)e->begin.sound_rate;
        e->sound->sample_fmt = AV_SAMPLE_FMT_FLTP;
        e->sound->bit_rate = 96000 * (int)e->begin.sound_channels;
        e->sound->time_base = (AVRational){1, (int)e->begin.sound_rate};
        e->sound->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
        av_channel_layout_default(&e->sound->ch_layout, (int)e->begin.sound_channels);
        rc = avcodec_open2(e->sound, codec, NULL);
    }
    if (rc >= 0) {
        e->samples->format = AV_SAMPLE_FMT_FLTP;
        e->samples->nb_samples = e->sound->frame_size;
        e->samples->sample_rate = e->sound->sample_rate;
        rc = av_channel_layout_copy(&e->samples->ch_layout, &e->sound->ch_layout);
    }
    if (rc >= 0)
        rc = av_frame_get_buffer(e->samples, 0);
    if (rc >= 0) {
        e->pending = calloc((size_t)e->sound->frame_size * e->begin.sound_channels, sizeof *e->pending);
        rc = e->pending ? 0 : AVERROR(ENOMEM);
    }
    return rc < 0 ? error_av(err, rc, "opening the AAC encoder") : 0;
}

/* Moving the index to the front means reading the file once more: through the descriptor we have, and nothing else. */
static int reopen_own_file(AVFormatContext *mux, AVIOContext **io, const char *url, int flags, AVDictionary **options)
{
    if (flags & AVIO_FLAG_WRITE)
        return AVERROR(EACCES);
    *io = av_file_open(WIRE_CLIP_FD, false);
    return *io ? 0 : AVERROR(ENOMEM);
}

static int close_own_file(AVFormatContext *mux, AVIOContext *io)
{
    av_file_close(io);
    return 0;
}

static AVStream *stream_add(struct encoder *e, const AVCodecContext *codec)
{
    AVStream *stream = avformat_new_stream(e->mux, NULL);
    if (!stream || avcodec_parameters_from_context(stream->codecpar, codec) < 0)
        return NULL;
    stream->time_base = codec->time_base;
    return stream;
}

static int mux_open(struct encoder *e, conch_error *err)
{
    int rc = avformat_alloc_output_context2(&e->mux, NULL, "mp4", NULL);
    e->io = av_file_open(WIRE_CLIP_FD, true);
    if (rc < 0 || !e->io)
        return error_av(err, rc < 0 ? rc : AVERROR(ENOMEM), "opening the MP4 file");
    e->mux->pb = e->io;
    e->mux->io_open = reopen_own_file;
    e->mux->io_close2 = close_own_file;
    e->mux->url = av_strdup("clip");
    e->video_stream = stream_add(e, e->video);
    if (e->sound)
        e->sound_stream = stream_add(e, e->sound);
    if (!e->mux->url || !e->video_stream || (e->sound && !e->sound_stream))
        return error_av(err, AVERROR(ENOMEM), "opening the MP4 file");
    e->video_stream->avg_frame_rate = e->video->framerate;
    if (e->begin.bare)
        e->mux->flags |= AVFMT_FLAG_BITEXACT; /* leaves out the encoder's name and version */
    if (e->begin.title)
        av_dict_set(&e->mux->metadata, "title", e->begin.title, 0);
    if (e->begin.comment)
        av_dict_set(&e->mux->metadata, "comment", e->begin.comment, 0);
    AVDictionary *options = NULL;
    av_dict_set(&options, "movflags", "+faststart+write_colr", 0);
    rc = avformat_write_header(e->mux, &options);
    av_dict_free(&options);
    e->header_written = rc >= 0;
    return rc < 0 ? error_av(err, rc, "writing the clip") : 0;
}

/* RGB to YUV as BT.709 with 16..235 says, colour samples where H.264 expects them: at the left of each pair. */
static int converter_open(struct encoder *e, conch_error *err)
{
    int width = (int)e->begin.width, height = (int)e->begin.height, rc = AVERROR(ENOMEM);
    e->sws = sws_alloc_context();
    if (e->sws) {
        av_opt_set_int(e->sws, "srcw", width, 0);
        av_opt_set_int(e->sws, "srch", height, 0);
        av_opt_set_int(e->sws, "src_format", AV_PIX_FMT_RGB24, 0);
        av_opt_set_int(e->sws, "dstw", width, 0);
        av_opt_set_int(e->sws, "dsth", height, 0);
        av_opt_set_int(e->sws, "dst_format", AV_PIX_FMT_YUV420P, 0);
        av_opt_set_int(e->sws, "dst_h_chr_pos", 0, 0);
        av_opt_set_int(e->sws, "dst_v_chr_pos", 128, 0);
        av_opt_set_int(e->sws, "sws_flags", SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP,
                       0);
        const int *matrix = sws_getCoefficients(SWS_CS_ITU709);
        sws_setColorspaceDetails(e->sws, matrix, 1, matrix, 0, 0, 1 << 16, 1 << 16);
        rc = sws_init_context(e->sws, NULL, NULL);
    }
    return rc < 0 ? error_av(err, rc, "preparing the colour conversion") : 0;
}

static int picture_open(struct encoder *e, conch_error *err)
{
    e->packet = av_packet_alloc();
    e->picture = av_frame_alloc();
    e->rgb = malloc((size_t)e->begin.width * e->begin.height * 3 + 64);
    if (!e->packet || !e->picture || !e->rgb)
        return error_av(err, AVERROR(ENOMEM), "preparing a frame");
    e->picture->width = (int)e->begin.width;
    e->picture->height = (int)e->begin.height;
    e->picture->format = AV_PIX_FMT_YUV420P;
    int rc = av_frame_get_buffer(e->picture, 0);
    return rc < 0 ? error_av(err, rc, "preparing a frame") : 0;
}

static int encoder_open(struct encoder *e, conch_error *err)
{
    int rc = picture_open(e, err);
    if (rc == 0)
        rc = converter_open(e, err);
    if (rc == 0)
        rc = video_open(e, err);
    if (rc == 0 && e->begin.sound_rate)
        rc = sound_open(e, err);
    if (rc == 0)
        rc = mux_open(e, err);
    return rc;
}

static void encoder_close(struct encoder *e)
{
    av_frame_free(&e->picture);
    av_frame_free(&e->samples);
    av_packet_free(&e->packet);
    avcodec_free_context(&e->video);
    avcodec_free_context(&e->sound);
    sws_freeContext(e->sws);
    avformat_free_context(e->mux);
    av_file_close(e->io);
    wire_clip_begin_finish(&e->begin);
    free(e->rgb);
    free(e->pending);
}

static bool at_start_code(const uint8_t *at, const uint8_t *end)
{
    static const uint8_t code[] = {0, 0, 0, 1};
    return (end - at >= 3 && memcmp(at, code + 1, 3) == 0) || (end - at >= 4 && memcmp(at, code, 4) == 0);
}

/* x264 begins the stream with a note of its version and settings; a bare clip goes without. It is a NAL unit of type 6
 * in the first packet, and units begin with a start code. */
static void note_remove(AVPacket *packet)
{
    uint8_t *from = packet->data, *to = packet->data, *end = packet->data + packet->size;
    while (end - from > 4) {
        uint8_t *next = from + 4; /* past this unit's own start code, of 3 or 4 bytes */
        while (next < end && !at_start_code(next, end))
            next++;
        const uint8_t *unit = from[2] == 1 ? from + 3 : from + 4;
        if ((*unit & 31) != 6) {
            memmove(to, from, (size_t)(next - from));
            to += next - from;
        }
        from = next;
    }
    packet->size = (int)(to - packet->data);
}

/* Writes every packet the codec has ready. */
static int packets_write(struct encoder *e, AVCodecContext *codec, AVStream *stream, bool finishing, conch_error *err)
{
    int rc;
    while ((rc = avcodec_receive_packet(codec, e->packet)) >= 0) {
        av_packet_rescale_ts(e->packet, codec->time_base, stream->time_base);
        e->packet->stream_index = stream->index;
        if (codec == e->video && !e->packet->duration)
            e->packet->duration = av_rescale_q(1, codec->time_base, stream->time_base);
        if (e->begin.bare && codec == e->video && (rc = av_packet_make_writable(e->packet)) >= 0)
            note_remove(e->packet);
        if (rc >= 0)
            rc = av_interleaved_write_frame(e->mux, e->packet);
        if (rc >= 0 && e->io->error < 0)
            rc = e->io->error;
        if (rc < 0)
            return error_av(err, rc, "writing the clip");
        if (finishing && message_send(WIRE_ALIVE, NULL, 0, NULL, 0) < 0)
            return conch_error_set(err, CONCH_ERR_IO, "nobody waits for the clip");
    }
    return rc == AVERROR(EAGAIN) || rc == AVERROR_EOF ? 0 : error_av(err, rc, "encoding the clip");
}

static int frame_add(struct encoder *e, const struct wire_header *header, conch_error *err)
{
    size_t size = (size_t)e->begin.width * e->begin.height * 3;
    if (header->payload_bytes != size)
        return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: a frame of %llu bytes (%ux%u takes %zu)",
                               (unsigned long long)header->payload_bytes, e->begin.width, e->begin.height, size);
    int rc = message_payload(e->rgb, size, err);
    if (rc < 0)
        return rc;
    rc = av_frame_make_writable(e->picture);
    if (rc >= 0) {
        const uint8_t *planes[] = {e->rgb, NULL, NULL, NULL};
        const int strides[] = {(int)e->begin.width * 3, 0, 0, 0};
        rc = sws_scale(e->sws, planes, strides, 0, (int)e->begin.height, e->picture->data, e->picture->linesize);
    }
    if (rc >= 0) {
        e->picture->pts = e->frame_count++;
        rc = avcodec_send_frame(e->video, e->picture);
    }
    if (rc < 0)
        return error_av(err, rc, "encoding a frame");
    return packets_write(e, e->video, e->video_stream, false, err);
}

/* Encodes the pending samples; the last frame of a clip may be shorter than the codec's frame. */
static int pending_encode(struct encoder *e, conch_error *err)
{
    int channels = (int)e->begin.sound_channels;
    int rc = av_frame_make_writable(e->samples);
    if (rc >= 0) {
        for (int c = 0; c < channels; c++)
            for (int i = 0; i < e->pending_count; i++)
                ((float *)(void *)e->samples->extended_data[c])[i] = e->pending[i * channels + c];
        e->samples->nb_samples = e->pending_count;
        e->samples->pts = e->sample_count;
        e->sample_count += e->pending_count;
        e->pending_count = 0;
        rc = avcodec_send_frame(e->sound, e->samples);
    }
    return rc < 0 ? error_av(err, rc, "encoding the sound") : packets_write(e, e->sound, e->sound_stream, false, err);
}

static int samples_take(struct encoder *e, const float *samples, size_t count, conch_error *err)
{
    size_t channels = e->begin.sound_channels;
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < channels; c++) {
            float value = samples[i * channels + c];
            if (!isfinite(value))
                return conch_error_set(err, CONCH_ERR_RANGE, "sound: sample %lld is not a number",
                                       (long long)(e->sample_count + e->pending_count));
            e->pending[(size_t)e->pending_count * channels + c] = fminf(fmaxf(value, -1.0f), 1.0f);
        }
        e->pending_count++;
        int rc = e->pending_count == e->sound->frame_size ? pending_encode(e, err) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int sound_add(struct encoder *e, const struct wire_header *header, conch_error *err)
{
    size_t unit = e->begin.sound_channels * sizeof(float);
    if (!e->sound)
        return conch_error_set(err, CONCH_ERR_RANGE, "sound: the clip was opened without sound");
    if (header->payload_bytes % unit)
        return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: %llu bytes are no whole number of samples",
                               (unsigned long long)header->payload_bytes);
    float *samples = malloc(size_max(header->payload_bytes, 1));
    if (!samples)
        return error_av(err, AVERROR(ENOMEM), "encoding the sound");
    int rc = message_payload(samples, header->payload_bytes, err);
    if (rc == 0)
        rc = samples_take(e, samples, header->payload_bytes / unit, err);
    free(samples);
    return rc;
}

static int clip_finish(struct encoder *e, conch_error *err)
{
    if (e->frame_count == 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "frames: a clip needs at least one");
    if (e->sound && e->sample_count + e->pending_count == 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "sound: the clip was opened with sound, but none was given");
    int rc = avcodec_send_frame(e->video, NULL);
    rc = rc < 0 ? error_av(err, rc, "encoding the clip") : packets_write(e, e->video, e->video_stream, true, err);
    if (rc == 0 && e->sound) {
        rc = e->pending_count ? pending_encode(e, err) : 0;
        if (rc < 0)
            return rc;
        rc = avcodec_send_frame(e->sound, NULL);
        rc = rc < 0 ? error_av(err, rc, "encoding the sound") : packets_write(e, e->sound, e->sound_stream, true, err);
    }
    if (rc < 0)
        return rc;
    rc = av_write_trailer(e->mux);
    avio_flush(e->io);
    if (rc >= 0 && e->io->error < 0)
        rc = e->io->error;
    return rc < 0 ? error_av(err, rc, "writing the clip") : 0;
}

static int begin_read(struct encoder *e, conch_error *err)
{
    struct wire_header header;
    int rc = message_begin(&header, err);
    if (rc <= 0)
        return rc < 0 ? rc : conch_error_set(err, CONCH_ERR_IO, "conch-media: no clip was begun");
    if (header.type != WIRE_CLIP_BEGIN)
        return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: a message of type %u before the clip", header.type);
    uint8_t *payload = malloc(size_max(header.payload_bytes, 1));
    if (!payload)
        return error_av(err, AVERROR(ENOMEM), "opening the clip");
    rc = message_payload(payload, header.payload_bytes, err);
    if (rc == 0)
        rc = wire_clip_begin_parse(&e->begin, payload, header.payload_bytes, err);
    free(payload);
    return rc;
}

/* 1 after END, 0 to go on; an end of input without END is an abandoned clip. */
static int message_serve(struct encoder *e, conch_error *err)
{
    struct wire_header header;
    int rc = message_begin(&header, err);
    if (rc <= 0)
        return rc < 0 ? rc : conch_error_set(err, CONCH_ERR_CANCELLED, "the clip was abandoned");
    switch (header.type) {
    case WIRE_FRAME: return frame_add(e, &header, err);
    case WIRE_SOUND: return sound_add(e, &header, err);
    case WIRE_END: rc = clip_finish(e, err); return rc < 0 ? rc : 1;
    default:
        return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: a message of type %u inside a clip", header.type);
    }
}

int serve_encode(void)
{
    struct encoder e = {0};
    conch_error err = {0};
    int rc = begin_read(&e, &err);
    if (rc == 0)
        rc = encoder_open(&e, &err);
    while (rc == 0)
        rc = message_serve(&e, &err);
    encoder_close(&e);
    if (rc < 0)
        return message_send_failure(&err) < 0 || 1;
    return message_send(WIRE_DONE, NULL, 0, NULL, 0) < 0;
}
