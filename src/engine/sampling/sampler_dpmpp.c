/* DPM-Solver++(2M) of Lu et al. 2022, as the official Wan programs set it up: first order in the first and the last
 * step. h = lambda_{i+1} - lambda_i,  K = alpha_{i+1} (exp(-h) - 1) x_{i+1} = (sigma_{i+1} / sigma_i) x_i - K m_i  [- K
 * / 2 (m_i - m_{i-1}) / r,  r = (lambda_i - lambda_{i-1}) / h] With sigma_0 = 1 lambda_0 is -inf: K is then -alpha_1,
 * and the r of step 1 infinite, which takes its extra term away. */
#include <math.h>

#include "engine/sampling/sampler_private.h"

static void dpmpp_step(struct sampler *sampler, size_t i, float *x, const float *velocity)
{
    const struct schedule *schedule = sampler->schedule;
    double sigma = schedule->sigmas[i], sigma_next = schedule->sigmas[i + 1];
    double lambda = schedule_lambda(schedule, i);
    double h = schedule_lambda(schedule, i + 1) - lambda;
    double k_factor = (1 - sigma_next) * expm1(-h);
    double by_x = sigma_next / sigma, by_estimate = -k_factor, by_before = 0;
    if (i > 0 && i + 1 < schedule->steps) {
        double r = (lambda - schedule_lambda(schedule, i - 1)) / h;
        by_before = 0.5 * k_factor / r;
        by_estimate -= by_before;
    }
    float *before = sampler->estimate; /* zeros in step 0 */
    for (size_t k = 0; k < sampler->count; k++) {
        double estimate = x[k] - sigma * velocity[k];
        x[k] = (float)(by_x * x[k] + by_estimate * estimate + by_before * before[k]);
        before[k] = (float)estimate;
    }
}

const struct solver solver_dpmpp = {.history_count = 1, .step = dpmpp_step};
