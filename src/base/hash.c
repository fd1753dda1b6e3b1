#include "base/hash.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct hash_stream), "the state fits");
_Static_assert(crypto_hash_sha256_BYTES == HASH_BYTES && crypto_auth_hmacsha256_BYTES == HASH_BYTES, "one size");

/* libsodium wants this once before its random numbers are used by several threads. */
static void sodium_begin(void)
{
    if (sodium_init() < 0)
        abort(); /* the system has no random numbers: nothing would be safe */
}

struct hash hash_sha256(const void *data, size_t size)
{
    struct hash hash;
    crypto_hash_sha256(hash.bytes, data, size);
    return hash;
}

struct hash_hex hash_hex(const struct hash *hash)
{
    struct hash_hex hex;
    sodium_bin2hex(hex.text, sizeof hex.text, hash->bytes, sizeof hash->bytes);
    return hex;
}

struct hash_hex hash_sha256_hex(const void *data, size_t size)
{
    const struct hash hash = hash_sha256(data, size);
    return hash_hex(&hash);
}

void hash_stream_init(struct hash_stream *stream)
{
    crypto_hash_sha256_init((crypto_hash_sha256_state *)stream->state);
}

void hash_stream_add(struct hash_stream *stream, const void *data, size_t size)
{
    crypto_hash_sha256_update((crypto_hash_sha256_state *)stream->state, data, size);
}

struct hash hash_stream_finish(struct hash_stream *stream)
{
    struct hash hash;
    crypto_hash_sha256_final((crypto_hash_sha256_state *)stream->state, hash.bytes);
    return hash;
}

struct hash hash_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size)
{
    struct hash hash;
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key, key_size);
    crypto_auth_hmacsha256_update(&state, data, size);
    crypto_auth_hmacsha256_final(&state, hash.bytes);
    sodium_memzero(&state, sizeof state);
    return hash;
}

struct hash hash_keyed(const struct hash *key, const void *data, size_t size)
{
    struct hash hash;
    if (crypto_generichash(hash.bytes, sizeof hash.bytes, data, size, key->bytes, sizeof key->bytes) != 0)
        abort(); /* only for sizes that are no sizes of BLAKE2b */
    return hash;
}

bool hash_bytes_equal(const void *a, const void *b, size_t size)
{
    return sodium_memcmp(a, b, size) == 0;
}

bool hash_equal(const struct hash *a, const struct hash *b)
{
    return hash_bytes_equal(a->bytes, b->bytes, sizeof a->bytes);
}

bool hash_text_equal(const char *a, const char *b)
{
    if (!a || !b)
        return false;
    const struct hash one = hash_sha256(a, strlen(a)), other = hash_sha256(b, strlen(b));
    return hash_equal(&one, &other);
}

void hash_random(void *ret, size_t size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, sodium_begin);
    randombytes_buf(ret, size);
}

void hash_wipe(void *data, size_t size)
{
    sodium_memzero(data, size);
}
