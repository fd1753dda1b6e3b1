/* The compiled character map of SentencePiece: for each entry some bytes of input and the text that replaces them.
 *
 * Layout: u32 byte count of a double-array trie, the trie as u32 units, then a pool of NUL-terminated UTF-8 strings.
 * All little-endian. A unit holds: bits 0-7 and 31 the label, bit 8 "an entry ends here", bits 10-30 the offset to the
 * children, which bit 9 says to multiply by 256. A unit with bit 31 is the value of an entry: its place in the pool. */
#ifndef ENGINE_TEXT_CHARSMAP_H
#define ENGINE_TEXT_CHARSMAP_H

#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"

/* Zero maps nothing. */
struct charsmap {
    uint32_t *units;
    size_t unit_count;
    char *pool;
    size_t pool_bytes;
};

/* Copies and checks the map; no bytes give the empty map. CONCH_ERR_FORMAT when it leads outside itself. */
int charsmap_init(struct charsmap *map, const void *data, size_t size, conch_error *err);
void charsmap_finish(struct charsmap *map);

/* The replacement for the longest entry that text (valid UTF-8) begins with; returns the bytes that it replaces, whole
 * characters, or 0 when no entry matches. */
size_t charsmap_match(const struct charsmap *map, const char *text, size_t size, const char **ret_replacement);

#endif
