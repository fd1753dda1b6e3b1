/* The shipped word list on what it must stop and on what it must let pass, and lists that cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/json.h"
#include "server/prompt/policy.h"

static struct policy *shipped;
static conch_error err;

static int policy_open(void **state)
{
    const char *root = getenv("CONCH_TEST_ROOT");
    char path[4096];
    json_t *json = NULL;
    snprintf(path, sizeof path, "%s/catalog/policy.json", root ? root : ".");
    int rc = json_file_read(&json, path, &err);
    if (rc == 0)
        rc = policy_read(&shipped, json, "policy.json", &err);
    json_decref(json);
    if (rc < 0)
        print_error("%s\n", err.text);
    return rc;
}

static int policy_close(void **state)
{
    policy_destroy(shipped);
    return 0;
}

static struct policy *policy_of(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    struct policy *policy = NULL;
    assert_non_null(json);
    if (policy_read(&policy, json, "list.json", &err) < 0)
        policy = NULL;
    json_decref(json);
    return policy;
}

/* The name of the class, or NULL. */
static const char *class_of(const struct policy *policy, const char *text)
{
    static struct policy_match match;
    int rc = policy_match(policy, text, &match, &err);
    assert_true(rc >= 0);
    return rc ? match.name : NULL;
}

static void the_shipped_list_stops_what_it_must(void **state)
{
    static const char *const rows[][2] = {
        {"child porn", "sexual content with minors"},
        {"CHILD-PORN!", "sexual content with minors"},
        {"ｃｈｉｌｄ ｐｏｒｎ", "sexual content with minors"},
        {"ch\u200bild p\u200born", "sexual content with minors"},
        {"a naked child", "sexual content with minors"},
        {"a teenager, who is seen from behind, undressing", "sexual content with minors"},
        {"一个小学生的裸体", "sexual content with minors"},
        {"p o r n", "explicit sexual content"},
        {"p.o.r.n", "explicit sexual content"},
        {"pörn", "explicit sexual content"},
        {"一段色 情视频", "explicit sexual content"},
        {"色\u200b情", "explicit sexual content"},
        {"a gang rape", "sexual violence"},
        {"被强奸的", "sexual violence"},
        {"a beheading in the market", "graphic gore"},
        {"the mutilated body of a man", "graphic gore"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *name = class_of(shipped, rows[i][0]);
        if (!name || strcmp(name, rows[i][1]) != 0)
            fail_msg("%s: %s", rows[i][0], name ? name : "passed");
    }
}

static void the_shipped_list_lets_ordinary_prompts_pass(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "a red fox runs through fresh snow at dawn",
        "children play football in the park",
        "a kid eats an apple; far away, on a hill behind the house and the lake, a naked mole rat digs",
        "a nude-coloured dress on a mannequin",
        "a sexton rings the bell of the old church",
        "popcorn",
        "a grape harvest",
        "rapeseed fields in bloom",
        "the knight's duel with a dragon, cinematic",
        "Sussex and Essex in the rain",
        "an analysis of the assassination of Caesar",
        "therapist talks with a teenager",
        "一个小女孩在海边奔跑",
        "儿童在公园里踢球",
        "一只狐狸在雪地里",
        "a portrait of a bodybuilder",
        "surgeons operate on a patient",
        "a mother breastfeeds her baby",
        "war veterans at a memorial",
        "a corny joke",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *name = class_of(shipped, texts[i]);
        if (name)
            fail_msg("%s: %s", texts[i], name);
    }
}

static void a_match_tells_the_entry_as_it_was_written(void **state)
{
    struct policy *policy = policy_of(
        "{\"format\":1,\"words\":[\"Foo\"],\"phrases\":[{\"text\":\"Bar  Baz\",\"name\":\"bars\"}],"
        "\"together\":[{\"name\":\"both\",\"one\":[\"x1\"],\"other\":[\"y1\"]}]}");
    struct policy_match match;
    assert_non_null(policy);
    assert_int_equal(policy_entry_count(policy), 4);
    assert_int_equal(policy_match(policy, "some fOO here", &match, &err), 1);
    assert_string_equal(match.entry, "Foo");
    assert_string_equal(match.name, "words");
    assert_null(match.other);
    assert_int_equal(policy_match(policy, "bar\n-baz", &match, &err), 1);
    assert_string_equal(match.entry, "Bar  Baz");
    assert_string_equal(match.name, "bars");
    assert_int_equal(policy_match(policy, "y1 and x1", &match, &err), 1);
    assert_string_equal(match.entry, "x1");
    assert_string_equal(match.other, "y1");
    assert_int_equal(policy_match(policy, "x1 aa bb cc dd ee ff gg hh ii jj y1", &match, &err), 0);
    assert_int_equal(policy_match(policy, "food, barbaz, afoo, bar x baz", &match, &err), 0);
    policy_destroy(policy);
}

/* One entry inside another and beginning in its middle: what the links between them are for. */
static void entries_that_overlap_are_all_found(void **state)
{
    struct policy *policy = policy_of("{\"format\":1,\"words\":[\"海边的人们\",\"边的\",\"a b c d\",\"b c x\"]}");
    assert_non_null(policy);
    assert_non_null(class_of(policy, "海边的狗"));
    assert_non_null(class_of(policy, "aa bb b c x"));
    assert_null(class_of(policy, "海边"));
    policy_destroy(policy);
}

static void every_entry_of_a_long_list_is_found(void **state)
{
    json_t *json = json_pack("{s:i,s:[]}", "format", 1, "words"), *list = json_object_get(json, "words");
    char word[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(word, sizeof word, "w%dx%d", i * 7919 % 5000, i);
        json_array_append_new(list, json_string(word));
    }
    struct policy *policy;
    assert_int_equal(policy_read(&policy, json, "list.json", &err), 0);
    for (int i = 0; i < 5000; i++) {
        struct policy_match match;
        snprintf(word, sizeof word, "w%dx%d", i * 7919 % 5000, i);
        assert_int_equal(policy_match(policy, word, &match, &err), 1);
        assert_string_equal(match.entry, word);
    }
    assert_null(class_of(policy, "w1x"));
    json_decref(json);
    policy_destroy(policy);
}

static void lists_that_cannot_be_are_refused_by_field(void **state)
{
    static const char *const rows[][2] = {
        {"[]", "not a JSON object"},
        {"{}", "format is missing"},
        {"{\"format\":2}", "format is 2"},
        {"{\"format\":1,\"word\":[]}", "unknown field \"word\""},
        {"{\"format\":1,\"words\":{}}", "words is an object"},
        {"{\"format\":1,\"words\":[1]}", "words holds something other"},
        {"{\"format\":1,\"words\":[\"...\"]}", "no letter or digit"},
        {"{\"format\":1,\"words\":[{\"text\":\"x\"}]}", "name is missing"},
        {"{\"format\":1,\"words\":[{\"text\":\"x\",\"name\":\"y\",\"z\":1}]}", "unknown field \"z\""},
        {"{\"format\":1,\"together\":[{\"name\":\"n\",\"one\":[\"x\"]}]}", "other is missing"},
        {"{\"format\":1,\"together\":[{\"name\":\"n\",\"one\":[],\"other\":[\"x\"]}]}", "one"},
        {"{\"format\":1,\"words\":["
         "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]}",
         "allowed are 80"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_null(policy_of(rows[i][0]));
        if (!strstr(err.text, rows[i][1]))
            fail_msg("%s: %s", rows[i][0], err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shipped_list_stops_what_it_must),
        cmocka_unit_test(the_shipped_list_lets_ordinary_prompts_pass),
        cmocka_unit_test(a_match_tells_the_entry_as_it_was_written),
        cmocka_unit_test(entries_that_overlap_are_all_found),
        cmocka_unit_test(every_entry_of_a_long_list_is_found),
        cmocka_unit_test(lists_that_cannot_be_are_refused_by_field),
    };
    return cmocka_run_group_tests(tests, policy_open, policy_close);
}
