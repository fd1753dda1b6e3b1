/* What the solvers share: private to this folder and its tests.
 *
 * A solver is linear in everything it remembers, so each computes its few coefficients in f64 once a step and then
 * passes over the sample once. m_i = x_i - sigma_i v_i is the clean estimate, alpha = 1 - sigma, lambda = ln alpha - ln
 * sigma. */
#ifndef SAMPLING_SAMPLER_PRIVATE_H
#define SAMPLING_SAMPLER_PRIVATE_H

#include <stddef.h>

#include "engine/sampling/sampler.h"

enum { SAMPLER_HISTORY_MAX = 3 };

struct solver {
    size_t history_count; /* arrays of the sample's size it remembers */
    void (*step)(struct sampler *sampler, size_t i, float *x, const float *velocity);
};

extern const struct solver solver_euler;
extern const struct solver solver_dpmpp;
extern const struct solver solver_unipc;

struct sampler {
    const struct schedule *schedule;
    const struct solver *solver;
    size_t count;
    size_t step_next; /* steps come in order: the history belongs to this one */
    float *estimate;  /* m of the step before; NULL when the solver has no use for it */
    float *estimate2; /* m of the step before that */
    float *corrected; /* UniPC: what the step before made of the sample it was given */
};

/* lambda of sigmas[i]: -inf where sigma is 1, +inf where it is 0. */
double schedule_lambda(const struct schedule *schedule, size_t i);

#endif
