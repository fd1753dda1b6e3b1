/* conch cancel: ends jobs of a server. */
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/job_show.h"

struct settings {
    struct client_settings client;
    bool json;
};

static const struct option options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct settings, json), NULL, "the jobs afterwards, one JSON object a line", 0,
     0},
    CLIENT_OPTIONS(struct settings, client),
    {0},
};

static int cancel(const struct client *client, const char *id, bool json, conch_error *err)
{
    char path[64];
    json_t *job = NULL;
    snprintf(path, sizeof path, "/conch/v1/jobs/%s/cancel", id);
    int rc = client_post(client, path, json_object(), &job, err);
    if (rc < 0)
        return rc;
    if (json)
        rc = job_show_json(job, false, err);
    else if (strcmp(job_show_word(job, "state").text, "cancelled") == 0)
        printf("%s cancelled\n", id);
    else
        printf("%s will stop within a step\n", id);
    json_decref(job);
    return rc;
}

static int run(int argc, const char *const *argv)
{
    struct settings settings = {.json = false};
    struct client client = {.base = NULL};
    struct option_words words = {.count = 0};
    conch_error err = {0};
    const char *id;
    int exit_code = 0;
    int rc = option_parse(options, argc, argv, &settings, &words, &err);
    if (rc == 0 && words.count == 0)
        rc = job_show_id(&words, "cancel", &id, &err);
    for (size_t i = 0; i < words.count && rc == 0; i++) /* all of them are checked before the first is cancelled */
        rc = job_show_id(&(struct option_words){.word = {words.word[i]}, .count = 1}, "cancel", &id, &err);
    if (rc == 0)
        rc = client_open(&client, &settings.client, &err);
    for (size_t i = 0; i < words.count && rc == 0; i++) {
        rc = cancel(&client, words.word[i], settings.json, &err);
        if (rc == CLI_ERR_REFUSED || rc == CONCH_ERR_NOTFOUND) { /* the others all the same */
            exit_code = command_fail(&err);
            rc = 0;
        }
    }
    client_close(&client);
    return rc < 0 ? command_fail(&err) : exit_code;
}

const struct command command_cancel = {.name = "cancel",
                                       .arguments = "ID ... [OPTION ...]",
                                       .summary = "cancels jobs of a server",
                                       .details = "  conch cancel 373846343409223\n",
                                       .options = options,
                                       .run = run};
