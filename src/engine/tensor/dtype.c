#include "engine/tensor/dtype.h"

#include <assert.h>
#include <string.h>

#include "base/base.h"

/* gcc keeps the chance of a floating-point trap and will not turn the choices below into vector selects (clang does);
 * nothing here looks at traps. Twice as fast for F16 and fp8. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-trapping-math")
#endif

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "weight files are little-endian and are read in place"
#endif

static const struct dtype_row {
    const char *name;
    size_t size;
    bool is_float;
} rows[] = {
    [DTYPE_F32] = {"F32", 4, true},  [DTYPE_F16] = {"F16", 2, true},         [DTYPE_BF16] = {"BF16", 2, true},
    [DTYPE_F64] = {"F64", 8, true},  [DTYPE_F8_E4M3] = {"F8_E4M3", 1, true}, [DTYPE_F8_E5M2] = {"F8_E5M2", 1, true},
    [DTYPE_I8] = {"I8", 1, false},   [DTYPE_U8] = {"U8", 1, false},          [DTYPE_I16] = {"I16", 2, false},
    [DTYPE_U16] = {"U16", 2, false}, [DTYPE_I32] = {"I32", 4, false},        [DTYPE_U32] = {"U32", 4, false},
    [DTYPE_I64] = {"I64", 8, false}, [DTYPE_U64] = {"U64", 8, false},        [DTYPE_BOOL] = {"BOOL", 1, false},
};
_Static_assert(ARRAY_LEN(rows) == DTYPE_COUNT, "one row for every element type");

size_t dtype_size(enum dtype dtype)
{
    assert((unsigned)dtype < DTYPE_COUNT);
    return rows[dtype].size;
}

const char *dtype_name(enum dtype dtype)
{
    assert((unsigned)dtype < DTYPE_COUNT);
    return rows[dtype].name;
}

bool dtype_from_name(const char *name, enum dtype *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            *ret = (enum dtype)i;
            return true;
        }
    }
    return false;
}

bool dtype_is_float(enum dtype dtype)
{
    assert((unsigned)dtype < DTYPE_COUNT);
    return rows[dtype].is_float;
}

static inline float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The three decoders below choose between whole results instead of branching, so that loops over them vectorise.
 * A subnormal is made by putting its mantissa under a power of two and taking that away again: exact, and (unlike a
 * multiplication of the small value) right even when the thread flushes subnormals to zero. */

static inline float f32_of_f16(uint16_t half)
{
    uint32_t rest = half & 0x7fffu;
    uint32_t normal = (rest << 13) + (112u << 23);
    uint32_t special = (rest << 13) | 0x7f800000u;
    uint32_t tiny = bits_of(float_of((rest << 13) + (113u << 23)) - float_of(113u << 23));
    uint32_t bits = rest >= 0x7c00u ? special : rest < 0x400u ? tiny : normal;
    return float_of(bits | (uint32_t)(half & 0x8000u) << 16);
}

static inline float f32_of_f8_e4m3(uint8_t code)
{
    uint32_t rest = code & 0x7fu;
    uint32_t normal = (rest << 20) + (120u << 23);
    uint32_t tiny = bits_of(float_of((rest << 20) + (121u << 23)) - float_of(121u << 23));
    uint32_t bits = rest == 0x7fu ? 0x7fc00000u : rest < 8u ? tiny : normal;
    return float_of(bits | (uint32_t)(code & 0x80u) << 24);
}

static inline uint16_t bf16_of_f32(float value)
{
    uint32_t bits = bits_of(value);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    uint32_t quiet = (bits >> 16) | 0x40u; /* rounding could carry a NaN into infinity */
    return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

static inline uint16_t f16_of_f32(float value)
{
    uint32_t bits = bits_of(value);
    uint32_t rest = bits & 0x7fffffffu;
    uint32_t half;
    if (rest > 0x7f800000u)
        half = 0x7e00u | (rest >> 13 & 0x3ffu);
    else if (rest >= 0x477ff000u) /* 65520, half way from the largest value to the next power of two */
        half = 0x7c00u;
    else if (rest >= 0x38800000u) /* 2^-14 */
        half = (rest - (112u << 23) + 0xfffu + ((rest >> 13) & 1u)) >> 13;
    else {
        /* The result is rest in units of 2^-24, rounded. With the leading one made explicit that is a shift. */
        uint32_t exponent = rest >> 23;
        uint32_t shift = 126u - exponent; /* 14 just below 2^-14 */
        uint32_t mantissa = (rest & 0x7fffffu) | 0x800000u;
        if (shift > 24u) { /* at most 2^-25 times something below one: all of it rounds away */
            half = 0;
        } else {
            uint32_t cut = mantissa & ((1u << shift) - 1u), middle = 1u << (shift - 1u);
            half = mantissa >> shift;
            half += cut > middle || (cut == middle && (half & 1u));
        }
    }
    return (uint16_t)(half | (bits >> 16 & 0x8000u));
}

/* memcpy because a source may lie at any address; compilers turn it into an unaligned load. */
#define CONVERT(type, expression)                                                                                      \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        type v;                                                                                                        \
        memcpy(&v, from + i * sizeof v, sizeof v);                                                                     \
        dst[i] = (expression);                                                                                         \
    }                                                                                                                  \
    break

void dtype_to_f32(float *restrict dst, const void *restrict src, enum dtype dtype, size_t n)
{
    const uint8_t *from = src;
    if (n == 0)
        return; /* an empty tensor may have no address */
    switch (dtype) {
    case DTYPE_F32: memcpy(dst, src, n * sizeof *dst); break;
    case DTYPE_F16: CONVERT(uint16_t, f32_of_f16(v));
    case DTYPE_BF16: CONVERT(uint16_t, float_of((uint32_t)v << 16));
    case DTYPE_F64: CONVERT(double, (float)v);
    case DTYPE_F8_E4M3: CONVERT(uint8_t, f32_of_f8_e4m3(v));
    case DTYPE_F8_E5M2: CONVERT(uint8_t, f32_of_f16((uint16_t)(v << 8)));
    case DTYPE_I8: CONVERT(int8_t, (float)v);
    case DTYPE_U8: CONVERT(uint8_t, (float)v);
    case DTYPE_I16: CONVERT(int16_t, (float)v);
    case DTYPE_U16: CONVERT(uint16_t, (float)v);
    case DTYPE_I32: CONVERT(int32_t, (float)v);
    case DTYPE_U32: CONVERT(uint32_t, (float)v);
    case DTYPE_I64: CONVERT(int64_t, (float)v);
    case DTYPE_U64: CONVERT(uint64_t, (float)v);
    case DTYPE_BOOL: CONVERT(uint8_t, v ? 1.0f : 0.0f);
    case DTYPE_COUNT: assert(!"an element type"); break;
    }
}

void dtype_to_bf16(uint16_t *restrict dst, const void *restrict src, enum dtype dtype, size_t n)
{
    if (n == 0)
        return;
    if (dtype == DTYPE_BF16) {
        memcpy(dst, src, n * sizeof *dst);
        return;
    }
    const uint8_t *from = src;
    float chunk[512];
    for (size_t done = 0; done < n;) {
        size_t now = size_min(n - done, ARRAY_LEN(chunk));
        dtype_to_f32(chunk, from + done * dtype_size(dtype), dtype, now);
        dtype_f32_to_bf16(dst + done, chunk, now);
        done += now;
    }
}

void dtype_f32_to_bf16(uint16_t *restrict dst, const float *restrict src, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = bf16_of_f32(src[i]);
}

void dtype_f32_to_f16(uint16_t *restrict dst, const float *restrict src, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = f16_of_f32(src[i]);
}
