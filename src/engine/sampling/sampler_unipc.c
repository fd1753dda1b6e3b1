/* UniPC of Zhao et al. 2023, order 2, variant bh2, predicting the clean sample, as the official Wan programs set it up.
 *
 * Every step but the first corrects the sample it was given, with the velocity found there, before it predicts the next
 * one. The clean estimate stays that of the uncorrected sample: the network is not asked twice. */
#include <math.h>

#include "engine/sampling/sampler_private.h"

/* A new sample as a sum: by_x times the sample it starts from, and clean estimates of this step and the two before. */
struct unipc_terms {
    double by_x, by_now, by_before, by_before2;
};

/* Order of the prediction that step i makes: lower at both ends. */
static size_t unipc_order(const struct schedule *schedule, size_t i)
{
    return i == 0 || i + 1 == schedule->steps ? 1 : 2;
}

/* From the corrected sample of step i - 1 to that of step i > 0. */
static struct unipc_terms unipc_corrector(const struct schedule *schedule, size_t i)
{
    double sigma = schedule->sigmas[i], sigma_before = schedule->sigmas[i - 1];
    double lambda_before = schedule_lambda(schedule, i - 1);
    double h = schedule_lambda(schedule, i) - lambda_before;
    double phi1 = expm1(-h), phi2 = -phi1 / h - 1, phi3 = -phi2 / h - 0.5;
    double factor = -(1 - sigma) * phi1;
    struct unipc_terms terms = {.by_x = sigma / sigma_before, .by_before = factor};
    if (unipc_order(schedule, i - 1) == 1) {
        terms.by_now = 0.5 * factor;
        terms.by_before -= 0.5 * factor;
        return terms;
    }
    double b1 = phi2 / phi1, b2 = 2 * phi3 / phi1;
    double r = (schedule_lambda(schedule, i - 2) - lambda_before) / h;
    double rho1 = (b1 - b2) / (1 - r), rho2 = b1 - rho1;
    terms.by_now = factor * rho2;
    terms.by_before2 = factor * rho1 / r;
    terms.by_before -= terms.by_now + terms.by_before2;
    return terms;
}

/* From the corrected sample of step i to what step i + 1 is given. */
static struct unipc_terms unipc_predictor(const struct schedule *schedule, size_t i)
{
    double sigma = schedule->sigmas[i], sigma_next = schedule->sigmas[i + 1];
    double lambda = schedule_lambda(schedule, i);
    double h = schedule_lambda(schedule, i + 1) - lambda;
    double factor = -(1 - sigma_next) * expm1(-h);
    struct unipc_terms terms = {.by_x = sigma_next / sigma, .by_now = factor};
    if (unipc_order(schedule, i) == 2) {
        double r = (schedule_lambda(schedule, i - 1) - lambda) / h;
        terms.by_before = 0.5 * factor / r;
        terms.by_now -= terms.by_before;
    }
    return terms;
}

static void unipc_step(struct sampler *sampler, size_t i, float *x, const float *velocity)
{
    const struct schedule *schedule = sampler->schedule;
    struct unipc_terms correct = {0}, predict = unipc_predictor(schedule, i);
    if (i > 0)
        correct = unipc_corrector(schedule, i);
    double sigma = schedule->sigmas[i];
    float *before = sampler->estimate, *before2 = sampler->estimate2, *corrected = sampler->corrected;
    for (size_t k = 0; k < sampler->count; k++) {
        double now = x[k] - sigma * velocity[k];
        double here = x[k];
        if (i > 0)
            here = correct.by_x * corrected[k] + correct.by_now * now + correct.by_before * before[k] +
                   correct.by_before2 * before2[k];
        x[k] = (float)(predict.by_x * here + predict.by_now * now + predict.by_before * before[k]);
        corrected[k] = (float)here;
        before2[k] = before[k];
        before[k] = (float)now;
    }
}

const struct solver solver_unipc = {.history_count = 3, .step = unipc_step};
