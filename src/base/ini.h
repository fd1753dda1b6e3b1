/* INI files, read strictly.
 *
 *     # a comment has a line of its own, and begins with # or ;
 *     [section]
 *     key = the value runs to the end of its line
 *     other = "  quotes keep spaces at the ends; \" and \\ stand for themselves  "
 *
 * UTF-8; a byte order mark and \r\n are understood. Nothing is cut silently and no line is skipped: whatever is no
 * section, key or comment is an error. (libinih 55 was tried: as packaged it cuts lines at 200 bytes and names at 50,
 * and goes on.) */
#ifndef BASE_INI_H
#define BASE_INI_H

#include <stddef.h>

#include "conch/error.h"

enum { INI_LINE_BYTES_MAX = 16 << 10, INI_NAME_BYTES_MAX = 128 };

struct ini_place {
    const char *document; /* file name, for texts */
    size_t line;          /* from 1 */
};

/* One key; section is "" before the first. Strings live during the call. Not 0 ends the reading with that code. */
typedef int ini_handler(void *context, const char *section, const char *key, const char *value,
                        const struct ini_place *place, conch_error *err);

/* CONCH_ERR_FORMAT names document and line, CONCH_ERR_LIMIT a line or name that is too long; or what handler returned.
 */
int ini_read(const char *text, size_t size, const char *document, ini_handler *handler, void *context,
             conch_error *err);

#endif
