/* The dialects behind a socket: routes, keys, limits on bodies, words of refusals, headers, the log, counters, event
 * streams, files and the embedded site. What an answer says is the dialects' matter (dialect/dialect.h tells what is
 * done for them here), how bytes travel is net/http_server's.
 *
 * A request that came in by a key is authenticated, checked for its scope and, unless it only looks (GET, HEAD),
 * counted against the key's rate before any byte of its body is taken. A key is read from Authorization (Bearer K or
 * Key K) or x-api-key, never from the address; a browser may have a session instead (session.h).
 *
 * Besides the dialects' routes: / (the site, or a plain page that says what this is), /metrics (from this machine, or
 * with an admin key), and the files of the site.
 *
 * Log: one line a request, "request" with request_id, method, path, route, status, bytes, ms, key and address; at debug
 * for good answers of routes that clients poll, at warn from 500 on, else at info. Queries, keys and signed links are
 * never in it. */
#ifndef SERVER_HTTP_HTTP_APP_H
#define SERVER_HTTP_HTTP_APP_H

#include <stdint.h>

#include "conch/error.h"
#include "net/http_server.h"
#include "server/api/api.h"
#include "server/dialect/dialect.h"
#include "server/http/static.h"
#include "server/store/store.h"

struct config;
struct http_app;

struct http_app_settings {
    struct api *api;
    struct store *store; /* for events */
    const struct config *config;
    const struct dialect *const *dialects; /* ends in NULL; NULL: dialect_all */
    const struct static_file *site;        /* ends in a row without a path; NULL: the one built in */
};

/* Starts the thread that follows events. All that settings point to must outlive the app. */
int http_app_create(struct http_app **ret_app, const struct http_app_settings *settings, conch_error *err);

/* Opens the server that config describes (server.listen, limits, threads) for this app. spool_folder: exists; NULL:
 * nothing is spooled. Errors of http_server_open. */
int http_app_listen(struct http_app *app, const char *spool_folder, conch_error *err);

/* "127.0.0.1:8787", with the real port; NULL before http_app_listen. */
const char *http_app_address(const struct http_app *app);
/* "http://127.0.0.1:41234", or https; NULL likewise. */
const char *http_app_origin(const struct http_app *app);

/* An address that signs a browser in once, with the rights of this key (session.h). Appends. After http_app_listen. */
int http_app_sign_in(const struct http_app *app, const char *key, struct buf *ret_url, conch_error *err);

/* Ends event streams, stops listening, lets requests finish for grace_ms (http_server_close), frees everything. NULL is
 * allowed. api and store may be closed afterwards. */
void http_app_close(struct http_app *app, int64_t grace_ms);

/* Something was committed: for store_settings.committed. Any thread; app NULL is allowed. */
void http_app_wake(struct http_app *app);

/* For those who bring a server of their own, and tests. */
struct http_embedder http_app_embedder(struct http_app *app);

#endif
