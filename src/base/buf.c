#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *buf, size_t size_max)
{
    *buf = (struct buf){.size_max = size_max};
}

void buf_finish(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){.size_max = buf->size_max};
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
    if (buf->data)
        buf->data[0] = 0;
}

char *buf_reserve(struct buf *buf, size_t size, conch_error *err)
{
    if (size > buf->size_max - buf->size) {
        conch_error_set(err, CONCH_ERR_LIMIT, "more than the allowed %zu bytes", buf->size_max);
        return NULL;
    }
    size_t need = buf->size + size + 1;
    if (need > buf->capacity) {
        size_t capacity = buf->capacity ? buf->capacity * 2 : 256;
        if (capacity < need)
            capacity = need;
        char *data = realloc(buf->data, capacity);
        if (!data) {
            conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a buffer of %zu bytes", capacity);
            return NULL;
        }
        buf->data = data;
        buf->capacity = capacity;
    }
    buf->data[buf->size + size] = 0;
    return buf->data + buf->size;
}

int buf_append(struct buf *buf, const void *data, size_t size, conch_error *err)
{
    conch_error local; /* not cleared: that would be most of the work of a short append */
    char *room = buf_reserve(buf, size, err ? err : &local);
    if (!room)
        return err ? err->code : local.code;
    if (size)
        memcpy(room, data, size);
    buf->size += size;
    return 0;
}

int buf_append_text(struct buf *buf, const char *text, conch_error *err)
{
    return buf_append(buf, text, strlen(text), err);
}

int buf_append_format(struct buf *buf, conch_error *err, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    conch_error local = {0};
    char *room = buf_reserve(buf, (size_t)size, err ? err : &local);
    if (!room) {
        va_end(again);
        return err ? err->code : local.code;
    }
    vsnprintf(room, (size_t)size + 1, format, again);
    va_end(again);
    buf->size += (size_t)size;
    return 0;
}
