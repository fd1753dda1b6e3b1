#include "server/dialect/dialect_webhook.h"

#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "base/hash.h"

static int base64(const struct hash *hash, const char *prefix, char *ret, size_t size, conch_error *err)
{
    struct buf text;
    buf_init(&text, size - 1);
    int rc = buf_append_text(&text, prefix, err);
    if (rc == 0)
        rc = encode(&text, ENCODE_BASE64, hash->bytes, sizeof hash->bytes, err);
    if (rc == 0)
        snprintf(ret, size, "%s", text.data);
    buf_finish(&text);
    return rc;
}

int dialect_webhook_secret(const struct api *api, int64_t account_id, struct dialect_webhook_secret *ret,
                           conch_error *err)
{
    struct hash secret = api_webhook_secret(api, account_id);
    const int rc = base64(&secret, "whsec_", ret->text, sizeof ret->text, err);
    hash_wipe(&secret, sizeof secret);
    return rc;
}

int dialect_webhook_sign(struct api *api, const struct dialect_message *message, struct dialect_header *ret,
                         size_t *ret_count, conch_error *err)
{
    static const char *const names[] = {"webhook-id", "webhook-timestamp", "webhook-signature"};
    struct hash secret = api_webhook_secret(api, message->job->row.account_id);
    struct buf text;
    buf_init(&text, message->body_size + 256);
    int rc = buf_append_format(&text, err, "%s.%lld.", message->id, (long long)message->at_s);
    if (rc == 0)
        rc = buf_append(&text, message->body, message->body_size, err);
    if (rc == 0) {
        const struct hash mac = hash_hmac_sha256(secret.bytes, sizeof secret.bytes, text.data, text.size);
        rc = base64(&mac, "v1,", ret[2].value, sizeof ret[2].value, err);
    }
    hash_wipe(&secret, sizeof secret);
    buf_finish(&text);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        snprintf(ret[i].name, sizeof ret[i].name, "%s", names[i]);
    snprintf(ret[0].value, sizeof ret[0].value, "%s", message->id);
    snprintf(ret[1].value, sizeof ret[1].value, "%lld", (long long)message->at_s);
    *ret_count = sizeof names / sizeof names[0];
    return 0;
}
