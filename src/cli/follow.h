/* `conch wait` and `conch submit --wait`: follow a job to its end, fetch its clip, and say so. */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include "cli/client.h"
#include "cli/generate_report.h"

struct follow {
    const char *id;
    const char *output; /* NULL: a new name from the prompt and the seed, or none with no_fetch */
    bool no_fetch;      /* only wait */
    bool cancel_on_interrupt;
    int64_t patience_ms;
    struct report *report;
};

/* CLI_ERR_JOB when the job ended without success; CONCH_ERR_CANCELLED after Ctrl-C, with a text on how to go on; what
 * watch_job and clip_fetch give. */
int follow_job(const struct client *client, const struct follow *follow, conch_error *err);

/* Fetches the clip of a job and says where it is. Fields as above; id is taken from the job. */
int follow_fetch(const struct client *client, const struct follow *follow, const json_t *job, conch_error *err);

#endif
