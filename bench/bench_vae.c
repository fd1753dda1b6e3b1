/* conch-bench vae: decoding one clip with a whole video VAE, frame by frame as `conch generate` does. */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/rand.h"
#include "bench.h"
#include "peaks.h"
#include "random_weights.h"

static const struct wan_vae_config config_21 = {.kind = WAN_VAE_21,
                                                .dim = 96,
                                                .dec_dim = 96,
                                                .z = 16,
                                                .dim_mult = {1, 2, 4, 4},
                                                .res_blocks = 2,
                                                .temporal_down = {false, true, true}};
static const struct wan_vae_config config_22 = {.kind = WAN_VAE_22,
                                                .dim = 160,
                                                .dec_dim = 256,
                                                .z = 48,
                                                .dim_mult = {1, 2, 4, 4},
                                                .res_blocks = 2,
                                                .temporal_down = {false, true, true}};

struct run {
    const struct bench_options *options;
    struct bench_report *report;
    struct peaks peaks;
    struct compute compute;
    struct wan_vae_config config;
    size_t latent_frames, latent_height, latent_width, width, height;
    struct weights *weights;
    struct wan_vae_decoder *decoder;
    float *latent; /* [z][latent_frames][latent_height][latent_width] */
    size_t frames_seen;
    float sum; /* of what came out, so that somebody has read it */
    conch_error *err;
    int rc;
};

static int frame_sink(void *context, const float *frame)
{
    struct run *run = context;
    run->frames_seen++;
    for (size_t i = 0; i < run->width * run->height * 3; i += 1021)
        run->sum += frame[i];
    return 0;
}

static void load_work(void *context)
{
    struct run *run = context;
    run->rc = wan_vae_decoder_create(&run->decoder, &run->compute, run->weights, &run->config, PRECISION_BF16,
                                     run->latent_height, run->latent_width, run->err);
}

static void decode_work(void *context)
{
    struct run *run = context;
    size_t pixels = run->latent_height * run->latent_width;
    wan_vae_decoder_reset(run->decoder);
    run->frames_seen = 0;
    for (size_t i = 0; run->rc == 0 && i < run->latent_frames; i++)
        run->rc = wan_vae_decode(run->decoder, run->latent + i * pixels, run->latent_frames * pixels, frame_sink, run,
                                 NULL, run->err);
}

static void row_add(struct run *run, struct bench_row row)
{
    row.group = run->options->is_5b ? "VAE of Wan 2.2, random weights" : "VAE of Wan 2.1, random weights";
    row.table = run->compute.kern->name;
    row.threads = run->compute.worker_count;
    bench_report_add(run->report, &row);
}

static int vae_measure(struct run *run)
{
    size_t values = run->config.z * run->latent_frames * run->latent_height * run->latent_width;
    size_t workers = run->compute.worker_count;
    run->latent = bench_alloc(values * sizeof *run->latent);
    rand_normals(run->latent, values, 3);
    bench_memory_reset();
    struct bench_row load = {.name = "load and pack the weights", .unit = "GB/s"};
    load.time = bench_measure_cold(load_work, run, workers, 1);
    if (run->rc < 0)
        return run->rc;
    load.amount = (double)weights_bytes(run->weights);
    row_add(run, load);
    char name[64];
    size_t frames = 4 * run->latent_frames - 3;
    snprintf(name, sizeof name, "decode, %zu frames of %zux%zu", frames, run->width, run->height);
    double frame_gflop = wan_vae_decode_gflop(&run->config, run->latent_height, run->latent_width);
    struct bench_row row = {.name = name, .unit = "GFLOP/s"};
    row.amount = 1e9 * frame_gflop * ((double)run->latent_frames - 0.75); /* the first gives one frame, not four */
    row.peak = peaks_product(&run->peaks, run->compute.kern, PRECISION_BF16);
    row.time = bench_measure_cold(decode_work, run, workers, run->options->passes ? run->options->passes : 1);
    if (run->rc < 0)
        return run->rc;
    if (run->frames_seen != frames || !(run->sum == run->sum))
        return conch_error_set(run->err, CONCH_ERR_INTERNAL, "decoding gave %zu frames, or values that are no numbers",
                               run->frames_seen);
    row_add(run, row);
    uint64_t peak = bench_memory_peak();
    size_t plan = wan_vae_decoder_bytes(&run->config, run->latent_height, run->latent_width, PRECISION_BF16) +
                  workers * COMPUTE_SCRATCH_BYTES + values * sizeof *run->latent;
    bench_report_fact(run->report, "memory as planned", (double)plan * 1e-6, "MB");
    bench_report_fact(run->report, "memory at most, loading included", (double)peak * 1e-6, "MB");
    return 0;
}

static void run_configure(struct run *run)
{
    const struct bench_options *o = run->options;
    run->config = o->is_5b ? config_22 : config_21;
    for (size_t i = 0; i < run->config.z; i++)
        run->config.latent_std[i] = 1;
    size_t stride = wan_vae_stride(&run->config), frames = o->frames ? o->frames : o->quick ? 5 : 17;
    run->width = o->width ? o->width : o->quick ? 416 : 832;
    run->height = o->width ? o->height : o->quick ? 240 : 480;
    run->latent_frames = (frames + 3) / 4;
    run->latent_width = run->width / stride;
    run->latent_height = run->height / stride;
}

static int vae_run(const struct bench_options *options, conch_error *err)
{
    struct run run = {.options = options, .err = err};
    run_configure(&run);
    int rc = bench_report_create(&run.report, options, "vae", err);
    if (rc == 0)
        rc = compute_init(&run.compute, options->threads, getenv("CONCH_CPU"), err);
    if (rc == 0)
        rc = peaks_measure(&run.peaks, run.report, options, run.compute.worker_count, err);
    if (rc == 0)
        rc = random_weights_vae(&run.weights, &run.config, options->weights, err);
    if (rc == 0)
        rc = vae_measure(&run);
    wan_vae_decoder_destroy(run.decoder);
    weights_close(run.weights);
    compute_finish(&run.compute);
    free(run.latent);
    bench_report_destroy(run.report);
    return rc;
}

const struct bench_command bench_vae = {
    .name = "vae", .summary = "decoding a clip with a whole video VAE, with its memory", .run = vae_run};
