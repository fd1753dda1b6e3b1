#include "base/buf.h"
#include "base/file.h"
#include "media/helper.h"
#include "media/media.h"
#include "media/wire.h"
#include "media_test.h"

/* The four quarters of every test picture: red and green above, blue and yellow below. */
static const int quarters[4][3] = {{200, 30, 40}, {20, 180, 60}, {30, 50, 210}, {220, 210, 90}};

static void pixel_check(const struct media_image *image, int x, int y, const int expected[3], int tolerance)
{
    const uint8_t *got = image->rgb + ((size_t)y * (size_t)image->width + (size_t)x) * 3;
    for (int c = 0; c < 3; c++)
        if (abs(got[c] - expected[c]) > tolerance)
            fail_msg("pixel (%d,%d) channel %d is %d, expected %d", x, y, c, got[c], expected[c]);
}

static struct media_image read_or_fail(const char *name)
{
    struct media_image image = {0};
    conch_error err = {0};
    if (media_image_read(data_path(name), &image, &err) < 0)
        fail_msg("%s: %s", name, err.text);
    return image;
}

static void quarters_check(const char *name, int width, int height, int tolerance)
{
    struct media_image image = read_or_fail(name);
    assert_int_equal(image.width, width);
    assert_int_equal(image.height, height);
    for (int i = 0; i < 4; i++)
        pixel_check(&image, width * (1 + 2 * (i % 2)) / 4, height * (1 + 2 * (i / 2)) / 4, quarters[i], tolerance);
    media_image_finish(&image);
}

static void every_kind_of_file_shows_its_colours(void **state)
{
    quarters_check("exact.png", 24, 16, 0);
    quarters_check("rgb48.png", 24, 16, 0);
    quarters_check("palette.gif", 24, 16, 0);
    quarters_check("animated.gif", 24, 16, 0);
    quarters_check("lossless.webp", 24, 16, 0);
    quarters_check("rgb444.jpg", 24, 16, 3);
    quarters_check("rgb.jpg", 24, 16, 6);
    quarters_check("lossy.webp", 24, 16, 6);
    quarters_check("cmyk.jpg", 24, 16, 6);
    quarters_check("still.avif", 192, 128, 4);
}

static void a_gray_jpeg_has_no_colour_and_the_full_range(void **state)
{
    struct media_image image = read_or_fail("gray.jpg");
    for (int i = 0; i < 4; i++) {
        int gray = (quarters[i][0] * 299 + quarters[i][1] * 587 + quarters[i][2] * 114 + 500) / 1000;
        pixel_check(&image, 6 + 12 * (i % 2), 4 + 8 * (i / 2), (int[]){gray, gray, gray}, 2);
    }
    media_image_finish(&image);
}

static void gray_ramps_of_8_and_16_bits_are_exact(void **state)
{
    static const char *const names[] = {"gray8.png", "gray16.png"};
    for (int i = 0; i < 2; i++) {
        struct media_image image = read_or_fail(names[i]);
        assert_int_equal(image.width, 256);
        for (int x = 0; x < 256; x++)
            pixel_check(&image, x, 0, (int[]){x, x, x}, 0);
        media_image_finish(&image);
    }
}

static void transparent_parts_come_over_white(void **state)
{
    static const char *const names[] = {"alpha.png", "alpha.webp"};
    for (int i = 0; i < 2; i++) {
        struct media_image image = read_or_fail(names[i]);
        pixel_check(&image, 3, 3, (int[]){255, 255, 255}, 0);
        pixel_check(&image, 18, 3, quarters[1], 0);
        int half[3];
        for (int c = 0; c < 3; c++)
            half[c] = (quarters[2][c] * 128 + 255 * 127 + 127) / 255;
        pixel_check(&image, 3, 12, half, 0);
        media_image_finish(&image);
    }
    struct media_image image = read_or_fail("transparent.png");
    pixel_check(&image, 3, 3, (int[]){255, 255, 255}, 0);
    pixel_check(&image, 18, 3, quarters[1], 0);
    media_image_finish(&image);
}

static void all_eight_exif_orientations_stand_upright(void **state)
{
    for (int i = 1; i <= 8; i++) {
        char name[32];
        snprintf(name, sizeof name, "orient%d.jpg", i);
        quarters_check(name, 24, 16, 4);
    }
    quarters_check("orient6.webp", 24, 16, 0);
    quarters_check("orient6.png", 24, 16, 0);
}

static uint8_t *noise(int width, int height)
{
    size_t size = (size_t)width * (size_t)height * 3;
    uint8_t *rgb = malloc(size);
    uint32_t seed = 1;
    assert_non_null(rgb);
    for (size_t i = 0; i < size; i++)
        rgb[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
    return rgb;
}

static void a_png_comes_back_exactly(void **state)
{
    static const int sizes[][2] = {{1, 1}, {7, 5}, {64, 48}, {333, 127}};
    struct media_png_writer *writer = NULL;
    assert_int_equal(media_png_writer_open(&writer, NULL), 0);
    for (size_t i = 0; i < 4; i++) {
        int width = sizes[i][0], height = sizes[i][1];
        struct media_image image;
        uint8_t *rgb = noise(width, height);
        struct media_rgb picture = {rgb, width, height};
        assert_int_equal(i % 2 ? media_png_writer_write(writer, in_folder("a.png"), picture, NULL)
                               : media_image_write_png(in_folder("a.png"), picture, NULL),
                         0);
        assert_int_equal(media_image_read(in_folder("a.png"), &image, NULL), 0);
        assert_int_equal(image.width, width);
        assert_int_equal(image.height, height);
        assert_memory_equal(image.rgb, rgb, (size_t)width * (size_t)height * 3);
        media_image_finish(&image);
        free(rgb);
    }
    media_png_writer_close(writer);
    assert_int_equal(folder_count("partial"), 0);
}

static void a_png_of_no_size_or_in_no_folder_is_refused(void **state)
{
    conch_error err = {0};
    uint8_t rgb[3] = {0};
    assert_int_equal(media_image_write_png(in_folder("b.png"), (struct media_rgb){rgb, 0, 1}, &err), CONCH_ERR_LIMIT);
    assert_int_equal(media_image_write_png(in_folder("b.png"), (struct media_rgb){rgb, 99999, 1}, &err),
                     CONCH_ERR_LIMIT);
    assert_int_equal(media_image_write_png(in_folder("no/b.png"), (struct media_rgb){rgb, 1, 1}, &err), CONCH_ERR_IO);
    assert_int_equal(folder_count("b.png"), 0);
}

static int decode_code(const void *data, size_t size, conch_error *err)
{
    struct media_image image = {0};
    *err = (conch_error){0};
    int rc = media_image_decode(data, size, &image, err);
    if (rc == 0)
        media_image_finish(&image);
    else
        assert_true(err->code == rc && err->text[0]);
    return rc;
}

static void decode_refused(const void *data, size_t size, int code, const char *text)
{
    conch_error err;
    int rc = decode_code(data, size, &err);
    if (rc != code || !strstr(err.text, text))
        fail_msg("got %d \"%s\" instead of %d \"%s\"", rc, err.text, code, text);
}

static void what_is_not_a_picture_is_refused(void **state)
{
    static const char *const texts[] = {
        "hello, this is a text file and no picture at all",
        "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        "ffconcat version 1.0\nfile '/etc/passwd'\n",
        "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\" "
        "xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"64\" height=\"64\"><image width=\"64\" height=\"64\" "
        "xlink:href=\"file:///etc/passwd\"/></svg>",
        "II*\0\10\0\0\0",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        decode_refused(texts[i], strlen(texts[i]), CONCH_ERR_MEDIA, "not a picture");
    decode_refused("", 0, CONCH_ERR_MEDIA, "empty");
    decode_refused("\0", 1, CONCH_ERR_MEDIA, "not a picture");
    decode_refused("\x89PNG\r\n\x1a\n", 8, CONCH_ERR_MEDIA, "PNG");
    decode_refused("\xff\xd8\xff", 3, CONCH_ERR_MEDIA, "JPEG");
    decode_refused("GIF89a", 6, CONCH_ERR_MEDIA, "GIF");
    decode_refused("RIFF\0\0\0\0WEBP", 12, CONCH_ERR_MEDIA, "WebP");
    uint8_t *rubbish = noise(100, 100);
    decode_refused(rubbish, 30000, CONCH_ERR_MEDIA, "not a picture");
    memcpy(rubbish,
           "\0\0\0\x1c"
           "ftypavif",
           12);
    conch_error err;
    assert_true(decode_code(rubbish, 30000, &err) < 0);
    memcpy(rubbish, "\xff\xd8\xff\xe0\0\x10", 6);
    assert_true(decode_code(rubbish, 30000, &err) < 0);
    free(rubbish);
}

static void a_bomb_is_refused_from_its_header(void **state)
{
    struct buf file;
    buf_init(&file, 1 << 16);
    assert_int_equal(file_read(&file, data_path("exact.png"), NULL), 0);
    memcpy(file.data + 16, "\0\0\xea\x60\0\0\xea\x60", 8); /* 60000 x 60000 */
    decode_refused(file.data, file.size, CONCH_ERR_LIMIT, "60000x60000");
    memcpy(file.data + 16, "\0\0\x3f\xff\0\0\x3f\xff", 8); /* each side allowed, together not */
    decode_refused(file.data, file.size, CONCH_ERR_LIMIT, "16383x16383");
    buf_finish(&file);
    decode_refused("GIF89a\xff\xff\xff\xff\0\0\0", 13, CONCH_ERR_LIMIT, "65535x65535");
    decode_refused("\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\3\0\0\0\0\0\0\0\0\0", 21, CONCH_ERR_LIMIT, "65535");
    decode_refused("RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff", 30, CONCH_ERR_LIMIT, "16777216");
    buf_init(&file, 1 << 16);
    assert_int_equal(file_read(&file, data_path("still.avif"), NULL), 0);
    char *size = memmem(file.data, file.size, "ispe", 4);
    assert_non_null(size);
    memcpy(size + 8, "\0\0\xea\x60\0\0\xea\x60", 8);
    decode_refused(file.data, file.size, CONCH_ERR_LIMIT, "60000x60000");
    buf_finish(&file);
}

/* Cut anywhere, a picture gives an error and never a half picture; only cuts in trailing bytes that carry no pixels may
 * pass, and a picture then has its full size. */
static void pictures_cut_anywhere_are_refused(void **state)
{
    static const char *const names[] = {"exact.png", "rgb444.jpg", "lossless.webp", "palette.gif", "still.avif"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        struct buf file;
        buf_init(&file, 1 << 16);
        assert_int_equal(file_read(&file, data_path(names[n]), NULL), 0);
        for (int part = 1; part <= 8; part++) {
            conch_error err;
            int rc = decode_code(file.data, file.size * (size_t)part / 10, &err);
            if (rc != CONCH_ERR_MEDIA && rc != CONCH_ERR_UNSUPPORTED)
                fail_msg("%s cut to %d/10: %d %s", names[n], part, rc, err.text);
        }
        buf_finish(&file);
    }
}

/* One changed byte may still decode, but never more than an error. */
static void damaged_bytes_do_no_harm(void **state)
{
    static const char *const names[] = {"rgb444.jpg", "lossy.webp", "still.avif", "palette.gif"};
    conch_error err;
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        struct buf file;
        buf_init(&file, 1 << 16);
        assert_int_equal(file_read(&file, data_path(names[n]), NULL), 0);
        for (size_t at = 8; at < file.size; at += file.size / 8) {
            file.data[at] ^= (char)0xff;
            decode_code(file.data, file.size, &err);
            if (strstr(err.text, "crash") || strstr(err.text, "sandbox"))
                fail_msg("%s byte %zu: %s", names[n], at, err.text);
            file.data[at] ^= (char)0xff;
        }
        buf_finish(&file);
    }
}

static void what_cannot_be_read_faithfully_is_named(void **state)
{
    struct media_image image;
    conch_error err = {0};
    assert_int_equal(media_image_read(data_path("animated.webp"), &image, &err), CONCH_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "animated WebP"));
    assert_non_null(strstr(err.text, "data/animated.webp"));
    assert_int_equal(media_image_read(in_folder("none.png"), &image, &err), CONCH_ERR_NOTFOUND);
    assert_int_equal(media_image_read(folder, &image, &err), CONCH_ERR_IO);
}

/* meta, iprp and ipco boxes around these properties, behind an ftyp box. */
static size_t heif_make(uint8_t *bytes, const char *brand, const void *properties, size_t size)
{
    static const char frame[] = "\0\0\0\x10"
                                "ftyp"
                                "avif\0\0\0\0"
                                "\0\0\0\0meta\0\0\0\0"
                                "\0\0\0\0iprp"
                                "\0\0\0\0ipco";
    memcpy(bytes, frame, 44);
    memcpy(bytes + 8, brand, 4);
    memcpy(bytes + 44, properties, size);
    bytes[19] = (uint8_t)(28 + size);
    bytes[31] = (uint8_t)(16 + size);
    bytes[39] = (uint8_t)(8 + size);
    return 44 + size;
}

static void heif_says_its_turn_its_size_and_what_would_be_lost(void **state)
{
    static const int orientations[4][3] = {{1, 4, 2}, {8, 5, 7}, {3, 2, 4}, {6, 7, 5}};
    uint8_t bytes[200];
    char properties[64];
    struct picture_head head;
    conch_error err = {0};
    for (int turn = 0; turn < 4; turn++) {
        memcpy(properties,
               "\0\0\0\x09"
               "irot"
               "\0"
               "\0\0\0\x09"
               "imir"
               "\0",
               18);
        properties[8] = (char)turn;
        assert_int_equal(picture_head_read(&head, bytes, heif_make(bytes, "avif", properties, 9), NULL), 0);
        assert_int_equal(head.orientation, orientations[turn][0]);
        for (int axis = 0; axis < 2; axis++) {
            properties[17] = (char)axis;
            assert_int_equal(picture_head_read(&head, bytes, heif_make(bytes, "avif", properties, 18), NULL), 0);
            assert_int_equal(head.orientation, orientations[turn][1 + axis]);
        }
    }
    size_t size = heif_make(bytes, "heic", "\0\0\0\x14ispe\0\0\0\0\0\0\xea\x60\0\0\xea\x60", 20);
    assert_int_equal(picture_head_read(&head, bytes, size, &err), CONCH_ERR_LIMIT);
    size = heif_make(bytes, "avif",
                     "\0\0\0\x34"
                     "auxC\0\0\0\0urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
                     56);
    assert_int_equal(picture_head_read(&head, bytes, size, &err), 0); /* a box that says it is shorter than its name */
    bytes[47] = 0x38;
    assert_int_equal(picture_head_read(&head, bytes, size, &err), CONCH_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "transparent"));
    size = heif_make(bytes, "heic", "\0\0\0\x14ispe\0\0\0\0\0\0\0\x40\0\0\0\x40", 20);
    decode_refused(bytes, size, CONCH_ERR_UNSUPPORTED, "JPEG or PNG");
    decode_refused(bytes, heif_make(bytes, "avif", "", 0), CONCH_ERR_MEDIA, "");
}

static void a_file_above_the_limit_is_not_even_sent(void **state)
{
    struct media_image image;
    conch_error err = {0};
    FILE *file = fopen(in_folder("huge"), "w");
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), (off_t)MEDIA_INPUT_BYTES_MAX + 1), 0);
    fclose(file);
    assert_int_equal(media_image_read(in_folder("huge"), &image, &err), CONCH_ERR_LIMIT);
    unlink(in_folder("huge"));
}

/* 64 megapixels: the largest allowed must fit into the sandbox's memory and time. */
static void the_largest_picture_is_read(void **state)
{
    int side = 8192;
    size_t size = (size_t)side * (size_t)side * 3;
    uint8_t *rgb = calloc(1, size), *png = NULL;
    size_t png_size = 0;
    struct media_image image = {0};
    conch_error err = {0};
    assert_non_null(rgb);
    rgb[size - 1] = 9;
    if (media_png_pack((struct media_rgb){rgb, side, side}, &png, &png_size, &err) < 0 ||
        media_image_decode(png, png_size, &image, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(image.width, side);
    assert_int_equal(image.rgb[size - 1], 9);
    media_image_finish(&image);
    free(rgb);
    free(png);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_file_shows_its_colours),
        cmocka_unit_test(a_gray_jpeg_has_no_colour_and_the_full_range),
        cmocka_unit_test(gray_ramps_of_8_and_16_bits_are_exact),
        cmocka_unit_test(transparent_parts_come_over_white),
        cmocka_unit_test(all_eight_exif_orientations_stand_upright),
        cmocka_unit_test(a_png_comes_back_exactly),
        cmocka_unit_test(a_png_of_no_size_or_in_no_folder_is_refused),
        cmocka_unit_test(what_is_not_a_picture_is_refused),
        cmocka_unit_test(a_bomb_is_refused_from_its_header),
        cmocka_unit_test(pictures_cut_anywhere_are_refused),
        cmocka_unit_test(damaged_bytes_do_no_harm),
        cmocka_unit_test(what_cannot_be_read_faithfully_is_named),
        cmocka_unit_test(heif_says_its_turn_its_size_and_what_would_be_lost),
        cmocka_unit_test(a_file_above_the_limit_is_not_even_sent),
        cmocka_unit_test(the_largest_picture_is_read),
    };
    return cmocka_run_group_tests_name("image", tests, group_setup, group_teardown);
}
