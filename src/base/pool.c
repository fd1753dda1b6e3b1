#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

/* Steps a worker spins before it sleeps: a transformer block hands out a job every few hundred microseconds, and waking
 * a sleeping thread costs about 50. Short enough not to burn a shared core. */
enum { SPIN_STEPS = 2000 };

struct worker {
    struct pool *pool;
    size_t number;
    pthread_t thread;
};

struct pool {
    size_t thread_count;
    struct worker *workers; /* thread_count - 1 of them; worker 0 is the caller */
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    atomic_uint_fast64_t round; /* counts jobs; a change is the signal to start */
    atomic_size_t next;         /* next index to take */
    atomic_size_t busy;         /* pool threads that have not finished this round */
    bool stop;                  /* guarded by lock, read after a change of round */
    size_t count;
    pool_task *task;
    void *context;
};

static void work(struct pool *pool, size_t worker)
{
    for (;;) {
        size_t index = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (index >= pool->count)
            return;
        pool->task(pool->context, worker, index);
    }
}

static void wait_for_round(struct pool *pool, uint_fast64_t seen)
{
    for (int i = 0; i < SPIN_STEPS; i++) {
        if (atomic_load_explicit(&pool->round, memory_order_acquire) != seen)
            return;
        __builtin_ia32_pause();
    }
    pthread_mutex_lock(&pool->lock);
    while (atomic_load_explicit(&pool->round, memory_order_acquire) == seen)
        pthread_cond_wait(&pool->wake, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct pool *pool = worker->pool;
    uint_fast64_t seen = 0;
    for (;;) {
        wait_for_round(pool, seen);
        seen = atomic_load_explicit(&pool->round, memory_order_acquire);
        if (pool->stop)
            return NULL;
        work(pool, worker->number);
        if (atomic_fetch_sub_explicit(&pool->busy, 1, memory_order_acq_rel) == 1) {
            pthread_mutex_lock(&pool->lock);
            pthread_cond_signal(&pool->done);
            pthread_mutex_unlock(&pool->lock);
        }
    }
}

static void begin_round(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add_explicit(&pool->round, 1, memory_order_acq_rel);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

int pool_create(struct pool **ret_pool, size_t thread_count, conch_error *err)
{
    if (thread_count < 1 || thread_count > POOL_THREADS_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "threads: %zu is not allowed (1 to %d)", thread_count,
                               POOL_THREADS_MAX);
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a thread pool");
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->thread_count = 1;
    pool->workers = calloc(thread_count, sizeof *pool->workers);
    if (!pool->workers) {
        pool_destroy(pool);
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a thread pool");
    }
    for (size_t i = 1; i < thread_count; i++) {
        struct worker *worker = &pool->workers[i - 1];
        *worker = (struct worker){.pool = pool, .number = i};
        int rc = pthread_create(&worker->thread, NULL, worker_main, worker);
        if (rc != 0) {
            pool_destroy(pool);
            return conch_error_errno(err, CONCH_ERR_INTERNAL, rc, "cannot start thread %zu of %zu", i, thread_count);
        }
        pool->thread_count++;
    }
    *ret_pool = pool;
    return 0;
}

void pool_destroy(struct pool *pool)
{
    if (!pool)
        return;
    pool->stop = true;
    begin_round(pool);
    for (size_t i = 1; i < pool->thread_count; i++)
        pthread_join(pool->workers[i - 1].thread, NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool->workers);
    free(pool);
}

size_t pool_thread_count(const struct pool *pool)
{
    return pool->thread_count;
}

void pool_run(struct pool *pool, size_t count, pool_task *task, void *context)
{
    if (pool->thread_count == 1 || count == 1) {
        for (size_t i = 0; i < count; i++)
            task(context, 0, i);
        return;
    }
    pool->count = count;
    pool->task = task;
    pool->context = context;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->busy, pool->thread_count - 1, memory_order_relaxed);
    begin_round(pool);
    work(pool, 0);
    for (int i = 0; i < SPIN_STEPS; i++) {
        if (atomic_load_explicit(&pool->busy, memory_order_acquire) == 0)
            return;
        __builtin_ia32_pause();
    }
    pthread_mutex_lock(&pool->lock);
    while (atomic_load_explicit(&pool->busy, memory_order_acquire) != 0)
        pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

static size_t cgroup_cores(void)
{
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    long quota = 0, period = 0;
    size_t cores = SIZE_MAX;
    if (!file)
        return cores;
    if (fscanf(file, "%ld %ld", &quota, &period) == 2 && quota > 0 && period > 0)
        cores = (size_t)((quota + period - 1) / period);
    fclose(file);
    return cores;
}

size_t pool_cores_usable(void)
{
    cpu_set_t set;
    size_t cores = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        cores = (size_t)CPU_COUNT(&set);
    return size_min(size_max(size_min(cores, cgroup_cores()), 1), POOL_THREADS_MAX);
}
