/* What `conch doctor` asks: which kernels this processor can run, and whether the weights of a model are whole. */
#ifndef CONCH_CHECK_H
#define CONCH_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct conch_kernel_info {
    const char *name; /* as in conch_engine_options.cpu */
    bool usable;      /* by this processor and system */
} conch_kernel_info;

enum { CONCH_KERNELS_MAX = 16 };

/* All kernels of this build, best first; returns how many. */
size_t conch_check_kernels(conch_kernel_info ret_kernels[CONCH_KERNELS_MAX]);

/* How far a check of weights is, and what it found. */
typedef struct conch_weights_report {
    const char *component; /* "text_encoder", "transformer", "vae" */
    uint64_t tensor_count, bytes;
    const conch_error *problem; /* NULL: the component was read through and is whole */
} conch_weights_report;

/* Reads every tensor of every component and calls report once a component, or for every problem found: a file that is
 * missing or damaged, a value that is not finite. A non-zero return of report stops with CONCH_ERR_CANCELLED.
 * CONCH_ERR_FORMAT when there was any problem; the text has the first. */
int conch_check_weights(const conch_model *model, int (*report)(void *context, const conch_weights_report *found),
                        void *context, conch_error *err);

#ifdef __cplusplus
}
#endif
#endif
