#include "kern_test.h"

#include <stdlib.h>

/* One block of scores and the state that goes from block to block. */
struct block {
    size_t m, n, d, lds, ldp, ldo;
    float scale;
    const float *bias;
    ptrdiff_t bias_row_step;
    struct trap s, p, row_max, row_sum, o;
    bool is_bf16;
};

static void block_make(struct block *b)
{
    b->lds = b->n + 1;
    b->ldp = round_up(b->n, 32) + 2;
    b->ldo = b->d + 3;
    trap_alloc(&b->s, ((b->m - 1) * b->lds + b->n) * sizeof(float));
    trap_alloc(&b->p, ((b->m - 1) * b->ldp + round_up(b->n, 32)) * (b->is_bf16 ? sizeof(bf16) : sizeof(float)));
    float *max = trap_alloc(&b->row_max, b->m * sizeof(float)), *sum = trap_alloc(&b->row_sum, b->m * sizeof(float));
    float *o = trap_alloc(&b->o, ((b->m - 1) * b->ldo + b->d) * sizeof(float));
    for (size_t i = 0; i < b->m; i++) {
        max[i] = KERN_SCORE_MIN;
        sum[i] = 0;
        for (size_t j = 0; j < b->d; j++)
            o[i * b->ldo + j] = 0;
    }
}

static void block_free(struct block *b)
{
    struct trap *all[] = {&b->s, &b->p, &b->row_max, &b->row_sum, &b->o};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        trap_free(all[i]);
}

static void block_run(const struct block *b, const struct kern_table *table)
{
    struct kern_softmax sm = {.s = b->s.data,
                              .lds = b->lds,
                              .m = b->m,
                              .n = b->n,
                              .scale = b->scale,
                              .bias = b->bias,
                              .bias_row_step = b->bias_row_step,
                              .p_f32 = b->is_bf16 ? NULL : b->p.data,
                              .p_bf16 = b->is_bf16 ? b->p.data : NULL,
                              .ldp = b->ldp,
                              .row_max = b->row_max.data,
                              .row_sum = b->row_sum.data,
                              .o = b->o.data,
                              .ldo = b->ldo,
                              .d = b->d};
    table->softmax(&sm);
}

static float p_at(const struct block *b, size_t i, size_t j)
{
    size_t at = i * b->ldp + j;
    return b->is_bf16 ? bf16_to_f32(((bf16 *)b->p.data)[at]) : ((float *)b->p.data)[at];
}

/* A probability exp(s - max) moves by as much as its exponent does: two roundings of the largest |score|, 2^-23 of it,
 * and the exponential's own 2e-7. bf16 adds half a step, 2^-9 of the value (2^-8 where a neighbour is taken), and its
 * exponential may be coarser: 4e-5, the bound that vf_exp2_coarse states. */
static void first_block_check(const struct block *b, const struct kern_table *table, const float *scores)
{
    const float *row_max = b->row_max.data, *row_sum = b->row_sum.data;
    for (size_t i = 0; i < b->m; i++) {
        double max = KERN_SCORE_MIN, sum = 0, top = 0;
        for (size_t j = 0; j < b->n; j++) {
            double bias = b->bias ? b->bias[(ptrdiff_t)i * b->bias_row_step + (ptrdiff_t)j] : 0;
            double s = (double)scores[i * b->n + j] * b->scale + bias;
            max = fmax(max, s);
            top = fmax(top, fabs(s));
        }
        double tolerance = (b->is_bf16 ? 4e-5 : 3e-7) + 0x1p-21 * top;
        check_near(table->name, "maximum", i, 0, row_max[i], max, 0x1p-22 * top * (1 + top));
        for (size_t j = 0; j < round_up(b->n, 32); j++) {
            double bias = b->bias && j < b->n ? b->bias[(ptrdiff_t)i * b->bias_row_step + (ptrdiff_t)j] : 0;
            double want = j < b->n ? exp((double)scores[i * b->n + j] * b->scale + bias - max) : 0;
            double step = b->is_bf16 ? 0x1p-8 : 0;
            check_near(table->name, "probability", i, j, p_at(b, i, j), want, (tolerance + step) * want + 2e-38);
            sum += want;
        }
        check_near(table->name, "sum", i, 0, row_sum[i], sum, (tolerance + 1e-6) * sum);
    }
}

static void first_block_run(struct block shape, float score_size, const struct kern_table *table)
{
    struct block b = shape;
    float *scores = calloc(b.m * b.n, sizeof *scores);
    block_make(&b);
    for (size_t i = 0; i < b.m; i++)
        for (size_t j = 0; j < b.n; j++)
            ((float *)b.s.data)[i * b.lds + j] = scores[i * b.n + j] = score_size * random_float();
    block_run(&b, table);
    first_block_check(&b, table, scores);
    for (size_t i = 0; i + 1 < b.m; i++) {
        assert_true(pattern_intact((float *)b.s.data + i * b.lds + b.n, sizeof(float)));
        assert_true(pattern_intact((float *)b.o.data + i * b.ldo + b.d, 3 * sizeof(float)));
        size_t end = i * b.ldp + round_up(b.n, 32), item = b.is_bf16 ? sizeof(bf16) : sizeof(float);
        assert_true(pattern_intact((char *)b.p.data + end * item, 2 * item));
    }
    block_free(&b);
    free(scores);
}

static void one_block_agrees_with_the_formula(void **state)
{
    static const size_t heights[] = {1, 2, 5, 17}, widths[] = {1, 16, 17, 128};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        for (size_t h = 0; h < ARRAY_LEN(heights); h++) {
            for (int is_bf16 = 0; is_bf16 < 2; is_bf16++) {
                struct block shape = {
                    .m = heights[h], .n = sizes[s], .d = widths[(s + h) % 4], .scale = 0.088f, .is_bf16 = is_bf16};
                FOR_TABLES(table)
                {
                    first_block_run(shape, 30, table);
                    first_block_run(shape, 3e4f, table);
                }
            }
        }
    }
}

/* A bias per column (step 0), per row, and along the diagonal, where a row starts one before the last (T5). */
static void a_bias_is_found_at_every_row_step(void **state)
{
    enum { M = 9, N = 37 };
    static const ptrdiff_t steps[] = {0, N, 1, -1};
    for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
        struct trap trap;
        size_t count = N + (size_t)labs(steps[s]) * (M - 1);
        float *bias = random_floats(&trap, count, 8);
        struct block shape = {.m = M,
                              .n = N,
                              .d = 16,
                              .scale = 0.5f,
                              .bias_row_step = steps[s],
                              .bias = steps[s] < 0 ? bias + (M - 1) : bias};
        FOR_TABLES(table)
        first_block_run(shape, 10, table);
        trap_free(&trap);
    }
}

/* Masked keys carry -inf or a very large negative number: their probability is exactly 0. A row in which nothing may be
 * seen has a sum of 0 and no NaN, and what it held before stays. */
static void masked_keys_get_nothing(void **state)
{
    static const float masks[] = {-INFINITY, -3.4e38f, -3.0e38f, -1e30f};
    for (size_t k = 0; k < ARRAY_LEN(masks); k++) {
        for (size_t s = 1; s < ARRAY_LEN(sizes); s++) {
            struct trap trap;
            size_t n = sizes[s];
            float *bias = trap_alloc(&trap, n * sizeof *bias);
            for (size_t j = 0; j < n; j++)
                bias[j] = j % 2 ? 0 : masks[k];
            struct block b = {.m = 3, .n = n, .d = 16, .scale = 1, .bias = bias};
            FOR_TABLES(table)
            {
                block_make(&b);
                for (size_t i = 0; i < b.m * b.lds - 1; i++)
                    ((float *)b.s.data)[i] = 5 * random_float();
                block_run(&b, table);
                for (size_t i = 0; i < b.m; i++)
                    for (size_t j = 0; j < round_up(n, 32); j++)
                        assert_true(j < n && j % 2 ? p_at(&b, i, j) > 0 : p_at(&b, i, j) == 0);
                block_free(&b);
            }
            trap_free(&trap);
        }
    }
}

static void a_row_with_every_key_masked_has_no_weight(void **state)
{
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        struct trap trap;
        size_t n = sizes[s];
        float *bias = trap_alloc(&trap, n * sizeof *bias);
        for (size_t j = 0; j < n; j++)
            bias[j] = -INFINITY;
        struct block b = {.m = 2, .n = n, .d = 16, .scale = 1, .bias = bias};
        FOR_TABLES(table)
        {
            block_make(&b);
            for (size_t i = 0; i < b.m * b.lds - 1; i++)
                ((float *)b.s.data)[i] = random_float();
            ((float *)b.o.data)[0] = 42;
            block_run(&b, table);
            for (size_t i = 0; i < b.m; i++) {
                check_near(table->name, "sum of a masked row", i, n, ((float *)b.row_sum.data)[i], 0, 0);
                for (size_t j = 0; j < round_up(n, 32); j++)
                    check_near(table->name, "masked probability", i, j, p_at(&b, i, j), 0, 0);
            }
            assert_true(((float *)b.o.data)[0] == 42);
            block_free(&b);
        }
        trap_free(&trap);
    }
}

/* A NaN among the scores is our bug or a damaged weight: it must reach the picture, not turn into a small number. */
static void a_nan_score_is_not_hidden(void **state)
{
    for (size_t at = 0; at < 40; at += 13) {
        FOR_TABLES(table)
        {
            struct block b = {.m = 2, .n = 40, .d = 16, .scale = 1};
            block_make(&b);
            for (size_t i = 0; i < b.m * b.lds - 1; i++)
                ((float *)b.s.data)[i] = random_float();
            ((float *)b.s.data)[at] = NAN;
            block_run(&b, table);
            assert_true(isnan(((float *)b.row_sum.data)[0]));
            assert_false(isnan(((float *)b.row_sum.data)[1]));
            block_free(&b);
        }
    }
}

/* Attention of m queries over N keys, cut in blocks of `width`: o / row_sum. */
enum { M = 5, N = 193, D = 24 };

static void attention_blocks(float *out, const struct kern_table *table, const float *scores, const float *values,
                             size_t width)
{
    struct block b = {.m = M, .n = width, .d = D, .scale = 0.25f};
    block_make(&b);
    for (size_t first = 0; first < N; first += width) {
        b.n = size_min(width, N - first);
        for (size_t i = 0; i < M; i++)
            memcpy((float *)b.s.data + i * b.lds, scores + i * N + first, b.n * sizeof *scores);
        block_run(&b, table);
        for (size_t i = 0; i < M; i++)
            for (size_t j = 0; j < b.n; j++)
                for (size_t d = 0; d < D; d++)
                    ((float *)b.o.data)[i * b.ldo + d] += p_at(&b, i, j) * values[(first + j) * D + d];
    }
    for (size_t i = 0; i < M; i++)
        for (size_t d = 0; d < D; d++)
            out[i * D + d] = ((float *)b.o.data)[i * b.ldo + d] / ((float *)b.row_sum.data)[i];
    block_free(&b);
}

/* 2e-5: scores reach 20 after the scale, which moves a probability by 20 * 2^-22 = 5e-6; values are below 1, and each
 * further block rounds twice more. Scores rise along the row, so the maximum is passed on in every block. */
static void blocks_of_any_width_give_the_attention_of_one(void **state)
{
    static const size_t widths[] = {N, 1, 16, 32, 50, 64, 97, 192};
    float scores[M * N], values[N * D], out[M * D];
    double want[M * D] = {0};
    for (size_t i = 0; i < M * N; i++)
        scores[i] = 20 * random_float() + 60 * (float)(i % N) / N * (i / N % 2 ? 1 : -1);
    for (size_t i = 0; i < N * D; i++)
        values[i] = random_float();
    for (size_t i = 0; i < M; i++) {
        double sum = 0, max = -INFINITY;
        for (size_t j = 0; j < N; j++)
            max = fmax(max, 0.25 * scores[i * N + j]);
        for (size_t j = 0; j < N; j++) {
            double p = exp(0.25 * scores[i * N + j] - max);
            sum += p;
            for (size_t d = 0; d < D; d++)
                want[i * D + d] += p * values[j * D + d];
        }
        for (size_t d = 0; d < D; d++)
            want[i * D + d] /= sum;
    }
    FOR_TABLES(table)
    {
        for (size_t w = 0; w < ARRAY_LEN(widths); w++) {
            attention_blocks(out, table, scores, values, widths[w]);
            for (size_t i = 0; i < M * D; i++)
                check_near(table->name, "attention", i / D, i % D, out[i], want[i], 2e-5);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_block_agrees_with_the_formula),
        cmocka_unit_test(a_bias_is_found_at_every_row_step),
        cmocka_unit_test(masked_keys_get_nothing),
        cmocka_unit_test(a_row_with_every_key_masked_has_no_weight),
        cmocka_unit_test(a_nan_score_is_not_hidden),
        cmocka_unit_test(blocks_of_any_width_give_the_attention_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
