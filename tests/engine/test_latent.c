/* Saved latents: decoding one gives the clip it came from, and a damaged one is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <math.h>
#include <unistd.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/file.h"
#include "engine/latent.h"
#include "engine_test.h"

static conch_engine *engine;
static conch_model *ti2v;

static int set_up(void **state)
{
    test_folder_make("latent");
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

static void decoding_alone_gives_the_frames_of_the_clip(const conch_model *model, const conch_request *request)
{
    struct clip clip, decoded;
    conch_latent_info info;
    conch_error err = {0};
    clip_init(&clip);
    clip_init(&decoded);
    if (clip_generate(&clip, engine, model, request, &err) < 0)
        fail_msg("%s", err.text);
    if (clip_decode(&decoded, engine, model, request->latent_path, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(clips_equal(&clip, &decoded));
    assert_false(decoded.out_of_order);
    assert_int_equal(conch_latent_info_read(request->latent_path, &info, &err), 0);
    assert_string_equal(info.model, conch_model_info_get(model)->name);
    assert_string_equal(info.prompt, request->prompt);
    assert_true(info.seed == request->seed);
    assert_int_equal(info.frame_count, clip.frame_count);
    assert_int_equal(info.fps, conch_model_info_get(model)->fps);
    conch_latent_info_finish(&info);
    clip_finish(&clip);
    clip_finish(&decoded);
}

static void a_saved_latent_decodes_to_the_same_frames(void **state)
{
    conch_picture first, last;
    conch_request request = {.prompt = "a red \"fox\"\n& caf\u00e9 \U0001F98A",
                             .seed = UINT64_MAX,
                             .latent_path = test_path("saved.latent")};
    decoding_alone_gives_the_frames_of_the_clip(ti2v, &request);
    picture_draw(&first, 96, 64, 0);
    picture_draw(&last, 96, 64, 1);
    request.first_frame = &first;
    request.last_frame = &last; /* appended, and not saved */
    decoding_alone_gives_the_frames_of_the_clip(ti2v, &request);
    free((void *)first.rgb);
    free((void *)last.rgb);
}

static void so_it_does_with_the_model_that_ships(void **state)
{
    conch_model *tiny = model_tiny();
    conch_request request = {.prompt = "a ball",
                             .step_count = 1,
                             .guidance = 1,
                             .frame_count = conch_model_info_get(tiny)->frame_counts[0],
                             .latent_path = test_path("tiny.latent")};
    decoding_alone_gives_the_frames_of_the_clip(tiny, &request);
    conch_model_close(tiny);
}

static void a_place_that_cannot_be_written_is_an_error(void **state)
{
    struct clip clip;
    conch_error err = {0};
    conch_request request = {.prompt = "a fox", .latent_path = test_path("no/such/folder/x.latent")};
    clip_init(&clip);
    assert_true(clip_generate(&clip, engine, ti2v, &request, &err) < 0);
    assert_non_null(strstr(err.text, "no/such/folder"));
    clip_finish(&clip);
}

static void stopping_while_decoding_leaves_the_next_call_whole(void **state)
{
    struct clip whole, clip;
    conch_error err;
    conch_request request = {.prompt = "a fox", .latent_path = test_path("stop.latent")};
    clip_init(&whole);
    clip_init(&clip);
    assert_int_equal(clip_generate(&whole, engine, ti2v, &request, &err), 0);
    for (int k = 1; k <= 4; k++) {
        clip.stop_at_progress = k;
        assert_int_equal(clip_decode(&clip, engine, ti2v, request.latent_path, &err), CONCH_ERR_CANCELLED);
    }
    clip.stop_at_progress = 0;
    assert_int_equal(clip_decode(&clip, engine, ti2v, request.latent_path, &err), 0);
    assert_true(clips_equal(&whole, &clip));
    clip_finish(&whole);
    clip_finish(&clip);
}

/* ---- damage ---- */

static void refuse(const char *path, int code, const char *says)
{
    struct clip clip;
    conch_error err = {0};
    clip_init(&clip);
    int rc = clip_decode(&clip, engine, ti2v, path, &err);
    if (rc != code || err.code != code || !strstr(err.text, says))
        fail_msg("wanted %d '%s', got %d '%s'", code, says, rc, err.text);
    assert_int_equal(clip.frame_count, 0);
    clip_finish(&clip);
}

/* A latent that is right; what is wrong with it the caller decides. */
static struct latent latent_good(void)
{
    struct latent latent = {.info = {.model = (char *)"test/ti2v",
                                     .prompt = (char *)"a fox",
                                     .width = 96,
                                     .height = 64,
                                     .frame_count = 9,
                                     .fps = 12},
                            .z = 48,
                            .frames = 3,
                            .height = 4,
                            .width = 6};
    latent.data = calloc((size_t)48 * 4 * 8 * 8, sizeof(float)); /* more than any case needs */
    return latent;
}

static void latents_that_do_not_fit_the_model_are_refused(void **state)
{
    const char *path = test_path("bad.latent");
    for (int i = 0; i < 10; i++) {
        struct latent latent = latent_good();
        int code = CONCH_ERR_FORMAT;
        const char *says = "is not a clip of";
        switch (i) {
        case 0:
            latent.info.model = (char *)"test/other", code = CONCH_ERR_RANGE, says = "was made by test/other";
            break;
        case 1: latent.z = 47; break;
        case 2: latent.frames = 4; break;
        case 3: latent.height = 5; break;
        case 4: latent.width = 5; break;
        case 5: latent.info.frame_count = 10; break;
        case 6: latent.info.fps = 0, says = "fps is '0', wanted a whole number from 1"; break;
        case 7: latent.info.width = -96, says = "width is '-96'"; break;
        case 8: latent.data[100] = NAN, says = "value 100 of the latent is not finite"; break;
        case 9: latent.data[3455] = -INFINITY, says = "value 3455 of the latent"; break;
        }
        assert_int_equal(latent_write(path, &latent, NULL), 0);
        free(latent.data);
        refuse(path, code, says);
    }
}

static void a_latent_that_was_cut_anywhere_is_refused(void **state)
{
    struct latent latent = latent_good();
    const char *path = test_path("cut.latent");
    struct buf content;
    conch_error err;
    assert_int_equal(latent_write(path, &latent, NULL), 0);
    free(latent.data);
    buf_init(&content, 1 << 20);
    assert_int_equal(file_read(&content, path, &err), 0);
    for (size_t size = 0; size < content.size; size += size < 600 ? 7 : 1009) {
        conch_latent_info info = {.width = -7};
        assert_int_equal(file_write_atomic(path, content.data, size, &err), 0);
        refuse(path, CONCH_ERR_FORMAT, "cut.latent");
        assert_int_equal(conch_latent_info_read(path, &info, &err), CONCH_ERR_FORMAT);
        assert_int_equal(info.width, -7);
    }
    buf_finish(&content);
}

static void what_is_no_latent_is_refused(void **state)
{
    static const char header[] =
        "{\"latent\":{\"dtype\":\"F32\",\"shape\":[1,4097,1,1],\"data_offsets\":[0,16388]},"
        "\"__metadata__\":{\"format\":\"conch-latent-1\",\"model\":\"test/ti2v\",\"prompt\":\"\","
        "\"width\":\"96\",\"height\":\"64\",\"frames\":\"9\",\"fps\":\"12\",\"seed\":\"1\"}}";
    static char file[8 + sizeof header - 1 + 16388];
    file[0] = (char)((sizeof header - 1) & 0xff);
    file[1] = (char)((sizeof header - 1) >> 8);
    memcpy(file + 8, header, sizeof header - 1);
    assert_int_equal(file_write_atomic(test_path("huge.latent"), file, sizeof file, NULL), 0);
    refuse(test_path("huge.latent"), CONCH_ERR_FORMAT, "dimension 1 of the latent is 4097, allowed are 1 to 4096");
    refuse(test_path("none.latent"), CONCH_ERR_NOTFOUND, "none.latent");
    const char *root = getenv("CONCH_TEST_ROOT");
    char weights[1024];
    snprintf(weights, sizeof weights, "%s/tests/golden/umt5.weights.safetensors", root ? root : ".");
    refuse(weights, CONCH_ERR_FORMAT, "is not a saved latent of conch");
}

static void decoding_what_does_not_fit_in_memory_is_refused(void **state)
{
    struct latent latent = latent_good();
    struct clip clip;
    conch_error err = {0};
    conch_engine *small;
    const char *path = test_path("fits.latent");
    assert_int_equal(latent_write(path, &latent, NULL), 0);
    free(latent.data);
    conch_engine_options options = {.threads = 1, .memory_bytes = 1000000};
    assert_int_equal(conch_engine_create(&small, &options, &err), 0);
    clip_init(&clip);
    assert_int_equal(clip_decode(&clip, small, ti2v, path, &err), CONCH_ERR_NOMEM);
    assert_non_null(strstr(err.text, "1 MB may be used"));
    assert_int_equal(clip_decode(&clip, engine, ti2v, path, &err), 0);
    clip_finish(&clip);
    conch_engine_destroy(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_saved_latent_decodes_to_the_same_frames),
        cmocka_unit_test(so_it_does_with_the_model_that_ships),
        cmocka_unit_test(a_place_that_cannot_be_written_is_an_error),
        cmocka_unit_test(stopping_while_decoding_leaves_the_next_call_whole),
        cmocka_unit_test(latents_that_do_not_fit_the_model_are_refused),
        cmocka_unit_test(a_latent_that_was_cut_anywhere_is_refused),
        cmocka_unit_test(what_is_no_latent_is_refused),
        cmocka_unit_test(decoding_what_does_not_fit_in_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
