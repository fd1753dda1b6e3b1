/* Requests and responses as values, made by hand as dialects' tests do. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/http.h"
#include "net/http_head.h"

static void fields_are_found(void **state)
{
    const struct http_field headers[] = {{"Content-Type", "Application/JSON ; charset=utf-8"}, {"A", "1"}, {"a", "2"}};
    const struct http_field queries[] = {{"Q", "x"}, {"q", "y"}, {"q", "z"}};
    const struct http_part parts[] = {{.name = "p", .data = "v", .size = 1}};
    struct http_request request = {
        .headers = headers, .header_count = 3, .queries = queries, .query_count = 3, .parts = parts, .part_count = 1};
    assert_string_equal(http_header(&request, "a"), "1");
    assert_null(http_header(&request, "b"));
    assert_string_equal(http_query(&request, "q"), "y");
    assert_null(http_query(&request, "r"));
    assert_string_equal(http_part(&request, "p")->data, "v");
    assert_null(http_part(&request, "P"));
    assert_true(http_type_is(&request, "application/json"));
    assert_false(http_type_is(&request, "application/jso"));
    assert_false(http_type_is(&(struct http_request){0}, "application/json"));
}

static void headers_of_a_response_are_replaced_and_checked(void **state)
{
    struct http_response response;
    conch_error err;
    char name[16], text[HTTP_VALUE_BYTES_MAX + 2];
    http_response_init(&response, 100);
    assert_int_equal(http_response_header(&response, "ETag", "1", NULL), 0);
    assert_int_equal(http_response_header(&response, "etag", "2", NULL), 0);
    assert_int_equal(response.field_count, 1);
    assert_string_equal(http_response_field(&response, "ETAG"), "2");
    assert_int_equal(http_response_header(&response, "X-A", "a\r\nX-B: c", &err), CONCH_ERR_RANGE);
    assert_int_equal(http_response_header(&response, "X A", "a", &err), CONCH_ERR_RANGE);
    assert_int_equal(http_response_header(&response, "", "a", &err), CONCH_ERR_RANGE);
    memset(text, 'v', sizeof text);
    text[sizeof text - 1] = 0;
    assert_int_equal(http_response_header(&response, "X-A", text, &err), CONCH_ERR_LIMIT);
    for (int i = 1; i < HTTP_RESPONSE_FIELDS_MAX; i++) {
        sprintf(name, "H%d", i);
        assert_int_equal(http_response_header(&response, name, "v", NULL), 0);
    }
    assert_int_equal(http_response_header(&response, "One-More", "v", &err), CONCH_ERR_LIMIT);
    assert_int_equal(http_response_header(&response, "H3", "w", NULL), 0);
    http_response_finish(&response);
}

static void a_response_that_is_reset_has_nothing_left(void **state)
{
    struct http_response response;
    http_response_init(&response, 5);
    assert_int_equal(http_response_text(&response, 200, "text/plain", "hello", NULL), 0);
    assert_int_equal(http_response_text(&response, 200, "text/plain", "again", NULL), 0);
    assert_string_equal(response.body.data, "again");
    assert_int_equal(http_response_text(&response, 201, "text/plain", "longer", NULL), CONCH_ERR_LIMIT);
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(http_response_file(&response, 206, "video/mp4", file, 1, 2, NULL), 0);
    http_response_reset(&response);
    assert_int_equal(fcntl(file, F_GETFD), -1); /* it was closed */
    assert_int_equal(response.status, 0);
    assert_int_equal(response.field_count, 0);
    assert_int_equal(http_response_text(&response, 200, "text/plain", "hello", NULL), 0);
    http_response_finish(&response);
    file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(http_response_file(&response, 206, "a\nb", file, 1, 2, NULL), CONCH_ERR_RANGE);
    http_response_finish(&response);
    assert_int_equal(fcntl(file, F_GETFD), -1);
}

static void targets_are_taken_apart(void **state)
{
    static const struct {
        const char *target, *path, *a;
        int rc;
    } rows[] = {
        {"/", "/", NULL, 0},
        {"/x%20y?a=b%20c+d&e", "/x y", "b c d", 0},
        {"/x?a", "/x", "", 0},
        {"/x?&&=1&a==2?", "/x", "=2?", 0},
        {"http://host:1/y?a=1", "/y", "1", 0},
        {"http://host", "/", NULL, 0},
        {"http://host?a=1", "/", "1", 0},
        {"*", "/", NULL, 0},
        {"x", NULL, NULL, CONCH_ERR_RANGE},
        {"", NULL, NULL, CONCH_ERR_RANGE},
        {"/%2", NULL, NULL, CONCH_ERR_RANGE},
        {"/?a=%00", NULL, NULL, CONCH_ERR_RANGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_field queries[HTTP_FIELDS_MAX];
        char text[128];
        struct http_request request = {.target = rows[i].target};
        assert_in_range(http_target_room(strlen(rows[i].target)), 0, sizeof text);
        assert_int_equal(http_target_parse(&request, text, queries, NULL), rows[i].rc);
        if (rows[i].rc < 0)
            continue;
        assert_string_equal(request.path, rows[i].path);
        if (rows[i].a)
            assert_string_equal(http_query(&request, "a"), rows[i].a);
        else
            assert_null(http_query(&request, "a"));
    }
}

static void methods_and_reasons_have_names(void **state)
{
    assert_int_equal(http_method_of("PATCH"), HTTP_PATCH);
    assert_int_equal(http_method_of("get"), HTTP_OTHER); /* methods are case-sensitive */
    assert_string_equal(http_method_name(HTTP_OPTIONS), "OPTIONS");
    assert_string_equal(http_reason(404), "Not Found");
    assert_string_equal(http_reason(299), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found),
        cmocka_unit_test(headers_of_a_response_are_replaced_and_checked),
        cmocka_unit_test(a_response_that_is_reset_has_nothing_left),
        cmocka_unit_test(targets_are_taken_apart),
        cmocka_unit_test(methods_and_reasons_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
