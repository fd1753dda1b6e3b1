/* Samplers of flow matching: which noise levels are visited, and how the sample moves from one to the next.
 * x_sigma = (1 - sigma) x0 + sigma noise, velocity v = noise - x0; N steps over sigma_0 > ... > sigma_N = 0. */
#ifndef SAMPLING_SAMPLER_H
#define SAMPLING_SAMPLER_H

#include <stddef.h>

#include "conch/error.h"

enum { SAMPLER_STEPS_MAX = 1000 };

enum sampler_kind {
    SAMPLER_UNIPC,           /* order 2, bh2; official default of Wan */
    SAMPLER_DPMPP,           /* DPM++ 2M */
    SAMPLER_EULER,           /* fractional timesteps; what distilled models use */
    SAMPLER_EULER_DIFFUSERS, /* the sigma tables of diffusers' schedulers with a shift, same solvers */
    SAMPLER_UNIPC_DIFFUSERS
};

/* Names as --sampler takes them: unipc, dpmpp, euler, euler_diffusers, unipc_diffusers. NULL / -1 when unknown. */
const char *sampler_name(enum sampler_kind kind);
int sampler_from_name(const char *name);
#define SAMPLER_NAMES "unipc, dpmpp, euler, euler_diffusers, unipc_diffusers"

struct schedule {
    enum sampler_kind kind;
    size_t steps;
    float sigmas[SAMPLER_STEPS_MAX + 1]; /* steps + 1 of them, the last is 0 */
    float timesteps[SAMPLER_STEPS_MAX]; /* 0..1000, as the network takes them; whole numbers where the kind truncates */
};

/* Shift s moves a noise level r to s r / (1 + (s - 1) r). Between these two no pair of neighbouring levels of any table
 * becomes equal in f32, nor any of them 0. */
#define SAMPLER_SHIFT_MIN 0.001
#define SAMPLER_SHIFT_MAX 100.0

/* steps 1 .. SAMPLER_STEPS_MAX, shift SAMPLER_SHIFT_MIN .. SAMPLER_SHIFT_MAX: else CONCH_ERR_RANGE. */
int schedule_init(struct schedule *schedule, enum sampler_kind kind, size_t steps, double shift, conch_error *err);

struct sampler;
size_t sampler_bytes(const struct schedule *schedule, size_t count);
/* count: values in the sample. schedule must outlive the sampler. CONCH_ERR_NOMEM. */
int sampler_create(struct sampler **ret, const struct schedule *schedule, size_t count, conch_error *err);
void sampler_destroy(struct sampler *sampler);

/* Step i (0, 1, ... in order): x [count] goes from sigma_i to sigma_{i+1}, velocity is the network's answer at x. The
 * caller may overwrite parts of x between steps (frames that are given): history keeps what the sampler computed
 * itself. */
void sampler_step(struct sampler *sampler, size_t i, float *x, const float *velocity);

#endif
