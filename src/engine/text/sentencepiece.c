#include "engine/text/sentencepiece.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- protobuf ---- */

/* What is left of a message; offsets in errors count from the start of the file. */
struct reader {
    const uint8_t *at, *end, *file;
};

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct field {
    uint32_t number;
    enum wire wire;
    uint64_t value;      /* varint or fixed */
    struct reader bytes; /* WIRE_BYTES */
};

static int damaged(const struct reader *reader, const char *what, conch_error *err)
{
    return conch_error_set(err, CONCH_ERR_FORMAT, "damaged SentencePiece model: %s at byte %zu", what,
                           (size_t)(reader->at - reader->file));
}

static int read_varint(struct reader *reader, uint64_t *ret_value, conch_error *err)
{
    uint64_t value = 0;
    const uint8_t *at = reader->at;
    for (int shift = 0; shift < 64; shift += 7) {
        if (at == reader->end)
            return damaged(reader, "a number is cut off", err);
        value |= (uint64_t)(*at & 0x7F) << shift;
        if (!(*at++ & 0x80)) {
            reader->at = at;
            *ret_value = value;
            return 0;
        }
    }
    return damaged(reader, "a number has more than ten bytes", err);
}

static int read_fixed(struct reader *reader, size_t bytes, uint64_t *ret_value, conch_error *err)
{
    if ((size_t)(reader->end - reader->at) < bytes)
        return damaged(reader, "a number is cut off", err);
    *ret_value = 0;
    for (size_t i = 0; i < bytes; i++)
        *ret_value |= (uint64_t)reader->at[i] << (8 * i);
    reader->at += bytes;
    return 0;
}

static int read_field(struct reader *reader, struct field *field, conch_error *err)
{
    uint64_t tag = 0;
    int rc = read_varint(reader, &tag, err);
    if (rc < 0)
        return rc;
    if (tag >> 3 == 0 || tag >> 3 > UINT32_MAX >> 3)
        return damaged(reader, "a field number is out of range before the data", err);
    field->number = (uint32_t)(tag >> 3);
    field->wire = (enum wire)(tag & 7);
    switch (field->wire) {
    case WIRE_VARINT: return read_varint(reader, &field->value, err);
    case WIRE_FIXED64: return read_fixed(reader, 8, &field->value, err);
    case WIRE_FIXED32: return read_fixed(reader, 4, &field->value, err);
    case WIRE_BYTES: break;
    default: return damaged(reader, "a field has an unknown wire type before the data", err);
    }
    uint64_t size = 0;
    rc = read_varint(reader, &size, err);
    if (rc < 0)
        return rc;
    if (size > (uint64_t)(reader->end - reader->at))
        return damaged(reader, "a field is longer than the rest", err);
    field->bytes = (struct reader){reader->at, reader->at + size, reader->file};
    reader->at += size;
    return 0;
}

static int expect_wire(const struct reader *reader, const struct field *field, enum wire wire, const char *name,
                       conch_error *err)
{
    if (field->wire == wire)
        return 0;
    return conch_error_set(err, CONCH_ERR_FORMAT,
                           "damaged SentencePiece model: %s has wire type %d instead of %d before byte %zu", name,
                           (int)field->wire, (int)wire, (size_t)(reader->at - reader->file));
}

static int field_bool(const struct reader *reader, const struct field *field, const char *name, bool *ret_value,
                      conch_error *err)
{
    int rc = expect_wire(reader, field, WIRE_VARINT, name, err);
    if (rc == 0)
        *ret_value = field->value != 0;
    return rc;
}

/* ---- the model ---- */

static int parse_piece(struct reader reader, struct unigram *unigram, conch_error *err)
{
    struct piece_row row = {.text = "", .kind = PIECE_NORMAL};
    while (reader.at < reader.end) {
        struct field field;
        int rc = read_field(&reader, &field, err);
        if (rc < 0)
            return rc;
        if (field.number == 1) {
            rc = expect_wire(&reader, &field, WIRE_BYTES, "a piece's text", err);
            row.text = (const char *)field.bytes.at;
            row.text_bytes = (size_t)(field.bytes.end - field.bytes.at);
        } else if (field.number == 2) {
            rc = expect_wire(&reader, &field, WIRE_FIXED32, "a piece's score", err);
            uint32_t bits = (uint32_t)field.value;
            float score;
            memcpy(&score, &bits, sizeof score);
            row.score = score;
        } else if (field.number == 3) {
            rc = expect_wire(&reader, &field, WIRE_VARINT, "a piece's type", err);
            if (rc == 0 && (field.value < PIECE_NORMAL || field.value > PIECE_BYTE))
                return conch_error_set(err, CONCH_ERR_FORMAT,
                                       "damaged SentencePiece model: piece %zu has the type %llu; types are 1 to 6",
                                       unigram->piece_count, (unsigned long long)field.value);
            row.kind = (enum piece_kind)field.value;
        }
        if (rc < 0)
            return rc;
    }
    return unigram_add(unigram, &row, err);
}

static int parse_trainer(struct reader reader, struct unigram *unigram, conch_error *err)
{
    static const char *const types[] = {"unigram", "bpe", "word", "char"};
    while (reader.at < reader.end) {
        struct field field;
        bool as_suffix = false;
        int rc = read_field(&reader, &field, err);
        if (rc < 0)
            return rc;
        if (field.number == 3) {
            rc = expect_wire(&reader, &field, WIRE_VARINT, "model_type", err);
            if (rc == 0 && field.value != 1)
                return conch_error_set(
                    err, CONCH_ERR_UNSUPPORTED,
                    "the SentencePiece model has model_type %llu (%s); only 1 (unigram) is supported",
                    (unsigned long long)field.value,
                    field.value >= 1 && field.value <= 4 ? types[field.value - 1] : "unknown");
        } else if (field.number == 24) {
            rc = field_bool(&reader, &field, "treat_whitespace_as_suffix", &as_suffix, err);
        } else if (field.number == 35) {
            rc = field_bool(&reader, &field, "byte_fallback", &unigram->byte_fallback, err);
        }
        if (as_suffix)
            return conch_error_set(err, CONCH_ERR_UNSUPPORTED,
                                   "the SentencePiece model sets treat_whitespace_as_suffix, which is not supported");
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int parse_normalizer(struct reader reader, struct text_rule *rule, conch_error *err)
{
    while (reader.at < reader.end) {
        struct field field;
        int rc = read_field(&reader, &field, err);
        if (rc < 0)
            return rc;
        if (field.number == 2) {
            rc = expect_wire(&reader, &field, WIRE_BYTES, "precompiled_charsmap", err);
            if (rc == 0) {
                charsmap_finish(&rule->map);
                rc = charsmap_init(&rule->map, field.bytes.at, (size_t)(field.bytes.end - field.bytes.at), err);
            }
        } else if (field.number == 3) {
            rc = field_bool(&reader, &field, "add_dummy_prefix", &rule->add_dummy_prefix, err);
        } else if (field.number == 4) {
            rc = field_bool(&reader, &field, "remove_extra_whitespaces", &rule->remove_extra_whitespaces, err);
        } else if (field.number == 5) {
            rc = field_bool(&reader, &field, "escape_whitespaces", &rule->escape_whitespaces, err);
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

int sentencepiece_parse(const void *data, size_t size, struct unigram *unigram, struct text_rules *rules,
                        conch_error *err)
{
    struct reader reader = {data, (const uint8_t *)data + size, data};
    struct text_rule *rule = text_rules_add(rules, RULE_SENTENCEPIECE, err);
    if (!rule)
        return CONCH_ERR_LIMIT;
    rule->add_dummy_prefix = rule->remove_extra_whitespaces = rule->escape_whitespaces = true;
    while (reader.at < reader.end) {
        struct field field;
        int rc = read_field(&reader, &field, err);
        if (rc == 0 && field.number >= 1 && field.number <= 3)
            rc = expect_wire(&reader, &field, WIRE_BYTES, "a part of the model", err);
        if (rc < 0)
            return rc;
        if (field.number == 1)
            rc = parse_piece(field.bytes, unigram, err);
        else if (field.number == 2)
            rc = parse_trainer(field.bytes, unigram, err);
        else if (field.number == 3)
            rc = parse_normalizer(field.bytes, rule, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}
