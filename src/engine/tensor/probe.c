#include "engine/tensor/probe.h"

#include <stdarg.h>
#include <stdio.h>

static void put(const struct probe *probe, const float *data, int ndim, const size_t *shape, const char *format,
                va_list args)
{
    char name[128];
    vsnprintf(name, sizeof name, format, args);
    probe->put(probe->context, name, data, ndim, shape);
}

void probe_rows(const struct probe *probe, const float *data, size_t rows, size_t columns, const char *name_format, ...)
{
    if (!probe)
        return;
    va_list args;
    va_start(args, name_format);
    put(probe, data, 2, (const size_t[]){rows, columns}, name_format, args);
    va_end(args);
}

void probe_frame(const struct probe *probe, const float *data, size_t height, size_t width, size_t channels,
                 const char *name_format, ...)
{
    if (!probe)
        return;
    va_list args;
    va_start(args, name_format);
    put(probe, data, 3, (const size_t[]){height, width, channels}, name_format, args);
    va_end(args);
}
