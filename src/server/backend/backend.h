/* Who makes the pixels: a table of functions that the queue drives, one table a way of making them.
 *
 *   local    our own engine in this process, any model folder of this machine
 *   sandbox  a hosted model by name, rehearsed: its sizes, lengths and failures, with pixels of the model that ships
 *
 * A backend knows no store and no clock of jobs. It is handed one job as values, tells the sink how it goes on, and
 * leaves a finished clip at job->clip_path. Several jobs may be in `run` at once on threads of their own, but only one
 * may be outside of sink->wait: the caller sees to that, for the engine makes one clip at a time. */
#ifndef SERVER_BACKEND_BACKEND_H
#define SERVER_BACKEND_BACKEND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"
#include "server/job/job.h"

struct backend;

/* An encoded picture as it was uploaded. data NULL: none. */
struct backend_picture {
    const void *data;
    size_t size;
};

/* Strings may be NULL where nothing was said, but id, task, model, served_by, prompt_used never. All borrowed. */
struct backend_job {
    int64_t id;
    int32_t attempt;  /* 1 is the first */
    bool resumed;     /* it was taken and begun before: its answer was lost, or its worker */
    const char *task; /* "generation", "context", "image", ... */
    const char *model_asked, *model, *served_by, *prompt, /* as in struct store_job */
        *prompt_used, *resolution, *ratio;
    int32_t seconds, width, height, fps; /* asked for; 0: follows from the rest */
    int64_t seed;                        /* -1: the backend chooses */
    struct backend_picture first_frame, last_frame;
    const json_t *details;    /* negative, steps, guidance, watermark, h3_context */
    const char *clip_path;    /* where the clip (task "image": the PNG) is to be */
    const char *preview_path; /* a PNG of what is being made, replaced now and then; NULL: none */
};

struct backend_progress {
    const char *phase; /* static: "text", "image", "denoise", "decode", "encode" */
    int step, step_count;
    int permille;   /* of the whole job */
    int64_t eta_ms; /* time left; -1: not known */
};

/* Called on the thread of run. */
struct backend_sink {
    void *context;
    bool (*stopped)(void *context);                                          /* whether the job is to end now */
    int (*begun)(void *context);                                             /* it is accepted and made from here on */
    int (*progress)(void *context, const struct backend_progress *progress); /* often: the caller thins it out */
    int (*wait)(void *context, int64_t ms); /* sleeps; others may use the engine meanwhile */
};

/* Zeroed by the caller. */
struct backend_result {
    enum job_error error; /* of a failed run */
    int width, height, fps, frame_count;
    int64_t duration_ms;
    int64_t seed;
    char *text;      /* task "context"; owned */
    uint8_t *poster; /* PNG of one frame; owned; NULL: there is none */
    size_t poster_size;
    int poster_width, poster_height;
    json_t *facts; /* object: how it was made, for the job's details; owned */
};
void backend_result_finish(struct backend_result *result);

struct backend_table {
    const char *name;
    /* 0, or a negative code with err and, when it knows better than the code says, ret->error. CONCH_ERR_CANCELLED:
     * sink->stopped, or a call of the sink said so. Nothing is left at clip_path then. */
    int (*run)(struct backend *backend, const struct backend_job *job, const struct backend_sink *sink,
               struct backend_result *ret, conch_error *err);
    /* Any thread: ends the run of that job soon; sink->stopped must say so already. */
    void (*cancel)(struct backend *backend, int64_t job_id);
    /* Adds to an object what the worker tells of itself: models, kernels, threads. NULL: nothing. */
    int (*describe)(struct backend *backend, json_t *object, conch_error *err);
    void (*close)(struct backend *backend);
    /* A job whose answer was lost is found again by asking, so long after it was lost; 0: never. */
    int64_t found_after_ms;
};

struct backend {
    const struct backend_table *table;
};

/* table->run, with ret->error filled in any case of failure. */
int backend_run(struct backend *backend, const struct backend_job *job, const struct backend_sink *sink,
                struct backend_result *ret, conch_error *err);
void backend_close(struct backend *backend); /* takes NULL */

/* What a code of conch/error.h means for a job. */
enum job_error backend_error_of(int code);

enum { BACKEND_FIND_EVERY_MS = 30 * 1000, BACKEND_MODELS_MAX = 256 };
typedef int backend_folder_add(void *to, const char *folder, conch_error *err);

struct backend_local_settings {
    const char *const *folders; /* of models, each with its conch.json */
    size_t folder_count;
    /* Tells of further ones: at the start, and now and then while no clip is made, so that a model that was put there
     * is offered without a restart. On any thread, one call at a time. NULL: there are no others. */
    int (*find)(void *context, backend_folder_add *add, void *to, conch_error *err);
    void *find_context;
    int64_t find_every_ms; /* 0: BACKEND_FIND_EVERY_MS */
    size_t threads;        /* 0: as many as the machine has */
    uint64_t memory_bytes; /* 0: what is available */
    const char *cache_dir; /* for embeddings of prompts; NULL: none are kept */
};
/* Without a usable model it works and fails its jobs. CONCH_ERR_RANGE, CONCH_ERR_NOMEM. */
int backend_local_open(struct backend **ret_backend, const struct backend_local_settings *settings, conch_error *err);

struct backend_sandbox_settings {
    struct backend *local; /* makes the pixels; outlives this one */
    const char *watermark; /* drawn into every frame; NULL or "": nothing */
    bool real_time;        /* waits as long as a hosted service takes */
};
int backend_sandbox_open(struct backend **ret_backend, const struct backend_sandbox_settings *settings,
                         conch_error *err);

#endif
