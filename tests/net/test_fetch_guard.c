#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "net/fetch_guard.h"

static const struct sockaddr *address_of(const char *text)
{
    static struct sockaddr_in v4;
    static struct sockaddr_in6 v6;
    v4 = (struct sockaddr_in){.sin_family = AF_INET};
    v6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return (const struct sockaddr *)&v4;
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
        fail_msg("%s is not an address", text);
    return (const struct sockaddr *)&v6;
}

static void addresses_inside_are_refused_with_the_reason(void **state)
{
    static const struct {
        const char *address, *reason;
    } rows[] = {
        {"0.0.0.0", "unspecified"},
        {"0.1.2.3", "unspecified"},
        {"10.0.0.0", "private"},
        {"10.255.255.255", "private"},
        {"100.64.0.0", "private (carrier)"},
        {"100.127.255.255", "private (carrier)"},
        {"127.0.0.1", "loopback"},
        {"127.255.255.254", "loopback"},
        {"169.254.0.0", "link-local"},
        {"169.254.169.254", "link-local"},
        {"169.254.255.255", "link-local"},
        {"172.16.0.0", "private"},
        {"172.31.255.255", "private"},
        {"192.0.0.1", "reserved"},
        {"192.0.2.1", "documentation"},
        {"192.88.99.1", "reserved"},
        {"192.168.0.0", "private"},
        {"192.168.255.255", "private"},
        {"198.18.0.0", "benchmarking"},
        {"198.19.255.255", "benchmarking"},
        {"198.51.100.7", "documentation"},
        {"203.0.113.7", "documentation"},
        {"224.0.0.1", "multicast"},
        {"239.255.255.255", "multicast"},
        {"240.0.0.1", "reserved"},
        {"255.255.255.255", "reserved"},
        {"::", "unspecified"},
        {"::1", "loopback"},
        {"::127.0.0.1", "reserved"},
        {"::8.8.8.8", "reserved"},
        {"::ffff:127.0.0.1", "loopback"},
        {"::ffff:10.1.2.3", "private"},
        {"::ffff:169.254.169.254", "link-local"},
        {"64:ff9b::7f00:1", "loopback"},
        {"64:ff9b::a00:1", "private"},
        {"64:ff9b:1::1", "private (NAT64)"},
        {"2002:7f00:1::", "loopback"},
        {"2002:a9fe:a9fe::1", "link-local"},
        {"2002:c0a8:101::", "private"},
        {"2001::1", "reserved"},
        {"2001:0:4136:e378:8000:63bf:3fff:fdd2", "reserved"},
        {"2001:db8::1", "documentation"},
        {"3fff::1", "documentation"},
        {"5f00::1", "reserved"},
        {"100::1", "reserved"},
        {"fc00::1", "private"},
        {"fdff:ffff::1", "private"},
        {"fe80::1", "link-local"},
        {"febf::1", "link-local"},
        {"fec0::1", "private"},
        {"ff02::1", "multicast"},
        {"4000::1", "reserved"},
        {"1::1", "reserved"},
        {"fd00:ec2::254", "private"},
    };
    struct fetch_guard guard = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *reason = fetch_guard_reason(address_of(rows[i].address));
        if (!reason || strcmp(reason, rows[i].reason) != 0)
            fail_msg("%s is '%s'", rows[i].address, reason ? reason : "public");
        assert_false(fetch_guard_allows(&guard, address_of(rows[i].address)));
    }
}

static void addresses_just_outside_those_ranges_are_public(void **state)
{
    static const char *const rows[] = {
        "1.0.0.0",         "8.8.8.8",          "9.255.255.255",   "11.0.0.0",
        "100.63.255.255",  "100.128.0.0",      "126.255.255.255", "128.0.0.0",
        "169.253.255.255", "169.255.0.0",      "172.15.255.255",  "172.32.0.0",
        "191.255.255.255", "192.0.1.0",        "192.0.3.0",       "192.167.255.255",
        "192.169.0.0",     "198.17.255.255",   "198.20.0.0",      "198.51.99.255",
        "198.51.101.0",    "203.0.112.255",    "203.0.114.0",     "223.255.255.255",
        "2606:4700::1111", "2a00:1450::1",     "2001:200::1",     "2001:4860:4860::8888",
        "::ffff:8.8.8.8",  "64:ff9b::808:808", "2002:808:808::1", "3ffe::1",
        "2003::1",
    };
    struct fetch_guard guard = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (fetch_guard_reason(address_of(rows[i])))
            fail_msg("%s is '%s'", rows[i], fetch_guard_reason(address_of(rows[i])));
        assert_true(fetch_guard_allows(&guard, address_of(rows[i])));
    }
}

static void the_operators_list_allows_ranges(void **state)
{
    struct fetch_guard guard;
    assert_int_equal(fetch_guard_parse(&guard, " 10.1.0.0/16,127.0.0.1\tfd00::/8 , 192.168.7.128/25", NULL), 0);
    assert_int_equal(guard.allowed_count, 4);
    static const char *const allowed[] = {"10.1.2.3",      "127.0.0.1",       "fd12::1",
                                          "192.168.7.200", "::ffff:10.1.0.9", "8.8.8.8"};
    static const char *const refused[] = {"10.2.0.0", "127.0.0.2",      "fc12::1",        "192.168.7.127",
                                          "::1",      "64:ff9b::a01:1", "169.254.169.254"};
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        assert_true(fetch_guard_allows(&guard, address_of(allowed[i])));
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_false(fetch_guard_allows(&guard, address_of(refused[i])));
    assert_int_equal(fetch_guard_parse(&guard, "*", NULL), 0);
    assert_true(fetch_guard_allows(&guard, address_of("127.0.0.1")));
    assert_int_equal(fetch_guard_parse(&guard, "::/0", NULL), 0);
    assert_true(fetch_guard_allows(&guard, address_of("::1")));
    assert_false(fetch_guard_allows(&guard, address_of("127.0.0.1"))); /* all of IPv6 is not all */
    assert_int_equal(fetch_guard_parse(&guard, "0.0.0.0/0", NULL), 0);
    assert_true(fetch_guard_allows(&guard, address_of("127.0.0.1")));
    assert_false(fetch_guard_allows(&guard, address_of("::1")));
}

static void other_families_are_refused(void **state)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct fetch_guard guard = {.allow_all = true};
    char text[FETCH_GUARD_TEXT_MAX];
    assert_false(fetch_guard_allows(&guard, (struct sockaddr *)&local));
    fetch_guard_text((struct sockaddr *)&local, text);
    assert_string_equal(text, "?");
    fetch_guard_text(address_of("::ffff:192.0.2.1"), text);
    assert_string_equal(text, "192.0.2.1");
    fetch_guard_text(address_of("2001:db8::7"), text);
    assert_string_equal(text, "2001:db8::7");
}

static void a_wrong_entry_is_named(void **state)
{
    static const char *const lists[] = {"10.0.0.0/33", "10.0.0.0/",   "10.0.0/8", "example.com", "10.0.0.0/-1",
                                        "fd00::/129",  "10.0.0.0/8x", "**",       "10.0.0.0/+8"};
    struct fetch_guard guard = {0};
    conch_error err;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        char list[64];
        snprintf(list, sizeof list, "127.0.0.1, %s", lists[i]);
        assert_int_equal(fetch_guard_parse(&guard, list, &err), CONCH_ERR_RANGE);
        assert_non_null(strstr(err.text, lists[i]));
    }
    char many[1024] = "";
    for (int i = 0; i < 65; i++)
        strcat(many, "127.0.0.1,");
    assert_int_equal(fetch_guard_parse(&guard, many, &err), CONCH_ERR_LIMIT);
    assert_int_equal(guard.allowed_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_inside_are_refused_with_the_reason),
        cmocka_unit_test(addresses_just_outside_those_ranges_are_public),
        cmocka_unit_test(the_operators_list_allows_ranges),
        cmocka_unit_test(other_families_are_refused),
        cmocka_unit_test(a_wrong_entry_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
