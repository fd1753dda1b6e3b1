#include "tests/engine/text/text_test.h"

#include "engine/text/charsmap.h"
#include "engine/text/normal.h"
#include "engine/text/rules.h"
#include "engine/text/unigram.h"

static void assert_normal(const char *text, bool compose, bool compat, const char *expected)
{
    struct buf got;
    conch_error err = {0};
    struct normal_form form = {compose, compat};
    buf_init(&got, NORMALIZED_BYTES_MAX);
    if (text_normalize(text, strlen(text), form, &got, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(got.data ? got.data : "", expected);
    buf_finish(&got);
}

static void the_four_normal_forms(void **state)
{
    assert_normal("e\u0301 ﬁ", true, false, "é ﬁ");
    assert_normal("é", false, false, "e\u0301");
    assert_normal("ﬁ ½ Ⅳ", true, true, "fi 1⁄2 IV");
    assert_normal("한é", false, true, "\u1112\u1161\u11abe\u0301");
    assert_normal("", true, true, "");
}

static void marks_are_ordered_by_class_and_stay_in_order_within_one(void **state)
{
    assert_normal("q\u0307\u0323", false, false, "q\u0323\u0307");
    assert_normal("q\u0301\u0300\u0327\u0323", false, false, "q\u0327\u0323\u0301\u0300");
    assert_normal("\u0344", true, false, "\u0308\u0301"); /* never composed again */
    assert_normal("\u0958", true, false, "\u0915\u093c"); /* a composition exclusion */
}

static void a_text_that_grows_too_long_is_refused(void **state)
{
    enum { COUNT = 70000 }; /* times 18 characters each */
    char *text = malloc(COUNT * 3 + 1);
    struct buf got;
    conch_error err = {0};
    for (size_t i = 0; i < COUNT; i++)
        memcpy(text + 3 * i, "ﷺ", 3);
    buf_init(&got, NORMALIZED_BYTES_MAX);
    assert_refused(text_normalize(text, COUNT * 3, (struct normal_form){false, true}, &got, &err), CONCH_ERR_LIMIT,
                   &err, "1048576");
    buf_finish(&got);
    free(text);
}

/* ---- character maps ---- */

static void write_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

/* A map with the one entry "A" to "bc": unit 0 leads to block 256, where 'A' has a value at its own offset. */
static size_t small_map(uint8_t *map)
{
    enum { UNITS = 512 };
    memset(map, 0, 4 + 4 * UNITS + 4);
    write_u32(map, 4 * UNITS);
    write_u32(map + 4, 256u << 10);
    write_u32(map + 4 + 4 * (256 + 'A'), 'A' | 0x100 | (uint32_t)(1 << 10));
    write_u32(map + 4 + 4 * ((256 + 'A') ^ 1), 0x80000000u | 0);
    memcpy(map + 4 + 4 * UNITS, "bc", 3);
    return 4 + 4 * UNITS + 3;
}

static void the_longest_entry_is_replaced(void **state)
{
    uint8_t bytes[4096];
    struct charsmap map;
    conch_error err = {0};
    const char *replacement = NULL;
    size_t size = small_map(bytes);
    assert_int_equal(charsmap_init(&map, bytes, size, &err), 0);
    assert_int_equal(charsmap_match(&map, "Ax", 2, &replacement), 1);
    assert_string_equal(replacement, "bc");
    assert_int_equal(charsmap_match(&map, "xA", 2, &replacement), 0);
    assert_int_equal(charsmap_match(&map, "A\u0301", 3, &replacement), 1);
    charsmap_finish(&map);
}

static void assert_map_refused(const uint8_t *bytes, size_t size, const char *word)
{
    struct charsmap map;
    conch_error err = {0};
    uint8_t *copy = malloc(size); /* exactly as long, so that a sanitizer sees a read beyond */
    memcpy(copy, bytes, size);
    assert_refused(charsmap_init(&map, copy, size, &err), CONCH_ERR_FORMAT, &err, word);
    free(copy);
}

static void a_map_that_leads_outside_itself_is_refused(void **state)
{
    uint8_t bytes[4096];
    size_t size = small_map(bytes);
    assert_map_refused(bytes, 3, "claims 0 bytes of a map of 3");
    assert_map_refused(bytes, 100, "claims 2048 bytes of a map of 100");
    assert_map_refused(bytes, size - 1, "NUL");
    assert_map_refused(bytes, 4 + 2048, "NUL");
    write_u32(bytes, 2047);
    assert_map_refused(bytes, size, "multiple of 4");
    size = small_map(bytes);
    write_u32(bytes + 4, 512u << 10);
    assert_map_refused(bytes, size, "unit 0 leads to unit 512 of 512");
    size = small_map(bytes);
    write_u32(bytes + 4 + 4 * ((256 + 'A') ^ 1), 0x80000000u | 3);
    assert_map_refused(bytes, size, "byte 3 of a pool of 3");
    size = small_map(bytes);
    bytes[size - 2] = 0xff;
    assert_map_refused(bytes, size, "not valid UTF-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_four_normal_forms),
        cmocka_unit_test(marks_are_ordered_by_class_and_stay_in_order_within_one),
        cmocka_unit_test(a_text_that_grows_too_long_is_refused),
        cmocka_unit_test(the_longest_entry_is_replaced),
        cmocka_unit_test(a_map_that_leads_outside_itself_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
