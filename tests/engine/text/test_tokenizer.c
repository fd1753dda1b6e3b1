#include "tests/engine/text/text_test.h"

#include <jansson.h>

#include "base/file.h"
#include "engine/text/clean.h"
#include "engine/text/limits.h"
#include "engine/text/tokenizer.h"

static struct tokenizer *open_model(const char *relative)
{
    struct tokenizer *tok = NULL;
    conch_error err = {0};
    if (tokenizer_open(&tok, data_path(relative), &err) < 0)
        fail_msg("%s: %s", relative, err.text);
    return tok;
}

/* ---- golden tokenisations ---- */

static void assert_ids(const char *raw, const struct token_list *got, const json_t *expected, size_t expected_count)
{
    for (size_t i = 0; i < expected_count && i < got->count; i++)
        if (got->ids[i] != json_integer_value(json_array_get(expected, i)))
            fail_msg("%s: id %zu is %d instead of %lld", raw, i, got->ids[i],
                     (long long)json_integer_value(json_array_get(expected, i)));
    if (got->count != expected_count)
        fail_msg("%s: %zu ids instead of %zu", raw, got->count, expected_count);
}

static void encode_and_compare(const struct tokenizer *tok, const char *raw, const char *text, const json_t *expected)
{
    struct token_list list = {0};
    conch_error err = {0};
    if (tokenizer_encode_raw(tok, text, &list, &err) < 0)
        fail_msg("%s: %s", raw, err.text);
    assert_ids(raw, &list, expected, json_array_size(expected) - 1); /* the last is the end id */
    token_list_finish(&list);
}

/* Known pieces by name; where the golden piece is not in the vocabulary, our id is the unknown one. */
static void compare_pieces(const struct tokenizer *tok, const json_t *expected, const json_t *ids)
{
    for (size_t i = 0; i < json_array_size(expected); i++) {
        const char *piece = tokenizer_piece(tok, (int32_t)json_integer_value(json_array_get(ids, i)));
        assert_non_null(piece);
        if (strcmp(piece, "<unk>") != 0)
            assert_string_equal(piece, json_string_value(json_array_get(expected, i)));
    }
}

static void run_case(const struct tokenizer *tok, const json_t *item, bool squeezes)
{
    const char *raw = json_string_value(json_object_get(item, "raw"));
    if (!squeezes && strstr(raw, "▁")) /* the map turns it into a space */
        return;
    const char *cleaned = json_string_value(json_object_get(item, "cleaned"));
    const json_t *ids = json_object_get(item, "ids"), *ids_of_raw = json_object_get(item, "ids_of_raw");
    struct buf clean;
    conch_error err = {0};
    buf_init(&clean, NORMALIZED_BYTES_MAX);
    assert_int_equal(text_unescape_and_collapse(raw, &clean, &err), 0);
    assert_string_equal(clean.data ? clean.data : "", cleaned);
    encode_and_compare(tok, raw, cleaned, ids);
    compare_pieces(tok, json_object_get(item, "pieces"), ids);
    if (ids_of_raw && squeezes)
        encode_and_compare(tok, raw, raw, ids_of_raw);
    buf_finish(&clean);
    if (json_object_get(item, "ftfy_would_change"))
        return;
    struct token_list list = {0};
    size_t cut = 99;
    assert_int_equal(tokenizer_encode(tok, raw, 512, &list, &cut, &err), 0);
    assert_ids(raw, &list, ids, json_array_size(ids));
    assert_int_equal(cut, 0);
    token_list_finish(&list);
}

static void run_golden(const char *model, const char *golden, bool squeezes)
{
    struct tokenizer *tok = open_model(model);
    json_t *root = json_load_file(data_path(golden), 0, NULL);
    assert_non_null(root);
    const json_t *cases = json_object_get(root, "cases");
    assert_int_equal(json_array_size(cases), 44);
    for (size_t i = 0; i < json_array_size(cases); i++)
        run_case(tok, json_array_get(cases, i), squeezes);
    json_decref(root);
    tokenizer_close(tok);
}

static void the_golden_tokenisations_with_a_character_map(void **state)
{
    run_golden("tests/golden/tok_unigram.model", "tests/golden/tok_unigram.golden.json", true);
}

static void the_golden_tokenisations_with_byte_fallback(void **state)
{
    run_golden("tests/golden/tok_unigram_bytes.model", "tests/golden/tok_unigram_bytes.golden.json", true);
}

static void the_golden_tokenisations_from_tokenizer_json(void **state)
{
    /* this file's normaliser leaves runs of spaces alone, SentencePiece's does not: uncleaned texts come out otherwise
     */
    run_golden("tests/golden/tok_unigram.tokenizer.json", "tests/golden/tok_unigram.golden.json", false);
}

static void check_vocabulary(const char *model, const char *table)
{
    struct tokenizer *tok = open_model(model);
    FILE *file = fopen(data_path(table), "r");
    assert_non_null(file);
    char line[4096];
    size_t count = 0;
    while (fgets(line, sizeof line, file)) {
        char *piece = strchr(line, '\t') + 1;
        *strchr(piece, '\t') = 0;
        assert_string_equal(tokenizer_piece(tok, atoi(line)), piece);
        count++;
    }
    fclose(file);
    assert_int_equal(tokenizer_piece_count(tok), count);
    assert_null(tokenizer_piece(tok, (int32_t)count));
    assert_null(tokenizer_piece(tok, -1));
    assert_int_equal(tokenizer_end_id(tok), 1);
    tokenizer_close(tok);
}

static void the_vocabularies_are_read_whole(void **state)
{
    check_vocabulary("tests/golden/tok_unigram.model", "tests/golden/tok_unigram.vocab.tsv");
    check_vocabulary("tests/golden/tok_unigram_bytes.model", "tests/golden/tok_unigram_bytes.vocab.tsv");
    check_vocabulary("tests/golden/tok_unigram.tokenizer.json", "tests/golden/tok_unigram.vocab.tsv");
}

/* ---- the end id and the slots ---- */

static void a_long_prompt_is_cut_and_the_end_id_kept(void **state)
{
    struct tokenizer *tok = open_model("tests/golden/tok_unigram.model");
    struct token_list whole = {0}, cut_list = {0};
    const char *prompt = "a red fox runs through fresh snow at dawn"; /* 18 ids and the end */
    size_t cut = 0;
    assert_int_equal(tokenizer_encode(tok, prompt, 19, &whole, &cut, NULL), 0);
    assert_int_equal(whole.count, 19);
    assert_int_equal(cut, 0);
    assert_int_equal(tokenizer_encode(tok, prompt, 18, &cut_list, &cut, NULL), 0);
    assert_int_equal(cut_list.count, 18);
    assert_int_equal(cut, 1);
    assert_int_equal(cut_list.ids[17], 1);
    assert_memory_equal(cut_list.ids, whole.ids, 17 * sizeof(int32_t));
    token_list_finish(&cut_list);
    assert_int_equal(tokenizer_encode(tok, prompt, 1, &cut_list, &cut, NULL), 0);
    assert_int_equal(cut_list.count, 1);
    assert_int_equal(cut_list.ids[0], 1);
    assert_int_equal(cut, 18);
    token_list_finish(&cut_list);
    token_list_finish(&whole);
    tokenizer_close(tok);
}

static void an_empty_prompt_is_the_end_id_alone(void **state)
{
    struct tokenizer *tok = open_model("tests/golden/tok_unigram.model");
    const char *const prompts[] = {"", " \t\n", "\xef\xbb\xbf", "\x1b[0m", "&nbsp;"};
    for (size_t i = 0; i < sizeof prompts / sizeof prompts[0]; i++) {
        struct token_list list = {0};
        assert_int_equal(tokenizer_encode(tok, prompts[i], 512, &list, NULL, NULL), 0);
        assert_int_equal(list.count, 1);
        assert_int_equal(list.ids[0], 1);
        token_list_finish(&list);
    }
    tokenizer_close(tok);
}

static void impossible_calls_are_refused(void **state)
{
    struct tokenizer *tok = open_model("tests/golden/tok_unigram.model");
    struct token_list list = {0};
    conch_error err = {0};
    assert_refused(tokenizer_encode(tok, "a", 0, &list, NULL, &err), CONCH_ERR_RANGE, &err, "slot_count is 0");
    assert_refused(tokenizer_encode(tok, "ab\xff", 9, &list, NULL, &err), CONCH_ERR_RANGE, &err, "offset 2");
    assert_refused(tokenizer_encode_raw(tok, "\xff", &list, &err), CONCH_ERR_RANGE, &err, "offset 0");
    char *text = calloc(1, PROMPT_BYTES_MAX + 2);
    memset(text, 'a', PROMPT_BYTES_MAX + 1);
    assert_refused(tokenizer_encode(tok, text, 9, &list, NULL, &err), CONCH_ERR_LIMIT, &err, "at most 65536");
    assert_refused(tokenizer_encode_raw(tok, text, &list, &err), CONCH_ERR_LIMIT, &err, "at most 65536");
    free(text);
    assert_null(list.ids);
    tokenizer_close(tok);
}

static void hostile_prompts_of_full_length_are_encoded(void **state)
{
    const char *const parts[] = {"a", "ﷺ", "\u0301", "q", "狐", "</s>", "🦊", "▁", "\u0f73\u0301"};
    struct tokenizer *models[] = {open_model("tests/golden/tok_unigram.model"),
                                  open_model("tests/golden/tok_unigram_bytes.model"),
                                  open_model("models/tiny/tokenizer.json")};
    char *text = malloc(PROMPT_BYTES_MAX + 1);
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        size_t step = strlen(parts[p]), size = PROMPT_BYTES_MAX / step * step;
        for (size_t i = 0; i < size; i += step)
            memcpy(text + i, parts[p], step);
        text[size] = 0;
        for (size_t m = 0; m < 3; m++) {
            struct token_list list = {0};
            conch_error err = {0};
            if (tokenizer_encode(models[m], text, 512, &list, NULL, &err) < 0)
                fail_msg("%s: %s", parts[p], err.text);
            assert_int_equal(list.ids[list.count - 1], 1);
            token_list_finish(&list);
        }
    }
    free(text);
    for (size_t m = 0; m < 3; m++)
        tokenizer_close(models[m]);
}

/* ---- the model that ships ---- */

static void assert_tiny(const struct tokenizer *tok, const char *prompt, const char *const *pieces)
{
    struct token_list list = {0};
    conch_error err = {0};
    if (tokenizer_encode(tok, prompt, 512, &list, NULL, &err) < 0)
        fail_msg("%s: %s", prompt, err.text);
    size_t count = 0;
    for (; pieces[count]; count++) {
        assert_true(count < list.count);
        assert_string_equal(tokenizer_piece(tok, list.ids[count]), pieces[count]);
    }
    assert_int_equal(list.count, count);
    token_list_finish(&list);
}

static void the_shipped_model_reads_words_whatever_their_case(void **state)
{
    struct tokenizer *tok = open_model("models/tiny/tokenizer.json");
    assert_tiny(tok, "A RED Ball, bounces",
                (const char *const[]){"▁a", "▁red", "▁ball", ",", "▁bounces", "</s>", NULL});
    assert_tiny(tok, "the  ｂｌｕｅ sky.", (const char *const[]){"▁the", "▁blue", "▁sky", ".", "</s>", NULL});
    assert_tiny(tok, "a qqq zzz sky", (const char *const[]){"▁a", "▁", "<unk>", "▁", "<unk>", "▁sky", "</s>", NULL});
    assert_tiny(tok, "", (const char *const[]){"</s>", NULL});
    tokenizer_close(tok);
}

/* ---- files ---- */

static void what_is_no_tokenizer_is_refused(void **state)
{
    struct tokenizer *tok = NULL;
    conch_error err = {0};
    assert_refused(tokenizer_open(&tok, data_path("tests/golden/none"), &err), CONCH_ERR_NOTFOUND, &err, "none");
    assert_refused(tokenizer_open(&tok, data_path("tests"), &err), CONCH_ERR_IO, &err, "not a regular file");
    assert_refused(tokenizer_open_memory(&tok, "", 0, &err), CONCH_ERR_FORMAT, &err, "neither");
    assert_refused(tokenizer_open_memory(&tok, NULL, 0, &err), CONCH_ERR_FORMAT, &err, "neither");
    assert_refused(tokenizer_open_memory(&tok, "[1]", 3, &err), CONCH_ERR_FORMAT, &err, "neither");
    assert_refused(tokenizer_open_memory(&tok, "\n\n{ ", 4, &err), CONCH_ERR_FORMAT, &err, "damaged");
    assert_refused(tokenizer_open_memory(&tok, "\n { \"a\": 1,", 11, &err), CONCH_ERR_FORMAT, &err, "line");
    assert_refused(tokenizer_open_memory(&tok, "x", (size_t)MODEL_BYTES_MAX + 1, &err), CONCH_ERR_LIMIT, &err,
                   "67108864");
    assert_null(tok);
    tokenizer_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_tokenisations_with_a_character_map),
        cmocka_unit_test(the_golden_tokenisations_with_byte_fallback),
        cmocka_unit_test(the_golden_tokenisations_from_tokenizer_json),
        cmocka_unit_test(the_vocabularies_are_read_whole),
        cmocka_unit_test(a_long_prompt_is_cut_and_the_end_id_kept),
        cmocka_unit_test(an_empty_prompt_is_the_end_id_alone),
        cmocka_unit_test(impossible_calls_are_refused),
        cmocka_unit_test(hostile_prompts_of_full_length_are_encoded),
        cmocka_unit_test(the_shipped_model_reads_words_whatever_their_case),
        cmocka_unit_test(what_is_no_tokenizer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
