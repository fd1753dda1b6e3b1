/* The engine and the models of this machine, for the backends of this folder. */
#ifndef SERVER_BACKEND_LOCAL_H
#define SERVER_BACKEND_LOCAL_H

#include <jansson.h>

#include "media/media.h"
#include "server/backend/backend.h"

struct local;

int local_open(struct local **ret_local, const struct backend_local_settings *settings, conch_error *err);
void local_close(struct local *local);

enum local_fit {
    LOCAL_FIT_COVER, /* pictures are cut to the model's shape */
    LOCAL_FIT_SQUASH /* or drawn out of shape */
};

struct local_request {
    int64_t job_id;
    const char *model;             /* "conch/tiny", the folder's name, or the last part of either */
    const char *prompt, *negative; /* negative NULL: the model's */
    int width, height;             /* one of the model's sizes; 0: that nearest in shape to the first frame, or its
                                      first */
    int seconds;                   /* one of the model's durations; 0: its default */
    double seconds_least;          /* instead: its shortest duration that is not shorter, or its longest; 0: not used */
    int64_t seed;
    int steps;
    double guidance;
    const struct media_image *first_frame, *last_frame; /* of any size; rgb NULL: none */
    enum local_fit fit;
    bool previews;
};

/* As the engine resolved it. Strings are valid during the call. */
struct local_plan {
    const char *model, *sampler;
    int width, height, fps, frame_count, step_count;
    double guidance, shift;
    int64_t seed;
    size_t prompt_tokens_cut;
};

/* Each returns 0 to go on. begin comes once, before all others. */
struct local_sink {
    void *context;
    bool (*stopped)(void *context);
    int (*begin)(void *context, const struct local_plan *plan);
    int (*progress)(void *context, const struct backend_progress *progress); /* permille of the generation */
    int (*frame)(void *context, const uint8_t *rgb, int index);
    int (*preview)(void *context, const uint8_t *rgb);
};

/* Errors of conch_plan_make and conch_generate; CONCH_ERR_NOTFOUND: no such model. One call at a time. */
int local_generate(struct local *local, const struct local_request *request, const struct local_sink *sink,
                   conch_error *err);
void local_cancel(struct local *local, int64_t job_id);

/* Adds models, kernels and threads. */
int local_describe(struct local *local, json_t *object, conch_error *err);

/* The engine of a backend that backend_local_open made. */
struct local *backend_local_engine(struct backend *backend);

#endif
