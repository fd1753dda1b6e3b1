#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <sys/stat.h>

#include "base/base.h"
#include "engine/tensor/weights.h"
#include "st_build.h"

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

static int setup(void **state)
{
    return folder_make("weights") ? 0 : -1;
}

static int teardown(void **state)
{
    folder_remove();
    return 0;
}

static struct weights *open_one(const char *path)
{
    struct weights *weights = NULL;
    conch_error err = {0};
    if (weights_open(&weights, &path, 1, &err) < 0)
        fail_msg("%s", err.text);
    return weights;
}

static void open_refused(const char *path, int code, const char *said)
{
    struct weights *weights = NULL;
    conch_error err = {0};
    int rc = weights_open(&weights, &path, 1, &err);
    if (rc != code || !strstr(err.text, said))
        fail_msg("%s: code %d, wanted %d; '%s' should say '%s'", path, rc, code, err.text, said);
    assert_null(weights);
}

static void get_refused(const struct weights *weights, const char *name, int ndim, const int64_t *shape, int code,
                        const char *said)
{
    struct weight_ref ref;
    conch_error err = {0};
    int rc = weights_get(weights, name, ndim, shape, &ref, &err);
    if (rc != code || !strstr(err.text, said))
        fail_msg("%s: code %d, wanted %d; '%s' should say '%s'", name, rc, code, err.text, said);
}

static struct weight_ref get(const struct weights *weights, const char *name, int ndim, const int64_t *shape)
{
    struct weight_ref ref = {0};
    conch_error err = {0};
    if (weights_get(weights, name, ndim, shape, &ref, &err) < 0)
        fail_msg("%s", err.text);
    return ref;
}

/* Reads every run of the weight and checks that it is that part of `want`, in f32 and rounded to bf16. */
static void reads_are(const struct weight_ref *ref, const float *want)
{
    float got[64];
    uint16_t got16[64], want16[64];
    assert_in_range(ref->elements, 0, 64);
    for (size_t first = 0; first <= ref->elements; first++) {
        for (size_t count = 0; count <= ref->elements - first; count++) {
            assert_int_equal(weight_read_f32(ref, first, count, got), 0);
            assert_memory_equal(got, want + first, count * sizeof *got);
            dtype_f32_to_bf16(want16, want + first, count);
            assert_int_equal(weight_read_bf16(ref, first, count, got16), 0);
            assert_memory_equal(got16, want16, count * sizeof *got16);
        }
    }
    assert_int_equal(weight_read_f32(ref, 0, ref->elements + 1, got), CONCH_ERR_RANGE);
    assert_int_equal(weight_read_f32(ref, ref->elements + 1, 0, got), CONCH_ERR_RANGE);
    assert_int_equal(weight_read_bf16(ref, 1, SIZE_MAX, got16), CONCH_ERR_RANGE);
    assert_int_equal(weight_read_bf16(ref, ref->elements, 1, got16), CONCH_ERR_RANGE);
}

/* --- fp8 and scales --- */

static void the_golden_scaled_fp8_weight_is_multiplied_by_its_scale(void **state)
{
    struct weights *weights = open_one(golden("loader_fp8_scaled.safetensors"));
    struct weights *expected = open_one(golden("loader_expected.safetensors"));
    struct weight_ref ref = get(weights, "blk.weight", 2, SHAPE(4, 6));
    float want[24];
    assert_int_equal(ref.dtype, DTYPE_F8_E4M3);
    struct weight_ref want_ref = get(expected, "fp8_scaled.blk.weight", 2, SHAPE(4, 6));
    assert_int_equal(weight_read_f32(&want_ref, 0, 24, want), 0);
    reads_are(&ref, want);
    ref = get(weights, "blk.bias", 1, SHAPE(4));
    want_ref = get(expected, "fp8_scaled.blk.bias", 1, SHAPE(4));
    assert_int_equal(weight_read_f32(&want_ref, 0, 4, want), 0);
    reads_are(&ref, want);
    weights_close(weights);
    weights_close(expected);
}

static const uint8_t fp8_codes[6] = {0x38, 0x40, 0xb8, 0x30, 0x00, 0x7e}; /* 1 2 -1 0.5 0 448 */

/* A 3x2 fp8 weight `blk.weight` with a scale tensor beside it, behind the prefix of Comfy. */
static struct weights *scaled_open(const char *scale_name, const char *dtype, const char *shape, const void *scales,
                                   size_t bytes)
{
    struct st_build build;
    char name[64];
    st_build_init(&build);
    st_build_add(&build, "scaled_fp8", "F8_E4M3", "[0]", "", 0);
    st_build_add(&build, "model.diffusion_model.blk.weight", "F8_E4M3", "[3, 2]", fp8_codes, sizeof fp8_codes);
    st_build_add(&build, "model.diffusion_model.blk.scale_input", "F32", "[]", &(float){7}, 4);
    st_build_add(&build, "model.diffusion_model.blk.comfy_quant", "U8", "[2]", "{}", 2);
    snprintf(name, sizeof name, "model.diffusion_model.blk.%s", scale_name);
    st_build_add(&build, name, dtype, shape, scales, bytes);
    return open_one(st_build_write(&build, "scaled.safetensors"));
}

static void a_scale_may_be_one_number_or_one_a_row_under_either_name(void **state)
{
    static const float rows[3] = {2, -4, 0.25f}, one = 3;
    static const float want_rows[6] = {2, 4, 4, -2, 0, 112}, want_one[6] = {3, 6, -3, 1.5f, 0, 1344};
    static const uint16_t one_bf16 = 0x4040;
    static const struct {
        const char *name, *dtype, *shape;
        const void *scales;
        size_t bytes;
        const float *want;
    } cases[] = {
        {"scale_weight", "F32", "[]", &one, 4, want_one},    {"weight_scale", "F32", "[1]", &one, 4, want_one},
        {"weight_scale", "F32", "[1,1]", &one, 4, want_one}, {"scale_weight", "BF16", "[]", &one_bf16, 2, want_one},
        {"weight_scale", "F32", "[3]", rows, 12, want_rows}, {"scale_weight", "F32", "[3,1]", rows, 12, want_rows},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct weights *weights = scaled_open(cases[i].name, cases[i].dtype, cases[i].shape, cases[i].scales,
                                              cases[i].bytes);
        struct weight_ref ref = get(weights, "blk.weight", 2, SHAPE(3, 2));
        reads_are(&ref, cases[i].want);
        assert_null(weight_data(&ref, DTYPE_F8_E4M3)); /* the codes alone are not the weight */
        weights_close(weights);
    }
}

static void a_scale_that_cannot_be_used_is_refused(void **state)
{
    static const float nan_row[3] = {1, NAN, 1}, block[6] = {1, 1, 1, 1, 1, 1}, infinite = INFINITY;
    static const int32_t whole = 1;
    static const struct {
        const char *dtype, *shape;
        const void *scales;
        size_t bytes;
        int code;
        const char *said;
    } cases[] = {
        {"F32", "[3]", nan_row, 12, CONCH_ERR_FORMAT, "scale 1 is"},
        {"F32", "[]", &infinite, 4, CONCH_ERR_FORMAT, "scale 0 is inf"},
        {"F32", "[3,2]", block, 24, CONCH_ERR_UNSUPPORTED, "shape [3, 2]"},
        {"F32", "[2]", block, 8, CONCH_ERR_UNSUPPORTED, "one a row"},
        {"F32", "[0]", block, 0, CONCH_ERR_UNSUPPORTED, "one a row"},
        {"I32", "[]", &whole, 4, CONCH_ERR_UNSUPPORTED, "I32"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct weights *weights = scaled_open("weight_scale", cases[i].dtype, cases[i].shape, cases[i].scales,
                                              cases[i].bytes);
        get_refused(weights, "blk.weight", 2, SHAPE(3, 2), cases[i].code, cases[i].said);
        get_refused(weights, "blk.weight", 2, SHAPE(3, 2), cases[i].code, "blk.weight_scale");
        weights_close(weights);
    }
}

/* --- shapes --- */

static const float numbers[24] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23};

static struct weights *plain_open(void)
{
    struct st_build build;
    st_build_init(&build);
    st_build_field(&build, "\"__metadata__\":{\"format\":\"pt\"}");
    st_build_add(&build, "blocks.7.ffn.0.weight", "F32", "[4, 6]", numbers, sizeof numbers);
    st_build_add(&build, "scalar", "F32", "[]", &numbers[5], 4);
    st_build_add(&build, "empty", "F32", "[0, 3]", numbers, 0);
    st_build_add(&build, "bad", "F32", "[3]", (const float[]){1, 2, -INFINITY}, 12);
    st_build_add(&build, "ids", "I32", "[2]", (const int32_t[]){-1, 2147483647}, 8);
    return open_one(st_build_write(&build, "plain.safetensors"));
}

static void a_wrong_shape_names_file_tensor_found_and_wanted(void **state)
{
    struct weights *weights = plain_open();
    static const char *const said[] = {"plain.safetensors", "blocks.7.ffn.0.weight", "[4, 6]", "[6, any]"};
    for (size_t i = 0; i < ARRAY_LEN(said); i++)
        get_refused(weights, "blocks.7.ffn.0.weight", 2, SHAPE(6, -1), CONCH_ERR_FORMAT, said[i]);
    get_refused(weights, "blocks.7.ffn.0.weight", 1, SHAPE(4), CONCH_ERR_FORMAT, "wanted is [4]");
    get_refused(weights, "blocks.7.ffn.0.weight", 3, SHAPE(4, 6, 1), CONCH_ERR_FORMAT, "[4, 6, 1]");
    get_refused(weights, "blocks.7.ffn.0.weight", 0, NULL, CONCH_ERR_FORMAT, "wanted is []");
    get_refused(weights, "scalar", 1, SHAPE(1), CONCH_ERR_FORMAT, "has shape []");
    get_refused(weights, "absent", 1, SHAPE(1), CONCH_ERR_NOTFOUND, "no tensor absent");
    get_refused(weights, "blocks.7.ffn.2.weight", 1, SHAPE(1), CONCH_ERR_NOTFOUND, "nor blocks.7.ffn.net.2.weight");
    weights_close(weights);
}

static void any_size_is_filled_in_and_reads_are_in_row_order(void **state)
{
    struct weights *weights = plain_open();
    struct weight_ref ref;
    conch_error err = {0};
    assert_int_equal(weights_getf(weights, &ref, &err, 2, SHAPE(-1, 6), "blocks.%d.ffn.%d.weight", 7, 0), 0);
    assert_int_equal(ref.shape[0], 4);
    assert_int_equal(ref.shape[1], 6);
    assert_int_equal(ref.elements, 24);
    reads_are(&ref, numbers);
    weight_drop(&ref);
    reads_are(&ref, numbers);
    ref = get(weights, "scalar", 0, NULL);
    reads_are(&ref, numbers + 5);
    ref = get(weights, "empty", 2, SHAPE(-1, 3));
    assert_int_equal(ref.elements, 0);
    reads_are(&ref, numbers);
    weights_close(weights);
}

static void a_weight_is_offered_in_place_only_when_it_is_plain(void **state)
{
    struct weights *weights = plain_open();
    struct weight_ref ref = get(weights, "blocks.7.ffn.0.weight", 2, SHAPE(4, 6));
    assert_null(weight_data(&ref, DTYPE_BF16));
    const float *data = weight_data(&ref, DTYPE_F32);
    bool aligned = (uintptr_t)ref.tensor->data % 4 == 0;
    assert_true(aligned == (data != NULL));
    if (data)
        assert_memory_equal(data, numbers, sizeof numbers);
    weights_close(weights);
}

static void values_that_are_not_finite_are_found(void **state)
{
    struct weights *weights = plain_open();
    conch_error err = {0};
    struct weight_ref ref = get(weights, "blocks.7.ffn.0.weight", 2, SHAPE(4, 6));
    assert_int_equal(weights_check_finite(&ref, &err), 0);
    ref = get(weights, "ids", 1, SHAPE(2));
    assert_int_equal(weights_check_finite(&ref, &err), 0);
    ref = get(weights, "bad", 1, SHAPE(3));
    assert_int_equal(weights_check_finite(&ref, &err), CONCH_ERR_FORMAT);
    assert_non_null(strstr(err.text, "tensor bad: element 2 of 3 is -inf"));
    weights_close(weights);
}

static void the_set_lists_what_is_stored(void **state)
{
    struct weights *weights = plain_open();
    assert_int_equal(weights_count(weights), 5);
    assert_int_equal(weights_bytes(weights), 96 + 4 + 12 + 8);
    assert_string_equal(weights_metadata(weights, "format"), "pt");
    assert_null(weights_metadata(weights, "absent"));
    assert_true(weights_has(weights, "scalar"));
    assert_false(weights_has(weights, "absent"));
    assert_null(weights_find(weights, "absent"));
    for (size_t i = 0; i < weights_count(weights); i++)
        assert_ptr_equal(weights_find(weights, weights_at(weights, i)->name), weights_at(weights, i));
    weights_close(weights);
    weights_close(NULL);
}

/* --- indexes and folders --- */

static const char *shard_write(const char *file, const char *a, float value_a, const char *b, float value_b)
{
    struct st_build build;
    st_build_init(&build);
    st_build_add(&build, a, "F32", "[1]", &value_a, 4);
    if (b)
        st_build_add(&build, b, "F32", "[1]", &value_b, 4);
    return st_build_write(&build, file);
}

static float value_of(const struct weights *weights, const char *name)
{
    float value = NAN;
    struct weight_ref ref = get(weights, name, 1, SHAPE(1));
    assert_int_equal(weight_read_f32(&ref, 0, 1, &value), 0);
    return value;
}

static void an_index_leads_to_its_shards(void **state)
{
    shard_write("s1.safetensors", "a", 1, "both", 10);
    shard_write("s2.safetensors", "b", 2, "both", 20);
    const char *index = text_write("m.safetensors.index.json",
                                   "{\"metadata\":{\"total_size\":12},\"weight_map\":{\"a\":\"s1.safetensors\","
                                   "\"b\":\"s2.safetensors\",\"both\":\"s2.safetensors\"}}");
    struct weights *weights = open_one(index);
    assert_int_equal(weights_count(weights), 3);
    assert_true(value_of(weights, "a") == 1);
    assert_true(value_of(weights, "b") == 2);
    assert_true(value_of(weights, "both") == 20); /* the index decides */
    weights_close(weights);
}

static void a_damaged_index_names_what_is_wrong(void **state)
{
    shard_write("s1.safetensors", "a", 1, NULL, 0);
    open_refused(text_write("i.json", "{\"weight_map\":{\"a\":\"s1.safetensors\",\"b\":\"gone.safetensors\"}}"),
                 CONCH_ERR_NOTFOUND, "gone.safetensors");
    open_refused(text_write("i.json", "{\"weight_map\":{\"a\":\"s1.safetensors\",\"zz\":\"s1.safetensors\"}}"),
                 CONCH_ERR_FORMAT, "tensor zz should be in s1.safetensors");
    open_refused(text_write("i.json", "{\"weight_map\":{\"a\":\"../s1.safetensors\"}}"), CONCH_ERR_FORMAT, "../s1");
    open_refused(text_write("i.json", "{\"weight_map\":{\"a\":\"/etc/passwd\"}}"), CONCH_ERR_FORMAT, "/etc/passwd");
    open_refused(text_write("i.json", "{\"weight_map\":{\"a\":\"\"}}"), CONCH_ERR_FORMAT, "tensor a");
    open_refused(text_write("i.json", "{\"weight_map\":{\"a\":3}}"), CONCH_ERR_FORMAT, "not a text");
    open_refused(text_write("i.json", "{\"weight_map\":[]}"), CONCH_ERR_FORMAT, "weight_map");
    open_refused(text_write("i.json", "{\"model_type\":\"t2v\"}"), CONCH_ERR_FORMAT, "weight_map");
    open_refused(text_write("i.json", "[]"), CONCH_ERR_FORMAT, "weight_map");
    open_refused(text_write("i.json", "{\"weight_map\""), CONCH_ERR_FORMAT, "JSON");
    open_refused(text_write("i.json", ""), CONCH_ERR_FORMAT, "JSON");
    open_refused(in_folder("absent.json"), CONCH_ERR_NOTFOUND, "absent.json");
    open_refused(in_folder("absent.safetensors"), CONCH_ERR_NOTFOUND, "absent.safetensors");
    text_write("broken.safetensors", "no");
    open_refused(text_write("i.json", "{\"weight_map\":{\"a\":\"s1.safetensors\",\"b\":\"broken.safetensors\"}}"),
                 CONCH_ERR_FORMAT, "broken.safetensors");
}

static void an_empty_index_is_an_empty_set(void **state)
{
    struct weights *weights = open_one(text_write("i.json", "{\"weight_map\":{}}"));
    assert_int_equal(weights_count(weights), 0);
    assert_false(weights_has(weights, "a"));
    get_refused(weights, "a", 0, NULL, CONCH_ERR_NOTFOUND, "no tensor a");
    weights_close(weights);
}

static void several_files_make_one_set_unless_they_share_a_name(void **state)
{
    const char *paths[] = {shard_write("x.safetensors", "a", 1, "scaled_fp8", 0),
                           shard_write("y.safetensors", "b", 2, "scaled_fp8", 0),
                           shard_write("z.safetensors", "a", 3, NULL, 0)};
    struct weights *weights = NULL;
    conch_error err = {0};
    assert_int_equal(weights_open(&weights, paths, 2, &err), 0);
    assert_true(value_of(weights, "a") == 1 && value_of(weights, "b") == 2);
    weights_close(weights);
    weights = NULL;
    assert_int_equal(weights_open(&weights, paths, 3, &err), CONCH_ERR_FORMAT);
    assert_non_null(strstr(err.text, "tensor a is in both"));
    assert_non_null(strstr(err.text, "x.safetensors"));
    assert_non_null(strstr(err.text, "z.safetensors"));
    assert_int_equal(weights_open(&weights, paths, 0, &err), CONCH_ERR_RANGE);
    assert_null(weights);
}

static void a_folder_is_searched_for_its_index_or_its_only_file(void **state)
{
    assert_int_equal(mkdir(in_folder("d"), 0700), 0);
    open_refused(in_folder("d"), CONCH_ERR_NOTFOUND, "no .safetensors");
    text_write("d/config.json", "{}");
    text_write("d/pytorch_model.bin.index.json", "{}");
    text_write("d/._x.safetensors", "left by another program");
    shard_write("d/one.safetensors", "a", 1, NULL, 0);
    struct weights *weights = open_one(in_folder("d"));
    assert_true(value_of(weights, "a") == 1);
    weights_close(weights);
    shard_write("d/two.safetensors", "b", 2, NULL, 0);
    open_refused(in_folder("d"), CONCH_ERR_RANGE, "one.safetensors, two.safetensors");
    text_write("d/m.safetensors.index.json", "{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}}");
    weights = open_one(in_folder("d/"));
    assert_int_equal(weights_count(weights), 2);
    weights_close(weights);
    text_write("d/n.safetensors.index.json", "{\"weight_map\":{}}");
    open_refused(in_folder("d"), CONCH_ERR_RANGE, "m.safetensors.index.json, n.safetensors.index.json");
}

/* --- names --- */

/* A set whose tensors are the names of one kind in real_names.tsv: column 1 official, 2 other; all empty. */
static struct weights *names_open(const char *kind, int column, const char *prefix)
{
    static char seen[2000][256];
    size_t seen_count = 0;
    char text[2048], name[256], field[3][768];
    struct st_build build;
    FILE *file = fopen(golden("real_names.tsv"), "r");
    assert_non_null(file);
    st_build_init(&build);
    while (fgets(text, sizeof text, file)) {
        if (sscanf(text, "%767[^\t]\t%767[^\t]\t%767[^\n]", field[0], field[1], field[2]) != 3 ||
            strcmp(field[0], kind) != 0)
            continue;
        for (char *part = strtok(field[column], " "); part; part = strtok(NULL, " ")) {
            bool again = false;
            snprintf(name, sizeof name, "%s%s", prefix, part);
            for (size_t i = 0; i < seen_count && !again; i++)
                again = strcmp(seen[i], name) == 0; /* both VAEs have this one */
            if (again)
                continue;
            assert_true(seen_count < ARRAY_LEN(seen));
            strcpy(seen[seen_count++], name);
            st_build_add(&build, name, "F32", "[0, 4]", "", 0);
        }
    }
    fclose(file);
    return open_one(st_build_write(&build, "names.safetensors"));
}

static void names_are_all_there(const struct weights *weights, const char *kind)
{
    char text[2048], field[3][768];
    size_t count = 0;
    FILE *file = fopen(golden("real_names.tsv"), "r");
    assert_non_null(file);
    while (fgets(text, sizeof text, file)) {
        struct weight_ref ref;
        if (sscanf(text, "%767[^\t]\t%767[^\t]\t%767[^\n]", field[0], field[1], field[2]) != 3 ||
            strcmp(field[0], kind) != 0)
            continue;
        conch_error err = {0};
        if (!weights_has(weights, field[1]))
            fail_msg("%s was not found", field[1]);
        if (weights_get(weights, field[1], 2, SHAPE(-1, -1), &ref, &err) < 0)
            fail_msg("%s", err.text);
        count++;
    }
    fclose(file);
    assert_true(count > 10);
}

static void every_real_model_is_found_under_every_naming(void **state)
{
    static const char *const kinds[] = {"dit", "vae", "umt5", "clip"};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        for (const char *const *prefix = weights_prefixes; *prefix; prefix++) {
            for (int column = 1; column <= 2; column++) {
                struct weights *weights = names_open(kinds[i], column, *prefix);
                names_are_all_there(weights, kinds[i]);
                assert_false(weights_has(weights, "blocks.0.nothing.weight"));
                weights_close(weights);
            }
        }
    }
}

static void the_image_encoder_of_hugging_face_reads_as_the_official_one(void **state)
{
    struct st_build build;
    st_build_init(&build);
#define LAYER "vision_model.encoder.layers.3.self_attn."
    st_build_add(&build, LAYER "k_proj.weight", "F32", "[2, 3]", numbers + 6, 24);
    st_build_add(&build, LAYER "q_proj.weight", "F32", "[2, 3]", numbers, 24);
    st_build_add(&build, LAYER "v_proj.weight", "F32", "[2, 3]", numbers + 12, 24);
    st_build_add(&build, LAYER "q_proj.bias", "F32", "[2]", numbers, 8);
    st_build_add(&build, LAYER "k_proj.bias", "F32", "[2]", numbers, 8);
    st_build_add(&build, "vision_model.encoder.layers.4.self_attn.q_proj.weight", "F32", "[2, 3]", numbers, 24);
    st_build_add(&build, "vision_model.encoder.layers.4.self_attn.k_proj.weight", "F32", "[3, 2]", numbers, 24);
    st_build_add(&build, "vision_model.encoder.layers.4.self_attn.v_proj.weight", "F32", "[2, 3]", numbers, 24);
    st_build_add(&build, "vision_model.embeddings.class_embedding", "F32", "[4]", numbers, 16);
    st_build_add(&build, "vision_model.embeddings.position_embedding.weight", "F32", "[3, 4]", numbers, 48);
    st_build_add(&build, "visual_projection.weight", "F32", "[2, 3]", numbers, 24);
    struct weights *weights = open_one(st_build_write(&build, "clip.safetensors"));

    struct weight_ref ref = get(weights, "visual.transformer.3.attn.to_qkv.weight", 2, SHAPE(6, -1));
    assert_int_equal(ref.part_count, 3);
    assert_int_equal(ref.shape[1], 3);
    reads_are(&ref, numbers); /* q, k, v in this order whatever theirs in the file */
    assert_null(weight_data(&ref, DTYPE_F32));
    weight_drop(&ref);
    conch_error err = {0};
    assert_int_equal(weights_check_finite(&ref, &err), 0);
    assert_true(weights_has(weights, "visual.transformer.3.attn.to_qkv.weight"));
    assert_null(weights_find(weights, "visual.transformer.3.attn.to_qkv.weight"));
    assert_false(weights_has(weights, "visual.transformer.3.attn.to_qkv.bias")); /* v is missing */
    get_refused(weights, "visual.transformer.3.attn.to_qkv.weight", 2, SHAPE(2, 3), CONCH_ERR_FORMAT, "[6, 3]");
    get_refused(weights, "visual.transformer.4.attn.to_qkv.weight", 2, SHAPE(-1, -1), CONCH_ERR_FORMAT, "do not join");

    ref = get(weights, "visual.cls_embedding", 3, SHAPE(1, 1, 4));
    reads_are(&ref, numbers);
    ref = get(weights, "visual.pos_embedding", 3, SHAPE(1, -1, 4));
    assert_int_equal(ref.shape[1], 3);
    reads_are(&ref, numbers);
    get_refused(weights, "visual.pos_embedding", 3, SHAPE(1, 4, 3), CONCH_ERR_FORMAT, "[3, 4]");
    get_refused(weights, "visual.pos_embedding", 2, SHAPE(1, 3), CONCH_ERR_FORMAT, "[3, 4]");

    static const float turned[6] = {0, 3, 1, 4, 2, 5};
    ref = get(weights, "visual.head", 2, SHAPE(3, 2));
    reads_are(&ref, turned);
    assert_null(weight_data(&ref, DTYPE_F32));
    get_refused(weights, "visual.head", 2, SHAPE(2, 3), CONCH_ERR_FORMAT, "[3, 2]");
    weights_close(weights);
}

static void official_names_win_over_translated_ones(void **state)
{
    struct st_build build;
    st_build_init(&build);
    st_build_add(&build, "blocks.0.norm2.weight", "F32", "[1]", &(float){2}, 4);
    st_build_add(&build, "blocks.0.norm3.weight", "F32", "[1]", &(float){3}, 4);
    struct weights *weights = open_one(st_build_write(&build, "both.safetensors"));
    assert_true(value_of(weights, "blocks.0.norm3.weight") == 3);
    weights_close(weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_scaled_fp8_weight_is_multiplied_by_its_scale),
        cmocka_unit_test(a_scale_may_be_one_number_or_one_a_row_under_either_name),
        cmocka_unit_test(a_scale_that_cannot_be_used_is_refused),
        cmocka_unit_test(a_wrong_shape_names_file_tensor_found_and_wanted),
        cmocka_unit_test(any_size_is_filled_in_and_reads_are_in_row_order),
        cmocka_unit_test(a_weight_is_offered_in_place_only_when_it_is_plain),
        cmocka_unit_test(values_that_are_not_finite_are_found),
        cmocka_unit_test(the_set_lists_what_is_stored),
        cmocka_unit_test(an_index_leads_to_its_shards),
        cmocka_unit_test(a_damaged_index_names_what_is_wrong),
        cmocka_unit_test(an_empty_index_is_an_empty_set),
        cmocka_unit_test(several_files_make_one_set_unless_they_share_a_name),
        cmocka_unit_test(a_folder_is_searched_for_its_index_or_its_only_file),
        cmocka_unit_test(every_real_model_is_found_under_every_naming),
        cmocka_unit_test(the_image_encoder_of_hugging_face_reads_as_the_official_one),
        cmocka_unit_test(official_names_win_over_translated_ones),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
