#include "engine/model/branch.h"

#include <stdlib.h>

#include "engine/tensor/rows.h"

int branch_run(const struct compute *compute, const struct branch *branch, const struct probe *probe, const char *name,
               conch_error *err)
{
    size_t width = branch->linear->n;
    struct linear_job job = {
        .linear = branch->linear, .x = branch->in, .rows = branch->rows, .x_ld = branch->linear->k};
    if (!probe) {
        job.gate = branch->gate;
        job.gate_ld = branch->gate_ld;
        job.gate_row = branch->select;
        job.add = job.out_f32 = branch->x;
        linear_run(compute, &job);
        return 0;
    }
    float *apart = malloc(branch->rows * width * sizeof *apart);
    if (!apart)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to look at %s", name);
    job.out_f32 = apart;
    linear_run(compute, &job);
    probe_rows(probe, apart, branch->rows, width, "%s", name);
    struct rows_add add = {.x = branch->x,
                           .branch = apart,
                           .rows = branch->rows,
                           .width = width,
                           .gate = branch->gate,
                           .select = branch->select,
                           .select_ld = branch->gate_ld};
    rows_add(&add);
    free(apart);
    return 0;
}
