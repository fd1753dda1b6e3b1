/* http and https addresses taken apart and put together, and percent-encoding. Pure: nothing is looked up.
 *
 * Follows RFC 3986 for what callers of a web service send: absolute addresses with a host. User names and passwords in
 * an address are refused (they end up in logs), fragments are cut off, other schemes are refused. */
#ifndef NET_URL_H
#define NET_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "conch/error.h"

enum {
    URL_BYTES_MAX = 8192,
    URL_HOST_BYTES_MAX = 254, /* 253 of a DNS name and the NUL */
};

struct url {
    bool tls;                      /* https */
    bool ipv6;                     /* the host is an IPv6 literal; host is without brackets */
    char host[URL_HOST_BYTES_MAX]; /* lower case */
    uint16_t port;                 /* 80 or 443 when not stated */
    bool port_stated;
    const char *target; /* path and query, begins with '/'; allocated */
};

/* CONCH_ERR_RANGE with a text that says what is wrong with the address (the address itself is not in the text: it may
 * hold a secret), CONCH_ERR_LIMIT above URL_BYTES_MAX, CONCH_ERR_NOMEM. */
int url_parse(struct url *url, const char *text, conch_error *err);
void url_finish(struct url *url);

/* "https://example.com:8443/path?query"; the port only when it is not the scheme's own. */
int url_append(struct buf *buf, const struct url *url, conch_error *err);

/* The same without the target: what an error text may show. */
int url_append_origin(struct buf *buf, const struct url *url, conch_error *err);

/* Scheme, host and port are the same. */
bool url_same_origin(const struct url *a, const struct url *b);

/* Appends text with everything but letters, digits and "-._~" encoded as %XX. keep: more characters that stay ("/"). */
int url_encode(struct buf *buf, const char *text, const char *keep, conch_error *err);

/* Decodes size bytes in place, writes a NUL behind and returns the new length; plus_is_space for queries.
 * -1 for an escape that is not %XX, or one that gives a NUL. text needs room for the NUL. */
long url_decode(char *text, size_t size, bool plus_is_space);

/* Appends "?name=value" or "&name=value" with both encoded; value NULL: nothing is appended. first: '?' goes before. */
int url_append_query(struct buf *buf, bool first, const char *name, const char *value, conch_error *err);

#endif
