/* What the files of http_app share. */
#ifndef SERVER_HTTP_APP_H
#define SERVER_HTTP_APP_H

#include "server/config.h"
#include "server/http/count.h"
#include "server/http/events.h"
#include "server/http/http_app.h"
#include "server/http/router.h"
#include "server/http/session.h"

enum { APP_DIALECTS_MAX = 16 };

struct http_app {
    struct http_app_settings settings;
    const struct dialect *dialects[APP_DIALECTS_MAX];
    size_t dialect_count;
    struct router *router;
    struct count *count;
    struct events *events;
    struct sessions *sessions;
    struct http_server *server; /* NULL: somebody else's, or none yet */
};

/* One request between admit and done: verdict.note. */
struct app_note {
    const struct dialect *dialect; /* whose words */
    struct dialect_call call;
    struct api_caller caller;
    struct router_match match;
};

/* The rows that are this folder's own: /, /metrics and the session. */
extern const struct dialect app_dialect;

#endif
