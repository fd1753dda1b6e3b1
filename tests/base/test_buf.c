#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void appended_text_is_followed_by_nul(void **state)
{
    struct buf buf;
    buf_init(&buf, 100);
    assert_int_equal(buf_append_text(&buf, "ab", NULL), 0);
    assert_int_equal(buf_append_format(&buf, NULL, "-%d-", 7), 0);
    assert_string_equal(buf.data, "ab-7-");
    assert_int_equal(buf.size, 5);
    buf_finish(&buf);
}

static void append_past_the_maximum_changes_nothing(void **state)
{
    struct buf buf;
    conch_error err = {0};
    buf_init(&buf, 4);
    assert_int_equal(buf_append_text(&buf, "abcd", &err), 0);
    assert_int_equal(buf_append_text(&buf, "e", &err), CONCH_ERR_LIMIT);
    assert_int_equal(err.code, CONCH_ERR_LIMIT);
    assert_non_null(strstr(err.text, "4 bytes"));
    assert_int_equal(buf_append_text(&buf, "e", NULL), CONCH_ERR_LIMIT);
    assert_string_equal(buf.data, "abcd");
    buf_finish(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_text_is_followed_by_nul),
        cmocka_unit_test(append_past_the_maximum_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
