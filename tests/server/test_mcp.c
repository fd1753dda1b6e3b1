/* MCP's messages, tools and arguments, without a server. */
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
#include "server/dialect/mcp.h"

static void messages_are_json_rpc(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"{'jsonrpc':'2.0','id':1,'method':'ping'}", true},
        {"{'jsonrpc':'2.0','id':'a','method':'ping','params':{}}", true},
        {"{'jsonrpc':'2.0','method':'notifications/initialized'}", true},
        {"{'jsonrpc':'2.0','id':1,'result':{}}", true},
        {"{'jsonrpc':'1.0','id':1,'method':'ping'}", false},
        {"{'id':1,'method':'ping'}", false},
        {"{'jsonrpc':'2.0','id':null,'method':'ping'}", false},
        {"{'jsonrpc':'2.0','id':{},'method':'ping'}", false},
        {"{'jsonrpc':'2.0','id':1}", false},
        {"{'jsonrpc':'2.0','id':1,'method':'ping','params':[]}", false},
        {"[]", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mcp_message message;
        const char *why;
        json_t *json = json_of(rows[i].text);
        if (mcp_message_read(json, &message, &why) != rows[i].good)
            fail_msg("%s", rows[i].text);
        assert_int_equal(why == NULL, rows[i].good);
        json_decref(json);
    }
}

/* It is kept until the answer, in room of a fixed size. */
static void an_id_has_an_end(void **state)
{
    char text[400], id[300];
    struct mcp_message message;
    const char *why;
    memset(id, 'x', sizeof id);
    id[sizeof id - 1] = '\0';
    snprintf(text, sizeof text, "{'jsonrpc':'2.0','id':'%s','method':'ping'}", id);
    json_t *json = json_of(text);
    assert_false(mcp_message_read(json, &message, &why));
    json_decref(json);
}

static void versions_are_agreed_on(void **state)
{
    assert_string_equal(mcp_version("2025-03-26"), "2025-03-26");
    assert_string_equal(mcp_version("2030-01-01"), "2025-06-18");
    assert_string_equal(mcp_version(NULL), "2025-06-18");
}

/* A client refuses a list with a schema that is none. */
static void every_tool_is_described(void **state)
{
    json_error_t error;
    json_t *tools = json_loads(mcp_tools_json(), JSON_REJECT_DUPLICATES, &error);
    if (!tools)
        fail_msg("%s at %d", error.text, error.position);
    assert_int_equal(json_array_size(tools), MCP_TOOLS);
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i), *schema = json_object_get(tool, "inputSchema");
        const char *name = json_string_value(json_object_get(tool, "name"));
        const json_t *properties = json_object_get(schema, "properties");
        enum mcp_tool found;
        assert_true(mcp_tool_find(name, &found));
        assert_string_equal(json_string_value(json_object_get(schema, "type")), "object");
        for (size_t k = 0; k < json_array_size(json_object_get(schema, "required")); k++)
            assert_non_null(
                json_object_get(properties, json_string_value(json_array_get(json_object_get(schema, "required"), k))));
    }
    json_decref(tools);
}

/* What a schema names is taken; nothing else is. */
static void tools_take_what_their_schema_says(void **state)
{
    json_t *tools = json_loads(mcp_tools_json(), 0, NULL);
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);
        json_t *properties = json_object_get(json_object_get(tool, "inputSchema"), "properties"), *value;
        const char *key;
        enum mcp_tool which = MCP_GENERATE;
        mcp_tool_find(json_string_value(json_object_get(tool, "name")), &which);
        json_object_foreach(properties, key, value)
        {
            struct mcp_arguments arguments;
            struct api_problem problem = {0};
            json_t *given = json_pack("{s:n}", key);
            if (mcp_arguments_read(which, given, &arguments, &problem) < 0 && strstr(problem.text, "there is no field"))
                fail_msg("%s is not taken: %s", key, problem.text);
            mcp_arguments_finish(&arguments);
            json_decref(given);
        }
        struct mcp_arguments arguments;
        struct api_problem problem = {0};
        json_t *given = json_pack("{s:i}", "nonsense", 1);
        assert_int_equal(mcp_arguments_read(which, given, &arguments, &problem), -1);
        assert_non_null(strstr(problem.text, "nonsense"));
        mcp_arguments_finish(&arguments);
        json_decref(given);
    }
    json_decref(tools);
}

static void refused(enum mcp_tool tool, const char *text, const char *words)
{
    struct mcp_arguments arguments;
    struct api_problem problem = {0};
    json_t *given = json_of(text);
    if (mcp_arguments_read(tool, given, &arguments, &problem) == 0 || !strstr(problem.text, words))
        fail_msg("%s: '%s' should have said '%s'", text, problem.text, words);
    mcp_arguments_finish(&arguments);
    json_decref(given);
}

static void arguments_become_a_submit(void **state)
{
    struct mcp_arguments arguments;
    struct api_problem problem;
    json_t *given = json_of(
        "{'prompt':'x','firstFrameImage':'https://e.com/a','last_frame_image':'data:image/png;base64,A',"
        "'duration':'2','asyncMode':true,'promptOptimizer':false,'outputDirectory':'/tmp'}");
    assert_int_equal(mcp_arguments_read(MCP_GENERATE, given, &arguments, &problem), 0);
    assert_int_equal(arguments.submit.seconds, 2);
    assert_true(arguments.async);
    assert_int_equal(arguments.submit.optimizer, API_OFF);
    assert_int_equal(arguments.submit.media_count, 2);
    assert_int_equal(arguments.media[1].role, STORE_INPUT_LAST_FRAME);
    assert_string_equal(arguments.media[0].field, "first_frame_image");
    assert_int_equal(arguments.submit.seed, -1);
    mcp_arguments_finish(&arguments);
    json_decref(given);
}

static void what_is_missing_or_wrong_is_named(void **state)
{
    refused(MCP_GENERATE, "{}", "prompt is missing");
    refused(MCP_FROM_IMAGE, "{'prompt':'x'}", "first_frame_image is missing");
    refused(MCP_FROM_FRAMES, "{'first_frame_image':'https://e.com/a'}", "last_frame_image is missing");
    refused(MCP_GENERATE, "{'prompt':'x','first_frame_image':'/etc/passwd'}", "conch mcp");
    refused(MCP_GENERATE, "{'prompt':'x','duration':'long'}", "duration");
    refused(MCP_GENERATE, "{'prompt':'x','task_id':'1'}", "task_id");
    refused(MCP_GENERATE, "{'async_mode':true,'asyncMode':true,'prompt':'x'}", "given twice");
    refused(MCP_WAIT, "{}", "task_id is missing");
    refused(MCP_STATUS, "{'task_id':'abc'}", "task_id");
    refused(MCP_ESTIMATE, "{'prompt':'x','first_frame_image':'https://e.com/a'}", "first_frame_image");
    refused(MCP_GENERATE, "[]", "object");
}

static void an_estimate_names_the_money_that_pays(void **state)
{
    static const struct catalog_model model = {.slug = "minimax/hailuo-02"};
    static const struct catalog_output output = {.resolution = "768P"};
    static const struct {
        const char *purse;
        enum ledger_unit unit;
        int64_t amount;
        const char *text;
    } rows[] = {{"payg", LEDGER_MICROUSD, 280000, "costs 0.280000 USD here"},
                {"credits", LEDGER_MILLICREDIT, 25000, "costs 25.000 credits here"},
                {"package", LEDGER_MILLICREDIT, 700, "costs 0.700 units of a package here"},
                {NULL, LEDGER_MICROUSD, 0, "costs nothing here"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct api_estimate estimate = {.resolved = {.model = &model, .output = &output, .seconds = 6},
                                              .unit = rows[i].unit,
                                              .amount = rows[i].amount,
                                              .purse = rows[i].purse};
        struct buf buf;
        struct out out;
        buf_init(&buf, 1 << 16);
        out_init(&out, &buf, NULL);
        mcp_estimate_result(&out, &estimate);
        assert_int_equal(out_finish(&out), 0);
        assert_non_null(strstr(buf.data, rows[i].text));
        buf_finish(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_json_rpc),
        cmocka_unit_test(an_id_has_an_end),
        cmocka_unit_test(versions_are_agreed_on),
        cmocka_unit_test(every_tool_is_described),
        cmocka_unit_test(tools_take_what_their_schema_says),
        cmocka_unit_test(arguments_become_a_submit),
        cmocka_unit_test(what_is_missing_or_wrong_is_named),
        cmocka_unit_test(an_estimate_names_the_money_that_pays),
    };
    return cmocka_run_group_tests_name("mcp", tests, NULL, NULL);
}
