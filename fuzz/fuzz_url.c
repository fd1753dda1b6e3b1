/* An address from a stranger: what is understood is written and read again as the same, and escapes decode in place. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "net/fetch_guard.h"
#include "net/url.h"

static void url_check(const char *text)
{
    struct url url, again;
    struct buf buf;
    conch_error err = {0};
    if (url_parse(&url, text, &err) < 0) {
        if (!err.text[0])
            abort();
        return;
    }
    buf_init(&buf, 2 * URL_BYTES_MAX);
    if (url_append(&buf, &url, NULL) < 0 || url_parse(&again, buf.data, NULL) < 0)
        abort();
    if (!url_same_origin(&url, &again) || strcmp(url.target, again.target) != 0 || url.target[0] != '/')
        abort();
    if (strpbrk(buf.data, " \r\n\t@") && strpbrk(buf.data, " \r\n\t@") < buf.data + buf.size - strlen(url.target))
        abort();
    url_finish(&url);
    url_finish(&again);
    buf_finish(&buf);
}

static void escapes_check(char *text, size_t size)
{
    struct buf buf;
    long decoded = url_decode(text, size, true);
    if (decoded < 0)
        return;
    if ((size_t)decoded != strlen(text))
        abort();
    buf_init(&buf, 1 << 24);
    if (url_encode(&buf, text, NULL, NULL) == 0 && buf.data) {
        if (url_decode(buf.data, buf.size, true) != decoded || strcmp(buf.data, text) != 0)
            abort();
    }
    buf_finish(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fetch_guard guard;
    char *text = malloc(size + 1);
    if (!text)
        abort();
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    url_check(text);
    fetch_guard_parse(&guard, text, NULL);
    escapes_check(text, size);
    free(text);
    return 0;
}
