/* Streams by hand, and through a server with readers that are slow or gone, and at its end. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/http_stream.h"
#include "net_tester.h"

static void what_is_written_is_read_until_the_end(void **state)
{
    struct http_stream *stream;
    char data[8];
    assert_int_equal(http_stream_create(&stream, 100, NULL), 0);
    assert_int_equal(http_stream_write(stream, "hello world", 11, NULL), 0);
    assert_int_equal(http_stream_read(stream, data, 6), 6);
    assert_memory_equal(data, "hello ", 6);
    assert_int_equal(http_stream_read(stream, data, 8), 5);
    assert_memory_equal(data, "world", 5);
    assert_int_equal(http_stream_read(stream, data, 8), HTTP_STREAM_WAIT);
    assert_int_equal(http_stream_write(stream, "!", 1, NULL), 0);
    http_stream_close(stream);
    assert_int_equal(http_stream_read(stream, data, 8), 1);
    assert_int_equal(http_stream_read(stream, data, 8), HTTP_STREAM_END);
    http_stream_release(stream);
}

static void a_backlog_over_the_limit_ends_the_stream(void **state)
{
    struct http_stream *stream;
    conch_error err = {0};
    char data[100];
    assert_int_equal(http_stream_create(&stream, 100, NULL), 0);
    for (int i = 0; i < 1000; i++) { /* the limit is on what waits, not on what went through */
        assert_int_equal(http_stream_write(stream, data, 60, &err), 0);
        assert_int_equal(http_stream_read(stream, data, 50), 50);
        assert_int_equal(http_stream_write(stream, data, 40, &err), 0);
        assert_int_equal(http_stream_read(stream, data, 50), 50);
    }
    assert_int_equal(http_stream_write(stream, data, 100, &err), 0);
    assert_true(http_stream_alive(stream));
    assert_int_equal(http_stream_write(stream, data, 1, &err), CONCH_ERR_LIMIT);
    assert_non_null(strstr(err.text, "allowed 100 bytes"));
    assert_false(http_stream_alive(stream));
    assert_int_equal(http_stream_write(stream, data, 1, &err), CONCH_ERR_CANCELLED);
    assert_int_equal(http_stream_read(stream, data, 50), HTTP_STREAM_BROKEN);
    http_stream_release(stream);
    http_stream_close(stream);
}

static void a_reader_that_is_gone_is_noticed(void **state)
{
    struct http_stream *stream;
    struct http_response response;
    assert_int_equal(http_stream_create(&stream, 100, NULL), 0);
    http_response_init(&response, 100);
    response.stream = stream;
    http_response_finish(&response); /* an answer that is dropped lets go of its stream */
    assert_false(http_stream_alive(stream));
    assert_int_equal(http_stream_write(stream, "x", 1, NULL), CONCH_ERR_CANCELLED);
    http_stream_close(stream);
}

/* ---- through a server ---- */

static struct http_stream *stream_open(struct tester *tester, int *ret_socket)
{
    tester->stream = NULL;
    *ret_socket = tester_connect(tester);
    tester_send(*ret_socket, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 5000 && !tester->stream; i++)
        usleep(1000);
    assert_non_null(tester->stream);
    return tester->stream;
}

static void text_read(int socket, char *text, size_t size, const char *until)
{
    size_t used = 0;
    text[0] = 0;
    while (!strstr(text, until) && used + 1 < size) {
        ssize_t got = recv(socket, text + used, size - used - 1, 0);
        if (got <= 0)
            fail_msg("the stream ended before '%s': %s", until, text);
        used += (size_t)got;
        text[used] = 0;
    }
}

static void events_arrive_when_they_are_written(void **state)
{
    struct tester tester;
    char text[4096];
    int file;
    tester_open(&tester, (struct http_server_settings){0});
    struct http_stream *stream = stream_open(&tester, &file);
    text_read(file, text, sizeof text, "\r\n\r\n"); /* the head does not wait for the first event */
    assert_non_null(strstr(text, "text/event-stream"));
    for (int i = 0; i < 20; i++) {
        char event[32];
        int64_t start = clock_steady_ns();
        snprintf(event, sizeof event, "data: %d\n\n", i);
        assert_int_equal(http_stream_write(stream, event, strlen(event), NULL), 0);
        text_read(file, text, sizeof text, event);
        assert_in_range((clock_steady_ns() - start) / 1000000, 0, 150); /* no delay by Nagle or corks */
        usleep(1000);
    }
    http_stream_close(stream);
    text_read(file, text, sizeof text, "0\r\n\r\n");
    tester_wait(&tester.done_count, 1);
    assert_true(tester.done_complete);
    assert_int_equal(tester.done_bytes, 10 * 9 + 10 * 10);
    close(file);
    tester_close(&tester, 1000);
}

static void a_stream_outlives_the_idle_timeout(void **state)
{
    struct tester tester;
    char text[4096];
    int file;
    tester_open(&tester, (struct http_server_settings){.idle_timeout_ms = 1000, .header_timeout_ms = 100});
    struct http_stream *stream = stream_open(&tester, &file);
    text_read(file, text, sizeof text, "\r\n\r\n");
    sleep(3);
    assert_int_equal(http_stream_write(stream, "data: late\n\n", 12, NULL), 0);
    text_read(file, text, sizeof text, "late");
    http_stream_close(stream);
    close(file);
    tester_close(&tester, 1000);
}

static void a_client_that_disconnects_is_seen_by_the_writer(void **state)
{
    struct tester tester;
    int file, writes = 0;
    tester_open(&tester, (struct http_server_settings){0});
    struct http_stream *stream = stream_open(&tester, &file);
    close(file);
    while (writes < 3000 && http_stream_write(stream, "data: x\n\n", 9, NULL) == 0) {
        writes++;
        usleep(1000);
    }
    assert_in_range(writes, 0, 2999);
    tester_wait(&tester.done_count, 1);
    assert_false(tester.done_complete);
    http_stream_close(stream);
    tester_close(&tester, 1000);
}

static void a_slow_reader_costs_no_more_than_the_backlog(void **state)
{
    static char block[8192];
    struct tester tester;
    conch_error err = {0};
    int file, rc = 0;
    long written = 0;
    tester_open(&tester, (struct http_server_settings){0});
    struct http_stream *stream = stream_open(&tester, &file); /* and nothing is read */
    memset(block, 'b', sizeof block);
    while (rc == 0 && written < 100L << 20) {
        rc = http_stream_write(stream, block, sizeof block, &err);
        written += sizeof block;
        if (written % (64 << 10) == 0)
            usleep(500);
    }
    assert_int_equal(rc, CONCH_ERR_LIMIT);
    assert_false(http_stream_alive(stream));
    http_stream_close(stream);
    close(file);
    tester_close(&tester, 1000);
}

static void head_of_a_stream_ends_it(void **state)
{
    struct tester tester;
    struct answer answer;
    tester_open(&tester, (struct http_server_settings){0});
    assert_int_equal(tester_ask(&tester, "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n", &answer), 0);
    assert_int_equal(answer.status, 200);
    tester_wait(&tester.done_count, 1);
    assert_int_equal(http_stream_write(tester.stream, "x", 1, NULL), CONCH_ERR_CANCELLED);
    http_stream_close(tester.stream);
    tester_close(&tester, 1000);
}

static void closing_ends_open_streams(void **state)
{
    struct tester tester;
    char text[4096];
    int files[5];
    struct http_stream *streams[5];
    tester_open(&tester, (struct http_server_settings){0});
    for (int i = 0; i < 5; i++) {
        streams[i] = stream_open(&tester, &files[i]);
        http_stream_write(streams[i], "data: last\n\n", 12, NULL);
    }
    int64_t start = clock_steady_ns();
    tester_close(&tester, 5000);
    assert_in_range((clock_steady_ns() - start) / 1000000, 0, 2000);
    for (int i = 0; i < 5; i++) {
        text_read(files[i], text, sizeof text, "last\n\n\r\n0\r\n\r\n"); /* what waited, then an orderly end */
        assert_int_equal(http_stream_write(streams[i], "x", 1, NULL), CONCH_ERR_CANCELLED);
        http_stream_close(streams[i]);
        close(files[i]);
    }
}

static void *close_later(void *context)
{
    struct tester *tester = context;
    tester_close(tester, 300);
    return NULL;
}

static void closing_finishes_what_runs_and_refuses_what_waits(void **state)
{
    struct tester tester;
    struct answer answer;
    pthread_t closer;
    tester_open(&tester, (struct http_server_settings){.handler_threads = 1});
    int running = tester_connect(&tester), waiting = tester_connect(&tester);
    tester_send(running, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    tester_wait(&tester.held, 1);
    tester_send(waiting, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    usleep(50000);
    pthread_create(&closer, NULL, close_later, &tester);
    usleep(600000); /* past the grace */
    tester.open = true;
    assert_int_equal(tester_read(running, &answer, false), 0);
    assert_string_equal(answer.body, "held");
    assert_int_equal(tester_read(waiting, &answer, false), 0);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.head, "Connection: close"));
    pthread_join(closer, NULL);
    close(running);
    close(waiting);
}

/* ---- many at once, for the thread sanitizer ---- */

static void *reader_run(void *context)
{
    struct tester *tester = context;
    struct answer answer;
    for (int i = 0; i < 30; i++) {
        tester_ask(tester, i % 2 ? "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" : "GET /fast HTTP/1.1\r\nHost: a\r\n\r\n",
                   &answer);
        assert_string_equal(answer.body, "ok");
    }
    return NULL;
}

static void streams_and_requests_go_on_side_by_side(void **state)
{
    struct tester tester;
    pthread_t readers[4];
    int files[6];
    struct http_stream *streams[6];
    tester_open(&tester, (struct http_server_settings){0});
    for (int i = 0; i < 6; i++)
        streams[i] = stream_open(&tester, &files[i]);
    for (int i = 0; i < 4; i++)
        pthread_create(&readers[i], NULL, reader_run, &tester);
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < 6; i++)
            http_stream_write(streams[i], "data: x\n\n", 9, NULL);
        if (round == 150)
            close(files[5]);
        usleep(200);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(readers[i], NULL);
    tester_close(&tester, 2000);
    for (int i = 0; i < 6; i++) {
        http_stream_close(streams[i]);
        if (i != 5)
            close(files[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_until_the_end),
        cmocka_unit_test(a_backlog_over_the_limit_ends_the_stream),
        cmocka_unit_test(a_reader_that_is_gone_is_noticed),
        cmocka_unit_test(events_arrive_when_they_are_written),
        cmocka_unit_test(a_stream_outlives_the_idle_timeout),
        cmocka_unit_test(a_client_that_disconnects_is_seen_by_the_writer),
        cmocka_unit_test(a_slow_reader_costs_no_more_than_the_backlog),
        cmocka_unit_test(head_of_a_stream_ends_it),
        cmocka_unit_test(closing_ends_open_streams),
        cmocka_unit_test(closing_finishes_what_runs_and_refuses_what_waits),
        cmocka_unit_test(streams_and_requests_go_on_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
