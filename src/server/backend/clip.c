#include "server/backend/clip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "server/backend/frames.h"
#include "server/backend/mark.h"

enum { TAG_BYTES_MAX = 60 << 10 /* media.h allows 64 KiB */ };

struct clip {
    struct media_clip *media;
    int width, height, fps, frame_count, made;
    const char *mark; /* borrowed */
    uint8_t *marked;  /* a frame to draw into; NULL without a mark */
    int poster_index;
    uint8_t *poster; /* the frame, once it came */
    json_t *facts;
};

json_t *clip_facts(const struct clip_settings *s)
{
    json_t *facts = json_pack("{s:s*, s:I, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:s*}", "model", s->plan.model, "seed",
                              (json_int_t)s->plan.seed, "width", s->plan.width, "height", s->plan.height, "frames",
                              s->plan.frame_count, "fps", s->plan.fps, "steps", s->plan.step_count, "guidance",
                              s->plan.guidance, "shift", s->plan.shift, "sampler", s->plan.sampler);
    if (facts && s->plan.prompt_tokens_cut)
        json_object_set_new(facts, "prompt_tokens_cut", json_integer((json_int_t)s->plan.prompt_tokens_cut));
    return facts;
}

/* What the file says of itself. */
static char *comment_make(const struct clip_settings *s)
{
    const struct backend_job *job = s->job;
    json_t *o = json_pack("{s:s, s:s, s:s*, s:s*, s:s, s:b, s:I, s:s*, s:s, s:i, s:f}", "generator",
                          "conch " CONCH_VERSION, "job", id_text(job->id).text, "model", job->model, "model_asked",
                          job->model_asked, "served_by", job->served_by, "sandbox", s->sandbox, "seed",
                          (json_int_t)s->plan.seed, "prompt", job->prompt, "prompt_used", job->prompt_used, "steps",
                          s->plan.step_count, "guidance", s->plan.guidance);
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    if (text && strlen(text) > TAG_BYTES_MAX) {
        free(text);
        json_object_del(o, "prompt");
        json_object_del(o, "prompt_used");
        text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9));
    }
    json_decref(o);
    return text;
}

static void clip_free(struct clip *clip)
{
    free(clip->marked);
    free(clip->poster);
    json_decref(clip->facts);
    free(clip);
}

int clip_open(struct clip **ret_clip, const struct clip_settings *settings, conch_error *err)
{
    const size_t bytes = (size_t)settings->width * (size_t)settings->height * 3;
    char *comment = comment_make(settings);
    struct clip *clip = calloc(1, sizeof *clip);
    int rc = 0;
    if (clip) {
        *clip = (struct clip){.width = settings->width,
                              .height = settings->height,
                              .fps = settings->fps,
                              .frame_count = settings->frame_count,
                              .mark = settings->mark && *settings->mark ? settings->mark : NULL,
                              .poster_index = settings->frame_count / 3};
        clip->marked = clip->mark ? malloc(bytes) : NULL;
        clip->poster = malloc(bytes);
        clip->facts = clip_facts(settings);
    }
    if (!clip || !comment || !clip->poster || !clip->facts || (clip->mark && !clip->marked))
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a clip of %dx%d", settings->width, settings->height);
    const struct media_clip_settings media = {
        .path = settings->job->clip_path,
        .width = settings->width,
        .height = settings->height,
        .fps_num = settings->fps,
        .title = settings->job->prompt && *settings->job->prompt ? settings->job->prompt : settings->job->prompt_used,
        .comment = comment,
        .fast = settings->fast};
    if (rc == 0)
        rc = media_clip_open(&clip->media, &media, err);
    free(comment);
    if (rc < 0 && clip)
        clip_free(clip);
    if (rc == 0)
        *ret_clip = clip;
    return rc;
}

int clip_frame(struct clip *clip, const uint8_t *rgb, conch_error *err)
{
    const size_t bytes = (size_t)clip->width * (size_t)clip->height * 3;
    if (clip->mark) {
        memcpy(clip->marked, rgb, bytes);
        mark_draw(clip->marked, clip->width, clip->height, clip->mark);
        rgb = clip->marked;
    }
    if (clip->made++ == clip->poster_index)
        memcpy(clip->poster, rgb, bytes);
    return media_clip_frame(clip->media, rgb, err);
}

int clip_poster(const uint8_t *rgb, int width, int height, struct backend_result *ret, conch_error *err)
{
    const int side = width > height ? width : height;
    struct media_rgb picture = {.rgb = rgb, .width = width, .height = height};
    const struct frames whole = {.rgb = rgb, .width = width, .height = height};
    uint8_t *small = NULL;
    int rc = 0;
    if (side > CLIP_POSTER_SIDE_MAX) {
        picture.width = width * CLIP_POSTER_SIDE_MAX / side;
        picture.height = height * CLIP_POSTER_SIDE_MAX / side;
        picture.width += picture.width == 0;
        picture.height += picture.height == 0;
        small = malloc((size_t)picture.width * (size_t)picture.height * 3);
        rc = small ? frames_squash(small, picture.width, picture.height, &whole, err)
                   : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a poster");
        picture.rgb = small;
    }
    if (rc == 0)
        rc = media_png_pack(picture, &ret->poster, &ret->poster_size, err);
    if (rc == 0) {
        ret->poster_width = picture.width;
        ret->poster_height = picture.height;
    }
    free(small);
    return rc;
}

int clip_close(struct clip *clip, struct backend_result *ret, conch_error *err)
{
    int rc = clip->made == clip->frame_count
                 ? clip_poster(clip->poster, clip->width, clip->height, ret, err)
                 : conch_error_set(err, CONCH_ERR_INTERNAL, "%d frames came for a clip of %d", clip->made,
                                   clip->frame_count);
    if (rc < 0) {
        clip_abandon(clip);
        return rc;
    }
    rc = media_clip_close(clip->media, err);
    if (rc == 0) {
        ret->width = clip->width;
        ret->height = clip->height;
        ret->fps = clip->fps;
        ret->frame_count = clip->frame_count;
        ret->duration_ms = (int64_t)clip->frame_count * 1000 / clip->fps;
        ret->seed = (int64_t)json_integer_value(json_object_get(clip->facts, "seed"));
        ret->facts = clip->facts;
        clip->facts = NULL;
    }
    clip_free(clip);
    return rc;
}

void clip_abandon(struct clip *clip)
{
    if (!clip)
        return;
    media_clip_abandon(clip->media);
    clip_free(clip);
}

void clip_preview(struct clip_preview *preview, const char *path, struct media_rgb picture)
{
    const int64_t now_ns = clock_steady_ns();
    if (!path || (preview->written_ns && now_ns - preview->written_ns < CLIP_PREVIEW_MS * INT64_C(1000000)))
        return;
    preview->written_ns = now_ns;
    media_image_write_png(path, picture, NULL);
}

int clip_pictures(const struct backend_job *job, struct media_image *ret_first, struct media_image *ret_last,
                  conch_error *err)
{
    int rc = 0;
    if (job->first_frame.data)
        rc = media_image_decode(job->first_frame.data, job->first_frame.size, ret_first, err);
    if (rc == 0 && job->last_frame.data)
        rc = media_image_decode(job->last_frame.data, job->last_frame.size, ret_last, err);
    return rc;
}
