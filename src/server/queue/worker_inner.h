/* What the files of the worker share. */
#ifndef SERVER_QUEUE_WORKER_INNER_H
#define SERVER_QUEUE_WORKER_INNER_H

#include <pthread.h>

#include "server/queue/clock.h"
#include "server/queue/worker.h"

/* Why a job is to end before it is done; the first reason stays. */
enum step_stop { STEP_GO_ON, STEP_CANCEL, STEP_HAND_BACK, STEP_LOST, STEP_TIMEOUT };

struct worker;

/* One job under way. */
struct step {
    struct worker *worker;
    pthread_t thread;
    bool used;     /* main thread's: the thread is to be joined */
    bool finished; /* under worker->lock */
    bool seated;   /* under worker->lock */
    int64_t job_id, fence;
    int64_t claimed_ns;   /* steady time */
    struct store_job row; /* as it was claimed */
    struct job job;       /* as the last arrow left it */
    struct backend *backend;
    _Atomic int stop;   /* enum step_stop */
    int64_t renewed_ns; /* the beat's: when the lease was lengthened */
    int64_t told_ns;    /* the step's own: of the last progress */
    char phase[16];
};

struct worker {
    struct worker_settings settings;
    struct queue_clock clock;
    char name[64];
    int64_t started_ms;
    int64_t lease_ms;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a seat is free, a step has ended, or it is to stop */
    bool seat_taken;
    int seat_waiters;
    bool ending; /* the beat may end */
    struct step steps[WORKER_JOBS_MAX];
    json_t *rates; /* model -> ms a clip; under lock */
};

/* worker->lock is not held. */
void worker_seat_take(struct step *step);
void worker_seat_leave(struct step *step);

/* Of task "context" words alone come: such a job neither waits for the seat nor keeps it. */
bool worker_needs_engine(const struct store_job *row);

static inline int64_t worker_now_ms(const struct worker *worker)
{
    return queue_clock_ms(&worker->clock);
}

/* Sets the reason if there is none yet, and ends the backend's work. Any thread; locked: with worker->lock held. */
void step_end(struct step *step, enum step_stop why);
void step_end_locked(struct step *step, enum step_stop why);

/* A job is done: how long it took is told by worker_publish. */
void worker_learn(struct step *step);

/* Does a claimed job from its first to its last arrow. */
void step_run(struct step *step);

/* Reads a job, makes the arrow, writes it with its event and its messages, in one write transaction. make: one of the
 * arrows of job.h on row->job, and the facts that change with it. Retries while the store is busy. */
struct arrow {
    struct worker *worker;
    int64_t job_id;
    int (*make)(struct arrow *arrow, struct store_tx *tx, struct store_job *row, struct job_event *ret_event,
                conch_error *err);
    void *context;
    int64_t charge;
    struct job job; /* result: as it is now */
};
int arrow_make(struct arrow *arrow, conch_error *err);

/* The thread that renews leases: until worker->ending. context: struct worker *. */
void *worker_beat(void *context);
void worker_publish(struct worker *worker);

#endif
