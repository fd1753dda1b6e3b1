/* Pictures and other media of a request: files of the form, addresses, ids, and the conditions of H3. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/dialect/openai.h"

static struct api_media *media_next(struct openai_create *create, enum store_input_role role, const char *field,
                                    struct api_problem *problem)
{
    const size_t index = create->submit.media_count;
    if (index == STORE_INPUTS_MAX) {
        api_refuse(problem, API_INVALID, field, "%s: more than %d pictures and other media", field, STORE_INPUTS_MAX);
        snprintf(problem->allowed, sizeof problem->allowed, "at most %d", STORE_INPUTS_MAX);
        return NULL;
    }
    struct api_media *media = &create->media[index];
    snprintf(create->fields[index], sizeof create->fields[index], "%s", field);
    *media = (struct api_media){.role = role, .field = create->fields[index]};
    create->submit.media_count++;
    return media;
}

/* "file-123" and 123 are ids, everything else is an address, which the API looks at. */
static int text_add(struct openai_create *create, enum store_input_role role, const char *field, const char *text,
                    struct api_problem *problem)
{
    struct api_media *media = media_next(create, role, field, problem);
    if (!media)
        return -1;
    if (!dialect_id_parse(text_begins(text, "file-") ? text + 5 : text, &media->file_id))
        media->url = text;
    return 0;
}

static int id_add(struct openai_create *create, enum store_input_role role, const char *field, const char *text,
                  struct api_problem *problem)
{
    int64_t id;
    if (dialect_id_parse(text_begins(text, "file-") ? text + 5 : text, &id))
        return text_add(create, role, field, text, problem);
    api_refuse(problem, API_INVALID, field, "%s is '%.60s', but must be the id of an uploaded file", field, text);
    snprintf(problem->value, sizeof problem->value, "%.60s", text);
    strcpy(problem->allowed, "the id of an uploaded file");
    return -1;
}

/* Of {"image_url"}, {"video_url"}, {"audio_url"} and {"file_id"} one. */
static int object_add(struct openai_create *create, enum store_input_role role, const char *field, const json_t *object,
                      struct api_problem *problem)
{
    const char *key = role == STORE_INPUT_REFERENCE_VIDEO   ? "video_url"
                      : role == STORE_INPUT_REFERENCE_AUDIO ? "audio_url"
                                                            : "image_url";
    const char *url = NULL, *id = NULL;
    char name[48];
    if (dialect_text(object, key, &url, problem) < 0 || dialect_text(object, "file_id", &id, problem) < 0) {
        snprintf(name, sizeof name, "%.20s.%.24s", field, problem->field);
        snprintf(problem->field, sizeof problem->field, "%s", name);
        return -1;
    }
    if ((url && *url) == (id && *id))
        return api_refuse(problem, API_INVALID, field, "%s must have either %s or file_id", field, key);
    snprintf(name, sizeof name, "%.20s.%s", field, id && *id ? "file_id" : key);
    return id && *id ? id_add(create, role, name, id, problem) : text_add(create, role, name, url, problem);
}

static int part_add(struct openai_create *create, enum store_input_role role, const struct http_part *part,
                    struct api_problem *problem)
{
    if (!part->size)
        return api_refuse(problem, API_INVALID, part->name, "the file of %.40s is empty", part->name);
    struct api_media *media = media_next(create, role, part->name, problem);
    if (!media)
        return -1;
    media->data = part->spool_path ? NULL : part->data;
    media->path = part->spool_path;
    media->data_size = part->size;
    return 0;
}

static int value_add(struct openai_create *create, enum store_input_role role, const char *field, const json_t *value,
                     struct api_problem *problem)
{
    char id[24];
    if (json_is_object(value))
        return object_add(create, role, field, value, problem);
    if (json_is_string(value))
        return text_add(create, role, field, json_string_value(value), problem);
    snprintf(id, sizeof id, "%lld", (long long)json_integer_value(value));
    if (json_is_integer(value))
        return id_add(create, role, field, id, problem);
    return api_refuse(problem, API_INVALID, field, "%s must be a file, an address, or an object with one", field);
}

static int field_add(const struct openai_source *source, struct openai_create *create, enum store_input_role role,
                     const char *field, struct api_problem *problem)
{
    const struct http_part *part = openai_file(source, field);
    const json_t *value = json_object_get(create->body, field);
    if (part && value)
        return api_refuse(problem, API_INVALID, field, "%s is there as a file and as a text", field);
    if (part)
        return part_add(create, role, part, problem);
    return value ? value_add(create, role, field, value, problem) : 0;
}

/* ---- conditions ---- */

enum h3_task { TASK_ANY, TASK_TEXT, TASK_FRAMES, TASK_REFERENCES };
static const char *const task_names[] = {"", "t2va", "fl2va", "ref2va"};

static int refuse_condition(struct api_problem *problem, size_t index, const char *key, const char *value,
                            const char *allowed)
{
    char field[64];
    snprintf(field, sizeof field, "conditions[%zu].%s", index, key);
    api_refuse(problem, API_INVALID, field, "%s is '%.60s', but must be %s", field, value ? value : "", allowed);
    snprintf(problem->value, sizeof problem->value, "%.60s", value ? value : "");
    snprintf(problem->allowed, sizeof problem->allowed, "%s", allowed);
    return -1;
}

static int keyframe_role(const json_t *object, size_t index, const char *type, enum store_input_role *ret,
                         struct api_problem *problem)
{
    int64_t frame = 0;
    char text[24];
    if (strcmp(type, "image") != 0)
        return refuse_condition(problem, index, "type", type, "image where role is keyframe");
    if (dialect_integer(object, "frame_index", INT32_MIN, INT32_MAX, &frame, problem) < 0)
        return -1;
    snprintf(text, sizeof text, "%lld", (long long)frame);
    if (frame != 0 && frame != -1)
        return refuse_condition(problem, index, "frame_index", text, "0 (the first) or -1 (the last)");
    *ret = frame ? STORE_INPUT_LAST_FRAME : STORE_INPUT_FIRST_FRAME;
    return 0;
}

static int condition_role(const json_t *object, size_t index, enum store_input_role *ret, struct api_problem *problem)
{
    static const char *const types[] = {"image", "video", "audio"};
    const char *type = "image", *role = "keyframe";
    if (dialect_text(object, "type", &type, problem) < 0 || dialect_text(object, "role", &role, problem) < 0)
        return -1;
    if (strcmp(role, "keyframe") == 0)
        return keyframe_role(object, index, type, ret, problem);
    if (strcmp(role, "reference") != 0)
        return refuse_condition(problem, index, "role", role, "keyframe or reference");
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(type, types[i]) == 0) {
            *ret = (enum store_input_role)(STORE_INPUT_REFERENCE_IMAGE + i);
            return 0;
        }
    return refuse_condition(problem, index, "type", type, "image, video or audio");
}

static int condition_add(struct openai_create *create, const json_t *object, size_t index, struct api_problem *problem)
{
    enum store_input_role role = STORE_INPUT_REFERENCE_IMAGE; /* condition_role sets it */
    const char *uri = NULL;
    char field[48];
    if (!json_is_object(object))
        return api_refuse(problem, API_INVALID, "conditions", "conditions[%zu] must be an object", index);
    if (condition_role(object, index, &role, problem) < 0 || dialect_text(object, "uri", &uri, problem) < 0)
        return -1;
    if (!uri || !*uri)
        return refuse_condition(problem, index, "uri", uri, "an http(s) address, a data: URL or the id of a file");
    snprintf(field, sizeof field, "conditions[%zu].uri", index);
    return text_add(create, role, field, uri, problem);
}

static int task_read(const json_t *body, enum h3_task *ret, struct api_problem *problem)
{
    const char *task = NULL;
    *ret = TASK_ANY;
    if (dialect_text(body, "task", &task, problem) < 0 || !task)
        return task ? -1 : 0;
    for (size_t i = 1; i < ARRAY_LEN(task_names); i++)
        if (strcmp(task, task_names[i]) == 0)
            *ret = (enum h3_task)i;
    if (*ret != TASK_ANY)
        return 0;
    api_refuse(problem, API_INVALID, "task", "task is '%.40s', but must be t2va, fl2va or ref2va", task);
    snprintf(problem->value, sizeof problem->value, "%.40s", task);
    strcpy(problem->allowed, "t2va, fl2va, ref2va");
    return -1;
}

/* The task says which media there must be, and no others. */
static int task_check(const struct openai_create *create, enum h3_task task, struct api_problem *problem)
{
    static const char *const wanted[] = {"", "no media", "a first or a last frame, and no references",
                                         "references, and no frames"};
    size_t frames = 0, others = 0;
    for (size_t i = 0; i < create->submit.media_count; i++) {
        const enum store_input_role role = create->media[i].role;
        const bool frame = role == STORE_INPUT_FIRST_FRAME || role == STORE_INPUT_LAST_FRAME;
        frames += frame;
        others += !frame;
    }
    const bool good = task == TASK_ANY || (task == TASK_TEXT && !frames && !others) ||
                      (task == TASK_FRAMES && frames && !others) || (task == TASK_REFERENCES && others && !frames);
    return good ? 0
                : api_refuse(problem, API_INVALID, "conditions", "task %s wants %s", task_names[task], wanted[task]);
}

int openai_media_read(const struct openai_source *source, struct openai_create *create, struct api_problem *ret_problem)
{
    static const struct {
        const char *field;
        enum store_input_role role;
    } rows[] = {
        {"input_reference", STORE_INPUT_FIRST_FRAME}, {"image_reference", STORE_INPUT_FIRST_FRAME},
        {"reference_url", STORE_INPUT_FIRST_FRAME},   {"image_url", STORE_INPUT_FIRST_FRAME},
        {"start_image", STORE_INPUT_FIRST_FRAME},     {"last_frame", STORE_INPUT_LAST_FRAME},
        {"end_image", STORE_INPUT_LAST_FRAME},        {"video_reference", STORE_INPUT_REFERENCE_VIDEO},
        {"video_url", STORE_INPUT_REFERENCE_VIDEO},   {"audio_reference", STORE_INPUT_REFERENCE_AUDIO},
        {"audio_url", STORE_INPUT_REFERENCE_AUDIO},
    };
    enum h3_task task;
    json_t *conditions = NULL;
    if (task_read(create->body, &task, ret_problem) < 0 ||
        dialect_array(create->body, "conditions", STORE_INPUTS_MAX, &conditions, ret_problem) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (field_add(source, create, rows[i].role, rows[i].field, ret_problem) < 0)
            return -1;
    for (size_t i = 0; i < json_array_size(conditions); i++)
        if (condition_add(create, json_array_get(conditions, i), i, ret_problem) < 0)
            return -1;
    return task_check(create, task, ret_problem);
}
