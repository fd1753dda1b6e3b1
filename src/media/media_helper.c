#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "media/media.h"
#include "media/media_link.h"

static bool usable(const char *path)
{
    return access(path, X_OK) == 0;
}

/* folder (the first length bytes of it), suffix: true when the result fits and can be run. */
static bool try_path(char *ret_path, size_t size, const char *folder, size_t length, const char *suffix)
{
    int need = snprintf(ret_path, size, "%.*s%s", (int)length, folder, suffix);
    return need > 0 && (size_t)need < size && usable(ret_path);
}

static bool find_in_path(char *ret_path, size_t size)
{
    const char *folder = getenv("PATH");
    while (folder && *folder) {
        size_t length = strcspn(folder, ":");
        if (length > 0 && try_path(ret_path, size, folder, length, "/conch-media"))
            return true;
        folder += length + (folder[length] == ':');
    }
    return false;
}

int helper_find(char *ret_path, size_t size, conch_error *err)
{
    const char *named = getenv("CONCH_MEDIA");
    if (named && *named) {
        if (strlen(named) >= size || !usable(named))
            return conch_error_set(err, CONCH_ERR_NOTFOUND, "CONCH_MEDIA names %s, which is not a program", named);
        snprintf(ret_path, size, "%s", named);
        return 0;
    }
    char self[PATH_MAX] = "";
    ssize_t got = readlink("/proc/self/exe", self, sizeof self - 1);
    const char *slash = got > 0 ? strrchr(self, '/') : NULL;
    size_t folder = slash ? (size_t)(slash - self) : 0;
    if (slash && try_path(ret_path, size, self, folder, "/conch-media"))
        return 0;
    if (find_in_path(ret_path, size))
        return 0;
    if (slash && try_path(ret_path, size, self, folder, "/../libexec/conch/conch-media"))
        return 0;
    return conch_error_set(
        err, CONCH_ERR_NOTFOUND,
        "the program conch-media, which reads and writes pictures and clips, is not beside conch, in "
        "PATH or in ../libexec/conch; CONCH_MEDIA can name it");
}

/* The rest of line after "word ", or NULL. */
static const char *after(const char *line, const char *words)
{
    size_t length = strlen(words);
    return strncmp(line, words, length) == 0 && line[length] == ' ' ? line + length + 1 : NULL;
}

#define TEXT_COPY(field, text) snprintf(field, sizeof(field), "%.*s", (int)sizeof(field) - 1, text)

static void line_read(struct media_helper_info *info, const char *line)
{
    const struct {
        const char *words;
        bool *flag;
    } flags[] = {{"decode png", &info->reads_png},   {"decode jpeg", &info->reads_jpeg},
                 {"decode webp", &info->reads_webp}, {"decode gif", &info->reads_gif},
                 {"decode avif", &info->reads_avif}, {"decode heic", &info->reads_heic},
                 {"decode h264", &info->reads_h264}, {"encode h264", &info->writes_h264},
                 {"encode aac", &info->writes_aac},  {"encode png", &info->writes_png}};
    const char *value;
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if ((value = after(line, flags[i].words)))
            *flags[i].flag = strcmp(value, "-") != 0;
    if ((value = after(line, "conch-media")))
        TEXT_COPY(info->version, value);
    else if ((value = after(line, "ffmpeg")))
        TEXT_COPY(info->ffmpeg, value);
    else if ((value = after(line, "libavcodec")))
        TEXT_COPY(info->libavcodec, value);
    else if (!strcmp(line, "sandbox works"))
        info->sandbox_works = true;
    else if ((value = after(line, "sandbox fails:")))
        TEXT_COPY(info->sandbox_text, value);
}

int media_helper_probe(struct media_helper_info *ret_info, conch_error *err)
{
    struct media_helper_info info = {0};
    struct link link;
    char text[8192], *rest = NULL;
    int rc = helper_find(info.path, sizeof info.path, err);
    if (rc < 0)
        return rc;
    rc = link_open(&link, "--probe", -1, err);
    if (rc < 0)
        return rc;
    link_deadline(&link, MEDIA_IMAGE_WALL_MS);
    rc = link_read_text(&link, text, sizeof text, err);
    link_close(&link);
    if (rc < 0)
        return rc;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        line_read(&info, line);
    if (!info.version[0])
        return conch_error_set(err, CONCH_ERR_MEDIA, "%s does not answer as conch-media does", info.path);
    *ret_info = info;
    return 0;
}
