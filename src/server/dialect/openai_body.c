/* Bodies of both kinds become one object whose fields have the types that they have in JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/dialect/openai.h"

enum kind { TEXT, INTEGER, REAL, FLAG, JSON, ANY /* a text, or JSON where it begins like that */ };

static const struct field {
    const char *name;
    enum kind kind;
} fields[] = {
    /* of the official API */
    {"model", TEXT},
    {"prompt", TEXT},
    {"seconds", INTEGER},
    {"size", TEXT},
    {"input_reference", ANY},
    {"characters", JSON},
    {"video", ANY},
    {"name", TEXT},
    /* of the self-hosted servers */
    {"width", INTEGER},
    {"height", INTEGER},
    {"num_frames", INTEGER},
    {"fps", INTEGER},
    {"duration", INTEGER},
    {"seed", ANY},
    {"n", INTEGER},
    {"num_outputs_per_prompt", INTEGER},
    {"num_inference_steps", INTEGER},
    {"step", INTEGER},
    {"guidance_scale", REAL},
    {"cfg_scale", REAL},
    {"negative_prompt", TEXT},
    {"resolution", TEXT},
    {"aspect_ratio", TEXT},
    {"ratio", TEXT},
    {"image_reference", ANY},
    {"reference_url", TEXT},
    {"image_url", TEXT},
    {"start_image", ANY},
    {"end_image", ANY},
    {"last_frame", ANY},
    {"video_reference", ANY},
    {"video_url", TEXT},
    {"audio_reference", ANY},
    {"audio_url", TEXT},
    {"audio", ANY},
    {"task", TEXT},
    {"conditions", JSON},
    {"target", JSON},
    {"lora", ANY},
    {"control_reference", ANY},
    {"source_video", ANY},
    {"source_audio", ANY},
    {"video_path", TEXT},
    {"generate_sound", FLAG},
    {"enable_frame_interpolation", FLAG},
    {"enable_upscaling", FLAG},
    {"format", TEXT},
    {"response_format", TEXT},
    /* of ours */
    {"prompt_optimizer", FLAG},
    {"webhook_url", TEXT},
};

static const struct field *field_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

static int no_memory(struct api_problem *problem)
{
    return api_refuse(problem, API_BUSY, "", "there is no memory for the request at the moment");
}

/* ---- a form as an object of texts ---- */

/* "video[id]" -> video, id; "conditions[][role]" -> conditions, "", role. */
struct path {
    char text[128];
    const char *names[OPENAI_NESTING_MAX];
    size_t count;
};

static bool path_split(const char *name, struct path *ret)
{
    if (strlen(name) >= sizeof ret->text)
        return false;
    strcpy(ret->text, name);
    ret->names[0] = ret->text;
    ret->count = 1;
    char *at = strchr(ret->text, '[');
    while (at && *at == '[') {
        char *end = strchr(at, ']');
        if (!end || ret->count == OPENAI_NESTING_MAX)
            return false;
        *at = *end = '\0';
        ret->names[ret->count++] = at + 1;
        at = end + 1;
    }
    return ret->names[0][0] && (!at || !*at);
}

static bool is_index(const char *name)
{
    return strlen(name) <= 3 && strspn(name, "0123456789") == strlen(name); /* also "": the next one */
}

static json_t *member(const json_t *at, const char *name)
{
    return json_is_array(at) ? json_array_get(at, *name ? (size_t)atoi(name) : json_array_size(at))
                             : json_object_get(at, name);
}

/* "x[][a]" goes on in the last element while that has no a yet. */
static json_t *last_open(const json_t *at, const char *name, const char *next)
{
    json_t *last = json_is_array(at) && !*name ? json_array_get(at, json_array_size(at) - 1) : NULL;
    return json_is_object(last) && !json_object_get(last, next) ? last : NULL;
}

/* Takes value over. Only the next place of a list can be filled. */
static bool member_set(json_t *at, const char *name, json_t *value)
{
    if (json_is_object(at))
        return json_object_set_new(at, name, value) == 0;
    const bool next = json_array_size(at) < OPENAI_LIST_MAX && (!*name || (size_t)atoi(name) == json_array_size(at));
    if (next)
        return json_array_append_new(at, value) == 0;
    json_decref(value);
    return false;
}

static bool fits(const json_t *at, const char *name)
{
    return json_is_object(at) || (json_is_array(at) && is_index(name));
}

/* What holds the names behind names[i]; made where it is not there. NULL: it cannot be. */
static json_t *path_step(json_t *at, const struct path *path, size_t i)
{
    const char *name = path->names[i], *next = path->names[i + 1];
    json_t *below = fits(at, name) ? last_open(at, name, next) : NULL;
    if (!below && fits(at, name))
        below = member(at, name);
    if (below || !fits(at, name))
        return below;
    below = is_index(next) ? json_array() : json_object();
    return below && member_set(at, name, below) ? below : NULL;
}

/* false: a name that stands twice, or is a text here and holds fields there. Takes value over. */
static bool path_put(json_t *at, const struct path *path, json_t *value)
{
    for (size_t i = 0; at && i + 1 < path->count; i++)
        at = path_step(at, path, i);
    const char *name = path->names[path->count - 1];
    if (at && fits(at, name) && !member(at, name))
        return member_set(at, name, value);
    json_decref(value);
    return false;
}

static int part_put(json_t *to, const struct http_part *part, const struct path *path, struct api_problem *problem)
{
    if (!part->data)
        return api_refuse(problem, API_INVALID, path->names[0], "%.60s is too long for a text", part->name);
    if (strlen(part->data) != part->size)
        return api_refuse(problem, API_INVALID, path->names[0], "%.60s holds a NUL byte", part->name);
    json_t *value = json_string(part->data);
    if (!value) /* jansson takes UTF-8 alone */
        return api_refuse(problem, API_INVALID, path->names[0], "%.60s is no valid UTF-8", part->name);
    if (!path_put(to, path, value))
        return api_refuse(problem, API_INVALID, path->names[0],
                          "%.60s stands in the form twice, or does not fit the other fields of that name", part->name);
    return 0;
}

static bool is_known(const char *name)
{
    return field_find(name) || strcmp(name, "extra_body") == 0 || strcmp(name, "extra_params") == 0;
}

static int form_read(const struct http_request *form, json_t **ret, struct api_problem *problem)
{
    json_t *object = json_object();
    int rc = object ? 0 : no_memory(problem);
    for (size_t i = 0; rc == 0 && i < form->part_count; i++) {
        const struct http_part *part = &form->parts[i];
        struct path path;
        if (part->filename || !part->size || !path_split(part->name, &path) || !is_known(path.names[0]))
            continue;
        rc = part_put(object, part, &path, problem);
    }
    if (rc < 0)
        json_decref(object);
    else
        *ret = object;
    return rc;
}

/* ---- types ---- */

/* JSON inside a text, looked at for its depth before it is parsed. NULL: it is none. */
static json_t *text_parse(const char *text)
{
    struct api_problem ignored;
    struct buf wrapped;
    json_t *object = NULL, *value = NULL;
    buf_init(&wrapped, strlen(text) + 16);
    if (buf_append_format(&wrapped, NULL, "{\"v\":%s}", text) == 0 &&
        dialect_json_parse(wrapped.data, wrapped.size, OPENAI_NESTING_MAX, &object, &ignored) == 0 &&
        json_object_size(object) == 1)
        value = json_incref(json_object_get(object, "v"));
    json_decref(object);
    buf_finish(&wrapped);
    return value;
}

static json_t *flag_parse(const char *text)
{
    static const char *const yes[] = {"true", "1", "on"}, *const no[] = {"false", "0", "off"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (text_equal_nocase(text, yes[i]))
            return json_true();
        if (text_equal_nocase(text, no[i]))
            return json_false();
    }
    return NULL;
}

static json_t *real_parse(const char *text)
{
    char *end;
    const double number = strtod(text, &end);
    return *text && !*end && strspn(text, "0123456789.eE+-") == strlen(text) ? json_real(number) : NULL;
}

/* The value that a text stands for; NULL: none but itself. */
static json_t *text_value(enum kind kind, const char *text)
{
    int64_t number;
    switch (kind) {
    case TEXT: break;
    case INTEGER: return text_integer(text, INT64_MIN, INT64_MAX, &number) ? json_integer(number) : real_parse(text);
    case REAL: return real_parse(text);
    case FLAG: return flag_parse(text);
    case JSON: return text_parse(text);
    case ANY:
        if (text_integer(text, INT64_MIN, INT64_MAX, &number))
            return json_integer(number);
        return *text == '{' || *text == '[' ? text_parse(text) : NULL;
    }
    return NULL;
}

/* Adds a field that is known and not there yet. Empty texts say no more than no text. */
static int field_take(json_t *to, const char *name, json_t *value, struct api_problem *problem)
{
    const struct field *field = field_find(name);
    const char *text = json_string_value(value);
    if (!field || json_object_get(to, name) || json_is_null(value) || (text && !*text))
        return 0;
    if (json_is_integer(value) && field->kind == FLAG && (json_integer_value(value) | 1) == 1)
        return json_object_set_new(to, name, json_boolean(json_integer_value(value))) < 0 ? no_memory(problem) : 0;
    json_t *typed = text ? text_value(field->kind, text) : NULL;
    if (json_object_set_new(to, name, typed ? typed : json_incref(value)) < 0)
        return no_memory(problem);
    return 0;
}

static int members_take(json_t *to, const json_t *from, struct api_problem *problem)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)from, name, value)
    {
        if (field_take(to, name, value, problem) < 0)
            return -1;
    }
    return 0;
}

/* extra_body, extra_params: an object, or a text that is one. */
static int extra_take(json_t *to, const json_t *from, const char *name, struct api_problem *problem)
{
    const json_t *value = json_object_get(from, name);
    const char *text = json_string_value(value);
    if (!value || json_is_null(value) || (text && !*text))
        return 0;
    json_t *extra = text ? text_parse(text) : json_incref((json_t *)value);
    const int rc = json_is_object(extra)
                       ? members_take(to, extra, problem)
                       : api_refuse(problem, API_INVALID, name, "%s must be a JSON object: {...}", name);
    json_decref(extra);
    return rc;
}

int openai_body_read(const struct openai_source *source, json_t **ret, struct api_problem *ret_problem)
{
    json_t *raw = NULL, *typed = NULL;
    int rc = 0;
    if (source->form)
        rc = form_read(source->form, &raw, ret_problem);
    else
        raw = json_incref((json_t *)source->json);
    if (rc == 0 && !(typed = json_object()))
        rc = no_memory(ret_problem);
    if (rc == 0)
        rc = members_take(typed, raw, ret_problem);
    if (rc == 0)
        rc = extra_take(typed, raw, "extra_body", ret_problem);
    if (rc == 0)
        rc = extra_take(typed, raw, "extra_params", ret_problem);
    json_decref(raw);
    if (rc < 0)
        json_decref(typed);
    else
        *ret = typed;
    return rc;
}

const struct http_part *openai_file(const struct openai_source *source, const char *name)
{
    for (size_t i = 0; source->form && i < source->form->part_count; i++)
        if (source->form->parts[i].filename && strcmp(source->form->parts[i].name, name) == 0)
            return &source->form->parts[i];
    return NULL;
}

struct openai_source openai_source(const struct dialect_call *call)
{
    return (struct openai_source){.json = call->json, .form = call->request->multipart ? call->request : NULL};
}
