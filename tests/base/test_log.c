/* Lines as a person and a log collector get them; hostile values; secrets; lines that are too long. */
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/time_text.h"

static int ends[2];
static char text[1 << 20];

static int pipe_make(void **state)
{
    if (pipe2(ends, O_NONBLOCK) < 0)
        return -1;
    fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
    return 0;
}

static int pipe_free(void **state)
{
    close(ends[0]);
    close(ends[1]);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_AUTO, STDERR_FILENO);
    return 0;
}

static const char *lines(void)
{
    const ssize_t size = read(ends[0], text, sizeof text - 1);
    text[size > 0 ? size : 0] = 0;
    return text;
}

static json_t *line_read(void)
{
    json_error_t error;
    const char *line = lines();
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &error);
    if (!object)
        fail_msg("%s: %s", error.text, line);
    assert_int_equal(line[strlen(line) - 1], '\n');
    return object;
}

static const char *member(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void a_json_line_has_all_its_fields(void **state)
{
    int64_t when = 0;
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_AUTO, ends[1]); /* a pipe is no terminal */
    log_warn("job failed", log_text("request_id", "00ff"), log_id("job", 733100245518912), log_number("attempt", -2),
             log_real("seconds", 1.5), log_flag("charged", false), log_text("model", NULL));
    json_t *line = line_read();
    assert_int_equal(time_text_parse(member(line, "time"), &when, NULL), 0);
    assert_string_equal(member(line, "level"), "warn");
    assert_string_equal(member(line, "msg"), "job failed");
    assert_string_equal(member(line, "job"), "733100245518912");
    assert_int_equal(json_integer_value(json_object_get(line, "attempt")), -2);
    assert_true(json_real_value(json_object_get(line, "seconds")) == 1.5);
    assert_true(json_is_false(json_object_get(line, "charged")));
    assert_true(json_is_null(json_object_get(line, "model")));
    assert_int_equal(json_object_size(line), 9);
    json_decref(line);
}

static void a_line_for_people_is_short_and_quotes_what_has_spaces(void **state)
{
    log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT, ends[1]);
    log_info("listening", log_text("address", "127.0.0.1:8787"), log_text("folder", "/a b"), log_text("empty", ""));
    assert_string_equal(lines() + 12, " info  listening address=127.0.0.1:8787 folder=\"/a b\" empty=\"\"\n");
    log_debug("tick");
    assert_string_equal(lines() + 12, " debug tick\n");
}

static void levels_below_are_not_written(void **state)
{
    log_setup(LOG_LEVEL_WARN, LOG_FORMAT_TEXT, ends[1]);
    log_info("quiet");
    assert_false(log_enabled(LOG_LEVEL_INFO));
    assert_string_equal(lines(), "");
    log_error("loud");
    assert_string_not_equal(lines(), "");
    log_setup(LOG_LEVEL_OFF, LOG_FORMAT_TEXT, ends[1]);
    log_error("nothing");
    assert_string_equal(lines(), "");
}

static void what_a_client_sends_cannot_forge_a_line(void **state)
{
    static const char hostile[] = "a\nb\x1b[2J\"\\\xff\xc3\x7f\xe2\x80\xae\xc2\x85";
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, ends[1]);
    log_info("x", log_text("v", hostile));
    json_t *line = line_read();
    assert_string_equal(member(line, "v"), "a\nb\x1b[2J\"\\\xef\xbf\xbd\xef\xbf\xbd\x7f\xe2\x80\xae\xc2\x85");
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_null(strpbrk(text, "\x1b\x7f"));
    assert_null(strstr(text, "\xe2\x80\xae"));
    json_decref(line);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, ends[1]);
    log_info("x\ny", log_text("v", hostile));
    lines();
    assert_non_null(strstr(text, "x\\ny v=\"a\\nb\\u001b[2J\\\"\\\\"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void of_a_secret_only_the_end_is_shown(void **state)
{
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, ends[1]);
    log_info("x", log_secret("key", "sk-0123456789abcdef"), log_secret("brief", "elevenchars"),
             log_secret("none", NULL));
    json_t *line = line_read();
    assert_string_equal(member(line, "key"), "…cdef");
    assert_string_equal(member(line, "brief"), "…");
    assert_string_equal(member(line, "none"), "…");
    json_decref(line);
}

static void a_line_too_long_is_cut_and_says_so(void **state)
{
    static char long_text[100000];
    memset(long_text, '\x01', sizeof long_text - 1); /* each becomes six characters */
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, ends[1]);
    log_info("x", log_text("a", long_text), log_text("b", long_text), log_text("c", long_text),
             log_text("d", long_text), log_text("e", long_text));
    json_t *line = line_read();
    assert_true(strlen(text) <= LOG_LINE_BYTES_MAX);
    assert_true(json_is_true(json_object_get(line, "cut")));
    assert_non_null(member(line, "a"));
    assert_non_null(strstr(member(line, "a"), "…"));
    assert_null(member(line, "e"));
    json_decref(line);
}

enum { THREADS = 4, EACH = 200 };

static void *many(void *context)
{
    for (int i = 0; i < EACH; i++)
        log_info("many", log_number("thread", (intptr_t)context), log_number("number", i));
    return NULL;
}

static void lines_of_many_threads_do_not_mix(void **state)
{
    pthread_t threads[THREADS];
    int count = 0;
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, ends[1]);
    for (intptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, many, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    lines();
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), count++) {
        json_t *object = json_loads(line, 0, NULL);
        assert_non_null(object);
        json_decref(object);
    }
    assert_int_equal(count, THREADS * EACH);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, pipe_make, pipe_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_json_line_has_all_its_fields),    TEST(a_line_for_people_is_short_and_quotes_what_has_spaces),
        TEST(levels_below_are_not_written),      TEST(what_a_client_sends_cannot_forge_a_line),
        TEST(of_a_secret_only_the_end_is_shown), TEST(a_line_too_long_is_cut_and_says_so),
        TEST(lines_of_many_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
