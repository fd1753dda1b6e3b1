/* Standard Webhooks (standardwebhooks.com): how OpenAI and others prove where a callback comes from. */
#ifndef SERVER_DIALECT_DIALECT_WEBHOOK_H
#define SERVER_DIALECT_DIALECT_WEBHOOK_H

#include "server/dialect/dialect.h"

enum { DIALECT_WEBHOOK_SECRET_BYTES = 64 };

/* "whsec_" and base64: what a receiver of this account checks signatures with. */
struct dialect_webhook_secret {
    char text[DIALECT_WEBHOOK_SECRET_BYTES];
};
int dialect_webhook_secret(const struct api *api, int64_t account_id, struct dialect_webhook_secret *ret,
                           conch_error *err);

/* webhook-id, webhook-timestamp, and webhook-signature: "v1," and the HMAC-SHA256 of "id.timestamp.body". As
 * dialect.callback_sign. */
int dialect_webhook_sign(struct api *api, const struct dialect_message *message, struct dialect_header *ret,
                         size_t *ret_count, conch_error *err);

#endif
