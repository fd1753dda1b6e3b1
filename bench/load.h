/* Load for a server on this machine: many keep-alive connections, one request at a time on each, driven by one thread
 * with epoll. It speaks just enough HTTP/1.1 for answers that have a Content-Length. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"

enum { LOAD_REQUEST_BYTES_MAX = 2048, LOAD_ANSWER_BYTES_MAX = 16384, LOAD_CONNECTIONS_MAX = 1024 };

struct load {
    const char *host; /* an IPv4 address */
    int port;
    size_t connections;
    double seconds;
    /* Writes request number `number` and returns its size, at most LOAD_REQUEST_BYTES_MAX. */
    size_t (*request)(void *context, uint64_t number, char *to);
    /* Looks at a whole body; false: the answer is not what it should be. NUL-terminated. */
    bool (*answer)(void *context, int status, const char *body, size_t size);
    void *context;
};

struct load_result {
    uint64_t answers, wrong;
    double seconds;                /* from the first request to the last answer */
    double p50_ms, p99_ms, max_ms; /* from the request's first byte sent to the answer's last byte seen */
    char wrong_text[256];          /* the first answer that was wrong */
};

/* CONCH_ERR_IO: a connection was refused or broke. */
int load_run(const struct load *load, struct load_result *ret, conch_error *err);

/* One request on a connection of its own, with the same two functions as above; false: no connection. */
bool load_once(const struct load *load, conch_error *err);

#endif
