/* The weights of one component (a transformer, a VAE, a text encoder), from one file or many, under official names.
 *
 * Model code names tensors as the official Wan checkpoints do; the set finds them in files that use the names of
 * diffusers, of transformers (UMT5, CLIP) or of Comfy, with or without a prefix (weights_names.h). fp8 weights that
 * have a scale beside them (X.scale_weight or X.weight_scale, one number or one a row) are multiplied by it when read.
 *
 * Nothing is loaded: files are mapped, values are converted as they are read, and weight_drop gives the pages back. A
 * set does not change after weights_open, so any number of threads may read from it. */
#ifndef ENGINE_TENSOR_WEIGHTS_H
#define ENGINE_TENSOR_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "conch/error.h"
#include "engine/tensor/dtype.h"
#include "engine/tensor/safetensors.h"
#include "engine/tensor/weights_names.h"

#define WEIGHTS_FILES_MAX       1024
#define WEIGHTS_INDEX_BYTES_MAX ((size_t)16 << 20)

struct weights;

/* One stored tensor of a reference. Its pointers live as long as the set. */
struct weight_part {
    const struct st_tensor *tensor;
    const struct st_tensor *row_scales; /* one scale for each index of the first dimension; NULL: `scale` for all */
    float scale;                        /* 1 when the tensor has none */
    size_t elements, row_elements;
    const struct file_map *map;
    const char *path; /* of the file, for error texts */
};

/* A weight that was found and has the right shape: all that reading needs, to be kept by value. */
struct weight_ref {
    const struct st_tensor *tensor; /* the first part; the whole weight unless part_count > 1 or transposed */
    enum dtype dtype;               /* as stored (of the first part) */
    int ndim;
    int64_t shape[ST_DIMS_MAX]; /* as asked for, with the sizes found where any was allowed */
    size_t elements;
    bool transposed; /* stored as [shape[1], shape[0]] */
    int part_count;
    struct weight_part part[WEIGHTS_PARTS_MAX]; /* joined along dimension 0 */
};

/* Opens every path: a .safetensors file; an index (.json) with its shards beside it; or a folder, which holds one
 * *.index.json, or no index and a single .safetensors file.
 *   CONCH_ERR_NOTFOUND   a path, or a shard that an index names, does not exist; a folder holds no weights
 *   CONCH_ERR_FORMAT     a file or index is damaged, a tensor of the index is not in its shard, or a name is in two
 * files CONCH_ERR_RANGE      no path at all, or a folder with more than one set of weights CONCH_ERR_UNSUPPORTED,
 * CONCH_ERR_IO, CONCH_ERR_LIMIT, CONCH_ERR_NOMEM */
int weights_open(struct weights **ret, const char *const *paths, size_t path_count, conch_error *err);

/* Takes NULL. References and tensors of the set are invalid afterwards. */
void weights_close(struct weights *weights);

/* Whether the official name, or what it is called in these files, is there. */
bool weights_has(const struct weights *weights, const char *name);

/* The stored tensor of an official name; NULL when absent, and also when the files hold it in several parts (the three
 * projections that official CLIP joins), which weights_get reads. Scales are not in it: see weights_get. */
const struct st_tensor *weights_find(const struct weights *weights, const char *name);

/* Finds name and checks that it has exactly this shape; -1 in a dimension accepts any size. shape may be NULL for ndim
 * 0. CONCH_ERR_NOTFOUND      no such tensor CONCH_ERR_FORMAT        another shape, or a scale that is not finite or
 * does not fit; the text names file, tensor, and the shapes found and wanted CONCH_ERR_UNSUPPORTED   scales in blocks
 * or in an integer type */
int weights_get(const struct weights *weights, const char *name, int ndim, const int64_t *shape, struct weight_ref *ret,
                conch_error *err);

/* weights_get for a name made by printf: weights_getf(w, &ref, err, 2, shape, "blocks.%d.ffn.0.weight", i). */
int weights_getf(const struct weights *weights, struct weight_ref *ret, conch_error *err, int ndim,
                 const int64_t *shape, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Reads count elements from the first'th on, in row-major order of ref->shape, scales applied.
 * CONCH_ERR_RANGE (and nothing written) when they are not all inside the weight. */
int weight_read_f32(const struct weight_ref *ref, size_t first, size_t count, float *dst);
int weight_read_bf16(const struct weight_ref *ref, size_t first, size_t count, uint16_t *dst);

/* The weight in place, for kernels that take its type: NULL unless it is stored as dtype in one piece, row-major,
 * without scale, and aligned to its element size. */
const void *weight_data(const struct weight_ref *ref, enum dtype dtype);

/* Gives the pages of the weight back to the system; reading it again reads the file again. */
void weight_drop(const struct weight_ref *ref);

/* The same for count elements from the first'th on, as far as they fill pages: a large weight that is read from one end
 * to the other need not be resident as a whole. May do nothing. */
void weight_drop_range(const struct weight_ref *ref, size_t first, size_t count);

/* Reads the whole weight and refuses the first value that is NaN or infinite: CONCH_ERR_FORMAT, naming its place. */
int weights_check_finite(const struct weight_ref *ref, conch_error *err);

/* Every stored tensor, under its stored name, scales and markers included; in the order of files and data. */
size_t weights_count(const struct weights *weights);
const struct st_tensor *weights_at(const struct weights *weights, size_t index);

/* Bytes of all tensors as stored. */
uint64_t weights_bytes(const struct weights *weights);

/* The text under this key of __metadata__, from the first file that has it; NULL when absent. */
const char *weights_metadata(const struct weights *weights, const char *key);

#endif
