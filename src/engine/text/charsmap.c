#include "engine/text/charsmap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "engine/text/limits.h"
#include "engine/text/utf8.h"

#define UNIT_VALUE 0x80000000u

static uint32_t read_u32(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint32_t unit_offset(uint32_t unit)
{
    return (unit >> 10) << ((unit & 0x200) >> 6);
}

/* Every step from any unit stays inside the trie, and every value is the start of a string in the pool. */
static int check_units(const struct charsmap *map, conch_error *err)
{
    for (size_t i = 0; i < map->unit_count; i++) {
        uint32_t unit = map->units[i];
        if (unit & UNIT_VALUE) {
            uint32_t at = unit & ~UNIT_VALUE;
            if (at >= map->pool_bytes || utf8_is_tail(map->pool[at]))
                return conch_error_set(err, CONCH_ERR_FORMAT,
                                       "character map: unit %zu points at byte %u of a pool of %zu bytes", i, at,
                                       map->pool_bytes);
        } else if ((i ^ unit_offset(unit)) >= map->unit_count) {
            return conch_error_set(err, CONCH_ERR_FORMAT, "character map: unit %zu leads to unit %zu of %zu", i,
                                   i ^ unit_offset(unit), map->unit_count);
        }
    }
    return 0;
}

int charsmap_init(struct charsmap *map, const void *data, size_t size, conch_error *err)
{
    const uint8_t *bytes = data;
    *map = (struct charsmap){0};
    if (size == 0)
        return 0;
    size_t trie_bytes = size < 4 ? 0 : read_u32(bytes);
    if (size < 4 || trie_bytes == 0 || trie_bytes % 4 || trie_bytes > size - 4)
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "character map: its trie claims %zu bytes of a map of %zu bytes; the size is a multiple "
                               "of 4 and fits",
                               trie_bytes, size);
    size_t pool_bytes = size - 4 - trie_bytes;
    if (pool_bytes == 0 || bytes[size - 1] != 0)
        return conch_error_set(err, CONCH_ERR_FORMAT, "character map: its strings do not end with a NUL byte");
    int rc = utf8_check((const char *)bytes + 4 + trie_bytes, pool_bytes, "the strings of the character map",
                        CONCH_ERR_FORMAT, err);
    if (rc < 0)
        return rc;
    map->units = malloc(trie_bytes);
    map->pool = malloc(pool_bytes);
    if (!map->units || !map->pool) {
        charsmap_finish(map);
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a character map of %zu bytes", size);
    }
    map->unit_count = trie_bytes / 4;
    map->pool_bytes = pool_bytes;
    for (size_t i = 0; i < map->unit_count; i++)
        map->units[i] = read_u32(bytes + 4 + 4 * i);
    memcpy(map->pool, bytes + 4 + trie_bytes, pool_bytes);
    rc = check_units(map, err);
    if (rc < 0)
        charsmap_finish(map);
    return rc;
}

void charsmap_finish(struct charsmap *map)
{
    free(map->units);
    free(map->pool);
    *map = (struct charsmap){0};
}

size_t charsmap_match(const struct charsmap *map, const char *text, size_t size, const char **ret_replacement)
{
    size_t longest = 0;
    if (!map->unit_count)
        return 0;
    size_t at = unit_offset(map->units[0]);
    size = size_min(size, CHARSMAP_KEY_BYTES_MAX);
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)text[i];
        at ^= byte;
        if (at >= map->unit_count)
            break;
        uint32_t unit = map->units[at];
        if ((unit & (UNIT_VALUE | 0xFF)) != byte)
            break;
        at ^= unit_offset(unit);
        bool whole = i + 1 == size || !utf8_is_tail(text[i + 1]);
        if ((unit & 0x100) && whole && at < map->unit_count && (map->units[at] & UNIT_VALUE)) {
            *ret_replacement = map->pool + (map->units[at] & ~UNIT_VALUE);
            longest = i + 1;
        }
    }
    return longest;
}
