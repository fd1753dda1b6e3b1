/* A server on a free port with answers made for tests, and a socket that says exactly what it is told. */
#ifndef TESTS_NET_TESTER_H
#define TESTS_NET_TESTER_H

#include <stdatomic.h>

#include "net/http_server.h"

enum { TESTER_BODY_MAX = 1000, TESTER_UPLOAD_MAX = 1 << 20 };

/* Paths: /fast and /slow answer "ok"; /echo the body (at most TESTER_BODY_MAX); /upload the parts of a form, one line
 * each (at most TESTER_UPLOAD_MAX, spooled); /head method, path, origin, address and id; /query?name the value of
 * `name`; /forbidden is refused by admit; /none gets no answer; /hold waits until tester->open; /stream opens
 * tester->stream; /file bytes 10..19 of a file of 100. */
struct tester {
    struct http_server *server;
    atomic_bool open;
    _Atomic int held; /* requests in /hold */
    _Atomic(struct http_stream *) stream;
    _Atomic int done_count, done_status;
    _Atomic long done_bytes;
    atomic_bool done_complete;
    char spool[64]; /* folder */
};

void tester_open(struct tester *tester, struct http_server_settings settings);
void tester_close(struct tester *tester, int64_t grace_ms);

/* Until *value is at least `wanted`; fails the test after 5 s. */
void tester_wait(_Atomic int *value, int wanted);

/* "http://127.0.0.1:PORT" PATH in one of a few turning buffers. */
const char *tester_url(const struct tester *tester, const char *path);

/* A connected socket whose reads end after 5 s. */
int tester_connect(const struct tester *tester);
void tester_send(int socket, const char *text);
/* False: the other side has closed. */
bool tester_send_bytes(int socket, const void *data, size_t size);

/* One answer: its status, the head and the body (chunks joined, cut at the buffer's size). -1: the connection closed
 * before an answer was complete. is_head: an answer to HEAD has no body. */
struct answer {
    int status;
    char head[2048], body[8192];
    size_t body_size;
};
int tester_read(int socket, struct answer *answer, bool is_head);

/* tester_connect, send, read, close. */
int tester_ask(const struct tester *tester, const char *text, struct answer *answer);

/* The next byte is the end of the stream (or a reset). */
bool tester_is_closed(int socket);

size_t tester_files_in(const char *folder);

#endif
