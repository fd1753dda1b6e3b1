/* What both generations of MiniMax's dialect share: codes, states, ids, names of fields. */
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
#include "server/dialect/dialect_rename.h"
#include "server/dialect/minimax_codes.h"
#include "server/dialect/minimax_job.h"

static void every_refusal_has_the_code_that_clients_know(void **state)
{
    static const struct {
        enum api_kind kind;
        const char *field;
        int code, status;
        const char *type;
    } rows[] = {
        {API_INVALID, "resolution", 2013, 400, "bad_request_error"},
        {API_INVISIBLE, "prompt", 1042, 400, "bad_request_error"},
        {API_UNAUTHORIZED, "", 1004, 401, "authorized_error"},
        {API_FORBIDDEN, "", 1004, 401, "authorized_error"},
        {API_NOT_FOUND, "", 2013, 400, "bad_request_error"},
        {API_BALANCE, "", 1008, 402, "insufficient_balance_error"},
        {API_BUDGET, "", 2056, 402, "insufficient_balance_error"},
        {API_RATE_LIMIT, "", 1002, 429, "rate_limit_error"},
        {API_QUEUE_FULL, "", 1041, 429, "rate_limit_error"},
        {API_CONTENT_POLICY, "prompt", 1026, 422, "unprocessable_entity_error"},
        {API_UNAVAILABLE_HERE, "model", 2061, 400, "bad_request_error"},
        {API_UNAVAILABLE_HERE, "subject_reference", 2013, 400, "bad_request_error"},
        {API_FETCH, "first_frame_image", 2013, 400, "bad_request_error"},
        {API_BUSY, "", 1033, 529, "overloaded_error"},
        {API_TIMEOUT, "", 1001, 500, "server_error"},
        {API_INTERNAL, "", 1000, 500, "server_error"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct api_problem problem;
        api_refuse(&problem, rows[i].kind, rows[i].field, "words");
        const struct minimax_code *code = minimax_code_of_problem(&problem);
        assert_int_equal(code->code, rows[i].code);
        assert_int_equal(code->status, rows[i].status);
        assert_string_equal(code->type, rows[i].type);
    }
    for (int kind = API_OK + 1; kind <= API_INTERNAL; kind++) {
        const struct api_problem problem = {.kind = (enum api_kind)kind};
        assert_true(minimax_code_of_problem(&problem)->code > 0);
    }
}

/* A client that waits for other words stops only at a code that is not 0. */
static void every_job_without_a_clip_has_a_code(void **state)
{
    static const enum job_state ends[] = {JOB_FAILED, JOB_BLOCKED, JOB_CANCELLED};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        for (int error = 0; error < JOB_ERRORS; error++) {
            const struct job job = {.state = ends[i], .error = (enum job_error)error};
            assert_true(minimax_code_of_job(&job)->code > 0);
        }
}

static void blocked_before_the_start_is_input_and_after_it_output(void **state)
{
    struct job job = {.state = JOB_BLOCKED, .error = JOB_ERROR_CONTENT_POLICY};
    assert_int_equal(minimax_code_of_job(&job)->code, 1026);
    job.started_ms = 5;
    assert_int_equal(minimax_code_of_job(&job)->code, 1027);
    job.error = JOB_ERROR_INVALID_INPUT;
    assert_int_equal(minimax_code_of_job(&job)->code, 2013);
}

static void a_jobs_text_has_the_reason_or_says_what_happened(void **state)
{
    struct api_job job = {.row = {.job = {.state = JOB_FAILED, .error = JOB_ERROR_RATE_LIMIT}}};
    assert_string_equal(minimax_job_text(&job).text, "rate limit, rate_limit");
    job.row.error_text = (char *)"the provider asks to wait";
    assert_string_equal(minimax_job_text(&job).text, "rate limit, the provider asks to wait");
    job.row.error_text = NULL;
    job.row.job.state = JOB_CANCELLED;
    assert_string_equal(minimax_job_text(&job).text, "unknown error, the task was cancelled");
}

static void a_long_reason_is_cut_at_a_whole_character(void **state)
{
    char reason[3000];
    for (size_t i = 0; i + 3 < sizeof reason; i += 3)
        memcpy(reason + i, "\xe6\x98\xa5", 4);
    const struct api_job job = {
        .row = {.job = {.state = JOB_FAILED, .error = JOB_ERROR_INTERNAL}, .error_text = reason}};
    const struct minimax_text text = minimax_job_text(&job);
    const size_t size = strlen(text.text);
    assert_true(size > 1000 && size < sizeof text.text);
    assert_memory_equal(text.text + size - 3, "\xe6\x98\xa5", 3);
}

static void the_catalogs_names_become_the_dialects(void **state)
{
    static const struct dialect_name names[] = {{"seconds", "duration"}, {"first_frame", "first_frame_image"}, {0}};
    struct api_problem problem;
    api_refuse(&problem, API_INVALID, "seconds", "seconds '10' cannot be had at 1080P; allowed: 6 seconds");
    dialect_rename(&problem, names);
    assert_string_equal(problem.field, "duration");
    assert_string_equal(problem.text, "duration '10' cannot be had at 1080P; allowed: 6 seconds");
    api_refuse(&problem, API_INVALID, "first_frame", "first_frame is missing");
    dialect_rename(&problem, names);
    assert_string_equal(problem.text, "first_frame_image is missing");
    api_refuse(&problem, API_INVALID, "seconds", "seconds_max is another word");
    dialect_rename(&problem, names);
    assert_string_equal(problem.text, "seconds_max is another word");
    api_refuse(&problem, API_INVALID, "model", "seconds are not meant");
    dialect_rename(&problem, names);
    assert_string_equal(problem.text, "seconds are not meant");
}

static void renaming_never_overflows(void **state)
{
    static const struct dialect_name names[] = {{"first_frame", "first_frame_image"}, {0}};
    struct api_problem problem = {.field = "first_frame"};
    memset(problem.text, 'x', sizeof problem.text - 1);
    memcpy(problem.text, "first_frame ", 12);
    dialect_rename(&problem, names);
    assert_int_equal(strlen(problem.text), sizeof problem.text - 1);
    assert_memory_equal(problem.text, "first_frame_image x", 19);
}

static void ids_are_decimal_and_below_two_to_the_53(void **state)
{
    static const char *const bad[] = {
        "",    "0",      "-1",  "1.0", "12a", "0x10", " 1", "9007199254740992", "99999999999999999",
        "abc", "task_1", "1e3", "\xff"};
    struct api_problem problem;
    int64_t id = 0;
    assert_int_equal(minimax_id_read("9007199254740991", "task_id", &id, &problem), 0);
    assert_true(id == INT64_C(9007199254740991));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(minimax_id_read(bad[i], "task_id", &id, &problem), -1);
        assert_int_equal(problem.kind, API_INVALID);
        assert_non_null(strstr(problem.text, "task_id"));
    }
    assert_int_equal(minimax_id_read(NULL, "file_id", &id, &problem), -1);
    assert_string_equal(problem.text, "file_id is required");
}

static void models_of_the_other_generation_are_shown_the_way(void **state)
{
    struct api_problem problem;
    assert_int_equal(minimax_model_check(&catalog, "MiniMax-Hailuo-02", "v1", &problem), 0);
    assert_int_equal(minimax_model_check(&catalog, "MiniMax-H3", "v2", &problem), 0);
    assert_int_equal(minimax_model_check(&catalog, "conch/tiny", "v1", &problem), 0);
    assert_int_equal(minimax_model_check(&catalog, "conch/tiny", "v2", &problem), 0);
    assert_int_equal(minimax_model_check(&catalog, "a name of the operator's", "v1", &problem), 0);
    assert_int_equal(minimax_model_check(&catalog, "MiniMax-H3", "v1", &problem), -1);
    assert_non_null(strstr(problem.text, "POST /v2/video_generation"));
    assert_int_equal(minimax_model_check(&catalog, "MiniMax-Hailuo-02", "v2", &problem), -1);
    assert_non_null(strstr(problem.text, "POST /v1/video_generation"));
    assert_int_equal(minimax_model_check(&catalog, NULL, "v1", &problem), -1);
    assert_string_equal(problem.text, "model is required");
}

static void a_callback_tells_of_its_moment_but_of_no_end_that_was_not(void **state)
{
    const struct job done = {.state = JOB_SUCCEEDED}, failed = {.state = JOB_FAILED}, running = {.state = JOB_RUNNING};
    assert_int_equal(minimax_phase_of_kind("running", &done), MINIMAX_RUNNING);
    assert_int_equal(minimax_phase_of_kind("processing", &done), MINIMAX_RUNNING);
    assert_int_equal(minimax_phase_of_kind("succeeded", &done), MINIMAX_SUCCEEDED);
    assert_int_equal(minimax_phase_of_kind("success", &failed), MINIMAX_FAILED);
    assert_int_equal(minimax_phase_of_kind("failed", &running), MINIMAX_RUNNING);
    assert_int_equal(minimax_phase_of_kind("something", &running), MINIMAX_RUNNING);
    assert_int_equal(minimax_phase_of_kind(NULL, &done), MINIMAX_SUCCEEDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal_has_the_code_that_clients_know),
        cmocka_unit_test(every_job_without_a_clip_has_a_code),
        cmocka_unit_test(blocked_before_the_start_is_input_and_after_it_output),
        cmocka_unit_test(a_jobs_text_has_the_reason_or_says_what_happened),
        cmocka_unit_test(a_long_reason_is_cut_at_a_whole_character),
        cmocka_unit_test(the_catalogs_names_become_the_dialects),
        cmocka_unit_test(renaming_never_overflows),
        cmocka_unit_test(ids_are_decimal_and_below_two_to_the_53),
        cmocka_unit_test(models_of_the_other_generation_are_shown_the_way),
        cmocka_unit_test(a_callback_tells_of_its_moment_but_of_no_end_that_was_not),
    };
    return cmocka_run_group_tests_name("minimax", tests, shipped_open, shipped_close);
}
