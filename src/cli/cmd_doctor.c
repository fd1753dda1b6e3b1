/* conch doctor: what this machine has, what is missing, and what to do about it. */
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/file.h"
#include "base/pool.h"
#include "cli/command.h"
#include "cli/models_find.h"
#include "cli/paths.h"
#include "cli/stop.h"
#include "cli/style.h"
#include "conch/check.h"
#include "media/media.h"
#include "server/serve/serve.h"

struct settings {
    const char *models, *weights, *data, *config;
    bool json, ledger;
};

static const struct option options[] = {
    {"weights", 0, OPTION_TEXT, offsetof(struct settings, weights), "MODEL",
     "read every tensor of this model and report damaged files and values that are not finite", 0, 0},
    {"models", 0, OPTION_TEXT, offsetof(struct settings, models), "DIR", "look for models here only", 0, 0},
    {"ledger", 0, OPTION_FLAG, offsetof(struct settings, ledger), NULL,
     "rebuild a server's books from their entries and compare, beside the running server or without one", 0, 0},
    {"data", 0, OPTION_TEXT, offsetof(struct settings, data), "DIR", "the data folder of the server, for --ledger", 0,
     0},
    {"config", 0, OPTION_TEXT, offsetof(struct settings, config), "FILE", "its settings, for --ledger", 0, 0},
    {"json", 0, OPTION_FLAG, offsetof(struct settings, json), NULL, "one JSON object instead of text", 0, 0},
    {0},
};

enum finding { FINDING_OK, FINDING_NOTE, FINDING_PROBLEM };

/* What was looked at so far: printed at once, or collected. */
struct doctor {
    json_t *list; /* NULL: print */
    int problem_count;
};

static const char *const finding_names[] = {"ok", "note", "problem"};

/* One line about `what`; advice (may be NULL) says what to do. */
static void find(struct doctor *doctor, enum finding finding, const char *what, const char *advice, const char *format,
                 ...) __attribute__((format(printf, 5, 6)));

static void find(struct doctor *doctor, enum finding finding, const char *what, const char *advice, const char *format,
                 ...)
{
    static const enum style_colour colours[] = {STYLE_GREEN, STYLE_YELLOW, STYLE_RED};
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    doctor->problem_count += finding == FINDING_PROBLEM;
    if (doctor->list) {
        json_array_append_new(doctor->list, json_pack("{s:s, s:s, s:s, s:s*}", "what", what, "state",
                                                      finding_names[finding], "text", text, "advice", advice));
        return;
    }
    printf("%s%-8s%s %-12s %s\n", style_on(stdout, colours[finding]), finding_names[finding], style_off(stdout), what,
           text);
    if (advice)
        printf("%21s  -> %s\n", "", advice);
}

static void look_at_processor(struct doctor *doctor)
{
    conch_kernel_info kernels[CONCH_KERNELS_MAX];
    conch_engine *engine = NULL;
    conch_engine_options engine_options = {.cpu = getenv("CONCH_CPU")};
    conch_engine_facts facts;
    conch_error err;
    char usable[128] = "";
    size_t used = 0, count = conch_check_kernels(kernels);
    for (size_t i = 0; i < count; i++)
        if (kernels[i].usable && used < sizeof usable - 1)
            used += (size_t)snprintf(usable + used, sizeof usable - used, "%s%s", used ? ", " : "", kernels[i].name);
    if (conch_engine_create(&engine, &engine_options, &err) < 0) {
        find(doctor, FINDING_PROBLEM, "engine", "unset CONCH_CPU, or give it one of those names", "%s", err.text);
        return;
    }
    conch_engine_facts_get(engine, &facts);
    bool plain = strcmp(facts.kernels, "ref") == 0;
    find(doctor, plain ? FINDING_NOTE : FINDING_OK, "processor",
         plain ? "a processor with AVX2 is ten and more times faster; CONCH_CPU may also be limiting it" : NULL,
         "kernels %s (this processor can: %s)", facts.kernels, usable);
    find(doctor, FINDING_OK, "threads", NULL, "%zu", facts.threads);
    bool tight = facts.memory_available_bytes < (uint64_t)1 << 30;
    find(doctor, tight ? FINDING_NOTE : FINDING_OK, "memory",
         tight ? "close other programs, or raise the limit of the container; --plan says what a clip needs" : NULL,
         "%s free for use", style_bytes(facts.memory_available_bytes).text);
    conch_engine_destroy(engine);
}

static void look_at_helper(struct doctor *doctor)
{
    struct media_helper_info info;
    conch_error err;
    if (media_helper_probe(&info, &err) < 0) {
        find(doctor, FINDING_PROBLEM, "conch-media", "install conch as a whole, or name it with CONCH_MEDIA", "%s",
             err.text);
        return;
    }
    find(doctor, FINDING_OK, "conch-media", NULL, "%s (FFmpeg %s)", info.path, info.ffmpeg);
    const struct {
        const char *name;
        bool can, needed;
    } formats[] = {{"MP4 writing (H.264)", info.writes_h264, true},
                   {"PNG writing", info.writes_png, true},
                   {"PNG", info.reads_png, true},
                   {"JPEG", info.reads_jpeg, true},
                   {"WebP", info.reads_webp, false},
                   {"GIF", info.reads_gif, false},
                   {"AVIF", info.reads_avif, false}};
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (!formats[i].can)
            find(doctor, formats[i].needed ? FINDING_PROBLEM : FINDING_NOTE, "conch-media",
                 "the FFmpeg libraries here lack it: install libavcodec59 of Debian", "no %s", formats[i].name);
    if (info.sandbox_works)
        find(doctor, FINDING_OK, "sandbox", NULL, "pictures and clips are decoded in it");
    else
        find(doctor, FINDING_PROBLEM, "sandbox", "the kernel or the container must allow seccomp filters", "%s",
             info.sandbox_text);
}

static void look_at_models(struct doctor *doctor, const char *only)
{
    struct models_list folders = {.count = 0}, models = {.count = 0};
    conch_error err;
    if (models_search_path(only, &folders, &err) == 0)
        for (size_t i = 0; i < folders.count; i++)
            if (paths_is_folder(folders.path[i]))
                find(doctor, FINDING_OK, "models in", NULL, "%s", folders.path[i]);
    if (models_find_all(only, &models, &err) < 0)
        find(doctor, FINDING_PROBLEM, "models", NULL, "%s", err.text);
    for (size_t i = 0; i < models.count; i++) {
        conch_model *model = NULL;
        if (conch_model_open(&model, models.path[i], &err) < 0) {
            find(doctor, FINDING_NOTE, "model", "correct the manifest, or remove the folder", "%s", err.text);
            continue;
        }
        const conch_model_info *info = conch_model_info_get(model);
        if (info->missing)
            find(doctor, FINDING_NOTE, "model", "fetch the missing file; docs/models.md says where from",
                 "%s: %s is not there", info->name, info->missing);
        else
            find(doctor, FINDING_OK, "model", NULL, "%s in %s", info->name, info->folder);
        conch_model_close(model);
    }
    if (models.count == 0)
        find(doctor, FINDING_PROBLEM, "model", "name the folder that holds model folders with --models or CONCH_MODELS",
             "none found");
    models_list_finish(&models);
    models_list_finish(&folders);
}

static void look_at_folder(struct doctor *doctor, enum paths_kind kind, const char *what, const char *advice)
{
    char *folder = NULL;
    conch_error err;
    int rc = paths_user(kind, kind == PATHS_STATE ? "latents" : "embeddings", &folder, &err);
    if (rc == 0)
        rc = file_make_folders(folder, &err);
    if (rc == 0 && access(folder, W_OK | X_OK) < 0)
        rc = conch_error_errno(&err, CONCH_ERR_IO, errno, "cannot write in %s", folder);
    if (rc < 0)
        find(doctor, FINDING_NOTE, what, advice, "%s", err.text);
    else
        find(doctor, FINDING_OK, what, NULL, "%s", folder);
    free(folder);
}

static void look_at_folders(struct doctor *doctor)
{
    look_at_folder(doctor, PATHS_STATE, "state", "set XDG_STATE_HOME; latents are not kept otherwise");
    look_at_folder(doctor, PATHS_CACHE, "cache", "set XDG_CACHE_HOME; prompts are encoded every time otherwise");
    if (access(".", W_OK | X_OK) < 0)
        find(doctor, FINDING_NOTE, "this folder", "say where clips go with --output", "cannot be written");
    else
        find(doctor, FINDING_OK, "this folder", NULL, "can be written: clips without --output go here");
}

static int on_weights(void *context, const conch_weights_report *found)
{
    struct doctor *doctor = context;
    if (found->problem)
        find(doctor, FINDING_PROBLEM, found->component, "fetch this file again", "%s", found->problem->text);
    else
        find(doctor, FINDING_OK, found->component, NULL, "%llu tensors, %s: all finite",
             (unsigned long long)found->tensor_count, style_bytes(found->bytes).text);
    return stop_signal();
}

static int look_at_weights(struct doctor *doctor, const struct settings *settings, conch_error *err)
{
    char *folder = NULL;
    conch_model *model = NULL;
    int rc = models_find(settings->models, settings->weights, &folder, err);
    if (rc == 0)
        rc = conch_model_open(&model, folder, err);
    if (rc == 0) {
        stop_install();
        rc = conch_check_weights(model, on_weights, doctor, err);
    }
    conch_model_close(model);
    free(folder);
    return rc;
}

/* A line for each thing that does not add up, then how much was looked at. */
static int look_at_ledger(const struct settings *settings, conch_error *err)
{
    const struct serve_source source = {.data = settings->data, .config_path = settings->config};
    long long problems = 0;
    if (settings->json || settings->weights || settings->models)
        return conch_error_set(err, CONCH_ERR_RANGE, "--ledger goes with --data and --config alone");
    int rc = serve_audit(&source, &problems, err);
    if (rc == 0 && problems)
        rc = conch_error_set(err, CONCH_ERR_FORMAT, "%lld entr%s of the books %s wrong", problems,
                             problems == 1 ? "y" : "ies", problems == 1 ? "is" : "are");
    return rc;
}

static int run(int argc, const char *const *argv)
{
    struct settings settings = {0};
    struct option_words words;
    struct doctor doctor = {0};
    conch_error err = {0};
    int rc = option_parse(options, argc, argv, &settings, &words, &err);
    if (rc == 0 && words.count)
        rc = conch_error_set(&err, CONCH_ERR_RANGE, "doctor takes no words, but was given '%s'", words.word[0]);
    if (rc == 0 && !settings.ledger && (settings.data || settings.config))
        rc = conch_error_set(&err, CONCH_ERR_RANGE, "--data and --config go with --ledger alone");
    if (rc == 0 && settings.ledger) {
        rc = look_at_ledger(&settings, &err);
        return rc < 0 ? command_fail(&err) : 0;
    }
    if (rc < 0)
        return command_fail(&err);
    if (settings.json)
        doctor.list = json_array();
    if (settings.weights) {
        rc = look_at_weights(&doctor, &settings, &err);
    } else {
        look_at_processor(&doctor);
        look_at_helper(&doctor);
        look_at_models(&doctor, settings.models);
        look_at_folders(&doctor);
        if (doctor.problem_count)
            rc = conch_error_set(&err, CONCH_ERR_UNSUPPORTED, "%d problem%s found", doctor.problem_count,
                                 doctor.problem_count == 1 ? "" : "s");
    }
    if (doctor.list) {
        json_t *object = json_pack("{s:s, s:b, s:o}", "version", CONCH_VERSION, "ok", rc == 0, "findings", doctor.list);
        json_dumpf(object, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(object);
    }
    return rc < 0 ? command_fail(&err) : 0;
}

const struct command command_doctor = {.name = "doctor",
                                       .arguments = "[OPTION ...]",
                                       .summary = "looks at this machine and says what is missing",
                                       .options = options,
                                       .run = run};
