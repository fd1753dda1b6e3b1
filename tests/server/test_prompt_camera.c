/* Camera commands as people type them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "prompt_test.h"
#include "server/prompt/camera.h"

static struct camera_plan plan;

static const char *parse(const char *prompt)
{
    assert_int_equal(camera_parse(prompt, &plan, &text, &err), 0);
    return text.data ? text.data : "";
}

static const char *words_of(const char *prompt)
{
    assert_int_equal(prompt_camera_words(prompt, &text, &err), 0);
    return text.data ? text.data : "";
}

/* The provider's list, by hand. */
static void all_fifteen_commands_are_read_in_english_and_chinese(void **state)
{
    static const char *const list[][2] = {
        {"[Truck left]", "[左移]"},  {"[Truck right]", "[右移]"},   {"[Pan left]", "[左摇]"},
        {"[Pan right]", "[右摇]"},   {"[Push in]", "[推进]"},       {"[Pull out]", "[拉远]"},
        {"[Pedestal up]", "[上升]"}, {"[Pedestal down]", "[下降]"}, {"[Tilt up]", "[上摇]"},
        {"[Tilt down]", "[下摇]"},   {"[Zoom in]", "[变焦推近]"},   {"[Zoom out]", "[变焦拉远]"},
        {"[Shake]", "[晃动]"},       {"[Tracking shot]", "[跟随]"}, {"[Static shot]", "[固定]"},
    };
    assert_int_equal(ARRAY_LEN(list), CAMERA_MOVES);
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        for (size_t j = 0; j < 2; j++) {
            assert_string_equal(parse(list[i][j]), "");
            assert_int_equal(plan.group_count, 1);
            assert_int_equal(plan.groups[0].move_count, 1);
            assert_int_equal(plan.groups[0].moves[0], i);
        }
}

static void one_bracket_is_at_once_and_the_next_comes_after(void **state)
{
    assert_string_equal(parse("A man picks up a book [Pan left,Pedestal up], then reads [static SHOT]."),
                        "A man picks up a book, then reads.");
    assert_int_equal(plan.group_count, 2);
    assert_int_equal(plan.groups[0].move_count, 2);
    assert_int_equal(plan.groups[0].moves[0], CAMERA_PAN_LEFT);
    assert_int_equal(plan.groups[0].moves[1], CAMERA_PEDESTAL_UP);
    assert_int_equal(plan.groups[0].at, strlen("A man picks up a book"));
    assert_int_equal(plan.groups[1].moves[0], CAMERA_STATIC_SHOT);
    assert_string_equal(parse("［推进，左摇］海边"), "海边");
    assert_int_equal(plan.groups[0].move_count, 2);
    assert_string_equal(parse("【ＺＯＯＭ  ｉｎ、push in】x"), "x");
    assert_int_equal(plan.groups[0].move_count, 2);
}

static void push_out_is_pull_out(void **state)
{
    parse("[Push out]");
    assert_int_equal(plan.groups[0].moves[0], CAMERA_PULL_OUT);
}

static void other_brackets_stay_as_they_are(void **state)
{
    static const char *const texts[] = {
        "a [red] fox",       "[",        "]", "[]", "[,]", "a [Shot 1] b", "[Push in", "list[3] = [1, 2]",
        "[push\xc2\xa0ins]", "]Push in["};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_string_equal(parse(texts[i]), texts[i]);
        assert_int_equal(plan.group_count, 0);
        assert_int_equal(plan.unknown_count, 0);
        assert_string_equal(words_of(texts[i]), texts[i]);
    }
}

static void unknown_words_beside_a_command_are_reported(void **state)
{
    assert_string_equal(parse("[Push in, barrel roll] a fox"), "a fox");
    assert_int_equal(plan.unknown_count, 1);
    assert_string_equal(plan.unknown[0], "barrel roll");
    parse("[推进,一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十]");
    assert_int_equal(strlen(plan.unknown[0]), 63); /* 21 whole characters of 3 bytes */
}

static void a_bracket_inside_another_does_not_hide_a_command(void **state)
{
    assert_string_equal(parse("[[Push in]Pan left] x"), "x");
    assert_int_equal(plan.group_count, 2);
}

static void too_many_commands_are_refused(void **state)
{
    char many[CAMERA_GROUPS_MAX * 8 + 16] = "";
    for (int i = 0; i <= CAMERA_GROUPS_MAX; i++)
        strcat(many, "[Shake]");
    assert_int_equal(camera_parse(many, &plan, &text, &err), CONCH_ERR_LIMIT);
    assert_non_null(strstr(err.text, "32"));
    assert_int_equal(camera_parse("[左移,右移,左摇,右摇,推进,拉远,上升,下降,上摇]", &plan, &text, &err),
                     CONCH_ERR_LIMIT);
    assert_int_equal(camera_parse("[左移,左移,左移,左移,左移,左移,左移,左移,左移]", &plan, &text, &err), 0);
}

static void commands_become_a_sentence(void **state)
{
    assert_string_equal(words_of("A fox runs [Push in, Pan left] and stops [Static shot]"),
                        "A fox runs and stops. The camera pushes in while it pans left, then holds still.");
    assert_string_equal(words_of("[推进]海边，一个女孩"), "海边，一个女孩。镜头推进。");
    assert_string_equal(words_of("[Shake]"), "The camera shakes.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_fifteen_commands_are_read_in_english_and_chinese),
        cmocka_unit_test(one_bracket_is_at_once_and_the_next_comes_after),
        cmocka_unit_test(push_out_is_pull_out),
        cmocka_unit_test(other_brackets_stay_as_they_are),
        cmocka_unit_test(unknown_words_beside_a_command_are_reported),
        cmocka_unit_test(a_bracket_inside_another_does_not_hide_a_command),
        cmocka_unit_test(too_many_commands_are_refused),
        cmocka_unit_test(commands_become_a_sentence),
    };
    return cmocka_run_group_tests(tests, text_open, text_close);
}
