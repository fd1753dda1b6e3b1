/* What this machine could do at best: loops of one instruction on registers, and plain passes over memory. */
#ifndef BENCH_PEAKS_H
#define BENCH_PEAKS_H

#include "bench.h"
#include "engine/tensor/compute.h"

enum peak { PEAK_FMA_AVX2, PEAK_FMA_AVX512, PEAK_DPBF16, PEAK_DPBUSD, PEAK_AMX_REGISTERS, PEAK_AMX_LOADS, PEAK_COUNT };

/* Rates by CPU time in 1e9 operations a second, all threads together; 0 where the machine has no such instruction. */
struct peaks {
    double rate[PEAK_COUNT];
};

/* Measures with this many threads and adds the rows, the clock and memory among them. */
int peaks_measure(struct peaks *peaks, struct bench_report *report, const struct bench_options *options, size_t threads,
                  conch_error *err);

/* What a table's own product instruction can do here; 0: unknown. */
double peaks_product(const struct peaks *peaks, const struct kern_table *kern, enum precision precision);

#endif
