/* The input of an endpoint: flat JSON, no wrapper around it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/dialect/fal.h"

enum { STEPS_MAX = 1000, GUIDANCE_MAX = 100, SECONDS_MAX = 3600 };

static int text_read(const json_t *body, const char *key, const char **ret, struct api_problem *problem)
{
    if (dialect_text(body, key, ret, problem) < 0)
        return -1;
    if (*ret && !**ret)
        *ret = NULL;
    return 0;
}

static int refuse_missing(struct api_problem *problem, const char *field)
{
    return api_refuse(problem, API_INVALID, field, "%s is missing", field);
}

/* ---- media ---- */

static int media_add(struct fal_input *input, enum store_input_role role, const char *url, const char *field,
                     struct api_problem *problem)
{
    const size_t index = input->submit.media_count;
    if (index == FAL_MEDIA_MAX)
        return api_refuse(problem, API_INVALID, field, "more than %d pictures and other media; allowed: at most %d",
                          FAL_MEDIA_MAX, FAL_MEDIA_MAX);
    snprintf(input->fields[index], sizeof input->fields[index], "%s", field);
    input->media[index] = (struct api_media){.role = role, .url = url, .field = input->fields[index]};
    input->submit.media_count++;
    return 0;
}

static int one_read(struct fal_input *input, const json_t *body, enum store_input_role role, const char *field,
                    bool *ret_found, struct api_problem *problem)
{
    const char *url = NULL;
    if (text_read(body, field, &url, problem) < 0)
        return -1;
    *ret_found = url != NULL;
    return url ? media_add(input, role, url, field, problem) : 0;
}

static int list_read(struct fal_input *input, const json_t *body, enum store_input_role role, const char *field,
                     struct api_problem *problem)
{
    json_t *list = NULL;
    char name[40];
    if (dialect_array(body, field, FAL_MEDIA_MAX, &list, problem) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *url = json_string_value(json_array_get(list, i));
        snprintf(name, sizeof name, "%s[%zu]", field, i);
        if (!url || !*url)
            return api_refuse(problem, API_INVALID, name, "%s must be an address or a data: URL", name);
        if (media_add(input, role, url, name, problem) < 0)
            return -1;
    }
    return 0;
}

static int frames_read(struct fal_input *input, const json_t *body, bool required, struct api_problem *problem)
{
    bool first, last;
    if (one_read(input, body, STORE_INPUT_FIRST_FRAME, "image_url", &first, problem) < 0)
        return -1;
    if (!first && required)
        return refuse_missing(problem, "image_url");
    return one_read(input, body, STORE_INPUT_LAST_FRAME, "end_image_url", &last, problem);
}

static int references_read(struct fal_input *input, const json_t *body, struct api_problem *problem)
{
    if (list_read(input, body, STORE_INPUT_REFERENCE_IMAGE, "reference_image_urls", problem) < 0 ||
        list_read(input, body, STORE_INPUT_REFERENCE_VIDEO, "reference_video_urls", problem) < 0)
        return -1;
    return list_read(input, body, STORE_INPUT_REFERENCE_AUDIO, "reference_audio_urls", problem);
}

static int media_read(struct fal_input *input, const json_t *body, enum fal_kind kind, struct api_problem *problem)
{
    bool found;
    switch (kind) {
    case FAL_TEXT: return 0;
    case FAL_IMAGE: return frames_read(input, body, true, problem);
    case FAL_SUBJECT:
        if (one_read(input, body, STORE_INPUT_SUBJECT, "subject_reference_image_url", &found, problem) < 0)
            return -1;
        return found ? 0 : refuse_missing(problem, "subject_reference_image_url");
    case FAL_REFERENCE:
        if (references_read(input, body, problem) < 0)
            return -1;
        return input->submit.media_count ? 0 : refuse_missing(problem, "reference_image_urls");
    case FAL_ANY: break;
    }
    return frames_read(input, body, false, problem) < 0 ? -1 : references_read(input, body, problem);
}

/* ---- other fields ---- */

static int duration_refuse(struct api_problem *problem, const char *value)
{
    static const char allowed[] = "whole seconds, as \"6\", \"6s\" or 6";
    api_refuse(problem, API_INVALID, "duration", "duration '%.40s' is no length; allowed: %s", value, allowed);
    snprintf(problem->value, sizeof problem->value, "%.40s", value);
    snprintf(problem->allowed, sizeof problem->allowed, "%s", allowed);
    return -1;
}

/* A text here, a number there, with an "s" behind it elsewhere. */
static int duration_read(const json_t *body, int64_t *ret, struct api_problem *problem)
{
    const json_t *value = json_object_get(body, "duration");
    char text[8];
    if (!json_is_string(value))
        return dialect_integer(body, "duration", 1, SECONDS_MAX, ret, problem);
    const char *given = json_string_value(value);
    const size_t size = strlen(given), digits = size && given[size - 1] == 's' ? size - 1 : size;
    if (!size)
        return 0;
    if (digits >= sizeof text)
        return duration_refuse(problem, given);
    memcpy(text, given, digits);
    text[digits] = '\0';
    return text_integer(text, 1, SECONDS_MAX, ret) ? 0 : duration_refuse(problem, given);
}

/* "768p" is written for "768P". */
static const char *resolution_known(const char *text)
{
    static const char *const names[] = {"160P", "480P", "512P", "720P", "768P", "1080P", "2K"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (text_equal_nocase(names[i], text))
            return names[i];
    return text;
}

static int size_read(const struct fal_endpoint *endpoint, const json_t *body, struct api_submit *submit,
                     struct api_problem *problem)
{
    const char *resolution = NULL;
    if (text_read(body, "resolution", &resolution, problem) < 0)
        return -1;
    resolution = resolution ? resolution_known(resolution) : endpoint->resolution;
    if (endpoint->resolution_fixed && endpoint->resolution && resolution && strcmp(resolution, endpoint->resolution)) {
        api_refuse(problem, API_INVALID, "resolution", "resolution '%.40s' cannot be had at this endpoint; allowed: %s",
                   resolution, endpoint->resolution);
        snprintf(problem->value, sizeof problem->value, "%.40s", resolution);
        snprintf(problem->allowed, sizeof problem->allowed, "%s", endpoint->resolution);
        return -1;
    }
    submit->resolution = resolution;
    return text_read(body, "aspect_ratio", &submit->ratio, problem);
}

static int engine_read(const json_t *body, struct api_submit *submit, struct api_problem *problem)
{
    int64_t steps = 0;
    if (dialect_integer(body, "seed", 0, ((int64_t)1 << 53) - 1, &submit->seed, problem) < 0 ||
        dialect_integer(body, "num_inference_steps", 1, STEPS_MAX, &steps, problem) < 0 ||
        dialect_real(body, "guidance_scale", 0, GUIDANCE_MAX, &submit->guidance, problem) < 0)
        return -1;
    submit->steps = (int)steps;
    return text_read(body, "negative_prompt", &submit->negative, problem);
}

int fal_input_read(const struct fal_endpoint *endpoint, const json_t *body, struct fal_input *ret,
                   struct api_problem *ret_problem)
{
    struct api_submit *submit = &ret->submit;
    memset(ret, 0, sizeof *ret);
    *submit = (struct api_submit){
        .dialect = "fal", .model = endpoint->slug, .seed = -1, .media = ret->media, .place = true};
    if (text_read(body, "prompt", &submit->prompt, ret_problem) < 0)
        return -1;
    if (!submit->prompt && endpoint->kind != FAL_ANY)
        return refuse_missing(ret_problem, "prompt");
    if (duration_read(body, &submit->seconds, ret_problem) < 0 || size_read(endpoint, body, submit, ret_problem) < 0 ||
        dialect_choice(body, "prompt_optimizer", &submit->optimizer, ret_problem) < 0 ||
        engine_read(body, submit, ret_problem) < 0)
        return -1;
    return media_read(ret, body, endpoint->kind, ret_problem);
}
