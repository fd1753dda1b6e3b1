#include "engine/tensor/arena.h"

#include <assert.h>
#include <sys/mman.h>

#include "base/base.h"

/* Blocks of a megabyte and more are worth the system's large pages: the kernels walk them with large strides. */
enum { LARGE_PAGE_BYTES = 2 << 20 };

void arena_init(struct arena *arena)
{
    *arena = (struct arena){0};
}

int arena_reserve(struct arena *arena, conch_error *err)
{
    size_t size = round_up(size_max(arena->peak, 1), 4096);
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for %zu MB of working buffers", size >> 20);
    if (size >= 4 * LARGE_PAGE_BYTES)
        madvise(base, size, MADV_HUGEPAGE);
    *arena = (struct arena){.base = base, .size = size};
    return 0;
}

void arena_finish(struct arena *arena)
{
    if (arena->base)
        munmap(arena->base, arena->size);
    *arena = (struct arena){0};
}

void *arena_take(struct arena *arena, size_t size)
{
    size_t at = arena->used;
    arena->used += round_up(size, 64) + ARENA_SLACK;
    arena->peak = size_max(arena->peak, arena->used);
    if (!arena->base)
        return NULL;
    assert(arena->used <= arena->size);
    return arena->base + at;
}

float *arena_floats(struct arena *arena, size_t count)
{
    return arena_take(arena, count * sizeof(float));
}

uint16_t *arena_bf16(struct arena *arena, size_t count)
{
    return arena_take(arena, count * sizeof(uint16_t));
}
