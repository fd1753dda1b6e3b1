/* Digests, message authentication and random bytes, over libsodium. Any thread. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HASH_BYTES = 32, HASH_HEX_SIZE = 65 /* 64 digits and the NUL */ };

struct hash {
    uint8_t bytes[HASH_BYTES];
};
struct hash_hex {
    char text[HASH_HEX_SIZE];
};

struct hash hash_sha256(const void *data, size_t size);

/* Lower case: for ETags, idempotency bodies, file names. */
struct hash_hex hash_hex(const struct hash *hash);
struct hash_hex hash_sha256_hex(const void *data, size_t size);

/* SHA-256 of what comes in pieces. */
struct hash_stream {
    _Alignas(16) uint8_t state[128];
};
void hash_stream_init(struct hash_stream *stream);
void hash_stream_add(struct hash_stream *stream, const void *data, size_t size);
struct hash hash_stream_finish(struct hash_stream *stream);

/* RFC 2104; a key of any length. */
struct hash hash_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size);

/* BLAKE2b-256 with a key of HASH_BYTES: how API keys are stored and looked up. */
struct hash hash_keyed(const struct hash *key, const void *data, size_t size);

/* Takes the same time whatever differs. */
bool hash_equal(const struct hash *a, const struct hash *b);
bool hash_bytes_equal(const void *a, const void *b, size_t size);

/* Two secrets as text, of any lengths: the time depends on the lengths alone. NULL equals nothing. */
bool hash_text_equal(const char *a, const char *b);

/* From the system's generator; never fails. */
void hash_random(void *ret, size_t size);

/* Overwrites memory that held a secret. */
void hash_wipe(void *data, size_t size);

#endif
