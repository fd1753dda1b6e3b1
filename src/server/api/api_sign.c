/* Signatures and proofs. One stored secret; every use has a key of its own, derived from it by name. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "server/api/api_state.h"

_Static_assert(API_SIGN_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES && API_SIGN_BYTES == crypto_sign_BYTES,
               "the sizes of Ed25519");
_Static_assert(HASH_BYTES == crypto_sign_SEEDBYTES, "a derived key is a seed");

static struct hash derive(const struct api *api, const char *name)
{
    return hash_hmac_sha256(api->sign_secret.bytes, sizeof api->sign_secret.bytes, name, strlen(name));
}

static void key_pair(const struct api *api, uint8_t ret_public[crypto_sign_PUBLICKEYBYTES],
                     uint8_t ret_secret[crypto_sign_SECRETKEYBYTES])
{
    struct hash seed = derive(api, "ed25519");
    crypto_sign_seed_keypair(ret_public, ret_secret, seed.bytes);
    hash_wipe(&seed, sizeof seed);
}

void api_signing_key(const struct api *api, uint8_t ret_public[API_SIGN_PUBLIC_BYTES])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    key_pair(api, ret_public, secret);
    hash_wipe(secret, sizeof secret);
}

void api_sign(const struct api *api, const void *data, size_t size, uint8_t ret_signature[API_SIGN_BYTES])
{
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    key_pair(api, public_key, secret);
    crypto_sign_detached(ret_signature, NULL, data, size, secret);
    hash_wipe(secret, sizeof secret);
}

struct hash api_webhook_secret(const struct api *api, int64_t account_id)
{
    char name[48];
    snprintf(name, sizeof name, "webhook %lld", (long long)account_id);
    return derive(api, name);
}

struct hash_hex api_proof(const struct api *api, const char *text)
{
    struct hash key = derive(api, "proof");
    const struct hash proof = hash_hmac_sha256(key.bytes, sizeof key.bytes, text, strlen(text));
    hash_wipe(&key, sizeof key);
    return hash_hex(&proof);
}

bool api_proof_holds(const struct api *api, const char *text, const char *proof)
{
    return hash_text_equal(api_proof(api, text).text, proof);
}
