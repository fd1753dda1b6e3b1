/* What a prompt's words decide before anything else is done: rehearsed refusals, and the safety hook. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "net/http_client.h"
#include "server/api/submit.h"

enum { CLASSIFIER_ANSWER_MAX = 64 << 10 };

static int rehearse_now(struct submit *submit)
{
    const struct rehearsal *rehearsal = &submit->rehearsal;
    if (submit->estimate || rehearsal->when != REHEARSE_AT_SUBMIT)
        return 0;
    switch (rehearsal->kind) {
    case REHEARSE_CONTENT_POLICY:
        api_count(submit->api, API_COUNT_BLOCKED, 1);
        return api_refuse(submit->problem, API_CONTENT_POLICY, "prompt",
                          "the prompt breaks the content policy (rehearsed by the sandbox)");
    case REHEARSE_BALANCE:
        return api_refuse(submit->problem, API_BALANCE, "", "the balance is too low (rehearsed by the sandbox)");
    case REHEARSE_RATE_LIMIT:
        api_refuse(submit->problem, API_RATE_LIMIT, "", "too many requests (rehearsed by the sandbox)");
        submit->problem->retry_after_s = 1;
        return -1;
    case REHEARSE_INVALID:
        return api_refuse(submit->problem, API_INVALID, "prompt", "the request is invalid (rehearsed by the sandbox)");
    default: return 0;
    }
}

static int rehearse(struct submit *submit)
{
    const char *text = submit->ask->prompt ? submit->ask->prompt : "";
    conch_error err = {0};
    int rc;
    if (submit->served.sandbox)
        rc = rehearse_parse(text, &submit->rehearsal, &submit->prompt, &err);
    else
        rc = buf_append_text(&submit->prompt, text, &err);
    if (rc == CONCH_ERR_RANGE)
        return api_refuse(submit->problem, API_INVALID, "prompt", "%s", err.text);
    if (rc < 0)
        return api_refuse_error(submit->problem, rc, &err);
    return rehearse_now(submit);
}

static int blocked(struct submit *submit, const char *why)
{
    api_count(submit->api, API_COUNT_BLOCKED, 1);
    return api_refuse(submit->problem, API_CONTENT_POLICY, "prompt", "the prompt breaks the content policy: %s", why);
}

static int words_ask(struct submit *submit, const char *text)
{
    struct policy_match match;
    conch_error err = {0};
    if (!submit->api->policy) /* a key asks for a list, and the installation has none */
        return api_refuse(submit->problem, API_BUSY, "",
                          "the list of words that prompts are checked with is not there");
    const int rc = policy_match(submit->api->policy, text, &match, &err);
    if (rc < 0)
        return api_refuse_error(submit->problem, rc, &err);
    return rc == 0 ? 0 : blocked(submit, match.name);
}

/* The answer of the classifier: 1 allowed, 0 blocked with the reason, -1 no answer that means anything. */
static int verdict_read(const struct buf *body, char reason[200])
{
    json_t *json = body->data ? json_loadb(body->data, body->size, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const json_t *allowed = json_object_get(json, "allowed");
    const char *text = json_string_value(json_object_get(json, "reason"));
    const int verdict = json_is_boolean(allowed) ? json_is_true(allowed) : -1;
    strncpy(reason, text && *text ? text : "the classifier refused it", 199);
    reason[199] = 0;
    json_decref(json);
    return verdict;
}

static char *question_write(const struct submit *submit, const char *text)
{
    json_t *question = json_pack("{s:s, s:s, s:I}", "prompt", text, "model",
                                 submit->served.model ? submit->served.model->slug : "", "images",
                                 (json_int_t)submit->ask->media_count);
    char *body = question ? json_dumps(question, JSON_COMPACT) : NULL;
    json_decref(question);
    return body;
}

static int classifier_ask(struct submit *submit, const char *text)
{
    const struct config *config = submit->api->config;
    char bearer[600], reason[200] = "", *body = question_write(submit, text);
    struct http_field headers[] = {{"Content-Type", "application/json"}, {"Authorization", bearer}};
    struct http_fetched answer = {0};
    conch_error err = {0};
    int verdict = -1;
    if (!body)
        return api_refuse(submit->problem, API_BUSY, "", "the server has not enough memory at the moment");
    const int length = snprintf(bearer, sizeof bearer, "Bearer %s", config->safety.classifier_key);
    const bool keyed = *config->safety.classifier_key && (size_t)length < sizeof bearer;
    const struct http_client_settings settings = {.url = config->safety.classifier_url,
                                                  .method = "POST",
                                                  .headers = headers,
                                                  .header_count = keyed ? 2 : 1,
                                                  .body = body,
                                                  .body_size = strlen(body),
                                                  .bytes_max = CLASSIFIER_ANSWER_MAX,
                                                  .timeout_ms = config->safety.classifier_timeout_ms,
                                                  .success_only = true};
    if (*config->safety.classifier_url && http_client_fetch(&settings, &answer, &err) == 0)
        verdict = verdict_read(&answer.body, reason);
    http_fetched_finish(&answer);
    free(body);
    if (verdict >= 0)
        return verdict ? 0 : blocked(submit, reason);
    if (config->safety.classifier_fail_open)
        return 0;
    api_refuse(submit->problem, API_BUSY, "",
               "the service that checks prompts does not answer, and nothing is made without it");
    submit->problem->retry_after_s = 5;
    return -1;
}

int submit_policy(struct submit *submit, const char *text)
{
    const char *own = submit->caller->key.policy;
    int policy = submit->api->config->safety.policy;
    if (strcmp(own, "off") == 0)
        policy = CONFIG_POLICY_OFF;
    else if (strcmp(own, "words") == 0)
        policy = CONFIG_POLICY_WORDS;
    else if (strcmp(own, "http") == 0)
        policy = CONFIG_POLICY_HTTP;
    if (policy == CONFIG_POLICY_OFF || !*text)
        return 0;
    return policy == CONFIG_POLICY_WORDS ? words_ask(submit, text) : classifier_ask(submit, text);
}

int submit_words(struct submit *submit)
{
    if (rehearse(submit) < 0 || submit_policy(submit, submit->prompt.data ? submit->prompt.data : "") < 0)
        return -1;
    return submit_policy(submit, submit->ask->negative ? submit->ask->negative : "");
}
