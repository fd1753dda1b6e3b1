/* What backends make of frames: the clip with what it says of itself, its poster, the facts for the job; and previews.
 */
#ifndef SERVER_BACKEND_CLIP_H
#define SERVER_BACKEND_CLIP_H

#include "media/media.h"
#include "server/backend/backend.h"
#include "server/backend/local.h"

enum { CLIP_PREVIEW_MS = 500, CLIP_POSTER_SIDE_MAX = 640 };

struct clip_settings {
    const struct backend_job *job;
    struct local_plan plan; /* how its frames were made; strings are read by clip_open alone */
    int width, height, fps, frame_count;
    const char *mark; /* drawn into every frame; NULL: nothing */
    bool sandbox;
    bool fast; /* quick rather than small */
};

struct clip;

/* CONCH_ERR_RANGE, CONCH_ERR_NOMEM, errors of media.h. */
int clip_open(struct clip **ret_clip, const struct clip_settings *settings, conch_error *err);

/* rgb: width * height * 3 bytes. */
int clip_frame(struct clip *clip, const uint8_t *rgb, conch_error *err);

/* Ends it, fills ret but for error and text. Frees clip in any case. */
int clip_close(struct clip *clip, struct backend_result *ret, conch_error *err);
void clip_abandon(struct clip *clip); /* takes NULL */

/* How it was made, as an object for the job's details. NULL: no memory. */
json_t *clip_facts(const struct clip_settings *settings);

/* A PNG of the picture, no side above CLIP_POSTER_SIDE_MAX, as poster of ret. */
int clip_poster(const uint8_t *rgb, int width, int height, struct backend_result *ret, conch_error *err);

/* Pictures of a job that is being made. Zeroed at first. */
struct clip_preview {
    int64_t written_ns;
};
/* Writes one when the last is CLIP_PREVIEW_MS old. A preview that cannot be written is no trouble of the job. */
void clip_preview(struct clip_preview *preview, const char *path, struct media_rgb picture);

/* The pictures of a job, decoded. Each to be finished whatever comes back. */
int clip_pictures(const struct backend_job *job, struct media_image *ret_first, struct media_image *ret_last,
                  conch_error *err);

#endif
