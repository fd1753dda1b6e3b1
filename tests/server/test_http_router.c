#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/http/router.h"

static int nothing(struct dialect_call *call)
{
    (void)call;
    return 0;
}

#define ROW(method, pattern)                                                                                           \
    {                                                                                                                  \
        method, pattern, 0, 0, DIALECT_BODY_NONE, DIALECT_SIZE_SMALL, nothing                                          \
    }
static const struct dialect_route first_routes[] = {
    ROW(HTTP_GET, "/jobs"),           ROW(HTTP_POST, "/jobs"),
    ROW(HTTP_GET, "/jobs/{id}"),      ROW(HTTP_GET, "/jobs/newest"),
    ROW(HTTP_DELETE, "/jobs/{id}"),   ROW(HTTP_GET, "/jobs/{id}/events"),
    ROW(HTTP_GET, "/jobs/newest/at"), ROW(HTTP_GET, "/models/{provider}/{name}"),
};
static const struct dialect_route second_routes[] = {ROW(HTTP_GET, "/v1/files"), ROW(HTTP_PUT, "/jobs")};
static const char *const all[] = {"", NULL}, *const some[] = {"/v1/", "/v1/files", NULL}, *const v2[] = {"/v2/", NULL};
static const struct dialect first = {.name = "first", .prefixes = all, .routes = first_routes, .route_count = 8};
static const struct dialect second = {.name = "second", .prefixes = some, .routes = second_routes, .route_count = 2};
static const struct dialect third = {.name = "third", .prefixes = v2};
static const struct dialect *const dialects[] = {&first, &second, &third};

static struct router *router;

static int setup(void **state)
{
    (void)state;
    return router_create(&router, dialects, 3, NULL);
}

static int teardown(void **state)
{
    (void)state;
    router_destroy(router);
    return 0;
}

static const char *found(enum http_method method, const char *path, struct router_match *match)
{
    router_find(router, method, path, match);
    return match->row ? match->row->route->pattern : NULL;
}

static void text_goes_before_names(void **state)
{
    struct router_match match;
    (void)state;
    assert_string_equal(found(HTTP_GET, "/jobs/newest", &match), "/jobs/newest");
    assert_int_equal(match.parameter_count, 0);
    assert_string_equal(found(HTTP_GET, "/jobs/newer", &match), "/jobs/{id}");
    assert_string_equal(match.parameters[0].name, "id");
    assert_string_equal(match.parameters[0].value, "newer");
}

static void where_text_leads_nowhere_the_name_is_tried(void **state)
{
    struct router_match match;
    (void)state;
    assert_string_equal(found(HTTP_GET, "/jobs/newest/events", &match), "/jobs/{id}/events");
    assert_string_equal(match.parameters[0].value, "newest");
    assert_string_equal(found(HTTP_GET, "/jobs/newest/at", &match), "/jobs/newest/at");
    /* only {id} has DELETE */
    assert_string_equal(found(HTTP_DELETE, "/jobs/newest", &match), "/jobs/{id}");
}

static void several_names_come_in_order(void **state)
{
    struct router_match match;
    (void)state;
    assert_string_equal(found(HTTP_GET, "/models/conch/tiny", &match), "/models/{provider}/{name}");
    assert_int_equal(match.parameter_count, 2);
    assert_string_equal(match.parameters[0].value, "conch");
    assert_string_equal(match.parameters[1].name, "name");
    assert_string_equal(match.parameters[1].value, "tiny");
}

static void other_methods_are_told(void **state)
{
    struct router_match match;
    char allow[80];
    (void)state;
    assert_null(found(HTTP_PATCH, "/jobs", &match));
    router_allow(match.methods, allow, sizeof allow);
    assert_string_equal(allow, "GET, HEAD, POST, PUT"); /* of both dialects */
    assert_null(found(HTTP_OTHER, "/jobs/1", &match));
    router_allow(match.methods, allow, sizeof allow);
    assert_string_equal(allow, "GET, HEAD, DELETE");
}

static void head_is_answered_by_get(void **state)
{
    struct router_match match;
    (void)state;
    assert_string_equal(found(HTTP_HEAD, "/jobs/7", &match), "/jobs/{id}");
}

static void what_is_not_there_has_no_methods(void **state)
{
    static const char *const paths[] = {"/",
                                        "/job",
                                        "/jobs/",
                                        "/jobs//events",
                                        "/jobs/1/events/2",
                                        "/v1",
                                        "//jobs",
                                        "/1/2/3/4/5/6/7/8/9/10/11/12/13/14",
                                        "/jobs/1/"};
    struct router_match match;
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_null(found(HTTP_GET, paths[i], &match));
        assert_int_equal(match.methods, 0);
    }
}

static void a_name_as_long_as_a_path_is_refused_rather_than_cut(void **state)
{
    struct router_match match;
    char path[ROUTER_TEXT_BYTES + 32] = "/jobs/";
    (void)state;
    memset(path + 6, 'a', ROUTER_TEXT_BYTES);
    assert_null(found(HTTP_GET, path, &match));
}

static void the_longest_prefix_owns_a_path(void **state)
{
    (void)state;
    assert_ptr_equal(router_owner(router, "/anything"), &first);
    assert_ptr_equal(router_owner(router, "/v1/what"), &second);
    assert_ptr_equal(router_owner(router, "/v1/files/1"), &second);
    assert_ptr_equal(router_owner(router, "/v10/what"), &first);
    assert_ptr_equal(router_owner(router, "/v2/query"), &third);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_goes_before_names),
        cmocka_unit_test(where_text_leads_nowhere_the_name_is_tried),
        cmocka_unit_test(several_names_come_in_order),
        cmocka_unit_test(other_methods_are_told),
        cmocka_unit_test(head_is_answered_by_get),
        cmocka_unit_test(what_is_not_there_has_no_methods),
        cmocka_unit_test(a_name_as_long_as_a_path_is_refused_rather_than_cut),
        cmocka_unit_test(the_longest_prefix_owns_a_path),
    };
    return cmocka_run_group_tests_name("router", tests, setup, teardown);
}
