#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/sampling/sampler_private.h"

static const struct solver *solver_of(enum sampler_kind kind)
{
    switch (kind) {
    case SAMPLER_UNIPC:
    case SAMPLER_UNIPC_DIFFUSERS: return &solver_unipc;
    case SAMPLER_DPMPP: return &solver_dpmpp;
    case SAMPLER_EULER:
    case SAMPLER_EULER_DIFFUSERS: return &solver_euler;
    }
    assert(!"unknown kind");
    return NULL;
}

size_t sampler_bytes(const struct schedule *schedule, size_t count)
{
    return sizeof(struct sampler) + solver_of(schedule->kind)->history_count * count * sizeof(float);
}

int sampler_create(struct sampler **ret, const struct schedule *schedule, size_t count, conch_error *err)
{
    assert(schedule->steps >= 1 && schedule->steps <= SAMPLER_STEPS_MAX);
    struct sampler *sampler = NULL;
    if (count <= SIZE_MAX / 2 / (SAMPLER_HISTORY_MAX * sizeof(float)))
        sampler = calloc(1, sampler_bytes(schedule, count));
    if (!sampler)
        return conch_error_set(err, CONCH_ERR_NOMEM, "sampler %s: no memory for a sample of %zu values",
                               sampler_name(schedule->kind), count);
    sampler->schedule = schedule;
    sampler->solver = solver_of(schedule->kind);
    sampler->count = count;
    float *history = (float *)(sampler + 1);
    float **const slots[SAMPLER_HISTORY_MAX] = {&sampler->estimate, &sampler->estimate2, &sampler->corrected};
    for (size_t i = 0; i < sampler->solver->history_count; i++)
        *slots[i] = history + i * count;
    *ret = sampler;
    return CONCH_OK;
}

void sampler_destroy(struct sampler *sampler)
{
    free(sampler);
}

void sampler_step(struct sampler *sampler, size_t i, float *x, const float *velocity)
{
    assert(i == sampler->step_next);
    assert(i < sampler->schedule->steps);
    sampler->step_next++;
    sampler->solver->step(sampler, i, x, velocity);
}
