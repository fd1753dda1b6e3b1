/* Requests a minute, by key: a sliding window made of two counters (this minute, and the part of the last one that is
 * still in the window). Bounded: RATE_SLOTS keys; when they are full, the key that was quiet longest is forgotten. Any
 * thread. */
#ifndef SERVER_API_RATE_H
#define SERVER_API_RATE_H

#include <stdbool.h>
#include <stdint.h>

enum { RATE_SLOTS = 4096, RATE_WINDOW_MS = 60000 };

struct rate;

struct rate *rate_create(void); /* NULL: no memory */
void rate_destroy(struct rate *rate);

/* Counts one request, unless that would be more than limit in the last minute: false, and in how many seconds one will
 * be taken again (at least 1). now_ms: of a clock that does not go back. */
bool rate_take(struct rate *rate, int64_t key_id, int64_t limit, int64_t now_ms, int *ret_wait_s);

#endif
