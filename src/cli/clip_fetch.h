/* The clip of a job, from the server into a file: it appears whole, with the size and SHA-256 that the job states, or
 * not at all. A transfer that breaks goes on where it was. */
#ifndef CLI_CLIP_FETCH_H
#define CLI_CLIP_FETCH_H

#include <jansson.h>

#include "cli/client.h"

struct clip_fetch {
    const json_t *job;  /* as the server shows it; it has a clip */
    const char *output; /* replaced when it is there */
    int64_t patience_ms;
};

/* CONCH_ERR_NOTFOUND when the job has no clip (the text says why), CONCH_ERR_FORMAT when what came is not what the job
 * states, CONCH_ERR_IO, and what client_call gives. */
int clip_fetch(const struct client *client, const struct clip_fetch *fetch, uint64_t *ret_bytes, conch_error *err);

#endif
