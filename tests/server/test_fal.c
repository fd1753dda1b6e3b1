/* fal's addresses, inputs and statuses, without a server. */
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
#include "server/dialect/fal.h"

static struct fal_input input;
static struct api_problem problem;

static int read(const char *endpoint, const char *text)
{
    struct fal_target target;
    char path[256];
    body_set(json_of(text));
    snprintf(path, sizeof path, "/%s", endpoint);
    fal_target_read(HTTP_POST, path, &target);
    assert_int_equal(target.action, FAL_SUBMIT);
    /* slug and resolution of the table are static; of other names they point into target, which is gone afterwards */
    memset(&problem, 0, sizeof problem);
    int rc = fal_input_read(&target.endpoint, body, &input, &problem);
    if (rc == 0 && target.endpoint.kind == FAL_ANY)
        input.submit.model = NULL;
    return rc;
}

static void addresses_name_calls(void **state)
{
    static const struct {
        enum http_method method;
        const char *path;
        enum fal_action action;
        const char *app, *id;
    } rows[] = {
        {HTTP_GET, "/fal-ai/minimax/requests/17/status", FAL_STATUS, "fal-ai/minimax", "17/status"},
        {HTTP_HEAD, "/fal-ai/minimax/requests/17/status", FAL_STATUS, "fal-ai/minimax", "17/status"},
        {HTTP_GET, "/fal-ai/minimax/requests/17/status/stream", FAL_STREAM, "fal-ai/minimax", "17/status/stream"},
        {HTTP_GET, "/fal-ai/minimax/requests/a-_9", FAL_RESULT, "fal-ai/minimax", "a-_9"},
        {HTTP_GET, "/fal-ai/minimax/requests/17/response", FAL_RESULT, "fal-ai/minimax", "17/response"},
        {HTTP_PUT, "/fal-ai/minimax/requests/17/cancel", FAL_CANCEL, "fal-ai/minimax", "17/cancel"},
        {HTTP_GET, "/fal-ai/minimax/hailuo-02/pro/requests/17", FAL_RESULT, "fal-ai/minimax", "17"},
        {HTTP_GET, "/workflows/me/mine/requests/17", FAL_RESULT, "workflows/me/mine", "17"},
        {HTTP_GET, "/fal-ai/minimax/requests/17/cancel", FAL_NOTHING, NULL, NULL},
        {HTTP_POST, "/fal-ai/minimax/requests/17/status", FAL_NOTHING, NULL, NULL},
        {HTTP_GET, "/fal-ai/minimax/requests/", FAL_NOTHING, NULL, NULL},
        {HTTP_GET, "/fal-ai/minimax", FAL_NOTHING, NULL, NULL},
        {HTTP_POST, "/minimax", FAL_NOTHING, NULL, NULL},
        {HTTP_POST, "", FAL_NOTHING, NULL, NULL},
        {HTTP_POST, "/fal-ai/fal-ai/", FAL_NOTHING, NULL, NULL},
        {HTTP_POST, "/fal-ai/fal-ai", FAL_SUBMIT, "fal-ai/fal-ai", NULL},
        {HTTP_POST, "/conch/tiny", FAL_SUBMIT, "conch/tiny", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fal_target target;
        fal_target_read(rows[i].method, rows[i].path, &target);
        if (target.action != rows[i].action)
            fail_msg("%s: %d and not %d", rows[i].path, (int)target.action, (int)rows[i].action);
        if (rows[i].app)
            assert_string_equal(target.app, rows[i].app);
        if (rows[i].id)
            assert_string_equal(target.id, rows[i].id);
    }
}

static void paths_that_are_too_long_lead_nowhere(void **state)
{
    char path[FAL_PATH_BYTES_MAX + 40];
    struct fal_target target;
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    fal_target_read(HTTP_POST, path, &target);
    assert_int_equal(target.action, FAL_NOTHING);
    path[100] = '/';
    fal_target_read(HTTP_POST, path, &target);
    assert_int_equal(target.action, FAL_NOTHING);
}

static void endpoints_name_model_size_and_mode(void **state)
{
    assert_int_equal(
        read("fal-ai/minimax/hailuo-02/pro/image-to-video",
             "{'prompt':'x','image_url':'https://e.com/a.png','end_image_url':'data:image/png;base64,AA'}"),
        0);
    assert_string_equal(input.submit.model, "minimax/hailuo-02");
    assert_string_equal(input.submit.resolution, "1080P");
    assert_int_equal(input.submit.media_count, 2);
    assert_int_equal(input.media[0].role, STORE_INPUT_FIRST_FRAME);
    assert_string_equal(input.media[1].field, "end_image_url");
    assert_int_equal(read("fal-ai/minimax/hailuo-02/standard/image-to-video",
                          "{'prompt':'x','image_url':'https://e.com/a.png','resolution':'512p'}"),
                     0);
    assert_string_equal(input.submit.resolution, "512P");
    assert_int_equal(read("minimax/h3/text-to-video", "{'prompt':'x','duration':5,'aspect_ratio':'16:9'}"), 0);
    assert_string_equal(input.submit.model, "minimax/h3");
    assert_string_equal(input.submit.resolution, "2K");
    assert_string_equal(input.submit.ratio, "16:9");
    assert_int_equal(read("fal-ai/minimax/h3/reference-to-video",
                          "{'prompt':'x','reference_image_urls':['https://e.com/1','https://e.com/2'],"
                          "'reference_audio_urls':['https://e.com/3']}"),
                     0);
    assert_int_equal(input.submit.media_count, 3);
    assert_string_equal(input.media[1].field, "reference_image_urls[1]");
    assert_int_equal(input.media[2].role, STORE_INPUT_REFERENCE_AUDIO);
}

/* A picture that a text endpoint does not have must not make it another mode. */
static void fields_of_other_endpoints_are_ignored(void **state)
{
    assert_int_equal(read("fal-ai/minimax/video-01", "{'prompt':'x','image_url':'https://e.com/a.png','foo':[1]}"), 0);
    assert_int_equal(input.submit.media_count, 0);
}

static void seconds_come_as_text_or_number(void **state)
{
    static const char *const good[] = {"'6'", "'6s'", "6", "6.0"};
    static const char *const bad[] = {"'six'", "'s'", "'6ss'", "'-6'", "0", "6.5", "[6]", "true", "'99999999999999'"};
    char text[64];
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        snprintf(text, sizeof text, "{'prompt':'x','duration':%s}", good[i]);
        assert_int_equal(read("fal-ai/minimax/hailuo-02/standard/text-to-video", text), 0);
        assert_int_equal(input.submit.seconds, 6);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        snprintf(text, sizeof text, "{'prompt':'x','duration':%s}", bad[i]);
        if (read("fal-ai/minimax/hailuo-02/standard/text-to-video", text) == 0)
            fail_msg("%s was taken", bad[i]);
        assert_string_equal(problem.field, "duration");
    }
    assert_int_equal(read("fal-ai/minimax/hailuo-02/standard/text-to-video", "{'prompt':'x','duration':''}"), 0);
    assert_int_equal(input.submit.seconds, 0);
}

static void the_optimizer_is_the_models_own_unless_it_is_named(void **state)
{
    assert_int_equal(read("conch/tiny", "{'prompt':'x'}"), 0);
    assert_int_equal(input.submit.optimizer, API_DEFAULT);
    assert_int_equal(read("conch/tiny", "{'prompt':'x','prompt_optimizer':false}"), 0);
    assert_int_equal(input.submit.optimizer, API_OFF);
}

static void more_media_than_there_may_be_are_refused(void **state)
{
    struct buf text;
    buf_init(&text, 1 << 16);
    buf_append_text(&text, "{'prompt':'x','reference_video_urls':['https://e.com/1'],'reference_image_urls':[", NULL);
    for (int i = 0; i < FAL_MEDIA_MAX; i++)
        buf_append_format(&text, NULL, "%s'https://e.com/%d'", i ? "," : "", i);
    buf_append_text(&text, "]}", NULL);
    assert_int_equal(read("minimax/h3/reference-to-video", text.data), -1);
    assert_int_equal(input.submit.media_count, FAL_MEDIA_MAX);
    buf_finish(&text);
}

/* Another word would be polled for ever. */
static void there_are_three_statuses(void **state)
{
    for (int state_of = 0; state_of < JOB_STATES; state_of++) {
        const char *name = fal_status_name((enum job_state)state_of);
        assert_true(strcmp(name, "IN_QUEUE") == 0 || strcmp(name, "IN_PROGRESS") == 0 ||
                    strcmp(name, "COMPLETED") == 0);
        assert_int_equal(strcmp(name, "COMPLETED") == 0, job_terminal((enum job_state)state_of));
    }
}

/* 429, 502, 503 and 504 are asked again by the official client. */
static void no_failure_is_asked_for_again(void **state)
{
    for (int error = 0; error < JOB_ERRORS; error++) {
        const struct job job = {.state = JOB_FAILED, .error = (enum job_error)error};
        const int status = fal_failure_status(&job);
        assert_true(status >= 400 && status <= 500 && status != 429);
        assert_true(strlen(fal_failure_type(&job)) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_name_calls),
        cmocka_unit_test(paths_that_are_too_long_lead_nowhere),
        cmocka_unit_test(endpoints_name_model_size_and_mode),
        cmocka_unit_test(fields_of_other_endpoints_are_ignored),
        cmocka_unit_test(seconds_come_as_text_or_number),
        cmocka_unit_test(the_optimizer_is_the_models_own_unless_it_is_named),
        cmocka_unit_test(more_media_than_there_may_be_are_refused),
        cmocka_unit_test(there_are_three_statuses),
        cmocka_unit_test(no_failure_is_asked_for_again),
    };
    return cmocka_run_group_tests_name("fal", tests, NULL, body_free);
}
