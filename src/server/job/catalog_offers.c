#include "server/job/catalog_offers.h"

#include <stdio.h>
#include <string.h>

#include "base/base.h"

const struct catalog_template *catalog_template_find(const struct catalog_offers *offers, const char *id)
{
    for (size_t i = 0; id && i < offers->template_count; i++) {
        const struct catalog_template *t = &offers->templates[i];
        if (strcmp(t->id, id) == 0 || (t->other_id && strcmp(t->other_id, id) == 0))
            return t;
    }
    return NULL;
}

const struct catalog_image_model *catalog_image_find(const struct catalog_offers *offers, const char *name)
{
    for (size_t i = 0; name && i < offers->image_count; i++)
        if (strcmp(offers->images[i].slug, name) == 0 || strcmp(offers->images[i].name, name) == 0)
            return &offers->images[i];
    return NULL;
}

const struct catalog_task *catalog_task_find(const struct catalog_offers *offers, const char *name)
{
    for (size_t i = 0; name && i < offers->task_count; i++)
        if (strcmp(offers->tasks[i].name, name) == 0)
            return &offers->tasks[i];
    return NULL;
}

bool catalog_offer_price(const struct catalog_offer_price *price, int64_t at_ms, int64_t *ret_microusd)
{
    if (!price->known || at_ms < price->from_ms || (price->until_ms && at_ms >= price->until_ms))
        return false;
    *ret_microusd = price->microusd;
    return true;
}

/* allowed must be filled; value "" is a missing one. A value of the client's holds '?' for control characters. */
static int refuse(struct catalog_refusal *refusal, const char *field, const char *value, const char *reason)
{
    refusal->error = JOB_ERROR_INVALID_INPUT;
    refusal->field = field;
    size_t size = strnlen(value, sizeof refusal->value);
    if (size == sizeof refusal->value)
        for (size--; size > 0 && ((unsigned char)value[size] & 0xc0) == 0x80; size--)
            ;
    for (size_t i = 0; i < size; i++)
        refusal->value[i] = (unsigned char)value[i] < 0x20 || value[i] == 0x7f ? '?' : value[i];
    refusal->value[size] = 0;
    snprintf(refusal->text, sizeof refusal->text, *value ? "%s '%s' %s; allowed: %s" : "%s%s %s; allowed: %s", field,
             refusal->value, reason, refusal->allowed);
    return CONCH_ERR_RANGE;
}

static int refuse_number(struct catalog_refusal *refusal, const char *field, int64_t value, const char *reason)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return refuse(refusal, field, text, reason);
}

int catalog_template_check(const struct catalog_template *template, size_t media, size_t texts,
                           struct catalog_refusal *ret_refusal)
{
    static const char needs[] = "is missing, which this template needs";
    snprintf(ret_refusal->allowed, sizeof ret_refusal->allowed, "template %s (%s) takes %s%s%s", template->id,
             template->name, template->media_required ? "a picture or video" : "",
             template->media_required && template->text_required ? " and " : "",
             template->text_required ? "a text" : "");
    if (template->media_required && media == 0)
        return refuse(ret_refusal, "media_inputs", "", needs);
    if (template->text_required && texts == 0)
        return refuse(ret_refusal, "text_inputs", "", needs);
    return 0;
}

static int ratio_pick(const struct catalog_image_model *m, const char *wanted, struct catalog_image_resolved *resolved,
                      struct catalog_refusal *refusal)
{
    const char *ratio = wanted ? wanted : m->default_ratio;
    size_t used = 0;
    for (size_t i = 0; i < m->ratio_count; i++) {
        if (strcmp(m->ratios[i].ratio, ratio) == 0) {
            resolved->width = m->ratios[i].width;
            resolved->height = m->ratios[i].height;
            return 0;
        }
        used += (size_t)snprintf(refusal->allowed + used, sizeof refusal->allowed - used, "%s%s", i ? ", " : "",
                                 m->ratios[i].ratio);
        used = size_min(used, sizeof refusal->allowed - 1);
    }
    return refuse(refusal, "aspect_ratio", ratio, "is none of this model's");
}

static int sides_check(const struct catalog_image_model *m, const struct catalog_image_request *request,
                       struct catalog_image_resolved *resolved, struct catalog_refusal *refusal)
{
    const int64_t sides[] = {request->width, request->height};
    if (m->side_max == 0) {
        snprintf(refusal->allowed, sizeof refusal->allowed, "aspect_ratio");
        return refuse_number(refusal, "width", request->width, "is nothing this model takes");
    }
    snprintf(refusal->allowed, sizeof refusal->allowed, "width and height, both %d to %d and multiples of %d",
             m->side_min, m->side_max, m->side_step);
    for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
        const char *field = i == 0 ? "width" : "height";
        if (sides[i] == 0)
            return refuse(refusal, field, "", "is missing");
        if (sides[i] < m->side_min || sides[i] > m->side_max || sides[i] % m->side_step)
            return refuse_number(refusal, field, sides[i], "does not fit");
    }
    resolved->width = (int)request->width;
    resolved->height = (int)request->height;
    return 0;
}

int catalog_image_resolve(const struct catalog_image_model *model, const struct catalog_image_request *request,
                          struct catalog_image_resolved *ret_resolved, struct catalog_refusal *ret_refusal)
{
    struct catalog_image_resolved resolved = {.count = 1};
    *ret_refusal = (struct catalog_refusal){0};
    snprintf(ret_refusal->allowed, sizeof ret_refusal->allowed, "1 to %zu characters", model->prompt_chars_max);
    if (request->prompt_chars == 0)
        return refuse(ret_refusal, "prompt", "", "is missing");
    if (request->prompt_chars > model->prompt_chars_max)
        return refuse_number(ret_refusal, "prompt", (int64_t)request->prompt_chars, "characters are too long");
    const bool own_size = !request->ratio && (request->width || request->height);
    const int rc = own_size ? sides_check(model, request, &resolved, ret_refusal)
                            : ratio_pick(model, request->ratio, &resolved, ret_refusal);
    if (rc < 0)
        return rc;
    snprintf(ret_refusal->allowed, sizeof ret_refusal->allowed, "1 to %zu", model->count_max);
    if (request->count < 0 || request->count > (int64_t)model->count_max)
        return refuse_number(ret_refusal, "n", request->count, "is no count of pictures here");
    snprintf(ret_refusal->allowed, sizeof ret_refusal->allowed, "at most %zu", model->subjects_max);
    if (request->subjects > model->subjects_max)
        return refuse_number(ret_refusal, "subject_reference", (int64_t)request->subjects, "are too many");
    if (request->count > 0)
        resolved.count = (size_t)request->count;
    *ret_refusal = (struct catalog_refusal){0};
    *ret_resolved = resolved;
    return 0;
}
