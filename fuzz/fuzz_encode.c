/* Hex and base64 from a stranger: the first byte picks the kind. What is taken is the one spelling of its bytes. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "fuzz.h"

static int lower(int c)
{
    return c >= 'A' && c <= 'F' ? c + 32 : c;
}

static bool same_text(const char *a, const char *b, size_t size, bool nocase)
{
    for (size_t i = 0; i < size; i++)
        if (a[i] != b[i] && !(nocase && lower(a[i]) == lower(b[i])))
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const enum encode_kind kind = (enum encode_kind)(data[0] % 4);
    const char *text = (const char *)data + 1;
    struct buf bytes, again;
    conch_error err = {0};
    buf_init(&bytes, 1 << 16);
    buf_init(&again, 1 << 18);
    const int rc = encode_decode(&bytes, kind, text, size - 1, &err);
    if (rc < 0 && (rc != err.code || !err.text[0] || bytes.size))
        abort();
    if (rc == 0 && bytes.size > encode_decoded_max(kind, size - 1))
        abort();
    if (rc == 0 && kind != ENCODE_BASE64_LOOSE) {
        if (encode(&again, kind, bytes.data, bytes.size, &err) < 0 || again.size != size - 1 ||
            !same_text(again.data, text, size - 1, kind == ENCODE_HEX))
            abort();
    }
    buf_finish(&bytes);
    buf_finish(&again);
    return 0;
}
