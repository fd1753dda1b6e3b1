#include "engine/text/tokenizer_json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "engine/text/utf8.h"

#define SEQUENCE_DEPTH_MAX 4 /* sequences inside sequences */

/* ---- fields ---- */

static int wrong_type(const char *where, const char *key, const char *allowed, conch_error *err)
{
    return conch_error_set(err, CONCH_ERR_FORMAT, "tokenizer.json: %s.%s is missing or not %s", where, key, allowed);
}

static int get_text(const json_t *object, const char *where, const char *key, const char **ret_text, conch_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return wrong_type(where, key, "a string", err);
    *ret_text = json_string_value(value);
    return 0;
}

/* Leaves *ret_value alone when the key is absent or null. */
static int get_bool(const json_t *object, const char *where, const char *key, bool *ret_value, conch_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return 0;
    if (!json_is_boolean(value))
        return wrong_type(where, key, "true or false", err);
    *ret_value = json_is_true(value);
    return 0;
}

static int copy_text(char **ret_copy, const char *text, conch_error *err)
{
    *ret_copy = strdup(text);
    return *ret_copy ? 0 : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the tokenizer");
}

/* ---- normalizers ---- */

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Padding is optional. *ret_data is malloc'ed, also for no bytes. */
static int base64_decode(const char *text, uint8_t **ret_data, size_t *ret_size, conch_error *err)
{
    size_t length = strlen(text), size = 0;
    while (length && text[length - 1] == '=')
        length--;
    uint8_t *data = malloc(length / 4 * 3 + 3);
    if (!data)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the tokenizer");
    uint32_t bits = 0;
    for (size_t i = 0; i < length; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0 || length % 4 == 1) {
            free(data);
            return conch_error_set(err, CONCH_ERR_FORMAT,
                                   "tokenizer.json: precompiled_charsmap is not base64 (%zu characters, fault at %zu)",
                                   length, i);
        }
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 != 0)
            data[size++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    *ret_data = data;
    *ret_size = size;
    return 0;
}

static int parse_precompiled(const json_t *object, struct text_rule *rule, conch_error *err)
{
    const json_t *value = json_object_get(object, "precompiled_charsmap");
    if (json_is_null(value))
        return 0;
    const char *text = NULL;
    int rc = get_text(object, "normalizer", "precompiled_charsmap", &text, err);
    if (rc < 0)
        return rc;
    uint8_t *data = NULL;
    size_t size = 0;
    rc = base64_decode(text, &data, &size, err);
    if (rc == 0)
        rc = charsmap_init(&rule->map, data, size, err);
    free(data);
    return rc;
}

static int parse_replace(const json_t *object, struct text_rule *rule, conch_error *err)
{
    const json_t *pattern = json_object_get(object, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex"), *plain = json_object_get(pattern, "String");
    const char *content = NULL;
    int rc = get_text(object, "normalizer", "content", &content, err);
    if (rc == 0)
        rc = copy_text(&rule->content, content, err);
    if (rc < 0)
        return rc;
    if (json_is_string(regex)) {
        if (strcmp(json_string_value(regex), " {2,}") != 0)
            return conch_error_set(err, CONCH_ERR_UNSUPPORTED,
                                   "tokenizer.json: the normalizer Replace uses the regular expression \"%.60s\"; only "
                                   "\" {2,}\" is supported",
                                   json_string_value(regex));
        rule->kind = RULE_REPLACE_SPACES;
        return 0;
    }
    if (!json_is_string(plain) || json_string_length(plain) == 0)
        return wrong_type("normalizer", "pattern", "{\"String\": text} or {\"Regex\": text}", err);
    return copy_text(&rule->pattern, json_string_value(plain), err);
}

static int parse_strip(const json_t *object, struct text_rule *rule, conch_error *err)
{
    rule->strip_left = rule->strip_right = true;
    int rc = get_bool(object, "normalizer", "strip_left", &rule->strip_left, err);
    return rc < 0 ? rc : get_bool(object, "normalizer", "strip_right", &rule->strip_right, err);
}

static int parse_prepend(const json_t *object, struct text_rule *rule, conch_error *err)
{
    const char *content = NULL;
    int rc = get_text(object, "normalizer", "prepend", &content, err);
    return rc < 0 ? rc : copy_text(&rule->content, content, err);
}

/* ---- pre-tokenizers ---- */

static int parse_prepend_scheme(const json_t *object, struct text_rule *rule, conch_error *err)
{
    static const char *const schemes[] = {
        [METASPACE_ALWAYS] = "always", [METASPACE_FIRST] = "first", [METASPACE_NEVER] = "never"};
    const json_t *scheme = json_object_get(object, "prepend_scheme");
    bool prefix = true;
    int rc = get_bool(object, "pre_tokenizer", "add_prefix_space", &prefix, err);
    if (rc < 0)
        return rc;
    rule->prefix = prefix ? METASPACE_ALWAYS : METASPACE_NEVER;
    if (!scheme || json_is_null(scheme))
        return 0;
    for (size_t i = 0; json_is_string(scheme) && i < ARRAY_LEN(schemes); i++) {
        if (strcmp(json_string_value(scheme), schemes[i]) != 0)
            continue;
        if (!prefix && i != METASPACE_NEVER)
            return conch_error_set(err, CONCH_ERR_FORMAT,
                                   "tokenizer.json: the pre-tokenizer Metaspace has prepend_scheme \"%s\" but "
                                   "add_prefix_space false",
                                   schemes[i]);
        rule->prefix = (enum metaspace_prefix)i;
        return 0;
    }
    return wrong_type("pre_tokenizer", "prepend_scheme", "\"always\", \"first\" or \"never\"", err);
}

static int parse_metaspace(const json_t *object, struct text_rule *rule, conch_error *err)
{
    const char *symbol = NULL;
    int rc = get_text(object, "pre_tokenizer", "replacement", &symbol, err);
    if (rc < 0)
        return rc;
    if (!symbol[0] || utf8_step(symbol[0]) != strlen(symbol))
        return wrong_type("pre_tokenizer", "replacement", "one character", err);
    rule->metaspace_split = true;
    rc = copy_text(&rule->content, symbol, err);
    if (rc == 0)
        rc = get_bool(object, "pre_tokenizer", "split", &rule->metaspace_split, err);
    return rc < 0 ? rc : parse_prepend_scheme(object, rule, err);
}

/* ---- both, by the table of what is known ---- */

struct rule_type {
    const char *name;
    enum text_rule_kind kind;
    int (*parse)(const json_t *object, struct text_rule *rule, conch_error *err);
};

/* Where steps come from. */
struct stage {
    const char *where, *list; /* key of the stage, key of a Sequence's steps */
    const struct rule_type *types;
    size_t type_count;
};

static const struct rule_type normalizer_types[] = {
    {"Precompiled", RULE_CHARSMAP, parse_precompiled},
    {"Lowercase", RULE_LOWERCASE, NULL},
    {"NFC", RULE_NFC, NULL},
    {"NFD", RULE_NFD, NULL},
    {"NFKC", RULE_NFKC, NULL},
    {"NFKD", RULE_NFKD, NULL},
    {"Replace", RULE_REPLACE, parse_replace},
    {"Strip", RULE_STRIP, parse_strip},
    {"Prepend", RULE_PREPEND, parse_prepend},
};

static const struct rule_type pre_tokenizer_types[] = {
    {"WhitespaceSplit", RULE_SPLIT_WHITESPACE, NULL},
    {"Metaspace", RULE_METASPACE, parse_metaspace},
};

static const struct stage stages[] = {
    {"normalizer", "normalizers", normalizer_types, ARRAY_LEN(normalizer_types)},
    {"pre_tokenizer", "pretokenizers", pre_tokenizer_types, ARRAY_LEN(pre_tokenizer_types)},
};

static int parse_step(const struct stage *stage, const json_t *object, int depth, struct text_rules *rules,
                      conch_error *err);

static int parse_sequence(const struct stage *stage, const json_t *object, int depth, struct text_rules *rules,
                          conch_error *err)
{
    const json_t *list = json_object_get(object, stage->list);
    if (!json_is_array(list))
        return wrong_type(stage->where, stage->list, "a list", err);
    if (depth >= SEQUENCE_DEPTH_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "tokenizer.json: %s nests more than %d sequences", stage->where,
                               SEQUENCE_DEPTH_MAX);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++)
        rc = parse_step(stage, json_array_get(list, i), depth + 1, rules, err);
    return rc;
}

static int parse_step(const struct stage *stage, const json_t *object, int depth, struct text_rules *rules,
                      conch_error *err)
{
    const char *type = NULL;
    int rc = get_text(object, stage->where, "type", &type, err);
    if (rc < 0)
        return rc;
    if (strcmp(type, "Sequence") == 0)
        return parse_sequence(stage, object, depth, rules, err);
    for (size_t i = 0; i < stage->type_count; i++) {
        if (strcmp(type, stage->types[i].name) != 0)
            continue;
        struct text_rule *rule = text_rules_add(rules, stage->types[i].kind, err);
        if (!rule)
            return CONCH_ERR_LIMIT;
        return stage->types[i].parse ? stage->types[i].parse(object, rule, err) : 0;
    }
    return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "tokenizer.json: the %s \"%.60s\" is not supported",
                           stage->where, type);
}

/* ---- model ---- */

static bool is_byte_piece(const char *text, size_t size)
{
    return size == 6 && memcmp(text, "<0x", 3) == 0 && strspn(text + 3, "0123456789ABCDEF") == 2 && text[5] == '>';
}

static int parse_vocab(const json_t *vocab, size_t unknown_id, struct unigram *unigram, conch_error *err)
{
    for (size_t id = 0; id < json_array_size(vocab); id++) {
        const json_t *entry = json_array_get(vocab, id);
        const json_t *text = json_array_get(entry, 0), *score = json_array_get(entry, 1);
        if (json_array_size(entry) != 2 || !json_is_string(text) || !json_is_number(score))
            return conch_error_set(err, CONCH_ERR_FORMAT, "tokenizer.json: model.vocab[%zu] is not [text, score]", id);
        struct piece_row row = {json_string_value(text), json_string_length(text), json_number_value(score),
                                PIECE_NORMAL};
        if (id == unknown_id)
            row.kind = PIECE_UNKNOWN;
        else if (is_byte_piece(row.text, row.text_bytes))
            row.kind = PIECE_BYTE;
        int rc = unigram_add(unigram, &row, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int parse_model(const json_t *model, struct unigram *unigram, conch_error *err)
{
    const json_t *type = json_object_get(model, "type");
    const json_t *vocab = json_object_get(model, "vocab"), *unknown = json_object_get(model, "unk_id");
    if (!json_is_object(model))
        return conch_error_set(err, CONCH_ERR_FORMAT, "tokenizer.json: model is missing or not an object");
    if (type && (!json_is_string(type) || strcmp(json_string_value(type), "Unigram") != 0))
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED,
                               "tokenizer.json: the model type \"%.60s\" is not supported; only Unigram is",
                               json_is_string(type) ? json_string_value(type) : "(not a string)");
    if (!json_is_array(vocab))
        return wrong_type("model", "vocab", "a list of [text, score]", err);
    json_int_t unknown_id = json_is_integer(unknown) ? json_integer_value(unknown) : -1;
    if (unknown_id < 0 || (size_t)unknown_id >= json_array_size(vocab))
        return conch_error_set(
            err, CONCH_ERR_FORMAT,
            "tokenizer.json: model.unk_id is %s%lld; it is an id below %zu, the size of the vocabulary",
            json_is_integer(unknown) ? "" : "not a number: ", (long long)unknown_id, json_array_size(vocab));
    int rc = get_bool(model, "model", "byte_fallback", &unigram->byte_fallback, err);
    return rc < 0 ? rc : parse_vocab(vocab, (size_t)unknown_id, unigram, err);
}

static int parse_added_token(const json_t *token, size_t index, struct unigram *unigram, conch_error *err)
{
    const json_t *id_value = json_object_get(token, "id"), *content = json_object_get(token, "content");
    bool special = false;
    if (!json_is_integer(id_value) || !json_is_string(content))
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "tokenizer.json: added_tokens[%zu] has no id (a number) or no content (a string)",
                               index);
    int rc = get_bool(token, "added_tokens", "special", &special, err);
    if (rc < 0)
        return rc;
    json_int_t id = json_integer_value(id_value);
    if (id < 0 || (size_t)id > unigram->piece_count)
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "tokenizer.json: added_tokens[%zu] has the id %lld; the next free id is %zu", index,
                               (long long)id, unigram->piece_count);
    if ((size_t)id == unigram->piece_count) {
        struct piece_row row = {json_string_value(content), json_string_length(content), 0, PIECE_CONTROL};
        return unigram_add(unigram, &row, err);
    }
    struct piece *piece = &unigram->pieces[id];
    if (strcmp(unigram_piece_text(unigram, (size_t)id), json_string_value(content)) != 0)
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "tokenizer.json: added_tokens[%zu] calls id %lld \"%.60s\", the vocabulary \"%.60s\"",
                               index, (long long)id, json_string_value(content),
                               unigram_piece_text(unigram, (size_t)id));
    if (special && piece->kind == PIECE_NORMAL)
        piece->kind = PIECE_CONTROL;
    return 0;
}

static int parse_added_tokens(const json_t *tokens, struct unigram *unigram, conch_error *err)
{
    if (!tokens || json_is_null(tokens))
        return 0;
    if (!json_is_array(tokens))
        return conch_error_set(err, CONCH_ERR_FORMAT, "tokenizer.json: added_tokens is not a list");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < json_array_size(tokens); i++)
        rc = parse_added_token(json_array_get(tokens, i), i, unigram, err);
    return rc;
}

int tokenizer_json_parse(const void *data, size_t size, struct unigram *unigram, struct text_rules *rules,
                         conch_error *err)
{
    json_error_t fault;
    json_t *root = json_loadb(data, size, JSON_REJECT_DUPLICATES, &fault);
    if (!root)
        return conch_error_set(err, CONCH_ERR_FORMAT, "tokenizer.json: %.300s at line %d, column %d", fault.text,
                               fault.line, fault.column);
    unigram->sums_in_double = true;
    int rc = parse_model(json_object_get(root, "model"), unigram, err);
    if (rc == 0)
        rc = parse_added_tokens(json_object_get(root, "added_tokens"), unigram, err);
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(stages); i++) {
        const json_t *object = json_object_get(root, stages[i].where);
        if (object && !json_is_null(object))
            rc = parse_step(&stages[i], object, 0, rules, err);
    }
    json_decref(root);
    return rc;
}
