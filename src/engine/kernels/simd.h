/* Row kernels shared by all vector tables: written once in GCC vector extensions and compiled with each instruction
 * set's own flags. A vector is one register: gcc 12 takes wider ones apart through memory, ten times slower. Include
 * from kern_*.c only. */
#ifndef KERNELS_SIMD_H
#define KERNELS_SIMD_H

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "engine/kernels/kern.h"

#if defined(__AVX512F__)
enum { VLEN = 16 };
#else
enum { VLEN = 8 };
#endif

typedef float vf __attribute__((vector_size(4 * VLEN)));
typedef int32_t vi __attribute__((vector_size(4 * VLEN)));
typedef uint32_t vu __attribute__((vector_size(4 * VLEN)));
typedef uint16_t vh __attribute__((vector_size(2 * VLEN)));

static inline vf vf_set(float x)
{
    /* zero + x would cost an addition */
#if defined(__AVX512F__)
    return (vf){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
#else
    return (vf){x, x, x, x, x, x, x, x};
#endif
}

static inline vf vf_load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void vf_store(float *p, vf v)
{
    memcpy(p, &v, sizeof v);
}

/* The first count (< VLEN) values; the others are zero. */
static inline vf vf_load_part(const float *p, size_t count)
{
    vf v = {};
    memcpy(&v, p, count * sizeof *p);
    return v;
}

static inline vf vf_widen(vh x)
{
    return (vf)(__builtin_convertvector(x, vi) << 16);
}

static inline vh vf_narrow(vf v)
{
    vu u = (vu)v; /* unsigned: the bits of a NaN may overflow before they are masked */
    vu rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
    vu nan = (vu)((vi)(u & 0x7fffffff) > 0x7f800000);
    rounded = (rounded & ~nan) | (((u >> 16) | 0x40) & nan);
    return __builtin_convertvector(rounded, vh);
}

/* Stores count (1..VLEN) values to the outputs that are not NULL. */
static inline void vf_put(float *y, bf16 *y_bf16, vf v, size_t count)
{
    bool whole = count == VLEN; /* one store instead of a call */
    if (y && whole)
        vf_store(y, v);
    else if (y)
        memcpy(y, &v, count * sizeof *y);
    if (y_bf16) {
        vh h = vf_narrow(v);
        memcpy(y_bf16, &h, whole ? sizeof h : count * sizeof *y_bf16);
    }
}

static inline float vf_sum(vf v)
{
    float lanes[VLEN], sum = 0;
    vf_store(lanes, v);
    for (int step = VLEN / 2; step; step /= 2)
        for (int i = 0; i < step; i++)
            lanes[i] += lanes[i + step];
    sum = lanes[0];
    return sum;
}

/* b when either is NaN. */
static inline vf vf_max(vf a, vf b)
{
#if defined(__AVX512F__)
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#else
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#endif
}

static inline float vf_max_lane(vf v)
{
    float lanes[VLEN];
    vf_store(lanes, v);
    float max = lanes[0];
    for (int i = 1; i < VLEN; i++)
        max = lanes[i] > max ? lanes[i] : max;
    return max;
}

/* exp, relative error below 2e-7 in [-87, 88]; below that 0, above it clamped. NaN stays NaN: vf_max returns its second
 * argument when one is NaN, so x stands there. */
static inline vf vf_exp(vf x)
{
    vi low = x < -87.0f;
    x = vf_max(vf_set(-87.0f), x);
    x = -vf_max(vf_set(-88.0f), -x);
    vf magic = vf_set(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer */
    vf n = x * 1.44269504088896341f + magic;
    vu exponent = (vu)n << 23;
    n = n - magic;
    vf r = x - n * 0.693145751953125f; /* ln 2 in two parts: the first has few bits, so n * it is exact */
    r = r - n * 1.42860682030941723212e-6f;
    vf p = vf_set(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    vf y = (vf)((vu)p + exponent);
    return (vf)((vi)y & ~low);
}

/* 2^x for x <= 0, relative error below 4e-5: for probabilities that are rounded to bf16, whose own error is 4e-3. NaN
 * stays NaN. */
static inline vf vf_exp2_coarse(vf x)
{
#if defined(__AVX512F__)
    vf n = (vf)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    x = vf_max(vf_set(-126.0f), x);
    vf n = (vf)_mm256_round_ps((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#endif
    vf r = x - n, p = vf_set(0.009618129f);
    p = p * r + 0.05550411f;
    p = p * r + 0.24022651f;
    p = p * r + 0.69314718f;
    p = p * r + 1.0f;
#if defined(__AVX512F__)
    return (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    return (vf)((vu)p + ((vu)_mm256_cvtps_epi32((__m256)n) << 23)); /* may wrap above 0 */
#endif
}

/* As vf_narrow, for values that are not denormal. */
static inline vh vf_narrow_normal(vf v)
{
#if defined(__AVX512BF16__) && defined(__AVX512F__)
    return (vh)_mm512_cvtneps_pbh((__m512)v);
#else
    return vf_narrow(v);
#endif
}

/* e / (1 + e) rather than 1 / (1 + 1 / e): for x below -87 that is 0. The other is a denormal number there, and GELU of
 * values of deviation 13, a quarter of which get there, ran at a tenth of its speed. */
static inline vf vf_sigmoid(vf x)
{
    vf e = vf_exp(x);
    return e / (1.0f + e);
}

/* 1 / x for x >= 1, relative error below 1.2e-5, the same bits on every machine (vrcp14ps is not); a division takes
 * four times as long. The first guess, off by up to 6 %, is the exponent negated as an integer; each step squares the
 * error.
 */
static inline vf vf_inverse_coarse(vf x)
{
    vf y = (vf)(0x7ef127ea - (vi)x);
    y = y * (2.0f - x * y);
    return y * (2.0f - x * y);
}

/* As vf_sigmoid, relative error below 1e-4: for what is rounded to bf16. */
static inline vf vf_sigmoid_coarse(vf x)
{
    vf t = vf_max(vf_set(-126.0f), x * -1.44269504088896341f);
    t = -vf_max(vf_set(-126.0f), -t);
    return vf_inverse_coarse(1.0f + vf_exp2_coarse(t));
}

static inline vf vf_act(enum kern_act act, vf x, bool coarse)
{
    vf arg = x;
    switch (act) {
    case KERN_ACT_GELU_TANH: /* x/2 (1 + tanh u) = x sigmoid(2u) */
        arg = (x + x * x * x * 0.044715f) * (2 * 0.797884560802865356f);
        break;
    case KERN_ACT_SILU: break;
    case KERN_ACT_NONE: return x;
    }
    return x * (coarse ? vf_sigmoid_coarse(arg) : vf_sigmoid(arg));
}

/* Rows whose outputs are fetched before their turn: 1 KB of each row is too short for the hardware to see a stream. */
enum { EPILOGUE_AHEAD = 6 };

static inline __attribute__((always_inline)) void
epilogue_row(const struct kern_epilogue *e, size_t i, const enum kern_act act, const bool extras, const bool coarse)
{
    const float *c = e->c + i * e->ldc, *bias = e->bias, *gate = NULL, *times = NULL, *add = NULL;
    float *out = e->out_f32 ? e->out_f32 + i * e->out_ld : NULL;
    bf16 *out_bf16 = e->out_bf16 ? e->out_bf16 + i * e->out_ld : NULL;
    if (extras) {
        times = e->times ? e->times + i * e->times_ld : NULL;
        gate = e->gate ? e->gate + (e->gate_row ? e->gate_row[i] : 0) * e->gate_ld : NULL;
        add = e->add ? e->add + i * e->add_ld : NULL;
    }
    for (size_t j = 0; j < e->n; j += VLEN) {
        size_t count = e->n - j < VLEN ? e->n - j : VLEN;
#define PART(p) (count == VLEN ? vf_load((p) + j) : vf_load_part((p) + j, count))
        vf v = PART(c);
        if (bias)
            v += PART(bias);
        v = vf_act(act, v, coarse);
        if (times)
            v *= PART(times);
        if (gate)
            v *= PART(gate);
        if (add)
            v += PART(add);
#undef PART
        if (i + EPILOGUE_AHEAD < e->m) {
            if (out)
                __builtin_prefetch(out + EPILOGUE_AHEAD * e->out_ld + j, 1);
            if (out_bf16)
                __builtin_prefetch(out_bf16 + EPILOGUE_AHEAD * e->out_ld + j, 1);
            if (add && add != out)
                __builtin_prefetch(add + EPILOGUE_AHEAD * e->add_ld + j);
        }
        vf_put(out ? out + j : NULL, out_bf16 ? out_bf16 + j : NULL, v, count);
    }
}

static void simd_epilogue(const struct kern_epilogue *e)
{
    bool extras = e->times || e->gate || e->add, coarse = !e->out_f32;
#define ROWS(act, with, rough)                                                                                         \
    for (size_t i = 0; i < e->m; i++)                                                                                  \
    epilogue_row(e, i, act, with, rough)
    if (e->act == KERN_ACT_NONE && extras)
        ROWS(KERN_ACT_NONE, true, false);
    else if (e->act == KERN_ACT_NONE)
        ROWS(KERN_ACT_NONE, false, false);
    else if (e->act == KERN_ACT_GELU_TANH && coarse && !extras)
        ROWS(KERN_ACT_GELU_TANH, false, true);
    else
        ROWS(e->act, true, coarse);
#undef ROWS
}

/* Maximum of a row of scores after scale and bias. A bias is added in place; without one the scores stay as they are
 * and the scale is left to whoever reads them next. */
static inline float scores_prepare(const struct kern_softmax *sm, float *s, const float *bias)
{
    vf max = vf_set(bias ? KERN_SCORE_MIN : -INFINITY);
    size_t j = 0;
    for (; j + VLEN <= sm->n; j += VLEN) {
        vf v = vf_load(s + j);
        if (bias) {
            v = v * sm->scale + vf_load(bias + j);
            vf_store(s + j, v);
        }
        max = vf_max(v, max);
    }
    float top = vf_max_lane(max);
    for (; j < sm->n; j++) {
        if (bias)
            s[j] = s[j] * sm->scale + bias[j];
        top = s[j] > top ? s[j] : top;
    }
    return bias ? top : top * sm->scale;
}

static inline void row_fade(float *o, size_t d, float factor)
{
    size_t j = 0;
    for (; j + VLEN <= d; j += VLEN)
        vf_store(o + j, vf_load(o + j) * factor);
    for (; j < d; j++)
        o[j] *= factor;
}

/* Scores s (times scale) to probabilities relative to max, as bf16: one multiply-add makes the exponent of two. Returns
 * their sum. */
static inline float probabilities_bf16(bf16 *p, const float *s, size_t n, float scale, float max)
{
    const float log2e = 1.44269504088896341f;
    float factor = scale * log2e, offset = max * log2e;
    vf sum = {};
    size_t j = 0;
    for (; j + VLEN <= n; j += VLEN) {
        vf e = vf_exp2_coarse(vf_load(s + j) * factor - offset);
        vh h = vf_narrow_normal(e);
        sum += e;
        memcpy(p + j, &h, sizeof h);
    }
    size_t n_out = (n + 31) / 32 * 32;
    memset(p + j, 0, (n_out - j) * sizeof *p);
    if (j < n) { /* the rest is zero even where every score is masked */
        vf e = vf_exp2_coarse(vf_load_part(s + j, n - j) * factor - offset), kept = {};
        memcpy(&kept, &e, (n - j) * sizeof(float));
        vh h = vf_narrow_normal(kept);
        sum += kept;
        memcpy(p + j, &h, (n - j) * sizeof *p);
    }
    return vf_sum(sum);
}

static inline float probabilities_f32(float *p, const float *s, size_t n, float scale, float max)
{
    vf sum = {};
    size_t n_out = (n + 31) / 32 * 32;
    for (size_t j = 0; j < n_out; j += VLEN) {
        size_t count = j + VLEN <= n ? VLEN : j < n ? n - j : 0;
        vf e = {};
        if (count == VLEN) {
            e = vf_exp(vf_load(s + j) * scale - max);
        } else if (count) {
            vf x = vf_exp(vf_load_part(s + j, count) * scale - max);
            memcpy(&e, &x, count * sizeof *s);
        }
        sum += e;
        vf_store(p + j, e);
    }
    return vf_sum(sum);
}

static void simd_softmax(const struct kern_softmax *sm)
{
    for (size_t i = 0; i < sm->m; i++) {
        float *s = sm->s + i * sm->lds;
        float max = scores_prepare(sm, s, sm->bias ? sm->bias + (ptrdiff_t)i * sm->bias_row_step : NULL);
        if (max > sm->row_max[i]) {
            float factor = expf(sm->row_max[i] - max);
            sm->row_max[i] = max;
            sm->row_sum[i] *= factor;
            row_fade(sm->o + i * sm->ldo, sm->d, factor);
        }
        float scale = sm->bias ? 1.0f : sm->scale;
        sm->row_sum[i] += sm->p_bf16 ? probabilities_bf16(sm->p_bf16 + i * sm->ldp, s, sm->n, scale, sm->row_max[i])
                                     : probabilities_f32(sm->p_f32 + i * sm->ldp, s, sm->n, scale, sm->row_max[i]);
    }
}

/* Loops over n values in vectors and a rest; v holds x[i..], count how many are real. */
#define FOR_ROW(n) for (size_t i = 0, count; i < (n) && (count = (n)-i < VLEN ? (n)-i : VLEN, 1); i += VLEN)
#define ROW(p)     (count == VLEN ? vf_load((p) + i) : vf_load_part((p) + i, count))

static void simd_norm_layer(float *y, bf16 *y_bf16, const float *x, const float *mul, const float *add, size_t n,
                            float eps)
{
    vf sum = {}, squares = {};
    FOR_ROW(n) sum += ROW(x);
    float mean = vf_sum(sum) / (float)n;
    FOR_ROW(n)
    {
        vf d = ROW(x) - mean;
        if (count < VLEN) { /* lanes past the end hold -mean, not zero */
            vf zero = {};
            memcpy(&zero, &d, count * sizeof(float));
            d = zero;
        }
        squares += d * d;
    }
    float inverse = 1.0f / sqrtf(vf_sum(squares) / (float)n + eps);
    FOR_ROW(n)
    vf_put(y ? y + i : NULL, y_bf16 ? y_bf16 + i : NULL, (ROW(x) - mean) * inverse * ROW(mul) + ROW(add), count);
}

static inline float sum_of_squares(const float *x, size_t n)
{
    vf sum = {};
    FOR_ROW(n)
    {
        vf v = ROW(x);
        sum += v * v;
    }
    return vf_sum(sum);
}

/* (a, b) -> (a cos - b sin, a sin + b cos) on the adjacent pairs of v; turn holds (cos, sin) pairs. */
static inline vf rotate_pairs(vf v, vf turn)
{
#if defined(__AVX512F__)
    vf cosine = __builtin_shufflevector(turn, turn, 0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12, 12, 14, 14);
    vf sine = __builtin_shufflevector(turn, turn, 1, 1, 3, 3, 5, 5, 7, 7, 9, 9, 11, 11, 13, 13, 15, 15);
    vf swapped = __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
    const vf sign = {-1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1};
#else
    vf cosine = __builtin_shufflevector(turn, turn, 0, 0, 2, 2, 4, 4, 6, 6);
    vf sine = __builtin_shufflevector(turn, turn, 1, 1, 3, 3, 5, 5, 7, 7);
    vf swapped = __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6);
    const vf sign = {-1, 1, -1, 1, -1, 1, -1, 1};
#endif
    return v * cosine + swapped * (sine * sign);
}

static void simd_norm_rms(float *y, bf16 *y_bf16, const float *x, const float *weight, const float *rope, size_t n,
                          size_t d, float eps)
{
    float inverse = 1.0f / sqrtf(sum_of_squares(x, n) / (float)n + eps);
    if (!rope) {
        FOR_ROW(n) vf_put(y ? y + i : NULL, y_bf16 ? y_bf16 + i : NULL, ROW(x) * inverse * ROW(weight), count);
        return;
    }
    for (size_t head = 0; head < n; head += d) {
        const float *hx = x + head, *hw = weight + head;
        FOR_ROW(d)
        {
            vf v = rotate_pairs(ROW(hx) * inverse * ROW(hw), ROW(rope));
            vf_put(y ? y + head + i : NULL, y_bf16 ? y_bf16 + head + i : NULL, v, count);
        }
    }
}

static void simd_norm_l2(float *y, bf16 *y_bf16, const float *x, const float *gamma, size_t n, bool silu)
{
    float length = sqrtf(sum_of_squares(x, n));
    float factor = sqrtf((float)n) / (length > 1e-12f ? length : 1e-12f);
    FOR_ROW(n)
    {
        vf v = ROW(x) * factor * ROW(gamma);
        vf_put(y ? y + i : NULL, y_bf16 ? y_bf16 + i : NULL, silu ? v * (y ? vf_sigmoid(v) : vf_sigmoid_coarse(v)) : v,
               count);
    }
}

static void simd_scale(float *y, bf16 *y_bf16, const float *x, float factor, size_t n)
{
    FOR_ROW(n) vf_put(y ? y + i : NULL, y_bf16 ? y_bf16 + i : NULL, ROW(x) * factor, count);
}

static void simd_widen(float *y, const bf16 *x, size_t n)
{
    size_t i = 0;
    for (; i + VLEN <= n; i += VLEN) {
        vh h;
        memcpy(&h, x + i, sizeof h);
        vf_store(y + i, vf_widen(h));
    }
    for (; i < n; i++)
        y[i] = bf16_to_f32(x[i]);
}

#define SIMD_ROWS                                                                                                      \
    .epilogue = simd_epilogue, .softmax = simd_softmax, .norm_layer = simd_norm_layer, .norm_rms = simd_norm_rms,      \
    .norm_l2 = simd_norm_l2, .scale = simd_scale, .widen = simd_widen

#endif
