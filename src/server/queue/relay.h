/* The relay worker: tells others how their jobs go, and sweeps.
 *
 * Callbacks. Each message of the store is sent by POST: "conch" as a Standard Webhook (headers webhook-id,
 * webhook-timestamp, webhook-signature: v1,BASE64(HMAC-SHA256(secret, id.timestamp.body))), other styles as the body
 * that their renderer makes. An answer of 2xx ends it. Otherwise it is tried again, webhooks.attempts times in all over
 * webhooks.span, with waits that double; then it is laid aside as dead, and 410 lays it aside at once. Messages of one
 * job go out in order. Up to RELAY_SENDERS are under way at once. Addresses are guarded (net/fetch_guard.h).
 * At least once: a receiver may see one twice when this process dies between the answer and the note of it.
 *
 * The sweep. Every second: jobs whose lease ran out. Every minute: files past their time, lots that expired, old
 * previews. Every hour: blobs that no row names, rows that nothing needs. */
#ifndef SERVER_QUEUE_RELAY_H
#define SERVER_QUEUE_RELAY_H

#include <stdatomic.h>

#include "base/buf.h"
#include "server/blob/blob.h"
#include "server/config.h"
#include "server/store/store.h"

enum { RELAY_SENDERS = 8 };

/* Appends the body of a message without one: what its style says of the job at the moment of message->kind (a
 * job_state_name; the row may be further on by now). *ret_type: a static media type; left alone it is application/json.
 * Nothing appended: the style does not tell of this moment, and the message is done without being sent.
 * CONCH_ERR_UNSUPPORTED: the style is not known here ("conch" then gets a plain body of the relay's own; others are
 * laid aside). Any thread. */
typedef int relay_render(void *context, const struct store_message *message, const struct store_job *job,
                         struct buf *ret_body, const char **ret_type, conch_error *err);

/* A callback that is about to be sent. */
struct relay_outgoing {
    const struct store_message *message;
    const struct store_job *job;
    const char *id; /* of the message: the same at every try */
    int64_t at_s;   /* Unix seconds of this try */
    const char *body;
    size_t body_size;
};
struct relay_header {
    char name[48], value[160];
};
enum { RELAY_HEADERS_MAX = 8 };

/* Fills in the headers that prove where a callback of its style comes from; *ret_count is 0 before.
 * CONCH_ERR_UNSUPPORTED: the style has none here ("conch" is then signed as a Standard Webhook). Any thread. */
typedef int relay_sign(void *context, const struct relay_outgoing *outgoing, struct relay_header *ret,
                       size_t *ret_count, conch_error *err);

struct relay_settings {
    const struct config *config; /* jobs, webhooks, fetch */
    struct store *store;
    struct blob_store *blobs;
    relay_render *render;       /* NULL: none */
    relay_sign *sign;           /* NULL: none but "conch" is signed */
    void *render_context;       /* of both */
    const char *preview_folder; /* NULL: there are no previews */
    const char *name;           /* NULL: "relay-HOST-PID" */
    const atomic_bool *stop;
    int64_t (*wall_ms)(void); /* NULL: clock_wall_ms */
};

/* Until *stop. */
int relay_run(const struct relay_settings *settings, conch_error *err);

/* The secret that callbacks are signed with: webhooks.signing_secret, or what the installation made for itself. Appends
 * its bytes; "whsec_BASE64" in the configuration stands for the bytes. */
int relay_secret(struct store *store, const struct config *config, struct buf *ret, conch_error *err);

/* How long to wait after that many tries (1: after the first), and 0 after the last. */
int64_t relay_wait_ms(const struct config *config, int32_t attempts);

#endif
