/* The native interface over a real store: what it answers and what it refuses. Every answer is checked against
 * docs/api/openapi.json by web_send. */
#include "base/base.h"
#include "base/encode.h"
#include "base/hash.h"
#include "server/dialect/dialect.h"
#include "web.h"

#define JOBS   "/conch/v1/jobs"
#define PROMPT "{\"model\":\"conch/tiny\",\"prompt\":\"a red ball rolls to the right\",\"seconds\":2,\"seed\":5"

static int64_t submitted(const char *more)
{
    char body[1000];
    snprintf(body, sizeof body, PROMPT "%s}", more);
    struct web_answer *answer = web_post(JOBS, body);
    web_expect(answer, 201);
    return web_id(answer);
}

static const char *job_path(int64_t id, const char *rest)
{
    static char paths[4][200];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], JOBS "/%lld%s", (long long)id, rest);
    return path;
}

/* ---- callbacks ---- */

static void a_receiver_can_check_who_calls(void **state)
{
    (void)state;
    conch_error err = {0};
    struct api_job job;
    struct dialect_header headers[DIALECT_MESSAGE_HEADERS_MAX];
    struct buf secret, code;
    size_t count = 0;
    buf_init(&secret, 64);
    buf_init(&code, 64);
    const int64_t id = submitted("");
    struct web_answer *answer = web_get("/conch/v1/webhook-secret");
    web_expect(answer, 200);
    const char *text = web_text(answer, "secret") + strlen("whsec_");
    assert_int_equal(encode_decode(&secret, ENCODE_BASE64, text, strlen(text), &err), 0);
    assert_int_equal(api_job_show(web.api, id, &job, &err), 0);
    const struct dialect_message message = {
        .job = &job, .id = "msg_1", .at_s = 1700000000, .body = "{}", .body_size = 2};
    assert_int_equal(dialect_conch.callback_sign(web.api, &message, headers, &count, &err), 0);
    const struct hash mac = hash_hmac_sha256(secret.data, secret.size, "msg_1.1700000000.{}", 19);
    assert_int_equal(encode(&code, ENCODE_BASE64, mac.bytes, sizeof mac.bytes, &err), 0);
    assert_int_equal(count, 3);
    assert_string_equal(headers[2].name, "webhook-signature");
    assert_string_equal(headers[2].value + strlen("v1,"), code.data);
    /* the operator's secret is not for every account to see */
    free(web.config.webhooks.signing_secret);
    web.config.webhooks.signing_secret = strdup("a secret of the operator's");
    web_expect(web_get("/conch/v1/webhook-secret"), 501);
    assert_int_equal(dialect_conch.callback_sign(web.api, &message, headers, &count, &err), CONCH_ERR_UNSUPPORTED);
    api_job_finish(&job);
    buf_finish(&secret);
    buf_finish(&code);
}

/* ---- create ---- */

static void a_job_is_made_shown_and_listed(void **state)
{
    (void)state;
    struct web_answer *answer = web_post(
        JOBS, PROMPT ",\"metadata\":{\"scene\":\"4\"},\"priority\":0,\"optimizer\":false,\"steps\":4}");
    web_expect(answer, 201);
    int64_t id = web_id(answer);
    char location[64];
    snprintf(location, sizeof location, "/conch/v1/jobs/%lld", (long long)id);
    assert_string_equal(http_response_field(&answer->response, "Location"), location);
    assert_string_equal(web_text(answer, "state"), "queued");
    assert_string_equal(web_text(answer, "status"), "pending");
    assert_string_equal(web_text(answer, "served_by"), "conch/tiny");
    assert_string_equal(web_text(answer, "prompt_used"), "a red ball rolls to the right");
    assert_string_equal(web_text(answer, "metadata.scene"), "4");
    assert_int_equal(web_number(answer, "seed"), 5);
    answer = web_get(job_path(id, ""));
    web_expect(answer, 200);
    assert_int_equal(web_number(answer, "queue_place"), 0);
    assert_true(answer->fast);
    assert_int_equal(web_id(answer), id);
    answer = web_get(JOBS "?total=1");
    web_expect(answer, 200);
    assert_int_equal(web_number(answer, "total"), 1);
    assert_int_equal(json_array_size(web_value(answer, "data")), 1);
}

static void a_field_nobody_knows_is_refused_by_name(void **state)
{
    (void)state;
    struct web_answer *answer = web_post(JOBS, "{\"model\":\"conch/tiny\",\"promt\":\"a ball\"}");
    web_expect(answer, 400);
    assert_string_equal(web_text(answer, "error.code"), "invalid");
    assert_string_equal(web_text(answer, "error.field"), "promt");
    assert_non_null(strstr(web_text(answer, "error.message"), "prompt"));
    assert_string_equal(web_text(answer, "request_id"), "0123456789abcdef0123456789abcdef");
}

static void what_is_not_allowed_names_field_value_and_what_is(void **state)
{
    static const struct {
        const char *body, *field;
    } rows[] = {
        {"{\"model\":\"conch/tiny\",\"prompt\":\"x\",\"seconds\":99}", "seconds"},
        {"{\"model\":\"conch/tiny\",\"prompt\":\"x\",\"resolution\":\"9P\"}", "resolution"},
        {"{\"model\":\"nobody/knows\",\"prompt\":\"x\"}", "model"},
        {"{\"model\":\"conch/tiny\"}", "prompt"},
        {"{\"model\":5,\"prompt\":\"x\"}", "model"},
        {"{\"prompt\":\"x\",\"size\":\"256\"}", "size"},
        {"{\"prompt\":\"x\",\"size\":\"256x160\",\"resolution\":\"160P\"}", "size"},
        {"{\"prompt\":\"x\",\"seed\":-1}", "seed"},
        {"{\"prompt\":\"x\",\"optimizer\":\"yes\"}", "optimizer"},
        {"{\"prompt\":\"x\",\"first_frame\":\"ftp://example.com/a.png\"}", "first_frame"},
        {"{\"prompt\":\"x\",\"references\":[{\"type\":\"smell\",\"source\":\"1\"}]}", "references[0]"},
        {"{\"prompt\":\"x\",\"references\":[7.5]}", "references[0]"},
        {"{\"prompt\":\"x\",\"metadata\":{\"a\":1}}", "metadata"},
        {"{\"prompt\":\"x\",\"task\":\"dance\"}", "task"},
        {"{\"prompt\":\"x\",\"callback_url\":\"http://127.0.0.1/\"}", "callback_url"},
        {"[]", "body"},
        {"{\"prompt\":\"x\",\"prompt\":\"y\"}", "body"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct web_answer *answer = web_post(JOBS, rows[i].body);
        web_expect(answer, 400);
        assert_string_equal(web_text(answer, "error.field"), rows[i].field);
    }
    web_expect(web_get(JOBS "?total=1"), 200);
    assert_int_equal(web_number(web_get(JOBS "?total=1"), "total"), 0);
}

static void the_same_idempotency_key_gives_the_same_bytes(void **state)
{
    const struct web_request request = {
        .method = HTTP_POST, .target = JOBS, .body = PROMPT "}", .headers = {{"Idempotency-Key", "once"}}};
    struct web_request other = request;
    (void)state;
    web_expect(web_send(&request), 201);
    char *first = strdup(web_send(&request)->response.body.data);
    struct web_answer *answer = web_send(&request);
    web_expect(answer, 201);
    assert_string_equal(answer->response.body.data, first);
    assert_string_equal(http_response_field(&answer->response, "Idempotent-Replayed"), "true");
    free(first);
    other.body = "{\"model\":\"conch/tiny\",\"prompt\":\"another\"}";
    answer = web_send(&other);
    web_expect(answer, 409);
    assert_string_equal(web_text(answer, "error.code"), "reused_key");
    assert_int_equal(web_number(web_get(JOBS "?total=1"), "total"), 1);
}

static void an_idempotency_key_of_one_job_is_not_another_jobs(void **state)
{
    (void)state;
    int64_t one = submitted(""), two = submitted("");
    struct web_request request = {
        .method = HTTP_POST, .target = job_path(one, "/cancel"), .headers = {{"Idempotency-Key", "k"}}};
    web_expect(web_send(&request), 200);
    request.target = job_path(two, "/cancel");
    struct web_answer *answer = web_send(&request);
    web_expect(answer, 200);
    assert_int_equal(web_id(answer), two);
}

static void every_post_takes_an_idempotency_key(void **state)
{
    (void)state;
    int64_t id = submitted("");
    web_job_start(id);
    web_job_finish(id);
    char *first;
    struct web_request request = {.method = HTTP_POST,
                                  .target = job_path(id, "/review"),
                                  .body = "{\"accepted\":true}",
                                  .headers = {{"Idempotency-Key", "r"}}};
    web_expect(web_send(&request), 200);
    first = strdup(web_send(&request)->response.body.data);
    request.headers[0].value = "s";
    request.body = "{\"accepted\":false}";
    web_expect(web_send(&request), 200);
    request.body = "{\"accepted\":true}";
    web_expect(web_send(&request), 409);
    request.headers[0].value = "r";
    struct web_answer *answer = web_send(&request); /* the first one again: nothing is done, the same bytes come */
    web_expect(answer, 200);
    assert_string_equal(answer->response.body.data, first);
    free(first);
    assert_true(json_is_false(web_value(web_get(job_path(id, "")), "accepted")));
    request.target = "/conch/v1/estimate";
    request.body = "{\"model\":\"conch/tiny\",\"prompt\":\"a cube\"}";
    web_expect(web_send(&request), 200);
    answer = web_send(&request);
    web_expect(answer, 200);
    assert_string_equal(http_response_field(&answer->response, "Idempotent-Replayed"), "true");
    char name[300];
    memset(name, 'x', 256);
    name[256] = 0;
    request.headers[0].value = name;
    answer = web_send(&request);
    web_expect(answer, 400);
    assert_string_equal(web_text(answer, "error.field"), "Idempotency-Key");
}

static void a_form_makes_a_job_as_json_does(void **state)
{
    const struct http_part parts[] = {{.name = "model", .data = "conch/tiny", .size = 10},
                                      {.name = "prompt", .data = "a red ball", .size = 10},
                                      {.name = "seed", .data = "7", .size = 1},
                                      {.name = "optimizer", .data = "false", .size = 5},
                                      {.name = "metadata", .data = "{\"a\":\"b\"}", .size = 9}};
    struct web_request request = {.method = HTTP_POST, .target = JOBS, .parts = parts, .part_count = 5};
    (void)state;
    struct web_answer *answer = web_send(&request);
    web_expect(answer, 201);
    assert_int_equal(web_number(answer, "seed"), 7);
    assert_string_equal(web_text(answer, "prompt_used"), "a red ball");
    assert_string_equal(web_text(answer, "metadata.a"), "b");
    const struct http_part bad[] = {{.name = "prompt", .data = "x", .size = 1},
                                    {.name = "seed", .data = "x", .size = 1}};
    request.parts = bad;
    request.part_count = 2;
    answer = web_send(&request);
    web_expect(answer, 400);
    assert_string_equal(web_text(answer, "error.field"), "seed");
    const struct http_part twice[] = {{.name = "prompt", .data = "x", .size = 1},
                                      {.name = "prompt", .data = "y", .size = 1}};
    request.parts = twice;
    answer = web_send(&request);
    web_expect(answer, 400);
    const struct http_part file[] = {{.name = "prompt", .data = "x", .size = 1},
                                     {.name = "first_frame", .filename = "a.png", .data = "no picture", .size = 10}};
    request.parts = file;
    answer = web_send(&request);
    web_expect(answer, 400);
    assert_string_equal(web_text(answer, "error.field"), "first_frame");
}

static void a_body_that_is_no_form_is_no_upload(void **state)
{
    (void)state;
    struct web_answer *answer = web_post("/conch/v1/files", "{}");
    web_expect(answer, 400);
    assert_string_equal(web_text(answer, "error.field"), "body");
}

/* ---- a job's life ---- */

static void a_finished_job_shows_its_clip(void **state)
{
    (void)state;
    int64_t id = submitted("");
    web_job_start(id);
    web_job_progress(id, 250, 5);
    struct web_answer *answer = web_get(job_path(id, ""));
    assert_string_equal(web_text(answer, "state"), "running");
    assert_string_equal(web_text(answer, "phase"), "denoise");
    assert_int_equal(web_number(answer, "step"), 5);
    assert_true(json_real_value(web_value(answer, "progress")) == 0.25);
    web_expect(web_get(job_path(id, "/content")), 404);
    web_job_finish(id);
    answer = web_get(job_path(id, ""));
    web_expect(answer, 200);
    assert_string_equal(web_text(answer, "status"), "success");
    assert_string_equal(web_text(answer, "video.content_type"), "video/mp4");
    assert_int_equal(web_number(answer, "video.bytes"), 1000);
    assert_int_equal(json_number_value(web_value(answer, "progress")), 1);
    assert_string_equal(web_text(answer, "poster.content_type"), "image/png");
    assert_int_equal(web_number(answer, "price.charged"), 0);
    const char *url = web_text(answer, "video.url");
    assert_int_equal(strncmp(url, WEB_ORIGIN "/files/", strlen(WEB_ORIGIN) + 7), 0);
}

static void the_clip_comes_whole_in_part_and_not_twice(void **state)
{
    (void)state;
    int64_t id = submitted("");
    web_job_start(id);
    web_job_finish(id);
    struct web_answer *answer = web_get(job_path(id, "/content"));
    web_expect(answer, 200);
    assert_int_equal(answer->response.body.size, 1000);
    assert_string_equal(http_response_field(&answer->response, "Accept-Ranges"), "bytes");
    assert_non_null(strstr(http_response_field(&answer->response, "Content-Disposition"), "inline"));
    char etag[100];
    snprintf(etag, sizeof etag, "%s", http_response_field(&answer->response, "ETag"));
    struct web_request request = {.target = job_path(id, "/content"), .headers = {{"Range", "bytes=26-28"}}};
    answer = web_send(&request);
    web_expect(answer, 206);
    assert_memory_equal(answer->response.body.data, "abc", 3);
    assert_string_equal(http_response_field(&answer->response, "Content-Range"), "bytes 26-28/1000");
    request.headers[1] = (struct http_field){"If-Range", "\"another\""};
    web_expect(web_send(&request), 200);
    request.headers[1] = (struct http_field){"If-Range", etag};
    web_expect(web_send(&request), 206);
    request.headers[1] = (struct http_field){0};
    request.headers[0] = (struct http_field){"Range", "bytes=1000-"};
    answer = web_send(&request);
    web_expect(answer, 416);
    assert_string_equal(http_response_field(&answer->response, "Content-Range"), "bytes */1000");
    assert_string_equal(web_text(answer, "error.field"), "Range");
    request.headers[0] = (struct http_field){"If-None-Match", etag};
    answer = web_send(&request);
    web_expect(answer, 304);
    assert_string_equal(http_response_field(&answer->response, "ETag"), etag);
    answer = web_get(job_path(id, "/content?download=1"));
    assert_non_null(strstr(http_response_field(&answer->response, "Content-Disposition"), "attachment"));
    web_expect(web_get(job_path(id, "/poster")), 200);
}

static void a_signed_link_needs_no_key_and_cannot_be_bent(void **state)
{
    char path[300];
    (void)state;
    int64_t id = submitted("");
    web_job_start(id);
    web_job_finish(id);
    struct web_answer *answer = web_get(job_path(id, ""));
    snprintf(path, sizeof path, "%s", web_text(answer, "video.url") + strlen(WEB_ORIGIN));
    struct web_request request = {.target = path, .key = ""};
    answer = web_send(&request);
    web_expect(answer, 200);
    assert_int_equal(answer->response.body.size, 1000);
    assert_string_equal(http_response_field(&answer->response, "Cross-Origin-Resource-Policy"), "cross-origin");
    char *mac = strchr(strchr(path + 7, '/') + 1, '/') + 1;
    mac[2] = mac[2] == 'a' ? 'b' : 'a';
    answer = web_send(&request);
    web_expect(answer, 403);
}

static void cancelling_deleting_and_restoring(void **state)
{
    (void)state;
    int64_t id = submitted("");
    web_expect(web_send(&(struct web_request){.method = HTTP_DELETE, .target = job_path(id, "")}), 409);
    struct web_answer *answer = web_post(job_path(id, "/cancel"), NULL);
    web_expect(answer, 200);
    assert_string_equal(web_text(answer, "state"), "cancelled");
    answer = web_post(job_path(id, "/cancel"), NULL);
    web_expect(answer, 409);
    assert_string_equal(web_text(answer, "error.code"), "conflict");
    answer = web_send(&(struct web_request){.method = HTTP_DELETE, .target = job_path(id, "")});
    web_expect(answer, 200);
    assert_true(json_is_true(web_value(answer, "deleted")));
    web_expect(web_get(job_path(id, "")), 404);
    web_expect(web_post(job_path(id, "/restore"), NULL), 200);
    web_expect(web_get(job_path(id, "")), 200);
}

static void review_says_yes_no_and_nothing(void **state)
{
    (void)state;
    int64_t id = submitted("");
    web_expect(web_post(job_path(id, "/review"), "{\"accepted\":true}"), 409); /* there is no clip yet */
    web_job_start(id);
    web_job_finish(id);
    struct web_answer *answer = web_post(job_path(id, "/review"), "{\"accepted\":true,\"note\":\"good\"}");
    web_expect(answer, 200);
    assert_true(json_is_true(web_value(answer, "accepted")));
    assert_string_equal(web_text(answer, "note"), "good");
    assert_int_equal(json_array_size(web_value(web_get(JOBS "?accepted=true"), "data")), 1);
    assert_int_equal(json_array_size(web_value(web_get(JOBS "?accepted=none"), "data")), 0);
    answer = web_post(job_path(id, "/review"), "{\"accepted\":null}");
    assert_true(json_is_null(web_value(answer, "accepted")));
    web_expect(web_post(job_path(id, "/review"), "{}"), 400);
    web_expect(web_post(job_path(id, "/review"), "{\"accepted\":1}"), 400);
}

static void the_events_of_a_job_are_a_list_too(void **state)
{
    (void)state;
    int64_t id = submitted("");
    web_job_start(id);
    web_job_finish(id);
    struct web_answer *answer = web_get(job_path(id, "/events?format=json"));
    web_expect(answer, 200);
    assert_string_equal(web_text(answer, "data.0.type"), "job.created");
    assert_string_equal(web_text(answer, "data.4.type"), "job.succeeded");
    assert_int_equal(json_array_size(web_value(answer, "data")), 5);
    answer = web_get(job_path(id, "/events?format=json&limit=2"));
    assert_true(json_is_true(web_value(answer, "has_more")));
    char next[32], target[200];
    snprintf(next, sizeof next, "%s", web_text(answer, "next"));
    snprintf(target, sizeof target, "%s&after=%s", job_path(id, "/events?format=json"), next);
    answer = web_get(target);
    assert_string_equal(web_text(answer, "data.0.type"), "job.started");
    web_expect(web_get("/conch/v1/events?format=json"), 200);
    web_expect(web_get(job_path(id, "/events?format=xml")), 400);
}

static void lists_have_pages_and_filters(void **state)
{
    char target[100];
    int64_t ids[5];
    (void)state;
    for (int i = 0; i < 5; i++)
        ids[i] = submitted(i == 3 ? ",\"metadata\":{}" : "");
    web_post(job_path(ids[0], "/cancel"), NULL);
    struct web_answer *answer = web_get(JOBS "?limit=2");
    web_expect(answer, 200);
    assert_true(json_is_true(web_value(answer, "has_more")));
    assert_true(json_is_null(web_value(answer, "total")));
    snprintf(target, sizeof target, JOBS "?limit=2&before=%s", web_text(answer, "next"));
    answer = web_get(target);
    assert_int_equal(strtoll(web_text(answer, "data.0.id"), NULL, 10), ids[2]);
    snprintf(target, sizeof target, JOBS "?limit=4&before=%s", web_text(answer, "next"));
    answer = web_get(target);
    assert_int_equal(json_array_size(web_value(answer, "data")), 1);
    assert_false(json_is_true(web_value(answer, "has_more")));
    assert_int_equal(json_array_size(web_value(web_get(JOBS "?state=cancelled"), "data")), 1);
    assert_int_equal(json_array_size(web_value(web_get(JOBS "?state=pending"), "data")), 4);
    assert_int_equal(json_array_size(web_value(web_get(JOBS "?state=queued,cancelled"), "data")), 5);
    assert_int_equal(json_array_size(web_value(web_get(JOBS "?q=RED%20ball"), "data")), 5);
    assert_int_equal(json_array_size(web_value(web_get(JOBS "?q=cube"), "data")), 0);
    assert_int_equal(json_array_size(web_value(web_get(JOBS "?until=2020-01-01"), "data")), 0);
    web_expect(web_get(JOBS "?state=happy"), 400);
    web_expect(web_get(JOBS "?limit=0"), 400);
    web_expect(web_get(JOBS "?stat=queued"), 400);
    web_expect(web_get(JOBS "?before=1&after=1"), 400);
}

static void another_accounts_job_is_not_there(void **state)
{
    (void)state;
    int64_t id = submitted("");
    const char *other = web_key(0, web_account("other"));
    struct web_request request = {.target = job_path(id, ""), .key = other};
    web_expect(web_send(&request), 404);
    request.target = job_path(id, "/events");
    web_expect(web_send(&request), 404);
    request.target = JOBS;
    assert_int_equal(json_array_size(web_value(web_send(&request), "data")), 0);
    request.target = job_path(id, "/cancel");
    request.method = HTTP_POST;
    web_expect(web_send(&request), 404);
}

static void ids_that_are_none_are_not_found(void **state)
{
    (void)state;
    web_expect(web_get(JOBS "/abc"), 404);
    web_expect(web_get(JOBS "/1"), 404);
    web_expect(web_get(JOBS "/99999999999999999999"), 404);
    web_expect(web_get("/conch/v1/files/%2e%2e"), 404);
}

static void an_estimate_makes_nothing(void **state)
{
    (void)state;
    struct web_answer *answer = web_post("/conch/v1/estimate",
                                         "{\"model\":\"MiniMax-Hailuo-02\",\"prompt\":\"a fox\"}");
    web_expect(answer, 200);
    assert_true(json_is_true(web_value(answer, "sandbox")));
    assert_true(web_number(answer, "price.list_microusd") > 0);
    assert_true(json_is_true(web_value(answer, "affordable")));
    assert_int_equal(web_number(web_get(JOBS "?total=1"), "total"), 0);
    web_expect(web_post("/conch/v1/estimate", "{\"model\":\"MiniMax-Hailuo-02\",\"prompt\":\"a fox\",\"seconds\":7}"),
               400);
}

static void models_can_be_found_by_every_name(void **state)
{
    (void)state;
    struct web_answer *answer = web_get("/conch/v1/models");
    web_expect(answer, 200);
    assert_true(json_array_size(web_value(answer, "data")) > 5);
    answer = web_get("/conch/v1/models/conch/tiny");
    web_expect(answer, 200);
    assert_string_equal(web_text(answer, "id"), "conch/tiny");
    assert_true(json_is_true(web_value(answer, "available")));
    answer = web_get("/conch/v1/models/MiniMax-Hailuo-02");
    web_expect(answer, 200);
    assert_true(json_is_true(web_value(answer, "sandbox")));
    assert_true(json_array_size(web_value(answer, "prices")) > 0);
    answer = web_get("/conch/v1/models/nobody/knows");
    assert_true(answer->status == 404 || answer->status == 400);
}

/* ---- files ---- */

/* A PNG of one pixel. */
static const unsigned char png[] = {0x89, 'P',  'N',  'G',  0x0d, 0x0a, 0x1a, 0x0a, 0,    0,    0,    0x0d, 'I',  'H',
                                    'D',  'R',  0,    0,    0,    1,    0,    0,    0,    1,    8,    2,    0,    0,
                                    0,    0x90, 0x77, 0x53, 0xde, 0,    0,    0,    0x0c, 'I',  'D',  'A',  'T',  8,
                                    0xd7, 0x63, 0xf8, 0xcf, 0xc0, 0,    0,    3,    1,    1,    0,    0x18, 0xdd, 0x8d,
                                    0xb0, 0,    0,    0,    0,    'I',  'E',  'N',  'D',  0xae, 0x42, 0x60, 0x82};

static void a_file_goes_up_and_comes_down(void **state)
{
    char path[200];
    const struct http_part parts[] = {{.name = "file",
                                       .filename = "dot \"1\".png",
                                       .type = "text/html",
                                       .data = (const char *)png,
                                       .size = sizeof png}};
    struct web_request request = {.method = HTTP_POST, .target = "/conch/v1/files", .parts = parts, .part_count = 1};
    (void)state;
    request.headers[0] = (struct http_field){"Idempotency-Key", "up"};
    struct web_answer *answer = web_send(&request);
    web_expect(answer, 201);
    assert_true(answer->spool);
    assert_string_equal(web_text(answer, "content_type"), "image/png"); /* by its bytes, whatever was stated */
    assert_int_equal(web_number(answer, "bytes"), sizeof png);
    int64_t id = web_id(answer);
    assert_int_equal(web_id(web_send(&request)), id); /* the same form again */
    snprintf(path, sizeof path, "/conch/v1/files/%lld/content", (long long)id);
    answer = web_get(path);
    web_expect(answer, 200);
    assert_memory_equal(answer->response.body.data, png, sizeof png);
    assert_string_equal(http_response_field(&answer->response, "X-Content-Type-Options"), "nosniff");
    snprintf(path, sizeof path, "/conch/v1/files/%lld", (long long)id);
    web_expect(web_get(path), 200);
    web_expect(web_get("/conch/v1/files"), 200);
    snprintf(path, sizeof path, "/conch/v1/files/%lld/link", (long long)id);
    answer = web_post(path, "{\"seconds\":60}");
    web_expect(answer, 200);
    char link[300];
    snprintf(link, sizeof link, "%s", web_text(answer, "url") + strlen(WEB_ORIGIN));
    web_expect(web_send(&(struct web_request){.target = link, .key = ""}), 200);
    web_expect(web_post(path, "{\"seconds\":0}"), 400);
    snprintf(path, sizeof path, "/conch/v1/files/%lld", (long long)id);
    web_expect(web_send(&(struct web_request){.method = HTTP_DELETE, .target = path}), 200);
    web_expect(web_get(path), 404);
    answer = web_send(&(struct web_request){.target = link, .key = ""});
    assert_true(answer->status == 404 || answer->status == 403);
}

static void a_form_without_a_file_is_refused(void **state)
{
    const struct http_part parts[] = {{.name = "purpose", .data = "x", .size = 1}};
    const struct http_part odd[] = {{.name = "fil", .filename = "a", .data = "x", .size = 1}};
    (void)state;
    struct web_answer *answer = web_send(
        &(struct web_request){.method = HTTP_POST, .target = "/conch/v1/files", .parts = parts, .part_count = 1});
    web_expect(answer, 400);
    assert_string_equal(web_text(answer, "error.field"), "file");
    answer = web_send(
        &(struct web_request){.method = HTTP_POST, .target = "/conch/v1/files", .parts = odd, .part_count = 1});
    web_expect(answer, 400);
    assert_string_equal(web_text(answer, "error.field"), "fil");
}

/* ---- money and keys ---- */

static void money_shows_in_account_and_statement(void **state)
{
    char path[100];
    (void)state;
    int64_t account = web_account("studio");
    snprintf(path, sizeof path, "/conch/v1/accounts/%lld/grants", (long long)account);
    struct web_answer *answer = web_post(path, "{\"amount\":5000000,\"note\":\"a gift\"}");
    web_expect(answer, 201);
    assert_int_equal(web_number(answer, "available"), 5000000);
    answer = web_post(path, "{\"kind\":\"bonus\",\"amount\":300,\"expires_at\":\"2090-01-01T00:00:00Z\"}");
    web_expect(answer, 201);
    assert_string_equal(web_text(answer, "unit"), "millicredit");
    web_expect(web_post(path, "{\"amount\":0}"), 400);
    web_expect(web_post(path, "{}"), 400);
    web_expect(web_post(path, "{\"amount\":1,\"kind\":\"gold\"}"), 400);
    web_expect(web_post(path, "{\"amount\":1,\"expires_at\":\"2001-01-01\"}"), 400);
    web_expect(web_post("/conch/v1/accounts/1/grants", "{\"amount\":1}"), 404);
    const char *key = web_key(0, account);
    answer = web_send(&(struct web_request){.target = "/conch/v1/account", .key = key});
    web_expect(answer, 200);
    assert_int_equal(web_number(answer, "balances.0.available"), 5000000);
    assert_int_equal(json_array_size(web_value(answer, "lots")), 2);
    answer = web_send(&(struct web_request){.target = "/conch/v1/statement", .key = key});
    web_expect(answer, 200);
    assert_string_equal(web_text(answer, "data.0.note"), "a gift");
    assert_int_equal(web_number(answer, "data.0.available_after"), 5000000);
    answer = web_send(&(struct web_request){.target = "/conch/v1/statement?unit=millicredit", .key = key});
    assert_int_equal(web_number(answer, "data.0.available_change"), 300);
    web_expect(web_get("/conch/v1/statement?unit=euro"), 400);
    web_expect(web_get("/conch/v1/accounts"), 200);
}

static void every_kind_of_money_can_be_granted_and_read_as_a_table(void **state)
{
    static const char *const kinds[] = {"payg", "bonus", "membership", "package", "purchased"};
    char path[128], body[128];
    (void)state;
    snprintf(path, sizeof path, "/conch/v1/accounts/%s/grants", web_text(web_get("/conch/v1/account"), "id"));
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        snprintf(body, sizeof body, "{\"kind\":\"%s\",\"amount\":7,\"note\":\"=1,\\\"%s\\\"\"}", kinds[i], kinds[i]);
        struct web_answer *answer = web_post(path, body);
        web_expect(answer, 201);
        assert_string_equal(web_text(answer, "kind"), kinds[i]);
        assert_string_equal(web_text(answer, "unit"), i ? "millicredit" : "microusd");
    }
    struct web_answer *answer = web_get("/conch/v1/statement?unit=millicredit&format=csv&limit=3");
    web_expect(answer, 200);
    const char *text = answer->response.body.data;
    assert_int_equal(strncmp(text, "id,at,kind,unit,job_id,lot_id,available_change,", 47), 0);
    assert_non_null(strstr(text, ",grant,millicredit,0,"));
    assert_non_null(strstr(text, ",7,0,0,28,0,\"'=1,\"\"purchased\"\"\"\r\n"));
    assert_null(strstr(text, "bonus")); /* on the next page */
    snprintf(path, sizeof path, "/conch/v1/statement?unit=millicredit&before=%s",
             http_response_field(&answer->response, "X-Next"));
    answer = web_send(&(struct web_request){.target = path, .headers = {{"Accept", "text/csv"}}});
    web_expect(answer, 200);
    assert_non_null(strstr(answer->response.body.data, "bonus"));
    assert_null(http_response_field(&answer->response, "X-Next"));
    web_expect(web_get("/conch/v1/statement?format=xml"), 400);
}

static void the_price_says_which_money_pays(void **state)
{
    static const char wish[] = "{\"model\":\"MiniMax-Hailuo-02\",\"prompt\":\"a fox\"}";
    char path[80];
    (void)state;
    web.config.sandbox.charge = true;
    snprintf(path, sizeof path, "/conch/v1/accounts/%s/grants", web_text(web_get("/conch/v1/account"), "id"));
    web_expect(web_post(path, "{\"kind\":\"package\",\"amount\":1000}"), 201);
    web_expect(web_post(path, "{\"amount\":280000}"), 201);
    struct web_answer *answer = web_post("/conch/v1/estimate", wish);
    web_expect(answer, 200);
    assert_string_equal(web_text(answer, "price.purse"), "package");
    assert_string_equal(web_text(answer, "purses.1.purse"), "credits");
    assert_int_equal(web_number(answer, "purses.1.amount"), 25000);
    answer = web_post(JOBS, wish);
    web_expect(answer, 201);
    assert_string_equal(web_text(answer, "price.purse"), "package");
    assert_string_equal(web_text(answer, "price.unit"), "millicredit");
    assert_int_equal(web_number(answer, "price.quoted"), 1000);
    web_job_start(web_id(answer));
    web_job_finish(web_id(answer));
    answer = web_post(JOBS, wish);
    assert_string_equal(web_text(answer, "price.purse"), "payg");
    assert_int_equal(web_number(answer, "price.quoted"), 280000);
    web.config.sandbox.charge = false;
    answer = web_post(JOBS, wish);
    assert_true(json_is_null(web_value(answer, "price.purse")));
    assert_int_equal(web_number(answer, "queue_place"), 1);
    snprintf(path, sizeof path, JOBS "/%lld", (long long)web_id(answer));
    assert_int_equal(web_number(web_get(path), "queue_place"), 1);
}

static void usage_is_a_list_or_a_table(void **state)
{
    (void)state;
    int64_t id = submitted("");
    web_job_start(id);
    web_job_finish(id);
    struct web_answer *answer = web_get("/conch/v1/usage");
    web_expect(answer, 200);
    assert_int_equal(web_number(answer, "data.0.succeeded"), 1);
    assert_string_equal(web_text(answer, "data.0.model"), "conch/tiny");
    assert_int_equal(web_number(answer, "data.0.cost_jobs"), 1);
    assert_string_equal(web_text(answer, "slope.0.model"), "conch/tiny");
    assert_int_equal(web_number(answer, "slope.0.days"), 1);
    assert_true(json_is_null(web_value(answer, "slope.0.cost_p50_microusd_per_day")));
    answer = web_get("/conch/v1/usage?format=csv");
    web_expect(answer, 200);
    assert_int_equal(strncmp(answer->response.body.data, "day,model,succeeded,", 20), 0);
    assert_non_null(strstr(answer->response.body.data, ",\"conch/tiny\",1,0,0,0,"));
    answer = web_send(&(struct web_request){.target = "/conch/v1/usage", .headers = {{"Accept", "text/csv"}}});
    assert_int_equal(strncmp(http_response_field(&answer->response, "Content-Type"), "text/csv", 8), 0);
    web_expect(web_get("/conch/v1/usage?from=2020-01-01"), 400);
    web_expect(web_get("/conch/v1/usage?from=2026-01-02&until=2026-01-01"), 400);
}

static void a_key_is_shown_once_and_can_be_revoked(void **state)
{
    char path[100];
    (void)state;
    const struct web_request request = {.method = HTTP_POST,
                                        .target = "/conch/v1/keys",
                                        .body = "{\"name\":\"mine\",\"scopes\":[\"read\"],\"queued_max\":3}",
                                        .headers = {{"Idempotency-Key", "k1"}}};
    struct web_answer *answer = web_send(&request);
    web_expect(answer, 201);
    assert_string_equal(http_response_field(&answer->response, "Cache-Control"), "no-store");
    assert_int_equal(web_number(answer, "queued_max"), 3);
    int64_t id = web_id(answer);
    char key[100];
    snprintf(key, sizeof key, "%s", web_text(answer, "secret"));
    answer = web_send(&request);
    web_expect(answer, 201);
    assert_int_equal(web_id(answer), id);
    assert_true(json_is_null(web_value(answer, "secret"))); /* what is kept does not hold it */
    answer = web_get("/conch/v1/keys");
    web_expect(answer, 200);
    assert_null(strstr(answer->response.body.data, key));
    struct web_request use = {.target = JOBS, .key = key};
    web_expect(web_send(&use), 200);
    use.method = HTTP_POST;
    use.body = PROMPT "}";
    answer = web_send(&use);
    web_expect(answer, 403);
    assert_true(answer->refused); /* before the body was taken */
    snprintf(path, sizeof path, "/conch/v1/keys/%lld", (long long)id);
    web_expect(web_send(&(struct web_request){.method = HTTP_DELETE, .target = path}), 200);
    use.method = HTTP_GET;
    use.body = NULL;
    answer = web_send(&use);
    web_expect(answer, 401);
    assert_string_equal(http_response_field(&answer->response, "WWW-Authenticate"), "Bearer");
}

static void keys_with_odd_wishes_are_refused(void **state)
{
    static const char *const bodies[] = {
        "{\"scopes\":[]}",      "{\"scopes\":[\"root\"]}",  "{\"scopes\":\"read\"}", "{\"expires_at\":\"2001\"}",
        "{\"policy\":\"lax\"}", "{\"budget_microusd\":-1}", "{\"names\":\"x\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        web_expect(web_post("/conch/v1/keys", bodies[i]), 400);
    const char *key = web_key(8 | 2, 0); /* keys, read */
    struct web_answer *answer = web_send(&(struct web_request){
        .method = HTTP_POST, .target = "/conch/v1/keys", .key = key, .body = "{\"scopes\":[\"admin\"]}"});
    assert_true(answer->status == 403 || answer->status == 400);
    web_expect(web_send(&(struct web_request){.target = "/conch/v1/accounts", .key = key}), 403);
}

/* ---- the server ---- */

static void health_needs_no_key(void **state)
{
    (void)state;
    struct web_answer *answer = web_send(&(struct web_request){.target = "/healthz", .key = ""});
    web_expect(answer, 200);
    assert_true(answer->fast);
    web_expect(web_send(&(struct web_request){.target = "/readyz", .key = ""}), 200);
    answer = web_send(&(struct web_request){.target = "/conch/v1/openapi.json", .key = ""});
    web_expect(answer, 200);
    assert_string_equal(web_text(answer, "openapi"), "3.1.0");
    web_expect(web_get("/conch/v1/workers"), 200);
}

static void giving_up_is_for_jobs_nobody_knows_about(void **state)
{
    (void)state;
    int64_t id = submitted("");
    web_expect(web_post(job_path(id, "/give-up"), "{\"charge\":false}"), 409);
    web_expect(web_post(job_path(id, "/give-up"), "{}"), 400);
}

static void a_preview_is_not_there_until_there_is_one(void **state)
{
    (void)state;
    int64_t id = submitted("");
    web_expect(web_get(job_path(id, "/preview")), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        web_test(a_receiver_can_check_who_calls),
        web_test(a_job_is_made_shown_and_listed),
        web_test(a_field_nobody_knows_is_refused_by_name),
        web_test(what_is_not_allowed_names_field_value_and_what_is),
        web_test(the_same_idempotency_key_gives_the_same_bytes),
        web_test(an_idempotency_key_of_one_job_is_not_another_jobs),
        web_test(every_post_takes_an_idempotency_key),
        web_test(a_form_makes_a_job_as_json_does),
        web_test(a_body_that_is_no_form_is_no_upload),
        web_test(a_finished_job_shows_its_clip),
        web_test(the_clip_comes_whole_in_part_and_not_twice),
        web_test(a_signed_link_needs_no_key_and_cannot_be_bent),
        web_test(cancelling_deleting_and_restoring),
        web_test(review_says_yes_no_and_nothing),
        web_test(the_events_of_a_job_are_a_list_too),
        web_test(lists_have_pages_and_filters),
        web_test(another_accounts_job_is_not_there),
        web_test(ids_that_are_none_are_not_found),
        web_test(an_estimate_makes_nothing),
        web_test(models_can_be_found_by_every_name),
        web_test(a_file_goes_up_and_comes_down),
        web_test(a_form_without_a_file_is_refused),
        web_test(money_shows_in_account_and_statement),
        web_test(every_kind_of_money_can_be_granted_and_read_as_a_table),
        web_test(the_price_says_which_money_pays),
        web_test(usage_is_a_list_or_a_table),
        web_test(a_key_is_shown_once_and_can_be_revoked),
        web_test(keys_with_odd_wishes_are_refused),
        web_test(health_needs_no_key),
        web_test(giving_up_is_for_jobs_nobody_knows_about),
        web_test(a_preview_is_not_there_until_there_is_one),
    };
    return cmocka_run_group_tests_name("native", tests, NULL, NULL);
}
