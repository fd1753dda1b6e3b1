/* conch studio: an address that signs a browser in to a server, once. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"

struct settings {
    struct client_settings client;
};

static const struct option options[] = {
    CLIENT_OPTIONS(struct settings, client),
    {0},
};

/* A server's text goes to a terminal: nothing but an address may stand in it. */
static int print(const json_t *link, conch_error *err)
{
    const char *url = json_string_value(json_object_get(link, "url"));
    if (!url || url[strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/.[]#=_-%")])
        return conch_error_set(err, CONCH_ERR_FORMAT, "the server's answer holds no address to sign in at");
    puts(url);
    return 0;
}

static int run(int argc, const char *const *argv)
{
    struct settings settings = {.client = {NULL, NULL}};
    struct client client = {.base = NULL};
    struct option_words words = {.count = 0};
    conch_error err = {0};
    json_t *link = NULL;
    int rc = option_parse(options, argc, argv, &settings, &words, &err);
    if (rc == 0 && words.count)
        rc = conch_error_set(&err, CONCH_ERR_RANGE, "'%s' is one word too many; --help lists the options",
                             words.word[0]);
    if (rc == 0)
        rc = client_open(&client, &settings.client, &err);
    if (rc == 0)
        rc = client_post(&client, "/conch/v1/session/links", json_object(), &link, &err);
    if (rc == 0)
        rc = print(link, &err);
    json_decref(link);
    client_close(&client);
    return rc < 0 ? command_fail(&err) : 0;
}

const struct command command_studio = {
    .name = "studio",
    .arguments = "[OPTION ...]",
    .summary = "prints an address that signs a browser in to a server",
    .details = "  xdg-open \"$(conch studio)\"\n"
               "\nThe address works once, within ten minutes, with the rights of the key it was asked with.\n",
    .options = options,
    .run = run};
