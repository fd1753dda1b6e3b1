#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"

static const struct json_place place = {"conch.json", "components.vae."};

static json_t *object_of(const char *text)
{
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    return object;
}

static void sizes_are_whole_numbers_within_limits(void **state)
{
    json_t *object = object_of("{\"good\": 7, \"real\": 7.0, \"text\": \"7\", \"minus\": -1, \"large\": 100}");
    size_t value = 99;
    conch_error err;
    assert_int_equal(json_field_size(object, "good", 7, 7, &value, &place, &err), 0);
    assert_int_equal(value, 7);
    static const char *const bad[][2] = {
        {"real", "conch.json: components.vae.real is a number, wanted a whole number"},
        {"text", "conch.json: components.vae.text is text, wanted a whole number"},
        {"minus", "conch.json: components.vae.minus is -1, allowed are 0 to 99"},
        {"large", "conch.json: components.vae.large is 100, allowed are 0 to 99"},
        {"none", "conch.json: components.vae.none is missing (wanted a whole number)"},
    };
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(json_field_size(object, bad[i][0], 0, 99, &value, &place, &err), CONCH_ERR_FORMAT);
        assert_string_equal(err.text, bad[i][1]);
        assert_int_equal(value, 7);
    }
    assert_int_equal(json_field_size(NULL, "good", 0, 9, &value, &place, &err), CONCH_ERR_FORMAT);
    json_decref(object);
}

static void numbers_may_be_whole_or_not(void **state)
{
    json_t *object = object_of("{\"whole\": 2, \"real\": 2.5, \"yes\": true, \"nothing\": null}");
    double value = 0;
    conch_error err;
    assert_int_equal(json_field_number(object, "whole", 0, 3, &value, &place, &err), 0);
    assert_true(value == 2);
    assert_int_equal(json_field_number(object, "real", 2.5, 2.5, &value, &place, &err), 0);
    assert_true(value == 2.5);
    assert_int_equal(json_field_number(object, "real", 0, 2.25, &value, &place, &err), CONCH_ERR_FORMAT);
    assert_string_equal(err.text, "conch.json: components.vae.real is 2.5, allowed are 0 to 2.25");
    assert_int_equal(json_field_number(object, "yes", 0, 3, &value, &place, &err), CONCH_ERR_FORMAT);
    assert_string_equal(err.text, "conch.json: components.vae.yes is true or false, wanted a number");
    assert_int_equal(json_field_number(object, "nothing", 0, 3, &value, &place, &err), CONCH_ERR_FORMAT);
    assert_string_equal(err.text, "conch.json: components.vae.nothing is null, wanted a number");
    json_decref(object);
}

static void texts_objects_and_lists_are_told_apart(void **state)
{
    json_t *object = object_of("{\"text\": \"a\", \"object\": {}, \"list\": [1, 2, 3]}"), *got = NULL;
    const char *text = NULL;
    conch_error err;
    assert_int_equal(json_field_text(object, "text", &text, &place, &err), 0);
    assert_string_equal(text, "a");
    assert_int_equal(json_field_object(object, "object", &got, &place, &err), 0);
    assert_int_equal(json_field_array(object, "list", 3, 3, &got, &place, &err), 0);
    assert_int_equal(json_array_size(got), 3);
    assert_int_equal(json_field_text(object, "list", &text, &place, &err), CONCH_ERR_FORMAT);
    assert_non_null(strstr(err.text, "list is a list, wanted text"));
    assert_int_equal(json_field_object(object, "text", &got, &place, &err), CONCH_ERR_FORMAT);
    assert_non_null(strstr(err.text, "text is text, wanted an object"));
    assert_int_equal(json_field_array(object, "object", 0, 9, &got, &place, &err), CONCH_ERR_FORMAT);
    assert_non_null(strstr(err.text, "object is an object, wanted a list"));
    assert_int_equal(json_field_array(object, "list", 4, 9, &got, &place, &err), CONCH_ERR_FORMAT);
    assert_non_null(strstr(err.text, "list has 3 entries, allowed are 4 to 9"));
    assert_int_equal(json_field_array(object, "list", 0, 2, &got, &place, &err), CONCH_ERR_FORMAT);
    json_decref(object);
}

static void files_that_are_not_json_are_refused_with_line_and_column(void **state)
{
    static const char *const bad[] = {"", "{", "{\"a\": 1,\n \"a\": 2}", "{\"a\": 01}", "[1] x", "{\"a\": \"\xff\"}"};
    char path[] = "/tmp/conch-test-json-XXXXXX";
    json_t *root = NULL;
    conch_error err;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(file_write_atomic(path, bad[i], strlen(bad[i]), NULL), 0);
        assert_int_equal(json_file_read(&root, path, &err), CONCH_ERR_FORMAT);
        assert_non_null(strstr(err.text, path));
        assert_non_null(strstr(err.text, ": line "));
        assert_null(root);
    }
    assert_int_equal(file_write_atomic(path, "{\"a\": [1]}", 10, NULL), 0);
    assert_int_equal(json_file_read(&root, path, &err), 0);
    json_decref(root);
    char *deep = malloc(200001);
    memset(deep, '[', 200000); /* the parser must not recurse without end */
    assert_int_equal(file_write_atomic(path, deep, 200000, NULL), 0);
    root = NULL;
    assert_int_equal(json_file_read(&root, path, &err), CONCH_ERR_FORMAT);
    free(deep);
    assert_int_equal(truncate(path, JSON_FILE_BYTES_MAX + 1), 0);
    assert_int_equal(json_file_read(&root, path, &err), CONCH_ERR_LIMIT);
    unlink(path);
    assert_int_equal(json_file_read(&root, path, &err), CONCH_ERR_NOTFOUND);
    assert_null(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_whole_numbers_within_limits),
        cmocka_unit_test(numbers_may_be_whole_or_not),
        cmocka_unit_test(texts_objects_and_lists_are_told_apart),
        cmocka_unit_test(files_that_are_not_json_are_refused_with_line_and_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
