/* Replicate's inputs, names and moments, without a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/json.h"
#include "dialect_test.h"
#include "server/dialect/replicate.h"

static struct replicate_input input;
static struct api_problem problem;

static int read(const char *name, const char *text)
{
    body_set(json_of(text));
    memset(&problem, 0, sizeof problem);
    return replicate_input_read(body, name, "http://h:1", &input, &problem);
}

static void the_model_follows_from_the_pictures(void **state)
{
    assert_int_equal(read("minimax/video-01", "{'input':{'prompt':'x'}}"), 0);
    assert_string_equal(input.submit.model, "minimax/t2v-01");
    assert_int_equal(read("minimax/video-01", "{'input':{'prompt':'x','first_frame_image':'https://e.com/a'}}"), 0);
    assert_string_equal(input.submit.model, "minimax/i2v-01");
    assert_int_equal(read("minimax/video-01", "{'input':{'prompt':'x','subject_reference':'https://e.com/a'}}"), 0);
    assert_string_equal(input.submit.model, "minimax/s2v-01");
    assert_int_equal(read("minimax/hailuo-02-fast", "{'input':{'prompt':'x','image':'https://e.com/a'}}"), 0);
    assert_string_equal(input.submit.model, "minimax/hailuo-02");
    assert_string_equal(input.submit.resolution, "512P");
    assert_int_equal(read("conch/tiny", "{'input':{'prompt':'x'}}"), 0);
    assert_string_equal(input.submit.model, "conch/tiny");
}

static void fields_of_the_models_and_of_other_clients_are_taken(void **state)
{
    assert_int_equal(read("conch/tiny",
                          "{'input':{'prompt':'x','image':'https://e.com/a','end_image':'https://e.com/b',"
                          "'size':'256x160','duration':2,'fps':24,'seed':5,'foo':{}}}"),
                     0);
    assert_int_equal(input.submit.width, 256);
    assert_int_equal(input.submit.height, 160);
    assert_int_equal(input.submit.seconds, 2);
    assert_int_equal(input.submit.seed, 5);
    assert_int_equal(input.submit.media_count, 2);
    assert_int_equal(input.media[1].role, STORE_INPUT_LAST_FRAME);
    assert_int_equal(read("conch/tiny", "{'input':{'prompt':'x','resolution':'768p','size':'1x1'}}"), 0);
    assert_string_equal(input.submit.resolution, "768P");
    assert_int_equal(input.submit.width, 0);
}

/* The same path on another host is another's file. */
static void uploads_of_this_server_are_files(void **state)
{
    assert_int_equal(read("conch/tiny", "{'input':{'prompt':'x','image':'http://h:1/v1/files/17'}}"), 0);
    assert_int_equal(input.media[0].file_id, 17);
    assert_null(input.media[0].url);
    assert_int_equal(read("conch/tiny", "{'input':{'prompt':'x','image':'http://h:1/replicate/v1/files/18'}}"), 0);
    assert_int_equal(input.media[0].file_id, 18);
    assert_int_equal(read("conch/tiny", "{'input':{'prompt':'x','image':'http://h:2/v1/files/17'}}"), 0);
    assert_int_equal(input.media[0].file_id, 0);
    assert_non_null(input.media[0].url);
    assert_int_equal(read("conch/tiny", "{'input':{'prompt':'x','image':'http://h:1/v1/files/a'}}"), 0);
    assert_non_null(input.media[0].url);
}

static void a_filter_chooses_the_moments(void **state)
{
    static const struct {
        const char *filter, *style;
    } rows[] = {
        {"[]", "replicate:soc"},       {"['start']", "replicate:s"},
        {"['output']", "replicate:o"}, {"['completed','start']", "replicate:sc"},
        {"['logs']", "replicate:"},    {"['start','output','logs','completed']", "replicate:soc"},
        {"null", "replicate:soc"},
    };
    char text[200];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(text, sizeof text, "{'input':{'prompt':'x'},'webhook':'https://e.com/','webhook_events_filter':%s}",
                 rows[i].filter);
        assert_int_equal(read("conch/tiny", text), 0);
        assert_string_equal(input.submit.callback_style, rows[i].style);
        assert_ptr_equal(dialect_of_callback(input.submit.callback_style), &dialect_replicate);
    }
}

static bool tells(const char *style, enum job_state state, const char *kind)
{
    struct api_job job = {.row = {.job = {.id = 1, .state = state}, .callback_style = (char *)style}};
    struct buf text;
    buf_init(&text, 1 << 16);
    assert_int_equal(replicate_callback_body(NULL, &job, kind, "http://h", 0, &text, NULL), 0);
    const bool told = text.size > 0;
    buf_finish(&text);
    return told;
}

static void a_callback_is_sent_at_the_moments_that_were_asked_for(void **state)
{
    assert_true(tells("replicate:soc", JOB_RUNNING, "running"));
    assert_true(tells("replicate:s", JOB_SUCCEEDED, "running"));
    assert_false(tells("replicate:c", JOB_RUNNING, "running"));
    assert_true(tells("replicate:c", JOB_FAILED, "failed"));
    assert_false(tells("replicate:o", JOB_FAILED, "failed"));
    assert_true(tells("replicate:o", JOB_SUCCEEDED, "succeeded"));
    assert_false(tells("replicate:s", JOB_SUCCEEDED, "succeeded"));
    assert_false(tells("replicate:", JOB_SUCCEEDED, "succeeded"));
    assert_false(tells("replicate:soc", JOB_RUNNING, "submitting"));
}

static void waiting_is_asked_for_in_a_header(void **state)
{
    assert_int_equal(replicate_prefer_ms(NULL), 0);
    assert_int_equal(replicate_prefer_ms("respond-async"), 0);
    assert_int_equal(replicate_prefer_ms("wait"), 60000);
    assert_int_equal(replicate_prefer_ms("wait=5"), 5000);
    assert_int_equal(replicate_prefer_ms("respond-async, wait=100000"), 60000);
    assert_int_equal(replicate_prefer_ms("wait=-1"), 1000);
    assert_int_equal(replicate_prefer_ms("wait=x"), 1000);
}

static void names_and_versions_are_told_apart(void **state)
{
    char name[REPLICATE_NAME_MAX], version[REPLICATE_VERSION_SIZE], long_name[300];
    bool is_name;
    assert_true(replicate_name_split("a/b:0123", name, &is_name));
    assert_string_equal(name, "a/b");
    assert_true(is_name);
    assert_true(replicate_name_split("0123", name, &is_name));
    assert_false(is_name);
    assert_false(replicate_name_split("", name, &is_name));
    memset(long_name, 'a', sizeof long_name);
    long_name[299] = '\0';
    assert_false(replicate_name_split(long_name, name, &is_name));
    replicate_version("a/b", version);
    assert_int_equal(strlen(version), 64);
}

/* Two l's are another word to its clients. */
static void statuses_are_spelled_as_there(void **state)
{
    assert_string_equal(replicate_status(JOB_CANCELLED), "canceled");
    assert_string_equal(replicate_status(JOB_SUBMITTING), "starting");
    assert_string_equal(replicate_status(JOB_UNKNOWN), "processing");
    assert_string_equal(replicate_status(JOB_BLOCKED), "failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_follows_from_the_pictures),
        cmocka_unit_test(fields_of_the_models_and_of_other_clients_are_taken),
        cmocka_unit_test(uploads_of_this_server_are_files),
        cmocka_unit_test(a_filter_chooses_the_moments),
        cmocka_unit_test(a_callback_is_sent_at_the_moments_that_were_asked_for),
        cmocka_unit_test(waiting_is_asked_for_in_a_header),
        cmocka_unit_test(names_and_versions_are_told_apart),
        cmocka_unit_test(statuses_are_spelled_as_there),
    };
    return cmocka_run_group_tests_name("replicate", tests, NULL, body_free);
}
