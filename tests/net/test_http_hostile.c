/* Clients that are slow, greedy, broken or rude: the answer is clear where one is possible, memory stays bounded, and
 * the next client is served. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/memory.h"
#include "net_tester.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED 0
#endif

static void still_serves(const struct tester *tester)
{
    struct answer answer;
    assert_int_equal(tester_ask(tester, "GET /fast HTTP/1.1\r\nHost: a\r\n\r\n", &answer), 0);
    assert_int_equal(answer.status, 200);
}

static void a_body_over_the_limit_is_refused_and_the_connection_closed(void **state)
{
    struct tester tester;
    struct answer answer;
    char *body = calloc(1, 100000);
    tester_open(&tester, (struct http_server_settings){0});
    int file = tester_connect(&tester);
    tester_send(file, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    assert_true(tester_send_bytes(file, body, 100000));
    assert_int_equal(tester_read(file, &answer, false), 0);
    assert_int_equal(answer.status, 413);
    assert_non_null(strstr(answer.body, "larger than the allowed 1000 bytes"));
    assert_true(tester_is_closed(file));
    close(file);
    free(body);
    still_serves(&tester);
    tester_close(&tester, 1000);
}

static void chunks_over_the_limit_are_refused_and_not_kept(void **state)
{
    struct tester tester;
    struct answer answer;
    char chunk[1 << 16];
    memset(chunk, 'x', sizeof chunk);
    tester_open(&tester, (struct http_server_settings){0});
    uint64_t before = memory_resident_bytes();
    int file = tester_connect(&tester);
    tester_send(file, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 500; i++) { /* 32 MiB */
        tester_send(file, "10000\r\n");
        assert_true(tester_send_bytes(file, chunk, sizeof chunk));
        tester_send(file, "\r\n");
    }
    struct http_server_state now;
    http_server_state(tester.server, &now);
    assert_in_range(now.inflight_bytes, 0, 4 * TESTER_BODY_MAX);
    tester_send(file, "0\r\n\r\n");
    assert_int_equal(tester_read(file, &answer, false), 0);
    assert_int_equal(answer.status, 413);
    assert_in_range(memory_resident_bytes(), 0, before + (16 << 20));
    close(file);
    tester_close(&tester, 1000);
}

static void what_is_too_long_to_drain_is_answered_at_once(void **state)
{
    struct tester tester;
    struct answer answer;
    char chunk[4096];
    memset(chunk, 'x', sizeof chunk);
    tester_open(&tester, (struct http_server_settings){.drain_bytes_max = 10000});
    int file = tester_connect(&tester);
    tester_send(file, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n");
    assert_int_equal(tester_read(file, &answer, false), 0);
    assert_int_equal(answer.status, 413);
    assert_true(tester_is_closed(file));
    close(file);
    /* the length is not stated: the answer comes when the server has had enough */
    file = tester_connect(&tester);
    tester_send(file, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 5; i++)
        if (!tester_send_bytes(file, "1000\r\n", 6) || !tester_send_bytes(file, chunk, sizeof chunk) ||
            !tester_send_bytes(file, "\r\n", 2))
            break;
    assert_int_equal(tester_read(file, &answer, false), 0);
    assert_int_equal(answer.status, 413);
    assert_non_null(strstr(answer.head, "Connection: close"));
    assert_true(tester_is_closed(file));
    close(file);
    tester_wait(&tester.done_count, 2);
    assert_int_equal(tester.done_status, 413);
    still_serves(&tester);
    tester_close(&tester, 1000);
}

static void bodies_share_a_budget(void **state)
{
    struct tester tester;
    struct answer answer;
    char *body = calloc(1, 300000);
    tester_open(&tester, (struct http_server_settings){.inflight_bytes_max = 100000});
    int file = tester_connect(&tester);
    tester_send(file, "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n");
    assert_true(tester_send_bytes(file, body, 300000));
    assert_int_equal(tester_read(file, &answer, false), 0);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.head, "Retry-After: "));
    assert_non_null(strstr(answer.body, "{\"limit\":100000,"));
    close(file);
    struct http_server_state now;
    tester_wait(&tester.done_count, 1);
    http_server_state(tester.server, &now);
    assert_int_equal(now.inflight_bytes, 0); /* all of it was given back */
    free(body);
    tester_close(&tester, 1000);
}

static void uploads_share_a_budget(void **state)
{
    struct tester tester;
    struct answer answer;
    char *body = calloc(1, 300000);
    tester_open(&tester, (struct http_server_settings){.spool_bytes_max = 100000});
    int file = tester_connect(&tester);
    tester_send(file, "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=X\r\n"
                      "Content-Length: 300000\r\n\r\n");
    strcpy(body, "--X\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n");
    memset(body + strlen(body), 'v', 200000);
    assert_true(tester_send_bytes(file, body, 300000));
    assert_int_equal(tester_read(file, &answer, false), 0);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.body, "{\"limit\":100000,"));
    close(file);
    struct http_server_state now;
    tester_wait(&tester.done_count, 1);
    http_server_state(tester.server, &now);
    assert_int_equal(now.spool_bytes, 0);
    free(body);
    tester_close(&tester, 1000);
}

static void more_requests_than_may_wait_are_refused(void **state)
{
    struct tester tester;
    struct answer answer;
    int files[8], refused = 0;
    tester_open(&tester, (struct http_server_settings){.handler_threads = 2, .queue_max = 3});
    for (int i = 0; i < 8; i++) {
        files[i] = tester_connect(&tester);
        tester_send(files[i], "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
        if (i < 2)
            tester_wait(&tester.held, i + 1);
    }
    tester_wait(&tester.done_count, 3); /* 2 run, 3 wait, 3 were refused */
    struct http_server_state now;
    http_server_state(tester.server, &now);
    assert_int_equal(now.queued, 3);
    assert_int_equal(now.handlers_busy, 2);
    still_serves(&tester); /* fast requests do not stand behind them */
    tester.open = true;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(tester_read(files[i], &answer, false), 0);
        refused += answer.status == 503 && strstr(answer.head, "Retry-After");
        assert_true(answer.status == 503 || answer.status == 200);
        close(files[i]);
    }
    assert_int_equal(refused, 3);
    tester_close(&tester, 1000);
}

static void more_headers_or_queries_than_allowed_are_refused(void **state)
{
    struct tester tester;
    struct answer answer;
    char text[8192];
    tester_open(&tester, (struct http_server_settings){0});
    strcpy(text, "GET /fast HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 120; i++)
        strcat(text, "A: b\r\n");
    strcat(text, "\r\n");
    assert_int_equal(tester_ask(&tester, text, &answer), 0);
    assert_int_equal(answer.status, 431);
    assert_non_null(strstr(answer.body, "{\"limit\":100,"));
    strcpy(text, "GET /query?");
    for (int i = 0; i < 120; i++)
        strcat(text, "name=1&");
    strcat(text, " HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(tester_ask(&tester, text, &answer), 0);
    assert_int_equal(answer.status, 431);
    tester_close(&tester, 1000);
}

static void a_flood_of_headers_is_cut_off(void **state)
{
    struct tester tester;
    char line[1024];
    tester_open(&tester, (struct http_server_settings){0});
    int file = tester_connect(&tester);
    memset(line, 'h', sizeof line);
    memcpy(line, "X-A: ", 5);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    tester_send(file, "GET /fast HTTP/1.1\r\nHost: a\r\n");
    int sent = 0;
    while (sent < 20000 && tester_send_bytes(file, line, sizeof line))
        sent++;
    assert_in_range(sent, 1, 19999); /* 20 MB were not taken */
    close(file);
    still_serves(&tester);
    tester_close(&tester, 1000);
}

static void two_lengths_of_a_body_are_refused(void **state)
{
    static const char *const heads[] = {
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
    };
    struct tester tester;
    struct answer answer;
    char text[256];
    tester_open(&tester, (struct http_server_settings){0});
    for (size_t i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "POST /echo HTTP/1.1\r\nHost: a\r\n%s\r\n0\r\n\r\nxxxxxxx", heads[i]);
        assert_int_equal(tester_ask(&tester, text, &answer), 0);
        assert_int_equal(answer.status, 400);
    }
    still_serves(&tester);
    tester_close(&tester, 1000);
}

static void broken_requests_do_not_stop_the_server(void **state)
{
    static const char *const texts[] = {
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET /fast\r\n\r\n",
        "GET /fast HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02",
        "GET fast HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET http:// HTTP/1.1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /fast HTTP/1.1\r\nHost a\r\n: \r\n\r\n",
    };
    struct tester tester;
    tester_open(&tester, (struct http_server_settings){0});
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int file = tester_connect(&tester);
        tester_send_bytes(file, texts[i], strlen(texts[i]));
        shutdown(file, SHUT_WR);
        char sink[4096];
        while (recv(file, sink, sizeof sink, 0) > 0)
            ;
        close(file);
        still_serves(&tester);
    }
    tester_close(&tester, 1000);
}

static void half_a_body_leaves_nothing_behind(void **state)
{
    struct tester tester;
    tester_open(&tester, (struct http_server_settings){0});
    int file = tester_connect(&tester);
    tester_send(file, "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=X\r\n"
                      "Content-Length: 300000\r\n\r\n--X\r\n"
                      "Content-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\n");
    char data[100000] = {0};
    assert_true(tester_send_bytes(file, data, sizeof data));
    for (int i = 0; i < 1000 && tester_files_in(tester.spool) == 0; i++)
        usleep(1000);
    assert_int_equal(tester_files_in(tester.spool), 1);
    close(file);
    tester_wait(&tester.done_count, 1);
    assert_false(tester.done_complete);
    assert_int_equal(tester.done_status, 0);
    assert_int_equal(tester_files_in(tester.spool), 0);
    struct http_server_state now;
    http_server_state(tester.server, &now);
    assert_int_equal(now.spool_bytes, 0);
    tester_close(&tester, 1000);
}

static void headers_by_drops_end_at_the_deadline(void **state)
{
    struct tester tester;
    tester_open(&tester, (struct http_server_settings){.idle_timeout_ms = 1000, .header_timeout_ms = 200});
    int64_t start = clock_steady_ns();
    int file = tester_connect(&tester);
    tester_send(file, "GET /fast HTTP/1.1\r\nHost: a\r\n");
    bool open = true;
    while (open && clock_steady_ns() - start < 8000000000) {
        char c;
        open = tester_send_bytes(file, "X", 1) && recv(file, &c, 1, MSG_DONTWAIT) != 0;
        usleep(50000);
    }
    assert_false(open);
    assert_in_range((clock_steady_ns() - start) / 1000000, 1000, 5000);
    close(file);
    tester_close(&tester, 1000);
}

static void a_body_by_drops_ends_at_the_deadline(void **state)
{
    struct tester tester;
    struct answer answer;
    tester_open(&tester, (struct http_server_settings){.body_timeout_ms = 200});
    int file = tester_connect(&tester);
    tester_send(file, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n");
    for (int i = 0; i < 10 && tester_send_bytes(file, "x", 1); i++)
        usleep(50000);
    assert_int_equal(tester_read(file, &answer, false), 0);
    assert_int_equal(answer.status, 408);
    assert_non_null(strstr(answer.body, "longer than the allowed 200 ms"));
    close(file);
    tester_close(&tester, 1000);
}

static void idle_connections_are_cheap_and_end(void **state)
{
    enum { COUNT = 400 };
    struct tester tester;
    int files[COUNT];
    tester_open(&tester, (struct http_server_settings){.idle_timeout_ms = 1000});
    uint64_t before = memory_resident_bytes();
    for (int i = 0; i < COUNT; i++)
        files[i] = tester_connect(&tester);
    still_serves(&tester);
    if (!SANITIZED) /* their memory for bookkeeping is many times ours */
        assert_in_range(memory_resident_bytes(), 0, before + COUNT * 16384);
    for (int i = 0; i < COUNT; i++) {
        assert_true(tester_is_closed(files[i]));
        close(files[i]);
    }
    tester_close(&tester, 1000);
}

static void a_client_that_leaves_while_its_answer_is_made_does_no_harm(void **state)
{
    struct tester tester;
    tester_open(&tester, (struct http_server_settings){0});
    for (int i = 0; i < 3; i++) {
        int file = tester_connect(&tester);
        struct linger reset = {.l_onoff = 1};
        tester_send(file, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
        tester_wait(&tester.held, i + 1);
        setsockopt(file, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(file);
    }
    tester.open = true;
    tester_wait(&tester.done_count, 3);
    still_serves(&tester);
    tester_close(&tester, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_over_the_limit_is_refused_and_the_connection_closed),
        cmocka_unit_test(chunks_over_the_limit_are_refused_and_not_kept),
        cmocka_unit_test(what_is_too_long_to_drain_is_answered_at_once),
        cmocka_unit_test(bodies_share_a_budget),
        cmocka_unit_test(uploads_share_a_budget),
        cmocka_unit_test(more_requests_than_may_wait_are_refused),
        cmocka_unit_test(more_headers_or_queries_than_allowed_are_refused),
        cmocka_unit_test(a_flood_of_headers_is_cut_off),
        cmocka_unit_test(two_lengths_of_a_body_are_refused),
        cmocka_unit_test(broken_requests_do_not_stop_the_server),
        cmocka_unit_test(half_a_body_leaves_nothing_behind),
        cmocka_unit_test(headers_by_drops_end_at_the_deadline),
        cmocka_unit_test(a_body_by_drops_ends_at_the_deadline),
        cmocka_unit_test(idle_connections_are_cheap_and_end),
        cmocka_unit_test(a_client_that_leaves_while_its_answer_is_made_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
