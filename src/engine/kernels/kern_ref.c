/* The reference: plain C, one value at a time, no intrinsics, sums in double where a formula sums. Slow on purpose. */
#include <math.h>

#include "engine/kernels/kern.h"

static void mm_ref(const struct kern_mm *mm, bool is_bf16)
{
    size_t k_stored = is_bf16 ? kern_k_padded(mm->k) : mm->k;
    for (size_t i = 0; i < mm->m; i++) {
        for (size_t j = 0; j < (mm->n + 15) / 16 * 16; j++) {
            double sum = mm->accumulate ? mm->c[i * mm->ldc + j] : 0;
            for (size_t b = 0; b < mm->batch_count; b++) {
                size_t panel = j / KERN_PANEL * mm->panel_stride + b * k_stored * KERN_PANEL;
                for (size_t k = 0; k < mm->k; k++) {
                    if (is_bf16) {
                        const bf16 *a = mm->a[b], *p = (const bf16 *)mm->b + panel;
                        sum += (double)bf16_to_f32(a[i * mm->lda + k]) *
                               bf16_to_f32(p[k / 2 * 32 + j % KERN_PANEL * 2 + k % 2]);
                    } else {
                        const float *a = mm->a[b], *p = (const float *)mm->b + panel;
                        sum += (double)a[i * mm->lda + k] * p[k * KERN_PANEL + j % KERN_PANEL];
                    }
                }
            }
            mm->c[i * mm->ldc + j] = (float)sum;
        }
    }
}

static void mm_bf16(const struct kern_mm *mm)
{
    mm_ref(mm, true);
}

static void mm_f32(const struct kern_mm *mm)
{
    mm_ref(mm, false);
}

static double act_ref(enum kern_act act, double x)
{
    switch (act) {
    case KERN_ACT_GELU_TANH: return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
    case KERN_ACT_SILU: return x / (1 + exp(-x));
    case KERN_ACT_NONE: break;
    }
    return x;
}

static void put(float *y, bf16 *y_bf16, size_t i, double value)
{
    if (y)
        y[i] = (float)value;
    if (y_bf16)
        y_bf16[i] = bf16_from_f32((float)value);
}

static void epilogue(const struct kern_epilogue *e)
{
    for (size_t i = 0; i < e->m; i++) {
        const float *gate = e->gate ? e->gate + (e->gate_row ? e->gate_row[i] : 0) * e->gate_ld : NULL;
        for (size_t j = 0; j < e->n; j++) {
            double v = act_ref(e->act, (double)e->c[i * e->ldc + j] + (e->bias ? e->bias[j] : 0));
            if (e->times)
                v *= e->times[i * e->times_ld + j];
            if (gate)
                v *= gate[j];
            if (e->add)
                v += e->add[i * e->add_ld + j];
            put(e->out_f32, e->out_bf16, i * e->out_ld + j, v);
        }
    }
}

static void softmax(const struct kern_softmax *sm)
{
    for (size_t i = 0; i < sm->m; i++) {
        float *s = sm->s + i * sm->lds, max = sm->row_max[i];
        for (size_t j = 0; j < sm->n; j++) {
            s[j] = s[j] * sm->scale + (sm->bias ? sm->bias[(ptrdiff_t)i * sm->bias_row_step + (ptrdiff_t)j] : 0);
            max = fmaxf(max, s[j]);
        }
        double fade = exp((double)sm->row_max[i] - max), sum = sm->row_sum[i] * fade;
        for (size_t j = 0; j < sm->d; j++)
            sm->o[i * sm->ldo + j] *= (float)fade;
        for (size_t j = 0; j < (sm->n + 31) / 32 * 32; j++) {
            double p = j < sm->n ? exp((double)s[j] - max) : 0;
            sum += p;
            put(sm->p_f32, sm->p_bf16, i * sm->ldp + j, p);
        }
        sm->row_max[i] = max;
        sm->row_sum[i] = (float)sum;
    }
}

static void norm_layer(float *y, bf16 *y_bf16, const float *x, const float *mul, const float *add, size_t n, float eps)
{
    double mean = 0, variance = 0;
    for (size_t i = 0; i < n; i++)
        mean += x[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++)
        variance += (x[i] - mean) * (x[i] - mean);
    double inverse = 1 / sqrt(variance / (double)n + eps);
    for (size_t i = 0; i < n; i++)
        put(y, y_bf16, i, (x[i] - mean) * inverse * mul[i] + add[i]);
}

static void norm_rms(float *y, bf16 *y_bf16, const float *x, const float *weight, const float *rope, size_t n, size_t d,
                     float eps)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    double inverse = 1 / sqrt(sum / (double)n + eps);
    if (!rope) {
        for (size_t i = 0; i < n; i++)
            put(y, y_bf16, i, x[i] * inverse * weight[i]);
        return;
    }
    for (size_t i = 0; i < n; i += 2) {
        double a = x[i] * inverse * weight[i], b = x[i + 1] * inverse * weight[i + 1];
        double c = rope[i % d], s = rope[i % d + 1];
        put(y, y_bf16, i, a * c - b * s);
        put(y, y_bf16, i + 1, a * s + b * c);
    }
}

static void norm_l2(float *y, bf16 *y_bf16, const float *x, const float *gamma, size_t n, bool silu)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    double factor = sqrt((double)n) / fmax(sqrt(sum), 1e-12);
    for (size_t i = 0; i < n; i++)
        put(y, y_bf16, i, act_ref(silu ? KERN_ACT_SILU : KERN_ACT_NONE, x[i] * factor * gamma[i]));
}

static void scale(float *y, bf16 *y_bf16, const float *x, float factor, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put(y, y_bf16, i, x[i] * factor);
}

static void widen(float *y, const bf16 *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = bf16_to_f32(x[i]);
}

const struct kern_table kern_ref = {.name = "ref",
                                    .needs = 0,
                                    .mm_bf16 = mm_bf16,
                                    .mm_f32 = mm_f32,
                                    .epilogue = epilogue,
                                    .softmax = softmax,
                                    .norm_layer = norm_layer,
                                    .norm_rms = norm_rms,
                                    .norm_l2 = norm_l2,
                                    .scale = scale,
                                    .widen = widen};
