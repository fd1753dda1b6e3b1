#include "cli/client.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "cli/clean.h"
#include "cli/exit_code.h"
#include "cli/paths.h"
#include "cli/stop.h"
#include "net/url.h"

static const char default_server[] = "http://127.0.0.1:8787";

/* ---- address and key ---- */

static bool host_is_local(const char *host)
{
    bool numbers = strspn(host, "0123456789.") == strlen(host); /* 127.example.com is somebody else's */
    return strcmp(host, "localhost") == 0 || (numbers && text_begins(host, "127.")) || strcmp(host, "::1") == 0;
}

static int base_set(struct client *client, const char *text, const char *source, conch_error *err)
{
    struct url url;
    conch_error cause;
    if (url_parse(&url, text, &cause) < 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s: %s; wanted is one like %s", source, cause.text,
                               default_server);
    client->local = host_is_local(url.host);
    bool query = strchr(url.target, '?') != NULL;
    url_finish(&url);
    if (query)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s: the address has a query; wanted is one like %s", source,
                               default_server);
    client->base = strndup(text, strcspn(text, "#"));
    if (!client->base)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for an address");
    for (size_t size = strlen(client->base); size && client->base[size - 1] == '/'; size--)
        client->base[size - 1] = 0;
    return 0;
}

/* text without white space around it. */
static int key_set(struct client *client, const char *text, const char *source, conch_error *err)
{
    text += strspn(text, " \t\r\n");
    size_t size = strcspn(text, " \t\r\n");
    if (!size || size > CLIENT_KEY_BYTES_MAX || text[size + strspn(text + size, " \t\r\n")])
        return conch_error_set(err, CONCH_ERR_RANGE, "%s does not hold a key: one word of at most %d characters",
                               source, CLIENT_KEY_BYTES_MAX);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < 0x21 || (unsigned char)text[i] > 0x7e)
            return conch_error_set(err, CONCH_ERR_RANGE, "%s: the key has a character that is not printable ASCII",
                                   source);
    client->key_source = strdup(source);
    if (!client->key_source || asprintf(&client->authorization, "Bearer %.*s", (int)size, text) < 0) {
        client->authorization = NULL;
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the key");
    }
    return 0;
}

static int key_read(struct client *client, const char *path, const char *source, conch_error *err)
{
    struct buf buf;
    conch_error cause = {0};
    buf_init(&buf, 2 * CLIENT_KEY_BYTES_MAX);
    int rc = file_read(&buf, path, &cause);
    if (rc < 0)
        conch_error_set(err, rc, "%s%s", strcmp(path, source) == 0 ? "" : "--key-file: ", cause.text);
    else
        rc = key_set(client, buf.data ? buf.data : "", source, err);
    if (buf.data)
        hash_wipe(buf.data, buf.size);
    buf_finish(&buf);
    return rc;
}

static int key_find(struct client *client, const struct client_settings *settings, conch_error *err)
{
    const char *text = getenv("CONCH_KEY");
    char *path = NULL;
    int rc = 0;
    if (settings->key_file) {
        if (asprintf(&path, "--key-file: %s", settings->key_file) < 0)
            return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
        rc = key_read(client, settings->key_file, path, err);
    } else if (text && *text) {
        rc = key_set(client, text, "CONCH_KEY", err);
    } else if (client->local && paths_user(PATHS_DATA, "admin.key", &path, NULL) == 0 && file_exists(path)) {
        rc = key_read(client, path, path, err);
    }
    free(path);
    return rc;
}

/* curl would say no more than that there is a problem. */
static int ca_find(struct client *client, conch_error *err)
{
    const char *path = getenv("CONCH_CA_FILE");
    if (!path || !*path)
        return 0;
    if (access(path, R_OK) < 0)
        return conch_error_errno(err, errno == ENOENT ? CONCH_ERR_NOTFOUND : CONCH_ERR_IO, errno,
                                 "CONCH_CA_FILE: cannot read %s", path);
    client->ca_file = strdup(path);
    return client->ca_file ? 0 : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
}

int client_open(struct client *client, const struct client_settings *settings, conch_error *err)
{
    const char *variable = getenv("CONCH_SERVER");
    int rc;
    *client = (struct client){.base = NULL};
    stop_install();
    if (settings->server)
        rc = base_set(client, settings->server, "--server", err);
    else if (variable && *variable)
        rc = base_set(client, variable, "CONCH_SERVER", err);
    else
        rc = base_set(client, default_server, "--server", err);
    if (rc == 0)
        rc = key_find(client, settings, err);
    if (rc == 0)
        rc = ca_find(client, err);
    if (rc < 0)
        client_close(client);
    return rc;
}

void client_close(struct client *client)
{
    if (client->authorization)
        hash_wipe(client->authorization, strlen(client->authorization));
    free(client->authorization);
    free(client->key_source);
    free(client->ca_file);
    free(client->base);
    *client = (struct client){.base = NULL};
}

/* ---- what went wrong ---- */

int client_fault(const struct client *client, const struct http_fetched *fetched, const conch_error *cause,
                 struct client_answer *ret, conch_error *err)
{
    switch (fetched->fault) {
    case HTTP_FAULT_CONNECT:
    case HTTP_FAULT_DNS:
        ret->transient = ret->unreachable = true;
        if (client->local)
            return conch_error_set(err, CLI_ERR_NO_SERVER, "no server answers at %s; start one with: conch serve",
                                   client->base);
        return conch_error_set(err, CLI_ERR_NO_SERVER, "no server answers at %s: %s", client->base, cause->text);
    case HTTP_FAULT_TIMEOUT:
    case HTTP_FAULT_BROKEN: ret->transient = true; return conch_error_set(err, CLI_ERR_NO_SERVER, "%s", cause->text);
    case HTTP_FAULT_TLS:
        return conch_error_set(err, CLI_ERR_NO_SERVER, "%s; CONCH_CA_FILE names who else may vouch for it",
                               cause->text);
    case HTTP_FAULT_CANCELLED:
        if (stop_check(err) < 0)
            return CONCH_ERR_CANCELLED;
        break;
    default: break;
    }
    return conch_error_set(err, cause->code, "%s", cause->text);
}

static int refusal_code(int status)
{
    switch (status) {
    case 400: return CONCH_ERR_RANGE;
    case 401:
    case 403: return CLI_ERR_KEY;
    case 404: return CONCH_ERR_NOTFOUND;
    case 413: return CONCH_ERR_LIMIT;
    case 501: return CONCH_ERR_UNSUPPORTED;
    default: return CLI_ERR_REFUSED;
    }
}

/* Not in the form of a Conch server: a proxy between us, or something else that listens there. */
static int strange_answer(const struct client *client, int status, conch_error *err)
{
    return conch_error_set(err, refusal_code(status), "%s answers %d %s, and not as a Conch server does: is it one?",
                           client->base, status, http_reason(status));
}

static int unauthorized(const struct client *client, const char *message, conch_error *err)
{
    if (client->authorization)
        return conch_error_set(err, CLI_ERR_KEY, "%s does not accept the key of %s: %s", client->base,
                               client->key_source, message);
    return conch_error_set(err, CLI_ERR_KEY,
                           "%s wants a key: put it into CONCH_KEY, or name a file that holds it with --key-file (conch "
                           "serve writes one to admin.key in its data folder)",
                           client->base);
}

int client_refusal(const struct client *client, int status, const struct buf *body, struct client_answer *ret,
                   conch_error *err)
{
    json_t *json = body->size ? json_loadb(body->data, body->size, 0, NULL) : NULL;
    const json_t *error = json_object_get(json, "error");
    const char *message = json_string_value(json_object_get(error, "message"));
    const char *field = json_string_value(json_object_get(error, "field"));
    const char *allowed = json_string_value(json_object_get(error, "allowed"));
    json_int_t seconds = json_integer_value(json_object_get(error, "retry_after"));
    struct buf text;
    int rc;
    buf_init(&text, 4096);
    ret->status = status;
    ret->retry_after_ms = seconds > 0 && seconds < 86400 ? seconds * 1000 : 0;
    ret->transient = ret->retry_after_ms || status == 502 || status == 503 || status == 504;
    if (!message) {
        rc = strange_answer(client, status, err);
        goto out;
    }
    buf_append_text(&text, message, NULL);
    if (field && *field && !strstr(message, field))
        buf_append_format(&text, NULL, " (%s)", field);
    if (allowed && *allowed && !strstr(message, allowed))
        buf_append_format(&text, NULL, "; allowed: %s", allowed);
    if (ret->retry_after_ms)
        buf_append_format(&text, NULL, "; try again in %lld s", (long long)seconds);
    clean_line(text.data ? text.data : NULL);
    rc = status == 401 ? unauthorized(client, text.data ? text.data : "", err)
                       : conch_error_set(err, refusal_code(status), "%s", text.data ? text.data : "refused");
out:
    buf_finish(&text);
    json_decref(json);
    return rc;
}

/* ---- requests ---- */

static bool stopped(void *context)
{
    return stop_signal() != 0;
}

int client_http_init(struct client_http *http, const struct client *client, const char *path, conch_error *err)
{
    *http = (struct client_http){
        .settings = {
            .timeout_ms = CLIENT_TIMEOUT_MS, .bytes_max = CLIENT_ANSWER_BYTES_MAX, .file = -1, .stop = stopped}};
    buf_init(&http->url, URL_BYTES_MAX);
    int rc = buf_append_text(&http->url, client->base, err);
    if (rc == 0)
        rc = buf_append_text(&http->url, path, err);
    http->settings.url = http->url.data;
    http->settings.ca_file = client->ca_file;
    http->settings.headers = http->headers;
    if (client->authorization)
        client_http_header(http, "Authorization", client->authorization);
    if (rc < 0)
        client_http_finish(http);
    return rc;
}

void client_http_header(struct client_http *http, const char *name, const char *value)
{
    assert(http->header_count < CLIENT_HEADERS_MAX);
    http->headers[http->header_count] = (struct http_field){name, value};
    http->settings.header_count = ++http->header_count;
}

void client_http_finish(struct client_http *http)
{
    buf_finish(&http->url);
}

static int answer_take(const struct client *client, const struct http_fetched *fetched, struct client_answer *ret,
                       conch_error *err)
{
    json_error_t where;
    ret->status = fetched->status;
    if (fetched->status < 200 || fetched->status > 299)
        return client_refusal(client, fetched->status, &fetched->body, ret, err);
    ret->json = fetched->body.size ? json_loadb(fetched->body.data, fetched->body.size, 0, &where) : NULL;
    if (!json_is_object(ret->json)) {
        json_decref(ret->json);
        ret->json = NULL;
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "%s answers with something that is no JSON object: is it a Conch "
                               "server?",
                               client->base);
    }
    return 0;
}

int client_call(const struct client *client, const struct client_request *request, struct client_answer *ret,
                conch_error *err)
{
    struct client_http http;
    struct http_fetched fetched = {.fault = HTTP_FAULT_NONE};
    conch_error cause = {0};
    int rc = client_http_init(&http, client, request->path, err);
    if (rc < 0)
        return rc;
    if (request->body)
        client_http_header(&http, "Content-Type", request->type ? request->type : "application/json");
    if (request->once)
        client_http_header(&http, "Idempotency-Key", request->once);
    http.settings.method = request->method;
    http.settings.body = request->body;
    http.settings.body_size = request->body_size;
    if (request->regardless)
        http.settings.stop = NULL;
    if (request->timeout_ms)
        http.settings.timeout_ms = request->timeout_ms;
    if (http_client_fetch(&http.settings, &fetched, &cause) < 0)
        rc = client_fault(client, &fetched, &cause, ret, err);
    else
        rc = answer_take(client, &fetched, ret, err);
    http_fetched_finish(&fetched);
    client_http_finish(&http);
    return rc;
}

int client_get(const struct client *client, const char *path, json_t **ret_json, conch_error *err)
{
    struct client_answer answer = {.status = 0};
    int rc = client_call(client, &(struct client_request){.path = path}, &answer, err);
    if (rc == 0)
        *ret_json = answer.json;
    return rc;
}

int client_post(const struct client *client, const char *path, json_t *body, json_t **ret_json, conch_error *err)
{
    struct client_answer answer = {.status = 0};
    struct client_once once = client_once();
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    if (!text)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a request");
    int rc = client_call(
        client, &(struct client_request){.path = path, .body = text, .body_size = strlen(text), .once = once.text},
        &answer, err);
    free(text);
    if (rc == 0)
        *ret_json = answer.json;
    return rc;
}

int client_set_text(json_t *body, const char *key, const char *text, const char *option, conch_error *err)
{
    if (text && json_object_set_new(body, key, json_string(text)) < 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s is not valid UTF-8", option);
    return 0;
}

struct client_once client_once(void)
{
    struct client_once once;
    unsigned char bytes[16];
    hash_random(bytes, sizeof bytes);
    int length = snprintf(once.text, sizeof once.text, "cli-");
    for (size_t i = 0; i < sizeof bytes; i++)
        length += snprintf(once.text + length, sizeof once.text - (size_t)length, "%02x", bytes[i]);
    return once;
}
