/* A region of memory planned before it is used: the same code that takes buffers can first be run to measure them.
 *
 * An arena without memory (arena_init) counts what is taken from it and returns NULL pointers; arena_reserve then maps
 * that many zeroed bytes and starts again, and the second run receives the addresses. Every block is 64-byte aligned
 * and followed by ARENA_SLACK bytes that stay zero, because matrix kernels may read a little past a row (kern.h).
 * Blocks are given back all at once, or down to a mark. Not for several threads at once. */
#ifndef TENSOR_ARENA_H
#define TENSOR_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"

enum { ARENA_SLACK = 128 };

struct arena {
    uint8_t *base; /* NULL while measuring */
    size_t size;   /* bytes mapped */
    size_t used;   /* bytes taken now */
    size_t peak;   /* most that were ever taken */
};

void arena_init(struct arena *arena);

/* Maps arena->peak bytes and forgets the measuring run. CONCH_ERR_NOMEM names the bytes. */
int arena_reserve(struct arena *arena, conch_error *err);

/* Unmaps; takes a zeroed or finished arena. */
void arena_finish(struct arena *arena);

/* size bytes; never NULL in a reserved arena (taking more than was measured is our own bug). */
void *arena_take(struct arena *arena, size_t size);
float *arena_floats(struct arena *arena, size_t count);
uint16_t *arena_bf16(struct arena *arena, size_t count);

static inline size_t arena_mark(const struct arena *arena)
{
    return arena->used;
}

/* Gives back all that was taken since mark. Content of the blocks is not cleared. */
static inline void arena_release(struct arena *arena, size_t mark)
{
    arena->used = mark;
}

#endif
