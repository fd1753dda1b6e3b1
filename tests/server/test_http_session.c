/* Sessions of browsers: what the cookie is worth, what must come with it, and when it is over. */
#include "base/base.h"
#include "web.h"

#define SESSION "/conch/v1/session"

static char cookie[1024], csrf[80];

static struct web_answer *open_session(const char *body)
{
    struct web_answer *answer = web_send(
        &(struct web_request){.method = HTTP_POST, .target = SESSION, .key = "", .body = body});
    const char *set = http_response_field(&answer->response, "Set-Cookie");
    if (answer->status == 200) {
        assert_non_null(set);
        snprintf(cookie, sizeof cookie, "other=1; %.*s", (int)strcspn(set, ";"), set);
        snprintf(csrf, sizeof csrf, "%s", web_text(answer, "csrf"));
    } else {
        assert_null(set);
    }
    return answer;
}

static struct web_answer *signed_in(void)
{
    struct web_answer *answer = open_session("{\"key\": \"" WEB_KEY "\"}");
    web_expect(answer, 200);
    return answer;
}

/* A request with the cookie; headers end with a NULL name. */
static struct web_answer *by_cookie(enum http_method method, const char *target, const struct http_field *headers)
{
    struct web_request request = {.method = method, .target = target, .key = "", .headers = {{"Cookie", cookie}}};
    for (size_t i = 0; headers && headers[i].name; i++)
        request.headers[i + 1] = headers[i];
    return web_send(&request);
}

static struct web_answer *with_proof(enum http_method method, const char *target)
{
    return by_cookie(method, target, (struct http_field[]){{"X-CSRF-Token", csrf}, {NULL, NULL}});
}

static void a_key_becomes_a_cookie_that_scripts_cannot_read(void **state)
{
    (void)state;
    struct web_answer *answer = signed_in();
    const char *set = http_response_field(&answer->response, "Set-Cookie");
    assert_non_null(strstr(set, "; HttpOnly"));
    assert_non_null(strstr(set, "; SameSite=Strict"));
    assert_non_null(strstr(set, "; Path=/;"));
    assert_null(strstr(set, "Secure")); /* http://conch.test */
    assert_null(strstr(set, WEB_KEY));
    assert_string_equal(http_response_field(&answer->response, "Cache-Control"), "no-store");
    assert_non_null(web_value(answer, "key.scopes"));
    web_expect(by_cookie(HTTP_GET, "/conch/v1/account", NULL), 200);
}

static void wrong_keys_and_bodies_open_nothing(void **state)
{
    (void)state;
    web_expect(open_session("{\"key\": \"ck_wrong\"}"), 401);
    web_expect(open_session("{}"), 400);
    web_expect(open_session("{\"key\": \"a\", \"link\": \"b\"}"), 400);
    web_expect(open_session("{\"keys\": \"a\"}"), 400);
    web_expect(open_session("{\"link\": \"bm9uc2Vuc2U\"}"), 401);
    web_expect(by_cookie(HTTP_GET, "/conch/v1/account", NULL), 401);
}

static void without_a_session_there_is_none_and_no_error(void **state)
{
    (void)state;
    struct web_answer *answer = web_send(&(struct web_request){.target = SESSION, .key = ""});
    web_expect(answer, 200);
    assert_true(json_is_null(web_value(answer, "key")));
    signed_in();
    answer = by_cookie(HTTP_GET, SESSION, NULL);
    web_expect(answer, 200);
    assert_string_equal(web_text(answer, "csrf"), csrf);
    assert_null(http_response_field(&answer->response, "Set-Cookie")); /* young ones are not renewed */
}

static void what_changes_something_needs_the_proof(void **state)
{
    static const char body[] = "{\"scopes\": [\"read\"]}";
    (void)state;
    signed_in();
    struct web_request request = {
        .method = HTTP_POST, .target = "/conch/v1/keys", .key = "", .body = body, .headers = {{"Cookie", cookie}}};
    web_expect(web_send(&request), 403);
    request.headers[1] = (struct http_field){"X-CSRF-Token", "00"};
    web_expect(web_send(&request), 403);
    request.headers[1].value = csrf;
    web_expect(web_send(&request), 201);
}

static void pages_of_other_sites_are_refused(void **state)
{
    static const struct row {
        const char *name, *value;
        int status;
    } rows[] = {
        {"Sec-Fetch-Site", "cross-site", 403},
        {"Sec-Fetch-Site", "same-site", 403},
        {"Sec-Fetch-Site", "same-origin", 200},
        {"Origin", "http://evil.test", 403},
        {"Origin", "null", 403},
        {"Origin", WEB_ORIGIN, 200},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        web_expect(web_send(&(struct web_request){.method = HTTP_POST,
                                                  .target = SESSION,
                                                  .key = "",
                                                  .body = "{\"key\": \"" WEB_KEY "\"}",
                                                  .headers = {{row->name, row->value}}}),
                   row->status);
        signed_in();
        web_expect(by_cookie(HTTP_DELETE, SESSION,
                             (struct http_field[]){{"X-CSRF-Token", csrf}, {row->name, row->value}, {NULL, NULL}}),
                   row->status);
    }
}

static void a_key_in_the_request_needs_no_proof(void **state)
{
    (void)state;
    signed_in();
    web_expect(web_send(&(struct web_request){.method = HTTP_POST,
                                              .target = "/conch/v1/keys",
                                              .body = "{}",
                                              .headers = {{"Cookie", cookie}, {"Origin", "http://evil.test"}}}),
               201);
}

static void a_revoked_key_ends_its_sessions(void **state)
{
    char body[200];
    (void)state;
    const char *key = web_key(0, 0);
    snprintf(body, sizeof body, "{\"key\": \"%s\"}", key);
    struct web_answer *answer = open_session(body);
    web_expect(answer, 200);
    char target[80];
    snprintf(target, sizeof target, "/conch/v1/keys/%s", web_text(answer, "key.id"));
    web_expect(by_cookie(HTTP_GET, "/conch/v1/account", NULL), 200);
    web_expect(web_send(&(struct web_request){.method = HTTP_DELETE, .target = target}), 200);
    web_expect(by_cookie(HTTP_GET, "/conch/v1/account", NULL), 401);
    answer = by_cookie(HTTP_GET, SESSION, NULL);
    web_expect(answer, 200);
    assert_true(json_is_null(web_value(answer, "key")));
}

/* The server again, on the same store. */
static void restart(void)
{
    conch_error err = {0};
    struct http_app *app = NULL, *old = web.app;
    if (http_app_create(&app, &(struct http_app_settings){web.api, web.store, &web.config, NULL, NULL}, &err) < 0)
        fail_msg("%s", err.text);
    __atomic_store_n(&web.app, app, __ATOMIC_RELEASE); /* the writer's thread wakes it */
    web.embedder = http_app_embedder(app);
    http_app_close(old, 1000);
}

static void signing_out_ends_copies_of_the_cookie_too(void **state)
{
    (void)state;
    signed_in();
    struct web_answer *answer = with_proof(HTTP_DELETE, SESSION);
    web_expect(answer, 200);
    assert_non_null(strstr(http_response_field(&answer->response, "Set-Cookie"), "Max-Age=0"));
    web_expect(by_cookie(HTTP_GET, "/conch/v1/account", NULL), 401);
    restart();
    web_expect(by_cookie(HTTP_GET, "/conch/v1/account", NULL), 401);
}

static void a_session_outlives_a_restart(void **state)
{
    (void)state;
    signed_in();
    restart();
    web_expect(by_cookie(HTTP_GET, "/conch/v1/account", NULL), 200);
    web_expect(with_proof(HTTP_POST, "/conch/v1/keys"), 201);
}

static void a_cookie_that_was_changed_is_worth_nothing(void **state)
{
    (void)state;
    signed_in();
    for (size_t i = strlen("other=1; conch_12345678="); i < strlen(cookie); i += 17) {
        char *at = cookie + i;
        const char was = *at;
        *at = was == 'A' ? 'B' : 'A';
        web_expect(by_cookie(HTTP_GET, "/conch/v1/account", NULL), 401);
        *at = was;
    }
    char *value = strstr(cookie, "conch_");
    memset(cookie, ' ', (size_t)(value - cookie));
    web_expect(by_cookie(HTTP_GET, "/conch/v1/account", NULL), 200);
    value[0] = 'x';
    web_expect(by_cookie(HTTP_GET, "/conch/v1/account", NULL), 401);
}

static void a_sign_in_link_works_once(void **state)
{
    char body[1200];
    (void)state;
    struct web_answer *answer = web_post(SESSION "/links", "");
    web_expect(answer, 201);
    const char *link = web_text(answer, "url");
    assert_memory_equal(link, WEB_ORIGIN "/#signin=", strlen(WEB_ORIGIN "/#signin="));
    snprintf(body, sizeof body, "{\"link\": \"%s\"}", strchr(link, '=') + 1);
    web_expect(open_session(body), 200);
    web_expect(by_cookie(HTTP_GET, "/conch/v1/account", NULL), 200);
    restart();
    web_expect(open_session(body), 401);
    web_expect(web_send(&(struct web_request){.method = HTTP_POST, .target = SESSION "/links", .key = ""}), 401);
}

/* A sealed link is no cookie, though the same secret made both. */
static void a_link_is_no_session(void **state)
{
    (void)state;
    struct web_answer *answer = web_post(SESSION "/links", "");
    char link[700];
    snprintf(link, sizeof link, "%s", strchr(web_text(answer, "url"), '=') + 1);
    signed_in();
    char *value = strchr(strstr(cookie, "conch_"), '=') + 1;
    const size_t room = sizeof cookie - (size_t)(value - cookie);
    assert_true(strlen(link) < room);
    memcpy(value, link, strlen(link) + 1);
    web_expect(by_cookie(HTTP_GET, "/conch/v1/account", NULL), 401);
}

static void places_of_the_studio_are_its_one_page(void **state)
{
    static const struct static_file site[] = {
        {"/index.html", "text/html; charset=utf-8", "<p>studio", 9, NULL, 0, "e1"}, {0}};
    struct http_request request = {.method = HTTP_GET, .path = "/studio/jobs/17", .target = "/studio/jobs/17"};
    struct http_response response;
    (void)state;
    http_response_init(&response, 1 << 16);
    assert_true(static_answer(site, &request, &response));
    assert_int_equal(response.status, 200);
    assert_memory_equal(response.body.data, "<p>studio", 9);
    http_response_reset(&response);
    request.path = "/studios";
    assert_false(static_answer(site, &request, &response));
    http_response_finish(&response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        web_test(a_key_becomes_a_cookie_that_scripts_cannot_read),
        web_test(wrong_keys_and_bodies_open_nothing),
        web_test(without_a_session_there_is_none_and_no_error),
        web_test(what_changes_something_needs_the_proof),
        web_test(pages_of_other_sites_are_refused),
        web_test(a_key_in_the_request_needs_no_proof),
        web_test(a_revoked_key_ends_its_sessions),
        web_test(signing_out_ends_copies_of_the_cookie_too),
        web_test(a_session_outlives_a_restart),
        web_test(a_cookie_that_was_changed_is_worth_nothing),
        web_test(a_sign_in_link_works_once),
        web_test(a_link_is_no_session),
        cmocka_unit_test(places_of_the_studio_are_its_one_page),
    };
    return cmocka_run_group_tests_name("browser sessions", tests, NULL, NULL);
}
