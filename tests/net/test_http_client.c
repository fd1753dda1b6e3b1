/* The client against a server of this process. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
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

#include "net/http_client.h"
#include "net/sse.h"
#include "net_tester.h"

static const struct fetch_guard public_only = {0};
static const struct fetch_guard local_too = {.allow_all = true};

/* ---- answers that no server of ours would give ---- */

struct canned {
    int socket;
    uint16_t port;
    const char *answer; /* of every connection; NULL: silence */
    pthread_t thread;
    char seen[4096]; /* the last request */
    char url[128];
};

static void *canned_run(void *context)
{
    struct canned *canned = context;
    for (;;) {
        int file = accept(canned->socket, NULL, NULL);
        if (file < 0)
            return NULL;
        size_t used = 0;
        ssize_t got;
        canned->seen[0] = 0;
        while (!strstr(canned->seen, "\r\n\r\n") && canned->seen[0] != 0x16 /* TLS */ &&
               used + 1 < sizeof canned->seen &&
               (got = recv(file, canned->seen + used, sizeof canned->seen - used - 1, 0)) > 0) {
            used += (size_t)got;
            canned->seen[used] = 0;
        }
        if (canned->answer)
            send(file, canned->answer, strlen(canned->answer), MSG_NOSIGNAL);
        else
            recv(file, canned->seen, 1, 0); /* until the client gives up */
        close(file);
    }
}

static void canned_open(struct canned *canned, const char *answer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    *canned = (struct canned){.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .answer = answer};
    assert_int_equal(bind(canned->socket, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(canned->socket, 8), 0);
    getsockname(canned->socket, (struct sockaddr *)&address, &size);
    canned->port = ntohs(address.sin_port);
    snprintf(canned->url, sizeof canned->url, "http://127.0.0.1:%u/secret?key=hidden", canned->port);
    pthread_create(&canned->thread, NULL, canned_run, canned);
}

static void canned_close(struct canned *canned)
{
    shutdown(canned->socket, SHUT_RDWR);
    pthread_join(canned->thread, NULL);
    close(canned->socket);
}

/* ---- what works ---- */

static void a_body_is_sent_and_an_answer_read(void **state)
{
    static const char *const want[] = {"content-length", "X-None", NULL};
    const struct http_field headers[] = {{"Content-Type", "text/plain"}, {"X-Empty", ""}};
    struct tester tester;
    struct http_fetched got;
    conch_error err = {0};
    tester_open(&tester, (struct http_server_settings){0});
    struct http_client_settings settings = {.url = tester_url(&tester, "/echo"),
                                            .headers = headers,
                                            .header_count = 2,
                                            .body = "hello",
                                            .body_size = 5,
                                            .bytes_max = 100,
                                            .guard = &local_too,
                                            .want = want};
    assert_int_equal(http_client_fetch(&settings, &got, &err), 0);
    assert_int_equal(got.status, 200);
    assert_string_equal(got.body.data, "hello");
    assert_int_equal(got.size, 5);
    assert_string_equal(got.type, "text/plain");
    assert_string_equal(got.address, "127.0.0.1");
    assert_string_equal(http_fetched_header(&got, "Content-Length"), "5");
    assert_null(http_fetched_header(&got, "X-None"));
    http_fetched_finish(&got);
    settings = (struct http_client_settings){.url = tester_url(&tester, "/head"), .method = "DELETE", .bytes_max = 200};
    assert_int_equal(http_client_fetch(&settings, &got, &err), 0);
    assert_memory_equal(got.body.data, "DELETE /head", 12);
    http_fetched_finish(&got);
    tester_close(&tester, 1000);
}

static void a_body_goes_to_a_file(void **state)
{
    struct tester tester;
    struct http_fetched got;
    FILE *file = tmpfile();
    char text[32] = "";
    tester_open(&tester, (struct http_server_settings){0});
    struct http_client_settings settings = {
        .url = tester_url(&tester, "/file"), .bytes_max = 100, .file = fileno(file), .guard = &local_too};
    assert_int_equal(http_client_fetch(&settings, &got, NULL), 0);
    assert_int_equal(got.size, 10);
    assert_int_equal(got.body.size, 0);
    assert_int_equal(pread(fileno(file), text, sizeof text - 1, 0), 10);
    assert_string_equal(text, "0123456789");
    http_fetched_finish(&got);
    fclose(file);
    tester_close(&tester, 1000);
}

static void head_tells_the_length(void **state)
{
    struct tester tester;
    struct http_fetched got;
    tester_open(&tester, (struct http_server_settings){0});
    struct http_client_settings settings = {.url = tester_url(&tester, "/file"), .guard = &local_too};
    assert_int_equal(http_client_head(&settings, &got, NULL), 0);
    assert_int_equal(got.status, 206);
    assert_int_equal(got.size, 10);
    http_fetched_finish(&got);
    tester_close(&tester, 1000);
}

static int event_take(void *context, const struct sse_event *event)
{
    int *count = context;
    assert_string_equal(event->data, *count ? "two" : "one");
    return ++*count == 2 ? 1 : 0;
}

static int piece_take(void *context, const char *data, size_t size)
{
    return sse_parser_feed(context, data, size, NULL);
}

static void *events_write(void *context)
{
    struct tester *tester = context;
    for (int i = 0; i < 5000 && !tester->stream; i++)
        usleep(1000);
    http_stream_write(tester->stream, "data: one\n\n", 11, NULL);
    usleep(100000);
    http_stream_write(tester->stream, "data: two\n\n", 11, NULL);
    return NULL;
}

static void events_are_read_as_they_come(void **state)
{
    struct tester tester;
    struct http_fetched got;
    struct sse_parser parser;
    pthread_t writer;
    int count = 0;
    tester_open(&tester, (struct http_server_settings){0});
    sse_parser_init(&parser, 1000, event_take, &count);
    pthread_create(&writer, NULL, events_write, &tester);
    struct http_client_settings settings = {.url = tester_url(&tester, "/stream"),
                                            .bytes_max = UINT64_MAX / 2,
                                            .timeout_ms = -1,
                                            .sink = piece_take,
                                            .sink_context = &parser};
    assert_int_equal(http_client_fetch(&settings, &got, NULL), CONCH_ERR_CANCELLED); /* our own end */
    assert_int_equal(got.fault, HTTP_FAULT_CANCELLED);
    assert_int_equal(count, 2);
    pthread_join(writer, NULL);
    http_stream_close(tester.stream);
    http_fetched_finish(&got);
    sse_parser_finish(&parser);
    tester_close(&tester, 1000);
}

/* ---- what is refused ---- */

static int fetch_fails(const char *url, const struct fetch_guard *guard, enum http_fault fault, conch_error *err)
{
    struct http_fetched got;
    struct http_client_settings settings = {
        .url = url, .bytes_max = 1000, .timeout_ms = 2000, .guard = guard, .redirects_max = 2, .success_only = true};
    *err = (conch_error){0};
    int rc = http_client_fetch(&settings, &got, err);
    if (rc == 0)
        fail_msg("%s was fetched", url);
    assert_string_equal(http_fault_word(got.fault), http_fault_word(fault));
    assert_null(strstr(err->text, "hidden")); /* no queries or paths in error texts */
    assert_null(strstr(err->text, "secret"));
    http_fetched_finish(&got);
    return rc;
}

static void addresses_that_are_not_public_are_refused(void **state)
{
    struct tester tester;
    conch_error err;
    char url[128];
    tester_open(&tester, (struct http_server_settings){0});
    unsigned port = http_server_port(tester.server);
    static const char *const hosts[] = {"127.0.0.1", "localhost",          "127.1",          "2130706433", "0x7f000001",
                                        "0.0.0.0",   "[::ffff:127.0.0.1]", "169.254.169.254"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        snprintf(url, sizeof url, "http://%s:%u/secret?key=hidden", hosts[i], port);
        assert_int_equal(fetch_fails(url, &public_only, HTTP_FAULT_GUARD, &err), CONCH_ERR_RANGE);
    }
    assert_non_null(strstr(err.text, "link-local address, which may not be contacted"));
    assert_int_equal(tester.done_count, 0);
    tester_close(&tester, 1000);
}

static void the_environments_proxy_is_not_used(void **state)
{
    struct tester tester;
    conch_error err;
    tester_open(&tester, (struct http_server_settings){0});
    setenv("http_proxy", tester_url(&tester, ""), 1);
    setenv("ALL_PROXY", tester_url(&tester, ""), 1);
    fetch_fails("http://127.0.0.1:1/secret", &local_too, HTTP_FAULT_CONNECT, &err);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    assert_int_equal(tester.done_count, 0);
    tester_close(&tester, 1000);
}

static void redirects_are_followed_and_checked_each(void **state)
{
    struct tester tester;
    struct canned canned;
    struct fetch_guard not_two; /* 127.0.0.1 alone is allowed */
    struct http_fetched got;
    conch_error err;
    char answer[256];
    tester_open(&tester, (struct http_server_settings){0});
    snprintf(answer, sizeof answer, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2:%u/fast\r\n\r\n",
             http_server_port(tester.server));
    canned_open(&canned, answer);
    assert_int_equal(fetch_guard_parse(&not_two, "127.0.0.1", NULL), 0);
    assert_int_equal(fetch_fails(canned.url, &not_two, HTTP_FAULT_GUARD, &err), CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "127.0.0.2, a loopback address"));
    canned_close(&canned);
    snprintf(answer, sizeof answer, "HTTP/1.1 302 Found\r\nLocation: %s\r\n\r\n", tester_url(&tester, "/head"));
    canned_open(&canned, answer);
    const struct http_field header = {"Authorization", "Bearer hidden"};
    struct http_client_settings settings = {.url = canned.url,
                                            .bytes_max = 1000,
                                            .guard = &not_two,
                                            .redirects_max = 1,
                                            .body = "x",
                                            .body_size = 1,
                                            .headers = &header,
                                            .header_count = 1};
    assert_int_equal(http_client_fetch(&settings, &got, NULL), 0);
    assert_non_null(strstr(canned.seen, "Bearer hidden"));
    assert_memory_equal(got.body.data, "GET /head", 9); /* a POST that is redirected by 302 goes on as GET */
    assert_string_equal(got.url, tester_url(&tester, "/head"));
    assert_int_equal(got.redirect_count, 1);
    http_fetched_finish(&got);
    settings.redirects_max = 0;
    assert_int_equal(http_client_fetch(&settings, &got, NULL), 0);
    assert_int_equal(got.status, 302);
    http_fetched_finish(&got);
    canned_close(&canned);
    tester_close(&tester, 1000);
}

static void headers_do_not_go_to_another_origin(void **state)
{
    struct canned from, to;
    struct http_fetched got;
    char answer[256];
    canned_open(&to, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    snprintf(answer, sizeof answer, "HTTP/1.1 307 X\r\nLocation: %s\r\n\r\n", to.url);
    canned_open(&from, answer);
    const struct http_field header = {"X-API-Key", "k1"};
    struct http_client_settings settings = {
        .url = from.url, .bytes_max = 1000, .redirects_max = 1, .headers = &header, .header_count = 1};
    assert_int_equal(http_client_fetch(&settings, &got, NULL), 0);
    assert_non_null(strstr(from.seen, "X-API-Key: k1"));
    assert_null(strstr(to.seen, "X-API-Key"));
    http_fetched_finish(&got);
    canned_close(&from);
    canned_close(&to);
}

static void a_redirect_to_elsewhere_is_refused(void **state)
{
    static const char *const targets[] = {"file:///etc/passwd", "gopher://127.0.0.1/", "http://user:hidden@127.0.0.1/"};
    struct canned canned;
    conch_error err;
    char answer[256];
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        snprintf(answer, sizeof answer, "HTTP/1.1 302 Found\r\nLocation: %s\r\n\r\n", targets[i]);
        canned_open(&canned, answer);
        fetch_fails(canned.url, &local_too, HTTP_FAULT_REDIRECT, &err);
        canned_close(&canned);
    }
    canned_open(&canned, "HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n");
    fetch_fails(canned.url, &local_too, HTTP_FAULT_REDIRECT, &err);
    assert_non_null(strstr(err.text, "more than the allowed 2 times"));
    canned_close(&canned);
    canned_open(&canned, "HTTP/1.1 302 Found\r\n\r\n");
    fetch_fails(canned.url, &local_too, HTTP_FAULT_REDIRECT, &err);
    canned_close(&canned);
}

static void what_is_too_large_is_not_kept(void **state)
{
    struct canned canned;
    struct http_fetched got;
    conch_error err;
    char answer[4096];
    snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\n\r\n%02000d", 0); /* no length stated: found while it comes */
    canned_open(&canned, answer);
    assert_int_equal(fetch_fails(canned.url, &local_too, HTTP_FAULT_TOO_LARGE, &err), CONCH_ERR_LIMIT);
    assert_non_null(strstr(err.text, "more than the allowed 1000 bytes"));
    struct http_client_settings settings = {.url = canned.url, .bytes_max = 2000};
    assert_int_equal(http_client_fetch(&settings, &got, NULL), 0);
    assert_int_equal(got.body.size, 2000);
    http_fetched_finish(&got);
    canned_close(&canned);
}

static void silence_ends_at_the_timeout(void **state)
{
    struct canned canned;
    conch_error err;
    canned_open(&canned, NULL);
    assert_int_equal(fetch_fails(canned.url, &local_too, HTTP_FAULT_TIMEOUT, &err), CONCH_ERR_LIMIT);
    assert_non_null(strstr(err.text, "2000 ms"));
    canned_close(&canned);
}

static void other_faults_are_told_apart(void **state)
{
    struct canned canned;
    struct http_fetched got;
    conch_error err;
    char url[128];
    fetch_fails("http://127.0.0.1:1/secret", &local_too, HTTP_FAULT_CONNECT, &err);
    fetch_fails("http://name.invalid/secret", &local_too, HTTP_FAULT_DNS, &err);
    fetch_fails("ftp://example.com/secret", &local_too, HTTP_FAULT_URL, &err);
    fetch_fails("http://u:hidden@example.com/secret", &local_too, HTTP_FAULT_URL, &err);
    canned_open(&canned, "this is not HTTP\r\n\r\n");
    fetch_fails(canned.url, &local_too, HTTP_FAULT_BROKEN, &err);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/secret", canned.port);
    fetch_fails(url, &local_too, HTTP_FAULT_TLS, &err);
    struct http_client_settings settings = {.url = canned.url, .bytes_max = 10, .https_only = true};
    assert_int_equal(http_client_fetch(&settings, &got, &err), CONCH_ERR_RANGE);
    assert_int_equal(got.fault, HTTP_FAULT_URL);
    http_fetched_finish(&got);
    canned_close(&canned);
    canned_open(&canned, "HTTP/1.1 404 Nope\r\nContent-Length: 6\r\n\r\nsecret");
    fetch_fails(canned.url, &local_too, HTTP_FAULT_STATUS, &err);
    assert_non_null(strstr(err.text, "404 (Not Found)"));
    canned_close(&canned);
    canned_open(&canned, "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nshort");
    fetch_fails(canned.url, &local_too, HTTP_FAULT_BROKEN, &err);
    canned_close(&canned);
}

static bool stop_now(void *context)
{
    return true;
}

static void a_call_can_be_stopped(void **state)
{
    struct canned canned;
    struct http_fetched got;
    canned_open(&canned, NULL);
    struct http_client_settings settings = {.url = canned.url, .bytes_max = 10, .timeout_ms = 20000, .stop = stop_now};
    assert_int_equal(http_client_fetch(&settings, &got, NULL), CONCH_ERR_CANCELLED);
    http_fetched_finish(&got);
    canned_close(&canned);
}

static void a_header_cannot_bring_another(void **state)
{
    const struct http_field headers[] = {{"X-A", "b\r\nX-C: d"}, {"X: Y", "z"}, {"X\n", "z"}};
    struct http_fetched got;
    for (size_t i = 0; i < 3; i++) {
        struct http_client_settings settings = {
            .url = "http://127.0.0.1:1/", .bytes_max = 10, .headers = &headers[i], .header_count = 1};
        assert_int_equal(http_client_fetch(&settings, &got, NULL), CONCH_ERR_RANGE);
        http_fetched_finish(&got);
    }
    struct http_client_settings settings = {
        .url = "http://127.0.0.1:1/", .bytes_max = 10, .method = "GET / HTTP/1.1\r\n"};
    assert_int_equal(http_client_fetch(&settings, &got, NULL), CONCH_ERR_RANGE);
    http_fetched_finish(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_sent_and_an_answer_read),
        cmocka_unit_test(a_body_goes_to_a_file),
        cmocka_unit_test(head_tells_the_length),
        cmocka_unit_test(events_are_read_as_they_come),
        cmocka_unit_test(addresses_that_are_not_public_are_refused),
        cmocka_unit_test(the_environments_proxy_is_not_used),
        cmocka_unit_test(redirects_are_followed_and_checked_each),
        cmocka_unit_test(headers_do_not_go_to_another_origin),
        cmocka_unit_test(a_redirect_to_elsewhere_is_refused),
        cmocka_unit_test(what_is_too_large_is_not_kept),
        cmocka_unit_test(silence_ends_at_the_timeout),
        cmocka_unit_test(other_faults_are_told_apart),
        cmocka_unit_test(a_call_can_be_stopped),
        cmocka_unit_test(a_header_cannot_bring_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
