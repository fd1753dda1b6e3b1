/* Reading golden tensors and measuring how far a computed one is from them. Shared by the golden program and unit
 * tests. */
#ifndef GOLDEN_COMPARE_H
#define GOLDEN_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/tensor/safetensors.h"

struct difference {
    double rel; /* |got - want| / |want| in the L2 norm; infinite when got holds a NaN or infinity that want does not */
    double max_abs; /* largest |got - want| */
};

struct difference difference_of(const float *got, const float *want, size_t count);

/* A tensor of a file as f32. A zeroed one may be finished. */
struct values {
    float *data;
    int ndim;
    size_t shape[ST_DIMS_MAX];
    size_t count;
};

/* False, and *ret zeroed, when the file has no such tensor. Memory that runs out ends the program: this is a test. */
bool values_read(struct values *ret, const struct st_file *file, const char *name_format, ...)
    __attribute__((format(printf, 3, 4)));
void values_finish(struct values *values);

/* The same for whole numbers (I64, I32, U8): NULL when absent. */
int64_t *integers_read(const struct st_file *file, const char *name, size_t *ret_count);

/* malloc that ends the program. */
void *test_alloc(size_t bytes);
float *test_floats(size_t count);

#endif
