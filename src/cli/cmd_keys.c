/* conch keys: the keys of a server. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/time_text.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/job_show.h"
#include "cli/money.h"
#include "cli/pages.h"
#include "cli/style.h"

struct settings {
    struct client_settings client;
    const char *account, *scopes, *budget, *policy, *expires;
    int queued_max, running_max, priority_max; /* UNSET: not given */
    bool all, json;
};

enum { UNSET = -1, NUMBER_MAX = 1000000 };
#define FIELD(name) offsetof(struct settings, name)

static const struct option options[] = {
    {"account", 0, OPTION_TEXT, FIELD(account), "ID", "another account than the key's own (operators only)", 0, 0},
    {"json", 0, OPTION_FLAG, FIELD(json), NULL, "one JSON object a line", 0, 0},
    {.name = "For list", .kind = OPTION_HEADING},
    {"all", 0, OPTION_FLAG, FIELD(all), NULL, "revoked and expired ones too", 0, 0},
    {.name = "For create", .kind = OPTION_HEADING},
    {"scopes", 0, OPTION_TEXT, FIELD(scopes), "NAME,...",
     "what it may do: generate, read, usage, keys, admin (default: the first three)", 0, 0},
    {"budget", 0, OPTION_TEXT, FIELD(budget), "USD", "what it may spend in all, such as 12.50 (default: no limit)", 0,
     0},
    {"queued", 0, OPTION_WHOLE, FIELD(queued_max), "N", "jobs that may wait (default: the server's)", 0, NUMBER_MAX},
    {"running", 0, OPTION_WHOLE, FIELD(running_max), "N", "jobs that may run at a time (default: the server's)", 0,
     NUMBER_MAX},
    {"priority", 0, OPTION_WHOLE, FIELD(priority_max), "N", "the highest priority (default: the server's)", 0,
     NUMBER_MAX},
    {"policy", 0, OPTION_TEXT, FIELD(policy), "NAME", "check of prompts: off, words or http (default: the server's)", 0,
     0},
    {"expires", 0, OPTION_TEXT, FIELD(expires), "TIME", "such as 2030-01-01 or 2030-01-01T12:00:00Z (default: never)",
     0, 0},
    CLIENT_OPTIONS(struct settings, client),
    {0},
};

/* ---- list ---- */

struct table {
    const struct settings *settings;
    size_t count;
};

static void scopes_text(const json_t *key, char *ret, size_t size)
{
    const json_t *scope;
    size_t index, length = 0;
    *ret = 0;
    json_array_foreach(json_object_get(key, "scopes"), index, scope)
    {
        if (length < size)
            length += (size_t)snprintf(ret + length, size - length, "%s%s", index ? "," : "",
                                       json_is_string(scope) ? json_string_value(scope) : "?");
    }
    clean_line(ret);
}

static const char *state_of(const json_t *key)
{
    const char *expires = json_string_value(json_object_get(key, "expires_at"));
    int64_t ms;
    if (json_is_string(json_object_get(key, "revoked_at")))
        return "revoked";
    return expires && time_text_parse(expires, &ms, NULL) == 0 && ms <= clock_wall_ms() ? "expired" : "good";
}

static int row(void *context, const json_t *key, conch_error *err)
{
    struct table *table = context;
    char scopes[64];
    if (!table->settings->all && strcmp(state_of(key), "good") != 0)
        return 0;
    if (table->settings->json)
        return job_show_json(key, false, err);
    if (table->count++ == 0)
        printf("%-16s  %-5s  %-20s  %-32s  %-12s  %-19s  %s\n", "ID", "TAIL", "NAME", "SCOPES", "SPENT", "LAST USED",
               "STATE");
    scopes_text(key, scopes, sizeof scopes);
    printf("%-16s  %-5s  ", job_show_word(key, "id").text, job_show_word(key, "tail").text);
    clean_print(stdout, job_show_word(key, "name").text, 20, 1);
    printf("  %-32s  %-12s  %-19s  %s\n", scopes,
           money_write(json_integer_value(json_object_get(key, "spent_microusd")), MONEY_MICROUSD).text,
           job_show_time(json_string_value(json_object_get(key, "used_at"))).text, state_of(key));
    return ferror(stdout) ? conch_error_set(err, CONCH_ERR_IO, "standard output is closed") : 0;
}

static int list(const struct client *client, const struct settings *settings, conch_error *err)
{
    const struct http_field queries[] = {{"account_id", settings->account}};
    struct table table = {.settings = settings};
    int rc = pages_each(
        client, &(struct pages){.path = "/conch/v1/keys", .queries = queries, .query_count = ARRAY_LEN(queries)}, row,
        &table, NULL, err);
    if (rc == 0 && !table.count && !settings->json)
        printf("No keys.\n");
    return rc;
}

/* ---- create ---- */

/* "a,b" as a list; empty entries are left out. */
static int scopes_set(json_t *body, const char *text, conch_error *err)
{
    json_t *array = json_array();
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, ", ");
        if (length && json_array_append_new(array, json_stringn(at, length)) < 0) {
            json_decref(array);
            return conch_error_set(err, CONCH_ERR_RANGE, "--scopes is not valid UTF-8");
        }
        at += length + (at[length] != 0);
    }
    json_object_set_new(body, "scopes", array);
    return 0;
}

static int key_body(const struct settings *settings, const char *name, json_t *body, conch_error *err)
{
    const struct {
        const char *name;
        int value;
    } numbers[] = {{"queued_max", settings->queued_max},
                   {"running_max", settings->running_max},
                   {"priority_max", settings->priority_max}};
    int64_t budget = 0;
    if (settings->budget && !money_parse(settings->budget, MONEY_MICROUSD, &budget))
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "--budget: '%s' is not allowed (US dollars with at most 6 decimals, such as 12.50)",
                               settings->budget);
    if (budget)
        json_object_set_new(body, "budget_microusd", json_integer(budget));
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (numbers[i].value != UNSET)
            json_object_set_new(body, numbers[i].name, json_integer(numbers[i].value));
    int rc = client_set_text(body, "name", name, "the name", err);
    if (rc == 0)
        rc = client_set_text(body, "account_id", settings->account, "--account", err);
    if (rc == 0)
        rc = client_set_text(body, "policy", settings->policy, "--policy", err);
    if (rc == 0)
        rc = client_set_text(body, "expires_at", settings->expires, "--expires", err);
    return rc == 0 && settings->scopes ? scopes_set(body, settings->scopes, err) : rc;
}

static int create(const struct client *client, const struct settings *settings, const char *name, conch_error *err)
{
    json_t *body = json_object(), *key = NULL;
    int rc = key_body(settings, name, body, err);
    if (rc == 0)
        rc = client_post(client, "/conch/v1/keys", json_incref(body), &key, err);
    if (rc == 0 && settings->json) {
        rc = job_show_json(key, false, err);
    } else if (rc == 0) {
        printf("%s\n", job_show_word(key, "secret").text);
        fprintf(stderr, "key %s is made; it is shown this once\n", job_show_word(key, "id").text);
    }
    json_decref(body);
    json_decref(key);
    return rc;
}

/* ---- revoke ---- */

static int revoke(const struct client *client, const struct settings *settings, const char *id, conch_error *err)
{
    struct client_answer answer = {.status = 0};
    char path[64];
    int64_t number;
    if (!id_parse(id, &number))
        return conch_error_set(err, CONCH_ERR_RANGE, "'%.60s' is not the id of a key; `conch keys list` shows them",
                               id);
    snprintf(path, sizeof path, "/conch/v1/keys/%s", id);
    int rc = client_call(client, &(struct client_request){.method = "DELETE", .path = path}, &answer, err);
    if (rc == 0 && settings->json)
        rc = job_show_json(answer.json, false, err);
    else if (rc == 0)
        printf("%s revoked\n", id);
    json_decref(answer.json);
    return rc;
}

static int run(int argc, const char *const *argv)
{
    static const char *const verbs[] = {"list", "create", "revoke"};
    struct settings settings = {.queued_max = UNSET, .running_max = UNSET, .priority_max = UNSET};
    struct client client = {.base = NULL};
    struct option_words words = {.count = 0};
    conch_error err = {0};
    size_t verb = 0;
    int rc = option_parse(options, argc, argv, &settings, &words, &err);
    if (rc == 0)
        rc = command_verb("keys", &words, verbs, ARRAY_LEN(verbs), &verb, &err);
    if (rc == 0 && words.count > (verb ? 2 : 1))
        rc = conch_error_set(&err, CONCH_ERR_RANGE, "'%s' is one word too many for conch keys %s",
                             words.word[verb ? 2 : 1], verbs[verb]);
    if (rc == 0 && verb == 2 && words.count < 2)
        rc = conch_error_set(&err, CONCH_ERR_RANGE,
                             "conch keys revoke needs the id of a key; `conch keys list` shows them");
    if (rc == 0)
        rc = client_open(&client, &settings.client, &err);
    if (rc == 0 && verb == 0)
        rc = list(&client, &settings, &err);
    else if (rc == 0 && verb == 1)
        rc = create(&client, &settings, words.count > 1 ? words.word[1] : NULL, &err);
    else if (rc == 0)
        rc = revoke(&client, &settings, words.word[1], &err);
    client_close(&client);
    return rc < 0 ? command_fail(&err) : 0;
}

const struct command command_keys = {
    .name = "keys",
    .arguments = "list | create [NAME] | revoke ID [OPTION ...]",
    .summary = "lists, makes and revokes keys of a server",
    .details = "  conch keys list\n"
               "  CONCH_KEY=$(conch keys create laptop --budget 12.50)\n"
               "  conch keys revoke 373846331354065\n",
    .options = options,
    .run = run,
};
