/* The body of a new prediction. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/dialect/replicate.h"

enum { STEPS_MAX = 1000, GUIDANCE_MAX = 100, SECONDS_MAX = 3600, FILTER_MAX = 8 };

/* Names there of what the catalog calls otherwise: the model follows from the pictures. */
static const struct {
    const char *name, *text, *picture, *subject, *resolution;
} models[] = {
    {"minimax/video-01", "minimax/t2v-01", "minimax/i2v-01", "minimax/s2v-01", NULL},
    {"minimax/video-01-director", "minimax/t2v-01-director", "minimax/i2v-01-director", "minimax/s2v-01", NULL},
    {"minimax/video-01-live", "minimax/i2v-01-live", "minimax/i2v-01-live", "minimax/s2v-01", NULL},
    {"minimax/hailuo-02-fast", "minimax/hailuo-02", "minimax/hailuo-02", "minimax/hailuo-02", "512P"},
};

static int text_read(const json_t *body, const char *key, const char **ret, struct api_problem *problem)
{
    if (dialect_text(body, key, ret, problem) < 0)
        return -1;
    if (*ret && !**ret)
        *ret = NULL;
    return 0;
}

/* ---- media ---- */

static int media_add(struct replicate_input *read, enum store_input_role role, const char *url, const char *field,
                     const char *origin, struct api_problem *problem)
{
    static const char *const paths[] = {"/v1/files/", "/replicate/v1/files/"};
    const size_t index = read->submit.media_count;
    if (index == REPLICATE_MEDIA_MAX)
        return api_refuse(problem, API_INVALID, field, "more than %d pictures and other media; allowed: at most %d",
                          REPLICATE_MEDIA_MAX, REPLICATE_MEDIA_MAX);
    snprintf(read->fields[index], sizeof read->fields[index], "%s", field);
    struct api_media *media = &read->media[index];
    *media = (struct api_media){.role = role, .url = url, .field = read->fields[index]};
    read->submit.media_count++;
    if (!origin || !text_begins(url, origin))
        return 0;
    const char *path = url + strlen(origin);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (text_begins(path, paths[i]) && dialect_id_parse(path + strlen(paths[i]), &media->file_id))
            media->url = NULL;
    return 0;
}

struct name {
    const char *field;
    enum store_input_role role;
};

/* Several names for one picture: the models' own, and those that other clients use for all models. */
static const struct name frames[] = {
    {"first_frame_image", STORE_INPUT_FIRST_FRAME}, {"image", STORE_INPUT_FIRST_FRAME},
    {"start_image", STORE_INPUT_FIRST_FRAME},       {"last_frame_image", STORE_INPUT_LAST_FRAME},
    {"end_image", STORE_INPUT_LAST_FRAME},          {"last_frame", STORE_INPUT_LAST_FRAME},
    {"subject_reference", STORE_INPUT_SUBJECT},
};
static const struct name lists[] = {
    {"reference_images", STORE_INPUT_REFERENCE_IMAGE},
    {"reference_videos", STORE_INPUT_REFERENCE_VIDEO},
    {"reference_audios", STORE_INPUT_REFERENCE_AUDIO},
};

static int list_read(struct replicate_input *read, const json_t *input, const struct name *name, const char *origin,
                     struct api_problem *problem)
{
    json_t *list = NULL;
    char field[48];
    if (dialect_array(input, name->field, REPLICATE_MEDIA_MAX, &list, problem) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *url = json_string_value(json_array_get(list, i));
        snprintf(field, sizeof field, "%s[%zu]", name->field, i);
        if (!url || !*url)
            return api_refuse(problem, API_INVALID, field, "%s must be an address or a data: URL", field);
        if (media_add(read, name->role, url, field, origin, problem) < 0)
            return -1;
    }
    return 0;
}

static int media_read(struct replicate_input *read, const json_t *input, const char *origin,
                      struct api_problem *problem)
{
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        const char *url = NULL;
        if (text_read(input, frames[i].field, &url, problem) < 0 ||
            (url && media_add(read, frames[i].role, url, frames[i].field, origin, problem) < 0))
            return -1;
    }
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (list_read(read, input, &lists[i], origin, problem) < 0)
            return -1;
    return 0;
}

/* ---- other fields ---- */

/* "1280x720"; anything else is for the model to judge as a resolution. */
static int size_read(const json_t *input, struct api_submit *submit, struct api_problem *problem)
{
    static const char *const known[] = {"160P", "480P", "512P", "720P", "768P", "1080P", "2K"};
    const char *size = NULL;
    int end = 0;
    if (text_read(input, "resolution", &submit->resolution, problem) < 0 ||
        text_read(input, "size", &size, problem) < 0 || text_read(input, "aspect_ratio", &submit->ratio, problem) < 0)
        return -1;
    for (size_t i = 0; submit->resolution && i < ARRAY_LEN(known); i++)
        if (text_equal_nocase(known[i], submit->resolution))
            submit->resolution = known[i];
    if (!size || submit->resolution)
        return 0;
    if (strlen(size) <= 11 && strspn(size, "0123456789x") == strlen(size) &&
        sscanf(size, "%5dx%5d%n", &submit->width, &submit->height, &end) == 2 && !size[end] && submit->width > 0 &&
        submit->height > 0)
        return 0;
    return api_refuse(problem, API_INVALID, "size", "size is '%.40s', but must be WIDTHxHEIGHT in pixels: 1280x720",
                      size);
}

static int fields_read(const json_t *input, struct api_submit *submit, struct api_problem *problem)
{
    int64_t steps = 0;
    if (text_read(input, "prompt", &submit->prompt, problem) < 0 ||
        text_read(input, "negative_prompt", &submit->negative, problem) < 0 || size_read(input, submit, problem) < 0 ||
        dialect_integer(input, "duration", 1, SECONDS_MAX, &submit->seconds, problem) < 0 ||
        dialect_integer(input, "seed", 0, ((int64_t)1 << 53) - 1, &submit->seed, problem) < 0 ||
        dialect_integer(input, "num_inference_steps", 1, STEPS_MAX, &steps, problem) < 0 ||
        dialect_real(input, "guidance_scale", 0, GUIDANCE_MAX, &submit->guidance, problem) < 0 ||
        dialect_choice(input, "prompt_optimizer", &submit->optimizer, problem) < 0)
        return -1;
    submit->steps = (int)steps;
    return 0;
}

static void model_pick(struct api_submit *submit, const char *name)
{
    bool picture = false, subject = false;
    submit->model = name;
    for (size_t i = 0; i < submit->media_count; i++) {
        subject = subject || submit->media[i].role == STORE_INPUT_SUBJECT;
        picture = picture || submit->media[i].role != STORE_INPUT_SUBJECT;
    }
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        if (strcmp(models[i].name, name) != 0)
            continue;
        submit->model = subject ? models[i].subject : picture ? models[i].picture : models[i].text;
        if (!submit->resolution)
            submit->resolution = models[i].resolution;
    }
}

/* ---- who is told ---- */

static int filter_read(const json_t *body, unsigned *ret, struct api_problem *problem)
{
    static const char *const names[] = {"start", "output", "completed", "logs"};
    static const char field[] = "webhook_events_filter";
    json_t *list = NULL;
    *ret = REPLICATE_START | REPLICATE_OUTPUT | REPLICATE_COMPLETED;
    if (dialect_array(body, field, FILTER_MAX, &list, problem) < 0)
        return -1;
    if (!json_array_size(list))
        return 0;
    *ret = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *word = json_string_value(json_array_get(list, i));
        size_t k = 0;
        while (k < ARRAY_LEN(names) && (!word || strcmp(names[k], word) != 0))
            k++;
        if (k == ARRAY_LEN(names))
            return api_refuse(problem, API_INVALID, field,
                              "%s[%zu] is '%.40s'; allowed: start, output, logs, completed", field, i,
                              word ? word : "");
        *ret |= k < 3 ? 1u << k : 0;
    }
    return 0;
}

static int webhook_read(const json_t *body, struct api_submit *submit, struct api_problem *problem)
{
    unsigned events;
    if (text_read(body, "webhook", &submit->callback_url, problem) < 0 || filter_read(body, &events, problem) < 0)
        return -1;
    if (submit->callback_url)
        submit->callback_style = replicate_style(events);
    return 0;
}

int replicate_input_read(const json_t *body, const char *name, const char *origin, struct replicate_input *ret,
                         struct api_problem *ret_problem)
{
    json_t *input = NULL;
    memset(ret, 0, sizeof *ret);
    ret->submit = (struct api_submit){.dialect = "replicate", .seed = -1, .media = ret->media};
    if (dialect_object(body, "input", &input, ret_problem) < 0)
        return -1;
    if (!input)
        return api_refuse(ret_problem, API_INVALID, "input", "input is missing: an object with the model's inputs");
    if (fields_read(input, &ret->submit, ret_problem) < 0 || media_read(ret, input, origin, ret_problem) < 0 ||
        webhook_read(body, &ret->submit, ret_problem) < 0)
        return -1;
    model_pick(&ret->submit, name);
    return 0;
}

/* ---- small texts ---- */

int64_t replicate_prefer_ms(const char *header)
{
    const char *at = header ? strstr(header, "wait") : NULL;
    int seconds = REPLICATE_WAIT_S_MAX;
    if (!at)
        return 0;
    if (at[4] == '=' && (sscanf(at + 5, "%4d", &seconds) != 1 || seconds < 1))
        seconds = 1;
    return (int64_t)(seconds < REPLICATE_WAIT_S_MAX ? seconds : REPLICATE_WAIT_S_MAX) * 1000;
}

bool replicate_name_split(const char *version, char ret_name[REPLICATE_NAME_MAX], bool *ret_is_name)
{
    const size_t size = strcspn(version, ":");
    *ret_is_name = memchr(version, '/', size) != NULL;
    if (!size || size >= REPLICATE_NAME_MAX)
        return false;
    memcpy(ret_name, version, size);
    ret_name[size] = '\0';
    return true;
}
