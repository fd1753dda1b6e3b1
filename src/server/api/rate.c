#include "server/api/rate.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

enum { WAYS = 4 };

struct slot {
    int64_t key_id; /* 0: empty */
    int64_t window; /* number of the minute that `now` counts */
    int64_t now, before;
};

struct rate {
    pthread_mutex_t lock;
    struct slot slots[RATE_SLOTS];
};

struct rate *rate_create(void)
{
    struct rate *rate = calloc(1, sizeof *rate);
    if (rate)
        pthread_mutex_init(&rate->lock, NULL);
    return rate;
}

void rate_destroy(struct rate *rate)
{
    if (!rate)
        return;
    pthread_mutex_destroy(&rate->lock);
    free(rate);
}

static struct slot *slot_of(struct rate *rate, int64_t key_id)
{
    const uint64_t mixed = (uint64_t)key_id * UINT64_C(0x9e3779b97f4a7c15);
    struct slot *slots = &rate->slots[(mixed >> 40) % (RATE_SLOTS / WAYS) * WAYS], *pick = &slots[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (slots[i].key_id == key_id)
            return &slots[i];
        if (slots[i].key_id == 0 || (pick->key_id != 0 && slots[i].window < pick->window))
            pick = &slots[i];
    }
    *pick = (struct slot){.key_id = key_id};
    return pick;
}

static void window_turn(struct slot *slot, int64_t window)
{
    if (window == slot->window)
        return;
    slot->before = window == slot->window + 1 ? slot->now : 0;
    slot->now = 0;
    slot->window = window;
}

/* Requests in the minute that ends `into` ms after this window began, times RATE_WINDOW_MS. */
static int64_t weighed(const struct slot *slot, int64_t into)
{
    return slot->now * RATE_WINDOW_MS + slot->before * (RATE_WINDOW_MS - into);
}

/* When there will be room: in this window, or when what is counted now has slid out far enough. */
static int wait_s(const struct slot *slot, int64_t limit, int64_t into)
{
    const int64_t room = (limit - 1) * RATE_WINDOW_MS; /* what may be there before one more */
    int64_t at = RATE_WINDOW_MS;
    if (slot->before > 0 && slot->now * RATE_WINDOW_MS <= room)
        at = RATE_WINDOW_MS - (room - slot->now * RATE_WINDOW_MS) / slot->before;
    else if (slot->now * RATE_WINDOW_MS > room)
        at = 2 * RATE_WINDOW_MS - room / slot->now;
    return (int)((at - into + 999) / 1000 > 1 ? (at - into + 999) / 1000 : 1);
}

bool rate_take(struct rate *rate, int64_t key_id, int64_t limit, int64_t now_ms, int *ret_wait_s)
{
    const int64_t into = now_ms % RATE_WINDOW_MS;
    pthread_mutex_lock(&rate->lock);
    struct slot *slot = slot_of(rate, key_id);
    window_turn(slot, now_ms / RATE_WINDOW_MS);
    const bool taken = weighed(slot, into) <= (limit - 1) * RATE_WINDOW_MS;
    if (taken)
        slot->now++;
    else
        *ret_wait_s = wait_s(slot, limit, into);
    pthread_mutex_unlock(&rate->lock);
    return taken;
}
