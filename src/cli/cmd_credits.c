/* conch credits: what accounts of a server have, were given and spent. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/id.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/job_show.h"
#include "cli/money.h"
#include "cli/pages.h"
#include "cli/style.h"

enum { LIMIT_DEFAULT = 50 };

struct settings {
    struct client_settings client;
    const char *account, *kind, *expires, *note, *unit, *from, *until;
    int limit;
    bool all, csv, json;
};

#define FIELD(name) offsetof(struct settings, name)

static const struct option options[] = {
    {"account", 0, OPTION_TEXT, FIELD(account), "ID", "another account than the key's own (operators only)", 0, 0},
    {"json", 0, OPTION_FLAG, FIELD(json), NULL, "JSON, of lists one object a line", 0, 0},
    {.name = "For grant", .kind = OPTION_HEADING},
    {"kind", 0, OPTION_TEXT, FIELD(kind), "NAME",
     "payg (US dollars); bonus, membership, package or purchased (credits) (default: payg)", 0, 0},
    {"expires", 0, OPTION_TEXT, FIELD(expires), "TIME", "such as 2030-01-01 or 2030-01-01T12:00:00Z (default: never)",
     0, 0},
    {"note", 0, OPTION_TEXT, FIELD(note), "TEXT", "for the statement", 0, 0},
    {.name = "For statement", .kind = OPTION_HEADING},
    {"unit", 0, OPTION_TEXT, FIELD(unit), "NAME", "usd or credits (default: usd)", 0, 0},
    {"from", 0, OPTION_TEXT, FIELD(from), "TIME", "from this moment on, such as 2026-11-01", 0, 0},
    {"until", 0, OPTION_TEXT, FIELD(until), "TIME", "before this moment", 0, 0},
    {"limit", 0, OPTION_WHOLE, FIELD(limit), "N", "at most so many lines (default: 50)", 1, 1000000},
    {"all", 0, OPTION_FLAG, FIELD(all), NULL, "every line", 0, 0},
    {"csv", 0, OPTION_FLAG, FIELD(csv), NULL, "a table for spreadsheets", 0, 0},
    CLIENT_OPTIONS(struct settings, client),
    {0},
};

static json_int_t whole(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static enum money_unit unit_of(const json_t *object)
{
    enum money_unit unit = MONEY_MICROUSD;
    money_unit_parse(json_string_value(json_object_get(object, "unit")), &unit);
    return unit;
}

static int account_get(const struct client *client, const struct settings *settings, json_t **ret, conch_error *err)
{
    struct buf path;
    buf_init(&path, 1024);
    int rc = pages_query(&path, "/conch/v1/account", &(struct http_field){"account_id", settings->account}, 1, err);
    if (rc == 0)
        rc = client_get(client, path.data, ret, err);
    buf_finish(&path);
    return rc;
}

/* ---- balance ---- */

static void balance_print(const json_t *account)
{
    const json_t *entry;
    size_t index;
    printf("account %s\n", job_show_word(account, "id").text);
    json_array_foreach(json_object_get(account, "balances"), index, entry)
    {
        enum money_unit unit = unit_of(entry);
        printf("  %-12s %20s available %20s held\n", unit == MONEY_MICROUSD ? "US dollars" : "credits",
               money_write(whole(entry, "available"), unit).text, money_write(whole(entry, "held"), unit).text);
    }
    if (json_array_size(json_object_get(account, "lots")))
        printf("made up of, in the order in which it is spent\n");
    json_array_foreach(json_object_get(account, "lots"), index, entry)
    {
        const char *expires = json_string_value(json_object_get(entry, "expires_at"));
        printf("  %-12s %20s available %20s held  %s%s\n", job_show_word(entry, "kind").text,
               money_write(whole(entry, "available"), unit_of(entry)).text,
               money_write(whole(entry, "held"), unit_of(entry)).text, expires ? "until " : "does not expire",
               expires ? job_show_time(expires).text : "");
    }
}

static int balance(const struct client *client, const struct settings *settings, conch_error *err)
{
    json_t *account = NULL;
    int rc = account_get(client, settings, &account, err);
    if (rc == 0 && settings->json)
        rc = job_show_json(account, true, err);
    else if (rc == 0)
        balance_print(account);
    json_decref(account);
    return rc;
}

/* ---- grant ---- */

static int grant_body(const struct settings *settings, const char *text, json_t *body, conch_error *err)
{
    enum money_unit unit = settings->kind && strcmp(settings->kind, "payg") != 0 ? MONEY_MILLICREDIT : MONEY_MICROUSD;
    int64_t amount;
    if (!money_parse(text, unit, &amount))
        return conch_error_set(err, CONCH_ERR_RANGE, "'%.60s' is not an amount that can be granted (%s)", text,
                               unit == MONEY_MICROUSD ? "US dollars above 0 with at most 6 decimals, such as 12.50"
                                                      : "credits above 0 with at most 3 decimals, such as 100");
    json_object_set_new(body, "amount", json_integer(amount));
    int rc = client_set_text(body, "kind", settings->kind, "--kind", err);
    if (rc == 0)
        rc = client_set_text(body, "expires_at", settings->expires, "--expires", err);
    return rc == 0 ? client_set_text(body, "note", settings->note, "--note", err) : rc;
}

static int grant(const struct client *client, const struct settings *settings, const char *text, conch_error *err)
{
    json_t *account = NULL, *body = json_object(), *lot = NULL;
    char path[96];
    int rc = grant_body(settings, text, body, err);
    if (rc == 0)
        rc = account_get(client, settings, &account, err); /* whose it is, when that was not said */
    if (rc == 0) {
        snprintf(path, sizeof path, "/conch/v1/accounts/%.20s/grants", job_show_word(account, "id").text);
        rc = client_post(client, path, json_incref(body), &lot, err);
    }
    if (rc == 0 && settings->json)
        rc = job_show_json(lot, false, err);
    else if (rc == 0)
        printf("%s granted to account %s, as %s\n", money_write(whole(lot, "available"), unit_of(lot)).text,
               job_show_word(account, "id").text, job_show_word(lot, "kind").text);
    json_decref(body);
    json_decref(account);
    json_decref(lot);
    return rc;
}

/* ---- statement ---- */

struct table {
    const struct settings *settings;
    size_t count;
};

/* Quoted when it has to be; a spreadsheet takes a field that begins with one of these for a formula. */
static void csv_text(const char *text)
{
    putchar('"');
    if (text && *text && strchr("=+-@\t\r", *text))
        putchar('\'');
    for (; text && *text; text++)
        fputs(*text == '"' ? "\"\"" : (char[]){*text, 0}, stdout);
    putchar('"');
}

static void csv_line(const json_t *line, bool first)
{
    static const char *const amounts[] = {"available_change", "held_change", "spent", "available_after", "held_after"};
    if (first)
        printf("id,at,kind,unit,job_id,lot_id,available_change,held_change,spent,available_after,held_after,note\r\n");
    static const char *const words[] = {"id", "at", "kind", "unit", "job_id", "lot_id"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const char *text = json_string_value(json_object_get(line, words[i]));
        if (text && i == 3)
            text = unit_of(line) == MONEY_MICROUSD ? "usd" : "credits";
        fputs(text ? text : "", stdout);
        putchar(',');
    }
    for (size_t i = 0; i < ARRAY_LEN(amounts); i++)
        printf("%s,", money_plain(whole(line, amounts[i]), unit_of(line)).text);
    csv_text(json_string_value(json_object_get(line, "note")));
    fputs("\r\n", stdout);
}

static void text_line(const json_t *line, bool first)
{
    enum money_unit unit = unit_of(line);
    const char *note = json_string_value(json_object_get(line, "note"));
    if (first)
        printf("%-19s  %-8s  %-16s  %16s  %16s  %16s  %16s  %s\n", "AT", "WHAT", "JOB", "CHANGE", "SPENT", "AVAILABLE",
               "HELD", "NOTE");
    printf("%-19s  %-8s  %-16s  %16s  %16s  %16s  %16s  ",
           job_show_time(json_string_value(json_object_get(line, "at"))).text, job_show_word(line, "kind").text,
           job_show_word(line, "job_id").text, money_write(whole(line, "available_change"), unit).text,
           money_write(whole(line, "spent"), unit).text, money_write(whole(line, "available_after"), unit).text,
           money_write(whole(line, "held_after"), unit).text);
    clean_print(stdout, note ? note : "", 60, 0);
    putchar('\n');
}

static int row(void *context, const json_t *line, conch_error *err)
{
    struct table *table = context;
    bool first = table->count++ == 0;
    if (table->settings->json)
        return job_show_json(line, false, err);
    if (table->settings->csv)
        csv_line(line, first);
    else
        text_line(line, first);
    return ferror(stdout) ? conch_error_set(err, CONCH_ERR_IO, "standard output is closed") : 0;
}

static int statement(const struct client *client, const struct settings *settings, conch_error *err)
{
    const char *unit = settings->unit ? settings->unit : "usd";
    bool more = false;
    if (strcmp(unit, "usd") != 0 && strcmp(unit, "credits") != 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "--unit: '%s' is not allowed (usd or credits)", unit);
    const struct http_field queries[] = {{"account_id", settings->account},
                                         {"unit", strcmp(unit, "usd") == 0 ? "microusd" : "millicredit"},
                                         {"from", settings->from},
                                         {"until", settings->until}};
    struct table table = {.settings = settings};
    int rc = pages_each(client,
                        &(struct pages){.path = "/conch/v1/statement",
                                        .queries = queries,
                                        .query_count = ARRAY_LEN(queries),
                                        .limit = settings->all ? 0 : settings->limit},
                        row, &table, &more, err);
    bool talks = !settings->json && !settings->csv;
    if (rc == 0 && talks && !table.count)
        printf("Nothing has moved.\n");
    if (rc == 0 && talks && more)
        printf("There are more: --limit N or --all shows them.\n");
    return rc;
}

/* ---- accounts ---- */

static int account_row(void *context, const json_t *account, conch_error *err)
{
    struct table *table = context;
    if (table->settings->json)
        return job_show_json(account, false, err);
    if (table->count++ == 0)
        printf("%-16s  %16s  %20s  %-19s  %s\n", "ID", "DOLLARS GIVEN", "CREDITS GIVEN", "CREATED", "NAME");
    printf("%-16s  %16s  %20s  %-19s  ", job_show_word(account, "id").text,
           money_write(whole(account, "issued_microusd"), MONEY_MICROUSD).text,
           money_write(whole(account, "issued_millicredit"), MONEY_MILLICREDIT).text,
           job_show_time(json_string_value(json_object_get(account, "created_at"))).text);
    clean_print(stdout, job_show_word(account, "name").text, 40, 0);
    putchar('\n');
    return ferror(stdout) ? conch_error_set(err, CONCH_ERR_IO, "standard output is closed") : 0;
}

static int accounts(const struct client *client, const struct settings *settings, conch_error *err)
{
    struct table table = {.settings = settings};
    return pages_each(client, &(struct pages){.path = "/conch/v1/accounts"}, account_row, &table, NULL, err);
}

static int open_account(const struct client *client, const struct settings *settings, const char *name,
                        conch_error *err)
{
    json_t *body = json_object(), *account = NULL;
    int rc = client_set_text(body, "name", name, "the name", err);
    if (rc == 0)
        rc = client_post(client, "/conch/v1/accounts", json_incref(body), &account, err);
    if (rc == 0 && settings->json)
        rc = job_show_json(account, false, err);
    else if (rc == 0)
        printf("%s\n", job_show_word(account, "id").text);
    json_decref(body);
    json_decref(account);
    return rc;
}

enum verb { BALANCE, GRANT, STATEMENT, ACCOUNTS, OPEN };
static const char *const verbs[] = {"balance", "grant", "statement", "accounts", "open"};

static int check(const struct settings *settings, const struct option_words *words, size_t verb, conch_error *err)
{
    int64_t id;
    if (settings->account && !id_parse(settings->account, &id))
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "--account: '%.60s' is not allowed (the id of an account: at most 16 "
                               "digits)",
                               settings->account);
    size_t wanted = verb == GRANT || verb == OPEN ? 2 : 1;
    if (words->count < wanted)
        return conch_error_set(err, CONCH_ERR_RANGE, "conch credits %s",
                               verb == GRANT ? "grant needs an amount, such as 12.50"
                                             : "open needs a name for the account");
    if (words->count > wanted)
        return conch_error_set(err, CONCH_ERR_RANGE, "'%s' is one word too many", words->word[wanted]);
    if (settings->json && settings->csv)
        return conch_error_set(err, CONCH_ERR_RANGE, "--json and --csv exclude each other");
    return 0;
}

static int act(const struct client *client, const struct settings *settings, size_t verb, const char *word,
               conch_error *err)
{
    switch ((enum verb)verb) {
    case BALANCE: return balance(client, settings, err);
    case GRANT: return grant(client, settings, word, err);
    case STATEMENT: return statement(client, settings, err);
    case ACCOUNTS: return accounts(client, settings, err);
    case OPEN: return open_account(client, settings, word, err);
    }
    return 0;
}

static int run(int argc, const char *const *argv)
{
    struct settings settings = {.limit = LIMIT_DEFAULT};
    struct client client = {.base = NULL};
    struct option_words words = {.count = 0};
    conch_error err = {0};
    size_t verb = 0;
    int rc = option_parse(options, argc, argv, &settings, &words, &err);
    if (rc == 0)
        rc = command_verb("credits", &words, verbs, ARRAY_LEN(verbs), &verb, &err);
    if (rc == 0)
        rc = check(&settings, &words, verb, &err);
    if (rc == 0)
        rc = client_open(&client, &settings.client, &err);
    if (rc == 0)
        rc = act(&client, &settings, verb, words.word[1], &err);
    client_close(&client);
    return rc < 0 ? command_fail(&err) : 0;
}

const struct command command_credits = {
    .name = "credits",
    .arguments = "balance | grant AMOUNT | statement | accounts | open NAME [OPTION ...]",
    .summary = "shows what accounts of a server have and spent, and gives them more",
    .details = "  conch credits balance\n"
               "  conch credits grant 12.50 --note \"thank you\"\n"
               "  conch credits grant 100 --kind bonus --expires 2027-01-01\n"
               "  conch credits statement --all --csv > statement.csv\n"
               "  conch keys create --account $(conch credits open studio)\n",
    .options = options,
    .run = run,
};
