/* Templates and pictures: what a client gets wrong about them, so that the refusal it sees last is the honest one. */
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/dialect/minimax1.h"

static int refuse_catalog(struct api_problem *problem, const struct catalog_refusal *refusal)
{
    return api_refuse(problem, API_INVALID, refusal->field, "%s", refusal->text);
}

/* ---- templates ---- */

/* An id has 18 digits, too many for JavaScript's numbers: clients send text. */
static int template_find(const json_t *body, const struct catalog_offers *offers, const struct catalog_template **ret,
                         struct api_problem *problem)
{
    const char *id = NULL;
    if (dialect_text(body, "template_id", &id, problem) < 0)
        return -1;
    if (!id || !id[0])
        return api_refuse(problem, API_INVALID, "template_id", "template_id is required");
    *ret = offers ? catalog_template_find(offers, id) : NULL;
    if (*ret || !offers)
        return 0;
    return api_refuse(problem, API_INVALID, "template_id",
                      "template_id '%.*s' is not known; allowed: the ids of the Video Agent templates",
                      (int)text_utf8_cut(id, strlen(id), 40), id);
}

/* How many elements {"value": "..."} that are not empty. */
static int values_count(const json_t *body, const char *key, size_t *ret, struct api_problem *problem)
{
    json_t *list = NULL;
    *ret = 0;
    if (dialect_array(body, key, MINIMAX1_INPUTS_MAX, &list, problem) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *value = json_string_value(json_object_get(json_array_get(list, i), "value"));
        if (!value)
            return api_refuse(problem, API_INVALID, key, "%s[%zu].value must be a text", key, i);
        *ret += value[0] != '\0';
    }
    return 0;
}

int minimax1_template_read(const json_t *body, const struct catalog_offers *offers, const struct catalog_template **ret,
                           struct api_problem *ret_problem)
{
    struct catalog_refusal refusal;
    const char *callback = NULL;
    size_t media, texts;
    *ret = NULL;
    if (template_find(body, offers, ret, ret_problem) < 0 ||
        values_count(body, "media_inputs", &media, ret_problem) < 0 ||
        values_count(body, "text_inputs", &texts, ret_problem) < 0 ||
        dialect_text(body, "callback_url", &callback, ret_problem) < 0)
        return -1;
    if (*ret && catalog_template_check(*ret, media, texts, &refusal) < 0)
        return refuse_catalog(ret_problem, &refusal);
    return 0;
}

/* ---- pictures ---- */

static int image_subjects(const json_t *body, size_t *ret, struct api_problem *problem)
{
    static const char key[] = "subject_reference";
    json_t *list = NULL;
    if (dialect_array(body, key, MINIMAX1_INPUTS_MAX, &list, problem) < 0)
        return -1;
    *ret = json_array_size(list);
    for (size_t i = 0; i < *ret; i++) {
        const json_t *item = json_array_get(list, i);
        const char *type = json_string_value(json_object_get(item, "type"));
        const char *file = json_string_value(json_object_get(item, "image_file"));
        if (!file) /* what mmx sends */
            file = json_string_value(json_object_get(item, "image_url"));
        if (!type || strcmp(type, "character") != 0)
            return api_refuse(problem, API_INVALID, key, "%s[%zu].type must be character", key, i);
        if (!file || !file[0])
            return api_refuse(problem, API_INVALID, key, "%s[%zu].image_file must be an address or a data: URL", key,
                              i);
    }
    return 0;
}

/* The fields that any model of pictures has. */
static int image_fields(const json_t *body, struct catalog_image_request *request, struct api_problem *problem)
{
    const char *prompt = NULL, *format = NULL;
    enum api_choice choice = API_DEFAULT;
    int64_t seed = 0;
    if (dialect_text(body, "prompt", &prompt, problem) < 0 ||
        dialect_text(body, "aspect_ratio", &request->ratio, problem) < 0 ||
        dialect_integer(body, "width", INT32_MIN, INT32_MAX, &request->width, problem) < 0 ||
        dialect_integer(body, "height", INT32_MIN, INT32_MAX, &request->height, problem) < 0 ||
        dialect_integer(body, "n", INT32_MIN, INT32_MAX, &request->count, problem) < 0 ||
        dialect_integer(body, "seed", INT64_MIN, INT64_MAX, &seed, problem) < 0 ||
        dialect_text(body, "response_format", &format, problem) < 0 ||
        dialect_choice(body, "prompt_optimizer", &choice, problem) < 0 ||
        dialect_choice(body, "aigc_watermark", &choice, problem) < 0 ||
        image_subjects(body, &request->subjects, problem) < 0)
        return -1;
    if (format && strcmp(format, "url") != 0 && strcmp(format, "base64") != 0)
        return api_refuse(problem, API_INVALID, "response_format",
                          "response_format '%.20s' is not known; allowed: url, base64", format);
    for (const char *c = prompt ? prompt : ""; *c; c++)
        request->prompt_chars += ((unsigned char)*c & 0xc0) != 0x80;
    if (request->ratio && !request->ratio[0])
        request->ratio = NULL;
    return 0;
}

int minimax1_image_read(const json_t *body, const struct catalog_offers *offers, struct api_problem *ret_problem)
{
    struct catalog_image_request request = {0};
    struct catalog_image_resolved resolved;
    struct catalog_refusal refusal;
    const char *name = NULL;
    if (dialect_text(body, "model", &name, ret_problem) < 0)
        return -1;
    if (!name || !name[0])
        return api_refuse(ret_problem, API_INVALID, "model", "model is required; allowed: image-01, image-01-live");
    const struct catalog_image_model *model = offers ? catalog_image_find(offers, name) : NULL;
    if (offers && !model)
        return api_refuse(ret_problem, API_INVALID, "model",
                          "model '%.*s' is not known; allowed: image-01, image-01-live",
                          (int)text_utf8_cut(name, strlen(name), 60), name);
    if (image_fields(body, &request, ret_problem) < 0)
        return -1;
    if (model && catalog_image_resolve(model, &request, &resolved, &refusal) < 0)
        return refuse_catalog(ret_problem, &refusal);
    return 0;
}
