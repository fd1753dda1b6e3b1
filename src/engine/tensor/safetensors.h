/* One safetensors file, mapped and checked.
 *
 * The file is trusted in nothing: the header is at most ST_HEADER_BYTES_MAX bytes of JSON, no name occurs twice, each
 * tensor has a known type, at most ST_DIMS_MAX dimensions and exactly the bytes its shape asks for, and the tensors
 * cover everything after the header without overlap, hole or remainder, as the reference library demands. What is
 * returned can be read without further checks.
 *
 * Tensors are views into the map: they live as long as the file is open, cost no memory of ours, and their data need
 * not be aligned. A file that another program shortens while it is open raises SIGBUS, as with any map. */
#ifndef ENGINE_TENSOR_SAFETENSORS_H
#define ENGINE_TENSOR_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "conch/error.h"
#include "engine/tensor/dtype.h"

#define ST_HEADER_BYTES_MAX ((uint64_t)100 << 20)
#define ST_TENSORS_MAX      262144
#define ST_DIMS_MAX         8

struct st_tensor {
    const char *name; /* as stored in the file, UTF-8 */
    enum dtype dtype;
    int ndim; /* 0 for a scalar */
    int64_t shape[ST_DIMS_MAX];
    const void *data; /* row-major, last dimension fastest */
    size_t bytes;     /* elements * dtype_size(dtype); 0 when a dimension is 0 */
};

struct st_file;

/* Opens and checks path.
 *   CONCH_ERR_NOTFOUND, CONCH_ERR_IO   the file cannot be opened or is no regular file
 *   CONCH_ERR_FORMAT                   damaged, or no safetensors file
 *   CONCH_ERR_UNSUPPORTED              an element type or a number of dimensions that Conch does not have
 *   CONCH_ERR_LIMIT                    header or number of tensors above the limits here
 *   CONCH_ERR_NOMEM */
int st_open(struct st_file **ret, const char *path, conch_error *err);

/* The same for bytes that the caller keeps alive and unchanged until st_close; label stands for the path in errors. */
int st_open_memory(struct st_file **ret, const void *data, size_t size, const char *label, conch_error *err);

/* Takes NULL. Every tensor, name and metadata text of the file is gone afterwards. */
void st_close(struct st_file *file);

/* Tensors in the order of their data; index < st_count. */
size_t st_count(const struct st_file *file);
const struct st_tensor *st_at(const struct st_file *file, size_t index);

/* By stored name, NULL when absent; a binary search. */
const struct st_tensor *st_find(const struct st_file *file, const char *name);

/* The text under this key of __metadata__, NULL when absent. */
const char *st_metadata(const struct st_file *file, const char *key);

const char *st_path(const struct st_file *file);
const struct file_map *st_map(const struct st_file *file);

/* Elements of a tensor: the product of its shape, 1 for a scalar. */
size_t st_elements(const struct st_tensor *tensor);

/* Room for st_shape_text: eight 19-digit numbers and punctuation. */
#define ST_SHAPE_TEXT_BYTES 192

/* Writes "[5120, 16, 1, 2, 2]" for error texts; a negative dimension becomes "any". Returns text. */
const char *st_shape_text(char text[ST_SHAPE_TEXT_BYTES], int ndim, const int64_t *shape);

#endif
