/* Text from a server or a client, made safe for a terminal: what could move a cursor, or break a line, is a space. */
#ifndef CLI_CLEAN_H
#define CLI_CLEAN_H

#include <stddef.h>
#include <stdio.h>

/* In place: control characters (also C1, U+0080 to U+009F) become spaces, bytes that are no UTF-8 question marks. NULL
 * is allowed. */
void clean_line(char *text);

/* The first characters of text that fit in width columns (a character counts one), "…" at the end when it was cut, and
 * with pad spaces behind. NULL is "-". */
void clean_print(FILE *out, const char *text, size_t width, int pad);

#endif
