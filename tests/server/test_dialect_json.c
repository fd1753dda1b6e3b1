#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/dialect/dialect_json.h"

static struct api_problem problem;

static json_t *parse(const char *text)
{
    json_t *json = NULL;
    if (dialect_json_parse(text, strlen(text), 32, &json, &problem) < 0)
        return NULL;
    return json;
}

/* ---- parsing ---- */

static void a_body_is_one_object(void **state)
{
    static const char *const bad[] = {"[1]",
                                      "1",
                                      "null",
                                      "{\"a\":1} x",
                                      "{\"a\":1,}",
                                      "{'a':1}",
                                      "{\"a\":1",
                                      "{\"a\":\"\\u0000\"}",
                                      "{\"a\":\"\xff\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(parse(bad[i]));
        assert_int_equal(problem.kind, API_INVALID);
        assert_string_equal(problem.field, "body");
    }
    json_t *json = parse(" {\"a\": 1} \n");
    assert_non_null(json);
    json_decref(json);
}

static void an_empty_body_is_an_empty_object(void **state)
{
    (void)state;
    json_t *json = parse(" \r\n\t");
    assert_non_null(json);
    assert_int_equal(json_object_size(json), 0);
    json_decref(json);
}

static void a_key_given_twice_is_refused(void **state)
{
    (void)state;
    assert_null(parse("{\"prompt\":\"a\",\"prompt\":\"b\"}"));
    assert_non_null(strstr(problem.text, "line 1"));
}

static void depth_is_limited_before_anything_is_built(void **state)
{
    char text[200] = "{\"a\":";
    (void)state;
    memset(text + 5, '[', 31);
    memset(text + 36, ']', 31);
    strcpy(text + 67, "}");
    json_t *json = parse(text);
    assert_non_null(json);
    json_decref(json);
    memset(text + 5, '[', 32);
    memset(text + 37, ']', 32);
    strcpy(text + 69, "}");
    assert_null(parse(text));
    assert_string_equal(problem.allowed, "32 levels");
    /* brackets in texts do not count */
    json = parse("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[[[[[\"}");
    assert_non_null(json);
    json_decref(json);
}

/* ---- fields ---- */

static void absent_and_null_leave_the_default(void **state)
{
    json_t *json = parse("{\"n\":null}");
    int64_t number = 7;
    const char *text = "x";
    enum api_choice choice = API_DEFAULT;
    (void)state;
    assert_int_equal(dialect_integer(json, "n", 0, 9, &number, &problem), 0);
    assert_int_equal(dialect_integer(json, "m", 0, 9, &number, &problem), 0);
    assert_int_equal(number, 7);
    assert_int_equal(dialect_text(json, "n", &text, &problem), 0);
    assert_string_equal(text, "x");
    assert_int_equal(dialect_choice(json, "n", &choice, &problem), 0);
    assert_int_equal(choice, API_DEFAULT);
    json_decref(json);
}

static void numbers_outside_what_is_allowed_name_it(void **state)
{
    json_t *json = parse("{\"a\":6.0,\"b\":6.5,\"c\":11,\"d\":\"6\",\"e\":true,\"f\":1e300}");
    int64_t number = 0;
    (void)state;
    assert_int_equal(dialect_integer(json, "a", 1, 10, &number, &problem), 0);
    assert_int_equal(number, 6);
    static const char *const bad[] = {"b", "c", "d", "e", "f"};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(dialect_integer(json, bad[i], 1, 10, &number, &problem), -1);
        assert_string_equal(problem.field, bad[i]);
        assert_string_equal(problem.allowed, "a whole number from 1 to 10");
    }
    dialect_integer(json, "c", 1, 10, &number, &problem);
    assert_string_equal(problem.value, "11");
    assert_string_equal(problem.text, "c is 11, but must be a whole number from 1 to 10");
    assert_int_equal(number, 6);
    json_decref(json);
}

static void ids_are_text_or_numbers_below_2_to_53(void **state)
{
    json_t *json = parse(
        "{\"a\":\"42\",\"b\":42,\"c\":0,\"d\":\"9007199254740992\",\"e\":\"-1\",\"f\":\"\",\"g\":\"1 \"}");
    int64_t id = 0;
    (void)state;
    assert_int_equal(dialect_id(json, "a", &id, &problem), 0);
    assert_int_equal(id, 42);
    id = 0;
    assert_int_equal(dialect_id(json, "b", &id, &problem), 0);
    assert_int_equal(id, 42);
    for (const char *key = "cdefg"; *key; key++)
        assert_int_equal(dialect_id(json, (char[]){*key, 0}, &id, &problem), -1);
    assert_true(dialect_id_parse("9007199254740991", &id));
    assert_true(dialect_id_parse("0000000000000042", &id));
    assert_int_equal(id, 42);
    assert_false(dialect_id_parse("00000000000000042", &id)); /* 17 digits */
    json_decref(json);
}

static void a_field_nobody_knows_is_named_with_the_nearest(void **state)
{
    static const char *const names[] = {"prompt", "model", "seconds", NULL};
    json_t *json = parse("{\"promt\":\"x\"}"), *good = parse("{\"model\":\"x\"}"), *far = parse("{\"zzzzzz\":1}");
    (void)state;
    assert_int_equal(dialect_known(good, names, &problem), 0);
    assert_int_equal(dialect_known(json, names, &problem), -1);
    assert_string_equal(problem.field, "promt");
    assert_non_null(strstr(problem.text, "'prompt' was probably meant"));
    assert_int_equal(dialect_known(far, names, &problem), -1);
    assert_string_equal(problem.allowed, "prompt, model, seconds");
    json_decref(json);
    json_decref(good);
    json_decref(far);
}

static void moments_come_in_three_spellings(void **state)
{
    struct http_field queries[] = {
        {"a", "2026-11-22T08:15:00Z"}, {"b", "1795335300"}, {"c", "2026-11-22"}, {"d", "yesterday"}, {"e", ""}};
    struct http_request request = {.queries = queries, .query_count = 5};
    int64_t ms = 0;
    (void)state;
    assert_int_equal(dialect_query_time(&request, "a", &ms, &problem), 0);
    assert_int_equal(ms, INT64_C(1795335300000));
    ms = 0;
    assert_int_equal(dialect_query_time(&request, "b", &ms, &problem), 0);
    assert_int_equal(ms, INT64_C(1795335300000));
    assert_int_equal(dialect_query_time(&request, "c", &ms, &problem), 0);
    assert_int_equal(ms, INT64_C(1795305600000));
    assert_int_equal(dialect_query_time(&request, "d", &ms, &problem), -1);
    assert_string_equal(problem.value, "yesterday");
    ms = 5;
    assert_int_equal(dialect_query_time(&request, "e", &ms, &problem), 0);
    assert_int_equal(ms, 5);
}

/* ---- writing ---- */

static char *written(void (*write)(struct out *out))
{
    struct buf buf;
    struct out out;
    conch_error err = {0};
    buf_init(&buf, 1 << 16);
    out_init(&out, &buf, &err);
    write(&out);
    assert_int_equal(out_finish(&out), 0);
    char *text = strdup(buf.data);
    buf_finish(&buf);
    return text;
}

static void everything(struct out *out)
{
    json_t *json = json_pack("{s:[i,i]}", "x", 1, 2);
    out_object(out, NULL);
    out_text(out, "t", "a\"b\\c\n\t\x01\x7f\xc3\xa9\xff\xed\xa0\x80");
    out_text(out, "n", NULL);
    out_integer(out, "i", INT64_MIN);
    out_id(out, "id", 9007199254740991);
    out_id(out, "no", 0);
    out_real(out, "r", 0.1);
    out_real(out, "nan", 0.0 / 0.0);
    out_flag(out, "f", true);
    out_time(out, "at", 1795335300120);
    out_array(out, "a");
    out_integer(out, NULL, 1);
    out_array(out, NULL);
    out_array_end(out);
    out_object(out, NULL);
    out_object_end(out);
    out_array_end(out);
    out_json(out, "j", json);
    out_format(out, "k", "%d-%s", 5, "x\"");
    out_object_end(out);
    json_decref(json);
}

static void what_is_written_can_be_read(void **state)
{
    (void)state;
    char *text = written(everything);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "t")),
                        "a\"b\\c\n\t\x01\x7f\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    assert_true(json_is_null(json_object_get(json, "n")));
    assert_true(json_integer_value(json_object_get(json, "i")) == INT64_MIN);
    assert_string_equal(json_string_value(json_object_get(json, "id")), "9007199254740991");
    assert_true(json_is_null(json_object_get(json, "no")));
    assert_true(json_is_null(json_object_get(json, "nan")));
    assert_string_equal(json_string_value(json_object_get(json, "at")), "2026-11-22T08:15:00.120Z");
    assert_int_equal(json_array_size(json_object_get(json, "a")), 3);
    assert_string_equal(json_string_value(json_object_get(json, "k")), "5-x\"");
    json_decref(json);
    free(text);
}

static void an_answer_that_is_too_long_is_an_error(void **state)
{
    struct buf buf;
    struct out out;
    conch_error err = {0};
    (void)state;
    buf_init(&buf, 10);
    out_init(&out, &buf, &err);
    out_object(&out, NULL);
    out_text(&out, "key", "a long value");
    out_object_end(&out);
    assert_int_equal(out_finish(&out), CONCH_ERR_LIMIT);
    assert_int_equal(err.code, CONCH_ERR_LIMIT);
    buf_finish(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_one_object),
        cmocka_unit_test(an_empty_body_is_an_empty_object),
        cmocka_unit_test(a_key_given_twice_is_refused),
        cmocka_unit_test(depth_is_limited_before_anything_is_built),
        cmocka_unit_test(absent_and_null_leave_the_default),
        cmocka_unit_test(numbers_outside_what_is_allowed_name_it),
        cmocka_unit_test(ids_are_text_or_numbers_below_2_to_53),
        cmocka_unit_test(a_field_nobody_knows_is_named_with_the_nearest),
        cmocka_unit_test(moments_come_in_three_spellings),
        cmocka_unit_test(what_is_written_can_be_read),
        cmocka_unit_test(an_answer_that_is_too_long_is_an_error),
    };
    return cmocka_run_group_tests_name("dialect_json", tests, NULL, NULL);
}
