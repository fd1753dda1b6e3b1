/* The end of a residual branch, shared by the networks: x += gate * linear(in). */
#ifndef MODEL_BRANCH_H
#define MODEL_BRANCH_H

#include "engine/tensor/compute.h"
#include "engine/tensor/linear.h"
#include "engine/tensor/probe.h"

struct branch {
    const struct linear *linear;
    const void *in; /* [rows][linear->k] in the linear's precision */
    size_t rows;
    float *x;          /* [rows][linear->n], updated */
    const float *gate; /* [..][linear->n] by select; NULL: 1 */
    const uint32_t *select;
    size_t gate_ld;
};

/* Without a probe one fused product. With one, the branch is computed apart, offered under name, then added. */
int branch_run(const struct compute *compute, const struct branch *branch, const struct probe *probe, const char *name,
               conch_error *err);

#endif
