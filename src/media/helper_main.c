#include "media/helper.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const char usage[] = "usage: conch-media --probe | --self-test | --version\n"
                            "conch starts it for everything else: it reads and writes pictures and clips inside a\n"
                            "sandbox, one program per job, and is of no use by hand.\n";

static pid_t parent;

/* The signal also comes when only the thread that started us has ended: then the parent is still there. */
static void on_parent_death(int number)
{
    if (getppid() != parent)
        _exit(0);
}

static int follow_parent(const char *pid_text)
{
    struct sigaction action = {.sa_handler = on_parent_death, .sa_flags = SA_RESTART};
    parent = (pid_t)atol(pid_text);
    sigaction(SIGHUP, &action, NULL);
    prctl(PR_SET_PDEATHSIG, SIGHUP);
    return getppid() == parent ? 0 : -1; /* it may have died before the line above */
}

static void print_codec(const char *kind, const char *name, const AVCodec *codec)
{
    printf("%s %s %s\n", kind, name, codec ? codec->name : "-");
}

/* Lines of words: what media_helper_probe reads. */
static int probe(void)
{
    static const struct {
        const char *name;
        enum AVCodecID id;
    } pictures[] = {{"png", AV_CODEC_ID_PNG}, {"jpeg", AV_CODEC_ID_MJPEG}, {"webp", AV_CODEC_ID_WEBP},
                    {"gif", AV_CODEC_ID_GIF}, {"avif", AV_CODEC_ID_AV1},   {"h264", AV_CODEC_ID_H264},
                    {"aac", AV_CODEC_ID_AAC}};
    conch_error err = {0};
    printf("conch-media %s\n", CONCH_VERSION);
    printf("protocol %d\n", WIRE_PROTOCOL);
    printf("ffmpeg %s\n", av_version_info());
    printf("libavcodec %u.%u.%u\n", avcodec_version() >> 16, avcodec_version() >> 8 & 255, avcodec_version() & 255);
    for (size_t i = 0; i < sizeof pictures / sizeof pictures[0]; i++)
        print_codec("decode", pictures[i].name, avcodec_find_decoder(pictures[i].id));
    /* HEIC: the decoder is old, but only the MP4 reader of FFmpeg 7 finds pictures stored as items. */
    print_codec("decode", "heic",
                avformat_version() >= AV_VERSION_INT(61, 1, 100) ? avcodec_find_decoder(AV_CODEC_ID_HEVC) : NULL);
    print_codec("encode", "h264", avcodec_find_encoder_by_name("libx264"));
    print_codec("encode", "aac", avcodec_find_encoder(AV_CODEC_ID_AAC));
    print_codec("encode", "png", avcodec_find_encoder(AV_CODEC_ID_PNG));
    if (sandbox_works(HELPER_IMAGE, &err) && sandbox_works(HELPER_ENCODE, &err))
        printf("sandbox works\n");
    else
        printf("sandbox fails: %s\n", err.text);
    return 0;
}

static int serve(enum helper_mode mode, int (*serve_mode)(void))
{
    conch_error err = {0};
    av_log_set_level(AV_LOG_QUIET); /* what libav says may quote the file; our own errors go over the wire */
    signal(SIGXFSZ, SIG_IGN);       /* a write beyond the limit then fails with EFBIG and is reported */
    if (sandbox_enter(mode, &err) < 0) {
        message_send_failure(&err);
        return 1;
    }
    return serve_mode();
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        enum helper_mode mode;
        int (*serve)(void);
    } modes[] = {{"image", HELPER_IMAGE, serve_image},
                 {"png", HELPER_PNG, serve_png},
                 {"encode", HELPER_ENCODE, serve_encode},
                 {"decode", HELPER_DECODE, serve_decode}};
    if (argc == 2 && !strcmp(argv[1], "--probe"))
        return probe();
    if (argc == 2 && !strcmp(argv[1], "--self-test"))
        return sandbox_self_test();
    if (argc == 2 && !strcmp(argv[1], "--version"))
        return puts("conch-media " CONCH_VERSION) < 0;
    for (size_t i = 0; argc == 3 && i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(argv[1], modes[i].name))
            continue;
        if (follow_parent(argv[2]) < 0)
            return 0;
        _exit(serve(modes[i].mode, modes[i].serve)); /* _exit: nothing to tidy up that the system does not */
    }
    int asked = argc == 2 && !strcmp(argv[1], "--help");
    fputs(usage, asked ? stdout : stderr);
    return asked ? 0 : 2;
}
