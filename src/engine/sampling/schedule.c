#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/base.h"
#include "engine/sampling/sampler_private.h"

static const char *const names[] = {
    [SAMPLER_UNIPC] = "unipc",
    [SAMPLER_DPMPP] = "dpmpp",
    [SAMPLER_EULER] = "euler",
    [SAMPLER_EULER_DIFFUSERS] = "euler_diffusers",
    [SAMPLER_UNIPC_DIFFUSERS] = "unipc_diffusers",
};

const char *sampler_name(enum sampler_kind kind)
{
    return (size_t)kind < ARRAY_LEN(names) ? names[kind] : NULL;
}

int sampler_from_name(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(names); i++)
        if (!strcmp(name, names[i]))
            return (int)i;
    return -1;
}

static double shifted(double r, double shift)
{
    return shift * r / (1 + (shift - 1) * r);
}

/* The i'th of the values that lead from first to last in `steps` equal steps. Written as the official programs' library
 * computes it: 1 - 7 * (1 / 20.0) is just below 0.65, and truncation shows the difference. */
static double spaced(double first, double last, size_t i, size_t steps)
{
    return (double)i * ((last - first) / (double)steps) + first;
}

/* The i'th noise level before it is rounded. */
static double sigma_at(enum sampler_kind kind, size_t i, size_t steps, double shift)
{
    switch (kind) {
    case SAMPLER_UNIPC:
        /* the official scheduler keeps 0.999 as an f32 */
        return shifted(spaced((double)0.999f, 0, i, steps), shift);
    case SAMPLER_DPMPP:
    case SAMPLER_EULER: return shifted(spaced(1, 0, i, steps), shift);
    case SAMPLER_EULER_DIFFUSERS: {
        /* its least level is computed in f32, and the others on the scale of timesteps */
        float least = 0.001f, s = (float)shift;
        least = s * least / (1 + (s - 1) * least);
        return shifted(steps == 1 ? 1 : spaced(1000, 1000 * (double)least, i, steps - 1) / 1000, shift);
    }
    case SAMPLER_UNIPC_DIFFUSERS: return i == 0 ? 1 - 1e-6 : shifted(spaced(1, 0.001, i, steps), shift);
    }
    assert(!"unknown kind");
    return 0;
}

int schedule_init(struct schedule *schedule, enum sampler_kind kind, size_t steps, double shift, conch_error *err)
{
    if (!sampler_name(kind))
        return conch_error_set(err, CONCH_ERR_RANGE, "sampler: %d is none of " SAMPLER_NAMES, (int)kind);
    if (steps < 1 || steps > SAMPLER_STEPS_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "steps: %zu is not one of 1 to %d", steps, SAMPLER_STEPS_MAX);
    if (!(shift >= SAMPLER_SHIFT_MIN && shift <= SAMPLER_SHIFT_MAX))
        return conch_error_set(err, CONCH_ERR_RANGE, "shift: %g is not between %g and %g", shift, SAMPLER_SHIFT_MIN,
                               SAMPLER_SHIFT_MAX);
    bool whole = kind != SAMPLER_EULER && kind != SAMPLER_EULER_DIFFUSERS;
    schedule->kind = kind;
    schedule->steps = steps;
    for (size_t i = 0; i < steps; i++) {
        /* timesteps come from the f64 value: after rounding to f32 a product just below a whole number may reach it */
        double sigma = sigma_at(kind, i, steps, shift);
        schedule->sigmas[i] = (float)sigma;
        schedule->timesteps[i] = (float)(whole ? trunc(1000 * sigma) : 1000 * sigma);
    }
    schedule->sigmas[steps] = 0;
    return CONCH_OK;
}

double schedule_lambda(const struct schedule *schedule, size_t i)
{
    double sigma = schedule->sigmas[i];
    return log1p(-sigma) - log(sigma);
}
