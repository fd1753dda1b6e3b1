/* One libcurl easy handle a call: connections are not shared, so that a guard of one caller never rides on a connection
 * another caller was allowed to open. */
#include "net/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/url.h"

enum { TIMEOUT_MS = 30000, CONNECT_TIMEOUT_MS = 10000 };

/* One request of a call, which may be several after redirects. */
struct hop {
    const struct http_client_settings *settings;
    struct http_fetched *fetched;
    CURL *curl;
    struct url url;
    char origin[URL_HOST_BYTES_MAX + 24];
    bool keeps_headers; /* of the caller: same origin as the first address */
    const char *method;
    bool sends_body;
    char curl_text[CURL_ERROR_SIZE];
    char blocked[FETCH_GUARD_TEXT_MAX]; /* an address that the guard refused */
    const char *blocked_reason;
    enum http_fault fault; /* why a call of ours made curl stop */
    int write_errno;
    size_t header_bytes;
    uint64_t received;
    bool drops_body; /* of a redirect that is followed, or of a status that is an error */
};

const char *http_fault_word(enum http_fault fault)
{
    static const char *const words[] = {"none",   "bad_url",   "not_allowed", "dns",      "connect",
                                        "tls",    "timeout",   "too_large",   "redirect", "status",
                                        "broken", "cancelled", "local"};
    return words[fault];
}

static int fault_set(struct http_fetched *fetched, enum http_fault fault, int code)
{
    fetched->fault = fault;
    return code;
}

/* ---- curl's calls ---- */

static curl_socket_t on_open(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct hop *hop = context;
    const struct fetch_guard *guard = hop->settings->guard;
    fetch_guard_text(&address->addr, hop->fetched->address);
    if (guard && !fetch_guard_allows(guard, &address->addr)) {
        memcpy(hop->blocked, hop->fetched->address, sizeof hop->blocked);
        hop->blocked_reason = fetch_guard_reason(&address->addr);
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void header_keep(struct hop *hop, const char *name, const char *value, size_t size)
{
    struct http_fetched *fetched = hop->fetched;
    for (size_t i = 0; i < fetched->header_count; i++)
        if (strcasecmp(fetched->headers[i].name, name) == 0)
            return; /* the first one counts */
    if (fetched->header_count == HTTP_CLIENT_HEADERS_MAX || strlen(name) >= sizeof fetched->headers[0].name)
        return;
    char *copy = strndup(value, size);
    if (!copy)
        return;
    strcpy(fetched->headers[fetched->header_count].name, name);
    fetched->headers[fetched->header_count++].value = copy;
}

static void headers_forget(struct http_fetched *fetched)
{
    for (size_t i = 0; i < fetched->header_count; i++)
        free(fetched->headers[i].value);
    fetched->header_count = 0;
    fetched->type[0] = 0;
}

/* Of a final answer: whether its body is wanted. */
static void status_take(struct hop *hop, const char *line, size_t size)
{
    char text[32];
    headers_forget(hop->fetched); /* those of an interim answer (100, 103) */
    snprintf(text, sizeof text, "%.*s", (int)(size < 31 ? size : 31), line);
    const char *space = strchr(text, ' ');
    int status = space ? atoi(space + 1) : 0;
    hop->fetched->status = status;
    hop->drops_body = (is_redirect(status) && hop->settings->redirects_max) ||
                      (hop->settings->success_only && (status < 200 || status > 299));
}

static size_t on_header(char *line, size_t one, size_t size, void *context)
{
    struct hop *hop = context;
    hop->header_bytes += size;
    if (hop->header_bytes > HTTP_CLIENT_HEADER_BYTES_MAX) {
        hop->fault = HTTP_FAULT_TOO_LARGE;
        return 0;
    }
    if (size >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        status_take(hop, line, size);
        return size;
    }
    const char *colon = memchr(line, ':', size);
    if (!colon)
        return size;
    const char *value = colon + 1, *end = line + size;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && strchr(" \t\r\n", end[-1]))
        end--;
    size_t name_size = (size_t)(colon - line);
    if (name_size == 12 && strncasecmp(line, "Content-Type", 12) == 0)
        snprintf(hop->fetched->type, sizeof hop->fetched->type, "%.*s", (int)(end - value), value);
    for (const char *const *want = hop->settings->want; want && *want; want++)
        if (strlen(*want) == name_size && strncasecmp(line, *want, name_size) == 0)
            header_keep(hop, *want, value, (size_t)(end - value));
    return size;
}

static bool file_write(struct hop *hop, const char *data, size_t size)
{
    while (size) {
        ssize_t written = write(hop->settings->file, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            hop->write_errno = written < 0 ? errno : EIO;
            hop->fault = HTTP_FAULT_LOCAL;
            return false;
        }
        data += written;
        size -= (size_t)written;
    }
    return true;
}

static size_t on_body(char *data, size_t one, size_t size, void *context)
{
    struct hop *hop = context;
    if (hop->drops_body)
        return (hop->received += size) > HTTP_CLIENT_HEADER_BYTES_MAX ? CURL_WRITEFUNC_ERROR : size;
    if (size > hop->settings->bytes_max - hop->received) {
        hop->fault = HTTP_FAULT_TOO_LARGE;
        return CURL_WRITEFUNC_ERROR;
    }
    hop->received += size;
    if (hop->settings->sink) {
        if (hop->settings->sink(hop->settings->sink_context, data, size) == 0)
            return size;
        hop->fault = HTTP_FAULT_CANCELLED;
        return CURL_WRITEFUNC_ERROR;
    }
    if (hop->settings->file > 0)
        return file_write(hop, data, size) ? size : CURL_WRITEFUNC_ERROR;
    if (buf_append(&hop->fetched->body, data, size, NULL) == 0)
        return size;
    hop->fault = HTTP_FAULT_LOCAL;
    hop->write_errno = ENOMEM;
    return CURL_WRITEFUNC_ERROR;
}

static int on_progress(void *context, curl_off_t download_size, curl_off_t downloaded, curl_off_t upload_size,
                       curl_off_t uploaded)
{
    struct hop *hop = context;
    if (!hop->settings->stop || !hop->settings->stop(hop->settings->stop_context))
        return 0;
    hop->fault = HTTP_FAULT_CANCELLED;
    return 1;
}

/* ---- one request ---- */

static int headers_make(const struct hop *hop, struct curl_slist **ret_list, conch_error *err)
{
    /* curl would wait a second for "100 Continue" before a large body, and state a form's type for any */
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    bool stated_type = false;
    bool ok = list != NULL;
    for (size_t i = 0; hop->keeps_headers && i < hop->settings->header_count && ok; i++) {
        const struct http_field *field = &hop->settings->headers[i];
        struct buf line;
        buf_init(&line, 64 << 10);
        stated_type |= strcasecmp(field->name, "Content-Type") == 0;
        ok = buf_append_format(&line, NULL, *field->value ? "%s: %s" : "%s;", field->name, field->value) == 0;
        struct curl_slist *longer = ok ? curl_slist_append(list, line.data) : NULL;
        ok = longer != NULL;
        list = ok ? longer : list;
        buf_finish(&line);
    }
    if (ok && hop->sends_body && hop->settings->body && !stated_type) {
        struct curl_slist *longer = curl_slist_append(list, "Content-Type: application/octet-stream");
        ok = longer != NULL;
        list = ok ? longer : list;
    }
    *ret_list = list;
    return ok ? 0 : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the headers of a request");
}

static void options_set(struct hop *hop, long timeout_ms)
{
    const struct http_client_settings *settings = hop->settings;
    CURL *curl = hop->curl;
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, settings->https_only ? "https" : "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "conch/" CONCH_VERSION);
    if (settings->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, settings->ca_file);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, hop->curl_text);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(settings->connect_timeout_ms ? settings->connect_timeout_ms : CONNECT_TIMEOUT_MS));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    if (settings->stall_timeout_ms) {
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)((settings->stall_timeout_ms + 999) / 1000));
    }
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, hop);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, hop);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, hop);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, settings->stop ? 0L : 1L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, hop);
}

static void method_set(struct hop *hop)
{
    CURL *curl = hop->curl;
    if (strcmp(hop->method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
        return;
    }
    if (hop->sends_body) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, hop->settings->body ? hop->settings->body : "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)(hop->settings->body ? hop->settings->body_size : 0));
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, hop->method);
}

static int curl_failed(struct hop *hop, CURLcode code, conch_error *err)
{
    struct http_fetched *fetched = hop->fetched;
    const char *origin = hop->origin;
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return conch_error_set(err, fault_set(fetched, HTTP_FAULT_DNS, CONCH_ERR_IO), "%s has no network address",
                               origin);
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
        return conch_error_set(err, fault_set(fetched, HTTP_FAULT_CONNECT, CONCH_ERR_IO), "no connection to %s",
                               origin);
    case CURLE_OPERATION_TIMEDOUT:
        return conch_error_set(
            err, fault_set(fetched, HTTP_FAULT_TIMEOUT, CONCH_ERR_LIMIT),
            "%s did not answer in time (%lld ms for all, %lld ms to connect)", origin,
            (long long)(hop->settings->timeout_ms ? hop->settings->timeout_ms : TIMEOUT_MS),
            (long long)(hop->settings->connect_timeout_ms ? hop->settings->connect_timeout_ms : CONNECT_TIMEOUT_MS));
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return conch_error_set(err, fault_set(fetched, HTTP_FAULT_TLS, CONCH_ERR_IO),
                               "no trusted TLS connection to %s: %s", origin, curl_easy_strerror(code));
    case CURLE_OUT_OF_MEMORY:
        return conch_error_set(err, fault_set(fetched, HTTP_FAULT_LOCAL, CONCH_ERR_NOMEM),
                               "no memory for a request to %s", origin);
    case CURLE_URL_MALFORMAT:
        return conch_error_set(err, fault_set(fetched, HTTP_FAULT_URL, CONCH_ERR_RANGE),
                               "the address at %s cannot be used", origin);
    default:
        return conch_error_set(err, fault_set(fetched, HTTP_FAULT_BROKEN, CONCH_ERR_IO),
                               "the connection to %s broke: %s", origin, curl_easy_strerror(code));
    }
}

static int transfer_failed(struct hop *hop, CURLcode code, conch_error *err)
{
    struct http_fetched *fetched = hop->fetched;
    if (hop->fault == HTTP_FAULT_TOO_LARGE && hop->header_bytes > HTTP_CLIENT_HEADER_BYTES_MAX)
        return conch_error_set(err, fault_set(fetched, hop->fault, CONCH_ERR_LIMIT),
                               "%s sends more than the allowed %d bytes of headers", hop->origin,
                               HTTP_CLIENT_HEADER_BYTES_MAX);
    if (hop->fault == HTTP_FAULT_TOO_LARGE)
        return conch_error_set(err, fault_set(fetched, hop->fault, CONCH_ERR_LIMIT),
                               "%s sends more than the allowed %llu bytes", hop->origin,
                               (unsigned long long)hop->settings->bytes_max);
    if (hop->fault == HTTP_FAULT_CANCELLED)
        return conch_error_set(err, fault_set(fetched, hop->fault, CONCH_ERR_CANCELLED), "stopped by the caller");
    if (hop->fault == HTTP_FAULT_LOCAL)
        return conch_error_errno(err, fault_set(fetched, hop->fault, CONCH_ERR_IO), hop->write_errno,
                                 "what %s sends cannot be kept", hop->origin);
    /* one address of several may have been refused and another one failed: then that is what went wrong */
    if (hop->blocked[0] && strcmp(hop->blocked, fetched->address) == 0 && code != CURLE_OPERATION_TIMEDOUT)
        return conch_error_set(err, fault_set(fetched, HTTP_FAULT_GUARD, CONCH_ERR_RANGE),
                               "%s is at %s, a %s address, which may not be contacted", hop->origin, hop->blocked,
                               hop->blocked_reason ? hop->blocked_reason : "refused");
    return curl_failed(hop, code, err);
}

/* A dropped body that is long ends early; that is no fault. */
static bool ended_by_us(const struct hop *hop, CURLcode code)
{
    return code == CURLE_WRITE_ERROR && hop->drops_body && hop->fault == HTTP_FAULT_NONE;
}

static int hop_perform(struct hop *hop, long timeout_ms, conch_error *err)
{
    struct curl_slist *headers = NULL;
    struct buf url;
    buf_init(&url, 2 * URL_BYTES_MAX);
    int rc = headers_make(hop, &headers, err);
    if (rc == 0)
        rc = url_append(&url, &hop->url, err);
    if (rc < 0) {
        hop->fetched->fault = HTTP_FAULT_LOCAL;
        goto out;
    }
    options_set(hop, timeout_ms);
    method_set(hop);
    curl_easy_setopt(hop->curl, CURLOPT_URL, url.data);
    curl_easy_setopt(hop->curl, CURLOPT_HTTPHEADER, headers);
    CURLcode code = curl_easy_perform(hop->curl);
    free(hop->fetched->url);
    hop->fetched->url = strdup(url.data);
    if (code != CURLE_OK && !ended_by_us(hop, code))
        rc = transfer_failed(hop, code, err);
out:
    curl_slist_free_all(headers);
    buf_finish(&url);
    return rc;
}

static void length_take(struct hop *hop)
{
    curl_off_t length = -1;
    hop->fetched->size = hop->drops_body ? 0 : hop->received;
    if (strcmp(hop->method, "HEAD") != 0)
        return;
    curl_easy_getinfo(hop->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    hop->fetched->size = length < 0 ? UINT64_MAX : (uint64_t)length;
}

/* ---- from one request to the next ---- */

static int origin_set(struct hop *hop, conch_error *err)
{
    struct buf origin;
    buf_init(&origin, sizeof hop->origin - 1);
    int rc = url_append_origin(&origin, &hop->url, err);
    if (rc == 0)
        strcpy(hop->origin, origin.data);
    buf_finish(&origin);
    if (rc == 0 && hop->settings->https_only && !hop->url.tls)
        rc = conch_error_set(err, fault_set(hop->fetched, HTTP_FAULT_URL, CONCH_ERR_RANGE),
                             "%s is not https, which is all that is allowed", hop->origin);
    return rc;
}

/* The answer is a redirect that is to be followed: makes hop the next one. */
static int redirect_take(struct hop *hop, conch_error *err)
{
    struct http_fetched *fetched = hop->fetched;
    char *target = NULL;
    struct url url;
    curl_easy_getinfo(hop->curl, CURLINFO_REDIRECT_URL, &target);
    if (!target)
        return conch_error_set(err, fault_set(fetched, HTTP_FAULT_REDIRECT, CONCH_ERR_RANGE),
                               "%s redirects (%d) without saying where to", hop->origin, fetched->status);
    if (fetched->redirect_count == hop->settings->redirects_max)
        return conch_error_set(err, fault_set(fetched, HTTP_FAULT_REDIRECT, CONCH_ERR_RANGE),
                               "%s redirects once more than the allowed %u times", hop->origin,
                               hop->settings->redirects_max);
    int rc = url_parse(&url, target, err);
    if (rc < 0)
        return fault_set(fetched, HTTP_FAULT_REDIRECT, rc);
    fetched->redirect_count++;
    hop->keeps_headers = hop->keeps_headers && url_same_origin(&url, &hop->url);
    bool to_get = fetched->status == 303 ||
                  ((fetched->status == 301 || fetched->status == 302) && strcmp(hop->method, "POST") == 0);
    if (to_get && strcmp(hop->method, "HEAD") != 0) {
        hop->method = "GET";
        hop->sends_body = false;
    }
    url_finish(&hop->url);
    hop->url = url;
    hop->received = hop->header_bytes = 0;
    hop->drops_body = false;
    hop->blocked[0] = 0;
    curl_easy_reset(hop->curl);
    return origin_set(hop, err);
}

static int settings_check(const struct http_client_settings *settings, bool is_head, conch_error *err)
{
    if (settings->redirects_max > HTTP_CLIENT_REDIRECTS_MAX)
        return conch_error_set(err, CONCH_ERR_RANGE, "redirects_max is %u: allowed are 0 to %d",
                               settings->redirects_max, HTTP_CLIENT_REDIRECTS_MAX);
    if (settings->header_count > HTTP_CLIENT_HEADERS_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "more than the allowed %d headers", HTTP_CLIENT_HEADERS_MAX);
    for (size_t i = 0; i < settings->header_count; i++)
        if (strpbrk(settings->headers[i].name, "\r\n: ;") || strpbrk(settings->headers[i].value, "\r\n"))
            return conch_error_set(err, CONCH_ERR_RANGE, "header %zu has a line break or a name that is none", i + 1);
    if (settings->method &&
        (!*settings->method || strspn(settings->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(settings->method)))
        return conch_error_set(err, CONCH_ERR_RANGE, "'%s' is not a method", settings->method);
    if (!is_head && settings->bytes_max == 0)
        return conch_error_set(err, CONCH_ERR_RANGE, "bytes_max is not stated");
    return 0;
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_start(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int hops_run(struct hop *hop, conch_error *err)
{
    int64_t timeout_ms = hop->settings->timeout_ms ? hop->settings->timeout_ms : TIMEOUT_MS;
    int64_t end_ms = clock_steady_ns() / 1000000 + timeout_ms;
    int rc = origin_set(hop, err);
    while (rc == 0) {
        int64_t left_ms = timeout_ms < 0 ? 0 : end_ms - clock_steady_ns() / 1000000;
        if (timeout_ms > 0 && left_ms < 1)
            return curl_failed(hop, CURLE_OPERATION_TIMEDOUT, err);
        rc = hop_perform(hop, (long)left_ms, err);
        if (rc < 0 || !is_redirect(hop->fetched->status) || hop->settings->redirects_max == 0)
            break;
        rc = redirect_take(hop, err);
    }
    if (rc < 0)
        return rc;
    length_take(hop);
    int status = hop->fetched->status;
    if (hop->settings->success_only && (status < 200 || status > 299))
        return conch_error_set(err, fault_set(hop->fetched, HTTP_FAULT_STATUS, CONCH_ERR_IO),
                               "%s answers with status %d (%s)", hop->origin, status, http_reason(status));
    return 0;
}

static int fetch(const struct http_client_settings *settings, const char *method, struct http_fetched *fetched,
                 conch_error *err)
{
    bool has_body = settings->body != NULL;
    if (!method)
        method = settings->method ? settings->method : has_body ? "POST" : "GET";
    struct hop hop = {.settings = settings, .fetched = fetched, .keeps_headers = true, .method = method};
    hop.sends_body = has_body || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
                     strcmp(method, "PATCH") == 0;
    *fetched = (struct http_fetched){0};
    buf_init(&fetched->body, settings->bytes_max < SIZE_MAX / 2 ? (size_t)settings->bytes_max : SIZE_MAX / 2);
    int rc = settings_check(settings, strcmp(method, "HEAD") == 0, err);
    if (rc == 0)
        rc = url_parse(&hop.url, settings->url, err);
    if (rc < 0)
        return fault_set(fetched, HTTP_FAULT_URL, rc);
    pthread_once(&curl_once, curl_start);
    hop.curl = curl_easy_init();
    if (hop.curl)
        rc = hops_run(&hop, err);
    else
        rc = conch_error_set(err, fault_set(fetched, HTTP_FAULT_LOCAL, CONCH_ERR_NOMEM), "no memory for a request");
    curl_easy_cleanup(hop.curl);
    url_finish(&hop.url);
    return rc;
}

int http_client_fetch(const struct http_client_settings *settings, struct http_fetched *ret, conch_error *err)
{
    return fetch(settings, NULL, ret, err);
}

int http_client_head(const struct http_client_settings *settings, struct http_fetched *ret, conch_error *err)
{
    return fetch(settings, "HEAD", ret, err);
}

void http_fetched_finish(struct http_fetched *fetched)
{
    if (!fetched)
        return;
    headers_forget(fetched);
    buf_finish(&fetched->body);
    free(fetched->url);
    *fetched = (struct http_fetched){0};
}

const char *http_fetched_header(const struct http_fetched *fetched, const char *name)
{
    for (size_t i = 0; i < fetched->header_count; i++)
        if (strcasecmp(fetched->headers[i].name, name) == 0)
            return fetched->headers[i].value;
    return NULL;
}
