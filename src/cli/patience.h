/* How long to go on with a server that does not answer: tries come at growing distances, and end some time after the
 * last answer. */
#ifndef CLI_PATIENCE_H
#define CLI_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

enum { PATIENCE_DEFAULT_S = 300, PATIENCE_FIRST_MS = 250, PATIENCE_LONGEST_MS = 5000 };

struct patience {
    int64_t limit_ms;  /* 0: not at all */
    int64_t failed_ns; /* steady time of the first failure since the last answer; 0: it answers */
    int64_t pause_ms;  /* of the next wait */
};

/* There was an answer. Returns whether there had been none before. */
bool patience_answered(struct patience *patience);

/* There was none: waits for retry_after_ms (0: a growing pause) and returns true, or false when the limit is reached or
 * a signal came. */
bool patience_wait(struct patience *patience, int64_t retry_after_ms);

/* Sleeps; false when a signal came. */
bool patience_sleep(int64_t ms);

#endif
