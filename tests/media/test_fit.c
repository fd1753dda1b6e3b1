#include "base/buf.h"
#include "base/file.h"
#include "media/fit.h"
#include "media_test.h"

/* The picture that tests/media/data/make.py makes by the same rule. */
static uint8_t *pattern(int width, int height)
{
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3), *at = rgb;
    assert_non_null(rgb);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                *at++ = (uint8_t)(x * (37 + 11 * c) + y * (59 + 7 * c) + (x * y * (c + 3)) % 97);
    return rgb;
}

static void scaling_and_cropping_give_the_bytes_that_pillow_gives(void **state)
{
    struct buf file;
    int cases = 0;
    buf_init(&file, 1 << 20);
    assert_int_equal(file_read(&file, data_path("fit.bin"), NULL), 0);
    for (size_t at = 0; at < file.size; cases++) {
        uint16_t head[4];
        memcpy(head, file.data + at, sizeof head);
        at += sizeof head;
        struct fit_size picture = {head[0], head[1]}, target = {head[2], head[3]};
        size_t size = (size_t)target.width * (size_t)target.height * 3;
        uint8_t *rgb = pattern(picture.width, picture.height), *got = malloc(size);
        assert_non_null(got);
        assert_int_equal(fit_cover(got, target, rgb, picture, NULL), 0);
        assert_memory_equal(got, file.data + at, size);
        at += size;
        free(rgb);
        free(got);
    }
    assert_int_equal(cases, 8);
    buf_finish(&file);
}

static void the_best_size_is_that_of_the_official_program(void **state)
{
    static const struct {
        struct fit_size picture;
        int64_t area;
        struct fit_size best;
    } cases[] = {
        {{1280, 704}, 901120, {1280, 704}}, {{1920, 1080}, 901120, {1248, 704}}, {{1080, 1920}, 901120, {704, 1248}},
        {{1000, 1000}, 901120, {960, 928}}, {{4000, 3000}, 399360, {704, 544}},  {{333, 777}, 399360, {416, 960}},
        {{3000, 700}, 901120, {1952, 448}}, {{640, 480}, 24576, {160, 128}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fit_size got = {0};
        assert_int_equal(fit_best_size(&got, cases[i].picture, (struct fit_size){32, 32}, cases[i].area, NULL), 0);
        assert_int_equal(got.width, cases[i].best.width);
        assert_int_equal(got.height, cases[i].best.height);
    }
}

static void a_picture_too_thin_for_any_size_is_refused(void **state)
{
    struct fit_size got;
    conch_error err = {0};
    assert_int_equal(fit_best_size(&got, (struct fit_size){16000, 1}, (struct fit_size){32, 32}, 832 * 480, &err),
                     CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "16000x1"));
    assert_int_equal(fit_best_size(&got, (struct fit_size){0, 5}, (struct fit_size){32, 32}, 1000, &err),
                     CONCH_ERR_RANGE);
    uint8_t rgb[3] = {0}, out[3];
    assert_int_equal(fit_cover(out, (struct fit_size){0, 1}, rgb, (struct fit_size){1, 1}, &err), CONCH_ERR_RANGE);
    assert_int_equal(fit_cover(out, (struct fit_size){1, 1}, rgb, (struct fit_size){1, 99999}, &err), CONCH_ERR_RANGE);
}

/* 16384 x 2 scaled to cover 64 x 64 would be half a million wide: only the middle may be computed. */
static void a_flat_long_picture_stays_flat_and_cheap(void **state)
{
    size_t size = (size_t)16384 * 2 * 3;
    uint8_t *rgb = malloc(size), *out = malloc(64 * 64 * 3);
    assert_true(rgb && out);
    memset(rgb, 77, size);
    assert_int_equal(fit_cover(out, (struct fit_size){64, 64}, rgb, (struct fit_size){16384, 2}, NULL), 0);
    for (int i = 0; i < 64 * 64 * 3; i++)
        assert_int_equal(out[i], 77);
    free(rgb);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scaling_and_cropping_give_the_bytes_that_pillow_gives),
        cmocka_unit_test(the_best_size_is_that_of_the_official_program),
        cmocka_unit_test(a_picture_too_thin_for_any_size_is_refused),
        cmocka_unit_test(a_flat_long_picture_stays_flat_and_cheap),
    };
    return cmocka_run_group_tests_name("fit", tests, group_setup, group_teardown);
}
