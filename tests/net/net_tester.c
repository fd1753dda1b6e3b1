#include "net_tester.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the embedder ---- */

static bool path_is(const struct http_request *request, const char *path)
{
    return strcmp(request->path, path) == 0;
}

static void admit(void *context, const struct http_request *head, struct http_verdict *verdict,
                  struct http_response *response)
{
    verdict->fast = path_is(head, "/fast") || path_is(head, "/head") || path_is(head, "/query");
    verdict->spool = path_is(head, "/upload");
    verdict->body_bytes_max = verdict->spool ? TESTER_UPLOAD_MAX : TESTER_BODY_MAX;
    verdict->note = context;
    if (path_is(head, "/forbidden")) {
        verdict->refused = true;
        http_response_text(response, 403, "text/plain", "no", NULL);
    }
}

static void parts_tell(const struct http_request *request, struct http_response *response)
{
    for (size_t i = 0; i < request->part_count; i++) {
        const struct http_part *part = &request->parts[i];
        buf_append_format(&response->body, NULL, "%s %s %s %zu %s\n", part->name, part->filename ? part->filename : "-",
                          part->type ? part->type : "-", part->size, part->spool_path ? "spooled" : "memory");
    }
    response->status = 200;
}

static void file_send(struct http_response *response)
{
    FILE *file = tmpfile();
    for (int i = 0; i < 100; i++)
        fprintf(file, "%d", i % 10);
    fflush(file);
    http_response_file(response, 206, "application/octet-stream", dup(fileno(file)), 10, 10, NULL);
    fclose(file);
}

static void stream_send(struct tester *tester, struct http_response *response)
{
    struct http_stream *stream;
    if (http_stream_create(&stream, 64 << 10, NULL) < 0)
        abort();
    http_response_header(response, "Content-Type", "text/event-stream", NULL);
    response->kind = HTTP_BODY_STREAM;
    response->stream = stream;
    response->status = 200;
    tester->stream = stream;
}

static void hold(struct tester *tester, struct http_response *response)
{
    tester->held++;
    while (!tester->open)
        usleep(1000);
    http_response_text(response, 200, "text/plain", "held", NULL);
}

static void handle(void *context, const struct http_request *request, void *note, struct http_response *response)
{
    struct tester *tester = context;
    char text[1024];
    if (note != tester)
        abort();
    if (path_is(request, "/echo")) {
        http_response_text(response, 200, "text/plain", request->body ? request->body : "(none)", NULL);
    } else if (path_is(request, "/upload")) {
        parts_tell(request, response);
    } else if (path_is(request, "/head")) {
        snprintf(text, sizeof text, "%s %s %s %s %s", http_method_name(request->method), request->path, request->origin,
                 request->address, request->id);
        http_response_text(response, 200, "text/plain", text, NULL);
    } else if (path_is(request, "/query")) {
        const char *value = http_query(request, "name");
        http_response_text(response, 200, "text/plain", value ? value : "(none)", NULL);
    } else if (path_is(request, "/stream")) {
        stream_send(tester, response);
    } else if (path_is(request, "/file")) {
        file_send(response);
    } else if (path_is(request, "/hold")) {
        hold(tester, response);
    } else if (!path_is(request, "/none")) {
        http_response_text(response, 200, "text/plain", "ok", NULL);
    }
}

static void refuse(void *context, const struct http_request *head, const struct http_refusal *refusal,
                   struct http_response *response)
{
    char text[256];
    snprintf(text, sizeof text, "{\"limit\":%llu,\"text\":\"%s\"}", (unsigned long long)refusal->limit, refusal->text);
    http_response_text(response, refusal->status, "application/json", text, NULL);
}

static void done(void *context, const struct http_request *request, void *note, const struct http_done *what)
{
    struct tester *tester = context;
    tester->done_status = what->status;
    tester->done_bytes = (long)what->bytes;
    tester->done_complete = what->complete;
    tester->done_count++;
}

void tester_open(struct tester *tester, struct http_server_settings settings)
{
    struct http_embedder embedder = {
        .context = tester, .admit = admit, .handle = handle, .refuse = refuse, .done = done};
    conch_error err = {0};
    memset(tester, 0, sizeof *tester);
    strcpy(tester->spool, "/tmp/conch-test-net-XXXXXX");
    assert_non_null(mkdtemp(tester->spool));
    settings.listen = settings.listen ? settings.listen : "127.0.0.1:0";
    settings.spool_folder = tester->spool;
    if (settings.handler_threads == 0)
        settings.handler_threads = 4;
    if (http_server_open(&tester->server, &settings, &embedder, &err) < 0)
        fail_msg("%s", err.text);
}

void tester_close(struct tester *tester, int64_t grace_ms)
{
    http_server_close(tester->server, grace_ms);
    assert_int_equal(tester_files_in(tester->spool), 0);
    rmdir(tester->spool);
}

void tester_wait(_Atomic int *value, int wanted)
{
    for (int i = 0; i < 5000 && *value < wanted; i++)
        usleep(1000);
    assert_in_range(*value, wanted, INT32_MAX);
}

const char *tester_url(const struct tester *tester, const char *path)
{
    static char urls[4][512];
    static unsigned turn;
    char *url = urls[turn++ % 4];
    snprintf(url, sizeof urls[0], "http://127.0.0.1:%u%s", http_server_port(tester->server), path);
    return url;
}

size_t tester_files_in(const char *folder)
{
    DIR *dir = opendir(folder);
    size_t count = 0;
    for (struct dirent *item; dir && (item = readdir(dir));)
        count += item->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

/* ---- the client ---- */

int tester_connect(const struct tester *tester)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(http_server_port(tester->server))};
    struct timeval limit = {.tv_sec = 5};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(file, (struct sockaddr *)&address, sizeof address), 0);
    return file;
}

bool tester_send_bytes(int file, const void *data, size_t size)
{
    for (const char *at = data; size;) {
        ssize_t sent = send(file, at, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

void tester_send(int file, const char *text)
{
    assert_true(tester_send_bytes(file, text, strlen(text)));
}

static int byte_read(int file)
{
    unsigned char c;
    ssize_t got = recv(file, &c, 1, 0);
    return got == 1 ? c : -1;
}

/* A line with its line break. */
static int line_read(int file, char *line, size_t size)
{
    size_t used = 0;
    int c;
    do {
        c = byte_read(file);
        if (c < 0)
            return -1;
        if (used + 1 < size)
            line[used++] = (char)c;
    } while (c != '\n');
    line[used] = 0;
    return 0;
}

static int bytes_read(int file, struct answer *answer, size_t size)
{
    for (; size; size--) {
        int c = byte_read(file);
        if (c < 0)
            return -1;
        if (answer->body_size + 1 < sizeof answer->body)
            answer->body[answer->body_size++] = (char)c;
    }
    answer->body[answer->body_size] = 0;
    return 0;
}

static int chunks_read(int file, struct answer *answer)
{
    char line[128];
    for (;;) {
        if (line_read(file, line, sizeof line) < 0)
            return -1;
        unsigned long size = strtoul(line, NULL, 16);
        if (size && bytes_read(file, answer, size) < 0)
            return -1;
        if (line_read(file, line, sizeof line) < 0)
            return -1;
        if (size == 0)
            return 0;
    }
}

int tester_read(int file, struct answer *answer, bool is_head)
{
    char line[1024];
    size_t length = 0;
    bool chunked = false;
    *answer = (struct answer){0};
    if (line_read(file, line, sizeof line) < 0 || sscanf(line, "HTTP/1.1 %d", &answer->status) != 1)
        return -1;
    if (answer->status == 100)
        return line_read(file, line, sizeof line) < 0 ? -1 : 0;
    for (;;) {
        if (line_read(file, line, sizeof line) < 0)
            return -1;
        if (strcmp(line, "\r\n") == 0)
            break;
        if (strlen(answer->head) + strlen(line) < sizeof answer->head)
            strcat(answer->head, line);
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            length = strtoul(line + 15, NULL, 10);
        chunked |= strncasecmp(line, "Transfer-Encoding: chunked", 26) == 0;
    }
    if (is_head)
        return 0;
    return chunked ? chunks_read(file, answer) : bytes_read(file, answer, length);
}

int tester_ask(const struct tester *tester, const char *text, struct answer *answer)
{
    int file = tester_connect(tester);
    tester_send(file, text);
    int rc = tester_read(file, answer, strncmp(text, "HEAD", 4) == 0);
    close(file);
    return rc;
}

bool tester_is_closed(int file)
{
    unsigned char c;
    ssize_t got = recv(file, &c, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}
