#include "golden_compare.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct difference difference_of(const float *got, const float *want, size_t count)
{
    double sum = 0, norm = 0, max_abs = 0;
    for (size_t i = 0; i < count; i++) {
        double d = fabs((double)got[i] - (double)want[i]);
        if (!isfinite(d)) {
            if (got[i] == want[i] || (isnan(got[i]) && isnan(want[i])))
                continue;
            return (struct difference){INFINITY, INFINITY};
        }
        sum += d * d;
        norm += (double)want[i] * want[i];
        max_abs = d > max_abs ? d : max_abs;
    }
    if (sum == 0)
        return (struct difference){0, 0};
    return (struct difference){norm > 0 ? sqrt(sum / norm) : INFINITY, max_abs};
}

void *test_alloc(size_t bytes)
{
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!memory) {
        fprintf(stderr, "no memory for %zu bytes\n", bytes);
        exit(2);
    }
    return memory;
}

float *test_floats(size_t count)
{
    return test_alloc(count * sizeof(float));
}

bool values_read(struct values *ret, const struct st_file *file, const char *name_format, ...)
{
    char name[256];
    va_list args;
    va_start(args, name_format);
    vsnprintf(name, sizeof name, name_format, args);
    va_end(args);
    memset(ret, 0, sizeof *ret);
    const struct st_tensor *tensor = st_find(file, name);
    if (!tensor)
        return false;
    ret->ndim = tensor->ndim;
    for (int i = 0; i < tensor->ndim; i++)
        ret->shape[i] = (size_t)tensor->shape[i];
    ret->count = st_elements(tensor);
    ret->data = test_floats(ret->count);
    dtype_to_f32(ret->data, tensor->data, tensor->dtype, ret->count);
    return true;
}

void values_finish(struct values *values)
{
    free(values->data);
    memset(values, 0, sizeof *values);
}

int64_t *integers_read(const struct st_file *file, const char *name, size_t *ret_count)
{
    const struct st_tensor *tensor = st_find(file, name);
    if (!tensor || (tensor->dtype != DTYPE_I64 && tensor->dtype != DTYPE_I32 && tensor->dtype != DTYPE_U8))
        return NULL;
    size_t count = st_elements(tensor);
    int64_t *integers = test_alloc(count * sizeof *integers);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = (const uint8_t *)tensor->data + i * dtype_size(tensor->dtype);
        int32_t narrow;
        if (tensor->dtype == DTYPE_I64) {
            memcpy(&integers[i], at, 8);
        } else if (tensor->dtype == DTYPE_I32) {
            memcpy(&narrow, at, 4);
            integers[i] = narrow;
        } else {
            integers[i] = *at;
        }
    }
    if (ret_count)
        *ret_count = count;
    return integers;
}
