#include "net/fetch_guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* Ranges that are not the public Internet: IANA's special-purpose registries (RFC 6890 and its updates). */
struct range4 {
    uint8_t address[4];
    unsigned bits;
    const char *reason;
};
static const struct range4 ranges4[] = {
    {{0, 0, 0, 0}, 8, "unspecified"},
    {{10, 0, 0, 0}, 8, "private"},
    {{100, 64, 0, 0}, 10, "private (carrier)"},
    {{127, 0, 0, 0}, 8, "loopback"},
    {{169, 254, 0, 0}, 16, "link-local"},
    {{172, 16, 0, 0}, 12, "private"},
    {{192, 0, 0, 0}, 24, "reserved"},
    {{192, 0, 2, 0}, 24, "documentation"},
    {{192, 88, 99, 0}, 24, "reserved"},
    {{192, 168, 0, 0}, 16, "private"},
    {{198, 18, 0, 0}, 15, "benchmarking"},
    {{198, 51, 100, 0}, 24, "documentation"},
    {{203, 0, 113, 0}, 24, "documentation"},
    {{224, 0, 0, 0}, 4, "multicast"},
    {{240, 0, 0, 0}, 4, "reserved"},
};

struct range6 {
    uint8_t address[16];
    unsigned bits;
    const char *reason;
};
static const struct range6 ranges6[] = {
    {{0}, 128, "unspecified"},
    {{[15] = 1}, 128, "loopback"},
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, "private (NAT64)"},
    {{0x01, 0x00}, 64, "reserved"},
    {{0x20, 0x01, 0x00, 0x00}, 23, "reserved"}, /* Teredo, ORCHID and the like */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, "documentation"},
    {{0x3f, 0xff, 0x00}, 20, "documentation"},
    {{0x5f, 0x00}, 16, "reserved"},
    {{0xfc}, 7, "private"},
    {{0xfe, 0x80}, 10, "link-local"},
    {{0xfe, 0xc0}, 10, "private"}, /* site-local, abolished and still routed here and there */
    {{0xff}, 8, "multicast"},
};

static bool prefix_matches(const uint8_t *address, const uint8_t *prefix, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(address, prefix, whole) != 0)
        return false;
    return rest == 0 || ((address[whole] ^ prefix[whole]) & (0xff << (8 - rest)) & 0xff) == 0;
}

static const char *reason4(const uint8_t *address)
{
    for (size_t i = 0; i < sizeof ranges4 / sizeof ranges4[0]; i++)
        if (prefix_matches(address, ranges4[i].address, ranges4[i].bits))
            return ranges4[i].reason;
    return NULL;
}

static const char *reason6(const uint8_t *address)
{
    static const uint8_t zero[16], nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    for (size_t i = 0; i < sizeof ranges6 / sizeof ranges6[0]; i++)
        if (prefix_matches(address, ranges6[i].address, ranges6[i].bits))
            return ranges6[i].reason;
    if (prefix_matches(address, mapped_prefix, 96) || prefix_matches(address, nat64, 96))
        return reason4(address + 12);
    if (prefix_matches(address, zero, 96))
        return "reserved"; /* ::a.b.c.d, "IPv4-compatible": nothing public has such an address */
    if (address[0] == 0x20 && address[1] == 0x02)
        return reason4(address + 2); /* 6to4 */
    /* The block of global unicast; what lies outside is not assigned. */
    return (address[0] & 0xe0) == 0x20 ? NULL : "reserved";
}

/* IPv4 as mapped IPv6; false for another family. */
static bool address_bytes(const struct sockaddr *address, uint8_t ret[16])
{
    if (address->sa_family == AF_INET) {
        memcpy(ret, mapped_prefix, 12);
        memcpy(ret + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
        return true;
    }
    if (address->sa_family != AF_INET6)
        return false;
    memcpy(ret, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
    return true;
}

const char *fetch_guard_reason(const struct sockaddr *address)
{
    uint8_t bytes[16];
    if (!address_bytes(address, bytes))
        return "not IPv4 or IPv6";
    return reason6(bytes);
}

bool fetch_guard_allows(const struct fetch_guard *guard, const struct sockaddr *address)
{
    uint8_t bytes[16];
    if (!address_bytes(address, bytes))
        return false;
    if (guard->allow_all || !reason6(bytes))
        return true;
    /* "::/0" means IPv6: it does not cover IPv4 by the way it is written here */
    unsigned bits_min = prefix_matches(bytes, mapped_prefix, 96) ? 96 : 0;
    for (size_t i = 0; i < guard->allowed_count; i++)
        if (guard->allowed[i].bits >= bits_min &&
            prefix_matches(bytes, guard->allowed[i].address, guard->allowed[i].bits))
            return true;
    return false;
}

void fetch_guard_text(const struct sockaddr *address, char text[FETCH_GUARD_TEXT_MAX])
{
    uint8_t bytes[16];
    strcpy(text, "?");
    if (!address_bytes(address, bytes))
        return;
    if (prefix_matches(bytes, mapped_prefix, 96))
        inet_ntop(AF_INET, bytes + 12, text, FETCH_GUARD_TEXT_MAX);
    else
        inet_ntop(AF_INET6, bytes, text, FETCH_GUARD_TEXT_MAX);
}

/* ---- the operator's list ---- */

static int entry_refuse(const char *entry, conch_error *err)
{
    return conch_error_set(
        err, CONCH_ERR_RANGE,
        "'%s' is not an address range: allowed are \"*\", an IPv4 or IPv6 address, or one with /bits", entry);
}

static int entry_parse(struct fetch_range *range, const char *entry, conch_error *err)
{
    char text[64];
    const char *slash = strchr(entry, '/');
    size_t size = slash ? (size_t)(slash - entry) : strlen(entry);
    if (size >= sizeof text)
        return entry_refuse(entry, err);
    memcpy(text, entry, size);
    text[size] = 0;
    *range = (struct fetch_range){0};
    unsigned base = 0;
    if (inet_pton(AF_INET, text, range->address + 12) == 1) {
        memcpy(range->address, mapped_prefix, 12);
        base = 96;
    } else if (inet_pton(AF_INET6, text, range->address) != 1) {
        return entry_refuse(entry, err);
    }
    unsigned long bits = 128 - base;
    if (slash) {
        if (slash[1] < '0' || slash[1] > '9' || strlen(slash + 1) > 3)
            return entry_refuse(entry, err);
        char *end;
        bits = strtoul(slash + 1, &end, 10);
        if (*end || bits > 128 - base)
            return entry_refuse(entry, err);
    }
    range->bits = (uint8_t)(base + bits);
    return 0;
}

int fetch_guard_parse(struct fetch_guard *ret_guard, const char *list, conch_error *err)
{
    static const char separators[] = ", \t\r\n";
    struct fetch_guard guard = {0};
    for (const char *at = list ? list + strspn(list, separators) : ""; *at; at += strspn(at, separators)) {
        char entry[64];
        size_t size = strcspn(at, separators);
        snprintf(entry, sizeof entry, "%.*s", (int)(size < 63 ? size : 63), at);
        at += size;
        if (strcmp(entry, "*") == 0) {
            guard.allow_all = true;
            continue;
        }
        if (guard.allowed_count == FETCH_GUARD_RANGES_MAX)
            return conch_error_set(err, CONCH_ERR_LIMIT, "more than the allowed %d address ranges",
                                   FETCH_GUARD_RANGES_MAX);
        int rc = entry_parse(&guard.allowed[guard.allowed_count], entry, err);
        if (rc < 0)
            return rc;
        guard.allowed_count++;
    }
    *ret_guard = guard;
    return 0;
}
