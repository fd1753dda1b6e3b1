/* One server as the commands see it: its address, the key, and calls of its native interface (/conch/v1).
 *
 * The address is --server, else $CONCH_SERVER, else http://127.0.0.1:8787. The key comes from --key-file, else
 * $CONCH_KEY, else from the file that `conch serve` writes for its own user; that one is sent to this machine only. No
 * key stands on the command line, where others could read it. Without any key calls go out without one, so that "no
 * server answers" is said before "a key is needed".
 *
 * $CONCH_CA_FILE (PEM) says who may vouch for an https server, instead of the system's list.
 *
 * What the server refuses becomes an error with its message, the field and what is allowed. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/option.h"
#include "net/http_client.h"

enum {
    CLIENT_ANSWER_BYTES_MAX = 16 << 20,
    CLIENT_KEY_BYTES_MAX = 1024,
    CLIENT_HEADERS_MAX = 8,
    CLIENT_TIMEOUT_MS = 60 * 1000,
};

struct client_settings {
    const char *server, *key_file; /* NULL: not given */
};

/* Their rows of an option table; member is the struct client_settings inside type. */
#define CLIENT_OPTIONS(type, member)                                                                                   \
    {.name = "The server", .kind = OPTION_HEADING},                                                                    \
        {"server",    0,                                                                                               \
         OPTION_TEXT, offsetof(type, member.server),                                                                   \
         "URL",       "its address (default: $CONCH_SERVER, or http://127.0.0.1:8787)",                                \
         0,           0},                                                                                              \
    {                                                                                                                  \
        "key-file", 0, OPTION_TEXT, offsetof(type, member.key_file), "FILE",                                           \
            "holds the key (default: $CONCH_KEY, or the key of the server on this machine)", 0, 0                      \
    }

struct client {
    char *base;          /* without a slash at the end */
    char *authorization; /* "Bearer ..."; NULL: no key was found */
    char *key_source;    /* for error texts: "CONCH_KEY", the name of a file; NULL: no key */
    bool local;          /* the address is this machine */
    char *ca_file;       /* $CONCH_CA_FILE; NULL: whom the system trusts */
};

/* Connects to nothing yet; Ctrl-C is caught from now on. client_close takes a zeroed one and wipes the key. */
int client_open(struct client *client, const struct client_settings *settings, conch_error *err);
void client_close(struct client *client);

/* ---- calls with JSON answers ---- */

struct client_request {
    const char *method; /* NULL: GET, or POST with a body */
    const char *path;   /* with its query, from the slash on */
    const char *type;   /* of the body; NULL: JSON */
    const void *body;
    size_t body_size;
    const char *once;   /* Idempotency-Key; NULL: none */
    int64_t timeout_ms; /* 0: CLIENT_TIMEOUT_MS */
    bool regardless;    /* also when Ctrl-C was pressed before */
};

/* Zero it before; json is the caller's (json_decref). */
struct client_answer {
    int status; /* 0: none came */
    json_t *json;
    bool unreachable;       /* not even a connection */
    bool transient;         /* the same call may succeed later: no answer, too many requests, busy */
    int64_t retry_after_ms; /* as the server states it; 0: it does not */
};

/* CLI_ERR_NO_SERVER, CLI_ERR_KEY, CLI_ERR_REFUSED (exit_code.h); CONCH_ERR_RANGE, CONCH_ERR_NOTFOUND, CONCH_ERR_LIMIT
 * and CONCH_ERR_UNSUPPORTED as the server says; CONCH_ERR_CANCELLED after Ctrl-C. */
int client_call(const struct client *client, const struct client_request *request, struct client_answer *ret,
                conch_error *err);

/* GET of path, the JSON alone. */
int client_get(const struct client *client, const char *path, json_t **ret_json, conch_error *err);

/* POST of an object, which is taken over, with an Idempotency-Key of its own. */
int client_post(const struct client *client, const char *path, json_t *body, json_t **ret_json, conch_error *err);

/* Sets a text of the user in a body; NULL sets nothing. CONCH_ERR_RANGE when it is not UTF-8; option is for the text.
 */
int client_set_text(json_t *body, const char *key, const char *text, const char *option, conch_error *err);

/* A fresh Idempotency-Key. */
struct client_once {
    char text[40];
};
struct client_once client_once(void);

/* ---- for streams and files ---- */

/* A request whose settings the caller may change before http_client_fetch. */
struct client_http {
    struct buf url;
    struct http_field headers[CLIENT_HEADERS_MAX];
    size_t header_count;
    struct http_client_settings settings;
};
int client_http_init(struct client_http *http, const struct client *client, const char *path, conch_error *err);
void client_http_finish(struct client_http *http);

/* value stays the caller's. */
void client_http_header(struct client_http *http, const char *name, const char *value);

/* What a failed fetch or a status other than 2xx means; cause: of the fetch, body: of the answer as far as it is there.
 * Fills status, transient and retry_after_ms. */
int client_fault(const struct client *client, const struct http_fetched *fetched, const conch_error *cause,
                 struct client_answer *ret, conch_error *err);
int client_refusal(const struct client *client, int status, const struct buf *body, struct client_answer *ret,
                   conch_error *err);

#endif
