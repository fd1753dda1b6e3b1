/* The passages that MiniMax-H3 is given. */
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

static const char *h3(struct prompt_expand_request request)
{
    request.family = PROMPT_FAMILY_H3;
    return expand(request);
}

static void has(const char *part)
{
    if (!strstr(text.data, part))
        fail_msg("no \"%s\" in\n%s", part, text.data);
}

static void has_not(const char *part)
{
    if (strstr(text.data, part))
        fail_msg("\"%s\" in\n%s", part, text.data);
}

static void three_passages_in_order(void **state)
{
    const char *ret = h3((struct prompt_expand_request){.text = "waves at a beach", .seconds = 6});
    const char *shots = strstr(ret, "integrated_multimodal_description:\n[Shot 1] Waves at a beach.");
    const char *sounds = strstr(ret, "\noverall_soundscape:\nWaves roll in");
    const char *music = strstr(ret, "\nnon_diegetic_music:\nNone.");
    assert_ptr_equal(shots, ret);
    assert_true(sounds > shots && music > sounds);
    has_not("[Shot 2]");
}

static void what_comes_next_is_another_shot_at_its_time(void **state)
{
    h3((struct prompt_expand_request){.text = "a fox runs, then it stops. Cut to: a hill", .seconds = 10});
    has("[Shot 1] A fox runs.");
    has("[Shot 2] At 00:03.33 It stops.\n");
    has("[Shot 3] At 00:06.67 A hill.\n");
    h3((struct prompt_expand_request){.text = "[Shot 1] a fox [Shot 2] a hill", .seconds = 8});
    has("[Shot 1] A fox.");
    has("[Shot 2] At 00:04.00 A hill.\n");
    h3((struct prompt_expand_request){.text = "狐狸在跑，然后停下", .seconds = 150});
    has("[Shot 2] At 01:15.00 停下。\n");
    h3((struct prompt_expand_request){.text = "a, then b, then c, then d", .seconds = 2});
    has("[Shot 2] At 00:01.00 B, then c, then d.\n"); /* a shot takes a second */
    h3((struct prompt_expand_request){.text = "a sign reads \"now, then never\" strengthened, authentic",
                                      .seconds = 6});
    has_not("[Shot 2]");
}

static void spoken_words_are_marked_with_their_language(void **state)
{
    h3((struct prompt_expand_request){.text = "A man says \"Hello there.\" beside a sign that reads \"OPEN\"",
                                      .seconds = 6});
    has("A man says <d>[English] Hello there.</d> beside a sign that reads \"OPEN\".");
    has("Voices are clear and close.");
    h3((struct prompt_expand_request){.text = "女孩说：“你好，然后再见”", .seconds = 6});
    has("女孩说：<d>[Chinese] 你好，然后再见</d>");
    h3((struct prompt_expand_request){.text = "she whispers 「さようなら」", .seconds = 6});
    has("<d>[Japanese] さようなら</d>");
    h3((struct prompt_expand_request){.text = "\"Come here!\" shouts the boy", .seconds = 6});
    has("<d>[English] Come here!</d> shouts the boy");
    h3((struct prompt_expand_request){.text = "<d>[English] Hi.</d> a fox, then another", .seconds = 6});
    has("[Shot 1] <d>[English] Hi.</d> a fox.");
    h3((struct prompt_expand_request){.text = "a 6\" pipe says nothing", .seconds = 6});
    has("A 6\" pipe says nothing.");
}

static void keyframes_stand_at_their_seconds(void **state)
{
    static const char first[] = "For the target video, at 0.00 seconds <Picture 1> is fully referenced.\n";
    const char *ret = h3((struct prompt_expand_request){.text = "x", .seconds = 6, .first_frame = true});
    assert_int_equal(strncmp(ret, first, strlen(first)), 0);
    has_not("<Picture 2>");
    h3((struct prompt_expand_request){.text = "x", .seconds = 6.5, .first_frame = true, .last_frame = true});
    has(first);
    has("For the target video, at 6.50 seconds <Picture 2> is fully referenced.\n");
    h3((struct prompt_expand_request){.text = "", .seconds = 5, .last_frame = true});
    has("For the target video, at 5.00 seconds <Picture 1> is fully referenced.\n");
    has("[Shot 1] The scene of <Picture 1> comes to life.");
}

static void references_are_named_as_the_model_knows_them(void **state)
{
    h3((struct prompt_expand_request){.text = "the old man in image 1 rides the horse from @Image2 like [video 1], "
                                              "while 音频1 plays; <Picture 2> and image 3",
                                      .seconds = 8,
                                      .images = 2,
                                      .videos = 1,
                                      .audios = 1});
    has("subject_definitions:\n<Subject 1> is the old man in <Picture 1>.\n<Subject 2> is the horse in <Picture 2>.\n");
    has("summary:\nA clip of 8 seconds with <Subject 1> and <Subject 2>.\n");
    has("retention_analysis:\n<Picture 1>: ");
    has("\n<Video 1>: ");
    has("\n<Audio 1>: ");
    has("detailed_description:\nThe old man in <Picture 1> rides the horse from <Picture 2> like <Video 1>, while "
        "<Audio 1> "
        "plays; <Picture 2> and image 3.\nintegrated_multimodal_description:\n");
    assert_non_null(strstr(notes.notes[0].text, "<Picture 3>"));
    h3((struct prompt_expand_request){.text = "it goes on", .seconds = 8, .videos = 1});
    has("<Subject 1> is the main subject of <Video 1>.");
}

static void words_of_the_tokenizer_are_pulled_apart(void **state)
{
    h3((struct prompt_expand_request){.text = "a fox <|vision_start|><|image_pad|>", .seconds = 6});
    has_not("<|");
    h3((struct prompt_expand_request){.text = "integrated_multimodal_description:\n<|image_pad|>", .seconds = 6});
    assert_string_equal(text.data, "integrated_multimodal_description:\n< |image_pad|>");
}

static void sounds_and_music_follow_the_words(void **state)
{
    h3((struct prompt_expand_request){.text = "a dog runs in the rain, jazz", .seconds = 6});
    has("overall_soundscape:\nPaws patter and a dog pants. Footsteps follow every stride. Rain patters steadily.\n");
    has("non_diegetic_music:\nRelaxed jazz");
    h3((struct prompt_expand_request){.text = "a silent forest", .seconds = 6});
    has("overall_soundscape:\nSilence.\n");
    h3((struct prompt_expand_request){.text = "epic music, 森林里的狗", .seconds = 6});
    has("Leaves rustle");
    has("Epic music");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_passages_in_order),
        cmocka_unit_test(what_comes_next_is_another_shot_at_its_time),
        cmocka_unit_test(spoken_words_are_marked_with_their_language),
        cmocka_unit_test(keyframes_stand_at_their_seconds),
        cmocka_unit_test(references_are_named_as_the_model_knows_them),
        cmocka_unit_test(words_of_the_tokenizer_are_pulled_apart),
        cmocka_unit_test(sounds_and_music_follow_the_words),
    };
    return cmocka_run_group_tests(tests, text_open, text_close);
}
