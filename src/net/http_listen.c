#include "net/http_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 1024, FILES_BESIDE_CONNECTIONS = 512 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static int address_refuse(const char *text, conch_error *err)
{
    return conch_error_set(err, CONCH_ERR_RANGE,
                           "'%s' is not an address to listen on: wanted is ADDRESS:PORT with a numeric address, as in "
                           "127.0.0.1:8787, 0.0.0.0:80 or [::1]:8787, and a port in 0..65535",
                           text);
}

static int address_parse(union address *address, const char *text, conch_error *err)
{
    char host[64], *end;
    const char *colon = strrchr(text, ':');
    if (!colon || colon[1] < '0' || colon[1] > '9' || (size_t)(colon - text) >= sizeof host)
        return address_refuse(text, err);
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end || port > 65535)
        return address_refuse(text, err);
    size_t size = (size_t)(colon - text);
    bool brackets = size >= 2 && text[0] == '[' && text[size - 1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(brackets ? size - 2 : size), text + brackets);
    memset(address, 0, sizeof *address);
    if (brackets && inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons((uint16_t)port);
        return 0;
    }
    if (brackets || inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &address->v4.sin_addr) != 1)
        return address_refuse(text, err);
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = htons((uint16_t)port);
    return 0;
}

static void address_text(const union address *address, char *text, uint16_t *ret_port)
{
    char host[INET6_ADDRSTRLEN];
    if (address->any.sa_family == AF_INET6) {
        *ret_port = ntohs(address->v6.sin6_port);
        inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof host);
        snprintf(text, HTTP_ADDRESS_BYTES_MAX, "[%s]:%u", host, *ret_port);
    } else {
        *ret_port = ntohs(address->v4.sin_port);
        inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof host);
        snprintf(text, HTTP_ADDRESS_BYTES_MAX, "%s:%u", host, *ret_port);
    }
}

int http_listen(const char *listen_on, char text[HTTP_ADDRESS_BYTES_MAX], uint16_t *ret_port, conch_error *err)
{
    union address address;
    const int on = 1, off = 0;
    int rc = address_parse(&address, listen_on, err);
    if (rc < 0)
        return rc;
    int file = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (file < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "no socket to listen on %s", listen_on);
    setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    socklen_t size = sizeof address.v4;
    if (address.any.sa_family == AF_INET6) {
        setsockopt(file, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        size = sizeof address.v6;
    }
    if (bind(file, &address.any, size) < 0 || listen(file, LISTEN_BACKLOG) < 0) {
        rc = errno == EADDRINUSE
                 ? conch_error_set(err, CONCH_ERR_IO, "%s is taken: another program (or another conch) listens there",
                                   listen_on)
                 : conch_error_errno(err, CONCH_ERR_IO, errno, "cannot listen on %s", listen_on);
        close(file);
        return rc;
    }
    size = sizeof address;
    getsockname(file, &address.any, &size);
    address_text(&address, text, ret_port);
    return file;
}

void http_files_allow(size_t connections_max)
{
    struct rlimit limit;
    rlim_t wanted = connections_max + FILES_BESIDE_CONNECTIONS;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > wanted ? wanted : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}
