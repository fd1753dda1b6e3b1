#include "kern_test.h"

#include <stdlib.h>

enum norm { LAYER, RMS, RMS_ROPE, L2, L2_SILU };

struct norm_case {
    enum norm norm;
    size_t n, d;
    struct trap x, mul, add, rope;
    double *want, *size; /* values, and the sizes their rounding errors scale with */
};

static void want_layer(struct norm_case *c, float eps)
{
    const float *x = c->x.data, *mul = c->mul.data, *add = c->add.data;
    double mean = 0, variance = 0, top = 0;
    for (size_t i = 0; i < c->n; i++)
        mean += x[i] / (double)c->n, top = fmax(top, fabs(x[i]));
    for (size_t i = 0; i < c->n; i++)
        variance += (x[i] - mean) * (x[i] - mean) / (double)c->n;
    for (size_t i = 0; i < c->n; i++) {
        c->want[i] = (x[i] - mean) / sqrt(variance + eps) * mul[i] + add[i];
        c->size[i] = top / sqrt(variance + eps) * fabs(mul[i]) + fabs(add[i]); /* x - mean cancels */
    }
}

static void want_rms(struct norm_case *c, float eps)
{
    const float *x = c->x.data, *mul = c->mul.data, *turn = c->rope.data;
    double square = 0;
    for (size_t i = 0; i < c->n; i++)
        square += (double)x[i] * x[i] / (double)c->n;
    for (size_t i = 0; i < c->n; i++)
        c->want[i] = x[i] / sqrt(square + eps) * mul[i], c->size[i] = fabs(c->want[i]);
    for (size_t i = 0; c->norm == RMS_ROPE && i < c->n; i += 2) {
        double a = c->want[i], b = c->want[i + 1], cosine = turn[i % c->d], sine = turn[i % c->d + 1];
        c->want[i] = a * cosine - b * sine;
        c->want[i + 1] = a * sine + b * cosine;
        c->size[i] = c->size[i + 1] = fabs(a) + fabs(b);
    }
}

static void want_l2(struct norm_case *c)
{
    const float *x = c->x.data, *mul = c->mul.data;
    double square = 0;
    for (size_t i = 0; i < c->n; i++)
        square += (double)x[i] * x[i];
    for (size_t i = 0; i < c->n; i++) {
        double y = x[i] / fmax(sqrt(square), 1e-12) * sqrt((double)c->n) * mul[i];
        c->want[i] = c->norm == L2_SILU ? y / (1 + exp(-y)) : y;
        c->size[i] = fabs(y);
    }
}

static void case_call(const struct norm_case *c, const struct kern_table *table, float *y, bf16 *y_bf16, float eps)
{
    const float *x = c->x.data, *mul = c->mul.data;
    switch (c->norm) {
    case LAYER: table->norm_layer(y, y_bf16, x, mul, c->add.data, c->n, eps); break;
    case RMS: table->norm_rms(y, y_bf16, x, mul, NULL, c->n, c->d, eps); break;
    case RMS_ROPE: table->norm_rms(y, y_bf16, x, mul, c->rope.data, c->n, c->d, eps); break;
    case L2: table->norm_l2(y, y_bf16, x, mul, c->n, false); break;
    case L2_SILU: table->norm_l2(y, y_bf16, x, mul, c->n, true); break;
    }
}

/* 3e-6 of the size: a sum of n squares in 16 lanes is good to (n / 16 + 4) * 2^-24, under 1e-6 for the widths here, the
 * root halves that, and the rest is a handful of roundings. bf16: half a step is 2^-9 of the value. */
static void case_check(const struct norm_case *c, const struct kern_table *table, float eps)
{
    static const char *const names[] = {"layer", "rms", "rms with rope", "l2", "l2 with silu"};
    struct trap out, out_bf16;
    float *y = trap_alloc(&out, c->n * sizeof *y);
    bf16 *y_bf16 = trap_alloc(&out_bf16, c->n * sizeof *y_bf16);
    case_call(c, table, y, NULL, eps);
    case_call(c, table, NULL, y_bf16, eps);
    for (size_t i = 0; i < c->n; i++) {
        check_near(table->name, names[c->norm], c->n, i, y[i], c->want[i], 3e-6 * c->size[i]);
        assert_int_equal(y_bf16[i], bf16_from_f32(y[i]));
    }
    trap_free(&out);
    trap_free(&out_bf16);
}

static void case_run(enum norm norm, size_t n, size_t d, float x_size, float x_offset, float eps)
{
    struct norm_case c = {.norm = norm, .n = n, .d = d};
    float *x = random_floats(&c.x, n, x_size);
    for (size_t i = 0; i < n; i++)
        x[i] += x_offset;
    random_floats(&c.mul, n, 2);
    random_floats(&c.add, n, 2);
    float *rope = trap_alloc(&c.rope, d * sizeof *rope);
    for (size_t i = 0; i + 1 < d; i += 2) {
        float angle = 3 * random_float();
        rope[i] = cosf(angle);
        rope[i + 1] = sinf(angle);
    }
    c.want = calloc(n, sizeof *c.want);
    c.size = calloc(n, sizeof *c.size);
    if (norm == LAYER)
        want_layer(&c, eps);
    else if (norm == RMS || norm == RMS_ROPE)
        want_rms(&c, eps);
    else
        want_l2(&c);
    FOR_TABLES(table)
    case_check(&c, table, eps);
    free(c.want);
    free(c.size);
    trap_free(&c.x);
    trap_free(&c.mul);
    trap_free(&c.add);
    trap_free(&c.rope);
}

static void norms_of_every_width_agree_with_their_formulas(void **state)
{
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        size_t n = sizes[s];
        case_run(LAYER, n, 2, 1, 0, 1e-6f);
        case_run(LAYER, n, 2, 1, 5, 1e-6f);
        case_run(RMS, n, 2, 3, 0, 1e-6f);
        case_run(L2, n, 2, 3, 0, 0);
        case_run(L2_SILU, n, 2, 3, 0, 0);
    }
    case_run(LAYER, 1536, 2, 1, 0, 1e-6f);
    case_run(RMS, 5120, 2, 1, 0, 1e-6f);
}

/* Head widths beside the vector width: a rest of pairs must not read the next head's or past the last. */
static void rotation_turns_the_pairs_of_every_head(void **state)
{
    static const size_t widths[] = {2, 4, 14, 16, 18, 30, 32, 34, 64, 96, 100, 128};
    for (size_t w = 0; w < ARRAY_LEN(widths); w++)
        for (size_t heads = 1; heads <= 3; heads++)
            case_run(RMS_ROPE, widths[w] * heads, widths[w], 2, 0, 1e-6f);
}

static void rows_of_extreme_values_stay_finite(void **state)
{
    static const enum norm all[] = {LAYER, RMS, RMS_ROPE, L2, L2_SILU};
    static const float values[] = {0, 1e-40f, 1e-20f, 1e-12f, 1e6f, 1e15f};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        for (size_t v = 0; v < ARRAY_LEN(values); v++)
            case_run(all[i], 100, 50, values[v], 0, 1e-6f);
    case_run(LAYER, 64, 2, 0, 7, 1e-6f); /* all equal: no variance */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_of_every_width_agree_with_their_formulas),
        cmocka_unit_test(rotation_turns_the_pairs_of_every_head),
        cmocka_unit_test(rows_of_extreme_values_stay_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
