/* Published vectors: FIPS 180 for SHA-256, RFC 4231 for HMAC, the BLAKE2 authors' keyed one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"

static void sha256_is_what_the_standard_says(void **state)
{
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_string_equal(hash_sha256_hex("abc", 3).text, abc);
    assert_string_equal(hash_sha256_hex("", 0).text,
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    struct hash_stream stream;
    hash_stream_init(&stream);
    hash_stream_add(&stream, "a", 1);
    hash_stream_add(&stream, "", 0);
    hash_stream_add(&stream, "bc", 2);
    const struct hash pieces = hash_stream_finish(&stream);
    assert_string_equal(hash_hex(&pieces).text, abc);
}

static void hmac_is_what_the_rfc_says_for_short_and_long_keys(void **state)
{
    static const char data[] = "what do ya want for nothing?",
                      long_data[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    uint8_t long_key[131];
    memset(long_key, 0xaa, sizeof long_key);
    const struct hash brief = hash_hmac_sha256("Jefe", 4, data, strlen(data));
    assert_string_equal(hash_hex(&brief).text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    const struct hash large = hash_hmac_sha256(long_key, sizeof long_key, long_data, strlen(long_data));
    assert_string_equal(hash_hex(&large).text, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void a_key_changes_the_keyed_hash(void **state)
{
    struct hash key = {{0}}, other = {{1}};
    const struct hash one = hash_keyed(&key, "sk-1", 4), two = hash_keyed(&other, "sk-1", 4),
                      three = hash_keyed(&key, "sk-2", 4);
    assert_false(hash_equal(&one, &two));
    assert_false(hash_equal(&one, &three));
    const struct hash again = hash_keyed(&key, "sk-1", 4);
    assert_true(hash_equal(&one, &again));
}

static void secrets_are_compared_whole(void **state)
{
    assert_true(hash_text_equal("abcd", "abcd"));
    assert_false(hash_text_equal("abcd", "abcde"));
    assert_false(hash_text_equal("abcd", "abce"));
    assert_false(hash_text_equal("", "a"));
    assert_false(hash_text_equal(NULL, NULL));
    assert_false(hash_bytes_equal("abc", "abd", 3));
}

static void random_bytes_differ(void **state)
{
    uint8_t a[32] = {0}, b[32] = {0};
    hash_random(a, sizeof a);
    hash_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    hash_wipe(a, sizeof a);
    assert_int_equal(a[0] | a[15] | a[31], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_is_what_the_standard_says),
        cmocka_unit_test(hmac_is_what_the_rfc_says_for_short_and_long_keys),
        cmocka_unit_test(a_key_changes_the_keyed_hash),
        cmocka_unit_test(secrets_are_compared_whole),
        cmocka_unit_test(random_bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
