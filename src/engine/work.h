/* Progress of one generation: who is told, how far it is, whether to stop. */
#ifndef ENGINE_WORK_H
#define ENGINE_WORK_H

#include "engine/engine_state.h"

struct work {
    conch_engine *engine;
    const conch_sink *sink;
    double phase_gflop[CONCH_PHASE_COUNT];
    double total_gflop;
    int64_t start_ns;
    enum conch_phase phase;
    int step, step_count; /* what the sink is told */
};

void work_start(struct work *work, conch_engine *engine, const conch_sink *sink, const double *phase_gflop);

/* A phase begins; step_count is told to the sink. Returns as work_step. */
int work_phase(struct work *work, enum conch_phase phase, int step_count);

/* part: 0..1 of the phase is done; step: for the sink. Non-zero when the engine was cancelled or the sink asks to stop.
 */
int work_step(struct work *work, int step, double part);

#endif
