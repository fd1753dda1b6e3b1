/* The first bytes of an upload. The answer must not depend on what lies behind SNIFF_BYTES, nor on an earlier call. */
#include <stdlib.h>

#include "base/sniff.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sniff found = sniff(data, size), again = sniff(data, size < SNIFF_BYTES ? size : SNIFF_BYTES);
    if ((unsigned)found.type >= SNIFF_TYPES || found.type != again.type || found.width != again.width ||
        found.height != again.height)
        abort();
    if (sniff_kind(found.type) != SNIFF_PICTURE && (found.width || found.height))
        abort();
    return 0;
}
