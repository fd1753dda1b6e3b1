/* The failure words of the sandbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "prompt_test.h"
#include "server/prompt/rehearse.h"

static struct rehearsal asked;

static void every_listed_tag_is_read_and_taken_out(void **state)
{
    size_t count;
    const struct rehearse_row *rows = rehearse_rows(&count);
    assert_int_equal(count, 10);
    for (size_t i = 0; i < count; i++) {
        char prompt[100];
        snprintf(prompt, sizeof prompt, "a fox %s in the snow", rows[i].tag);
        assert_int_equal(rehearse_parse(prompt, &asked, &text, &err), 0);
        assert_string_equal(text.data, "a fox in the snow");
        assert_int_equal(asked.kind, rows[i].kind == REHEARSE_SLOW ? REHEARSE_NONE : rows[i].kind);
        assert_int_equal(asked.error, rows[i].error);
        assert_int_equal(asked.slow_seconds, rows[i].kind == REHEARSE_SLOW ? REHEARSE_SLOW_SECONDS : 0);
        assert_true(strlen(rows[i].meaning) > 10);
    }
}

static void a_prompt_without_tags_keeps_its_bytes(void **state)
{
    assert_int_equal(rehearse_parse(" a  fox [sandbox] [x] ", &asked, &text, &err), 0);
    assert_string_equal(text.data, " a  fox [sandbox] [x] ");
    assert_int_equal(asked.kind, REHEARSE_NONE);
    assert_int_equal(asked.slow_seconds, 0);
}

static void slow_takes_seconds_and_goes_with_a_failure(void **state)
{
    assert_int_equal(rehearse_parse("[SANDBOX:Slow=120][sandbox:Internal]a fox", &asked, &text, &err), 0);
    assert_int_equal(asked.slow_seconds, 120);
    assert_int_equal(asked.kind, REHEARSE_INTERNAL);
    assert_int_equal(asked.error, JOB_ERROR_INTERNAL);
    assert_string_equal(text.data, "a fox");
}

static void bad_tags_are_refused_with_what_is_allowed(void **state)
{
    static const char *const bad[][2] = {
        {"[sandbox:nope]", "[sandbox:rate_limit]"},
        {"[sandbox:", "[sandbox:slow]"},
        {"[sandbox:slow=0]", "1 to 600"},
        {"[sandbox:slow=]", "1 to 600"},
        {"[sandbox:slow=99999999999999999999]", "1 to 600"},
        {"[sandbox:slow=-1]", "1 to 600"},
        {"[sandbox:balance] [sandbox:timeout]", "two failures"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(rehearse_parse(bad[i][0], &asked, &text, &err), CONCH_ERR_RANGE);
        if (!strstr(err.text, bad[i][1]))
            fail_msg("%s: %s", bad[i][0], err.text);
    }
}

static void the_same_failure_twice_is_one(void **state)
{
    assert_int_equal(rehearse_parse("[sandbox:balance][sandbox:balance]", &asked, &text, &err), 0);
    assert_int_equal(asked.kind, REHEARSE_BALANCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_listed_tag_is_read_and_taken_out),
        cmocka_unit_test(a_prompt_without_tags_keeps_its_bytes),
        cmocka_unit_test(slow_takes_seconds_and_goes_with_a_failure),
        cmocka_unit_test(bad_tags_are_refused_with_what_is_allowed),
        cmocka_unit_test(the_same_failure_twice_is_one),
    };
    return cmocka_run_group_tests(tests, text_open, text_close);
}
