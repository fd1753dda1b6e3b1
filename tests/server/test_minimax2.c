/* MiniMax's second generation: content, roles, create bodies, filters and tasks. */
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
#include "server/dialect/minimax2.h"

static struct minimax2_create create;
static struct minimax2_regeneration regeneration;
static struct api_problem problem;

static void parse(const char *text)
{
    body_set(json_of(text));
    memset(&problem, 0, sizeof problem);
}

static int read(const char *text)
{
    parse(text);
    return minimax2_create_read(body, &catalog, &create, &problem);
}

static int read_context(const char *text)
{
    parse(text);
    return minimax2_context_read(body, &catalog, &create, &problem);
}

static int read_regeneration(const char *text)
{
    parse(text);
    return minimax2_regeneration_read(body, &catalog, &regeneration, &problem);
}

/* Content that holds these items beside a text. */
static int read_items(const char *items)
{
    char text[4096];
    snprintf(text, sizeof text,
             "{'model':'MiniMax-H3','resolution':'2K','duration':5,'content':[{'type':'text','text':'a fox'}%s%s]}",
             *items ? "," : "", items);
    return read(text);
}

static void refused(int rc, const char *words)
{
    if (rc == 0 || !strstr(problem.text, words))
        fail_msg("'%s' should have said '%s'", problem.text, words);
    assert_int_equal(problem.kind, API_INVALID);
}

/* ---- create ---- */

static void what_mmx_sends_becomes_a_submit(void **state)
{
    assert_int_equal(read("{'model':'MiniMax-H3','content':[{'type':'text','text':'a fox'}],'resolution':'2K',"
                          "'duration':5,'ratio':'16:9'}"),
                     0);
    const struct api_submit *submit = &create.submit;
    assert_string_equal(submit->dialect, "minimax2");
    assert_null(submit->task);
    assert_string_equal(submit->model, "MiniMax-H3");
    assert_string_equal(submit->prompt, "a fox");
    assert_string_equal(submit->resolution, "2K");
    assert_string_equal(submit->ratio, "16:9");
    assert_int_equal(submit->seconds, 5);
    assert_int_equal(submit->seed, -1);
    assert_int_equal(submit->media_count, 0);
    assert_int_equal(submit->optimizer, API_DEFAULT);
    assert_null(submit->callback_style);
}

static void roles_become_inputs_with_their_place_in_content(void **state)
{
    assert_int_equal(
        read_items("{'type':'image_url','image_url':{'url':'mm_file://12'},'role':'last_frame'},"
                   "{'type':'image_url','image_url':{'url':'https://example.com/a.png'},'role':'first_frame'}"),
        0);
    assert_int_equal(create.submit.media_count, 2);
    assert_int_equal(create.submit.media[0].role, STORE_INPUT_LAST_FRAME);
    assert_string_equal(create.submit.media[0].url, "mm_file://12");
    assert_string_equal(create.submit.media[0].field, "content[1].image_url.url");
    assert_int_equal(create.submit.media[1].role, STORE_INPUT_FIRST_FRAME);
    assert_string_equal(create.submit.media[1].field, "content[2].image_url.url");
    assert_int_equal(read_items("{'type':'image_url','image_url':{'url':'u'},'role':'reference_image'},"
                                "{'type':'video_url','video_url':{'url':'v'},'role':'reference_video'},"
                                "{'type':'audio_url','audio_url':{'url':'w'},'role':'reference_audio'}"),
                     0);
    assert_int_equal(create.submit.media[0].role, STORE_INPUT_REFERENCE_IMAGE);
    assert_int_equal(create.submit.media[1].role, STORE_INPUT_REFERENCE_VIDEO);
    assert_int_equal(create.submit.media[2].role, STORE_INPUT_REFERENCE_AUDIO);
    assert_string_equal(create.submit.media[2].field, "content[3].audio_url.url");
}

static void a_lone_image_is_the_first_frame(void **state)
{
    assert_int_equal(read_items("{'type':'image_url','image_url':{'url':'u'}}"), 0);
    assert_int_equal(create.submit.media[0].role, STORE_INPUT_FIRST_FRAME);
    refused(read_items("{'type':'image_url','image_url':{'url':'u'}},{'type':'image_url','image_url':{'url':'v'},'role'"
                       ":'last_frame'}"),
            "content[1].role is required");
}

static void frames_and_references_exclude_each_other(void **state)
{
    refused(read_items("{'type':'image_url','image_url':{'url':'u'},'role':'first_frame'},"
                       "{'type':'image_url','image_url':{'url':'v'},'role':'reference_image'}"),
            "mixes frames and references");
    refused(read_items("{'type':'image_url','image_url':{'url':'u'}},{'type':'audio_url','audio_url':{'url':'v'}}"),
            "mixes frames and references");
    refused(read_items("{'type':'image_url','image_url':{'url':'u'},'role':'first_frame'},"
                       "{'type':'image_url','image_url':{'url':'v'},'role':'first_frame'}"),
            "role first_frame; allowed: one");
    refused(read_items("{'type':'image_url','image_url':{'url':'u'},'role':'last_frame'},"
                       "{'type':'image_url','image_url':{'url':'v'},'role':'last_frame'}"),
            "role last_frame; allowed: one");
}

static void content_that_cannot_be_is_refused_by_its_place(void **state)
{
    refused(read_items("{'type':'image','image_url':{'url':'u'}}"), "content[1].type 'image' is not known");
    refused(read_items("'a'"), "content[1].type");
    refused(read_items("{'type':'image_url','image_url':'u'}"), "content[1].image_url.url is required");
    refused(read_items("{'type':'image_url','image_url':{'url':''}}"), "content[1].image_url.url is required");
    refused(read_items("{'type':'video_url','video_url':{'url':'u'},'role':'first_frame'}"),
            "content[1].role 'first_frame'");
    refused(read_items("{'type':'video_url','video_url':{'url':'u'},'role':'base_video'}"), "/v2/video_regeneration");
    refused(read_items("{'type':'image_url','image_url':{'url':'u'},'role':'subject'}"),
            "first_frame, last_frame, reference_image");
    refused(read_items("{'type':'text','text':'another'}"), "second text");
    refused(read_items("{'type':'text'}"), "content[1].text must be a text");
    assert_int_equal(read_items("{'type':'text','text':' '}"), 0); /* says nothing */
}

static void a_text_is_required_and_limited(void **state)
{
    refused(read("{'model':'MiniMax-H3','resolution':'2K','duration':5,'content':[]}"), "content is required");
    refused(read("{'model':'MiniMax-H3','resolution':'2K','duration':5}"), "content is required");
    refused(read("{'model':'MiniMax-H3','resolution':'2K','duration':5,'content':[{'type':'text','text':'\\n '}]}"),
            "content is required");
    char *text = malloc(40000);
    for (int chars = 7000; chars <= 7001; chars++) {
        char *end = text +
                    sprintf(text,
                            "{'model':'MiniMax-H3','resolution':'2K','duration':5,'content':[{'type':'text','text':'");
        for (int i = 0; i < chars; i++)
            end += sprintf(end, "\xe6\x98\xa5"); /* three bytes each: characters count */
        strcpy(end, "'}]}");
        if (chars == 7000)
            assert_int_equal(read(text), 0);
        else
            refused(read(text), "7001 characters");
    }
    free(text);
}

static void at_most_twelve_files(void **state)
{
    for (int count = 12; count <= 13; count++) {
        char items[2000], *end = items;
        for (int i = 0; i < count; i++)
            end += sprintf(end, "%s{'type':'image_url','image_url':{'url':'u'},'role':'reference_image'}",
                           i ? "," : "");
        if (count == 12)
            assert_int_equal(read_items(items), 0);
        else
            refused(read_items(items), "at most 12");
    }
}

static void prompt_expansion_is_the_optimizer(void **state)
{
    static const char form[] = "{'model':'MiniMax-H3-Max','content':[{'type':'text','text':'a'}],'resolution':'768P',"
                               "'duration':5,'ratio':'1:1','extra':{'prompt_expansion_mode':'%s','other':1}}";
    static const struct {
        const char *mode;
        enum api_choice optimizer;
    } rows[] = {{"disabled", API_OFF}, {"balanced", API_ON}, {"quality", API_ON}};
    char text[1000];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(text, sizeof text, form, rows[i].mode);
        assert_int_equal(read(text), 0);
        assert_int_equal(create.submit.optimizer, rows[i].optimizer);
        assert_string_equal(create.submit.expansion, rows[i].mode);
    }
    snprintf(text, sizeof text, form, "fast");
    refused(read(text), "disabled, balanced, quality");
    assert_int_equal(
        read("{'model':'MiniMax-H3','content':[{'type':'text','text':'a'}],'resolution':'2K','duration':5,'extra':{}}"),
        0);
    assert_null(create.submit.expansion);
    refused(read("{'model':'MiniMax-H3','content':[{'type':'text','text':'a'}],'resolution':'2K','duration':5,'extra':'"
                 "no'}"),
            "extra");
}

static void fields_of_create_are_checked(void **state)
{
    refused(read("{'content':[{'type':'text','text':'a'}],'resolution':'2K','duration':5}"), "model is required");
    refused(
        read("{'model':'MiniMax-Hailuo-02','content':[{'type':'text','text':'a'}],'resolution':'768P','duration':6}"),
        "POST /v1/video_generation");
    refused(read("{'model':'MiniMax-H3','content':[{'type':'text','text':'a'}],'resolution':'2K'}"),
            "duration is required");
    refused(read("{'model':'MiniMax-H3','content':[{'type':'text','text':'a'}],'resolution':'2K','duration':5.5}"),
            "duration");
    refused(read("{'model':'MiniMax-H3','content':{'type':'text'},'resolution':'2K','duration':5}"), "content");
    assert_int_equal(read("{'model':'MiniMax-H3','content':[{'type':'text','text':'a'}],'resolution':'2K','duration':5,"
                          "'callback_url':'https://example.com/h','seed':4,'n':2}"),
                     0);
    assert_string_equal(create.submit.callback_style, "minimax2");
    assert_int_equal(create.submit.seed, -1);
}

/* ---- contexts and regenerations ---- */

static void a_context_is_a_task_of_its_own(void **state)
{
    assert_int_equal(read_context("{'model':'MiniMax-H3','content':[{'type':'text','text':'a fox'}],'duration':6}"), 0);
    assert_string_equal(create.submit.task, "context");
    assert_string_equal(create.submit.prompt, "a fox");
    assert_int_equal(create.submit.optimizer, API_ON);
    refused(read_context("{'model':'MiniMax-H3-Max','content':[{'type':'text','text':'a'}],'duration':6}"),
            "allowed: MiniMax-H3");
    refused(read_context("{'model':'MiniMax-H3','content':[{'type':'text','text':'a'}]}"), "duration is required");
}

static void a_regeneration_needs_exactly_one_source(void **state)
{
    static const char base[] = "{'type':'video_url','video_url':{'url':'mm_file://3'},'role':'base_video'}";
    char text[1000];
    assert_int_equal(read_regeneration("{'source_task_id':'733100245518912','resolution':'2K'}"), 0);
    assert_true(regeneration.source_task_id == INT64_C(733100245518912));
    snprintf(text, sizeof text,
             "{'content':[%s,{'type':'text','text':'sharper'}],'resolution':'2K','aigc_watermark':true}", base);
    assert_int_equal(read_regeneration(text), 0);
    assert_string_equal(regeneration.base_video, "mm_file://3");
    assert_string_equal(regeneration.text, "sharper");
    assert_int_equal(regeneration.watermark, API_ON);
    refused(read_regeneration("{'resolution':'2K'}"), "exactly one");
    snprintf(text, sizeof text, "{'source_task_id':'5','content':[%s],'resolution':'2K'}", base);
    refused(read_regeneration(text), "exactly one");
    refused(read_regeneration("{'source_task_id':'5'}"), "resolution is required");
    refused(read_regeneration("{'source_task_id':'5','resolution':'768P'}"), "allowed: 2K");
    refused(read_regeneration("{'source_task_id':'five','resolution':'2K'}"), "source_task_id");
}

/* ---- filters ---- */

static struct minimax2_list list;

static int list_of(const struct http_field *queries, size_t count)
{
    const struct http_request request = {.queries = queries, .query_count = count};
    memset(&problem, 0, sizeof problem);
    return minimax2_list_read(&request, &list, &problem);
}
#define LIST(...)                                                                                                      \
    list_of((const struct http_field[]){__VA_ARGS__},                                                                  \
            sizeof((const struct http_field[]){__VA_ARGS__}) / sizeof(struct http_field))

static void a_list_has_pages_and_filters(void **state)
{
    assert_int_equal(list_of(NULL, 0), 0);
    assert_int_equal(list.page.count, 20);
    assert_int_equal(list.page.skip, 0);
    assert_int_equal(list.filter.states, 0);
    assert_string_equal(list.filter.dialect, "minimax2");
    assert_int_equal(LIST({"page_num", "3"}, {"page_size", "10"}, {"filter.status", "failed"},
                          {"filter.model", "MiniMax-H3"}, {"filter.task_type", "h3_context_ir"},
                          {"filter.task_ids", "11"}, {"filter.task_ids", "12,13"}),
                     0);
    assert_int_equal(list.page.count, 10);
    assert_int_equal(list.page.skip, 20);
    assert_int_equal(list.filter.states, 1u << JOB_FAILED | 1u << JOB_BLOCKED);
    assert_string_equal(list.filter.model, "MiniMax-H3");
    assert_string_equal(list.filter.task, "context");
    assert_int_equal(list.filter.id_count, 3);
    assert_ptr_equal(list.filter.ids, list.ids);
    assert_int_equal(list.ids[2], 13);
    assert_int_equal(LIST({"filter.status", ""}, {"filter.task_ids", ""}, {"page_num", ""}), 0);
    assert_null(list.filter.ids);
}

/* A status that stood for no state would show everything, and one left out would hide jobs. */
static void the_statuses_share_out_all_states(void **state)
{
    static const char *const names[] = {"queued", "running", "succeeded", "failed", "cancelled"};
    unsigned all = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(LIST({"filter.status", names[i]}), 0);
        assert_int_equal(all & list.filter.states, 0);
        assert_true(list.filter.states != 0);
        all |= list.filter.states;
    }
    assert_int_equal(all, (1u << JOB_STATES) - 1);
}

static void filters_that_mean_nothing_are_refused(void **state)
{
    refused(LIST({"page_num", "0"}), "page_num");
    refused(LIST({"page_size", "101"}), "page_size");
    refused(LIST({"page_size", "ten"}), "page_size");
    refused(LIST({"filter.status", "Success"}), "queued, running, succeeded, failed, cancelled");
    refused(LIST({"filter.task_type", "video"}), "generation, h3_context_ir, regeneration");
    refused(LIST({"filter.task_ids", "1,b"}), "filter.task_ids 'b'");
    refused(LIST({"filter.task_ids", "123456789012345678901234567890"}), "filter.task_ids");
    char many[2 * STORE_PAGE_MAX + 8] = "1";
    for (int i = 0; i < STORE_PAGE_MAX; i++)
        strcat(many, ",1");
    refused(LIST({"filter.task_ids", many}), "at most 200");
}

/* ---- tasks ---- */

static struct api_job job_make(enum job_state state)
{
    return (struct api_job){
        .row = {.job = {.id = 424010985738629, .state = state, .created_ms = 1700000000999, .state_ms = 1700000009001},
                .model_asked = (char *)"MiniMax-H3",
                .served_by = (char *)"conch/tiny",
                .prompt_used = (char *)"a context",
                .resolution = (char *)"2K",
                .ratio = (char *)"16:9",
                .seconds = 5},
        .inputs = {{.role = STORE_INPUT_REFERENCE_IMAGE},
                   {.role = STORE_INPUT_REFERENCE_VIDEO},
                   {.role = STORE_INPUT_REFERENCE_AUDIO}},
        .input_count = 3,
        .sandbox = true};
}

static json_t *task_of(const struct api_job *job, const struct minimax2_show *show)
{
    struct buf buf;
    struct out out;
    buf_init(&buf, 1 << 16);
    out_init(&out, &buf, NULL);
    out_object(&out, NULL);
    minimax2_task_write(&out, "task", job, show);
    out_object_end(&out);
    assert_int_equal(out_finish(&out), 0);
    json_t *json = json_loads(buf.data, 0, NULL);
    assert_non_null(json);
    buf_finish(&buf);
    return json;
}

static const char *text_at(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text ? text : "";
}

static json_int_t number_at(const json_t *json, const char *key)
{
    assert_true(json_is_integer(json_object_get(json, key)));
    return json_integer_value(json_object_get(json, key));
}

static void every_state_has_its_status(void **state)
{
    static const char *const statuses[JOB_STATES] = {
        [JOB_QUEUED] = "queued",   [JOB_SUBMITTING] = "running", [JOB_RUNNING] = "running",
        [JOB_STORING] = "running", [JOB_UNKNOWN] = "running",    [JOB_SUCCEEDED] = "succeeded",
        [JOB_FAILED] = "failed",   [JOB_BLOCKED] = "failed",     [JOB_CANCELLED] = "cancelled"};
    for (int i = 0; i < JOB_STATES; i++) {
        const struct api_job job = job_make((enum job_state)i);
        const struct minimax2_show show = {.phase = minimax_phase_of_state((enum job_state)i), .link = "http://h/x"};
        json_t *json = task_of(&job, &show);
        const json_t *task = json_object_get(json, "task");
        assert_string_equal(text_at(task, "status"), statuses[i]);
        assert_int_equal(json_object_get(task, "error") != NULL, strcmp(statuses[i], "failed") == 0);
        assert_int_equal(json_object_get(task, "content") != NULL, i == JOB_SUCCEEDED);
        assert_string_equal(text_at(task, "id"), "424010985738629");
        assert_string_equal(text_at(task, "model"), "MiniMax-H3");
        assert_string_equal(text_at(task, "task_type"), "generation");
        assert_string_equal(text_at(task, "modality"), "video");
        assert_true(json_is_object(json_object_get(task, "usage")));
        json_decref(json);
    }
}

static void a_finished_task_has_link_sizes_and_usage(void **state)
{
    const struct api_job job = job_make(JOB_SUCCEEDED);
    json_t *json = task_of(&job, &(struct minimax2_show){MINIMAX_SUCCEEDED, "http://h/x.mp4", 4200});
    const json_t *task = json_object_get(json, "task"), *usage = json_object_get(task, "usage");
    assert_string_equal(text_at(json_object_get(task, "content"), "url"), "http://h/x.mp4");
    assert_string_equal(text_at(task, "resolution"), "2K");
    assert_string_equal(text_at(task, "ratio"), "16:9");
    assert_int_equal(number_at(task, "duration"), 5);
    assert_int_equal(number_at(task, "created_at"), 1700000000);
    assert_int_equal(number_at(task, "updated_at"), 1700000009);
    assert_int_equal(number_at(usage, "total_seconds"), 10);
    assert_int_equal(number_at(usage, "input_seconds"), 5);
    assert_int_equal(number_at(usage, "output_seconds"), 5);
    assert_int_equal(number_at(usage, "input_image_count"), 1);
    assert_true(json_is_true(json_object_get(json_object_get(task, "metadata"), "sandbox")));
    json_decref(json);
}

static void an_error_has_its_code_as_text(void **state)
{
    struct api_job job = job_make(JOB_BLOCKED);
    job.row.job.error = JOB_ERROR_CONTENT_POLICY;
    job.row.error_text = (char *)"not here";
    json_t *json = task_of(&job, &(struct minimax2_show){.phase = MINIMAX_FAILED});
    const json_t *error = json_object_get(json_object_get(json, "task"), "error");
    assert_string_equal(text_at(error, "code"), "1026");
    assert_string_equal(text_at(error, "message"), "input sensitive, not here");
    json_decref(json);
}

static void text_message_of(const struct dialect_refusal *refusal, int *ret_status, json_t **ret)
{
    struct http_request request = {.path = "/v2/video_generation", .id = "0123456789abcdef0123456789abcdef"};
    struct http_response response;
    http_response_init(&response, 1 << 20);
    minimax2_refuse(NULL, refusal, &request, &response);
    *ret_status = response.status;
    *ret = json_loads(response.body.data, 0, NULL);
    http_response_finish(&response);
    assert_non_null(*ret);
}

static void refusals_have_http_codes_and_the_number_in_the_message(void **state)
{
    static const struct {
        enum api_kind kind;
        int status, answered;
        const char *field, *text, *type, *message;
    } rows[] = {
        {API_INVALID, 400, 400, "content", "content is required", "bad_request_error",
         "invalid params, content is required (2013)"},
        {API_INVALID, 400, 400, "seconds", "seconds '3' cannot be had", "bad_request_error",
         "invalid params, duration '3' cannot be had (2013)"},
        {API_UNAUTHORIZED, 401, 401, "", "no key", "authorized_error", "not authorized, no key (1004)"},
        {API_BALANCE, 402, 402, "", "too little", "insufficient_balance_error",
         "insufficient balance, too little (1008)"},
        {API_CONTENT_POLICY, 422, 422, "", "no", "unprocessable_entity_error", "input sensitive, no (1026)"},
        {API_RATE_LIMIT, 429, 429, "", "slow", "rate_limit_error", "rate limit, slow (1002)"},
        {API_BUSY, 503, 529, "", "full", "overloaded_error", "system error, full (1033)"},
        {API_INTERNAL, 500, 500, "", "bug", "server_error", "unknown error, bug (1000)"},
        {API_CONFLICT, 409, 400, "", "running", "bad_request_error", "invalid params, running (2013)"},
        {API_NOT_FOUND, 404, 404, "", "no such address", "bad_request_error", "invalid params, no such address (2013)"},
        {API_INVALID, 405, 405, "", "not this method", "bad_request_error", "invalid params, not this method (2013)"},
        {API_TOO_LARGE, 413, 413, "", "too large", "bad_request_error", "invalid params, too large (2013)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct api_problem given;
        char http_code[8];
        json_t *json;
        int status;
        api_refuse(&given, rows[i].kind, rows[i].field, "%s", rows[i].text);
        text_message_of(&(struct dialect_refusal){&given, rows[i].status, NULL}, &status, &json);
        const json_t *error = json_object_get(json, "error");
        snprintf(http_code, sizeof http_code, "%d", rows[i].answered);
        assert_int_equal(status, rows[i].answered);
        assert_string_equal(text_at(json, "type"), "error");
        assert_string_equal(text_at(json, "request_id"), "0123456789abcdef0123456789abcdef");
        assert_string_equal(text_at(error, "type"), rows[i].type);
        assert_string_equal(text_at(error, "message"), rows[i].message);
        assert_string_equal(text_at(error, "http_code"), http_code);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_mmx_sends_becomes_a_submit),
        cmocka_unit_test(roles_become_inputs_with_their_place_in_content),
        cmocka_unit_test(a_lone_image_is_the_first_frame),
        cmocka_unit_test(frames_and_references_exclude_each_other),
        cmocka_unit_test(content_that_cannot_be_is_refused_by_its_place),
        cmocka_unit_test(a_text_is_required_and_limited),
        cmocka_unit_test(at_most_twelve_files),
        cmocka_unit_test(prompt_expansion_is_the_optimizer),
        cmocka_unit_test(fields_of_create_are_checked),
        cmocka_unit_test(a_context_is_a_task_of_its_own),
        cmocka_unit_test(a_regeneration_needs_exactly_one_source),
        cmocka_unit_test(a_list_has_pages_and_filters),
        cmocka_unit_test(the_statuses_share_out_all_states),
        cmocka_unit_test(filters_that_mean_nothing_are_refused),
        cmocka_unit_test(every_state_has_its_status),
        cmocka_unit_test(a_finished_task_has_link_sizes_and_usage),
        cmocka_unit_test(an_error_has_its_code_as_text),
        cmocka_unit_test(refusals_have_http_codes_and_the_number_in_the_message),
    };
    return cmocka_run_group_tests_name("minimax2", tests, shipped_open, shipped_close);
}
