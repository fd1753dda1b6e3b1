#include <string.h>

#include "engine/kernels/kern.h"

void kern_pack_rows_bf16(bf16 *dst, const bf16 *src, size_t ld, size_t count, size_t k)
{
    size_t k_padded = kern_k_padded(k);
    if (count < KERN_PANEL || k_padded != k)
        memset(dst, 0, k_padded * KERN_PANEL * sizeof *dst);
    for (size_t j = 0; j < count; j++) {
        const bf16 *row = src + j * ld;
        bf16 *out = dst + 2 * j;
        size_t i = 0;
        for (; i + 2 <= k; i += 2)
            memcpy(out + i * KERN_PANEL, row + i, 4);
        if (i < k)
            out[i * KERN_PANEL] = row[i];
    }
}

void kern_pack_rows_f32(float *dst, const float *src, size_t ld, size_t count, size_t k)
{
    if (count < KERN_PANEL)
        memset(dst, 0, k * KERN_PANEL * sizeof *dst);
    for (size_t j = 0; j < count; j++)
        for (size_t i = 0; i < k; i++)
            dst[i * KERN_PANEL + j] = src[j * ld + i];
}

void kern_pack_columns_bf16(bf16 *dst, const bf16 *src, size_t ld, size_t count, size_t k)
{
    size_t k_padded = kern_k_padded(k);
    if (count < KERN_PANEL || k_padded != k)
        memset(dst, 0, k_padded * KERN_PANEL * sizeof *dst);
    for (size_t i = 0; i < k; i++) {
        bf16 *out = dst + i / 2 * (2 * KERN_PANEL) + i % 2;
        for (size_t j = 0; j < count; j++)
            out[2 * j] = src[i * ld + j];
    }
}

void kern_pack_columns_f32(float *dst, const float *src, size_t ld, size_t count, size_t k)
{
    if (count < KERN_PANEL)
        memset(dst, 0, k * KERN_PANEL * sizeof *dst);
    for (size_t i = 0; i < k; i++)
        memcpy(dst + i * KERN_PANEL, src + i * ld, count * sizeof *dst);
}
