#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "server/job/catalog_offers.h"
#include "server/job/catalog_reader.h"

enum { FORMAT_VERSION = 1, PROMPT_CHARS_MAX = 1 << 20, SIDE_MAX = 1 << 16, ID_DIGITS_MAX = 20 };

/* "price": null, or what one unit costs and since when. */
static int price_read(struct catalog_offer_price *p, const struct catalog_reader *offer, conch_error *err)
{
    const json_t *object = json_object_get(offer->object, "price");
    struct catalog_reader r;
    char prefix[sizeof offer->prefix + 8];
    if (json_is_null(object))
        return 0;
    snprintf(prefix, sizeof prefix, "%sprice.", offer->prefix);
    catalog_reader_begin(&r, object, prefix, err);
    catalog_reader_fields_check(&r, "microusd from until confidence source ");
    p->known = true;
    p->microusd = (int64_t)catalog_reader_number(&r, "microusd", 0, INT64_MAX);
    p->from_ms = catalog_reader_date(&r, "from");
    p->until_ms = r.rc == 0 && json_is_null(json_object_get(object, "until")) ? 0 : catalog_reader_date(&r, "until");
    if (r.rc == 0 && p->until_ms && p->until_ms <= p->from_ms)
        r.rc = conch_error_set(err, CONCH_ERR_FORMAT, "catalog: %suntil is not after from", prefix);
    p->confidence = catalog_reader_confidence(&r);
    p->source = catalog_reader_text(&r, "source");
    return r.rc;
}

/* What all offers have. */
static void offer_end(struct catalog_reader *r, char *ret_confidence, const char **ret_source,
                      struct catalog_offer_price *price)
{
    *ret_confidence = catalog_reader_confidence(r);
    *ret_source = catalog_reader_text(r, "source");
    if (r->rc == 0)
        r->rc = price_read(price, r, r->err);
}

static const char *template_id(struct catalog_reader *r, const char *key)
{
    const char *id = catalog_reader_text(r, key);
    if (r->rc == 0 && (strlen(id) > ID_DIGITS_MAX || strspn(id, "0123456789") != strlen(id)))
        r->rc = conch_error_set(r->err, CONCH_ERR_FORMAT, "catalog: %s%s '%.40s', wanted at most %d digits", r->prefix,
                                key, id, ID_DIGITS_MAX);
    return id;
}

static int stands_twice(const struct catalog_reader *r, const char *name)
{
    return conch_error_set(r->err, CONCH_ERR_FORMAT, "catalog: %s'%.100s' stands twice", r->prefix, name);
}

/* `before` holds the rows already read, so that a name given twice is seen. */
static int template_read(struct catalog_template *t, const struct catalog_offers *before, const json_t *object,
                         const char *prefix, conch_error *err)
{
    struct catalog_reader r;
    catalog_reader_begin(&r, object, prefix, err);
    catalog_reader_fields_check(&r, "id other_id name media_required text_required listed confidence source price ");
    t->id = template_id(&r, "id");
    t->other_id = catalog_reader_has(&r, "other_id") ? template_id(&r, "other_id") : NULL;
    t->name = catalog_reader_text(&r, "name");
    t->media_required = catalog_reader_flag(&r, "media_required", true);
    t->text_required = catalog_reader_flag(&r, "text_required", true);
    t->listed = catalog_reader_flag(&r, "listed", true);
    offer_end(&r, &t->confidence, &t->source, &t->price);
    if (r.rc == 0 && !t->media_required && !t->text_required)
        r.rc = conch_error_set(err, CONCH_ERR_FORMAT, "catalog: %s takes neither media nor text", prefix);
    if (r.rc == 0 && (catalog_template_find(before, t->id) || catalog_template_find(before, t->other_id)))
        r.rc = stands_twice(&r, t->id);
    return r.rc;
}

static void ratios_read(struct catalog_reader *model, struct catalog_image_model *m)
{
    const json_t *rows = catalog_reader_list(model, "ratios", 1, CATALOG_IMAGE_RATIOS_MAX);
    bool has_default = false;
    for (size_t i = 0; model->rc == 0 && i < json_array_size(rows); i++) {
        struct catalog_image_ratio *ratio = &m->ratios[m->ratio_count++];
        struct catalog_reader r;
        char prefix[sizeof model->prefix + 32];
        snprintf(prefix, sizeof prefix, "%sratios[%zu].", model->prefix, i);
        catalog_reader_begin(&r, json_array_get(rows, i), prefix, model->err);
        catalog_reader_fields_check(&r, "ratio width height ");
        ratio->ratio = catalog_reader_text(&r, "ratio");
        ratio->width = (int)catalog_reader_number(&r, "width", 1, SIDE_MAX);
        ratio->height = (int)catalog_reader_number(&r, "height", 1, SIDE_MAX);
        model->rc = r.rc;
        has_default = has_default || strcmp(ratio->ratio, m->default_ratio) == 0;
    }
    if (model->rc == 0 && !has_default)
        model->rc = conch_error_set(model->err, CONCH_ERR_FORMAT,
                                    "catalog: %sdefault_ratio '%.40s' is none of the ratios", model->prefix,
                                    m->default_ratio);
}

static void sides_read(struct catalog_reader *model, struct catalog_image_model *m)
{
    struct catalog_reader r;
    char prefix[sizeof model->prefix + 8];
    if (model->rc < 0 || !catalog_reader_has(model, "sides"))
        return;
    snprintf(prefix, sizeof prefix, "%ssides.", model->prefix);
    catalog_reader_begin(&r, json_object_get(model->object, "sides"), prefix, model->err);
    catalog_reader_fields_check(&r, "min max step ");
    m->side_min = (int)catalog_reader_number(&r, "min", 1, SIDE_MAX);
    m->side_max = (int)catalog_reader_number(&r, "max", 1, SIDE_MAX);
    m->side_step = (int)catalog_reader_number(&r, "step", 1, SIDE_MAX);
    if (r.rc == 0 && m->side_max < m->side_min)
        r.rc = conch_error_set(r.err, CONCH_ERR_FORMAT, "catalog: %smax is less than min", prefix);
    model->rc = r.rc;
}

static int image_read(struct catalog_image_model *m, const struct catalog_offers *before, const json_t *object,
                      const char *prefix, conch_error *err)
{
    struct catalog_reader r;
    catalog_reader_begin(&r, object, prefix, err);
    catalog_reader_fields_check(&r,
                                "slug provider name prompt_chars_max count_max subjects_max default_ratio ratios sides "
                                "styles confidence source price ");
    m->slug = catalog_reader_text(&r, "slug");
    m->provider = catalog_reader_text(&r, "provider");
    m->name = catalog_reader_text(&r, "name");
    m->prompt_chars_max = catalog_reader_number(&r, "prompt_chars_max", 1, PROMPT_CHARS_MAX);
    m->count_max = catalog_reader_number(&r, "count_max", 1, 1000);
    m->subjects_max = catalog_reader_number(&r, "subjects_max", 0, 1000);
    m->default_ratio = catalog_reader_text(&r, "default_ratio");
    m->styles = catalog_reader_flag(&r, "styles", true);
    ratios_read(&r, m);
    sides_read(&r, m);
    offer_end(&r, &m->confidence, &m->source, &m->price);
    if (r.rc == 0 && (catalog_image_find(before, m->slug) || catalog_image_find(before, m->name)))
        r.rc = stands_twice(&r, m->slug);
    return r.rc;
}

static int task_read(struct catalog_task *t, const struct catalog_offers *before, const json_t *object,
                     const char *prefix, conch_error *err)
{
    struct catalog_reader r;
    catalog_reader_begin(&r, object, prefix, err);
    catalog_reader_fields_check(&r, "name provider model resolution prompt_chars_max confidence source price ");
    t->name = catalog_reader_text(&r, "name");
    t->provider = catalog_reader_text(&r, "provider");
    t->model = catalog_reader_text(&r, "model");
    t->resolution = catalog_reader_has(&r, "resolution") ? catalog_reader_text(&r, "resolution") : NULL;
    t->prompt_chars_max = catalog_reader_number(&r, "prompt_chars_max", 1, PROMPT_CHARS_MAX);
    offer_end(&r, &t->confidence, &t->source, &t->price);
    if (r.rc == 0 && catalog_task_find(before, t->name))
        r.rc = stands_twice(&r, t->name);
    return r.rc;
}

static int templates_read(struct catalog_offers *o, conch_error *err)
{
    struct catalog_reader r;
    char prefix[64];
    catalog_reader_begin(&r, o->templates_document, "", err);
    catalog_reader_fields_check(&r, "format templates ");
    catalog_reader_number(&r, "format", FORMAT_VERSION, FORMAT_VERSION);
    const json_t *rows = catalog_reader_list(&r, "templates", 0, CATALOG_TEMPLATES_MAX);
    o->templates = catalog_reader_rows_allocate(&r, json_array_size(rows), sizeof *o->templates);
    for (size_t i = 0; r.rc == 0 && i < json_array_size(rows); i++) {
        snprintf(prefix, sizeof prefix, "templates[%zu].", i);
        r.rc = template_read(&o->templates[i], o, json_array_get(rows, i), prefix, err);
        o->template_count += r.rc == 0;
    }
    return r.rc;
}

static int services_read(struct catalog_offers *o, conch_error *err)
{
    struct catalog_reader r;
    char prefix[64];
    catalog_reader_begin(&r, o->services_document, "", err);
    catalog_reader_fields_check(&r, "format images tasks ");
    catalog_reader_number(&r, "format", FORMAT_VERSION, FORMAT_VERSION);
    const json_t *rows = catalog_reader_list(&r, "images", 0, CATALOG_IMAGE_MODELS_MAX);
    o->images = catalog_reader_rows_allocate(&r, json_array_size(rows), sizeof *o->images);
    for (size_t i = 0; r.rc == 0 && i < json_array_size(rows); i++) {
        snprintf(prefix, sizeof prefix, "images[%zu].", i);
        r.rc = image_read(&o->images[i], o, json_array_get(rows, i), prefix, err);
        o->image_count += r.rc == 0;
    }
    rows = catalog_reader_list(&r, "tasks", 0, CATALOG_TASKS_MAX);
    o->tasks = catalog_reader_rows_allocate(&r, json_array_size(rows), sizeof *o->tasks);
    for (size_t i = 0; r.rc == 0 && i < json_array_size(rows); i++) {
        snprintf(prefix, sizeof prefix, "tasks[%zu].", i);
        r.rc = task_read(&o->tasks[i], o, json_array_get(rows, i), prefix, err);
        o->task_count += r.rc == 0;
    }
    return r.rc;
}

int catalog_offers_read(struct catalog_offers *ret, json_t *templates, json_t *services, conch_error *err)
{
    struct catalog_offers o = {.templates_document = json_incref(templates),
                               .services_document = json_incref(services)};
    int rc = templates_read(&o, err);
    if (rc == 0)
        rc = services_read(&o, err);
    if (rc < 0)
        catalog_offers_finish(&o);
    else
        *ret = o;
    return rc;
}

void catalog_offers_finish(struct catalog_offers *offers)
{
    if (!offers)
        return;
    free(offers->templates);
    free(offers->images);
    free(offers->tasks);
    json_decref(offers->templates_document);
    json_decref(offers->services_document);
    *offers = (struct catalog_offers){0};
}
