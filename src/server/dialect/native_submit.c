/* A request for a job, from JSON or from a form: both become one JSON object, and files of a form become media. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "server/dialect/native.h"

enum { METADATA_MAX = 16, METADATA_BYTES_MAX = 512, SECONDS_MAX = 3600, STEPS_MAX = 1000 };

enum field_kind { FIELD_TEXT, FIELD_INTEGER, FIELD_REAL, FIELD_FLAG, FIELD_JSON, FIELD_SOURCE };

static const struct field {
    const char *name;
    enum field_kind kind;
    bool form_only, json_only;
} fields[] = {{"model", FIELD_TEXT},
              {"prompt", FIELD_TEXT},
              {"negative_prompt", FIELD_TEXT},
              {"task", FIELD_TEXT},
              {"resolution", FIELD_TEXT},
              {"size", FIELD_TEXT},
              {"seconds", FIELD_INTEGER},
              {"ratio", FIELD_TEXT},
              {"seed", FIELD_INTEGER},
              {"steps", FIELD_INTEGER},
              {"guidance", FIELD_REAL},
              {"optimizer", FIELD_FLAG},
              {"pretreatment", FIELD_FLAG},
              {"watermark", FIELD_FLAG},
              {"expansion", FIELD_TEXT},
              {"priority", FIELD_INTEGER},
              {"callback_url", FIELD_TEXT},
              {"metadata", FIELD_JSON},
              {"first_frame", FIELD_SOURCE},
              {"last_frame", FIELD_SOURCE},
              {"subjects", FIELD_JSON, .json_only = true},
              {"references", FIELD_JSON, .json_only = true},
              {"subject", FIELD_SOURCE, .form_only = true},
              {"reference", FIELD_SOURCE, .form_only = true},
              {"reference_video", FIELD_SOURCE, .form_only = true},
              {"reference_audio", FIELD_SOURCE, .form_only = true}};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static void names_of(bool form, const char *ret[FIELDS + 1])
{
    size_t count = 0;
    for (size_t i = 0; i < FIELDS; i++)
        if (form ? !fields[i].json_only : !fields[i].form_only)
            ret[count++] = fields[i].name;
    ret[count] = NULL;
}

/* ---- media ---- */

static struct api_media *media_next(struct native_submit *read, const char *name, struct api_problem *problem)
{
    size_t index = read->submit.media_count;
    if (index == STORE_INPUTS_MAX) {
        api_refuse(problem, API_INVALID, name, "more than the allowed %d pictures and other media", STORE_INPUTS_MAX);
        snprintf(problem->allowed, sizeof problem->allowed, "at most %d", STORE_INPUTS_MAX);
        return NULL;
    }
    struct api_media *media = &read->media[index];
    snprintf(read->fields[index], sizeof read->fields[index], "%s", name);
    *media = (struct api_media){.field = read->fields[index]};
    read->submit.media_count++;
    return media;
}

/* An address or the id of a file. */
static int source_read(struct native_submit *read, enum store_input_role role, const char *name, const char *text,
                       struct api_problem *problem)
{
    static const char allowed[] = "an http(s) address, a data: URL, or the id of an uploaded file";
    struct api_media *media = media_next(read, name, problem);
    if (!media)
        return -1;
    media->role = role;
    if (dialect_id_parse(text, &media->file_id))
        return 0;
    if (text_begins(text, "https://") || text_begins(text, "http://") || text_begins(text, "data:") ||
        text_begins(text, "mm_file://")) {
        media->url = text;
        return 0;
    }
    api_refuse(problem, API_INVALID, name, "%s is '%.60s', but must be %s", name, text, allowed);
    snprintf(problem->value, sizeof problem->value, "%.60s", text);
    strcpy(problem->allowed, allowed);
    return -1;
}

static int source_field(struct native_submit *read, const json_t *json, const char *key, enum store_input_role role,
                        struct api_problem *problem)
{
    const char *text = NULL;
    int64_t id = 0;
    const json_t *value = json_object_get(json, key);
    if (json_is_integer(value)) {
        struct api_media *media;
        if (dialect_id(json, key, &id, problem) < 0 || !(media = media_next(read, key, problem)))
            return -1;
        media->role = role;
        media->file_id = id;
        return 0;
    }
    if (dialect_text(json, key, &text, problem) < 0)
        return -1;
    return text ? source_read(read, role, key, text, problem) : 0;
}

static int reference_role(const json_t *object, const char *name, enum store_input_role *ret,
                          struct api_problem *problem)
{
    static const char *const types[] = {"image", "video", "audio"};
    const char *type = "image";
    if (dialect_text(object, "type", &type, problem) < 0)
        return -1;
    for (size_t i = 0; i < 3; i++)
        if (strcmp(type, types[i]) == 0) {
            *ret = (enum store_input_role)(STORE_INPUT_REFERENCE_IMAGE + i);
            return 0;
        }
    api_refuse(problem, API_INVALID, name, "the type of %s is '%.40s', but must be image, video or audio", name, type);
    snprintf(problem->value, sizeof problem->value, "%.40s", type);
    strcpy(problem->allowed, "image, video, audio");
    return -1;
}

/* One entry of subjects or references: a text, an id, or for references also {"type", "source"}. */
static int entry_read(struct native_submit *read, const json_t *entry, enum store_input_role role, const char *name,
                      struct api_problem *problem)
{
    static const char *const known[] = {"type", "source", NULL};
    char id[24];
    if (json_is_object(entry) && role == STORE_INPUT_REFERENCE_IMAGE) {
        if (dialect_known(entry, known, problem) < 0 || reference_role(entry, name, &role, problem) < 0)
            return -1;
        entry = json_object_get(entry, "source");
    }
    if (json_is_string(entry))
        return source_read(read, role, name, json_string_value(entry), problem);
    if (json_is_integer(entry)) {
        snprintf(id, sizeof id, "%lld", (long long)json_integer_value(entry));
        return source_read(read, role, name, id, problem);
    }
    api_refuse(problem, API_INVALID, name,
               "%s must be an http(s) address, a data: URL, or the id of an uploaded file%s", name,
               role == STORE_INPUT_SUBJECT ? "" : ", or {\"type\", \"source\"}");
    return -1;
}

static int entries_read(struct native_submit *read, const json_t *json, const char *key, enum store_input_role role,
                        struct api_problem *problem)
{
    json_t *array = NULL, *entry;
    size_t index;
    char name[32];
    if (dialect_array(json, key, STORE_INPUTS_MAX, &array, problem) < 0)
        return -1;
    json_array_foreach(array, index, entry)
    {
        snprintf(name, sizeof name, "%s[%zu]", key, index);
        if (entry_read(read, entry, role, name, problem) < 0)
            return -1;
    }
    return 0;
}

static int media_read(struct native_submit *read, const json_t *json, struct api_problem *problem)
{
    if (source_field(read, json, "first_frame", STORE_INPUT_FIRST_FRAME, problem) < 0 ||
        source_field(read, json, "last_frame", STORE_INPUT_LAST_FRAME, problem) < 0 ||
        entries_read(read, json, "subjects", STORE_INPUT_SUBJECT, problem) < 0 ||
        entries_read(read, json, "references", STORE_INPUT_REFERENCE_IMAGE, problem) < 0)
        return -1;
    return 0;
}

/* ---- forms ---- */

static enum store_input_role form_role(const char *name)
{
    if (strcmp(name, "first_frame") == 0)
        return STORE_INPUT_FIRST_FRAME;
    if (strcmp(name, "last_frame") == 0)
        return STORE_INPUT_LAST_FRAME;
    if (strcmp(name, "subject") == 0)
        return STORE_INPUT_SUBJECT;
    if (strcmp(name, "reference_video") == 0)
        return STORE_INPUT_REFERENCE_VIDEO;
    return strcmp(name, "reference_audio") == 0 ? STORE_INPUT_REFERENCE_AUDIO : STORE_INPUT_REFERENCE_IMAGE;
}

static int form_media(struct native_submit *read, const struct http_part *part, struct api_problem *problem)
{
    if (!part->filename)
        return part->data && part->size ? source_read(read, form_role(part->name), part->name, part->data, problem) : 0;
    if (!part->size)
        return api_refuse(problem, API_INVALID, part->name, "the file of %.60s is empty", part->name);
    struct api_media *media = media_next(read, part->name, problem);
    if (!media)
        return -1;
    media->role = form_role(part->name);
    media->data = part->spool_path ? NULL : part->data;
    media->path = part->spool_path;
    media->data_size = part->size;
    return 0;
}

static const struct field *field_find(const char *name)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

/* The text of a form field as the JSON value it stands for; one that is none stays a text, and is refused as such. */
static json_t *form_value(enum field_kind kind, const char *text)
{
    int64_t number;
    char *end;
    double real;
    json_t *json = NULL;
    if (kind == FIELD_INTEGER && text_integer(text, INT64_MIN, INT64_MAX, &number))
        return json_integer(number);
    if (kind == FIELD_REAL && *text && (real = strtod(text, &end), !*end))
        json = json_real(real);
    if (kind == FIELD_FLAG && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0))
        return json_true();
    if (kind == FIELD_FLAG && (strcmp(text, "false") == 0 || strcmp(text, "0") == 0))
        return json_false();
    if (kind == FIELD_JSON)
        json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    return json ? json : json_string(text);
}

static int form_field(json_t *json, const struct http_part *part, struct api_problem *problem)
{
    const struct field *field = field_find(part->name);
    if (part->filename || !part->data)
        return api_refuse(problem, API_INVALID, part->name, "%.60s is a file or too long, but must be a text",
                          part->name);
    if (json_object_get(json, part->name))
        return api_refuse(problem, API_INVALID, part->name, "%.60s is there twice", part->name);
    if (!part->size && field->kind != FIELD_TEXT)
        return 0;
    if (strlen(part->data) != part->size)
        return api_refuse(problem, API_INVALID, part->name, "%.60s holds a NUL byte", part->name);
    json_t *value = form_value(field->kind, part->data);
    if (!value) /* jansson takes UTF-8 alone */
        return api_refuse(problem, API_INVALID, part->name, "%.60s is no valid UTF-8", part->name);
    if (json_object_set_new(json, part->name, value) < 0)
        return api_refuse(problem, API_INTERNAL, "", "no memory for the request");
    return 0;
}

static int form_read(struct native_submit *read, const struct http_request *request, struct api_problem *problem)
{
    const char *names[FIELDS + 1];
    names_of(true, names);
    if (dialect_known_parts(request, names, problem) < 0)
        return -1;
    read->owned = json_object();
    if (!read->owned)
        return api_refuse(problem, API_INTERNAL, "", "no memory for the request");
    for (size_t i = 0; i < request->part_count; i++) {
        const struct http_part *part = &request->parts[i];
        bool source = field_find(part->name)->kind == FIELD_SOURCE;
        if ((source ? form_media(read, part, problem) : form_field(read->owned, part, problem)) < 0)
            return -1;
    }
    return 0;
}

/* ---- fields ---- */

static int size_read(const json_t *json, struct api_submit *submit, struct api_problem *problem)
{
    const char *text = NULL;
    int end = 0;
    if (dialect_text(json, "size", &text, problem) < 0)
        return -1;
    if (!text)
        return 0;
    if (strspn(text, "0123456789x") == strlen(text) && strlen(text) <= 11 &&
        sscanf(text, "%5dx%5d%n", &submit->width, &submit->height, &end) == 2 && !text[end] && submit->width > 0 &&
        submit->height > 0) {
        if (!submit->resolution)
            return 0;
        return api_refuse(problem, API_INVALID, "size", "size and resolution are given both; allowed is one of them");
    }
    api_refuse(problem, API_INVALID, "size", "size is '%.40s', but must be WIDTHxHEIGHT in pixels: 256x160", text);
    snprintf(problem->value, sizeof problem->value, "%.40s", text);
    strcpy(problem->allowed, "WIDTHxHEIGHT");
    return -1;
}

static int metadata_read(json_t *json, struct api_submit *submit, struct api_problem *problem)
{
    const char *key;
    json_t *value;
    if (dialect_object(json, "metadata", &submit->metadata, problem) < 0)
        return -1;
    if (json_object_size(submit->metadata) > METADATA_MAX)
        return api_refuse(problem, API_INVALID, "metadata", "metadata has %zu entries, allowed are %d",
                          json_object_size(submit->metadata), METADATA_MAX);
    json_object_foreach(submit->metadata, key, value)
    {
        if (!json_is_string(value) || json_string_length(value) > METADATA_BYTES_MAX ||
            strlen(key) > METADATA_BYTES_MAX)
            return api_refuse(problem, API_INVALID, "metadata", "metadata.%.60s must be a text of at most %d bytes",
                              key, METADATA_BYTES_MAX);
    }
    return 0;
}

static int texts_read(const json_t *json, struct api_submit *submit, struct api_problem *problem)
{
    const struct {
        const char *key, **ret;
    } texts[] = {{"model", &submit->model},
                 {"prompt", &submit->prompt},
                 {"negative_prompt", &submit->negative},
                 {"resolution", &submit->resolution},
                 {"ratio", &submit->ratio},
                 {"expansion", &submit->expansion},
                 {"callback_url", &submit->callback_url},
                 {"task", &submit->task}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (dialect_text(json, texts[i].key, texts[i].ret, problem) < 0)
            return -1;
    if (submit->task && strcmp(submit->task, "generation") != 0 && strcmp(submit->task, "context") != 0) {
        api_refuse(problem, API_INVALID, "task", "task is '%.40s', but must be generation or context", submit->task);
        snprintf(problem->value, sizeof problem->value, "%.40s", submit->task);
        strcpy(problem->allowed, "generation, context");
        return -1;
    }
    return 0;
}

static int numbers_read(const json_t *json, struct api_submit *submit, struct api_problem *problem)
{
    int64_t steps = 0, priority = 0;
    if (dialect_integer(json, "seconds", 1, SECONDS_MAX, &submit->seconds, problem) < 0 ||
        dialect_integer(json, "seed", 0, (INT64_C(1) << 53) - 1, &submit->seed, problem) < 0 ||
        dialect_integer(json, "steps", 1, STEPS_MAX, &steps, problem) < 0 ||
        dialect_integer(json, "priority", INT32_MIN, INT32_MAX, &priority, problem) < 0 ||
        dialect_real(json, "guidance", 0.01, 100, &submit->guidance, problem) < 0 ||
        dialect_choice(json, "optimizer", &submit->optimizer, problem) < 0 ||
        dialect_choice(json, "pretreatment", &submit->pretreatment, problem) < 0 ||
        dialect_choice(json, "watermark", &submit->watermark, problem) < 0)
        return -1;
    submit->steps = (int)steps;
    submit->priority = (int32_t)priority;
    return 0;
}

int native_submit_read(struct dialect_call *call, struct native_submit *ret)
{
    struct api_problem *problem = &call->problem;
    const char *names[FIELDS + 1];
    json_t *json = call->json;
    *ret = (struct native_submit){.submit = {.dialect = "conch", .seed = -1, .place = true}};
    ret->submit.media = ret->media;
    if (call->request->multipart) {
        if (form_read(ret, call->request, problem) < 0)
            return -1;
        json = ret->owned;
    } else {
        names_of(false, names);
        if (dialect_known(json, names, problem) < 0)
            return -1;
    }
    if (texts_read(json, &ret->submit, problem) < 0 || size_read(json, &ret->submit, problem) < 0 ||
        numbers_read(json, &ret->submit, problem) < 0 || media_read(ret, json, problem) < 0 ||
        metadata_read(json, &ret->submit, problem) < 0)
        return -1;
    if (ret->submit.callback_url)
        ret->submit.callback_style = "conch";
    return 0;
}

void native_submit_finish(struct native_submit *submit)
{
    json_decref(submit->owned);
    submit->owned = NULL;
}
