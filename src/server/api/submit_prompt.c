/* From the prompt as sent to what the model is given. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/api/chat.h"
#include "server/api/submit.h"
#include "server/prompt/camera.h"
#include "server/prompt/expand.h"

void submit_note(struct submit *submit, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    const int wanted = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (wanted >= (int)sizeof text)
        text[text_utf8_cut(text, strlen(text), sizeof text - 1)] = 0;
    if (!submit->notes)
        submit->notes = json_array();
    json_array_append_new(submit->notes, json_string(text));
}

static enum prompt_family family_of(const struct served *served)
{
    return text_begins(served->served_by, "conch/") ? PROMPT_FAMILY_TINY : PROMPT_FAMILY_WAN;
}

static bool is_h3(const struct submit *submit)
{
    return text_begins(submit->served.model->slug, "minimax/h3");
}

static struct prompt_expand_request expansion_of(const struct submit *submit, enum prompt_family family,
                                                 const char *text)
{
    struct prompt_expand_request request = {.family = family, .text = text, .seconds = submit->resolved.seconds};
    for (size_t i = 0; i < submit->media_count; i++)
        switch (submit->media[i].ask->role) {
        case STORE_INPUT_FIRST_FRAME: request.first_frame = true; break;
        case STORE_INPUT_LAST_FRAME: request.last_frame = true; break;
        case STORE_INPUT_SUBJECT:
        case STORE_INPUT_REFERENCE_IMAGE: request.images++; break;
        case STORE_INPUT_REFERENCE_VIDEO: request.videos++; break;
        case STORE_INPUT_REFERENCE_AUDIO: request.audios++; break;
        }
    if (family != PROMPT_FAMILY_H3) /* those families know frames alone */
        request.images = request.videos = request.audios = 0;
    return request;
}

static int expand(struct submit *submit, enum prompt_family family, const char *text, struct buf *ret, bool noted)
{
    const struct prompt_expand_request request = expansion_of(submit, family, text);
    struct prompt_notes notes = {0};
    conch_error err = {0};
    const int rc = prompt_expand(&request, ret, &notes, &err);
    if (rc == CONCH_ERR_RANGE || rc == CONCH_ERR_LIMIT)
        return api_refuse(submit->problem, API_INVALID, "prompt", "%s", err.text);
    if (rc < 0)
        return api_refuse_error(submit->problem, rc, &err);
    for (size_t i = 0; noted && i < notes.count; i++)
        submit_note(submit, "%s", notes.notes[i].text);
    return 0;
}

/* The chat service's text goes through the local rules too: they bring it into the exact form, and leave alone what has
 * it. 1: done. */
static int optimize_by_chat(struct submit *submit, enum prompt_family family, const char *text)
{
    struct buf rewritten;
    conch_error err = {0};
    buf_init(&rewritten, CHAT_ANSWER_BYTES_MAX);
    int rc = chat_rewrite(submit->api->config, family, text, &rewritten, &err);
    if (rc < 0) {
        submit_note(submit, "The chat service did not help (%s): the local rules were used", err.text);
        rc = 0;
    } else {
        rc = submit_policy(submit, rewritten.data);
        if (rc == 0)
            rc = expand(submit, family, rewritten.data, &submit->used, false);
        if (rc == 0)
            rc = 1;
    }
    buf_finish(&rewritten);
    return rc;
}

static int optimize(struct submit *submit, const char *text)
{
    const enum prompt_family family = family_of(&submit->served);
    int rc = 0;
    submit->optimizer = "local";
    if (submit->api->config->optimizer.mode == CONFIG_OPTIMIZER_CHAT && !submit->estimate && *text)
        rc = optimize_by_chat(submit, family, text);
    if (rc == 1)
        submit->optimizer = "chat";
    else if (rc == 0)
        rc = expand(submit, family, text, &submit->used, true);
    return rc < 0 ? rc : 0;
}

static int camera_note(struct submit *submit, const char *text)
{
    struct camera_plan plan = {0};
    struct buf rest;
    conch_error err = {0};
    if (!strpbrk(text, "[") && !strstr(text, "\xe3\x80\x90") && !strstr(text, "\xef\xbc\xbb"))
        return 0;
    buf_init(&rest, PROMPT_BYTES_MAX);
    const int rc = camera_parse(text, &plan, &rest, &err);
    buf_finish(&rest);
    if (rc == CONCH_ERR_LIMIT || rc == CONCH_ERR_RANGE)
        return api_refuse(submit->problem, API_INVALID, "prompt", "%s", err.text);
    if (rc < 0)
        return api_refuse_error(submit->problem, rc, &err);
    for (size_t i = 0; i < plan.group_count; i++) {
        json_t *moves = json_array();
        for (size_t k = 0; k < plan.groups[i].move_count; k++)
            json_array_append_new(moves, json_string(camera_move_name(plan.groups[i].moves[k])));
        if (!submit->camera)
            submit->camera = json_array();
        json_array_append_new(submit->camera, moves);
    }
    for (size_t i = 0; i < plan.unknown_count; i++)
        submit_note(submit, "'%s' is no camera command and was left out", plan.unknown[i]);
    return 0;
}

static bool optimizer_wanted(const struct submit *submit)
{
    const struct api_submit *ask = submit->ask;
    if (submit->api->config->optimizer.mode == CONFIG_OPTIMIZER_OFF || ask->optimizer == API_OFF)
        return false;
    return ask->optimizer == API_ON || !ask->expansion || strcmp(ask->expansion, "disabled") != 0;
}

int submit_prompt(struct submit *submit)
{
    const char *text = submit->prompt.data ? submit->prompt.data : "";
    conch_error err = {0};
    if (camera_note(submit, text) < 0)
        return -1;
    if (strcmp(submit->task, "context") == 0) {
        submit->optimizer = "local";
        return expand(submit, PROMPT_FAMILY_H3, text, &submit->used, true);
    }
    /* A model needs some words; without a prompt there is nothing to leave as it is. */
    if (optimizer_wanted(submit) || !*text) {
        if (optimize(submit, text) < 0)
            return -1;
        return is_h3(submit) && *text ? expand(submit, PROMPT_FAMILY_H3, text, &submit->context, false) : 0;
    }
    submit->optimizer = "off";
    const int rc = buf_append_text(&submit->used, text, &err);
    return rc < 0 ? api_refuse_error(submit->problem, rc, &err) : 0;
}
