#include "engine/work.h"

#include "base/clock.h"

void work_start(struct work *work, conch_engine *engine, const conch_sink *sink, const double *phase_gflop)
{
    *work = (struct work){.engine = engine, .sink = sink, .start_ns = clock_steady_ns()};
    for (int i = 0; i < CONCH_PHASE_COUNT; i++) {
        work->phase_gflop[i] = phase_gflop[i];
        work->total_gflop += phase_gflop[i];
    }
}

int work_phase(struct work *work, enum conch_phase phase, int step_count)
{
    work->phase = phase;
    work->step_count = step_count;
    return work_step(work, 0, 0);
}

/* The share of the arithmetic that is behind us. Phases run at similar rates, and an estimate that is corrected all the
 * time is good enough once a hundredth of the work has been seen. */
static double fraction_done(const struct work *work, double part)
{
    double done = work->phase_gflop[work->phase] * part;
    for (int i = 0; i < (int)work->phase; i++)
        done += work->phase_gflop[i];
    return work->total_gflop > 0 ? done / work->total_gflop : 0;
}

int work_step(struct work *work, int step, double part)
{
    if (atomic_load(&work->engine->cancel))
        return -1;
    if (!work->sink->progress)
        return 0;
    work->step = step;
    double fraction = fraction_done(work, part);
    int64_t elapsed_ms = (clock_steady_ns() - work->start_ns) / 1000000;
    conch_progress progress = {.phase = work->phase,
                               .step = step,
                               .step_count = work->step_count,
                               .fraction = fraction,
                               .eta_ms = fraction < 0.01 ? -1
                                                         : (int64_t)((double)elapsed_ms * (1 - fraction) / fraction)};
    return work->sink->progress(work->sink->context, &progress);
}
