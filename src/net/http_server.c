/* Life of a request ("exchange"), all on the network thread that owns the connection unless it says otherwise:
 *
 *   NEW --admit--> BODY --last byte--> dispatch --fast--> handle ----------------------> SENDING --> freed
 *    |              |                     |                                               ^
 *    |refused       |over a limit         +-- suspended, HANDLING on a handler thread, READY, resumed
 *    +-----------> DRAIN --last byte------------------------------------------------------+
 *
 * libmicrohttpd takes an answer before the body or after it and not between, hence DRAIN. When there is too much to
 * drain, the answer is written to the socket (or the TLS session) by hand and the connection closed. */
#include "net/http_server.h"

#include <assert.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "net/fetch_guard.h"
#include "net/http_body.h"
#include "net/http_head.h"
#include "net/http_links.h"
#include "net/http_listen.h"
#include "net/http_queue.h"
#include "net/http_stream.h"
#include "net/http_tls.h"

enum { STREAM_BLOCK_BYTES = 16 << 10, RAW_HEAD_BYTES_MAX = 16 << 10, RETRY_AFTER_S = 1, STOP_FLUSH_MS = 500 };

enum phase { NEW, BODY, DRAIN, HANDLING, READY, SENDING };

struct exchange {
    struct http_work work; /* first: the queue's pointer is ours */
    struct http_request request;
    struct http_server *server;
    struct MHD_Connection *connection;
    struct http_link *link;
    enum phase phase;
    bool answered; /* response holds the answer */
    bool closing;  /* the connection ends after the answer */
    bool seen;     /* admit or refuse saw the request: done is due */
    struct http_verdict verdict;
    struct http_body *body;
    uint64_t body_bytes, drained;
    int64_t started_ns, body_deadline_ns;
    struct exchange *stream_previous, *stream_next; /* in server->streams */
    struct http_stream *stream;
    int sent_status;
    bool sent_raw;
    uint64_t sent_bytes;
    struct http_response response;
    char origin[HTTP_ORIGIN_BYTES_MAX], address[FETCH_GUARD_TEXT_MAX];
    struct http_field headers[HTTP_FIELDS_MAX], queries[HTTP_FIELDS_MAX];
    char text[]; /* the target as sent, then path and queries decoded */
};

struct http_server {
    struct http_server_settings settings;
    struct http_embedder embedder;
    struct MHD_Daemon *daemon;
    struct http_queue *queue;
    struct http_budget memory, spool;
    char *public_url, *spool_folder;
    bool tls_on;
    struct http_tls tls;
    char address[HTTP_ADDRESS_BYTES_MAX], fallback_origin[HTTP_ADDRESS_BYTES_MAX + 8];
    uint16_t port;
    _Atomic size_t exchange_count;
    atomic_bool stopping;

    struct http_links *links;

    pthread_mutex_t lock; /* of what follows */
    struct exchange *streams;
    size_t stream_count;
    bool streams_refused;
};

static int64_t now_ms(void)
{
    return clock_steady_ns() / 1000000;
}

/* When the headers of the next request have to be in. */
static int64_t head_deadline_ms(const struct http_server *server)
{
    return now_ms() + server->settings.idle_timeout_ms + server->settings.header_timeout_ms;
}

/* ---- refusing ---- */

static void refuse(struct exchange *exchange, const struct http_refusal *refusal)
{
    struct http_server *server = exchange->server;
    http_response_reset(&exchange->response);
    exchange->seen = true;
    if (server->embedder.refuse)
        server->embedder.refuse(server->embedder.context, &exchange->request, refusal, &exchange->response);
    if (exchange->response.status == 0) {
        http_response_reset(&exchange->response);
        if (http_response_text(&exchange->response, refusal->status, "text/plain; charset=utf-8", refusal->text, NULL) <
            0)
            exchange->response.status = refusal->status;
    }
    if (refusal->retry_after_s && !http_response_field(&exchange->response, "Retry-After")) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%d", refusal->retry_after_s);
        http_response_header(&exchange->response, "Retry-After", seconds, NULL);
    }
    exchange->answered = true;
}

static void refuse_limit(struct exchange *exchange, enum http_refuse_kind kind, int status, uint64_t limit,
                         const char *text)
{
    int wait = status == 503 ? RETRY_AFTER_S : 0;
    refuse(exchange,
           &(struct http_refusal){.kind = kind, .status = status, .limit = limit, .retry_after_s = wait, .text = text});
}

static void refuse_bad(struct exchange *exchange, const char *text)
{
    refuse_limit(exchange, HTTP_REFUSE_BAD_REQUEST, 400, 0, text);
    exchange->closing = true; /* where the next request begins is not certain */
}

static void refuse_too_large(struct exchange *exchange)
{
    char text[96];
    snprintf(text, sizeof text, "the body is larger than the allowed %llu bytes",
             (unsigned long long)exchange->verdict.body_bytes_max);
    refuse_limit(exchange, HTTP_REFUSE_BODY_TOO_LARGE, 413, exchange->verdict.body_bytes_max, text);
    exchange->closing = true;
}

static void refuse_body(struct exchange *exchange, enum http_body_fault fault, const char *why)
{
    struct http_server *server = exchange->server;
    switch (fault) {
    case HTTP_BODY_TOO_LARGE: refuse_too_large(exchange); break;
    case HTTP_BODY_NO_MEMORY:
        refuse_limit(exchange, HTTP_REFUSE_BUSY, 503, server->memory.max,
                     "too many large bodies are on their way at once; try again later");
        break;
    case HTTP_BODY_NO_SPOOL:
        refuse_limit(exchange, HTTP_REFUSE_BUSY, 503, server->spool.max,
                     "too many uploads are on their way at once; try again later");
        break;
    case HTTP_BODY_DISKFULL:
        refuse_limit(exchange, HTTP_REFUSE_DISKFULL, 507, 0, "there is no room left for uploads");
        break;
    case HTTP_BODY_MALFORMED: refuse_limit(exchange, HTTP_REFUSE_BAD_REQUEST, 400, 0, why); break;
    default: refuse_limit(exchange, HTTP_REFUSE_INTERNAL, 500, 0, "the upload could not be stored"); break;
    }
    http_body_destroy(exchange->body);
    exchange->body = NULL;
}

/* ---- sending ---- */

static void stream_pause(void *context)
{
    MHD_suspend_connection(((struct exchange *)context)->connection);
}

static void stream_resume(void *context)
{
    MHD_resume_connection(((struct exchange *)context)->connection);
}

static ssize_t stream_read(void *context, uint64_t position, char *data, size_t size)
{
    struct exchange *exchange = context;
    long taken = http_stream_read(exchange->stream, data, size);
    if (taken == HTTP_STREAM_END)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (taken < 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    exchange->sent_bytes += (uint64_t)taken;
    return taken;
}

/* Takes the reader's reference, and sees to it that the server's end is the stream's end. */
static struct MHD_Response *stream_response(struct exchange *exchange)
{
    struct http_server *server = exchange->server;
    struct http_stream_link link = {.context = exchange, .pause = stream_pause, .resume = stream_resume};
    exchange->stream = exchange->response.stream;
    exchange->response.stream = NULL;
    http_stream_attach(exchange->stream, &link);
    pthread_mutex_lock(&server->lock);
    exchange->stream_next = server->streams;
    if (server->streams)
        server->streams->stream_previous = exchange;
    server->streams = exchange;
    server->stream_count++;
    if (server->streams_refused)
        http_stream_end(exchange->stream);
    pthread_mutex_unlock(&server->lock);
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, stream_read, exchange, NULL);
}

static void stream_drop(struct exchange *exchange)
{
    struct http_server *server = exchange->server;
    pthread_mutex_lock(&server->lock);
    if (exchange->stream_previous)
        exchange->stream_previous->stream_next = exchange->stream_next;
    else
        server->streams = exchange->stream_next;
    if (exchange->stream_next)
        exchange->stream_next->stream_previous = exchange->stream_previous;
    server->stream_count--;
    pthread_mutex_unlock(&server->lock);
    http_stream_release(exchange->stream);
    exchange->stream = NULL;
}

static struct MHD_Response *body_response(struct exchange *exchange)
{
    struct http_response *response = &exchange->response;
    struct MHD_Response *out;
    switch (response->kind) {
    case HTTP_BODY_STREAM: return stream_response(exchange);
    case HTTP_BODY_FILE:
        out = MHD_create_response_from_fd_at_offset64((uint64_t)response->file_size, response->file,
                                                      (uint64_t)response->file_offset);
        exchange->sent_bytes = (uint64_t)response->file_size;
        if (out)
            response->file = -1; /* the library closes it */
        return out;
    default:
        exchange->sent_bytes = response->body.size;
        if (!response->body.data)
            return MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
        out = MHD_create_response_from_buffer(response->body.size, response->body.data, MHD_RESPMEM_MUST_FREE);
        if (out)
            response->body = (struct buf){.size_max = response->body.size_max};
        return out;
    }
}

static bool is_complete(const struct http_response *response)
{
    return response->status >= 200 && response->status <= 599 &&
           (response->kind != HTTP_BODY_STREAM || response->stream) &&
           (response->kind != HTTP_BODY_FILE || response->file >= 0);
}

static enum MHD_Result send_answer(struct exchange *exchange)
{
    struct http_response *response = &exchange->response;
    if (!is_complete(response))
        refuse_limit(exchange, HTTP_REFUSE_INTERNAL, 500, 0, "the server made no answer");
    http_link_deadline(exchange->link, 0);
    exchange->phase = SENDING;
    exchange->sent_status = response->status;
    struct MHD_Response *out = body_response(exchange);
    if (!out)
        return MHD_NO;
    for (size_t i = 0; i < response->field_count; i++)
        MHD_add_response_header(out, response->fields[i].name, response->fields[i].value);
    if (exchange->closing || atomic_load(&exchange->server->stopping))
        MHD_add_response_header(out, "Connection", "close");
    enum MHD_Result result = MHD_queue_response(exchange->connection, (unsigned)response->status, out);
    MHD_destroy_response(out);
    return result;
}

static bool raw_write(const struct exchange *exchange, int file, const struct buf *raw)
{
    if (!exchange->server->tls_on)
        return send(file, raw->data, raw->size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)raw->size;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(exchange->connection,
                                                                   MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info && info->tls_session && http_tls_send_last(info->tls_session, raw->data, raw->size);
}

/* In the middle of a body, where the library takes no answer: into the socket's buffer as far as it goes, then the end
 * of the connection. */
static enum MHD_Result send_raw(struct exchange *exchange)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(exchange->connection,
                                                                   MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_response *response = &exchange->response;
    struct buf raw;
    if (exchange->sent_raw || !info)
        return MHD_NO;
    buf_init(&raw, RAW_HEAD_BYTES_MAX + response->body.size);
    buf_append_format(&raw, NULL, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: %zu\r\n", response->status,
                      http_reason(response->status), response->body.size);
    for (size_t i = 0; i < response->field_count; i++)
        buf_append_format(&raw, NULL, "%s: %s\r\n", response->fields[i].name, response->fields[i].value);
    buf_append_text(&raw, "\r\n", NULL);
    buf_append(&raw, response->body.data, response->body.size, NULL);
    if (raw_write(exchange, info->connect_fd, &raw)) {
        exchange->sent_status = response->status;
        exchange->sent_bytes = response->body.size;
    }
    shutdown(info->connect_fd, SHUT_WR);
    exchange->sent_raw = true;
    buf_finish(&raw);
    return MHD_NO;
}

/* ---- handling ---- */

static void handle(struct exchange *exchange)
{
    struct http_server *server = exchange->server;
    server->embedder.handle(server->embedder.context, &exchange->request, exchange->verdict.note, &exchange->response);
    exchange->answered = true;
}

/* On a handler thread. */
static void work_run(struct http_work *work, bool refused)
{
    struct exchange *exchange = (struct exchange *)work;
    if (refused)
        refuse_limit(exchange, HTTP_REFUSE_STOPPING, 503, 0, "the server is about to stop");
    else
        handle(exchange);
    exchange->phase = READY;
    MHD_resume_connection(exchange->connection);
}

static void work_suspend(struct http_work *work)
{
    struct exchange *exchange = (struct exchange *)work;
    exchange->phase = HANDLING;
    MHD_suspend_connection(exchange->connection);
}

static enum MHD_Result dispatch(struct exchange *exchange)
{
    struct http_server *server = exchange->server;
    http_link_deadline(exchange->link, 0); /* a handler may take its time */
    if (atomic_load(&server->stopping)) {
        refuse_limit(exchange, HTTP_REFUSE_STOPPING, 503, 0, "the server is about to stop");
        return send_answer(exchange);
    }
    if (exchange->verdict.fast) {
        handle(exchange);
        return send_answer(exchange);
    }
    if (http_queue_push(server->queue, &exchange->work, work_suspend))
        return MHD_YES;
    refuse_limit(exchange, HTTP_REFUSE_BUSY, 503, server->settings.queue_max,
                 "too many requests wait for an answer; try again later");
    return send_answer(exchange);
}

/* ---- bodies ---- */

static enum MHD_Result body_finish(struct exchange *exchange)
{
    conch_error err = {0};
    if (exchange->body) {
        enum http_body_fault fault = http_body_end(exchange->body, &exchange->request, &err);
        if (fault) {
            refuse_body(exchange, fault, err.text);
            return send_answer(exchange);
        }
    }
    return dispatch(exchange);
}

static enum MHD_Result body_late(struct exchange *exchange)
{
    char text[96];
    snprintf(text, sizeof text, "the body took longer than the allowed %lld ms",
             (long long)exchange->server->settings.body_timeout_ms);
    if (!exchange->answered)
        refuse_limit(exchange, HTTP_REFUSE_TIMEOUT, 408, (uint64_t)exchange->server->settings.body_timeout_ms, text);
    return send_raw(exchange);
}

static enum MHD_Result body_feed(struct exchange *exchange, const char *data, size_t size)
{
    conch_error err = {0};
    exchange->body_bytes += size;
    if (clock_steady_ns() > exchange->body_deadline_ns)
        return body_late(exchange);
    if (exchange->phase == DRAIN) {
        exchange->drained += size;
        return exchange->drained > exchange->server->settings.drain_bytes_max ? send_raw(exchange) : MHD_YES;
    }
    enum http_body_fault fault = http_body_feed(exchange->body, data, size, &err);
    if (fault) {
        refuse_body(exchange, fault, err.text);
        exchange->phase = DRAIN;
    }
    return MHD_YES;
}

/* ---- heads ---- */

struct head_reading {
    struct exchange *exchange;
    const char *fault;
    bool too_many;
    unsigned lengths, codings;
};

static enum MHD_Result header_take(void *context, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                   const char *value, size_t value_size)
{
    struct head_reading *reading = context;
    struct http_request *request = &reading->exchange->request;
    if (!value)
        value = "";
    else if (strlen(value) != value_size)
        reading->fault = "a header holds a NUL";
    if (request->header_count == HTTP_FIELDS_MAX) {
        reading->too_many = true;
        return MHD_NO;
    }
    reading->lengths += strcasecmp(name, "Content-Length") == 0;
    reading->codings += strcasecmp(name, "Transfer-Encoding") == 0;
    reading->exchange->headers[request->header_count++] = (struct http_field){.name = name, .value = value};
    return MHD_YES;
}

static void id_make(char id[33])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        abort(); /* cannot fail for 16 bytes once the system is up */
    for (size_t i = 0; i < sizeof bytes; i++) {
        id[2 * i] = digits[bytes[i] >> 4];
        id[2 * i + 1] = digits[bytes[i] & 15];
    }
    id[32] = 0;
}

static void peer_find(struct exchange *exchange)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(exchange->connection,
                                                                   MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    strcpy(exchange->address, "?");
    if (info && info->client_addr)
        fetch_guard_text(info->client_addr, exchange->address);
    if (exchange->server->settings.trust_forwarded)
        http_forwarded_for(&exchange->request, exchange->address, sizeof exchange->address);
    exchange->request.address = exchange->address;
}

/* Fills the request; the reason of a refusal otherwise is in the response. */
static void head_read(struct exchange *exchange, const char *method)
{
    struct http_server *server = exchange->server;
    struct http_request *request = &exchange->request;
    struct head_reading reading = {.exchange = exchange};
    conch_error err = {0};
    request->method = http_method_of(method);
    request->headers = exchange->headers;
    MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, header_take, &reading);
    peer_find(exchange);
    if (server->public_url) {
        request->origin = server->public_url;
    } else {
        http_origin_find(request, server->settings.trust_forwarded, server->fallback_origin, exchange->origin);
        request->origin = exchange->origin;
    }
    request->path = "/"; /* for a refusal before the target is taken apart */
    int rc = http_target_parse(request, exchange->text + strlen(request->target) + 1, exchange->queries, &err);
    /* Two statements of the length, and two readers (a proxy and us) may see different requests. */
    if (reading.lengths > 1 || reading.codings > 1 || (reading.lengths && reading.codings))
        reading.fault = "the length of the body is stated twice";
    if (reading.too_many || rc == CONCH_ERR_LIMIT) {
        refuse_limit(exchange, HTTP_REFUSE_TOO_MANY, 431, HTTP_FIELDS_MAX, "too many headers or query parameters");
        exchange->closing = true;
    } else if (reading.fault || rc < 0) {
        refuse_bad(exchange, reading.fault ? reading.fault : err.text);
    }
}

static void admit(struct exchange *exchange)
{
    struct http_server *server = exchange->server;
    exchange->seen = true;
    server->embedder.admit(server->embedder.context, &exchange->request, &exchange->verdict, &exchange->response);
    exchange->answered = exchange->verdict.refused;
}

static void body_open(struct exchange *exchange, uint64_t length)
{
    struct http_server *server = exchange->server;
    struct http_body_settings settings = {
        .bytes_max = exchange->verdict.body_bytes_max,
        .part_memory_bytes_max = server->settings.part_memory_bytes_max,
        .spool_folder = exchange->verdict.spool ? server->spool_folder : NULL,
        .memory = &server->memory,
        .spool = &server->spool,
    };
    conch_error err = {0};
    if (length > settings.bytes_max) {
        refuse_too_large(exchange);
        return;
    }
    enum http_body_fault fault = http_body_create(&exchange->body, &exchange->request, &settings, &err);
    if (fault)
        refuse_body(exchange, fault, err.text);
}

/* The head is in. */
static enum MHD_Result begin(struct exchange *exchange, const char *method)
{
    struct http_server *server = exchange->server;
    head_read(exchange, method);
    const char *stated = http_header(&exchange->request, "Content-Length");
    uint64_t length = stated ? strtoull(stated, NULL, 10) : 0;
    bool chunked = http_header(&exchange->request, "Transfer-Encoding") != NULL;
    bool expects = http_header(&exchange->request, "Expect") != NULL;
    if (!exchange->answered)
        admit(exchange);
    if (!exchange->answered && (length || chunked))
        body_open(exchange, length);
    int64_t now = clock_steady_ns();
    exchange->body_deadline_ns = now + server->settings.body_timeout_ms * 1000000;
    http_link_deadline(exchange->link,
                       now / 1000000 + server->settings.body_timeout_ms + server->settings.idle_timeout_ms);
    exchange->phase = exchange->answered ? DRAIN : BODY;
    /* Who asks first waits for our word; and what is too long to drain is not waited for. */
    if (exchange->answered && (length || chunked) && (expects || length > server->settings.drain_bytes_max)) {
        exchange->closing = true;
        return send_answer(exchange);
    }
    return MHD_YES;
}

/* ---- the library's calls ---- */

static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    struct http_server *server = context;
    size_t size = strlen(target);
    struct exchange *exchange = malloc(sizeof *exchange + size + 1 + http_target_room(size));
    if (!exchange)
        return NULL;
    memset(exchange, 0, offsetof(struct exchange, response));
    http_response_init(&exchange->response, server->settings.response_bytes_max);
    memcpy(exchange->text, target, size + 1);
    exchange->request.target = exchange->text;
    exchange->server = server;
    exchange->connection = connection;
    exchange->link = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    exchange->started_ns = clock_steady_ns();
    id_make(exchange->request.id);
    atomic_fetch_add(&server->exchange_count, 1);
    return exchange;
}

static enum MHD_Result on_access(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                 const char *version, const char *data, size_t *data_size, void **note)
{
    struct exchange *exchange = *note;
    if (!exchange || !exchange->link)
        return MHD_NO; /* no memory */
    size_t size = *data_size;
    *data_size = 0;
    switch (exchange->phase) {
    case NEW: return begin(exchange, method);
    case BODY: return size ? body_feed(exchange, data, size) : body_finish(exchange);
    case DRAIN: return size ? body_feed(exchange, data, size) : send_answer(exchange);
    case READY: return send_answer(exchange);
    default: return MHD_YES;
    }
}

static void done_tell(struct exchange *exchange, enum MHD_RequestTerminationCode why)
{
    struct http_server *server = exchange->server;
    struct http_done done = {
        .status = exchange->sent_status,
        .complete = (why == MHD_REQUEST_TERMINATED_COMPLETED_OK || exchange->sent_raw) && exchange->sent_status,
        .bytes = exchange->request.method == HTTP_HEAD ? 0 : exchange->sent_bytes,
        .duration_us = (clock_steady_ns() - exchange->started_ns) / 1000,
        .body_bytes = exchange->body_bytes,
    };
    if (exchange->seen && server->embedder.done)
        server->embedder.done(server->embedder.context, &exchange->request, exchange->verdict.note, &done);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **note,
                         enum MHD_RequestTerminationCode why)
{
    struct http_server *server = context;
    struct exchange *exchange = *note;
    if (!exchange)
        return;
    *note = NULL;
    if (exchange->stream)
        stream_drop(exchange);
    done_tell(exchange, why);
    if (exchange->link)
        http_link_deadline(exchange->link, head_deadline_ms(server));
    http_response_finish(&exchange->response);
    http_body_destroy(exchange->body);
    free(exchange);
    atomic_fetch_sub(&server->exchange_count, 1);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **note,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        int file = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        *note = http_links_add(server->links, file, head_deadline_ms(server));
    } else if (*note) {
        http_links_remove(server->links, *note);
        *note = NULL;
    }
}

/* The library would decode the target in place: it must stay as it came. */
static size_t on_unescape(void *context, struct MHD_Connection *connection, char *text)
{
    return strlen(text);
}

/* ---- opening ---- */

static int count_check(const char *name, size_t value, size_t min, size_t max, conch_error *err)
{
    if (value < min || value > max)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s is %zu: allowed are %zu to %zu", name, value, min, max);
    return 0;
}

#define DEFAULT(field, value)                                                                                          \
    if (settings->field == 0)                                                                                          \
    settings->field = (value)

static int settings_complete(struct http_server_settings *settings, conch_error *err)
{
    DEFAULT(network_threads, 4);
    DEFAULT(handler_threads, 32);
    DEFAULT(queue_max, 1024);
    DEFAULT(connections_max, 4096);
    DEFAULT(header_bytes_max, 32 << 10);
    DEFAULT(inflight_bytes_max, (uint64_t)512 << 20);
    DEFAULT(spool_bytes_max, (uint64_t)4 << 30);
    DEFAULT(part_memory_bytes_max, 64 << 10);
    DEFAULT(drain_bytes_max, 128 << 20);
    DEFAULT(response_bytes_max, 64 << 20);
    DEFAULT(idle_timeout_ms, 60000);
    DEFAULT(header_timeout_ms, 30000);
    DEFAULT(body_timeout_ms, 300000);
    int rc = count_check("network_threads", settings->network_threads, 1, HTTP_SERVER_THREADS_MAX, err);
    if (rc == 0)
        rc = count_check("handler_threads", settings->handler_threads, 1, HTTP_SERVER_HANDLERS_MAX, err);
    if (rc == 0)
        rc = count_check("connections_max", settings->connections_max, settings->network_threads,
                         HTTP_SERVER_CONNECTIONS_MAX, err);
    if (rc == 0)
        rc = count_check("header_bytes_max", settings->header_bytes_max, HTTP_SERVER_HEADER_BYTES_MIN, 1 << 20, err);
    return rc;
}

static int strings_copy(struct http_server *server, const struct http_server_settings *settings, conch_error *err)
{
    server->public_url = settings->public_url ? strdup(settings->public_url) : NULL;
    server->spool_folder = settings->spool_folder ? strdup(settings->spool_folder) : NULL;
    if ((settings->public_url && !server->public_url) || (settings->spool_folder && !server->spool_folder))
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a server");
    size_t size = server->public_url ? strlen(server->public_url) : 0;
    if (size && server->public_url[size - 1] == '/')
        server->public_url[size - 1] = 0;
    return 0;
}

static int daemon_start(struct http_server *server, int file, conch_error *err)
{
    const struct http_server_settings *settings = &server->settings;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, file, NULL},
        {MHD_OPTION_THREAD_POOL_SIZE, settings->network_threads > 1 ? (intptr_t)settings->network_threads : 0, NULL},
        {MHD_OPTION_THREAD_STACK_SIZE, server->tls_on ? HTTP_SERVER_TLS_STACK_BYTES : HTTP_SERVER_STACK_BYTES, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)settings->header_bytes_max, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)settings->connections_max, NULL},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)settings->connections_per_ip_max, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)((settings->idle_timeout_ms + 999) / 1000), NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, server},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, server},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_target, server},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)on_unescape, NULL},
        {server->tls_on ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, server->tls.certificate.data},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, server->tls.key.data},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)HTTP_TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    const unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | (server->tls_on ? MHD_USE_TLS : 0);
    server->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_access, server, MHD_OPTION_ARRAY, options,
                                      MHD_OPTION_END);
    if (server->daemon)
        return 0;
    return conch_error_set(err, CONCH_ERR_INTERNAL, "the HTTP library could not start its threads");
}

/* Fine enough for the shortest deadline, and not more work than that. */
static int64_t sweep_step_ms(const struct http_server_settings *settings)
{
    int64_t step = (settings->idle_timeout_ms + settings->header_timeout_ms) / 8;
    return step < 20 ? 20 : step > 5000 ? 5000 : step;
}

static int threads_start(struct http_server *server, int file, conch_error *err)
{
    struct http_queue_settings queue = {
        .thread_count = server->settings.handler_threads,
        .waiting_max = server->settings.queue_max,
        .stack_bytes = HTTP_SERVER_STACK_BYTES,
        .run = work_run,
    };
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the embedder's threads */
    int rc = http_queue_create(&server->queue, &queue, err);
    if (rc == 0)
        rc = http_links_create(&server->links, sweep_step_ms(&server->settings), err);
    if (rc == 0)
        rc = daemon_start(server, file, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static void server_free(struct http_server *server)
{
    http_queue_destroy(server->queue);
    http_links_destroy(server->links);
    pthread_mutex_destroy(&server->lock);
    http_tls_close(&server->tls);
    free(server->public_url);
    free(server->spool_folder);
    free(server);
}

static int tls_prepare(struct http_server *server, conch_error *err)
{
    const struct http_server_settings *settings = &server->settings;
    if (!settings->tls_certificate && !settings->tls_key)
        return 0;
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED,
                               "server.tls_certificate: the libmicrohttpd of this machine was built without TLS");
    const int rc = http_tls_open(&server->tls, settings->tls_certificate, settings->tls_key, err);
    server->tls_on = rc == 0;
    return rc;
}

int http_server_open(struct http_server **ret_server, const struct http_server_settings *settings,
                     const struct http_embedder *embedder, conch_error *err)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (!server)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a server");
    pthread_mutex_init(&server->lock, NULL);
    server->settings = *settings;
    server->embedder = *embedder;
    int file = -1;
    int rc = settings_complete(&server->settings, err);
    if (rc == 0)
        rc = strings_copy(server, settings, err);
    if (rc == 0)
        rc = tls_prepare(server, err);
    if (rc == 0)
        rc = file = http_listen(settings->listen, server->address, &server->port, err);
    if (rc < 0)
        goto out;
    snprintf(server->fallback_origin, sizeof server->fallback_origin, "%s://%s", server->tls_on ? "https" : "http",
             server->address);
    server->memory.max = server->settings.inflight_bytes_max;
    server->spool.max = server->settings.spool_bytes_max;
    http_files_allow(server->settings.connections_max);
    rc = threads_start(server, file, err);
    if (rc < 0)
        goto out;
    *ret_server = server;
    server = NULL;
    file = -1; /* the library closes it */
out:
    if (file >= 0)
        close(file);
    if (server)
        server_free(server);
    return rc < 0 ? rc : 0;
}

/* ---- closing ---- */

static void streams_end(struct http_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->streams_refused = true;
    for (struct exchange *exchange = server->streams; exchange; exchange = exchange->stream_next)
        http_stream_end(exchange->stream);
    pthread_mutex_unlock(&server->lock);
}

static void exchanges_wait(struct http_server *server, int64_t until_ms)
{
    while (atomic_load(&server->exchange_count) && now_ms() < until_ms)
        usleep(2000);
}

void http_server_close(struct http_server *server, int64_t grace_ms)
{
    if (!server)
        return;
    atomic_store(&server->stopping, true);
    int file = MHD_quiesce_daemon(server->daemon);
    if (file >= 0)
        close(file);
    streams_end(server);
    exchanges_wait(server, now_ms() + grace_ms);
    http_queue_close(server->queue); /* nothing is suspended for a handler after this */
    exchanges_wait(server, now_ms() + (grace_ms < STOP_FLUSH_MS ? grace_ms : STOP_FLUSH_MS));
    MHD_stop_daemon(server->daemon);
    assert(atomic_load(&server->exchange_count) == 0);
    server_free(server);
}

/* ---- looking ---- */

const char *http_server_address(const struct http_server *server)
{
    return server->address;
}

const char *http_server_origin(const struct http_server *server)
{
    return server->fallback_origin;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_state(struct http_server *server, struct http_server_state *ret)
{
    ret->connections = http_links_count(server->links);
    pthread_mutex_lock(&server->lock);
    ret->streams = server->stream_count;
    pthread_mutex_unlock(&server->lock);
    http_queue_state(server->queue, &ret->queued, &ret->handlers_busy);
    ret->requests = atomic_load(&server->exchange_count);
    ret->inflight_bytes = atomic_load(&server->memory.used);
    ret->spool_bytes = atomic_load(&server->spool.used);
}
