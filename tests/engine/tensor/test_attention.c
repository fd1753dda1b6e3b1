/* Attention with more keys than a block and more rows than a task, from narrow heads to the widest, against f64. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "engine/tensor/attention.h"
#include "golden_compare.h"

struct attention_case {
    const char *name;
    size_t heads, d, rows, keys;
    bool bias;   /* by distance, as in UMT5 */
    float score; /* spread of the scores: large ones make the running maximum jump */
};

static const struct attention_case cases[] = {
    {"widest head", 1, KERN_D_MAX, 70, 600, false, 1},
    {"many keys", 3, 128, 130, 1100, false, 1},
    {"odd sizes", 2, 20, 67, 517, false, 1},
    {"one key", 2, 64, 3, 1, false, 1},
    {"one row", 2, 64, 1, 513, false, 1},
    {"distances", 3, 64, 530, 530, true, 1},
    {"sharp scores", 2, 32, 65, 1030, false, 60},
    {"block of keys", 1, 16, 64, 512, false, 1},
};

static void fill_random(float *x, size_t count, float scale)
{
    static uint64_t state = 1181783497276652981u;
    for (size_t i = 0; i < count; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        x[i] = bf16_to_f32(bf16_from_f32(scale * ((float)(state >> 40) / (float)(1 << 23) - 1)));
    }
}

struct data {
    float *q, *k, *v, *bias, *want, *got;
    size_t width, row_count, key_count;
    size_t bias_step; /* from head to head: distances -(rows - 1) .. keys - 1 */
};

static double bias_at(const struct attention_case *c, const struct data *d, size_t head, size_t row, size_t key)
{
    return c->bias ? d->bias[head * d->bias_step + c->rows - 1 - row + key] : 0;
}

static void reference_row(const struct attention_case *c, struct data *d, size_t head, size_t row, double *score)
{
    double most = -INFINITY, sum = 0;
    for (size_t j = 0; j < c->keys; j++) {
        score[j] = bias_at(c, d, head, row, j);
        for (size_t i = head * c->d; i < (head + 1) * c->d; i++)
            score[j] += d->q[row * d->width + i] * (double)d->k[j * d->width + i] * c->score / sqrt((double)c->d);
        most = fmax(most, score[j]);
    }
    for (size_t j = 0; j < c->keys; j++)
        sum += score[j] = exp(score[j] - most);
    for (size_t i = head * c->d; i < (head + 1) * c->d; i++) {
        double out = 0;
        for (size_t j = 0; j < c->keys; j++)
            out += score[j] / sum * d->v[j * d->width + i];
        d->want[row * d->width + i] = (float)out;
    }
}

static void data_make(struct data *d, const struct attention_case *c)
{
    d->width = c->heads * c->d;
    d->row_count = c->rows * d->width;
    d->key_count = c->keys * d->width;
    d->bias_step = c->rows + c->keys - 1;
    d->q = test_floats(d->row_count + 64); /* kernels may read a little past a row */
    d->k = test_floats(d->key_count + 64);
    d->v = test_floats(d->key_count + 64);
    d->bias = test_floats(c->heads * d->bias_step);
    d->want = test_floats(d->row_count);
    d->got = test_floats(d->row_count);
    fill_random(d->q, d->row_count, 1.7f);
    fill_random(d->k, d->key_count, 1.7f);
    fill_random(d->v, d->key_count, 1.7f);
    fill_random(d->bias, c->heads * d->bias_step, 3);
    double *score = test_alloc(c->keys * sizeof *score);
    for (size_t h = 0; h < c->heads; h++)
        for (size_t i = 0; i < c->rows; i++)
            reference_row(c, d, h, i, score);
    free(score);
}

static void data_free(struct data *d)
{
    float *const all[] = {d->q, d->k, d->v, d->bias, d->want, d->got};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        free(all[i]);
}

/* The operand in a precision; the caller frees it. */
static void *operand_of(const float *x, size_t count, enum precision precision)
{
    void *operand = test_alloc((count + 64) * precision_bytes(precision));
    for (size_t i = 0; i < count; i++)
        if (precision == PRECISION_BF16)
            *operand_bf16(operand, precision, i) = bf16_from_f32(x[i]);
        else
            *operand_f32(operand, precision, i) = x[i];
    return operand;
}

static void attention_of(const struct attention_case *c, struct data *d, const struct compute *compute,
                         enum precision precision)
{
    struct attention_kv kv;
    struct arena arena;
    void *q = operand_of(d->q, d->row_count, precision), *k = operand_of(d->k, d->key_count, precision),
         *v = operand_of(d->v, d->key_count, precision);
    arena_init(&arena);
    attention_kv_take(&kv, &arena, c->heads, c->d, c->keys, precision);
    assert_int_equal(arena_reserve(&arena, NULL), 0);
    attention_kv_take(&kv, &arena, c->heads, c->d, c->keys, precision);
    attention_pack_k(compute, &kv, k, d->width);
    attention_pack_v(compute, &kv, v, d->width);
    struct attention_job job = {.kv = &kv,
                                .q = q,
                                .rows = c->rows,
                                .q_ld = d->width,
                                .scale = (float)(c->score / sqrt((double)c->d)),
                                .out_f32 = d->got,
                                .out_ld = d->width};
    if (c->bias) {
        job.bias = d->bias + c->rows - 1;
        job.bias_head_step = d->bias_step;
        job.bias_row_step = -1;
    }
    memset(d->got, 0xff, d->row_count * sizeof *d->got);
    attention_run(compute, &job);
    arena_finish(&arena);
    free(q);
    free(k);
    free(v);
}

static void every_table_agrees_with_the_formula(void **state)
{
    unsigned flags = kern_cpu_flags();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct data d;
        data_make(&d, &cases[i]);
        for (const struct kern_table *const *kern = kern_tables; *kern; kern++) {
            struct compute compute;
            if ((*kern)->needs & ~(flags | KERN_CPU_FAST_BF16))
                continue;
            assert_int_equal(compute_init(&compute, 2, (*kern)->name, NULL), 0);
            for (int precision = PRECISION_BF16; precision <= PRECISION_F32; precision++) {
                attention_of(&cases[i], &d, &compute, precision);
                double rel = difference_of(d.got, d.want, d.row_count).rel;
                /* bf16: probabilities are rounded to 8 bits; fp32: scores of 60 hold 1e-6 of absolute error, which exp
                 * turns into a relative one */
                double allowed = precision == PRECISION_BF16 ? 1e-2 : cases[i].score > 1 ? 2e-5 : 3e-6;
                if (!(rel <= allowed))
                    fail_msg("%s, %s, %s: off by %.2g", cases[i].name, (*kern)->name,
                             precision == PRECISION_F32 ? "fp32" : "bf16", rel);
            }
            compute_finish(&compute);
        }
        data_free(&d);
    }
}

static void threads_do_not_change_a_bit(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct data d;
        data_make(&d, &cases[i]);
        for (size_t threads = 1; threads <= 3; threads += 2) {
            struct compute compute;
            assert_int_equal(compute_init(&compute, threads, NULL, NULL), 0);
            attention_of(&cases[i], &d, &compute, PRECISION_BF16);
            if (threads == 1)
                memcpy(d.want, d.got, d.row_count * sizeof *d.got);
            compute_finish(&compute);
        }
        assert_memory_equal(d.want, d.got, d.row_count * sizeof *d.got);
        data_free(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_agrees_with_the_formula),
        cmocka_unit_test(threads_do_not_change_a_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
