/* conch wait and conch fetch: a job that was submitted before. */
#include "cli/client.h"
#include "cli/command.h"
#include "cli/follow.h"
#include "cli/job_show.h"
#include "cli/paths.h"
#include "cli/patience.h"

struct settings {
    struct client_settings client;
    const char *output;
    int patience_s;
    bool cancel_on_interrupt, json, quiet;
};

#define FIELD(name) offsetof(struct settings, name)

static const struct option wait_options[] = {
    {"output", 'o', OPTION_TEXT, FIELD(output), "FILE", "fetch the clip into this file (default: only wait)", 0, 0},
    {"cancel-on-interrupt", 0, OPTION_FLAG, FIELD(cancel_on_interrupt), NULL,
     "Ctrl-C cancels the job; without it the job goes on", 0, 0},
    {"patience", 0, OPTION_WHOLE, FIELD(patience_s), "SECONDS",
     "how long to try again when the server does not answer (default: 300)", 0, 86400},
    {"json", 0, OPTION_FLAG, FIELD(json), NULL, "one JSON event a line on standard output (docs/cli.md)", 0, 0},
    {"quiet", 'q', OPTION_FLAG, FIELD(quiet), NULL, "nothing but errors", 0, 0},
    CLIENT_OPTIONS(struct settings, client),
    {0},
};

static const struct option fetch_options[] = {
    {"output", 'o', OPTION_TEXT, FIELD(output), "FILE",
     "MP4 file, replaced when it is there (default: a new name made of the prompt and the seed)", 0, 0},
    {"patience", 0, OPTION_WHOLE, FIELD(patience_s), "SECONDS",
     "how long to try again when the server does not answer (default: 300)", 0, 86400},
    {"json", 0, OPTION_FLAG, FIELD(json), NULL, "one JSON event on standard output (docs/cli.md)", 0, 0},
    {"quiet", 'q', OPTION_FLAG, FIELD(quiet), NULL, "nothing but errors", 0, 0},
    CLIENT_OPTIONS(struct settings, client),
    {0},
};

static int read_settings(const struct option *table, int argc, const char *const *argv, struct settings *settings,
                         const char **ret_id, conch_error *err)
{
    struct option_words words;
    int rc = option_parse(table, argc, argv, settings, &words, err);
    if (rc == 0)
        rc = job_show_id(&words, table == wait_options ? "wait" : "fetch", ret_id, err);
    if (rc == 0 && settings->output)
        rc = paths_check_writable(settings->output, "--output", err);
    return rc;
}

static int fetch_job(const struct client *client, const struct follow *follow, conch_error *err)
{
    char path[64];
    json_t *job = NULL;
    snprintf(path, sizeof path, "/conch/v1/jobs/%s", follow->id);
    int rc = client_get(client, path, &job, err);
    if (rc == 0)
        rc = follow_fetch(client, follow, job, err);
    json_decref(job);
    return rc;
}

static int run(const struct option *table, int argc, const char *const *argv)
{
    struct settings settings = {.patience_s = PATIENCE_DEFAULT_S};
    struct client client = {.base = NULL};
    struct report report;
    struct follow follow = {.id = NULL};
    conch_error err = {0};
    int rc = read_settings(table, argc, argv, &settings, &follow.id, &err);
    report_init(&report, settings.json, settings.quiet);
    follow.output = settings.output;
    follow.no_fetch = table == wait_options && !settings.output;
    follow.cancel_on_interrupt = settings.cancel_on_interrupt;
    follow.patience_ms = (int64_t)settings.patience_s * 1000;
    follow.report = &report;
    if (rc == 0)
        rc = client_open(&client, &settings.client, &err);
    if (rc == 0)
        rc = table == wait_options ? follow_job(&client, &follow, &err) : fetch_job(&client, &follow, &err);
    client_close(&client);
    return rc < 0 ? report_error(&report, &err, NULL) : 0;
}

static int run_wait(int argc, const char *const *argv)
{
    return run(wait_options, argc, argv);
}

static int run_fetch(int argc, const char *const *argv)
{
    return run(fetch_options, argc, argv);
}

const struct command command_wait = {.name = "wait",
                                     .arguments = "ID [OPTION ...]",
                                     .summary = "waits for a job of a server, and fetches its clip",
                                     .details = "  conch wait 373846343409223 -o ball.mp4\n",
                                     .options = wait_options,
                                     .run = run_wait};

const struct command command_fetch = {.name = "fetch",
                                      .arguments = "ID [OPTION ...]",
                                      .summary = "fetches the clip of a job of a server",
                                      .details = "  conch fetch 373846343409223 -o ball.mp4\n",
                                      .options = fetch_options,
                                      .run = run_fetch};
