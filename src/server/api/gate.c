#include "server/api/gate.h"

#include <assert.h>

void gate_init(struct gate *gate, struct gate_sizes sizes)
{
    *gate = (struct gate){.inside_max = sizes.inside_max, .waiting_max = sizes.waiting_max};
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->freed, NULL);
}

void gate_finish(struct gate *gate)
{
    assert(gate->inside == 0 && gate->waiting == 0);
    pthread_cond_destroy(&gate->freed);
    pthread_mutex_destroy(&gate->lock);
}

bool gate_enter(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    bool entered = gate->inside < gate->inside_max || gate->waiting < gate->waiting_max;
    if (entered) {
        gate->waiting++;
        while (gate->inside >= gate->inside_max)
            pthread_cond_wait(&gate->freed, &gate->lock);
        gate->waiting--;
        gate->inside++;
    }
    pthread_mutex_unlock(&gate->lock);
    return entered;
}

void gate_leave(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    assert(gate->inside > 0);
    gate->inside--;
    pthread_cond_signal(&gate->freed);
    pthread_mutex_unlock(&gate->lock);
}
