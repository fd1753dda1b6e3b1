/* Requests: what is refused and how, what defaults become, and whether a plan's bytes are those that are used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "engine_test.h"

static conch_engine *engine;
static conch_model *ti2v, *t2v;

static int set_up(void **state)
{
    test_folder_make("plan");
    engine = engine_make(1);
    ti2v = model_of(model_write(manifest_ti2v(), "ti2v"));
    t2v = model_of(model_write(manifest_t2v(), "t2v"));
    return 0;
}

static int tear_down(void **state)
{
    conch_model_close(ti2v);
    conch_model_close(t2v);
    conch_engine_destroy(engine);
    test_folder_remove();
    return 0;
}

static void defaults_are_the_models(void **state)
{
    conch_plan plan;
    conch_error err;
    assert_int_equal(conch_plan_make(engine, ti2v, &(conch_request){.prompt = "a fox"}, &plan, &err), 0);
    assert_int_equal(plan.width, 96);
    assert_int_equal(plan.height, 64);
    assert_int_equal(plan.frame_count, 9);
    assert_int_equal(plan.fps, 12);
    assert_int_equal(plan.step_count, 2);
    assert_true(plan.guidance == 5 && plan.shift == 5);
    assert_string_equal(plan.sampler, "unipc");
    assert_int_equal(plan.latent_frames, 3);
    assert_int_equal(plan.latent_width, 6);
    assert_int_equal(plan.latent_height, 4);
    assert_int_equal(plan.tokens, 3 * 3 * 2);
    assert_true(plan.prompt_tokens >= 3);
    assert_int_equal(plan.prompt_tokens_cut, 0);
    assert_int_equal(plan.phase_bytes[CONCH_PHASE_IMAGE], 0);
    assert_true(plan.phase_gflop[CONCH_PHASE_IMAGE] == 0);
    assert_true(plan.phase_bytes[CONCH_PHASE_TEXT] > 0 && plan.phase_bytes[CONCH_PHASE_DENOISE] > 0 &&
                plan.phase_bytes[CONCH_PHASE_DECODE] > 0);
    assert_false(plan.streamed || plan.text_cached[0] || plan.text_cached[1]);
    assert_true(plan.peak_bytes > plan.base_bytes && plan.peak_bytes <= plan.available_bytes);
}

static void refuse(const conch_model *model, conch_request request, int code, const char *says)
{
    conch_plan plan = {.width = -7};
    conch_error err = {0};
    int rc = conch_plan_make(engine, model, &request, &plan, &err);
    if (rc != code || err.code != code || !strstr(err.text, says))
        fail_msg("wanted %d '%s', got %d '%s'", code, says, rc, err.text);
    assert_int_equal(plan.width, -7); /* written on success only */
    struct clip clip;
    clip_init(&clip);
    assert_int_equal(clip_generate(&clip, engine, model, &request, &err), code);
    assert_int_equal(clip.progress_count, 0);
    clip_finish(&clip);
}

static void every_field_outside_its_limits_is_refused_with_what_is_allowed(void **state)
{
    const conch_request good = {.prompt = "a fox"};
    const struct {
        conch_request change;
        const char *says;
    } cases[] = {
        {{.width = 100, .height = 64}, "size 100x64 is not one test/ti2v makes (allowed: 96x64, 64x96)"},
        {{.width = 64}, "size 64x64"},
        {{.width = -96, .height = -64}, "size -96x-64"},
        {{.frame_count = 10},
         "10 frames are not a length test/ti2v makes (allowed: 1 (0.1 s), 5 (0.4 s), 9 (0.8 s), "
         "17 (1.4 s))"},
        {{.frame_count = -1}, "-1 frames"},
        {{.step_count = 1001}, "steps: 1001 is not allowed (1 to 1000)"},
        {{.step_count = -1}, "steps: -1"},
        {{.guidance = 0.5}, "guidance: 0.5 is not allowed (1 to 100)"},
        {{.guidance = 101}, "guidance: 101"},
        {{.guidance = -1}, "guidance: -1"},
        {{.guidance = NAN}, "guidance: "},
        {{.guidance = INFINITY}, "guidance: inf"},
        {{.shift = 0.0001}, "shift: 0.0001 is not allowed (0.001 to 100)"},
        {{.shift = 1000}, "shift: 1000"},
        {{.shift = NAN}, "shift: "},
        {{.sampler = "magic"}, "sampler 'magic' is not one there is (allowed: unipc, dpmpp, euler"},
        {{.sampler = ""}, "sampler ''"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        conch_request request = cases[i].change;
        request.prompt = good.prompt;
        refuse(ti2v, request, CONCH_ERR_RANGE, cases[i].says);
    }
}

static void prompts_that_say_nothing_are_refused(void **state)
{
    static const char *const empty[] = {NULL, "", " ", "\t\r\n "};
    /* no-break, ideographic and zero-width spaces, line separator; entities of spaces */
    static const char *const unicode[] = {"\u00a0", "\u3000\u2003 \u2028", "\ufeff", "&nbsp; &#32;"};
    for (size_t i = 0; i < ARRAY_LEN(empty); i++)
        refuse(ti2v, (conch_request){.prompt = empty[i]}, CONCH_ERR_RANGE, "prompt: it is empty");
    for (size_t i = 0; i < ARRAY_LEN(unicode); i++)
        refuse(ti2v, (conch_request){.prompt = unicode[i]}, CONCH_ERR_RANGE, "prompt: nothing is left of it");
    refuse(ti2v, (conch_request){.prompt = "a \xff fox"}, CONCH_ERR_RANGE, "2"); /* the byte's place */
    conch_plan plan;
    assert_int_equal(conch_plan_make(engine, ti2v, &(conch_request){.prompt = "a fox", .negative = ""}, &plan, NULL),
                     0);
}

static void a_prompt_that_is_too_long_is_cut_and_that_is_said(void **state)
{
    char text[4000] = "";
    conch_plan plan;
    struct clip clip;
    conch_error err;
    for (int i = 0; i < 200; i++)
        strcat(text, "red fox snow ");
    conch_request request = {.prompt = text, .negative = text, .frame_count = 1};
    assert_int_equal(conch_plan_make(engine, ti2v, &request, &plan, &err), 0);
    assert_int_equal(plan.prompt_tokens, 24);
    assert_true(plan.prompt_tokens_cut > 500);
    clip_init(&clip);
    assert_int_equal(clip_generate(&clip, engine, ti2v, &request, &err), 0); /* no slot is padding now */
    clip_finish(&clip);
    char *huge = malloc(100000);
    memset(huge, 'a', 99999);
    huge[99999] = 0;
    refuse(ti2v, (conch_request){.prompt = huge}, CONCH_ERR_LIMIT, "65536");
    free(huge);
}

static void pictures_that_do_not_fit_are_refused(void **state)
{
    uint8_t *rgb = calloc(1, 96 * 64 * 3);
    conch_picture good = {rgb, 96, 64}, small = {rgb, 64, 64}, turned = {rgb, 64, 96}, none = {NULL, 96, 64};
    conch_request request = {.prompt = "a fox"};
    request.first_frame = &small;
    refuse(ti2v, request, CONCH_ERR_RANGE, "the first frame is 64x64, the clip 96x64: fit it first");
    request.first_frame = &turned;
    refuse(ti2v, request, CONCH_ERR_RANGE, "the first frame is 64x96");
    request.first_frame = &none;
    refuse(ti2v, request, CONCH_ERR_RANGE, "the first frame has no pixels");
    request.first_frame = &good;
    request.last_frame = &turned;
    refuse(ti2v, request, CONCH_ERR_RANGE, "the last frame is 64x96");
    request.last_frame = &good;
    request.frame_count = 1;
    refuse(ti2v, request, CONCH_ERR_RANGE, "1 frames are too few for a first and a last frame");
    request.frame_count = 0;
    request.first_frame = NULL;
    refuse(ti2v, request, CONCH_ERR_RANGE, "a last frame needs a first frame as well");
    uint8_t *rgb_t2v = calloc(1, 48 * 32 * 3);
    conch_picture for_t2v = {rgb_t2v, 48, 32};
    request = (conch_request){.prompt = "a fox", .first_frame = &for_t2v};
    refuse(t2v, request, CONCH_ERR_UNSUPPORTED, "test/t2v cannot be given a first frame");
    request.last_frame = &for_t2v;
    refuse(t2v, request, CONCH_ERR_UNSUPPORTED, "test/t2v cannot be given first and last frame");
    json_t *root = manifest_ti2v();
    manifest_change(root, "capabilities.modes", json_loads("[\"first_frame\"]", 0, NULL));
    conch_model *pictures_only = model_of(model_write(root, "pictures"));
    refuse(pictures_only, (conch_request){.prompt = "a fox"}, CONCH_ERR_UNSUPPORTED, "cannot be given text alone");
    conch_model_close(pictures_only);
    free(rgb);
    free(rgb_t2v);
}

static void what_does_not_fit_is_refused_with_both_numbers(void **state)
{
    conch_engine *small;
    conch_error err = {0};
    conch_plan plan;
    conch_request request = {.prompt = "a fox"};
    conch_engine_options options = {.threads = 1, .memory_bytes = 1000000};
    assert_int_equal(conch_engine_create(&small, &options, &err), 0);
    assert_int_equal(conch_plan_make(small, ti2v, &request, &plan, &err), CONCH_ERR_NOMEM);
    double needs = 0, may = 0;
    assert_int_equal(sscanf(err.text, "this clip needs %lf MB of memory and %lf MB may be used", &needs, &may), 2);
    assert_true(may == 1 && needs > 2);
    conch_engine_destroy(small);
}

static void engines_with_impossible_options_are_refused(void **state)
{
    conch_engine *none = NULL;
    conch_error err = {0};
    assert_int_equal(conch_engine_create(&none, &(conch_engine_options){.threads = 257}, &err), CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "257"));
    assert_int_equal(conch_engine_create(&none, &(conch_engine_options){.cpu = "mmx"}, &err), CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "mmx"));
    assert_null(none);
    conch_engine_destroy(NULL);
}

/* ---- bytes ---- */

static uint64_t status_bytes(const char *key)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    unsigned long long kb = 0;
    size_t length = strlen(key);
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, key, length) == 0)
            sscanf(line + length, ": %llu", &kb);
    if (file)
        fclose(file);
    return kb * 1024;
}

struct measured {
    conch_plan plan;
    uint64_t peak_bytes; /* VmHWM */
    int rc;
    conch_error err;
};

static int frame_forget(void *context, const uint8_t *rgb, int index)
{
    return 0;
}

/* Plans and generates in a process of its own, whose largest resident set is the answer. */
static struct measured measure(const char *folder, const conch_request *request, const conch_engine_options *options)
{
    struct measured m = {.rc = -1};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        conch_engine *with = NULL;
        conch_model *model = model_of(folder);
        m.rc = conch_engine_create(&with, options, &m.err);
        const conch_sink sink = {.frame = frame_forget, .preview = frame_forget};
        if (m.rc == 0)
            m.rc = conch_plan_make(with, model, request, &m.plan, &m.err);
        if (m.rc == 0)
            m.rc = conch_generate(with, model, request, &sink, &m.err);
        m.peak_bytes = status_bytes("VmHWM");
        _exit(write(ends[1], &m, sizeof m) == sizeof m ? 0 : 1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &m, sizeof m), sizeof m);
    close(ends[0]);
    waitpid(child, NULL, 0);
    if (m.rc != 0)
        fail_msg("%s", m.err.text);
    return m;
}

static void peak_is_as_planned(const char *what, const char *folder, const conch_request *request,
                               const conch_engine_options *options)
{
    struct measured m = measure(folder, request, options);
    double least = request->preview ? 0.9 : 0.95; /* previews leave buffers of later frames untouched */
    double planned = (double)m.plan.peak_bytes, used = (double)m.peak_bytes;
    print_message("%s: planned %.1f MB, used %.1f MB (%+.1f %%), phases %.1f %.1f %.1f %.1f MB, base %.1f MB\n", what,
                  planned / 1e6, used / 1e6, 100 * (used / planned - 1), (double)m.plan.phase_bytes[0] / 1e6,
                  (double)m.plan.phase_bytes[1] / 1e6, (double)m.plan.phase_bytes[2] / 1e6,
                  (double)m.plan.phase_bytes[3] / 1e6, (double)m.plan.base_bytes / 1e6);
    assert_int_equal(m.plan.streamed, options->memory_bytes > 0);
#if !TEST_SANITIZED
    assert_true(used < 1.05 * planned && used > least * planned);
#endif
}

static const conch_engine_options one_thread = {.threads = 1};

static void a_large_transformer_uses_what_was_planned(void **state)
{
    const struct made_dit made = {
        .dim = 1024, .ffn = 4096, .heads = 8, .layers = 8, .channels = 48, .text_dim = 64, .freq_dim = 256};
    json_t *root = manifest_ti2v();
    transformer_make(test_path("large.safetensors"), &made);
    manifest_dit_set(root, &made, test_path("large.safetensors"));
    const char *folder = model_write(root, "large");
    conch_request request = {.prompt = "a fox", .step_count = 1, .guidance = 1, .frame_count = 5};
    peak_is_as_planned("transformer", folder, &request, &one_thread);
    request.guidance = 5;
    request.step_count = 2;
    peak_is_as_planned("transformer, guidance, 2 threads", folder, &request, &(conch_engine_options){.threads = 2});
    peak_is_as_planned("transformer, streamed", folder, &request,
                       &(conch_engine_options){.threads = 1, .memory_bytes = 150000000});
    unlink(test_path("large.safetensors"));
}

static void a_large_text_encoder_uses_what_was_planned(void **state)
{
    const struct made_text text = {
        .vocab = 768, .dim = 2048, .dim_attn = 2048, .dim_ffn = 8192, .heads = 32, .layers = 2, .buckets = 32};
    const struct made_dit dit = {
        .dim = 64, .ffn = 176, .heads = 2, .layers = 2, .channels = 48, .text_dim = 2048, .freq_dim = 256};
    json_t *root = manifest_ti2v();
    text_encoder_make(test_path("text.safetensors"), &text);
    transformer_make(test_path("small.safetensors"), &dit);
    manifest_text_set(root, &text, test_path("text.safetensors"));
    manifest_dit_set(root, &dit, test_path("small.safetensors"));
    conch_request request = {.prompt = "a fox", .step_count = 1, .guidance = 1, .frame_count = 1};
    peak_is_as_planned("text encoder", model_write(root, "wordy"), &request, &one_thread);
    unlink(test_path("text.safetensors"));
}

static void large_pictures_use_what_was_planned(void **state)
{
    conch_picture first;
    json_t *root = manifest_ti2v();
    manifest_change(root, "capabilities.sizes", json_loads("[[1280, 704]]", 0, NULL));
    const char *folder = model_write(root, "wide");
    conch_request request = {.prompt = "a fox", .step_count = 1, .guidance = 1, .frame_count = 5};
    peak_is_as_planned("decoder", folder, &request, &one_thread);
    picture_draw(&first, 1280, 704, 0);
    request.first_frame = &first;
    peak_is_as_planned("encoder", folder, &request, &one_thread);
    request.preview = true;
    peak_is_as_planned("previews", folder, &request, &one_thread);
    free((void *)first.rgb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_models),
        cmocka_unit_test(every_field_outside_its_limits_is_refused_with_what_is_allowed),
        cmocka_unit_test(prompts_that_say_nothing_are_refused),
        cmocka_unit_test(a_prompt_that_is_too_long_is_cut_and_that_is_said),
        cmocka_unit_test(pictures_that_do_not_fit_are_refused),
        cmocka_unit_test(what_does_not_fit_is_refused_with_both_numbers),
        cmocka_unit_test(engines_with_impossible_options_are_refused),
        cmocka_unit_test(a_large_transformer_uses_what_was_planned),
        cmocka_unit_test(a_large_text_encoder_uses_what_was_planned),
        cmocka_unit_test(large_pictures_use_what_was_planned),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
