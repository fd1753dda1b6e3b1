/* /conch/v1/models: what can be asked for, with everything a client needs to ask rightly. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/dialect/native.h"

enum { MODELS_MAX = 2 * CATALOG_MODELS_MAX };

static void modes(struct out *out, const char *key, unsigned bits)
{
    out_array(out, key);
    for (int i = 0; i < CATALOG_MODES; i++)
        if (bits & 1u << i)
            out_text(out, NULL, catalog_mode_name((enum catalog_mode)i));
    out_array_end(out);
}

static void outputs(struct out *out, const struct catalog_model *model)
{
    static const char *const ratios[] = {"none", "required", "optional", "adaptive"};
    out_array(out, "outputs");
    for (size_t i = 0; i < model->output_count; i++) {
        const struct catalog_output *output = &model->outputs[i];
        out_object(out, NULL);
        modes(out, "modes", output->modes);
        out_text(out, "resolution", output->resolution);
        out_array(out, "seconds");
        for (size_t k = 0; k < output->second_count; k++)
            out_integer(out, NULL, output->seconds[k]);
        out_array_end(out);
        native_positive(out, "width", output->width);
        native_positive(out, "height", output->height);
        out_text(out, "ratio", ratios[output->ratio]);
        out_object_end(out);
    }
    out_array_end(out);
}

static void pictures(struct out *out, const struct catalog_pictures *pictures)
{
    if (!pictures->formats) {
        out_null(out, "pictures");
        return;
    }
    out_object(out, "pictures");
    out_integer(out, "bytes_max", (int64_t)pictures->bytes_max);
    out_integer(out, "side_min", (int64_t)pictures->side_min);
    native_positive(out, "side_max", (int64_t)pictures->side_max);
    out_real(out, "ratio_min", (double)pictures->ratio_min_permille / 1000);
    out_real(out, "ratio_max", (double)pictures->ratio_max_permille / 1000);
    out_array(out, "formats");
    for (int i = 0; i < CATALOG_FORMATS; i++)
        if (pictures->formats & 1u << i)
            out_text(out, NULL, catalog_format_name((enum catalog_format)i));
    out_array_end(out);
    out_object_end(out);
}

static void references(struct out *out, const struct catalog_references *references)
{
    if (!references->files_max && !references->images_max && !references->videos_max && !references->audios_max) {
        out_null(out, "references");
        return;
    }
    out_object(out, "references");
    out_integer(out, "images_max", (int64_t)references->images_max);
    out_integer(out, "videos_max", (int64_t)references->videos_max);
    out_integer(out, "audios_max", (int64_t)references->audios_max);
    out_integer(out, "files_max", (int64_t)references->files_max);
    out_integer(out, "video_seconds_max", (int64_t)references->video_seconds_max);
    out_integer(out, "audio_seconds_max", (int64_t)references->audio_seconds_max);
    out_object_end(out);
}

static void price(struct out *out, const struct catalog_price *price)
{
    char confidence[2] = {price->confidence, 0};
    out_object(out, NULL);
    out_text(out, "meter", catalog_meter_name(price->meter));
    out_text(out, "resolution", price->resolution);
    native_positive(out, "seconds", price->seconds);
    out_integer(out, "amount", price->amount);
    out_integer(out, "images_free", (int64_t)price->images_free);
    out_integer(out, "image_amount", price->image_amount);
    out_time(out, "valid_from", price->from_ms);
    out_time(out, "valid_until", price->until_ms);
    out_text(out, "source", price->source);
    out_text(out, "confidence", confidence);
    out_object_end(out);
}

static void prices(struct out *out, const struct dialect_call *call, const struct catalog_model *model)
{
    const struct catalog *catalog = api_catalog(call->api);
    out_array(out, "prices");
    for (size_t i = 0; i < catalog->price_count; i++) {
        const struct catalog_price *row = &catalog->prices[i];
        if (row->model == model && row->from_ms <= call->now_ms && (!row->until_ms || call->now_ms < row->until_ms))
            price(out, row);
    }
    out_array_end(out);
}

static void capabilities(struct out *out, const struct catalog_model *model)
{
    unsigned bits = 0;
    for (size_t i = 0; i < model->output_count; i++)
        bits |= model->outputs[i].modes;
    modes(out, "modes", bits);
    native_positive(out, "fps", (int64_t)model->fps);
    out_integer(out, "prompt_characters_max", (int64_t)model->prompt_chars_max);
    out_flag(out, "prompt_required", model->prompt_required);
    out_flag(out, "camera_commands", model->camera_commands);
    out_flag(out, "last_frame_alone", model->last_frame_alone);
    out_integer(out, "subjects_max", (int64_t)model->subjects_max);
    out_text(out, "default_resolution", model->default_resolution);
    native_positive(out, "default_seconds", model->default_seconds);
    out_array(out, "ratios");
    for (size_t i = 0; i < model->ratio_count; i++)
        out_text(out, NULL, model->ratios[i]);
    out_array_end(out);
    outputs(out, model);
    pictures(out, &model->pictures);
    references(out, &model->references);
}

static void write_model(struct out *out, const struct dialect_call *call, const struct api_model *model)
{
    out_object(out, NULL);
    out_text(out, "id", model->model->slug);
    out_text(out, "object", "model");
    out_text(out, "provider", model->model->provider);
    out_text(out, "name", model->model->name);
    out_text(out, "alias", model->alias);
    out_flag(out, "available", model->available);
    out_text(out, "reason", *model->reason ? model->reason : NULL);
    out_text(out, "served_by", *model->served_by ? model->served_by : NULL);
    out_text(out, "backend", *model->backend ? model->backend : NULL);
    out_flag(out, "sandbox", model->sandbox);
    capabilities(out, model->model);
    prices(out, call, model->model);
    out_object_end(out);
}

int native_model_list(struct dialect_call *call)
{
    struct out out;
    conch_error err = {0};
    size_t count = MODELS_MAX;
    struct api_model *models = calloc(count, sizeof *models);
    if (!models)
        return api_refuse(&call->problem, API_BUSY, "", "no memory for the list");
    int rc = api_model_list(call->api, call->caller, models, &count, &call->problem);
    if (rc == 0) {
        dialect_answer_begin(call, &out, &err);
        native_list_begin(&out);
        for (size_t i = 0; i < count; i++)
            write_model(&out, call, &models[i]);
        out_array_end(&out);
        out_object_end(&out);
        rc = dialect_answer_end(call, &out, 200);
    }
    free(models);
    return rc;
}

static int answer_model(struct dialect_call *call, const char *name)
{
    struct api_model model = {0};
    struct out out;
    conch_error err = {0};
    if (api_model_get(call->api, name, &model, &call->problem) < 0)
        return -1;
    dialect_answer_begin(call, &out, &err);
    write_model(&out, call, &model);
    return dialect_answer_end(call, &out, 200);
}

int native_model_get(struct dialect_call *call)
{
    char name[256];
    snprintf(name, sizeof name, "%s/%s", dialect_parameter(call, "provider"), dialect_parameter(call, "name"));
    return answer_model(call, name);
}

int native_model_by_name(struct dialect_call *call)
{
    return answer_model(call, dialect_parameter(call, "name"));
}
