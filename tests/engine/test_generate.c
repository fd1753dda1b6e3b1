/* Whole generations with small models: the same bytes whatever the threads, stopping anywhere, pictures, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "engine/tensor/safetensors.h"
#include "engine_test.h"

static conch_engine *engine;
static conch_model *ti2v;

static int set_up(void **state)
{
    test_folder_make("generate");
    engine = engine_make(2);
    ti2v = model_of(model_write(manifest_ti2v(), "ti2v"));
    return 0;
}

static int tear_down(void **state)
{
    conch_model_close(ti2v);
    conch_engine_destroy(engine);
    test_folder_remove();
    return 0;
}

static const conch_request fox = {.prompt = "a red fox runs through fresh snow", .seed = 7, .frame_count = 9};

static void generate_ok(struct clip *clip, conch_engine *with, const conch_model *model, const conch_request *request)
{
    conch_error err = {0};
    if (clip_generate(clip, with, model, request, &err) != 0)
        fail_msg("%s", err.text);
    assert_false(clip->out_of_order);
    assert_int_equal(clip->last_phase, CONCH_PHASE_DECODE);
    assert_true(clip->last_fraction > 0.999);
}

/* ---- sameness ---- */

static void same_bytes_with_any_threads(const conch_model *model, const conch_request *request, int frame_count)
{
    struct clip one, other;
    clip_init(&one);
    clip_init(&other);
    for (size_t threads = 1; threads <= 3; threads++) {
        conch_engine *with = engine_make(threads);
        generate_ok(threads == 1 ? &one : &other, with, model, request);
        conch_engine_destroy(with);
        if (threads > 1)
            assert_true(clips_equal(&one, &other));
    }
    assert_int_equal(one.frame_count, frame_count);
    conch_request reseeded = *request;
    reseeded.seed++;
    generate_ok(&other, engine, model, &reseeded);
    assert_false(clips_equal(&one, &other));
    clip_finish(&one);
    clip_finish(&other);
}

static void one_seed_gives_the_same_bytes_with_1_2_and_3_threads(void **state)
{
    same_bytes_with_any_threads(ti2v, &fox, 9);
    conch_request f32 = fox;
    f32.precision = CONCH_PRECISION_F32;
    same_bytes_with_any_threads(ti2v, &f32, 9);
}

static void the_model_of_wan_21_does_so_too(void **state)
{
    conch_model *t2v = model_of(model_write(manifest_t2v(), "t2v"));
    conch_request request = {.prompt = "a lighthouse in a storm", .seed = 1};
    same_bytes_with_any_threads(t2v, &request, 9);
    conch_model_close(t2v);
}

static void the_model_that_ships_does_so_too(void **state)
{
    conch_model *tiny = model_tiny();
    const conch_model_info *info = conch_model_info_get(tiny);
    int least = info->frame_counts[0];
    for (size_t i = 1; i < info->frame_count_count; i++)
        least = info->frame_counts[i] < least ? info->frame_counts[i] : least;
    conch_request request = {
        .prompt = "a red ball bounces on the grass", .seed = 3, .step_count = 1, .frame_count = least};
    same_bytes_with_any_threads(tiny, &request, least);
    conch_model_close(tiny);
}

static void another_prompt_sampler_or_guidance_gives_another_clip(void **state)
{
    struct clip clip, other;
    clip_init(&clip);
    clip_init(&other);
    generate_ok(&clip, engine, ti2v, &fox);
    conch_request changed[6];
    for (size_t i = 0; i < 6; i++)
        changed[i] = fox;
    changed[0].prompt = "a green boat crosses the lake";
    changed[1].sampler = "euler";
    changed[2].guidance = 2;
    changed[3].negative = "bright colours";
    changed[4].step_count = 3;
    changed[5].shift = 2;
    for (size_t i = 0; i < 6; i++) {
        generate_ok(&other, engine, ti2v, &changed[i]);
        assert_false(clips_equal(&clip, &other));
    }
    clip_finish(&clip);
    clip_finish(&other);
}

static void every_sampler_size_and_length_works(void **state)
{
    static const char *const samplers[] = {"unipc", "dpmpp", "euler", "euler_diffusers", "unipc_diffusers"};
    static const int lengths[] = {1, 5, 9, 17};
    struct clip clip;
    clip_init(&clip);
    for (size_t i = 0; i < 5; i++) {
        conch_request request = fox;
        request.sampler = samplers[i];
        request.step_count = 4;
        request.frame_count = lengths[i % 4];
        request.width = i % 2 ? 64 : 96;
        request.height = i % 2 ? 96 : 64;
        generate_ok(&clip, engine, ti2v, &request);
        assert_int_equal(clip.frame_count, lengths[i % 4]);
    }
    clip_finish(&clip);
}

static void blocks_packed_anew_for_every_pass_give_the_same_bytes(void **state)
{
    struct clip clip, streamed;
    conch_plan plan;
    conch_engine *tight;
    conch_error err;
    /* many layers, so that holding one of them is what fits */
    const struct made_dit made = {
        .dim = 256, .ffn = 1024, .heads = 4, .layers = 12, .channels = 48, .text_dim = 64, .freq_dim = 256};
    json_t *root = manifest_ti2v();
    transformer_make(test_path("deep.safetensors"), &made);
    manifest_dit_set(root, &made, test_path("deep.safetensors"));
    conch_model *deep = model_of(model_write(root, "deep"));
    clip_init(&clip);
    clip_init(&streamed);
    generate_ok(&clip, engine, deep, &fox);
    assert_int_equal(conch_plan_make(engine, deep, &fox, &plan, &err), 0);
    assert_false(plan.streamed);
    conch_engine_options options = {.threads = 2,
                                    .memory_bytes = plan.peak_bytes - plan.phase_bytes[CONCH_PHASE_DENOISE] / 4};
    assert_int_equal(conch_engine_create(&tight, &options, &err), 0);
    assert_int_equal(conch_plan_make(tight, deep, &fox, &plan, &err), 0);
    assert_true(plan.streamed);
    generate_ok(&streamed, tight, deep, &fox);
    assert_true(clips_equal(&clip, &streamed));
    conch_engine_destroy(tight);
    conch_model_close(deep);
    clip_finish(&clip);
    clip_finish(&streamed);
}

/* ---- guidance, previews ---- */

static void without_guidance_one_pass_a_step_is_made(void **state)
{
    struct clip with, without;
    conch_plan plan, plan_without;
    conch_request request = fox;
    clip_init(&with);
    clip_init(&without);
    generate_ok(&with, engine, ti2v, &fox);
    request.guidance = 1;
    generate_ok(&without, engine, ti2v, &request);
    /* a call for every block of a pass and every layer of a text, twice with guidance: 2 blocks, 2 steps, 3 layers */
    assert_int_equal(with.progress_count - without.progress_count, 2 * 2 + 3);
    assert_int_equal(conch_plan_make(engine, ti2v, &fox, &plan, NULL), 0);
    assert_int_equal(conch_plan_make(engine, ti2v, &request, &plan_without, NULL), 0);
    assert_true(plan_without.phase_gflop[CONCH_PHASE_DENOISE] < 0.55 * plan.phase_gflop[CONCH_PHASE_DENOISE]);
    /* so the negative prompt changes nothing */
    request.negative = "something else";
    generate_ok(&with, engine, ti2v, &request);
    assert_true(clips_equal(&with, &without));
    clip_finish(&with);
    clip_finish(&without);
}

static void previews_come_after_each_step_and_change_nothing(void **state)
{
    struct clip plain, watched;
    conch_request request = fox;
    clip_init(&plain);
    clip_init(&watched);
    generate_ok(&plain, engine, ti2v, &request);
    request.preview = true;
    watched.preview = true;
    generate_ok(&watched, engine, ti2v, &request);
    assert_int_equal(watched.preview_count, 2);
    assert_true(clips_equal(&plain, &watched));
    watched.preview = false; /* asked for, but no one listens */
    generate_ok(&watched, engine, ti2v, &request);
    assert_int_equal(watched.preview_count, 0);
    clip_finish(&plain);
    clip_finish(&watched);
}

/* ---- stopping ---- */

static void stop_at_every_call(const conch_request *request, bool by_engine)
{
    struct clip whole, clip;
    conch_error err;
    clip_init(&whole);
    clip_init(&clip);
    generate_ok(&whole, engine, ti2v, request);
    int calls = whole.progress_count;
    assert_true(calls > 10);
    for (int k = 1; k <= calls; k++) {
        clip.stop_at_progress = k;
        clip.cancel = by_engine ? engine : NULL;
        int rc = clip_generate(&clip, engine, ti2v, request, &err);
        if (by_engine && k == calls) /* all work was done when it came */
            assert_true(rc == 0 || rc == CONCH_ERR_CANCELLED);
        else
            assert_int_equal(rc, CONCH_ERR_CANCELLED);
        assert_int_equal(clip.progress_count, k);
        if (rc < 0)
            assert_int_equal(err.code, rc);
    }
    clip.stop_at_progress = 0;
    generate_ok(&clip, engine, ti2v, request);
    assert_true(clips_equal(&whole, &clip));
    clip_finish(&whole);
    clip_finish(&clip);
}

static void a_sink_can_stop_at_every_call_and_the_next_clip_is_whole(void **state)
{
    conch_picture first, last;
    conch_request request = fox;
    stop_at_every_call(&request, false);
    picture_draw(&first, 96, 64, 0);
    picture_draw(&last, 96, 64, 1);
    request.first_frame = &first;
    request.last_frame = &last;
    stop_at_every_call(&request, false);
    free((void *)first.rgb);
    free((void *)last.rgb);
}

static void an_engine_can_be_cancelled_at_every_call_and_the_next_clip_is_whole(void **state)
{
    stop_at_every_call(&fox, true);
}

static void a_sink_can_stop_at_every_frame(void **state)
{
    struct clip whole, clip;
    conch_error err;
    clip_init(&whole);
    clip_init(&clip);
    generate_ok(&whole, engine, ti2v, &fox);
    for (int k = 1; k <= whole.frame_count; k++) {
        clip.stop_at_frame = k;
        assert_int_equal(clip_generate(&clip, engine, ti2v, &fox, &err), CONCH_ERR_CANCELLED);
        assert_int_equal(clip.frame_count, k);
        assert_memory_equal(clip.frames, whole.frames, (size_t)k * whole.frame_bytes); /* what it has is valid */
    }
    clip_finish(&whole);
    clip_finish(&clip);
}

static void a_cancel_before_the_work_stops_the_next_clip_only(void **state)
{
    struct clip clip;
    conch_error err;
    clip_init(&clip);
    conch_engine_cancel(engine);
    assert_int_equal(clip_generate(&clip, engine, ti2v, &fox, &err), CONCH_ERR_CANCELLED);
    generate_ok(&clip, engine, ti2v, &fox);
    clip_finish(&clip);
}

/* ---- pictures ---- */

static double psnr(const uint8_t *a, const uint8_t *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return 10 * log10(255.0 * 255.0 * (double)count / (sum + 1e-9));
}

static void the_first_frame_resembles_the_picture_that_was_given(void **state)
{
    conch_model *tiny = model_tiny();
    const conch_model_info *info = conch_model_info_get(tiny);
    conch_picture picture;
    struct clip clip;
    picture_draw(&picture, info->sizes[0].width, info->sizes[0].height, 0.3);
    clip_init(&clip);
    if (info->modes & CONCH_MODE_FIRST_FRAME) {
        conch_request request = {.prompt = "a red ball on the grass",
                                 .first_frame = &picture,
                                 .frame_count = info->frame_counts[0],
                                 .step_count = 1,
                                 .guidance = 1};
        generate_ok(&clip, engine, tiny, &request);
        double same = psnr(clip.frames, picture.rgb, clip.frame_bytes);
        print_message("first frame: %.1f dB\n", same);
        assert_true(same > 18);
    }
    free((void *)picture.rgb);
    conch_model_close(tiny);
    clip_finish(&clip);
}

static void pictures_change_the_clip(void **state)
{
    conch_picture first, last;
    struct clip plain, with_first, with_both, replaced;
    conch_request request = fox;
    json_t *root = manifest_ti2v();
    manifest_change(root, "capabilities.last_frame", json_string("replace"));
    conch_model *replaces = model_of(model_write(root, "replaces"));
    picture_draw(&first, 96, 64, 0);
    picture_draw(&last, 96, 64, 1);
    clip_init(&plain);
    clip_init(&with_first);
    clip_init(&with_both);
    clip_init(&replaced);
    generate_ok(&plain, engine, ti2v, &request);
    request.first_frame = &first;
    generate_ok(&with_first, engine, ti2v, &request);
    request.last_frame = &last;
    generate_ok(&with_both, engine, ti2v, &request);
    generate_ok(&replaced, engine, replaces, &request);
    assert_int_equal(with_both.frame_count, 9); /* the frame that was appended is not shown */
    assert_int_equal(replaced.frame_count, 9);
    assert_false(clips_equal(&plain, &with_first));
    assert_false(clips_equal(&with_first, &with_both));
    assert_false(clips_equal(&with_both, &replaced));
    /* the first latent frame is the picture's, whatever comes after it */
    assert_memory_equal(with_first.frames, with_both.frames, with_first.frame_bytes);
    assert_memory_equal(with_first.frames, replaced.frames, with_first.frame_bytes);
    free((void *)first.rgb);
    free((void *)last.rgb);
    conch_model_close(replaces);
    clip_finish(&plain);
    clip_finish(&with_first);
    clip_finish(&with_both);
    clip_finish(&replaced);
}

/* ---- damaged models ---- */

/* A copy of golden weights with `what` done to the bytes of a tensor. */
static const char *weights_copy(const char *component, const char *tensor, void (*what)(uint8_t *bytes, size_t size))
{
    struct buf content;
    struct st_file *file = NULL;
    conch_error err = {0};
    json_t *root = manifest_ti2v();
    const char *from = json_string_value(
        json_array_get(json_object_get(json_object_get(json_object_get(root, "components"), component), "files"), 0));
    const char *to = test_path("damaged.safetensors");
    buf_init(&content, (size_t)64 << 20);
    assert_int_equal(file_read(&content, from, &err), 0);
    assert_int_equal(st_open_memory(&file, content.data, content.size, from, &err), 0);
    const struct st_tensor *found = st_find(file, tensor);
    assert_non_null(found);
    what((uint8_t *)content.data + ((const char *)found->data - content.data), found->bytes);
    st_close(file);
    assert_int_equal(file_write_atomic(to, content.data, content.size, &err), 0);
    buf_finish(&content);
    json_decref(root);
    return to;
}

static void nan_put(uint8_t *bytes, size_t size)
{
    memset(bytes, 0xff, size < 64 ? size : 64); /* NaN in every type */
}

static const char *model_with(const char *component, const char *file, const char *name)
{
    char path[128];
    json_t *root = manifest_ti2v();
    snprintf(path, sizeof path, "components.%s.files.0", component);
    manifest_change(root, path, json_string(file));
    return model_write(root, name);
}

static void weights_that_are_not_numbers_are_an_error_and_no_clip(void **state)
{
    static const struct {
        const char *component, *tensor;
        bool picture, preview;
    } cases[] = {
        {"text_encoder", "blocks.1.attn.q.weight", false, false},
        {"transformer", "blocks.1.ffn.0.weight", false, false},
        {"transformer", "blocks.1.ffn.0.weight", false, true},
        {"transformer", "head.head.bias", false, false},
        {"vae", "decoder.conv1.bias", false, false},
        {"vae", "decoder.conv1.bias", false, true},
        {"vae", "encoder.conv1.bias", true, false},
    };
    conch_picture picture;
    picture_draw(&picture, 96, 64, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *file = weights_copy(cases[i].component, cases[i].tensor, nan_put);
        conch_model *model = model_of(model_with(cases[i].component, file, "nan"));
        struct clip clip;
        conch_error err = {0};
        conch_request request = fox;
        request.first_frame = cases[i].picture ? &picture : NULL;
        request.preview = cases[i].preview;
        clip_init(&clip);
        clip.preview = cases[i].preview;
        assert_int_equal(clip_generate(&clip, engine, model, &request, &err), CONCH_ERR_FORMAT);
        assert_non_null(strstr(err.text, "the weights give values that are not finite"));
        assert_non_null(strstr(err.text, "damaged.safetensors"));
        assert_int_equal(clip.frame_count, 0);
        assert_int_equal(clip.preview_count, 0);
        clip_finish(&clip);
        conch_model_close(model);
    }
    free((void *)picture.rgb);
}

static void a_missing_file_is_named_before_any_work(void **state)
{
    static const char *const components[] = {"text_encoder", "transformer", "vae"};
    struct clip clip;
    conch_plan plan;
    conch_error err;
    clip_init(&clip);
    for (size_t i = 0; i < 3; i++) {
        conch_model *model = model_of(model_with(components[i], "nowhere.safetensors", "missing"));
        assert_non_null(strstr(conch_model_info_get(model)->missing, "nowhere.safetensors"));
        assert_int_equal(conch_model_info_get(model)->weights_bytes, 0);
        assert_int_equal(conch_plan_make(engine, model, &fox, &plan, &err), CONCH_ERR_NOTFOUND);
        assert_non_null(strstr(err.text, "nowhere.safetensors"));
        assert_int_equal(clip_generate(&clip, engine, model, &fox, &err), CONCH_ERR_NOTFOUND);
        assert_int_equal(clip.progress_count, 0);
        assert_int_equal(clip_decode(&clip, engine, model, "no.latent", &err), CONCH_ERR_NOTFOUND);
        conch_model_close(model);
    }
    clip_finish(&clip);
}

static void text_put(const char *path, const char *text)
{
    assert_int_equal(file_write_atomic(path, text, strlen(text), NULL), 0);
}

static void a_missing_shard_or_a_file_that_is_none_is_an_error(void **state)
{
    struct clip clip;
    conch_error err;
    clip_init(&clip);
    text_put(test_path("index.json"), "{\"weight_map\": {\"a\": \"shard-1-of-2.safetensors\"}}");
    conch_model *model = model_of(model_with("transformer", test_path("index.json"), "shard"));
    assert_int_equal(clip_generate(&clip, engine, model, &fox, &err), CONCH_ERR_NOTFOUND);
    assert_non_null(strstr(err.text, "shard-1-of-2.safetensors"));
    conch_model_close(model);
    text_put(test_path("text.safetensors"), "these are no weights");
    static const char *const components[] = {"text_encoder", "transformer", "vae"};
    for (size_t i = 0; i < 3; i++) {
        model = model_of(model_with(components[i], test_path("text.safetensors"), "text"));
        assert_int_equal(clip_generate(&clip, engine, model, &fox, &err), CONCH_ERR_FORMAT);
        assert_non_null(strstr(err.text, "text.safetensors"));
        conch_model_close(model);
    }
    clip_finish(&clip);
}

static void weights_of_another_shape_are_refused_by_name(void **state)
{
    static const struct {
        const char *path;
        int value;
        const char *tensor;
    } cases[] = {
        {"components.text_encoder.dim_ffn", 192, "ffn"},
        {"components.text_encoder.layers", 4, "blocks.3."},
        {"components.text_encoder.vocab", 767, "token_embedding"},
        {"components.text_encoder.buckets", 16, "pos_embedding"},
        {"components.transformer.dim", 128, "patch_embedding"},
        {"components.transformer.ffn", 192, "ffn.0"},
        {"components.transformer.layers", 3, "blocks.2."},
        {"components.transformer.freq_dim", 128, "time_embedding.0"},
        {"components.vae.dec_dim", 6, "decoder.conv1"},
        {"components.vae.res_blocks", 1, "decoder."},
    };
    struct clip clip;
    clip_init(&clip);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        conch_error err = {0};
        json_t *root = manifest_ti2v();
        manifest_change(root, cases[i].path, json_integer(cases[i].value));
        conch_model *model = model_of(model_write(root, "shape"));
        int rc = clip_generate(&clip, engine, model, &fox, &err);
        if ((rc != CONCH_ERR_FORMAT && rc != CONCH_ERR_NOTFOUND) || !strstr(err.text, cases[i].tensor))
            fail_msg("%s: %d %s", cases[i].path, rc, err.text);
        conch_model_close(model);
    }
    clip_finish(&clip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_seed_gives_the_same_bytes_with_1_2_and_3_threads),
        cmocka_unit_test(the_model_of_wan_21_does_so_too),
        cmocka_unit_test(the_model_that_ships_does_so_too),
        cmocka_unit_test(another_prompt_sampler_or_guidance_gives_another_clip),
        cmocka_unit_test(every_sampler_size_and_length_works),
        cmocka_unit_test(blocks_packed_anew_for_every_pass_give_the_same_bytes),
        cmocka_unit_test(without_guidance_one_pass_a_step_is_made),
        cmocka_unit_test(previews_come_after_each_step_and_change_nothing),
        cmocka_unit_test(a_sink_can_stop_at_every_call_and_the_next_clip_is_whole),
        cmocka_unit_test(an_engine_can_be_cancelled_at_every_call_and_the_next_clip_is_whole),
        cmocka_unit_test(a_sink_can_stop_at_every_frame),
        cmocka_unit_test(a_cancel_before_the_work_stops_the_next_clip_only),
        cmocka_unit_test(the_first_frame_resembles_the_picture_that_was_given),
        cmocka_unit_test(pictures_change_the_clip),
        cmocka_unit_test(weights_that_are_not_numbers_are_an_error_and_no_clip),
        cmocka_unit_test(a_missing_file_is_named_before_any_work),
        cmocka_unit_test(a_missing_shard_or_a_file_that_is_none_is_an_error),
        cmocka_unit_test(weights_of_another_shape_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
