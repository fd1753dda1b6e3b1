#include "cli/generate_output.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/paths.h"

enum { TAG_BYTES_MAX = 64 << 10 }; /* media.h: of title and comment */

static int frame_path(const struct output *output, int index, char **ret_path, conch_error *err)
{
    if (asprintf(ret_path, "%s/frame-%04d.png", output->settings.frames_dir, index + 1) < 0)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
    return 0;
}

static int is_frame(const struct dirent *entry)
{
    return strncmp(entry->d_name, "frame-", 6) == 0;
}

static int frames_dir_check(const char *folder, conch_error *err)
{
    struct dirent **entries = NULL;
    struct stat info;
    if (!*folder)
        return conch_error_set(err, CONCH_ERR_RANGE, "--frames-dir: the name is empty");
    if (stat(folder, &info) < 0)
        return paths_check_writable(folder, "--frames-dir", err);
    if (!S_ISDIR(info.st_mode))
        return conch_error_set(err, CONCH_ERR_IO, "--frames-dir: %s is not a folder", folder);
    if (access(folder, W_OK | X_OK) < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "--frames-dir: cannot write in %s", folder);
    int count = scandir(folder, &entries, is_frame, NULL);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    if (count > 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "--frames-dir: %s has frames already; name a folder without",
                               folder);
    return 0;
}

int output_init(struct output *output, const struct output_settings *settings, conch_error *err)
{
    int rc = 0;
    *output = (struct output){.settings = *settings};
    if (settings->clip_path)
        rc = paths_check_writable(settings->clip_path, "--output", err);
    if (rc == 0 && settings->frames_dir)
        rc = frames_dir_check(settings->frames_dir, err);
    return rc;
}

static int clip_open(struct output *output, conch_error *err)
{
    const struct output_settings *s = &output->settings;
    struct media_clip_settings settings = {.path = s->clip_path,
                                           .width = s->width,
                                           .height = s->height,
                                           .fps_num = s->fps,
                                           .crf = s->crf,
                                           .title = s->title,
                                           .comment = s->comment,
                                           .bare = s->bare};
    return media_clip_open(&output->clip, &settings, err);
}

static int frames_open(struct output *output, conch_error *err)
{
    if (mkdir(output->settings.frames_dir, 0777) == 0)
        output->folder_made = true;
    else if (errno != EEXIST)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "cannot make the folder %s", output->settings.frames_dir);
    return media_png_writer_open(&output->frames, err);
}

static int frame_write(struct output *output, const uint8_t *rgb, int index, conch_error *err)
{
    char *path = NULL;
    struct media_rgb picture = {.rgb = rgb, .width = output->settings.width, .height = output->settings.height};
    int rc = frame_path(output, index, &path, err);
    if (rc == 0)
        rc = media_png_writer_write(output->frames, path, picture, err);
    if (rc == 0)
        output->frame_count = index + 1;
    free(path);
    return rc;
}

int output_frame(struct output *output, const uint8_t *rgb, int index, conch_error *err)
{
    int rc = 0;
    if (output->settings.clip_path && !output->clip)
        rc = clip_open(output, err);
    if (rc == 0 && output->settings.frames_dir && !output->frames)
        rc = frames_open(output, err);
    if (rc == 0 && output->clip)
        rc = media_clip_frame(output->clip, rgb, err);
    if (rc == 0 && output->frames)
        rc = frame_write(output, rgb, index, err);
    return rc;
}

int output_close(struct output *output, conch_error *err)
{
    int rc = media_clip_close(output->clip, err);
    output->clip = NULL;
    if (rc < 0) {
        output_abandon(output);
        return rc;
    }
    media_png_writer_close(output->frames);
    output->frames = NULL;
    output->frame_count = 0; /* they stay now */
    output->folder_made = false;
    return 0;
}

void output_abandon(struct output *output)
{
    media_clip_abandon(output->clip);
    media_png_writer_close(output->frames);
    output->clip = NULL;
    output->frames = NULL;
    for (int i = 0; i < output->frame_count; i++) {
        char *path = NULL;
        if (frame_path(output, i, &path, NULL) == 0)
            unlink(path);
        free(path);
    }
    if (output->folder_made)
        rmdir(output->settings.frames_dir);
    output->frame_count = 0;
    output->folder_made = false;
}

int output_comment(const struct output_facts *facts, char **ret_comment, conch_error *err)
{
    char *text = NULL;
    json_t *object = json_pack("{s:s, s:s*, s:I, s:s*, s:s*}", "generator", "conch " CONCH_VERSION, "model",
                               facts->model, "seed", (json_int_t)facts->seed, "prompt", facts->prompt, "negative",
                               facts->negative);
    if (object && facts->step_count) {
        json_object_set_new(object, "steps", json_integer(facts->step_count));
        json_object_set_new(object, "guidance", json_real(facts->guidance));
        json_object_set_new(object, "shift", json_real(facts->shift));
        json_object_set_new(object, "sampler", json_string(facts->sampler));
    }
    if (object) {
        json_object_set_new(object, "frames", json_integer(facts->frame_count));
        text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
        if (text && strlen(text) >= TAG_BYTES_MAX) { /* the title still has the prompt */
            free(text);
            json_object_del(object, "prompt");
            json_object_del(object, "negative");
            text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
        }
    }
    json_decref(object);
    if (!text)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the clip's comment");
    *ret_comment = text;
    return 0;
}
