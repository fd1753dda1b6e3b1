#include "server/job/catalog.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"

const struct catalog_model *catalog_find(const struct catalog *catalog, const char *name)
{
    for (size_t i = 0; name && i < catalog->model_count; i++)
        if (strcmp(name, catalog->models[i].slug) == 0 || strcmp(name, catalog->models[i].name) == 0)
            return &catalog->models[i];
    return NULL;
}

/* Appends to a text of fixed size; what does not fit is cut. */
struct text {
    char *data;
    size_t size, capacity;
};

static void __attribute__((format(printf, 2, 3))) text_add(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const size_t room = text->capacity - text->size;
    const int count = vsnprintf(text->data + text->size, room, format, args);
    va_end(args);
    if (count > 0)
        text->size += size_min((size_t)count, room - 1);
}

/* A value of the client's: control characters become '?', and a cut never splits a character. */
static void value_copy(char *to, size_t capacity, const char *value)
{
    size_t size = 0;
    while (size + 1 < capacity && value[size])
        size++;
    if (value[size])
        while (size > 0 && ((unsigned char)value[size] & 0xc0) == 0x80)
            size--;
    for (size_t i = 0; i < size; i++)
        to[i] = (unsigned char)value[i] < 0x20 || value[i] == 0x7f ? '?' : value[i];
    to[size] = '\0';
}

/* Begins a refusal; the caller fills allowed and ends with refusal_end. */
static struct text refusal_begin(struct catalog_refusal *refusal, const char *field, const char *value)
{
    *refusal = (struct catalog_refusal){.error = JOB_ERROR_INVALID_INPUT, .field = field};
    value_copy(refusal->value, sizeof refusal->value, value);
    return (struct text){refusal->allowed, 0, sizeof refusal->allowed};
}

static int refusal_end(struct catalog_refusal *refusal, const char *reason)
{
    struct text text = {refusal->text, 0, sizeof refusal->text};
    if (refusal->value[0])
        text_add(&text, "%s '%s' %s", refusal->field, refusal->value, reason);
    else
        text_add(&text, "%s %s", refusal->field, reason);
    text_add(&text, "; allowed: %s", refusal->allowed);
    return CONCH_ERR_RANGE;
}

static void seconds_list(struct text *text, const struct catalog_output *output)
{
    const size_t count = output->second_count;
    if (count > 2 && output->seconds[count - 1] - output->seconds[0] == (int)count - 1) {
        text_add(text, "%d to %d s", output->seconds[0], output->seconds[count - 1]);
        return;
    }
    for (size_t i = 0; i < count; i++)
        text_add(text, "%s%d", i == 0 ? "" : i + 1 == count ? " or " : ", ", output->seconds[i]);
    text_add(text, " s");
}

/* "768P with 6 or 10 s, 1080P with 6 s" */
static void pairs_list(struct text *text, const struct catalog_model *model, enum catalog_mode mode)
{
    bool first = true;
    for (size_t i = 0; i < model->output_count; i++) {
        if ((model->outputs[i].modes & 1u << mode) == 0)
            continue;
        text_add(text, "%s%s with ", first ? "" : ", ", model->outputs[i].resolution);
        seconds_list(text, &model->outputs[i]);
        first = false;
    }
}

static unsigned model_modes(const struct catalog_model *model)
{
    unsigned modes = 0;
    for (size_t i = 0; i < model->output_count; i++)
        modes |= model->outputs[i].modes;
    return modes;
}

static void modes_list(struct text *text, const struct catalog_model *model)
{
    bool first = true;
    for (int i = 0; i < CATALOG_MODES; i++)
        if (model_modes(model) & 1u << i) {
            text_add(text, "%s%s", first ? "" : ", ", catalog_mode_name((enum catalog_mode)i));
            first = false;
        }
}

/* Lists the models whose name or slug begins with name, in any case; false when there is none. */
static bool beginnings_list(struct text *text, const struct catalog *catalog, const char *name)
{
    const size_t size = strlen(name);
    bool any = false;
    for (size_t i = 0; size > 0 && i < catalog->model_count; i++) {
        const struct catalog_model *model = &catalog->models[i];
        if (strncasecmp(model->name, name, size) != 0 && strncasecmp(model->slug, name, size) != 0)
            continue;
        text_add(text, "%s%s", any ? ", " : "", model->slug);
        any = true;
    }
    return any;
}

/* The name is no model's: says which it may mean, or all there are. */
static int refuse_model(const struct catalog *catalog, const char *name, struct catalog_refusal *refusal)
{
    struct text allowed = refusal_begin(refusal, "model", name);
    if (!*name) {
        for (size_t i = 0; i < catalog->model_count; i++)
            text_add(&allowed, "%s%s", i ? ", " : "", catalog->models[i].slug);
        return refusal_end(refusal, "is missing");
    }
    for (size_t i = 0; i < catalog->alias_count; i++) {
        const struct catalog_alias *alias = &catalog->aliases[i];
        if (strcasecmp(alias->name, name) != 0)
            continue;
        for (size_t k = 0; k < alias->candidate_count; k++)
            text_add(&allowed, "%s%s", k ? ", " : "", alias->candidates[k]->slug);
        return refusal_end(refusal, "names no version");
    }
    if (beginnings_list(&allowed, catalog, name))
        return refusal_end(refusal, "names no version");
    for (size_t i = 0; i < catalog->model_count; i++)
        text_add(&allowed, "%s%s", i ? ", " : "", catalog->models[i].slug);
    return refusal_end(refusal, "is not known");
}

static int model_pick(const struct catalog *catalog, const struct catalog_request *request,
                      struct catalog_resolved *resolved, struct catalog_refusal *refusal)
{
    const char *name = request->model ? request->model : "";
    for (size_t i = 0; i < request->pin_count; i++)
        if (strcmp(request->pins[i].name, name) == 0) {
            resolved->pin = &request->pins[i];
            name = request->pins[i].slug;
            break;
        }
    resolved->model = catalog_find(catalog, name);
    return resolved->model ? 0 : refuse_model(catalog, name, refusal);
}

static const char *const mode_fields[CATALOG_MODES] = {"first_frame", "first_frame", "last_frame", "subjects",
                                                       "references"};

static int refuse_mode(const struct catalog_model *model, enum catalog_mode mode, struct catalog_refusal *refusal)
{
    const bool missing = mode == CATALOG_TEXT;
    const unsigned modes = model_modes(model);
    const char *field = !missing ? mode_fields[mode] : modes & 1u << CATALOG_FIRST_FRAME ? "first_frame" : "subjects";
    char reason[160];
    struct text allowed = refusal_begin(refusal, field, "");
    modes_list(&allowed, model);
    snprintf(reason, sizeof reason, missing ? "is missing, which %s needs" : "is not taken by %s", model->name);
    return refusal_end(refusal, reason);
}

/* Inputs that exclude each other. */
static int inputs_check(const struct catalog_request *request, struct catalog_refusal *refusal)
{
    const bool frames = request->first_frame || request->last_frame;
    const bool references = request->images || request->videos || request->audios;
    if (frames + references + (request->subjects > 0) <= 1)
        return 0;
    struct text allowed = refusal_begin(refusal, references ? "references" : "subjects", "");
    text_add(&allowed, "frames, subjects or references, one of these at a time");
    return refusal_end(refusal, "cannot stand beside the other inputs");
}

static enum catalog_mode request_mode(const struct catalog_request *request)
{
    if (request->subjects)
        return CATALOG_SUBJECT;
    if (request->images || request->videos || request->audios)
        return CATALOG_REFERENCE;
    if (request->last_frame)
        return CATALOG_LAST_FRAME;
    return request->first_frame ? CATALOG_FIRST_FRAME : CATALOG_TEXT;
}

static int refuse_count(struct catalog_refusal *refusal, const char *field, const char *what, int64_t count, size_t max)
{
    char value[80];
    snprintf(value, sizeof value, "%lld %s", (long long)count, what);
    struct text allowed = refusal_begin(refusal, field, value);
    text_add(&allowed, "at most %zu", max);
    return refusal_end(refusal, "are too many");
}

static int references_check(const struct catalog_model *model, const struct catalog_request *request,
                            struct catalog_refusal *refusal)
{
    const struct catalog_references *max = &model->references;
    const struct {
        const char *what;
        size_t count, max;
    } rows[] = {{"images", request->images, max->images_max},
                {"videos", request->videos, max->videos_max},
                {"audios", request->audios, max->audios_max},
                {"files", request->images + request->videos + request->audios, max->files_max}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].count > rows[i].max)
            return refuse_count(refusal, "references", rows[i].what, (int64_t)rows[i].count, rows[i].max);
    if (request->video_ms > (int64_t)max->video_seconds_max * 1000)
        return refuse_count(refusal, "references", "ms of video", request->video_ms, max->video_seconds_max * 1000);
    if (request->audio_ms > (int64_t)max->audio_seconds_max * 1000)
        return refuse_count(refusal, "references", "ms of audio", request->audio_ms, max->audio_seconds_max * 1000);
    if (request->audios && !request->images && !request->videos) {
        struct text allowed = refusal_begin(refusal, "references", "audio");
        text_add(&allowed, "audio beside a picture or a video");
        return refusal_end(refusal, "cannot stand alone");
    }
    return 0;
}

static int mode_check(const struct catalog_model *model, const struct catalog_request *request, enum catalog_mode mode,
                      struct catalog_refusal *refusal)
{
    if ((model_modes(model) & 1u << mode) == 0)
        return refuse_mode(model, mode, refusal);
    if (mode == CATALOG_LAST_FRAME && !request->first_frame && !model->last_frame_alone) {
        struct text allowed = refusal_begin(refusal, "first_frame", "");
        text_add(&allowed, "a first frame together with the last");
        return refusal_end(refusal, "is missing");
    }
    if (request->subjects > model->subjects_max)
        return refuse_count(refusal, "subjects", "subjects", (int64_t)request->subjects, model->subjects_max);
    return mode == CATALOG_REFERENCE ? references_check(model, request, refusal) : 0;
}

static int prompt_check(const struct catalog_model *model, const struct catalog_request *request,
                        enum catalog_mode mode, struct catalog_refusal *refusal)
{
    const bool missing = request->prompt_chars == 0 && (model->prompt_required || mode == CATALOG_TEXT);
    if (!missing && request->prompt_chars <= model->prompt_chars_max)
        return 0;
    char value[80] = "";
    if (!missing)
        snprintf(value, sizeof value, "%zu characters", request->prompt_chars);
    struct text allowed = refusal_begin(refusal, "prompt", value);
    text_add(&allowed, "1 to %zu characters", model->prompt_chars_max);
    return refusal_end(refusal, missing ? "is missing" : "are too many");
}

static bool output_has_seconds(const struct catalog_output *output, int64_t seconds)
{
    for (size_t i = 0; i < output->second_count; i++)
        if (output->seconds[i] == seconds)
            return true;
    return false;
}

/* Resolution and seconds are one choice: whichever is at fault, the pairs are listed. */
static int output_pick(const struct catalog_request *request, struct catalog_resolved *resolved,
                       struct catalog_refusal *refusal)
{
    const struct catalog_model *model = resolved->model;
    const char *resolution = request->resolution ? request->resolution : model->default_resolution;
    const int64_t seconds = request->seconds ? request->seconds : model->default_seconds;
    const struct catalog_output *same = NULL;
    for (size_t i = 0; resolution && i < model->output_count; i++)
        if ((model->outputs[i].modes & 1u << resolved->mode) && strcmp(model->outputs[i].resolution, resolution) == 0)
            same = &model->outputs[i];
    if (same && output_has_seconds(same, seconds)) {
        resolved->output = same;
        resolved->seconds = (int)seconds;
        return 0;
    }
    char number[80] = "", reason[160];
    if (seconds)
        snprintf(number, sizeof number, "%lld", (long long)seconds);
    struct text allowed = refusal_begin(refusal, same ? "seconds" : "resolution",
                                        same         ? number
                                        : resolution ? resolution
                                                     : "");
    pairs_list(&allowed, model, resolved->mode);
    if (!refusal->value[0])
        return refusal_end(refusal, "is missing");
    if (same)
        snprintf(reason, sizeof reason, "cannot be had at %s from %s", same->resolution, model->name);
    else
        snprintf(reason, sizeof reason, "cannot be had from %s in mode %s", model->name,
                 catalog_mode_name(resolved->mode));
    return refusal_end(refusal, reason);
}

static int ratio_pick(const struct catalog_request *request, struct catalog_resolved *resolved,
                      struct catalog_refusal *refusal)
{
    const struct catalog_model *model = resolved->model;
    const enum catalog_ratio rule = resolved->output->ratio;
    if (rule == CATALOG_RATIO_NONE)
        return 0;
    resolved->ratio = "adaptive";
    if (rule == CATALOG_RATIO_ADAPTIVE ||
        (rule == CATALOG_RATIO_OPTIONAL && (!request->ratio || strcmp(request->ratio, "adaptive") == 0)))
        return 0;
    for (size_t i = 0; request->ratio && i < model->ratio_count; i++)
        if (strcmp(request->ratio, model->ratios[i]) == 0) {
            resolved->ratio = model->ratios[i];
            return 0;
        }
    struct text allowed = refusal_begin(refusal, "ratio", request->ratio ? request->ratio : "");
    for (size_t i = 0; i < model->ratio_count; i++)
        text_add(&allowed, "%s%s", i ? ", " : "", model->ratios[i]);
    if (rule == CATALOG_RATIO_OPTIONAL)
        text_add(&allowed, ", adaptive");
    return refusal_end(refusal, request->ratio ? "is not one this mode has" : "is missing");
}

int catalog_resolve(const struct catalog *catalog, const struct catalog_request *request,
                    struct catalog_resolved *ret_resolved, struct catalog_refusal *ret_refusal)
{
    struct catalog_resolved resolved = {.mode = request_mode(request)};
    int rc = model_pick(catalog, request, &resolved, ret_refusal);
    if (rc == 0)
        rc = inputs_check(request, ret_refusal);
    if (rc == 0)
        rc = mode_check(resolved.model, request, resolved.mode, ret_refusal);
    if (rc == 0)
        rc = prompt_check(resolved.model, request, resolved.mode, ret_refusal);
    if (rc == 0)
        rc = output_pick(request, &resolved, ret_refusal);
    if (rc == 0)
        rc = ratio_pick(request, &resolved, ret_refusal);
    if (rc < 0)
        return rc;
    resolved.images = request->images + request->subjects + request->first_frame + request->last_frame;
    resolved.video_ms = request->video_ms;
    *ret_resolved = resolved;
    return 0;
}

int catalog_picture_check(const struct catalog_model *model, const struct catalog_picture *picture,
                          struct catalog_refusal *ret_refusal)
{
    const struct catalog_pictures *p = &model->pictures;
    const size_t shorter = size_min(picture->width, picture->height),
                 longer = size_max(picture->width, picture->height);
    char value[80];
    if ((unsigned)picture->format >= CATALOG_FORMATS || (p->formats & 1u << picture->format) == 0) {
        const bool known = (unsigned)picture->format < CATALOG_FORMATS;
        struct text allowed = refusal_begin(ret_refusal, "picture", known ? catalog_format_name(picture->format) : "");
        for (int i = 0, any = 0; i < CATALOG_FORMATS; i++)
            if (p->formats & 1u << i)
                text_add(&allowed, "%s%s", any++ ? ", " : "", catalog_format_name((enum catalog_format)i));
        return refusal_end(ret_refusal, "is of a format that is not taken");
    }
    if (picture->bytes > p->bytes_max)
        return refuse_count(ret_refusal, "picture", "bytes", (int64_t)picture->bytes, p->bytes_max);
    snprintf(value, sizeof value, "%zux%zu", picture->width, picture->height);
    if (shorter < p->side_min || (p->side_max && longer > p->side_max)) {
        struct text allowed = refusal_begin(ret_refusal, "picture", value);
        text_add(&allowed, "sides of at least %zu", p->side_min);
        if (p->side_max)
            text_add(&allowed, " and at most %zu", p->side_max);
        text_add(&allowed, " pixels");
        return refusal_end(ret_refusal, "has a side outside the limits");
    }
    if ((__int128)picture->width * 1000 < (__int128)picture->height * p->ratio_min_permille ||
        (__int128)picture->width * 1000 > (__int128)picture->height * p->ratio_max_permille) {
        struct text allowed = refusal_begin(ret_refusal, "picture", value);
        text_add(&allowed, "width / height from %zu.%03zu to %zu.%03zu", p->ratio_min_permille / 1000,
                 p->ratio_min_permille % 1000, p->ratio_max_permille / 1000, p->ratio_max_permille % 1000);
        return refusal_end(ret_refusal, "is too long in one direction");
    }
    return 0;
}

static bool price_holds(const struct catalog_price *row, const struct catalog_resolved *resolved, int64_t at_ms)
{
    return row->model == resolved->model && strcmp(row->resolution, resolved->output->resolution) == 0 &&
           (row->seconds == 0 || row->seconds == resolved->seconds) && at_ms >= row->from_ms &&
           (row->until_ms == 0 || at_ms < row->until_ms);
}

static bool price_sum(const struct catalog_price *row, const struct catalog_resolved *resolved, int64_t *ret_amount)
{
    int64_t sum = row->amount, part, seconds = resolved->seconds;
    if (row->video_input_charged)
        seconds += resolved->video_ms / 1000 + (resolved->video_ms % 1000 > 0); /* begun seconds count */
    if (row->seconds == 0 && __builtin_mul_overflow(row->amount, seconds, &sum))
        return false;
    const size_t images = resolved->images > row->images_free ? resolved->images - row->images_free : 0;
    if (__builtin_mul_overflow(row->image_amount, images, &part) || __builtin_add_overflow(sum, part, &sum))
        return false;
    *ret_amount = sum;
    return true;
}

int catalog_price(const struct catalog *catalog, const struct catalog_resolved *resolved, enum catalog_meter meter,
                  int64_t at_ms, int64_t *ret_amount, const struct catalog_price **ret_row, conch_error *err)
{
    assert((unsigned)meter < CATALOG_METERS && resolved->output);
    for (size_t i = 0; i < catalog->price_count; i++) {
        const struct catalog_price *row = &catalog->prices[i];
        if (row->meter != meter || !price_holds(row, resolved, at_ms))
            continue;
        if (!price_sum(row, resolved, ret_amount))
            return conch_error_set(err, CONCH_ERR_LIMIT, "the price of %s in %s passes %lld", resolved->model->slug,
                                   catalog_meter_name(meter), (long long)INT64_MAX);
        if (ret_row)
            *ret_row = row;
        return 0;
    }
    return conch_error_set(err, CONCH_ERR_NOTFOUND, "%s at %s with %d s has no price in %s at that time",
                           resolved->model->slug, resolved->output->resolution, resolved->seconds,
                           catalog_meter_name(meter));
}
