#include "engine/tensor/safetensors.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

struct st_file {
    char *path;
    struct file_map map;
    bool owns_map;
    json_t *header;            /* names and metadata point into it */
    struct st_tensor *tensors; /* by begin of data */
    const struct st_tensor **by_name;
    size_t count;
};

/* The bytes of one tensor, counted from the end of the header. */
struct span {
    uint64_t begin, end;
};

static int shape_parse(struct st_tensor *tensor, const char *path, const json_t *shape, uint64_t *ret_elements,
                       conch_error *err)
{
    if (!json_is_array(shape))
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: tensor %s: shape is missing or not a list", path,
                               tensor->name);
    size_t ndim = json_array_size(shape);
    if (ndim > ST_DIMS_MAX)
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "%s: tensor %s has %zu dimensions, at most %d are allowed",
                               path, tensor->name, ndim, ST_DIMS_MAX);
    uint64_t elements = 1;
    for (size_t i = 0; i < ndim; i++) {
        const json_t *dim = json_array_get(shape, i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: tensor %s: shape[%zu] is not an integer of 0 or more",
                                   path, tensor->name, i);
        tensor->shape[i] = json_integer_value(dim);
        if (__builtin_mul_overflow(elements, (uint64_t)tensor->shape[i], &elements) || elements > INT64_MAX)
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: tensor %s: its shape has more than 2^63 elements", path,
                                   tensor->name);
    }
    tensor->ndim = (int)ndim;
    *ret_elements = elements;
    return 0;
}

static int span_parse(struct span *span, const struct st_tensor *tensor, const char *path, const json_t *offsets,
                      uint64_t data_bytes, conch_error *err)
{
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 || !json_is_integer(json_array_get(offsets, 0)) ||
        !json_is_integer(json_array_get(offsets, 1)))
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: tensor %s: data_offsets is not a pair of integers", path,
                               tensor->name);
    json_int_t begin = json_integer_value(json_array_get(offsets, 0));
    json_int_t end = json_integer_value(json_array_get(offsets, 1));
    if (begin < 0 || end < begin || (uint64_t)end > data_bytes)
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "%s: tensor %s: data_offsets [%" PRId64 ", %" PRId64
                               "] are not in order inside the %" PRIu64 " bytes of data",
                               path, tensor->name, (int64_t)begin, (int64_t)end, data_bytes);
    *span = (struct span){(uint64_t)begin, (uint64_t)end};
    return 0;
}

static int tensor_parse(struct st_tensor *tensor, const char *path, const char *name, const json_t *entry,
                        const uint8_t *data, uint64_t data_bytes, conch_error *err)
{
    *tensor = (struct st_tensor){.name = name};
    if (!json_is_object(entry))
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: tensor %s: its entry is not an object", path, name);
    const char *type_name = json_string_value(json_object_get(entry, "dtype"));
    if (!type_name)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: tensor %s: dtype is missing or not a text", path, name);
    if (!dtype_from_name(type_name, &tensor->dtype))
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "%s: tensor %s: dtype is %s, allowed are " DTYPE_NAMES, path,
                               name, type_name);
    uint64_t elements = 0, bytes;
    struct span span = {0};
    int rc = shape_parse(tensor, path, json_object_get(entry, "shape"), &elements, err);
    if (rc == 0)
        rc = span_parse(&span, tensor, path, json_object_get(entry, "data_offsets"), data_bytes, err);
    if (rc < 0)
        return rc;
    if (json_object_size(entry) != 3)
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "%s: tensor %s: %zu fields, allowed are dtype, shape and data_offsets", path, name,
                               json_object_size(entry));
    if (__builtin_mul_overflow(elements, (uint64_t)dtype_size(tensor->dtype), &bytes) ||
        bytes != span.end - span.begin) {
        char shape[ST_SHAPE_TEXT_BYTES];
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: tensor %s: %" PRIu64 " bytes do not fit %s of shape %s",
                               path, name, span.end - span.begin, type_name,
                               st_shape_text(shape, tensor->ndim, tensor->shape));
    }
    tensor->data = data + span.begin;
    tensor->bytes = (size_t)bytes;
    return 0;
}

static int by_data(const void *a, const void *b)
{
    const struct st_tensor *x = a, *y = b;
    if (x->data != y->data)
        return (uintptr_t)x->data < (uintptr_t)y->data ? -1 : 1;
    if (x->bytes != y->bytes) /* empty ones first, they share the address of the next */
        return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
    const struct st_tensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* The sorted tensors must follow each other from the first byte of data to the last. */
static int cover_check(const struct st_file *file, const uint8_t *data, uint64_t data_bytes, conch_error *err)
{
    uint64_t at = 0;
    const char *before = "the header";
    for (size_t i = 0; i < file->count; i++) {
        const struct st_tensor *tensor = &file->tensors[i];
        uint64_t begin = (uint64_t)((const uint8_t *)tensor->data - data);
        if (begin < at)
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: the data of tensors %s and %s overlap", file->path,
                                   before, tensor->name);
        if (begin > at)
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %" PRIu64 " bytes between %s and %s belong to no tensor",
                                   file->path, begin - at, before, tensor->name);
        at = begin + tensor->bytes;
        before = tensor->name;
    }
    if (at != data_bytes)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %" PRIu64 " bytes after the last tensor belong to no tensor",
                               file->path, data_bytes - at);
    return 0;
}

static int metadata_check(const char *path, json_t *metadata, conch_error *err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: __metadata__ is not an object", path);
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return conch_error_set(err, CONCH_ERR_FORMAT, "%s: __metadata__: %s is not a text", path, key);
    }
    return 0;
}

static int tensors_parse(struct st_file *file, const uint8_t *data, uint64_t data_bytes, conch_error *err)
{
    size_t count_max = json_object_size(file->header);
    if (count_max > ST_TENSORS_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "%s: %zu tensors, at most %d are allowed", file->path, count_max,
                               ST_TENSORS_MAX);
    file->tensors = calloc(count_max + 1, sizeof *file->tensors);
    file->by_name = calloc(count_max + 1, sizeof *file->by_name);
    if (!file->tensors || !file->by_name)
        return conch_error_set(err, CONCH_ERR_NOMEM, "%s: no memory for the list of %zu tensors", file->path,
                               count_max);
    const char *name;
    json_t *entry;
    json_object_foreach(file->header, name, entry)
    {
        int rc;
        if (strcmp(name, "__metadata__") == 0)
            rc = metadata_check(file->path, entry, err);
        else
            rc = tensor_parse(&file->tensors[file->count++], file->path, name, entry, data, data_bytes, err);
        if (rc < 0)
            return rc;
    }
    qsort(file->tensors, file->count, sizeof *file->tensors, by_data);
    for (size_t i = 0; i < file->count; i++)
        file->by_name[i] = &file->tensors[i];
    qsort(file->by_name, file->count, sizeof *file->by_name, by_name);
    return cover_check(file, data, data_bytes, err);
}

/* Counts what will become JSON values before any is made: a value costs the parser up to a hundred times its text, so
 * a header of commas within the byte limit would still take gigabytes. */
static int header_size_check(const char *path, const uint8_t *text, size_t size, conch_error *err)
{
    size_t nests = 0, commas = 0;
    bool in_text = false;
    for (size_t i = 0; i < size; i++) {
        if (in_text && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            in_text = !in_text;
        else if (!in_text) {
            nests += text[i] == '[' || text[i] == '{';
            commas += text[i] == ',';
        }
    }
    /* an entry is an object and two lists, three fields, up to eight dimensions and two offsets, and its comma */
    if (nests > 3 * (size_t)ST_TENSORS_MAX + 2 || commas > (size_t)ST_TENSORS_MAX * (ST_DIMS_MAX + 3))
        return conch_error_set(err, CONCH_ERR_LIMIT, "%s: the header lists more than the allowed %d tensors", path,
                               ST_TENSORS_MAX);
    return 0;
}

/* A wrong kind of file is the likeliest mistake of a user: say what it is instead of what it lacks. */
static const char *other_format(const struct file_map *map)
{
    if (map->size >= 4 && memcmp(map->data, "PK\3\4", 4) == 0)
        return "a PyTorch (.pth, .bin) or zip file";
    if (map->size >= 4 && memcmp(map->data, "GGUF", 4) == 0)
        return "a GGUF file";
    if (map->size >= 2 && map->data[0] == 0x80 && map->data[1] >= 2 && map->data[1] <= 5 &&
        (map->size < 9 || map->data[8] != '{'))
        return "a Python pickle (.pth, .bin)";
    if (map->size >= 8 && memcmp(map->data, "version ", 8) == 0)
        return "a Git LFS pointer, the file itself was not downloaded";
    return NULL;
}

static int header_parse(struct st_file *file, conch_error *err)
{
    const struct file_map *map = &file->map;
    const char *other = other_format(map);
    if (other)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s is not a safetensors file but %s", file->path, other);
    if (map->size < 8)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: %zu bytes are too short for a safetensors file", file->path,
                               map->size);
    uint64_t size;
    memcpy(&size, map->data, sizeof size);
    if (size > map->size - 8)
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "%s: the header should have %" PRIu64
                               " bytes but the file only has %zu; it is incomplete or no safetensors file",
                               file->path, size, map->size);
    if (size > ST_HEADER_BYTES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT,
                               "%s: the header has %" PRIu64 " bytes, at most %" PRIu64 " are allowed", file->path,
                               size, ST_HEADER_BYTES_MAX);
    const uint8_t *text = map->data + 8;
    int rc = header_size_check(file->path, text, (size_t)size, err);
    if (rc < 0)
        return rc;
    json_error_t problem;
    file->header = json_loadb((const char *)text, (size_t)size, JSON_REJECT_DUPLICATES, &problem);
    if (!file->header)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: the header is not valid JSON: %s at byte %d", file->path,
                               problem.text, problem.position);
    if (!json_is_object(file->header))
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s: the header is not a JSON object", file->path);
    return tensors_parse(file, text + size, map->size - 8 - size, err);
}

static int open_map(struct st_file **ret, struct file_map map, bool owns_map, const char *path, conch_error *err)
{
    int rc = 0;
    struct st_file *file = calloc(1, sizeof *file);
    if (!file) {
        if (owns_map)
            file_map_close(&map);
        return conch_error_set(err, CONCH_ERR_NOMEM, "%s: no memory to open it", path);
    }
    file->map = map;
    file->owns_map = owns_map;
    file->path = strdup(path);
    if (!file->path) {
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "%s: no memory to open it", path);
        goto out;
    }
    rc = header_parse(file, err);
    if (rc < 0)
        goto out;
    *ret = file;
    file = NULL;
out:
    st_close(file);
    return rc;
}

int st_open(struct st_file **ret, const char *path, conch_error *err)
{
    struct file_map map;
    int rc = file_map_open(&map, path, err);
    return rc < 0 ? rc : open_map(ret, map, true, path, err);
}

int st_open_memory(struct st_file **ret, const void *data, size_t size, const char *label, conch_error *err)
{
    return open_map(ret, (struct file_map){.data = data, .size = size}, false, label, err);
}

void st_close(struct st_file *file)
{
    if (!file)
        return;
    if (file->owns_map)
        file_map_close(&file->map);
    json_decref(file->header);
    free(file->by_name);
    free(file->tensors);
    free(file->path);
    free(file);
}

size_t st_count(const struct st_file *file)
{
    return file->count;
}

const struct st_tensor *st_at(const struct st_file *file, size_t index)
{
    assert(index < file->count);
    return &file->tensors[index];
}

const struct st_tensor *st_find(const struct st_file *file, const char *name)
{
    struct st_tensor key = {.name = name};
    const struct st_tensor *wanted = &key;
    const struct st_tensor **found = bsearch(&wanted, file->by_name, file->count, sizeof *file->by_name, by_name);
    return found ? *found : NULL;
}

const char *st_metadata(const struct st_file *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}

const char *st_path(const struct st_file *file)
{
    return file->path;
}

const struct file_map *st_map(const struct st_file *file)
{
    return &file->map;
}

size_t st_elements(const struct st_tensor *tensor)
{
    return tensor->bytes / dtype_size(tensor->dtype);
}

const char *st_shape_text(char text[ST_SHAPE_TEXT_BYTES], int ndim, const int64_t *shape)
{
    size_t used = 0;
    assert(ndim >= 0 && ndim <= ST_DIMS_MAX);
    text[used++] = '[';
    for (int i = 0; i < ndim; i++) {
        const char *comma = i ? ", " : "";
        if (shape[i] < 0)
            used += (size_t)snprintf(text + used, ST_SHAPE_TEXT_BYTES - used, "%sany", comma);
        else
            used += (size_t)snprintf(text + used, ST_SHAPE_TEXT_BYTES - used, "%s%" PRId64, comma, shape[i]);
    }
    snprintf(text + used, ST_SHAPE_TEXT_BYTES - used, "]");
    return text;
}
