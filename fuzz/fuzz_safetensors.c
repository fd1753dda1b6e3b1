/* A weight file from a stranger: parsed from memory, then opened as a set of weights and read value by value. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base.h"
#include "engine/tensor/weights.h"
#include "fuzz.h"

static void tensors_check(const struct st_file *file)
{
    for (size_t i = 0; i < st_count(file); i++) {
        const struct st_tensor *tensor = st_at(file, i);
        float values[256];
        size_t count = size_min(st_elements(tensor), ARRAY_LEN(values));
        if (st_find(file, tensor->name) != tensor)
            abort();
        dtype_to_f32(values, tensor->data, tensor->dtype, count);
        if (tensor->bytes) /* the last byte, which a wrong size would put outside */
            values[0] = ((const uint8_t *)tensor->data)[tensor->bytes - 1];
    }
    st_metadata(file, "format");
}

static void weights_check(const struct weights *weights)
{
    static const int64_t any[ST_DIMS_MAX] = {-1, -1, -1, -1, -1, -1, -1, -1};
    for (size_t i = 0; i < weights_count(weights); i++) {
        const struct st_tensor *tensor = weights_at(weights, i);
        struct weight_ref ref;
        conch_error err;
        float values[64];
        uint16_t rounded[64];
        if (weights_get(weights, tensor->name, tensor->ndim, any, &ref, &err) < 0)
            continue;
        size_t count = size_min(ref.elements, ARRAY_LEN(values)), first = ref.elements - count;
        if (weight_read_f32(&ref, first, count, values) != 0 || weight_read_bf16(&ref, first, count, rounded) != 0)
            abort();
        weights_check_finite(&ref, &err);
        weight_data(&ref, ref.dtype);
        weight_drop(&ref);
    }
    weights_has(weights, "visual.transformer.0.attn.to_qkv.weight");
}

/* The same bytes through a file, which weights_open wants. */
static void file_check(const uint8_t *data, size_t size)
{
    char path[64];
    const char *paths[] = {path};
    struct weights *weights;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (write(fd, data, size) == (ssize_t)size && weights_open(&weights, paths, 1, NULL) == 0) {
        weights_check(weights);
        weights_close(weights);
    }
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct st_file *file = NULL;
    conch_error err = {0};
    int rc = st_open_memory(&file, data, size, "input", &err);
    if (rc < 0) {
        if (err.code != rc || !err.text[0] || file)
            abort(); /* a refusal says why, and leaves nothing */
        return 0;
    }
    tensors_check(file);
    st_close(file);
    file_check(data, size);
    return 0;
}
