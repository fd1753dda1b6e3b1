/* AVX-512: 32 registers of 16 floats, so a tile of 6 rows and four panels (24 accumulators). */
#define MM_ROWS   6
#define MM_LANES  16
#define MM_PANELS 4
#include "engine/kernels/simd_mm.h"

const struct kern_table kern_avx512 = {.name = "avx512",
                                       .needs = KERN_CPU_AVX2 | KERN_CPU_AVX512,
                                       .mm_bf16 = simd_mm_bf16,
                                       .mm_f32 = simd_mm_f32,
                                       SIMD_ROWS};
