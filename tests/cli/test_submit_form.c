/* What `conch submit` sends, read back with the server's own reader of forms. */
#include "cli_test.h"

#include <unistd.h>

#include "base/file.h"
#include "cli/submit_form.h"
#include "net/multipart.h"

static struct buf parts; /* name[file type]=value, a line each; a file's value is its length */
static size_t file_bytes;
static bool is_file;

static int part_begin(void *context, const struct multipart_head *head, conch_error *err)
{
    is_file = head->filename != NULL;
    file_bytes = 0;
    if (is_file)
        return buf_append_format(&parts, err, "%s[%s %s]=", head->name, head->filename, head->type);
    return buf_append_format(&parts, err, "%s=", head->name);
}

static int part_data(void *context, const char *data, size_t size, conch_error *err)
{
    file_bytes += size;
    return is_file ? 0 : buf_append(&parts, data, size, err);
}

static int part_end(void *context, conch_error *err)
{
    return is_file ? buf_append_format(&parts, err, "%zu\n", file_bytes) : buf_append_text(&parts, "\n", err);
}

/* What the form of these settings holds; NULL and err when it is refused. */
static const char *sent(const struct submit_settings *settings, const char *prompt, conch_error *err)
{
    static const struct multipart_sink sink = {NULL, part_begin, part_data, part_end};
    struct multipart reader;
    struct form form;
    buf_finish(&parts);
    buf_init(&parts, 1 << 20);
    if (submit_form_make(&form, settings, prompt, err) < 0) {
        form_finish(&form);
        return NULL;
    }
    assert_int_equal(multipart_init(&reader, form.type, &sink, err), 0);
    assert_int_equal(multipart_feed(&reader, form.body.data, form.body.size, err), 0);
    assert_int_equal(multipart_end(&reader, err), 0);
    form_finish(&form);
    return parts.data ? parts.data : "";
}

static void what_was_not_given_is_not_sent(void **state)
{
    conch_error err = {0};
    assert_string_equal(sent(&(struct submit_settings){.model = NULL}, "a ball", &err), "prompt=a ball\n");
}

static void every_field_has_the_name_of_the_interface(void **state)
{
    conch_error err = {0};
    const struct submit_settings settings = {.model = "m",
                                             .resolution = "768P",
                                             .ratio = "16:9",
                                             .negative = "",
                                             .callback = "https://a/b",
                                             .first_frame = "https://a/first.png",
                                             .last_frame = "373849852937758",
                                             .metadata = {.item = {"a=1", "b=x=\"y\""}, .count = 2},
                                             .seed = {.given = true, .value = 0},
                                             .seconds = 6,
                                             .steps = 20,
                                             .priority = -3,
                                             .guidance = 4.1,
                                             .no_optimizer = true,
                                             .watermark = true};
    assert_string_equal(sent(&settings, "line one\r\nline two --", &err),
                        "prompt=line one\r\nline two --\nmodel=m\nresolution=768P\nratio=16:9\nnegative_prompt=\n"
                        "callback_url=https://a/b\noptimizer=false\nwatermark=true\nseconds=6\nseed=0\nsteps=20\n"
                        "priority=-3\nguidance=4.1\nmetadata={\"a\":\"1\",\"b\":\"x=\\\"y\\\"\"}\n"
                        "first_frame=https://a/first.png\nlast_frame=373849852937758\n");
    assert_string_equal(sent(&(struct submit_settings){.size = {256, 160}}, NULL, &err), "size=256x160\n");
}

static void references_are_told_apart(void **state)
{
    conch_error err = {0};
    const struct submit_settings settings = {
        .references = {.item = {"https://a/b.MP4?x=.wav", "http://a/c.wav", "http://a/d", "data:video/mp4;base64,AA=="},
                       .count = 4},
        .subjects = {.item = {"1234567"}, .count = 1}};
    assert_string_equal(sent(&settings, NULL, &err),
                        "subject=1234567\nreference_video=https://a/b.MP4?x=.wav\nreference_audio=http://a/c.wav\n"
                        "reference=http://a/d\nreference_video=data:video/mp4;base64,AA==\n");
}

static void files_go_with_their_name_and_type(void **state)
{
    static const char png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\b\2\0\0\0";
    static const char wav[] = "RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0";
    char folder[] = "/tmp/conch-form-XXXXXX", picture[64], sound[64];
    conch_error err = {0};
    assert_non_null(mkdtemp(folder));
    snprintf(picture, sizeof picture, "%s/a\"b.png", folder);
    snprintf(sound, sizeof sound, "%s/777", folder); /* a file, although it looks like an id */
    assert_int_equal(file_write_atomic(picture, png, sizeof png - 1, &err), 0);
    assert_int_equal(file_write_atomic(sound, wav, sizeof wav - 1, &err), 0);
    const struct submit_settings settings = {.first_frame = picture, .references = {.item = {sound}, .count = 1}};
    const char *form = sent(&settings, NULL, &err);
    assert_non_null(form);
    assert_string_equal(form, "first_frame[a%22b.png image/png]=29\nreference_audio[777 audio/wav]=24\n");
    unlink(picture);
    unlink(sound);
    rmdir(folder);
}

static void what_cannot_be_sent_is_named(void **state)
{
    conch_error err = {0};
    assert_null(sent(&(struct submit_settings){.last_frame = "/nonexistent/x.png"}, NULL, &err));
    assert_names(&err, "--last-frame", "/nonexistent/x.png", NULL);
    assert_int_equal(err.code, CONCH_ERR_NOTFOUND);
    assert_null(sent(&(struct submit_settings){.metadata = {.item = {"novalue"}, .count = 1}}, NULL, &err));
    assert_names(&err, "--metadata", "novalue", "NAME=VALUE", NULL);
    assert_null(sent(&(struct submit_settings){.metadata = {.item = {"=x"}, .count = 1}}, NULL, &err));
    assert_null(sent(&(struct submit_settings){.metadata = {.item = {"a=\xff"}, .count = 1}}, NULL, &err));
    assert_names(&err, "UTF-8", NULL);
}

static int finish(void **state)
{
    buf_finish(&parts);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_given_is_not_sent), cmocka_unit_test(every_field_has_the_name_of_the_interface),
        cmocka_unit_test(references_are_told_apart), cmocka_unit_test(files_go_with_their_name_and_type),
        cmocka_unit_test(what_cannot_be_sent_is_named)};
    return cmocka_run_group_tests(tests, NULL, finish);
}
