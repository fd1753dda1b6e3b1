/* Fused forward and backward kernels for training on a CPU, one thread.  Activations are bf16, statistics fp32.
 *
 * exp() arguments are clamped throughout: with -ffast-math the compiler divides by way of a reciprocal estimate, and a
 * division by infinity would give NaN instead of 0. */
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { WIDEST = 2048 }; /* channels */

static inline float load(uint16_t v)
{
    union {
        uint32_t u;
        float f;
    } q = {(uint32_t)v << 16};
    return q.f;
}

static inline uint16_t store(float f) /* rounds to nearest even */
{
    union {
        float f;
        uint32_t u;
    } q = {f};
    return (uint16_t)((q.u + 0x7fff + ((q.u >> 16) & 1)) >> 16);
}

static inline float sigmoid(float x)
{
    return 1.f / (1.f + expf(fminf(-x, 80.f)));
}

/* ---- VAE: y = silu(x / |x| * sqrt(C) * gamma); rows [batch][n][C]; y has `pad` zero rows in front of every batch
 * entry, which is the causal time padding of the convolution that follows. */
void norm_silu_forward(const uint16_t *x, const float *gamma, uint16_t *y, float *inverse, long batch, long n, long pad,
                       int c)
{
    float root = sqrtf((float)c);
    for (long b = 0; b < batch; b++) {
        memset(y + b * (n + pad) * c, 0, sizeof *y * pad * c);
        for (long i = 0; i < n; i++) {
            const uint16_t *in = x + (b * n + i) * c;
            uint16_t *out = y + (b * (n + pad) + pad + i) * c;
            float sum = 0;
            for (int k = 0; k < c; k++)
                sum += load(in[k]) * load(in[k]);
            float r = root / sqrtf(sum + 1e-12f);
            inverse[b * n + i] = r;
            for (int k = 0; k < c; k++) {
                float u = load(in[k]) * r * gamma[k];
                out[k] = store(u * sigmoid(u));
            }
        }
    }
}

void norm_silu_backward(const uint16_t *x, const float *gamma, const float *inverse, const uint16_t *dy, uint16_t *dx,
                        float *dgamma, long batch, long n, long pad, int c)
{
    float du[WIDEST], sum[WIDEST] = {0};
    for (long b = 0; b < batch; b++)
        for (long i = 0; i < n; i++) {
            const uint16_t *in = x + (b * n + i) * c, *d = dy + (b * (n + pad) + pad + i) * c;
            uint16_t *out = dx + (b * n + i) * c;
            float r = inverse[b * n + i], dot = 0;
            for (int k = 0; k < c; k++) {
                float unit = load(in[k]) * r, u = unit * gamma[k], s = sigmoid(u);
                float g = load(d[k]) * s * (1 + u * (1 - s));
                sum[k] += g * unit;
                du[k] = g * gamma[k];
                dot += du[k] * unit;
            }
            dot /= c;
            for (int k = 0; k < c; k++)
                out[k] = store(r * (du[k] - load(in[k]) * r * dot));
        }
    memcpy(dgamma, sum, sizeof *dgamma * c);
}

/* ---- DiT: y = LN(x) * (1 + scale) + shift; x fp32 [groups][n][C], scale and shift [groups][C]. */
void modulate_forward(const float *x, const float *scale, const float *shift, uint16_t *y, float *stats, long groups,
                      long n, int c, float eps)
{
    for (long g = 0; g < groups; g++)
        for (long i = g * n; i < (g + 1) * n; i++) {
            const float *in = x + i * c, *s = scale + g * c, *b = shift + g * c;
            uint16_t *out = y + i * c;
            float mean = 0, variance = 0;
            for (int k = 0; k < c; k++)
                mean += in[k];
            mean /= c;
            for (int k = 0; k < c; k++)
                variance += (in[k] - mean) * (in[k] - mean);
            float r = 1.f / sqrtf(variance / c + eps);
            stats[2 * i] = mean;
            stats[2 * i + 1] = r;
            for (int k = 0; k < c; k++)
                out[k] = store((in[k] - mean) * r * (1 + s[k]) + b[k]);
        }
}

void modulate_backward(const float *x, const float *scale, const float *stats, const uint16_t *dy, float *dx,
                       float *dscale, float *dshift, long groups, long n, int c)
{
    float du[WIDEST], sum_scale[WIDEST], sum_shift[WIDEST];
    for (long g = 0; g < groups; g++) {
        const float *s = scale + g * c;
        memset(sum_scale, 0, sizeof *sum_scale * c);
        memset(sum_shift, 0, sizeof *sum_shift * c);
        for (long i = g * n; i < (g + 1) * n; i++) {
            const float *in = x + i * c;
            const uint16_t *d = dy + i * c;
            float *out = dx + i * c, mean = stats[2 * i], r = stats[2 * i + 1], first = 0, second = 0;
            for (int k = 0; k < c; k++) {
                float q = load(d[k]), unit = (in[k] - mean) * r;
                sum_scale[k] += q * unit;
                sum_shift[k] += q;
                q *= 1 + s[k];
                du[k] = q;
                first += q;
                second += q * unit;
            }
            first /= c;
            second /= c;
            for (int k = 0; k < c; k++)
                out[k] = r * (du[k] - first - (in[k] - mean) * r * second);
        }
        memcpy(dscale + g * c, sum_scale, sizeof *dscale * c);
        memcpy(dshift + g * c, sum_shift, sizeof *dshift * c);
    }
}

/* ---- DiT: z = x + y * gate; x, z fp32, y bf16 [groups][n][C], gate [groups][C]. */
void gate_forward(const float *x, const uint16_t *y, const float *gate, float *z, long groups, long n, int c)
{
    for (long g = 0; g < groups; g++)
        for (long i = g * n; i < (g + 1) * n; i++)
            for (int k = 0; k < c; k++)
                z[i * c + k] = x[i * c + k] + load(y[i * c + k]) * gate[g * c + k];
}

void gate_backward(const uint16_t *y, const float *gate, const float *dz, uint16_t *dy, float *dgate, long groups,
                   long n, int c)
{
    float sum[WIDEST];
    for (long g = 0; g < groups; g++) {
        memset(sum, 0, sizeof *sum * c);
        for (long i = g * n; i < (g + 1) * n; i++)
            for (int k = 0; k < c; k++) {
                float d = dz[i * c + k];
                sum[k] += d * load(y[i * c + k]);
                dy[i * c + k] = store(d * gate[g * c + k]);
            }
        memcpy(dgate + g * c, sum, sizeof *dgate * c);
    }
}

/* ---- DiT: RMS norm over the whole width, then rotation of adjacent pairs; x bf16 [batch][length][C].
 * `table` [length][head] holds cos, sin of each pair, or is null for no rotation. */
void norm_rotate_forward(const uint16_t *x, const float *weight, const float *table, uint16_t *y, float *inverse,
                         long batch, long length, int c, int head, float eps)
{
    for (long i = 0; i < batch * length; i++) {
        const uint16_t *in = x + i * c;
        uint16_t *out = y + i * c;
        float sum = 0;
        for (int k = 0; k < c; k++)
            sum += load(in[k]) * load(in[k]);
        float r = 1.f / sqrtf(sum / c + eps);
        inverse[i] = r;
        if (!table) {
            for (int k = 0; k < c; k++)
                out[k] = store(load(in[k]) * r * weight[k]);
            continue;
        }
        const float *turn = table + i % length * head;
        for (int h = 0; h < c; h += head)
            for (int k = 0; k < head; k += 2) {
                float a = load(in[h + k]) * r * weight[h + k], b = load(in[h + k + 1]) * r * weight[h + k + 1];
                out[h + k] = store(a * turn[k] - b * turn[k + 1]);
                out[h + k + 1] = store(a * turn[k + 1] + b * turn[k]);
            }
    }
}

void norm_rotate_backward(const uint16_t *x, const float *weight, const float *table, const float *inverse,
                          const uint16_t *dy, uint16_t *dx, float *dweight, long batch, long length, int c, int head)
{
    float du[WIDEST], total[WIDEST] = {0};
    for (long i = 0; i < batch * length; i++) {
        const uint16_t *in = x + i * c, *d = dy + i * c;
        float r = inverse[i], dot = 0;
        if (table) {
            const float *turn = table + i % length * head;
            for (int h = 0; h < c; h += head)
                for (int k = 0; k < head; k += 2) {
                    float p = load(d[h + k]), q = load(d[h + k + 1]);
                    du[h + k] = p * turn[k] + q * turn[k + 1];
                    du[h + k + 1] = q * turn[k] - p * turn[k + 1];
                }
        } else {
            for (int k = 0; k < c; k++)
                du[k] = load(d[k]);
        }
        for (int k = 0; k < c; k++) {
            float unit = load(in[k]) * r;
            total[k] += du[k] * unit;
            du[k] *= weight[k];
            dot += du[k] * unit;
        }
        dot /= c;
        for (int k = 0; k < c; k++)
            dx[i * c + k] = store(r * (du[k] - load(in[k]) * r * dot));
    }
    memcpy(dweight, total, sizeof *dweight * c);
}

/* ---- DiT: GELU, tanh form: x * sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3). */
void gelu_forward(const uint16_t *x, uint16_t *y, long n)
{
    for (long i = 0; i < n; i++) {
        float v = load(x[i]), u = 0.7978845608f * (v + 0.044715f * v * v * v);
        y[i] = store(v * sigmoid(2 * u));
    }
}

void gelu_backward(const uint16_t *x, const uint16_t *dy, uint16_t *dx, long n)
{
    for (long i = 0; i < n; i++) {
        float v = load(x[i]), u = 0.7978845608f * (v + 0.044715f * v * v * v), s = sigmoid(2 * u);
        float slope = 0.7978845608f * (1 + 3 * 0.044715f * v * v);
        dx[i] = store(load(dy[i]) * (s + v * 2 * s * (1 - s) * slope));
    }
}
