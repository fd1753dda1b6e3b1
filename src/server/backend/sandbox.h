/* What the sandbox makes of what was asked for: pure, apart from the pixels. */
#ifndef SERVER_BACKEND_SANDBOX_H
#define SERVER_BACKEND_SANDBOX_H

#include "server/backend/backend.h"

enum {
    SANDBOX_FPS = 24,
    SANDBOX_SECONDS = 6,
    SANDBOX_SECONDS_MAX = 30,
    SANDBOX_SHORT_SIDE = 768,
    SANDBOX_IMAGE_SIDE = 1024,
    SANDBOX_LONG_SIDE_MAX = 4096,
    /* real_time: how long a hosted service lets a job wait, and takes for each second of a clip. */
    SANDBOX_QUEUE_MS = 4000,
    SANDBOX_RUN_MS_PER_SECOND = 5000,
    /* A lost answer is found again so long afterwards. */
    SANDBOX_FOUND_MS = 60000
};

struct sandbox_size {
    int width, height; /* even */
};

/* The size as it was asked for; else the resolution's short side in the picture's shape, or the ratio's, or 16:9.
 * picture: width and height of the first or last frame, 0: none. */
struct sandbox_size sandbox_size(const struct backend_job *job, struct sandbox_size picture);

#endif
