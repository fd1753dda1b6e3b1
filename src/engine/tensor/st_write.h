/* Writing small safetensors files: saved latents and cached embeddings. */
#ifndef TENSOR_ST_WRITE_H
#define TENSOR_ST_WRITE_H

#include <jansson.h>
#include <stddef.h>

#include "conch/error.h"

struct st_write_tensor {
    const char *name;
    const float *data; /* F32, row-major */
    int ndim;
    size_t shape[8];
};

/* metadata: an object of strings, or NULL. The file appears complete or not at all. CONCH_ERR_IO, CONCH_ERR_DISKFULL,
 * CONCH_ERR_NOMEM. */
int st_write(const char *path, const struct st_write_tensor *tensor, const json_t *metadata, conch_error *err);

#endif
