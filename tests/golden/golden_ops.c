/* Single operations: norms, activations, the attention of the VAEs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tensor/arena.h"
#include "engine/tensor/attention.h"
#include "engine/tensor/linear.h"
#include "golden.h"

static double eps_of(const struct vectors *vectors, const char *operation, double otherwise)
{
    const json_t *eps = json_object_get(json_object_get(vectors->config, "eps"), operation);
    return json_is_number(eps) ? json_number_value(eps) : otherwise;
}

static float *filled(size_t count, float value)
{
    float *values = test_floats(count);
    for (size_t i = 0; i < count; i++)
        values[i] = value;
    return values;
}

/* Row by row: the rows differ in scale by up to 1e6, and the small ones show a wrong eps. */
static void rows_check(const struct vectors *vectors, struct report *report, const char *operation, const float *got,
                       size_t rows, size_t channels)
{
    struct values want;
    bool ok = values_read(&want, vectors->file, "out.%s", operation) && want.count == rows * channels;
    report_exact(report, ok, "out.%s is missing or not [%zu, %zu]", operation, rows, channels);
    for (size_t i = 0; ok && i < rows; i++)
        report_check(report,
                     &(struct check){.got = got + i * channels,
                                     .want = want.data + i * channels,
                                     .count = channels,
                                     .allowed = ALLOWED_FP32},
                     "%s row %zu", operation, i);
    values_finish(&want);
}

static void norm_layer_check(const struct vectors *vectors, struct report *report, const char *operation, double eps)
{
    const struct kern_table *kern = vectors->golden->compute.kern;
    struct values x, weight, bias;
    bool given = values_read(&x, vectors->file, "in.%s", operation) && x.ndim == 2;
    bool affine = values_read(&weight, vectors->file, "in.%s.weight", operation);
    affine &= values_read(&bias, vectors->file, "in.%s.bias", operation);
    if (given) {
        size_t channels = x.shape[1];
        float *out = test_floats(x.count), *one = filled(channels, 1), *zero = filled(channels, 0);
        for (size_t i = 0; i < x.shape[0]; i++)
            kern->norm_layer(out + i * channels, NULL, x.data + i * channels, affine ? weight.data : one,
                             affine ? bias.data : zero, channels, (float)eps_of(vectors, operation, eps));
        rows_check(vectors, report, operation, out, x.shape[0], channels);
        free(out);
        free(one);
        free(zero);
    }
    values_finish(&x);
    values_finish(&weight);
    values_finish(&bias);
}

static void norm_rms_check(const struct vectors *vectors, struct report *report, const char *operation)
{
    const struct kern_table *kern = vectors->golden->compute.kern;
    struct values x, weight;
    bool given = values_read(&x, vectors->file, "in.%s", operation) && x.ndim == 2;
    given &= values_read(&weight, vectors->file, "in.%s.weight", operation);
    if (given) {
        size_t channels = x.shape[1];
        float *out = test_floats(x.count);
        for (size_t i = 0; i < x.shape[0]; i++)
            kern->norm_rms(out + i * channels, NULL, x.data + i * channels, weight.data, NULL, channels, channels,
                           (float)eps_of(vectors, operation, 1e-6));
        rows_check(vectors, report, operation, out, x.shape[0], channels);
        free(out);
    }
    values_finish(&x);
    values_finish(&weight);
}

/* [channels][pixels..] to [pixels][channels] and back. */
static float *transposed(const float *x, size_t rows, size_t columns)
{
    float *out = test_floats(rows * columns);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            out[j * rows + i] = x[i * columns + j];
    return out;
}

static void norm_channel_check(const struct vectors *vectors, struct report *report)
{
    const struct kern_table *kern = vectors->golden->compute.kern;
    struct values x, gamma, want;
    bool given = values_read(&x, vectors->file, "in.channel_norm_vae");
    given &= values_read(&gamma, vectors->file, "in.channel_norm_vae.gamma");
    given &= values_read(&want, vectors->file, "out.channel_norm_vae") && want.count == x.count;
    if (given) {
        size_t channels = gamma.count, pixels = x.count / channels;
        float *in = transposed(x.data, channels, pixels), *pixel_want = transposed(want.data, channels, pixels);
        float *out = test_floats(x.count);
        for (size_t i = 0; i < pixels; i++) {
            kern->norm_l2(out + i * channels, NULL, in + i * channels, gamma.data, channels, false);
            report_check(report,
                         &(struct check){.got = out + i * channels,
                                         .want = pixel_want + i * channels,
                                         .count = channels,
                                         .allowed = ALLOWED_FP32},
                         "channel_norm_vae pixel %zu", i);
        }
        free(in);
        free(pixel_want);
        free(out);
    }
    values_finish(&x);
    values_finish(&gamma);
    values_finish(&want);
}

static void activation_check(const struct vectors *vectors, struct report *report, const char *operation,
                             enum kern_act act)
{
    struct values x;
    char name[64];
    if (values_read(&x, vectors->file, "in.%s", operation)) {
        size_t padded = (x.count + KERN_PANEL - 1) / KERN_PANEL * KERN_PANEL;
        float *c = test_floats(padded), *out = test_floats(padded);
        memcpy(c, x.data, x.count * sizeof *c);
        vectors->golden->compute.kern->epilogue(&(struct kern_epilogue){
            .c = c, .ldc = padded, .m = 1, .n = x.count, .act = act, .out_f32 = out, .out_ld = padded});
        snprintf(name, sizeof name, "out.%s", operation);
        report_tensor(report, vectors->file, name, out, x.count, ALLOWED_FP32);
        free(c);
        free(out);
    }
    values_finish(&x);
}

/* norm, to_qkv, one head of attention over the pixels of a frame, proj, and the input added. */
static int vae_attention_frame(const struct compute *compute, const struct linear *qkv, const struct linear *proj,
                               const float *gamma, const float *x, float *out, size_t pixels, conch_error *err)
{
    size_t channels = proj->n;
    struct attention_kv kv;
    struct arena arena;
    arena_init(&arena);
    attention_kv_take(&kv, &arena, 1, channels, pixels, PRECISION_F32);
    int rc = arena_reserve(&arena, err);
    if (rc < 0)
        return rc;
    attention_kv_take(&kv, &arena, 1, channels, pixels, PRECISION_F32);
    float *normed = test_floats(pixels * channels + 64), *rows = test_floats(pixels * 3 * channels + 64),
          *attended = test_floats(pixels * channels + 64);
    for (size_t i = 0; i < pixels; i++)
        compute->kern->norm_l2(normed + i * channels, NULL, x + i * channels, gamma, channels, false);
    linear_run(compute,
               &(struct linear_job){.linear = qkv, .x = normed, .rows = pixels, .x_ld = channels, .out_f32 = rows});
    attention_pack_k(compute, &kv, rows + channels, 3 * channels);
    attention_pack_v(compute, &kv, rows + 2 * channels, 3 * channels);
    attention_run(compute, &(struct attention_job){.kv = &kv,
                                                   .q = rows,
                                                   .rows = pixels,
                                                   .q_ld = 3 * channels,
                                                   .scale = 1 / sqrtf((float)channels),
                                                   .out_f32 = attended,
                                                   .out_ld = channels});
    linear_run(compute, &(struct linear_job){
                            .linear = proj, .x = attended, .rows = pixels, .x_ld = channels, .add = x, .out_f32 = out});
    free(normed);
    free(rows);
    free(attended);
    arena_finish(&arena);
    return CONCH_OK;
}

static void vae_attention_check(const struct vectors *vectors, struct report *report)
{
    const struct compute *compute = &vectors->golden->compute;
    struct values x, gamma, want;
    struct linear qkv = {0}, proj = {0};
    struct weights *weights = NULL;
    conch_error err;
    const char *path = st_path(vectors->file);
    bool given = values_read(&x, vectors->file, "in.vae_attention") && x.ndim == 4;
    given &= values_read(&gamma, vectors->file, "in.vae_attention.norm.gamma");
    given &= values_read(&want, vectors->file, "out.vae_attention") && want.count == x.count;
    if (!given)
        goto out;
    size_t channels = x.shape[0], frames = x.shape[1], pixels = x.shape[2] * x.shape[3];
    struct linear_spec qkv_spec = {.n = 3 * channels, .k = channels, .bias = true, .precision = PRECISION_F32};
    struct linear_spec proj_spec = {.n = channels, .k = channels, .bias = true, .precision = PRECISION_F32};
    if (weights_open(&weights, &path, 1, &err) < 0 ||
        linear_load(&qkv, compute, weights, &qkv_spec, &err, "in.vae_attention.to_qkv") < 0 ||
        linear_load(&proj, compute, weights, &proj_spec, &err, "in.vae_attention.proj") < 0) {
        report_error(report, "vae_attention", &err);
        goto out;
    }
    float *in = transposed(x.data, channels, frames * pixels), *out = test_floats(x.count);
    for (size_t f = 0; f < frames; f++)
        if (vae_attention_frame(compute, &qkv, &proj, gamma.data, in + f * pixels * channels,
                                out + f * pixels * channels, pixels, &err) < 0)
            report_error(report, "vae_attention", &err);
    float *got = transposed(out, frames * pixels, channels);
    report_tensor(report, vectors->file, "out.vae_attention", got, x.count, ALLOWED_FP32);
    free(in);
    free(out);
    free(got);
out:
    linear_finish(&qkv);
    linear_finish(&proj);
    weights_close(weights);
    values_finish(&x);
    values_finish(&gamma);
    values_finish(&want);
}

static bool is_ops(const struct vectors *vectors)
{
    static const char *const names[] = {
        "out.layer_norm_plain", "out.layer_norm_affine", "out.rms_norm_dit", "out.rms_norm_t5",
        "out.channel_norm_vae", "out.gelu_tanh",         "out.silu",         "out.vae_attention"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (st_find(vectors->file, names[i]))
            return true;
    return false;
}

static void ops_run(const struct vectors *vectors, enum precision precision, struct report *report)
{
    norm_layer_check(vectors, report, "layer_norm_plain", 1e-6);
    norm_layer_check(vectors, report, "layer_norm_affine", 1e-6);
    norm_layer_check(vectors, report, "layer_norm_clip", 1e-5);
    norm_rms_check(vectors, report, "rms_norm_dit");
    norm_rms_check(vectors, report, "rms_norm_t5");
    norm_channel_check(vectors, report);
    activation_check(vectors, report, "gelu_tanh", KERN_ACT_GELU_TANH);
    activation_check(vectors, report, "gelu_tanh_t5", KERN_ACT_GELU_TANH);
    activation_check(vectors, report, "silu", KERN_ACT_SILU);
    vae_attention_check(vectors, report);
    /* patches, AvgDown and DupUp are never tensors of their own in our VAE: its cases cover them */
    report_note(report, "not run apart: avgdown, dupup, pixel_patch (see vae22), gelu_erf (CLIP)");
}

const struct golden_kind golden_kinds_ops[] = {{.name = "operations", .matches = is_ops, .run = ops_run}, {0}};
