/* Matrix product by fused multiply-adds, for tables without a bf16 product of their own. The including file defines
 * MM_ROWS and MM_PANELS, the register tile in rows and in panels of 16 columns, and MM_LANES, the floats in a register
 * (a vector wider than the machine's would spill).
 *
 * Blocking: K in runs of MM_K, so that the B columns of one tile (MM_PANELS x MM_K x 16 floats) stay in the first-level
 * cache while all rows of A pass by. bf16 operands are widened into such blocks first, once per block, so the inner
 * loop is the f32 one whatever the type. */
#ifndef KERNELS_SIMD_MM_H
#define KERNELS_SIMD_MM_H

#include "engine/kernels/simd.h"

enum { MM_K = 128, MM_M = 192, MM_WIDE = KERN_PANEL / MM_LANES };

typedef float vm __attribute__((vector_size(4 * MM_LANES)));

struct mm_tile {
    float *c;
    size_t ldc;
    bool accumulate;
    const float *a;
    size_t lda;
    const float *b;
    size_t panel_stride, k;
};

static inline vm vm_set(float x)
{
    return vf_set(x);
}

static inline vm vm_load(const float *p)
{
    vm v;
    memcpy(&v, p, sizeof v);
    return v;
}

_Static_assert(MM_LANES == VLEN, "one register is one vector");

/* c[rows][panels * 16]; rows and panels are constants after inlining, so acc lives in registers. */
static inline __attribute__((always_inline)) void mm_tile(const struct mm_tile *t, const int rows, const int panels)
{
    const int wide = panels * MM_WIDE; /* vectors across the tile */
    vm acc[MM_ROWS][MM_PANELS * MM_WIDE];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < wide; j++)
            acc[i][j] = t->accumulate ? vm_load(t->c + (size_t)i * t->ldc + (size_t)j * MM_LANES) : (vm){};
    const float *a = t->a, *b = t->b;
    for (size_t k = 0; k < t->k; k++, b += KERN_PANEL) {
        vm column[MM_PANELS * MM_WIDE];
#pragma GCC unroll 8
        for (int j = 0; j < wide; j++)
            column[j] = vm_load(b + (size_t)(j / MM_WIDE) * t->panel_stride + (size_t)(j % MM_WIDE) * MM_LANES);
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
            vm x = vm_set(a[(size_t)i * t->lda + k]);
#pragma GCC unroll 8
            for (int j = 0; j < wide; j++)
                acc[i][j] += x * column[j];
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < wide; j++)
            memcpy(t->c + (size_t)i * t->ldc + (size_t)j * MM_LANES, &acc[i][j], sizeof acc[i][j]);
}

#define MM_TILE_CASE(r, p)                                                                                             \
    case (p)*16 + (r):                                                                                                 \
        mm_tile(t, r, p);                                                                                              \
        break
#define MM_TILE_ROWS(p)                                                                                                \
    MM_TILE_CASE(1, p);                                                                                                \
    MM_TILE_CASE(2, p);                                                                                                \
    MM_TILE_CASE(3, p);                                                                                                \
    MM_TILE_CASE(4, p);                                                                                                \
    MM_TILE_CASE(5, p);                                                                                                \
    MM_TILE_CASE(6, p)

static void mm_tile_any(const struct mm_tile *t, size_t rows, size_t panels)
{
    switch (panels * 16 + rows) {
        MM_TILE_ROWS(1);
#if MM_PANELS >= 4
        MM_TILE_ROWS(2);
        MM_TILE_ROWS(3);
        MM_TILE_ROWS(4);
#endif
    }
}

/* All rows against the columns of one tile. */
static void mm_rows(struct mm_tile tile, size_t m, size_t panels)
{
    for (size_t i = 0; i < m; i += MM_ROWS) {
        mm_tile_any(&tile, m - i < MM_ROWS ? m - i : MM_ROWS, panels);
        tile.a += MM_ROWS * tile.lda;
        tile.c += MM_ROWS * tile.ldc;
    }
}

static inline size_t panels_at(size_t panel, size_t panel_count)
{
    return panel_count - panel < MM_PANELS ? panel_count - panel : MM_PANELS;
}

static void simd_mm_f32(const struct kern_mm *mm)
{
    size_t panel_count = (mm->n + KERN_PANEL - 1) / KERN_PANEL;
    bool accumulate = mm->accumulate;
    for (size_t batch = 0; batch < mm->batch_count; batch++) {
        for (size_t k = 0; k < mm->k; k += MM_K) {
            size_t k_count = mm->k - k < MM_K ? mm->k - k : MM_K;
            for (size_t panel = 0; panel < panel_count; panel += MM_PANELS) {
                const float *b = (const float *)mm->b + panel * mm->panel_stride + (batch * mm->k + k) * KERN_PANEL;
                struct mm_tile tile = {.c = mm->c + panel * KERN_PANEL,
                                       .ldc = mm->ldc,
                                       .accumulate = accumulate,
                                       .a = (const float *)mm->a[batch] + k,
                                       .lda = mm->lda,
                                       .b = b,
                                       .panel_stride = mm->panel_stride,
                                       .k = k_count};
                mm_rows(tile, mm->m, panels_at(panel, panel_count));
            }
            accumulate = true;
        }
    }
}

static inline void widen_a(float *dst, const bf16 *src, size_t lda, size_t m, size_t k_count)
{
    for (size_t i = 0; i < m; i++)
        simd_widen(dst + i * MM_K, src + i * lda, k_count);
}

/* k_count rows of one bf16 panel ([k/2][16][2]) to f32 rows [k][16]. */
static inline void widen_panel(float *dst, const bf16 *src, size_t k_count)
{
    for (size_t k = 0; k < k_count; k += 2) {
        for (size_t j = 0; j < KERN_PANEL; j += VLEN) {
            vi pairs;
            memcpy(&pairs, src + k * KERN_PANEL + 2 * j, sizeof pairs);
            vf_store(dst + k * KERN_PANEL + j, (vf)(pairs << 16));
            vf_store(dst + (k + 1) * KERN_PANEL + j, (vf)(pairs & (int32_t)0xffff0000));
        }
    }
}

static void mm_bf16_rows(const struct kern_mm *mm, size_t row, size_t m)
{
    _Alignas(64) float a[MM_M * MM_K], b[MM_PANELS * MM_K * KERN_PANEL];
    size_t panel_count = (mm->n + KERN_PANEL - 1) / KERN_PANEL, k_stored = kern_k_padded(mm->k);
    bool accumulate = mm->accumulate;
    for (size_t batch = 0; batch < mm->batch_count; batch++) {
        for (size_t k = 0; k < mm->k; k += MM_K) {
            size_t k_count = mm->k - k < MM_K ? mm->k - k : MM_K;
            widen_a(a, (const bf16 *)mm->a[batch] + row * mm->lda + k, mm->lda, m, k_count);
            for (size_t panel = 0; panel < panel_count; panel += MM_PANELS) {
                size_t panels = panels_at(panel, panel_count);
                const bf16 *src = (const bf16 *)mm->b + panel * mm->panel_stride + (batch * k_stored + k) * KERN_PANEL;
                for (size_t j = 0; j < panels; j++)
                    widen_panel(b + j * MM_K * KERN_PANEL, src + j * mm->panel_stride, k_count);
                struct mm_tile tile = {.c = mm->c + row * mm->ldc + panel * KERN_PANEL,
                                       .ldc = mm->ldc,
                                       .accumulate = accumulate,
                                       .a = a,
                                       .lda = MM_K,
                                       .b = b,
                                       .panel_stride = MM_K * KERN_PANEL,
                                       .k = k_count};
                mm_rows(tile, m, panels);
            }
            accumulate = true;
        }
    }
}

static inline void simd_mm_bf16(const struct kern_mm *mm)
{
    for (size_t row = 0; row < mm->m; row += MM_M)
        mm_bf16_rows(mm, row, mm->m - row < MM_M ? mm->m - row : MM_M);
}

#endif
