/* AVX2 with FMA: 16 registers of 8 floats, so a tile of 6 rows and one panel (12 accumulators). */
#define MM_ROWS   6
#define MM_LANES  8
#define MM_PANELS 1
#include "engine/kernels/simd_mm.h"

const struct kern_table kern_avx2 = {
    .name = "avx2", .needs = KERN_CPU_AVX2, .mm_bf16 = simd_mm_bf16, .mm_f32 = simd_mm_f32, SIMD_ROWS};
