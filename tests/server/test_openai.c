/* OpenAI Videos: what bodies and forms become, what jobs look like, how refusals are worded. */
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
#include "server/dialect/openai.h"

static struct openai_create create;
static struct api_problem problem;
static struct http_part parts[24];
static struct http_request form;

static int forget(void **state)
{
    openai_create_finish(&create);
    body_free(state);
    form.part_count = 0;
    return 0;
}
#define openai_test(f) cmocka_unit_test_teardown(f, forget)

static int read_source(const struct openai_source *source)
{
    openai_create_finish(&create);
    memset(&create, 0, sizeof create);
    memset(&problem, 0, sizeof problem);
    return openai_create_read(source, &catalog, &create, &problem);
}

static int read_json(const char *text)
{
    body_set(json_of(text));
    return read_source(&(struct openai_source){.json = body});
}

static void take_json(const char *text)
{
    if (read_json(text) < 0)
        fail_msg("%s: %s", text, problem.text);
}

static void refuse_json(const char *text, const char *field, const char *words)
{
    if (read_json(text) == 0)
        fail_msg("taken: %s", text);
    assert_string_equal(problem.field, field);
    if (!strstr(problem.text, words))
        fail_msg("'%s' does not say '%s'", problem.text, words);
}

static void part(const char *name, const char *value)
{
    parts[form.part_count++] = (struct http_part){.name = name, .data = value, .size = strlen(value)};
    form.parts = parts;
    form.multipart = true;
}

static void file_part(const char *name, const char *bytes)
{
    part(name, bytes);
    parts[form.part_count - 1].filename = "a.png";
}

static int read_form(void)
{
    const struct openai_source source = {.form = &form};
    return read_source(&source);
}

static void take_form(void)
{
    if (read_form() < 0)
        fail_msg("%s", problem.text);
}

/* ---- decoding ---- */

static void a_form_and_json_become_the_same_submit(void **state)
{
    take_json("{'model':'sora-2-pro','prompt':'a red ball','seconds':8,'size':'1792x1024'}");
    const struct api_submit from_json = create.submit;
    assert_string_equal(from_json.model, "sora-2-pro");
    assert_string_equal(from_json.prompt, "a red ball");
    assert_int_equal(from_json.width, 1792);
    part("model", "sora-2-pro");
    part("prompt", "a red ball");
    part("seconds", "8");
    part("size", "1792x1024");
    take_form();
    assert_string_equal(create.submit.model, "sora-2-pro");
    assert_string_equal(create.submit.prompt, "a red ball");
    assert_int_equal(create.submit.seconds, from_json.seconds);
    assert_int_equal(create.submit.width, from_json.width);
    assert_int_equal(create.submit.height, from_json.height);
    assert_int_equal(create.submit.seed, -1);
    assert_string_equal(create.submit.dialect, "openai");
}

static void texts_of_numbers_are_numbers_in_json_too(void **state)
{
    take_json("{'prompt':'a','model':'conch/tiny','seconds':'2','seed':'7','num_inference_steps':'4',"
              "'guidance_scale':'4.5','prompt_optimizer':'false'}");
    assert_int_equal(create.submit.seconds, 2);
    assert_int_equal(create.submit.seed, 7);
    assert_int_equal(create.submit.steps, 4);
    assert_true(create.submit.guidance > 4.49 && create.submit.guidance < 4.51);
    assert_int_equal(create.submit.optimizer, API_OFF);
}

static void without_a_model_the_official_default_is_meant(void **state)
{
    take_json("{'prompt':'a'}");
    assert_string_equal(create.submit.model, "sora-2");
    assert_int_equal(create.submit.seconds, 0);
    assert_int_equal(create.submit.optimizer, API_DEFAULT);
    take_json("{'prompt':'a','task':'t2va'}");
    assert_string_equal(create.submit.model, "MiniMax-H3");
}

static void fields_nobody_knows_and_empty_ones_are_ignored(void **state)
{
    take_json("{'prompt':'a','flow_shift':5,'user':'u','quality':{'a':1},'negative_prompt':'','lora':null,"
              "'input_reference':'','characters':[],'enable_upscaling':'false'}");
    assert_null(create.submit.negative);
    assert_int_equal(create.submit.media_count, 0);
}

static void sizes_are_pixels_or_the_name_of_a_resolution(void **state)
{
    take_json("{'prompt':'a','size':'720X1280'}");
    assert_int_equal(create.submit.height, 1280);
    take_json("{'prompt':'a','width':256,'height':160}");
    assert_int_equal(create.submit.width, 256);
    take_json("{'prompt':'a','size':'1280x720','width':256,'height':160}");
    assert_int_equal(create.submit.width, 1280);
    take_json("{'prompt':'a','model':'MiniMax-Hailuo-02','size':'1080p'}");
    assert_string_equal(create.submit.resolution, "1080P");
    assert_int_equal(create.submit.width, 0);
    refuse_json("{'prompt':'a','size':'12800x720000'}", "size", "WIDTHxHEIGHT");
    refuse_json("{'prompt':'a','size':'0x720'}", "size", "'0x720'");
    refuse_json("{'prompt':'a','size':'1280x720x3'}", "size", "WIDTHxHEIGHT");
    refuse_json("{'prompt':'a','width':256}", "height", "height is missing");
}

static void frames_are_a_length_at_the_models_rate_or_the_one_that_is_named(void **state)
{
    take_json("{'prompt':'a','model':'conch/tiny','num_frames':33}");
    assert_int_equal(create.submit.seconds, 2);
    take_json("{'prompt':'a','model':'conch/tiny','num_frames':5}");
    assert_int_equal(create.submit.seconds, 1);
    take_json("{'prompt':'a','model':'MiniMax-H3','num_frames':121}");
    assert_int_equal(create.submit.seconds, 5);
    take_json("{'prompt':'a','num_frames':120,'fps':10}");
    assert_int_equal(create.submit.seconds, 12);
    take_json("{'prompt':'a','num_frames':120,'fps':10,'seconds':4}");
    assert_int_equal(create.submit.seconds, 4);
}

static void h3_has_defaults_for_what_its_own_api_wants_named(void **state)
{
    take_json("{'prompt':'a','model':'MiniMax-H3'}");
    assert_string_equal(create.submit.resolution, "768P");
    assert_string_equal(create.submit.ratio, "16:9");
    assert_int_equal(create.submit.seconds, 5);
    take_json("{'prompt':'a','task':'t2va','target':{'short_edge':1440,'aspect_ratio':'9:16','duration_seconds':9}}");
    assert_string_equal(create.submit.resolution, "2K");
    assert_string_equal(create.submit.ratio, "9:16");
    assert_int_equal(create.submit.seconds, 9);
    take_json("{'prompt':'a','model':'MiniMax-H3','size':'1344x768'}");
    assert_string_equal(create.submit.resolution, "768P");
    assert_string_equal(create.submit.ratio, "16:9");
    assert_int_equal(create.submit.width, 0);
    refuse_json("{'prompt':'a','model':'MiniMax-H3','size':'1344x700'}", "size", "768P, 2K");
    refuse_json("{'prompt':'a','model':'MiniMax-H3','size':'4000x768'}", "size", "21:9, 16:9");
    refuse_json("{'prompt':'a','task':'t2va','target':{'duration_seconds':0}}", "target.duration_seconds", "1 to 3600");
    refuse_json("{'prompt':'a','target':5}", "target", "an object");
}

static void a_first_frame_comes_as_a_file_an_address_or_an_id(void **state)
{
    file_part("input_reference", "bytes");
    part("prompt", "a");
    take_form();
    assert_int_equal(create.submit.media_count, 1);
    assert_int_equal(create.media[0].role, STORE_INPUT_FIRST_FRAME);
    assert_int_equal(create.media[0].data_size, 5);
    assert_string_equal(create.media[0].field, "input_reference");
    take_json("{'prompt':'a','input_reference':{'image_url':'https://x/a.png'}}");
    assert_string_equal(create.media[0].url, "https://x/a.png");
    assert_string_equal(create.media[0].field, "input_reference.image_url");
    take_json("{'prompt':'a','input_reference':{'file_id':'file-733100991827001'}}");
    assert_int_equal(create.media[0].file_id, 733100991827001);
    take_json("{'prompt':'a','image_reference':'{\\'image_url\\':\\'https://x/b.png\\'}'}");
    assert_string_equal(create.media[0].url, "https://x/b.png");
    refuse_json("{'prompt':'a','input_reference':{'file_id':'abc'}}", "input_reference.file_id", "'abc'");
    refuse_json("{'prompt':'a','input_reference':{}}", "input_reference", "either image_url or file_id");
    refuse_json("{'prompt':'a','input_reference':true}", "input_reference", "must be a file");
}

static void brackets_of_a_form_are_objects_and_lists(void **state)
{
    part("prompt", "a");
    part("input_reference[image_url]", "https://x/a.png");
    take_form();
    assert_string_equal(create.media[0].url, "https://x/a.png");
    form.part_count = 0;
    part("model", "MiniMax-H3");
    part("prompt", "a");
    part("conditions[][type]", "image");
    part("conditions[][role]", "reference");
    part("conditions[][uri]", "https://x/1.png");
    part("conditions[][type]", "video");
    part("conditions[][role]", "reference");
    part("conditions[][uri]", "https://x/2.mp4");
    take_form();
    assert_int_equal(create.submit.media_count, 2);
    assert_int_equal(create.media[0].role, STORE_INPUT_REFERENCE_IMAGE);
    assert_int_equal(create.media[1].role, STORE_INPUT_REFERENCE_VIDEO);
    assert_string_equal(create.media[1].url, "https://x/2.mp4");
    form.part_count = 0;
    part("prompt", "a");
    part("conditions[1][uri]", "x");
    assert_int_equal(read_form(), -1);
    form.part_count = 0;
    part("prompt", "a");
    part("input_reference", "https://x/a.png");
    part("input_reference[image_url]", "https://x/a.png");
    assert_int_equal(read_form(), -1);
    assert_string_equal(problem.field, "input_reference");
}

static void json_stands_in_fields_of_a_form(void **state)
{
    part("prompt", "a");
    part("task", "fl2va");
    part("conditions", "[{\"type\":\"image\",\"uri\":\"https://x/1.png\",\"role\":\"keyframe\",\"frame_index\":-1}]");
    part("target", "{\"short_edge\":768,\"aspect_ratio\":\"auto\"}");
    part("extra_body", "{\"seed\":[3],\"num_inference_steps\":8}");
    take_form();
    assert_int_equal(create.submit.media_count, 1);
    assert_int_equal(create.media[0].role, STORE_INPUT_LAST_FRAME);
    assert_null(create.submit.ratio);
    assert_int_equal(create.submit.seed, 3);
    assert_int_equal(create.submit.steps, 8);
    part("extra_params", "[1]");
    assert_int_equal(read_form(), -1);
    assert_string_equal(problem.field, "extra_params");
}

static void json_in_a_form_is_not_nested_without_end(void **state)
{
    char deep[4001] = "";
    memset(deep, '[', 2000);
    memset(deep + 2000, ']', 2000);
    part("prompt", "a");
    part("conditions", deep);
    assert_int_equal(read_form(), -1);
    assert_string_equal(problem.field, "conditions");
    assert_non_null(strstr(problem.text, "must be an array")); /* it was never parsed: still a text */
}

static void parts_that_are_no_text_are_refused(void **state)
{
    part("prompt", "a\xff");
    assert_int_equal(read_form(), -1);
    assert_non_null(strstr(problem.text, "UTF-8"));
    form.part_count = 0;
    part("prompt", "a");
    parts[0].size = 3; /* a NUL in it */
    parts[0].data = "a\0b";
    assert_int_equal(read_form(), -1);
    assert_non_null(strstr(problem.text, "NUL"));
}

static void a_task_wants_its_media_and_no_others(void **state)
{
    refuse_json("{'prompt':'a','task':'t2va','input_reference':'https://x/a.png'}", "conditions", "no media");
    refuse_json("{'prompt':'a','task':'ref2va','input_reference':'https://x/a.png'}", "conditions", "no frames");
    refuse_json("{'prompt':'a','task':'other'}", "task", "t2va, fl2va or ref2va");
    refuse_json("{'prompt':'a','conditions':[{'type':'video','uri':'x','role':'keyframe'}]}", "conditions[0].type",
                "image");
    refuse_json("{'prompt':'a','conditions':[{'type':'image','uri':'x','role':'other'}]}", "conditions[0].role",
                "keyframe or reference");
    refuse_json("{'prompt':'a','conditions':[{'type':'image','role':'reference'}]}", "conditions[0].uri", "address");
    refuse_json("{'prompt':'a','conditions':[5]}", "conditions", "conditions[0]");
}

static void what_nothing_here_can_do_is_refused_and_not_ignored(void **state)
{
    static const char *const bodies[] = {"{'prompt':'a','characters':[{'id':'c'}]}", "{'prompt':'a','lora':{'p':1}}",
                                         "{'prompt':'a','generate_sound':true}", "{'prompt':'a','enable_upscaling':1}",
                                         "{'prompt':'a','video_path':'/etc/passwd'}"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        assert_int_equal(read_json(bodies[i]), -1);
        assert_int_equal(problem.kind, API_UNAVAILABLE_HERE);
    }
    refuse_json("{'prompt':'a','n':2}", "n", "1");
    refuse_json("{'prompt':'a','format':'safetensors'}", "format", "mp4");
}

static void a_video_is_named_by_id_object_or_file(void **state)
{
    static const char *const taken[] = {"{'video':'video_12'}", "{'video':{'id':'video_12'}}", "{'video':12}",
                                        "{'video':'12'}"};
    struct openai_video_ref ref;
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        json_t *json = json_of(taken[i]), *read = NULL;
        const struct openai_source source = {.json = json};
        assert_int_equal(openai_body_read(&source, &read, &problem), 0);
        assert_int_equal(openai_video_ref_read(&source, read, &ref, &problem), 0);
        assert_int_equal(ref.id, 12);
        assert_string_equal(ref.text, "video_12");
        json_decref(read);
        json_decref(json);
    }
    json_t *none = json_object();
    file_part("video", "bytes");
    assert_int_equal(openai_video_ref_read(&(struct openai_source){.form = &form}, none, &ref, &problem), 0);
    assert_non_null(ref.file);
    assert_int_equal(ref.id, 0);
    assert_int_equal(openai_video_ref_read(&(struct openai_source){.json = none}, none, &ref, &problem), -1);
    json_decref(none);
}

/* ---- what a remix keeps ---- */

static void a_remix_keeps_everything_but_the_prompt(void **state)
{
    struct api_job job = {.row = {.job = {.id = 12, .state = JOB_SUCCEEDED},
                                  .model_asked = (char *)"sora-2",
                                  .model = (char *)"openai/sora-2",
                                  .resolution = (char *)"1280x720",
                                  .ratio = (char *)"adaptive",
                                  .seconds = 3, /* another model made it, in a length of its own */
                                  .seed = 77,
                                  .details = (char *)"{\"optimizer\":\"off\",\"steps\":9}"},
                          .inputs = {{.role = STORE_INPUT_FIRST_FRAME, .file_id = 5}},
                          .input_count = 1};
    assert_int_equal(openai_again_make(&job, &catalog, "other words", &create, &problem), 0);
    assert_string_equal(create.submit.prompt, "other words");
    assert_string_equal(create.submit.model, "sora-2");
    assert_string_equal(create.submit.resolution, "1280x720");
    assert_null(create.submit.ratio);
    assert_int_equal(create.submit.seconds, 4);
    assert_int_equal(create.submit.seed, 77);
    assert_int_equal(create.submit.steps, 9);
    assert_int_equal(create.submit.optimizer, API_OFF);
    assert_int_equal(create.media[0].file_id, 5);
    assert_string_equal(json_string_value(json_object_get(create.submit.metadata, "remixed_from_video_id")),
                        "video_12");
    json_decref(job.details);
}

/* ---- answers ---- */

static json_t *video_of(const struct api_job *job)
{
    struct buf buf;
    struct out out;
    buf_init(&buf, 1 << 16);
    out_init(&out, &buf, NULL);
    openai_video_write(&out, NULL, job, NULL);
    assert_int_equal(out_finish(&out), 0);
    json_t *json = json_loadb(buf.data, buf.size, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    buf_finish(&buf);
    return json;
}

static void every_state_is_one_of_the_four_that_clients_know(void **state)
{
    static const struct {
        enum job_state state;
        const char *status;
    } rows[] = {{JOB_QUEUED, "queued"},       {JOB_SUBMITTING, "queued"},   {JOB_RUNNING, "in_progress"},
                {JOB_STORING, "in_progress"}, {JOB_UNKNOWN, "in_progress"}, {JOB_SUCCEEDED, "completed"},
                {JOB_FAILED, "failed"},       {JOB_BLOCKED, "failed"},      {JOB_CANCELLED, "failed"}};
    assert_int_equal(ARRAY_LEN(rows), JOB_STATES);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct api_job job = {.row = {.job = {.id = 12, .state = rows[i].state, .finished_ms = 5000},
                                            .model_asked = (char *)"sora-2",
                                            .resolution = (char *)"768P",
                                            .seconds = 6}};
        json_t *json = video_of(&job);
        assert_string_equal(json_string_value(json_object_get(json, "status")), rows[i].status);
        assert_string_equal(json_string_value(json_object_get(json, "size")), "768P");
        assert_string_equal(json_string_value(json_object_get(json, "seconds")), "6");
        assert_int_equal(json_is_object(json_object_get(json, "error")), strcmp(rows[i].status, "failed") == 0);
        assert_int_equal(json_is_integer(json_object_get(json, "completed_at")), job_terminal(rows[i].state));
        json_decref(json);
    }
}

static void waiting_is_half_of_what_is_left_within_limits(void **state)
{
    struct job job = {.state = JOB_RUNNING, .progress_permille = 500, .started_ms = 100000};
    assert_int_equal(openai_poll_ms(&job, 108000), 4000);
    assert_int_equal(openai_poll_ms(&job, 100100), 1000);
    assert_int_equal(openai_poll_ms(&job, 900000), 10000);
    job.state = JOB_QUEUED;
    assert_int_equal(openai_poll_ms(&job, 108000), 2000);
    job.state = JOB_FAILED;
    assert_int_equal(openai_poll_ms(&job, 108000), 0);
}

static void ids_are_read_with_and_without_their_prefix(void **state)
{
    int64_t id = 0;
    assert_string_equal(openai_id(733100991827001).text, "video_733100991827001");
    assert_true(openai_id_parse("video_733100991827001", &id) && id == 733100991827001);
    assert_true(openai_id_parse("12", &id) && id == 12);
    assert_false(openai_id_parse("video_", &id));
    assert_false(openai_id_parse("video_video_12", &id));
    assert_false(openai_id_parse("video_12a", &id));
    assert_false(openai_id_parse(NULL, &id));
}

/* ---- refusals ---- */

static struct http_response response;

static const char *refuse(const struct api_problem *what, enum http_method method)
{
    const struct http_request request = {.method = method, .id = "0123"};
    http_response_finish(&response);
    http_response_init(&response, 1 << 16);
    openai_refuse(&dialect_openai, &(struct dialect_refusal){.problem = what, .status = api_kind_status(what->kind)},
                  &request, &response);
    return response.body.data;
}

/* 409, 429 and everything from 500 on is tried again by clients, POST too, so a second job would be made. */
static void nothing_that_is_the_callers_fault_is_tried_again(void **state)
{
    for (int kind = API_OK + 1; kind <= API_INTERNAL; kind++) {
        const struct api_problem what = {.kind = (enum api_kind)kind, .text = "words"};
        refuse(&what, HTTP_POST);
        const bool waits = kind == API_RATE_LIMIT || kind == API_QUEUE_FULL || kind == API_BUSY;
        const bool tried = response.status == 409 || response.status == 429 || response.status >= 500;
        const char *header = http_response_field(&response, "x-should-retry");
        assert_int_not_equal(response.status, 409);
        if (tried && !waits)
            assert_string_equal(header, "false");
        else
            assert_null(header);
    }
    http_response_finish(&response);
    http_response_init(&response, 1);
}

static void fields_have_the_names_that_were_sent(void **state)
{
    static const struct {
        const char *ours, *theirs;
    } rows[] = {{"resolution", "\"size\""}, {"ratio", "\"aspect_ratio\""},      {"first_frame", "\"input_reference\""},
                {"seconds", "\"seconds\""}, {"guidance", "\"guidance_scale\""}, {"", "null"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char wanted[64];
        api_refuse(&problem, API_INVALID, rows[i].ours, "%s is wrong", rows[i].ours);
        snprintf(wanted, sizeof wanted, "\"param\":%s", rows[i].theirs);
        assert_non_null(strstr(refuse(&problem, HTTP_POST), wanted));
    }
}

/* One client takes "videos" for the news that there is no such API. */
static void the_word_that_misleads_a_client_is_not_used(void **state)
{
    api_refuse(&problem, API_INVALID, "references", "references '4 videos' are too many; 4 videos  videos end");
    const char *text = refuse(&problem, HTTP_POST);
    assert_null(strstr(text, " videos "));
    assert_non_null(strstr(text, "'4 videos' are too many; 4 clips  clips end"));
}

static void codes_tell_what_kind_it_is(void **state)
{
    api_refuse(&problem, API_INVALID, "prompt", "prompt is missing");
    assert_non_null(strstr(refuse(&problem, HTTP_POST), "missing_required_parameter"));
    api_refuse(&problem, API_INVALID, "model", "model 'x' is not known");
    assert_non_null(strstr(refuse(&problem, HTTP_POST), "model_not_found"));
    api_refuse(&problem, API_CONTENT_POLICY, "prompt", "no");
    assert_non_null(strstr(refuse(&problem, HTTP_POST), "moderation_blocked"));
    assert_int_equal(response.status, 400);
    http_response_finish(&response);
    http_response_init(&response, 1);
}

/* ---- webhooks ---- */

static void webhooks_tell_of_the_end_alone(void **state)
{
    const struct api_job job = {.row = {.job = {.id = 12, .state = JOB_SUCCEEDED, .finished_ms = 5000}}};
    struct buf buf;
    buf_init(&buf, 4096);
    assert_int_equal(openai_callback_body(NULL, &job, "running", "http://x", 9000, &buf, NULL), 0);
    assert_int_equal(buf.size, 0);
    assert_int_equal(openai_callback_body(NULL, &job, "succeeded", "http://x", 9000, &buf, NULL), 0);
    assert_string_equal(buf.data,
                        "{\"id\":\"evt_12\",\"object\":\"event\",\"created_at\":5,\"type\":\"video.completed\","
                        "\"data\":{\"id\":\"video_12\"}}");
    buf_clear(&buf);
    assert_int_equal(openai_callback_body(NULL, &job, "blocked", "http://x", 9000, &buf, NULL), 0);
    assert_non_null(strstr(buf.data, "video.failed"));
    buf_finish(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        openai_test(a_form_and_json_become_the_same_submit),
        openai_test(texts_of_numbers_are_numbers_in_json_too),
        openai_test(without_a_model_the_official_default_is_meant),
        openai_test(fields_nobody_knows_and_empty_ones_are_ignored),
        openai_test(sizes_are_pixels_or_the_name_of_a_resolution),
        openai_test(frames_are_a_length_at_the_models_rate_or_the_one_that_is_named),
        openai_test(h3_has_defaults_for_what_its_own_api_wants_named),
        openai_test(a_first_frame_comes_as_a_file_an_address_or_an_id),
        openai_test(brackets_of_a_form_are_objects_and_lists),
        openai_test(json_stands_in_fields_of_a_form),
        openai_test(json_in_a_form_is_not_nested_without_end),
        openai_test(parts_that_are_no_text_are_refused),
        openai_test(a_task_wants_its_media_and_no_others),
        openai_test(what_nothing_here_can_do_is_refused_and_not_ignored),
        openai_test(a_video_is_named_by_id_object_or_file),
        openai_test(a_remix_keeps_everything_but_the_prompt),
        openai_test(every_state_is_one_of_the_four_that_clients_know),
        openai_test(waiting_is_half_of_what_is_left_within_limits),
        openai_test(ids_are_read_with_and_without_their_prefix),
        openai_test(nothing_that_is_the_callers_fault_is_tried_again),
        openai_test(fields_have_the_names_that_were_sent),
        openai_test(the_word_that_misleads_a_client_is_not_used),
        openai_test(codes_tell_what_kind_it_is),
        openai_test(webhooks_tell_of_the_end_alone),
    };
    return cmocka_run_group_tests_name("openai", tests, shipped_open, shipped_close);
}
