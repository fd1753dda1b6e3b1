/* conch serve: the server, and conch worker: one of its hands. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "cli/command.h"
#include "cli/models_find.h"
#include "cli/paths.h"
#include "server/serve/serve.h"

struct settings {
    const char *listen, *data, *config, *first_clip, *kind;
    struct option_list set;
    bool print_config, print_settings, child;
};

static const struct option serve_options[] = {
    {"listen", 0, OPTION_TEXT, offsetof(struct settings, listen), "ADDR:PORT",
     "where to listen (127.0.0.1:8787); port 0 takes a free one", 0, 0},
    {"data", 0, OPTION_TEXT, offsetof(struct settings, data), "DIR",
     "database, clips and keys ($XDG_DATA_HOME/conch, ~/.local/share/conch)", 0, 0},
    {"config", 0, OPTION_TEXT, offsetof(struct settings, config), "FILE",
     "settings (conch/server.ini in the XDG config folders, when it is there)", 0, 0},
    {"set", 0, OPTION_LIST, offsetof(struct settings, set), "NAME=VALUE",
     "one setting, as limits.queued_per_key=50; may be given several times", 0, 0},
    {"first-clip", 0, OPTION_TEXT, offsetof(struct settings, first_clip), "PROMPT",
     "with a new data folder: make this clip at once", 0, 0},
    {"print-config", 0, OPTION_FLAG, offsetof(struct settings, print_config), NULL,
     "print a settings file with every key explained, and stop", 0, 0},
    {"print-settings", 0, OPTION_FLAG, offsetof(struct settings, print_settings), NULL,
     "print the settings in force, and stop", 0, 0},
    {0},
};

static const struct option worker_options[] = {
    {"kind", 0, OPTION_TEXT, offsetof(struct settings, kind), "KIND",
     "engine (makes clips) or relay (callbacks, clearing up)", 0, 0},
    {"data", 0, OPTION_TEXT, offsetof(struct settings, data), "DIR", "the data folder of the server", 0, 0},
    {"config", 0, OPTION_TEXT, offsetof(struct settings, config), "FILE", "settings, as for conch serve", 0, 0},
    {"set", 0, OPTION_LIST, offsetof(struct settings, set), "NAME=VALUE", "one setting; may be given several times", 0,
     0},
    {"child", 0, OPTION_FLAG, offsetof(struct settings, child), NULL, "end with the process that started it", 0, 0},
    {0},
};

static int read_settings(const struct option *table, int argc, const char *const *argv, struct settings *settings,
                         conch_error *err)
{
    struct option_words words;
    int rc = option_parse(table, argc, argv, settings, &words, err);
    if (rc == 0 && words.count)
        rc = conch_error_set(err, CONCH_ERR_RANGE, "'%s' is one word too many; --help lists the options",
                             words.word[0]);
    return rc;
}

static struct serve_source source_of(const struct settings *settings)
{
    return (struct serve_source){.config_path = settings->config,
                                 .listen = settings->listen,
                                 .data = settings->data,
                                 .overrides = settings->set.item,
                                 .override_count = settings->set.count};
}

static int serve(int argc, const char *const *argv)
{
    struct settings settings = {.listen = NULL};
    conch_error err = {0};
    int rc = read_settings(serve_options, argc, argv, &settings, &err);
    struct serve_settings server = {.source = source_of(&settings), .first_clip = settings.first_clip};
    if (rc == 0 && (settings.print_config || settings.print_settings))
        rc = serve_print_config(&server.source, settings.print_settings, &err);
    else if (rc == 0)
        rc = serve_run(&server, &err);
    return rc < 0 ? command_fail(&err) : 0;
}

/* ---- worker ---- */

static int find_models(const char *folder, int (*add)(void *context, const char *folder, conch_error *err),
                       void *context, conch_error *err)
{
    struct models_list models = {.count = 0};
    int rc = models_find_all(folder, &models, err);
    for (size_t i = 0; i < models.count && rc == 0; i++)
        rc = add(context, models.path[i], err);
    models_list_finish(&models);
    return rc;
}

static int worker_kind(const char *name, enum serve_worker *ret_kind, conch_error *err)
{
    for (int kind = 0; kind < SERVE_WORKERS && name; kind++) {
        if (strcmp(name, serve_worker_name((enum serve_worker)kind)) == 0) {
            *ret_kind = (enum serve_worker)kind;
            return 0;
        }
    }
    return conch_error_set(err, CONCH_ERR_RANGE, "--kind: '%s' is not allowed (engine or relay)", name ? name : "");
}

static int worker(int argc, const char *const *argv)
{
    struct settings settings = {.kind = "engine"};
    struct serve_worker_settings worker = {.find_models = find_models};
    char *cache = NULL;
    conch_error err = {0};
    int rc = read_settings(worker_options, argc, argv, &settings, &err);
    if (rc == 0)
        rc = worker_kind(settings.kind, &worker.kind, &err);
    if (rc == 0) {
        worker.source = source_of(&settings);
        worker.child = settings.child;
        if (paths_user(PATHS_CACHE, "embeddings", &cache, NULL) == 0)
            worker.cache_dir = cache;
        rc = serve_worker_run(&worker, &err);
    }
    free(cache);
    return rc < 0 ? command_fail(&err) : 0;
}

const struct command command_serve = {
    .name = "serve",
    .arguments = "[OPTION ...]",
    .summary = "serves the studio and the API, and makes the clips that are asked for",
    .details =
        "  conch serve\n"
        "  conch serve --listen 0.0.0.0:8787 --data /srv/conch --set server.public_url=https://video.example.com\n"
        "  conch serve --print-config > server.ini\n",
    .options = serve_options,
    .run = serve,
};

const struct command command_worker = {
    .name = "worker",
    .arguments = "[OPTION ...]",
    .summary = "one worker of a server; conch serve starts its own",
    .details = "  conch worker --kind engine --data /srv/conch\n",
    .options = worker_options,
    .run = worker,
};
