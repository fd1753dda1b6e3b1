#include "kern_test.h"

#include <stdlib.h>

/* One product with every argument somewhere a mistake would show: A pointers shifted from batch to batch, rows of A and
 * C with gaps, memory that ends where the header says. */
struct mm_case {
    size_t m, n, k, batch_count;
    bool accumulate, is_bf16;
    size_t lda, ldc, n_written, k_read;
    struct trap a, b, c;
    const void *batches[9];
    float *a_plain, *b_plain; /* [m rows as stored], [batch][k][n] */
    double *want, *size;      /* [m][n]: the sum, and the sum of absolute products */
    float start;              /* what c holds before, when it is added to */
    double floor;             /* error that is allowed besides the rounding */
};

enum { SHIFT = 7 }; /* elements from one batch's A to the next: batches overlap, as the rows of an image do */

typedef float value_source(void);

static float small_integer(void)
{
    return (float)random_int(-8, 8);
}

static void store(void *data, size_t i, float value, bool is_bf16)
{
    if (is_bf16)
        ((bf16 *)data)[i] = bf16_from_f32(value);
    else
        ((float *)data)[i] = value;
}

static float stored(const void *data, size_t i, bool is_bf16)
{
    return is_bf16 ? bf16_to_f32(((const bf16 *)data)[i]) : ((const float *)data)[i];
}

static void case_make_a(struct mm_case *c, value_source *source)
{
    size_t item = c->is_bf16 ? sizeof(bf16) : sizeof(float);
    c->k_read = c->is_bf16 ? kern_k_padded(c->k) : c->k;
    c->lda = c->k + 3;
    size_t count = (c->m - 1) * c->lda + (c->batch_count - 1) * SHIFT + c->k_read;
    char *a = trap_alloc(&c->a, count * item);
    for (size_t i = 0; i < count; i++)
        store(a, i, source(), c->is_bf16);
    for (size_t b = 0; b < c->batch_count; b++)
        c->batches[b] = a + b * SHIFT * item;
}

/* B is packed by the functions under test; b_plain holds what went in. */
static void case_make_b(struct mm_case *c, value_source *source)
{
    size_t item = c->is_bf16 ? sizeof(bf16) : sizeof(float), panels = (c->n + 15) / 16;
    size_t panel = c->is_bf16 ? kern_panel_bf16(c->batch_count, c->k) : kern_panel_f32(c->batch_count, c->k);
    char *packed = trap_alloc(&c->b, panels * panel * item);
    c->b_plain = calloc(c->batch_count * c->k * c->n, sizeof *c->b_plain);
    void *rows = calloc(c->k * c->n, item);
    for (size_t b = 0; b < c->batch_count; b++) {
        for (size_t i = 0; i < c->k * c->n; i++) {
            store(rows, i, source(), c->is_bf16);
            c->b_plain[b * c->k * c->n + i] = stored(rows, i, c->is_bf16);
        }
        for (size_t p = 0; p < panels; p++) {
            char *dst = packed + (p * panel + b * c->k_read * KERN_PANEL) * item;
            size_t count = size_min(c->n - p * 16, 16);
            if (c->is_bf16)
                kern_pack_columns_bf16((bf16 *)(void *)dst, (bf16 *)rows + p * 16, c->n, count, c->k);
            else
                kern_pack_columns_f32((float *)(void *)dst, (float *)rows + p * 16, c->n, count, c->k);
        }
    }
    free(rows);
}

static void case_make_sums(struct mm_case *c)
{
    c->want = calloc(c->m * c->n, sizeof *c->want);
    c->size = calloc(c->m * c->n, sizeof *c->size);
    for (size_t i = 0; i < c->m; i++) {
        for (size_t b = 0; b < c->batch_count; b++) {
            for (size_t k = 0; k < c->k; k++) {
                double x = stored(c->batches[b], i * c->lda + k, c->is_bf16);
                const float *row = c->b_plain + (b * c->k + k) * c->n;
                for (size_t j = 0; j < c->n; j++) {
                    c->want[i * c->n + j] += x * row[j];
                    c->size[i * c->n + j] += fabs(x * row[j]);
                }
            }
        }
    }
}

static void case_make(struct mm_case *c, value_source *source)
{
    case_make_a(c, source);
    case_make_b(c, source);
    case_make_sums(c);
    c->n_written = round_up(c->n, 16);
    c->ldc = c->n_written + 5;
    c->start = 3;
}

static void case_free(struct mm_case *c)
{
    trap_free(&c->a);
    trap_free(&c->b);
    free(c->b_plain);
    free(c->want);
    free(c->size);
}

/* tolerance: as a share of sum|a b|; 0 asks for the exact value. */
static void case_check(const struct mm_case *c, const struct kern_table *table, double tolerance)
{
    const float *out = c->c.data;
    double start = c->accumulate ? c->start : 0;
    for (size_t i = 0; i < c->m; i++) {
        const float *row = out + i * c->ldc;
        for (size_t j = 0; j < c->n_written; j++) {
            double want = start + (j < c->n ? c->want[i * c->n + j] : 0);
            double size = fabs(start) + (j < c->n ? c->size[i * c->n + j] : 0);
            check_near(table->name, c->is_bf16 ? "bf16 product" : "f32 product", i, j, row[j], want,
                       tolerance * size + c->floor);
        }
        if (i + 1 < c->m)
            assert_true(pattern_intact(row + c->n_written, (c->ldc - c->n_written) * sizeof *row));
    }
}

static void case_run(struct mm_case *c, const struct kern_table *table, double tolerance)
{
    float *out = trap_alloc(&c->c, ((c->m - 1) * c->ldc + c->n_written) * sizeof *out);
    for (size_t i = 0; c->accumulate && i < c->m; i++)
        for (size_t j = 0; j < c->n_written; j++)
            out[i * c->ldc + j] = c->start;
    struct kern_mm mm = {.c = out,
                         .ldc = c->ldc,
                         .accumulate = c->accumulate,
                         .m = c->m,
                         .n = c->n,
                         .a = c->batches,
                         .lda = c->lda,
                         .batch_count = c->batch_count,
                         .k = c->k,
                         .b = c->b.data,
                         .panel_stride = c->is_bf16 ? kern_panel_bf16(c->batch_count, c->k)
                                                    : kern_panel_f32(c->batch_count, c->k)};
    (c->is_bf16 ? table->mm_bf16 : table->mm_f32)(&mm);
    case_check(c, table, tolerance);
    trap_free(&c->c);
}

static void grid_run(size_t m, size_t n, size_t k, size_t round, value_source *source, double tolerance, double floor)
{
    static const size_t batch_counts[] = {1, 3, 9};
    for (int is_bf16 = 0; is_bf16 < 2; is_bf16++) {
        struct mm_case c = {
            .m = m, .n = n, .k = k, .batch_count = batch_counts[round % 3], .is_bf16 = is_bf16, .floor = floor};
        case_make(&c, source);
        for (int accumulate = 0; accumulate < 2; accumulate++) {
            c.accumulate = accumulate;
            FOR_TABLES(table)
            {
                if (table != &kern_ref || m * n * k < 40000) /* the reference is slow on purpose */
                    case_run(&c, table, tolerance);
            }
        }
        case_free(&c);
    }
}

/* Sums of small integers stay below 2^24, so every order of adding gives the same bits: no tolerance is needed. */
static void products_of_small_integers_are_exact(void **state)
{
    size_t round = 0, count = ARRAY_LEN(sizes);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++, round++)
            grid_run(sizes[i], sizes[j], sizes[(i + 5 * j + round) % count], round, small_integer, 0, 0);
    for (size_t j = 0; j < count; j++, round++)
        grid_run(33, 17, sizes[j], round, small_integer, 0, 0);
}

/* Long K runs through several blocks of the sum, and more than one group of 192 rows. */
static void long_sums_and_many_rows_are_exact(void **state)
{
    static const size_t long_k[] = {127, 128, 129, 255, 257, 511, 512, 513, 1025};
    for (size_t i = 0; i < ARRAY_LEN(long_k); i++) {
        grid_run(7, 33, long_k[i], i, small_integer, 0, 0);
        grid_run(200, 16 * (i + 1), long_k[i], 0, small_integer, 0, 0);
    }
}

/* 2e-6 of sum|a b|: n f32 additions in any order stay within n * 2^-24, 1.2e-5 for 193, and their signs mix, which
 * makes it about sqrt(n) of that. bf16 products are exact in f32. */
static void products_of_reals_agree_within_rounding(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        grid_run(sizes[i], 50, sizes[ARRAY_LEN(sizes) - 1 - i], i, random_float, 2e-6, 0);
}

/* vdpbf16ps and tdpbf16ps take denormal operands as zero: beside 1e18 each of them costs 1e-21, hence the floor of
 * 1e-17. */
static float tiny_or_huge(void)
{
    switch (random_bits() % 4) {
    case 0: return 0;
    case 1: return 1e-39f * random_float(); /* denormal */
    case 2: return 1e18f * random_float();
    default: return 1e-18f * random_float();
    }
}

static void tiny_and_huge_values_neither_overflow_nor_vanish(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        grid_run(17, 33, sizes[i], i, tiny_or_huge, 2e-6, 1e-17);
}

/* Rows are independent: one bad row must not spread. */
static void a_nan_stays_in_its_row(void **state)
{
    for (int is_bf16 = 0; is_bf16 < 2; is_bf16++) {
        struct mm_case c = {.m = 40, .n = 33, .k = 64, .batch_count = 1, .is_bf16 = is_bf16};
        case_make(&c, small_integer);
        store(c.a.data, 20 * c.lda + 40, NAN, is_bf16);
        FOR_TABLES(table)
        {
            float *out = trap_alloc(&c.c, c.m * c.ldc * sizeof *out);
            struct kern_mm mm = {.c = out,
                                 .ldc = c.ldc,
                                 .m = c.m,
                                 .n = c.n,
                                 .a = c.batches,
                                 .lda = c.lda,
                                 .batch_count = 1,
                                 .k = c.k,
                                 .b = c.b.data,
                                 .panel_stride = c.k * KERN_PANEL};
            (is_bf16 ? table->mm_bf16 : table->mm_f32)(&mm);
            for (size_t i = 0; i < c.m; i++)
                for (size_t j = 0; j < c.n; j++)
                    assert_int_equal(isnan(out[i * c.ldc + j]) != 0, i == 20);
            trap_free(&c.c);
        }
        case_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_small_integers_are_exact),
        cmocka_unit_test(long_sums_and_many_rows_are_exact),
        cmocka_unit_test(products_of_reals_agree_within_rounding),
        cmocka_unit_test(tiny_and_huge_values_neither_overflow_nor_vanish),
        cmocka_unit_test(a_nan_stays_in_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
