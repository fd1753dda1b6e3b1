/* HTTP requests to others: one blocking call, from any number of threads.
 *
 * http and https only. No cookies, no proxies (the environment's are ignored), no signals, no user names in addresses;
 * certificates are checked. Redirects are followed here, hop by hop, each checked like the first address; headers of
 * the caller are not sent to another origin. Error texts name the origin ("https://example.com") and the limit, never
 * the path, query, headers or body: those hold secrets. */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "conch/error.h"
#include "net/fetch_guard.h"
#include "net/http.h"

enum {
    HTTP_CLIENT_REDIRECTS_MAX = 10,
    HTTP_CLIENT_HEADERS_MAX = 32,            /* of the answer that can be asked for, and of a request */
    HTTP_CLIENT_HEADER_BYTES_MAX = 64 << 10, /* of all headers of an answer */
};

/* What went wrong, for callers that treat the cases differently. */
enum http_fault {
    HTTP_FAULT_NONE,
    HTTP_FAULT_URL,       /* the address cannot be used: CONCH_ERR_RANGE */
    HTTP_FAULT_GUARD,     /* not an allowed network address: CONCH_ERR_RANGE */
    HTTP_FAULT_DNS,       /* the name has no address: CONCH_ERR_IO */
    HTTP_FAULT_CONNECT,   /* CONCH_ERR_IO */
    HTTP_FAULT_TLS,       /* CONCH_ERR_IO */
    HTTP_FAULT_TIMEOUT,   /* CONCH_ERR_LIMIT */
    HTTP_FAULT_TOO_LARGE, /* CONCH_ERR_LIMIT */
    HTTP_FAULT_REDIRECT,  /* more than allowed, or to nowhere: CONCH_ERR_RANGE */
    HTTP_FAULT_STATUS,    /* only with success_only: CONCH_ERR_IO */
    HTTP_FAULT_BROKEN,    /* the connection broke or the answer is not HTTP: CONCH_ERR_IO */
    HTTP_FAULT_CANCELLED, /* CONCH_ERR_CANCELLED */
    HTTP_FAULT_LOCAL,     /* our memory or disk */
};

/* Takes body bytes as they come; other than 0 ends the call with CONCH_ERR_CANCELLED. */
typedef int http_sink(void *context, const char *data, size_t size);

struct http_client_settings {
    const char *url;
    const char *method;               /* NULL: GET, or POST when there is a body */
    const struct http_field *headers; /* at most HTTP_CLIENT_HEADERS_MAX */
    size_t header_count;
    const void *body; /* NULL: none */
    size_t body_size;
    uint64_t bytes_max;         /* of the answer's body, after the last redirect; must be stated, except for HEAD */
    int64_t timeout_ms;         /* for everything together; 0: 30 s, -1: none (event streams) */
    int64_t connect_timeout_ms; /* 0: 10 s */
    int64_t stall_timeout_ms;   /* no byte for so long; 0: none. Counted in whole seconds */
    unsigned redirects_max;     /* 0: a redirect is an answer like others */
    const struct fetch_guard *guard; /* NULL: any address, for addresses the operator wrote down */
    const char *ca_file;             /* PEM: who is trusted to vouch for servers; NULL: whom the system trusts */
    bool https_only;                 /* also after redirects */
    bool success_only;               /* a status outside 200..299 is an error; its body is not kept */
    int file;                        /* a descriptor the body goes to; 0 or -1: none, not owned */
    http_sink *sink;                 /* the body goes there; NULL: to the file or into memory */
    void *sink_context;
    const char *const *want;     /* names of headers to keep, ending in NULL; may be NULL */
    bool (*stop)(void *context); /* asked about once a second: true ends the call; may be NULL */
    void *stop_context;
};

/* Zero it before the call. */
struct http_fetched {
    enum http_fault fault; /* set on failure too, as are status and address when they are known */
    int status;
    struct buf body;  /* memory only */
    uint64_t size;    /* bytes of the body, wherever they went; HEAD: Content-Length, or -1 as UINT64_MAX: not stated */
    char type[128];   /* Content-Type as stated, "" without */
    char address[48]; /* of the peer, "203.0.113.7" */
    char *url;        /* the last one asked */
    unsigned redirect_count;
    struct http_field_text headers[HTTP_CLIENT_HEADERS_MAX]; /* those wanted that came */
    size_t header_count;
};

/* Blocks until the answer is complete. ret is to be finished whatever comes back. */
int http_client_fetch(const struct http_client_settings *settings, struct http_fetched *ret, conch_error *err);

/* The same with HEAD. */
int http_client_head(const struct http_client_settings *settings, struct http_fetched *ret, conch_error *err);

void http_fetched_finish(struct http_fetched *fetched);

/* Of the wanted ones; NULL: it did not come. */
const char *http_fetched_header(const struct http_fetched *fetched, const char *name);

/* "timeout", "not_allowed", ...: a fixed word for logs and error codes. */
const char *http_fault_word(enum http_fault fault);

#endif
