/* Keys that were looked up lately, so that polls do not ask the store who calls.
 *
 * Bounded (KEY_CACHE_SLOTS), each entry good for KEY_CACHE_MS. A revocation by this process takes effect at once
 * (key_cache_forget); one by another process when the entry has run out. Any thread. */
#ifndef SERVER_API_KEY_CACHE_H
#define SERVER_API_KEY_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "server/store/store.h"

enum { KEY_CACHE_SLOTS = 1024, KEY_CACHE_MS = 5000, KEY_CACHE_USED_MS = 60000 };

struct key_cache;

struct key_cache *key_cache_create(void); /* NULL: no memory */
void key_cache_destroy(struct key_cache *cache);

/* now_ms of all: any clock that does not go back, always the same one. *ret_ticket: for a put, when it is not there. */
bool key_cache_get(struct key_cache *cache, const struct hash *hash, int64_t now_ms, struct store_key *ret,
                   uint64_t *ret_ticket);

/* Does nothing when a key was forgotten since the ticket was given: what was read may be from before that. */
void key_cache_put(struct key_cache *cache, const struct hash *hash, const struct store_key *key, int64_t now_ms,
                   uint64_t ticket);

void key_cache_forget(struct key_cache *cache, int64_t key_id);

/* Ids of keys that were used and whose use has not been told for KEY_CACHE_USED_MS, at most count; they are then taken
 * for told. */
size_t key_cache_used(struct key_cache *cache, int64_t now_ms, int64_t *ret_ids, size_t count);

#endif
