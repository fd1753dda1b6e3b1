/* The few macros that every folder uses. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stddef.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline size_t size_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t size_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* n rounded up to a multiple of step (step > 0). */
static inline size_t round_up(size_t n, size_t step)
{
    return (n + step - 1) / step * step;
}

#endif
