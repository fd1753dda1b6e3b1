/* libconch: video from a sentence or a picture, on this machine.
 *
 *     conch_engine *engine;  conch_model *model;  conch_error err;
 *     conch_engine_create(&engine, NULL, &err);
 *     conch_model_open(&model, "models/tiny", &err);
 *     conch_request request = {.prompt = "a red ball drops and bounces on the grass", .seed = 7};
 *     conch_generate(engine, model, &request, &sink, &err);
 *
 * One engine runs one generation at a time; conch_engine_cancel may be called from any thread or signal handler. Models
 * are read-only and may be shared. Structs are zero-initialised by the caller: zero means the default everywhere. */
#ifndef CONCH_ENGINE_H
#define CONCH_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct conch_engine conch_engine;
typedef struct conch_model conch_model;

/* ---- engine ---- */

typedef struct conch_engine_options {
    size_t threads;        /* 1..256; 0: the cores this process may use */
    uint64_t memory_bytes; /* what a generation may use at its peak; 0: what the system says is available */
    const char *cache_dir; /* embeddings of prompts are kept here; NULL or "": nowhere */
    const char *cpu;       /* best kernels to use: ref, avx2, avx512, avx512bf16, amx; NULL: the best there are */
} conch_engine_options;

/* CONCH_ERR_RANGE (threads, cpu), CONCH_ERR_NOMEM. options may be NULL. */
int conch_engine_create(conch_engine **ret_engine, const conch_engine_options *options, conch_error *err);
void conch_engine_destroy(conch_engine *engine);

/* Asks the running generation, or the next one if none runs, to stop: it returns CONCH_ERR_CANCELLED within one
 * transformer block or one latent frame, and the one after it starts afresh. Async-signal-safe. */
void conch_engine_cancel(conch_engine *engine);

typedef struct conch_engine_facts {
    const char *kernels; /* name of the kernels in use */
    size_t threads;
    uint64_t memory_available_bytes; /* as the system says now, cgroup limits included */
} conch_engine_facts;
void conch_engine_facts_get(const conch_engine *engine, conch_engine_facts *ret_facts);

/* ---- models ---- */

enum conch_mode {
    CONCH_MODE_TEXT = 1,
    CONCH_MODE_FIRST_FRAME = 2,
    CONCH_MODE_FIRST_LAST_FRAME = 4,
};

typedef struct conch_size {
    int width, height; /* pixels */
} conch_size;

enum { CONCH_SIZES_MAX = 32, CONCH_DURATIONS_MAX = 64 };

typedef struct conch_model_info {
    const char *folder, *name, *title, *family, *license;
    unsigned modes; /* enum conch_mode, or-ed */
    conch_size sizes[CONCH_SIZES_MAX];
    size_t size_count; /* the first is the default */
    int frame_counts[CONCH_DURATIONS_MAX];
    size_t frame_count_count; /* the longest that is offered by default is default_frame_count */
    int default_frame_count;
    int fps;
    int step_count;
    double guidance, shift;
    const char *sampler, *negative;
    uint64_t weights_bytes; /* on disk, all components; 0 when some are missing */
    const char *missing;    /* path of the first file that is not there, NULL: complete */
} conch_model_info;

/* Reads FOLDER/conch.json (docs/models.md describes it) and looks for the files it names; opens no weights.
 * CONCH_ERR_NOTFOUND, CONCH_ERR_FORMAT (names file and field), CONCH_ERR_UNSUPPORTED (a family this build lacks). */
int conch_model_open(conch_model **ret_model, const char *folder, conch_error *err);
void conch_model_close(conch_model *model);
/* Valid until the model is closed. */
const conch_model_info *conch_model_info_get(const conch_model *model);

/* ---- requests ---- */

typedef struct conch_picture {
    const uint8_t *rgb; /* [height][width][3], rows top down */
    int width, height;  /* must be the request's size: fit pictures first (media/fit.h) */
} conch_picture;

typedef enum conch_precision { CONCH_PRECISION_BF16, CONCH_PRECISION_F32 } conch_precision;

typedef struct conch_request {
    const char *prompt;                            /* UTF-8, not empty */
    const char *negative;                          /* NULL: the model's default; "" is allowed */
    const conch_picture *first_frame, *last_frame; /* NULL: none; a last frame needs a first */
    int width, height;                             /* one of the model's sizes; 0: its first */
    int frame_count;                               /* one of the model's; 0: its default */
    int step_count;                                /* 1..1000; 0: the model's default */
    double guidance;           /* 0: the model's default; 1: no guidance (half the work); up to 100 */
    double shift;              /* 0: the model's default; 0.001 to 100 */
    const char *sampler;       /* unipc, dpmpp, euler, euler_diffusers, unipc_diffusers; NULL: the model's default */
    uint64_t seed;             /* same seed, model, build and kernels give the same bytes, whatever the threads */
    conch_precision precision; /* of the networks */
    const char *latent_path;   /* where the denoised latent is saved before decoding; NULL: not saved */
    bool preview;              /* give the sink a picture after each step */
} conch_request;

enum conch_phase { CONCH_PHASE_TEXT, CONCH_PHASE_IMAGE, CONCH_PHASE_DENOISE, CONCH_PHASE_DECODE, CONCH_PHASE_COUNT };

/* "text", "image", "denoise", "decode" */
const char *conch_phase_name(enum conch_phase phase);

/* What a request will take, known before any work. */
typedef struct conch_plan {
    uint64_t phase_bytes[CONCH_PHASE_COUNT]; /* packed weights and buffers that each phase holds; 0: phase not needed */
    uint64_t base_bytes;                     /* held all through: the process as it is, latents, scratch */
    uint64_t peak_bytes;                     /* base + the largest phase */
    uint64_t mapped_bytes;    /* weight files that are mapped meanwhile; their pages are the system's to drop */
    uint64_t available_bytes; /* the limit it is held against */
    bool streamed;            /* transformer blocks are packed anew for every pass, to fit */
    bool text_cached[2];      /* prompt, negative prompt: the embedding is already known */
    double phase_gflop[CONCH_PHASE_COUNT];
    size_t tokens; /* the transformer's, per pass */
    int latent_frames, latent_width, latent_height;
    int width, height, frame_count, fps, step_count; /* as resolved */
    double guidance, shift;
    const char *sampler;                     /* static */
    size_t prompt_tokens, prompt_tokens_cut; /* used, and dropped for being too many */
} conch_plan;

/* All checks of conch_generate, and the numbers, without the work.
 *   CONCH_ERR_RANGE        a field is not allowed; the text lists what is
 *   CONCH_ERR_UNSUPPORTED  the model lacks the mode
 *   CONCH_ERR_NOTFOUND     a file of the model is missing
 *   CONCH_ERR_FORMAT       a file of the model is damaged, as far as its header shows
 *   CONCH_ERR_NOMEM        it does not fit; the text has both numbers */
int conch_plan_make(conch_engine *engine, const conch_model *model, const conch_request *request, conch_plan *ret_plan,
                    conch_error *err);

/* ---- results ---- */

typedef struct conch_progress {
    enum conch_phase phase;
    int step, step_count; /* within the phase: layers of text, denoising steps, latent frames */
    double fraction;      /* of the whole work, 0..1 */
    int64_t eta_ms;       /* time left, -1 while unknown */
} conch_progress;

/* Called on the generating thread. A non-zero return stops with CONCH_ERR_CANCELLED. Any may be NULL but frame. */
typedef struct conch_sink {
    void *context;
    int (*progress)(void *context, const conch_progress *progress);
    int (*frame)(void *context, const uint8_t *rgb, int index);  /* display order, [height][width][3] */
    int (*preview)(void *context, const uint8_t *rgb, int step); /* size of the clip */
} conch_sink;

/* Generates one clip; blocks. Errors of conch_plan_make, and CONCH_ERR_FORMAT (damaged weights), CONCH_ERR_IO,
 * CONCH_ERR_DISKFULL (saving the latent), CONCH_ERR_CANCELLED.
 * Follows WanT2V.generate and WanTI2V.generate of the published programs; docs/models.md lists deviations. */
int conch_generate(conch_engine *engine, const conch_model *model, const conch_request *request, const conch_sink *sink,
                   conch_error *err);

/* What a saved latent says of itself. finish with conch_latent_info_finish. */
typedef struct conch_latent_info {
    char *model, *prompt;
    int width, height, frame_count, fps;
    uint64_t seed;
} conch_latent_info;
int conch_latent_info_read(const char *path, conch_latent_info *ret_info, conch_error *err);
void conch_latent_info_finish(conch_latent_info *info);

/* The decoding alone, from a latent that conch_generate saved. CONCH_ERR_FORMAT (not one, or damaged), CONCH_ERR_RANGE
 * (of another model). */
int conch_decode(conch_engine *engine, const conch_model *model, const char *latent_path, conch_precision precision,
                 const conch_sink *sink, conch_error *err);

#ifdef __cplusplus
}
#endif
#endif
