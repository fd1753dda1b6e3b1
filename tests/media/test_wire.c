#include "media/wire.h"
#include "media_test.h"

static void a_header_comes_back_as_it_was(void **state)
{
    uint8_t bytes[WIRE_HEADER_BYTES];
    struct wire_header got;
    wire_header_pack(bytes, (struct wire_header){WIRE_SOUND, 1234});
    assert_int_equal(wire_header_parse(&got, bytes, NULL), 0);
    assert_int_equal(got.type, WIRE_SOUND);
    assert_int_equal(got.payload_bytes, 1234);
}

static void headers_of_strangers_and_too_large_payloads_are_refused(void **state)
{
    uint8_t bytes[WIRE_HEADER_BYTES];
    struct wire_header got;
    conch_error err = {0};
    wire_header_pack(bytes, (struct wire_header){WIRE_SOUND, MEDIA_SOUND_BYTES_MAX + 1});
    assert_int_equal(wire_header_parse(&got, bytes, &err), CONCH_ERR_MEDIA);
    wire_header_pack(bytes, (struct wire_header){WIRE_IMAGE_DECODE, UINT64_MAX});
    assert_int_equal(wire_header_parse(&got, bytes, &err), CONCH_ERR_MEDIA);
    wire_header_pack(bytes, (struct wire_header){WIRE_DONE, 1});
    assert_int_equal(wire_header_parse(&got, bytes, &err), CONCH_ERR_MEDIA);
    wire_header_pack(bytes, (struct wire_header){999, 0});
    assert_int_equal(wire_header_parse(&got, bytes, &err), CONCH_ERR_MEDIA);
    assert_non_null(strstr(err.text, "999"));
    wire_header_pack(bytes, (struct wire_header){WIRE_DONE, 0});
    bytes[3]++;
    assert_int_equal(wire_header_parse(&got, bytes, &err), CONCH_ERR_MEDIA);
    assert_non_null(strstr(err.text, "one build"));
}

static struct wire_clip_begin good_begin(void)
{
    static char title[] = "a title", comment[] = "{\"seed\": 1}";
    return (struct wire_clip_begin){.width = 64,
                                    .height = 48,
                                    .fps_num = 30000,
                                    .fps_den = 1001,
                                    .crf = 16,
                                    .sound_rate = 48000,
                                    .sound_channels = 2,
                                    .title = title,
                                    .comment = comment};
}

static void a_clip_description_comes_back_as_it_was(void **state)
{
    struct wire_clip_begin begin = good_begin(), got;
    uint8_t *bytes;
    size_t size;
    assert_int_equal(wire_clip_begin_pack(&bytes, &size, &begin, NULL), 0);
    assert_int_equal(wire_clip_begin_parse(&got, bytes, size, NULL), 0);
    assert_int_equal(got.fps_num, 30000);
    assert_int_equal(got.fps_den, 1001);
    assert_string_equal(got.title, "a title");
    assert_string_equal(got.comment, "{\"seed\": 1}");
    assert_false(got.bare || got.fast);
    wire_clip_begin_finish(&got);
    free(bytes);
    begin.fast = true;
    assert_int_equal(wire_clip_begin_pack(&bytes, &size, &begin, NULL), 0);
    assert_int_equal(wire_clip_begin_parse(&got, bytes, size, NULL), 0);
    assert_true(got.fast && !got.bare);
    wire_clip_begin_finish(&got);
    free(bytes);
}

static void every_shortened_or_lengthened_description_is_refused(void **state)
{
    struct wire_clip_begin begin = good_begin(), got;
    struct wire_clip_info info = {.width = 8, .height = 6, .title = (char[]){"t"}}, info_got;
    uint8_t *bytes;
    size_t size;
    assert_int_equal(wire_clip_begin_pack(&bytes, &size, &begin, NULL), 0);
    for (size_t part = 0; part < size; part++)
        assert_int_equal(wire_clip_begin_parse(&got, bytes, part, NULL), CONCH_ERR_MEDIA);
    bytes = realloc(bytes, size + 1);
    bytes[size] = 0;
    assert_int_equal(wire_clip_begin_parse(&got, bytes, size + 1, NULL), CONCH_ERR_MEDIA);
    free(bytes);
    assert_int_equal(wire_clip_info_pack(&bytes, &size, &info, NULL), 0);
    for (size_t part = 0; part < size; part++)
        assert_int_equal(wire_clip_info_parse(&info_got, bytes, part, NULL), CONCH_ERR_MEDIA);
    assert_int_equal(wire_clip_info_parse(&info_got, bytes, size, NULL), 0);
    assert_string_equal(info_got.title, "t");
    assert_null(info_got.comment);
    wire_clip_info_finish(&info_got);
    free(bytes);
}

static void values_that_are_not_allowed_are_named(void **state)
{
    static char long_text[MEDIA_TEXT_BYTES_MAX + 2];
    memset(long_text, 'x', sizeof long_text - 1);
    struct wire_clip_begin bad[10];
    const char *names[] = {"size", "size",       "size",           "fps",   "fps",
                           "crf",  "sound rate", "sound channels", "title", "bare"};
    for (size_t i = 0; i < 10; i++)
        bad[i] = good_begin();
    bad[0].width = 63;
    bad[1].width = 8192;
    bad[2].height = 0;
    bad[3].fps_num = 0;
    bad[4].fps_num = 241, bad[4].fps_den = 1;
    bad[5].crf = 52;
    bad[6].sound_rate = 12345;
    bad[7].sound_channels = 6;
    bad[8].title = long_text;
    bad[9].bare = true;
    for (size_t i = 0; i < 10; i++) {
        conch_error err = {0};
        assert_int_equal(wire_clip_begin_check(&bad[i], &err), CONCH_ERR_RANGE);
        assert_ptr_equal(strstr(err.text, names[i]), err.text);
    }
}

static void a_picture_must_have_exactly_its_bytes(void **state)
{
    uint8_t payload[WIRE_IMAGE_HEAD_BYTES + 13] = {0};
    const uint8_t *rgb;
    int width, height;
    wire_image_head_pack(payload, 2, 2);
    assert_int_equal(wire_image_parse(payload, WIRE_IMAGE_HEAD_BYTES + 12, &width, &height, &rgb, NULL), 0);
    assert_ptr_equal(rgb, payload + WIRE_IMAGE_HEAD_BYTES);
    assert_int_equal(wire_image_parse(payload, sizeof payload, &width, &height, &rgb, NULL), CONCH_ERR_MEDIA);
    assert_int_equal(wire_image_parse(payload, 7, &width, &height, &rgb, NULL), CONCH_ERR_MEDIA);
    wire_image_head_pack(payload, 0x40000000, 4);
    assert_int_equal(wire_image_parse(payload, sizeof payload, &width, &height, &rgb, NULL), CONCH_ERR_LIMIT);
}

static void a_failure_keeps_its_code_and_text(void **state)
{
    conch_error failure, got;
    uint8_t bytes[MEDIA_FAILED_BYTES_MAX];
    conch_error_set(&failure, CONCH_ERR_DISKFULL, "no room");
    size_t size = wire_failed_pack(bytes, &failure);
    assert_int_equal(wire_failed_parse(bytes, size, &got), CONCH_ERR_DISKFULL);
    assert_string_equal(got.text, "no room");
    assert_int_equal(wire_failed_parse(bytes, 3, &got), CONCH_ERR_MEDIA);
    memset(bytes, 0, 4); /* "it failed with success" */
    assert_int_equal(wire_failed_parse(bytes, size, &got), CONCH_ERR_MEDIA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_comes_back_as_it_was),
        cmocka_unit_test(headers_of_strangers_and_too_large_payloads_are_refused),
        cmocka_unit_test(a_clip_description_comes_back_as_it_was),
        cmocka_unit_test(every_shortened_or_lengthened_description_is_refused),
        cmocka_unit_test(values_that_are_not_allowed_are_named),
        cmocka_unit_test(a_picture_must_have_exactly_its_bytes),
        cmocka_unit_test(a_failure_keeps_its_code_and_text),
    };
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
