/* What was made for a job, on its way into the store of blobs and the job's row. */
#ifndef SERVER_QUEUE_RESULT_H
#define SERVER_QUEUE_RESULT_H

#include "server/queue/worker_inner.h"

struct result {
    struct step *step;
    const struct backend_result *made;
    struct store_file file, poster; /* blob "": there is none */
};

/* Puts clip and poster among the blobs; *put becomes NULL when it was used up. On error no blob is left. */
int result_put(struct result *result, struct blob_put **put, conch_error *err);

/* arrow->make for the last arrow: the files' rows and the job's, the money by what was really made. context: the
 * result. */
int result_finish(struct arrow *arrow, struct store_tx *tx, struct store_job *row, struct job_event *ret_event,
                  conch_error *err);

/* The job was lost in the last moment: its blobs go, unless a row names them after all. */
void result_drop(struct result *result);

/* What of a quote for `seconds` is charged for a clip of so many milliseconds: all of it when that is what was asked
 * for or more, else `fixed`, which does not depend on the length, and of the rest the part for the seconds begun. */
struct result_price {
    int64_t quoted, fixed; /* 0 <= fixed <= quoted */
    int64_t seconds;
};
int64_t result_charge(const struct result_price *price, int64_t duration_ms);

#endif
