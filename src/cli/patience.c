#include "cli/patience.h"

#include <time.h>

#include "base/clock.h"
#include "cli/stop.h"

enum { SLICE_MS = 100 };
#define NS_OF_MS INT64_C(1000000)

bool patience_sleep(int64_t ms)
{
    int64_t end = clock_steady_ns() + ms * NS_OF_MS;
    for (int64_t left; !stop_signal() && (left = end - clock_steady_ns()) > 0;) {
        struct timespec slice = {.tv_nsec = left < SLICE_MS * NS_OF_MS ? left : SLICE_MS * NS_OF_MS};
        nanosleep(&slice, NULL);
    }
    return stop_signal() == 0;
}

bool patience_answered(struct patience *patience)
{
    bool had_failed = patience->failed_ns != 0;
    patience->failed_ns = patience->pause_ms = 0;
    return had_failed;
}

bool patience_wait(struct patience *patience, int64_t retry_after_ms)
{
    int64_t now = clock_steady_ns();
    if (!patience->failed_ns)
        patience->failed_ns = now;
    int64_t left_ms = patience->limit_ms - (now - patience->failed_ns) / NS_OF_MS;
    if (left_ms <= 0)
        return false;
    patience->pause_ms = patience->pause_ms ? patience->pause_ms * 2 : PATIENCE_FIRST_MS;
    if (patience->pause_ms > PATIENCE_LONGEST_MS)
        patience->pause_ms = PATIENCE_LONGEST_MS;
    int64_t pause_ms = retry_after_ms ? retry_after_ms : patience->pause_ms;
    return patience_sleep(pause_ms < left_ms ? pause_ms : left_ms);
}
