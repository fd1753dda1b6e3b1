#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "net/multipart.h"

#define TYPE "multipart/form-data; boundary=XX"
#define PART "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n"

static int begin(void *context, const struct multipart_head *head, conch_error *err)
{
    return buf_append_format(context, err, "%s|%s|%s:", head->name, head->filename ? head->filename : "-",
                             head->type ? head->type : "-");
}

static int take(void *context, const char *data, size_t size, conch_error *err)
{
    return buf_append(context, data, size, err);
}

static int end(void *context, conch_error *err)
{
    return buf_append_text(context, ";", err);
}

static int form_read(const char *type, const char *body, size_t step, struct buf *seen, conch_error *err)
{
    struct multipart multipart;
    struct multipart_sink sink = {.context = seen, .begin = begin, .data = take, .end = end};
    int rc = multipart_init(&multipart, type, &sink, err);
    for (size_t at = 0, size = strlen(body); at < size && rc == 0; at += step)
        rc = multipart_feed(&multipart, body + at, size - at < step ? size - at : step, err);
    return rc < 0 ? rc : multipart_end(&multipart, err);
}

static void form_is(const char *type, const char *body, const char *expected)
{
    for (size_t step = 1; step <= strlen(body); step++) {
        struct buf seen;
        conch_error err = {0};
        buf_init(&seen, 10000);
        if (form_read(type, body, step, &seen, &err) < 0)
            fail_msg("%s: %s", expected, err.text);
        assert_string_equal(seen.data ? seen.data : "", expected);
        buf_finish(&seen);
    }
}

static void form_fails(const char *type, const char *body, int code, const char *why)
{
    struct buf seen;
    conch_error err = {0};
    buf_init(&seen, 100000);
    assert_int_equal(form_read(type, body, 7, &seen, &err), code);
    if (!strstr(err.text, why))
        fail_msg("'%s' does not say '%s'", err.text, why);
    buf_finish(&seen);
}

static void parts_come_out_however_the_bytes_arrive(void **state)
{
    form_is(TYPE, PART "\r\nvalue\r\n--XX--\r\n", "a|-|-:value;");
    form_is(TYPE, "preamble\r\n" PART "\r\n\r\n--XX--epilogue\r\n--XX\r\n", "a|-|-:;");
    form_is("Multipart/Form-Data; charset=x; Boundary=\"XX\"",
            PART "content-type:  image/png \r\n\r\n1\r\n--XX \t\r\nContent-Disposition: form-data; name=b; "
                 "filename=\"c.png\"\r\n\r\n2\r\n--XX--",
            "a|-|image/png:1;b|c.png|-:2;");
    /* almost boundaries are data */
    form_is(TYPE, PART "\r\n\r\n--X\r\n--\r\r\n-\n--XX\r\n--XX--", "a|-|-:\r\n--X\r\n--\r\r\n-\n--XX;");
    form_is(TYPE, "--XX--", "");
}

static void file_names_lose_their_folders(void **state)
{
    form_is(TYPE, "--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"../../etc/passwd\"\r\n\r\n\r\n--XX--",
            "f|passwd|-:;");
    form_is(TYPE,
            "--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"C:\\dir\\a\\\"b.png\"\r\n\r\n\r\n--XX--",
            "f|a\"b.png|-:;");
    form_is(TYPE, "--XX\r\nContent-Disposition: form-data; filename=\"\"; name=\"f\"\r\n\r\n\r\n--XX--", "f||-:;");
}

static void what_two_readers_could_read_differently_is_refused(void **state)
{
    form_fails("multipart/form-data", "", CONCH_ERR_RANGE, "boundary");
    form_fails("multipart/form-data; boundary=", "", CONCH_ERR_RANGE, "boundary");
    form_fails("multipart/form-data; boundary=a; boundary=b", "", CONCH_ERR_RANGE, "boundary");
    form_fails("multipart/form-data; boundary=\"a", "", CONCH_ERR_RANGE, "boundary");
    form_fails("multipart/form-data; boundary=0123456789012345678901234567890123456789012345678901234567890123456789x",
               "", CONCH_ERR_RANGE, "1 to 70 characters");
    form_fails(TYPE, "--XXY\r\n", CONCH_ERR_FORMAT, "followed by other characters");
    form_fails(TYPE, "--XX-\r\n", CONCH_ERR_FORMAT, "followed by other characters");
    form_fails(TYPE, "--XX\r\n\r\nvalue\r\n--XX--", CONCH_ERR_FORMAT, "form-data");
    form_fails(TYPE, "--XX\r\nContent-Disposition: attachment; name=a\r\n\r\n", CONCH_ERR_FORMAT, "form-data");
    form_fails(TYPE, "--XX\r\nContent-Disposition: form-data\r\n\r\n", CONCH_ERR_FORMAT, "one name");
    form_fails(TYPE, "--XX\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n", CONCH_ERR_FORMAT, "one name");
    form_fails(TYPE, "--XX\r\nContent-Disposition: form-data; name=a; filename=b; filename=c\r\n\r\n", CONCH_ERR_FORMAT,
               "two file names");
    form_fails(TYPE, PART "Content-Disposition: form-data; name=\"b\"\r\n\r\n", CONCH_ERR_FORMAT, "twice");
    form_fails(TYPE, PART "no colon\r\n\r\n", CONCH_ERR_FORMAT, "name: value");
    form_fails(TYPE, PART "Content-Transfer-Encoding: base64\r\n\r\n", CONCH_ERR_FORMAT, "Transfer-Encoding");
    form_fails(TYPE, PART "\r\nvalue", CONCH_ERR_FORMAT, "closing boundary");
    form_fails(TYPE, "", CONCH_ERR_FORMAT, "closing boundary");
}

static void floods_of_parts_and_headers_are_refused(void **state)
{
    char body[16384] = PART;
    memset(body + strlen(body), 'h', 5000);
    form_fails(TYPE, body, CONCH_ERR_LIMIT, "4096 bytes");
    body[0] = 0;
    for (int i = 0; i < 101; i++)
        strcat(body, PART "\r\n\r\n");
    form_fails(TYPE, body, CONCH_ERR_LIMIT, "100 parts");
}

static int refuse(void *context, const char *data, size_t size, conch_error *err)
{
    return conch_error_set(err, CONCH_ERR_DISKFULL, "full");
}

static void an_error_of_the_sink_is_passed_on(void **state)
{
    struct multipart multipart;
    struct buf seen;
    conch_error err;
    buf_init(&seen, 1000);
    struct multipart_sink sink = {.context = &seen, .begin = begin, .data = refuse, .end = end};
    assert_int_equal(multipart_init(&multipart, TYPE, &sink, NULL), 0);
    assert_int_equal(multipart_feed(&multipart, PART "\r\nvalue", strlen(PART "\r\nvalue"), &err), CONCH_ERR_DISKFULL);
    assert_string_equal(err.text, "full");
    buf_finish(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_come_out_however_the_bytes_arrive),
        cmocka_unit_test(file_names_lose_their_folders),
        cmocka_unit_test(what_two_readers_could_read_differently_is_refused),
        cmocka_unit_test(floods_of_parts_and_headers_are_refused),
        cmocka_unit_test(an_error_of_the_sink_is_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
