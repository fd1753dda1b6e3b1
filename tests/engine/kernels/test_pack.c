#include "kern_test.h"

static float value_at(size_t i, size_t j)
{
    return (float)(1 + (i * 16 + j) % 251); /* exact in bf16, never zero */
}

/* Reads element (i, j) of a packed panel as kern.h describes it. */
static float panel_bf16_at(const bf16 *panel, size_t i, size_t j)
{
    return bf16_to_f32(panel[i / 2 * 32 + j * 2 + i % 2]);
}

static void panel_check(const bf16 *h, const float *f, size_t count, size_t k)
{
    for (size_t j = 0; j < KERN_PANEL; j++) {
        for (size_t i = 0; i < kern_k_padded(k); i++)
            assert_true(panel_bf16_at(h, i, j) == (i < k && j < count ? value_at(i, j) : 0));
        for (size_t i = 0; i < k; i++)
            assert_true(f[i * KERN_PANEL + j] == (j < count ? value_at(i, j) : 0));
    }
}

/* Both sources, a weight [out, in] and a matrix as it lies, must give the same panel; the padding must be zero even in
 * memory that was not. */
static void a_panel_holds_what_was_packed_and_zeros(void **state)
{
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        for (size_t count = 1; count <= KERN_PANEL; count++) {
            size_t k = sizes[s], ld_rows = k + 3, ld_columns = count + 2;
            struct trap rows_h, rows_f, columns_h, columns_f, out_h, out_f;
            bf16 *rh = trap_alloc(&rows_h, ((count - 1) * ld_rows + k) * sizeof *rh);
            float *rf = trap_alloc(&rows_f, ((count - 1) * ld_rows + k) * sizeof *rf);
            bf16 *ch = trap_alloc(&columns_h, ((k - 1) * ld_columns + count) * sizeof *ch);
            float *cf = trap_alloc(&columns_f, ((k - 1) * ld_columns + count) * sizeof *cf);
            for (size_t i = 0; i < k; i++) {
                for (size_t j = 0; j < count; j++) {
                    rf[j * ld_rows + i] = cf[i * ld_columns + j] = value_at(i, j);
                    rh[j * ld_rows + i] = ch[i * ld_columns + j] = bf16_from_f32(value_at(i, j));
                }
            }
            bf16 *h = trap_alloc(&out_h, kern_panel_bf16(1, k) * sizeof *h);
            float *f = trap_alloc(&out_f, kern_panel_f32(1, k) * sizeof *f);
            kern_pack_rows_bf16(h, rh, ld_rows, count, k);
            kern_pack_rows_f32(f, rf, ld_rows, count, k);
            panel_check(h, f, count, k);
            memset(h, PATTERN, out_h.bytes);
            memset(f, PATTERN, out_f.bytes);
            kern_pack_columns_bf16(h, ch, ld_columns, count, k);
            kern_pack_columns_f32(f, cf, ld_columns, count, k);
            panel_check(h, f, count, k);
            struct trap *all[] = {&rows_h, &rows_f, &columns_h, &columns_f, &out_h, &out_f};
            for (size_t t = 0; t < ARRAY_LEN(all); t++)
                trap_free(all[t]);
        }
    }
}

/* Every bf16 value through widen, and back through scale by 1: the same bits, but that NaNs become quiet. */
static void every_bf16_value_survives_a_round_trip(void **state)
{
    static bf16 in[65536], out[65536];
    static float wide[65536];
    for (size_t i = 0; i < ARRAY_LEN(in); i++)
        in[i] = (bf16)i;
    FOR_TABLES(table)
    {
        table->widen(wide, in, ARRAY_LEN(in));
        table->scale(NULL, out, wide, 1, ARRAY_LEN(in));
        for (size_t i = 0; i < ARRAY_LEN(in); i++) {
            uint32_t bits;
            memcpy(&bits, &wide[i], sizeof bits);
            assert_int_equal(bits, (uint32_t)i << 16);
            assert_int_equal(out[i], isnan(wide[i]) ? in[i] | 0x40 : in[i]);
        }
    }
}

/* Just below, on and just above the middle between two bf16 values, of every sign and exponent: infinity, the largest
 * float (which rounds to infinity), denormals and NaNs are among them. */
static void rounding_to_bf16_is_to_nearest_even_everywhere(void **state)
{
    static const uint32_t low[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
    static float in[65536];
    static bf16 out[65536];
    for (size_t l = 0; l < ARRAY_LEN(low); l++) {
        for (size_t i = 0; i < ARRAY_LEN(in); i++) {
            uint32_t bits = (uint32_t)i << 16 | low[l];
            memcpy(&in[i], &bits, sizeof bits);
        }
        FOR_TABLES(table)
        {
            table->scale(NULL, out, in, 1, ARRAY_LEN(in));
            for (size_t i = 0; i < ARRAY_LEN(in); i++)
                if (out[i] != bf16_from_f32(in[i]))
                    fail_msg("%s: %04zx%04x becomes %04x, not %04x", table->name, i, low[l], out[i],
                             bf16_from_f32(in[i]));
        }
    }
    assert_int_equal(bf16_from_f32(1.00390625f), 0x3f80);   /* 1 + 2^-8: half way, down to even */
    assert_int_equal(bf16_from_f32(1.01171875f), 0x3f82);   /* 1 + 3 * 2^-8: half way, up to even */
    assert_int_equal(bf16_from_f32(3.4028235e38f), 0x7f80); /* to infinity */
    assert_true(isnan(bf16_to_f32(bf16_from_f32(NAN))));
}

static void scale_and_widen_stay_inside_their_rows(void **state)
{
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        size_t n = sizes[s];
        struct trap in_f, in_h, out_f, out_h;
        float *x = random_floats(&in_f, n, 10);
        bf16 *h = trap_alloc(&in_h, n * sizeof *h);
        for (size_t i = 0; i < n; i++)
            h[i] = bf16_from_f32(x[i]);
        FOR_TABLES(table)
        {
            float *y = trap_alloc(&out_f, n * sizeof *y);
            bf16 *y_bf16 = trap_alloc(&out_h, n * sizeof *y_bf16);
            table->scale(y, NULL, x, 0.37f, n);
            table->scale(NULL, y_bf16, x, 0.37f, n);
            for (size_t i = 0; i < n; i++) {
                assert_true(y[i] == x[i] * 0.37f);
                assert_int_equal(y_bf16[i], bf16_from_f32(y[i]));
            }
            table->widen(y, h, n);
            for (size_t i = 0; i < n; i++)
                assert_true(y[i] == bf16_to_f32(h[i]));
            trap_free(&out_f);
            trap_free(&out_h);
        }
        trap_free(&in_f);
        trap_free(&in_h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_panel_holds_what_was_packed_and_zeros),
        cmocka_unit_test(every_bf16_value_survives_a_round_trip),
        cmocka_unit_test(rounding_to_bf16_is_to_nearest_even_everywhere),
        cmocka_unit_test(scale_and_widen_stay_inside_their_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
