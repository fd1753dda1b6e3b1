#include <math.h>

#include "base/buf.h"
#include "base/file.h"
#include "media/media.h"
#include "media_test.h"

enum { WIDTH = 64, HEIGHT = 48, FRAME_BYTES = WIDTH * HEIGHT * 3, FRAMES_MAX = 64 };

/* A soft picture that moves: what a model makes, roughly. */
static void frame_make(uint8_t *rgb, int index)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++, rgb += 3) {
            rgb[0] = (uint8_t)lrint(128 + 90 * sin((x + 2 * index) * 0.1));
            rgb[1] = (uint8_t)lrint(128 + 90 * sin((y - index) * 0.13));
            rgb[2] = (uint8_t)lrint(128 + 90 * sin((x + y + index) * 0.07));
        }
}

static struct media_clip_settings settings_for(const char *path)
{
    return (struct media_clip_settings){.path = path, .width = WIDTH, .height = HEIGHT, .fps_num = 16};
}

static void must(int rc, const conch_error *err)
{
    if (rc < 0)
        fail_msg("%d: %s", rc, err->text);
}

static void clip_write(const struct media_clip_settings *settings, int frame_count)
{
    uint8_t rgb[FRAME_BYTES];
    struct media_clip *clip = NULL;
    conch_error err = {0};
    must(media_clip_open(&clip, settings, &err), &err);
    for (int i = 0; i < frame_count; i++) {
        frame_make(rgb, i);
        must(media_clip_frame(clip, rgb, &err), &err);
    }
    must(media_clip_close(clip, &err), &err);
}

struct collected {
    uint8_t *frames;
    int64_t frame_count;
    float *samples; /* first channel */
    size_t sample_count;
    int begun, stop_at; /* stop_at 0: never */
};

static int on_begin(void *context, const struct media_clip_info *info)
{
    struct collected *c = context;
    assert_int_equal(info->width, WIDTH);
    c->begun++;
    return 0;
}

static int on_frame(void *context, const uint8_t *rgb, int64_t index)
{
    struct collected *c = context;
    assert_int_equal(index, c->frame_count);
    assert_true(index < FRAMES_MAX);
    memcpy(c->frames + index * FRAME_BYTES, rgb, FRAME_BYTES);
    c->frame_count++;
    return c->frame_count == c->stop_at;
}

static int on_sound(void *context, const float *samples, size_t count)
{
    struct collected *c = context;
    for (size_t i = 0; i < count && c->sample_count < 200000; i++)
        c->samples[c->sample_count++] = samples[2 * i];
    return 0;
}

static struct collected clip_collect(const char *path)
{
    struct collected c = {.frames = malloc(FRAMES_MAX * FRAME_BYTES), .samples = calloc(200000, sizeof(float))};
    struct media_clip_sink sink = {&c, on_begin, on_frame, on_sound};
    conch_error err = {0};
    assert_true(c.frames && c.samples);
    must(media_clip_read(path, &sink, &err), &err);
    assert_int_equal(c.begun, 1);
    return c;
}

static void collected_finish(struct collected *c)
{
    free(c->frames);
    free(c->samples);
}

static void frames_come_back_close_to_what_they_were(void **state)
{
    struct media_clip_settings settings = settings_for(in_folder("psnr.mp4"));
    clip_write(&settings, 33);
    struct collected c = clip_collect(settings.path);
    assert_int_equal(c.frame_count, 33);
    double square = 0;
    uint8_t rgb[FRAME_BYTES];
    for (int f = 0; f < 33; f++) {
        frame_make(rgb, f);
        for (int i = 0; i < FRAME_BYTES; i++) {
            double d = (double)rgb[i] - c.frames[f * FRAME_BYTES + i];
            square += d * d;
        }
    }
    double psnr = 10 * log10(255 * 255 / (square / (33.0 * FRAME_BYTES)));
    if (psnr < 40)
        fail_msg("PSNR %.1f dB", psnr);
    collected_finish(&c);
    assert_int_equal(folder_count("psnr"), 1); /* no partial file beside it */
}

/* A wrong matrix or range moves these by 5 to 40 levels. */
static void flat_colours_come_back_within_two_levels(void **state)
{
    static const uint8_t colours[][3] = {{0, 0, 0},     {255, 255, 255}, {128, 128, 128}, {255, 0, 0},
                                         {0, 255, 0},   {0, 0, 255},     {200, 30, 40},   {20, 180, 60},
                                         {30, 50, 210}, {220, 210, 90},  {16, 16, 16},    {235, 235, 235}};
    for (size_t k = 0; k < sizeof colours / sizeof colours[0]; k++) {
        struct media_clip_settings settings = settings_for(in_folder("flat.mp4"));
        struct media_clip *clip = NULL;
        uint8_t rgb[FRAME_BYTES];
        conch_error err = {0};
        for (int i = 0; i < FRAME_BYTES; i++)
            rgb[i] = colours[k][i % 3];
        must(media_clip_open(&clip, &settings, &err), &err);
        for (int i = 0; i < 4; i++)
            must(media_clip_frame(clip, rgb, &err), &err);
        must(media_clip_close(clip, &err), &err);
        struct collected c = clip_collect(settings.path);
        assert_int_equal(c.frame_count, 4);
        for (int i = 0; i < 4 * FRAME_BYTES; i++)
            if (abs(c.frames[i] - colours[k][i % 3]) > 2)
                fail_msg("colour %zu channel %d: %d instead of %d", k, i % 3, c.frames[i], colours[k][i % 3]);
        collected_finish(&c);
    }
}

static void rate_size_count_and_tags_are_in_the_file(void **state)
{
    static const int rates[][2] = {{12, 1}, {16, 1}, {24, 1}, {30000, 1001}};
    for (size_t i = 0; i < 4; i++) {
        struct media_clip_settings settings = settings_for(in_folder("rate.mp4"));
        struct media_clip_info info;
        conch_error err = {0};
        settings.fps_num = rates[i][0];
        settings.fps_den = rates[i][1];
        settings.title = "Ein Boot im Regen \xe2\x9b\xb5";
        settings.comment = "{\"model\": \"tiny\", \"seed\": 7, \"prompt\": \"a \\\"boat\\\"\"}";
        clip_write(&settings, 13);
        must(media_clip_probe(settings.path, &info, &err), &err);
        assert_int_equal(info.width, WIDTH);
        assert_int_equal(info.height, HEIGHT);
        assert_int_equal(info.fps_num, rates[i][0]);
        assert_int_equal(info.fps_den, rates[i][1]);
        assert_int_equal(info.frame_count, 13);
        assert_true(llabs(info.duration_us - 13000000LL * rates[i][1] / rates[i][0]) < 2000);
        assert_string_equal(info.video_codec, "h264");
        assert_string_equal(info.pixel_format, "yuv420p");
        assert_string_equal(info.title, settings.title);
        assert_string_equal(info.comment, settings.comment);
        assert_int_equal(info.sound_rate, 0);
        media_clip_info_finish(&info);
    }
}

static bool contains(const struct buf *file, const char *text)
{
    return memmem(file->data, file->size, text, strlen(text)) != NULL;
}

static struct buf file_of(const char *path)
{
    struct buf file;
    buf_init(&file, 16 << 20);
    assert_int_equal(file_read(&file, path, NULL), 0);
    return file;
}

static void a_bare_clip_says_nothing_about_itself(void **state)
{
    struct media_clip_settings settings = settings_for(in_folder("bare.mp4"));
    struct media_clip_info info;
    clip_write(&settings, 5);
    struct buf file = file_of(settings.path); /* the control: an ordinary clip names its encoder */
    assert_true(contains(&file, "Lavf") && contains(&file, "x264"));
    buf_finish(&file);

    settings.bare = true;
    clip_write(&settings, 5);
    file = file_of(settings.path);
    assert_false(contains(&file, "Lav"));
    assert_false(contains(&file, "x264"));
    buf_finish(&file);
    assert_int_equal(media_clip_probe(settings.path, &info, NULL), 0);
    assert_null(info.title);
    assert_null(info.comment);
    assert_null(info.encoder);
    assert_int_equal(info.frame_count, 5);
    media_clip_info_finish(&info);
    struct collected c = clip_collect(settings.path);
    assert_int_equal(c.frame_count, 5);
    collected_finish(&c);
}

/* A browser can start playing before the whole file is there. */
static void the_index_comes_before_the_pictures(void **state)
{
    struct media_clip_settings settings = settings_for(in_folder("fast.mp4"));
    clip_write(&settings, 20);
    struct buf file = file_of(settings.path);
    const char *index = memmem(file.data, file.size, "moov", 4), *pictures = memmem(file.data, file.size, "mdat", 4);
    assert_true(index && pictures && index < pictures);
    assert_true(contains(&file, "colrnclx")); /* and players are told which colours these are */
    buf_finish(&file);
}

static void the_same_frames_give_the_same_file(void **state)
{
    struct media_clip_settings settings = settings_for(in_folder("same1.mp4"));
    clip_write(&settings, 40);
    struct buf first = file_of(settings.path);
    settings.path = in_folder("same2.mp4");
    clip_write(&settings, 40);
    struct buf second = file_of(settings.path);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    buf_finish(&first);
    buf_finish(&second);
}

static void a_larger_crf_makes_a_smaller_file(void **state)
{
    struct media_clip_settings settings = settings_for(in_folder("crf.mp4"));
    clip_write(&settings, 30);
    struct buf fine = file_of(settings.path);
    settings.crf = 40;
    clip_write(&settings, 30);
    struct buf coarse = file_of(settings.path);
    assert_true(coarse.size < fine.size);
    buf_finish(&fine);
    buf_finish(&coarse);
}

static double tone_strength(const float *samples, size_t count, double frequency, double rate)
{
    double re = 0, im = 0;
    for (size_t i = 0; i < count; i++) {
        re += samples[i] * cos(2 * M_PI * frequency * (double)i / rate);
        im += samples[i] * sin(2 * M_PI * frequency * (double)i / rate);
    }
    return 2 * sqrt(re * re + im * im) / (double)count;
}

static void sound_comes_back_as_the_tone_it_was(void **state)
{
    enum { RATE = 48000, COUNT = 70001 }; /* no multiple of the codec's 1024, and more than one message */
    struct media_clip_settings settings = settings_for(in_folder("sound.mp4"));
    struct media_clip *clip = NULL;
    struct media_clip_info info;
    conch_error err = {0};
    uint8_t rgb[FRAME_BYTES];
    float *samples = malloc(sizeof(float) * 2 * COUNT);
    assert_non_null(samples);
    for (int i = 0; i < COUNT; i++) {
        samples[2 * i] = (float)(0.5 * sin(2 * M_PI * 440 * i / RATE));
        samples[2 * i + 1] = (float)(0.25 * sin(2 * M_PI * 1000 * i / RATE));
    }
    settings.sound_rate = RATE;
    settings.sound_channels = 2;
    must(media_clip_open(&clip, &settings, &err), &err);
    for (int i = 0; i < 23; i++) {
        frame_make(rgb, i);
        must(media_clip_frame(clip, rgb, &err), &err);
        if (i == 10)
            must(media_clip_sound(clip, samples, 30000, &err), &err);
    }
    must(media_clip_sound(clip, samples + 2 * 30000, COUNT - 30000, &err), &err);
    must(media_clip_close(clip, &err), &err);
    free(samples);
    must(media_clip_probe(settings.path, &info, &err), &err);
    assert_string_equal(info.sound_codec, "aac");
    assert_int_equal(info.sound_rate, RATE);
    assert_int_equal(info.sound_channels, 2);
    assert_int_equal(info.frame_count, 23);
    assert_true(llabs(info.sound_samples - COUNT) < 2048);
    media_clip_info_finish(&info);
    struct collected c = clip_collect(settings.path);
    assert_int_equal(c.frame_count, 23);
    assert_true(c.sample_count >= COUNT);
    assert_true(fabs(tone_strength(c.samples + 4800, 48000, 440, RATE) - 0.5) < 0.02);
    assert_true(tone_strength(c.samples + 4800, 48000, 1000, RATE) < 0.02); /* the other channel stays out */
    collected_finish(&c);
}

static void open_refused(struct media_clip_settings settings, int code, const char *text)
{
    struct media_clip *clip = NULL;
    conch_error err = {0};
    int rc = media_clip_open(&clip, &settings, &err);
    if (rc != code || !strstr(err.text, text))
        fail_msg("got %d \"%s\" instead of %d \"%s\"", rc, err.text, code, text);
    assert_null(clip);
}

static void wrong_settings_are_refused_before_any_work(void **state)
{
    struct media_clip_settings good = settings_for(in_folder("wrong.mp4")), bad;
    bad = good, bad.width = 63;
    open_refused(bad, CONCH_ERR_RANGE, "yuv420p");
    bad = good, bad.height = -2;
    open_refused(bad, CONCH_ERR_RANGE, "size");
    bad = good, bad.fps_num = 0;
    open_refused(bad, CONCH_ERR_RANGE, "fps");
    bad = good, bad.crf = 99;
    open_refused(bad, CONCH_ERR_RANGE, "crf: 99");
    bad = good, bad.sound_rate = 44100;
    open_refused(bad, CONCH_ERR_RANGE, "channels");
    bad = good, bad.path = "";
    open_refused(bad, CONCH_ERR_RANGE, "path");
    bad = good, bad.path = folder;
    open_refused(bad, CONCH_ERR_IO, "not a regular file");
    bad = good, bad.path = in_folder("nowhere/x.mp4");
    open_refused(bad, CONCH_ERR_IO, "nowhere");
    assert_int_equal(folder_count("wrong"), 0);
}

static void an_abandoned_or_empty_clip_leaves_the_old_file(void **state)
{
    struct media_clip_settings settings = settings_for(in_folder("kept.mp4"));
    struct media_clip *clip = NULL;
    conch_error err = {0};
    uint8_t rgb[FRAME_BYTES];
    assert_int_equal(file_write_atomic(settings.path, "old", 3, NULL), 0);

    must(media_clip_open(&clip, &settings, &err), &err);
    frame_make(rgb, 0);
    must(media_clip_frame(clip, rgb, &err), &err);
    media_clip_abandon(clip);

    must(media_clip_open(&clip, &settings, &err), &err);
    assert_int_equal(media_clip_close(clip, &err), CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "at least one"));

    settings.sound_rate = 8000, settings.sound_channels = 1; /* announced, never given */
    must(media_clip_open(&clip, &settings, &err), &err);
    must(media_clip_frame(clip, rgb, &err), &err);
    assert_int_equal(media_clip_close(clip, &err), CONCH_ERR_RANGE);

    struct buf file = file_of(settings.path);
    assert_string_equal(file.data, "old");
    buf_finish(&file);
    assert_int_equal(folder_count("kept"), 1);
    media_clip_abandon(NULL);
    assert_int_equal(media_clip_close(NULL, NULL), 0);
}

static void sound_that_is_no_number_or_not_announced_is_refused(void **state)
{
    struct media_clip_settings settings = settings_for(in_folder("nan.mp4"));
    struct media_clip *clip = NULL;
    conch_error err = {0};
    uint8_t rgb[FRAME_BYTES];
    float samples[4] = {0, 0, NAN, 0};
    frame_make(rgb, 0);
    must(media_clip_open(&clip, &settings, &err), &err);
    assert_int_equal(media_clip_sound(clip, samples, 1, &err), CONCH_ERR_RANGE);
    must(media_clip_frame(clip, rgb, &err), &err); /* such a refusal harms nothing */
    must(media_clip_close(clip, &err), &err);

    settings.sound_rate = 8000, settings.sound_channels = 1;
    must(media_clip_open(&clip, &settings, &err), &err);
    must(media_clip_frame(clip, rgb, &err), &err);
    int rc = media_clip_sound(clip, samples, 4, &err); /* noticed by the helper: here, or at the latest at the close */
    assert_true(rc == 0 || rc == CONCH_ERR_RANGE);
    assert_int_equal(media_clip_close(clip, &err), CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "sample 2"));
}

static int on_turned_frame(void *context, const uint8_t *rgb, int64_t index)
{
    /* Stored red, green / blue, yellow; a quarter turn counter-clockwise brings the right side up (as ffmpeg and
     * players show it). */
    static const int shown[4][3] = {{20, 180, 60}, {220, 210, 90}, {200, 30, 40}, {30, 50, 210}};
    for (int q = 0; q < 4; q++)
        for (int c = 0; c < 3; c++) {
            int got = rgb[((24 + 48 * (q / 2)) * 64 + 16 + 32 * (q % 2)) * 3 + c];
            if (abs(got - shown[q][c]) > 6)
                fail_msg("quarter %d channel %d: %d instead of %d", q, c, got, shown[q][c]);
        }
    ++*(int *)context;
    return 0;
}

static void a_clip_filmed_upright_stands_upright(void **state)
{
    struct media_clip_info info;
    conch_error err = {0};
    int frames = 0;
    struct media_clip_sink sink = {.context = &frames, .frame = on_turned_frame};
    must(media_clip_probe(data_path("rotated.mp4"), &info, &err), &err);
    assert_int_equal(info.width, 64);
    assert_int_equal(info.height, 96);
    media_clip_info_finish(&info);
    must(media_clip_read(data_path("rotated.mp4"), &sink, &err), &err);
    assert_int_equal(frames, 3);
}

static void a_reader_may_stop_early(void **state)
{
    struct media_clip_settings settings = settings_for(in_folder("stop.mp4"));
    clip_write(&settings, 20);
    struct collected c = {.frames = malloc(FRAMES_MAX * FRAME_BYTES), .stop_at = 3};
    struct media_clip_sink sink = {.context = &c, .frame = on_frame};
    assert_non_null(c.frames);
    assert_int_equal(media_clip_read(settings.path, &sink, NULL), CONCH_ERR_CANCELLED);
    assert_int_equal(c.frame_count, 3);
    free(c.frames);
}

static void probe_refused(const char *name, const void *data, size_t size, const char *text)
{
    struct media_clip_info info;
    conch_error err = {0};
    assert_int_equal(file_write_atomic(in_folder(name), data, size, NULL), 0);
    int rc = media_clip_probe(in_folder(name), &info, &err);
    if (rc != CONCH_ERR_MEDIA || !strstr(err.text, text))
        fail_msg("%s: got %d \"%s\"", name, rc, err.text);
}

static void what_is_not_a_clip_is_refused(void **state)
{
    static const char playlist[] = "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n";
    static const char list[] = "ffconcat version 1.0\nfile '/etc/passwd'\n";
    probe_refused("x.m3u8", playlist, sizeof playlist, "not a clip");
    probe_refused("list.mp4", list, sizeof list, "not a clip");
    probe_refused("empty.mp4", "", 0, "empty");
    probe_refused("short.mp4",
                  "\0\0\0\x18"
                  "ftypisom",
                  12, "clip");
    struct media_clip_info info;
    assert_int_equal(media_clip_probe(in_folder("none.mp4"), &info, NULL), CONCH_ERR_NOTFOUND);
    assert_int_equal(media_clip_probe(folder, &info, NULL), CONCH_ERR_IO);
}

static void a_clip_cut_off_is_an_error_wherever_it_is_cut(void **state)
{
    struct media_clip_settings settings = settings_for(in_folder("whole.mp4"));
    clip_write(&settings, 30);
    struct buf file = file_of(settings.path);
    for (int part = 1; part < 10; part++) {
        struct media_clip_sink nothing = {0};
        conch_error err = {0};
        assert_int_equal(file_write_atomic(in_folder("cut.mp4"), file.data, file.size * (size_t)part / 10, NULL), 0);
        int rc = media_clip_read(in_folder("cut.mp4"), &nothing, &err);
        if (rc != CONCH_ERR_MEDIA)
            fail_msg("cut to %d/10: %d %s", part, rc, err.text);
    }
    buf_finish(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_back_close_to_what_they_were),
        cmocka_unit_test(flat_colours_come_back_within_two_levels),
        cmocka_unit_test(rate_size_count_and_tags_are_in_the_file),
        cmocka_unit_test(a_bare_clip_says_nothing_about_itself),
        cmocka_unit_test(the_index_comes_before_the_pictures),
        cmocka_unit_test(the_same_frames_give_the_same_file),
        cmocka_unit_test(a_larger_crf_makes_a_smaller_file),
        cmocka_unit_test(sound_comes_back_as_the_tone_it_was),
        cmocka_unit_test(wrong_settings_are_refused_before_any_work),
        cmocka_unit_test(an_abandoned_or_empty_clip_leaves_the_old_file),
        cmocka_unit_test(sound_that_is_no_number_or_not_announced_is_refused),
        cmocka_unit_test(a_clip_filmed_upright_stands_upright),
        cmocka_unit_test(a_reader_may_stop_early),
        cmocka_unit_test(what_is_not_a_clip_is_refused),
        cmocka_unit_test(a_clip_cut_off_is_an_error_wherever_it_is_cut),
    };
    return cmocka_run_group_tests_name("clip", tests, group_setup, group_teardown);
}
