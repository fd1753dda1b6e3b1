/* How fast this machine worked in earlier runs, for the estimate of --plan. */
#ifndef CLI_RATES_H
#define CLI_RATES_H

#include "conch/engine.h"

struct rates {
    double gflop_per_s[CONCH_PHASE_COUNT]; /* 0: not known */
};

/* key: what the speed depends on (model, kernels, threads, precision). All zero when nothing is known. */
void rates_load(const char *key, struct rates *ret);

/* Keeps what is known of other phases and keys. A failure is no error: the estimate is then missing. */
void rates_save(const char *key, const struct rates *rates);

#endif
