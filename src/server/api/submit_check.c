#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "net/url.h"
#include "server/api/submit.h"

static int text_check(struct submit *submit, const char *text, const char *field, struct prompt_facts *ret)
{
    conch_error err = {0};
    struct prompt_facts facts = {0};
    const size_t chars_max = size_min((size_t)submit->api->config->limits.prompt_chars_max, (size_t)PROMPT_CHARS_MAX);
    if (text && prompt_check(text, chars_max, field, &facts, &err) < 0)
        return err.code == CONCH_ERR_NOMEM ? api_refuse_error(submit->problem, err.code, &err)
                                           : api_refuse(submit->problem, API_INVALID, field, "%s", err.text);
    if (facts.invisible >= SUBMIT_INVISIBLE_MIN && facts.invisible_permille > PROMPT_INVISIBLE_PERMILLE_MAX)
        return api_refuse(submit->problem, API_INVISIBLE, field,
                          "%s has %zu invisible characters among %zu; at most %d in a thousand are allowed", field,
                          facts.invisible, facts.chars, PROMPT_INVISIBLE_PERMILLE_MAX);
    if (ret)
        *ret = facts;
    return 0;
}

static int metadata_check(struct submit *submit)
{
    const json_t *metadata = submit->ask->metadata;
    const char *key;
    json_t *value;
    if (!metadata)
        return 0;
    if (!json_is_object(metadata) || json_object_size(metadata) > SUBMIT_METADATA_MAX)
        return api_refuse_value(submit->problem, "metadata", "", "an object of at most %d members",
                                SUBMIT_METADATA_MAX);
    json_object_foreach((json_t *)metadata, key, value)
    {
        if (strlen(key) > SUBMIT_METADATA_KEY_MAX || !json_is_string(value) ||
            json_string_length(value) > SUBMIT_METADATA_VALUE_MAX)
            return api_refuse_value(submit->problem, "metadata", key, "names of at most %d bytes, texts of at most %d",
                                    SUBMIT_METADATA_KEY_MAX, SUBMIT_METADATA_VALUE_MAX);
    }
    return 0;
}

static int priority_check(struct submit *submit)
{
    const int64_t server = submit->api->config->jobs.priority_max;
    const int32_t of_key = submit->caller->key.priority_max;
    const int64_t max = of_key >= 0 && of_key < server ? of_key : server;
    char value[16];
    if (submit->ask->priority >= SUBMIT_PRIORITY_MIN && submit->ask->priority <= max)
        return 0;
    snprintf(value, sizeof value, "%d", (int)submit->ask->priority);
    return api_refuse_value(submit->problem, "priority", value, "%d to %lld", SUBMIT_PRIORITY_MIN, (long long)max);
}

static int callback_check(struct submit *submit)
{
    const struct api_submit *ask = submit->ask;
    struct url url = {0};
    conch_error err = {0};
    if (!ask->callback_url || !*ask->callback_url)
        return 0;
    if (strlen(ask->callback_url) > SUBMIT_URL_MAX)
        return api_refuse_value(submit->problem, "callback_url", "", "an address of at most %d bytes", SUBMIT_URL_MAX);
    const int rc = url_parse(&url, ask->callback_url, &err);
    const bool plain = rc == 0 && !url.tls && !submit->api->config->fetch.allow_http;
    url_finish(&url);
    if (rc < 0)
        return api_refuse(submit->problem, API_INVALID, "callback_url", "callback_url: %s", err.text);
    if (plain)
        return api_refuse(submit->problem, API_INVALID, "callback_url", "callback_url must begin with https:// here");
    return 0;
}

/* Fields that only models of this machine have. */
static int engine_fields_check(struct submit *submit)
{
    const struct api_submit *ask = submit->ask;
    char value[32];
    const char *field = ask->steps                        ? "steps"
                        : ask->guidance != 0              ? "guidance"
                        : ask->negative && *ask->negative ? "negative"
                                                          : NULL;
    if (field && submit->served.sandbox)
        return api_refuse(submit->problem, API_INVALID, field, "%s is not taken by %s, which is a hosted model", field,
                          submit->served.model->name);
    snprintf(value, sizeof value, "%d", ask->steps);
    if (ask->steps < 0 || ask->steps > SUBMIT_STEPS_MAX)
        return api_refuse_value(submit->problem, "steps", value, "1 to %d", SUBMIT_STEPS_MAX);
    snprintf(value, sizeof value, "%g", ask->guidance);
    if (!(ask->guidance >= 0 && ask->guidance <= SUBMIT_GUIDANCE_MAX))
        return api_refuse_value(submit->problem, "guidance", value, "above 0, at most %d", SUBMIT_GUIDANCE_MAX);
    return 0;
}

static int small_fields_check(struct submit *submit)
{
    static const char *const expansions[] = {"disabled", "balanced", "quality"};
    const struct api_submit *ask = submit->ask;
    char value[32];
    snprintf(value, sizeof value, "%lld", (long long)ask->seed);
    if (ask->seed < -1)
        return api_refuse_value(submit->problem, "seed", value, "0 to %lld", (long long)INT64_MAX);
    snprintf(value, sizeof value, "%lld", (long long)ask->seconds);
    if (ask->seconds < 0 || ask->seconds > INT32_MAX)
        return api_refuse_value(submit->problem, "seconds", value, "what the model has, in whole seconds");
    bool known = !ask->expansion;
    for (size_t i = 0; !known && i < ARRAY_LEN(expansions); i++)
        known = strcmp(ask->expansion, expansions[i]) == 0;
    if (!known)
        return api_refuse_value(submit->problem, "expansion", ask->expansion, "disabled, balanced, quality");
    if (ask->media_count > STORE_INPUTS_MAX) {
        snprintf(value, sizeof value, "%zu", ask->media_count);
        return api_refuse_value(submit->problem, "media", value, "at most %d files", STORE_INPUTS_MAX);
    }
    return 0;
}

static int task_check(struct submit *submit)
{
    const char *task = submit->ask->task ? submit->ask->task : "generation";
    if (strcmp(task, "template") == 0 || strcmp(task, "image") == 0)
        return api_refuse(submit->problem, API_UNAVAILABLE_HERE, "task", "no model here makes %s",
                          *task == 't' ? "videos from templates" : "pictures");
    if (strcmp(task, "generation") != 0 && strcmp(task, "context") != 0)
        return api_refuse_value(submit->problem, "task", task, "generation, context");
    submit->task = task;
    return 0;
}

/* Counts the media by role; two first frames are as wrong as none where one is needed. */
static int media_count(struct submit *submit, struct catalog_request *request)
{
    size_t counts[STORE_INPUT_ROLES] = {0};
    for (size_t i = 0; i < submit->ask->media_count; i++) {
        const struct api_media *media = &submit->ask->media[i];
        struct submit_media *to = &submit->media[i];
        to->ask = media;
        to->field = media->field ? media->field : store_input_role_name(media->role);
        to->position = (int32_t)counts[media->role]++;
        if (counts[media->role] > 1 &&
            (media->role == STORE_INPUT_FIRST_FRAME || media->role == STORE_INPUT_LAST_FRAME))
            return api_refuse(submit->problem, API_INVALID, to->field, "%s is given twice; one is allowed", to->field);
    }
    submit->media_count = submit->ask->media_count;
    request->first_frame = counts[STORE_INPUT_FIRST_FRAME] > 0;
    request->last_frame = counts[STORE_INPUT_LAST_FRAME] > 0;
    request->subjects = counts[STORE_INPUT_SUBJECT];
    request->images = counts[STORE_INPUT_REFERENCE_IMAGE];
    request->videos = counts[STORE_INPUT_REFERENCE_VIDEO];
    request->audios = counts[STORE_INPUT_REFERENCE_AUDIO];
    return 0;
}

/* "832x480, 480x832" */
static void sizes_list(const struct catalog_model *model, char *to, size_t capacity)
{
    size_t used = 0;
    *to = 0;
    for (size_t i = 0; i < model->output_count; i++) {
        const struct catalog_output *output = &model->outputs[i];
        char size[32];
        const int length = snprintf(size, sizeof size, "%dx%d", output->width, output->height);
        if (output->width == 0 || strstr(to, size) || used + (size_t)length + 3 > capacity)
            continue;
        used += (size_t)snprintf(to + used, capacity - used, "%s%s", used ? ", " : "", size);
    }
}

/* Width and height stand for the resolution that has them; "480P" of a model that names its sizes, for the first one
 * with that shorter side. */
static int resolution_pick(struct submit *submit, const char **ret)
{
    const struct api_submit *ask = submit->ask;
    const struct catalog_model *model = submit->served.model;
    char sizes[500], value[32];
    *ret = ask->resolution && *ask->resolution ? ask->resolution : NULL;
    if (ask->width == 0 && ask->height == 0) {
        if (!*ret || strcmp(model->provider, "local") != 0)
            return 0;
        for (size_t i = 0; i < model->output_count; i++) {
            const struct catalog_output *output = &model->outputs[i];
            snprintf(value, sizeof value, "%dP", output->width < output->height ? output->width : output->height);
            if (strcmp(value, *ret) == 0) {
                *ret = output->resolution;
                return 0;
            }
        }
        return 0;
    }
    for (size_t i = 0; i < model->output_count; i++)
        if (model->outputs[i].width == ask->width && model->outputs[i].height == ask->height) {
            if (*ret && strcmp(*ret, model->outputs[i].resolution) != 0)
                return api_refuse(submit->problem, API_INVALID, "size",
                                  "size and resolution are given and do not agree; give one of them");
            *ret = model->outputs[i].resolution;
            return 0;
        }
    sizes_list(model, sizes, sizeof sizes);
    snprintf(value, sizeof value, "%dx%d", ask->width, ask->height);
    return api_refuse_value(submit->problem, "size", value, "%s",
                            *sizes ? sizes : "none: this model takes a resolution");
}

int submit_resolve(struct submit *submit, int64_t video_ms, int64_t audio_ms)
{
    const struct catalog_model *model = submit->served.model;
    const struct catalog alone = {.models = (struct catalog_model *)model, .model_count = 1};
    struct catalog_request request = {.model = model->slug,
                                      .prompt_chars = submit->facts.chars,
                                      .seconds = submit->ask->seconds,
                                      .ratio = submit->ask->ratio,
                                      .video_ms = video_ms,
                                      .audio_ms = audio_ms};
    struct catalog_refusal refusal;
    if (media_count(submit, &request) < 0 || resolution_pick(submit, &request.resolution) < 0)
        return -1;
    if (strcmp(submit->task, "context") == 0) { /* has no pixels: what only those need may be left out */
        request.resolution = request.resolution ? request.resolution : model->outputs[0].resolution;
        request.ratio = request.ratio || !model->ratio_count ? request.ratio : model->ratios[0];
    }
    if (catalog_resolve(&alone, &request, &submit->resolved, &refusal) < 0)
        return api_refuse_catalog(submit->problem, &refusal);
    return 0;
}

/* Another model makes the pixels: its size, and of its lengths the one nearest to what was asked for. */
static int maker_fit(struct submit *submit)
{
    const struct catalog_model *maker = submit->served.maker;
    const struct catalog_output *best = NULL;
    for (size_t i = 0; i < maker->output_count; i++) {
        const struct catalog_output *output = &maker->outputs[i];
        if (!(output->modes & 1u << submit->resolved.mode))
            continue;
        const bool usual = maker->default_resolution && strcmp(output->resolution, maker->default_resolution) == 0;
        if (!best || usual)
            best = output;
    }
    if (!best)
        return api_refuse(submit->problem, API_UNAVAILABLE_HERE, "model", "%s, which serves %s here, cannot do mode %s",
                          submit->served.served_by, submit->served.model->name,
                          catalog_mode_name(submit->resolved.mode));
    submit->seconds = best->seconds[0];
    for (size_t i = 1; i < best->second_count; i++)
        if (abs(best->seconds[i] - submit->resolved.seconds) < abs(submit->seconds - submit->resolved.seconds))
            submit->seconds = best->seconds[i];
    submit->width = best->width;
    submit->height = best->height;
    submit->fps = (int)maker->fps;
    return 0;
}

static int made_fit(struct submit *submit)
{
    submit->seconds = submit->resolved.seconds;
    submit->width = submit->resolved.output->width;
    submit->height = submit->resolved.output->height;
    submit->fps = (int)submit->served.model->fps;
    if (submit->served.sandbox || submit->served.maker == submit->served.model || !submit->served.maker)
        return 0;
    if (maker_fit(submit) < 0)
        return -1;
    submit_note(submit, "%s serves %s here: %d s at %dx%d", submit->served.served_by, submit->served.model->name,
                submit->seconds, submit->width, submit->height);
    return 0;
}

static int context_check(struct submit *submit)
{
    if (strcmp(submit->task, "context") != 0 || strcmp(submit->served.model->slug, "minimax/h3") == 0)
        return 0;
    return api_refuse_value(submit->problem, "model", submit->served.model->name, "MiniMax-H3");
}

int submit_check(struct submit *submit)
{
    if (task_check(submit) < 0 || small_fields_check(submit) < 0 || priority_check(submit) < 0 ||
        metadata_check(submit) < 0 || callback_check(submit) < 0)
        return -1;
    if (text_check(submit, submit->ask->prompt, "prompt", &submit->facts) < 0 ||
        text_check(submit, submit->ask->negative, "negative", NULL) < 0)
        return -1;
    if (served_find(submit->api, submit->ask->model, &submit->served, submit->problem) < 0 ||
        context_check(submit) < 0 || submit_resolve(submit, 0, 0) < 0)
        return -1;
    if (served_require(&submit->served, submit->problem) < 0 || engine_fields_check(submit) < 0)
        return -1;
    return made_fit(submit);
}
