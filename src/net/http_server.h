/* The HTTP/1.1 server: sockets, threads, limits and bodies. What the answers are is the embedder's.
 *
 * One request, from the embedder's side:
 *   admit    when the headers are in and before any byte of a body: refuse with a whole answer, or say how long a body
 *            may be and where the request runs. On a network thread: it must not block.
 *   handle   when the body is complete: writes the answer. `fast` requests on the network thread (must not block),
 *            all others on a handler thread (may block, for instance until a commit is on disk).
 *   refuse   whenever the server itself has to refuse (body too large, no room, bad escapes, ...): writes the answer in
 *            the caller's own wire format. On any thread; must not block. An answer left empty becomes plain text.
 *   done     once for every request that admit or refuse saw, after the last byte was sent or the client was gone; the
 *            place for the access log. On a network thread.
 * A request that cannot be read as HTTP at all (bad request line, headers above header_bytes_max) is answered by the
 * HTTP library and is never seen here.
 *
 * Bodies: multipart/form-data is taken apart while it comes, files above part_memory_bytes_max go to the spool folder
 * when the verdict allows; everything else lies in memory. Bytes over a limit are read and dropped (up to
 * drain_bytes_max, so that clients that write before they read see the answer), then refused.
 *
 * Threads: network_threads in poll mode (epoll mode lost wake-ups under 128 connections with libmicrohttpd 0.9.75),
 * handler_threads, and one that drops connections which take too long over their headers or body. */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"
#include "net/http.h"

enum {
    HTTP_SERVER_THREADS_MAX = 64,
    HTTP_SERVER_HANDLERS_MAX = 1024,
    HTTP_SERVER_CONNECTIONS_MAX = 65536,
    HTTP_SERVER_HEADER_BYTES_MIN = 4096,
    HTTP_SERVER_STACK_BYTES = 256 << 10,
    HTTP_SERVER_TLS_STACK_BYTES = 1 << 20, /* of network threads: handshakes */
};

/* What admit decides. All zero: no body, on a handler thread. */
struct http_verdict {
    bool refused;            /* admit wrote the answer into response */
    bool fast;               /* handle runs on the network thread */
    bool spool;              /* large files of a multipart body may go to the spool folder */
    uint64_t body_bytes_max; /* over it: refuse with HTTP_REFUSE_BODY_TOO_LARGE */
    void *note;              /* for handle and done; the embedder's own */
};

enum http_refuse_kind {
    HTTP_REFUSE_BODY_TOO_LARGE, /* 413; limit: bytes */
    HTTP_REFUSE_BUSY,           /* 503 with Retry-After; too many requests wait or bodies lie here; limit: of that */
    HTTP_REFUSE_BAD_REQUEST,    /* 400; text says why: escapes of the path, the multipart body */
    HTTP_REFUSE_TOO_MANY,       /* 431; more than limit headers or query parameters */
    HTTP_REFUSE_TIMEOUT,        /* 408; the body took longer than limit milliseconds */
    HTTP_REFUSE_DISKFULL,       /* 507; the spool folder has no room */
    HTTP_REFUSE_STOPPING,       /* 503 with Retry-After; the server is about to stop */
    HTTP_REFUSE_INTERNAL,       /* 500 */
};

struct http_refusal {
    enum http_refuse_kind kind;
    int status;        /* the usual one, as above */
    uint64_t limit;    /* 0: none */
    int retry_after_s; /* 0: none */
    const char *text;  /* one English line for a person */
};

struct http_done {
    int status;          /* 0: no answer was sent */
    bool complete;       /* the whole answer was handed to the system */
    uint64_t bytes;      /* of the body that were sent; of memory and files: that were to be sent */
    int64_t duration_us; /* from the request line */
    uint64_t body_bytes; /* of the request */
};

struct http_embedder {
    void *context;
    void (*admit)(void *context, const struct http_request *head, struct http_verdict *verdict,
                  struct http_response *response);
    void (*handle)(void *context, const struct http_request *request, void *note, struct http_response *response);
    void (*refuse)(void *context, const struct http_request *head, const struct http_refusal *refusal,
                   struct http_response *response); /* NULL: plain text */
    void (*done)(void *context, const struct http_request *request, void *note,
                 const struct http_done *done); /* NULL: not wanted */
};

/* 0 takes the default in brackets. */
struct http_server_settings {
    const char *listen;             /* "127.0.0.1:8787", "[::1]:0", "0.0.0.0:80"; port 0: any free one */
    const char *public_url;         /* origin for links, "https://video.example.com"; NULL: as the caller says */
    const char *tls_certificate;    /* PEM file: https with it, see http_tls.h; NULL: plain HTTP */
    const char *tls_key;            /* and its key */
    bool trust_forwarded;           /* take X-Forwarded-Proto, -Host and -For of a proxy in front of us */
    const char *spool_folder;       /* exists; NULL: nothing is spooled */
    size_t network_threads;         /* [4] */
    size_t handler_threads;         /* [32] */
    size_t queue_max;               /* [1024] requests that wait for a handler thread */
    size_t connections_max;         /* [4096] */
    size_t connections_per_ip_max;  /* [0: no limit] */
    size_t header_bytes_max;        /* [32 KiB] memory of a connection: request line, headers, read and write buffer */
    uint64_t inflight_bytes_max;    /* [512 MiB] of all bodies in memory together */
    uint64_t spool_bytes_max;       /* [4 GiB] of all files in the spool folder together */
    uint64_t part_memory_bytes_max; /* [64 KiB] a file of a multipart body above it is spooled */
    uint64_t drain_bytes_max;       /* [128 MiB] of a refused body that are read and dropped */
    size_t response_bytes_max;      /* [64 MiB] of an answer in memory */
    int64_t idle_timeout_ms;        /* [60 s] without a byte; streams that wait for events are exempt */
    int64_t header_timeout_ms;      /* [30 s] more than the idle timeout for all headers of a request */
    int64_t body_timeout_ms;        /* [300 s] for a whole body */
};

struct http_server;

/* Listens and serves at once. CONCH_ERR_RANGE names the setting; CONCH_ERR_IO when the address is taken or not ours;
 * those of http_tls_open. */
int http_server_open(struct http_server **ret_server, const struct http_server_settings *settings,
                     const struct http_embedder *embedder, conch_error *err);

/* Stops listening; ends all streams; lets requests finish for up to grace_ms, refuses those that still wait for a
 * thread, and waits for handlers that run (a thread cannot be stopped from outside: the embedder must have told its
 * own long waits to end). Frees everything; NULL is allowed. Streams may still be written to afterwards by those who
 * hold them (CONCH_ERR_CANCELLED). */
void http_server_close(struct http_server *server, int64_t grace_ms);

/* "127.0.0.1:41234": with the real port. */
const char *http_server_address(const struct http_server *server);
/* "http://127.0.0.1:41234", or https. */
const char *http_server_origin(const struct http_server *server);
uint16_t http_server_port(const struct http_server *server);

/* For metrics: what is going on now. */
struct http_server_state {
    size_t connections, requests, queued, handlers_busy, streams;
    uint64_t inflight_bytes, spool_bytes;
};
void http_server_state(struct http_server *server, struct http_server_state *ret);

/* Removes upload files that a killed process left in the folder. Before the server is opened, and only when no other
 * server uses the folder. */
int http_spool_clean(const char *folder, conch_error *err);

#endif
