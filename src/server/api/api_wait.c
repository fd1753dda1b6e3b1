/* Waiting for the end of a job, for answers that carry the clip itself. A worker is another process, so the store is
 * watched: its version is cheap to ask for, and the row is read only when something was committed. */
#include <time.h>

#include "base/clock.h"
#include "server/api/api_state.h"

enum { SLICE_MS = 25, REREAD_MS = 2000 /* even if the version stands still */ };

static int waiters_max(const struct api *api)
{
    const int64_t half = api->config->server.handlers / 2;
    return half > 1 ? (int)half : 1;
}

static void slice(void)
{
    const struct timespec pause = {.tv_nsec = SLICE_MS * 1000000L};
    nanosleep(&pause, NULL);
}

/* Until something was committed; false: the time is over, or the server stops. */
static bool news(struct api *api, int64_t *version, int64_t until_ns)
{
    const int64_t reread_ns = clock_steady_ns() + REREAD_MS * INT64_C(1000000);
    while (clock_steady_ns() < until_ns && !atomic_load(&api->waits_stopped)) {
        int64_t now;
        slice();
        if (clock_steady_ns() >= reread_ns)
            return true;
        if (store_version(api->store, &now, NULL) == 0 && now != *version) {
            *version = now;
            return true;
        }
    }
    return false;
}

static int wait_for(struct api *api, const struct api_caller *caller, int64_t id, int64_t until_ns,
                    struct api_problem *problem)
{
    int64_t version = -1;
    do {
        struct api_job job;
        if (api_job_peek(api, caller, id, &job, problem) < 0)
            return -1;
        const bool ended = job_terminal(job.row.job.state);
        api_job_finish(&job);
        if (ended)
            return 0;
    } while (news(api, &version, until_ns));
    return 0;
}

int api_job_wait(struct api *api, const struct api_caller *caller, int64_t id, int64_t wait_ms, struct api_job *ret,
                 struct api_problem *ret_problem)
{
    int rc = 0;
    if (atomic_fetch_add(&api->waiters, 1) < waiters_max(api))
        rc = wait_for(api, caller, id, clock_steady_ns() + wait_ms * 1000000, ret_problem);
    atomic_fetch_sub(&api->waiters, 1);
    return rc < 0 ? -1 : api_job_get(api, caller, id, ret, ret_problem);
}

void api_wait_stop(struct api *api)
{
    atomic_store(&api->waits_stopped, true);
}
