/* conch-bench pass: one forward of a whole video transformer, as one step of a generation without guidance makes it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/rand.h"
#include "bench.h"
#include "peaks.h"
#include "random_weights.h"

enum { TEXT_ROWS = 40 }; /* a sentence of some thirty words */

static const struct wan_dit_config config_13b = {.dim = 1536,
                                                 .heads = 12,
                                                 .layers = 30,
                                                 .ffn = 8960,
                                                 .in_channels = 16,
                                                 .out_channels = 16,
                                                 .text_dim = 4096,
                                                 .text_len = 512,
                                                 .freq_dim = 256,
                                                 .eps = 1e-6f};
static const struct wan_dit_config config_5b = {.dim = 3072,
                                                .heads = 24,
                                                .layers = 30,
                                                .ffn = 14336,
                                                .in_channels = 48,
                                                .out_channels = 48,
                                                .text_dim = 4096,
                                                .text_len = 512,
                                                .freq_dim = 256,
                                                .eps = 1e-6f};

struct run {
    const struct bench_options *options;
    struct bench_report *report;
    struct peaks peaks;
    struct compute compute;
    struct wan_dit_config config;
    struct wan_dit_options dit_options;
    struct weights *weights;
    struct wan_dit *dit;
    struct wan_dit_context *context;
    float *latent, *velocity;
    conch_error *err;
    int rc;
};

static size_t run_tokens(const struct run *run)
{
    const struct wan_dit_shape *s = &run->dit_options.shape;
    return s->frames * (s->height / 2) * (s->width / 2);
}

/* Products of a pass: the linear layers and both attentions; what happens between them is not counted. */
static double pass_flop(const struct run *run)
{
    const struct wan_dit_config *c = &run->config;
    double tokens = (double)run_tokens(run), d = (double)c->dim,
           edges = 4.0 * (double)(c->in_channels + c->out_channels);
    double linear = 2 * tokens * (6 * d * d + 2 * d * (double)c->ffn);
    double attention = 4 * tokens * d * (tokens + TEXT_ROWS + 1); /* one row stands for the padding */
    return (double)c->layers * (linear + attention) + 2 * tokens * d * edges;
}

static void load_work(void *context)
{
    struct run *run = context;
    float *features = bench_alloc((size_t)TEXT_ROWS * run->config.text_dim * sizeof *features);
    rand_normals(features, (size_t)TEXT_ROWS * run->config.text_dim, 2);
    run->rc = wan_dit_create(&run->dit, &run->compute, run->weights, &run->config, &run->dit_options, run->err);
    if (run->rc == 0)
        run->rc = wan_dit_context_create(&run->context, run->dit, features, TEXT_ROWS, NULL, run->err);
    free(features);
}

static void pass_work(void *context)
{
    struct run *run = context;
    struct wan_dit_input input = {.latent = run->latent, .times = {700}, .time_count = 1};
    if (run->rc == 0)
        run->rc = wan_dit_forward(run->dit, run->context, &input, run->velocity, run->err);
}

static void row_add(struct run *run, struct bench_row row)
{
    row.group = run->options->is_5b ? "Wan 2.2 TI2V 5B, random weights" : "Wan 2.1 T2V 1.3B, random weights";
    row.table = run->compute.kern->name;
    row.threads = run->compute.worker_count;
    bench_report_add(run->report, &row);
}

static void memory_add(struct run *run, const char *peak_name, bool plan)
{
    uint64_t peak = bench_memory_peak();
    if (plan) {
        struct wan_dit_bytes bytes;
        wan_dit_plan(&run->config, &run->dit_options, &bytes);
        size_t scratch = run->compute.worker_count * COMPUTE_SCRATCH_BYTES;
        size_t latents = 2 * run_tokens(run) * 4 * run->config.in_channels * sizeof(float);
        bench_report_fact(run->report, "memory as planned",
                          (double)(bytes.weights + bytes.buffers + bytes.context + scratch + latents) * 1e-6, "MB");
    }
    bench_report_fact(run->report, peak_name, (double)peak * 1e-6, "MB");
}

static int pass_measure(struct run *run)
{
    bench_memory_reset();
    struct bench_row load = {.name = "load and pack the weights", .unit = "GB/s"};
    load.time = bench_measure_cold(load_work, run, run->compute.worker_count, 1);
    if (run->rc < 0)
        return run->rc;
    load.amount = (double)weights_bytes(run->weights);
    row_add(run, load);
    memory_add(run, "memory at most while loading", false);
    size_t values = 4 * run_tokens(run) * run->config.in_channels;
    run->latent = bench_alloc(values * sizeof *run->latent);
    run->velocity = bench_alloc(values * sizeof *run->velocity);
    rand_normals(run->latent, values, 3);
    bench_memory_reset();
    char name[64];
    snprintf(name, sizeof name, "one pass, %zu layers, %zu tokens", run->config.layers, run_tokens(run));
    struct bench_row row = {.name = name, .amount = pass_flop(run), .unit = "GFLOP/s"};
    row.peak = peaks_product(&run->peaks, run->compute.kern, PRECISION_BF16);
    size_t passes = run->options->passes ? run->options->passes : 1;
    row.time = bench_measure_cold(pass_work, run, run->compute.worker_count, passes);
    if (run->rc < 0)
        return run->rc;
    row_add(run, row);
    memory_add(run, "memory at most during the pass", true);
    return 0;
}

static void run_configure(struct run *run)
{
    const struct bench_options *o = run->options;
    run->config = o->is_5b ? config_5b : config_13b;
    if (o->quick)
        run->config.layers = 2;
    size_t stride = o->is_5b ? 16 : 8, frames = o->frames ? o->frames : o->quick ? 5 : 17;
    size_t width = o->width ? o->width : o->quick ? 416 : 832, height = o->width ? o->height : o->quick ? 240 : 480;
    if (o->is_5b && !o->width)
        height = height / 32 * 32;
    run->dit_options = (struct wan_dit_options){.shape = {(frames + 3) / 4, height / stride, width / stride},
                                                .precision = PRECISION_BF16,
                                                .context_rows_max = TEXT_ROWS};
}

static int pass_run(const struct bench_options *options, conch_error *err)
{
    struct run run = {.options = options, .err = err};
    run_configure(&run);
    int rc = bench_report_create(&run.report, options, "pass", err);
    if (rc == 0)
        rc = compute_init(&run.compute, options->threads, getenv("CONCH_CPU"), err);
    if (rc == 0)
        rc = peaks_measure(&run.peaks, run.report, options, run.compute.worker_count, err);
    if (rc == 0)
        rc = random_weights_dit(&run.weights, &run.config, options->weights, err);
    if (rc == 0)
        rc = pass_measure(&run);
    wan_dit_context_destroy(run.context);
    wan_dit_destroy(run.dit);
    weights_close(run.weights);
    compute_finish(&run.compute);
    free(run.latent);
    free(run.velocity);
    bench_report_destroy(run.report);
    return rc;
}

const struct bench_command bench_pass = {
    .name = "pass", .summary = "one pass through a whole video transformer, with its memory", .run = pass_run};
