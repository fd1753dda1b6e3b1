#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conch/error.h"

static void text_clean(char *text)
{
    /* A name from a hostile file must not be able to start a new line or move the cursor of a terminal. */
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
}

int conch_error_set(conch_error *err, int code, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        err->code = code;
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        text_clean(err->text);
    }
    return code;
}

int conch_error_errno(conch_error *err, int code, int errno_value, const char *format, ...)
{
    if (errno_value == ENOSPC || errno_value == EDQUOT)
        code = CONCH_ERR_DISKFULL;
    else if (errno_value == ENOMEM)
        code = CONCH_ERR_NOMEM;
    if (err) {
        va_list args;
        va_start(args, format);
        err->code = code;
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        size_t used = strlen(err->text);
        char reason[128];
        snprintf(err->text + used, sizeof err->text - used, ": %s", strerror_r(errno_value, reason, sizeof reason));
        text_clean(err->text);
    }
    return code;
}

const char *conch_error_word(int code)
{
    switch (code) {
    case CONCH_OK: return "ok";
    case CONCH_ERR_NOMEM: return "out_of_memory";
    case CONCH_ERR_IO: return "io";
    case CONCH_ERR_FORMAT: return "damaged_file";
    case CONCH_ERR_RANGE: return "invalid_value";
    case CONCH_ERR_NOTFOUND: return "not_found";
    case CONCH_ERR_UNSUPPORTED: return "unsupported";
    case CONCH_ERR_CANCELLED: return "cancelled";
    case CONCH_ERR_DISKFULL: return "disk_full";
    case CONCH_ERR_MEDIA: return "unreadable_media";
    case CONCH_ERR_LIMIT: return "over_limit";
    default: return "internal";
    }
}
