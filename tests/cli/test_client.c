/* Which server and which key, and what refusals are told as. */
#include "cli_test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/client.h"
#include "cli/exit_code.h"

static char folder[64], key_file[128];

static int set_up(void **state)
{
    char conch[80];
    strcpy(folder, "/tmp/conch-client-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(conch, sizeof conch, "%s/conch", folder);
    snprintf(key_file, sizeof key_file, "%s/admin.key", conch);
    setenv("XDG_DATA_HOME", folder, 1);
    unsetenv("CONCH_KEY");
    unsetenv("CONCH_SERVER");
    return mkdir(conch, 0700) < 0 || file_write_atomic(key_file, "ck_local\n", 9, NULL) < 0;
}

static int tear_down(void **state)
{
    char conch[80];
    snprintf(conch, sizeof conch, "%s/conch", folder);
    unlink(key_file);
    rmdir(conch);
    return rmdir(folder);
}

static struct client opened(const char *server, const char *key)
{
    struct client client = {.base = NULL};
    conch_error err = {0};
    if (client_open(&client, &(struct client_settings){.server = server, .key_file = key}, &err) < 0)
        fail_msg("%s", err.text);
    return client;
}

#define ASSERT_OPENS(server, key_file, wanted_base, wanted_key)                                                        \
    do {                                                                                                               \
        struct client client = opened(server, key_file);                                                               \
        assert_string_equal(client.base, wanted_base);                                                                 \
        assert_string_equal(client.authorization ? client.authorization : "none", wanted_key);                         \
        client_close(&client);                                                                                         \
    } while (0)

static void the_address_is_the_nearest_one_given(void **state)
{
    ASSERT_OPENS(NULL, NULL, "http://127.0.0.1:8787", "Bearer ck_local");
    setenv("CONCH_SERVER", "http://localhost:1/", 1);
    ASSERT_OPENS(NULL, NULL, "http://localhost:1", "Bearer ck_local");
    ASSERT_OPENS("http://[::1]:2/prefix//", NULL, "http://[::1]:2/prefix", "Bearer ck_local");
}

static void the_local_key_stays_on_this_machine(void **state)
{
    static const char *const elsewhere[] = {"https://example.com", "http://10.0.0.1:8787", "http://127.example.com",
                                            "http://localhost.evil.example", "http://0.0.0.0:8787"};
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        struct client client = opened(elsewhere[i], NULL);
        if (client.authorization)
            fail_msg("the local key would go to %s", elsewhere[i]);
        client_close(&client);
    }
    ASSERT_OPENS("https://example.com", key_file, "https://example.com", "Bearer ck_local");
}

static void the_key_is_the_nearest_one_given(void **state)
{
    setenv("CONCH_KEY", " ck_variable ", 1);
    ASSERT_OPENS("https://example.com", NULL, "https://example.com", "Bearer ck_variable");
    ASSERT_OPENS("https://example.com", key_file, "https://example.com", "Bearer ck_local");
    setenv("CONCH_KEY", "", 1);
    ASSERT_OPENS("https://example.com", NULL, "https://example.com", "none");
}

static void keys_that_would_break_a_header_are_refused(void **state)
{
    static const char *const keys[] = {"two words", "a\r\nHost: b", "k\xc3\xa9y", "   "};
    struct client client;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        conch_error err = {0};
        setenv("CONCH_KEY", keys[i], 1);
        if (client_open(&client, &(struct client_settings){.server = NULL}, &err) == 0)
            fail_msg("'%s' was taken", keys[i]);
        assert_int_equal(err.code, CONCH_ERR_RANGE);
        assert_names(&err, "CONCH_KEY", NULL);
        assert_null(strstr(err.text, keys[i]));
    }
}

/* Text of a refusal with this status and body; *ret as filled. */
static const char *refused(int status, const char *body, struct client_answer *ret)
{
    static conch_error err;
    struct client client = {.base = (char[]){"http://s"}};
    struct buf buf;
    err = (conch_error){0};
    *ret = (struct client_answer){.status = 0};
    buf_init(&buf, 4096);
    assert_int_equal(buf_append_text(&buf, body, NULL), 0);
    int rc = client_refusal(&client, status, &buf, ret, &err);
    assert_int_equal(rc, err.code);
    ret->status = exit_code_of(rc);
    buf_finish(&buf);
    return err.text;
}

static void refusals_are_told_with_field_and_allowed_values(void **state)
{
    struct client_answer answer;
    assert_string_equal(
        refused(400, "{\"error\":{\"message\":\"not that\",\"field\":\"size\",\"allowed\":\"8x8\"}}", &answer),
        "not that (size); allowed: 8x8");
    assert_int_equal(answer.status, 2);
    assert_string_equal(
        refused(400, "{\"error\":{\"message\":\"size may be 8x8\",\"field\":\"size\",\"allowed\":\"8x8\"}}", &answer),
        "size may be 8x8"); /* nothing twice */
    assert_string_equal(refused(404, "{\"error\":{\"message\":\"a\\u001b[2Jb\\nc\"}}", &answer), "a [2Jb c");
    assert_int_equal(answer.status, 3);
}

static void what_may_work_later_is_known(void **state)
{
    struct client_answer answer;
    assert_string_equal(refused(429, "{\"error\":{\"message\":\"too many\",\"retry_after\":7}}", &answer),
                        "too many; try again in 7 s");
    assert_true(answer.transient);
    assert_int_equal(answer.retry_after_ms, 7000);
    assert_int_equal(answer.status, 13);
    refused(503, "<html>", &answer);
    assert_true(answer.transient);
    refused(402, "{\"error\":{\"message\":\"no money\",\"retry_after\":null}}", &answer);
    assert_false(answer.transient);
    refused(400, "{\"error\":{\"message\":\"no\",\"retry_after\":-5}}", &answer);
    assert_false(answer.transient);
}

static void each_kind_of_refusal_has_its_exit_code(void **state)
{
    static const struct {
        int status, exit;
    } rows[] = {{400, 2},  {401, 12}, {402, 13}, {403, 12}, {404, 3},  {409, 13}, {413, 10},
                {422, 13}, {429, 13}, {500, 13}, {501, 9},  {503, 13}, {302, 13}, {418, 13}};
    struct client_answer answer;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        refused(rows[i].status, "{\"error\":{\"message\":\"m\"}}", &answer);
        assert_int_equal(answer.status, rows[i].exit);
        refused(rows[i].status, "[1,", &answer); /* and so without the server's form */
        assert_int_equal(answer.status, rows[i].exit);
    }
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {WITH_FOLDER(the_address_is_the_nearest_one_given),
                                       WITH_FOLDER(the_local_key_stays_on_this_machine),
                                       WITH_FOLDER(the_key_is_the_nearest_one_given),
                                       WITH_FOLDER(keys_that_would_break_a_header_are_refused),
                                       cmocka_unit_test(refusals_are_told_with_field_and_allowed_values),
                                       cmocka_unit_test(what_may_work_later_is_known),
                                       cmocka_unit_test(each_kind_of_refusal_has_its_exit_code)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
