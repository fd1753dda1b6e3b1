/* Element types of weight files, and their conversion to the two types the engine computes with.
 *
 * All values are little-endian, as in safetensors. Sources need no alignment: a safetensors header may have any length.
 * No conversion depends on the rounding or flush-to-zero mode of the thread, except I32, U32, I64, U64 and F64 to F32,
 * which round as C does (nearest, ties to even, by default). */
#ifndef ENGINE_TENSOR_DTYPE_H
#define ENGINE_TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype {
    DTYPE_F32,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_F64,
    DTYPE_F8_E4M3, /* bias 7, no infinities, codes 0x7f and 0xff are NaN, largest value 448 */
    DTYPE_F8_E5M2, /* bias 15, infinities and NaN: the upper byte of an F16 */
    DTYPE_I8,
    DTYPE_U8,
    DTYPE_I16,
    DTYPE_U16,
    DTYPE_I32,
    DTYPE_U32,
    DTYPE_I64,
    DTYPE_U64,
    DTYPE_BOOL, /* one byte; any value but 0 is true */
    DTYPE_COUNT
};

/* All names, for error texts. */
#define DTYPE_NAMES "F32, F16, BF16, F64, F8_E4M3, F8_E5M2, I8, U8, I16, U16, I32, U32, I64, U64, BOOL"

/* Bytes of one element, 1 to 8. */
size_t dtype_size(enum dtype dtype);

/* The name in a safetensors header, as "BF16". */
const char *dtype_name(enum dtype dtype);

/* False, and *ret untouched, for a name that is not in DTYPE_NAMES. */
bool dtype_from_name(const char *name, enum dtype *ret);

/* True for the six floating-point types, which alone can hold NaN or (E4M3 apart) infinity. */
bool dtype_is_float(enum dtype dtype);

/* Converts n elements. src and dst must not overlap. NaN stays NaN; F64 beyond the range of F32 becomes infinite. */
void dtype_to_f32(float *dst, const void *src, enum dtype dtype, size_t n);

/* As dtype_to_f32, then rounded to bf16 (F64 is thus rounded twice, as in PyTorch); BF16 is copied bit by bit. */
void dtype_to_bf16(uint16_t *dst, const void *src, enum dtype dtype, size_t n);

/* Round to nearest, ties to even. NaN stays (quiet) NaN, values beyond the range become infinite, f16 subnormals are
 * exact. src and dst must not overlap. */
void dtype_f32_to_bf16(uint16_t *dst, const float *src, size_t n);
void dtype_f32_to_f16(uint16_t *dst, const float *src, size_t n);

#endif
