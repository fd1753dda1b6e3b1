/* conch backup: a copy of a server's data folder, while it serves. */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/stop.h"
#include "cli/style.h"
#include "server/serve/serve.h"

struct settings {
    const char *data, *config;
    bool with_key, quiet;
};

static const struct option options[] = {
    {"data", 0, OPTION_TEXT, offsetof(struct settings, data), "DIR", "the data folder of the server", 0, 0},
    {"config", 0, OPTION_TEXT, offsetof(struct settings, config), "FILE", "settings, as for conch serve", 0, 0},
    {"with-key", 0, OPTION_FLAG, offsetof(struct settings, with_key), NULL,
     "copy admin.key too, the key in the clear that the command line uses", 0, 0},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct settings, quiet), NULL, "say nothing when it went well", 0, 0},
    {0},
};

struct shown {
    bool terminal;
    const char *what;
    int percent;
};

static void clear(struct shown *shown)
{
    if (shown->terminal && shown->what)
        fputs("\r\x1b[K", stderr);
    shown->what = NULL;
}

static int show(void *context, const char *what, int64_t done, int64_t total, conch_error *err)
{
    struct shown *shown = context;
    const int percent = total > 0 ? (int)(done * 100 / total) : 0;
    if (shown->terminal && (shown->what != what || shown->percent != percent))
        fprintf(stderr, "\r\x1b[K%s %d %%", what, percent);
    shown->what = what;
    shown->percent = percent;
    return stop_check(err);
}

static void tell(const char *target, const struct serve_backup *made)
{
    printf("%s: %lld jobs, database %s, %lld files of %s%s\n", target, (long long)made->jobs,
           style_bytes((uint64_t)made->database_bytes).text, (long long)made->files,
           style_bytes((uint64_t)made->bytes).text,
           made->files && made->linked == made->files ? " (on the same disk, sharing their bytes)" : "");
    printf("serve it with: conch serve --data %s\n", target);
}

static int backup(const struct settings *settings, const char *target, conch_error *err)
{
    struct shown shown = {.terminal = !settings->quiet && isatty(2)};
    struct serve_backup made;
    const struct serve_backup_settings wanted = {
        .source = {.data = settings->data, .config_path = settings->config},
        .target = target,
        .with_key = settings->with_key,
        .told = show,
        .context = &shown,
    };
    stop_install();
    int rc = serve_backup(&wanted, &made, err);
    clear(&shown);
    if (rc < 0)
        return rc;
    if (!settings->quiet)
        tell(target, &made);
    if (made.missing)
        style_warning("%lld file%s missing in the data folder itself, and so in the copy", (long long)made.missing,
                      made.missing == 1 ? " is" : "s are");
    if (made.problems)
        return conch_error_set(
            err, CONCH_ERR_FORMAT, "the copy is complete, but %lld entr%s of its books %s wrong, as in what was copied",
            (long long)made.problems, made.problems == 1 ? "y" : "ies", made.problems == 1 ? "is" : "are");
    return 0;
}

static int run(int argc, const char *const *argv)
{
    struct settings settings = {.data = NULL};
    struct option_words words;
    conch_error err = {0};
    int rc = option_parse(options, argc, argv, &settings, &words, &err);
    if (rc == 0 && words.count != 1)
        rc = conch_error_set(&err, CONCH_ERR_RANGE,
                             words.count ? "'%s' is one word too many; --help lists the options"
                                         : "conch backup needs the folder to make%s",
                             words.count ? words.word[1] : "");
    if (rc == 0)
        rc = backup(&settings, words.word[0], &err);
    return rc < 0 ? command_fail(&err) : 0;
}

const struct command command_backup = {
    .name = "backup",
    .arguments = "DIR [OPTION ...]",
    .summary = "copies a server's data into a new folder, while it serves",
    .details = "  conch backup /backup/conch-$(date +%F) --data /var/lib/conch\n"
               "  conch serve --data /backup/conch-2026-11-22\n",
    .options = options,
    .run = run,
};
