/* The optimizer for Wan, and what holds for every family. */
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
#include "server/prompt/compose.h"

static const char *wan(const char *prompt)
{
    return expand((struct prompt_expand_request){.family = PROMPT_FAMILY_WAN, .text = prompt});
}

static const char *const prompts[] = {
    "a cat",
    "A red fox runs through fresh snow at dawn",
    "a red fox runs [Push in, Pan left][Static shot] and stops",
    "Two anthropomorphic cats in comfy boxing gear and bright gloves fight intensely on a spotlighted stage.",
    "Summer beach vacation style, a white cat wearing sunglasses sits on a surfboard.",
    "A cinematic shot of an old lighthouse in a storm, waves crashing",
    "a woman says \"I will be back.\" and leaves, then the door closes",
    "macro shot of a watch movement",
    "[Shot 1] a city at night. [Shot 2] a car drives by",
    "line one\nline two\twith a tab",
    "neon-lit street, cyberpunk, rain, 4k",
    "ends with a comma,",
    "what is this?",
    ".",
    "🦊🦊🦊",
    "Ein roter Fuchs läuft durch den Schnee",
    "一只猫",
    "[推进]一个女孩在海边奔跑，夕阳",
    "女孩说：“你好，世界”，然后转身离开",
    "水墨画风格，一条龙在云中飞舞，镜头缓缓推近",
    "雪が降る夜、「さようなら」と彼女は言った",
    "<|image_pad|> a fox <d>[English] hi</d>",
    "a [red] fox [[Push in]Pan left]",
};

static void the_words_of_the_prompt_come_first_and_stay(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(prompts); i++) {
        if (strpbrk(prompts[i], "[,.") && strcmp(prompts[i], "[") != 0 && i != 1)
            continue; /* brackets are taken out, hanging commas too */
        const char *ret = wan(prompts[i]);
        assert_int_equal(strncmp(ret + 1, prompts[i] + 1, strlen(prompts[i]) - 1), 0);
    }
}

static void what_is_left_open_is_filled_in_the_language_of_the_prompt(void **state)
{
    assert_string_equal(wan("a cat"),
                        "A cat. There is slow, natural motion from beginning to end. The background is plain "
                        "and slightly out of focus. The camera holds a steady medium shot. Soft, even light "
                        "shapes the scene. Cinematic look, natural colours, fine detail.");
    assert_int_equal(notes.count, 5);
    assert_string_equal(wan("一只猫"),
                        "一只猫。主体从头到尾自然缓慢地动着。背景简洁，略微虚化。镜头保持稳定的中景。柔和均匀的"
                        "光线勾勒出画面。电影质感，色彩自然，细节清晰。");
}

static void what_is_said_is_not_said_again(void **state)
{
    assert_string_equal(wan("Anime style, a girl dances in a park at sunset, the camera circles her."),
                        "Anime style, a girl dances in a park at sunset, the camera circles her.");
    assert_int_equal(notes.count, 0);
    assert_string_equal(
        wan("A red fox runs through fresh snow at dawn [Push in, Pan left][Static shot]"),
        "A red fox runs through fresh snow at dawn. The camera pushes in while it pans left, then holds "
        "still. Cinematic look, natural colours, fine detail.");
}

static void commands_that_are_honoured_stay_in_the_text(void **state)
{
    const char *ret = expand((struct prompt_expand_request){
        .family = PROMPT_FAMILY_WAN, .text = "a fox runs [Push in]", .camera_commands = true});
    assert_non_null(strstr(ret, "A fox runs [Push in]."));
    assert_null(strstr(ret, "camera"));
}

static void a_picture_is_not_described_by_us(void **state)
{
    const char *ret = expand(
        (struct prompt_expand_request){.family = PROMPT_FAMILY_WAN, .text = "the fox", .first_frame = true});
    assert_null(strstr(ret, "light"));
    assert_null(strstr(ret, "background"));
    assert_non_null(strstr(ret, "The camera"));
}

static void a_long_prompt_gets_no_more_than_fits(void **state)
{
    char prompt[4001];
    for (size_t size = 1500; size < 2100; size += 7) {
        memset(prompt, 'x', size);
        for (size_t i = 5; i < size; i += 6)
            prompt[i] = ' ';
        prompt[size - 1] = 'y';
        prompt[size] = 0;
        size_t chars = compose_chars(wan(prompt));
        assert_true(chars <= PROMPT_WAN_CHARS_MAX || chars == size);
    }
    memset(prompt, 'a', 4000);
    prompt[4000] = 0;
    assert_int_equal(strlen(wan(prompt)), 4000);
    assert_int_equal(notes.count, 1);
}

static void an_expanded_text_is_left_as_it_is(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(prompts); i++)
        for (int family = 0; family < 3; family++)
            for (int flags = 0; flags < 4; flags++) {
                struct prompt_expand_request request = {(enum prompt_family)family, prompts[i], 6,
                                                        .first_frame = flags & 1, .camera_commands = flags & 2};
                char *once = strdup(expand(request));
                request.text = once;
                assert_string_equal(expand(request), once);
                free(once);
            }
}

static void requests_that_cannot_be_are_refused_by_field(void **state)
{
    static const struct {
        struct prompt_expand_request request;
        const char *text;
        int code;
    } rows[] = {
        {{PROMPT_FAMILY_WAN, "a\xff", 6}, "UTF-8", CONCH_ERR_RANGE},
        {{PROMPT_FAMILY_TINY, "a\x01", 6}, "U+0001", CONCH_ERR_RANGE},
        {{PROMPT_FAMILY_WAN, " ", 6}, "prompt is empty", CONCH_ERR_RANGE},
        {{PROMPT_FAMILY_H3, "x", 0}, "seconds is 0", CONCH_ERR_RANGE},
        {{PROMPT_FAMILY_H3, "x", 601}, "seconds is 601", CONCH_ERR_RANGE},
        {{PROMPT_FAMILY_H3, "x", 6, .images = 10}, "pictures is 10; allowed are 0 to 9", CONCH_ERR_RANGE},
        {{PROMPT_FAMILY_H3, "x", 6, .images = 1, .last_frame = true}, "cannot be combined", CONCH_ERR_RANGE},
        {{PROMPT_FAMILY_H3, "x", 6, .audios = 1}, "sounds are given alone", CONCH_ERR_RANGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(prompt_expand(&rows[i].request, &text, &notes, &err), rows[i].code);
        if (!strstr(err.text, rows[i].text))
            fail_msg("%s", err.text);
    }
    struct prompt_expand_request request = {PROMPT_FAMILY_TINY, ""};
    assert_int_equal(prompt_expand(&request, &text, &notes, &err), 0);
    char *many = malloc(40002);
    memset(many, 'a', 40001);
    many[40001] = 0;
    request.text = many;
    assert_int_equal(prompt_expand(&request, &text, &notes, &err), CONCH_ERR_LIMIT);
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_of_the_prompt_come_first_and_stay),
        cmocka_unit_test(what_is_left_open_is_filled_in_the_language_of_the_prompt),
        cmocka_unit_test(what_is_said_is_not_said_again),
        cmocka_unit_test(commands_that_are_honoured_stay_in_the_text),
        cmocka_unit_test(a_picture_is_not_described_by_us),
        cmocka_unit_test(a_long_prompt_gets_no_more_than_fits),
        cmocka_unit_test(an_expanded_text_is_left_as_it_is),
        cmocka_unit_test(requests_that_cannot_be_are_refused_by_field),
    };
    return cmocka_run_group_tests(tests, text_open, text_close);
}
