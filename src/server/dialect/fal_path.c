/* From addresses to endpoints and requests. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/dialect/fal.h"

static const struct fal_endpoint endpoints[] = {
    {"minimax/hailuo-02/standard/text-to-video", "minimax/hailuo-02", "768P", true, FAL_TEXT},
    {"minimax/hailuo-02/standard/image-to-video", "minimax/hailuo-02", "768P", false, FAL_IMAGE},
    {"minimax/hailuo-02/pro/text-to-video", "minimax/hailuo-02", "1080P", true, FAL_TEXT},
    {"minimax/hailuo-02/pro/image-to-video", "minimax/hailuo-02", "1080P", true, FAL_IMAGE},
    {"minimax/hailuo-02-fast/image-to-video", "minimax/hailuo-02", "512P", true, FAL_IMAGE},
    {"minimax/hailuo-2.3/standard/text-to-video", "minimax/hailuo-2.3", "768P", true, FAL_TEXT},
    {"minimax/hailuo-2.3/standard/image-to-video", "minimax/hailuo-2.3", "768P", true, FAL_IMAGE},
    {"minimax/hailuo-2.3/pro/text-to-video", "minimax/hailuo-2.3", "1080P", true, FAL_TEXT},
    {"minimax/hailuo-2.3/pro/image-to-video", "minimax/hailuo-2.3", "1080P", true, FAL_IMAGE},
    {"minimax/hailuo-2.3-fast/standard/image-to-video", "minimax/hailuo-2.3-fast", "768P", true, FAL_IMAGE},
    {"minimax/hailuo-2.3-fast/pro/image-to-video", "minimax/hailuo-2.3-fast", "1080P", true, FAL_IMAGE},
    {"minimax/video-01", "minimax/t2v-01", NULL, true, FAL_TEXT},
    {"minimax/video-01/image-to-video", "minimax/i2v-01", NULL, true, FAL_IMAGE},
    {"minimax/video-01-director", "minimax/t2v-01-director", NULL, true, FAL_TEXT},
    {"minimax/video-01-director/image-to-video", "minimax/i2v-01-director", NULL, true, FAL_IMAGE},
    {"minimax/video-01-live", "minimax/i2v-01-live", NULL, true, FAL_IMAGE},
    {"minimax/video-01-live/image-to-video", "minimax/i2v-01-live", NULL, true, FAL_IMAGE},
    {"minimax/video-01-subject-reference", "minimax/s2v-01", NULL, true, FAL_SUBJECT},
    {"minimax/h3/text-to-video", "minimax/h3", "2K", false, FAL_TEXT},
    {"minimax/h3/image-to-video", "minimax/h3", "2K", false, FAL_IMAGE},
    {"minimax/h3/reference-to-video", "minimax/h3", "2K", false, FAL_REFERENCE},
    {"minimax/h3-max/text-to-video", "minimax/h3-max", NULL, false, FAL_TEXT},
    {"minimax/h3-max/image-to-video", "minimax/h3-max", NULL, false, FAL_IMAGE},
    {"minimax/h3-max/reference-to-video", "minimax/h3-max", NULL, false, FAL_REFERENCE},
};

/* One client puts "fal-ai/" before every name, whatever it begins with. */
static const char *without_owner(const char *path)
{
    while (text_begins(path, "fal-ai/"))
        path += strlen("fal-ai/");
    return path;
}

const struct fal_endpoint *fal_endpoint_find(const char *path)
{
    path = without_owner(path);
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++)
        if (strcmp(endpoints[i].path, path) == 0)
            return &endpoints[i];
    return NULL;
}

/* A model of this server by its own name, with the mode behind it or not. */
static void endpoint_of_model(struct fal_target *target)
{
    static const struct {
        const char *end;
        enum fal_kind kind;
    } modes[] = {{"/text-to-video", FAL_TEXT}, {"/image-to-video", FAL_IMAGE}, {"/reference-to-video", FAL_REFERENCE}};
    const char *name = without_owner(target->path);
    char *slug = target->path + (name - target->path);
    target->endpoint = (struct fal_endpoint){.path = slug, .slug = slug, .kind = FAL_ANY};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        const size_t size = strlen(slug), end = strlen(modes[i].end);
        if (size > end && strcmp(slug + size - end, modes[i].end) == 0) {
            slug[size - end] = '\0';
            target->endpoint.kind = modes[i].kind;
            return;
        }
    }
}

/* The first two segments, three below "workflows" and "comfy". false: there are not as many. */
static bool app_read(const char *path, char ret[FAL_PATH_BYTES_MAX])
{
    int left = text_begins(path, "workflows/") || text_begins(path, "comfy/") ? 3 : 2;
    size_t size = 0;
    while (path[size] && (path[size] != '/' || --left > 0))
        size++;
    if (left > 1 || size >= FAL_PATH_BYTES_MAX)
        return false;
    memcpy(ret, path, size);
    ret[size] = '\0';
    return true;
}

static enum fal_action action_of(enum http_method method, const char *rest)
{
    const bool get = method == HTTP_GET || method == HTTP_HEAD;
    if (get && (!*rest || strcmp(rest, "/response") == 0))
        return FAL_RESULT;
    if (get && strcmp(rest, "/status") == 0)
        return FAL_STATUS;
    if (get && strcmp(rest, "/status/stream") == 0)
        return FAL_STREAM;
    return method == HTTP_PUT && strcmp(rest, "/cancel") == 0 ? FAL_CANCEL : FAL_NOTHING;
}

/* "APP/requests/ID/...": the id ends at the next '/'. */
static void request_read(enum http_method method, const char *requests, struct fal_target *ret)
{
    ret->id = requests + strlen("/requests/");
    const size_t size = strcspn(ret->id, "/");
    ret->action = size ? action_of(method, ret->id + size) : FAL_NOTHING;
}

void fal_target_read(enum http_method method, const char *path, struct fal_target *ret)
{
    *ret = (struct fal_target){.action = FAL_NOTHING};
    if (*path != '/' || !app_read(path + 1, ret->app))
        return;
    const char *requests = strstr(path, "/requests/");
    if (requests) {
        request_read(method, requests, ret);
        return;
    }
    const int size = snprintf(ret->path, sizeof ret->path, "%s", path + 1);
    if (method != HTTP_POST || size < 0 || (size_t)size >= sizeof ret->path)
        return;
    const struct fal_endpoint *endpoint = fal_endpoint_find(ret->path);
    if (endpoint)
        ret->endpoint = *endpoint;
    else
        endpoint_of_model(ret);
    if (*ret->endpoint.slug) /* "fal-ai/fal-ai/" names nothing */
        ret->action = FAL_SUBMIT;
}
