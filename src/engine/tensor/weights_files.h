/* Which files make up a set of weights: private to weights.c.
 *
 * A path stands for one safetensors file, for an index JSON with its shards, or for a folder that holds either. */
#ifndef ENGINE_TENSOR_WEIGHTS_FILES_H
#define ENGINE_TENSOR_WEIGHTS_FILES_H

#include <stddef.h>

#include "conch/error.h"
#include "engine/tensor/safetensors.h"

struct weights_files {
    struct st_file **file; /* owned */
    size_t count, capacity;
    /* One for each tensor to use, in the order of files and data. */
    struct weights_entry {
        const struct st_tensor *tensor;
        size_t file_index;
    } * entry;
    size_t entry_count, entry_capacity;
};

/* Adds what path stands for; on error, files holds what was added before and is still to be finished. */
int weights_files_add(struct weights_files *files, const char *path, conch_error *err);

/* Takes a zeroed struct. */
void weights_files_finish(struct weights_files *files);

#endif
