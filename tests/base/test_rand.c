#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/rand.h"

/* Known answers of the authors' program (Random123, kat_vectors), for the counters that a block number reaches. */
static void blocks_are_those_of_philox(void **state)
{
    static const uint32_t zero[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    uint32_t words[4];
    rand_block(words, 0, 0);
    assert_memory_equal(words, zero, sizeof words);
}

static void every_bit_of_seed_and_block_matters(void **state)
{
    uint32_t base[4], words[4];
    rand_block(base, 0x0123456789abcdef, 77);
    for (int bit = 0; bit < 64; bit++) {
        rand_block(words, 0x0123456789abcdef ^ (uint64_t)1 << bit, 77);
        assert_memory_not_equal(words, base, sizeof words);
        rand_block(words, 0x0123456789abcdef, 77 ^ (uint64_t)1 << bit);
        assert_memory_not_equal(words, base, sizeof words);
    }
}

static void a_short_sequence_is_the_start_of_a_long_one(void **state)
{
    float all[64], some[64];
    rand_normals(all, 64, 5);
    for (size_t count = 0; count <= 64; count++) {
        some[count < 64 ? count : 63] = -1000;
        rand_normals(some, count, 5);
        assert_memory_equal(some, all, count * sizeof *all);
        if (count < 64)
            assert_true(some[count] == -1000); /* nothing is written past the end */
    }
}

static void values_are_distributed_as_standard_normals(void **state)
{
    enum { COUNT = 200000 };
    static float values[COUNT];
    static const double limits[] = {0, 0.5, 1, 2, 3};
    double sum = 0, squares = 0, cubes = 0, fourths = 0, neighbours = 0;
    rand_normals(values, COUNT, 1234567);
    for (size_t i = 0; i < COUNT; i++) {
        double v = (double)values[i];
        assert_true(isfinite(v));
        sum += v;
        squares += v * v;
        cubes += v * v * v;
        fourths += v * v * v * v;
        neighbours += i ? v * (double)values[i - 1] : 0;
    }
    /* five standard errors: sqrt(1, 2, 15, 96, 1 / COUNT) */
    assert_true(fabs(sum / COUNT) < 5 * sqrt(1.0 / COUNT));
    assert_true(fabs(squares / COUNT - 1) < 5 * sqrt(2.0 / COUNT));
    assert_true(fabs(cubes / COUNT) < 5 * sqrt(15.0 / COUNT));
    assert_true(fabs(fourths / COUNT - 3) < 5 * sqrt(96.0 / COUNT));
    assert_true(fabs(neighbours / COUNT) < 5 * sqrt(1.0 / COUNT));
    for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
        size_t above = 0;
        for (size_t i = 0; i < COUNT; i++)
            above += (double)values[i] > limits[k];
        double p = erfc(limits[k] / sqrt(2)) / 2;
        assert_true(fabs((double)above / COUNT - p) < 5 * sqrt(p * (1 - p) / COUNT));
    }
}

static void seeds_differ_and_fit_in_a_double(void **state)
{
    uint64_t before = rand_seed();
    for (int i = 0; i < 100; i++) {
        uint64_t seed = rand_seed();
        assert_true(seed < (uint64_t)1 << 53);
        assert_true((uint64_t)(double)seed == seed);
        assert_true(seed != before);
        before = seed;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_those_of_philox),
        cmocka_unit_test(every_bit_of_seed_and_block_matters),
        cmocka_unit_test(a_short_sequence_is_the_start_of_a_long_one),
        cmocka_unit_test(values_are_distributed_as_standard_normals),
        cmocka_unit_test(seeds_differ_and_fit_in_a_double),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
