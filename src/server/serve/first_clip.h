/* The clip that a new installation starts with, so that there is something to look at: submitted through the API like
 * any other, and told of when it is done. */
#ifndef SERVER_SERVE_FIRST_CLIP_H
#define SERVER_SERVE_FIRST_CLIP_H

#include <stdint.h>

#include "server/api/api.h"

struct first_clip {
    struct api *api;
    int64_t job_id;   /* 0: none, or told already */
    int permille;     /* as last shown */
    char origin[128]; /* "http://127.0.0.1:8787" */
};

struct first_clip_settings {
    struct api *api;
    const char *prompt, *origin;
    const char *key; /* that it is made with; NULL: none is known, then there is no clip */
};

/* Nothing when there is a job in the store already. What goes wrong is logged; the server goes on. */
void first_clip_begin(struct first_clip *clip, const struct first_clip_settings *settings);

/* Now and then, until it is done. */
void first_clip_look(struct first_clip *clip);

#endif
