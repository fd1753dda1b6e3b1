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
    size_t tokens_max; /* kernels: 0: all sizes; else none above this many rows */
    /* pass, vae: */
    bool is_5b;           /* Wan 2.2 TI2V 5B; else Wan 2.1 1.3B */
    size_t width, height; /* pixels; 0: 832x480 (quick: 416x240) */
    size_t frames;        /* 4n + 1; 0: 17 (quick: 5) */
    size_t passes;        /* 0: one */
    const char *weights;  /* a checkpoint; NULL: random ones */
};

struct bench_command {
    const char *name, *summary;
    int (*run)(const struct bench_options *options, conch_error *err);
};

extern const struct bench_command bench_kernels, bench_pass, bench_serve, bench_tiny, bench_vae;

enum { BENCH_REPEATS = 5 };

struct bench_time {
    double wall_s, cpu_s; /* medians; cpu_s a thread */
};

/* Runs work once, then repeats times (at most BENCH_REPEATS). */
typedef void bench_work(void *context);
struct bench_time bench_measure(bench_work *work, void *context, size_t threads, size_t repeats);
/* The same without the run before: for work of seconds, which a warm cache does not change. */
struct bench_time bench_measure_cold(bench_work *work, void *context, size_t threads, size_t repeats);

/* Most memory this process has held since the reset, as the system counts it (VmHWM), in bytes; 0: unknown. */
void bench_memory_reset(void);
uint64_t bench_memory_peak(void);

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
/* A number that is not a time. */
void bench_report_fact(struct bench_report *report, const char *name, double value, const char *unit);
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
