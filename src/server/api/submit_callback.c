/* The address that is to be told how the job goes, asked before anything is charged.
 *
 * MiniMax's styles: it must answer {"challenge": "..."} with the same within webhooks.challenge_timeout; what becomes
 * of a task whose receiver does not is not documented there, here the request is refused. Our own style: the address
 * must be one that may be contacted; whether somebody answers yet does not matter, as messages are signed and tried
 * again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/hash.h"
#include "base/text.h"
#include "net/http_client.h"
#include "server/api/submit.h"

enum { CHALLENGE_BYTES = 16, CHALLENGE_ANSWER_MAX = 16 << 10 };

static struct http_client_settings settings_of(const struct submit *submit)
{
    const struct config *config = submit->api->config;
    return (struct http_client_settings){.url = submit->ask->callback_url,
                                         .bytes_max = CHALLENGE_ANSWER_MAX,
                                         .timeout_ms = config->webhooks.challenge_timeout_ms,
                                         .connect_timeout_ms = config->webhooks.challenge_timeout_ms,
                                         .guard = &submit->api->guard,
                                         .https_only = !config->fetch.allow_http};
}

static bool answer_has(const struct http_fetched *answer, const char *challenge)
{
    json_t *json = answer->body.data ? json_loadb(answer->body.data, answer->body.size, 0, NULL) : NULL;
    const char *value = json_string_value(json_object_get(json, "challenge"));
    const bool same = hash_text_equal(value, challenge);
    json_decref(json);
    return same;
}

static int challenge(struct submit *submit)
{
    uint8_t random[CHALLENGE_BYTES];
    char text[2 * CHALLENGE_BYTES + 1], body[80];
    const struct http_field headers[] = {{"Content-Type", "application/json"}};
    struct http_client_settings settings = settings_of(submit);
    struct http_fetched answer = {0};
    conch_error err = {0};
    hash_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(text + 2 * i, 3, "%02x", random[i]);
    settings.method = "POST";
    settings.headers = headers;
    settings.header_count = ARRAY_LEN(headers);
    settings.body = body;
    settings.body_size = (size_t)snprintf(body, sizeof body, "{\"challenge\":\"%s\"}", text);
    const int rc = http_client_fetch(&settings, &answer, &err);
    const bool met = rc == 0 && answer.status >= 200 && answer.status <= 299 && answer_has(&answer, text);
    const int status = answer.status;
    http_fetched_finish(&answer);
    if (met)
        return 0;
    if (rc < 0)
        return api_refuse(submit->problem, API_INVALID, "callback_url", "callback_url did not answer the challenge: %s",
                          err.text);
    return api_refuse(
        submit->problem, API_INVALID, "callback_url",
        "callback_url answered %d without the challenge; it must send {\"challenge\": ...} back as it came", status);
}

static int address_ask(struct submit *submit)
{
    const struct http_client_settings settings = settings_of(submit);
    struct http_fetched answer = {0};
    conch_error err = {0};
    const int rc = http_client_head(&settings, &answer, &err);
    const enum http_fault fault = answer.fault;
    http_fetched_finish(&answer);
    if (rc == 0 || (fault != HTTP_FAULT_URL && fault != HTTP_FAULT_GUARD && fault != HTTP_FAULT_DNS))
        return 0;
    return api_refuse(submit->problem, API_INVALID, "callback_url", "callback_url cannot be used: %s", err.text);
}

int submit_callback(struct submit *submit)
{
    const struct api_submit *ask = submit->ask;
    if (submit->estimate || !ask->callback_url || !*ask->callback_url)
        return 0;
    return ask->callback_style && text_begins(ask->callback_style, "minimax") ? challenge(submit) : address_ask(submit);
}
