#include "net/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ---- taking apart ---- */

static int characters_check(const char *text, conch_error *err)
{
    size_t size = strnlen(text, URL_BYTES_MAX + 1);
    if (size > URL_BYTES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "the address is longer than the allowed %d bytes", URL_BYTES_MAX);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] <= 0x20 || (unsigned char)text[i] >= 0x7f || text[i] == '\\')
            return conch_error_set(err, CONCH_ERR_RANGE,
                                   "the address has a character at byte %zu that must be percent-encoded", i);
    return 0;
}

static const char *scheme_parse(struct url *url, const char *text)
{
    if (strncasecmp(text, "http://", 7) == 0)
        return text + 7;
    if (strncasecmp(text, "https://", 8) == 0) {
        url->tls = true;
        return text + 8;
    }
    return NULL;
}

static int host_literal_parse(struct url *url, const char *text, size_t size, conch_error *err)
{
    struct in6_addr address;
    if (size >= sizeof url->host || size > INET6_ADDRSTRLEN)
        return conch_error_set(err, CONCH_ERR_RANGE, "the address has an IPv6 host that is not valid");
    memcpy(url->host, text, size);
    url->host[size] = 0;
    if (inet_pton(AF_INET6, url->host, &address) != 1)
        return conch_error_set(err, CONCH_ERR_RANGE, "the address has an IPv6 host that is not valid");
    inet_ntop(AF_INET6, &address, url->host, sizeof url->host);
    url->ipv6 = true;
    return 0;
}

static int host_name_parse(struct url *url, const char *text, size_t size, conch_error *err)
{
    if (size == 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "the address has no host");
    if (size >= sizeof url->host)
        return conch_error_set(err, CONCH_ERR_RANGE, "the address has a host longer than %d characters",
                               URL_HOST_BYTES_MAX - 1);
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (!is_alnum(c) && c != '-' && c != '.' && c != '_')
            return conch_error_set(err, CONCH_ERR_RANGE,
                                   "the address has a host with characters other than letters, digits, '-', '.', '_'");
        url->host[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    url->host[size] = 0;
    if (url->host[0] == '.' || strstr(url->host, ".."))
        return conch_error_set(err, CONCH_ERR_RANGE, "the address has a host with an empty label");
    return 0;
}

static int port_parse(struct url *url, const char *text, size_t size, conch_error *err)
{
    unsigned long port = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9' || size > 5)
            return conch_error_set(err, CONCH_ERR_RANGE, "the address has a port that is not a number in 1..65535");
        port = port * 10 + (unsigned long)(text[i] - '0');
    }
    if (port < 1 || port > 65535)
        return conch_error_set(err, CONCH_ERR_RANGE, "the address has a port that is not a number in 1..65535");
    url->port = (uint16_t)port;
    url->port_stated = true;
    return 0;
}

static int authority_parse(struct url *url, const char *text, size_t size, conch_error *err)
{
    if (memchr(text, '@', size))
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "the address has a user name before the host, which is not allowed");
    size_t host_size;
    int rc;
    if (size && text[0] == '[') {
        const char *end = memchr(text, ']', size);
        if (!end)
            return conch_error_set(err, CONCH_ERR_RANGE, "the address has a '[' without ']'");
        host_size = (size_t)(end - text) + 1;
        rc = host_literal_parse(url, text + 1, host_size - 2, err);
    } else {
        const char *colon = memchr(text, ':', size);
        host_size = colon ? (size_t)(colon - text) : size;
        rc = host_name_parse(url, text, host_size, err);
    }
    if (rc < 0 || host_size == size)
        return rc;
    if (text[host_size] != ':')
        return conch_error_set(err, CONCH_ERR_RANGE, "the address has characters between host and port");
    /* "http://host:/" is allowed by RFC 3986 and means the scheme's own port */
    return host_size + 1 == size ? 0 : port_parse(url, text + host_size + 1, size - host_size - 1, err);
}

int url_parse(struct url *ret_url, const char *text, conch_error *err)
{
    struct url url = {0};
    int rc = characters_check(text, err);
    if (rc < 0)
        return rc;
    const char *authority = scheme_parse(&url, text);
    if (!authority)
        return conch_error_set(err, CONCH_ERR_RANGE, "the address does not begin with http:// or https://");
    url.port = url.tls ? 443 : 80;
    size_t authority_size = strcspn(authority, "/?#");
    rc = authority_parse(&url, authority, authority_size, err);
    if (rc < 0)
        return rc;
    const char *target = authority + authority_size;
    size_t target_size = strcspn(target, "#");
    char *copy = NULL;
    if (asprintf(&copy, "%s%.*s", *target == '/' ? "" : "/", (int)target_size, target) < 0)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for an address");
    url.target = copy;
    *ret_url = url;
    return 0;
}

void url_finish(struct url *url)
{
    if (!url)
        return;
    free((char *)url->target);
    *url = (struct url){0};
}

/* ---- putting together ---- */

int url_append_origin(struct buf *buf, const struct url *url, conch_error *err)
{
    int rc = buf_append_format(buf, err, url->ipv6 ? "%s://[%s]" : "%s://%s", url->tls ? "https" : "http", url->host);
    if (rc == 0 && url->port != (url->tls ? 443 : 80))
        rc = buf_append_format(buf, err, ":%u", url->port);
    return rc;
}

int url_append(struct buf *buf, const struct url *url, conch_error *err)
{
    int rc = url_append_origin(buf, url, err);
    return rc < 0 ? rc : buf_append_text(buf, url->target, err);
}

bool url_same_origin(const struct url *a, const struct url *b)
{
    return a->tls == b->tls && a->port == b->port && a->ipv6 == b->ipv6 && strcmp(a->host, b->host) == 0;
}

int url_encode(struct buf *buf, const char *text, const char *keep, conch_error *err)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
        bool plain = is_alnum(*text) || strchr("-._~", c) || (keep && strchr(keep, c));
        int rc = plain ? buf_append(buf, text, 1, err) : buf_append(buf, escape, 3, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

long url_decode(char *text, size_t size, bool plus_is_space)
{
    size_t out = 0;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == '%') {
            int high = size - i > 2 ? hex_value(text[i + 1]) : -1;
            int low = size - i > 2 ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return -1;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == 0)
            return -1;
        text[out++] = c;
    }
    text[out] = 0;
    return (long)out;
}

int url_append_query(struct buf *buf, bool first, const char *name, const char *value, conch_error *err)
{
    if (!value)
        return 0;
    int rc = buf_append_text(buf, first ? "?" : "&", err);
    if (rc == 0)
        rc = url_encode(buf, name, NULL, err);
    if (rc == 0)
        rc = buf_append_text(buf, "=", err);
    return rc < 0 ? rc : url_encode(buf, value, NULL, err);
}
