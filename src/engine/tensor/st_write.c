#include "engine/tensor/st_write.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/file.h"

static char *header_text(const struct st_write_tensor *tensor, const json_t *metadata, size_t data_bytes)
{
    json_t *shape = json_array(), *root = json_object();
    int rc = shape && root ? 0 : -1;
    for (int i = 0; rc == 0 && i < tensor->ndim; i++)
        rc = json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i]));
    if (rc == 0 && metadata)
        rc = json_object_set_new(root, "__metadata__", json_deep_copy(metadata));
    if (rc == 0)
        rc = json_object_set_new(root, tensor->name,
                                 json_pack("{s:s, s:O, s:[i, I]}", "dtype", "F32", "shape", shape, "data_offsets", 0,
                                           (json_int_t)data_bytes));
    char *text = rc == 0 ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(shape);
    json_decref(root);
    return text;
}

int st_write(const char *path, const struct st_write_tensor *tensor, const json_t *metadata, conch_error *err)
{
    size_t data_bytes = sizeof(float);
    for (int i = 0; i < tensor->ndim; i++)
        data_bytes *= tensor->shape[i];
    char *header = header_text(tensor, metadata, data_bytes);
    size_t header_bytes = header ? strlen(header) : 0, padded = round_up(header_bytes, 8);
    unsigned char *file = header ? malloc(8 + padded + data_bytes) : NULL;
    int rc;
    if (file) {
        for (int i = 0; i < 8; i++)
            file[i] = (unsigned char)((uint64_t)padded >> 8 * i);
        memcpy(file + 8, header, header_bytes);
        memset(file + 8 + header_bytes, ' ', padded - header_bytes);
        memcpy(file + 8 + padded, tensor->data, data_bytes);
        rc = file_write_atomic(path, file, 8 + padded + data_bytes, err);
    } else {
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory to write %s", path);
    }
    free(file);
    free(header);
    return rc;
}
