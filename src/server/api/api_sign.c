/* Signatures and proofs. One stored secret; every use has a key of its own, derived from it by name. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
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

bool api_webhook_secret_own(const struct api *api)
{
    return !*api->config->webhooks.signing_secret;
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

/* ---- sealed bytes: a nonce, then what crypto_secretbox makes ---- */

enum { SEAL_EXTRA = crypto_secretbox_xchacha20poly1305_NONCEBYTES + crypto_secretbox_xchacha20poly1305_MACBYTES };
_Static_assert(HASH_BYTES == crypto_secretbox_xchacha20poly1305_KEYBYTES, "a derived key is one of the box");

static struct hash seal_key(const struct api *api, const char *purpose)
{
    char name[48];
    snprintf(name, sizeof name, "seal %s", purpose);
    return derive(api, name);
}

int api_seal(const struct api *api, const char *purpose, const void *data, size_t size, struct buf *ret,
             conch_error *err)
{
    const size_t nonce_size = crypto_secretbox_xchacha20poly1305_NONCEBYTES;
    uint8_t *box = malloc(size + SEAL_EXTRA);
    if (!box)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to seal %zu bytes", size);
    struct hash key = seal_key(api, purpose);
    hash_random(box, nonce_size);
    crypto_secretbox_xchacha20poly1305_easy(box + nonce_size, data, size, box, key.bytes);
    int rc = encode(ret, ENCODE_BASE64URL, box, size + SEAL_EXTRA, err);
    hash_wipe(&key, sizeof key);
    free(box);
    return rc;
}

int api_unseal(const struct api *api, const char *purpose, const char *text, struct buf *ret, conch_error *err)
{
    const size_t nonce_size = crypto_secretbox_xchacha20poly1305_NONCEBYTES, length = strlen(text);
    struct buf box;
    uint8_t *data = NULL;
    buf_init(&box, encode_decoded_max(ENCODE_BASE64URL, length) + 1);
    int rc = encode_decode(&box, ENCODE_BASE64URL, text, length, err);
    if (rc == 0 && box.size < SEAL_EXTRA)
        rc = conch_error_set(err, CONCH_ERR_FORMAT, "sealed bytes are cut short");
    if (rc == 0 && !(data = malloc(box.size - SEAL_EXTRA + 1)))
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory to open %zu sealed bytes", box.size);
    if (rc == 0) {
        const uint8_t *bytes = (const uint8_t *)box.data;
        const size_t size = box.size - SEAL_EXTRA;
        struct hash key = seal_key(api, purpose);
        if (crypto_secretbox_xchacha20poly1305_open_easy(data, bytes + nonce_size, box.size - nonce_size, bytes,
                                                         key.bytes) != 0)
            rc = conch_error_set(err, CONCH_ERR_FORMAT, "this was not sealed here");
        else
            rc = buf_append(ret, data, size, err);
        hash_wipe(&key, sizeof key);
        hash_wipe(data, size);
    }
    free(data);
    buf_finish(&box);
    return rc;
}
