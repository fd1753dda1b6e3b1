#include "cli_test.h"

#include "base/base.h"
#include "cli/generate_settings.h"

static const conch_model_info model = {.name = "test/model",
                                       .sizes = {{192, 128}, {128, 192}, {160, 160}},
                                       .size_count = 3,
                                       .frame_counts = {17, 33, 49},
                                       .frame_count_count = 3,
                                       .default_frame_count = 33,
                                       .fps = 16};

static void without_a_wish_the_clip_has_the_models_length(void **state)
{
    struct generate_settings s = {0};
    int count = 0;
    assert_int_equal(generate_frame_count(&s, &model, &count, NULL), 0);
    assert_int_equal(count, 33);
}

static void seconds_are_met_within_a_quarter(void **state)
{
    static const struct {
        double seconds;
        int count;
    } cases[] = {{1, 17}, {1.0625, 17}, {1.3, 17}, {2, 33}, {2.3, 33}, {1.82, 33}, {3, 49}, {3.3, 49}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct generate_settings s = {.seconds = cases[i].seconds};
        int count = 0;
        assert_int_equal(generate_frame_count(&s, &model, &count, NULL), 0);
        assert_int_equal(count, cases[i].count);
    }
}

static void other_seconds_are_refused_with_the_list(void **state)
{
    const double cases[] = {0.5, 1.5, 2.5, 3.4, 60};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct generate_settings s = {.seconds = cases[i]};
        conch_error err;
        int count = 0;
        assert_int_equal(generate_frame_count(&s, &model, &count, &err), CONCH_ERR_RANGE);
        assert_names(&err, "--seconds", "test/model", "1.06, 2.06, 3.06", NULL);
    }
}

static void frames_are_taken_exactly(void **state)
{
    struct generate_settings s = {.frames = 49};
    conch_error err;
    int count = 0;
    assert_int_equal(generate_frame_count(&s, &model, &count, NULL), 0);
    assert_int_equal(count, 49);
    s.frames = 48;
    assert_int_equal(generate_frame_count(&s, &model, &count, &err), CONCH_ERR_RANGE);
    assert_names(&err, "--frames", "48", "17, 33, 49", NULL);
}

static void a_long_list_of_what_is_allowed_ends_with_dots(void **state)
{
    conch_model_info many = model;
    struct generate_settings s = {.frames = 5};
    conch_error err;
    int count;
    many.frame_count_count = CONCH_DURATIONS_MAX;
    for (int i = 0; i < CONCH_DURATIONS_MAX; i++)
        many.frame_counts[i] = 1000001 + 4 * i;
    assert_int_equal(generate_frame_count(&s, &many, &count, &err), CONCH_ERR_RANGE);
    assert_names(&err, "1000001, 1000005", ", ...)", NULL);
}

static void the_size_is_the_models_first_unless_a_picture_says_otherwise(void **state)
{
    static const struct {
        int picture_width, picture_height, width, height;
    } cases[] = {{0, 0, 192, 128},     {1920, 1080, 192, 128}, {1080, 1920, 128, 192},
                 {500, 500, 160, 160}, {11, 10, 160, 160},     {10, 1000, 128, 192}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct generate_settings s = {0};
        struct media_image picture = {.width = cases[i].picture_width, .height = cases[i].picture_height};
        conch_size size;
        assert_int_equal(generate_size(&s, &model, picture.width ? &picture : NULL, &size, NULL), 0);
        assert_int_equal(size.width, cases[i].width);
        assert_int_equal(size.height, cases[i].height);
    }
}

static void a_size_must_be_one_of_the_models(void **state)
{
    struct generate_settings s = {.size = {128, 192}};
    conch_size size;
    conch_error err;
    assert_int_equal(generate_size(&s, &model, NULL, &size, NULL), 0);
    assert_int_equal(size.height, 192);
    s.size.height = 200;
    assert_int_equal(generate_size(&s, &model, NULL, &size, &err), CONCH_ERR_RANGE);
    assert_names(&err, "--size", "128x200", "192x128, 128x192, 160x160", NULL);
}

static void a_picture_is_fitted_to_the_size(void **state)
{
    struct media_image picture = {.rgb = malloc(40 * 10 * 3), .width = 40, .height = 10};
    memset(picture.rgb, 77, 40 * 10 * 3);
    assert_int_equal(generate_fit(&picture, (conch_size){32, 16}, NULL), 0);
    assert_int_equal(picture.width, 32);
    assert_int_equal(picture.height, 16);
    for (size_t i = 0; i < 32 * 16 * 3; i++)
        assert_int_equal(picture.rgb[i], 77);
    media_image_finish(&picture);
}

static void what_excludes_each_other_is_refused(void **state)
{
    static const struct {
        struct generate_settings settings;
        size_t word_count;
        const char *names[2];
    } cases[] = {
        {{0}, 0, {"no prompt", ""}},
        {{0}, 2, {"quotes", "one"}},
        {{.seconds = 1, .frames = 17}, 1, {"--seconds", "--frames"}},
        {{.last_frame = "x.png"}, 1, {"--last-frame", "--first-frame"}},
        {{.output = "a/clip.GIF"}, 1, {"a/clip.GIF", ".mp4"}},
        {{.output = "a", .latent = "a"}, 1, {"--output", "--latent"}},
        {{.preview = "a", .latent = "a"}, 1, {"--preview", "--latent"}},
        {{.precision = "f16"}, 1, {"--precision", "bf16, f32"}},
        {{.decode = "x"}, 1, {"--decode", "a prompt"}},
        {{.decode = "x", .seed = {.given = true}}, 0, {"--decode", "--seed"}},
        {{.decode = "x", .latent = "y"}, 0, {"--decode", "--latent"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct option_words words = {.word = {"one", "two"}, .count = cases[i].word_count};
        conch_error err;
        assert_int_equal(generate_settings_check(&cases[i].settings, &words, &err), CONCH_ERR_RANGE);
        assert_names(&err, cases[i].names[0], cases[i].names[1], NULL);
    }
}

static void an_ordinary_request_passes(void **state)
{
    struct option_words words = {.word = {"a ball"}, .count = 1};
    struct generate_settings s = {.precision = "f32", .first_frame = "a.png", .last_frame = "b.png", .seconds = 2};
    assert_int_equal(generate_settings_check(&s, &words, NULL), 0);
    assert_int_equal(generate_precision(&s), CONCH_PRECISION_F32);
    s = (struct generate_settings){.decode = "x.latent", .output = "y.mp4", .precision = "bf16"};
    words.count = 0;
    assert_int_equal(generate_settings_check(&s, &words, NULL), 0);
    assert_int_equal(generate_precision(&s), CONCH_PRECISION_BF16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_wish_the_clip_has_the_models_length),
        cmocka_unit_test(seconds_are_met_within_a_quarter),
        cmocka_unit_test(other_seconds_are_refused_with_the_list),
        cmocka_unit_test(frames_are_taken_exactly),
        cmocka_unit_test(a_long_list_of_what_is_allowed_ends_with_dots),
        cmocka_unit_test(the_size_is_the_models_first_unless_a_picture_says_otherwise),
        cmocka_unit_test(a_size_must_be_one_of_the_models),
        cmocka_unit_test(a_picture_is_fitted_to_the_size),
        cmocka_unit_test(what_excludes_each_other_is_refused),
        cmocka_unit_test(an_ordinary_request_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
