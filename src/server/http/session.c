#include "server/http/session.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/log.h"
#include "server/dialect/dialect_json.h"
#include "server/dialect/native.h"
#include "server/http/app.h"

enum {
    SESSION_ID_BYTES = 16,
    NAME_BYTES = 24,
    COOKIE_BYTES_MAX = 800,
    LINK_BYTES_MAX = 2048,
    ENDED_ROW_BYTES = SESSION_ID_BYTES + 8
};

static const char cookie_purpose[] = "session", link_purpose[] = "sign-in link", ended_name[] = "sessions_ended";

/* A session or link that is over before its time. */
struct ended {
    uint8_t id[SESSION_ID_BYTES];
    int64_t expires_ms;
};

struct sessions {
    struct api *api;
    struct store *store;
    char cookie[NAME_BYTES]; /* its name: two servers on one host, at other ports, do not share cookies */
    pthread_mutex_t lock;
    struct ended ended[SESSION_ENDED_MAX];
    size_t ended_count;
};

/* What is sealed into a cookie or a link. */
struct pass {
    int64_t expires_ms;
    uint8_t id[SESSION_ID_BYTES];
    char key[HEADERS_TOKEN_BYTES];
};

/* ---- those that are over ---- */

static bool has_ended(struct sessions *sessions, const uint8_t id[SESSION_ID_BYTES])
{
    bool found = false;
    pthread_mutex_lock(&sessions->lock);
    for (size_t i = 0; i < sessions->ended_count && !found; i++)
        found = memcmp(sessions->ended[i].id, id, SESSION_ID_BYTES) == 0;
    pthread_mutex_unlock(&sessions->lock);
    return found;
}

/* Expired ones go; above the maximum the one that expires first does. The lock is held. */
static void ended_trim(struct sessions *sessions, int64_t now_ms)
{
    size_t kept = 0, first = 0;
    for (size_t i = 0; i < sessions->ended_count; i++)
        if (sessions->ended[i].expires_ms > now_ms)
            sessions->ended[kept++] = sessions->ended[i];
    sessions->ended_count = kept;
    if (kept < SESSION_ENDED_MAX)
        return;
    for (size_t i = 1; i < kept; i++)
        if (sessions->ended[i].expires_ms < sessions->ended[first].expires_ms)
            first = i;
    sessions->ended[first] = sessions->ended[--sessions->ended_count];
}

static int ended_write(void *context, struct store_tx *tx, conch_error *err)
{
    struct sessions *sessions = context;
    struct buf rows;
    int rc = 0;
    buf_init(&rows, SESSION_ENDED_MAX * ENDED_ROW_BYTES);
    pthread_mutex_lock(&sessions->lock);
    for (size_t i = 0; i < sessions->ended_count && rc == 0; i++) {
        rc = buf_append(&rows, sessions->ended[i].id, SESSION_ID_BYTES, err);
        if (rc == 0)
            rc = buf_append(&rows, &sessions->ended[i].expires_ms, sizeof(int64_t), err);
    }
    pthread_mutex_unlock(&sessions->lock);
    if (rc == 0)
        rc = store_meta_put(tx, ended_name, rows.data ? rows.data : "", rows.size, err);
    buf_finish(&rows);
    return rc;
}

static int ended_read(void *context, struct store_tx *tx, conch_error *err)
{
    struct sessions *sessions = context;
    struct buf rows;
    buf_init(&rows, SESSION_ENDED_MAX * ENDED_ROW_BYTES);
    int rc = store_meta_get(tx, ended_name, &rows, err);
    for (size_t at = 0; rc == 0 && at + ENDED_ROW_BYTES <= rows.size; at += ENDED_ROW_BYTES) {
        struct ended *row = &sessions->ended[sessions->ended_count++];
        memcpy(row->id, rows.data + at, SESSION_ID_BYTES);
        memcpy(&row->expires_ms, rows.data + at + SESSION_ID_BYTES, sizeof(int64_t));
    }
    buf_finish(&rows);
    return rc == CONCH_ERR_NOTFOUND ? 0 : rc;
}

/* false: it had ended already. It holds from this moment on in this process, and is written down for the next. */
static bool end(struct sessions *sessions, const struct pass *pass)
{
    conch_error err = {0};
    bool fresh = true;
    pthread_mutex_lock(&sessions->lock);
    for (size_t i = 0; i < sessions->ended_count && fresh; i++)
        fresh = memcmp(sessions->ended[i].id, pass->id, SESSION_ID_BYTES) != 0;
    if (fresh) {
        ended_trim(sessions, clock_wall_ms());
        struct ended *row = &sessions->ended[sessions->ended_count++];
        memcpy(row->id, pass->id, SESSION_ID_BYTES);
        row->expires_ms = pass->expires_ms;
    }
    pthread_mutex_unlock(&sessions->lock);
    if (fresh && store_write(sessions->store, ended_write, sessions, &err) < 0)
        log_warn("the end of a session could not be written down", log_error_text(&err));
    return fresh;
}

/* ---- life ---- */

int sessions_create(struct sessions **ret_sessions, struct api *api, struct store *store, conch_error *err)
{
    struct sessions *sessions = calloc(1, sizeof *sessions);
    if (!sessions)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for sessions");
    sessions->api = api;
    sessions->store = store;
    snprintf(sessions->cookie, sizeof sessions->cookie, "conch_%.8s", api_proof(api, "cookie").text);
    pthread_mutex_init(&sessions->lock, NULL);
    int rc = store_read(store, ended_read, sessions, err);
    if (rc < 0) {
        sessions_destroy(sessions);
        return rc;
    }
    *ret_sessions = sessions;
    return 0;
}

void sessions_destroy(struct sessions *sessions)
{
    if (!sessions)
        return;
    pthread_mutex_destroy(&sessions->lock);
    free(sessions);
}

/* ---- passes ---- */

static int pass_seal(const struct sessions *sessions, const char *purpose, const struct pass *pass, struct buf *ret,
                     conch_error *err)
{
    struct buf plain;
    buf_init(&plain, sizeof *pass);
    int rc = buf_append(&plain, &pass->expires_ms, sizeof pass->expires_ms, err);
    if (rc == 0)
        rc = buf_append(&plain, pass->id, sizeof pass->id, err);
    if (rc == 0)
        rc = buf_append_text(&plain, pass->key, err);
    if (rc == 0)
        rc = api_seal(sessions->api, purpose, plain.data, plain.size, ret, err);
    if (plain.data)
        hash_wipe(plain.data, plain.size);
    buf_finish(&plain);
    return rc;
}

/* Whether the text is a pass of this installation that has not expired or ended. */
static bool pass_open(struct sessions *sessions, const char *purpose, const char *text, struct pass *ret)
{
    const size_t head = sizeof ret->expires_ms + sizeof ret->id;
    struct buf plain;
    conch_error err;
    buf_init(&plain, sizeof *ret);
    bool good = strlen(text) < COOKIE_BYTES_MAX && api_unseal(sessions->api, purpose, text, &plain, &err) == 0 &&
                plain.size > head && plain.size - head < sizeof ret->key;
    if (good) {
        memcpy(&ret->expires_ms, plain.data, sizeof ret->expires_ms);
        memcpy(ret->id, plain.data + sizeof ret->expires_ms, sizeof ret->id);
        memcpy(ret->key, plain.data + head, plain.size - head + 1);
        good = ret->expires_ms > clock_wall_ms() && !has_ended(sessions, ret->id);
    }
    if (plain.data)
        hash_wipe(plain.data, plain.size);
    buf_finish(&plain);
    return good;
}

static void pass_make(const char *key, int64_t lifetime_ms, struct pass *ret)
{
    *ret = (struct pass){.expires_ms = clock_wall_ms() + lifetime_ms};
    hash_random(ret->id, sizeof ret->id);
    snprintf(ret->key, sizeof ret->key, "%s", key);
}

/* What a page must know to change something. */
static struct hash_hex pass_proof(const struct sessions *sessions, const struct pass *pass)
{
    char text[8 + 2 * SESSION_ID_BYTES + 1] = "session ";
    for (size_t i = 0; i < SESSION_ID_BYTES; i++)
        snprintf(text + 8 + 2 * i, 3, "%02x", pass->id[i]);
    return api_proof(sessions->api, text);
}

/* ---- the cookie ---- */

/* The value of our cookie in the request, copied; false: there is none. */
static bool cookie_find(const struct sessions *sessions, const struct http_request *request, char ret[COOKIE_BYTES_MAX])
{
    const size_t name = strlen(sessions->cookie);
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, "Cookie") != 0)
            continue;
        for (const char *at = request->headers[i].value; *at;) {
            at += strspn(at, "; \t");
            size_t size = strcspn(at, ";");
            if (size > name && strncmp(at, sessions->cookie, name) == 0 && at[name] == '=') {
                size -= name + 1;
                if (size >= COOKIE_BYTES_MAX)
                    return false;
                memcpy(ret, at + name + 1, size);
                ret[size] = 0;
                return true;
            }
            at += size;
        }
    }
    return false;
}

static bool pass_of(struct sessions *sessions, const struct http_request *request, struct pass *ret)
{
    char text[COOKIE_BYTES_MAX];
    return cookie_find(sessions, request, text) && pass_open(sessions, cookie_purpose, text, ret);
}

/* pass NULL: the browser is to forget it. */
static int cookie_set(const struct sessions *sessions, const struct dialect_call *call, const struct pass *pass,
                      conch_error *err)
{
    const bool secure = strncmp(call->request->origin, "https:", 6) == 0;
    struct buf text;
    buf_init(&text, HTTP_VALUE_BYTES_MAX - 1);
    int rc = buf_append_format(&text, err, "%s=", sessions->cookie);
    if (rc == 0 && pass)
        rc = pass_seal(sessions, cookie_purpose, pass, &text, err);
    if (rc == 0)
        rc = buf_append_format(&text, err, "; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict%s",
                               pass ? (long long)SESSION_LIFETIME_MS / 1000 : 0LL, secure ? "; Secure" : "");
    if (rc == 0)
        rc = http_response_header(call->response, "Set-Cookie", text.data, err);
    if (text.data)
        hash_wipe(text.data, text.size);
    buf_finish(&text);
    return rc;
}

/* ---- what other sites make a browser send ---- */

/* Browsers say where a request comes from: Sec-Fetch-Site, and where that is missing Origin, whose host must then be
 * the one that was asked. Programs say neither. */
static bool from_here(const struct http_request *request)
{
    const char *site = http_header(request, "Sec-Fetch-Site"), *origin = http_header(request, "Origin");
    if (site)
        return strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
    if (!origin)
        return true;
    const char *own = strstr(request->origin, "://"), *theirs = strstr(origin, "://");
    return own && theirs && strcasecmp(own, theirs) == 0;
}

static int refuse_elsewhere(struct api_problem *problem)
{
    return api_refuse(problem, API_FORBIDDEN, "Origin", "this request was not made by a page of this server");
}

int sessions_token(struct sessions *sessions, const struct http_request *request, char ret_token[HEADERS_TOKEN_BYTES],
                   struct api_problem *ret_problem)
{
    struct pass pass;
    if (!pass_of(sessions, request, &pass))
        return 0;
    if (request->method != HTTP_GET && request->method != HTTP_HEAD) {
        const char *proof = http_header(request, "X-CSRF-Token");
        if (!from_here(request))
            return refuse_elsewhere(ret_problem);
        if (!hash_text_equal(pass_proof(sessions, &pass).text, proof))
            return api_refuse(ret_problem, API_FORBIDDEN, "X-CSRF-Token",
                              "a request by session must bring the proof that GET /conch/v1/session gives, as the "
                              "header X-CSRF-Token");
    }
    memcpy(ret_token, pass.key, sizeof pass.key);
    hash_wipe(&pass, sizeof pass);
    return 1;
}

/* ---- handlers ---- */

/* The session as JSON; key NULL: there is none. */
static int answer(struct dialect_call *call, const struct pass *pass, const struct store_key *key)
{
    struct out out;
    conch_error err = {0};
    if (native_no_store(call) < 0)
        return -1;
    dialect_answer_begin(call, &out, &err);
    out_object(&out, NULL);
    out_text(&out, "object", "session");
    out_text(&out, "csrf", key ? pass_proof(call->app->sessions, pass).text : NULL);
    out_time(&out, "expires_at", key ? pass->expires_ms : 0);
    if (key)
        native_key(&out, "key", key, NULL, false);
    else
        out_null(&out, "key");
    out_object_end(&out);
    return dialect_answer_end(call, &out, 200);
}

/* The key that the body brings, as text or inside the token of a link. */
static int proof_read(struct dialect_call *call, char ret_key[HEADERS_TOKEN_BYTES])
{
    static const char *const known[] = {"key", "link", NULL};
    const char *key = NULL, *link = NULL;
    struct pass pass;
    if (dialect_known(call->json, known, &call->problem) < 0 ||
        dialect_text(call->json, "key", &key, &call->problem) < 0 ||
        dialect_text(call->json, "link", &link, &call->problem) < 0)
        return -1;
    if (!key == !link)
        return api_refuse(&call->problem, API_INVALID, "key", "exactly one of key and link must be there");
    if (key) {
        if (strlen(key) >= HEADERS_TOKEN_BYTES)
            return api_refuse(&call->problem, API_UNAUTHORIZED, "key", "this key is wrong, revoked or expired");
        strcpy(ret_key, key);
        return 0;
    }
    if (!pass_open(call->app->sessions, link_purpose, link, &pass) || !end(call->app->sessions, &pass))
        return api_refuse(&call->problem, API_UNAUTHORIZED, "link", "this sign-in link has expired or was used");
    memcpy(ret_key, pass.key, sizeof pass.key);
    hash_wipe(&pass, sizeof pass);
    return 0;
}

int session_open(struct dialect_call *call)
{
    char key[HEADERS_TOKEN_BYTES];
    struct api_caller caller = {0};
    struct pass pass;
    conch_error err = {0};
    if (!from_here(call->request))
        return refuse_elsewhere(&call->problem);
    if (proof_read(call, key) < 0)
        return -1;
    pass_make(key, SESSION_LIFETIME_MS, &pass);
    int rc = api_authenticate(call->api, key, &caller, &call->problem);
    if (rc == 0 && cookie_set(call->app->sessions, call, &pass, &err) < 0)
        rc = dialect_trouble(&call->problem, &err);
    if (rc == 0)
        rc = answer(call, &pass, &caller.key);
    hash_wipe(key, sizeof key);
    hash_wipe(pass.key, sizeof pass.key);
    return rc;
}

int session_show(struct dialect_call *call)
{
    struct api_caller caller = {0};
    struct api_problem problem;
    struct pass pass;
    conch_error err = {0};
    bool here = pass_of(call->app->sessions, call->request, &pass);
    if (here && api_authenticate(call->api, pass.key, &caller, &problem) < 0)
        here = false;
    const int64_t renewed_ms = call->now_ms + SESSION_LIFETIME_MS;
    if (here && renewed_ms - pass.expires_ms > SESSION_RENEW_MS) {
        pass.expires_ms = renewed_ms;
        if (cookie_set(call->app->sessions, call, &pass, &err) < 0)
            return dialect_trouble(&call->problem, &err);
    }
    return answer(call, &pass, here ? &caller.key : NULL);
}

int session_end(struct dialect_call *call)
{
    struct sessions *sessions = call->app->sessions;
    char token[HEADERS_TOKEN_BYTES];
    struct pass pass;
    conch_error err = {0};
    int rc = sessions_token(sessions, call->request, token, &call->problem);
    if (rc < 0)
        return -1;
    if (rc == 1 && pass_of(sessions, call->request, &pass))
        end(sessions, &pass);
    if (cookie_set(sessions, call, NULL, &err) < 0)
        return dialect_trouble(&call->problem, &err);
    return answer(call, NULL, NULL);
}

int sessions_link(const struct sessions *sessions, const char *origin, const char *key, struct buf *ret_url,
                  int64_t *ret_expires_ms, conch_error *err)
{
    struct pass pass;
    pass_make(key, SESSION_LINK_MS, &pass);
    int rc = buf_append_format(ret_url, err, "%s/#signin=", origin);
    if (rc == 0)
        rc = pass_seal(sessions, link_purpose, &pass, ret_url, err);
    *ret_expires_ms = pass.expires_ms;
    hash_wipe(pass.key, sizeof pass.key);
    return rc;
}

int session_link(struct dialect_call *call)
{
    struct sessions *sessions = call->app->sessions;
    char key[HEADERS_TOKEN_BYTES];
    int64_t expires_ms = 0;
    struct out out;
    struct buf url;
    conch_error err = {0};
    if (!headers_token(call->request, key) && sessions_token(sessions, call->request, key, &call->problem) != 1)
        return api_refuse(&call->problem, API_UNAUTHORIZED, "", "a key is needed");
    buf_init(&url, LINK_BYTES_MAX);
    int rc = sessions_link(sessions, call->request->origin, key, &url, &expires_ms, &err);
    if (rc == 0 && native_no_store(call) == 0) {
        dialect_answer_begin(call, &out, &err);
        out_object(&out, NULL);
        out_text(&out, "url", url.data);
        out_time(&out, "expires_at", expires_ms);
        out_object_end(&out);
        rc = dialect_answer_end(call, &out, 201);
    } else {
        rc = dialect_trouble(&call->problem, &err);
    }
    hash_wipe(key, sizeof key);
    buf_finish(&url);
    return rc;
}
