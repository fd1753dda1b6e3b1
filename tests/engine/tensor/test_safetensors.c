#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "engine/tensor/safetensors.h"
#include "st_build.h"

static int setup(void **state)
{
    return folder_make("safetensors") ? 0 : -1;
}

static int teardown(void **state)
{
    folder_remove();
    return 0;
}

/* Opens a copy that ends exactly where its memory does, so that a sanitizer sees any read beyond. */
static int open_bytes(struct st_file **ret, const void *data, size_t size, conch_error *err)
{
    uint8_t *exact = malloc(size ? size : 1);
    if (size)
        memcpy(exact, data, size);
    int rc = st_open_memory(ret, exact, size, "test", err);
    if (rc == 0)
        st_close(*ret);
    free(exact);
    return rc;
}

static int open_header(const char *header, size_t data_bytes, conch_error *err)
{
    static uint8_t bytes[65536];
    struct st_file *file;
    uint64_t size = strlen(header);
    assert_true(8 + size + data_bytes <= sizeof bytes);
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, &size, 8);
    memcpy(bytes + 8, header, size);
    return open_bytes(&file, bytes, 8 + size + data_bytes, err);
}

static void refused(const char *header, size_t data_bytes, int code, const char *said)
{
    conch_error err = {0};
    int rc = open_header(header, data_bytes, &err);
    if (rc != code || err.code != code || !strstr(err.text, said))
        fail_msg("%s: code %d, wanted %d; '%s' should say '%s'", header, rc, code, err.text, said);
}

static void the_golden_file_is_listed_as_it_is(void **state)
{
    struct st_file *file;
    conch_error err = {0};
    assert_int_equal(st_open(&file, golden("loader_dtypes.safetensors"), &err), 0);
    assert_int_equal(st_count(file), 15);
    const struct st_tensor *tensor = st_find(file, "n\xc3\xa4me \"x\"\\y");
    assert_non_null(tensor);
    assert_int_equal(tensor->ndim, 1);
    assert_int_equal(tensor->shape[0], 2);
    tensor = st_find(file, "scalar");
    assert_int_equal(tensor->ndim, 0);
    assert_int_equal(st_elements(tensor), 1);
    tensor = st_find(file, "empty");
    assert_int_equal(st_elements(tensor), 0);
    assert_int_equal(tensor->shape[0], 0);
    assert_int_equal(tensor->shape[1], 4);
    tensor = st_find(file, "f64");
    assert_int_equal(tensor->dtype, DTYPE_F64);
    assert_int_equal(tensor->bytes, 120);
    assert_null(st_find(file, "absent"));
    assert_null(st_find(file, "__metadata__"));
    assert_string_equal(st_metadata(file, "format"), "pt");
    assert_string_equal(st_metadata(file, "note"), "l\xc3\xadnea\n\"q\"");
    assert_null(st_metadata(file, "absent"));
    for (size_t i = 0; i < st_count(file); i++)
        assert_ptr_equal(st_find(file, st_at(file, i)->name), st_at(file, i));
    for (size_t i = 1; i < st_count(file); i++)
        assert_true((uintptr_t)st_at(file, i - 1)->data <= (uintptr_t)st_at(file, i)->data);
    st_close(file);
}

static void every_bad_golden_file_is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *name;
        int code;
        const char *said;
    } cases[] = {
        {"empty_file", CONCH_ERR_FORMAT, "too short"},
        {"header_longer_than_file", CONCH_ERR_FORMAT, "1099511627776"},
        {"negative_dim", CONCH_ERR_FORMAT, "shape[0]"},
        {"not_json", CONCH_ERR_FORMAT, "JSON"},
        {"offset_past_end", CONCH_ERR_FORMAT, "[8, 16]"},
        {"overlap", CONCH_ERR_FORMAT, "a and b overlap"},
        {"reversed_offsets", CONCH_ERR_FORMAT, "[8, 0]"},
        {"shape_overflow", CONCH_ERR_FORMAT, "2^63"},
        {"short_length", CONCH_ERR_FORMAT, "too short"},
        {"size_mismatch", CONCH_ERR_FORMAT, "8 bytes do not fit F32 of shape [3]"},
        {"trailing_bytes", CONCH_ERR_FORMAT, "4 bytes after the last tensor"},
        {"truncated_data", CONCH_ERR_FORMAT, "5 bytes of data"},
        {"unknown_dtype", CONCH_ERR_UNSUPPORTED, "Q9"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char name[128];
        struct st_file *file = NULL;
        conch_error err = {0};
        snprintf(name, sizeof name, "loader_bad/%s.safetensors", cases[i].name);
        assert_int_equal(st_open(&file, golden(name), &err), cases[i].code);
        assert_null(file);
        assert_non_null(strstr(err.text, cases[i].said));
        assert_non_null(strstr(err.text, cases[i].name));
    }
}

static void a_file_cut_short_anywhere_is_refused(void **state)
{
    struct buf buf;
    struct st_file *file;
    buf_init(&buf, 1 << 20);
    assert_int_equal(file_read(&buf, golden("loader_dtypes.safetensors"), NULL), 0);
    assert_int_equal(open_bytes(&file, buf.data, buf.size, NULL), 0);
    for (size_t size = 0; size < buf.size; size++) {
        conch_error err = {0};
        assert_int_equal(open_bytes(&file, buf.data, size, &err), CONCH_ERR_FORMAT);
    }
    buf_finish(&buf);
}

#define A(fields) "{\"a\":{" fields "}}"

static void wrong_fields_are_named(void **state)
{
    refused("[]", 0, CONCH_ERR_FORMAT, "not a JSON object");
    refused("", 0, CONCH_ERR_FORMAT, "JSON");
    refused("{} x", 0, CONCH_ERR_FORMAT, "JSON");
    refused("{\"a\":3}", 0, CONCH_ERR_FORMAT, "tensor a: its entry");
    refused(A("\"shape\":[2],\"data_offsets\":[0,8]"), 8, CONCH_ERR_FORMAT, "dtype is missing");
    refused(A("\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]"), 8, CONCH_ERR_FORMAT, "dtype is missing");
    refused(A("\"dtype\":\"F32\",\"data_offsets\":[0,8]"), 8, CONCH_ERR_FORMAT, "shape is missing");
    refused(A("\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]"), 8, CONCH_ERR_FORMAT, "shape[0]");
    refused(A("\"dtype\":\"F32\",\"shape\":[1,\"2\"],\"data_offsets\":[0,8]"), 8, CONCH_ERR_FORMAT, "shape[1]");
    refused(A("\"dtype\":\"F32\",\"shape\":[2]"), 8, CONCH_ERR_FORMAT, "data_offsets");
    refused(A("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]"), 8, CONCH_ERR_FORMAT, "data_offsets");
    refused(A("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]"), 8, CONCH_ERR_FORMAT, "data_offsets");
    refused(A("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0.0,8]"), 8, CONCH_ERR_FORMAT, "data_offsets");
    refused(A("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]"), 8, CONCH_ERR_FORMAT, "[-8, 0]");
    refused(A("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1"), 8, CONCH_ERR_FORMAT, "4 fields");
    refused(A("\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]"), 8, CONCH_ERR_UNSUPPORTED,
            "9 dimensions");
    refused(A("\"dtype\":\"F64\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]"), 0, CONCH_ERR_FORMAT,
            "do not fit");
    refused(A("\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]"), 8, CONCH_ERR_FORMAT,
            "integer");
    refused("{\"__metadata__\":[]}", 0, CONCH_ERR_FORMAT, "__metadata__");
    refused("{\"__metadata__\":{\"k\":1}}", 0, CONCH_ERR_FORMAT, "k is not a text");
}

static void data_longer_than_the_shape_is_refused(void **state)
{
    refused(A("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]"), 8, CONCH_ERR_FORMAT,
            "8 bytes do not fit F32 of shape [1]");
    refused(A("\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[0,1]"), 1, CONCH_ERR_FORMAT, "1 bytes do not fit F16");
    refused(A("\"dtype\":\"F16\",\"shape\":[0],\"data_offsets\":[0,2]"), 2, CONCH_ERR_FORMAT, "2 bytes do not fit");
}

static void names_are_unique_and_hold_no_nul(void **state)
{
#define E8 "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}"
    refused("{\"a\":" E8 ",\"a\":" E8 "}", 0, CONCH_ERR_FORMAT, "duplicate");
    refused("{\"a\\u0000b\":" E8 "}", 0, CONCH_ERR_FORMAT, "JSON");
    refused("{\"a\xff\":" E8 "}", 0, CONCH_ERR_FORMAT, "JSON");
    struct st_file *file;
    conch_error err = {0};
    static const char raw[] = "\x05\0\0\0\0\0\0\0{\"a\0}";
    assert_int_equal(open_bytes(&file, raw, 13, &err), CONCH_ERR_FORMAT);
}

static void the_data_is_covered_without_hole_or_overlap(void **state)
{
#define T(name, begin, end)                                                                                            \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[" #end "],\"data_offsets\":[" #begin "," #end "]}"
    refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
            "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[3,5]}}",
            5, CONCH_ERR_FORMAT, "1 bytes between a and b");
    refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3, CONCH_ERR_FORMAT,
            "1 bytes between the header and a");
    refused("{" T("a", 0, 4) "," T("b", 0, 4) "}", 4, CONCH_ERR_FORMAT, "a and b overlap");
    refused("{}", 1, CONCH_ERR_FORMAT, "1 bytes after");
    refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
            "\"e\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[1,1]}}",
            2, CONCH_ERR_FORMAT, "overlap");
}

static void empty_files_and_empty_tensors_are_fine(void **state)
{
    conch_error err = {0};
    assert_int_equal(open_header("{}", 0, &err), 0);
    assert_int_equal(open_header("{\"__metadata__\":{}}   ", 0, &err), 0);
    assert_int_equal(open_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                                 "\"e\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[2,2]},"
                                 "\"f\":{\"dtype\":\"U8\",\"shape\":[3,0,9],\"data_offsets\":[0,0]}}",
                                 2, &err),
                     0);
}

static void other_kinds_of_file_are_told_by_name(void **state)
{
    static const struct {
        const char *bytes, *said;
    } cases[] = {
        {"PK\3\4aaaaaaaaaaaa", "PyTorch"},
        {"GGUF\3\1\1\1aaaaaaaa", "GGUF"},
        {"\x80\2}q\1(X\5aaaaaaaa", "pickle"},
        {"version https://git-lfs.github.com/spec/v1\n", "Git LFS"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct st_file *file;
        conch_error err = {0};
        assert_int_equal(open_bytes(&file, cases[i].bytes, strlen(cases[i].bytes), &err), CONCH_ERR_FORMAT);
        assert_non_null(strstr(err.text, cases[i].said));
    }
    struct st_file *file;
    conch_error err = {0};
    assert_int_equal(st_open(&file, in_folder("absent"), &err), CONCH_ERR_NOTFOUND);
    assert_int_equal(st_open(&file, in_folder(""), &err), CONCH_ERR_IO);
}

static void ten_thousand_tensors_are_found_by_name(void **state)
{
    struct st_build build;
    struct st_file *file;
    conch_error err = {0};
    char name[32];
    st_build_init(&build);
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "layer.%d", i);
        st_build_add(&build, name, "I32", "[1]", &i, 4);
    }
    assert_int_equal(st_open(&file, st_build_write(&build, "many.safetensors"), &err), 0);
    assert_int_equal(st_count(file), 10000);
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "layer.%d", i);
        const struct st_tensor *tensor = st_find(file, name);
        assert_non_null(tensor);
        assert_memory_equal(tensor->data, &i, 4);
        assert_string_equal(st_at(file, (size_t)i)->name, name);
    }
    assert_null(st_find(file, "layer.10000"));
    st_close(file);
}

static void a_header_with_too_much_in_it_is_refused_before_it_is_parsed(void **state)
{
    static const char *const fillers[] = {"[", "1,", "{\"a\":"};
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
        struct buf buf;
        struct st_file *file;
        conch_error err = {0};
        size_t filler = strlen(fillers[i]), count = 4000000;
        uint64_t size = filler * count;
        buf_init(&buf, size + 8);
        assert_int_equal(buf_append(&buf, &size, 8, NULL), 0);
        for (size_t k = 0; k < count; k++)
            assert_int_equal(buf_append(&buf, fillers[i], filler, NULL), 0);
        assert_int_equal(st_open_memory(&file, buf.data, buf.size, "test", &err), CONCH_ERR_LIMIT);
        buf_finish(&buf);
    }
}

static void shapes_are_written_for_people(void **state)
{
    char text[ST_SHAPE_TEXT_BYTES];
    assert_string_equal(st_shape_text(text, 0, NULL), "[]");
    assert_string_equal(st_shape_text(text, 3, (const int64_t[]){1, -1, 5120}), "[1, any, 5120]");
    const int64_t huge[] = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    assert_int_equal(strlen(st_shape_text(text, 8, huge)), 8 * 19 + 7 * 2 + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_file_is_listed_as_it_is),
        cmocka_unit_test(every_bad_golden_file_is_refused_with_a_reason),
        cmocka_unit_test(a_file_cut_short_anywhere_is_refused),
        cmocka_unit_test(wrong_fields_are_named),
        cmocka_unit_test(data_longer_than_the_shape_is_refused),
        cmocka_unit_test(names_are_unique_and_hold_no_nul),
        cmocka_unit_test(the_data_is_covered_without_hole_or_overlap),
        cmocka_unit_test(empty_files_and_empty_tensors_are_fine),
        cmocka_unit_test(other_kinds_of_file_are_told_by_name),
        cmocka_unit_test(ten_thousand_tensors_are_found_by_name),
        cmocka_unit_test(a_header_with_too_much_in_it_is_refused_before_it_is_parsed),
        cmocka_unit_test(shapes_are_written_for_people),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
