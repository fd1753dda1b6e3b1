#include "engine/sampling/sampler_private.h"

static void euler_step(struct sampler *sampler, size_t i, float *x, const float *velocity)
{
    const float *sigmas = sampler->schedule->sigmas;
    double step = (double)sigmas[i + 1] - (double)sigmas[i];
    for (size_t k = 0; k < sampler->count; k++)
        x[k] = (float)(x[k] + step * velocity[k]);
}

const struct solver solver_euler = {.history_count = 0, .step = euler_step};
