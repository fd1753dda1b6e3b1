#include "server/api/chat.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_client.h"
#include "server/prompt/check.h"

static const char *const orders[] = {
    [PROMPT_FAMILY_TINY] =
        "You rewrite prompts for a very small video model. It knows balls, cubes and balloons in eight colours that "
        "drop, bounce, roll, slide, swing, rise, are thrown or collide, on grass, sand, snow, stone or wood, by day, "
        "at "
        "sunset or at night, and a camera that is still, pans or zooms. Say in one short English sentence what of that "
        "comes nearest to the prompt. Answer with the sentence alone.",
    [PROMPT_FAMILY_WAN] =
        "You rewrite prompts for a video model. Keep what the user asks for and the language it is written in, and add "
        "what is left open: motion, setting, camera, light and style, in one paragraph of at most 150 words. Add no "
        "people, text or brands that were not asked for. Answer with the paragraph alone.",
    [PROMPT_FAMILY_H3] =
        "You rewrite prompts for a video model with sound. Keep what the user asks for, and describe shots in order, "
        "motion, setting, camera, light, sounds and music in one paragraph of at most 200 words. Answer with the "
        "paragraph alone.",
};

static char *question_write(const struct config *config, enum prompt_family family, const char *text)
{
    json_t *question = json_pack("{s:s, s:[{s:s, s:s}, {s:s, s:s}], s:f, s:b}", "model", config->optimizer.chat_model,
                                 "messages", "role", "system", "content", orders[family], "role", "user", "content",
                                 text, "temperature", 0.0, "stream", 0);
    char *body = question ? json_dumps(question, JSON_COMPACT) : NULL;
    json_decref(question);
    return body;
}

/* choices[0].message.content without white space at its ends. */
static int answer_read(const struct buf *body, struct buf *ret_text, conch_error *err)
{
    json_t *json = body->data ? json_loadb(body->data, body->size, 0, NULL) : NULL;
    const json_t *choice = json_array_get(json_object_get(json, "choices"), 0);
    const char *text = json_string_value(json_object_get(json_object_get(choice, "message"), "content"));
    int rc;
    text = text ? text + strspn(text, " \t\r\n") : "";
    size_t size = strlen(text);
    while (size && strchr(" \t\r\n", text[size - 1]))
        size--;
    if (size == 0)
        rc = conch_error_set(err, CONCH_ERR_FORMAT, "the chat service answered without a text");
    else
        rc = buf_append(ret_text, text, size, err);
    if (rc == 0)
        rc = prompt_check(ret_text->data, CHAT_PROMPT_CHARS_MAX, "the chat service's answer", NULL, err);
    json_decref(json);
    return rc;
}

int chat_rewrite(const struct config *config, enum prompt_family family, const char *text, struct buf *ret_text,
                 conch_error *err)
{
    const char *base = config->optimizer.chat_url;
    const size_t length = strlen(base);
    char url[4200], bearer[4200], *body = question_write(config, family, text);
    struct http_field headers[] = {{"Content-Type", "application/json"}, {"Authorization", bearer}};
    struct http_fetched answer = {0};
    snprintf(url, sizeof url, "%.*s/chat/completions", (int)(length && base[length - 1] == '/' ? length - 1 : length),
             base);
    const int bearer_length = snprintf(bearer, sizeof bearer, "Bearer %s", config->optimizer.chat_key);
    const bool keyed = *config->optimizer.chat_key && (size_t)bearer_length < sizeof bearer;
    int rc = !length ? conch_error_set(err, CONCH_ERR_RANGE, "optimizer.chat_url is not set")
             : body  ? 0
                     : conch_error_set(err, CONCH_ERR_NOMEM, "no memory to ask the chat service");
    if (rc == 0)
        rc = http_client_fetch(&(struct http_client_settings){.url = url,
                                                              .method = "POST",
                                                              .headers = headers,
                                                              .header_count = keyed ? 2 : 1,
                                                              .body = body,
                                                              .body_size = strlen(body),
                                                              .bytes_max = CHAT_ANSWER_BYTES_MAX,
                                                              .timeout_ms = config->optimizer.timeout_ms,
                                                              .success_only = true},
                               &answer, err);
    if (rc == 0)
        rc = answer_read(&answer.body, ret_text, err);
    http_fetched_finish(&answer);
    free(body);
    return rc;
}
