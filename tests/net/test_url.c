#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/url.h"

static void addresses_are_taken_apart(void **state)
{
    static const struct {
        const char *text, *host, *target, *whole;
        uint16_t port;
        bool tls;
    } rows[] = {
        {"http://example.com", "example.com", "/", "http://example.com/", 80, false},
        {"HTTPS://Example.COM/A/b?c=d#e", "example.com", "/A/b?c=d", "https://example.com/A/b?c=d", 443, true},
        {"http://h:8080?q", "h", "/?q", "http://h:8080/?q", 8080, false},
        {"https://h:443/", "h", "/", "https://h/", 443, true},
        {"http://h:/x", "h", "/x", "http://h/x", 80, false},
        {"http://[2001:DB8::1]:81/", "2001:db8::1", "/", "http://[2001:db8::1]:81/", 81, false},
        {"http://a_b-c.d./@x:y", "a_b-c.d.", "/@x:y", "http://a_b-c.d./@x:y", 80, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct url url;
        struct buf buf;
        conch_error err = {0};
        buf_init(&buf, 1000);
        if (url_parse(&url, rows[i].text, &err) < 0)
            fail_msg("%s: %s", rows[i].text, err.text);
        assert_string_equal(url.host, rows[i].host);
        assert_string_equal(url.target, rows[i].target);
        assert_int_equal(url.port, rows[i].port);
        assert_int_equal(url.tls, rows[i].tls);
        assert_int_equal(url_append(&buf, &url, NULL), 0);
        assert_string_equal(buf.data, rows[i].whole);
        url_finish(&url);
        buf_finish(&buf);
    }
}

static void what_is_no_web_address_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "example.com",
        "//example.com",
        "ftp://a/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "http:///x",
        "http://:80/",
        "http://user@host/",
        "http://user:pw@host/",
        "http://a@b@c/",
        "http://h:0/",
        "http://h:65536/",
        "http://h:8a/",
        "http://h:000080/",
        "http://h h/",
        "http://h/a b",
        "http://h/\n",
        "http://h\\@x/",
        "http://[::1",
        "http://[::1]x/",
        "http://[1.2.3.4]/",
        "http://[fe80::1%eth0]/",
        "http://a..b/",
        "http://.a/",
        "http://a%2e/",
        "http://h\xc3\xa4/",
        "http://h/\x7f",
        " http://h/",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct url url = {0};
        conch_error err = {0};
        if (url_parse(&url, rows[i], &err) != CONCH_ERR_RANGE)
            fail_msg("'%s' was taken: host '%s'", rows[i], url.host);
        assert_true(err.text[0]);
        assert_null(url.target);
    }
    struct url url = {0};
    char *text = malloc(URL_BYTES_MAX + 10);
    memset(text, 'a', URL_BYTES_MAX + 9);
    text[URL_BYTES_MAX + 9] = 0;
    memcpy(text, "http://a/", 9);
    assert_int_equal(url_parse(&url, text, NULL), CONCH_ERR_LIMIT);
    text[URL_BYTES_MAX] = 0;
    assert_int_equal(url_parse(&url, text, NULL), 0);
    url_finish(&url);
    memset(text + 7, 'a', 260);
    assert_int_equal(url_parse(&url, text, NULL), CONCH_ERR_RANGE); /* a host longer than any name */
    free(text);
}

static void origins_are_compared(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"http://h/a", "HTTP://H:80/b", true}, {"http://h/", "https://h/", false},
        {"http://h/", "http://h:81/", false},  {"http://h/", "http://h2/", false},
        {"https://h:80/", "http://h/", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct url a, b;
        assert_int_equal(url_parse(&a, rows[i].a, NULL), 0);
        assert_int_equal(url_parse(&b, rows[i].b, NULL), 0);
        assert_int_equal(url_same_origin(&a, &b), rows[i].same);
        url_finish(&a);
        url_finish(&b);
    }
}

static void escapes_are_decoded_strictly(void **state)
{
    char text[32] = "a%20b+%C3%A4%2f";
    assert_int_equal(url_decode(text, strlen(text), false), 7);
    assert_string_equal(text, "a b+\xc3\xa4/");
    strcpy(text, "a+b%2B");
    assert_int_equal(url_decode(text, strlen(text), true), 4);
    assert_string_equal(text, "a b+");
    static const char *const wrong[] = {"%", "%4", "a%", "%g0", "%0g", "%00", "%%20"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        strcpy(text, wrong[i]);
        assert_int_equal(url_decode(text, strlen(text), true), -1);
    }
    strcpy(text, "%41"); /* exactly at the end */
    assert_int_equal(url_decode(text, 3, true), 1);
    assert_string_equal(text, "A");
}

static void queries_are_built(void **state)
{
    struct buf buf;
    buf_init(&buf, 100);
    assert_int_equal(url_append_query(&buf, true, "a b", "c&d=\xc3\xa4/", NULL), 0);
    assert_int_equal(url_append_query(&buf, false, "none", NULL, NULL), 0);
    assert_int_equal(url_append_query(&buf, false, "e", "", NULL), 0);
    assert_string_equal(buf.data, "?a%20b=c%26d%3D%C3%A4%2F&e=");
    buf_clear(&buf);
    assert_int_equal(url_encode(&buf, "/a/b c", "/", NULL), 0);
    assert_string_equal(buf.data, "/a/b%20c");
    buf_finish(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_taken_apart), cmocka_unit_test(what_is_no_web_address_is_refused),
        cmocka_unit_test(origins_are_compared),      cmocka_unit_test(escapes_are_decoded_strictly),
        cmocka_unit_test(queries_are_built),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
