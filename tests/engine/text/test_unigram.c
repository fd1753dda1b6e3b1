#include "tests/engine/text/text_test.h"

#include <math.h>

#include "engine/text/limits.h"
#include "engine/text/unigram.h"

struct row {
    const char *text;
    double score;
    enum piece_kind kind;
};

static const struct row specials[] = {{"<unk>", 0, PIECE_UNKNOWN}, {"</s>", 0, PIECE_CONTROL}, {NULL, 0, 0}};

static int add_rows(struct unigram *unigram, const struct row *rows, conch_error *err)
{
    for (; rows->text; rows++) {
        struct piece_row row = {rows->text, strlen(rows->text), rows->score, rows->kind};
        int rc = unigram_add(unigram, &row, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* <unk> 0, </s> 1, then rows */
static void make(struct unigram *unigram, const struct row *rows)
{
    conch_error err = {0};
    unigram_init(unigram);
    assert_int_equal(add_rows(unigram, specials, &err), 0);
    if (add_rows(unigram, rows, &err) < 0 || unigram_build(unigram, &err) < 0)
        fail_msg("%s", err.text);
}

static void assert_encoded(const struct unigram *unigram, const char *text, const char *expected)
{
    struct token_list list = {0};
    char got[4096] = "";
    assert_int_equal(unigram_encode(unigram, text, strlen(text), &list, NULL), 0);
    for (size_t i = 0; i < list.count; i++) {
        strcat(got, i ? " " : "");
        strcat(got, unigram_piece_text(unigram, (size_t)list.ids[i]));
    }
    assert_string_equal(got, expected);
    token_list_finish(&list);
}

static void the_greatest_sum_wins(void **state)
{
    static const struct row rows[] = {{"a", -1, PIECE_NORMAL},   {"b", -1, PIECE_NORMAL}, {"ab", -1.5, PIECE_NORMAL},
                                      {"aba", -4, PIECE_NORMAL}, {"c", -9, PIECE_NORMAL}, {NULL, 0, 0}};
    struct unigram unigram;
    make(&unigram, rows);
    assert_encoded(&unigram, "aba", "ab a");
    assert_encoded(&unigram, "abab", "ab ab");
    assert_encoded(&unigram, "", "");
    unigram_finish(&unigram);
}

static void of_equal_sums_the_one_found_first_wins(void **state)
{
    static const struct row rows[] = {{"a", -1, PIECE_NORMAL},   {"b", -1, PIECE_NORMAL},  {"ab", -2, PIECE_NORMAL},
                                      {"aab", -3, PIECE_NORMAL}, {"aa", -2, PIECE_NORMAL}, {NULL, 0, 0}};
    struct unigram unigram;
    make(&unigram, rows);
    assert_encoded(&unigram, "ab", "ab");
    assert_encoded(&unigram, "aab", "aab");
    /* the last piece may be "aa" from offset 1 or "a" from offset 2 */
    assert_encoded(&unigram, "aaa", "a aa");
    unigram_finish(&unigram);
}

static void a_run_of_unknown_characters_is_one_id(void **state)
{
    static const struct row rows[] = {{"a", -1, PIECE_NORMAL}, {"é", -2, PIECE_UNUSED}, {NULL, 0, 0}};
    struct unigram unigram;
    make(&unigram, rows);
    assert_encoded(&unigram, "狐🦊aéxa", "<unk> a <unk> a");
    assert_encoded(&unigram, "</s><unk>", "<unk>"); /* neither control nor unknown pieces match text */
    unigram_finish(&unigram);
}

static void an_unknown_character_costs_ten_more_than_the_worst_piece(void **state)
{
    /* "xa": either <unk> and a, or the piece; unknown scores -1 - 10, so -12 in all */
    static const struct row better[] = {{"a", -1, PIECE_NORMAL}, {"xa", -1, PIECE_NORMAL}, {NULL, 0, 0}};
    struct unigram unigram;
    make(&unigram, better);
    assert_encoded(&unigram, "xa", "xa");
    assert_true(unigram.unknown_score == -11);
    unigram_finish(&unigram);
}

static void user_defined_pieces_are_taken_whole(void **state)
{
    static const struct row rows[] = {{"a", -0.5, PIECE_NORMAL}, {"b", -0.9, PIECE_NORMAL}, {"<x>", 0, PIECE_USER},
                                      {"ab", 0, PIECE_USER},     {"abc", -1, PIECE_NORMAL}, {NULL, 0, 0}};
    struct unigram unigram;
    make(&unigram, rows);
    assert_encoded(&unigram, "a<x>ab", "a <x> ab");
    assert_int_equal(unigram_user_match(&unigram, "<x>y", 4), 3);
    assert_int_equal(unigram_user_match(&unigram, "<x", 2), 0);
    assert_int_equal(unigram_user_match(&unigram, "abc", 3), 2);
    unigram_finish(&unigram);
}

static void bytes_stand_for_unknown_characters(void **state)
{
    struct unigram unigram;
    conch_error err = {0};
    unigram_init(&unigram);
    unigram.byte_fallback = true;
    assert_int_equal(add_rows(&unigram, specials, &err), 0);
    for (int i = 0; i < 256; i++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", i);
        assert_int_equal(add_rows(&unigram, (struct row[]){{name, 0, PIECE_BYTE}, {NULL, 0, 0}}, &err), 0);
    }
    assert_int_equal(add_rows(&unigram, (struct row[]){{"a", -1, PIECE_NORMAL}, {NULL, 0, 0}}, &err), 0);
    assert_int_equal(unigram_build(&unigram, &err), 0);
    assert_encoded(&unigram, "aéa", "a <0xC3> <0xA9> a");
    assert_encoded(&unigram, "狐", "<0xE7> <0x8B> <0x90>");
    unigram_finish(&unigram);
}

static void assert_build_refused(const struct row *rows, bool byte_fallback, const char *word)
{
    struct unigram unigram;
    conch_error err = {0};
    unigram_init(&unigram);
    unigram.byte_fallback = byte_fallback;
    int rc = add_rows(&unigram, rows, &err);
    if (rc == 0)
        rc = unigram_build(&unigram, &err);
    assert_refused(rc, CONCH_ERR_FORMAT, &err, word);
    unigram_finish(&unigram);
}

static void damaged_vocabularies_are_refused(void **state)
{
#define UNK {"<unk>", 0, PIECE_UNKNOWN}
#define END                                                                                                            \
    {                                                                                                                  \
        "</s>", 0, PIECE_CONTROL                                                                                       \
    }
#define LAST                                                                                                           \
    {                                                                                                                  \
        NULL, 0, 0                                                                                                     \
    }
    assert_build_refused((struct row[]){END, {"a", -1, PIECE_NORMAL}, LAST}, false, "no unknown piece");
    assert_build_refused((struct row[]){UNK, {"a", -1, PIECE_NORMAL}, LAST}, false, "no end piece");
    assert_build_refused((struct row[]){UNK, END, LAST}, false, "no normal piece");
    assert_build_refused((struct row[]){UNK, END, {"a", -1, PIECE_NORMAL}, UNK, LAST}, false,
                         "0 and 3 are both unknown");
    assert_build_refused((struct row[]){UNK, END, {"a", -1, PIECE_NORMAL}, END, LAST}, false, "1 and 3 are both </s>");
    assert_build_refused(
        (struct row[]){UNK, END, {"ab", -1, PIECE_NORMAL}, {"b", -1, PIECE_NORMAL}, {"ab", -2, PIECE_NORMAL}, LAST},
        false, "both ab");
    assert_build_refused((struct row[]){UNK, END, {"", -1, PIECE_NORMAL}, LAST}, false, "piece 2 is empty");
    assert_build_refused((struct row[]){UNK, END, {"\xe7\x8b", -1, PIECE_NORMAL}, LAST}, false,
                         "piece 2 is not valid UTF-8");
    assert_build_refused((struct row[]){UNK, END, {"a", NAN, PIECE_NORMAL}, LAST}, false, "nan");
    assert_build_refused((struct row[]){UNK, END, {"a", -INFINITY, PIECE_NORMAL}, LAST}, false, "inf");
    assert_build_refused((struct row[]){UNK, END, {"a", 1e31, PIECE_NORMAL}, LAST}, false, "1e+31");
    assert_build_refused((struct row[]){UNK, END, {"a", -1, PIECE_NORMAL}, {"<0xZZ>", 0, PIECE_BYTE}, LAST}, false,
                         "<0xZZ>");
    assert_build_refused((struct row[]){UNK, END, {"a", -1, PIECE_NORMAL}, LAST}, true, "no piece <0x00>");
}

static void limits_are_named(void **state)
{
    struct unigram unigram;
    conch_error err = {0};
    char text[PIECE_BYTES_MAX + 2];
    memset(text, 'a', sizeof text);
    unigram_init(&unigram);
    struct piece_row row = {text, PIECE_BYTES_MAX + 1, -1, PIECE_NORMAL};
    assert_refused(unigram_add(&unigram, &row, &err), CONCH_ERR_LIMIT, &err, "513 bytes; at most 512");
    row.text_bytes = PIECE_BYTES_MAX;
    assert_int_equal(unigram_add(&unigram, &row, &err), 0);
    row.text_bytes = 1;
    for (size_t i = 1; i < PIECES_MAX; i++)
        if (unigram_add(&unigram, &row, &err) < 0)
            fail_msg("piece %zu: %s", i, err.text);
    assert_refused(unigram_add(&unigram, &row, &err), CONCH_ERR_LIMIT, &err, "1000000 pieces");
    unigram_finish(&unigram);
}

static void every_piece_of_a_large_vocabulary_is_found_again(void **state)
{
    struct unigram unigram;
    conch_error err = {0};
    enum { COUNT = 100000 };
    unigram_init(&unigram);
    assert_int_equal(add_rows(&unigram, specials, &err), 0);
    for (int i = 0; i < COUNT; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d;", i * 7919 % 1000003);
        assert_int_equal(add_rows(&unigram, (struct row[]){{text, -1, PIECE_NORMAL}, {NULL, 0, 0}}, &err), 0);
    }
    assert_int_equal(unigram_build(&unigram, &err), 0);
    for (int i = 0; i < COUNT; i++) {
        const char *text = unigram_piece_text(&unigram, (size_t)i + 2);
        size_t node = 0;
        for (const char *c = text; *c; c++) {
            node = unigram_walk(&unigram, node, *c);
            assert_true(node > 0);
        }
        assert_int_equal(unigram.node_piece[node], i + 2);
    }
    unigram_finish(&unigram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_greatest_sum_wins),
        cmocka_unit_test(of_equal_sums_the_one_found_first_wins),
        cmocka_unit_test(a_run_of_unknown_characters_is_one_id),
        cmocka_unit_test(an_unknown_character_costs_ten_more_than_the_worst_piece),
        cmocka_unit_test(user_defined_pieces_are_taken_whole),
        cmocka_unit_test(bytes_stand_for_unknown_characters),
        cmocka_unit_test(damaged_vocabularies_are_refused),
        cmocka_unit_test(limits_are_named),
        cmocka_unit_test(every_piece_of_a_large_vocabulary_is_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
