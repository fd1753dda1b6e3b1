/* What the kernel tests share: random values, memory with a trap behind it, and the tables this machine can run.
 *
 * Memory from trap_alloc ends at a page nobody may touch, so one element read or written past the end stops the test.
 * (AddressSanitizer does not see the loads of tile registers; the page does.) */
#ifndef KERN_TEST_H
#define KERN_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/base.h"
#include "engine/kernels/kern.h"

/* Sizes on and beside the vector and tile widths: tails break first. */
static const size_t sizes[] = {1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 193};

enum { TRAP_PAGE = 4096, PATTERN = 0x5a };

struct trap {
    void *data; /* bytes of it, then the trap */
    size_t bytes, mapped;
    uint8_t *base;
};

static inline void *trap_alloc(struct trap *trap, size_t bytes)
{
    size_t room = round_up(size_max(bytes, 1), TRAP_PAGE);
    trap->bytes = bytes;
    trap->mapped = room + TRAP_PAGE;
    trap->base = mmap(NULL, trap->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(trap->base != MAP_FAILED);
    assert_int_equal(mprotect(trap->base + room, TRAP_PAGE, PROT_NONE), 0);
    memset(trap->base, PATTERN, room);
    trap->data = trap->base + room - bytes;
    return trap->data;
}

/* Frees, after a look at the bytes before the data. */
static inline void trap_free(struct trap *trap)
{
    for (const uint8_t *p = trap->base; p < (const uint8_t *)trap->data; p++)
        if (*p != PATTERN)
            fail_msg("a byte before the data was written");
    munmap(trap->base, trap->mapped);
}

/* True when none of these bytes was written since trap_alloc. */
static inline bool pattern_intact(const void *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (((const uint8_t *)data)[i] != PATTERN)
            return false;
    return true;
}

static uint64_t random_state = 88172645463325252u;

static inline uint32_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32);
}

/* -1 .. 1 */
static inline float random_float(void)
{
    return (float)(int32_t)random_bits() * 0x1p-31f;
}

static inline int random_int(int low, int high)
{
    return low + (int)(random_bits() % (uint32_t)(high - low + 1));
}

static inline float *random_floats(struct trap *trap, size_t count, float size)
{
    float *x = trap_alloc(trap, count * sizeof *x);
    for (size_t i = 0; i < count; i++)
        x[i] = size * random_float();
    return x;
}

/* Tables this machine can run, slow ones too: kern_pick would pass over vdpbf16ps where it does not pay. */
static inline bool table_usable(const struct kern_table *table)
{
    static unsigned flags = ~0u;
    if (flags == ~0u)
        flags = kern_cpu_flags();
    return (table->needs & ~(unsigned)KERN_CPU_FAST_BF16 & ~flags) == 0;
}

#define FOR_TABLES(table)                                                                                              \
    for (const struct kern_table *const *table##_at = kern_tables, *table; (table = *table##_at); table##_at++)        \
        if (table_usable(table))

/* Compares one value and names the place where it differs first. */
static inline void check_near(const char *table, const char *what, size_t row, size_t column, double got, double want,
                              double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s: %s[%zu][%zu] is %.9g, not %.9g (+- %.3g)", table, what, row, column, got, want, tolerance);
}

#endif
