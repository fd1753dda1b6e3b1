/* MiniMax's wire formats as their clients see them: recorded exchanges (tests/wire/minimax) played over a socket to the
 * real server with the real API and store. No worker runs: the exchanges say when a job starts, ends or fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/id.h"
#include "wire_world.h"

#define PLAY(name)                                                                                                     \
    static void name(void **state)                                                                                     \
    {                                                                                                                  \
        wire_world_play("minimax", #name);                                                                             \
    }
PLAY(v1_tasks)
PLAY(v1_refusals)
PLAY(v1_files)
PLAY(v1_offers)
PLAY(v2_tasks)
PLAY(v2_refusals)

static void callbacks_have_the_shape_of_the_query_and_their_moment(void **state)
{
    const struct api_submit submit = {.dialect = "minimax2",
                                      .model = "MiniMax-H3",
                                      .prompt = "a red ball",
                                      .resolution = "768P",
                                      .ratio = "16:9",
                                      .seconds = 5,
                                      .seed = -1};
    struct api_caller caller = {.origin = "http://conch.example"};
    struct api_once once = {0};
    struct api_job job;
    struct api_problem problem;
    struct buf body;
    char words[64];
    conch_error err = {0};
    assert_int_equal(api_authenticate(wire_world.api, wire_world.key, &caller, &problem), 0);
    if (api_job_submit(wire_world.api, &caller, &submit, &once, &job, &problem) < 0)
        fail_msg("%s", problem.text);
    snprintf(words, sizeof words, "finish %s", id_text(job.row.job.id).text);
    const int64_t id = job.row.job.id;
    api_job_finish(&job);
    assert_int_equal(wire_world_act(NULL, words), 0);
    assert_int_equal(api_job_show(wire_world.api, id, &job, &err), 0);

    buf_init(&body, 1 << 16);
    assert_int_equal(
        dialect_of_callback("minimax2")
            ->callback_body(wire_world.api, &job, "succeeded", "http://conch.example", clock_wall_ms(), &body, &err),
        0);
    assert_non_null(strstr(body.data, "\"status\":\"succeeded\""));
    assert_non_null(strstr(body.data, "\"content\":{\"url\":\"http://conch.example/files/"));
    buf_clear(&body);
    assert_int_equal(
        dialect_of_callback("minimax2")
            ->callback_body(wire_world.api, &job, "running", "http://conch.example", clock_wall_ms(), &body, &err),
        0);
    assert_non_null(strstr(body.data, "\"status\":\"running\""));
    assert_null(strstr(body.data, "http://conch.example"));
    buf_clear(&body);
    assert_int_equal(
        dialect_of_callback("minimax1")
            ->callback_body(wire_world.api, &job, "succeeded", "http://conch.example", clock_wall_ms(), &body, &err),
        0);
    assert_non_null(strstr(body.data, "\"status\":\"success\",\"file_id\":\""));
    buf_finish(&body);
    api_job_finish(&job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v1_tasks),
        cmocka_unit_test(v1_refusals),
        cmocka_unit_test(v1_files),
        cmocka_unit_test(v1_offers),
        cmocka_unit_test(v2_tasks),
        cmocka_unit_test(v2_refusals),
        cmocka_unit_test(callbacks_have_the_shape_of_the_query_and_their_moment),
    };
    return cmocka_run_group_tests_name("minimax_wire", tests, wire_world_open, wire_world_close);
}
