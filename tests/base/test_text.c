/* Numbers with units, UTF-8, near names, and times as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/text.h"
#include "base/time_text.h"

static void sizes_and_times_want_their_units(void **state)
{
    int64_t value = 0;
    assert_true(text_bytes("64M", &value) && value == 64 << 20);
    assert_true(text_bytes("512k", &value) && value == 512 << 10);
    assert_true(text_bytes("3GiB", &value) && value == 3LL << 30);
    assert_true(text_bytes("100", &value) && value == 100);
    assert_false(text_bytes("", &value) || text_bytes("M", &value) || text_bytes("1MB", &value));
    assert_false(text_bytes("-1", &value) || text_bytes("1.5M", &value) || text_bytes("1 M", &value));
    assert_false(text_bytes("9223372036854775807K", &value) || text_bytes("99999999999999999999", &value));
    assert_true(text_duration("30s", &value) && value == 30000);
    assert_true(text_duration("250ms", &value) && value == 250);
    assert_true(text_duration("7d", &value) && value == 7LL * 86400000);
    assert_true(text_duration("0", &value) && value == 0);
    assert_false(text_duration("30", &value) || text_duration("30S", &value) || text_duration("s", &value));
    assert_string_equal(text_bytes_write(64 << 20).text, "64M");
    assert_string_equal(text_bytes_write(1536 << 10).text, "1536K");
    assert_string_equal(text_bytes_write(1001).text, "1001");
    assert_string_equal(text_duration_write(5400000).text, "90m");
    assert_string_equal(text_duration_write(1500).text, "1500ms");
    assert_string_equal(text_duration_write(0).text, "0");
}

static void integers_are_whole_and_in_range(void **state)
{
    int64_t value = 0;
    assert_true(text_integer("-9223372036854775808", INT64_MIN, INT64_MAX, &value) && value == INT64_MIN);
    assert_true(text_integer("9223372036854775807", INT64_MIN, INT64_MAX, &value) && value == INT64_MAX);
    assert_false(text_integer("9223372036854775808", INT64_MIN, INT64_MAX, &value));
    assert_false(text_integer("-", 0, 9, &value) || text_integer("", 0, 9, &value) || text_integer("10", 0, 9, &value));
    assert_false(text_integer("1x", 0, 9, &value) || text_integer(" 1", 0, 9, &value));
}

static void only_wellformed_utf8_is_read(void **state)
{
    uint32_t code = 0;
    assert_int_equal(text_utf8_next("\xf0\x9f\x90\x9a", 4, &code), 4);
    assert_int_equal(code, 0x1f41a);
    assert_int_equal(text_utf8_next("é", 2, &code), 2);
    static const char *const wrong[] = {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                        "\x80",     "\xff",         "\xe2\x82",     "\xf8\x88\x80\x80"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(text_utf8_next(wrong[i], strlen(wrong[i]), &code), 0);
    assert_int_equal(text_utf8_cut("aé", 3, 2), 1);
    assert_int_equal(text_utf8_cut("aé", 3, 3), 3);
    assert_int_equal(text_utf8_cut("\x80\x80\x80\x80\x80\x80", 6, 5), 5);
}

static void a_near_name_is_found_and_a_far_one_is_not(void **state)
{
    static const char *const names[] = {"listen", "log_level", NULL, "threads"};
    assert_string_equal(text_nearest("lisen", names, ARRAY_LEN(names)), "listen");
    assert_string_equal(text_nearest("LOG-LEVLE", names, ARRAY_LEN(names)), "log_level");
    assert_string_equal(text_nearest("thraeds", names, ARRAY_LEN(names)), "threads");
    assert_null(text_nearest("colour", names, ARRAY_LEN(names)));
    assert_null(text_nearest("", names, ARRAY_LEN(names)));
    assert_true(text_equal_nocase("AbC", "aBc"));
    assert_false(text_equal_nocase("abc", "abcd"));
}

static void times_are_written_as_the_c_library_writes_them(void **state)
{
    static const int64_t seconds[] = {0,          951782399,  951782400,  951868800,
                                      1704067199, 1795335304, 4102444800, 253402300799};
    for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
        const time_t t = (time_t)seconds[i];
        struct tm parts;
        char wanted[64];
        gmtime_r(&t, &parts);
        strftime(wanted, sizeof wanted, "%Y-%m-%dT%H:%M:%SZ", &parts);
        assert_string_equal(time_text_seconds(seconds[i] * 1000 + 999).text, wanted);
        strftime(wanted, sizeof wanted, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        assert_string_equal(time_text_http(seconds[i] * 1000).text, wanted);
    }
    assert_string_equal(time_text(1795335304120).text, "2026-11-22T08:15:04.120Z");
    assert_string_equal(time_text(-1).text, "1970-01-01T00:00:00.000Z");
    assert_string_equal(time_text(INT64_MAX).text, "9999-12-31T23:59:59.999Z");
}

static void times_come_back_and_offsets_count(void **state)
{
    int64_t ms = 0;
    for (int64_t t = 0; t < TIME_TEXT_MS_MAX; t += 86400000LL * 37 + 12345678) {
        assert_int_equal(time_text_parse(time_text(t).text, &ms, NULL), 0);
        assert_true(ms == t);
    }
    static const struct row {
        const char *text;
        int64_t ms;
    } rows[] = {{"2026-11-22T16:15:04.12+08:00", 1795335304120},
                {"2026-11-22 08:15:04z", 1795335304000},
                {"2026-11-22T02:45:04.1209999-05:30", 1795335304120},
                {"2026-11-22", 1795305600000},
                {"2016-12-31T23:59:60Z", 1483228799000},
                {"2024-02-29T00:00:00Z", 1709164800000}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(time_text_parse(rows[i].text, &ms, NULL), 0);
        assert_true(ms == rows[i].ms);
    }
}

static void other_texts_are_no_times(void **state)
{
    static const char *const wrong[] = {"",
                                        "2026",
                                        "2026-02-29",
                                        "2026-13-01",
                                        "2026-00-01",
                                        "2026-11-22T",
                                        "1969-12-31",
                                        "2026-11-22T24:00:00Z",
                                        "2026-11-22T08:60:00Z",
                                        "2026-11-22T08:15:04",
                                        "2026-11-22T08:15:04.Z",
                                        "2026-11-22T08:15Z",
                                        "2026-11-22T08:15:04+0800",
                                        "2026-11-22T08:15:04Z ",
                                        "26-11-22",
                                        "2026-1-1",
                                        "2026-11-22T08:15:04+24:00",
                                        "9999-12-31T23:59:59-00:01",
                                        "1970-01-01T00:00:00+00:01",
                                        "0000-01-01"};
    int64_t ms = 7;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (time_text_parse(wrong[i], &ms, NULL) != CONCH_ERR_RANGE)
            fail_msg("'%s' was taken", wrong[i]);
    assert_int_equal(ms, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_and_times_want_their_units),
        cmocka_unit_test(integers_are_whole_and_in_range),
        cmocka_unit_test(only_wellformed_utf8_is_read),
        cmocka_unit_test(a_near_name_is_found_and_a_far_one_is_not),
        cmocka_unit_test(times_are_written_as_the_c_library_writes_them),
        cmocka_unit_test(times_come_back_and_offsets_count),
        cmocka_unit_test(other_texts_are_no_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
