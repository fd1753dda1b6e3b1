/* What server/http does for every dialect: keys, words of refusals, headers, limits, counters. */
#include "server/http/app.h"
#include "web.h"

#define JOBS "/conch/v1/jobs"

static const char *field(const struct web_answer *answer, const char *name)
{
    const char *value = http_response_field(&answer->response, name);
    return value ? value : "";
}

/* ---- keys ---- */

static void a_key_comes_in_three_headers_and_never_in_the_address(void **state)
{
    (void)state;
    struct web_request request = {.target = JOBS, .key = ""};
    web_expect(web_send(&request), 401);
    static const struct http_field good[] = {{"Authorization", "Bearer " WEB_KEY},
                                             {"authorization", "bearer  " WEB_KEY " "},
                                             {"Authorization", "Key " WEB_KEY},
                                             {"X-Api-Key", WEB_KEY}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        request.headers[0] = good[i];
        web_expect(web_send(&request), 200);
    }
    static const struct http_field bad[] = {{"Authorization", WEB_KEY},
                                            {"Authorization", "Basic " WEB_KEY},
                                            {"Authorization", "Bearer wrong-key-of-the-tests"},
                                            {"Authorization", "Bearer "},
                                            {"X-Api-Key", ""}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        request.headers[0] = bad[i];
        struct web_answer *answer = web_send(&request);
        web_expect(answer, 401);
        assert_string_equal(web_text(answer, "error.code"), "unauthorized");
    }
    web_expect(web_send(&(struct web_request){.target = JOBS "?key=" WEB_KEY "&api_key=" WEB_KEY, .key = ""}), 401);
}

static void a_key_is_looked_at_before_the_body(void **state)
{
    (void)state;
    struct web_answer *answer = web_send(
        &(struct web_request){.method = HTTP_POST, .target = JOBS, .key = "wrong-key-of-the-tests", .body = "{}"});
    web_expect(answer, 401);
    assert_true(answer->refused);
    answer = web_post(JOBS, "{}");
    assert_false(answer->refused);
    assert_int_equal(answer->body_bytes_max, 1 << 20);
    answer = web_post("/conch/v1/accounts", "{}");
    assert_int_equal(answer->body_bytes_max, 64 << 10);
}

/* ---- what is not there ---- */

static void what_is_not_there_is_refused_in_the_dialects_own_words(void **state)
{
    (void)state;
    struct web_answer *answer = web_get("/conch/v1/nothing");
    web_expect(answer, 404);
    assert_string_equal(web_text(answer, "error.code"), "not_found");
    answer = web_get("/somewhere/else");
    web_expect(answer, 404);
    assert_string_equal(web_text(answer, "error.code"), "not_found");
    answer = web_get("/v1/query/nothing");
    assert_non_null(web_value(answer, "base_resp.status_code"));
    answer = web_get("/v2/nothing");
    assert_null(web_value(answer, "base_resp"));
    assert_string_not_equal(web_text(answer, "error.code"), "not_found"); /* our own word for it */
}

static void another_method_is_told_which_there_are(void **state)
{
    (void)state;
    struct web_answer *answer = web_send(&(struct web_request){.method = HTTP_PUT, .target = JOBS});
    web_expect(answer, 405);
    assert_string_equal(field(answer, "Allow"), "GET, HEAD, POST");
    assert_string_equal(web_text(answer, "error.code"), "method_not_allowed");
    answer = web_send(&(struct web_request){.method = HTTP_OTHER, .target = "/healthz"});
    web_expect(answer, 405);
    answer = web_send(&(struct web_request){.method = HTTP_OPTIONS, .target = JOBS, .key = ""});
    web_expect(answer, 204);
    assert_string_equal(field(answer, "Allow"), "GET, HEAD, POST");
}

static void head_is_answered_as_get(void **state)
{
    (void)state;
    web_expect(web_send(&(struct web_request){.method = HTTP_HEAD, .target = JOBS}), 200);
    web_expect(web_send(&(struct web_request){.method = HTTP_HEAD, .target = "/"}), 200);
}

/* ---- headers ---- */

static void every_answer_has_its_id_and_keeps_browsers_tame(void **state)
{
    static const char *const targets[] = {JOBS, "/conch/v1/nothing", "/healthz", "/", JOBS "/1"};
    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        struct web_answer *answer = web_get(targets[i]);
        assert_string_equal(field(answer, "X-Request-Id"), "0123456789abcdef0123456789abcdef");
        assert_string_equal(field(answer, "X-Content-Type-Options"), "nosniff");
        assert_non_null(strstr(field(answer, "Content-Security-Policy"), "frame-ancestors 'none'"));
        if (strcmp(targets[i], "/") != 0)
            assert_non_null(strstr(field(answer, "Content-Security-Policy"), "default-src 'none'"));
        assert_string_equal(field(answer, "Access-Control-Allow-Origin"), "");
    }
}

static void pages_of_configured_origins_may_call(void **state)
{
    struct web_request request = {.target = JOBS, .headers = {{"Origin", "https://app.example"}}};
    (void)state;
    struct web_answer *answer = web_send(&request);
    assert_string_equal(field(answer, "Access-Control-Allow-Origin"), "https://app.example");
    assert_string_equal(field(answer, "Vary"), "Origin");
    request.headers[0].value = "https://evil.example";
    answer = web_send(&request);
    web_expect(answer, 200); /* the page cannot read it */
    assert_string_equal(field(answer, "Access-Control-Allow-Origin"), "");
    request = (struct web_request){
        .method = HTTP_OPTIONS,
        .target = JOBS,
        .key = "",
        .headers = {{"Origin", "https://app.example"}, {"Access-Control-Request-Method", "POST"}}};
    answer = web_send(&request);
    web_expect(answer, 204);
    assert_non_null(strstr(field(answer, "Access-Control-Allow-Methods"), "POST"));
    assert_non_null(strstr(field(answer, "Access-Control-Allow-Headers"), "Authorization"));
    request.headers[0].value = "https://evil.example";
    answer = web_send(&request);
    assert_string_equal(field(answer, "Access-Control-Allow-Methods"), "");
    assert_string_equal(field(answer, "Access-Control-Allow-Origin"), "");
}

/* ---- what the server itself refuses ---- */

static void what_the_server_refuses_has_the_dialects_words_too(void **state)
{
    static const struct {
        enum http_refuse_kind kind;
        int status;
        const char *code;
    } rows[] = {{HTTP_REFUSE_BODY_TOO_LARGE, 413, "too_large"},
                {HTTP_REFUSE_BUSY, 503, "busy"},
                {HTTP_REFUSE_BAD_REQUEST, 400, "invalid"},
                {HTTP_REFUSE_TOO_MANY, 431, "headers_too_large"},
                {HTTP_REFUSE_TIMEOUT, 408, "timeout"},
                {HTTP_REFUSE_DISKFULL, 507, "disk_full"},
                {HTTP_REFUSE_STOPPING, 503, "busy"},
                {HTTP_REFUSE_INTERNAL, 500, "internal"}};
    struct http_request head = {.method = HTTP_POST,
                                .path = JOBS,
                                .target = JOBS,
                                .origin = WEB_ORIGIN,
                                .address = "127.0.0.1",
                                .id = "0123456789abcdef0123456789abcdef"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_response response;
        struct http_refusal refusal = {rows[i].kind, rows[i].status, 1000, rows[i].status == 503 ? 2 : 0, "because"};
        http_response_init(&response, 1 << 20);
        web.embedder.refuse(web.embedder.context, &head, &refusal, &response);
        assert_int_equal(response.status, rows[i].status);
        assert_non_null(strstr(response.body.data, rows[i].code));
        assert_non_null(strstr(response.body.data, "because"));
        const char *wait = http_response_field(&response, "Retry-After");
        assert_true(rows[i].status == 503 ? strcmp(wait, "2") == 0 : wait == NULL);
        http_response_finish(&response);
    }
    struct http_response response;
    head.path = head.target = "/v1/video_generation";
    http_response_init(&response, 1 << 20);
    web.embedder.refuse(web.embedder.context, &head,
                        &(struct http_refusal){HTTP_REFUSE_BODY_TOO_LARGE, 413, 1000, 0, "too long"}, &response);
    assert_non_null(strstr(response.body.data, "base_resp"));
    http_response_finish(&response);
}

static void a_key_may_change_so_much_a_minute_and_look_as_often_as_it_likes(void **state)
{
    (void)state;
    web.config.limits.requests_per_minute_per_key = 3;
    const char *key = web_key(1 | 2, 0); /* generate, read */
    struct web_request request = {
        .method = HTTP_POST, .target = "/conch/v1/estimate", .key = key, .body = "{\"prompt\":\"a cube\"}"};
    struct web_answer *answer = NULL;
    for (int i = 0; i < 10 && (!answer || answer->status == 200); i++)
        answer = web_send(&request);
    web_expect(answer, 429);
    assert_true(answer->refused);
    assert_true(atoi(field(answer, "Retry-After")) >= 1);
    assert_string_equal(web_text(answer, "error.code"), "rate_limit");
    assert_int_equal(web_number(answer, "error.retry_after"), atoi(field(answer, "Retry-After")));
    for (int i = 0; i < 10; i++)
        web_expect(web_send(&(struct web_request){.target = JOBS, .key = key}), 200);
}

/* ---- metrics ---- */

static void metrics_count_what_was_answered(void **state)
{
    (void)state;
    web_get(JOBS);
    web_get(JOBS "/1");
    struct web_answer *answer = web_send(&(struct web_request){.target = "/metrics", .key = ""});
    web_expect(answer, 200);
    const char *text = answer->response.body.data;
    assert_non_null(strstr(text, "conch_http_requests_total{dialect=\"conch\",method=\"GET\",route=\"/conch/v1/jobs\","
                                 "status=\"200\"} 1\n"));
    assert_non_null(strstr(text, "route=\"/conch/v1/jobs/{id}\",status=\"404\"} 1\n"));
    assert_non_null(strstr(text, "conch_http_request_duration_seconds_bucket{dialect=\"conch\",method=\"GET\","
                                 "route=\"/conch/v1/jobs\",le=\"0.00025\"} 1\n"));
    assert_non_null(strstr(text, "# TYPE conch_http_event_streams gauge\n"));
}

static void metrics_are_for_this_machine_and_admins(void **state)
{
    (void)state;
    struct web_request request = {.target = "/metrics", .key = "", .address = "192.0.2.7"};
    web_expect(web_send(&request), 401);
    request.key = web_key(2, 0);
    web_expect(web_send(&request), 403);
    request.key = NULL;
    web_expect(web_send(&request), 200);
    /* a proxy on this machine forwards for others */
    request = (struct web_request){.target = "/metrics", .key = "", .headers = {{"X-Forwarded-For", "192.0.2.7"}}};
    web_expect(web_send(&request), 401);
    request = (struct web_request){.target = "/metrics", .key = "", .address = "::1"};
    web_expect(web_send(&request), 200);
}

static void a_link_from_elsewhere_goes_to_the_callers_origin(void **state)
{
    (void)state;
    struct web_answer *answer = web_post(JOBS, "{\"model\":\"conch/tiny\",\"prompt\":\"a red ball\"}");
    web_expect(answer, 201);
    assert_int_equal(strncmp(web_text(answer, "links.self"), WEB_ORIGIN "/conch/v1/jobs/", strlen(WEB_ORIGIN) + 15), 0);
}

/* ---- the table and its description ---- */

static const char *const method_names[] = {"get", "head", "post", "put", "patch", "delete", "options"};

static json_t *description(void)
{
    char path[512];
    const char *root = getenv("CONCH_TEST_ROOT");
    snprintf(path, sizeof path, "%s/docs/api/openapi.json", root ? root : ".");
    json_t *document = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    return document;
}

static bool has_route(const char *path, const char *method)
{
    const struct dialect *const dialects[] = {&dialect_conch, &app_dialect /* server/http's own */};
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < dialects[k]->route_count; i++)
            if (strcmp(dialects[k]->routes[i].pattern, path) == 0 &&
                strcmp(method_names[dialects[k]->routes[i].method], method) == 0)
                return true;
    return false;
}

static void every_route_is_described_and_every_description_is_a_route(void **state)
{
    json_t *document = description(), *item, *operation;
    const json_t *paths = json_object_get(document, "paths");
    const char *path, *method;
    (void)state;
    for (size_t i = 0; i < dialect_conch.route_count; i++) {
        const struct dialect_route *route = &dialect_conch.routes[i];
        if (!json_object_get(json_object_get(paths, route->pattern), method_names[route->method]))
            fail_msg("%s %s is not described", method_names[route->method], route->pattern);
    }
    json_object_foreach((json_t *)paths, path, item)
    {
        json_object_foreach(item, method, operation)
        {
            if (!has_route(path, method))
                fail_msg("%s %s is described and not there", method, path);
        }
    }
    json_decref(document);
}

/* Scopes, open routes, bodies and Idempotency-Key are told as they are. */
static void the_description_tells_scopes_and_bodies(void **state)
{
    static const char *const scopes[] = {"generate", "read", "usage", "keys", "admin"};
    json_t *document = description();
    char words[64];
    (void)state;
    for (size_t i = 0; i < dialect_conch.route_count; i++) {
        const struct dialect_route *route = &dialect_conch.routes[i];
        const json_t *operation = json_object_get(json_object_get(json_object_get(document, "paths"), route->pattern),
                                                  method_names[route->method]);
        const char *text = json_string_value(json_object_get(operation, "description"));
        bool open = json_array_size(json_object_get(operation, "security")) == 0 &&
                    json_object_get(operation, "security");
        assert_int_equal(open, (route->flags & DIALECT_OPEN) != 0);
        for (int k = 0; k < 5; k++) {
            snprintf(words, sizeof words, "Scope: %s.", scopes[k]);
            if ((route->scope == 1u << k) != (text && strstr(text, words)))
                fail_msg("%s: %s", route->pattern, text ? text : "no description");
        }
        const json_t *content = json_object_get(json_object_get(operation, "requestBody"), "content");
        bool json = route->body == DIALECT_BODY_JSON || route->body == DIALECT_BODY_BOTH;
        bool form = route->body == DIALECT_BODY_FORM || route->body == DIALECT_BODY_BOTH;
        assert_int_equal(json_object_get(content, "application/json") != NULL, json);
        assert_int_equal(json_object_get(content, "multipart/form-data") != NULL, form);
    }
    json_decref(document);
}

static void the_description_that_is_served_is_the_one_in_docs(void **state)
{
    (void)state;
    json_t *document = description();
    struct web_answer *answer = web_get("/conch/v1/openapi.json");
    assert_true(json_equal(document, answer->json));
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        web_test(a_key_comes_in_three_headers_and_never_in_the_address),
        web_test(a_key_is_looked_at_before_the_body),
        web_test(what_is_not_there_is_refused_in_the_dialects_own_words),
        web_test(another_method_is_told_which_there_are),
        web_test(head_is_answered_as_get),
        web_test(every_answer_has_its_id_and_keeps_browsers_tame),
        web_test(pages_of_configured_origins_may_call),
        web_test(what_the_server_refuses_has_the_dialects_words_too),
        web_test(a_key_may_change_so_much_a_minute_and_look_as_often_as_it_likes),
        web_test(metrics_count_what_was_answered),
        web_test(metrics_are_for_this_machine_and_admins),
        web_test(a_link_from_elsewhere_goes_to_the_callers_origin),
        cmocka_unit_test(every_route_is_described_and_every_description_is_a_route),
        cmocka_unit_test(the_description_tells_scopes_and_bodies),
        web_test(the_description_that_is_served_is_the_one_in_docs),
    };
    return cmocka_run_group_tests_name("http_app", tests, NULL, NULL);
}
