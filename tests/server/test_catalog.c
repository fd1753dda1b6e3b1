/* The shipped catalog against the matrix of the provider's reference written out by hand, refusals, prices over time,
 * and documents that cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/json.h"
#include "dialect_test.h"
#include "server/job/catalog.h"

static struct catalog_refusal refusal;
static struct catalog_resolved resolved;
static conch_error err;

#define DAY ((int64_t)86400000)
#define NOW (20779 * DAY) /* 2026-11-22 */

/* What is allowed, by hand: mode letters (t text, f first, l first and last, s subject, r reference), resolution,
 * shortest and longest, step between. */
static const struct pair_row {
    const char *model, *modes, *resolution;
    int from, to, step;
} pairs[] = {
    {"MiniMax-Hailuo-2.3", "tf", "768P", 6, 10, 4},
    {"MiniMax-Hailuo-2.3", "tf", "1080P", 6, 6, 1},
    {"MiniMax-Hailuo-2.3-Fast", "f", "768P", 6, 10, 4},
    {"MiniMax-Hailuo-2.3-Fast", "f", "1080P", 6, 6, 1},
    {"MiniMax-Hailuo-02", "f", "512P", 6, 10, 4},
    {"MiniMax-Hailuo-02", "tfl", "768P", 6, 10, 4},
    {"MiniMax-Hailuo-02", "tfl", "1080P", 6, 6, 1},
    {"T2V-01-Director", "t", "720P", 6, 6, 1},
    {"T2V-01", "t", "720P", 6, 6, 1},
    {"I2V-01-Director", "f", "720P", 6, 6, 1},
    {"I2V-01-live", "f", "720P", 6, 6, 1},
    {"I2V-01", "f", "720P", 6, 6, 1},
    {"S2V-01", "s", "720P", 6, 6, 1},
    {"MiniMax-H3", "tflr", "768P", 4, 15, 1},
    {"MiniMax-H3", "tflr", "2K", 4, 15, 1},
    {"MiniMax-H3-Max", "tflr", "480P", 5, 15, 1},
    {"MiniMax-H3-Max", "tflr", "768P", 5, 15, 1},
    {"conch/tiny", "tfl", "160P", 1, 3, 1},
};

static bool pair_allowed(const char *model, char mode, const char *resolution, int seconds)
{
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (strcmp(pairs[i].model, model) == 0 && strchr(pairs[i].modes, mode) &&
            strcmp(pairs[i].resolution, resolution) == 0 && seconds >= pairs[i].from && seconds <= pairs[i].to &&
            (seconds - pairs[i].from) % pairs[i].step == 0)
            return true;
    return false;
}

static struct catalog_request request_of(const char *model, char mode, const char *resolution, int64_t seconds)
{
    return (struct catalog_request){.model = model,
                                    .prompt_chars = 20,
                                    .resolution = resolution,
                                    .seconds = seconds,
                                    .ratio = "16:9",
                                    .first_frame = mode == 'f' || mode == 'l',
                                    .last_frame = mode == 'l',
                                    .subjects = mode == 's',
                                    .images = mode == 'r'};
}

static void assert_refused(const struct catalog_request *request, const char *field, const char *value,
                           const char *allowed)
{
    assert_int_equal(catalog_resolve(&catalog, request, &resolved, &refusal), CONCH_ERR_RANGE);
    assert_string_equal(refusal.field, field);
    assert_string_equal(refusal.value, value);
    if (!strstr(refusal.allowed, allowed) || !strstr(refusal.text, refusal.allowed) || !strstr(refusal.text, field))
        fail_msg("'%s' does not allow '%s'", refusal.text, allowed);
    assert_int_equal(refusal.error, JOB_ERROR_INVALID_INPUT);
}

static void every_pair_is_allowed_or_refused_as_the_reference_says(void **state)
{
    static const char *const resolutions[] = {"160P", "480P", "512P", "720P", "768P", "1080P", "2K", "768p", ""};
    int allowed = 0;
    for (size_t i = 0; i < catalog.model_count; i++)
        for (const char *mode = "tflsr"; *mode; mode++)
            for (size_t k = 0; k < ARRAY_LEN(resolutions); k++)
                for (int seconds = -1; seconds <= 17; seconds++) {
                    if (seconds == 0)
                        continue; /* not given */
                    const char *name = catalog.models[i].name;
                    const struct catalog_request request = request_of(name, *mode, resolutions[k], seconds);
                    const bool wanted = pair_allowed(name, *mode, resolutions[k], seconds);
                    if ((catalog_resolve(&catalog, &request, &resolved, &refusal) == 0) != wanted)
                        fail_msg("%s %c %s %d: wanted %d", name, *mode, resolutions[k], seconds, wanted);
                    allowed += wanted;
                    if (wanted) {
                        assert_string_equal(resolved.output->resolution, resolutions[k]);
                        assert_int_equal(resolved.seconds, seconds);
                    } else {
                        assert_true(refusal.allowed[0] && refusal.text[0]);
                    }
                }
    assert_int_equal(allowed, 2 * 3 + 3 + 2 + 3 * 3 + 6 + 4 * 2 * 12 + 4 * 2 * 11 + 3 * 3);
    assert_int_equal(catalog.model_count, 14);
}

static void resolutions_of_sora_are_sizes(void **state)
{
    struct catalog_request request = request_of("sora-2", 't', NULL, 0);
    assert_int_equal(catalog_resolve(&catalog, &request, &resolved, &refusal), 0);
    assert_string_equal(resolved.output->resolution, "720x1280");
    assert_int_equal(resolved.output->width, 720);
    assert_int_equal(resolved.output->height, 1280);
    assert_int_equal(resolved.seconds, 4);
    request = request_of("sora-2", 'f', "1792x1024", 8);
    assert_refused(&request, "resolution", "1792x1024", "1280x720 with 4, 8 or 12 s");
    request.model = "sora-2-pro";
    assert_int_equal(catalog_resolve(&catalog, &request, &resolved, &refusal), 0);
    request.seconds = 6;
    assert_refused(&request, "seconds", "6", "4, 8 or 12 s");
    request = request_of("sora-2", 'f', NULL, 0);
    request.prompt_chars = 0;
    assert_refused(&request, "prompt", "", "1 to 32000");
}

static void a_refused_pair_lists_the_allowed_ones(void **state)
{
    struct catalog_request request = request_of("MiniMax-Hailuo-02", 't', "1080P", 10);
    assert_refused(&request, "seconds", "10", "768P with 6 or 10 s, 1080P with 6 s");
    request = request_of("MiniMax-Hailuo-02", 'l', "512P", 6);
    assert_refused(&request, "resolution", "512P", "768P with 6 or 10 s, 1080P with 6 s");
    request = request_of("MiniMax-H3", 't', "768P", 16);
    assert_refused(&request, "seconds", "16", "768P with 4 to 15 s, 2K with 4 to 15 s");
    request = request_of("MiniMax-H3", 't', NULL, 5);
    assert_refused(&request, "resolution", "", "768P with 4 to 15 s");
    request = request_of("MiniMax-H3", 't', "2K", 0);
    assert_refused(&request, "seconds", "", "2K with 4 to 15 s");
}

static void inputs_a_model_does_not_take_are_named(void **state)
{
    struct catalog_request request = request_of("MiniMax-Hailuo-2.3", 'l', "768P", 6);
    assert_refused(&request, "last_frame", "", "text, first_frame");
    request = request_of("MiniMax-Hailuo-2.3-Fast", 't', "768P", 6);
    assert_refused(&request, "first_frame", "", "first_frame");
    assert_non_null(strstr(refusal.text, "is missing, which MiniMax-Hailuo-2.3-Fast needs"));
    request = request_of("S2V-01", 't', NULL, 0);
    assert_refused(&request, "subjects", "", "subject");
    request = request_of("S2V-01", 's', NULL, 0);
    request.subjects = 2;
    assert_refused(&request, "subjects", "2 subjects", "at most 1");
    request = request_of("MiniMax-H3", 'r', "2K", 5);
    request.first_frame = true;
    assert_refused(&request, "references", "", "one of these at a time");
    request = request_of("MiniMax-Hailuo-02", 's', NULL, 0);
    assert_refused(&request, "subjects", "", "text, first_frame, last_frame");
}

static void a_last_frame_alone_is_taken_where_the_reference_allows_it(void **state)
{
    struct catalog_request request = request_of("MiniMax-Hailuo-02", 'l', NULL, 0);
    request.first_frame = false;
    assert_int_equal(catalog_resolve(&catalog, &request, &resolved, &refusal), 0);
    assert_int_equal(resolved.mode, CATALOG_LAST_FRAME);
    request.model = "conch/tiny";
    assert_refused(&request, "first_frame", "", "a first frame together with the last");
}

static void defaults_are_those_of_the_model(void **state)
{
    struct catalog_request request = {.model = "MiniMax-Hailuo-02", .prompt_chars = 1};
    assert_int_equal(catalog_resolve(&catalog, &request, &resolved, &refusal), 0);
    assert_string_equal(resolved.output->resolution, "768P");
    assert_int_equal(resolved.output->width, 1366);
    assert_int_equal(resolved.seconds, 6);
    assert_null(resolved.ratio);
    request.seconds = 10;
    assert_int_equal(catalog_resolve(&catalog, &request, &resolved, &refusal), 0);
    request = (struct catalog_request){.model = "minimax/t2v-01", .prompt_chars = 1};
    assert_int_equal(catalog_resolve(&catalog, &request, &resolved, &refusal), 0);
    assert_string_equal(resolved.output->resolution, "720P");
    assert_int_equal(resolved.output->confidence, 'L');
    assert_non_null(strstr(resolved.output->source, "1080P"));
}

static void names_that_are_no_version_are_refused_with_the_candidates(void **state)
{
    struct catalog_request request = request_of("video-01", 't', NULL, 0);
    assert_refused(&request, "model", "video-01", "minimax/t2v-01, minimax/i2v-01");
    request.model = "Hailuo";
    assert_refused(&request, "model", "Hailuo", "minimax/hailuo-02, minimax/hailuo-2.3, minimax/hailuo-2.3-fast");
    request.model = "MiniMax-Hailuo-2";
    assert_refused(&request, "model", "MiniMax-Hailuo-2", "minimax/hailuo-2.3, minimax/hailuo-2.3-fast");
    assert_non_null(strstr(refusal.text, "names no version"));
    request.model = "veo-3";
    assert_refused(&request, "model", "veo-3", "conch/tiny");
    assert_non_null(strstr(refusal.text, "is not known"));
    request.model = NULL;
    assert_refused(&request, "model", "", "minimax/hailuo-02");
    assert_non_null(strstr(refusal.text, "model is missing"));
}

static void a_name_the_operator_wrote_down_is_taken_and_shown(void **state)
{
    const struct catalog_pin pins[] = {{"video-01", "minimax/hailuo-02"}, {"mine", "nobody/nothing"}};
    struct catalog_request request = request_of("video-01", 't', NULL, 0);
    request.pins = pins;
    request.pin_count = 2;
    assert_int_equal(catalog_resolve(&catalog, &request, &resolved, &refusal), 0);
    assert_string_equal(resolved.model->name, "MiniMax-Hailuo-02");
    assert_ptr_equal(resolved.pin, &pins[0]);
    request.model = "mine";
    assert_refused(&request, "model", "nobody/nothing", "conch/tiny");
}

static void a_hostile_name_is_cut_between_characters(void **state)
{
    char name[500] = "a\n\x7f";
    for (size_t i = 3; i + 3 < sizeof name; i += 2)
        memcpy(name + i, "\xc3\xa9", 2);
    struct catalog_request request = request_of(name, 't', NULL, 0);
    assert_int_equal(catalog_resolve(&catalog, &request, &resolved, &refusal), CONCH_ERR_RANGE);
    assert_memory_equal(refusal.value, "a??", 3);
    const size_t size = strlen(refusal.value);
    assert_int_equal(size, 79);
    assert_int_equal((unsigned char)refusal.value[size - 1], 0xa9);
    name[1] = 'b';
    memmove(name + 2, name + 3, 400); /* now a character would be split at the end */
    assert_int_equal(catalog_resolve(&catalog, &request, &resolved, &refusal), CONCH_ERR_RANGE);
    assert_int_equal(strlen(refusal.value), 78);
}

static void prompts_have_a_length(void **state)
{
    struct catalog_request request = request_of("MiniMax-Hailuo-02", 't', NULL, 0);
    request.prompt_chars = 2000;
    assert_int_equal(catalog_resolve(&catalog, &request, &resolved, &refusal), 0);
    request.prompt_chars = 2001;
    assert_refused(&request, "prompt", "2001 characters", "1 to 2000 characters");
    request.prompt_chars = 0;
    assert_refused(&request, "prompt", "", "1 to 2000");
    request.first_frame = true;
    assert_int_equal(catalog_resolve(&catalog, &request, &resolved, &refusal), 0);
    request = request_of("MiniMax-H3", 'f', "768P", 5);
    request.prompt_chars = 7000;
    assert_int_equal(catalog_resolve(&catalog, &request, &resolved, &refusal), 0);
    request.prompt_chars = 7001;
    assert_refused(&request, "prompt", "7001 characters", "7000");
    request.prompt_chars = 0;
    assert_refused(&request, "prompt", "", "1 to 7000");
}

static void ratios_follow_the_mode(void **state)
{
    struct catalog_request request = request_of("MiniMax-H3", 't', "768P", 5);
    assert_int_equal(catalog_resolve(&catalog, &request, &resolved, &refusal), 0);
    assert_string_equal(resolved.ratio, "16:9");
    request.ratio = "adaptive";
    assert_refused(&request, "ratio", "adaptive", "21:9, 16:9, 4:3, 1:1, 3:4, 9:16");
    assert_null(strstr(refusal.allowed, "adaptive"));
    request.ratio = NULL;
    assert_refused(&request, "ratio", "", "21:9");
    request = request_of("MiniMax-H3", 'f', "768P", 5);
    request.ratio = "nonsense";
    assert_int_equal(catalog_resolve(&catalog, &request, &resolved, &refusal), 0);
    assert_string_equal(resolved.ratio, "adaptive");
    request = request_of("MiniMax-H3", 'r', "768P", 5);
    request.ratio = NULL;
    assert_int_equal(catalog_resolve(&catalog, &request, &resolved, &refusal), 0);
    assert_string_equal(resolved.ratio, "adaptive");
    request.ratio = "2:1";
    assert_refused(&request, "ratio", "2:1", "9:16, adaptive");
}

static void references_have_limits(void **state)
{
    struct catalog_request request = request_of("MiniMax-H3", 'r', "768P", 5);
    request.images = 9;
    request.videos = 3;
    request.video_ms = 15000;
    assert_int_equal(catalog_resolve(&catalog, &request, &resolved, &refusal), 0);
    request.audios = 1;
    assert_refused(&request, "references", "13 files", "at most 12");
    request.audios = 0;
    request.video_ms = 15001;
    assert_refused(&request, "references", "15001 ms of video", "at most 15000");
    request.video_ms = 0;
    request.images = 10;
    assert_refused(&request, "references", "10 images", "at most 9");
    request.images = request.videos = 0;
    request.audios = 1;
    assert_refused(&request, "references", "audio", "beside a picture or a video");
}

static void pictures_have_limits(void **state)
{
    const struct catalog_model *v1 = catalog_find(&catalog, "MiniMax-Hailuo-02");
    const struct catalog_model *v2 = catalog_find(&catalog, "MiniMax-H3");
    struct catalog_picture picture = {CATALOG_PNG, 1000, 752, 301};
    assert_int_equal(catalog_picture_check(v1, &picture, &refusal), 0);
    picture.width = 753; /* 5:2 is 752.5 */
    assert_int_equal(catalog_picture_check(v1, &picture, &refusal), CONCH_ERR_RANGE);
    assert_string_equal(refusal.value, "753x301");
    assert_non_null(strstr(refusal.allowed, "0.400 to 2.500"));
    picture = (struct catalog_picture){CATALOG_PNG, 1000, 300, 300};
    assert_int_equal(catalog_picture_check(v1, &picture, &refusal), CONCH_ERR_RANGE);
    assert_non_null(strstr(refusal.allowed, "at least 301"));
    assert_int_equal(catalog_picture_check(v2, &picture, &refusal), 0);
    picture = (struct catalog_picture){CATALOG_JPEG, 20 << 20, 400, 400};
    assert_int_equal(catalog_picture_check(v1, &picture, &refusal), CONCH_ERR_RANGE);
    assert_string_equal(refusal.value, "20971520 bytes");
    picture.format = CATALOG_HEIC;
    assert_int_equal(catalog_picture_check(v1, &picture, &refusal), CONCH_ERR_RANGE);
    assert_string_equal(refusal.allowed, "jpeg, png, webp");
    assert_int_equal(catalog_picture_check(v2, &picture, &refusal), 0);
    picture = (struct catalog_picture){CATALOG_PNG, 1, 5761, 5000};
    assert_int_equal(catalog_picture_check(v2, &picture, &refusal), CONCH_ERR_RANGE);
    picture = (struct catalog_picture){CATALOG_PNG, 1, 0, 0};
    assert_int_equal(catalog_picture_check(v2, &picture, &refusal), CONCH_ERR_RANGE);
}

static int64_t price_of(const struct catalog_request *request, enum catalog_meter meter, int64_t at_ms)
{
    int64_t amount = -1;
    assert_int_equal(catalog_resolve(&catalog, request, &resolved, &refusal), 0);
    const int rc = catalog_price(&catalog, &resolved, meter, at_ms, &amount, NULL, &err);
    if (rc < 0)
        assert_int_equal(rc, CONCH_ERR_NOTFOUND);
    return amount;
}

static void prices_are_those_of_the_price_pages(void **state)
{
    static const struct {
        const char *model, *resolution;
        int seconds;
        int64_t amounts[3];
    } rows[] = {
        {"MiniMax-Hailuo-2.3", "768P", 6, {280000, 25000, 1000}},
        {"MiniMax-Hailuo-2.3", "768P", 10, {560000, 50000, 2000}},
        {"MiniMax-Hailuo-2.3", "1080P", 6, {490000, 80000, 2000}},
        {"MiniMax-Hailuo-2.3-Fast", "768P", 6, {190000, 15000, 700}},
        {"MiniMax-Hailuo-2.3-Fast", "768P", 10, {320000, 30000, 1100}},
        {"MiniMax-Hailuo-2.3-Fast", "1080P", 6, {330000, 50000, 1300}},
        {"MiniMax-Hailuo-02", "768P", 6, {280000, 25000, 1000}},
        {"MiniMax-Hailuo-02", "768P", 10, {560000, 50000, 2000}},
        {"MiniMax-Hailuo-02", "1080P", 6, {490000, 80000, 2000}},
        {"MiniMax-Hailuo-02", "512P", 6, {100000, -1, 300}},
        {"MiniMax-Hailuo-02", "512P", 10, {150000, -1, 500}},
        {"I2V-01", "720P", 6, {-1, -1, -1}},
        {"MiniMax-H3", "768P", 5, {400000, 35000, -1}},
        {"MiniMax-H3", "2K", 5, {650000, 60000, -1}},
        {"MiniMax-H3-Max", "480P", 15, {750000, 60000, -1}},
        {"MiniMax-H3-Max", "768P", 5, {400000, 35000, -1}},
        {"conch/tiny", "160P", 3, {0, 0, 0}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int meter = 0; meter < 3; meter++) {
            const struct catalog_request request = request_of(rows[i].model, 'f', rows[i].resolution, rows[i].seconds);
            assert_int_equal(price_of(&request, (enum catalog_meter)meter, NOW), rows[i].amounts[meter]);
        }
}

static void a_price_holds_from_its_first_day_until_the_last(void **state)
{
    const struct catalog_request h23 = request_of("MiniMax-Hailuo-2.3", 't', "768P", 6);
    assert_int_equal(price_of(&h23, CATALOG_MICROUSD, 20362 * DAY - 1), -1);
    assert_int_equal(price_of(&h23, CATALOG_MICROUSD, 20362 * DAY), 280000); /* 2025-10-01 */
    assert_non_null(strstr(err.text, "minimax/hailuo-2.3 at 768P with 6 s has no price in microusd"));
    const struct catalog_request s2v = request_of("S2V-01", 's', NULL, 0);
    assert_int_equal(price_of(&s2v, CATALOG_MICROUSD, 20454 * DAY - 1), 650000); /* before 2026-01-01 */
    assert_int_equal(price_of(&s2v, CATALOG_MICROUSD, 20454 * DAY), -1);
    const struct catalog_request sora = request_of("sora-2-pro", 't', "1792x1024", 8);
    assert_int_equal(price_of(&sora, CATALOG_MICROUSD, 20720 * DAY - 1), 4000000); /* shut down on 2026-09-24 */
    assert_int_equal(price_of(&sora, CATALOG_MICROUSD, 20720 * DAY), -1);
}

static void references_are_charged_beyond_the_free_ones(void **state)
{
    struct catalog_request request = request_of("MiniMax-H3", 'r', "768P", 5);
    request.images = 5;
    assert_int_equal(price_of(&request, CATALOG_MICROUSD, NOW), 400000);
    request.images = 7;
    assert_int_equal(price_of(&request, CATALOG_MICROUSD, NOW), 480000);
    request.videos = 1;
    request.video_ms = 2001;
    assert_int_equal(price_of(&request, CATALOG_MICROUSD, NOW), 480000 + 3 * 80000);
    request = request_of("MiniMax-H3-Max", 'r', "480P", 5);
    request.images = 3;
    assert_int_equal(price_of(&request, CATALOG_MICROUSD, NOW), 250000 + 74000);
}

static void camera_commands_are_marked(void **state)
{
    for (size_t i = 0; i < catalog.model_count; i++) {
        const struct catalog_model *m = &catalog.models[i];
        const bool wanted = strncmp(m->name, "MiniMax-Hailuo-", 15) == 0 || strstr(m->name, "Director") != NULL;
        assert_int_equal(m->camera_commands, wanted);
    }
}

/* The model that ships: the catalog says what its manifest says. */
static void the_shipped_models_row_is_its_manifest(void **state)
{
    const char *root = getenv("CONCH_TEST_ROOT");
    const struct catalog_model *m = catalog_find(&catalog, "conch/tiny");
    char path[4096];
    json_t *manifest;
    snprintf(path, sizeof path, "%s/models/tiny/conch.json", root ? root : ".");
    assert_int_equal(json_file_read(&manifest, path, &err), 0);
    const json_t *can = json_object_get(manifest, "capabilities"), *frames = json_object_get(can, "frames");
    const json_t *size = json_array_get(json_object_get(can, "sizes"), 0);
    const json_int_t fps = json_integer_value(json_object_get(can, "fps"));
    assert_int_equal(m->fps, fps);
    assert_int_equal(m->outputs[0].width, json_integer_value(json_array_get(size, 0)));
    assert_int_equal(m->outputs[0].height, json_integer_value(json_array_get(size, 1)));
    assert_int_equal(m->outputs[0].second_count, json_array_size(frames));
    for (size_t i = 0; i < m->outputs[0].second_count; i++)
        assert_int_equal(m->outputs[0].seconds[i], json_integer_value(json_array_get(frames, i)) / fps);
    assert_int_equal(m->default_seconds, json_integer_value(json_object_get(can, "default_frames")) / fps);
    json_decref(manifest);
}

/* Reads a changed copy of the shipped document and looks at the refusal. */
static void assert_document_refused(json_t *copy, const char *text)
{
    struct catalog other;
    assert_int_equal(catalog_read(&other, copy, &err), CONCH_ERR_FORMAT);
    if (!strstr(err.text, text))
        fail_msg("'%s' does not say '%s'", err.text, text);
    json_decref(copy);
}

static json_t *row(json_t *copy, const char *key, size_t index)
{
    return json_array_get(json_object_get(copy, key), index);
}

static void documents_that_cannot_be_are_refused_by_field(void **state)
{
    json_t *copy = json_deep_copy(document);
    json_object_set_new(row(copy, "models", 2), "colour", json_true());
    assert_document_refused(copy, "models[2].colour is no field here");
    copy = json_deep_copy(document);
    json_object_set_new(row(copy, "models", 1), "slug", json_string("minimax/hailuo-2.3"));
    assert_document_refused(copy, "stands twice");
    copy = json_deep_copy(document);
    json_object_set_new(row(copy, "prices", 3), "from", json_string("2026-02-29"));
    assert_document_refused(copy, "prices[3].from '2026-02-29', wanted a day as 2026-01-31");
    copy = json_deep_copy(document);
    json_array_append(json_object_get(copy, "prices"), row(copy, "prices", 0));
    assert_document_refused(copy, "hold at one time");
    copy = json_deep_copy(document);
    json_object_set_new(row(copy, "prices", 0), "amount", json_integer(-1));
    assert_document_refused(copy, "prices[0].amount is -1");
    copy = json_deep_copy(document);
    json_object_set_new(row(copy, "prices", 0), "seconds", json_integer(7));
    assert_document_refused(copy, "makes nothing at 768P with 7 s");
    copy = json_deep_copy(document);
    json_array_set_new(json_object_get(row(copy, "aliases", 0), "candidates"), 0, json_string("nobody/x"));
    assert_document_refused(copy, "aliases[0].candidates[0] is none of the models");
    copy = json_deep_copy(document);
    json_array_append(json_object_get(row(copy, "models", 0), "outputs"),
                      json_array_get(json_object_get(row(copy, "models", 0), "outputs"), 0));
    assert_document_refused(copy, "two outputs at 768P");
    copy = json_deep_copy(document);
    json_object_del(json_array_get(json_object_get(row(copy, "models", 0), "outputs"), 0), "source");
    assert_document_refused(copy, "models[0].outputs[0].source is missing");
    copy = json_deep_copy(document);
    json_array_append_new(
        json_object_get(json_array_get(json_object_get(row(copy, "models", 0), "outputs"), 0), "seconds"),
        json_integer(10));
    assert_document_refused(copy, "models[0].outputs[0].seconds[2]: wanted 1 to 3600, rising");
    copy = json_deep_copy(document);
    json_object_set_new(row(copy, "prices", 0), "until", json_string("2025-10-01"));
    assert_document_refused(copy, "prices[0].until is not after from");
    copy = json_deep_copy(document);
    json_object_set_new(copy, "format", json_integer(2));
    assert_document_refused(copy, "format is 2, allowed are 1 to 1");
    assert_document_refused(json_array(), "is not an object");
}

static void days_of_leap_years_are_counted(void **state)
{
    static const struct {
        const char *day;
        int64_t days;
    } rows[] = {
        {"2028-02-29", 21243}, {"2028-03-01", 21244}, {"2028-01-31", 21214}, {"2100-03-01", 47541}, {"1970-01-01", 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct catalog other;
        json_t *copy = json_deep_copy(document);
        json_object_set_new(row(copy, "prices", 0), "from", json_string(rows[i].day));
        assert_int_equal(catalog_read(&other, copy, &err), 0);
        assert_int_equal(other.prices[0].from_ms, rows[i].days * DAY);
        catalog_finish(&other);
        json_decref(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_is_allowed_or_refused_as_the_reference_says),
        cmocka_unit_test(resolutions_of_sora_are_sizes),
        cmocka_unit_test(a_refused_pair_lists_the_allowed_ones),
        cmocka_unit_test(inputs_a_model_does_not_take_are_named),
        cmocka_unit_test(a_last_frame_alone_is_taken_where_the_reference_allows_it),
        cmocka_unit_test(defaults_are_those_of_the_model),
        cmocka_unit_test(names_that_are_no_version_are_refused_with_the_candidates),
        cmocka_unit_test(a_name_the_operator_wrote_down_is_taken_and_shown),
        cmocka_unit_test(a_hostile_name_is_cut_between_characters),
        cmocka_unit_test(prompts_have_a_length),
        cmocka_unit_test(ratios_follow_the_mode),
        cmocka_unit_test(references_have_limits),
        cmocka_unit_test(pictures_have_limits),
        cmocka_unit_test(prices_are_those_of_the_price_pages),
        cmocka_unit_test(a_price_holds_from_its_first_day_until_the_last),
        cmocka_unit_test(references_are_charged_beyond_the_free_ones),
        cmocka_unit_test(camera_commands_are_marked),
        cmocka_unit_test(the_shipped_models_row_is_its_manifest),
        cmocka_unit_test(days_of_leap_years_are_counted),
        cmocka_unit_test(documents_that_cannot_be_are_refused_by_field),
    };
    return cmocka_run_group_tests(tests, shipped_open, shipped_close);
}
