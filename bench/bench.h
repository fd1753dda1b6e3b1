/* What the benchmarks share: options, timing, and a report that is a table for people or JSON for programs.
 *
 * Machines are shared, so every case gives two rates: by wall time, and by CPU seconds a thread, which holds when other
 * programs run beside. Both are medians over the same runs; one run before them warms caches and is not counted. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"

struct bench_options {
    bool json;
    bool quick;        /* a smoke run of seconds: small sizes, few repeats */
    size_t threads;    /* 0: one thread, then as many as there are cores */
    size_t tokens_max; /* 0: all sizes; else none above this many rows */
};

struct bench_command {
    const char *name, *summary;
    int (*run)(const struct bench_options *options, conch_error *err);
};

extern const struct bench_command bench_kernels;

enum { BENCH_REPEATS = 5 };

struct bench_time {
    double wall_s, cpu_s; /* medians; cpu_s a thread */
};

/* Runs work once, then repeats times. */
typedef void bench_work(void *context);
struct bench_time bench_measure(bench_work *work, void *context, size_t threads, size_t repeats);

struct bench_row {
    const char *group, *name, *table; /* table "": no kernel table */
    size_t threads;
    double amount;    /* operations, bytes or values of one run */
    const char *unit; /* of amount / 1e9 / s */
    double peak;      /* the rate it could have, same unit, by CPU time; 0: unknown */
    struct bench_time time;
};

struct bench_report;
int bench_report_create(struct bench_report **ret_report, const struct bench_options *options, const char *command,
                        conch_error *err);
void bench_report_add(struct bench_report *report, const struct bench_row *row);
/* Prints what is left and frees; takes NULL. */
void bench_report_destroy(struct bench_report *report);

/* Rate by CPU time, in 1e9 a second. */
static inline double bench_rate_cpu(const struct bench_row *row)
{
    return row->amount / row->time.cpu_s * 1e-9;
}

/* size bytes, 64-byte aligned; ends the program when there are none, as a benchmark has nothing to clean up. */
void *bench_alloc(size_t size);
/* Values in -1 .. 1, none of them zero: zero operands cost less power and would flatter the clock. */
void bench_random_f32(float *x, size_t count);
void bench_random_bf16(uint16_t *x, size_t count);

#endif
