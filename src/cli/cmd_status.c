/* conch status: one job of a server. */
#include "cli/client.h"
#include "cli/command.h"
#include "cli/job_show.h"

struct settings {
    struct client_settings client;
    bool json;
};

static const struct option options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct settings, json), NULL, "the job as the server has it", 0, 0},
    CLIENT_OPTIONS(struct settings, client),
    {0},
};

static int run(int argc, const char *const *argv)
{
    struct settings settings = {.json = false};
    struct client client = {.base = NULL};
    struct option_words words;
    conch_error err = {0};
    json_t *job = NULL;
    const char *id;
    char path[64];
    int rc = option_parse(options, argc, argv, &settings, &words, &err);
    if (rc == 0)
        rc = job_show_id(&words, "status", &id, &err);
    if (rc == 0)
        rc = client_open(&client, &settings.client, &err);
    if (rc == 0) {
        snprintf(path, sizeof path, "/conch/v1/jobs/%s", id);
        rc = client_get(&client, path, &job, &err);
    }
    if (rc == 0 && settings.json)
        rc = job_show_json(job, true, &err);
    else if (rc == 0)
        job_show(job, stdout);
    json_decref(job);
    client_close(&client);
    return rc < 0 ? command_fail(&err) : 0;
}

const struct command command_status = {.name = "status",
                                       .arguments = "ID [OPTION ...]",
                                       .summary = "shows a job of a server",
                                       .details = "  conch status 373846343409223\n",
                                       .options = options,
                                       .run = run};
