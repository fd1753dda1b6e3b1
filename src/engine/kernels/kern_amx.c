/* AMX: tiles of 16 rows and 64 bytes (every CPU that has them has AVX-512 BF16 too); tdpbf16ps does 16 x 16 x 32
 * products. A tile pair of rows times a tile pair of columns (4 accumulators, 2 + 2 operands) uses all eight tile
 * registers. B panels are already in tile form: 16 rows of 64 bytes, one after another. A is loaded from where it lies.
 */
#define MM_ROWS   6
#define MM_LANES  16
#define MM_PANELS 4
#include "engine/kernels/simd_mm.h"

#include <immintrin.h>

#include "base/base.h"

enum {
    TILE_ROWS = 16,
    TILE_K = 32,   /* bf16 values a tile row holds */
    AMX_K = 256,   /* K a block, about: 32 rows of A are then 16 KB of the first-level cache, two panels of B as much */
    AMX_BATCH = 64 /* batches of one block at most */
};

struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};
_Static_assert(sizeof(struct tile_config) == 64, "the layout ldtilecfg reads");

/* Tiles: 0..3 the accumulators (row pair major), 4 and 5 rows of A, 6 and 7 columns of B. */
static void amx_configure(size_t rows0, size_t rows1)
{
    struct tile_config config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        bool second = i == 2 || i == 3 || i == 5;
        config.row_bytes[i] = 64;
        config.rows[i] = (uint8_t)(i >= 6 ? TILE_ROWS : second ? (rows1 ? rows1 : 1) : rows0);
    }
    _tile_loadconfig(&config);
}

/* One block of the sum: batches first..last, each from k to k_end (padded K). */
struct amx_block {
    const struct kern_mm *mm;
    size_t k_stored, batch_first, batch_end, k, k_end;
    bool load;
};

static inline __attribute__((always_inline)) void amx_tile(const struct amx_block *block, size_t row, size_t panel,
                                                           const bool two_rows, const bool two_columns)
{
    const struct kern_mm *mm = block->mm;
    float *c0 = mm->c + row * mm->ldc + panel * KERN_PANEL, *c1 = c0 + TILE_ROWS * mm->ldc;
    size_t ldc = mm->ldc * sizeof(float), lda = mm->lda * sizeof(bf16);
    if (block->load) {
        _tile_loadd(0, c0, ldc);
        if (two_columns)
            _tile_loadd(1, c0 + KERN_PANEL, ldc);
        if (two_rows)
            _tile_loadd(2, c1, ldc);
        if (two_rows && two_columns)
            _tile_loadd(3, c1 + KERN_PANEL, ldc);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (size_t batch = block->batch_first; batch < block->batch_end; batch++) {
        const bf16 *a0 = (const bf16 *)mm->a[batch] + row * mm->lda, *a1 = a0 + TILE_ROWS * mm->lda;
        const bf16 *b0 = (const bf16 *)mm->b + panel * mm->panel_stride + batch * block->k_stored * KERN_PANEL;
        const bf16 *b1 = b0 + mm->panel_stride;
        for (size_t k = block->k; k < block->k_end; k += TILE_K) {
            _tile_loadd(6, b0 + k * KERN_PANEL, 64);
            _tile_loadd(4, a0 + k, lda);
            _tile_dpbf16ps(0, 4, 6);
            if (two_columns) {
                _tile_loadd(7, b1 + k * KERN_PANEL, 64);
                _tile_dpbf16ps(1, 4, 7);
            }
            if (two_rows) {
                _tile_loadd(5, a1 + k, lda);
                _tile_dpbf16ps(2, 5, 6);
            }
            if (two_rows && two_columns)
                _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, c0, ldc);
    if (two_columns)
        _tile_stored(1, c0 + KERN_PANEL, ldc);
    if (two_rows)
        _tile_stored(2, c1, ldc);
    if (two_rows && two_columns)
        _tile_stored(3, c1 + KERN_PANEL, ldc);
}

/* All columns against one pair of row tiles (or one, or less) for one block of the sum: the rows of A stay in the
 * first-level cache, and B, which lies in one piece a panel, streams past them. */
static void amx_rows(const struct amx_block *block, size_t row, bool two_rows, size_t panel_count)
{
    for (size_t panel = 0; panel < panel_count; panel += 2) {
        bool two_columns = panel + 1 < panel_count;
        if (two_rows && two_columns)
            amx_tile(block, row, panel, true, true);
        else if (two_rows)
            amx_tile(block, row, panel, true, false);
        else if (two_columns)
            amx_tile(block, row, panel, false, true);
        else
            amx_tile(block, row, panel, false, false);
    }
}

/* Rows of equal tile shape, so that the tiles are configured once. */
static void amx_uniform(const struct kern_mm *mm, size_t row_first, size_t row_end)
{
    size_t panel_count = (mm->n + KERN_PANEL - 1) / KERN_PANEL, k_stored = kern_k_padded(mm->k);
    size_t batches = k_stored >= AMX_K ? 1 : size_min(AMX_K / k_stored, AMX_BATCH);
    size_t runs = size_max((k_stored + AMX_K / 2) / AMX_K, 1); /* of nearly equal length: 288 is one, not 256 and 32 */
    size_t k_run = round_up((k_stored + runs - 1) / runs, TILE_K);
    bool load = mm->accumulate;
    for (size_t batch = 0; batch < mm->batch_count; batch += batches) {
        for (size_t k = 0; k < k_stored; k += k_run) {
            struct amx_block block = {.mm = mm,
                                      .k_stored = k_stored,
                                      .batch_first = batch,
                                      .batch_end = size_min(batch + batches, mm->batch_count),
                                      .k = k,
                                      .k_end = size_min(k + k_run, k_stored),
                                      .load = load};
            for (size_t row = row_first; row < row_end; row += 2 * TILE_ROWS)
                amx_rows(&block, row, row_end - row > TILE_ROWS, panel_count);
            load = true;
        }
    }
}

static void amx_mm_bf16(const struct kern_mm *mm)
{
    size_t whole = mm->m / (2 * TILE_ROWS) * (2 * TILE_ROWS), rest = mm->m - whole;
    if (whole) {
        amx_configure(TILE_ROWS, TILE_ROWS);
        amx_uniform(mm, 0, whole);
    }
    if (rest) {
        amx_configure(size_min(rest, TILE_ROWS), rest > TILE_ROWS ? rest - TILE_ROWS : 0);
        amx_uniform(mm, whole, mm->m);
    }
    _tile_release();
}

const struct kern_table kern_amx = {.name = "amx",
                                    .needs = KERN_CPU_AVX2 | KERN_CPU_AVX512 | KERN_CPU_AVX512BF16 | KERN_CPU_AMX,
                                    .mm_bf16 = amx_mm_bf16,
                                    .mm_f32 = simd_mm_f32,
                                    SIMD_ROWS};
