/* The index of a set of weights, from a stranger: it may name any file, but only what lies beside it is opened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/tensor/weights.h"
#include "fuzz.h"

/* {"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}} and one byte */
static const char shard[] = "\x35\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}\7";

static char folder[] = "/tmp/conch-fuzz-index-XXXXXX";
static char index_path[64], shard_path[64];

static void folder_remove(void)
{
    unlink(index_path);
    unlink(shard_path);
    rmdir(folder);
}

static void folder_make(void)
{
    if (!mkdtemp(folder))
        abort();
    snprintf(index_path, sizeof index_path, "%s/index.json", folder);
    snprintf(shard_path, sizeof shard_path, "%s/s.safetensors", folder);
    atexit(folder_remove);
    if (file_write_atomic(shard_path, shard, sizeof shard - 1, NULL) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *paths[] = {index_path};
    struct weights *weights = NULL;
    conch_error err = {0};
    if (!index_path[0])
        folder_make();
    FILE *file = fopen(index_path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
    int rc = weights_open(&weights, paths, 1, &err);
    if (rc < 0 && (err.code != rc || !err.text[0] || weights))
        abort(); /* a refusal says why, and leaves nothing */
    if (rc == 0 && weights_count(weights) > 1)
        abort(); /* there is one tensor beside the index */
    if (rc == 0 && weights_count(weights) == 1 && !weights_has(weights, "a"))
        abort();
    weights_close(weights);
    return 0;
}
