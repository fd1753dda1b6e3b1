/* Includes the file under test, to walk its tables: every row must be needed by a name of a real model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/tensor/weights_names.c"

#include "base/base.h"
#include "st_build.h"

#define NAMES_MAX 2000

/* Lines of tests/golden/real_names.tsv, which was made from the published lists without this program. */
static struct name_line {
    char kind[8], official[WEIGHTS_NAME_BYTES], other[3 * WEIGHTS_NAME_BYTES];
} * lines;
static size_t line_count;

static int lines_load(void **state)
{
    FILE *file = fopen(golden("real_names.tsv"), "r");
    char text[2048];
    lines = calloc(NAMES_MAX, sizeof *lines);
    if (!file || !lines)
        return -1;
    while (fgets(text, sizeof text, file))
        if (text[0] != '#' && sscanf(text, "%7[^\t]\t%255[^\t]\t%767[^\n]", lines[line_count].kind,
                                     lines[line_count].official, lines[line_count].other) == 3)
            line_count++;
    fclose(file);
    return line_count > 500 ? 0 : -1;
}

static int lines_free(void **state)
{
    free(lines);
    return 0;
}

/* The parts of a name with a space between them, as in the file. */
static const char *parts_text(const struct weights_name *name)
{
    static char text[3 * WEIGHTS_NAME_BYTES];
    text[0] = 0;
    for (int i = 0; i < name->part_count; i++) {
        strcat(text, i ? " " : "");
        strcat(text, name->part[i]);
    }
    return text;
}

static void every_real_name_translates_to_its_published_other_name(void **state)
{
    for (size_t i = 0; i < line_count; i++) {
        struct weights_name other[WEIGHTS_OTHERS_MAX];
        size_t count = weights_names(lines[i].official, other);
        bool found = strcmp(lines[i].official, lines[i].other) == 0; /* the same in both needs no row */
        for (size_t k = 0; k < count; k++)
            found = found || strcmp(parts_text(&other[k]), lines[i].other) == 0;
        if (!found)
            fail_msg("%s: %zu names, none is %s", lines[i].official, count, lines[i].other);
    }
}

static void no_two_real_names_of_a_kind_share_another_name(void **state)
{
    for (size_t i = 0; i < line_count; i++)
        for (size_t k = i + 1; k < line_count; k++) {
            /* two generations of VAE and several sizes of transformer are in the list under one kind */
            bool same = strcmp(lines[i].kind, lines[k].kind) == 0 && strcmp(lines[i].other, lines[k].other) == 0;
            bool generations = strstr(lines[k].official, "samples.") &&
                               strstr(strstr(lines[k].official, "samples.") + 8, "samples.");
            if (same && !generations)
                fail_msg("%s and %s are both %s", lines[i].official, lines[k].official, lines[i].other);
        }
}

static bool row_used(const struct name_row *row)
{
    struct weights_name other;
    for (size_t i = 0; i < line_count; i++)
        if (row_translate(row, lines[i].official, &other) && strcmp(parts_text(&other), lines[i].other) == 0)
            return true;
    return false;
}

/* Whether some real name needs the nested row `inner` under any row that leads to its table. */
static bool inner_used(const struct name_row *table, const struct name_row *inner, const char *name)
{
    struct match match, rest;
    for (const struct name_row *row = table; row->official; row++) {
        if (!row->rest || !pattern_match(row->official, name, &match))
            continue;
        for (const struct name_row *one = row->rest; one->official; one++)
            if (one == inner && pattern_match(inner->official, match.rest, &rest))
                return true;
        if (inner_used(row->rest, inner, match.rest))
            return true;
    }
    return false;
}

static void every_row_is_needed_by_a_real_name(void **state)
{
    for (const struct name_row *row = rows_all; row->official; row++) {
        bool alternative = strcmp(row->other[0], "encoder.embed_tokens.~") == 0; /* has its own test below */
        if (!alternative && !row_used(row))
            fail_msg("no real name uses the row %s", row->official);
    }
    static const struct name_row *const tables[] = {rows_attention, rows_block,    rows_residual,
                                                    rows_resample,  rows_t5_block, rows_clip_layer};
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (const struct name_row *row = tables[t]; row->official; row++) {
            bool used = false;
            for (size_t i = 0; i < line_count && !used; i++)
                used = inner_used(rows_all, row, lines[i].official);
            if (!used)
                fail_msg("no real name uses the row %s", row->official);
        }
}

static void the_token_table_has_two_other_names(void **state)
{
    struct weights_name other[WEIGHTS_OTHERS_MAX];
    assert_int_equal(weights_names("token_embedding.weight", other), 2);
    assert_string_equal(other[0].part[0], "shared.weight");
    assert_string_equal(other[1].part[0], "encoder.embed_tokens.weight");
}

static void joined_and_turned_tensors_say_so(void **state)
{
    struct weights_name other[WEIGHTS_OTHERS_MAX];
    assert_int_equal(weights_names("visual.transformer.31.attn.to_qkv.bias", other), 1);
    assert_int_equal(other[0].part_count, 3);
    assert_string_equal(other[0].part[2], "vision_model.encoder.layers.31.self_attn.v_proj.bias");
    assert_int_equal(other[0].flags, 0);
    assert_int_equal(weights_names("visual.head", other), 1);
    assert_int_equal(other[0].flags, WEIGHTS_TRANSPOSED);
    assert_int_equal(weights_names("visual.cls_embedding", other), 1);
    assert_int_equal(other[0].flags, WEIGHTS_RESHAPED);
}

static void names_that_are_not_official_have_no_other(void **state)
{
    static const char *const names[] = {"",
                                        "blocks",
                                        "blocks.",
                                        "blocks.3",
                                        "blocks.x.norm3.weight",
                                        "blocks.3.norm3",
                                        "blocks.3.norm3.",
                                        "blocks.3.modulation.weight",
                                        "head.modulation2",
                                        "decoder.upsamples.15.residual.0.gamma",
                                        "decoder.upsamples.3.residual.0.gamma",
                                        "decoder.upsamples.0.resample.1.weight",
                                        "xconv1.weight",
                                        "patch_embedding.weight"};
    struct weights_name other[WEIGHTS_OTHERS_MAX];
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (weights_names(names[i], other) != 0)
            fail_msg("%s became %s", names[i], other[0].part[0]);
}

static void names_of_any_length_are_safe(void **state)
{
    char name[1000];
    struct weights_name other[WEIGHTS_OTHERS_MAX];
    for (size_t digits = 1; digits < 500; digits++) {
        snprintf(name, sizeof name, "visual.transformer.%0*d.attn.to_qkv.weight", (int)digits, 1);
        size_t count = weights_names(name, other);
        assert_true(count <= 1);
        if (count)
            assert_true(strlen(other[0].part[0]) < WEIGHTS_NAME_BYTES);
        assert_int_equal(count, strlen("vision_model.encoder.layers..self_attn.q_proj.weight") + digits < 256);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_real_name_translates_to_its_published_other_name),
        cmocka_unit_test(no_two_real_names_of_a_kind_share_another_name),
        cmocka_unit_test(every_row_is_needed_by_a_real_name),
        cmocka_unit_test(the_token_table_has_two_other_names),
        cmocka_unit_test(joined_and_turned_tensors_say_so),
        cmocka_unit_test(names_that_are_not_official_have_no_other),
        cmocka_unit_test(names_of_any_length_are_safe),
    };
    return cmocka_run_group_tests(tests, lines_load, lines_free);
}
