/* The named character references of HTML ("amp", "eacute", ...), all 2125 of the WHATWG list, and the numbered ones.
 *
 * Source of the list: https://html.spec.whatwg.org/multipage/named-characters.html */
#ifndef ENGINE_TEXT_ENTITIES_H
#define ENGINE_TEXT_ENTITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENTITY_NAME_BYTES_MAX 31 /* CounterClockwiseContourIntegral */

/* What &name; stands for (UTF-8, static), or NULL. The name comes without & and semicolon; case matters. With bare set
 * only the 106 old names that HTML also accepts without a semicolon are found. */
const char *entity_find(const char *name, size_t size, bool bare);

/* The longest prefix of name, two bytes or more, that is a bare name; returns its size, 0 when there is none. */
size_t entity_find_prefix(const char *name, size_t size, const char **ret_text);

enum { ENTITY_NOTHING = UINT32_MAX };

/* The character that &#number; stands for by the rules of HTML: 0, surrogates and what is beyond Unicode become U+FFFD,
 * 128..159 are read as Windows-1252, and control and non-characters give ENTITY_NOTHING. */
uint32_t entity_number(uint32_t number);

/* The Windows-1252 character at 0x80..0x9F; the five free places map to themselves. */
uint32_t windows_1252_char(uint32_t byte);

#endif
