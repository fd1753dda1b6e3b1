/* Numbers for jobs, files, accounts and whatever else is stored and shown.
 *
 * An id is decimal, 1 .. 2^53-1 (so JavaScript and every client that parses int64 keeps it exact): milliseconds since
 * 2024-01-01 in the upper 41 bits (until 2093), 12 bits below that begin at random in each millisecond. Within a
 * process ids rise strictly; between processes they are in order of time to the millisecond. Two processes can meet on
 * one id (once in thousands when both make one in the same millisecond): the column has a unique index, and whoever
 * inserts takes the next id and tries again. Ids are no secrets. */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_MAX ((INT64_C(1) << 53) - 1)
enum { ID_TEXT_SIZE = 17 }; /* 16 digits and the NUL */

/* Any thread. */
int64_t id_next(void);

/* Unix ms in which the id was made: for partitions and for refusing what is past every retention. */
int64_t id_wall_ms(int64_t id);

/* Decimal digits alone, no sign, space or leading zero, 1 .. ID_MAX; false otherwise. text may be NULL. */
bool id_parse(const char *text, int64_t *ret_id);

struct id_text {
    char text[ID_TEXT_SIZE];
};
struct id_text id_text(int64_t id);

#endif
