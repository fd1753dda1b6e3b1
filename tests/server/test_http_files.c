#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/http/files.h"
#include "server/http/static.h"

static void ranges_of_a_thousand_bytes(void **state)
{
    static const struct {
        const char *header;
        enum file_range range;
        int64_t offset, size;
    } rows[] = {
        {NULL, FILE_RANGE_WHOLE, 0, 1000},
        {"bytes=0-99", FILE_RANGE_PART, 0, 100},
        {"bytes=0-0", FILE_RANGE_PART, 0, 1},
        {"bytes=900-", FILE_RANGE_PART, 900, 100},
        {"bytes=-1", FILE_RANGE_PART, 999, 1},
        {"bytes=-5000", FILE_RANGE_PART, 0, 1000},
        {"bytes=990-5000", FILE_RANGE_PART, 990, 10},
        {"bytes=0-999", FILE_RANGE_PART, 0, 1000},
        {"bytes=999-999", FILE_RANGE_PART, 999, 1},
        {"bytes= 5-6 ", FILE_RANGE_PART, 5, 2},
        {"bytes=1000-", FILE_RANGE_NONE, 0, 0},
        {"bytes=1000-1001", FILE_RANGE_NONE, 0, 0},
        {"bytes=-0", FILE_RANGE_NONE, 0, 0},
        /* not understood: the whole file, as the standard has it */
        {"bytes=5-4", FILE_RANGE_WHOLE, 0, 1000},
        {"bytes=-", FILE_RANGE_WHOLE, 0, 1000},
        {"bytes=", FILE_RANGE_WHOLE, 0, 1000},
        {"bytes=0-1,5-6", FILE_RANGE_WHOLE, 0, 1000},
        {"bytes=a-b", FILE_RANGE_WHOLE, 0, 1000},
        {"lines=0-1", FILE_RANGE_WHOLE, 0, 1000},
        {"bytes=99999999999999999999-", FILE_RANGE_WHOLE, 0, 1000},
        {"bytes=0-1x", FILE_RANGE_WHOLE, 0, 1000},
    };
    int64_t offset, size;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(files_range(rows[i].header, 1000, &offset, &size), rows[i].range);
        if (rows[i].range == FILE_RANGE_NONE)
            continue;
        assert_int_equal(offset, rows[i].offset);
        assert_int_equal(size, rows[i].size);
    }
}

static void an_empty_file_has_no_part(void **state)
{
    int64_t offset, size;
    (void)state;
    assert_int_equal(files_range("bytes=0-", 0, &offset, &size), FILE_RANGE_NONE);
    assert_int_equal(files_range("bytes=-5", 0, &offset, &size), FILE_RANGE_NONE);
    assert_int_equal(files_range(NULL, 0, &offset, &size), FILE_RANGE_WHOLE);
}

static void tags_are_compared_weakly_and_as_a_list(void **state)
{
    (void)state;
    assert_true(files_tag_match("\"abc\"", "\"abc\""));
    assert_true(files_tag_match("W/\"abc\"", "\"abc\""));
    assert_true(files_tag_match("\"x\", \"abc\" ", "\"abc\""));
    assert_true(files_tag_match("*", "\"abc\""));
    assert_false(files_tag_match("\"abcd\"", "\"abc\""));
    assert_false(files_tag_match("abc", "\"abc\""));
    assert_false(files_tag_match("\"abc", "\"abc\""));
    assert_false(files_tag_match(NULL, "\"abc\""));
    assert_false(files_tag_match("\"x\" \"abc\"", "\"abc\""));
}

/* ---- the site ---- */

static const struct static_file site[] = {
    {"/index.html", "text/html; charset=utf-8", "<p>plain", 8, "packed", 6, "e1"},
    {"/assets/app.js", "text/javascript", "code", 4, NULL, 0, "e2"},
    {0},
};
static const struct static_file nothing[] = {{0}};

static bool get(const struct static_file *table, const char *path, const char *header, const char *value,
                struct http_response *response)
{
    struct http_field field = {header, value};
    struct http_request request = {.path = path, .headers = &field, .header_count = header ? 1 : 0};
    http_response_init(response, 1 << 16);
    return static_answer(table, &request, response);
}

static void files_are_packed_for_those_who_can_unpack(void **state)
{
    struct http_response response;
    (void)state;
    assert_true(get(site, "/", "Accept-Encoding", "br, gzip", &response));
    assert_string_equal(response.body.data, "packed");
    assert_string_equal(http_response_field(&response, "Content-Encoding"), "gzip");
    http_response_finish(&response);
    assert_true(get(site, "/index.html", "Accept-Encoding", "gzip;q=0", &response));
    assert_string_equal(response.body.data, "<p>plain");
    assert_null(http_response_field(&response, "Content-Encoding"));
    assert_string_equal(http_response_field(&response, "Cache-Control"), "no-cache");
    http_response_finish(&response);
    assert_true(get(site, "/assets/app.js", NULL, NULL, &response));
    assert_non_null(strstr(http_response_field(&response, "Cache-Control"), "immutable"));
    http_response_finish(&response);
}

static void a_file_the_client_has_is_not_sent_again(void **state)
{
    struct http_response response;
    (void)state;
    assert_true(get(site, "/assets/app.js", "If-None-Match", "\"e2\"", &response));
    assert_int_equal(response.status, 304);
    assert_int_equal(response.body.size, 0);
    http_response_finish(&response);
}

static void without_a_site_the_root_says_what_this_is(void **state)
{
    struct http_response response;
    (void)state;
    assert_true(get(nothing, "/", NULL, NULL, &response));
    assert_int_equal(response.status, 200);
    assert_non_null(strstr(response.body.data, "/conch/v1/openapi.json"));
    assert_non_null(strstr(http_response_field(&response, "Content-Security-Policy"), "default-src 'none'"));
    assert_null(strstr(response.body.data, "<script"));
    assert_null(strstr(response.body.data, "style"));
    http_response_finish(&response);
    assert_false(get(nothing, "/else", NULL, NULL, &response));
    http_response_finish(&response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_of_a_thousand_bytes),
        cmocka_unit_test(an_empty_file_has_no_part),
        cmocka_unit_test(tags_are_compared_weakly_and_as_a_list),
        cmocka_unit_test(files_are_packed_for_those_who_can_unpack),
        cmocka_unit_test(a_file_the_client_has_is_not_sent_again),
        cmocka_unit_test(without_a_site_the_root_says_what_this_is),
    };
    return cmocka_run_group_tests_name("http_files", tests, NULL, NULL);
}
