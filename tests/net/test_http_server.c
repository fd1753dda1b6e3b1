#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "net_tester.h"

static void fast_and_slow_requests_are_answered_on_one_connection(void **state)
{
    struct tester tester;
    struct answer answer;
    tester_open(&tester, (struct http_server_settings){0});
    int file = tester_connect(&tester);
    for (int i = 0; i < 3; i++) {
        tester_send(file, "GET /fast HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_int_equal(tester_read(file, &answer, false), 0);
        assert_string_equal(answer.body, "ok");
        tester_send(file, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
        assert_int_equal(tester_read(file, &answer, false), 0);
        assert_string_equal(answer.body, "hello");
    }
    close(file);
    tester_wait(&tester.done_count, 6);
    assert_int_equal(tester.done_status, 200);
    assert_int_equal(tester.done_bytes, 5);
    assert_true(tester.done_complete);
    tester_close(&tester, 1000);
}

static void requests_sent_together_are_answered_in_order(void **state)
{
    struct tester tester;
    struct answer answer;
    tester_open(&tester, (struct http_server_settings){0});
    int file = tester_connect(&tester);
    tester_send(file, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1"
                      "GET /fast HTTP/1.1\r\nHost: a\r\n\r\n"
                      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n3\r\n0\r\n\r\n");
    const char *bodies[] = {"1", "ok", "3"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tester_read(file, &answer, false), 0);
        assert_string_equal(answer.body, bodies[i]);
    }
    close(file);
    tester_close(&tester, 1000);
}

static void the_request_says_how_it_was_reached(void **state)
{
    struct tester tester;
    struct answer answer;
    char method[16], path[32], origin[64], address[32], id[64], again[64];
    tester_open(&tester, (struct http_server_settings){0});
    assert_int_equal(tester_ask(&tester,
                                "PUT /h%65ad?x HTTP/1.1\r\nHost: conch.test:99\r\nX-Forwarded-Proto: https\r\n"
                                "X-Forwarded-For: 203.0.113.9\r\n\r\n",
                                &answer),
                     0);
    assert_int_equal(sscanf(answer.body, "%15s %31s %63s %31s %63s", method, path, origin, address, id), 5);
    assert_string_equal(method, "PUT");
    assert_string_equal(path, "/head");
    assert_string_equal(origin, "http://conch.test:99");
    assert_string_equal(address, "127.0.0.1");
    assert_int_equal(strspn(id, "0123456789abcdef"), 32);
    assert_int_equal(tester_ask(&tester, "BREW /head HTTP/1.1\r\nHost: \"><script>\r\n\r\n", &answer), 0);
    assert_int_equal(sscanf(answer.body, "%15s %31s %63s %31s %63s", method, path, origin, address, again), 5);
    assert_string_equal(method, "OTHER");
    assert_string_equal(origin, tester_url(&tester, "")); /* a host that cannot stand in a link is not used */
    assert_string_not_equal(id, again);
    tester_close(&tester, 1000);
}

static void a_trusted_proxy_says_where_we_are_and_who_asks(void **state)
{
    struct tester tester;
    struct answer answer;
    tester_open(&tester, (struct http_server_settings){.trust_forwarded = true});
    assert_int_equal(tester_ask(&tester,
                                "GET /head HTTP/1.1\r\nHost: inner\r\nX-Forwarded-Proto: https\r\n"
                                "X-Forwarded-Host: video.example\r\n"
                                "X-Forwarded-For: 1.2.3.4, 203.0.113.9\r\n\r\n",
                                &answer),
                     0);
    assert_non_null(strstr(answer.body, "GET /head https://video.example 203.0.113.9 "));
    tester_close(&tester, 1000);
    tester_open(&tester, (struct http_server_settings){.public_url = "https://video.example/"});
    assert_int_equal(tester_ask(&tester, "GET /head HTTP/1.1\r\nHost: inner\r\n\r\n", &answer), 0);
    assert_non_null(strstr(answer.body, " https://video.example 127.0.0.1 "));
    tester_close(&tester, 1000);
}

static void head_has_the_length_and_no_body(void **state)
{
    struct tester tester;
    struct answer answer;
    tester_open(&tester, (struct http_server_settings){0});
    int file = tester_connect(&tester);
    for (int i = 0; i < 2; i++) {
        tester_send(file, "HEAD /fast HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_int_equal(tester_read(file, &answer, true), 0);
        assert_non_null(strstr(answer.head, "Content-Length: 2\r\n"));
    }
    tester_wait(&tester.done_count, 2);
    assert_int_equal(tester.done_bytes, 0);
    close(file);
    tester_close(&tester, 1000);
}

static void a_range_of_a_file_is_sent(void **state)
{
    struct tester tester;
    struct answer answer;
    tester_open(&tester, (struct http_server_settings){0});
    assert_int_equal(tester_ask(&tester, "GET /file HTTP/1.1\r\nHost: a\r\n\r\n", &answer), 0);
    assert_int_equal(answer.status, 206);
    assert_string_equal(answer.body, "0123456789");
    tester_close(&tester, 1000);
}

static void bad_escapes_are_refused_in_the_embedders_words(void **state)
{
    static const char *const targets[] = {"/%zz", "/%0", "/%00", "/a%", "/query?name=%0", "/query?%00=1"};
    struct tester tester;
    struct answer answer;
    char text[128];
    tester_open(&tester, (struct http_server_settings){0});
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", targets[i]);
        assert_int_equal(tester_ask(&tester, text, &answer), 0);
        assert_int_equal(answer.status, 400);
        assert_non_null(strstr(answer.body, "{\"limit\":0,"));
    }
    assert_int_equal(tester_ask(&tester, "GET /query?name=a+b%26%3d HTTP/1.1\r\nHost: a\r\n\r\n", &answer), 0);
    assert_string_equal(answer.body, "a b&=");
    tester_close(&tester, 1000);
}

static void an_empty_body_is_none(void **state)
{
    struct tester tester;
    struct answer answer;
    tester_open(&tester, (struct http_server_settings){0});
    assert_int_equal(tester_ask(&tester,
                                "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                                "Content-Length: 0\r\n\r\n",
                                &answer),
                     0);
    assert_string_equal(answer.body, "(none)");
    assert_int_equal(
        tester_ask(&tester, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", &answer),
        0);
    assert_string_equal(answer.body, "(none)");
    tester_close(&tester, 1000);
}

static void a_refusal_before_the_body_keeps_the_connection(void **state)
{
    struct tester tester;
    struct answer answer;
    tester_open(&tester, (struct http_server_settings){0});
    int file = tester_connect(&tester);
    tester_send(file, "POST /forbidden HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    assert_int_equal(tester_read(file, &answer, false), 0);
    assert_int_equal(answer.status, 403);
    tester_send(file, "GET /fast HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(tester_read(file, &answer, false), 0);
    assert_int_equal(answer.status, 200);
    close(file);
    tester_close(&tester, 1000);
}

static void who_asks_first_is_told_before_the_body(void **state)
{
    struct tester tester;
    struct answer answer;
    tester_open(&tester, (struct http_server_settings){0});
    int file = tester_connect(&tester);
    tester_send(file, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(tester_read(file, &answer, false), 0);
    assert_int_equal(answer.status, 100);
    tester_send(file, "hello");
    assert_int_equal(tester_read(file, &answer, false), 0);
    assert_string_equal(answer.body, "hello");
    tester_send(file, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(tester_read(file, &answer, false), 0);
    assert_int_equal(answer.status, 413);
    assert_non_null(strstr(answer.body, "{\"limit\":1000,"));
    close(file);
    tester_close(&tester, 1000);
}

static void an_answer_that_was_not_made_is_500(void **state)
{
    struct tester tester;
    struct answer answer;
    tester_open(&tester, (struct http_server_settings){0});
    assert_int_equal(tester_ask(&tester, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n", &answer), 0);
    assert_int_equal(answer.status, 500);
    tester_close(&tester, 1000);
}

static void connection_close_is_honoured(void **state)
{
    struct tester tester;
    struct answer answer;
    tester_open(&tester, (struct http_server_settings){0});
    int file = tester_connect(&tester);
    tester_send(file, "GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_int_equal(tester_read(file, &answer, false), 0);
    assert_string_equal(answer.body, "ok");
    assert_true(tester_is_closed(file));
    close(file);
    tester_close(&tester, 1000);
}

static void form_parts_arrive_and_large_files_are_spooled(void **state)
{
    enum { BIG = 200000 };
    struct tester tester;
    struct answer answer;
    char *body = malloc(BIG + 1000), head[256];
    tester_open(&tester, (struct http_server_settings){0});
    int used = sprintf(body, "--XX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nconch/tiny\r\n"
                             "--XX\r\nContent-Disposition: form-data; name=\"a\"; filename=\"s.png\"\r\n"
                             "Content-Type: image/png\r\n\r\nPNG\r\n"
                             "--XX\r\nContent-Disposition: form-data; name=\"b\"; filename=\"l.mp4\"\r\n\r\n");
    memset(body + used, 'v', BIG);
    size_t size = (size_t)(used + BIG + sprintf(body + used + BIG, "\r\n--XX--\r\n"));
    int file = tester_connect(&tester);
    sprintf(head,
            "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=XX\r\n"
            "Content-Length: %zu\r\n\r\n",
            size);
    tester_send(file, head);
    assert_true(tester_send_bytes(file, body, size));
    assert_int_equal(tester_read(file, &answer, false), 0);
    assert_string_equal(answer.body, "model - - 10 memory\na s.png image/png 3 memory\nb l.mp4 - 200000 spooled\n");
    tester_wait(&tester.done_count, 1);
    close(file);
    free(body);
    tester_close(&tester, 1000); /* checks that the spool folder is empty */
}

static void a_malformed_form_is_refused_with_the_reason(void **state)
{
    struct tester tester;
    struct answer answer;
    tester_open(&tester, (struct http_server_settings){0});
    assert_int_equal(tester_ask(&tester,
                                "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
                                "Content-Type: multipart/form-data\r\n\r\n123456789",
                                &answer),
                     0);
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(answer.body, "boundary"));
    assert_int_equal(tester_ask(&tester,
                                "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
                                "Content-Type: multipart/form-data; boundary=q\r\n\r\n123456789",
                                &answer),
                     0);
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(answer.body, "closing boundary is missing"));
    tester_close(&tester, 1000);
}

static void an_address_that_is_taken_or_none_is_said(void **state)
{
    struct tester tester;
    struct http_server *server = NULL;
    struct http_embedder embedder = {0};
    conch_error err = {0};
    tester_open(&tester, (struct http_server_settings){0});
    struct http_server_settings settings = {.listen = http_server_address(tester.server)};
    assert_int_equal(http_server_open(&server, &settings, &embedder, &err), CONCH_ERR_IO);
    assert_non_null(strstr(err.text, "is taken"));
    static const char *const wrong[] = {
        "",       "8787",          "127.0.0.1",   "127.0.0.1:", "127.0.0.1:65536", "a.example:1",
        "::1:80", "[127.0.0.1]:1", "127.0.0.1:-1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        settings.listen = wrong[i];
        assert_int_equal(http_server_open(&server, &settings, &embedder, &err), CONCH_ERR_RANGE);
    }
    settings = (struct http_server_settings){.listen = "127.0.0.1:0", .handler_threads = 5000};
    assert_int_equal(http_server_open(&server, &settings, &embedder, &err), CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "handler_threads is 5000"));
    assert_null(server);
    tester_close(&tester, 1000);
}

static void what_a_killed_process_left_in_the_spool_is_removed(void **state)
{
    char folder[] = "/tmp/conch-test-spool-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/upload-abcdef", folder);
    fclose(fopen(path, "w"));
    snprintf(path, sizeof path, "%s/other", folder);
    fclose(fopen(path, "w"));
    assert_int_equal(http_spool_clean(folder, NULL), 0);
    assert_int_equal(tester_files_in(folder), 1);
    unlink(path);
    rmdir(folder);
    assert_int_equal(http_spool_clean(folder, NULL), CONCH_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fast_and_slow_requests_are_answered_on_one_connection),
        cmocka_unit_test(requests_sent_together_are_answered_in_order),
        cmocka_unit_test(the_request_says_how_it_was_reached),
        cmocka_unit_test(a_trusted_proxy_says_where_we_are_and_who_asks),
        cmocka_unit_test(head_has_the_length_and_no_body),
        cmocka_unit_test(a_range_of_a_file_is_sent),
        cmocka_unit_test(bad_escapes_are_refused_in_the_embedders_words),
        cmocka_unit_test(an_empty_body_is_none),
        cmocka_unit_test(a_refusal_before_the_body_keeps_the_connection),
        cmocka_unit_test(who_asks_first_is_told_before_the_body),
        cmocka_unit_test(an_answer_that_was_not_made_is_500),
        cmocka_unit_test(connection_close_is_honoured),
        cmocka_unit_test(form_parts_arrive_and_large_files_are_spooled),
        cmocka_unit_test(a_malformed_form_is_refused_with_the_reason),
        cmocka_unit_test(an_address_that_is_taken_or_none_is_said),
        cmocka_unit_test(what_a_killed_process_left_in_the_spool_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
