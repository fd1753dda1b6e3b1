/* The certificate of a server that speaks TLS, and what libmicrohttpd leaves to its user. http_tls.c alone sees GnuTLS.
 *
 * Files are PEM: the certificate first, then those that vouch for it; the key without a passphrase. They are read once,
 * when the server opens: a renewed certificate is taken up by a restart. */
#ifndef NET_HTTP_TLS_H
#define NET_HTTP_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "conch/error.h"

enum { HTTP_TLS_FILE_BYTES_MAX = 1 << 20 };

/* TLS 1.3 and 1.2, in the library's order of ciphers. */
#define HTTP_TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct http_tls {
    struct buf certificate, key; /* PEM, ending in NUL */
};

/* Reads both files and sees that they belong together; a key that others may read and a certificate that is not valid
 * at this time are warned about. CONCH_ERR_NOTFOUND, CONCH_ERR_IO, CONCH_ERR_LIMIT, CONCH_ERR_FORMAT name the file and
 * the reason; CONCH_ERR_RANGE: one of the two is missing. */
int http_tls_open(struct http_tls *ret_tls, const char *certificate_path, const char *key_path, conch_error *err);

/* Wipes the key; takes a zeroed one. */
void http_tls_close(struct http_tls *tls);

/* Writes to a session (gnutls_session_t) without waiting, and says that nothing will follow. False: not all of it went
 * out. On the thread that owns the connection, and not while the library has something unsent. */
bool http_tls_send_last(void *session, const void *data, size_t size);

#endif
