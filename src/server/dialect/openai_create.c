/* POST /v1/videos: from the body to what the API understands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/dialect/openai.h"

enum { STEPS_MAX = 1000 };

/* ---- what nothing here can do ---- */

/* Whether a field asks for something: not false, not empty, not "none". */
static bool is_asked(const json_t *value)
{
    const char *text = json_string_value(value);
    if (text)
        return !text_equal_nocase(text, "none") && !text_equal_nocase(text, "false");
    return json_is_true(value) || json_is_number(value) || json_object_size(value) || json_array_size(value);
}

static const struct {
    const char *name, *what;
} beyond[] = {
    {"characters", "keep characters from one clip to another"},
    {"lora", "load LoRA weights"},
    {"control_reference", "follow a control clip"},
    {"source_video", "change a clip that is there"},
    {"source_audio", "change a sound that is there"},
    {"video_path", "read files by their path on this server; send the file, or an address"},
    {"generate_sound", "be asked for sound by generate_sound; a model that makes sound makes it always"},
    {"audio", "follow a sound in this way; use audio_url with a model that takes references"},
    {"enable_frame_interpolation", "make frames between others"},
    {"enable_upscaling", "make a clip larger afterwards"},
};

static int beyond_check(const json_t *body, struct api_problem *problem)
{
    for (size_t i = 0; i < ARRAY_LEN(beyond); i++)
        if (is_asked(json_object_get(body, beyond[i].name)))
            return api_refuse(problem, API_UNAVAILABLE_HERE, beyond[i].name, "%s: no model of this server can %s",
                              beyond[i].name, beyond[i].what);
    const char *format = json_string_value(json_object_get(body, "format"));
    if (!format || text_equal_nocase(format, "mp4"))
        return 0;
    api_refuse(problem, API_INVALID, "format", "format is '%.40s', but must be mp4", format);
    strcpy(problem->allowed, "mp4");
    return -1;
}

static int count_check(const json_t *body, struct api_problem *problem)
{
    static const char *const names[] = {"n", "num_outputs_per_prompt"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        int64_t count = 1;
        if (dialect_integer(body, names[i], 1, 1, &count, problem) < 0)
            return -1;
    }
    return 0;
}

/* ---- fields ---- */

/* A number, or a list of one. */
static int seed_read(const json_t *body, int64_t *ret, struct api_problem *problem)
{
    static const char field[] = "seed";
    const json_t *value = json_object_get(body, field);
    json_t *alone;
    if (json_array_size(value) == 1)
        value = json_array_get(value, 0);
    alone = value ? json_pack("{s:O}", field, value) : json_object();
    if (!alone)
        return api_refuse(problem, API_BUSY, "", "there is no memory for the request at the moment");
    const bool chosen = !json_is_integer(value) || json_integer_value(value) != -1; /* -1: any */
    const int rc = chosen ? dialect_integer(alone, field, 0, (INT64_C(1) << 53) - 1, ret, problem) : 0;
    json_decref(alone);
    return rc;
}

static int texts_read(const json_t *body, struct api_submit *submit, struct api_problem *problem)
{
    if (dialect_text(body, "model", &submit->model, problem) < 0 ||
        dialect_text(body, "prompt", &submit->prompt, problem) < 0 ||
        dialect_text(body, "negative_prompt", &submit->negative, problem) < 0 ||
        dialect_text(body, "webhook_url", &submit->callback_url, problem) < 0)
        return -1;
    submit->callback_style = submit->callback_url ? "openai" : NULL;
    return 0;
}

/* LocalAI calls them step and cfg_scale. */
static int knobs_read(const json_t *body, struct api_submit *submit, struct api_problem *problem)
{
    int64_t steps = 0;
    if (dialect_integer(body, "step", 0, STEPS_MAX, &steps, problem) < 0 ||
        dialect_integer(body, "num_inference_steps", 0, STEPS_MAX, &steps, problem) < 0 ||
        dialect_real(body, "cfg_scale", 0, 100, &submit->guidance, problem) < 0 ||
        dialect_real(body, "guidance_scale", 0, 100, &submit->guidance, problem) < 0 ||
        dialect_choice(body, "prompt_optimizer", &submit->optimizer, problem) < 0)
        return -1;
    submit->steps = (int)steps;
    return seed_read(body, &submit->seed, problem);
}

/* "t2va", "fl2va", "ref2va": what MiniMax-H3 is asked for on servers that have one model. */
static int task_read(const json_t *body, struct api_submit *submit, struct api_problem *problem)
{
    const char *task = NULL;
    if (dialect_text(body, "task", &task, problem) < 0)
        return -1;
    if (task && !submit->model)
        submit->model = "MiniMax-H3";
    if (!submit->model)
        submit->model = OPENAI_DEFAULT_MODEL;
    return 0;
}

int openai_create_read(const struct openai_source *source, const struct catalog *catalog, struct openai_create *ret,
                       struct api_problem *ret_problem)
{
    struct api_submit *submit = &ret->submit;
    memset(ret, 0, sizeof *ret);
    *submit = (struct api_submit){.dialect = "openai", .seed = -1, .media = ret->media};
    if (openai_body_read(source, &ret->body, ret_problem) < 0)
        return -1;
    if (texts_read(ret->body, submit, ret_problem) < 0 || task_read(ret->body, submit, ret_problem) < 0 ||
        beyond_check(ret->body, ret_problem) < 0 || count_check(ret->body, ret_problem) < 0 ||
        knobs_read(ret->body, submit, ret_problem) < 0 || openai_media_read(source, ret, ret_problem) < 0 ||
        openai_output_read(ret, catalog_find(catalog, submit->model), ret_problem) < 0) {
        openai_create_finish(ret);
        return -1;
    }
    return 0;
}

void openai_create_finish(struct openai_create *create)
{
    json_decref(create->body);
    json_decref(create->metadata);
    create->body = create->metadata = NULL;
}
