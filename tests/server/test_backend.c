/* Pixels: frames made longer and larger, words drawn into a corner, and what the sandbox does with them. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "media/media.h"
#include "server/backend/backend.h"
#include "server/backend/frames.h"
#include "server/backend/local.h"
#include "server/backend/mark.h"
#include "server/backend/sandbox.h"

static conch_error err;

/* ---- frames ---- */

static struct frames flat(uint8_t *rgb, int count)
{
    for (int i = 0; i < count; i++)
        memset(rgb + i * 4 * 4 * 3, 10 * i, 4 * 4 * 3);
    return (struct frames){.rgb = rgb, .width = 4, .height = 4, .count = count, .fps = 16};
}

static void a_clip_twice_as_long_is_played_at_half_the_speed(void **state)
{
    const struct frames source = {.width = 4, .height = 4, .count = 49, .fps = 16};
    const struct frames_target target = {.width = 4, .height = 4, .count = 144, .fps = 24};
    assert_float_equal(frames_position(&source, &target, 0), 0, 1e-9);
    assert_float_equal(frames_position(&source, &target, 143), 48, 1e-9);
    for (int i = 1; i < 144; i++) {
        const double step = frames_position(&source, &target, i) - frames_position(&source, &target, i - 1);
        assert_true(step > 0 && step < 1);
    }
}

static void a_longer_one_goes_forth_and_back_without_a_jump(void **state)
{
    const struct frames source = {.width = 4, .height = 4, .count = 49, .fps = 16};
    const struct frames_target target = {.width = 4, .height = 4, .count = 360, .fps = 24}; /* 15 s from 3 */
    double highest = 0, back = 0;
    for (int i = 1; i < 360; i++) {
        const double at = frames_position(&source, &target, i), before = frames_position(&source, &target, i - 1);
        assert_true(at >= 0 && at <= 48 && fabs(at - before) < 1);
        highest = at > highest ? at : highest;
        back += at < before;
    }
    assert_true(highest > 47.5);
    assert_true(back > 60);
}

static void a_shorter_one_keeps_its_speed(void **state)
{
    const struct frames source = {.width = 4, .height = 4, .count = 49, .fps = 16};
    const struct frames_target target = {.width = 4, .height = 4, .count = 24, .fps = 24};
    assert_float_equal(frames_position(&source, &target, 12), 8, 1e-9);
}

static void one_that_ends_on_a_picture_does_so_whatever_its_length(void **state)
{
    const struct frames source = {.width = 4, .height = 4, .count = 49, .fps = 16};
    struct frames_target target = {.width = 4, .height = 4, .count = 360, .fps = 24, .ends = true};
    assert_float_equal(frames_position(&source, &target, 359), 48, 1e-9);
    target.count = 24;
    assert_float_equal(frames_position(&source, &target, 23), 48, 1e-9);
    target.reversed = true;
    assert_float_equal(frames_position(&source, &target, 0), 48, 1e-9);
    assert_float_equal(frames_position(&source, &target, 23), 0, 1e-9);
}

static void frames_are_blended_and_flat_colours_stay_flat(void **state)
{
    uint8_t rgb[3 * 4 * 4 * 3], out[20 * 10 * 3];
    const struct frames source = flat(rgb, 3);
    const struct frames_target target = {.width = 20, .height = 10, .count = 5, .fps = 16, .ends = true};
    struct frames_scaler *scaler;
    assert_int_equal(frames_scaler_create(&scaler, &source, &target, &err), 0);
    for (int i = 0; i < 5; i++) {
        frames_scaler_make(scaler, i, out);
        for (size_t k = 0; k < sizeof out; k++)
            assert_int_equal(out[k], 5 * i);
    }
    frames_scaler_destroy(scaler);
}

/* Red left, blue right. */
static void halves(uint8_t *rgb, int width, int height)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint8_t *p = rgb + (y * width + x) * 3;
            p[0] = x < width / 2 ? 200 : 0;
            p[1] = 0;
            p[2] = x < width / 2 ? 0 : 200;
        }
}

static void scaling_keeps_places_and_never_wraps_around(void **state)
{
    static uint8_t rgb[64 * 40 * 3], out[320 * 180 * 3];
    halves(rgb, 64, 40);
    const struct frames source = {.rgb = rgb, .width = 64, .height = 40, .count = 1, .fps = 1};
    const struct frames_target target = {.width = 320, .height = 180, .count = 1, .fps = 1};
    struct frames_scaler *scaler;
    assert_int_equal(frames_scaler_create(&scaler, &source, &target, &err), 0);
    frames_scaler_make(scaler, 0, out);
    for (int y = 0; y < 180; y++) {
        assert_in_range(out[(y * 320 + 20) * 3], 199, 201);
        assert_in_range(out[(y * 320 + 300) * 3 + 2], 199, 201);
        for (int x = 0; x < 320; x++) /* the filter overshoots at an edge, by a little */
            assert_true(out[(y * 320 + x) * 3] <= 220);
    }
    frames_scaler_destroy(scaler);
}

static void a_picture_out_of_shape_comes_back_into_shape(void **state)
{
    static uint8_t tall[90 * 160 * 3], squashed[64 * 40 * 3], again[90 * 160 * 3];
    for (int y = 0; y < 160; y++)
        for (int x = 0; x < 90; x++)
            for (int c = 0; c < 3; c++)
                tall[(y * 90 + x) * 3 + c] = (uint8_t)(c == 0 ? 2 * x : c == 1 ? y : 99);
    const struct frames picture = {.rgb = tall, .width = 90, .height = 160};
    assert_int_equal(frames_squash(squashed, 64, 40, &picture, &err), 0);
    const struct frames small = {.rgb = squashed, .width = 64, .height = 40};
    assert_int_equal(frames_squash(again, 90, 160, &small, &err), 0);
    for (int y = 8; y < 152; y += 9)
        for (int x = 5; x < 85; x += 7)
            for (int c = 0; c < 3; c++)
                assert_true(abs(again[(y * 90 + x) * 3 + c] - tall[(y * 90 + x) * 3 + c]) <= 4);
}

/* ---- the mark ---- */

static int changed(const uint8_t *rgb, int width, int height, uint8_t was, int *ret_left, int *ret_top)
{
    int count = 0;
    *ret_left = width;
    *ret_top = height;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            if (rgb[(y * width + x) * 3] != was) {
                count++;
                *ret_left = x < *ret_left ? x : *ret_left;
                *ret_top = y < *ret_top ? y : *ret_top;
            }
    return count;
}

static void a_mark_stands_in_the_corner_and_can_be_read(void **state)
{
    static uint8_t rgb[400 * 300 * 3];
    int left, top;
    memset(rgb, 100, sizeof rgb);
    mark_draw(rgb, 400, 300, "Hi");
    assert_true(changed(rgb, 400, 300, 100, &left, &top) > 50);
    assert_true(left > 380 && top > 285);
    static const char *const wanted[] = {"#...#..###.", "#...#...#..", "#...#...#..", "#####...#..",
                                         "#...#...#..", "#...#...#..", "#...#..###."};
    for (int y = 0; y < 7; y++)
        for (int x = 0; x < 11; x++)
            assert_int_equal(rgb[((top + 1 + y) * 400 + left + 1 + x) * 3] > 100, wanted[y][x] == '#');
}

static void a_mark_too_long_or_none_draws_nothing_outside(void **state)
{
    uint8_t rgb[16 * 16 * 3 + 1] = {0};
    int left, top;
    rgb[16 * 16 * 3] = 77;
    mark_draw(rgb, 16, 16, "A VERY LONG WATERMARK INDEED");
    mark_draw(rgb, 16, 16, NULL);
    mark_draw(rgb, 2, 2, "X");
    assert_int_equal(rgb[16 * 16 * 3], 77);
    memset(rgb, 9, sizeof rgb);
    mark_draw(rgb, 16, 16, "");
    assert_int_equal(changed(rgb, 16, 16, 9, &left, &top), 0);
}

/* ---- sizes ---- */

static void sizes_follow_what_was_asked_the_picture_or_the_ratio(void **state)
{
    static const struct {
        struct backend_job job;
        struct sandbox_size picture, wanted;
    } rows[] = {
        {{.width = 1366, .height = 768}, {0, 0}, {1366, 768}},
        {{.resolution = "768P"}, {1000, 1000}, {768, 768}},
        {{.resolution = "1080P"}, {900, 1600}, {1080, 1920}},
        {{.resolution = "2K", .ratio = "21:9"}, {0, 0}, {3360, 1440}},
        {{.resolution = "480P", .ratio = "9:16"}, {0, 0}, {480, 854}},
        {{.resolution = "768P", .ratio = "adaptive"}, {0, 0}, {1366, 768}},
        {{.resolution = "strange"}, {0, 0}, {1366, 768}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct sandbox_size got = sandbox_size(&rows[i].job, rows[i].picture);
        assert_int_equal(got.width, rows[i].wanted.width);
        assert_int_equal(got.height, rows[i].wanted.height);
    }
}

/* ---- the sandbox with the model that ships ---- */

static struct backend *local, *sandbox;
static char clip_path[64], preview_path[72], folder[512];
static struct {
    bool stop;
    int begun, waited_ms, permille, phases;
    int stop_at_permille;
} told;

static bool on_stopped(void *context)
{
    return told.stop;
}

static int on_begun(void *context)
{
    told.begun++;
    return 0;
}

static int on_progress(void *context, const struct backend_progress *progress)
{
    assert_in_range(progress->permille, told.permille, 1000); /* it never goes back */
    told.permille = progress->permille;
    if (told.stop_at_permille && told.permille >= told.stop_at_permille)
        told.stop = true;
    return told.stop ? CONCH_ERR_CANCELLED : 0;
}

static int on_wait(void *context, int64_t ms)
{
    told.waited_ms += (int)ms;
    return told.stop ? CONCH_ERR_CANCELLED : 0;
}

static const struct backend_sink sink = {NULL, on_stopped, on_begun, on_progress, on_wait};

static int group_setup(void **state)
{
    const char *root = getenv("CONCH_TEST_ROOT"), *build = getenv("CONCH_BUILD");
    char media[512];
    snprintf(folder, sizeof folder, "%s/models/tiny", root ? root : ".");
    snprintf(media, sizeof media, "%s/conch-media", build ? build : ".");
    if (build)
        setenv("CONCH_MEDIA", media, 1);
    strcpy(clip_path, "/tmp/conch-backend-XXXXXX");
    int file = mkstemp(clip_path);
    close(file);
    unlink(clip_path);
    snprintf(preview_path, sizeof preview_path, "%s.png", clip_path);
    const char *const folders[] = {folder};
    const struct backend_local_settings settings = {.folders = folders, .folder_count = 1};
    int rc = backend_local_open(&local, &settings, &err);
    const struct backend_sandbox_settings rehearsed = {.local = local, .watermark = "SANDBOX"};
    return rc < 0 ? rc : backend_sandbox_open(&sandbox, &rehearsed, &err);
}

static int group_teardown(void **state)
{
    backend_close(sandbox);
    backend_close(local);
    return unlink(clip_path) < 0 ? 0 : 0;
}

static struct backend_job job_of(const char *prompt)
{
    static json_t *quick; /* few steps: the pictures do not matter here */
    if (!quick)
        quick = json_pack("{s:i}", "steps", 4);
    memset(&told, 0, sizeof told);
    unlink(clip_path);
    return (struct backend_job){.id = 5,
                                .attempt = 1,
                                .task = "generation",
                                .model_asked = "MiniMax-Hailuo-02",
                                .model = "minimax/hailuo-02",
                                .served_by = "conch/tiny",
                                .prompt = prompt,
                                .prompt_used = prompt,
                                .seconds = 1,
                                .width = 160,
                                .height = 90,
                                .fps = 24,
                                .seed = 7,
                                .details = quick,
                                .clip_path = clip_path,
                                .preview_path = preview_path};
}

static void a_rehearsed_clip_has_the_size_and_length_that_were_asked_for(void **state)
{
    struct backend_job job = job_of("a blue cube slides to the left in the snow");
    struct backend_result result = {.error = JOB_ERROR_NONE};
    struct media_clip_info info;
    assert_int_equal(backend_run(sandbox, &job, &sink, &result, &err), 0);
    assert_int_equal(told.begun, 1);
    assert_true(told.permille > 900 && told.permille < 1000);
    assert_int_equal(told.waited_ms, 0);
    assert_int_equal(media_clip_probe(clip_path, &info, &err), 0);
    assert_int_equal(info.width, 160);
    assert_int_equal(info.height, 90);
    assert_int_equal(info.frame_count, 24);
    json_t *comment = json_loads(info.comment, 0, NULL);
    assert_true(json_is_true(json_object_get(comment, "sandbox")));
    assert_string_equal(json_string_value(json_object_get(comment, "job")), "5");
    assert_int_equal(json_integer_value(json_object_get(comment, "seed")), 7);
    json_decref(comment);
    media_clip_info_finish(&info);
    assert_int_equal(result.seed, 7);
    assert_int_equal(result.duration_ms, 1000);
    struct media_image poster = {0};
    assert_int_equal(media_image_decode(result.poster, result.poster_size, &poster, &err), 0);
    assert_int_equal(poster.width, 160);
    media_image_finish(&poster);
    assert_int_equal(access(preview_path, F_OK), -1); /* removed at the end */
    backend_result_finish(&result);
}

static void the_first_frame_is_the_picture_that_was_sent(void **state)
{
    static uint8_t rgb[90 * 160 * 3];
    for (int i = 0; i < 90 * 160; i++) /* green below blue */
        memcpy(rgb + 3 * i, i < 90 * 80 ? (uint8_t[]){60, 110, 200} : (uint8_t[]){70, 150, 50}, 3);
    struct backend_job job = job_of("a red ball drops on the grass");
    struct backend_result result = {.error = JOB_ERROR_NONE};
    uint8_t *png;
    size_t size;
    assert_int_equal(media_png_pack((struct media_rgb){rgb, 90, 160}, &png, &size, &err), 0);
    job.first_frame = (struct backend_picture){png, size};
    job.width = job.height = 0;
    job.resolution = "128P";
    if (backend_run(sandbox, &job, &sink, &result, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(result.width, 128);
    assert_int_equal(result.height, 228);
    struct media_image poster = {0};
    assert_int_equal(media_image_decode(result.poster, result.poster_size, &poster, &err), 0);
    assert_int_equal(poster.height, 228);
    const uint8_t *sky = poster.rgb + (20 * 128 + 64) * 3, *grass = poster.rgb + (180 * 128 + 20) * 3;
    assert_true(sky[2] > sky[1] && grass[1] > grass[2]);
    media_image_finish(&poster);
    free(png);
    backend_result_finish(&result);
}

struct failing {
    const char *prompt;
    enum job_error error;
    int begun;
};

static void failures_come_as_the_prompt_asks(void **state)
{
    static const struct failing rows[] = {
        {"a fox [sandbox:timeout]", JOB_ERROR_TIMEOUT, 0},
        {"a fox [sandbox:lost_answer]", JOB_ERROR_LOST_ANSWER, 0},
        {"[SANDBOX:INTERNAL] a red ball", JOB_ERROR_INTERNAL, 1},
        {"a red ball [sandbox:output_policy]", JOB_ERROR_CONTENT_POLICY, 1},
        {"a red ball [sandbox:rate_limit]", JOB_ERROR_RATE_LIMIT, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct backend_job job = job_of(rows[i].prompt);
        struct backend_result result = {.error = JOB_ERROR_NONE};
        assert_true(backend_run(sandbox, &job, &sink, &result, &err) < 0);
        assert_int_equal(result.error, rows[i].error);
        assert_int_equal(told.begun, rows[i].begun);
        assert_non_null(strstr(err.text, "rehearsed"));
        assert_int_equal(access(clip_path, F_OK), -1);
        backend_result_finish(&result);
    }
}

static void an_answer_that_was_lost_is_found_when_asked_for_again(void **state)
{
    struct backend_job job = job_of("a red ball [sandbox:lost_answer]");
    struct backend_result result = {.error = JOB_ERROR_NONE};
    job.resumed = true;
    assert_int_equal(backend_run(sandbox, &job, &sink, &result, &err), 0);
    backend_result_finish(&result);
}

static void a_slow_one_waits_outside_of_the_engine(void **state)
{
    struct backend_job job = job_of("a red ball [sandbox:slow=20]");
    struct backend_result result = {.error = JOB_ERROR_NONE};
    assert_int_equal(backend_run(sandbox, &job, &sink, &result, &err), 0);
    assert_int_equal(told.waited_ms, 20000);
    backend_result_finish(&result);
}

static void a_crash_kills_the_process_once(void **state)
{
    struct backend_job job = job_of("a red ball [sandbox:worker_crash]");
    struct backend_result result = {.error = JOB_ERROR_NONE};
    const pid_t child = fork();
    if (child == 0) { /* with an engine of its own: threads do not survive a fork */
        const char *const folders[] = {folder};
        const struct backend_local_settings settings = {.folders = folders, .folder_count = 1};
        struct backend *own = NULL, *rehearsed = NULL;
        if (backend_local_open(&own, &settings, &err) == 0 &&
            backend_sandbox_open(&rehearsed, &(struct backend_sandbox_settings){.local = own}, &err) == 0)
            backend_run(rehearsed, &job, &sink, &result, &err);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    job.attempt = 2;
    assert_int_equal(backend_run(sandbox, &job, &sink, &result, &err), 0);
    backend_result_finish(&result);
}

/* ---- models that come and go ---- */

struct place {
    char path[64];
    int asked;
};

static int place_find(void *context, backend_folder_add *add, void *to, conch_error *ret_err)
{
    struct place *place = context;
    char path[128];
    snprintf(path, sizeof path, "%s/tiny", place->path);
    place->asked++;
    return access(path, F_OK) == 0 ? add(to, path, ret_err) : 0;
}

static size_t models_described(struct backend *backend, json_t **ret_first)
{
    json_t *object = json_object();
    assert_int_equal(backend->table->describe(backend, object, &err), 0);
    const json_t *models = json_object_get(object, "models");
    const size_t count = json_array_size(models);
    *ret_first = count ? json_deep_copy(json_array_get(models, 0)) : NULL;
    json_decref(object);
    return count;
}

static void a_model_that_is_put_there_is_offered_without_a_restart(void **state)
{
    struct place place = {.path = "/tmp/conch-models-XXXXXX"};
    struct backend *backend = NULL;
    struct backend_result result = {.error = JOB_ERROR_NONE};
    struct backend_job job = job_of("a red ball");
    char path[128];
    json_t *first = NULL;
    assert_non_null(mkdtemp(place.path));
    snprintf(path, sizeof path, "%s/tiny", place.path);
    const struct backend_local_settings settings = {.find = place_find, .find_context = &place, .find_every_ms = 1};
    assert_int_equal(backend_local_open(&backend, &settings, &err), 0);
    assert_int_equal(models_described(backend, &first), 0);
    assert_int_equal(backend_run(backend, &job, &sink, &result, &err), CONCH_ERR_NOTFOUND);
    assert_int_equal(symlink(folder, path), 0);
    usleep(5000);
    assert_int_equal(models_described(backend, &first), 1);
    assert_string_equal(json_string_value(json_object_get(first, "name")), "conch/tiny");
    json_decref(first);
    job.width = job.height = job.seconds = 0;
    assert_int_equal(backend_run(backend, &job, &sink, &result, &err), 0);
    backend_result_finish(&result);
    unlink(path);
    usleep(5000);
    assert_int_equal(models_described(backend, &first), 0);
    backend_close(backend);
    rmdir(place.path);
}

static void folders_are_not_looked_at_at_every_turn(void **state)
{
    struct place place = {.path = "/nowhere"};
    struct backend *backend = NULL;
    json_t *first;
    const struct backend_local_settings settings = {.find = place_find, .find_context = &place};
    assert_int_equal(backend_local_open(&backend, &settings, &err), 0);
    for (int i = 0; i < 10; i++)
        models_described(backend, &first);
    assert_int_equal(place.asked, 1);
    backend_close(backend);
}

static void a_stop_in_the_middle_leaves_nothing(void **state)
{
    static const int places[] = {1, 400, 800};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct backend_job job = job_of("a red ball");
        struct backend_result result = {.error = JOB_ERROR_NONE};
        told.stop_at_permille = places[i];
        assert_int_equal(backend_run(sandbox, &job, &sink, &result, &err), CONCH_ERR_CANCELLED);
        assert_int_equal(access(clip_path, F_OK), -1);
        assert_int_equal(access(preview_path, F_OK), -1);
        backend_result_finish(&result);
    }
}

static void words_and_pictures_can_be_asked_for_too(void **state)
{
    struct backend_job job = job_of("a red ball");
    struct backend_result result = {.error = JOB_ERROR_NONE};
    job.task = "context";
    job.details = json_pack("{s:s}", "h3_context", "integrated_multimodal_description: ...");
    assert_int_equal(backend_run(sandbox, &job, &sink, &result, &err), 0);
    assert_string_equal(result.text, "integrated_multimodal_description: ...");
    json_decref((json_t *)(uintptr_t)job.details);
    backend_result_finish(&result);
    job = job_of("a red ball");
    job.task = "image";
    job.width = job.height = 0;
    job.ratio = "1:1";
    assert_int_equal(backend_run(sandbox, &job, &sink, &result, &err), 0);
    struct media_image image = {0};
    assert_int_equal(media_image_read(clip_path, &image, &err), 0);
    assert_int_equal(image.width, 1024);
    assert_int_equal(image.height, 1024);
    media_image_finish(&image);
    backend_result_finish(&result);
}

/* ---- the engine ---- */

static void what_the_model_cannot_do_is_invalid_input(void **state)
{
    struct backend_job job = job_of("a red ball");
    struct backend_result result = {.error = JOB_ERROR_NONE};
    job.seconds = 40;
    job.width = job.height = 0;
    assert_int_equal(backend_run(local, &job, &sink, &result, &err), CONCH_ERR_RANGE);
    assert_int_equal(result.error, JOB_ERROR_INVALID_INPUT);
    assert_non_null(strstr(err.text, "seconds: 40"));
    job.seconds = 1;
    job.served_by = "conch/huge";
    assert_int_equal(backend_run(local, &job, &sink, &result, &err), CONCH_ERR_NOTFOUND);
    assert_int_equal(told.begun, 0);
    backend_result_finish(&result);
}

static void the_models_are_described(void **state)
{
    json_t *o = json_object();
    assert_int_equal(local->table->describe(local, o, &err), 0);
    const json_t *model = json_array_get(json_object_get(o, "models"), 0);
    assert_string_equal(json_string_value(json_object_get(model, "name")), "conch/tiny");
    assert_int_equal(json_integer_value(json_object_get(model, "fps")), 16);
    assert_int_equal(json_array_size(json_object_get(model, "modes")), 3);
    assert_true(json_is_string(json_object_get(o, "kernels")));
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clip_twice_as_long_is_played_at_half_the_speed),
        cmocka_unit_test(a_longer_one_goes_forth_and_back_without_a_jump),
        cmocka_unit_test(a_shorter_one_keeps_its_speed),
        cmocka_unit_test(one_that_ends_on_a_picture_does_so_whatever_its_length),
        cmocka_unit_test(frames_are_blended_and_flat_colours_stay_flat),
        cmocka_unit_test(scaling_keeps_places_and_never_wraps_around),
        cmocka_unit_test(a_picture_out_of_shape_comes_back_into_shape),
        cmocka_unit_test(a_mark_stands_in_the_corner_and_can_be_read),
        cmocka_unit_test(a_mark_too_long_or_none_draws_nothing_outside),
        cmocka_unit_test(sizes_follow_what_was_asked_the_picture_or_the_ratio),
        cmocka_unit_test(a_rehearsed_clip_has_the_size_and_length_that_were_asked_for),
        cmocka_unit_test(the_first_frame_is_the_picture_that_was_sent),
        cmocka_unit_test(failures_come_as_the_prompt_asks),
        cmocka_unit_test(an_answer_that_was_lost_is_found_when_asked_for_again),
        cmocka_unit_test(a_slow_one_waits_outside_of_the_engine),
        cmocka_unit_test(a_crash_kills_the_process_once),
        cmocka_unit_test(a_stop_in_the_middle_leaves_nothing),
        cmocka_unit_test(words_and_pictures_can_be_asked_for_too),
        cmocka_unit_test(what_the_model_cannot_do_is_invalid_input),
        cmocka_unit_test(the_models_are_described),
        cmocka_unit_test(a_model_that_is_put_there_is_offered_without_a_restart),
        cmocka_unit_test(folders_are_not_looked_at_at_every_turn),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
