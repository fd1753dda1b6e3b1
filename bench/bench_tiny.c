/* conch-bench tiny: a clip from a sentence with the model that ships, end to end, files and decoding included; only the
 * encoding of the MP4 is left out. Looks for models/tiny under the current folder, or for what --weights names. */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/pool.h"
#include "bench.h"
#include "conch/engine.h"

struct run {
    conch_engine *engine;
    conch_model *model;
    conch_request request;
    size_t frames_seen;
    conch_error *err;
    int rc;
};

static int frame_sink(void *context, const uint8_t *rgb, int index)
{
    struct run *run = context;
    run->frames_seen++;
    return 0;
}

static void clip_work(void *context)
{
    struct run *run = context;
    conch_sink sink = {.context = run, .frame = frame_sink};
    if (run->rc == 0)
        run->rc = conch_generate(run->engine, run->model, &run->request, &sink, run->err);
}

static int clip_measure(struct run *run, struct bench_report *report, const struct bench_options *options)
{
    conch_plan plan;
    conch_engine_facts facts;
    conch_engine_facts_get(run->engine, &facts);
    run->rc = conch_plan_make(run->engine, run->model, &run->request, &plan, run->err);
    if (run->rc < 0)
        return run->rc;
    char name[64];
    snprintf(name, sizeof name, "%d frames of %dx%d, %d steps", plan.frame_count, plan.width, plan.height,
             plan.step_count);
    struct bench_row row = {.group = conch_model_info_get(run->model)->name,
                            .name = name,
                            .table = facts.kernels,
                            .threads = facts.threads,
                            .unit = "GFLOP/s"};
    for (size_t i = 0; i < CONCH_PHASE_COUNT; i++)
        row.amount += 1e9 * plan.phase_gflop[i];
    bench_memory_reset();
    row.time = bench_measure(clip_work, run, facts.threads, options->passes ? options->passes : 3);
    if (run->rc < 0)
        return run->rc;
    bench_report_add(report, &row);
    bench_report_fact(report, "memory as planned", (double)plan.peak_bytes * 1e-6, "MB");
    bench_report_fact(report, "memory at most", (double)bench_memory_peak() * 1e-6, "MB");
    return 0;
}

static int tiny_run(const struct bench_options *options, conch_error *err)
{
    struct run run = {.err = err, .request = {.prompt = "a red ball drops and bounces on a wooden floor", .seed = 1}};
    struct bench_report *report = NULL;
    conch_engine_options engine = {.threads = options->threads, .cpu = getenv("CONCH_CPU")};
    if (options->quick)
        run.request.step_count = 2;
    int rc = bench_report_create(&report, options, "tiny", err);
    if (rc == 0)
        rc = conch_engine_create(&run.engine, &engine, err);
    if (rc == 0)
        rc = conch_model_open(&run.model, options->weights ? options->weights : "models/tiny", err);
    if (rc == 0)
        rc = clip_measure(&run, report, options);
    conch_model_close(run.model);
    conch_engine_destroy(run.engine);
    bench_report_destroy(report);
    return rc;
}

const struct bench_command bench_tiny = {
    .name = "tiny", .summary = "a clip with the model that ships, end to end", .run = tiny_run};
