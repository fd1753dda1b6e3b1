/* Real files of every kind the tests have, heads made by hand for the others, and files that are cut or lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/file.h"
#include "base/sniff.h"

static struct buf buf;

static void file_open(const char *name)
{
    const char *root = getenv("CONCH_TEST_ROOT");
    char path[4096];
    conch_error err;
    snprintf(path, sizeof path, "%s/tests/media/data/%s", root ? root : ".", name);
    buf_clear(&buf);
    if (file_read(&buf, path, &err) < 0)
        fail_msg("%s", err.text);
}

static void real_files_are_known_with_their_size(void **state)
{
    static const struct row {
        const char *name;
        enum sniff_type type;
        uint32_t width, height;
    } rows[] = {{"exact.png", SNIFF_PNG, 24, 16},      {"gray16.png", SNIFF_PNG, 256, 1},
                {"alpha.webp", SNIFF_WEBP, 24, 16},    {"animated.webp", SNIFF_WEBP, 24, 16},
                {"lossless.webp", SNIFF_WEBP, 24, 16}, {"lossy.webp", SNIFF_WEBP, 24, 16},
                {"orient6.webp", SNIFF_WEBP, 16, 24},  {"animated.gif", SNIFF_GIF, 24, 16},
                {"palette.gif", SNIFF_GIF, 24, 16},    {"cmyk.jpg", SNIFF_JPEG, 24, 16},
                {"orient6.jpg", SNIFF_JPEG, 16, 24},   {"rgb444.jpg", SNIFF_JPEG, 24, 16},
                {"still.avif", SNIFF_AVIF, 0, 0},      {"rotated.mp4", SNIFF_MP4, 0, 0},
                {"make.py", SNIFF_UNKNOWN, 0, 0}};
    buf_init(&buf, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        file_open(rows[i].name);
        const struct sniff found = sniff(buf.data, buf.size);
        if (found.type != rows[i].type || found.width != rows[i].width || found.height != rows[i].height)
            fail_msg("%s: %s %u x %u", rows[i].name, sniff_name(found.type), found.width, found.height);
    }
    buf_finish(&buf);
}

/* Every beginning of a file, in memory of exactly its size, so that a read past the end is seen. */
static void cut_files_are_looked_at_no_further_than_they_go(void **state)
{
    static const char *const names[] = {"exact.png",    "alpha.webp", "lossless.webp", "lossy.webp",
                                        "animated.gif", "rgb.jpg",    "still.avif",    "rotated.mp4"};
    buf_init(&buf, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        file_open(names[i]);
        for (size_t size = 0; size < size_min(buf.size, 700); size++) {
            uint8_t *part = malloc(size ? size : 1);
            if (size)
                memcpy(part, buf.data, size);
            const struct sniff found = sniff(part, size);
            assert_true(found.type == SNIFF_UNKNOWN || found.type == sniff(buf.data, buf.size).type ||
                        found.type == SNIFF_HEIF);
            free(part);
        }
    }
    buf_finish(&buf);
}

static void heads_made_by_hand_are_known(void **state)
{
    static const struct row {
        const char *bytes;
        size_t size;
        enum sniff_type type;
    } rows[] = {
        {"\0\0\0\x1c"
         "ftypheic\0\0\0\0mif1heicMiPr",
         28, SNIFF_HEIC},
        {"\0\0\0\x18"
         "ftypmif1\0\0\0\0mif1heic",
         24, SNIFF_HEIC},
        {"\0\0\0\x18"
         "ftypmif1\0\0\0\0mif1jpeg",
         24, SNIFF_HEIF},
        {"\0\0\0\x14"
         "ftypqt  \0\0\0\0qt  ",
         20, SNIFF_MOV},
        {"\0\0\0\x18"
         "ftypmp42\0\0\0\0qt  mp42",
         24, SNIFF_MP4},
        {"\0\0\0\x18"
         "ftypXXXX\0\0\0\0YYYYisom",
         24, SNIFF_MP4},
        {"\0\0\0\x18"
         "ftypM4A \0\0\0\0M4A mp3x",
         24, SNIFF_UNKNOWN},
        {"\0\0\0\x08"
         "wide\0\0\0\0mdat",
         16, SNIFF_MOV},
        {"\x1a\x45\xdf\xa3\x01\0\0\0", 8, SNIFF_WEBM},
        {"RIFF\0\0\0\0WAVEfmt ", 16, SNIFF_WAV},
        {"RIFF\0\0\0\0AVI fmt ", 16, SNIFF_UNKNOWN},
        {"ID3\x04\0\0\0\0\0\0", 10, SNIFF_MP3},
        {"<svg xmlns=", 11, SNIFF_UNKNOWN},
        {"%PDF-1.7", 8, SNIFF_UNKNOWN},
        {"", 0, SNIFF_UNKNOWN},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (sniff(rows[i].bytes, rows[i].size).type != rows[i].type)
            fail_msg("row %zu is %s", i, sniff_name(sniff(rows[i].bytes, rows[i].size).type));
}

static void two_frames_make_an_mp3_and_one_does_not(void **state)
{
    uint8_t data[600] = {0xff, 0xfb, 0x50, 0xc4}; /* MPEG 1 layer 3, 64 kbit/s, 44.1 kHz: 208 bytes */
    assert_int_equal(sniff(data, sizeof data).type, SNIFF_UNKNOWN);
    memcpy(data + 208, "\xff\xfb\x52\xc4", 4);
    assert_int_equal(sniff(data, sizeof data).type, SNIFF_MP3);
    assert_int_equal(sniff(data, 209).type, SNIFF_UNKNOWN);
    data[2] = 0x52; /* padded: one byte later */
    assert_int_equal(sniff(data, sizeof data).type, SNIFF_UNKNOWN);
    memcpy(data, "\xff\xf3\x40\xc4", 4); /* MPEG 2, 32 kbit/s, 22.05 kHz: 104 bytes */
    memcpy(data + 104, "\xff\xf3\x40\xc4", 4);
    assert_int_equal(sniff(data, sizeof data).type, SNIFF_MP3);
}

static void names_fit_their_types(void **state)
{
    for (int i = 0; i < SNIFF_TYPES; i++) {
        const char *const kinds[] = {"application/", "image/", "video/", "audio/"};
        const char *begin = kinds[sniff_kind((enum sniff_type)i)];
        assert_int_equal(strncmp(sniff_media_type((enum sniff_type)i), begin, strlen(begin)), 0);
        assert_true(strlen(sniff_extension((enum sniff_type)i)) >= 3);
    }
    assert_string_equal(sniff_media_type(SNIFF_JPEG), "image/jpeg");
    assert_string_equal(sniff_extension(SNIFF_JPEG), "jpg");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_files_are_known_with_their_size),
        cmocka_unit_test(cut_files_are_looked_at_no_further_than_they_go),
        cmocka_unit_test(heads_made_by_hand_are_known),
        cmocka_unit_test(two_frames_make_an_mp3_and_one_does_not),
        cmocka_unit_test(names_fit_their_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
