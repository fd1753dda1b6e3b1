/* Defaults, the order of the sources, what is refused and how the text helps, and the file that --print-config writes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/file.h"
#include "base/log.h"
#include "server/config.h"
#include "server/config_keys.h"

static char folder[] = "/tmp/conch-config-XXXXXX", path[64];
static struct config config;
static conch_error err;

static int folder_make(void **state)
{
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/server.ini", folder);
    return 0;
}

static int folder_remove(void **state)
{
    unlink(path);
    return rmdir(folder);
}

static int config_free(void **state)
{
    config_finish(&config);
    return 0;
}

static int load(const char *text, char *const *environment, const struct config_override *overrides, size_t count)
{
    static char *const home_alone[] = {(char *)"HOME=/srv/ada", NULL};
    const struct config_settings settings = {.path = text ? path : NULL,
                                             .environment = environment ? environment : home_alone,
                                             .overrides = overrides,
                                             .override_count = count};
    if (text)
        assert_int_equal(file_write_atomic(path, text, strlen(text), &err), 0);
    config_finish(&config);
    return config_load(&config, &settings, &err);
}

/* The error's text, without the name of the folder, holds every one of the words. */
static void assert_refused(const char *text, const char *const *words, size_t count)
{
    const int rc = load(text, NULL, NULL, 0);
    if (rc >= 0)
        fail_msg("taken: %s", text);
    assert_int_equal(rc, err.code);
    for (size_t i = 0; i < count; i++)
        if (!strstr(err.text, words[i]))
            fail_msg("'%s' does not say '%s'", err.text, words[i]);
}
#define REFUSED(text, ...)                                                                                             \
    assert_refused(text, (const char *const[]){__VA_ARGS__}, ARRAY_LEN(((const char *const[]){__VA_ARGS__})))

static void without_anything_the_defaults_hold(void **state)
{
    assert_int_equal(load(NULL, NULL, NULL, 0), 0);
    assert_string_equal(config.server.listen, "127.0.0.1:8787");
    assert_string_equal(config.server.data, "/srv/ada/.local/share/conch");
    assert_int_equal(config.server.body_bytes_max, 64 << 20);
    assert_int_equal(config.server.log_level, LOG_LEVEL_INFO);
    assert_int_equal(config.server.log_format, LOG_FORMAT_AUTO);
    assert_int_equal(config.jobs.lease_ms, 30000);
    assert_int_equal(config.jobs.retention_ms, 7 * 86400000LL);
    assert_int_equal(config.webhooks.challenge_timeout_ms, 3000);
    assert_true(config.engine.enabled && config.sandbox.enabled && !config.credits.charge_local);
    assert_int_equal(config.sandbox.speed, CONFIG_SPEED_INSTANT);
    assert_int_equal(config.safety.policy, CONFIG_POLICY_WORDS);
    assert_string_equal(config.engine.default_model, "conch/tiny");
    assert_int_equal(config.fetch.allow.count, 0);
    assert_string_equal(config.admin_key, "");
    assert_string_equal(config.path, "");
}

static void the_file_then_the_environment_then_the_command_line_count(void **state)
{
    static char *const environment[] = {(char *)"HOME=/srv/ada", (char *)"CONCH_SERVER_THREADS=6",
                                        (char *)"CONCH_SERVER_HANDLERS=40", (char *)"CONCH_ADMIN_KEY=only-for-tests",
                                        NULL};
    static const struct config_override overrides[] = {{"server.handlers", "50", "--handlers"},
                                                       {"aliases.MiniMax-Hailuo-2.3", "conch/tiny", NULL}};
    assert_int_equal(load("[server]\nthreads = 5\nhandlers=30\nhandler_queue_max= 99\n", environment, overrides, 2), 0);
    assert_int_equal(config.server.handler_queue_max, 99);
    assert_int_equal(config.server.threads, 6);
    assert_int_equal(config.server.handlers, 50);
    assert_string_equal(config.admin_key, "only-for-tests");
    assert_int_equal(config.aliases.count, 1);
    assert_string_equal(config.aliases.items[0].name, "MiniMax-Hailuo-2.3");
    assert_string_equal(config.aliases.items[0].slug, "conch/tiny");
    assert_string_equal(config.path, path);
}

static void every_type_is_read(void **state)
{
    assert_int_equal(load("\xef\xbb\xbf# a comment\r\n; another\r\n\r\n[server]\r\n  data = ~/videos  \r\n"
                          "cors_origins = https://a.example , http://b.example:8080,\r\n[ limits ]\r\n"
                          "image_bytes_max=1G\r\n[jobs]\nlease=1500ms\n[safety]\npolicy=off\nclassifier_fail_open=Yes\n"
                          "[sandbox]\nwatermark = \" a \\\"b\\\" \"\n[fetch]\nallow = 10.0.0.0/8, fd00::/8, 127.0.0.1\n"
                          "[engine]\nmodels=~/m,/opt/models\n[aliases]\nMiniMax-Hailuo-02 = conch/tiny\n",
                          NULL, NULL, 0),
                     0);
    assert_string_equal(config.server.data, "/srv/ada/videos");
    assert_int_equal(config.server.cors_origins.count, 2);
    assert_string_equal(config.server.cors_origins.items[1], "http://b.example:8080");
    assert_int_equal(config.limits.image_bytes_max, 1 << 30);
    assert_int_equal(config.jobs.lease_ms, 1500);
    assert_int_equal(config.safety.policy, CONFIG_POLICY_OFF);
    assert_true(config.safety.classifier_fail_open);
    assert_string_equal(config.sandbox.watermark, " a \"b\" ");
    assert_int_equal(config.fetch.allow.count, 3);
    assert_string_equal(config.engine.models.items[0], "/srv/ada/m");
    assert_int_equal(config.aliases.count, 1);
}

static void what_is_wrong_is_named_with_its_line_and_what_is_allowed(void **state)
{
    REFUSED("[server]\nthreads = 4\nlisen = 1\n", "server.ini:3", "'lisen'", "'listen' meant");
    REFUSED("[servr]\nthreads = 4\n", ":2", "[servr]", "[server] meant");
    REFUSED("threads = 4\n", ":1", "before the first [section]");
    REFUSED("[server]\nlease = 4s\n", ":2", "[jobs] has one");
    REFUSED("[server]\nthreads = 4\n\nthreads = 5\n", ":4", "'threads'", "line 2");
    REFUSED("[aliases]\na = conch/tiny\na = conch/tiny\n", ":3", "'a'", "line 2");
    REFUSED("[server]\nthreads = 65\n", ":2", "[server] threads", "'65' is too large", "1 to 64");
    REFUSED("[server]\nthreads = four\n", "'four' is no number");
    REFUSED("[server]\nthreads = 4 # four\n", "'4 # four' is no number");
    REFUSED("[server]\nbody_bytes_max = 64X\n", "'64X'", "1K to 1G");
    REFUSED("[jobs]\nlease = 30\n", "'30'", "1s to 1h", "unit");
    REFUSED("[server]\nlog_level = loud\n", "'loud'", "debug, info, warn, error or off");
    REFUSED("[engine]\nenabled = maybe\n", "'maybe'", "true or false");
    REFUSED("[server]\nlisten = 8787\n", "'8787'", "ADDRESS:PORT");
    REFUSED("[server]\nlisten = 127.0.0.1:99999\n", "ADDRESS:PORT");
    REFUSED("[server]\nlisten = ::1:80\n", "ADDRESS:PORT");
    REFUSED("[server]\nlisten =\n", "is empty");
    REFUSED("[server]\npublic_url = example.org\n", "https://example.org");
    REFUSED("[fetch]\nallow = 10.0.0.0/8, 10.0.0.0/40\n", "'10.0.0.0/40'", "10.1.0.0/16");
    REFUSED("[server]\ntls_key = /etc/key.pem\n", "tls_key is set", "tls_certificate is not");
    REFUSED("[server]\ncors_origins = https://a.example/path\n", "https://example.org");
    REFUSED("[optimizer]\nmode = chat\n", "chat_url");
    REFUSED("[safety]\npolicy = http\n", "classifier_url");
    REFUSED("[credits]\norder = package, gold\n", ":2", "'gold'", "package, credits, payg");
    REFUSED("[credits]\norder =\ncharge_local = true\n", "order is empty");
    REFUSED("[server]\ninflight_bytes_max = 1M\n", "1M", "64M");
    REFUSED("[aliases]\nx = conch tiny\n", "'conch tiny'", "conch/tiny");
    REFUSED("[server\nthreads=4\n", ":1", "[name]");
    REFUSED("[server]\nthreads\n", ":2", "neither");
    REFUSED("[server]\ndata = \"a\n", ":2", "quote");
    REFUSED("[server]\ndata = a\x01z\n", ":2", "control character");
}

static void a_secret_that_is_refused_is_not_repeated(void **state)
{
    REFUSED("[webhooks]\nsigning_secret = hunter2hunter2\n", ":2", "at least 24 characters");
    assert_null(strstr(err.text, "hunter2"));
}

static void a_line_too_long_is_refused_and_not_cut(void **state)
{
    static char text[INT16_MAX];
    char *at = text + sprintf(text, "[server]\ndata = ");
    memset(at, 'a', 17000);
    REFUSED(text, ":2", "16384");
    at[5000] = 0;
    REFUSED(text, "5000", "4096");
    at[4000] = 0;
    assert_int_equal(load(text, NULL, NULL, 0), 0);
    assert_int_equal(strlen(config.server.data), 4000);
}

static void the_environment_is_checked_too(void **state)
{
    static char *const wrong[] = {(char *)"HOME=/", (char *)"CONCH_JOBS_ATTEMPTS=0", NULL};
    static char *const short_key[] = {(char *)"HOME=/", (char *)"CONCH_ADMIN_KEY=abc", NULL};
    static char *const strange[] = {(char *)"HOME=/", (char *)"CONCH_SERVER_PORT=tcp://10.0.0.1:80",
                                    (char *)"CONCH_MODELS=/m", (char *)"SERVER_LISTEN=x", NULL};
    static char *const nothing[] = {NULL};
    assert_int_equal(load(NULL, wrong, NULL, 0), CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "CONCH_JOBS_ATTEMPTS"));
    assert_int_equal(load(NULL, short_key, NULL, 0), CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "CONCH_ADMIN_KEY"));
    assert_null(strstr(err.text, "abc"));
    assert_int_equal(load(NULL, strange, NULL, 0), 0);
    assert_int_equal(config.strange.count, 1);
    assert_string_equal(config.strange.items[0], "CONCH_SERVER_PORT");
    assert_int_equal(load(NULL, nothing, NULL, 0), CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "data"));
}

static void an_option_is_named_as_it_was_given(void **state)
{
    static const struct config_override listen = {"server.listen", "nowhere", "--listen"},
                                        set = {"server.lst", "1", NULL}, bare = {"listen", "1", NULL};
    assert_int_equal(load(NULL, NULL, &listen, 1), CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "--listen: 'nowhere'"));
    assert_int_equal(load(NULL, NULL, &set, 1), CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "--set server.lst"));
    assert_int_equal(load(NULL, NULL, &bare, 1), CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "SECTION.KEY"));
}

static void a_file_is_found_in_the_users_folder(void **state)
{
    char home[80], conch[80], file[100];
    snprintf(home, sizeof home, "XDG_CONFIG_HOME=%s", folder);
    snprintf(conch, sizeof conch, "%s/conch", folder);
    snprintf(file, sizeof file, "%s/server.ini", conch);
    char *const environment[] = {home, (char *)"HOME=/nowhere", NULL};
    assert_int_equal(file_make_folders(conch, &err), 0);
    assert_int_equal(file_write_atomic(file, "[server]\nthreads=7\n", 19, &err), 0);
    assert_int_equal(load(NULL, environment, NULL, 0), 0);
    assert_int_equal(config.server.threads, 7);
    assert_string_equal(config.path, file);
    unlink(file);
    rmdir(conch);
    const struct config_settings missing = {.path = "/nowhere/at/all.ini"};
    struct config untouched;
    assert_int_equal(config_load(&untouched, &missing, &err), CONCH_ERR_NOTFOUND);
}

/* Every default is a legal value of its own file: the printed file with all # before keys taken away is the same. */
static void the_printed_file_is_a_configuration_of_defaults(void **state)
{
    struct buf text, before, after;
    size_t count, found = 0;
    const struct config_key *keys = config_keys(&count);
    buf_init(&text, 1 << 20);
    buf_init(&before, 1 << 20);
    buf_init(&after, 1 << 20);
    assert_int_equal(config_print(&text, &err), 0);
    assert_int_equal(load(text.data, NULL, NULL, 0), 0);
    assert_int_equal(config_write(&config, &before, &err), 0);
    for (size_t i = 0; i < count; i++) {
        char line[100], *at;
        snprintf(line, sizeof line, "\n#%s =", keys[i].key);
        for (at = text.data; (at = strstr(at, line));) {
            at[1] = ' ';
            found++;
        }
    }
    assert_int_equal(found, count);
    char *data = strstr(text.data, "\n data ="); /* its default is a sentence: where data belongs */
    assert_non_null(data);
    data[1] = '#';
    assert_int_equal(load(text.data, NULL, NULL, 0), 0);
    assert_int_equal(config_write(&config, &after, &err), 0);
    assert_string_equal(before.data, after.data);
    for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n"))
        assert_true(strlen(line) <= 120);
    buf_finish(&text);
    buf_finish(&before);
    buf_finish(&after);
}

static void values_are_written_without_secrets(void **state)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    assert_int_equal(load("[optimizer]\nchat_key = sk-0123456789abcdef\n[safety]\nclassifier_key = short\n"
                          "[jobs]\nlease = 90000ms\n[aliases]\nA B = conch/tiny\n",
                          NULL, NULL, 0),
                     0);
    assert_int_equal(config_write(&config, &text, &err), 0);
    assert_non_null(strstr(text.data, "optimizer.chat_key = …cdef\n"));
    assert_non_null(strstr(text.data, "safety.classifier_key = …\n"));
    assert_non_null(strstr(text.data, "jobs.lease = 90s\n"));
    assert_non_null(strstr(text.data, "aliases.A B = conch/tiny\n"));
    assert_null(strstr(text.data, "sk-0123"));
    buf_finish(&text);
}

static void every_key_stands_once_in_a_section_that_exists(void **state)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(config_section_help(keys[i].section));
        assert_true(strlen(keys[i].help) > 5);
        for (size_t k = 0; k < i; k++) {
            assert_true(keys[i].offset != keys[k].offset);
            assert_false(strcmp(keys[i].section, keys[k].section) == 0 && strcmp(keys[i].key, keys[k].key) == 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(without_anything_the_defaults_hold, config_free),
        cmocka_unit_test_teardown(the_file_then_the_environment_then_the_command_line_count, config_free),
        cmocka_unit_test_teardown(every_type_is_read, config_free),
        cmocka_unit_test_teardown(what_is_wrong_is_named_with_its_line_and_what_is_allowed, config_free),
        cmocka_unit_test_teardown(a_secret_that_is_refused_is_not_repeated, config_free),
        cmocka_unit_test_teardown(a_line_too_long_is_refused_and_not_cut, config_free),
        cmocka_unit_test_teardown(the_environment_is_checked_too, config_free),
        cmocka_unit_test_teardown(an_option_is_named_as_it_was_given, config_free),
        cmocka_unit_test_teardown(a_file_is_found_in_the_users_folder, config_free),
        cmocka_unit_test_teardown(the_printed_file_is_a_configuration_of_defaults, config_free),
        cmocka_unit_test_teardown(values_are_written_without_secrets, config_free),
        cmocka_unit_test(every_key_stands_once_in_a_section_that_exists),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
