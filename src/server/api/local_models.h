/* Models that workers have in their folders, as they publish them in the store: what the catalog cannot know.
 *
 * A worker's details are a JSON object:
 *   {"models": [{"name", "title", "modes": ["text", "first_frame", "last_frame" or "first_last_frame"],
 *                "sizes": [[width, height]], "frames": [17, 33], "fps", "default_frames", "licence", "bytes",
 *                "complete": false where the weights are not there}],
 *    "kernels", "threads", "ms_per_clip": {"NAME": ms}}
 * What is no such thing is skipped: a worker of another version must not stop this server. Each model becomes a
 * catalog_model: an output for each size ("832x480"), its lengths in whole seconds. Those stay where they are until
 * local_models_destroy, also when their worker has gone, so pointers to them may be kept. Any thread. */
#ifndef SERVER_API_LOCAL_MODELS_H
#define SERVER_API_LOCAL_MODELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/job/catalog.h"
#include "server/store/store.h"

enum {
    LOCAL_MODELS_MAX = 64,       /* kinds of model ever seen; further ones are not taken up */
    LOCAL_MODELS_FRESH_MS = 1000 /* how old what is known of the workers may be */
};

struct local_models;

struct local_models *local_models_create(void); /* NULL: no memory */
void local_models_destroy(struct local_models *models);

/* Whether what is known should be read again; says so to one caller at a time. */
bool local_models_stale(struct local_models *models, int64_t now_ms);
/* Takes up what workers (seen lately) say. */
void local_models_update(struct local_models *models, const struct store_worker *workers, size_t count, int64_t now_ms);

/* A model by the name its worker gives it; NULL: there is none. live: one is there at the moment. */
const struct catalog_model *local_models_find(struct local_models *models, const char *name, bool *ret_live);
/* Those that are there at the moment; *count: room before, number after. */
void local_models_list(struct local_models *models, const struct catalog_model **ret, size_t *count);

/* Measured time of one clip; -1: not known. */
int64_t local_models_clip_ms(struct local_models *models, const char *name);
/* Engine workers seen lately. */
size_t local_models_workers(struct local_models *models);

#endif
