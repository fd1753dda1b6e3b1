#include "kern_test.h"

/* out = act(c + bias) * times * gate[row] + add: every part may be absent, so every combination is run. */
enum part {
    BIAS = 1,
    TIMES = 2,
    GATE = 4,
    GATE_ROW = 8,
    ADD = 16,
    IN_PLACE = 32,
    OUT_F32 = 64,
    OUT_BF16 = 128,
    PARTS = 256
};

enum { GATE_ROWS = 3 };

struct inputs {
    size_t m, n;
    struct trap c, bias, times, gate, add, rows;
};

static size_t ld_of(size_t n)
{
    return n + 3;
}

static void inputs_make(struct inputs *in, size_t m, size_t n, float size)
{
    size_t plane = (m - 1) * ld_of(n) + n;
    in->m = m;
    in->n = n;
    random_floats(&in->c, plane, size);
    random_floats(&in->bias, n, size);
    random_floats(&in->times, plane, 2);
    random_floats(&in->gate, (GATE_ROWS - 1) * ld_of(n) + n, 2);
    random_floats(&in->add, plane, size);
    uint32_t *rows = trap_alloc(&in->rows, m * sizeof *rows);
    for (size_t i = 0; i < m; i++)
        rows[i] = random_bits() % GATE_ROWS;
}

static void inputs_free(struct inputs *in)
{
    struct trap *all[] = {&in->c, &in->bias, &in->times, &in->gate, &in->add, &in->rows};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        trap_free(all[i]);
}

static double act_plain(enum kern_act act, double x)
{
    if (act == KERN_ACT_GELU_TANH)
        return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    return act == KERN_ACT_SILU ? x / (1 + exp(-x)) : x;
}

/* The value at (i, j), and the sum of the sizes of its terms. */
static double value_plain(const struct inputs *in, unsigned parts, enum kern_act act, size_t i, size_t j,
                          double *ret_size)
{
    size_t at = i * ld_of(in->n) + j, row = parts & GATE_ROW ? ((uint32_t *)in->rows.data)[i] : 0;
    double c = ((float *)in->c.data)[at], bias = parts & BIAS ? ((float *)in->bias.data)[j] : 0;
    double factor = parts & TIMES ? ((float *)in->times.data)[at] : 1;
    double add = parts & ADD ? ((float *)in->add.data)[at] : 0;
    if (parts & GATE)
        factor *= ((float *)in->gate.data)[row * ld_of(in->n) + j];
    *ret_size = (fabs(c) + fabs(bias)) * fabs(factor) + fabs(add);
    return act_plain(act, c + bias) * factor + add;
}

/* 2e-6 of the terms' sizes: the vector exp is good to 2e-7, its argument in GELU is a cube rounded a few times, and the
 * three products and two sums add 2^-24 each. bf16 keeps 8 bits: half a step is 2^-9 of the value. */
static void output_check(const struct inputs *in, const struct kern_table *table, unsigned parts, enum kern_act act,
                         const float *out, const bf16 *out_bf16)
{
    size_t n = in->n, ld = ld_of(n);
    for (size_t i = 0; i < in->m; i++) {
        for (size_t j = 0; j < n; j++) {
            double size, want = value_plain(in, parts, act, i, j, &size);
            if (out)
                check_near(table->name, "f32", i, j, out[i * ld + j], want, 2e-6 * size);
            if (out_bf16)
                check_near(table->name, "bf16", i, j, bf16_to_f32(out_bf16[i * ld + j]), want,
                           0x1p-8 * fabs(want) + 2e-6 * size);
        }
        if (i + 1 < in->m) {
            assert_true(!out || pattern_intact(out + i * ld + n, (ld - n) * sizeof *out));
            assert_true(!out_bf16 || pattern_intact(out_bf16 + i * ld + n, (ld - n) * sizeof *out_bf16));
        }
    }
}

static void output_run(const struct inputs *in, const struct kern_table *table, unsigned parts, enum kern_act act)
{
    size_t n = in->n, ld = ld_of(n), plane = (in->m - 1) * ld + n;
    struct trap trap, trap_bf16;
    float *out = parts & OUT_F32 ? trap_alloc(&trap, plane * sizeof *out) : NULL;
    bf16 *out_bf16 = parts & OUT_BF16 ? trap_alloc(&trap_bf16, plane * sizeof *out_bf16) : NULL;
    for (size_t i = 0; (parts & IN_PLACE) && i < in->m; i++)
        memcpy(out + i * ld, (float *)in->add.data + i * ld, n * sizeof *out);
    struct kern_epilogue e = {
        .c = in->c.data, .ldc = ld, .m = in->m, .n = n, .act = act, .out_f32 = out, .out_bf16 = out_bf16, .out_ld = ld};
    e.bias = parts & BIAS ? in->bias.data : NULL;
    e.times = parts & TIMES ? in->times.data : NULL;
    e.times_ld = ld;
    e.gate = parts & GATE ? in->gate.data : NULL;
    e.gate_ld = ld;
    e.gate_row = parts & GATE_ROW ? in->rows.data : NULL;
    e.add = parts & IN_PLACE ? out : parts & ADD ? in->add.data : NULL;
    e.add_ld = ld;
    table->epilogue(&e);
    output_check(in, table, parts, act, out, out_bf16);
    if (out)
        trap_free(&trap);
    if (out_bf16)
        trap_free(&trap_bf16);
}

static void combinations_run(const struct inputs *in, unsigned step)
{
    for (unsigned parts = 0; parts < PARTS; parts += step) {
        bool useless = !(parts & (OUT_F32 | OUT_BF16)) || ((parts & GATE_ROW) && !(parts & GATE)) ||
                       ((parts & IN_PLACE) && (parts & (ADD | OUT_F32)) != (ADD | OUT_F32));
        for (int act = KERN_ACT_NONE; !useless && act <= KERN_ACT_SILU; act++)
            FOR_TABLES(table)
        output_run(in, table, parts, (enum kern_act)act);
    }
}

static void every_combination_of_parts_agrees_with_the_formula(void **state)
{
    struct inputs in;
    inputs_make(&in, 5, 37, 4);
    combinations_run(&in, 1);
    inputs_free(&in);
}

static void rows_of_every_width_stay_inside(void **state)
{
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        struct inputs in;
        inputs_make(&in, s % 3 + 1, sizes[s], 4);
        combinations_run(&in, 23); /* prime to 256: an even draw of the combinations */
        inputs_free(&in);
    }
}

/* GELU and SiLU of a very negative number are almost zero, of a very positive one the number: no NaN from inf * 0. */
static void activations_of_large_values_are_finite(void **state)
{
    static const float sizes_of_values[] = {1e-38f, 1e-3f, 20, 90, 1e4f, 1e12f, 1e30f};
    for (size_t s = 0; s < ARRAY_LEN(sizes_of_values); s++) {
        struct inputs in;
        inputs_make(&in, 3, 40, sizes_of_values[s]);
        memset(in.c.data, 0, 4 * sizeof(float));
        for (int act = KERN_ACT_NONE; act <= KERN_ACT_SILU; act++)
            FOR_TABLES(table)
        output_run(&in, table, OUT_F32, (enum kern_act)act);
        inputs_free(&in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_of_parts_agrees_with_the_formula),
        cmocka_unit_test(rows_of_every_width_stay_inside),
        cmocka_unit_test(activations_of_large_values_are_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
