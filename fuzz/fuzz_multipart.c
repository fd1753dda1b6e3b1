/* A form from a stranger. The first line is the Content-Type, the rest the body; fed whole and byte by byte, the same
 * parts must come out. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "net/multipart.h"

static int begin(void *context, const struct multipart_head *head, conch_error *err)
{
    if (strlen(head->name) > MULTIPART_HEADER_BYTES_MAX || (head->filename && strpbrk(head->filename, "/\\")))
        abort();
    return buf_append_format(context, err, "<%s|%s|%s>", head->name, head->filename ? head->filename : "",
                             head->type ? head->type : "");
}

static int take(void *context, const char *data, size_t size, conch_error *err)
{
    return buf_append(context, data, size, err);
}

static int end(void *context, conch_error *err)
{
    return buf_append_text(context, "</>", err);
}

static int read_all(const char *type, const uint8_t *data, size_t size, size_t step, struct buf *out)
{
    static struct multipart multipart;
    struct multipart_sink sink = {.context = out, .begin = begin, .data = take, .end = end};
    conch_error err = {0};
    int rc = multipart_init(&multipart, type, &sink, &err);
    for (size_t at = 0; at < size && rc == 0; at += step)
        rc = multipart_feed(&multipart, (const char *)data + at, size - at < step ? size - at : step, &err);
    if (rc == 0)
        rc = multipart_end(&multipart, &err);
    if (rc < 0 && !err.text[0])
        abort();
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = memchr(data, '\n', size);
    size_t type_size = line ? (size_t)(line - data) : size;
    char *type = malloc(type_size + 1);
    struct buf whole, bytes;
    if (!type)
        abort();
    memcpy(type, data, type_size);
    type[type_size] = 0;
    data += line ? type_size + 1 : type_size;
    size -= line ? type_size + 1 : type_size;
    buf_init(&whole, 1 << 24);
    buf_init(&bytes, 1 << 24);
    int rc = read_all(type, data, size, size + 1, &whole);
    if (read_all(type, data, size, 1, &bytes) != rc || whole.size != bytes.size ||
        (whole.size && memcmp(whole.data, bytes.data, whole.size) != 0))
        abort();
    buf_finish(&whole);
    buf_finish(&bytes);
    free(type);
    return 0;
}
