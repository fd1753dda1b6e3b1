#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "base/base.h"
#include "engine/tensor/dtype.h"
#include "engine/tensor/safetensors.h"
#include "st_build.h"

static struct st_file *file, *expected;

static int golden_open(void **state)
{
    conch_error err = {0};
    if (st_open(&file, golden("loader_dtypes.safetensors"), &err) < 0 ||
        st_open(&expected, golden("loader_expected.safetensors"), &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    return 0;
}

static int golden_close(void **state)
{
    st_close(file);
    st_close(expected);
    return 0;
}

/* Bit for bit, so that -0 is told from 0; any NaN is as good as another. */
static void floats_equal(const float *got, const float *want, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(&got[i], &want[i], 4) != 0 && !(isnan(got[i]) && isnan(want[i])))
            fail_msg("%s: element %zu is %a, not %a", what, i, (double)got[i], (double)want[i]);
}

static void every_golden_type_decodes_to_its_expected_values(void **state)
{
    static const char *const names[] = {"f8_e4m3", "f8_e5m2", "bf16",        "f16",         "f32",
                                        "f64",     "scalar",  "f16_special", "bf16_special"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct st_tensor *from = st_find(file, names[i]), *to = st_find(expected, names[i]);
        assert_non_null(from);
        assert_non_null(to);
        float got[256], want[256];
        size_t count = st_elements(from);
        assert_in_range(count, 1, 256);
        assert_int_equal(count, st_elements(to));
        dtype_to_f32(got, from->data, from->dtype, count);
        memcpy(want, to->data, to->bytes);
        floats_equal(got, want, count, names[i]);
    }
}

static void golden_integers_are_stored_and_decoded_exactly(void **state)
{
    static const char *const names[] = {"i64", "i32"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct st_tensor *from = st_find(file, names[i]), *to = st_find(expected, names[i]);
        assert_int_equal(from->bytes, to->bytes);
        assert_memory_equal(from->data, to->data, to->bytes);
        for (size_t k = 0; k < st_elements(from); k++) {
            float got;
            int64_t wide = 0;
            int32_t narrow;
            size_t size = dtype_size(from->dtype);
            dtype_to_f32(&got, (const uint8_t *)from->data + k * size, from->dtype, 1);
            memcpy(&narrow, (const uint8_t *)to->data + k * size, 4);
            if (size == 8)
                memcpy(&wide, (const uint8_t *)to->data + k * size, 8);
            assert_true(got == (size == 8 ? (float)wide : (float)narrow));
        }
    }
}

static void golden_rounding_to_bf16_and_f16_is_nearest_even(void **state)
{
    const struct st_tensor *in = st_find(expected, "round.in_f32");
    const struct st_tensor *bf16 = st_find(expected, "round.out_bf16"), *f16 = st_find(expected, "round.out_f16");
    float values[64], got_f32[64], want_f32[64];
    uint16_t got[64];
    size_t count = st_elements(in);
    assert_in_range(count, 1, 64);
    memcpy(values, in->data, in->bytes);
    dtype_f32_to_bf16(got, values, count);
    dtype_to_f32(got_f32, got, DTYPE_BF16, count);
    dtype_to_f32(want_f32, bf16->data, DTYPE_BF16, count);
    floats_equal(got_f32, want_f32, count, "bf16");
    dtype_f32_to_f16(got, values, count);
    dtype_to_f32(got_f32, got, DTYPE_F16, count);
    dtype_to_f32(want_f32, f16->data, DTYPE_F16, count);
    size_t clamped = 0;
    for (size_t i = 0; i < count; i++) {
        /* The file has 60000 here: its maker clamped what f16 cannot hold. Rounded to nearest it is infinite. */
        if (fabsf(values[i]) >= 65520.0f && fabsf(want_f32[i]) == 60000.0f) {
            want_f32[i] = copysignf(INFINITY, values[i]);
            clamped++;
        }
    }
    assert_int_equal(clamped, 1);
    floats_equal(got_f32, want_f32, count, "f16");
}

/* What the number a code stands for is, from the definition: sign, exponent and mantissa fields. */
static double value_of(unsigned code, int exponent_bits, int mantissa_bits)
{
    int bias = (1 << (exponent_bits - 1)) - 1;
    unsigned mantissa = code & ((1u << mantissa_bits) - 1),
             exponent = code >> mantissa_bits & ((1u << exponent_bits) - 1);
    double sign = code >> (exponent_bits + mantissa_bits) & 1 ? -1 : 1;
    if (exponent == 0)
        return sign * ldexp(mantissa, 1 - bias - mantissa_bits);
    return sign * ldexp(mantissa + (1u << mantissa_bits), (int)exponent - bias - mantissa_bits);
}

static void every_f16_code_decodes_to_its_definition(void **state)
{
    for (unsigned code = 0; code < 65536; code++) {
        uint16_t half = (uint16_t)code;
        float got;
        dtype_to_f32(&got, &half, DTYPE_F16, 1);
        if ((code & 0x7c00) == 0x7c00)
            assert_true(code & 0x3ff ? isnan(got) : isinf(got) && !signbit(got) == !(code >> 15));
        else
            assert_true((double)got == value_of(code, 5, 10) && !signbit(got) == !(code >> 15));
    }
}

static void every_fp8_code_decodes_to_its_definition(void **state)
{
    for (unsigned code = 0; code < 256; code++) {
        uint8_t byte = (uint8_t)code;
        float e4m3, e5m2;
        dtype_to_f32(&e4m3, &byte, DTYPE_F8_E4M3, 1);
        dtype_to_f32(&e5m2, &byte, DTYPE_F8_E5M2, 1);
        assert_true((code & 0x7f) == 0x7f ? isnan(e4m3) : (double)e4m3 == value_of(code, 4, 3));
        if ((code & 0x7c) == 0x7c)
            assert_true(code & 3 ? isnan(e5m2) : isinf(e5m2));
        else
            assert_true((double)e5m2 == value_of(code, 5, 2));
    }
}

/* Every f16 and bf16 value, and the points half way to its neighbours and beside them: there rounding goes wrong first.
 */
static void rounding_is_right_at_and_around_every_middle(void **state)
{
    for (unsigned code = 0; code + 1 < 0x7c00; code++) {
        float low = (float)value_of(code, 5, 10), high = (float)value_of(code + 1, 5, 10);
        float middle = (float)(((double)low + (double)high) / 2);
        float in[4] = {low, nextafterf(middle, 0), middle, nextafterf(middle, high)};
        uint16_t got[4],
            want[4] = {(uint16_t)code, (uint16_t)code, (uint16_t)(code + (code & 1)), (uint16_t)(code + 1)};
        dtype_f32_to_f16(got, in, 4);
        assert_memory_equal(got, want, sizeof want);
    }
    for (uint32_t code = 0; code < 0x7f7f; code++) {
        uint32_t bits[4] = {code << 16, (code << 16) + 0x7fff, (code << 16) + 0x8000, (code << 16) + 0x8001};
        uint16_t got[4],
            want[4] = {(uint16_t)code, (uint16_t)code, (uint16_t)(code + (code & 1)), (uint16_t)(code + 1)};
        float in[4];
        memcpy(in, bits, sizeof in);
        dtype_f32_to_bf16(got, in, 4);
        assert_memory_equal(got, want, sizeof want);
    }
}

static void values_too_large_become_infinite_and_nan_stays_nan(void **state)
{
    const uint32_t nan_bits[] = {0x7f800001, 0x7fffffff, 0xff800001, 0xffffffff, 0x7fc00000};
    const float in[] = {65519.996f, 65520.0f, -65520.0f, INFINITY, 3.4e38f, -0.0f, 1e-30f};
    const uint16_t want_f16[] = {0x7bff, 0x7c00, 0xfc00, 0x7c00, 0x7c00, 0x8000, 0};
    uint16_t got[8];
    float nans[ARRAY_LEN(nan_bits)];
    dtype_f32_to_f16(got, in, ARRAY_LEN(in));
    assert_memory_equal(got, want_f16, sizeof want_f16);
    memcpy(nans, nan_bits, sizeof nans);
    dtype_f32_to_f16(got, nans, ARRAY_LEN(nans));
    for (size_t i = 0; i < ARRAY_LEN(nans); i++)
        assert_true((got[i] & 0x7fff) > 0x7c00);
    dtype_f32_to_bf16(got, nans, ARRAY_LEN(nans));
    for (size_t i = 0; i < ARRAY_LEN(nans); i++)
        assert_true((got[i] & 0x7fff) > 0x7f80);
    const float largest = 3.4028235e38f;
    dtype_f32_to_bf16(got, &largest, 1);
    assert_int_equal(got[0], 0x7f80);
}

static void integers_of_every_width_and_sign_decode(void **state)
{
    float got[2];
    dtype_to_f32(got, (const int8_t[]){-128, 127}, DTYPE_I8, 2);
    assert_true(got[0] == -128 && got[1] == 127);
    dtype_to_f32(got, (const uint8_t[]){0, 255}, DTYPE_U8, 2);
    assert_true(got[0] == 0 && got[1] == 255);
    dtype_to_f32(got, (const int16_t[]){-32768, 32767}, DTYPE_I16, 2);
    assert_true(got[0] == -32768 && got[1] == 32767);
    dtype_to_f32(got, (const uint16_t[]){0, 65535}, DTYPE_U16, 2);
    assert_true(got[0] == 0 && got[1] == 65535);
    dtype_to_f32(got, (const int32_t[]){INT32_MIN, 16777217}, DTYPE_I32, 2);
    assert_true(got[0] == -2147483648.0f && got[1] == 16777216);
    dtype_to_f32(got, (const uint32_t[]){0, UINT32_MAX}, DTYPE_U32, 2);
    assert_true(got[0] == 0 && got[1] == 4294967296.0f);
    dtype_to_f32(got, (const int64_t[]){INT64_MIN, -1}, DTYPE_I64, 2);
    assert_true(got[0] == -9223372036854775808.0f && got[1] == -1);
    dtype_to_f32(got, (const uint64_t[]){UINT64_MAX, 1}, DTYPE_U64, 2);
    assert_true(got[0] == 18446744073709551616.0f && got[1] == 1);
    dtype_to_f32(got, (const uint8_t[]){0, 2}, DTYPE_BOOL, 2);
    assert_true(got[0] == 0 && got[1] == 1);
}

/* Lengths on and beside the chunk of 512, from an odd address: what is converted in pieces must equal the whole. */
static void a_bf16_run_equals_the_f32_run_rounded(void **state)
{
    static uint8_t bytes[1 + 1100 * 8];
    static float wide[1100];
    static uint16_t got[1101], want[1100];
    static const size_t counts[] = {0, 1, 511, 512, 513, 1024, 1100};
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + i / 256);
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
            size_t n = counts[c];
            got[n] = 0xabcd;
            dtype_to_bf16(got, bytes + 1, (enum dtype)dtype, n);
            assert_int_equal(got[n], 0xabcd);
            dtype_to_f32(wide, bytes + 1, (enum dtype)dtype, n);
            dtype_f32_to_bf16(want, wide, n);
            if (dtype == DTYPE_BF16)
                memcpy(want, bytes + 1, n * 2); /* a copy, even of the bits of a NaN */
            assert_memory_equal(got, want, n * sizeof *want);
        }
    }
}

static void names_lead_to_types_and_back(void **state)
{
    enum dtype got = DTYPE_COUNT;
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        assert_true(dtype_from_name(dtype_name((enum dtype)dtype), &got));
        assert_int_equal(got, dtype);
        assert_non_null(strstr(DTYPE_NAMES, dtype_name((enum dtype)dtype)));
    }
    assert_false(dtype_from_name("f32", &got));
    assert_false(dtype_from_name("", &got));
    assert_int_equal(dtype_size(DTYPE_F8_E4M3), 1);
    assert_int_equal(dtype_size(DTYPE_F64), 8);
    assert_true(dtype_is_float(DTYPE_F8_E5M2));
    assert_false(dtype_is_float(DTYPE_BOOL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_golden_type_decodes_to_its_expected_values),
        cmocka_unit_test(golden_integers_are_stored_and_decoded_exactly),
        cmocka_unit_test(golden_rounding_to_bf16_and_f16_is_nearest_even),
        cmocka_unit_test(every_f16_code_decodes_to_its_definition),
        cmocka_unit_test(every_fp8_code_decodes_to_its_definition),
        cmocka_unit_test(rounding_is_right_at_and_around_every_middle),
        cmocka_unit_test(values_too_large_become_infinite_and_nan_stays_nan),
        cmocka_unit_test(integers_of_every_width_and_sign_decode),
        cmocka_unit_test(a_bf16_run_equals_the_f32_run_rounded),
        cmocka_unit_test(names_lead_to_types_and_back),
    };
    return cmocka_run_group_tests(tests, golden_open, golden_close);
}
