/* Modellix: what bodies become under each slug, what tasks look like, how refusals are worded. */
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
#include "server/dialect/modellix.h"

static struct modellix_create create;
static struct api_problem problem;

/* slug: "provider/model". */
static int read_json(const char *slug, const char *text)
{
    char provider[64];
    const char *slash = strchr(slug, '/');
    snprintf(provider, sizeof provider, "%.*s", (int)(slash - slug), slug);
    body_set(json_of(text));
    const struct modellix_target target = {.provider = provider, .model = slash + 1};
    memset(&problem, 0, sizeof problem);
    return modellix_create_read(&target, body, &catalog, &create, &problem);
}

static void refuse_json(const char *slug, const char *text, const char *field, const char *words)
{
    assert_int_equal(read_json(slug, text), -1);
    assert_string_equal(problem.field, field);
    if (!strstr(problem.text, words))
        fail_msg("'%s' does not say '%s'", problem.text, words);
}

/* ---- slugs ---- */

static void every_slug_is_a_model_of_the_catalog_in_a_mode_it_has(void **state)
{
    for (size_t i = 0; modellix_model(i); i++) {
        const struct modellix_model *row = modellix_model(i);
        const struct catalog_model *model = catalog_find(&catalog, row->model);
        bool has = false;
        assert_non_null(model);
        for (size_t k = 0; k < model->output_count; k++)
            has = has || model->outputs[k].modes & 1u << row->mode;
        assert_true(has);
        assert_ptr_equal(modellix_find(row->slug), row);
        assert_string_equal(modellix_model_id(row->model, catalog_mode_name(row->mode)), strchr(row->slug, '/') + 1);
    }
    assert_string_equal(modellix_model_id("conch/tiny", "text"), "tiny");
    assert_string_equal(modellix_model_id(NULL, NULL), "");
}

static void a_slug_fixes_what_is_started_from(void **state)
{
    static const char first[] = "{'prompt':'a','first_frame_image':'https://x/a.png'}";
    static const char both[] = "{'first_frame_image':'https://x/a.png','last_frame_image':'https://x/b.png'}";
    assert_int_equal(read_json("minimax/hailuo-02-t2v", "{'prompt':'a'}"), 0);
    assert_string_equal(create.submit.model, "minimax/hailuo-02");
    refuse_json("minimax/hailuo-02-t2v", first, "first_frame_image", "not taken by minimax/hailuo-02-t2v");
    assert_int_equal(read_json("minimax/hailuo-02-i2v", first), 0);
    assert_int_equal(create.media[0].role, STORE_INPUT_FIRST_FRAME);
    refuse_json("minimax/hailuo-02-i2v", "{'prompt':'a'}", "first_frame_image", "is missing");
    refuse_json("minimax/hailuo-02-i2v", both, "last_frame_image", "not taken");
    assert_int_equal(read_json("minimax/hailuo-02-fl2v", both), 0);
    assert_int_equal(create.submit.media_count, 2);
    assert_int_equal(read_json("minimax/hailuo-02-fl2v", "{'last_frame_image':'https://x/b.png'}"), 0);
    refuse_json("minimax/hailuo-02-fl2v", first, "last_frame_image", "is missing");
    refuse_json("minimax/minimax-s2v-01", "{'prompt':'a'}", "subject_reference", "is missing");
    assert_int_equal(
        read_json("minimax/minimax-s2v-01", "{'subject_reference':[{'type':'character','image':['https://x/p.png']}]}"),
        0);
    assert_int_equal(create.media[0].role, STORE_INPUT_SUBJECT);
}

static void slugs_of_the_catalog_and_of_folders_are_taken_as_they_are(void **state)
{
    assert_int_equal(read_json("conch/tiny", "{'prompt':'a','first_frame_image':'12','seed':7,'steps':4}"), 0);
    assert_string_equal(create.submit.model, "conch/tiny");
    assert_int_equal(create.media[0].file_id, 12);
    assert_null(create.media[0].url);
    assert_int_equal(create.submit.seed, 7);
    assert_int_equal(create.submit.steps, 4);
    assert_int_equal(read_json("minimax/h3", "{'prompt':'a','reference_images':['https://x/1','https://x/2'],"
                                             "'video_urls':['https://x/3'],'ratio':'16:9','resolution':'768P'}"),
                     0);
    assert_int_equal(create.submit.media_count, 3);
    assert_int_equal(create.media[2].role, STORE_INPUT_REFERENCE_VIDEO);
    assert_int_equal(read_json("local/wan2.1-1.3b", "{'prompt':'a'}"), 0);
    assert_string_equal(create.submit.model, "wan2.1-1.3b");
}

static void models_that_are_not_here_are_not_found(void **state)
{
    refuse_json("minimax/hailuo-2-3-t2v", "{}", "model", "'minimax/hailuo-2.3-t2v' was probably meant");
    assert_int_equal(problem.kind, API_NOT_FOUND);
    refuse_json("Minimax/Hailuo-02-t2v", "{}", "model", "there is no model");
    refuse_json("kling/kling-v3-t2v", "{}", "model", "GET /api/v1/models");
    refuse_json("minimax/minimax-image-01-t2i", "{}", "model", "makes pictures");
    refuse_json("minimax/MiniMax-Hailuo-02", "{}", "model", "there is no model");
    const struct modellix_target pictures = {.type = "text-to-image", .provider = "minimax", .model = "hailuo-02-t2v"};
    assert_int_equal(modellix_create_read(&pictures, body, &catalog, &create, &problem), -1);
    assert_int_equal(problem.kind, API_NOT_FOUND);
    const struct modellix_target other = {.type = "video", .provider = "minimax", .model = "hailuo-02-t2v"};
    assert_int_equal(modellix_create_read(&other, body, &catalog, &create, &problem), -1);
    assert_non_null(strstr(problem.text, "'video'"));
}

static void a_long_slug_is_refused_whole(void **state)
{
    char slug[400] = "minimax/";
    memset(slug + 8, 'a', 300);
    refuse_json(slug, "{}", "model", "there is no model");
}

/* ---- fields ---- */

static void fields_become_a_submit(void **state)
{
    assert_int_equal(read_json("minimax/hailuo-2.3-t2v",
                               "{'prompt':'a red ball','duration':10,'resolution':'768P','prompt_optimizer':false,"
                               "'fast_pretreatment':true,'seed':-1,'unknown':{}}"),
                     0);
    assert_string_equal(create.submit.prompt, "a red ball");
    assert_int_equal(create.submit.seconds, 10);
    assert_string_equal(create.submit.resolution, "768P");
    assert_int_equal(create.submit.optimizer, API_OFF);
    assert_int_equal(create.submit.pretreatment, API_ON);
    assert_int_equal(create.submit.seed, -1);
    assert_string_equal(create.submit.dialect, "modellix");
    assert_int_equal(read_json("minimax/hailuo-2.3-t2v", "{'prompt':'','resolution':'','first_frame_image':''}"), 0);
    assert_null(create.submit.prompt);
    assert_int_equal(create.submit.optimizer, API_ON);
    assert_int_equal(create.submit.media_count, 0);
}

static void fields_of_another_type_are_refused_by_name(void **state)
{
    refuse_json("minimax/hailuo-02-t2v", "{'prompt':5}", "prompt", "a text");
    refuse_json("minimax/hailuo-02-t2v", "{'duration':'6'}", "duration", "whole number");
    refuse_json("minimax/hailuo-02-t2v", "{'duration':0}", "duration", "whole number");
    refuse_json("minimax/hailuo-02-t2v", "{'prompt_optimizer':1}", "prompt_optimizer", "true or false");
    refuse_json("minimax/h3", "{'reference_images':[5]}", "reference_images", "reference_images[0]");
    refuse_json("minimax/h3", "{'video_urls':['a','b','c','d']}", "video_urls", "at most 3");
    refuse_json("minimax/minimax-s2v-01", "{'subject_reference':[{'image':['a','b']}]}", "subject_reference",
                "exactly one");
}

/* ---- tasks ---- */

static json_t *task_of(const struct api_job *job, const struct modellix_show *show)
{
    struct buf buf;
    struct out out;
    buf_init(&buf, 1 << 16);
    out_init(&out, &buf, NULL);
    modellix_task_write(&out, job, show);
    assert_int_equal(out_finish(&out), 0);
    json_t *json = json_loadb(buf.data, buf.size, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    buf_finish(&buf);
    return json;
}

/* The official client polls for ever at a word it does not know. */
static void every_state_is_one_of_the_four_that_clients_know(void **state)
{
    static const char *const status[JOB_STATES] = {
        [JOB_QUEUED] = "pending",     [JOB_SUBMITTING] = "pending", [JOB_RUNNING] = "processing",
        [JOB_STORING] = "processing", [JOB_SUCCEEDED] = "success",  [JOB_FAILED] = "failed",
        [JOB_BLOCKED] = "failed",     [JOB_CANCELLED] = "failed",   [JOB_UNKNOWN] = "processing"};
    for (int i = 0; i < JOB_STATES; i++) {
        const struct api_job job = {
            .row = {.job = {.id = 12, .state = (enum job_state)i, .error = JOB_ERROR_PROVIDER}}};
        json_t *json = task_of(&job, &(struct modellix_show){0});
        const json_t *data = json_object_get(json, "data");
        assert_string_equal(json_string_value(json_object_get(data, "status")), status[i]);
        assert_string_equal(json_string_value(json_object_get(data, "task_id")), "12");
        assert_int_equal(json_integer_value(json_object_get(json, "code")), 0);
        assert_int_equal(json_is_object(json_object_get(data, "error")), strcmp(status[i], "failed") == 0);
        json_decref(json);
    }
}

static void amounts_are_dollars_with_four_places_rounded_up(void **state)
{
    static const struct {
        int64_t charged;
        const char *amount;
    } rows[] = {{0, "0.0000"}, {240000, "0.2400"}, {1, "0.0001"}, {1234567, "1.2346"}, {12000000, "12.0000"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct api_job job = {.row = {.job = {.id = 12, .state = JOB_SUCCEEDED}, .charged = rows[i].charged}};
        json_t *json = task_of(&job, &(struct modellix_show){0});
        const json_t *billing = json_object_get(json_object_get(json, "data"), "billing");
        assert_string_equal(json_string_value(json_object_get(billing, "amount")), rows[i].amount);
        json_decref(json);
    }
}

static void a_result_has_its_link_and_when_it_ends(void **state)
{
    const struct api_job job = {
        .row = {.job = {.id = 12, .state = JOB_SUCCEEDED, .started_ms = 1000, .finished_ms = 42230},
                .width = 1366,
                .height = 768}};
    json_t *json = task_of(&job, &(struct modellix_show){.link = "http://x/a.mp4", .link_ms = 1786000000000});
    const json_t *data = json_object_get(json, "data");
    const json_t *resource = json_array_get(json_object_get(json_object_get(data, "result"), "resources"), 0);
    assert_string_equal(json_string_value(json_object_get(resource, "url")), "http://x/a.mp4");
    assert_string_equal(json_string_value(json_object_get(resource, "type")), "video");
    assert_int_equal(json_integer_value(json_object_get(resource, "width")), 1366);
    assert_int_equal(json_integer_value(json_object_get(data, "duration")), 41230);
    assert_int_equal(json_integer_value(json_object_get(data, "result_expires_at")), 1786000000000);
    json_decref(json);
}

/* ---- refusals ---- */

static void refusals_have_their_status_category_and_limits(void **state)
{
    static const struct {
        enum api_kind kind;
        const char *field, *text;
        int status;
        const char *begins;
    } rows[] = {
        {API_INVALID, "prompt", "prompt is missing", 400, "Missing required parameter: prompt is missing"},
        {API_INVALID, "body", "the body is no JSON", 400, "Invalid format: the body"},
        {API_INVALID, "seconds", "seconds are wrong", 400, "Invalid parameters: duration are wrong"},
        {API_UNAUTHORIZED, "", "no", 401, "Authentication failed: no"},
        {API_BALANCE, "", "no", 402, "Insufficient balance: no"},
        {API_BUDGET, "", "no", 402, "Insufficient balance: no"},
        {API_NOT_FOUND, "model", "no", 404, "Not found: no"},
        {API_UNAVAILABLE_HERE, "model", "no", 404, "Not found: no"},
        {API_UNAVAILABLE_HERE, "subjects", "no", 400, "Invalid parameters: no"},
        {API_CONTENT_POLICY, "prompt", "no", 400, "Content policy violation: no"},
        {API_INTERNAL, "", "no", 500, "Internal error: no"},
        {API_BUSY, "", "no", 503, "Service unavailable: no"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_response response;
        char wanted[200];
        http_response_init(&response, 1 << 16);
        api_refuse(&problem, rows[i].kind, rows[i].field, "%s", rows[i].text);
        modellix_refuse(&dialect_modellix,
                        &(struct dialect_refusal){.problem = &problem, .status = api_kind_status(problem.kind)},
                        &(struct http_request){.id = "1"}, &response);
        snprintf(wanted, sizeof wanted, "{\"code\":%d,\"message\":\"%s", rows[i].status, rows[i].begins);
        assert_int_equal(response.status, rows[i].status);
        assert_memory_equal(response.body.data, wanted, strlen(wanted));
        http_response_finish(&response);
    }
}

static void a_full_window_tells_its_size_and_end(void **state)
{
    struct http_response response;
    http_response_init(&response, 1 << 16);
    api_refuse(&problem, API_RATE_LIMIT, "", "too many");
    strcpy(problem.allowed, "60 requests a minute");
    problem.retry_after_s = 7;
    modellix_refuse(&dialect_modellix, &(struct dialect_refusal){.problem = &problem, .status = 429},
                    &(struct http_request){.id = "1"}, &response);
    assert_string_equal(http_response_field(&response, "X-RateLimit-Limit"), "60");
    assert_string_equal(http_response_field(&response, "X-RateLimit-Remaining"), "0");
    assert_true(atoll(http_response_field(&response, "X-RateLimit-Reset")) > 1700000000);
    http_response_finish(&response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_slug_is_a_model_of_the_catalog_in_a_mode_it_has),
        cmocka_unit_test(a_slug_fixes_what_is_started_from),
        cmocka_unit_test(slugs_of_the_catalog_and_of_folders_are_taken_as_they_are),
        cmocka_unit_test(models_that_are_not_here_are_not_found),
        cmocka_unit_test(a_long_slug_is_refused_whole),
        cmocka_unit_test(fields_become_a_submit),
        cmocka_unit_test(fields_of_another_type_are_refused_by_name),
        cmocka_unit_test(every_state_is_one_of_the_four_that_clients_know),
        cmocka_unit_test(amounts_are_dollars_with_four_places_rounded_up),
        cmocka_unit_test(a_result_has_its_link_and_when_it_ends),
        cmocka_unit_test(refusals_have_their_status_category_and_limits),
        cmocka_unit_test(a_full_window_tells_its_size_and_end),
    };
    return cmocka_run_group_tests_name("modellix", tests, shipped_open, shipped_close);
}
