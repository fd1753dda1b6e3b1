/* POST /api/v1/{provider}/{model}: from the body to what the API understands. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/dialect/modellix.h"

enum { SECONDS_MAX = 3600, STEPS_MAX = 1000, NAMES_MAX = 64 };

/* ---- the model ---- */

static const char *nearest(const char *slug)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    while (count < NAMES_MAX && modellix_model(count)) {
        names[count] = modellix_model(count)->slug;
        count++;
    }
    return text_nearest(slug, names, count);
}

/* "-t2i", "-i2i" */
static bool makes_pictures(const char *slug)
{
    const size_t size = strlen(slug);
    return size > 4 && (strcmp(slug + size - 4, "-t2i") == 0 || strcmp(slug + size - 4, "-i2i") == 0);
}

static int refuse_model(struct api_problem *problem, const char *slug)
{
    const char *near = nearest(slug);
    if (makes_pictures(slug))
        api_refuse(problem, API_NOT_FOUND, "model", "no model of this server makes pictures: '%.100s'", slug);
    else if (near)
        api_refuse(problem, API_NOT_FOUND, "model", "there is no model '%.100s' here; '%s' was probably meant", slug,
                   near);
    else
        api_refuse(problem, API_NOT_FOUND, "model",
                   "there is no model '%.100s' here; GET /api/v1/models lists those that are", slug);
    snprintf(problem->value, sizeof problem->value, "%.79s", slug);
    return -1;
}

static int type_check(const char *type, struct api_problem *problem)
{
    static const char *const types[] = {"text-to-video", "image-to-video", "text-to-image", "image-to-image"};
    for (size_t i = 0; type && i < ARRAY_LEN(types); i++)
        if (strcmp(type, types[i]) == 0)
            return i < 2 ? 0
                         : api_refuse(problem, API_NOT_FOUND, "model", "no model of this server makes pictures: %s",
                                      type);
    return type ? api_refuse(problem, API_NOT_FOUND, "model", "there is no type '%.60s' here; there are %s and %s",
                             type, types[0], types[1])
                : 0;
}

/* Case counts, as it does upstream. *ret_row NULL: a slug of the catalog, or of a model folder ("local/NAME"). */
static int model_read(const struct modellix_target *target, const struct catalog *catalog,
                      struct modellix_create *create, const struct modellix_model **ret_row,
                      struct api_problem *problem)
{
    if (type_check(target->type, problem) < 0)
        return -1;
    if ((size_t)snprintf(create->slug, sizeof create->slug, "%s/%s", target->provider, target->model) >=
        sizeof create->slug)
        return refuse_model(problem, create->slug);
    *ret_row = modellix_find(create->slug);
    const struct catalog_model *model = *ret_row ? NULL : catalog_find(catalog, create->slug);
    if (*ret_row)
        create->submit.model = (*ret_row)->model;
    else if (model && strcmp(model->slug, create->slug) == 0)
        create->submit.model = create->slug;
    else if (strcmp(target->provider, "local") == 0)
        create->submit.model = create->slug + strlen("local/");
    else
        return refuse_model(problem, create->slug);
    return 0;
}

/* ---- media ---- */

static int media_add(struct modellix_create *create, enum store_input_role role, const char *url, const char *field,
                     struct api_problem *problem)
{
    struct api_submit *submit = &create->submit;
    if (submit->media_count == STORE_INPUTS_MAX)
        return api_refuse(problem, API_INVALID, field, "%s: more than %d pictures and other media", field,
                          STORE_INPUTS_MAX);
    struct api_media *media = &create->media[submit->media_count++];
    *media = (struct api_media){.role = role, .url = url, .field = field};
    if (dialect_id_parse(url, &media->file_id))
        media->url = NULL;
    return 0;
}

static int text_read(const json_t *body, const char *key, const char **ret, struct api_problem *problem)
{
    if (dialect_text(body, key, ret, problem) < 0)
        return -1;
    if (*ret && !**ret)
        *ret = NULL;
    return 0;
}

static int frame_read(struct modellix_create *create, const json_t *body, enum store_input_role role, const char *field,
                      struct api_problem *problem)
{
    const char *url = NULL;
    if (text_read(body, field, &url, problem) < 0)
        return -1;
    return url ? media_add(create, role, url, field, problem) : 0;
}

static int list_read(struct modellix_create *create, const json_t *body, enum store_input_role role, const char *field,
                     size_t count_max, struct api_problem *problem)
{
    json_t *list = NULL, *item;
    size_t index;
    if (dialect_array(body, field, count_max, &list, problem) < 0)
        return -1;
    json_array_foreach(list, index, item)
    {
        const char *url = json_string_value(item);
        if (!url || !*url)
            return api_refuse(problem, API_INVALID, field, "%s[%zu] must be an address", field, index);
        if (media_add(create, role, url, field, problem) < 0)
            return -1;
    }
    return 0;
}

/* MiniMax's form: [{"type": "character", "image": [address]}]. */
static int subject_read(struct modellix_create *create, const json_t *body, struct api_problem *problem)
{
    static const char field[] = "subject_reference";
    json_t *list = NULL;
    if (dialect_array(body, field, 1, &list, problem) < 0)
        return -1;
    if (!json_array_size(list))
        return 0;
    const json_t *image = json_object_get(json_array_get(list, 0), "image");
    const char *url = json_string_value(json_is_array(image) ? json_array_get(image, 0) : image);
    if (!url || !*url || json_array_size(image) > 1)
        return api_refuse(problem, API_INVALID, field, "%s[0].image must be an array with exactly one picture", field);
    return media_add(create, STORE_INPUT_SUBJECT, url, field, problem);
}

static int media_read(struct modellix_create *create, const json_t *body, struct api_problem *problem)
{
    if (frame_read(create, body, STORE_INPUT_FIRST_FRAME, "first_frame_image", problem) < 0 ||
        frame_read(create, body, STORE_INPUT_LAST_FRAME, "last_frame_image", problem) < 0 ||
        subject_read(create, body, problem) < 0 ||
        list_read(create, body, STORE_INPUT_REFERENCE_IMAGE, "reference_images", MODELLIX_IMAGES_MAX, problem) < 0 ||
        list_read(create, body, STORE_INPUT_REFERENCE_VIDEO, "video_urls", MODELLIX_VIDEOS_MAX, problem) < 0 ||
        list_read(create, body, STORE_INPUT_REFERENCE_AUDIO, "audio_urls", MODELLIX_AUDIOS_MAX, problem) < 0)
        return -1;
    return 0;
}

static bool has_role(const struct modellix_create *create, enum store_input_role role)
{
    for (size_t i = 0; i < create->submit.media_count; i++)
        if (create->media[i].role == role)
            return true;
    return false;
}

/* What the slug says that it starts from must be there, and nothing else. */
static int mode_check(const struct modellix_create *create, const struct modellix_model *row,
                      struct api_problem *problem)
{
    static const struct {
        enum catalog_mode mode;
        enum store_input_role wanted;
        unsigned allowed; /* bits 1 << role */
        const char *field;
    } modes[] = {
        {CATALOG_FIRST_FRAME, STORE_INPUT_FIRST_FRAME, 1u << STORE_INPUT_FIRST_FRAME, "first_frame_image"},
        {CATALOG_LAST_FRAME, STORE_INPUT_LAST_FRAME, 1u << STORE_INPUT_LAST_FRAME | 1u << STORE_INPUT_FIRST_FRAME,
         "last_frame_image"},
        {CATALOG_SUBJECT, STORE_INPUT_SUBJECT, 1u << STORE_INPUT_SUBJECT, "subject_reference"},
    };
    unsigned allowed = 0;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        if (modes[i].mode != row->mode)
            continue;
        allowed = modes[i].allowed;
        if (!has_role(create, modes[i].wanted))
            return api_refuse(problem, API_INVALID, modes[i].field, "%s is missing, which %s needs", modes[i].field,
                              row->slug);
    }
    for (size_t i = 0; i < create->submit.media_count; i++)
        if (!(allowed & 1u << create->media[i].role))
            return api_refuse(problem, API_INVALID, create->media[i].field, "%s is not taken by %s",
                              create->media[i].field, row->slug);
    return 0;
}

/* ---- the rest ---- */

static int texts_read(const json_t *body, struct api_submit *submit, struct api_problem *problem)
{
    if (text_read(body, "prompt", &submit->prompt, problem) < 0 ||
        text_read(body, "negative_prompt", &submit->negative, problem) < 0 ||
        text_read(body, "resolution", &submit->resolution, problem) < 0 ||
        text_read(body, "ratio", &submit->ratio, problem) < 0)
        return -1;
    return 0;
}

static int numbers_read(const json_t *body, struct api_submit *submit, struct api_problem *problem)
{
    int64_t steps = 0;
    const json_t *seed = json_object_get(body, "seed");
    const bool any = json_is_integer(seed) && json_integer_value(seed) == -1;
    submit->optimizer = API_ON;
    if (dialect_integer(body, "duration", 1, SECONDS_MAX, &submit->seconds, problem) < 0 ||
        (!any && dialect_integer(body, "seed", 0, (INT64_C(1) << 53) - 1, &submit->seed, problem) < 0) ||
        dialect_integer(body, "steps", 1, STEPS_MAX, &steps, problem) < 0 ||
        dialect_choice(body, "prompt_optimizer", &submit->optimizer, problem) < 0 ||
        dialect_choice(body, "prompt_extend", &submit->optimizer, problem) < 0 ||
        dialect_choice(body, "fast_pretreatment", &submit->pretreatment, problem) < 0)
        return -1;
    submit->steps = (int)steps;
    return 0;
}

int modellix_create_read(const struct modellix_target *target, const json_t *body, const struct catalog *catalog,
                         struct modellix_create *ret, struct api_problem *ret_problem)
{
    const struct modellix_model *row;
    memset(ret, 0, sizeof *ret);
    ret->submit = (struct api_submit){.dialect = "modellix", .seed = -1, .media = ret->media};
    if (model_read(target, catalog, ret, &row, ret_problem) < 0 || texts_read(body, &ret->submit, ret_problem) < 0 ||
        numbers_read(body, &ret->submit, ret_problem) < 0 || media_read(ret, body, ret_problem) < 0)
        return -1;
    return row ? mode_check(ret, row, ret_problem) : 0;
}
