#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "media/media.h"
#include "media/media_link.h"

struct media_clip {
    struct link link;
    char *path, *partial;
    int fd; /* of partial; -1 before it exists */
    size_t frame_bytes;
    int sound_channels;
    conch_error failure; /* the first error; code 0: none */
};

static uint32_t unsigned_of(int value) /* a negative setting becomes one that no check lets through */
{
    return value < 0 ? UINT32_MAX : (uint32_t)value;
}

static struct wire_clip_begin begin_of(const struct media_clip_settings *settings)
{
    return (struct wire_clip_begin){
        .width = unsigned_of(settings->width),
        .height = unsigned_of(settings->height),
        .fps_num = unsigned_of(settings->fps_num),
        .fps_den = settings->fps_den ? unsigned_of(settings->fps_den) : 1,
        .crf = settings->crf ? unsigned_of(settings->crf) : MEDIA_CRF_DEFAULT,
        .sound_rate = unsigned_of(settings->sound_rate),
        .sound_channels = unsigned_of(settings->sound_channels),
        .bare = settings->bare,
        .fast = settings->fast,
        .title = (char *)(uintptr_t)settings->title, /* only read, and never freed through here */
        .comment = (char *)(uintptr_t)settings->comment,
    };
}

/* What would make the rename fail after all the work. */
static int target_check(const char *path, conch_error *err)
{
    struct stat info;
    if (!path || !*path)
        return conch_error_set(err, CONCH_ERR_RANGE, "path: the clip needs a file name");
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return conch_error_set(err, CONCH_ERR_IO, "%s is there already and not a regular file", path);
    return 0;
}

static int partial_open(struct media_clip *clip, conch_error *err)
{
    static atomic_uint counter;
    for (;;) {
        free(clip->partial);
        clip->partial = NULL;
        if (asprintf(&clip->partial, "%s.%ld-%u.partial", clip->path, (long)getpid(), atomic_fetch_add(&counter, 1)) <
            0) {
            clip->partial = NULL;
            return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to write %s", clip->path);
        }
        clip->fd = open(clip->partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (clip->fd >= 0)
            return 0;
        if (errno != EEXIST) { /* EEXIST: left behind by a process of the same number that was killed */
            int rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot create %s", clip->partial);
            free(clip->partial);
            clip->partial = NULL;
            return rc;
        }
    }
}

static void clip_free(struct media_clip *clip)
{
    if (!clip)
        return;
    link_close(&clip->link); /* first: nobody writes to the file any more */
    if (clip->fd >= 0)
        close(clip->fd);
    if (clip->partial)
        unlink(clip->partial);
    free(clip->partial);
    free(clip->path);
    free(clip);
}

/* Remembers the first error, to be given again, and passes it on under the clip's name. */
static int clip_fail(struct media_clip *clip, int rc, const conch_error *cause, conch_error *err)
{
    if (rc < 0 && clip->failure.code == 0) {
        clip->failure = *cause;
        error_name(&clip->failure, rc, clip->path);
    }
    if (rc < 0 && err)
        *err = clip->failure;
    return rc;
}

int media_clip_open(struct media_clip **ret_clip, const struct media_clip_settings *settings, conch_error *err)
{
    struct wire_clip_begin begin = begin_of(settings);
    uint8_t *payload = NULL;
    size_t size = 0;
    struct media_clip *clip = NULL;
    int rc = target_check(settings->path, err);
    if (rc == 0)
        rc = wire_clip_begin_pack(&payload, &size, &begin, err);
    if (rc < 0)
        return rc;
    clip = calloc(1, sizeof *clip);
    if (!clip || !(clip->path = strdup(settings->path))) {
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory to write %s", settings->path);
        free(clip);
        clip = NULL;
        goto out;
    }
    clip->fd = -1;
    clip->link.fd = -1;
    clip->frame_bytes = (size_t)settings->width * (size_t)settings->height * 3;
    clip->sound_channels = settings->sound_channels;
    rc = partial_open(clip, err);
    if (rc == 0)
        rc = link_open(&clip->link, "encode", clip->fd, err);
    if (rc < 0)
        goto out;
    link_deadline(&clip->link, MEDIA_CLIP_SILENCE_MS);
    rc = link_send(&clip->link, WIRE_CLIP_BEGIN, NULL, 0, payload, size, err);
    if (rc < 0)
        goto out;
    *ret_clip = clip;
    clip = NULL;
out:
    free(payload);
    clip_free(clip);
    return rc;
}

static int clip_send(struct media_clip *clip, uint32_t type, const void *body, size_t size, conch_error *err)
{
    conch_error local = {0};
    if (clip->failure.code < 0)
        return clip_fail(clip, clip->failure.code, &local, err);
    link_deadline(&clip->link, MEDIA_CLIP_SILENCE_MS);
    return clip_fail(clip, link_send(&clip->link, type, NULL, 0, body, size, &local), &local, err);
}

int media_clip_frame(struct media_clip *clip, const uint8_t *rgb, conch_error *err)
{
    return clip_send(clip, WIRE_FRAME, rgb, clip->frame_bytes, err);
}

int media_clip_sound(struct media_clip *clip, const float *samples, size_t sample_count, conch_error *err)
{
    if (clip->sound_channels == 0) /* the caller's clip stays good: nothing was sent */
        return conch_error_set(err, CONCH_ERR_RANGE, "sound: %s was opened without sound", clip->path);
    size_t channels = (size_t)clip->sound_channels;
    size_t most = MEDIA_SOUND_BYTES_MAX / sizeof *samples / channels;
    for (size_t begin = 0; begin < sample_count;) {
        size_t count = size_min(sample_count - begin, most);
        int rc = clip_send(clip, WIRE_SOUND, samples + begin * channels, count * channels * sizeof *samples, err);
        if (rc < 0)
            return rc;
        begin += count;
    }
    return 0;
}

/* Waits for DONE; as long as the helper says that it is alive, it may go on. */
static int wait_for_done(struct media_clip *clip, conch_error *err)
{
    struct wire_header header;
    for (;;) {
        link_deadline(&clip->link, MEDIA_CLIP_SILENCE_MS);
        int rc = link_receive(&clip->link, &header, err);
        if (rc < 0 || header.type == WIRE_DONE)
            return rc;
        if (header.type != WIRE_ALIVE)
            return conch_error_set(err, CONCH_ERR_MEDIA, "conch-media: an answer of type %u at the end of a clip",
                                   header.type);
    }
}

/* END, sent while the helper may already be reporting that it is alive. */
static int clip_finish(struct media_clip *clip, conch_error *err)
{
    link_deadline(&clip->link, MEDIA_CLIP_SILENCE_MS);
    int rc = link_send(&clip->link, WIRE_END, NULL, 0, NULL, 0, err);
    if (rc == 0)
        rc = wait_for_done(clip, err);
    if (rc < 0)
        return rc;
    if (fsync(clip->fd) < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "cannot finish the file");
    if (rename(clip->partial, clip->path) < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "cannot put the file in place");
    free(clip->partial);
    clip->partial = NULL;
    return 0;
}

int media_clip_close(struct media_clip *clip, conch_error *err)
{
    conch_error local = {0};
    if (!clip)
        return 0;
    int rc = clip->failure.code;
    if (rc == 0)
        rc = clip_finish(clip, &local);
    rc = clip_fail(clip, rc, &local, err);
    clip_free(clip);
    return rc;
}

void media_clip_abandon(struct media_clip *clip)
{
    clip_free(clip);
}
