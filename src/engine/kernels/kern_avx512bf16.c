/* AVX-512 with vdpbf16ps: two products a lane and instruction. Same tile as AVX-512, no widening: a pair of A is
 * broadcast, a packed panel row is the other operand. */
#define MM_ROWS   6
#define MM_LANES  16
#define MM_PANELS 4
#include "engine/kernels/simd_mm.h"

#include <immintrin.h>

enum { DP_K = 256 }; /* 4 panels x 256 x 16 x 2 bytes = 32 KB: the B block of a tile in the first-level cache */

struct dp_tile {
    float *c;
    size_t ldc;
    bool accumulate;
    const bf16 *a;
    size_t lda;
    const bf16 *b;
    size_t panel_stride, k; /* k rounded up to 2 */
};

static inline __attribute__((always_inline)) void dp_tile(const struct dp_tile *t, const int rows, const int panels)
{
    __m512 acc[MM_ROWS][MM_PANELS];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < panels; j++)
            acc[i][j] = t->accumulate ? _mm512_loadu_ps(t->c + (size_t)i * t->ldc + j * VLEN) : _mm512_setzero_ps();
    const bf16 *a = t->a, *b = t->b;
    for (size_t k = 0; k < t->k; k += 2, b += 2 * VLEN) {
        __m512i column[MM_PANELS];
#pragma GCC unroll 8
        for (int j = 0; j < panels; j++)
            column[j] = _mm512_loadu_si512(b + (size_t)j * t->panel_stride);
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
            int32_t pair;
            memcpy(&pair, a + (size_t)i * t->lda + k, sizeof pair);
            __m512i x = _mm512_set1_epi32(pair);
#pragma GCC unroll 8
            for (int j = 0; j < panels; j++)
                acc[i][j] = _mm512_dpbf16_ps(acc[i][j], (__m512bh)x, (__m512bh)column[j]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < panels; j++)
            _mm512_storeu_ps(t->c + (size_t)i * t->ldc + j * VLEN, acc[i][j]);
}

#define DP_TILE_CASE(r, p)                                                                                             \
    case (p)*16 + (r):                                                                                                 \
        dp_tile(t, r, p);                                                                                              \
        break
#define DP_TILE_ROWS(p)                                                                                                \
    DP_TILE_CASE(1, p);                                                                                                \
    DP_TILE_CASE(2, p);                                                                                                \
    DP_TILE_CASE(3, p);                                                                                                \
    DP_TILE_CASE(4, p);                                                                                                \
    DP_TILE_CASE(5, p);                                                                                                \
    DP_TILE_CASE(6, p)

static void dp_tile_any(const struct dp_tile *t, size_t rows, size_t panels)
{
    switch (panels * 16 + rows) {
        DP_TILE_ROWS(1);
        DP_TILE_ROWS(2);
        DP_TILE_ROWS(3);
        DP_TILE_ROWS(4);
    }
}

static void dp_mm_bf16(const struct kern_mm *mm)
{
    size_t panel_count = (mm->n + KERN_PANEL - 1) / KERN_PANEL, k_stored = kern_k_padded(mm->k);
    bool accumulate = mm->accumulate;
    for (size_t batch = 0; batch < mm->batch_count; batch++) {
        for (size_t k = 0; k < mm->k; k += DP_K) {
            size_t k_count = mm->k - k < DP_K ? (mm->k - k + 1) & ~(size_t)1 : DP_K;
            for (size_t panel = 0; panel < panel_count; panel += MM_PANELS) {
                struct dp_tile tile = {.c = mm->c + panel * KERN_PANEL,
                                       .ldc = mm->ldc,
                                       .accumulate = accumulate,
                                       .a = (const bf16 *)mm->a[batch] + k,
                                       .lda = mm->lda,
                                       .b = (const bf16 *)mm->b + panel * mm->panel_stride +
                                            (batch * k_stored + k) * KERN_PANEL,
                                       .panel_stride = mm->panel_stride,
                                       .k = k_count};
                for (size_t i = 0; i < mm->m; i += MM_ROWS) {
                    dp_tile_any(&tile, mm->m - i < MM_ROWS ? mm->m - i : MM_ROWS, panels_at(panel, panel_count));
                    tile.a += MM_ROWS * tile.lda;
                    tile.c += MM_ROWS * tile.ldc;
                }
            }
            accumulate = true;
        }
    }
}

const struct kern_table kern_avx512bf16 = {.name = "avx512bf16",
                                           .needs = KERN_CPU_AVX2 | KERN_CPU_AVX512 | KERN_CPU_AVX512BF16 |
                                                    KERN_CPU_FAST_BF16,
                                           .mm_bf16 = dp_mm_bf16,
                                           .mm_f32 = simd_mm_f32,
                                           SIMD_ROWS};
