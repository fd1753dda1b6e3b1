#include "peaks.h"

#include <cpuid.h>
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "engine/kernels/kern.h"

/* 16 independent accumulators hide a latency of 6 on two ports with room to spare. Operands are small and not zero:
 * sums stay normal numbers over the whole loop. */
#define LOOP16(ins, reg)                                                                                               \
    "vbroadcastss (%1), %%" reg "14\n vbroadcastss (%1), %%" reg "15\n"                                                \
    ".p2align 6\n 1:\n" LOOP_BODY(ins, reg) LOOP_BODY(ins, reg) "dec %0\n jnz 1b\n"
#define LOOP_BODY(ins, reg)                                                                                            \
    ONE(ins, reg, "0")                                                                                                 \
    ONE(ins, reg, "1")                                                                                                 \
    ONE(ins, reg, "2")                                                                                                 \
    ONE(ins, reg, "3")                                                                                                 \
    ONE(ins, reg, "4")                                                                                                 \
    ONE(ins, reg, "5")                                                                                                 \
    ONE(ins, reg, "6") ONE(ins, reg, "7") ONE(ins, reg, "8") ONE(ins, reg, "9") ONE(ins, reg, "10") ONE(ins, reg, "11")
#define ONE(ins, reg, n) ins " %%" reg "14, %%" reg "15, %%" reg n "\n"
#define CLOBBERS                                                                                                       \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm14",         \
        "xmm15", "cc", "memory"

enum { LOOP_INSTRUCTIONS = 24 };

#define LOOP_FUNCTION(name, isa, ins, reg)                                                                             \
    __attribute__((target(isa), noinline)) static void name(uint64_t count, const void *seed)                          \
    {                                                                                                                  \
        __asm__ volatile("vzeroall\n" LOOP16(ins, reg) "vzeroupper\n" : "+r"(count) : "r"(seed) : CLOBBERS);           \
    }
LOOP_FUNCTION(loop_fma_avx2, "avx2,fma", "vfmadd231ps", "ymm")
LOOP_FUNCTION(loop_fma_avx512, "avx512f", "vfmadd231ps", "zmm")
LOOP_FUNCTION(loop_dpbf16, "avx512f,avx512bf16", "vdpbf16ps", "zmm")
LOOP_FUNCTION(loop_dpbusd, "avx512f,avx512vnni", "vpdpbusd", "zmm")

struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

/* Tiles as the matrix product has them: 0..3 sums, 4 and 5 rows of A, 6 and 7 columns of B. */
static void tiles_configure(void)
{
    struct tile_config config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.rows[i] = 16;
    }
    __asm__ volatile("ldtilecfg %0" : : "m"(config));
}

#define TILE_ZERO "tilezero %%tmm0\n tilezero %%tmm1\n tilezero %%tmm2\n tilezero %%tmm3\n"
#define TILE_MUL                                                                                                       \
    "tdpbf16ps %%tmm6, %%tmm4, %%tmm0\n tdpbf16ps %%tmm7, %%tmm4, %%tmm1\n"                                            \
    "tdpbf16ps %%tmm6, %%tmm5, %%tmm2\n tdpbf16ps %%tmm7, %%tmm5, %%tmm3\n"

__attribute__((target("amx-tile,amx-bf16"), noinline)) static void loop_amx_registers(uint64_t count, const void *data)
{
    tiles_configure();
    __asm__ volatile(TILE_ZERO "tileloadd (%1,%2), %%tmm4\n tileloadd 1024(%1,%2), %%tmm5\n"
                               "tileloadd 2048(%1,%2), %%tmm6\n tileloadd 3072(%1,%2), %%tmm7\n"
                               ".p2align 6\n 1:\n" TILE_MUL "dec %0\n jnz 1b\n tilerelease\n"
                     : "+r"(count)
                     : "r"(data), "r"((long)64)
                     : "cc", "memory");
}

/* Four loads of 1 KB beside four products, from 16 KB: what a product from the first-level cache can reach. */
__attribute__((target("amx-tile,amx-bf16"), noinline)) static void loop_amx_loads(uint64_t count, const void *data)
{
    tiles_configure();
    __asm__ volatile(TILE_ZERO
                     "xor %%eax, %%eax\n .p2align 6\n 1:\n"
                     "tileloadd 2048(%1,%2), %%tmm6\n tileloadd (%1,%2), %%tmm4\n tdpbf16ps %%tmm6, %%tmm4, %%tmm0\n"
                     "tileloadd 3072(%1,%2), %%tmm7\n tdpbf16ps %%tmm7, %%tmm4, %%tmm1\n"
                     "tileloadd 1024(%1,%2), %%tmm5\n tdpbf16ps %%tmm6, %%tmm5, %%tmm2\n"
                     "tdpbf16ps %%tmm7, %%tmm5, %%tmm3\n"
                     "add $4096, %1\n inc %%eax\n test $3, %%eax\n jnz 2f\n sub $16384, %1\n 2:\n"
                     "dec %0\n jnz 1b\n tilerelease\n"
                     : "+r"(count), "+r"(data)
                     : "r"((long)64)
                     : "rax", "cc", "memory");
}

/* A chain of multiplies, 3 cycles each on every x86 core of the last decade. (Chains of adds mislead: some cores fold
 * them while renaming.) */
static void loop_clock(uint64_t count, const void *data)
{
    uint64_t x = 3;
    for (; count; count--)
        __asm__ volatile("imul %0, %0\n imul %0, %0\n imul %0, %0\n imul %0, %0\n imul %0, %0\n imul %0, %0\n"
                         "imul %0, %0\n imul %0, %0\n"
                         : "+r"(x)
                         :
                         : "cc");
}

struct loop {
    void (*run)(uint64_t count, const void *data);
    const char *name, *unit;
    unsigned needs; /* enum kern_cpu */
    bool is_vnni;
    double amount; /* operations a turn */
};

static const struct loop loops[PEAK_COUNT] = {
    [PEAK_FMA_AVX2] = {loop_fma_avx2, "f32 FMA, 256 bits", "GFLOP/s", KERN_CPU_AVX2, false, LOOP_INSTRUCTIONS * 16},
    [PEAK_FMA_AVX512] = {loop_fma_avx512, "f32 FMA, 512 bits", "GFLOP/s", KERN_CPU_AVX512, false,
                         LOOP_INSTRUCTIONS * 32},
    [PEAK_DPBF16] = {loop_dpbf16, "vdpbf16ps, 512 bits", "GFLOP/s", KERN_CPU_AVX512BF16, false, LOOP_INSTRUCTIONS * 64},
    [PEAK_DPBUSD] = {loop_dpbusd, "vpdpbusd, 512 bits", "GOP/s", KERN_CPU_AVX512, true, LOOP_INSTRUCTIONS * 128},
    [PEAK_AMX_REGISTERS] = {loop_amx_registers, "tdpbf16ps, registers", "GFLOP/s", KERN_CPU_AMX, false, 4 * 16384},
    [PEAK_AMX_LOADS] = {loop_amx_loads, "tdpbf16ps, 2x2 tiles from cache", "GFLOP/s", KERN_CPU_AMX, false, 4 * 16384},
};
static const struct loop clock_loop = {loop_clock, "clock (multiply chain)", "GHz", 0, false, 24};

struct loop_run {
    const struct loop *loop;
    struct pool *pool;
    uint64_t count;
    const void *data;
};

static void loop_task(void *context, size_t worker, size_t index)
{
    const struct loop_run *run = context;
    run->loop->run(run->count, run->data);
}

static void loop_work(void *context)
{
    struct loop_run *run = context;
    pool_run(run->pool, pool_thread_count(run->pool), loop_task, run);
}

static bool has_vnni(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512vnni");
}

/* One loop over all threads; the clock is given a thread. Returns the rate by CPU time. */
static double loop_measure(struct loop_run *run, struct bench_report *report, const struct bench_options *options,
                           const char *group)
{
    size_t threads = pool_thread_count(run->pool);
    double total = run->loop == &clock_loop ? 1 : (double)threads, seconds = options->quick ? 0.005 : 0.05;
    struct bench_row row = {
        .group = group, .name = run->loop->name, .table = "", .threads = threads, .unit = run->loop->unit};
    run->count = 100000;
    struct bench_time probe = bench_measure(loop_work, run, threads, 3);
    run->count = (uint64_t)((double)run->count * seconds / probe.cpu_s) + 1;
    row.time = bench_measure(loop_work, run, threads, BENCH_REPEATS);
    row.amount = (double)run->count * run->loop->amount * total;
    bench_report_add(report, &row);
    return bench_rate_cpu(&row);
}

/* Memory: each thread passes over its own part. */
enum pass { PASS_READ, PASS_COPY, PASS_STREAM, PASS_COUNT };

struct memory_run {
    struct pool *pool;
    enum pass pass;
    float *to, *from;
    size_t count; /* floats, a multiple of 64 for each of 64 pieces */
    double sink[64];
};

__attribute__((target("avx"))) static double read_pass(const float *x, size_t count)
{
    __m256 a = _mm256_setzero_ps(), b = a, c = a, d = a;
    for (size_t i = 0; i < count; i += 32) {
        a = _mm256_add_ps(a, _mm256_load_ps(x + i));
        b = _mm256_add_ps(b, _mm256_load_ps(x + i + 8));
        c = _mm256_add_ps(c, _mm256_load_ps(x + i + 16));
        d = _mm256_add_ps(d, _mm256_load_ps(x + i + 24));
    }
    return (double)_mm256_cvtss_f32(_mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d)));
}

__attribute__((target("avx"))) static void copy_pass(float *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i += 8)
        _mm256_store_ps(to + i, _mm256_load_ps(from + i));
    __asm__ volatile("" : : : "memory"); /* keeps the loop from becoming a call of memcpy's own choice of stores */
}

__attribute__((target("avx"))) static void stream_pass(float *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i += 8)
        _mm256_stream_ps(to + i, _mm256_load_ps(from + i));
    _mm_sfence();
}

static void memory_task(void *context, size_t worker, size_t index)
{
    struct memory_run *run = context;
    size_t piece = run->count / 64, at = index * piece;
    switch (run->pass) {
    case PASS_READ: run->sink[index] = read_pass(run->from + at, piece); break;
    case PASS_COPY: copy_pass(run->to + at, run->from + at, piece); break;
    default: stream_pass(run->to + at, run->from + at, piece); break;
    }
}

static void memory_work(void *context)
{
    struct memory_run *run = context;
    pool_run(run->pool, 64, memory_task, run);
}

static void memory_measure(struct pool *pool, struct bench_report *report, const struct bench_options *options)
{
    static const char *const names[] = {"memory read", "memory copy", "memory copy, streaming stores"};
    struct memory_run run = {.pool = pool, .count = (size_t)(options->quick ? 4 : 64) << 20};
    run.from = bench_alloc(run.count * sizeof(float));
    run.to = bench_alloc(run.count * sizeof(float));
    bench_random_f32(run.from, run.count);
    memset(run.to, 1, run.count * sizeof(float));
    for (int pass = 0; pass < PASS_COUNT; pass++) {
        run.pass = (enum pass)pass;
        struct bench_row row = {.group = "memory",
                                .name = names[pass],
                                .table = "",
                                .threads = pool_thread_count(pool),
                                .amount = (double)run.count * sizeof(float) * (pass == PASS_READ ? 1 : 2),
                                .unit = "GB/s"};
        row.time = bench_measure(memory_work, &run, row.threads, BENCH_REPEATS);
        bench_report_add(report, &row);
    }
    free(run.from);
    free(run.to);
}

int peaks_measure(struct peaks *peaks, struct bench_report *report, const struct bench_options *options, size_t threads,
                  conch_error *err)
{
    unsigned flags = kern_cpu_flags();
    float *data = bench_alloc(16384);
    struct loop_run run = {.data = data};
    int rc = pool_create(&run.pool, threads, err);
    if (rc < 0)
        goto out;
    *peaks = (struct peaks){0};
    bench_random_bf16((uint16_t *)data, 16384 / 2);
    run.loop = &clock_loop;
    loop_measure(&run, report, options, "machine");
    for (int i = 0; i < PEAK_COUNT; i++) {
        run.loop = &loops[i];
        if ((loops[i].needs & ~flags) == 0 && (!loops[i].is_vnni || has_vnni()))
            peaks->rate[i] = loop_measure(&run, report, options, "machine");
    }
    if (flags & KERN_CPU_AVX2)
        memory_measure(run.pool, report, options);
out:
    pool_destroy(run.pool);
    free(data);
    return rc;
}

double peaks_product(const struct peaks *peaks, const struct kern_table *kern, enum precision precision)
{
    if (kern == &kern_ref)
        return 0;
    if (kern == &kern_avx2)
        return peaks->rate[PEAK_FMA_AVX2];
    if (precision == PRECISION_BF16 && kern == &kern_amx)
        return peaks->rate[PEAK_AMX_REGISTERS];
    if (precision == PRECISION_BF16 && kern == &kern_avx512bf16)
        return peaks->rate[PEAK_DPBF16];
    return peaks->rate[PEAK_FMA_AVX512];
}
