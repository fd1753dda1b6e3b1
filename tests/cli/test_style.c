#include "cli_test.h"

#include "base/base.h"
#include "cli/style.h"

static void bytes_have_a_unit_and_few_digits(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {{0, "0 bytes"},          {999, "999 bytes"},          {1024, "1.0 KiB"},
                 {10240, "10 KiB"},       {1023 * 1024, "1.0 MiB"},    {UINT64_C(5) << 30, "5.0 GiB"},
                 {1536 << 10, "1.5 MiB"}, {UINT64_MAX, "16777216 TiB"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(style_bytes(cases[i].bytes).text, cases[i].text);
}

static void durations_are_read_at_a_glance(void **state)
{
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0.04, "0.0 s"},      {9.94, "9.9 s"},     {9.96, "10 s"},         {59.4, "59 s"},
                 {59.6, "1 min 00 s"}, {185, "3 min 05 s"}, {3599.6, "1 h 00 min"}, {7800, "2 h 10 min"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(style_duration(cases[i].seconds).text, cases[i].text);
}

static void lengths_have_no_idle_zeros(void **state)
{
    assert_string_equal(style_seconds(17.0 / 12).text, "1.42");
    assert_string_equal(style_seconds(2).text, "2");
    assert_string_equal(style_seconds(0.5).text, "0.5");
    assert_string_equal(style_seconds(10).text, "10");
}

static void colours_stay_out_of_files(void **state)
{
    FILE *file = tmpfile();
    assert_false(style_colours(file));
    assert_string_equal(style_on(file, STYLE_RED), "");
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_a_unit_and_few_digits),
        cmocka_unit_test(durations_are_read_at_a_glance),
        cmocka_unit_test(lengths_have_no_idle_zeros),
        cmocka_unit_test(colours_stay_out_of_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
