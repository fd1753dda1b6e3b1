#include "base/id.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"

#define EPOCH_MS INT64_C(1704067200000) /* 2024-01-01T00:00:00Z */
enum { LOW_BITS = 12, STEP_MAX = 8 };

/* The first id of a millisecond is anywhere in it, those that follow are 1 to 8 further: so two processes that start in
 * one millisecond do not run side by side. Above 800 ids a millisecond the next ones are borrowed. */
int64_t id_next(void)
{
    static _Atomic int64_t latest;
    uint16_t low;
    hash_random(&low, sizeof low);
    const int64_t past_ms = clock_wall_ms() - EPOCH_MS;
    const int64_t fresh = ((past_ms > 0 ? past_ms : 0) << LOW_BITS) | (low & ((1 << LOW_BITS) - 1));
    int64_t before = atomic_load(&latest), id;
    do {
        id = fresh > before ? fresh : before + 1 + low % STEP_MAX;
    } while (!atomic_compare_exchange_weak(&latest, &before, id));
    assert(id <= ID_MAX);
    return id > 0 ? id : 1;
}

int64_t id_wall_ms(int64_t id)
{
    return (id >> LOW_BITS) + EPOCH_MS;
}

bool id_parse(const char *text, int64_t *ret_id)
{
    const size_t length = text ? strnlen(text, ID_TEXT_SIZE) : 0;
    if (length == 0 || length >= ID_TEXT_SIZE || text[0] == '0')
        return false;
    int64_t id = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        id = id * 10 + (text[i] - '0');
    }
    if (id > ID_MAX)
        return false;
    *ret_id = id;
    return true;
}

struct id_text id_text(int64_t id)
{
    assert(id >= 1 && id <= ID_MAX);
    struct id_text text;
    snprintf(text.text, sizeof text.text, "%lld", (long long)(id & ID_MAX));
    return text;
}
