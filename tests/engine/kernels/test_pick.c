#include "kern_test.h"

enum {
    AVX2 = KERN_CPU_AVX2,
    AVX512 = AVX2 | KERN_CPU_AVX512,
    COOPER_LAKE = AVX512 | KERN_CPU_AVX512BF16, /* has vdpbf16ps, slowly */
    ZEN = COOPER_LAKE | KERN_CPU_FAST_BF16,     /* Zen 4 and 5 */
    SAPPHIRE_RAPIDS = COOPER_LAKE | KERN_CPU_AMX
};

static void the_best_table_within_the_flags_is_taken(void **state)
{
    assert_ptr_equal(kern_pick(0, NULL), &kern_ref);
    assert_ptr_equal(kern_pick(AVX2, NULL), &kern_avx2);
    assert_ptr_equal(kern_pick(AVX512, NULL), &kern_avx512);
    assert_ptr_equal(kern_pick(COOPER_LAKE, NULL), &kern_avx512);
    assert_ptr_equal(kern_pick(ZEN, NULL), &kern_avx512bf16);
    assert_ptr_equal(kern_pick(SAPPHIRE_RAPIDS, NULL), &kern_amx);
    assert_ptr_equal(kern_pick(SAPPHIRE_RAPIDS, ""), &kern_amx);
    assert_ptr_equal(kern_pick(KERN_CPU_AVX512, NULL), &kern_ref); /* never seen, but one flag is not enough */
}

static void a_limit_is_never_passed(void **state)
{
    assert_ptr_equal(kern_pick(SAPPHIRE_RAPIDS, "amx"), &kern_amx);
    assert_ptr_equal(kern_pick(SAPPHIRE_RAPIDS, "avx512"), &kern_avx512);
    assert_ptr_equal(kern_pick(SAPPHIRE_RAPIDS, "avx2"), &kern_avx2);
    assert_ptr_equal(kern_pick(SAPPHIRE_RAPIDS, "ref"), &kern_ref);
    assert_ptr_equal(kern_pick(SAPPHIRE_RAPIDS, "avx512bf16"), &kern_avx512bf16); /* by name even where slow */
}

static void a_limit_above_the_machine_takes_what_it_has(void **state)
{
    assert_ptr_equal(kern_pick(AVX2, "amx"), &kern_avx2);
    assert_ptr_equal(kern_pick(AVX512, "avx512bf16"), &kern_avx512);
    assert_ptr_equal(kern_pick(ZEN, "amx"), &kern_avx512bf16);
    assert_ptr_equal(kern_pick(0, "avx512"), &kern_ref);
}

static void an_unknown_limit_is_an_error(void **state)
{
    static const char *const bad[] = {"avx", "AVX2", "avx512 ", "sse", "none", "avx5122"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_null(kern_pick(SAPPHIRE_RAPIDS, bad[i]));
}

static void the_tables_are_complete_and_end_with_the_reference(void **state)
{
    size_t count = 0;
    for (; kern_tables[count]; count++) {
        const struct kern_table *t = kern_tables[count];
        assert_true(t->mm_bf16 && t->mm_f32 && t->epilogue && t->softmax && t->norm_layer && t->norm_rms);
        assert_true(t->norm_l2 && t->scale && t->widen);
        for (size_t i = 0; i < count; i++)
            assert_string_not_equal(kern_tables[i]->name, t->name);
    }
    assert_ptr_equal(kern_tables[count - 1], &kern_ref);
    assert_int_equal(kern_ref.needs, 0);
}

static void what_this_machine_picks_runs_here(void **state)
{
    unsigned flags = kern_cpu_flags();
    const struct kern_table *table = kern_pick(flags, NULL);
    assert_non_null(table);
    assert_true(table_usable(table));
    float y = 0, x = 2;
    table->scale(&y, NULL, &x, 3, 1);
    assert_true(y == 6);
    assert_int_equal(kern_cpu_flags(), flags); /* asking for tile registers twice is no error */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_table_within_the_flags_is_taken),
        cmocka_unit_test(a_limit_is_never_passed),
        cmocka_unit_test(a_limit_above_the_machine_takes_what_it_has),
        cmocka_unit_test(an_unknown_limit_is_an_error),
        cmocka_unit_test(the_tables_are_complete_and_end_with_the_reference),
        cmocka_unit_test(what_this_machine_picks_runs_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
