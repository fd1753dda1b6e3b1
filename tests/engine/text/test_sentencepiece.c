#include "tests/engine/text/text_test.h"

#include "base/file.h"
#include "engine/text/limits.h"
#include "engine/text/tokenizer.h"

/* ---- a writer of models ---- */

static void put_varint(struct buf *buf, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        assert_int_equal(buf_append(buf, &(char){(char)(value | 0x80)}, 1, NULL), 0);
    assert_int_equal(buf_append(buf, &(char){(char)value}, 1, NULL), 0);
}

static void put_number(struct buf *buf, unsigned field, uint64_t value)
{
    put_varint(buf, field << 3);
    put_varint(buf, value);
}

static void put_bytes(struct buf *buf, unsigned field, const void *data, size_t size)
{
    put_varint(buf, field << 3 | 2);
    put_varint(buf, size);
    assert_int_equal(buf_append(buf, data, size, NULL), 0);
}

static void put_piece(struct buf *model, const char *text, float score, unsigned kind)
{
    struct buf piece;
    buf_init(&piece, 4096);
    put_bytes(&piece, 1, text, strlen(text));
    put_varint(&piece, 2 << 3 | 5);
    assert_int_equal(buf_append(&piece, &score, 4, NULL), 0);
    if (kind != 1)
        put_number(&piece, 3, kind);
    put_bytes(model, 1, piece.data, piece.size);
    buf_finish(&piece);
}

static void put_flag(struct buf *model, unsigned part, unsigned field, uint64_t value)
{
    struct buf message;
    buf_init(&message, 64);
    put_number(&message, field, value);
    put_bytes(model, part, message.data, message.size);
    buf_finish(&message);
}

/* <unk> 0, </s> 1, "▁" 2, a 3, b 4, "▁a" 5, " " 6 */
static void put_base(struct buf *model)
{
    buf_init(model, 1 << 20);
    put_piece(model, "<unk>", 0, 2);
    put_piece(model, "</s>", 0, 3);
    put_piece(model, "▁", -2, 1);
    put_piece(model, "a", -2, 1);
    put_piece(model, "b", -2, 1);
    put_piece(model, "▁a", -1, 1);
    put_piece(model, " ", -2, 1);
}

static void assert_model_encodes(const struct buf *model, const char *text, const char *expected)
{
    struct tokenizer *tok = NULL;
    struct token_list list = {0};
    conch_error err = {0};
    char got[1024] = "";
    if (tokenizer_open_memory(&tok, model->data, model->size, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(tokenizer_encode_raw(tok, text, &list, &err), 0);
    for (size_t i = 0; i < list.count; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%d", i ? " " : "", list.ids[i]);
    assert_string_equal(got, expected);
    token_list_finish(&list);
    tokenizer_close(tok);
}

static void assert_model_refused(const struct buf *model, int code, const char *word)
{
    struct tokenizer *tok = NULL;
    conch_error err = {0};
    assert_refused(tokenizer_open_memory(&tok, model->data, model->size, &err), code, &err, word);
    assert_null(tok);
}

/* ---- what is read ---- */

static void spaces_are_squeezed_and_one_is_put_in_front(void **state)
{
    struct buf model;
    put_base(&model);
    assert_model_encodes(&model, "a  b ", "5 2 4");
    assert_model_encodes(&model, "  a", "5");
    assert_model_encodes(&model, "", "");
    assert_model_encodes(&model, "   ", "");
    buf_finish(&model);
}

static void the_three_flags_of_the_normaliser_are_honoured(void **state)
{
    struct buf model;
    put_base(&model);
    put_flag(&model, 3, 3, 0); /* add_dummy_prefix */
    assert_model_encodes(&model, "a b", "3 2 4");
    put_flag(&model, 3, 4, 0); /* remove_extra_whitespaces */
    assert_model_encodes(&model, "a  b ", "3 2 2 4 2");
    put_flag(&model, 3, 5, 0); /* escape_whitespaces */
    assert_model_encodes(&model, "a b", "3 6 4");
    buf_finish(&model);
}

static void unknown_fields_of_every_wire_type_are_skipped(void **state)
{
    struct buf model;
    put_base(&model);
    put_number(&model, 99, 12345678901ULL);
    put_bytes(&model, 98, "skipped", 7);
    put_varint(&model, 97 << 3 | 1);
    assert_int_equal(buf_append(&model, "12345678", 8, NULL), 0);
    put_varint(&model, 96 << 3 | 5);
    assert_int_equal(buf_append(&model, "1234", 4, NULL), 0);
    put_flag(&model, 2, 4, 8000);
    assert_model_encodes(&model, "ab", "5 4");
    buf_finish(&model);
}

/* ---- what is refused ---- */

static void other_kinds_of_model_are_refused_by_name(void **state)
{
    struct buf model;
    put_base(&model);
    put_flag(&model, 2, 3, 2);
    assert_model_refused(&model, CONCH_ERR_UNSUPPORTED, "model_type 2 (bpe)");
    buf_finish(&model);
    put_base(&model);
    put_flag(&model, 2, 3, 77);
    assert_model_refused(&model, CONCH_ERR_UNSUPPORTED, "model_type 77 (unknown)");
    buf_finish(&model);
    put_base(&model);
    put_flag(&model, 2, 24, 1);
    assert_model_refused(&model, CONCH_ERR_UNSUPPORTED, "treat_whitespace_as_suffix");
    buf_finish(&model);
    put_base(&model);
    put_flag(&model, 2, 35, 1);
    assert_model_refused(&model, CONCH_ERR_FORMAT, "byte fallback is on");
    buf_finish(&model);
}

static void damaged_fields_are_refused(void **state)
{
    struct buf model;
    put_base(&model);
    put_piece(&model, "z", -1, 7);
    assert_model_refused(&model, CONCH_ERR_FORMAT, "piece 7 has the type 7");
    buf_finish(&model);
    put_base(&model);
    put_number(&model, 1, 5);
    assert_model_refused(&model, CONCH_ERR_FORMAT, "wire type 0 instead of 2");
    buf_finish(&model);
    put_base(&model);
    put_varint(&model, 9 << 3 | 3);
    assert_model_refused(&model, CONCH_ERR_FORMAT, "unknown wire type");
    buf_finish(&model);
    put_base(&model);
    put_varint(&model, 2);
    assert_model_refused(&model, CONCH_ERR_FORMAT, "field number");
    buf_finish(&model);
    put_base(&model);
    assert_int_equal(buf_append(&model, "\x48\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, NULL), 0);
    assert_model_refused(&model, CONCH_ERR_FORMAT, "more than ten bytes");
    buf_finish(&model);
    put_base(&model);
    put_bytes(&model, 3, "\x12\x03zzz", 5);
    assert_model_refused(&model, CONCH_ERR_FORMAT, "character map");
    buf_finish(&model);
}

static void a_model_cut_anywhere_is_refused_or_whole_up_to_there(void **state)
{
    struct buf whole;
    conch_error err = {0};
    buf_init(&whole, MODEL_BYTES_MAX);
    assert_int_equal(file_read(&whole, data_path("tests/golden/tok_unigram_bytes.model"), &err), 0);
    size_t refused = 0;
    for (size_t size = 0; size < whole.size; size += size < 400 ? 1 : 37) {
        char *copy = malloc(size ? size : 1); /* exactly as long, so that a sanitizer sees a read beyond */
        struct tokenizer *tok = NULL;
        memcpy(copy, whole.data, size);
        if (tokenizer_open_memory(&tok, copy, size, &err) < 0)
            refused++;
        else
            tokenizer_close(tok);
        free(copy);
    }
    assert_true(refused > 500); /* only cuts between two pieces leave a model, once </s> is there */
    buf_finish(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spaces_are_squeezed_and_one_is_put_in_front),
        cmocka_unit_test(the_three_flags_of_the_normaliser_are_honoured),
        cmocka_unit_test(unknown_fields_of_every_wire_type_are_skipped),
        cmocka_unit_test(other_kinds_of_model_are_refused_by_name),
        cmocka_unit_test(damaged_fields_are_refused),
        cmocka_unit_test(a_model_cut_anywhere_is_refused_or_whole_up_to_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
