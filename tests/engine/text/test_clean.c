#include "tests/engine/text/text_test.h"

#include "engine/text/clean.h"
#include "engine/text/entities.h"
#include "engine/text/limits.h"

typedef int clean_function(const char *text, struct buf *ret, conch_error *err);

struct row {
    const char *text, *expected;
};

static void check_rows(clean_function *clean, const struct row *rows, size_t count)
{
    struct buf got;
    conch_error err = {0};
    buf_init(&got, NORMALIZED_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (clean(rows[i].text, &got, &err) < 0)
            fail_msg("row %zu: %s", i, err.text);
        assert_string_equal(got.data ? got.data : "", rows[i].expected);
    }
    buf_finish(&got);
}

#define CHECK(clean, ...)                                                                                              \
    do {                                                                                                               \
        const struct row rows[] = {__VA_ARGS__};                                                                       \
        check_rows(clean, rows, sizeof rows / sizeof rows[0]);                                                         \
    } while (0)

static void plain_prompts_are_left_alone(void **state)
{
    CHECK(text_clean, {"", ""}, {"a red fox runs", "a red fox runs"}, {"雪の中の狐", "雪の中の狐"},
          {"emoji 🦊 👨‍👩‍👧", "emoji 🦊 👨‍👩‍👧"}, {"R&D & more; a&b", "R&D & more; a&b"});
}

static void white_space_collapses_and_the_ends_are_trimmed(void **state)
{
    CHECK(text_clean,
          {"  a \t\r\n b\xc2\xa0\xe3\x80\x80"
           "c\xe2\x80\xa8",
           "a b c"},
          {" ", ""},
          {"a\x1c"
           "b",
           "ab"});
    /* steps 2 and 3 alone keep Python's idea of white space, which has the four separators */
    CHECK(text_unescape_and_collapse, {"a\x1c"
                                       "b\xc2\x85",
                                       "a b"});
}

static void the_fixes_of_ftfy(void **state)
{
    CHECK(text_fix, {"“a” ‘b’ it\u02bcs", "\"a\" 'b' it's"}, {"ﬁne ﬂow ĳ Ǆ ŉ", "fine flow ij DŽ 'n"},
          {"ＦＵＬＬ　１２３！", "FULL 123!"}, {"ｶﾞﾀｶﾅ", "ガタカナ"},
          {"a\r\nb\rc\u2028d\u2029e\xc2\x85"
           "f",
           "a\nb\nc\nd\ne\nf"},
          {"\x1b[31;1mred\x1b[0m \x1b[?", "red [?"},
          {"\xef\xbb\xbf"
           "bom\x07\x7f",
           "bom"},
          {"cafe\u0301", "café"}, {"\xc2\x80 \xc2\x93q\xc2\x94", "€ \"q\""}, {"a\u206ab\ufff9c", "abc"}, {"한", "한"},
          {"\u1112\u1161\u11ab", "한"});
}

static void entities_are_decoded_until_the_first_tag(void **state)
{
    CHECK(text_fix, {"a &lt;b&gt; &eacute; &#233;&#xE9; &EACUTE; &SZLIG;", "a <b> é éé É SS"},
          {"&amp;amp;amp;lt;", "<"}, {"<i> &lt;", "<i> &lt;"}, {"&lt;1\n<b> &lt;2\n&lt;3", "<1\n<b> &lt;2\n&lt;3"},
          {"&nonsense; &; &#; &#x; &#12ab; &amp", "&nonsense; &; &#; &#x; &#12ab; &amp"},
          {"&#0;&#xD800;|&#27;", "\ufffd\ufffd|"}, {"&#99999999999999999999;", "\ufffd"}, {"＆ｌｔ；", "<"},
          {"&l\x1b[0mt;", "<"}, {"&amp\u037e", "&"}, {"&am&#112;;lt;", "<"}, {"&lt&semi; &amp&semi;lt;", "< <"});
}

static void html_unescape_is_followed_in_its_laxness(void **state)
{
    CHECK(text_unescape_and_collapse, {"&lt &notit; &copyright &amp;amp;lt;", "< ¬it; ©right &lt;"},
          {"&#65 &#x41g &#128522;", "A Ag 😊"}, {"caf&eacute; &hellip; &parallel; &notin;", "café … ∥ ∉"},
          {"& &; &# &#x; &x", "& &; &# &#x; &x"}, {"&#128;&#31;", "€"}, {"<b>&nbsp;&lt;</b>", "<b> <</b>"},
          {"&CounterClockwiseContourIntegral;", "∳"}, {"&NotEqualTilde;", "≂̸"});
}

static void every_bare_name_is_found_in_both_ways(void **state)
{
    const char *text = NULL;
    assert_string_equal(entity_find("amp", 3, true), "&");
    assert_string_equal(entity_find("hellip", 6, false), "…");
    assert_null(entity_find("hellip", 6, true));
    assert_null(entity_find("hellip", 5, false));
    assert_null(entity_find("", 0, false));
    assert_int_equal(entity_find_prefix("notit", 5, &text), 3);
    assert_string_equal(text, "¬");
    assert_string_equal(entity_find("zwnj", 4, false), "\u200c"); /* the last of the table */
    assert_string_equal(entity_find("AElig", 5, true), "Æ");      /* the first */
}

static void invalid_utf8_is_refused_with_its_offset(void **state)
{
    const struct row rows[] = {
        {"ab\xff", "0xFF at offset 2"},       {"a\xc3", "0xC3 at offset 1"},    {"\xc0\x80", "offset 0"},
        {"\xed\xa0\x80", "0xED at offset 0"}, {"\xf4\x90\x80\x80", "offset 0"}, {"é\x80", "0x80 at offset 2"},
        {"\xe0\x80\x80", "0xE0 at offset 0"}, {"x\xf0\x9f\xa6", "offset 1"},    {"\xf8\x88\x80\x80\x80", "offset 0"},
    };
    struct buf got;
    buf_init(&got, NORMALIZED_BYTES_MAX);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        conch_error err = {0};
        assert_refused(text_clean(rows[i].text, &got, &err), CONCH_ERR_RANGE, &err, rows[i].expected);
    }
    buf_finish(&got);
}

static char *repeated(const char *part, size_t size)
{
    char *text = malloc(size + 1);
    size_t step = strlen(part);
    for (size_t i = 0; i < size; i++)
        text[i] = part[i % step];
    text[size] = 0;
    return text;
}

static void a_prompt_over_the_limit_is_refused_and_one_at_it_is_taken(void **state)
{
    struct buf got;
    conch_error err = {0};
    char *text = repeated("a", PROMPT_BYTES_MAX + 1);
    buf_init(&got, NORMALIZED_BYTES_MAX);
    assert_refused(text_clean(text, &got, &err), CONCH_ERR_LIMIT, &err, "65537 bytes; at most 65536");
    text[PROMPT_BYTES_MAX] = 0;
    assert_int_equal(text_clean(text, &got, &err), 0);
    assert_int_equal(got.size, PROMPT_BYTES_MAX);
    free(text);
    buf_finish(&got);
}

/* Each of these made some step quadratic at one time, or would: the test then runs into its time limit. */
static void hostile_prompts_take_no_longer(void **state)
{
    static const char *const parts[] = {"&amp;",     "amp;",      "&#xFF06;",        "&semi;", "&semi",
                                        "&#38;#38;", "\x1b[1;1;", "&#xFF06;#xFF06;", "\u0301", "ﷺ",
                                        "　",        "&nGt;",     "&notit"};
    struct buf got;
    buf_init(&got, NORMALIZED_BYTES_MAX);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        conch_error err = {0};
        size_t size = PROMPT_BYTES_MAX / strlen(parts[i]) * strlen(parts[i]);
        char *text = repeated(parts[i], size);
        if (text_clean(text, &got, &err) < 0)
            fail_msg("%s: %s", parts[i], err.text);
        free(text);
    }
    buf_finish(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_prompts_are_left_alone),
        cmocka_unit_test(white_space_collapses_and_the_ends_are_trimmed),
        cmocka_unit_test(the_fixes_of_ftfy),
        cmocka_unit_test(entities_are_decoded_until_the_first_tag),
        cmocka_unit_test(html_unescape_is_followed_in_its_laxness),
        cmocka_unit_test(every_bare_name_is_found_in_both_ways),
        cmocka_unit_test(invalid_utf8_is_refused_with_its_offset),
        cmocka_unit_test(a_prompt_over_the_limit_is_refused_and_one_at_it_is_taken),
        cmocka_unit_test(hostile_prompts_take_no_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
