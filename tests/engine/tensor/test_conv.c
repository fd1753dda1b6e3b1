/* Every kind of convolution at sizes on and beyond the tiles (192 pixels, 256 outputs), against sums in f64. */
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
#include "engine/tensor/conv.h"
#include "golden_compare.h"
#include "st_build.h"

struct conv_case {
    enum conv_kind kind;
    const char *name;
    size_t out, in, height, width; /* of the input */
    size_t frames;                 /* given, of three; the older ones are zeros */
};

static const struct conv_case cases[] = {
    {CONV_3D, "3d wide", 36, 40, 5, 210, 3},
    {CONV_3D, "3d many outputs", 272, 20, 5, 7, 3},
    {CONV_3D, "3d second frame", 17, 96, 14, 15, 2},
    {CONV_3D, "3d first frame", 16, 3, 33, 31, 1},
    {CONV_2D, "2d", 33, 48, 9, 200, 1},
    {CONV_2D, "2d one pixel", 3, 5, 1, 1, 1},
    {CONV_DOWN, "down", 40, 24, 6, 404, 1},
    {CONV_DOWN, "down many outputs", 260, 8, 20, 22, 1},
    {CONV_UP, "up", 20, 24, 4, 203, 1},
    {CONV_UP, "up many outputs", 258, 12, 7, 9, 1},
    {CONV_TIME, "time", 80, 40, 11, 37, 3},
    {CONV_TIME, "time many outputs", 512, 64, 3, 5, 3},
    {CONV_POINT, "point", 272, 300, 17, 13, 1},
};

struct kernel {
    size_t kt, kh, kw;
};

static struct kernel kernel_of(enum conv_kind kind)
{
    switch (kind) {
    case CONV_3D: return (struct kernel){3, 3, 3};
    case CONV_TIME: return (struct kernel){3, 1, 1};
    case CONV_POINT: return (struct kernel){1, 1, 1};
    default: return (struct kernel){1, 3, 3};
    }
}

static size_t out_height(const struct conv_case *c)
{
    return c->kind == CONV_DOWN ? c->height / 2 : c->kind == CONV_UP ? 2 * c->height : c->height;
}

static size_t out_width(const struct conv_case *c)
{
    return c->kind == CONV_DOWN ? c->width / 2 : c->kind == CONV_UP ? 2 * c->width : c->width;
}

/* Values that bf16 holds exactly, so that both precisions have the same products. */
static void fill_random(float *x, size_t count, float scale)
{
    static uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < count; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        x[i] = bf16_to_f32(bf16_from_f32(scale * ((float)(state >> 40) / (float)(1 << 23) - 1)));
    }
}

/* The input at a place of the (doubled) picture; 0 outside it. */
static double input_at(const struct conv_case *c, const float *frame, ptrdiff_t y, ptrdiff_t x, size_t channel)
{
    if (!frame || y < 0 || x < 0)
        return 0;
    size_t by = c->kind == CONV_UP ? 2 : 1;
    if ((size_t)y >= by * c->height || (size_t)x >= by * c->width)
        return 0;
    return frame[((size_t)y / by * c->width + (size_t)x / by) * c->in + channel];
}

static double sum_at(const struct conv_case *c, const float *const frames[3], const float *weight, size_t y, size_t x,
                     size_t out)
{
    struct kernel k = kernel_of(c->kind);
    double sum = 0;
    /* 3x3 kernels are centred; with stride 2 they begin at the pixel itself, for the padding is below and to the right
     */
    ptrdiff_t step = c->kind == CONV_DOWN ? 2 : 1, back = k.kh == 3 && c->kind != CONV_DOWN ? 1 : 0;
    for (size_t i = 0; i < c->in; i++)
        for (size_t t = 0; t < k.kt; t++)
            for (size_t dy = 0; dy < k.kh; dy++)
                for (size_t dx = 0; dx < k.kw; dx++)
                    sum += weight[(((out * c->in + i) * k.kt + t) * k.kh + dy) * k.kw + dx] *
                           input_at(c, frames[3 - k.kt + t], (ptrdiff_t)y * step + (ptrdiff_t)dy - back,
                                    (ptrdiff_t)x * step + (ptrdiff_t)dx - back, i);
    return sum;
}

struct data {
    float *frames[3], *weight, *bias, *add, *want, *got;
    size_t out_count;
};

static void data_make(struct data *d, const struct conv_case *c)
{
    struct kernel k = kernel_of(c->kind);
    size_t taps = c->in * k.kt * k.kh * k.kw;
    for (size_t i = 3 - c->frames; i < 3; i++) {
        d->frames[i] = test_floats(c->height * c->width * c->in);
        fill_random(d->frames[i], c->height * c->width * c->in, 1);
    }
    d->out_count = out_height(c) * out_width(c) * c->out;
    d->weight = test_floats(c->out * taps);
    d->bias = test_floats(c->out);
    d->add = test_floats(d->out_count);
    d->want = test_floats(d->out_count);
    d->got = test_floats(d->out_count);
    fill_random(d->weight, c->out * taps, (float)sqrt(3.0 / (double)taps));
    fill_random(d->bias, c->out, 1);
    fill_random(d->add, d->out_count, 1);
    for (size_t i = 0; i < d->out_count; i++) {
        size_t out = i % c->out, x = i / c->out % out_width(c), y = i / c->out / out_width(c);
        d->want[i] = (float)(sum_at(c, (const float *const *)d->frames, d->weight, y, x, out) + d->bias[out] +
                             d->add[i]);
    }
}

static void data_free(struct data *d)
{
    float *const all[] = {d->frames[0], d->frames[1], d->frames[2], d->weight, d->bias, d->add, d->want, d->got};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        free(all[i]);
}

static struct weights *weights_of(const struct conv_case *c, const struct data *d)
{
    struct kernel k = kernel_of(c->kind);
    struct st_build build;
    struct weights *weights;
    char shape[96];
    conch_error err;
    st_build_init(&build);
    if (c->kind == CONV_2D || c->kind == CONV_DOWN || c->kind == CONV_UP)
        snprintf(shape, sizeof shape, "[%zu, %zu, %zu, %zu]", c->out, c->in, k.kh, k.kw);
    else
        snprintf(shape, sizeof shape, "[%zu, %zu, %zu, %zu, %zu]", c->out, c->in, k.kt, k.kh, k.kw);
    st_build_add(&build, "x.weight", "F32", shape, d->weight, c->out * c->in * k.kt * k.kh * k.kw * sizeof(float));
    snprintf(shape, sizeof shape, "[%zu]", c->out);
    st_build_add(&build, "x.bias", "F32", shape, d->bias, c->out * sizeof(float));
    const char *path = st_build_write(&build, "conv.safetensors");
    if (weights_open(&weights, &path, 1, &err) < 0)
        fail_msg("%s", err.text);
    return weights;
}

static void frames_take(const struct conv_case *c, struct arena *arena, struct frame frames[3],
                        enum precision precision)
{
    for (size_t i = 3 - c->frames; i < 3; i++)
        frame_take(&frames[i], arena, c->height, c->width, c->in, precision);
}

static void conv_of(const struct conv_case *c, struct data *d, const struct compute *compute,
                    const struct weights *weights, enum precision precision)
{
    struct conv conv;
    struct arena arena;
    struct frame frames[3];
    struct conv_spec spec = {.kind = c->kind, .out = c->out, .in = c->in, .precision = precision};
    conch_error err;
    if (conv_load(&conv, compute, weights, &spec, &err, "x") < 0)
        fail_msg("%s: %s", c->name, err.text);
    arena_init(&arena);
    frames_take(c, &arena, frames, precision);
    assert_int_equal(arena_reserve(&arena, NULL), 0);
    frames_take(c, &arena, frames, precision);
    struct conv_job job = {.conv = &conv, .add = d->got, .out = d->got};
    for (size_t i = 3 - c->frames; i < 3; i++) {
        frame_fill(compute, &frames[i], d->frames[i]);
        job.frames[i] = &frames[i];
    }
    memcpy(d->got, d->add, d->out_count * sizeof *d->got);
    conv_run(compute, &job);
    arena_finish(&arena);
    conv_finish(&conv);
}

static void every_kind_is_the_sum_it_should_be(void **state)
{
    unsigned flags = kern_cpu_flags();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct conv_case *c = &cases[i];
        struct data d = {0};
        data_make(&d, c);
        struct weights *weights = weights_of(c, &d);
        for (const struct kern_table *const *kern = kern_tables; *kern; kern++) {
            struct compute compute;
            if ((*kern)->needs & ~(flags | KERN_CPU_FAST_BF16))
                continue;
            assert_int_equal(compute_init(&compute, 2, (*kern)->name, NULL), 0);
            for (int precision = PRECISION_BF16; precision <= PRECISION_F32; precision++) {
                conv_of(c, &d, &compute, weights, precision);
                double rel = difference_of(d.got, d.want, d.out_count).rel;
                /* CONV_UP adds taps before they are rounded to bf16 */
                double allowed = c->kind == CONV_UP && precision == PRECISION_BF16 ? 5e-3 : 1e-6;
                if (!(rel <= allowed))
                    fail_msg("%s, %s, %s: off by %.2g", c->name, (*kern)->name,
                             precision == PRECISION_F32 ? "fp32" : "bf16", rel);
            }
            compute_finish(&compute);
        }
        weights_close(weights);
        data_free(&d);
    }
}

static void threads_do_not_change_a_bit(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct data d = {0};
        data_make(&d, &cases[i]);
        struct weights *weights = weights_of(&cases[i], &d);
        for (size_t threads = 1; threads <= 3; threads += 2) {
            struct compute compute;
            assert_int_equal(compute_init(&compute, threads, NULL, NULL), 0);
            conv_of(&cases[i], &d, &compute, weights, PRECISION_BF16);
            if (threads == 1)
                memcpy(d.want, d.got, d.out_count * sizeof *d.got);
            compute_finish(&compute);
        }
        assert_memory_equal(d.want, d.got, d.out_count * sizeof *d.got);
        weights_close(weights);
        data_free(&d);
    }
}

static int setup(void **state)
{
    return folder_make("conv") ? 0 : -1;
}

static int teardown(void **state)
{
    folder_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_the_sum_it_should_be),
        cmocka_unit_test(threads_do_not_change_a_bit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
