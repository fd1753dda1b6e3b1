#include "tests/engine/text/text_test.h"

#include "engine/text/tokenizer.h"

#define VOCAB                                                                                                               \
    "[['<pad>',0],['</s>',0],['<unk>',0],['▁',-2],['a',-2],['b',-2],['▁a',-1],['▁b',-1],['A',-2],['é',-2],[' ',-2]," \
    "['x',-2]]"
#define MODEL   "'model':{'type':'Unigram','unk_id':2,'vocab':" VOCAB "}"
#define SPECIAL "'added_tokens':[{'id':1,'content':'</s>','special':true}],"

/* JSON with ' for ", which C can read. */
static int open_json(struct tokenizer **ret_tok, const char *json, conch_error *err)
{
    char *text = strdup(json);
    for (char *c = text; *c; c++)
        if (*c == '\'')
            *c = '"';
    int rc = tokenizer_open_memory(ret_tok, text, strlen(text), err);
    free(text);
    return rc;
}

static void assert_pieces(const char *json, const char *text, const char *expected)
{
    struct tokenizer *tok = NULL;
    struct token_list list = {0};
    conch_error err = {0};
    char got[1024] = "";
    if (open_json(&tok, json, &err) < 0)
        fail_msg("%s: %s", json, err.text);
    assert_int_equal(tokenizer_encode_raw(tok, text, &list, &err), 0);
    for (size_t i = 0; i < list.count; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", i ? "|" : "", tokenizer_piece(tok, list.ids[i]));
    assert_string_equal(got, expected);
    token_list_finish(&list);
    tokenizer_close(tok);
}

#define NORMALIZER(steps) "{'normalizer':" steps "," MODEL "}"
#define SPLITTER(steps)   "{'pre_tokenizer':" steps "," MODEL "}"

static void a_bare_model_takes_text_as_it_is(void **state)
{
    assert_pieces("{" SPECIAL MODEL "}", "a b", "a| |b");
    assert_pieces("{" MODEL ",'normalizer':null,'pre_tokenizer':null}", "ab", "a|b");
    assert_pieces("{" MODEL "}", "</s>a", "<unk>|a");
    assert_pieces("{" MODEL "}", "", "");
}

static void each_normalizer_does_its_work(void **state)
{
    assert_pieces(NORMALIZER("{'type':'Lowercase'}"), "AB", "a|b");
    assert_pieces(NORMALIZER("{'type':'NFC'}"), "e\u0301", "é");
    assert_pieces(NORMALIZER("{'type':'NFD'}"), "é", "<unk>");
    assert_pieces(NORMALIZER("{'type':'NFKC'}"), "ａ", "a");
    assert_pieces(NORMALIZER("{'type':'NFKD'}"), "ａ", "a");
    assert_pieces(NORMALIZER("{'type':'Strip'}"),
                  " \u3000"
                  "a b ",
                  "a| |b");
    assert_pieces(NORMALIZER("{'type':'Strip','strip_left':false,'strip_right':true}"), " a ", " |a");
    assert_pieces(NORMALIZER("{'type':'Strip','strip_left':true,'strip_right':false}"), " a ", "a| ");
    assert_pieces(NORMALIZER("{'type':'Strip'}"), "  ", "");
    assert_pieces(NORMALIZER("{'type':'Prepend','prepend':'▁'}"), "a", "▁a");
    assert_pieces(NORMALIZER("{'type':'Prepend','prepend':'▁'}"), "", "");
    assert_pieces(NORMALIZER("{'type':'Replace','pattern':{'String':'bb'},'content':'x'}"), "abbbb", "a|x|x");
    assert_pieces(NORMALIZER("{'type':'Replace','pattern':{'Regex':' {2,}'},'content':'x'}"), "a b   a  ",
                  "a| |b|x|a|x");
    assert_pieces(NORMALIZER("{'type':'Precompiled','precompiled_charsmap':''}"), "a", "a");
    assert_pieces(NORMALIZER("{'type':'Precompiled','precompiled_charsmap':null}"), "a", "a");
    assert_pieces(NORMALIZER("{'type':'Sequence','normalizers':[{'type':'Sequence','normalizers':[{'type':'NFKC'}]},"
                             "{'type':'Lowercase'}]}"),
                  "ＡＢ", "a|b");
    assert_pieces(NORMALIZER("{'type':'Sequence','normalizers':[]}"), "a", "a");
}

static void metaspace_in_its_old_and_new_forms(void **state)
{
#define META(fields) SPLITTER("{'type':'Metaspace','replacement':'▁'" fields "}")
    assert_pieces(META(",'add_prefix_space':true"), "a b", "▁a|▁b");
    assert_pieces(META(",'add_prefix_space':true"), " a  b", "▁a|▁|▁b");
    assert_pieces(META(",'add_prefix_space':true"), "▁a", "▁a");
    assert_pieces(META(",'add_prefix_space':false"), "a b", "a|▁b");
    assert_pieces(META(""), "a b", "▁a|▁b");
    assert_pieces(META(",'prepend_scheme':'always','split':true"), "a b", "▁a|▁b");
    assert_pieces(META(",'prepend_scheme':'never','split':false"), "a b", "a|▁b");
    assert_pieces(META(",'prepend_scheme':'first','split':true"), "a b", "▁a|▁b");
    assert_pieces(META(""), "", "");
#define SPLIT_META(scheme)                                                                                             \
    SPLITTER("{'type':'Sequence','pretokenizers':[{'type':'WhitespaceSplit'},"                                         \
             "{'type':'Metaspace','replacement':'▁','prepend_scheme':'" scheme "'}]}")
    assert_pieces(SPLIT_META("always"), " a\t\u3000 b ", "▁a|▁b");
    assert_pieces(SPLIT_META("first"), "a b", "▁a|b");
    assert_pieces(SPLIT_META("first"), " a b", "a|b"); /* the first part does not begin where the text does */
    assert_pieces(SPLITTER("{'type':'WhitespaceSplit'}"), "a b", "a|b");
}

static void a_piece_never_reaches_over_a_cut(void **state)
{
    const char *json = "{'pre_tokenizer':{'type':'Metaspace','replacement':'▁','split':%s},'model':{'unk_id':1,"
                       "'vocab':[['</s>',0],['<unk>',0],['▁a',-9],['▁a▁a',-1]]}}";
    char text[512];
    snprintf(text, sizeof text, json, "true");
    assert_pieces(text, "a a", "▁a|▁a");
    snprintf(text, sizeof text, json, "false");
    assert_pieces(text, "a a", "▁a▁a");
}

static void added_tokens_extend_the_vocabulary_and_are_not_matched(void **state)
{
    struct tokenizer *tok = NULL;
    conch_error err = {0};
    const char *json = "{'added_tokens':[{'id':11,'content':'x','special':true},{'id':12,'content':'<qq>'}]," MODEL "}";
    assert_pieces(json, "a<qq>", "a|<unk>");
    assert_pieces(json, "ax", "a|<unk>");
    assert_int_equal(open_json(&tok, json, &err), 0);
    assert_int_equal(tokenizer_piece_count(tok), 13);
    assert_string_equal(tokenizer_piece(tok, 12), "<qq>");
    tokenizer_close(tok);
}

static void refused(const char *json, int code, const char *word)
{
    struct tokenizer *tok = NULL;
    conch_error err = {0};
    assert_refused(open_json(&tok, json, &err), code, &err, word);
    assert_null(tok);
}

static void the_unknown_is_refused_with_its_name(void **state)
{
    const int code = CONCH_ERR_UNSUPPORTED;
    refused(NORMALIZER("{'type':'BertNormalizer'}"), code, "normalizer \"BertNormalizer\"");
    refused(SPLITTER("{'type':'ByteLevel'}"), code, "pre_tokenizer \"ByteLevel\"");
    refused("{'model':{'type':'BPE','vocab':{}}}", code, "model type \"BPE\"");
    refused(NORMALIZER("{'type':'Replace','pattern':{'Regex':'a+'},'content':''}"), code, "\"a+\"");
    refused(NORMALIZER("{'type':'Sequence','normalizers':[{'type':'Nmt'}]}"), code, "\"Nmt\"");
}

static void damaged_files_are_refused(void **state)
{
    const int code = CONCH_ERR_FORMAT;
    refused("{", code, "neither");
    refused("{}", code, "model is missing");
    refused("{'a':1,'a':2}", code, "duplicate");
    refused("{'model':{'unk_id':0}}", code, "model.vocab");
    refused("{'model':{'vocab':[['a',0]]}}", code, "model.unk_id is not a number");
    refused("{'model':{'unk_id':1,'vocab':[['a',0]]}}", code, "model.unk_id is 1");
    refused("{'model':{'unk_id':-1,'vocab':[['a',0]]}}", code, "model.unk_id is -1");
    refused("{'model':{'unk_id':0,'vocab':[['a']]}}", code, "model.vocab[0]");
    refused("{'model':{'unk_id':0,'vocab':[['a','b']]}}", code, "model.vocab[0]");
    refused("{'model':{'unk_id':0,'vocab':[['<unk>',0],['a',-1]]}}", code, "no end piece");
    refused("{'model':{'unk_id':0,'vocab':[['<unk>',0],['</s>',0],['a',-1],['a',-1]]}}", code, "2 and 3 are both a");
    refused("{'model':{'unk_id':0,'byte_fallback':1,'vocab':[]}}", code, "model.unk_id");
    refused("{'model':{'unk_id':0,'byte_fallback':1,'vocab':[['a',0]]}}", code, "model.byte_fallback");
    refused("{'model':{'unk_id':0,'byte_fallback':true,'vocab':[['<unk>',0],['</s>',0],['a',-1]]}}", code, "<0x00>");
    refused(NORMALIZER("5"), code, "normalizer.type");
    refused(NORMALIZER("{'type':'Precompiled'}"), code, "precompiled_charsmap");
    refused(NORMALIZER("{'type':'Precompiled','precompiled_charsmap':'A*'}"), code, "not base64");
    refused(NORMALIZER("{'type':'Precompiled','precompiled_charsmap':'AAAAA'}"), code, "not base64");
    refused(NORMALIZER("{'type':'Precompiled','precompiled_charsmap':'AAAAAA=='}"), code, "character map");
    refused(NORMALIZER("{'type':'Replace','pattern':{'String':''},'content':''}"), code, "normalizer.pattern");
    refused(NORMALIZER("{'type':'Replace','pattern':'x','content':''}"), code, "normalizer.pattern");
    refused(NORMALIZER("{'type':'Strip','strip_left':1}"), code, "strip_left");
    refused(SPLITTER("{'type':'Metaspace','replacement':'ab'}"), code, "one character");
    refused(SPLITTER("{'type':'Metaspace','replacement':'_','prepend_scheme':'no'}"), code, "prepend_scheme");
    refused(SPLITTER("{'type':'Metaspace','replacement':'_','prepend_scheme':'first','add_prefix_space':false}"), code,
            "add_prefix_space false");
    refused(SPLITTER("{'type':'Sequence'}"), code, "pre_tokenizer.pretokenizers");
    refused("{'added_tokens':[{'id':99,'content':'z'}]," MODEL "}", code, "id 99; the next free id is 12");
    refused("{'added_tokens':[{'id':0,'content':'z'}]," MODEL "}", code, "\"z\", the vocabulary \"<pad>\"");
    refused("{'added_tokens':[{'content':'z'}]," MODEL "}", code, "added_tokens[0]");
    refused("{'added_tokens':5," MODEL "}", code, "not a list");
}

static void nesting_and_the_number_of_steps_are_limited(void **state)
{
#define NEST(inner) "{'type':'Sequence','normalizers':[" inner "]}"
    refused(NORMALIZER(NEST(NEST(NEST(NEST(NEST("{'type':'NFC'}")))))), CONCH_ERR_LIMIT, "more than 4 sequences");
#define NFC4  "{'type':'NFC'},{'type':'NFC'},{'type':'NFC'},{'type':'NFC'}"
#define NFC16 NFC4 "," NFC4 "," NFC4 "," NFC4
    assert_pieces(NORMALIZER(NEST(NFC16 "," NFC16)), "a", "a");
    refused(NORMALIZER(NEST(NFC16 "," NFC16 "," NFC4)), CONCH_ERR_LIMIT, "allowed 32");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bare_model_takes_text_as_it_is),
        cmocka_unit_test(each_normalizer_does_its_work),
        cmocka_unit_test(metaspace_in_its_old_and_new_forms),
        cmocka_unit_test(a_piece_never_reaches_over_a_cut),
        cmocka_unit_test(added_tokens_extend_the_vocabulary_and_are_not_matched),
        cmocka_unit_test(the_unknown_is_refused_with_its_name),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(nesting_and_the_number_of_steps_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
