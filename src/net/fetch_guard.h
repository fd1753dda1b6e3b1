/* Which addresses a URL of a stranger may make us contact.
 *
 * Refused: everything that is not the public Internet: loopback, private (RFC 1918, carrier 100.64/10, IPv6 unique
 * local), link-local with the metadata address 169.254.169.254, multicast, unspecified, broadcast, documentation,
 * benchmarking and reserved ranges; and IPv6 forms that carry such an IPv4 address inside (mapped, compatible, 6to4,
 * Teredo, NAT64). The operator's list allows ranges again ("10.0.0.0/8", "127.0.0.1", "fd00::/8") or all ("*").
 *
 * Pure: the address that a name resolved to is checked when the socket to it is opened (net/http_client.h), so a name
 * that changes its address between two look-ups gains nothing. */
#ifndef NET_FETCH_GUARD_H
#define NET_FETCH_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "conch/error.h"

enum { FETCH_GUARD_RANGES_MAX = 64, FETCH_GUARD_TEXT_MAX = 48 };

struct fetch_guard {
    struct fetch_range {
        uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
        uint8_t bits;        /* 0..128 of it count */
    } allowed[FETCH_GUARD_RANGES_MAX];
    size_t allowed_count;
    bool allow_all;
};

/* list: ranges separated by commas or blanks; NULL or "" allows the public Internet alone. CONCH_ERR_RANGE names the
 * entry that is not an address or range, CONCH_ERR_LIMIT above FETCH_GUARD_RANGES_MAX. A zeroed guard is an empty list.
 */
int fetch_guard_parse(struct fetch_guard *guard, const char *list, conch_error *err);

/* False also for families other than IPv4 and IPv6. */
bool fetch_guard_allows(const struct fetch_guard *guard, const struct sockaddr *address);

/* Why an address is not public ("loopback", "private", "link-local", ...); NULL: it is public. */
const char *fetch_guard_reason(const struct sockaddr *address);

/* "192.0.2.1" or "2001:db8::1", without port; "?" for other families. */
void fetch_guard_text(const struct sockaddr *address, char text[FETCH_GUARD_TEXT_MAX]);

#endif
