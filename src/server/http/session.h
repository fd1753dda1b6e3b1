/* Who sits at a browser: a cookie instead of a key.
 *
 * POST /conch/v1/session with a key (or the token of a sign-in link) answers with a cookie that no script can read
 * (HttpOnly, SameSite=Strict; Secure over https). It holds the key itself, sealed: so it is worth what the key is worth
 * at that moment, a revoked or expired key ends it, and it outlives a restart of the server without being stored. A
 * session lives SESSION_LIFETIME_MS, and is renewed while it is used. Signing out writes its id down until then, so a
 * copy of the cookie is worth nothing either.
 *
 * A request by cookie that changes something must bring the session's proof (X-CSRF-Token; POST and GET of the session
 * give it) and come from a page of this server: what another site makes a browser send has no effect.
 *
 * A sign-in link, ORIGIN/#signin=TOKEN, works once and for SESSION_LINK_MS. The token stands behind the #, which
 * browsers send to nobody. */
#ifndef SERVER_HTTP_SESSION_H
#define SERVER_HTTP_SESSION_H

#include "conch/error.h"
#include "net/http.h"
#include "server/api/api.h"
#include "server/dialect/dialect.h"
#include "server/http/headers.h"
#include "server/store/store.h"

enum {
    SESSION_LIFETIME_MS = 7 * 24 * 3600 * 1000, /* fits: 604,800,000 */
    SESSION_RENEW_MS = 24 * 3600 * 1000,        /* older ones get a new cookie when the page is opened */
    SESSION_LINK_MS = 10 * 60 * 1000,
    SESSION_ENDED_MAX = 2048, /* signed out or links used, not yet expired; the oldest are dropped above it */
};

struct sessions;

int sessions_create(struct sessions **ret_sessions, struct api *api, struct store *store, conch_error *err);
void sessions_destroy(struct sessions *sessions);

/* The key of a request's session: 1 and ret_token; 0 when it has no session that holds. -1 with a problem when it has,
 * but lacks the proof that this page sent it. */
int sessions_token(struct sessions *sessions, const struct http_request *request, char ret_token[HEADERS_TOKEN_BYTES],
                   struct api_problem *ret_problem);

/* A sign-in link for this key. Appends. */
int sessions_link(const struct sessions *sessions, const char *origin, const char *key, struct buf *ret_url,
                  int64_t *ret_expires_ms, conch_error *err);

/* Rows of app_dialect: POST, GET, DELETE /conch/v1/session; POST /conch/v1/session/links. */
dialect_handler session_open, session_show, session_end, session_link;

#endif
