/* The transformer at sizes the golden files do not have: more tokens than a tile of rows and than a block of keys,
 * heads of 128 as in the real models, widths beside the vector widths. Compared with the same formulas written out in
 * f64. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "engine/model/wan_dit.h"
#include "golden_compare.h"
#include "tensor/st_build.h"

enum {
    D = 256,
    HEADS = 2,
    HEAD = D / HEADS,
    FFN = 520,
    LAYERS = 2,
    CIN = 20,
    COUT = 16,
    TEXT = 72,
    SLOTS = 96,
    FREQ = 256
};
enum {
    FRAMES = 2,
    HEIGHT = 34,
    WIDTH = 32,
    GRID_H = HEIGHT / 2,
    GRID_W = WIDTH / 2,
    TOKENS = FRAMES * GRID_H * GRID_W
};
enum { TEXT_ROWS = 41, PLANE = FRAMES * HEIGHT * WIDTH };

static const struct wan_dit_config config = {.dim = D,
                                             .heads = HEADS,
                                             .layers = LAYERS,
                                             .ffn = FFN,
                                             .in_channels = CIN,
                                             .out_channels = COUT,
                                             .text_dim = TEXT,
                                             .text_len = SLOTS,
                                             .freq_dim = FREQ,
                                             .eps = 1e-6f};
static const float times[2] = {0, 713};
static const uint8_t frame_time[FRAMES] = {0, 1};

/* ---- random weights, as a file for the engine and as arrays for the reference ---- */

static struct {
    char name[80];
    float *data;
} params[128];
static size_t param_count;
static struct st_build build;
static struct weights *weights;
static float *latent, *text, *want;

/* Uniform in -1 .. 1 (xorshift). */
static float noise(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (float)(state >> 40) / (float)(1 << 23) - 1;
}

static void param_add(const char *name, const char *shape, size_t count, float mean, double scale)
{
    float *data = test_floats(count);
    for (size_t i = 0; i < count; i++)
        data[i] = mean + (float)scale * noise();
    st_build_add(&build, name, "F32", shape, data, count * sizeof *data);
    snprintf(params[param_count].name, sizeof params[param_count].name, "%s", name);
    params[param_count++].data = data;
}

static void linear_add(const char *name, size_t n, size_t k)
{
    char full[80], shape[64];
    snprintf(full, sizeof full, "%s.weight", name);
    snprintf(shape, sizeof shape, "[%zu, %zu]", n, k);
    if (!strcmp(name, "patch_embedding"))
        snprintf(shape, sizeof shape, "[%zu, %zu, 1, 2, 2]", n, k / 4);
    param_add(full, shape, n * k, 0, sqrt(3.0 / (double)k));
    snprintf(full, sizeof full, "%s.bias", name);
    snprintf(shape, sizeof shape, "[%zu]", n);
    param_add(full, shape, n, 0, 0.1);
}

static void attention_add(size_t block, const char *kind)
{
    static const char *const parts[] = {"q", "k", "v", "o"};
    char name[64], shape[32];
    snprintf(shape, sizeof shape, "[%d]", D);
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "blocks.%zu.%s.%s", block, kind, parts[i]);
        linear_add(name, D, D);
    }
    for (size_t i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "blocks.%zu.%s.norm_%s.weight", block, kind, parts[i]);
        param_add(name, shape, D, 1, 0.3);
    }
}

static void block_add(size_t block)
{
    char name[64], shape[32];
    snprintf(name, sizeof name, "blocks.%zu.modulation", block);
    snprintf(shape, sizeof shape, "[1, 6, %d]", D);
    param_add(name, shape, 6 * D, 0, 0.3);
    attention_add(block, "self_attn");
    attention_add(block, "cross_attn");
    snprintf(shape, sizeof shape, "[%d]", D);
    snprintf(name, sizeof name, "blocks.%zu.norm3.weight", block);
    param_add(name, shape, D, 1, 0.3);
    snprintf(name, sizeof name, "blocks.%zu.norm3.bias", block);
    param_add(name, shape, D, 0, 0.3);
    snprintf(name, sizeof name, "blocks.%zu.ffn.0", block);
    linear_add(name, FFN, D);
    snprintf(name, sizeof name, "blocks.%zu.ffn.2", block);
    linear_add(name, D, FFN);
}

/* ---- the reference: section by section what the model is, in f64, without a thought for speed ---- */

static const float *param(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const float *param(const char *format, ...)
{
    char name[80];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    for (size_t i = 0; i < param_count; i++)
        if (!strcmp(params[i].name, name))
            return params[i].data;
    fail_msg("no parameter %s", name);
    return NULL;
}

static double *doubles(size_t count)
{
    return test_alloc(count * sizeof(double));
}

static double *linear(const double *x, size_t rows, size_t n, size_t k, const char *name)
{
    const float *weight = param("%s.weight", name), *bias = param("%s.bias", name);
    double *y = doubles(rows * n);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++) {
            double sum[4] = {bias[j]};
            for (size_t c = 0; c < k; c++)
                sum[c % 4] += x[i * k + c] * weight[j * k + c];
            y[i * n + j] = sum[0] + sum[1] + sum[2] + sum[3];
        }
    return y;
}

static double *linear_of(const double *x, size_t rows, size_t n, size_t k, size_t block, const char *part)
{
    char name[64];
    snprintf(name, sizeof name, "blocks.%zu.%s", block, part);
    return linear(x, rows, n, k, name);
}

static void silu(double *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] /= 1 + exp(-x[i]);
}

static void gelu(double *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = 0.5 * x[i] * (1 + tanh(sqrt(2 / M_PI) * (x[i] + 0.044715 * x[i] * x[i] * x[i])));
}

static double *layer_norm(const double *x, size_t rows)
{
    double *y = doubles(rows * D);
    for (size_t i = 0; i < rows; i++) {
        double mean = 0, variance = 0;
        for (size_t c = 0; c < D; c++)
            mean += x[i * D + c] / D;
        for (size_t c = 0; c < D; c++)
            variance += (x[i * D + c] - mean) * (x[i * D + c] - mean) / D;
        for (size_t c = 0; c < D; c++)
            y[i * D + c] = (x[i * D + c] - mean) / sqrt(variance + 1e-6);
    }
    return y;
}

static void rms_norm(double *x, size_t rows, const float *weight)
{
    for (size_t i = 0; i < rows; i++) {
        double mean = 0;
        for (size_t c = 0; c < D; c++)
            mean += x[i * D + c] * x[i * D + c] / D;
        for (size_t c = 0; c < D; c++)
            x[i * D + c] *= weight[c] / sqrt(mean + 1e-6);
    }
}

/* Pairs of a head: height and width a third each, frame the rest, in the order frame, height, width. */
static void rotate(double *x)
{
    size_t third = HEAD / 2 / 3, count[3] = {HEAD / 2 - 2 * third, third, third};
    for (size_t t = 0; t < TOKENS; t++) {
        size_t position[3] = {t / (GRID_H * GRID_W), t / GRID_W % GRID_H, t % GRID_W};
        for (size_t h = 0; h < HEADS; h++) {
            double *pair = x + t * D + h * HEAD;
            for (size_t axis = 0; axis < 3; axis++)
                for (size_t j = 0; j < count[axis]; j++, pair += 2) {
                    double angle = (double)position[axis] * pow(10000, -(double)j / (double)count[axis]);
                    double a = pair[0], b = pair[1];
                    pair[0] = a * cos(angle) - b * sin(angle);
                    pair[1] = a * sin(angle) + b * cos(angle);
                }
        }
    }
}

static double *attend(const double *q, const double *k, const double *v, size_t keys)
{
    double *out = doubles(TOKENS * D), *score = doubles(keys);
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t h = 0; h < HEADS; h++) {
            double most = -INFINITY, sum = 0;
            for (size_t j = 0; j < keys; j++) {
                score[j] = 0;
                for (size_t c = h * HEAD; c < (h + 1) * HEAD; c++)
                    score[j] += q[t * D + c] * k[j * D + c] / sqrt(HEAD);
                most = fmax(most, score[j]);
            }
            for (size_t j = 0; j < keys; j++)
                sum += score[j] = exp(score[j] - most);
            for (size_t j = 0; j < keys; j++)
                for (size_t c = h * HEAD; c < (h + 1) * HEAD; c++)
                    out[t * D + c] += score[j] / sum * v[j * D + c];
        }
    free(score);
    return out;
}

/* attention of x's tokens over rows of `other`; rows == TOKENS and other == x: self-attention, with rotation. */
static double *attention(const double *x, const double *other, size_t rows, size_t block, const char *kind)
{
    char part[32];
    double *qkv[3];
    for (size_t i = 0; i < 3; i++) {
        snprintf(part, sizeof part, "%s.%c", kind, "qkv"[i]);
        qkv[i] = linear_of(i ? other : x, i ? rows : TOKENS, D, D, block, part);
        if (i < 2) {
            rms_norm(qkv[i], i ? rows : TOKENS, param("blocks.%zu.%s.norm_%c.weight", block, kind, "qk"[i]));
            if (other == x)
                rotate(qkv[i]);
        }
    }
    double *attended = attend(qkv[0], qkv[1], qkv[2], rows);
    snprintf(part, sizeof part, "%s.o", kind);
    double *out = linear_of(attended, TOKENS, D, D, block, part);
    for (size_t i = 0; i < 3; i++)
        free(qkv[i]);
    free(attended);
    return out;
}

static size_t time_of(size_t token)
{
    return frame_time[token / (GRID_H * GRID_W)];
}

/* norm(x) (1 + scale) + shift, with rows `shift` and `shift` + 1 of the modulation [rows][D] + e [time][e_rows][D]. */
static double *modulated(const double *x, const float *modulation, const double *e, size_t e_rows, size_t shift)
{
    double *y = layer_norm(x, TOKENS);
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t c = 0; c < D; c++) {
            const double *row = e + time_of(t) * e_rows * D;
            double add = modulation[shift * D + c] + row[e_rows == 1 ? c : shift * D + c];
            double times_by = modulation[(shift + 1) * D + c] + row[e_rows == 1 ? c : (shift + 1) * D + c];
            y[t * D + c] = y[t * D + c] * (1 + times_by) + add;
        }
    return y;
}

static void add_gated(double *x, const double *y, const float *modulation, const double *e0, size_t gate)
{
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t c = 0; c < D; c++)
            x[t * D + c] += y[t * D + c] * (modulation[gate * D + c] + e0[time_of(t) * 6 * D + gate * D + c]);
}

static void block_run(double *x, const double *e0, const double *context, size_t block)
{
    const float *m = param("blocks.%zu.modulation", block);
    double *in = modulated(x, m, e0, 6, 0);
    double *out = attention(in, in, TOKENS, block, "self_attn");
    add_gated(x, out, m, e0, 2);
    free(in);
    free(out);

    in = layer_norm(x, TOKENS);
    const float *weight = param("blocks.%zu.norm3.weight", block), *bias = param("blocks.%zu.norm3.bias", block);
    for (size_t i = 0; i < TOKENS * D; i++)
        in[i] = in[i] * weight[i % D] + bias[i % D];
    out = attention(in, context, SLOTS, block, "cross_attn");
    for (size_t i = 0; i < TOKENS * D; i++)
        x[i] += out[i];
    free(in);
    free(out);

    in = modulated(x, m, e0, 6, 3);
    double *inner = linear_of(in, TOKENS, FFN, D, block, "ffn.0");
    gelu(inner, TOKENS * FFN);
    out = linear_of(inner, TOKENS, D, FFN, block, "ffn.2");
    add_gated(x, out, m, e0, 5);
    free(in);
    free(inner);
    free(out);
}

/* Patches [tokens][channel, row, column] of the latent. */
static double *patches_of(const float *x)
{
    double *patches = doubles(TOKENS * 4 * CIN);
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t i = 0; i < 4 * CIN; i++) {
            size_t f = t / (GRID_H * GRID_W), y = t / GRID_W % GRID_H * 2 + i / 2 % 2, column = t % GRID_W * 2 + i % 2;
            patches[t * 4 * CIN + i] = x[(i / 4 * FRAMES + f) * HEIGHT * WIDTH + y * WIDTH + column];
        }
    return patches;
}

static void times_embed(double **ret_e, double **ret_e0)
{
    double *sinusoid = doubles(2 * FREQ);
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < FREQ / 2; j++) {
            double angle = times[i] * pow(10000, -(double)j / (FREQ / 2));
            sinusoid[i * FREQ + j] = cos(angle);
            sinusoid[i * FREQ + FREQ / 2 + j] = sin(angle);
        }
    double *inner = linear(sinusoid, 2, D, FREQ, "time_embedding.0");
    silu(inner, 2 * D);
    double *e = linear(inner, 2, D, D, "time_embedding.2"), *bent = doubles(2 * D);
    memcpy(bent, e, 2 * D * sizeof *e);
    silu(bent, 2 * D);
    *ret_e0 = linear(bent, 2, 6 * D, D, "time_projection.1");
    *ret_e = e;
    free(sinusoid);
    free(inner);
    free(bent);
}

static float *reference_run(void)
{
    double *padded = doubles(SLOTS * TEXT), *patches = patches_of(latent), *e, *e0;
    for (size_t i = 0; i < TEXT_ROWS * TEXT; i++)
        padded[i] = text[i];
    double *inner = linear(padded, SLOTS, D, TEXT, "text_embedding.0");
    gelu(inner, SLOTS * D);
    double *context = linear(inner, SLOTS, D, D, "text_embedding.2");
    times_embed(&e, &e0);
    double *x = linear(patches, TOKENS, D, 4 * CIN, "patch_embedding");
    for (size_t i = 0; i < LAYERS; i++)
        block_run(x, e0, context, i);
    double *last = modulated(x, param("head.modulation"), e, 1, 0);
    double *y = linear(last, TOKENS, 4 * COUT, D, "head.head");
    float *velocity = test_floats(COUT * PLANE);
    for (size_t c = 0; c < COUT; c++)
        for (size_t f = 0; f < FRAMES; f++)
            for (size_t row = 0; row < HEIGHT; row++)
                for (size_t column = 0; column < WIDTH; column++) {
                    size_t token = (f * GRID_H + row / 2) * GRID_W + column / 2;
                    velocity[((c * FRAMES + f) * HEIGHT + row) * WIDTH + column] =
                        (float)y[token * 4 * COUT + (2 * (row % 2) + column % 2) * COUT + c];
                }
    double *const all[] = {padded, patches, inner, context, e, e0, x, last, y};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        free(all[i]);
    return velocity;
}

/* ---- the tests ---- */

static int setup(void **state)
{
    conch_error err;
    if (!folder_make("wan-dit"))
        return -1;
    st_build_init(&build);
    linear_add("patch_embedding", D, 4 * CIN);
    linear_add("text_embedding.0", D, TEXT);
    linear_add("text_embedding.2", D, D);
    linear_add("time_embedding.0", D, FREQ);
    linear_add("time_embedding.2", D, D);
    linear_add("time_projection.1", 6 * D, D);
    for (size_t i = 0; i < LAYERS; i++)
        block_add(i);
    char shape[32];
    snprintf(shape, sizeof shape, "[1, 2, %d]", D);
    param_add("head.modulation", shape, 2 * D, 0, 0.3);
    linear_add("head.head", 4 * COUT, D);
    const char *path = st_build_write(&build, "weights.safetensors");
    if (weights_open(&weights, &path, 1, &err) < 0)
        fail_msg("%s", err.text);
    latent = test_floats(CIN * PLANE);
    text = test_floats(TEXT_ROWS * TEXT);
    for (size_t i = 0; i < CIN * PLANE; i++)
        latent[i] = 1.7f * noise();
    for (size_t i = 0; i < TEXT_ROWS * TEXT; i++)
        text[i] = 1.7f * noise();
    want = reference_run();
    return 0;
}

static int teardown(void **state)
{
    weights_close(weights);
    for (size_t i = 0; i < param_count; i++)
        free(params[i].data);
    free(latent);
    free(text);
    free(want);
    folder_remove();
    return 0;
}

struct run {
    const char *kernels;
    size_t threads;
    enum precision precision;
    bool streamed;
    int (*progress)(void *context, size_t blocks_done);
};

static int run(const struct run *r, float *velocity, conch_error *err)
{
    struct compute compute;
    struct wan_dit *dit = NULL;
    struct wan_dit_context *context = NULL;
    struct wan_dit_options options = {.shape = {.frames = FRAMES, .height = HEIGHT, .width = WIDTH},
                                      .precision = r->precision,
                                      .streamed = r->streamed,
                                      .context_rows_max = TEXT_ROWS};
    struct wan_dit_input input = {.latent = latent,
                                  .times = {times[0], times[1]},
                                  .time_count = 2,
                                  .frame_time = frame_time,
                                  .progress = r->progress};
    int rc = compute_init(&compute, r->threads, r->kernels, err);
    assert_int_equal(rc, 0);
    rc = wan_dit_create(&dit, &compute, weights, &config, &options, err);
    if (rc == 0)
        rc = wan_dit_context_create(&context, dit, text, TEXT_ROWS, NULL, err);
    if (rc == 0)
        rc = wan_dit_forward(dit, context, &input, velocity, err);
    wan_dit_context_destroy(context);
    wan_dit_destroy(dit);
    compute_finish(&compute);
    return rc;
}

static void run_or_fail(const struct run *r, float *velocity)
{
    conch_error err;
    if (run(r, velocity, &err) < 0)
        fail_msg("%s", err.text);
}

static void every_kernel_table_agrees_with_the_formulas(void **state)
{
    float *velocity = test_floats(COUT * PLANE);
    unsigned flags = kern_cpu_flags();
    for (const struct kern_table *const *kern = kern_tables; *kern; kern++) {
        if ((*kern)->needs & ~(flags | KERN_CPU_FAST_BF16))
            continue;
        for (int bf16_run = 0; bf16_run < 2; bf16_run++) {
            struct run r = {
                .kernels = (*kern)->name, .threads = 2, .precision = bf16_run ? PRECISION_BF16 : PRECISION_F32};
            run_or_fail(&r, velocity);
            struct difference d = difference_of(velocity, want, COUT * PLANE);
            print_message("# %s %s: rel %.2g, max abs %.2g\n", r.kernels, bf16_run ? "bf16" : "fp32", d.rel, d.max_abs);
            if (!(d.rel < (bf16_run ? 3e-2 : 1e-5)))
                fail_msg("%s %s: rel %g", r.kernels, bf16_run ? "bf16" : "fp32", d.rel);
        }
    }
    free(velocity);
}

static void threads_and_streaming_do_not_change_a_bit(void **state)
{
    float *first = test_floats(COUT * PLANE), *other = test_floats(COUT * PLANE);
    for (int bf16_run = 0; bf16_run < 2; bf16_run++) {
        struct run r = {.threads = 1, .precision = bf16_run ? PRECISION_BF16 : PRECISION_F32};
        run_or_fail(&r, first);
        r.threads = 3;
        run_or_fail(&r, other);
        assert_memory_equal(first, other, COUT * PLANE * sizeof *first);
        r.streamed = true;
        run_or_fail(&r, other);
        assert_memory_equal(first, other, COUT * PLANE * sizeof *first);
    }
    free(first);
    free(other);
}

static int stop_after_one(void *context, size_t blocks_done)
{
    return blocks_done >= 1;
}

static void a_pass_can_be_stopped_between_blocks(void **state)
{
    float *velocity = test_floats(COUT * PLANE);
    conch_error err = {0};
    struct run r = {.threads = 2, .precision = PRECISION_BF16, .progress = stop_after_one};
    assert_int_equal(run(&r, velocity, &err), CONCH_ERR_CANCELLED);
    free(velocity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_table_agrees_with_the_formulas),
        cmocka_unit_test(threads_and_streaming_do_not_change_a_bit),
        cmocka_unit_test(a_pass_can_be_stopped_between_blocks),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
