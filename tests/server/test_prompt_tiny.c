/* What conch/tiny is given for prompts of every sort. */
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

static const char *tiny(const char *prompt)
{
    return expand((struct prompt_expand_request){.family = PROMPT_FAMILY_TINY, .text = prompt});
}

static bool noted(const char *part)
{
    for (size_t i = 0; i < notes.count; i++)
        if (strstr(notes.notes[i].text, part))
            return true;
    return false;
}

/* Prompts that leave nothing open, so that no choice is in the answer. */
static void prompts_are_said_in_the_words_of_the_model(void **state)
{
    static const char *const rows[][2] = {
        {"Let a small red ball fall and bounce on the beach in bright daylight",
         "a small red ball falls and bounces on the sand on a sunny day"},
        {"In bright daylight, a big yellow ball is rolling on a green lawn, moving to the right",
         "a big yellow ball rolls to the right on the grass on a sunny day"},
        {"A cube, blue and large, slides towards the left on the pavement under the stars",
         "a big blue cube slides to the left on the stone floor at night"},
        {"A large violet sphere rolls on the snow under a clear blue sky from right to left",
         "a big purple ball rolls to the left on the snow on a sunny day"},
        {"See how the small snow-white ball rolls left on the lawn at sunset",
         "a small white ball rolls to the left on the grass at sunset"},
        {"Somebody threw a small crimson sphere: it flies to the right, on the snowy field, in bright daylight",
         "a small red ball flies through the air to the right over the snow on a sunny day"},
        {"An orange ball and a blue crate crash into each other on the street at dusk",
         "an orange ball and a blue cube collide on the stone floor at sunset"},
        {"two red balls collide on sand at night", "a red ball and a red ball collide on the sand at night"},
        {"camera pans left as a blue cube slides to the right on the ice at noon",
         "a blue cube slides to the right on the snow on a sunny day, the camera pans left"},
        {"a pink balloon floats up over the meadow at dusk [Push in]",
         "a pink balloon rises into the sky over the grass at sunset, the camera zooms in"},
        {"A green ball swings back and forth on a rope above a wooden deck at midnight; static camera",
         "a green ball swings on a rope over the wooden floor at night, static camera"},
        {"an apple falls onto the kitchen table in the morning",
         "a red ball falls and bounces on the wooden floor on a sunny day"},
        {"A Basketball bounces to the left on the beach, sunset",
         "an orange ball bounces to the left on the sand at sunset"},
        {"a boy kicks a soccer ball to the right on the grass at noon",
         "a white ball flies through the air to the right over the grass on a sunny day"},
        {"In the rain, a red ball rolls to the left down the city street at night",
         "a red ball rolls to the left on the stone floor at night"},
        {"白天，一个红色的球在草地上从左向右滚动", "a red ball rolls to the right on the grass on a sunny day"},
        {"夜晚，[左摇]一辆红色的汽车在街道上向右行驶",
         "a red cube slides to the right on the stone floor at night, the camera pans left"},
        {"日落时一个巨大的蓝色气球从雪地升起，镜头拉远",
         "a big blue balloon rises into the sky over the snow at sunset, the camera zooms out"},
        {"ＡＢＩＧ ｂｉｇ ｒｅｄ ｂａｌｌ ｆａｌｌｓ ｏｎ ｓａｎｄ ａｔ ｎｉｇｈｔ",
         "a big red ball falls and bounces on the sand at night"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(tiny(rows[i][0]), rows[i][1]);
}

static void what_the_model_does_not_know_is_replaced_and_said(void **state)
{
    tiny("a cat");
    assert_true(noted("does not know \"cat\""));
    assert_true(noted("the ground was left open"));
    tiny("hello world");
    assert_true(noted("no object this model knows was named"));
    tiny("a black ball");
    assert_non_null(strstr(text.data, "a purple ball"));
    assert_true(noted("\"black\" is no colour"));
    tiny("a red balloon falls at dawn");
    assert_non_null(strstr(text.data, "a red balloon rises into the sky"));
    assert_true(noted("balloons only rise"));
    assert_true(noted("\"dawn\" is shown as a scene at sunset"));
    tiny("a red ball rises into the sky");
    assert_non_null(strstr(text.data, "a red ball flies through the air"));
    assert_true(noted("only balloons rise"));
    tiny("a green cube bounces along");
    assert_non_null(strstr(text.data, "falls and bounces"));
    assert_true(noted("cubes do not bounce"));
    tiny("a red ball [Pedestal up][Zoom in][Pan left]");
    assert_non_null(strstr(text.data, ", the camera zooms in"));
    assert_true(noted("[Pedestal up]"));
    assert_true(noted("[Pan left]: this model makes one camera move"));
    tiny("a red ball rolls [Push in, wobble]");
    assert_true(noted("\"wobble\""));
    tiny("a red ball collides");
    assert_true(noted("two to collide"));
    tiny("five red balls fall");
    assert_true(noted("at most two"));
}

static void a_prompt_that_says_everything_has_no_notes(void **state)
{
    tiny("a big red ball rolls to the left on the grass at sunset, the camera pans left");
    assert_int_equal(notes.count, 0);
}

static void colours_of_places_are_not_those_of_things(void **state)
{
    assert_non_null(strstr(tiny("a ball on green grass under a blue sky"), " ball "));
    assert_null(strstr(tiny("a red ball on green grass under a blue sky"), "green"));
    assert_null(strstr(tiny("a red ball under an orange sky on white snow"), "orange"));
    assert_null(strstr(tiny("in a pink meadow a ball rolls"), "pink"));
    assert_null(strstr(tiny("a big city, a ball"), "big"));
    assert_non_null(strstr(tiny("白云下的红球"), "a red ball"));
}

/* Every sentence this makes means the same when it is read again. */
static void every_scene_comes_back_as_it_went_in(void **state)
{
    static const char *const colors[] = {"red", "orange", "yellow", "green", "blue", "purple", "pink", "white"};
    static const char *const deeds[][2] = {
        {"ball", "falls and bounces on"},
        {"cube", "falls and bounces on"},
        {"ball", "rolls to the left on"},
        {"cube", "slides to the right on"},
        {"ball", "flies through the air to the left over"},
        {"cube", "flies through the air to the right over"},
        {"ball", "bounces to the left on"},
        {"ball", "swings on a rope over"},
        {"cube", "swings on a rope over"},
        {"balloon", "rises into the sky over"},
        {"ball", "lies still on"},
        {"cube", "lies still on"},
    };
    static const char *const pairs[][2] = {{"ball", "collide on"},
                                           {"cube", "fall and bounce on"},
                                           {"ball", "lie still on"},
                                           {"balloon", "rise into the sky over"}};
    static const char *const sizes[] = {"", "small ", "big "};
    static const char *const floors[] = {"grass", "sand", "snow", "stone floor", "wooden floor"};
    static const char *const skies[] = {"on a sunny day", "at sunset", "at night"};
    static const char *const cameras[] = {"",
                                          ", static camera",
                                          ", the camera pans left",
                                          ", the camera pans right",
                                          ", the camera zooms in",
                                          ", the camera zooms out"};
    char prompt[300];
    size_t count = ARRAY_LEN(deeds) * 8 * 3 * 5 * 3 * 6;
    for (size_t i = 0; i < count; i++) {
        size_t n = i / 6, color = n / 15 % 8;
        const char *floor = floors[n % 5], *sky = skies[n / 5 % 3], *size = sizes[n / 120 % 3];
        const char *const *deed = deeds[n / 360];
        const char *const *pair = pairs[i % ARRAY_LEN(pairs)];
        snprintf(prompt, sizeof prompt, "%s %s%s %s %s the %s %s%s", !*size && color == 1 ? "an" : "a", size,
                 colors[color], deed[0], deed[1], floor, sky, cameras[i % 6]);
        assert_string_equal(tiny(prompt), prompt);
        assert_int_equal(notes.count, 0);
        snprintf(prompt, sizeof prompt, "a %sred %s and %s %s %s %s the %s %s%s", size, pair[0],
                 color == 1 ? "an" : "a", colors[color], pair[0], pair[1], floor, sky, cameras[i % 6]);
        assert_string_equal(tiny(prompt), prompt);
    }
}

/* The same text gives the same choices, another text others: over many, every floor and both directions come up. */
static void choices_depend_on_the_text_alone(void **state)
{
    static const char *const floors[] = {"grass", "sand", "snow", "stone", "wooden"};
    int seen[5] = {0}, left = 0;
    char prompt[64], first[300];
    for (int i = 0; i < 200; i++) {
        snprintf(prompt, sizeof prompt, "a red ball rolls, take %dth", i);
        snprintf(first, sizeof first, "%s", tiny(prompt));
        assert_string_equal(tiny(prompt), first);
        for (size_t j = 0; j < 5; j++)
            seen[j] += strstr(first, floors[j]) != NULL;
        left += strstr(first, "left") != NULL;
    }
    for (size_t j = 0; j < 5; j++)
        assert_true(seen[j] > 10);
    assert_true(left > 50 && left < 150);
}

static void a_long_prompt_is_read_in_time(void **state)
{
    char *prompt = malloc(40001);
    for (int i = 0; i < 40000; i += 10)
        memcpy(prompt + i, "red green ", 10);
    prompt[39999] = 0;
    assert_non_null(strstr(tiny(prompt), "ball"));
    free(prompt);
}

/* What is seen already is not made up: a chosen colour would repaint the ball of the picture. */
static void what_a_picture_shows_is_not_chosen(void **state)
{
    static const char *const rows[][2] = {
        {"the ball falls", "a ball falls and bounces"},
        {"it rolls to the left", "it rolls to the left"},
        {"the small one rises", "it rises into the sky"},
        {"a fox runs to the right", "a ball rolls to the right"},
        {"a red ball rolls to the right at night", "a red ball rolls to the right at night"},
        {"a ball lies on the sand [Pan left]", "a ball lies still on the sand, the camera pans left"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct prompt_expand_request request = {
            .family = PROMPT_FAMILY_TINY, .text = rows[i][0], .first_frame = true};
        assert_int_equal(prompt_expand(&request, &text, &notes, &err), 0);
        assert_string_equal(text.data, rows[i][1]);
    }
    assert_true(noted("the picture"));
    /* where it flies is seen in the last picture */
    const struct prompt_expand_request both = {
        .family = PROMPT_FAMILY_TINY, .text = "a ball flies in an arc", .first_frame = true, .last_frame = true};
    assert_int_equal(prompt_expand(&both, &text, &notes, &err), 0);
    assert_string_equal(text.data, "a ball flies through the air");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_are_said_in_the_words_of_the_model),
        cmocka_unit_test(what_the_model_does_not_know_is_replaced_and_said),
        cmocka_unit_test(a_prompt_that_says_everything_has_no_notes),
        cmocka_unit_test(colours_of_places_are_not_those_of_things),
        cmocka_unit_test(every_scene_comes_back_as_it_went_in),
        cmocka_unit_test(choices_depend_on_the_text_alone),
        cmocka_unit_test(what_a_picture_shows_is_not_chosen),
        cmocka_unit_test(a_long_prompt_is_read_in_time),
    };
    return cmocka_run_group_tests(tests, text_open, text_close);
}
