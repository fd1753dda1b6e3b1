#include "cli/generate_settings.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "base/pool.h"
#include "media/fit.h"

#define SECONDS_TOLERANCE 0.25

#define FIELD(name) offsetof(struct generate_settings, name)

const struct option generate_options[] = {
    {.name = "What to make", .kind = OPTION_HEADING},
    {"model", 'm', OPTION_TEXT, FIELD(model), "DIR|NAME", "model folder or name (default: the first one found)", 0, 0},
    {"models", 0, OPTION_TEXT, FIELD(models), "DIR", "look for models here only", 0, 0},
    {"first-frame", 0, OPTION_TEXT, FIELD(first_frame), "FILE", "picture that the clip begins with", 0, 0},
    {"last-frame", 0, OPTION_TEXT, FIELD(last_frame), "FILE", "picture that it ends with; needs --first-frame", 0, 0},
    {"size", 0, OPTION_SIZE, FIELD(size), "WxH",
     "pixels, one of the model's sizes (default: its first, or the nearest in shape to the first frame)", 0, 0},
    {"seconds", 0, OPTION_NUMBER, FIELD(seconds), "N", "length, met within a quarter of a second", 0, 3600},
    {"frames", 0, OPTION_WHOLE, FIELD(frames), "N", "length in frames, instead of --seconds", 1, 100000},
    {"negative", 0, OPTION_TEXT, FIELD(negative), "TEXT", "what it should not look like (default: the model's)", 0, 0},

    {.name = "How to make it", .kind = OPTION_HEADING},
    {"seed", 0, OPTION_SEED, FIELD(seed), "N", "the same seed makes the same clip (default: random, and printed)", 0,
     0},
    {"steps", 0, OPTION_WHOLE, FIELD(steps), "N", "denoising steps (default: the model's)", 1, 1000},
    {"guidance", 0, OPTION_NUMBER, FIELD(guidance), "G",
     "how closely to follow the prompt; 1 is none and takes half the time (default: the model's)", 0, 100},
    {"shift", 0, OPTION_NUMBER, FIELD(shift), "S", "shift of the noise schedule (default: the model's)", 0, 1000},
    {"sampler", 0, OPTION_TEXT, FIELD(sampler), "NAME",
     "unipc, dpmpp, euler, euler_diffusers or unipc_diffusers (default: the model's)", 0, 0},
    {"precision", 0, OPTION_TEXT, FIELD(precision), "bf16|f32", "of the networks (default: bf16)", 0, 0},
    {"threads", 0, OPTION_WHOLE, FIELD(threads), "N", "default: every core; does not change the clip", 1,
     POOL_THREADS_MAX},
    {"memory", 0, OPTION_BYTES, FIELD(memory), "SIZE", "what may be used, such as 800M or 4G (default: what is free)",
     0, 0},
    {"no-cache", 0, OPTION_FLAG, FIELD(no_cache), NULL, "do not keep the text encoder's results", 0, 0},

    {.name = "Where it goes", .kind = OPTION_HEADING},
    {"output", 'o', OPTION_TEXT, FIELD(output), "FILE",
     "MP4 file, replaced when it is there (default: a new name made of the prompt and the seed)", 0, 0},
    {"crf", 0, OPTION_WHOLE, FIELD(crf), "N", "quality of the MP4: 1 best, 51 smallest (default: 16)", 1, 51},
    {"no-metadata", 0, OPTION_FLAG, FIELD(no_metadata), NULL, "no prompt, seed or settings in the MP4", 0, 0},
    {"frames-dir", 0, OPTION_TEXT, FIELD(frames_dir), "DIR",
     "every frame as PNG: frame-0001.png, ...; without --output no MP4 is made", 0, 0},
    {"preview", 0, OPTION_TEXT, FIELD(preview), "FILE", "PNG of how it looks so far, written after each step", 0, 0},
    {"latent", 0, OPTION_TEXT, FIELD(latent), "FILE",
     "save the latent here before decoding (default: in the state folder, the newest 16 are kept)", 0, 0},
    {"decode", 0, OPTION_TEXT, FIELD(decode), "FILE", "no prompt: decode a saved latent again", 0, 0},

    {.name = "What to say", .kind = OPTION_HEADING},
    {"plan", 0, OPTION_FLAG, FIELD(plan), NULL, "only print what it would take: memory, work, time", 0, 0},
    {"json", 0, OPTION_FLAG, FIELD(json), NULL, "one JSON event a line on standard output (docs/cli.md)", 0, 0},
    {"quiet", 'q', OPTION_FLAG, FIELD(quiet), NULL, "nothing but errors", 0, 0},
    {0},
};

static int exclude(const char *one, const char *other, conch_error *err)
{
    return conch_error_set(err, CONCH_ERR_RANGE, "%s and %s exclude each other", one, other);
}

static int decode_check(const struct generate_settings *s, const struct option_words *words, conch_error *err)
{
    const struct {
        const char *name;
        bool given;
    } others[] = {{"a prompt", words->count > 0},  {"--first-frame", s->first_frame}, {"--last-frame", s->last_frame},
                  {"--size", s->size.width > 0},   {"--seconds", s->seconds > 0},     {"--frames", s->frames > 0},
                  {"--negative", s->negative},     {"--seed", s->seed.given},         {"--steps", s->steps > 0},
                  {"--guidance", s->guidance > 0}, {"--shift", s->shift > 0},         {"--sampler", s->sampler},
                  {"--preview", s->preview},       {"--latent", s->latent},           {"--plan", s->plan}};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (others[i].given)
            return exclude("--decode", others[i].name, err);
    return 0;
}

/* A file name that promises another format than the MP4 that is written. */
static int output_check(const char *path, conch_error *err)
{
    static const char *const others[] = {".gif", ".webm", ".mkv", ".avi", ".mov", ".png", ".jpg", ".jpeg", ".webp"};
    const char *dot = path ? strrchr(path, '.') : NULL;
    for (size_t i = 0; dot && i < ARRAY_LEN(others); i++)
        if (strcasecmp(dot, others[i]) == 0)
            return conch_error_set(err, CONCH_ERR_RANGE,
                                   "--output: %s: clips are written as MP4, the name ends in .mp4", path);
    return 0;
}

static int same_place_check(const struct generate_settings *s, conch_error *err)
{
    const struct {
        const char *name, *path;
    } places[] = {{"--output", s->output}, {"--preview", s->preview}, {"--latent", s->latent}};
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        for (size_t k = 0; k < i; k++)
            if (places[i].path && places[k].path && strcmp(places[i].path, places[k].path) == 0)
                return conch_error_set(err, CONCH_ERR_RANGE, "%s and %s name the same file: %s", places[k].name,
                                       places[i].name, places[i].path);
    return 0;
}

int generate_settings_check(const struct generate_settings *s, const struct option_words *words, conch_error *err)
{
    if (s->precision && strcmp(s->precision, "bf16") != 0 && strcmp(s->precision, "f32") != 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "--precision: '%s' is not allowed (bf16, f32)", s->precision);
    int rc = output_check(s->output, err);
    if (rc == 0)
        rc = same_place_check(s, err);
    if (rc < 0)
        return rc;
    if (s->decode)
        return decode_check(s, words, err);
    if (words->count == 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "no prompt: say what the clip shows, in quotes");
    if (words->count > 1)
        return conch_error_set(err, CONCH_ERR_RANGE, "the prompt is %zu words ('%s', '%s', ...): put it in quotes",
                               words->count, words->word[0], words->word[1]);
    if (s->seconds > 0 && s->frames > 0)
        return exclude("--seconds", "--frames", err);
    if (s->last_frame && !s->first_frame)
        return conch_error_set(err, CONCH_ERR_RANGE, "--last-frame needs a --first-frame");
    return 0;
}

enum conch_precision generate_precision(const struct generate_settings *settings)
{
    return settings->precision && strcmp(settings->precision, "f32") == 0 ? CONCH_PRECISION_F32 : CONCH_PRECISION_BF16;
}

/* Adds to a list of what is allowed; a list that gets too long ends with "...". */
struct allowed {
    char text[360];
    size_t used;
};

static void __attribute__((format(printf, 2, 3))) allowed_add(struct allowed *list, const char *format, ...)
{
    va_list args;
    if (list->used + 40 > sizeof list->text) {
        if (strcmp(list->text + list->used - 3, "...") != 0)
            list->used += (size_t)snprintf(list->text + list->used, sizeof list->text - list->used, ", ...");
        return;
    }
    if (list->used)
        list->used += (size_t)snprintf(list->text + list->used, sizeof list->text - list->used, ", ");
    va_start(args, format);
    list->used += (size_t)vsnprintf(list->text + list->used, sizeof list->text - list->used, format, args);
    va_end(args);
}

static int frames_error(const struct generate_settings *settings, const conch_model_info *model, conch_error *err)
{
    struct allowed list = {.used = 0};
    for (size_t i = 0; i < model->frame_count_count; i++) {
        if (settings->frames)
            allowed_add(&list, "%d", model->frame_counts[i]);
        else
            allowed_add(&list, "%.3g", (double)model->frame_counts[i] / model->fps);
    }
    if (settings->frames)
        return conch_error_set(err, CONCH_ERR_RANGE, "--frames: %d is not allowed by %s (%s)", settings->frames,
                               model->name, list.text);
    return conch_error_set(err, CONCH_ERR_RANGE, "--seconds: %g is not allowed by %s (%s)", settings->seconds,
                           model->name, list.text);
}

int generate_frame_count(const struct generate_settings *settings, const conch_model_info *model, int *ret_count,
                         conch_error *err)
{
    int best = 0;
    double best_error = SECONDS_TOLERANCE + 1e-9;
    if (settings->frames == 0 && settings->seconds == 0) {
        *ret_count = model->default_frame_count;
        return 0;
    }
    for (size_t i = 0; i < model->frame_count_count; i++) {
        int count = model->frame_counts[i];
        double error = settings->frames ? (count == settings->frames ? 0 : 1)
                                        : fabs((double)count / model->fps - settings->seconds);
        if (error < best_error) {
            best = count;
            best_error = error;
        }
    }
    if (!best)
        return frames_error(settings, model, err);
    *ret_count = best;
    return 0;
}

static int size_given(const struct generate_settings *settings, const conch_model_info *model, conch_size *ret_size,
                      conch_error *err)
{
    struct allowed list = {.used = 0};
    for (size_t i = 0; i < model->size_count; i++) {
        if (model->sizes[i].width == settings->size.width && model->sizes[i].height == settings->size.height) {
            *ret_size = model->sizes[i];
            return 0;
        }
        allowed_add(&list, "%dx%d", model->sizes[i].width, model->sizes[i].height);
    }
    return conch_error_set(err, CONCH_ERR_RANGE, "--size: %dx%d is not allowed by %s (%s)", settings->size.width,
                           settings->size.height, model->name, list.text);
}

int generate_size(const struct generate_settings *settings, const conch_model_info *model,
                  const struct media_image *picture, conch_size *ret_size, conch_error *err)
{
    if (settings->size.width)
        return size_given(settings, model, ret_size, err);
    size_t best = 0;
    double best_error = INFINITY;
    for (size_t i = 0; picture && i < model->size_count; i++) {
        double ratio = (double)model->sizes[i].width / model->sizes[i].height;
        double error = fabs(log(ratio * picture->height / picture->width));
        if (error < best_error - 1e-9) { /* of equal ones the model's earlier one */
            best = i;
            best_error = error;
        }
    }
    *ret_size = model->sizes[best];
    return 0;
}

int generate_fit(struct media_image *picture, conch_size size, conch_error *err)
{
    if (picture->width == size.width && picture->height == size.height)
        return 0;
    uint8_t *rgb = malloc((size_t)size.width * (size_t)size.height * 3);
    if (!rgb)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a picture of %dx%d", size.width, size.height);
    int rc = fit_cover(rgb, (struct fit_size){size.width, size.height}, picture->rgb,
                       (struct fit_size){picture->width, picture->height}, err);
    if (rc < 0) {
        free(rgb);
        return rc;
    }
    media_image_finish(picture);
    *picture = (struct media_image){.rgb = rgb, .width = size.width, .height = size.height};
    return 0;
}
