/* Element types and damaged files: PREFIX_dtypes with PREFIX_expected and PREFIX_fp8_scaled, and folders PREFIX_bad. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

static bool ends_with(const char *text, const char *end)
{
    size_t text_length = strlen(text), end_length = strlen(end);
    return text_length >= end_length && !strcmp(text + text_length - end_length, end);
}

/* PREFIX is what stands before `end` in entry. */
static struct st_file *beside_open(const struct golden *golden, const char *entry, const char *end, const char *other)
{
    char path[1024];
    struct st_file *file = NULL;
    snprintf(path, sizeof path, "%s/%.*s%s", golden->options.folder, (int)(strlen(entry) - strlen(end)), entry, other);
    return st_open(&file, path, NULL) < 0 ? NULL : file;
}

/* Values bit for bit (-0 is not 0), but any NaN for a NaN. */
static void decoded_check(struct report *report, const struct st_tensor *stored, const struct st_tensor *want)
{
    size_t count = st_elements(want);
    report_exact(report, st_elements(stored) == count, "%s: %zu elements, golden %zu", want->name, st_elements(stored),
                 count);
    if (st_elements(stored) != count)
        return;
    if (!dtype_is_float(want->dtype)) {
        report_exact(report, stored->dtype == want->dtype && !memcmp(stored->data, want->data, want->bytes),
                     "%s: whole numbers differ", want->name);
        return;
    }
    float *got_values = test_floats(count), *want_values = test_floats(count);
    dtype_to_f32(got_values, stored->data, stored->dtype, count);
    dtype_to_f32(want_values, want->data, want->dtype, count);
    for (size_t i = 0; i < count; i++)
        report_exact(report,
                     !memcmp(&got_values[i], &want_values[i], sizeof(float)) ||
                         (isnan(got_values[i]) && isnan(want_values[i])),
                     "%s[%zu]: %.9g, golden %.9g", want->name, i, got_values[i], want_values[i]);
    free(got_values);
    free(want_values);
}

static void rounding_check(struct report *report, const struct st_file *expected, const char *name,
                           void (*round)(uint16_t *dst, const float *src, size_t n))
{
    const struct st_tensor *want = st_find(expected, name);
    struct values in;
    if (values_read(&in, expected, "round.in_f32") && want && want->bytes == 2 * in.count) {
        uint16_t *got = test_alloc(2 * in.count);
        uint16_t *want_bits = test_alloc(2 * in.count);
        float *got_values = test_floats(in.count), *want_values = test_floats(in.count);
        round(got, in.data, in.count);
        memcpy(want_bits, want->data, want->bytes);
        dtype_to_f32(got_values, got, want->dtype, in.count);
        dtype_to_f32(want_values, want_bits, want->dtype, in.count);
        for (size_t i = 0; i < in.count; i++)
            /* what f16 cannot hold becomes infinite; the maker of these files put 60000 in its place */
            report_exact(report,
                         got[i] == want_bits[i] || (isnan(got_values[i]) && isnan(want_values[i])) ||
                             (isinf(got_values[i]) && fabsf(in.data[i]) >= 65520 && fabsf(want_values[i]) == 60000),
                         "%s[%zu]: %.9g becomes %04x, golden %04x", name, i, in.data[i], got[i], want_bits[i]);
        free(got);
        free(want_bits);
        free(got_values);
        free(want_values);
    }
    values_finish(&in);
}

static void dtypes_run(struct golden *golden, const char *entry, struct report *report)
{
    struct st_file *stored = beside_open(golden, entry, "_dtypes.safetensors", "_dtypes.safetensors");
    struct st_file *expected = beside_open(golden, entry, "_dtypes.safetensors", "_expected.safetensors");
    report_exact(report, stored && expected, "the file, or the expected values beside it, cannot be opened");
    for (size_t i = 0; stored && expected && i < st_count(expected); i++) {
        const struct st_tensor *want = st_at(expected, i);
        if (!strncmp(want->name, "round.", 6) || !strncmp(want->name, "fp8_scaled.", 11))
            continue;
        const struct st_tensor *tensor = st_find(stored, want->name);
        report_exact(report, tensor != NULL, "%s is not in the file", want->name);
        if (tensor)
            decoded_check(report, tensor, want);
    }
    if (expected) {
        rounding_check(report, expected, "round.out_bf16", dtype_f32_to_bf16);
        rounding_check(report, expected, "round.out_f16", dtype_f32_to_f16);
    }
    st_close(stored);
    st_close(expected);
}

/* Scales beside fp8 weights are applied when a weight is read. */
static void scaled_run(struct golden *golden, const char *entry, struct report *report)
{
    static const char prefix[] = "fp8_scaled.";
    char path[1024];
    const char *paths[] = {path};
    struct weights *weights = NULL;
    conch_error err;
    snprintf(path, sizeof path, "%s/%s", golden->options.folder, entry);
    struct st_file *expected = beside_open(golden, entry, "_fp8_scaled.safetensors", "_expected.safetensors");
    report_exact(report, expected != NULL, "the expected values beside the file cannot be opened");
    if (weights_open(&weights, paths, 1, &err) < 0)
        report_error(report, "open", &err);
    for (size_t i = 0; weights && expected && i < st_count(expected); i++) {
        const struct st_tensor *want = st_at(expected, i);
        struct weight_ref ref;
        if (strncmp(want->name, prefix, strlen(prefix)))
            continue;
        if (weights_get(weights, want->name + strlen(prefix), want->ndim, want->shape, &ref, &err) < 0) {
            report_error(report, want->name, &err);
            continue;
        }
        float *got = test_floats(ref.elements);
        weight_read_f32(&ref, 0, ref.elements, got);
        report_tensor(report, expected, want->name, got, ref.elements, ALLOWED_FP32);
        free(got);
    }
    weights_close(weights);
    st_close(expected);
}

static void bad_run(struct golden *golden, const char *entry, struct report *report)
{
    char folder[1024], path[2048];
    snprintf(folder, sizeof folder, "%s/%s", golden->options.folder, entry);
    DIR *dir = opendir(folder);
    for (struct dirent *file = dir ? readdir(dir) : NULL; file; file = readdir(dir)) {
        struct st_file *opened = NULL;
        conch_error err = {0};
        if (!ends_with(file->d_name, ".safetensors"))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, file->d_name);
        int rc = st_open(&opened, path, &err);
        /* bytes behind the last tensor harm nobody: accepting them would be right as well */
        bool harmless = strstr(file->d_name, "trailing") != NULL;
        report_exact(report, harmless || rc < 0, "%s was not refused", file->d_name);
        report_exact(report, rc == 0 || err.text[0], "%s was refused without a word", file->d_name);
        if (golden->options.verbose && rc < 0)
            printf("       %s: %s\n", file->d_name, err.text);
        if (rc == 0)
            st_close(opened);
    }
    if (dir)
        closedir(dir);
}

bool golden_loader_entry(struct golden *golden, const char *entry)
{
    static const struct {
        const char *end;
        void (*run)(struct golden *golden, const char *entry, struct report *report);
    } kinds[] = {{"_dtypes.safetensors", dtypes_run}, {"_fp8_scaled.safetensors", scaled_run}, {"_bad", bad_run}};
    if (ends_with(entry, "_expected.safetensors"))
        return true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!ends_with(entry, kinds[i].end))
            continue;
        char name[256];
        snprintf(name, sizeof name, "%s", entry);
        char *end = strstr(name, ".safetensors");
        if (end)
            *end = 0;
        struct report report = {.golden = golden, .name = name, .precision = "fp32"};
        if (golden_wanted(golden, name)) {
            kinds[i].run(golden, entry, &report);
            report_print(golden, &report);
        }
        return true;
    }
    return false;
}
