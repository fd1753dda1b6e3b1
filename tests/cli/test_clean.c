#include "cli_test.h"

#include "cli/clean.h"

static void control_characters_become_spaces(void **state)
{
    char text[] = "a\033[2Jb\r\nc\x7f\xc2\x9b"
                  "d\xe2\x80\xae"
                  "e\xff"
                  "f\xc3\xa9";
    clean_line(text);
    assert_string_equal(text, "a [2Jb  c   d   e?f\xc3\xa9");
    clean_line(NULL);
}

static const char *printed(const char *text, size_t width, int pad)
{
    static char out[256];
    memset(out, 0, sizeof out);
    FILE *file = fmemopen(out, sizeof out, "w");
    assert_non_null(file);
    clean_print(file, text, width, pad);
    fclose(file);
    return out;
}

static void a_text_is_cut_by_characters_not_bytes(void **state)
{
    assert_string_equal(printed("short", 10, 0), "short");
    assert_string_equal(printed("short", 8, 1), "short   ");
    assert_string_equal(printed("exactly", 7, 1), "exactly");
    assert_string_equal(printed("too long", 7, 1), "too lo…");
    assert_string_equal(printed("éééééé", 4, 1), "ééé…");
    assert_string_equal(printed("éééé", 4, 1), "éééé");
    assert_string_equal(printed(NULL, 4, 1), "-   ");
    assert_string_equal(printed("", 2, 1), "  ");
}

static void nothing_of_it_moves_the_cursor(void **state)
{
    assert_string_equal(printed("a\033[31mb\nc", 20, 0), "a [31mb c");
    assert_string_equal(printed("\xc2\x9b"
                                "2J\xc3",
                                20, 0),
                        " 2J?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(control_characters_become_spaces),
                                       cmocka_unit_test(a_text_is_cut_by_characters_not_bytes),
                                       cmocka_unit_test(nothing_of_it_moves_the_cursor)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
