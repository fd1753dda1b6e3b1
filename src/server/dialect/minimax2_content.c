/* content[]: a text, pictures, videos and sounds with their roles. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/dialect/minimax2.h"

/* One kind of item, and the roles it may have. */
static const struct kind {
    const char *type; /* also the member that holds the address */
    struct role {
        const char *name;
        enum store_input_role role;
    } roles[3];
    size_t role_count;
} kinds[] = {
    {"image_url",
     {{"first_frame", STORE_INPUT_FIRST_FRAME},
      {"last_frame", STORE_INPUT_LAST_FRAME},
      {"reference_image", STORE_INPUT_REFERENCE_IMAGE}},
     3},
    {"video_url", {{"reference_video", STORE_INPUT_REFERENCE_VIDEO}}, 1},
    {"audio_url", {{"reference_audio", STORE_INPUT_REFERENCE_AUDIO}}, 1},
};

static const struct kind *kind_find(const char *type)
{
    for (size_t i = 0; type && i < ARRAY_LEN(kinds); i++)
        if (strcmp(type, kinds[i].type) == 0)
            return &kinds[i];
    return NULL;
}

/* How far the walk over content is. */
struct walk {
    struct minimax2_content *content;
    size_t index, images; /* images: in all of content */
    size_t chars_max;
    struct api_problem *problem;
};

static size_t chars_count(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

static int text_item(struct walk *walk, const json_t *item)
{
    const char *text = json_string_value(json_object_get(item, "text"));
    if (!text)
        return api_refuse(walk->problem, API_INVALID, "content", "content[%zu].text must be a text", walk->index);
    if (is_blank(text))
        return 0;
    if (walk->content->text)
        return api_refuse(walk->problem, API_INVALID, "content", "content[%zu] is a second text; allowed: one",
                          walk->index);
    if (chars_count(text) > walk->chars_max)
        return api_refuse(walk->problem, API_INVALID, "content",
                          "content[%zu].text has %zu characters, too many; allowed: 1 to %zu", walk->index,
                          chars_count(text), walk->chars_max);
    walk->content->text = text;
    return 0;
}

static int refuse_role(const struct walk *walk, const struct kind *kind, const char *role)
{
    char allowed[80] = "";
    size_t size = 0;
    for (size_t i = 0; i < kind->role_count; i++)
        size += (size_t)snprintf(allowed + size, sizeof allowed - size, "%s%s", i ? ", " : "", kind->roles[i].name);
    if (!role)
        return api_refuse(walk->problem, API_INVALID, "content",
                          "content[%zu].role is required where there are several images; allowed: %s", walk->index,
                          allowed);
    return api_refuse(walk->problem, API_INVALID, "content",
                      "content[%zu].role '%.40s' cannot be had for %s; allowed: %s", walk->index, role, kind->type,
                      allowed);
}

/* A picture that is alone is the first frame; videos and sounds have one role only. */
static int role_read(const struct walk *walk, const struct kind *kind, const json_t *item, enum store_input_role *ret)
{
    const char *role = NULL;
    if (dialect_text(item, "role", &role, walk->problem) < 0)
        return -1;
    if (!role || !role[0]) {
        if (kind->role_count > 1 && walk->images > 1)
            return refuse_role(walk, kind, NULL);
        *ret = kind->roles[0].role;
        return 0;
    }
    for (size_t i = 0; i < kind->role_count; i++)
        if (strcmp(role, kind->roles[i].name) == 0) {
            *ret = kind->roles[i].role;
            return 0;
        }
    return refuse_role(walk, kind, role);
}

static int url_read(const struct walk *walk, const struct kind *kind, const json_t *item, const char **ret)
{
    *ret = json_string_value(json_object_get(json_object_get(item, kind->type), "url"));
    if (*ret && **ret)
        return 0;
    return api_refuse(walk->problem, API_INVALID, "content",
                      "content[%zu].%s.url is required; allowed: http(s) addresses, data: URLs, mm_file://FILE_ID",
                      walk->index, kind->type);
}

static int file_item(struct walk *walk, const struct kind *kind, const json_t *item)
{
    struct minimax2_content *content = walk->content;
    const char *role = json_string_value(json_object_get(item, "role"));
    enum store_input_role input = kind->roles[0].role;
    const char *url;
    if (url_read(walk, kind, item, &url) < 0)
        return -1;
    if (role && strcmp(role, "base_video") == 0 && strcmp(kind->type, "video_url") == 0 && !content->base_video) {
        content->base_video = url;
        return 0;
    }
    if (role_read(walk, kind, item, &input) < 0)
        return -1;
    if (content->media_count == MINIMAX2_FILES_MAX)
        return api_refuse(walk->problem, API_INVALID, "content", "content has too many files; allowed: at most %d",
                          MINIMAX2_FILES_MAX);
    char *field = content->fields[content->media_count];
    snprintf(field, sizeof content->fields[0], "content[%zu].%s.url", walk->index, kind->type);
    content->media[content->media_count++] = (struct api_media){.role = input, .url = url, .field = field};
    return 0;
}

static int item_read(struct walk *walk, const json_t *item)
{
    const char *type = json_string_value(json_object_get(item, "type"));
    const struct kind *kind = kind_find(type);
    if (type && strcmp(type, "text") == 0)
        return text_item(walk, item);
    if (kind)
        return file_item(walk, kind, item);
    return api_refuse(walk->problem, API_INVALID, "content",
                      "content[%zu].type '%.40s' is not known; allowed: text, image_url, video_url, audio_url",
                      walk->index, type ? type : "");
}

static size_t role_count(const struct minimax2_content *content, enum store_input_role role)
{
    size_t count = 0;
    for (size_t i = 0; i < content->media_count; i++)
        count += content->media[i].role == role;
    return count;
}

/* Frames and references are two ways to work: one or the other. */
static int roles_check(const struct minimax2_content *content, struct api_problem *problem)
{
    const size_t first = role_count(content, STORE_INPUT_FIRST_FRAME);
    const size_t last = role_count(content, STORE_INPUT_LAST_FRAME);
    if (first > 1 || last > 1)
        return api_refuse(problem, API_INVALID, "content", "content has %zu images with role %s; allowed: one",
                          first > 1 ? first : last, first > 1 ? "first_frame" : "last_frame");
    if (first + last > 0 && first + last < content->media_count)
        return api_refuse(problem, API_INVALID, "content",
                          "content mixes frames and references; allowed: first_frame and last_frame, or "
                          "reference_image, reference_video and reference_audio");
    return 0;
}

static size_t images_count(const json_t *items)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(items); i++) {
        const char *type = json_string_value(json_object_get(json_array_get(items, i), "type"));
        count += type && strcmp(type, "image_url") == 0;
    }
    return count;
}

int minimax2_content_read(const json_t *body, size_t chars_max, struct minimax2_content *ret,
                          struct api_problem *ret_problem)
{
    json_t *items = NULL;
    memset(ret, 0, sizeof *ret);
    if (dialect_array(body, "content", MINIMAX2_ITEMS_MAX, &items, ret_problem) < 0)
        return -1;
    struct walk walk = {.content = ret, .images = images_count(items), .chars_max = chars_max, .problem = ret_problem};
    for (; walk.index < json_array_size(items); walk.index++)
        if (item_read(&walk, json_array_get(items, walk.index)) < 0)
            return -1;
    return roles_check(ret, ret_problem);
}
