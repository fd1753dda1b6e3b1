/* Only so many at once, only so many waiting: for work that costs a process or much memory. Any thread. */
#ifndef SERVER_API_GATE_H
#define SERVER_API_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    size_t inside, inside_max, waiting, waiting_max;
};

struct gate_sizes {
    size_t inside_max, waiting_max;
};

void gate_init(struct gate *gate, struct gate_sizes sizes);
void gate_finish(struct gate *gate);

/* Blocks until there is room; false at once when too many wait already. */
bool gate_enter(struct gate *gate);
void gate_leave(struct gate *gate);

#endif
