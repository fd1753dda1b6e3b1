#include "server/api/key_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { WAYS = 2 };

struct slot {
    bool filled;
    struct hash hash;
    struct store_key key;
    int64_t until_ms, told_ms; /* told 0: never */
    _Atomic bool used;
};

struct key_cache {
    pthread_rwlock_t lock;
    uint64_t ticket; /* rises with each forget */
    struct slot slots[KEY_CACHE_SLOTS];
};

struct key_cache *key_cache_create(void)
{
    struct key_cache *cache = calloc(1, sizeof *cache);
    if (cache)
        pthread_rwlock_init(&cache->lock, NULL);
    return cache;
}

void key_cache_destroy(struct key_cache *cache)
{
    if (!cache)
        return;
    pthread_rwlock_destroy(&cache->lock);
    free(cache);
}

/* The first of the WAYS slots a hash may stand in. */
static struct slot *slots_of(struct key_cache *cache, const struct hash *hash)
{
    uint32_t number;
    memcpy(&number, hash->bytes, sizeof number);
    return &cache->slots[number % (KEY_CACHE_SLOTS / WAYS) * WAYS];
}

bool key_cache_get(struct key_cache *cache, const struct hash *hash, int64_t now_ms, struct store_key *ret,
                   uint64_t *ret_ticket)
{
    bool found = false;
    pthread_rwlock_rdlock(&cache->lock);
    struct slot *slots = slots_of(cache, hash);
    for (size_t i = 0; i < WAYS && !found; i++) {
        struct slot *slot = &slots[i];
        if (!slot->filled || now_ms >= slot->until_ms || !hash_equal(&slot->hash, hash))
            continue;
        *ret = slot->key;
        if (!atomic_load_explicit(&slot->used, memory_order_relaxed))
            atomic_store_explicit(&slot->used, true, memory_order_relaxed);
        found = true;
    }
    *ret_ticket = cache->ticket;
    pthread_rwlock_unlock(&cache->lock);
    return found;
}

/* The same key's slot, an empty one, or the one that runs out first. */
static struct slot *slot_pick(struct slot *slots, const struct hash *hash)
{
    struct slot *pick = &slots[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (slots[i].filled && hash_equal(&slots[i].hash, hash))
            return &slots[i];
        if (pick->filled && (!slots[i].filled || slots[i].until_ms < pick->until_ms))
            pick = &slots[i];
    }
    return pick;
}

void key_cache_put(struct key_cache *cache, const struct hash *hash, const struct store_key *key, int64_t now_ms,
                   uint64_t ticket)
{
    pthread_rwlock_wrlock(&cache->lock);
    if (ticket == cache->ticket) {
        struct slot *slot = slot_pick(slots_of(cache, hash), hash);
        const bool same = slot->filled && hash_equal(&slot->hash, hash);
        slot->told_ms = same ? slot->told_ms : 0;
        slot->filled = true;
        slot->hash = *hash;
        slot->key = *key;
        slot->until_ms = now_ms + KEY_CACHE_MS;
        slot->used = true;
    }
    pthread_rwlock_unlock(&cache->lock);
}

void key_cache_forget(struct key_cache *cache, int64_t key_id)
{
    pthread_rwlock_wrlock(&cache->lock);
    cache->ticket++;
    for (size_t i = 0; i < KEY_CACHE_SLOTS; i++)
        if (cache->slots[i].filled && cache->slots[i].key.id == key_id)
            cache->slots[i].filled = false;
    pthread_rwlock_unlock(&cache->lock);
}

size_t key_cache_used(struct key_cache *cache, int64_t now_ms, int64_t *ret_ids, size_t count)
{
    size_t found = 0;
    pthread_rwlock_wrlock(&cache->lock);
    for (size_t i = 0; i < KEY_CACHE_SLOTS && found < count; i++) {
        struct slot *slot = &cache->slots[i];
        if (!slot->filled || !slot->used || (slot->told_ms && now_ms - slot->told_ms < KEY_CACHE_USED_MS))
            continue;
        slot->used = false;
        slot->told_ms = now_ms;
        ret_ids[found++] = slot->key.id;
    }
    pthread_rwlock_unlock(&cache->lock);
    return found;
}
