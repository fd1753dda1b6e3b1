/* conch.json: what a network cannot be is refused with the field's name, before anything is computed from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/file.h"
#include "engine_test.h"

static int set_up(void **state)
{
    test_folder_make("manifest");
    return 0;
}

static int tear_down(void **state)
{
    test_folder_remove();
    return 0;
}

/* ---- good ones ---- */

static void a_folder_is_described_as_its_manifest_says(void **state)
{
    conch_model *model = model_of(model_write(manifest_ti2v(), "ti2v"));
    const conch_model_info *info = conch_model_info_get(model);
    assert_string_equal(info->name, "test/ti2v");
    assert_string_equal(info->family, "wan");
    assert_string_equal(info->license, "Apache-2.0");
    assert_string_equal(info->folder, test_path("ti2v"));
    assert_int_equal(info->modes, CONCH_MODE_TEXT | CONCH_MODE_FIRST_FRAME | CONCH_MODE_FIRST_LAST_FRAME);
    assert_int_equal(info->size_count, 2);
    assert_int_equal(info->sizes[0].width, 96);
    assert_int_equal(info->sizes[0].height, 64);
    assert_int_equal(info->frame_count_count, 4);
    assert_int_equal(info->default_frame_count, 9);
    assert_int_equal(info->fps, 12);
    assert_int_equal(info->step_count, 2);
    assert_true(info->guidance == 5 && info->shift == 5);
    assert_string_equal(info->sampler, "unipc");
    assert_string_equal(info->negative, "blurry details");
    assert_null(info->missing);
    assert_true(info->weights_bytes > 2000000);
    conch_model_close(model);
    conch_model_close(NULL);
}

static void what_may_be_left_out_has_a_default(void **state)
{
    json_t *root = manifest_ti2v();
    manifest_change(root, "capabilities.default_frames", NULL);
    manifest_change(root, "capabilities.last_frame", NULL);
    manifest_change(root, "sampling.negative", NULL);
    manifest_change(root, "components.transformer.patch", NULL);
    conch_model *model = model_of(model_write(root, "defaults"));
    const conch_model_info *info = conch_model_info_get(model);
    assert_int_equal(info->default_frame_count, 17); /* the longest */
    assert_string_equal(info->negative, "");
    conch_model_close(model);
}

static void every_manifest_that_ships_is_accepted(void **state)
{
    static const char *const names[] = {"tiny", "wan2.1-t2v-1.3b", "wan2.2-ti2v-5b"};
    const char *root = getenv("CONCH_TEST_ROOT");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/models/%s", root ? root : ".", names[i]);
        conch_model_close(model_of(path));
    }
}

/* ---- bad ones ---- */

struct bad {
    const char *path;
    const char *value; /* JSON; NULL: removed */
    const char *says;  /* part of the error's text */
    int code;          /* 0: CONCH_ERR_FORMAT */
};

static void refuse_all(const struct bad *cases, size_t count, json_t *(*manifest)(void))
{
    for (size_t i = 0; i < count; i++) {
        conch_model *model = NULL;
        conch_error err = {0};
        json_t *root = manifest();
        manifest_change(root, cases[i].path, cases[i].value ? json_loads(cases[i].value, JSON_DECODE_ANY, NULL) : NULL);
        int rc = conch_model_open(&model, model_write(root, "bad"), &err);
        int wanted = cases[i].code ? cases[i].code : CONCH_ERR_FORMAT;
        if (rc != wanted || err.code != rc || !strstr(err.text, cases[i].says) || !strstr(err.text, "conch.json"))
            fail_msg("%s = %s: %d %s", cases[i].path, cases[i].value ? cases[i].value : "(none)", rc, err.text);
        assert_null(model);
    }
}

static void fields_of_the_top_are_checked(void **state)
{
    static const struct bad cases[] = {
        {"format", NULL, "format is missing"},
        {"format", "2", "format is 2, allowed are 1 to 1"},
        {"format", "\"1\"", "format is text, wanted a whole number"},
        {"name", "7", "name is a whole number, wanted text"},
        {"title", NULL, "title is missing"},
        {"license", "null", "license is null"},
        {"family", "\"sora\"", "family 'sora' is not one this build has (wan)", CONCH_ERR_UNSUPPORTED},
        {"components", "[]", "components is a list, wanted an object"},
        {"components.vae", NULL, "components.vae is missing"},
        {"sampling", NULL, "sampling is missing"},
        {"sampling.sampler", "\"magic\"", "sampling.sampler 'magic' is not one of unipc"},
        {"sampling.steps", "0", "sampling.steps is 0, allowed are 1 to 1000"},
        {"sampling.steps", "1001", "sampling.steps is 1001"},
        {"sampling.steps", "2.5", "sampling.steps is a number, wanted a whole number"},
        {"sampling.shift", "0", "sampling.shift is 0"},
        {"sampling.shift", "101", "sampling.shift is 101"},
        {"sampling.guidance", "0.5", "sampling.guidance is 0.5"},
        {"sampling.guidance", "1e9", "sampling.guidance is 1e+09"},
        {"sampling.negative", "[]", "sampling.negative is a list"},
    };
    refuse_all(cases, ARRAY_LEN(cases), manifest_ti2v);
}

static void a_text_encoder_that_cannot_be_is_refused(void **state)
{
    static const struct bad cases[] = {
        {"components.text_encoder.kind", "\"clip\"", "components.text_encoder.kind 'clip'", CONCH_ERR_UNSUPPORTED},
        {"components.text_encoder.dim", "0", "components.text_encoder.dim is 0, allowed are 1 to 65536"},
        {"components.text_encoder.dim", "65537", "components.text_encoder.dim is 65537"},
        {"components.text_encoder.dim", "-9223372036854775808", "components.text_encoder.dim is -9223372036854775808"},
        {"components.text_encoder.heads", "5", "dim_attn 48 does not split into 5 heads"},
        {"components.text_encoder.heads", "0", "components.text_encoder.heads is 0"},
        {"components.text_encoder.buckets", "3", "components.text_encoder.buckets is 3, allowed are 4 to 256"},
        {"components.text_encoder.buckets", "33", "components.text_encoder.buckets is 33, wanted an even number"},
        {"components.text_encoder.buckets", "1024", "components.text_encoder.buckets is 1024"},
        {"components.text_encoder.layers", "1025", "components.text_encoder.layers is 1025"},
        {"components.text_encoder.text_len", "1", "components.text_encoder.text_len is 1, allowed are 2 to"},
        {"components.text_encoder.text_len", "25", "text_len is 24 for the transformer and 25 for the encoder"},
        {"components.text_encoder.vocab", "99999999", "components.text_encoder.vocab is 99999999"},
        {"components.text_encoder.files", "[]", "components.text_encoder.files has 0 entries"},
        {"components.text_encoder.files", "[1]", "components.text_encoder.files[0] is not a file name"},
        {"components.text_encoder.files", "[\"a\", \"\"]", "components.text_encoder.files[1] is not a file name"},
        {"components.text_encoder.files", "\"a\"", "components.text_encoder.files is text, wanted a list"},
        {"components.tokenizer", NULL, "components.tokenizer is missing"},
        {"components.tokenizer.kind", "\"bpe\"", "components.tokenizer.kind 'bpe'", CONCH_ERR_UNSUPPORTED},
        {"components.tokenizer.file", "3", "components.tokenizer.file is a whole number"},
    };
    refuse_all(cases, ARRAY_LEN(cases), manifest_ti2v);
}

static void a_transformer_that_cannot_be_is_refused(void **state)
{
    static const struct bad cases[] = {
        {"components.transformer.kind", "\"unet\"", "components.transformer.kind 'unet'", CONCH_ERR_UNSUPPORTED},
        {"components.transformer.variant", "\"i2v\"", "components.transformer.variant 'i2v'", CONCH_ERR_UNSUPPORTED},
        {"components.transformer.heads", "3", "components.transformer.dim 64 does not split into 3 heads"},
        {"components.transformer.heads", "64", "components.transformer.dim 64 does not split into 64 heads"},
        {"components.transformer.dim", "66", "components.transformer.dim 66 does not split into 2 heads"},
        {"components.transformer.dim", "65536", "heads of an even size up to 1024"},
        {"components.transformer.freq_dim", "255", "components.transformer.freq_dim is 255, wanted an even number"},
        {"components.transformer.layers", "0", "components.transformer.layers is 0"},
        {"components.transformer.eps", "0", "components.transformer.eps is 0, allowed are 1e-12 to 1"},
        {"components.transformer.eps", "-1e-6", "components.transformer.eps is -1e-06"},
        {"components.transformer.eps", "\"small\"", "components.transformer.eps is text"},
        {"components.transformer.patch", "[2, 2, 2]", "components.transformer.patch is not [1, 2, 2]",
         CONCH_ERR_UNSUPPORTED},
        {"components.transformer.patch", "[1, 2]", "components.transformer.patch", CONCH_ERR_UNSUPPORTED},
        {"components.transformer.patch", "{}", "components.transformer.patch", CONCH_ERR_UNSUPPORTED},
        {"components.transformer.in_channels", "36", "the transformer has 36 channels in and 48 out, the VAE 48"},
        {"components.transformer.out_channels", "49", "the transformer has 48 channels in and 49 out, the VAE 48"},
        {"components.transformer.text_dim", "65", "takes text of width 65, the encoder gives 64"},
    };
    refuse_all(cases, ARRAY_LEN(cases), manifest_ti2v);
}

static void a_vae_that_cannot_be_is_refused(void **state)
{
    static const struct bad cases[] = {
        {"components.vae.kind", "\"vae\"", "components.vae.kind 'vae' is not one this build has (wan-vae21, wan-vae22)",
         CONCH_ERR_UNSUPPORTED},
        {"components.vae.z", "129", "components.vae.z is 129"},
        {"components.vae.z", "0", "components.vae.z is 0"},
        {"components.vae.res_blocks", "8", "components.vae.res_blocks is 8, allowed are 1 to 7"},
        {"components.vae.dim_mult", "[1, 2, 4]", "components.vae.dim_mult has 3 entries"},
        {"components.vae.dim_mult", "[1, 2, 4, 0]", "components.vae.dim_mult[3] is not a number from 1 to 64"},
        {"components.vae.dim_mult", "[1, 2, 4, \"4\"]", "components.vae.dim_mult[3]"},
        {"components.vae.dim_mult", "[1, 2, 4, 4294967300]", "components.vae.dim_mult[3]"},
        /* shortcuts would copy 0 times, average groups of 0, or split a group */
        {"components.vae.dim_mult", "[1, 2, 1, 64]", "components.vae.dim_mult: the decoder's shortcut from 320 to 5"},
        {"components.vae.dim_mult", "[1, 64, 4, 4]", "components.vae.dim_mult: the encoder's shortcut from 4 to 256"},
        {"components.vae.dim_mult", "[1, 3, 4, 4]", "components.vae.dim_mult: the"},
        {"components.vae.dim_mult", "[3, 4, 4, 5]", "components.vae.dim_mult: the"},
        {"components.vae.dec_dim", "512", "components.vae.dim_mult[3] makes the VAE 2048 wide, allowed are 1024"},
        {"components.vae.dim", "1024", "components.vae.dim_mult[3] makes the VAE 4096 wide"},
        {"components.vae.temporal_downsample", "[true, true]", "components.vae.temporal_downsample has 2 entries"},
        {"components.vae.temporal_downsample", "[0, 1, 1]", "components.vae.temporal_downsample[0] is not true or"},
        {"components.vae.latent_mean", "[0]", "components.vae.latent_mean has 1 entries, allowed are 48 to 48"},
        {"components.vae.latent_mean.7", "\"x\"", "components.vae.latent_mean[7] is not a number"},
        {"components.vae.latent_std.47", "0", "components.vae.latent_std[47] is not a number from 1e-06 to 1e6"},
        {"components.vae.latent_std.0", "-1", "components.vae.latent_std[0]"},
        {"components.vae.latent_std.0", "1e300", "components.vae.latent_std[0]"},
    };
    static const struct bad of_21[] = {
        {"components.vae.dim", "1", "components.vae.dim_mult: halving from 1 to 0 channels"},
        {"components.vae.dec_dim", "6", "components.vae.dec_dim is 6, but wan-vae21 has one dim (5)"},
    };
    refuse_all(cases, ARRAY_LEN(cases), manifest_ti2v);
    refuse_all(&of_21[1], 1, manifest_t2v);
    json_t *root = manifest_t2v();
    conch_model *model = NULL;
    conch_error err = {0};
    manifest_change(root, "components.vae.dim", json_integer(1));
    manifest_change(root, "components.vae.dim_mult", json_loads("[1, 1, 1, 1]", 0, NULL));
    assert_int_equal(conch_model_open(&model, model_write(root, "odd"), &err), CONCH_ERR_FORMAT);
    assert_non_null(strstr(err.text, of_21[0].says));
}

static void capabilities_that_cannot_be_are_refused(void **state)
{
    static const struct bad cases[] = {
        {"capabilities.modes", "[]", "capabilities.modes has 0 entries"},
        {"capabilities.modes", "[\"sound\"]", "capabilities.modes[0] is not text, first_frame or first_last_frame"},
        {"capabilities.modes", "[4]", "capabilities.modes[0]"},
        {"capabilities.last_frame", "\"both\"", "capabilities.last_frame 'both' is not append or replace"},
        {"capabilities.sizes", "[]", "capabilities.sizes has 0 entries"},
        {"capabilities.sizes", "[[96, 64], [96, 48]]",
         "capabilities.sizes[1] is not [width, height], both multiples of 32"},
        {"capabilities.sizes", "[[96]]", "capabilities.sizes[0]"},
        {"capabilities.sizes", "[[96, 64, 32]]", "capabilities.sizes[0]"},
        {"capabilities.sizes", "[96, 64]", "capabilities.sizes[0]"},
        {"capabilities.sizes", "[[0, 64]]", "capabilities.sizes[0]"},
        {"capabilities.sizes", "[[-96, 64]]", "capabilities.sizes[0]"},
        {"capabilities.sizes", "[[4294967392, 64]]", "capabilities.sizes[0]"}, /* 96 in 32 bits */
        {"capabilities.sizes", "[[8224, 64]]", "capabilities.sizes[0]"},
        {"capabilities.frames", "[]", "capabilities.frames has 0 entries"},
        {"capabilities.frames", "[9, 10]", "capabilities.frames[1] is not 4 n + 1"},
        {"capabilities.frames", "[0]", "capabilities.frames[0]"},
        {"capabilities.frames", "[\"9\"]", "capabilities.frames[0]"},
        {"capabilities.frames", "[4005]", "capabilities.frames[0] is not 4 n + 1, at most 4001"},
        {"capabilities.default_frames", "13", "capabilities.default_frames 13 is not in frames"},
        {"capabilities.fps", "0", "capabilities.fps is 0, allowed are 1 to 240"},
    };
    refuse_all(cases, ARRAY_LEN(cases), manifest_ti2v);
}

static void clips_longer_than_the_transformer_counts_are_refused(void **state)
{
    conch_model *model = NULL;
    conch_error err = {0};
    json_t *root = manifest_ti2v(); /* every frame is a latent frame of its own */
    manifest_change(root, "components.vae.temporal_downsample", json_loads("[false, false, false]", 0, NULL));
    manifest_change(root, "capabilities.frames", json_loads("[9, 1024]", 0, NULL));
    assert_int_equal(conch_model_open(&model, model_write(root, "long"), &err), CONCH_ERR_FORMAT);
    assert_non_null(strstr(err.text, "capabilities.frames[1] is not 1 n + 1, at most 1023"));
}

/* Sizes at their limits together: what is computed from them must not wrap around into something that fits. */
static void the_largest_manifest_is_planned_and_does_not_fit(void **state)
{
    json_t *root = manifest_ti2v();
    static const struct {
        const char *path;
        json_int_t value;
    } largest[] = {
        {"components.text_encoder.dim", 65536},
        {"components.text_encoder.dim_attn", 65536},
        {"components.text_encoder.dim_ffn", 65536},
        {"components.text_encoder.heads", 512},
        {"components.text_encoder.layers", 1024},
        {"components.transformer.dim", 65536},
        {"components.transformer.heads", 64},
        {"components.transformer.layers", 1024},
        {"components.transformer.ffn", 262144},
        {"components.transformer.text_dim", 65536},
        {"components.vae.dim", 256},
        {"components.vae.dec_dim", 256},
    };
    for (size_t i = 0; i < ARRAY_LEN(largest); i++)
        manifest_change(root, largest[i].path, json_integer(largest[i].value));
    manifest_change(root, "capabilities.sizes", json_loads("[[8192, 8192]]", 0, NULL));
    manifest_change(root, "capabilities.frames", json_loads("[4001]", 0, NULL));
    manifest_change(root, "capabilities.default_frames", NULL);
    conch_model *model = model_of(model_write(root, "largest"));
    conch_engine *engine;
    conch_plan plan;
    conch_error err = {0};
    conch_request request = {.prompt = "a fox"};
    conch_engine_options options = {.threads = 1, .memory_bytes = UINT64_MAX};
    assert_int_equal(conch_engine_create(&engine, &options, &err), 0);
    assert_int_equal(conch_plan_make(engine, model, &request, &plan, &err), 0);
    /* 1024 blocks of 6 dim^2 + 2 dim ffn weights in bf16, and 65 million tokens */
    assert_true((double)plan.phase_bytes[CONCH_PHASE_DENOISE] >
                1024 * 2 * (6.0 * 65536 * 65536 + 2.0 * 65536 * 262144));
    assert_true((double)plan.phase_bytes[CONCH_PHASE_DENOISE] < 1e16);
    assert_true((double)plan.peak_bytes < 1e16 && plan.peak_bytes > plan.phase_bytes[CONCH_PHASE_DENOISE]);
    assert_int_equal(plan.tokens, 1001 * 256 * 256);
    conch_engine_destroy(engine);
    conch_model_close(model);
}

static void a_folder_without_manifest_is_not_found(void **state)
{
    conch_model *model = NULL;
    conch_error err = {0};
    assert_int_equal(conch_model_open(&model, test_path("nowhere"), &err), CONCH_ERR_NOTFOUND);
    assert_non_null(strstr(err.text, "is not a model folder: it has no conch.json"));
    assert_int_equal(conch_model_open(&model, test_path("nowhere"), NULL), CONCH_ERR_NOTFOUND);
    assert_null(model);
}

static void text_that_is_no_manifest_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "3",
                                        "\"format\"",
                                        "{\"format\": 1, \"format\": 1}",
                                        "{\"format\": 1} x",
                                        "\xff\xfe{\"",
                                        "{\"name\": \"\\u0000\"}"};
    mkdir(test_path("none"), 0700);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        conch_model *model = NULL;
        conch_error err = {0};
        assert_int_equal(file_write_atomic(test_path("none/conch.json"), texts[i], strlen(texts[i]), &err), 0);
        assert_int_equal(conch_model_open(&model, test_path("none"), &err), CONCH_ERR_FORMAT);
        assert_non_null(strstr(err.text, "conch.json"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_described_as_its_manifest_says),
        cmocka_unit_test(what_may_be_left_out_has_a_default),
        cmocka_unit_test(every_manifest_that_ships_is_accepted),
        cmocka_unit_test(fields_of_the_top_are_checked),
        cmocka_unit_test(a_text_encoder_that_cannot_be_is_refused),
        cmocka_unit_test(a_transformer_that_cannot_be_is_refused),
        cmocka_unit_test(a_vae_that_cannot_be_is_refused),
        cmocka_unit_test(capabilities_that_cannot_be_are_refused),
        cmocka_unit_test(clips_longer_than_the_transformer_counts_are_refused),
        cmocka_unit_test(the_largest_manifest_is_planned_and_does_not_fit),
        cmocka_unit_test(a_folder_without_manifest_is_not_found),
        cmocka_unit_test(text_that_is_no_manifest_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
