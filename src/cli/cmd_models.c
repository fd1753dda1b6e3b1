/* conch models: what can be made here, and with what. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "cli/command.h"
#include "cli/models_find.h"
#include "cli/style.h"
#include "conch/engine.h"

struct settings {
    const char *models;
    bool json;
};

static const struct option options[] = {
    {"models", 0, OPTION_TEXT, offsetof(struct settings, models), "DIR", "look here only", 0, 0},
    {"json", 0, OPTION_FLAG, offsetof(struct settings, json), NULL, "one JSON object instead of text", 0, 0},
    {0},
};

static const struct mode {
    enum conch_mode mode;
    const char *name, *words;
} modes[] = {{CONCH_MODE_TEXT, "text", "text"},
             {CONCH_MODE_FIRST_FRAME, "first_frame", "first frame"},
             {CONCH_MODE_FIRST_LAST_FRAME, "first_last_frame", "first and last frame"}};

/* Peak of the default request; 0 when it cannot be known (a file is missing). */
static uint64_t peak_bytes(conch_engine *engine, const conch_model *model)
{
    conch_request request = {.prompt = "a clip"};
    conch_plan plan;
    return conch_plan_make(engine, model, &request, &plan, NULL) == 0 ? plan.peak_bytes : 0;
}

static json_t *model_json(const conch_model_info *info, uint64_t peak)
{
    json_t *sizes = json_array(), *durations = json_array(), *list = json_array();
    for (size_t i = 0; i < info->size_count; i++)
        json_array_append_new(sizes, json_pack("[i,i]", info->sizes[i].width, info->sizes[i].height));
    for (size_t i = 0; i < info->frame_count_count; i++)
        json_array_append_new(durations, json_pack("{s:i, s:f}", "frames", info->frame_counts[i], "seconds",
                                                   (double)info->frame_counts[i] / info->fps));
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (info->modes & modes[i].mode)
            json_array_append_new(list, json_string(modes[i].name));
    json_t *object = json_pack(
        "{s:s, s:s*, s:s*, s:s*, s:s, s:o, s:o, s:o, s:i, s:i, s:f, s:f, s:s*, s:I, s:b, s:s*}", "name", info->name,
        "title", info->title, "family", info->family, "license", info->license, "folder", info->folder, "modes", list,
        "sizes", sizes, "durations", durations, "fps", info->fps, "steps", info->step_count, "guidance", info->guidance,
        "shift", info->shift, "sampler", info->sampler, "weights_bytes", (json_int_t)info->weights_bytes, "complete",
        info->missing == NULL, "missing", info->missing);
    if (object && peak)
        json_object_set_new(object, "peak_bytes", json_integer((json_int_t)peak));
    return object;
}

static void print_sizes(const conch_model_info *info)
{
    printf("  sizes     ");
    for (size_t i = 0; i < info->size_count; i++)
        printf("%s%dx%d", i ? ", " : "", info->sizes[i].width, info->sizes[i].height);
    printf("\n  seconds   ");
    for (size_t i = 0; i < info->frame_count_count; i++)
        printf("%s%s (%d frames)%s", i ? ", " : "", style_seconds((double)info->frame_counts[i] / info->fps).text,
               info->frame_counts[i],
               info->frame_count_count > 1 && info->frame_counts[i] == info->default_frame_count ? " by default" : "");
    printf(", %d fps\n", info->fps);
}

static void model_print(const conch_model_info *info, uint64_t peak)
{
    const char *separator = "";
    printf("%s%s%s  %s\n", style_on(stdout, STYLE_BOLD), info->name, style_off(stdout), info->title ? info->title : "");
    printf("  folder    %s\n  from      ", info->folder);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        if (info->modes & modes[i].mode) {
            printf("%s%s", separator, modes[i].words);
            separator = ", ";
        }
    }
    putchar('\n');
    print_sizes(info);
    printf("  steps     %d, guidance %g\n", info->step_count, info->guidance);
    if (peak)
        printf("  memory    %s at its peak; %s of weights\n", style_bytes(peak).text,
               style_bytes(info->weights_bytes).text);
    printf("  licence   %s\n", info->license ? info->license : "not said");
    if (info->missing)
        printf("  %sincomplete: %s is not there%s\n", style_on(stdout, STYLE_YELLOW), info->missing, style_off(stdout));
    else
        printf("  complete\n");
}

static void show(const char *folder, conch_engine *engine, json_t *list)
{
    conch_model *model = NULL;
    conch_error err;
    if (conch_model_open(&model, folder, &err) < 0) {
        if (list)
            json_array_append_new(list,
                                  json_pack("{s:s, s:b, s:s}", "folder", folder, "complete", 0, "error", err.text));
        else
            printf("%s%s%s\n  %scannot be used: %s%s\n", style_on(stdout, STYLE_BOLD), folder, style_off(stdout),
                   style_on(stdout, STYLE_YELLOW), err.text, style_off(stdout));
        return;
    }
    const conch_model_info *info = conch_model_info_get(model);
    uint64_t peak = peak_bytes(engine, model);
    if (list)
        json_array_append_new(list, model_json(info, peak));
    else
        model_print(info, peak);
    conch_model_close(model);
}

static void print_searched(const char *only)
{
    struct models_list folders = {.count = 0};
    printf("No model found. Searched:\n");
    if (models_search_path(only, &folders, NULL) == 0)
        for (size_t i = 0; i < folders.count; i++)
            printf("  %s\n", folders.path[i]);
    models_list_finish(&folders);
}

static int run(int argc, const char *const *argv)
{
    struct settings settings = {0};
    struct option_words words;
    struct models_list models = {.count = 0};
    /* What would fit is not asked here: only what it takes. */
    conch_engine_options unlimited = {.threads = 1, .memory_bytes = UINT64_C(1) << 60, .cpu = getenv("CONCH_CPU")};
    conch_engine *engine = NULL;
    conch_error err = {0};
    int rc = option_parse(options, argc, argv, &settings, &words, &err);
    if (rc == 0 && words.count)
        rc = conch_error_set(&err, CONCH_ERR_RANGE, "models takes no words, but was given '%s'", words.word[0]);
    if (rc == 0)
        rc = models_find_all(settings.models, &models, &err);
    if (rc == 0)
        rc = conch_engine_create(&engine, &unlimited, &err);
    if (rc == 0) {
        json_t *list = settings.json ? json_array() : NULL;
        for (size_t i = 0; i < models.count; i++) {
            if (!list && i)
                putchar('\n');
            show(models.path[i], engine, list);
        }
        if (list) {
            json_t *object = json_pack("{s:o}", "models", list);
            json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
            putchar('\n');
            json_decref(object);
        } else if (models.count == 0) {
            print_searched(settings.models);
        }
    }
    conch_engine_destroy(engine);
    models_list_finish(&models);
    return rc < 0 ? command_fail(&err) : 0;
}

const struct command command_models = {.name = "models",
                                       .arguments = "[OPTION ...]",
                                       .summary = "lists the models that are here and what each can do",
                                       .options = options,
                                       .run = run};
