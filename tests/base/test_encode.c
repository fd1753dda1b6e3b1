/* RFC 4648's own vectors, every length and byte round, and texts that are not the one spelling of anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/encode.h"

static struct buf buf;
static conch_error err;

static int buf_make(void **state)
{
    buf_init(&buf, 1 << 20);
    return 0;
}

static int buf_free(void **state)
{
    buf_finish(&buf);
    return 0;
}

static int decode(enum encode_kind kind, const char *text)
{
    buf_clear(&buf);
    return encode_decode(&buf, kind, text, strlen(text), &err);
}

static void the_rfcs_vectors_are_met(void **state)
{
    static const struct row {
        const char *plain, *hex, *base64, *url;
    } rows[] = {{"", "", "", ""},
                {"f", "66", "Zg==", "Zg"},
                {"fo", "666f", "Zm8=", "Zm8"},
                {"foo", "666f6f", "Zm9v", "Zm9v"},
                {"foob", "666f6f62", "Zm9vYg==", "Zm9vYg"},
                {"\xfb\xff\xfe", "fbfffe", "+//+", "-__-"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *const texts[] = {rows[i].hex, rows[i].base64, rows[i].url};
        for (size_t kind = 0; kind < 3; kind++) {
            buf_clear(&buf);
            assert_int_equal(encode(&buf, (enum encode_kind)kind, rows[i].plain, strlen(rows[i].plain), &err), 0);
            assert_string_equal(buf.data, texts[kind]);
            assert_int_equal(buf.size, encode_size((enum encode_kind)kind, strlen(rows[i].plain)));
            assert_int_equal(decode((enum encode_kind)kind, texts[kind]), 0);
            assert_int_equal(buf.size, strlen(rows[i].plain));
            assert_memory_equal(buf.data, rows[i].plain, buf.size);
        }
    }
    assert_int_equal(decode(ENCODE_HEX, "FBfF"), 0);
    assert_memory_equal(buf.data, "\xfb\xff", 2);
}

static void what_has_another_spelling_is_refused(void **state)
{
    static const char *const wrong[] = {"Z",    "Zg",   "Zg=",    "Zg===", "Zm9v=", "Zh==", "Zm9=",     "Zg==Zg==",
                                        "Z=g=", "Zm 9", "Zm9v\n", "=",     "====",  "Zm9-", "Zm9v\xc3", "Zm8=v"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        if (decode(ENCODE_BASE64, wrong[i]) != CONCH_ERR_FORMAT)
            fail_msg("'%s' was taken", wrong[i]);
        assert_int_equal(buf.size, 0);
    }
    assert_int_equal(decode(ENCODE_BASE64URL, "Zg=="), CONCH_ERR_FORMAT);
    assert_int_equal(decode(ENCODE_BASE64URL, "Zm9+"), CONCH_ERR_FORMAT);
    assert_int_equal(decode(ENCODE_HEX, "abc"), CONCH_ERR_FORMAT);
    assert_int_equal(decode(ENCODE_HEX, "ag"), CONCH_ERR_FORMAT);
    assert_int_equal(decode(ENCODE_BASE64, "Zm9v*m9v"), CONCH_ERR_FORMAT);
    assert_string_equal(err.text, "character 5 of the base64 is '*', which has no place there");
}

static void loose_base64_takes_what_clients_send(void **state)
{
    static const char *const good[] = {"Zm9vYg==", "Zm9vYg", "Zm9v\r\nYg==\r\n", " Zm9v Yg = = ", "Zm9vYh=="};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(decode(ENCODE_BASE64_LOOSE, good[i]), 0);
        assert_string_equal(buf.data, "foob");
    }
    assert_int_equal(decode(ENCODE_BASE64_LOOSE, "+/-_"), 0);
    assert_memory_equal(buf.data, "\xfb\xff\xbf", 3);
    assert_int_equal(decode(ENCODE_BASE64_LOOSE, "Zm9vY"), CONCH_ERR_FORMAT);
    assert_int_equal(decode(ENCODE_BASE64_LOOSE, "Zm9vYg=x"), CONCH_ERR_FORMAT);
    assert_int_equal(decode(ENCODE_BASE64_LOOSE, "Zm9vYg="), CONCH_ERR_FORMAT);
}

static void a_text_that_just_fits_the_limit_is_taken_and_one_byte_more_is_not(void **state)
{
    struct buf small;
    buf_init(&small, 4);
    assert_int_equal(encode_decode(&small, ENCODE_BASE64, "Zm9vYg==", 8, &err), 0);
    assert_int_equal(small.size, 4);
    buf_clear(&small);
    assert_int_equal(encode_decode(&small, ENCODE_BASE64_LOOSE, "\n\n\nZm9v\n\n\n\n\nYg==", 16, &err), 0);
    buf_clear(&small);
    assert_int_equal(encode_decode(&small, ENCODE_BASE64, "Zm9vYmE=", 8, NULL), CONCH_ERR_LIMIT);
    assert_int_equal(small.size, 0);
    assert_int_equal(encode(&small, ENCODE_HEX, "abc", 3, NULL), CONCH_ERR_LIMIT);
    buf_finish(&small);
}

static void every_byte_and_length_comes_back(void **state)
{
    uint8_t data[256];
    struct buf text;
    buf_init(&text, 1 << 12);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 167 + 3);
    for (size_t size = 0; size <= sizeof data; size++)
        for (int kind = 0; kind < 3; kind++) {
            buf_clear(&text);
            assert_int_equal(encode(&text, (enum encode_kind)kind, data, size, &err), 0);
            assert_int_equal(decode((enum encode_kind)kind, text.data), 0);
            assert_int_equal(buf.size, size);
            assert_memory_equal(buf.data, data, size);
        }
    buf_finish(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_rfcs_vectors_are_met, buf_make, buf_free),
        cmocka_unit_test_setup_teardown(what_has_another_spelling_is_refused, buf_make, buf_free),
        cmocka_unit_test_setup_teardown(loose_base64_takes_what_clients_send, buf_make, buf_free),
        cmocka_unit_test(a_text_that_just_fits_the_limit_is_taken_and_one_byte_more_is_not),
        cmocka_unit_test_setup_teardown(every_byte_and_length_comes_back, buf_make, buf_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
