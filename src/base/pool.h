/* A pool of threads that share the numbered pieces of one job.
 *
 * Which thread takes which piece is decided while running, so a job must compute piece i the same way whoever takes it:
 * results then do not depend on the thread count. The calling thread works too; a pool of 1 has no threads of its own.
 * One job at a time: pool_run is called by one thread. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

#include "conch/error.h"

struct pool;

/* worker: 0 .. thread_count - 1, for per-thread scratch; index: 0 .. count - 1. */
typedef void pool_task(void *context, size_t worker, size_t index);

enum { POOL_THREADS_MAX = 256 };

/* thread_count 1 .. POOL_THREADS_MAX, the caller's thread included. */
int pool_create(struct pool **ret_pool, size_t thread_count, conch_error *err);
void pool_destroy(struct pool *pool);

size_t pool_thread_count(const struct pool *pool);

/* Calls task for every index and returns when all are done. */
void pool_run(struct pool *pool, size_t count, pool_task *task, void *context);

/* Cores this process may run on (sched_getaffinity and the cgroup's CPU quota). */
size_t pool_cores_usable(void);

#endif
