#include "engine/tensor/compute.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"

int compute_init(struct compute *compute, size_t threads, const char *cpu_limit, conch_error *err)
{
    *compute = (struct compute){0};
    compute->kern = kern_pick(kern_cpu_flags(), cpu_limit);
    if (!compute->kern)
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "CONCH_CPU: '%s' is not allowed (ref, avx2, avx512, avx512bf16, amx)", cpu_limit);
    int rc = pool_create(&compute->pool, threads ? threads : pool_cores_usable(), err);
    if (rc < 0)
        return rc;
    compute->worker_count = pool_thread_count(compute->pool);
    compute->scratch = calloc(compute->worker_count, sizeof *compute->scratch);
    for (size_t i = 0; compute->scratch && i < compute->worker_count; i++) {
        compute->scratch[i] = aligned_alloc(64, round_up(COMPUTE_SCRATCH_BYTES, 64));
        if (!compute->scratch[i])
            break;
        /* Never NaN: kernels may read lanes of it that no one wrote, with a zero weight. */
        memset(compute->scratch[i], 0, COMPUTE_SCRATCH_BYTES);
    }
    if (!compute->scratch || !compute->scratch[compute->worker_count - 1]) {
        compute_finish(compute);
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the scratch buffers of %zu threads", threads);
    }
    return 0;
}

void compute_finish(struct compute *compute)
{
    for (size_t i = 0; compute->scratch && i < compute->worker_count; i++)
        free(compute->scratch[i]);
    free(compute->scratch);
    pool_destroy(compute->pool);
    *compute = (struct compute){0};
}
