/* POST /v1/video_generation: from the body to what the API understands. */
#include <string.h>

#include "server/dialect/minimax1.h"
#include "server/dialect/minimax_job.h"

/* An empty text says no more than no text. */
static int text_read(const json_t *body, const char *key, const char **ret, struct api_problem *problem)
{
    if (dialect_text(body, key, ret, problem) < 0)
        return -1;
    if (*ret && !**ret)
        *ret = NULL;
    return 0;
}

static void media_add(struct minimax1_create *create, enum store_input_role role, const char *url, const char *field)
{
    create->media[create->submit.media_count++] = (struct api_media){.role = role, .url = url, .field = field};
}

static int frame_read(struct minimax1_create *create, const json_t *body, enum store_input_role role, const char *field,
                      struct api_problem *problem)
{
    const char *url = NULL;
    if (text_read(body, field, &url, problem) < 0)
        return -1;
    if (url)
        media_add(create, role, url, field);
    return 0;
}

/* "image": the array that the reference wants, or its one element alone. */
static const char *subject_image(const json_t *item)
{
    const json_t *image = json_object_get(item, "image");
    if (json_is_array(image))
        image = json_array_size(image) == 1 ? json_array_get(image, 0) : NULL;
    const char *url = json_string_value(image);
    return url && *url ? url : NULL;
}

static int subject_read(struct minimax1_create *create, const json_t *body, struct api_problem *problem)
{
    static const char field[] = "subject_reference";
    json_t *list = NULL;
    if (dialect_array(body, field, MINIMAX1_INPUTS_MAX, &list, problem) < 0)
        return -1;
    if (json_array_size(list) == 0)
        return 0;
    const json_t *item = json_array_get(list, 0);
    const char *type = json_string_value(json_object_get(item, "type"));
    if (json_array_size(list) > 1)
        return api_refuse(problem, API_INVALID, field, "%s has %zu elements; allowed: 1", field, json_array_size(list));
    if (!type || strcmp(type, "character") != 0)
        return api_refuse(problem, API_INVALID, field, "%s[0].type '%.40s' is not known; allowed: character", field,
                          type ? type : "");
    const char *url = subject_image(item);
    if (!url)
        return api_refuse(problem, API_INVALID, field, "%s[0].image must be an array with exactly one picture", field);
    media_add(create, STORE_INPUT_SUBJECT, url, field);
    return 0;
}

static int switches_read(struct api_submit *submit, const json_t *body, struct api_problem *problem)
{
    submit->optimizer = API_ON;
    if (dialect_choice(body, "prompt_optimizer", &submit->optimizer, problem) < 0 ||
        dialect_choice(body, "fast_pretreatment", &submit->pretreatment, problem) < 0 ||
        dialect_choice(body, "aigc_watermark", &submit->watermark, problem) < 0)
        return -1;
    return 0;
}

/* A model whose schema has no such fields (S2V-01) is not asked about them. A duration of 0 says no more than none;
 * which ones there are is the catalog's to say. */
static int output_read(struct api_submit *submit, const json_t *body, const struct catalog_model *model,
                       struct api_problem *problem)
{
    if (model && model->subjects_max)
        return 0;
    if (text_read(body, "resolution", &submit->resolution, problem) < 0 ||
        dialect_integer(body, "duration", INT32_MIN, INT32_MAX, &submit->seconds, problem) < 0)
        return -1;
    return 0;
}

int minimax1_create_read(const json_t *body, const struct catalog *catalog, struct minimax1_create *ret,
                         struct api_problem *ret_problem)
{
    struct api_submit *submit = &ret->submit;
    memset(ret, 0, sizeof *ret);
    *submit = (struct api_submit){.dialect = "minimax1", .seed = -1, .media = ret->media};
    if (text_read(body, "model", &submit->model, ret_problem) < 0 ||
        minimax_model_check(catalog, submit->model, "v1", ret_problem) < 0)
        return -1;
    const struct catalog_model *model = catalog_find(catalog, submit->model);
    if (text_read(body, "prompt", &submit->prompt, ret_problem) < 0 ||
        output_read(submit, body, model, ret_problem) < 0 || switches_read(submit, body, ret_problem) < 0 ||
        frame_read(ret, body, STORE_INPUT_FIRST_FRAME, "first_frame_image", ret_problem) < 0 ||
        frame_read(ret, body, STORE_INPUT_LAST_FRAME, "last_frame_image", ret_problem) < 0 ||
        subject_read(ret, body, ret_problem) < 0 ||
        text_read(body, "callback_url", &submit->callback_url, ret_problem) < 0)
        return -1;
    if (submit->callback_url)
        submit->callback_style = "minimax1";
    return 0;
}
