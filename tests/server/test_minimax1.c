/* MiniMax's first generation: what a create body becomes, what answers look like. */
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
#include "server/dialect/minimax1.h"

static struct minimax1_create create;
static struct api_problem problem;

static int read_json(json_t *json)
{
    body_set(json);
    memset(&problem, 0, sizeof problem);
    return minimax1_create_read(body, &catalog, &create, &problem);
}

static int read(const char *text)
{
    return read_json(json_of(text));
}

static void refused(const char *text, const char *words)
{
    if (read(text) == 0 || !strstr(problem.text, words))
        fail_msg("%s: '%s' should have said '%s'", text, problem.text, words);
    assert_int_equal(problem.kind, API_INVALID);
}

/* ---- decoding ---- */

static void a_text_request_becomes_a_submit(void **state)
{
    assert_int_equal(read("{'model':'MiniMax-Hailuo-02','prompt':'a [Pan left] fox','duration':6,'resolution':'768P'}"),
                     0);
    const struct api_submit *submit = &create.submit;
    assert_string_equal(submit->dialect, "minimax1");
    assert_null(submit->task);
    assert_string_equal(submit->model, "MiniMax-Hailuo-02");
    assert_string_equal(submit->prompt, "a [Pan left] fox");
    assert_string_equal(submit->resolution, "768P");
    assert_int_equal(submit->seconds, 6);
    assert_int_equal(submit->seed, -1);
    assert_int_equal(submit->media_count, 0);
    assert_null(submit->callback_url);
    assert_null(submit->callback_style);
}

static void the_optimizer_is_on_unless_it_is_switched_off(void **state)
{
    assert_int_equal(read("{'model':'T2V-01','prompt':'a'}"), 0);
    assert_int_equal(create.submit.optimizer, API_ON);
    assert_int_equal(create.submit.pretreatment, API_DEFAULT);
    assert_int_equal(create.submit.watermark, API_DEFAULT);
    assert_int_equal(read("{'model':'T2V-01','prompt':'a','prompt_optimizer':null}"), 0);
    assert_int_equal(create.submit.optimizer, API_ON);
    assert_int_equal(
        read("{'model':'T2V-01','prompt':'a','prompt_optimizer':false,'fast_pretreatment':true,'aigc_watermark':true}"),
        0);
    assert_int_equal(create.submit.optimizer, API_OFF);
    assert_int_equal(create.submit.pretreatment, API_ON);
    assert_int_equal(create.submit.watermark, API_ON);
}

static void pictures_keep_the_names_that_refusals_use(void **state)
{
    assert_int_equal(read("{'model':'MiniMax-Hailuo-02','first_frame_image':'https://example.com/a.png',"
                          "'last_frame_image':'data:image/jpeg;base64,AAAA'}"),
                     0);
    assert_int_equal(create.submit.media_count, 2);
    assert_ptr_equal(create.submit.media, create.media);
    assert_int_equal(create.media[0].role, STORE_INPUT_FIRST_FRAME);
    assert_string_equal(create.media[0].url, "https://example.com/a.png");
    assert_string_equal(create.media[0].field, "first_frame_image");
    assert_int_equal(create.media[1].role, STORE_INPUT_LAST_FRAME);
    assert_string_equal(create.media[1].field, "last_frame_image");
    assert_null(create.submit.prompt);
}

static void empty_texts_and_a_duration_of_nothing_are_none(void **state)
{
    assert_int_equal(read("{'model':'T2V-01','prompt':'','first_frame_image':'','callback_url':'','resolution':'',"
                          "'duration':0,'subject_reference':[]}"),
                     0);
    assert_null(create.submit.prompt);
    assert_null(create.submit.resolution);
    assert_null(create.submit.callback_url);
    assert_int_equal(create.submit.media_count, 0);
    assert_int_equal(create.submit.seconds, 0);
}

static void unknown_fields_are_ignored(void **state)
{
    assert_int_equal(
        read("{'model':'T2V-01','prompt':'a','GroupId':'7','seed':3,'n':{'deep':[1]},'aspect_ratio':'9:16'}"), 0);
    assert_int_equal(create.submit.seed, -1);
    assert_null(create.submit.ratio);
}

static void a_callback_has_this_generations_style(void **state)
{
    assert_int_equal(read("{'model':'T2V-01','prompt':'a','callback_url':'https://example.com/hook'}"), 0);
    assert_string_equal(create.submit.callback_url, "https://example.com/hook");
    assert_string_equal(create.submit.callback_style, "minimax1");
}

static void fields_of_another_type_are_refused_by_name(void **state)
{
    refused("{'model':7,'prompt':'a'}", "model");
    refused("{'model':'T2V-01','prompt':['a']}", "prompt");
    refused("{'model':'T2V-01','prompt':'a','duration':'6'}", "duration");
    refused("{'model':'T2V-01','prompt':'a','duration':6.5}", "duration");
    refused("{'model':'T2V-01','prompt':'a','resolution':768}", "resolution");
    refused("{'model':'T2V-01','prompt':'a','prompt_optimizer':'true'}", "prompt_optimizer");
    refused("{'model':'T2V-01','prompt':'a','fast_pretreatment':1}", "fast_pretreatment");
    refused("{'model':'T2V-01','prompt':'a','aigc_watermark':'no'}", "aigc_watermark");
    refused("{'model':'I2V-01','first_frame_image':{'url':'x'}}", "first_frame_image");
    refused("{'model':'T2V-01','prompt':'a','callback_url':{}}", "callback_url");
    refused("{'prompt':'a'}", "model is required");
    refused("{'model':'','prompt':'a'}", "model is required");
}

static void models_of_the_second_generation_are_refused(void **state)
{
    refused("{'model':'MiniMax-H3','prompt':'a'}", "POST /v2/video_generation");
}

/* ---- subject references ---- */

/* A PNG's head: enough for its size. */
static void png_head(uint8_t head[33], uint32_t width, uint32_t height)
{
    static const uint8_t begin[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R'};
    memset(head, 0, 33);
    memcpy(head, begin, sizeof begin);
    for (int i = 0; i < 4; i++) {
        head[16 + i] = (uint8_t)(width >> (24 - 8 * i));
        head[20 + i] = (uint8_t)(height >> (24 - 8 * i));
    }
    head[24] = 8;
    head[25] = 2;
}

static void a_subject_is_read_and_its_model_has_no_size_fields(void **state)
{
    assert_int_equal(read("{'model':'S2V-01','prompt':'a','resolution':'1080P','duration':60,"
                          "'subject_reference':[{'type':'character','image':['https://example.com/a.png']}]}"),
                     0);
    assert_int_equal(create.submit.media_count, 1);
    assert_int_equal(create.media[0].role, STORE_INPUT_SUBJECT);
    assert_string_equal(create.media[0].url, "https://example.com/a.png");
    assert_string_equal(create.media[0].field, "subject_reference");
    assert_null(create.submit.resolution);
    assert_int_equal(create.submit.seconds, 0);
    assert_int_equal(read("{'model':'S2V-01','subject_reference':[{'type':'character','image':'mm_file://4'}]}"), 0);
    assert_string_equal(create.media[0].url, "mm_file://4");
}

static void a_subject_that_cannot_be_is_refused(void **state)
{
    refused("{'model':'S2V-01','subject_reference':[{'type':'object','image':['https://example.com/a.png']}]}",
            "character");
    refused("{'model':'S2V-01','subject_reference':[{'type':'character','image':[]}]}", "exactly one");
    refused("{'model':'S2V-01','subject_reference':[{'type':'character','image':['a','b']}]}", "exactly one");
    refused("{'model':'S2V-01','subject_reference':[{'type':'character'},{'type':'character'}]}", "2 elements");
    refused("{'model':'S2V-01','subject_reference':['a']}", "type");
    refused("{'model':'S2V-01','subject_reference':'a'}", "subject_reference");
}

/* ---- answers ---- */

static json_t *written(struct buf *buf, int rc)
{
    assert_int_equal(rc, 0);
    json_t *json = json_loads(buf->data, 0, NULL);
    assert_non_null(json);
    buf_finish(buf);
    return json;
}

static const char *text_at(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text ? text : "";
}

static json_int_t code_at(const json_t *json)
{
    const json_t *code = json_object_get(json_object_get(json, "base_resp"), "status_code");
    assert_true(json_is_integer(code));
    return json_integer_value(code);
}

static struct api_job job_make(enum job_state state)
{
    return (struct api_job){.row = {.job = {.id = 733100245518912, .state = state},
                                    .served_by = (char *)"conch/tiny",
                                    .prompt_used = (char *)"a red ball",
                                    .width = 1366,
                                    .height = 768,
                                    .file_id = 733100991827001},
                            .sandbox = true};
}

static json_t *query_of(const struct api_job *job)
{
    struct buf buf;
    struct out out;
    buf_init(&buf, 1 << 16);
    out_init(&out, &buf, NULL);
    out_object(&out, NULL);
    minimax1_task_write(&out, job);
    out_object_end(&out);
    return written(&buf, out_finish(&out));
}

static json_t *callback_of(const struct api_job *job, const char *kind)
{
    struct buf buf;
    buf_init(&buf, 1 << 16);
    return written(&buf, minimax1_callback_body(NULL, job, kind, "http://127.0.0.1:8787", 0, &buf, NULL));
}

static void create_answers_with_the_task_and_says_that_it_is_a_rehearsal(void **state)
{
    const struct api_job job = job_make(JOB_QUEUED);
    struct buf buf;
    buf_init(&buf, 1 << 16);
    json_t *json = written(&buf, minimax1_create_write(&job, &buf, NULL));
    assert_string_equal(text_at(json, "task_id"), "733100245518912");
    assert_int_equal(code_at(json), 0);
    assert_string_equal(text_at(json_object_get(json, "base_resp"), "status_msg"), "success");
    const json_t *metadata = json_object_get(json, "metadata");
    assert_true(json_is_true(json_object_get(metadata, "sandbox")));
    assert_string_equal(text_at(metadata, "served_by"), "conch/tiny");
    assert_string_equal(text_at(metadata, "prompt_used"), "a red ball");
    json_decref(json);
}

static void every_state_has_the_word_that_clients_wait_for(void **state)
{
    static const struct {
        enum job_state state;
        const char *query, *callback;
    } rows[] = {
        {JOB_QUEUED, "Queueing", "processing"},
        {JOB_SUBMITTING, "Preparing", "processing"},
        {JOB_RUNNING, "Processing", "processing"},
        {JOB_STORING, "Processing", "processing"},
        {JOB_UNKNOWN, "Processing", "processing"},
        {JOB_SUCCEEDED, "Success", "success"},
        {JOB_FAILED, "Fail", "failed"},
        {JOB_BLOCKED, "Fail", "failed"},
        {JOB_CANCELLED, "Fail", "failed"},
    };
    assert_int_equal(ARRAY_LEN(rows), JOB_STATES);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct api_job job = job_make(rows[i].state);
        json_t *query = query_of(&job), *callback = callback_of(&job, job_state_name(rows[i].state));
        const bool done = rows[i].state == JOB_SUCCEEDED, failed = strcmp(rows[i].query, "Fail") == 0;
        assert_string_equal(text_at(query, "status"), rows[i].query);
        assert_string_equal(text_at(callback, "status"), rows[i].callback);
        assert_int_equal(code_at(query) != 0, failed);
        assert_int_equal(code_at(callback) != 0, failed);
        assert_string_equal(text_at(query, "file_id"), done ? "733100991827001" : "");
        assert_int_equal(json_integer_value(json_object_get(query, "video_width")), done ? 1366 : 0);
        assert_int_equal(json_integer_value(json_object_get(query, "video_height")), done ? 768 : 0);
        json_decref(query);
        json_decref(callback);
    }
}

static void an_older_callback_does_not_tell_the_end(void **state)
{
    const struct api_job job = job_make(JOB_SUCCEEDED);
    json_t *json = callback_of(&job, "running");
    assert_string_equal(text_at(json, "status"), "processing");
    assert_null(json_object_get(json, "file_id"));
    json_decref(json);
}

static void a_failure_says_its_reason_in_base_resp(void **state)
{
    struct api_job job = job_make(JOB_BLOCKED);
    job.row.job.error = JOB_ERROR_CONTENT_POLICY;
    job.row.job.started_ms = 1;
    job.row.error_text = (char *)"the clip shows \"what\" it may not";
    json_t *json = query_of(&job);
    assert_int_equal(code_at(json), 1027);
    assert_string_equal(text_at(json_object_get(json, "base_resp"), "status_msg"),
                        "output sensitive, the clip shows \"what\" it may not");
    json_decref(json);
}

/* ---- uploads ---- */

static int upload(const char *purpose, const void *head, size_t size, int64_t bytes)
{
    memset(&problem, 0, sizeof problem);
    return minimax1_upload_check(purpose, head, size, bytes, &problem);
}

static void uploads_are_judged_by_their_bytes_and_size(void **state)
{
    static const uint8_t mp4[] = {0, 0, 0, 24, 'f', 't', 'y', 'p', 'i', 's', 'o', 'm',
                                  0, 0, 0, 0,  'i', 's', 'o', 'm', 'm', 'p', '4', '1'};
    static const uint8_t wav[] = "RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00";
    static const int64_t mib = 1 << 20;
    uint8_t png[33];
    png_head(png, 10, 10);
    assert_int_equal(upload("video_generation_input", png, sizeof png, 30 * mib), 0);
    assert_int_equal(upload("video_generation_input", png, sizeof png, 30 * mib + 1), -1);
    assert_int_equal(problem.kind, API_TOO_LARGE);
    assert_int_equal(upload("video_generation_input", mp4, sizeof mp4, 50 * mib), 0);
    assert_int_equal(upload("video_generation_input", mp4, sizeof mp4, 50 * mib + 1), -1);
    assert_int_equal(upload("video_generation_input", wav, sizeof wav, 15 * mib), 0);
    assert_int_equal(upload("video_generation_input", wav, sizeof wav, 15 * mib + 1), -1);
    assert_int_equal(upload("video_generation_input", "GIF89a", 6, 6), -1);
    assert_non_null(strstr(problem.text, "allowed for video_generation_input"));
    assert_int_equal(upload("video_generation_input", "plain text", 10, 10), -1);
    assert_int_equal(upload("retrieval", "plain text", 10, 10), 0);
    assert_int_equal(upload("retrieval", "plain text", 10, 512 * mib + 1), -1);
    assert_int_equal(upload("retrieval", "", 0, 0), -1);
}

static void purposes_that_are_not_for_uploads_are_refused(void **state)
{
    assert_int_equal(upload("video_generation", "x", 1, 1), -1);
    assert_int_equal(upload("t2a_async", "x", 1, 1), -1);
    assert_int_equal(upload("anything", "x", 1, 1), -1);
    assert_non_null(strstr(problem.text, "purpose 'anything'"));
    assert_non_null(strstr(problem.text, "video_generation_input, voice_clone"));
    assert_null(strstr(problem.text, "t2a_async,"));
    assert_int_equal(upload(NULL, "x", 1, 1), -1);
    assert_non_null(strstr(problem.text, "purpose is required"));
}

static json_t *balance_of(const struct api_balance *balance)
{
    struct buf buf;
    struct out out;
    buf_init(&buf, 1 << 16);
    out_init(&out, &buf, NULL);
    out_object(&out, NULL);
    minimax1_balance_write(&out, balance, 1000);
    out_object_end(&out);
    return written(&buf, out_finish(&out));
}

static void a_balance_is_dollars_as_text(void **state)
{
    static const struct {
        int64_t microusd;
        const char *text;
    } rows[] = {{0, "0.00"},         {1, "0.000001"},     {280000, "0.28"},   {500000, "0.50"},
                {123450, "0.12345"}, {10000000, "10.00"}, {12300000, "12.30"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct api_balance balance = {
            .lots = {{.id = 1, .kind = LEDGER_PAYG, .available = rows[i].microusd, .held = 5},
                     {.id = 2, .kind = LEDGER_PACKAGE, .available = 77},
                     {.id = 3, .kind = LEDGER_PAYG, .available = 77, .expires_ms = 1000}},
            .lot_count = 3};
        json_t *json = balance_of(&balance);
        assert_string_equal(text_at(json, "available_amount"), rows[i].text);
        assert_string_equal(text_at(json, "cash_balance"), rows[i].text);
        assert_string_equal(text_at(json, "voucher_balance"), "0.00");
        assert_true(json_is_false(json_object_get(json, "balance_alert_switch")));
        json_decref(json);
    }
    const struct api_balance gift = {.lots = {{.id = 1, .kind = LEDGER_PAYG, .available = 1500000, .expires_ms = 1001},
                                              {.id = 2, .kind = LEDGER_PAYG, .available = 2000000}},
                                     .lot_count = 2};
    json_t *json = balance_of(&gift);
    assert_string_equal(text_at(json, "available_amount"), "3.50");
    assert_string_equal(text_at(json, "voucher_balance"), "1.50");
    json_decref(json);
}

static void a_package_is_a_quota(void **state)
{
    const struct api_package package = {
        .count = 1, .issued = 3760000, .available = 2820700, .start_ms = 1000, .end_ms = 9000};
    struct buf buf;
    struct out out;
    buf_init(&buf, 1 << 16);
    out_init(&out, &buf, NULL);
    minimax1_remains_write(&out, &package, 2000);
    json_t *json = written(&buf, out_finish(&out));
    assert_string_equal(text_at(json, "model_name"), "video");
    assert_int_equal(json_integer_value(json_object_get(json, "current_interval_total_count")), 3760);
    assert_float_equal(json_number_value(json_object_get(json, "current_interval_usage_count")), 939.3, 1e-9);
    assert_float_equal(json_number_value(json_object_get(json, "current_interval_remaining_percent")), 75.0186, 1e-4);
    assert_int_equal(json_integer_value(json_object_get(json, "remains_time")), 7000);
    assert_int_equal(json_integer_value(json_object_get(json, "end_time")), 9000);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_balance_is_dollars_as_text),
        cmocka_unit_test(a_package_is_a_quota),
        cmocka_unit_test(a_text_request_becomes_a_submit),
        cmocka_unit_test(the_optimizer_is_on_unless_it_is_switched_off),
        cmocka_unit_test(pictures_keep_the_names_that_refusals_use),
        cmocka_unit_test(empty_texts_and_a_duration_of_nothing_are_none),
        cmocka_unit_test(unknown_fields_are_ignored),
        cmocka_unit_test(a_callback_has_this_generations_style),
        cmocka_unit_test(fields_of_another_type_are_refused_by_name),
        cmocka_unit_test(models_of_the_second_generation_are_refused),
        cmocka_unit_test(a_subject_is_read_and_its_model_has_no_size_fields),
        cmocka_unit_test(a_subject_that_cannot_be_is_refused),
        cmocka_unit_test(create_answers_with_the_task_and_says_that_it_is_a_rehearsal),
        cmocka_unit_test(every_state_has_the_word_that_clients_wait_for),
        cmocka_unit_test(an_older_callback_does_not_tell_the_end),
        cmocka_unit_test(a_failure_says_its_reason_in_base_resp),
        cmocka_unit_test(uploads_are_judged_by_their_bytes_and_size),
        cmocka_unit_test(purposes_that_are_not_for_uploads_are_refused),
    };
    return cmocka_run_group_tests_name("minimax1", tests, shipped_open, shipped_close);
}
