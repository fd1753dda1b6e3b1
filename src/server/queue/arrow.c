#include <unistd.h>

#include "base/log.h"
#include "server/queue/notify.h"
#include "server/queue/worker_inner.h"

enum { TRIES_MAX = 5, TRY_WAIT_US = 200000 };

static int arrow_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct arrow *arrow = context;
    struct store_job row = {.hold_id = 0};
    struct job_event event;
    int64_t event_id = 0;
    int rc = store_job_get(tx, arrow->job_id, 0, &row, err);
    if (rc < 0)
        return rc;
    rc = arrow->make(arrow, tx, &row, &event, err);
    const struct store_job_step step = {.job = &row, .event = &event, .charge = arrow->charge};
    if (rc == 0)
        rc = store_job_step(tx, &step, &event_id, err);
    if (rc == 0)
        rc = queue_notify(tx, &row, &event, event_id, err);
    if (rc == 0)
        arrow->job = row.job;
    store_job_finish(&row);
    return rc;
}

int arrow_make(struct arrow *arrow, conch_error *err)
{
    conch_error problem;
    int rc;
    for (int tries = 1;; tries++) {
        rc = store_write(arrow->worker->settings.store, arrow_work, arrow, &problem);
        if (rc >= 0 || rc == JOB_ERR_STALE || rc == CONCH_ERR_NOTFOUND || tries == TRIES_MAX)
            break;
        log_warn("the store refused a step of a job", log_id("job", arrow->job_id), log_error_text(&problem));
        usleep(TRY_WAIT_US);
    }
    if (rc < 0 && err)
        *err = problem;
    return rc;
}
