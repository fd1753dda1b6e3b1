#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/json.h"
#include "server/job/catalog.h"
#include "server/job/catalog_reader.h"

enum { FORMAT_VERSION = 1, PROMPT_CHARS_MAX = 1 << 20, SIDE_MAX = 1 << 16, SECONDS_MAX = 3600 };

static const char *const mode_names[] = {"text", "first_frame", "last_frame", "subject", "reference"};
static const char *const meter_names[] = {"microusd", "millicredit", "millipackage"};
static const char *const format_names[] = {"jpeg", "png", "webp", "heic", "heif"};
static const char *const ratio_names[] = {"none", "required", "optional", "adaptive"};
static const char *const api_names[] = {"v1", "v2", "videos", "native"};

_Static_assert(ARRAY_LEN(mode_names) == CATALOG_MODES, "a name a mode");
_Static_assert(ARRAY_LEN(meter_names) == CATALOG_METERS, "a name a meter");
_Static_assert(ARRAY_LEN(format_names) == CATALOG_FORMATS, "a name a format");

const char *catalog_mode_name(enum catalog_mode mode)
{
    assert((unsigned)mode < CATALOG_MODES);
    return mode_names[mode];
}

const char *catalog_meter_name(enum catalog_meter meter)
{
    assert((unsigned)meter < CATALOG_METERS);
    return meter_names[meter];
}

const char *catalog_format_name(enum catalog_format format)
{
    assert((unsigned)format < CATALOG_FORMATS);
    return format_names[format];
}

static int output_read(struct catalog_output *o, const json_t *object, const char *prefix, conch_error *err)
{
    struct catalog_reader r;
    catalog_reader_begin(&r, object, prefix, err);
    catalog_reader_fields_check(&r, "modes resolution seconds size ratio confidence source ");
    o->modes = catalog_reader_words(&r, "modes", mode_names, ARRAY_LEN(mode_names));
    o->resolution = catalog_reader_text(&r, "resolution");
    o->ratio = catalog_reader_has(&r, "ratio")
                   ? (enum catalog_ratio)catalog_reader_word(&r, "ratio", ratio_names, ARRAY_LEN(ratio_names))
                   : 0;
    o->confidence = catalog_reader_confidence(&r);
    o->source = catalog_reader_text(&r, "source");
    const json_t *seconds = catalog_reader_list(&r, "seconds", 1, CATALOG_SECONDS_MAX);
    for (size_t i = 0; r.rc == 0 && i < json_array_size(seconds); i++) {
        const json_int_t value = json_integer_value(json_array_get(seconds, i));
        if (value < 1 || value > SECONDS_MAX || (i > 0 && value <= o->seconds[i - 1]))
            r.rc = conch_error_set(err, CONCH_ERR_FORMAT, "catalog: %sseconds[%zu]: wanted 1 to %d, rising", prefix, i,
                                   SECONDS_MAX);
        o->seconds[i] = (int)value;
        o->second_count = i + 1;
    }
    const json_t *size = catalog_reader_has(&r, "size") ? catalog_reader_list(&r, "size", 2, 2) : NULL;
    if (size && r.rc == 0) {
        o->width = (int)json_integer_value(json_array_get(size, 0));
        o->height = (int)json_integer_value(json_array_get(size, 1));
        if (o->width < 1 || o->height < 1 || o->width > SIDE_MAX || o->height > SIDE_MAX)
            r.rc = conch_error_set(err, CONCH_ERR_FORMAT, "catalog: %ssize: wanted two numbers of 1 to %d", prefix,
                                   SIDE_MAX);
    }
    return r.rc;
}

static int pictures_read(struct catalog_pictures *p, const json_t *object, const char *prefix, conch_error *err)
{
    struct catalog_reader r;
    catalog_reader_begin(&r, object, prefix, err);
    catalog_reader_fields_check(
        &r, "bytes_max side_min side_max ratio_min_permille ratio_max_permille formats confidence source ");
    p->bytes_max = catalog_reader_number(&r, "bytes_max", 1, (size_t)1 << 40);
    p->side_min = catalog_reader_number(&r, "side_min", 1, SIDE_MAX);
    p->side_max = catalog_reader_number(&r, "side_max", 0, SIDE_MAX);
    p->ratio_min_permille = catalog_reader_number(&r, "ratio_min_permille", 1, 1000);
    p->ratio_max_permille = catalog_reader_number(&r, "ratio_max_permille", 1000, 1000000);
    p->formats = catalog_reader_words(&r, "formats", format_names, ARRAY_LEN(format_names));
    p->confidence = catalog_reader_confidence(&r);
    p->source = catalog_reader_text(&r, "source");
    return r.rc;
}

static int references_read(struct catalog_references *p, const json_t *object, const char *prefix, conch_error *err)
{
    struct catalog_reader r;
    catalog_reader_begin(&r, object, prefix, err);
    catalog_reader_fields_check(&r, "images_max videos_max audios_max files_max video_seconds_max audio_seconds_max ");
    p->images_max = catalog_reader_number(&r, "images_max", 0, 1000);
    p->videos_max = catalog_reader_number(&r, "videos_max", 0, 1000);
    p->audios_max = catalog_reader_number(&r, "audios_max", 0, 1000);
    p->files_max = catalog_reader_number(&r, "files_max", 0, 1000);
    p->video_seconds_max = catalog_reader_number(&r, "video_seconds_max", 0, SECONDS_MAX);
    p->audio_seconds_max = catalog_reader_number(&r, "audio_seconds_max", 0, SECONDS_MAX);
    return r.rc;
}

/* One row a resolution and mode, or a pair could be allowed by one and refused by another. */
static int outputs_check(const struct catalog_model *m, conch_error *err)
{
    for (size_t i = 0; i < m->output_count; i++)
        for (size_t k = 0; k < i; k++)
            if ((m->outputs[i].modes & m->outputs[k].modes) &&
                strcmp(m->outputs[i].resolution, m->outputs[k].resolution) == 0)
                return conch_error_set(err, CONCH_ERR_FORMAT, "catalog: %s has two outputs at %s of one mode", m->slug,
                                       m->outputs[i].resolution);
    return 0;
}

static void defaults_read(struct catalog_reader *model, struct catalog_model *m, const char *prefix)
{
    struct catalog_reader r;
    if (model->rc < 0)
        return;
    catalog_reader_begin(&r, json_object_get(model->object, "defaults"), prefix, model->err);
    catalog_reader_fields_check(&r, "resolution seconds ");
    m->default_resolution = catalog_reader_has(&r, "resolution") ? catalog_reader_text(&r, "resolution") : NULL;
    m->default_seconds = (int)catalog_reader_number_or(&r, "seconds", SECONDS_MAX, 0);
    model->rc = r.rc;
}

static void ratios_read(struct catalog_reader *r, struct catalog_model *m)
{
    const json_t *ratios = catalog_reader_has(r, "ratios") ? catalog_reader_list(r, "ratios", 1, 32) : NULL;
    const char **names = catalog_reader_rows_allocate(r, json_array_size(ratios), sizeof *names);
    m->ratios = names;
    for (size_t i = 0; names && i < json_array_size(ratios); i++) {
        names[i] = json_string_value(json_array_get(ratios, i));
        if (!names[i]) {
            r->rc = conch_error_set(r->err, CONCH_ERR_FORMAT, "catalog: %sratios[%zu] is not text", r->prefix, i);
            return;
        }
        m->ratio_count = i + 1;
    }
}

static int model_read(struct catalog_model *m, const json_t *object, size_t index, conch_error *err)
{
    struct catalog_reader r;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "models[%zu].", index);
    catalog_reader_begin(&r, object, prefix, err);
    catalog_reader_fields_check(
        &r, "slug provider name api fps prompt_chars_max camera_commands fast_pretreatment defaults pictures "
            "last_frame_alone subjects_max note ratios references outputs ");
    m->slug = catalog_reader_text(&r, "slug");
    m->provider = catalog_reader_text(&r, "provider");
    m->name = catalog_reader_text(&r, "name");
    m->api = api_names[catalog_reader_word(&r, "api", api_names, ARRAY_LEN(api_names))];
    /* Of v2 the content must hold one text, of videos the prompt is required. */
    m->prompt_required = strcmp(m->api, "v2") == 0 || strcmp(m->api, "videos") == 0;
    m->fps = catalog_reader_number(&r, "fps", 1, 240);
    m->prompt_chars_max = catalog_reader_number(&r, "prompt_chars_max", 1, PROMPT_CHARS_MAX);
    m->camera_commands = catalog_reader_flag(&r, "camera_commands", true);
    m->fast_pretreatment = catalog_reader_flag(&r, "fast_pretreatment", true);
    m->last_frame_alone = catalog_reader_flag(&r, "last_frame_alone", false);
    m->subjects_max = catalog_reader_number_or(&r, "subjects_max", 16, 0);
    if (catalog_reader_has(&r, "note"))
        catalog_reader_text(&r, "note");
    snprintf(prefix, sizeof prefix, "models[%zu].defaults.", index);
    defaults_read(&r, m, prefix);
    ratios_read(&r, m);
    snprintf(prefix, sizeof prefix, "models[%zu].pictures.", index);
    if (r.rc == 0)
        r.rc = pictures_read(&m->pictures, json_object_get(object, "pictures"), prefix, err);
    snprintf(prefix, sizeof prefix, "models[%zu].references.", index);
    if (r.rc == 0 && catalog_reader_has(&r, "references"))
        r.rc = references_read(&m->references, json_object_get(object, "references"), prefix, err);
    const json_t *outputs = catalog_reader_list(&r, "outputs", 1, CATALOG_OUTPUTS_MAX);
    m->outputs = catalog_reader_rows_allocate(&r, json_array_size(outputs), sizeof *m->outputs);
    for (size_t i = 0; r.rc == 0 && i < json_array_size(outputs); i++) {
        snprintf(prefix, sizeof prefix, "models[%zu].outputs[%zu].", index, i);
        m->output_count = i + 1;
        r.rc = output_read(&m->outputs[i], json_array_get(outputs, i), prefix, err);
    }
    return r.rc < 0 ? r.rc : outputs_check(m, err);
}

static void amount_fields_read(struct catalog_reader *r, struct catalog_price *p)
{
    const bool per_second = catalog_reader_has(r, "per_second");
    if (r->rc == 0 && per_second == catalog_reader_has(r, "seconds"))
        r->rc = conch_error_set(r->err, CONCH_ERR_FORMAT, "catalog: %s wants either seconds or per_second", r->prefix);
    if (per_second && !catalog_reader_flag(r, "per_second", true) && r->rc == 0)
        r->rc = conch_error_set(r->err, CONCH_ERR_FORMAT, "catalog: %sper_second is false, wanted true", r->prefix);
    p->seconds = per_second ? 0 : (int)catalog_reader_number(r, "seconds", 1, SECONDS_MAX);
    p->amount = (int64_t)catalog_reader_number(r, "amount", 0, INT64_MAX);
    p->images_free = catalog_reader_number_or(r, "images_free", 1000, 0);
    p->image_amount = (int64_t)catalog_reader_number_or(r, "image_amount", INT64_MAX, 0);
    p->video_input_charged = catalog_reader_flag(r, "video_input_charged", false);
}

static void price_output_check(struct catalog_reader *r, const struct catalog_price *p)
{
    for (size_t i = 0; r->rc == 0 && i < p->model->output_count; i++) {
        const struct catalog_output *o = &p->model->outputs[i];
        for (size_t k = 0; strcmp(o->resolution, p->resolution) == 0 && k < o->second_count; k++)
            if (p->seconds == 0 || p->seconds == o->seconds[k])
                return;
    }
    if (r->rc == 0)
        r->rc = conch_error_set(r->err, CONCH_ERR_FORMAT, "catalog: %s %s makes nothing at %s with %d s", r->prefix,
                                p->model->slug, p->resolution, p->seconds);
}

static bool prices_overlap(const struct catalog_price *a, const struct catalog_price *b)
{
    return a->model == b->model && a->meter == b->meter && strcmp(a->resolution, b->resolution) == 0 &&
           (a->seconds == b->seconds || a->seconds == 0 || b->seconds == 0) &&
           (a->until_ms == 0 || b->from_ms < a->until_ms) && (b->until_ms == 0 || a->from_ms < b->until_ms);
}

static int price_read(const struct catalog *catalog, size_t index, const json_t *object, conch_error *err)
{
    struct catalog_price *p = &catalog->prices[index];
    struct catalog_reader r;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "prices[%zu].", index);
    catalog_reader_begin(&r, object, prefix, err);
    catalog_reader_fields_check(&r,
                                "model meter resolution seconds per_second amount from until images_free image_amount "
                                "video_input_charged confidence source ");
    const char *slug = catalog_reader_text(&r, "model");
    p->model = catalog_find(catalog, slug);
    if (r.rc == 0 && !p->model)
        r.rc = conch_error_set(err, CONCH_ERR_FORMAT, "catalog: %smodel '%s' is none of the models", prefix, slug);
    p->meter = (enum catalog_meter)catalog_reader_word(&r, "meter", meter_names, ARRAY_LEN(meter_names));
    p->resolution = catalog_reader_text(&r, "resolution");
    amount_fields_read(&r, p);
    p->from_ms = catalog_reader_date(&r, "from");
    p->until_ms = r.rc == 0 && json_is_null(json_object_get(object, "until")) ? 0 : catalog_reader_date(&r, "until");
    if (r.rc == 0 && p->until_ms && p->until_ms <= p->from_ms)
        r.rc = conch_error_set(err, CONCH_ERR_FORMAT, "catalog: %suntil is not after from", prefix);
    p->confidence = catalog_reader_confidence(&r);
    p->source = catalog_reader_text(&r, "source");
    if (r.rc == 0)
        price_output_check(&r, p);
    for (size_t i = 0; r.rc == 0 && i < index; i++)
        if (prices_overlap(&catalog->prices[i], p))
            r.rc = conch_error_set(err, CONCH_ERR_FORMAT, "catalog: prices[%zu] and prices[%zu] hold at one time", i,
                                   index);
    return r.rc;
}

static int alias_read(const struct catalog *catalog, size_t index, const json_t *object, conch_error *err)
{
    struct catalog_alias *a = &catalog->aliases[index];
    struct catalog_reader r;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "aliases[%zu].", index);
    catalog_reader_begin(&r, object, prefix, err);
    catalog_reader_fields_check(&r, "name candidates confidence source ");
    a->name = catalog_reader_text(&r, "name");
    catalog_reader_confidence(&r);
    catalog_reader_text(&r, "source");
    if (r.rc == 0 && catalog_find(catalog, a->name))
        r.rc = conch_error_set(err, CONCH_ERR_FORMAT, "catalog: %sname '%s' is a model's", prefix, a->name);
    const json_t *names = catalog_reader_list(&r, "candidates", 1, CATALOG_CANDIDATES_MAX);
    for (size_t i = 0; r.rc == 0 && i < json_array_size(names); i++) {
        a->candidates[i] = catalog_find(catalog, json_string_value(json_array_get(names, i)));
        a->candidate_count = i + 1;
        if (!a->candidates[i])
            r.rc = conch_error_set(err, CONCH_ERR_FORMAT, "catalog: %scandidates[%zu] is none of the models", prefix,
                                   i);
    }
    return r.rc;
}

/* Looked for before a model is counted, so that it does not find itself. */
static int model_names_check(const struct catalog *catalog, const struct catalog_model *m, conch_error *err)
{
    if (catalog_find(catalog, m->slug) || catalog_find(catalog, m->name))
        return conch_error_set(err, CONCH_ERR_FORMAT, "catalog: the name %s or %s stands twice", m->slug, m->name);
    return 0;
}

static void models_read(struct catalog_reader *r, struct catalog *c)
{
    const json_t *models = catalog_reader_list(r, "models", 1, CATALOG_MODELS_MAX);
    c->models = catalog_reader_rows_allocate(r, json_array_size(models), sizeof *c->models);
    for (size_t i = 0; r->rc == 0 && i < json_array_size(models); i++) {
        r->rc = model_read(&c->models[i], json_array_get(models, i), i, r->err);
        if (r->rc == 0)
            r->rc = model_names_check(c, &c->models[i], r->err);
        c->model_count = i + 1;
    }
}

int catalog_read(struct catalog *ret, json_t *document, conch_error *err)
{
    struct catalog c = {.document = json_incref(document)};
    struct catalog_reader r;
    catalog_reader_begin(&r, document, "", err);
    catalog_reader_fields_check(&r, "format models prices aliases ");
    catalog_reader_number(&r, "format", FORMAT_VERSION, FORMAT_VERSION);
    models_read(&r, &c);
    const json_t *prices = catalog_reader_list(&r, "prices", 0, CATALOG_PRICES_MAX);
    c.prices = catalog_reader_rows_allocate(&r, json_array_size(prices), sizeof *c.prices);
    for (size_t i = 0; r.rc == 0 && i < json_array_size(prices); i++) {
        r.rc = price_read(&c, i, json_array_get(prices, i), err);
        c.price_count = i + 1;
    }
    const json_t *aliases = catalog_reader_list(&r, "aliases", 0, CATALOG_ALIASES_MAX);
    c.aliases = catalog_reader_rows_allocate(&r, json_array_size(aliases), sizeof *c.aliases);
    for (size_t i = 0; r.rc == 0 && i < json_array_size(aliases); i++) {
        r.rc = alias_read(&c, i, json_array_get(aliases, i), err);
        c.alias_count = i + 1;
    }
    if (r.rc < 0)
        catalog_finish(&c);
    else
        *ret = c;
    return r.rc;
}

void catalog_finish(struct catalog *catalog)
{
    if (!catalog)
        return;
    for (size_t i = 0; i < catalog->model_count; i++) {
        free(catalog->models[i].outputs);
        free((void *)catalog->models[i].ratios);
    }
    free(catalog->models);
    free(catalog->prices);
    free(catalog->aliases);
    json_decref(catalog->document);
    *catalog = (struct catalog){0};
}
