/* Follows a job on a server until it has ended, and says how it goes.
 *
 * The job's events come as a stream; now and then, and whenever something happened, the job itself is asked for, which
 * also tells its place in the queue and the time it will take. A server that gives no stream is asked every second. One
 * that stops answering, as when it is started again, is tried for as long as patience_ms. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "cli/client.h"
#include "cli/generate_report.h"

struct watch_settings {
    const char *id;
    int64_t patience_ms;
    struct report *report;
};

/* The job as it ended, whichever way, is the caller's. What client_call gives; CONCH_ERR_CANCELLED after Ctrl-C. */
int watch_job(const struct client *client, const struct watch_settings *settings, json_t **ret_job, conch_error *err);

/* Whether a job has ended. */
bool watch_ended(const json_t *job);

#endif
