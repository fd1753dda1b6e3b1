/* conch jobs: the jobs of a server, newest first. */
#include "base/base.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/job_show.h"
#include "cli/pages.h"

enum { LIMIT_DEFAULT = 20 };

struct settings {
    struct client_settings client;
    const char *state, *model, *q;
    int limit;
    bool all, json;
};

static const struct option options[] = {
    {"state", 0, OPTION_TEXT, offsetof(struct settings, state), "STATE,...",
     "queued, running, succeeded, failed, blocked, cancelled, ...", 0, 0},
    {"model", 0, OPTION_TEXT, offsetof(struct settings, model), "NAME", "of this model", 0, 0},
    {"q", 0, OPTION_TEXT, offsetof(struct settings, q), "TEXT", "with this in the prompt", 0, 0},
    {"limit", 0, OPTION_WHOLE, offsetof(struct settings, limit), "N", "at most so many (default: 20)", 1, 1000000},
    {"all", 0, OPTION_FLAG, offsetof(struct settings, all), NULL, "every one", 0, 0},
    {"json", 0, OPTION_FLAG, offsetof(struct settings, json), NULL, "one JSON object a line", 0, 0},
    CLIENT_OPTIONS(struct settings, client),
    {0},
};

struct table {
    bool json;
    size_t count;
};

static int row(void *context, const json_t *job, conch_error *err)
{
    struct table *table = context;
    if (table->json)
        return job_show_json(job, false, err);
    if (table->count++ == 0)
        job_show_head(stdout);
    job_show_row(job, stdout);
    return ferror(stdout) ? conch_error_set(err, CONCH_ERR_IO, "standard output is closed") : 0;
}

static int list(const struct client *client, const struct settings *settings, conch_error *err)
{
    const struct http_field queries[] = {{"state", settings->state}, {"model", settings->model}, {"q", settings->q}};
    struct table table = {.json = settings->json};
    bool more = false;
    int rc = pages_each(client,
                        &(struct pages){.path = "/conch/v1/jobs",
                                        .queries = queries,
                                        .query_count = ARRAY_LEN(queries),
                                        .limit = settings->all ? 0 : settings->limit},
                        row, &table, &more, err);
    if (rc == 0 && !table.json && !table.count)
        printf("No jobs%s.\n", settings->state || settings->model || settings->q ? " like this" : "");
    if (rc == 0 && !table.json && more)
        printf("There are more: --limit N or --all shows them.\n");
    return rc;
}

static int run(int argc, const char *const *argv)
{
    struct settings settings = {.limit = LIMIT_DEFAULT};
    struct client client = {.base = NULL};
    struct option_words words;
    conch_error err = {0};
    int rc = option_parse(options, argc, argv, &settings, &words, &err);
    if (rc == 0 && words.count)
        rc = conch_error_set(&err, CONCH_ERR_RANGE,
                             "jobs takes no words, but was given '%s'; `conch status ID` shows one", words.word[0]);
    if (rc == 0)
        rc = client_open(&client, &settings.client, &err);
    if (rc == 0)
        rc = list(&client, &settings, &err);
    client_close(&client);
    return rc < 0 ? command_fail(&err) : 0;
}

const struct command command_jobs = {.name = "jobs",
                                     .arguments = "[OPTION ...]",
                                     .summary = "lists the jobs of a server",
                                     .details = "  conch jobs --state queued,running\n"
                                                "  conch jobs --all --json | jq -r .id\n",
                                     .options = options,
                                     .run = run};
