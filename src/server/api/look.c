#include "server/api/look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "media/media.h"
#include "server/api/api_state.h"

static const char *const kind_names[] = {"a medium", "a picture", "a video", "a sound"};
static const char *const kind_lists[] = {"a picture, a video or a sound", "PNG, JPEG, WebP, HEIC", "MP4, MOV, WebM",
                                         "WAV, MP3"};

int64_t look_bytes_max(const struct api *api, enum sniff_kind kind)
{
    const int64_t image = api->config->limits.image_bytes_max, video = api->config->limits.video_bytes_max,
                  audio = api->config->limits.audio_bytes_max;
    switch (kind) {
    case SNIFF_PICTURE: return image;
    case SNIFF_VIDEO: return video;
    case SNIFF_AUDIO: return audio;
    case SNIFF_OTHER: break;
    }
    return image > video ? (image > audio ? image : audio) : (video > audio ? video : audio);
}

int look_refuse_size(struct api_problem *problem, const char *field, int64_t bytes, int64_t bytes_max)
{
    api_refuse(problem, API_TOO_LARGE, field, "%s has %lld bytes; at most %lld are allowed", field, (long long)bytes,
               (long long)bytes_max);
    snprintf(problem->value, sizeof problem->value, "%lld bytes", (long long)bytes);
    snprintf(problem->allowed, sizeof problem->allowed, "at most %lld bytes", (long long)bytes_max);
    return -1;
}

static uint32_t le32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Length of a WAV by its header, as far as it stands in the first bytes; 0: it does not say. */
static int64_t wav_ms(const uint8_t *data, size_t size)
{
    uint32_t rate = 0;
    for (size_t at = 12; at + 8 <= size;) {
        const uint32_t length = le32(data + at + 4);
        if (memcmp(data + at, "fmt ", 4) == 0 && at + 24 <= size)
            rate = le32(data + at + 16); /* bytes a second */
        if (memcmp(data + at, "data", 4) == 0)
            return rate ? (int64_t)length * 1000 / rate : 0;
        at += 8 + (size_t)length + (length & 1);
    }
    return 0;
}

/* What the helper said about a file that it could not read; where that lies is nobody's business. */
static int refuse_media(struct api_problem *problem, const char *field, const char *path, int rc,
                        const conch_error *err)
{
    const size_t length = strlen(path);
    const bool named = strncmp(err->text, path, length) == 0 && strncmp(err->text + length, ": ", 2) == 0;
    if (rc == CONCH_ERR_MEDIA || rc == CONCH_ERR_UNSUPPORTED || rc == CONCH_ERR_LIMIT || rc == CONCH_ERR_RANGE)
        return api_refuse(problem, API_INVALID, field, "%s cannot be read: %s", field,
                          err->text + (named ? length + 2 : 0));
    return api_refuse_error(problem, rc == CONCH_ERR_NOTFOUND ? CONCH_ERR_INTERNAL : rc, err);
}

static int look_picture(struct api *api, const char *path, const char *field, const struct sniff *seen,
                        struct look *look, struct api_problem *problem)
{
    const int64_t pixels_max = api->config->limits.image_pixels_max;
    struct media_image image = {0};
    conch_error err = {0};
    char value[32];
    snprintf(value, sizeof value, "%ux%u", (unsigned)seen->width, (unsigned)seen->height);
    if ((int64_t)seen->width * seen->height > pixels_max)
        return api_refuse_value(problem, field, value, "at most %lld pixels", (long long)pixels_max);
    const int rc = media_image_read(path, &image, &err);
    if (rc < 0)
        return refuse_media(problem, field, path, rc, &err);
    look->width = image.width;
    look->height = image.height;
    media_image_finish(&image);
    if ((int64_t)look->width * look->height <= pixels_max)
        return 0;
    snprintf(value, sizeof value, "%dx%d", (int)look->width, (int)look->height);
    return api_refuse_value(problem, field, value, "at most %lld pixels", (long long)pixels_max);
}

static int look_clip(const char *path, const char *field, struct look *look, struct api_problem *problem)
{
    struct media_clip_info info = {0};
    conch_error err = {0};
    const int rc = media_clip_probe(path, &info, &err);
    if (rc < 0)
        return refuse_media(problem, field, path, rc, &err);
    look->width = info.width;
    look->height = info.height;
    look->duration_ms = info.duration_us / 1000;
    media_clip_info_finish(&info);
    return 0;
}

static int decode(struct api *api, const char *path, const char *field, const struct sniff *seen, struct look *look,
                  struct api_problem *problem)
{
    if (!gate_enter(&api->decodes)) {
        api_refuse(problem, API_BUSY, "", "too many pictures are being looked at; try again soon");
        problem->retry_after_s = 2;
        return -1;
    }
    const int rc = sniff_kind(seen->type) == SNIFF_PICTURE ? look_picture(api, path, field, seen, look, problem)
                                                           : look_clip(path, field, look, problem);
    gate_leave(&api->decodes);
    return rc;
}

static int head_read(const char *path, uint8_t *head, size_t *ret_size, int64_t *ret_bytes, conch_error *err)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    const ssize_t size = file < 0 ? -1 : pread(file, head, SNIFF_BYTES, 0);
    int rc = 0;
    if (file < 0 && errno == ENOENT) { /* nothing was written into it: an empty file */
        *ret_size = 0;
        *ret_bytes = 0;
        return 0;
    }
    if (size < 0 || fstat(file, &stat) < 0) {
        rc = conch_error_set(err, CONCH_ERR_IO, "a file that was taken in cannot be read");
    } else {
        *ret_size = (size_t)size;
        *ret_bytes = stat.st_size;
    }
    if (file >= 0)
        close(file);
    return rc;
}

int look_at(struct api *api, const char *path, enum sniff_kind kind, const char *field, struct look *ret,
            struct api_problem *ret_problem)
{
    uint8_t *head = malloc(SNIFF_BYTES);
    conch_error err = {0};
    size_t size = 0;
    int64_t bytes = 0;
    int rc = head ? head_read(path, head, &size, &bytes, &err)
                  : conch_error_set(&err, CONCH_ERR_NOMEM, "no memory to look at a file");
    if (rc < 0) {
        free(head);
        return api_refuse_error(ret_problem, rc, &err);
    }
    const struct sniff seen = sniff(head, size);
    const enum sniff_kind found = sniff_kind(seen.type);
    struct look look = {.type = seen.type};
    if (seen.type == SNIFF_WAV)
        look.duration_ms = wav_ms(head, size);
    free(head);
    if (found == SNIFF_OTHER || (kind != SNIFF_OTHER && found != kind)) {
        const char *name = size ? sniff_name(seen.type) : "empty";
        api_refuse_value(ret_problem, field, name, "%s", kind_lists[kind]);
        snprintf(ret_problem->text, sizeof ret_problem->text, "%s is %s and not %s; allowed: %s", field, name,
                 kind_names[kind], kind_lists[kind]);
        return -1;
    }
    if (bytes > look_bytes_max(api, found))
        return look_refuse_size(ret_problem, field, bytes, look_bytes_max(api, found));
    if (found != SNIFF_AUDIO && decode(api, path, field, &seen, &look, ret_problem) < 0)
        return -1;
    *ret = look;
    return 0;
}
