/* What may be in a prompt at all, and how its characters are counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/prompt/check.h"

static struct prompt_facts facts;
static conch_error err;

static void limits_are_in_characters_not_bytes(void **state)
{
    assert_int_equal(prompt_check("一只狐狸", 4, "prompt", &facts, &err), 0);
    assert_int_equal(facts.chars, 4);
    assert_int_equal(prompt_check("一只狐狸", 3, "prompt", &facts, &err), CONCH_ERR_LIMIT);
    assert_string_equal(err.text, "prompt has 4 characters; at most 3 are allowed");
    assert_int_equal(prompt_check("🦊🦊", 2, "prompt", &facts, &err), 0);
}

static void bytes_that_are_no_utf8_are_refused_by_place(void **state)
{
    static const char *const bad[] = {"ab\xff", "ab\xc3", "ab\xc0\x80", "ab\xed\xa0\x80", "ab\xf4\x90\x80\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(prompt_check(bad[i], 100, "prompt", NULL, &err), CONCH_ERR_RANGE);
        assert_non_null(strstr(err.text, "offset 2"));
    }
}

static void control_characters_are_refused_but_line_ends_and_tabs(void **state)
{
    assert_int_equal(prompt_check("a\tb\nc\r\nd", 100, "prompt", NULL, &err), 0);
    assert_int_equal(prompt_check("a\rb", 100, "prompt", NULL, &err), CONCH_ERR_RANGE);
    assert_int_equal(prompt_check("a\x1b[0m", 100, "text", NULL, &err), CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "text has the control character U+001B as character 2"));
    assert_int_equal(prompt_check("a\x7f", 100, "prompt", NULL, &err), CONCH_ERR_RANGE);
    assert_int_equal(prompt_check("a\xc2\x85", 100, "prompt", NULL, &err), CONCH_ERR_RANGE);
}

static void invisible_characters_are_counted(void **state)
{
    assert_int_equal(prompt_check("a fox 🏳️‍🌈 in the snow", 100, "prompt", &facts, &err), 0);
    assert_int_equal(facts.invisible, 2);
    assert_true(facts.invisible_permille <= PROMPT_INVISIBLE_PERMILLE_MAX);
    assert_int_equal(prompt_check("f\u200bo\u200dx\u00ad", 100, "prompt", &facts, &err), 0);
    assert_int_equal(facts.invisible_permille, 500);
    assert_int_equal(prompt_check("", 100, "prompt", &facts, &err), 0);
    assert_int_equal(facts.invisible_permille, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_in_characters_not_bytes),
        cmocka_unit_test(bytes_that_are_no_utf8_are_refused_by_place),
        cmocka_unit_test(control_characters_are_refused_but_line_ends_and_tabs),
        cmocka_unit_test(invisible_characters_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
