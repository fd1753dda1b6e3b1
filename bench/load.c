#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

/* Latencies are counted in steps of 1% from a microsecond on: memory does not grow with the number of requests. */
enum { STEPS = 1600 };

struct connection {
    int socket;
    int64_t since_ns;
    size_t sent, request_bytes, got;
    char request[LOAD_REQUEST_BYTES_MAX];
    char answer[LOAD_ANSWER_BYTES_MAX + 1];
};

struct running {
    const struct load *load;
    struct load_result *result;
    int poll;
    size_t busy;
    uint64_t asked;
    int64_t end_ns;
    uint64_t steps[STEPS];
    struct connection connections[];
};

static int step_of(int64_t ns)
{
    double us = (double)ns * 1e-3;
    int step = 0;
    for (double bound = 1; bound < us && step < STEPS - 1; bound *= 1.01)
        step++;
    return step;
}

static double step_ms(const struct running *run, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)run->result->answers), seen = 0;
    double bound = 1e-3;
    for (int step = 0; step < STEPS; step++, bound *= 1.01)
        if ((seen += run->steps[step]) > wanted)
            return bound;
    return 0;
}

static int socket_open(const struct load *load, conch_error *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load->port)};
    int on = 1, one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (one < 0 || inet_pton(AF_INET, load->host, &address.sin_addr) != 1 ||
        connect(one, (struct sockaddr *)&address, sizeof address) < 0) {
        int number = errno;
        if (one >= 0)
            close(one);
        return conch_error_errno(err, CONCH_ERR_IO, number, "%s:%d", load->host, load->port);
    }
    setsockopt(one, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return one;
}

static int request_send(struct connection *c, conch_error *err)
{
    while (c->sent < c->request_bytes) {
        ssize_t n = send(c->socket, c->request + c->sent, c->request_bytes - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return conch_error_errno(err, CONCH_ERR_IO, errno, "a request was not sent");
        c->sent += (size_t)n;
    }
    return 0;
}

static void request_make(const struct load *load, struct connection *c, uint64_t number)
{
    c->sent = c->got = 0;
    c->request_bytes = load->request(load->context, number, c->request);
    c->since_ns = clock_steady_ns();
}

/* 1: the answer is whole. */
static int answer_read(struct connection *c, const char **ret_body, size_t *ret_size, conch_error *err)
{
    ssize_t n = recv(c->socket, c->answer + c->got, LOAD_ANSWER_BYTES_MAX - c->got, 0);
    if (n < 0 && errno == EINTR)
        return 0;
    if (n < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "no answer");
    if (n == 0)
        return conch_error_set(err, CONCH_ERR_IO, "the server ended a connection or an answer is above %d bytes",
                               LOAD_ANSWER_BYTES_MAX);
    c->got += (size_t)n;
    c->answer[c->got] = 0;
    const char *end = strstr(c->answer, "\r\n\r\n");
    if (!end)
        return 0;
    const char *length = strcasestr(c->answer, "\r\nContent-Length:");
    if (!length || length > end)
        return conch_error_set(err, CONCH_ERR_FORMAT, "an answer without Content-Length");
    size_t size = strtoul(length + 17, NULL, 10);
    if (c->got < (size_t)(end + 4 - c->answer) + size)
        return 0;
    *ret_body = end + 4;
    *ret_size = size;
    return 1;
}

static void answer_judge(const struct load *load, struct load_result *result, struct connection *c, const char *body,
                         size_t size)
{
    int status = c->got > 12 ? atoi(c->answer + 9) : 0;
    result->answers++;
    if (load->answer(load->context, status, body, size))
        return;
    if (!result->wrong++)
        snprintf(result->wrong_text, sizeof result->wrong_text, "%d %s", status, body);
}

static int connection_ready(struct running *run, struct connection *c, conch_error *err)
{
    const char *body = NULL;
    size_t size = 0;
    int rc = answer_read(c, &body, &size, err);
    if (rc <= 0)
        return rc;
    int64_t now_ns = clock_steady_ns();
    double ms = (double)(now_ns - c->since_ns) * 1e-6;
    run->steps[step_of(now_ns - c->since_ns)]++;
    if (ms > run->result->max_ms)
        run->result->max_ms = ms;
    answer_judge(run->load, run->result, c, body, size);
    if (now_ns >= run->end_ns) {
        run->busy--;
        return 0;
    }
    request_make(run->load, c, run->asked++);
    return request_send(c, err);
}

static int connections_open(struct running *run, conch_error *err)
{
    for (size_t i = 0; i < run->load->connections; i++) {
        struct connection *c = &run->connections[i];
        c->socket = socket_open(run->load, err);
        if (c->socket < 0)
            return c->socket;
        struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = (uint32_t)i}};
        if (epoll_ctl(run->poll, EPOLL_CTL_ADD, c->socket, &event) < 0)
            return conch_error_errno(err, CONCH_ERR_IO, errno, "epoll_ctl");
    }
    return 0;
}

static int drive(struct running *run, conch_error *err)
{
    int64_t begin_ns = clock_steady_ns();
    run->end_ns = begin_ns + (int64_t)(run->load->seconds * 1e9);
    for (size_t i = 0; i < run->load->connections; i++, run->busy++) {
        request_make(run->load, &run->connections[i], run->asked++);
        int rc = request_send(&run->connections[i], err);
        if (rc < 0)
            return rc;
    }
    while (run->busy) {
        struct epoll_event events[64];
        int count = epoll_wait(run->poll, events, 64, 30000);
        if (count == 0 || (count < 0 && errno != EINTR))
            return conch_error_set(err, CONCH_ERR_IO, "%zu requests had no answer for 30 s", run->busy);
        for (int i = 0; i < count; i++) {
            int rc = connection_ready(run, &run->connections[events[i].data.u32], err);
            if (rc < 0)
                return rc;
        }
    }
    run->result->seconds = (double)(clock_steady_ns() - begin_ns) * 1e-9;
    return 0;
}

int load_run(const struct load *load, struct load_result *ret, conch_error *err)
{
    struct running *run = calloc(1, sizeof *run + load->connections * sizeof run->connections[0]);
    if (!run)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for %zu connections", load->connections);
    *ret = (struct load_result){0};
    run->load = load;
    run->result = ret;
    for (size_t i = 0; i < load->connections; i++)
        run->connections[i].socket = -1;
    run->poll = epoll_create1(EPOLL_CLOEXEC);
    int rc = run->poll < 0 ? conch_error_errno(err, CONCH_ERR_IO, errno, "epoll_create1") : 0;
    if (rc == 0)
        rc = connections_open(run, err);
    if (rc == 0)
        rc = drive(run, err);
    ret->p50_ms = step_ms(run, 0.5);
    ret->p99_ms = step_ms(run, 0.99);
    for (size_t i = 0; i < load->connections; i++)
        if (run->connections[i].socket >= 0)
            close(run->connections[i].socket);
    if (run->poll >= 0)
        close(run->poll);
    free(run);
    return rc;
}

bool load_once(const struct load *load, conch_error *err)
{
    struct connection *c = calloc(1, sizeof *c);
    const char *body = NULL;
    size_t size = 0;
    int rc = 0;
    bool good = false;
    if (!c || (c->socket = socket_open(load, err)) < 0) {
        free(c);
        return false;
    }
    request_make(load, c, 0);
    rc = request_send(c, err);
    while (rc == 0)
        rc = answer_read(c, &body, &size, err);
    if (rc > 0)
        good = load->answer(load->context, atoi(c->answer + 9), body, size);
    close(c->socket);
    free(c);
    return good;
}
