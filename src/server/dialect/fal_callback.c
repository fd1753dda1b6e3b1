/* Telling a fal_webhook: once, when the request has ended, signed with the installation's Ed25519 key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/hash.h"
#include "server/dialect/fal.h"

int fal_callback_body(struct api *api, const struct api_job *job, const char *kind, const char *origin, int64_t now_ms,
                      struct buf *ret_body, conch_error *err)
{
    const struct job *row = &job->row.job;
    const bool done = row->state == JOB_SUCCEEDED;
    struct out out;
    if (!job_terminal(row->state) || strcmp(kind, job_state_name(row->state)) != 0)
        return 0; /* on the way nothing is told */
    char *link = done && job->file.id ? api_file_link(api, origin, &job->file, 0, NULL) : NULL;
    out_init(&out, ret_body, err);
    out_object(&out, NULL);
    out_id(&out, "request_id", row->id);
    out_id(&out, "gateway_request_id", row->id);
    out_text(&out, "status", done ? "OK" : "ERROR");
    if (link)
        fal_output_write(&out, "payload", job, link);
    else if (done) {
        out_null(&out, "payload");
        out_text(&out, "payload_error", "the clip is gone");
    } else {
        out_format(&out, "error", "Invalid status code: %d", fal_failure_status(row));
        fal_failure_write(&out, "payload", job);
    }
    out_object_end(&out);
    free(link);
    return out_finish(&out);
}

static void header(struct dialect_header *ret, const char *name, const char *value)
{
    snprintf(ret->name, sizeof ret->name, "%s", name);
    snprintf(ret->value, sizeof ret->value, "%s", value);
}

/* What is signed: request id, user id, time and the digest of the body, a line each. */
int fal_callback_sign(struct api *api, const struct dialect_message *message, struct dialect_header *ret,
                      size_t *ret_count, conch_error *err)
{
    const struct hash_hex digest = hash_sha256_hex(message->body, message->body_size);
    char id[24], user[24], at[24], text[160];
    uint8_t signature[API_SIGN_BYTES];
    struct buf hex;
    snprintf(id, sizeof id, "%lld", (long long)message->job->row.job.id);
    snprintf(user, sizeof user, "%lld", (long long)message->job->row.account_id);
    snprintf(at, sizeof at, "%lld", (long long)message->at_s);
    const int size = snprintf(text, sizeof text, "%s\n%s\n%s\n%s", id, user, at, digest.text);
    api_sign(api, text, (size_t)size, signature);
    buf_init(&hex, 2 * sizeof signature);
    int rc = encode(&hex, ENCODE_HEX, signature, sizeof signature, err);
    if (rc == 0) {
        header(&ret[0], "X-Fal-Webhook-Request-Id", id);
        header(&ret[1], "X-Fal-Webhook-User-Id", user);
        header(&ret[2], "X-Fal-Webhook-Timestamp", at);
        header(&ret[3], "X-Fal-Webhook-Signature", hex.data);
        *ret_count = 4;
    }
    buf_finish(&hex);
    return rc;
}

/* The public half, where verifiers look for it (RFC 8037). */
int fal_jwks(struct dialect_call *call)
{
    uint8_t key[API_SIGN_PUBLIC_BYTES];
    struct buf text;
    struct out out;
    conch_error err = {0};
    api_signing_key(call->api, key);
    const struct hash_hex digest = hash_sha256_hex(key, sizeof key);
    buf_init(&text, 64);
    if (encode(&text, ENCODE_BASE64URL, key, sizeof key, &err) < 0)
        return dialect_trouble(&call->problem, &err);
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    out_array(&out, "keys");
    out_object(&out, NULL);
    out_text(&out, "kty", "OKP");
    out_text(&out, "crv", "Ed25519");
    out_text(&out, "alg", "EdDSA");
    out_text(&out, "use", "sig");
    out_format(&out, "kid", "%.16s", digest.text);
    out_text(&out, "x", text.data);
    out_object_end(&out);
    out_array_end(&out);
    out_object_end(&out);
    buf_finish(&text);
    if (http_response_header(call->response, "Cache-Control", "public, max-age=3600", &err) < 0)
        return dialect_trouble(&call->problem, &err);
    return dialect_answer_end(call, &out, 200);
}
