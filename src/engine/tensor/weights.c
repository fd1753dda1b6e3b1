#include "engine/tensor/weights.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "engine/tensor/weights_files.h"

struct weights {
    struct weights_files files;
    const struct weights_entry **by_name;
    uint64_t bytes;
};

static const char *entry_path(const struct weights *weights, const struct weights_entry *entry)
{
    return st_path(weights->files.file[entry->file_index]);
}

static int by_name(const void *a, const void *b)
{
    const struct weights_entry *const *x = a, *const *y = b;
    return strcmp((*x)->tensor->name, (*y)->tensor->name);
}

/* Sorts the entries by name and refuses a name that two files claim: which one is meant cannot be known. */
static int names_sort(struct weights *weights, conch_error *err)
{
    size_t count = weights->files.entry_count;
    weights->by_name = calloc(count + 1, sizeof *weights->by_name);
    if (!weights->by_name)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the names of %zu tensors", count);
    for (size_t i = 0; i < count; i++) {
        weights->by_name[i] = &weights->files.entry[i];
        weights->bytes += weights->files.entry[i].tensor->bytes;
    }
    qsort(weights->by_name, count, sizeof *weights->by_name, by_name);
    for (size_t i = 1; i < count; i++) {
        const struct weights_entry *a = weights->by_name[i - 1], *b = weights->by_name[i];
        if (strcmp(a->tensor->name, b->tensor->name) == 0 && strcmp(a->tensor->name, "scaled_fp8") != 0)
            return conch_error_set(err, CONCH_ERR_FORMAT, "tensor %s is in both %s and %s", a->tensor->name,
                                   entry_path(weights, a), entry_path(weights, b));
    }
    return 0;
}

int weights_open(struct weights **ret, const char *const *paths, size_t path_count, conch_error *err)
{
    int rc = 0;
    if (path_count == 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "no weight file was named, at least one is needed");
    struct weights *weights = calloc(1, sizeof *weights);
    if (!weights)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to open weights");
    for (size_t i = 0; i < path_count && rc == 0; i++)
        rc = weights_files_add(&weights->files, paths[i], err);
    if (rc == 0)
        rc = names_sort(weights, err);
    if (rc == 0) {
        *ret = weights;
        weights = NULL;
    }
    weights_close(weights);
    return rc;
}

void weights_close(struct weights *weights)
{
    if (!weights)
        return;
    weights_files_finish(&weights->files);
    free(weights->by_name);
    free(weights);
}

static const struct weights_entry *entry_find(const struct weights *weights, const char *stored_name)
{
    struct st_tensor tensor = {.name = stored_name};
    struct weights_entry key = {.tensor = &tensor};
    const struct weights_entry *wanted = &key;
    const struct weights_entry **found = bsearch(&wanted, weights->by_name, weights->files.entry_count,
                                                 sizeof *weights->by_name, by_name);
    return found ? *found : NULL;
}

/* Where an official name was found. */
struct place {
    const struct weights_entry *part[WEIGHTS_PARTS_MAX];
    int part_count;
    unsigned flags;
};

static const struct weights_entry *prefixed_find(const struct weights *weights, const char *prefix, const char *name)
{
    char full[WEIGHTS_NAME_BYTES + 32];
    if (!*prefix)
        return entry_find(weights, name);
    if ((size_t)snprintf(full, sizeof full, "%s%s", prefix, name) >= sizeof full)
        return NULL;
    return entry_find(weights, full);
}

static bool parts_find(const struct weights *weights, const char *prefix, const struct weights_name *name,
                       struct place *ret)
{
    for (int i = 0; i < name->part_count; i++) {
        ret->part[i] = prefixed_find(weights, prefix, name->part[i]);
        if (!ret->part[i])
            return false;
    }
    ret->part_count = name->part_count;
    ret->flags = name->flags;
    return true;
}

static bool place_find(const struct weights *weights, const char *official, struct place *ret)
{
    struct weights_name other[WEIGHTS_OTHERS_MAX];
    for (const char *const *prefix = weights_prefixes; *prefix; prefix++) {
        *ret = (struct place){.part = {prefixed_find(weights, *prefix, official)}, .part_count = 1};
        if (ret->part[0])
            return true;
    }
    size_t count = weights_names(official, other);
    for (size_t i = 0; i < count; i++)
        for (const char *const *prefix = weights_prefixes; *prefix; prefix++)
            if (parts_find(weights, *prefix, &other[i], ret))
                return true;
    return false;
}

bool weights_has(const struct weights *weights, const char *name)
{
    struct place place;
    return place_find(weights, name, &place);
}

const struct st_tensor *weights_find(const struct weights *weights, const char *name)
{
    struct place place;
    return place_find(weights, name, &place) && place.part_count == 1 ? place.part[0]->tensor : NULL;
}

/* The tensor X.scale_weight or X.weight_scale beside X.weight, NULL for none. */
static int scale_find(const struct weights *weights, const char *stored_name, const struct weights_entry **ret,
                      conch_error *err)
{
    static const char *const endings[] = {"scale_weight", "weight_scale"};
    size_t bytes = strlen(stored_name);
    *ret = NULL;
    if (bytes < 6 || strcmp(stored_name + bytes - 6, "weight") != 0 || (bytes > 6 && stored_name[bytes - 7] != '.'))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(endings) && !*ret; i++) {
        char *name;
        if (asprintf(&name, "%.*s%s", (int)(bytes - 6), stored_name, endings[i]) < 0)
            return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the name of a scale");
        *ret = entry_find(weights, name);
        free(name);
    }
    return 0;
}

static float scale_at(const struct st_tensor *scales, size_t row)
{
    float value;
    dtype_to_f32(&value, (const uint8_t *)scales->data + row * dtype_size(scales->dtype), scales->dtype, 1);
    return value;
}

static int scale_check(const struct weight_part *part, const struct st_tensor *scales, const char *path,
                       conch_error *err)
{
    size_t count = st_elements(scales);
    bool per_row = part->tensor->ndim > 0 && scales->ndim > 0 && scales->shape[0] == part->tensor->shape[0] &&
                   count == (size_t)scales->shape[0];
    if (!dtype_is_float(scales->dtype) || (count != 1 && !per_row)) {
        char shape[ST_SHAPE_TEXT_BYTES], weight_shape[ST_SHAPE_TEXT_BYTES];
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED,
                               "%s: tensor %s is %s of shape %s; scales of a weight of shape %s must be one "
                               "floating-point number, or one a row",
                               path, scales->name, dtype_name(scales->dtype),
                               st_shape_text(shape, scales->ndim, scales->shape),
                               st_shape_text(weight_shape, part->tensor->ndim, part->tensor->shape));
    }
    for (size_t i = 0; i < count; i++)
        if (!isfinite(scale_at(scales, i)))
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: tensor %s: scale %zu is %g, it must be finite", path,
                                   scales->name, i, (double)scale_at(scales, i));
    return 0;
}

static int part_init(const struct weights *weights, const struct weights_entry *entry, struct weight_part *ret,
                     conch_error *err)
{
    const struct st_tensor *tensor = entry->tensor;
    const struct weights_entry *scales;
    size_t elements = st_elements(tensor);
    *ret = (struct weight_part){
        .tensor = tensor,
        .scale = 1.0f,
        .elements = elements,
        .row_elements = tensor->ndim && tensor->shape[0] ? elements / (size_t)tensor->shape[0] : 1,
        .map = st_map(weights->files.file[entry->file_index]),
        .path = entry_path(weights, entry),
    };
    int rc = scale_find(weights, tensor->name, &scales, err);
    if (rc < 0 || !scales)
        return rc;
    rc = scale_check(ret, scales->tensor, entry_path(weights, scales), err);
    if (rc < 0)
        return rc;
    if (st_elements(scales->tensor) == 1)
        ret->scale = scale_at(scales->tensor, 0);
    else
        ret->row_scales = scales->tensor;
    return 0;
}

/* The shape that the parts have together, as the official checkpoint would hold it. */
static int shape_found(const struct weight_ref *ref, int *ret_ndim, int64_t shape[ST_DIMS_MAX], conch_error *err)
{
    const struct st_tensor *first = ref->tensor;
    assert(first);
    memcpy(shape, first->shape, sizeof first->shape);
    *ret_ndim = first->ndim;
    for (int i = 1; i < ref->part_count; i++) {
        const struct st_tensor *tensor = ref->part[i].tensor;
        size_t rest_bytes = first->ndim ? (size_t)(first->ndim - 1) * sizeof *shape : 0;
        if (first->ndim == 0 || tensor->ndim != first->ndim ||
            memcmp(tensor->shape + 1, first->shape + 1, rest_bytes) != 0) {
            char a[ST_SHAPE_TEXT_BYTES], b[ST_SHAPE_TEXT_BYTES];
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: tensors %s of shape %s and %s of shape %s do not join",
                                   ref->part[i].path, first->name, st_shape_text(a, first->ndim, first->shape),
                                   tensor->name, st_shape_text(b, tensor->ndim, tensor->shape));
        }
        if (__builtin_add_overflow(shape[0], tensor->shape[0], &shape[0]))
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: tensor %s is too large", ref->part[i].path,
                                   tensor->name);
    }
    if (ref->transposed && *ret_ndim == 2) {
        int64_t rows = shape[0];
        shape[0] = shape[1];
        shape[1] = rows;
    }
    return 0;
}

/* Fills ref->shape from what was found; with reshaped, dimensions of size 1 count on neither side. */
static bool shape_match(struct weight_ref *ref, int found_ndim, const int64_t *found, int ndim, const int64_t *wanted,
                        bool reshaped)
{
    int at = 0;
    for (int i = 0; i < ndim; i++) {
        if (reshaped && wanted[i] == 1) {
            ref->shape[i] = 1;
            continue;
        }
        while (reshaped && at < found_ndim && found[at] == 1)
            at++;
        if (at == found_ndim || (wanted[i] >= 0 && wanted[i] != found[at]))
            return false;
        ref->shape[i] = found[at++];
    }
    while (reshaped && at < found_ndim && found[at] == 1)
        at++;
    ref->ndim = ndim;
    return at == found_ndim;
}

static int ref_init(const struct weights *weights, const struct place *place, struct weight_ref *ref, conch_error *err)
{
    *ref = (struct weight_ref){
        .tensor = place->part[0]->tensor,
        .dtype = place->part[0]->tensor->dtype,
        .transposed = (place->flags & WEIGHTS_TRANSPOSED) != 0,
        .part_count = place->part_count,
    };
    for (int i = 0; i < place->part_count; i++) {
        int rc = part_init(weights, place->part[i], &ref->part[i], err);
        if (rc < 0)
            return rc;
        if (__builtin_add_overflow(ref->elements, ref->part[i].elements, &ref->elements))
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: tensor %s is too large", ref->part[i].path,
                                   ref->part[i].tensor->name);
    }
    return 0;
}

static int not_found(const struct weights *weights, const char *name, conch_error *err)
{
    struct weights_name other[WEIGHTS_OTHERS_MAX];
    size_t files = weights->files.count;
    const char *path = files ? st_path(weights->files.file[0]) : "an empty index";
    const char *more = files > 1 ? " and its other files" : "";
    if (weights_names(name, other))
        return conch_error_set(err, CONCH_ERR_NOTFOUND, "%s%s: no tensor %s, nor %s%s", path, more, name,
                               other[0].part[0], other[0].part_count > 1 ? " with its fellows" : "");
    return conch_error_set(err, CONCH_ERR_NOTFOUND, "%s%s: no tensor %s", path, more, name);
}

int weights_get(const struct weights *weights, const char *name, int ndim, const int64_t *shape, struct weight_ref *ret,
                conch_error *err)
{
    struct place place;
    struct weight_ref ref;
    int found_ndim = 0;
    int64_t found[ST_DIMS_MAX];
    assert(ndim >= 0 && ndim <= ST_DIMS_MAX);
    assert(ndim == 0 || shape);
    if (!place_find(weights, name, &place))
        return not_found(weights, name, err);
    int rc = ref_init(weights, &place, &ref, err);
    if (rc == 0)
        rc = shape_found(&ref, &found_ndim, found, err);
    if (rc < 0)
        return rc;
    if (!shape_match(&ref, found_ndim, found, ndim, shape, (place.flags & WEIGHTS_RESHAPED) != 0)) {
        char a[ST_SHAPE_TEXT_BYTES], b[ST_SHAPE_TEXT_BYTES];
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: tensor %s has shape %s, wanted is %s", ref.part[0].path,
                               name, st_shape_text(a, found_ndim, found), st_shape_text(b, ndim, shape));
    }
    *ret = ref;
    return 0;
}

int weights_getf(const struct weights *weights, struct weight_ref *ret, conch_error *err, int ndim,
                 const int64_t *shape, const char *format, ...)
{
    char name[WEIGHTS_NAME_BYTES];
    va_list args;
    va_start(args, format);
    int bytes = vsnprintf(name, sizeof name, format, args);
    va_end(args);
    assert(bytes >= 0 && (size_t)bytes < sizeof name);
    return weights_get(weights, name, ndim, shape, ret, err);
}

/* --- reading --- */

static const uint8_t *part_address(const struct weight_part *part, size_t first)
{
    return (const uint8_t *)part->tensor->data + first * dtype_size(part->tensor->dtype);
}

static void part_read_f32(const struct weight_part *part, size_t first, size_t count, float *dst)
{
    dtype_to_f32(dst, part_address(part, first), part->tensor->dtype, count);
    if (!part->row_scales && part->scale == 1.0f)
        return;
    while (count > 0) {
        size_t run = count;
        float scale = part->scale;
        if (part->row_scales) {
            run = size_min(count, part->row_elements - first % part->row_elements);
            scale = scale_at(part->row_scales, first / part->row_elements);
        }
        for (size_t i = 0; i < run; i++)
            dst[i] *= scale;
        first += run;
        count -= run;
        dst += run;
    }
}

static void part_read_bf16(const struct weight_part *part, size_t first, size_t count, uint16_t *dst)
{
    float chunk[512];
    if (!part->row_scales && part->scale == 1.0f) {
        dtype_to_bf16(dst, part_address(part, first), part->tensor->dtype, count);
        return;
    }
    while (count > 0) {
        size_t run = size_min(count, ARRAY_LEN(chunk));
        part_read_f32(part, first, run, chunk);
        dtype_f32_to_bf16(dst, chunk, run);
        first += run;
        count -= run;
        dst += run;
    }
}

/* Exactly one of f32 and bf16 is where the values go. */
static void part_read(const struct weight_part *part, size_t first, size_t count, float *f32, uint16_t *bf16)
{
    if (f32)
        part_read_f32(part, first, count, f32);
    else
        part_read_bf16(part, first, count, bf16);
}

/* One value at a time: only the small projection of CLIP, which is read once, is stored that way. */
static void transposed_read(const struct weight_ref *ref, size_t first, size_t count, float *f32, uint16_t *bf16)
{
    size_t rows = (size_t)ref->shape[0], columns = (size_t)ref->shape[1];
    for (size_t i = 0; i < count; i++) {
        size_t row = (first + i) / columns, column = (first + i) % columns;
        part_read(&ref->part[0], column * rows + row, 1, f32 ? f32 + i : NULL, bf16 ? bf16 + i : NULL);
    }
}

static int ref_read(const struct weight_ref *ref, size_t first, size_t count, float *f32, uint16_t *bf16)
{
    if (first > ref->elements || count > ref->elements - first)
        return CONCH_ERR_RANGE;
    if (ref->transposed && ref->ndim == 2) {
        transposed_read(ref, first, count, f32, bf16);
        return 0;
    }
    for (int i = 0; i < ref->part_count && count > 0; i++) {
        const struct weight_part *part = &ref->part[i];
        if (first >= part->elements) {
            first -= part->elements;
            continue;
        }
        size_t run = size_min(count, part->elements - first);
        part_read(part, first, run, f32, bf16);
        f32 = f32 ? f32 + run : NULL;
        bf16 = bf16 ? bf16 + run : NULL;
        count -= run;
        first = 0;
    }
    assert(count == 0);
    return 0;
}

int weight_read_f32(const struct weight_ref *ref, size_t first, size_t count, float *dst)
{
    assert(dst || count == 0);
    return count ? ref_read(ref, first, count, dst, NULL) : first > ref->elements ? CONCH_ERR_RANGE : 0;
}

int weight_read_bf16(const struct weight_ref *ref, size_t first, size_t count, uint16_t *dst)
{
    assert(dst || count == 0);
    return count ? ref_read(ref, first, count, NULL, dst) : first > ref->elements ? CONCH_ERR_RANGE : 0;
}

const void *weight_data(const struct weight_ref *ref, enum dtype dtype)
{
    const struct weight_part *part = &ref->part[0];
    bool plain = ref->part_count == 1 && !ref->transposed && !part->row_scales && part->scale == 1.0f;
    bool aligned = (uintptr_t)part->tensor->data % dtype_size(dtype) == 0;
    return plain && aligned && part->tensor->dtype == dtype ? part->tensor->data : NULL;
}

void weight_drop(const struct weight_ref *ref)
{
    for (int i = 0; i < ref->part_count; i++)
        file_map_drop(ref->part[i].map, ref->part[i].tensor->data, ref->part[i].tensor->bytes);
}

void weight_drop_range(const struct weight_ref *ref, size_t first, size_t count)
{
    const struct weight_part *part = &ref->part[0];
    if (ref->part_count != 1 || ref->transposed || first > part->elements || count > part->elements - first)
        return;
    size_t element = dtype_size(ref->dtype);
    file_map_drop(part->map, (const char *)part->tensor->data + first * element, count * element);
}

int weights_check_finite(const struct weight_ref *ref, conch_error *err)
{
    float chunk[1024];
    for (int p = 0; p < ref->part_count; p++) {
        const struct weight_part *part = &ref->part[p];
        for (size_t first = 0; first < part->elements; first += ARRAY_LEN(chunk)) {
            size_t count = size_min(part->elements - first, ARRAY_LEN(chunk));
            part_read_f32(part, first, count, chunk);
            for (size_t i = 0; i < count; i++)
                if (!isfinite(chunk[i]))
                    return conch_error_set(err, CONCH_ERR_FORMAT,
                                           "%s: tensor %s: element %zu of %zu is %g, all must be finite", part->path,
                                           part->tensor->name, first + i, part->elements, (double)chunk[i]);
        }
    }
    return 0;
}

/* --- the set as a whole --- */

size_t weights_count(const struct weights *weights)
{
    return weights->files.entry_count;
}

const struct st_tensor *weights_at(const struct weights *weights, size_t index)
{
    assert(index < weights->files.entry_count);
    return weights->files.entry[index].tensor;
}

uint64_t weights_bytes(const struct weights *weights)
{
    return weights->bytes;
}

const char *weights_metadata(const struct weights *weights, const char *key)
{
    const char *text = NULL;
    for (size_t i = 0; i < weights->files.count && !text; i++)
        text = st_metadata(weights->files.file[i], key);
    return text;
}
