/* Opening the socket that a server listens on. */
#ifndef NET_HTTP_LISTEN_H
#define NET_HTTP_LISTEN_H

#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"

enum { HTTP_ADDRESS_BYTES_MAX = 64 };

/* "ADDR:PORT" with a numeric IPv4 or bracketed IPv6 address, or "localhost". Returns the socket, listening and
 * non-blocking; address gets the real port. CONCH_ERR_RANGE for text that is no address, CONCH_ERR_IO. */
int http_listen(const char *listen_on, char address[HTTP_ADDRESS_BYTES_MAX], uint16_t *ret_port, conch_error *err);

/* Raises the soft limit of open files to what that many connections need, as far as the hard limit allows. */
void http_files_allow(size_t connections_max);

#endif
