#include "cli_test.h"

#include "base/base.h"
#include "cli/option.h"

struct settings {
    bool quiet;
    const char *output;
    int threads;
    double guidance;
    struct option_seed seed;
    uint64_t memory;
    struct option_size size;
    struct option_list set;
};

#define FIELD(name) offsetof(struct settings, name)

static const struct option table[] = {
    {.name = "Group", .kind = OPTION_HEADING},
    {"quiet", 'q', OPTION_FLAG, FIELD(quiet), NULL, "say nothing", 0, 0},
    {"output", 'o', OPTION_TEXT, FIELD(output), "FILE", "where to", 0, 0},
    {"threads", 0, OPTION_WHOLE, FIELD(threads), "N", "how many", 1, 256},
    {"guidance", 0, OPTION_NUMBER, FIELD(guidance), "G", "how much", 0, 100},
    {"seed", 0, OPTION_SEED, FIELD(seed), "N", "which", 0, 0},
    {"memory", 0, OPTION_BYTES, FIELD(memory), "SIZE", "at most", 0, 0},
    {"size", 0, OPTION_SIZE, FIELD(size), "WxH", "pixels", 0, 0},
    {"set", 0, OPTION_LIST, FIELD(set), "NAME=VALUE", "several", 0, 0},
    {0},
};

#define PARSE(settings, words, err, ...)                                                                               \
    option_parse(table, (int)ARRAY_LEN(((const char *[]){__VA_ARGS__})), (const char *[]){__VA_ARGS__}, settings,      \
                 words, err)

static void every_way_to_write_a_value_is_read(void **state)
{
    struct settings s = {0};
    struct option_words words;
    assert_int_equal(PARSE(&s, &words, NULL, "-q", "a prompt", "-oone.mp4", "--threads=3", "--guidance", "4.5",
                           "--seed", "0", "--memory", "1.5G", "--size", "192x128", "-", "--", "-o"),
                     0);
    assert_true(s.quiet);
    assert_string_equal(s.output, "one.mp4");
    assert_int_equal(s.threads, 3);
    assert_true(s.guidance == 4.5);
    assert_true(s.seed.given);
    assert_int_equal(s.seed.value, 0);
    assert_int_equal(s.memory, 1610612736);
    assert_int_equal(s.size.width, 192);
    assert_int_equal(s.size.height, 128);
    assert_int_equal(words.count, 3);
    assert_string_equal(words.word[0], "a prompt");
    assert_string_equal(words.word[1], "-");
    assert_string_equal(words.word[2], "-o");
}

static void the_later_of_two_values_holds(void **state)
{
    struct settings s = {0};
    struct option_words words;
    assert_int_equal(PARSE(&s, &words, NULL, "-o", "a", "--output=b"), 0);
    assert_string_equal(s.output, "b");
}

static void a_list_keeps_every_value_up_to_its_maximum(void **state)
{
    struct settings s = {0};
    struct option_words words;
    conch_error err;
    assert_int_equal(PARSE(&s, &words, NULL, "--set", "a=1", "--set=b=2"), 0);
    assert_int_equal(s.set.count, 2);
    assert_string_equal(s.set.item[0], "a=1");
    assert_string_equal(s.set.item[1], "b=2");
    s.set.count = OPTION_LIST_MAX;
    assert_int_equal(PARSE(&s, &words, &err, "--set", "c=3"), CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "--set was given more than 64 times"));
}

static void a_value_may_be_empty_or_begin_with_a_dash(void **state)
{
    struct settings s = {0};
    struct option_words words;
    assert_int_equal(PARSE(&s, &words, NULL, "--output="), 0);
    assert_string_equal(s.output, "");
    assert_int_equal(PARSE(&s, &words, NULL, "--output", "-x"), 0);
    assert_string_equal(s.output, "-x");
}

static void what_is_not_allowed_is_refused_with_what_is(void **state)
{
    static const struct {
        const char *option, *value, *allowed;
    } cases[] = {
        {"--threads", "0", "1 to 256"},
        {"--threads", "257", "1 to 256"},
        {"--threads", "two", "1 to 256"},
        {"--threads", "3x", "1 to 256"},
        {"--threads", "", "1 to 256"},
        {"--threads", "99999999999999999999", "1 to 256"},
        {"--guidance", "0", "at most 100"},
        {"--guidance", "-1", "at most 100"},
        {"--guidance", "nan", "at most 100"},
        {"--guidance", "inf", "at most 100"},
        {"--guidance", "100.5", "at most 100"},
        {"--seed", "-1", "9223372036854775807"},
        {"--seed", "9223372036854775808", "9223372036854775807"},
        {"--seed", "1.5", "9223372036854775807"},
        {"--memory", "0", "4G"},
        {"--memory", "-1G", "4G"},
        {"--memory", "4Q", "4G"},
        {"--memory", "4Gx", "4G"},
        {"--memory", "1e30", "4G"},
        {"--memory", "nan", "4G"},
        {"--size", "192", "192x128"},
        {"--size", "192x", "192x128"},
        {"--size", "0x128", "192x128"},
        {"--size", "192x-128", "192x128"},
        {"--size", "192x128x3", "192x128"},
        {"--size", "1e3x128", "192x128"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings s = {0};
        struct option_words words;
        conch_error err;
        assert_int_equal(PARSE(&s, &words, &err, cases[i].option, cases[i].value), CONCH_ERR_RANGE);
        assert_names(&err, cases[i].option, cases[i].value, cases[i].allowed, NULL);
    }
}

static void a_missing_or_unwanted_value_is_named(void **state)
{
    struct settings s = {0};
    struct option_words words;
    conch_error err;
    assert_int_equal(PARSE(&s, &words, &err, "hello", "--output"), CONCH_ERR_RANGE);
    assert_names(&err, "--output", "FILE", NULL);
    assert_int_equal(PARSE(&s, &words, &err, "--quiet=yes"), CONCH_ERR_RANGE);
    assert_names(&err, "--quiet", "yes", NULL);
}

static void a_slip_is_answered_with_the_nearest_name(void **state)
{
    struct settings s = {0};
    struct option_words words;
    conch_error err;
    assert_int_equal(PARSE(&s, &words, &err, "--thraeds", "2"), CONCH_ERR_RANGE);
    assert_names(&err, "--thraeds", "--threads", NULL);
    assert_int_equal(PARSE(&s, &words, &err, "--mem", "2"), CONCH_ERR_RANGE);
    assert_names(&err, "--memory", NULL);
    assert_int_equal(PARSE(&s, &words, &err, "--brightness", "2"), CONCH_ERR_RANGE);
    assert_names(&err, "--brightness", "--help", NULL);
    assert_int_equal(PARSE(&s, &words, &err, "-x"), CONCH_ERR_RANGE);
    assert_names(&err, "-x", NULL);
    assert_int_equal(PARSE(&s, &words, &err, "--Group", "2"), CONCH_ERR_RANGE); /* a heading is no option */
}

static void the_longest_names_do_no_harm(void **state)
{
    struct settings s = {0};
    struct option_words words;
    conch_error err;
    char name[5000];
    memset(name, 'a', sizeof name);
    memcpy(name, "--", 2);
    name[sizeof name - 1] = 0;
    assert_int_equal(PARSE(&s, &words, &err, name), CONCH_ERR_RANGE);
    assert_null(option_nearest(name, (const char *const[]){"aaaa"}, 1));
    assert_null(option_nearest("", (const char *const[]){"aaaa"}, 1));
}

static void too_many_words_are_refused(void **state)
{
    struct settings s = {0};
    struct option_words words;
    conch_error err;
    const char *argv[OPTION_WORDS_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(argv); i++)
        argv[i] = "word";
    assert_int_equal(option_parse(table, OPTION_WORDS_MAX, argv, &s, &words, &err), 0);
    assert_int_equal(option_parse(table, OPTION_WORDS_MAX + 1, argv, &s, &words, &err), CONCH_ERR_RANGE);
    assert_names(&err, "quotes", NULL);
}

static void the_help_has_every_option_and_no_long_line(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    option_print(table, out);
    fclose(out);
    for (const struct option *o = table; o->name; o++)
        assert_non_null(strstr(text, o->name));
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        assert_true(strlen(line) <= 100);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_to_write_a_value_is_read),
        cmocka_unit_test(the_later_of_two_values_holds),
        cmocka_unit_test(a_list_keeps_every_value_up_to_its_maximum),
        cmocka_unit_test(a_value_may_be_empty_or_begin_with_a_dash),
        cmocka_unit_test(what_is_not_allowed_is_refused_with_what_is),
        cmocka_unit_test(a_missing_or_unwanted_value_is_named),
        cmocka_unit_test(a_slip_is_answered_with_the_nearest_name),
        cmocka_unit_test(the_longest_names_do_no_harm),
        cmocka_unit_test(too_many_words_are_refused),
        cmocka_unit_test(the_help_has_every_option_and_no_long_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
