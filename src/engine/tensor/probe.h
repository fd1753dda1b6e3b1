/* A window into a running network: model code offers its intermediate tensors by name, and a test or a dump takes them.
 * Costs one comparison when no probe is set. */
#ifndef TENSOR_PROBE_H
#define TENSOR_PROBE_H

#include <stddef.h>

struct probe {
    /* data is f32, row-major, valid during the call. Token matrices have ndim 2, [tokens][channels]. Frames of a video
     * network have ndim 3, [height][width][channels], and come once a frame, in time order, under the same name. */
    void (*put)(void *context, const char *name, const float *data, int ndim, const size_t *shape);
    void *context;
};

/* name_format makes the name: probe_rows(probe, x, rows, columns, "block%zu.out", i). probe may be NULL. */
void probe_rows(const struct probe *probe, const float *data, size_t rows, size_t columns, const char *name_format, ...)
    __attribute__((format(printf, 5, 6)));
void probe_frame(const struct probe *probe, const float *data, size_t height, size_t width, size_t channels,
                 const char *name_format, ...) __attribute__((format(printf, 6, 7)));

#endif
