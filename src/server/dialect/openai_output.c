/* Size, length and shape: "1280x720", seconds or frames, the target of H3. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"
#include "server/dialect/openai.h"

enum { SECONDS_MAX = 3600, SIDE_MAX = 16384, FPS_MAX = 240, FPS_DEFAULT = 24, FRAMES_MAX = SECONDS_MAX * FPS_MAX };

/* Models whose every field must be named get these, as clients of this dialect need not name any. */
static const char h3_resolution[] = "768P", h3_ratio[] = "16:9";
enum { H3_SECONDS = 5 };

/* ---- length ---- */

static int target_integer(const json_t *target, const char *key, int64_t min, int64_t max, int64_t *ret,
                          struct api_problem *problem)
{
    char field[64];
    if (dialect_integer(target, key, min, max, ret, problem) == 0)
        return 0;
    snprintf(field, sizeof field, "target.%s", key);
    snprintf(problem->field, sizeof problem->field, "%s", field);
    return -1;
}

static int seconds_read(const json_t *body, const json_t *target, const struct catalog_model *model,
                        struct api_submit *submit, struct api_problem *problem)
{
    int64_t frames = 0, fps = model ? (int64_t)model->fps : FPS_DEFAULT;
    if (target_integer(target, "duration_seconds", 1, SECONDS_MAX, &submit->seconds, problem) < 0 ||
        dialect_integer(body, "duration", 1, SECONDS_MAX, &submit->seconds, problem) < 0 ||
        dialect_integer(body, "seconds", 1, SECONDS_MAX, &submit->seconds, problem) < 0 ||
        dialect_integer(body, "fps", 1, FPS_MAX, &fps, problem) < 0 ||
        dialect_integer(body, "num_frames", 1, FRAMES_MAX, &frames, problem) < 0)
        return -1;
    if (!submit->seconds && frames)
        submit->seconds = frames - 1 < fps ? 1 : (frames - 1 + fps / 2) / fps; /* the first frame is at 0 s */
    return 0;
}

/* ---- size ---- */

static bool size_parse(const char *text, int *ret_width, int *ret_height)
{
    int width, height, end = 0;
    if (strlen(text) > 11 || strspn(text, "0123456789xX*") != strlen(text) ||
        sscanf(text, "%5d%*1[xX*]%5d%n", &width, &height, &end) != 2 || text[end] || width < 1 || height < 1 ||
        width > SIDE_MAX || height > SIDE_MAX)
        return false;
    *ret_width = width;
    *ret_height = height;
    return true;
}

/* "768p" as the model spells it. */
static const char *resolution_spell(const struct catalog_model *model, const char *text)
{
    for (size_t i = 0; model && i < model->output_count; i++)
        if (text_equal_nocase(model->outputs[i].resolution, text))
            return model->outputs[i].resolution;
    return text;
}

static bool is_resolution(const char *text)
{
    const size_t digits = strspn(text, "0123456789");
    return digits && digits <= 4 && strchr("pPkK", text[digits]) && text[digits] && !text[digits + 1];
}

/* size goes before width and height. */
static int size_read(const json_t *body, const struct catalog_model *model, struct openai_create *create,
                     struct api_problem *problem)
{
    struct api_submit *submit = &create->submit;
    const char *size = NULL, *resolution = NULL;
    int64_t width = 0, height = 0;
    if (dialect_text(body, "resolution", &resolution, problem) < 0 || dialect_text(body, "size", &size, problem) < 0 ||
        dialect_integer(body, "width", 1, SIDE_MAX, &width, problem) < 0 ||
        dialect_integer(body, "height", 1, SIDE_MAX, &height, problem) < 0)
        return -1;
    if (resolution)
        submit->resolution = resolution_spell(model, resolution);
    if (size && is_resolution(size)) {
        submit->resolution = resolution_spell(model, size);
        return 0;
    }
    if (size && !size_parse(size, &submit->width, &submit->height)) {
        api_refuse(problem, API_INVALID, "size", "size is '%.40s', but must be WIDTHxHEIGHT as 1280x720", size);
        snprintf(problem->value, sizeof problem->value, "%.40s", size);
        strcpy(problem->allowed, "WIDTHxHEIGHT");
        return -1;
    }
    if (!size && (width == 0) != (height == 0))
        return api_refuse(problem, API_INVALID, width ? "height" : "width",
                          "width and height belong together: %s is missing", width ? "height" : "width");
    if (!size && width) {
        submit->width = (int)width;
        submit->height = (int)height;
    }
    return 0;
}

/* ---- models that take a resolution and a ratio ---- */

static bool has_sizes(const struct catalog_model *model)
{
    for (size_t i = 0; i < model->output_count; i++)
        if (model->outputs[i].width)
            return true;
    return false;
}

static const char *ratio_near(const struct catalog_model *model, double aspect)
{
    for (size_t i = 0; i < model->ratio_count; i++) {
        double across, down;
        if (sscanf(model->ratios[i], "%lf:%lf", &across, &down) == 2 &&
            fabs(aspect * down / across - 1) < 0.03) /* sides are multiples of 32 */
            return model->ratios[i];
    }
    return NULL;
}

static int refuse_size(const struct catalog_model *model, const struct api_submit *submit, struct api_problem *problem)
{
    char resolutions[200] = "", ratios[200] = "";
    size_t used = 0;
    for (size_t i = 0; i < model->output_count && used < sizeof resolutions - 24; i++)
        if (!strstr(resolutions, model->outputs[i].resolution))
            used += (size_t)snprintf(resolutions + used, sizeof resolutions - used, "%s%.16s", used ? ", " : "",
                                     model->outputs[i].resolution);
    used = 0;
    for (size_t i = 0; i < model->ratio_count && used < sizeof ratios - 16; i++)
        used += (size_t)snprintf(ratios + used, sizeof ratios - used, "%s%.8s", used ? ", " : "", model->ratios[i]);
    api_refuse(problem, API_INVALID, "size",
               "size '%dx%d' is none that %s has; allowed: resolution %s with aspect_ratio %s, or a size with such a "
               "shorter side and ratio",
               submit->width, submit->height, model->name, resolutions, ratios);
    snprintf(problem->value, sizeof problem->value, "%dx%d", submit->width, submit->height);
    snprintf(problem->allowed, sizeof problem->allowed, "resolution: %s; aspect_ratio: %s", resolutions, ratios);
    return -1;
}

/* 1344x768 is 768P at 16:9. */
static int size_resolve(const struct catalog_model *model, struct openai_create *create, struct api_problem *problem)
{
    struct api_submit *submit = &create->submit;
    const int side = submit->width < submit->height ? submit->width : submit->height;
    char wanted[24];
    snprintf(wanted, sizeof wanted, "%dP", side);
    const char *ratio = ratio_near(model, (double)submit->width / submit->height);
    for (size_t i = 0; ratio && i < model->output_count; i++)
        if (strcmp(model->outputs[i].resolution, wanted) == 0) {
            submit->resolution = model->outputs[i].resolution;
            submit->ratio = submit->ratio ? submit->ratio : ratio;
            submit->width = submit->height = 0;
            return 0;
        }
    return refuse_size(model, submit, problem);
}

static int target_read(const json_t *target, struct openai_create *create, struct api_problem *problem)
{
    struct api_submit *submit = &create->submit;
    int64_t side = 0;
    if (target_integer(target, "short_edge", 1, SIDE_MAX, &side, problem) < 0 ||
        dialect_text(target, "aspect_ratio", &submit->ratio, problem) < 0)
        return -1;
    if (side) {
        snprintf(create->resolution, sizeof create->resolution, side == 1440 ? "2K" : "%dP", (int)side);
        submit->resolution = create->resolution;
    }
    return 0;
}

static int ratio_read(const json_t *body, struct api_submit *submit, struct api_problem *problem)
{
    if (dialect_text(body, "ratio", &submit->ratio, problem) < 0 ||
        dialect_text(body, "aspect_ratio", &submit->ratio, problem) < 0)
        return -1;
    if (submit->ratio && text_equal_nocase(submit->ratio, "auto")) /* as the picture has it */
        submit->ratio = NULL;
    return 0;
}

int openai_output_read(struct openai_create *create, const struct catalog_model *model, struct api_problem *ret_problem)
{
    struct api_submit *submit = &create->submit;
    const json_t *body = create->body;
    json_t *target = NULL;
    if (dialect_object(body, "target", &target, ret_problem) < 0 || target_read(target, create, ret_problem) < 0 ||
        seconds_read(body, target, model, submit, ret_problem) < 0 || size_read(body, model, create, ret_problem) < 0 ||
        ratio_read(body, submit, ret_problem) < 0)
        return -1;
    if (!model || !model->ratio_count)
        return 0;
    if (submit->width && !has_sizes(model) && size_resolve(model, create, ret_problem) < 0)
        return -1;
    if (!submit->resolution && !model->default_resolution)
        submit->resolution = h3_resolution;
    if (!submit->seconds && !model->default_seconds)
        submit->seconds = H3_SECONDS;
    if (!submit->ratio && !submit->media_count)
        submit->ratio = h3_ratio;
    return 0;
}
