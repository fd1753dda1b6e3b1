#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"

enum { NAMES_MAX = 64, BYTES_MAX = 4 << 20 };

static struct {
    char *name, *value;
} names[NAMES_MAX];
static size_t name_count;
static char shown[200]; /* which exchange, for failures */

/* ---- names ---- */

void wire_reset(void)
{
    for (; name_count; name_count--) {
        free(names[name_count - 1].name);
        free(names[name_count - 1].value);
    }
}

void wire_set(const char *name, const char *value)
{
    size_t i = 0;
    while (i < name_count && strcmp(names[i].name, name) != 0)
        i++;
    if (i == name_count) {
        assert_true(name_count < NAMES_MAX);
        names[name_count++].name = strdup(name);
    } else {
        free(names[i].value);
    }
    names[i].value = strdup(value);
}

static const char *name_value(const char *name, size_t size)
{
    for (size_t i = 0; i < name_count; i++)
        if (strlen(names[i].name) == size && memcmp(names[i].name, name, size) == 0)
            return names[i].value;
    return NULL;
}

/* Appends text with the {names} that are known. */
static void fill(struct buf *to, const char *text)
{
    while (*text) {
        const char *end = *text == '{' ? strchr(text, '}') : NULL;
        const char *value = end ? name_value(text + 1, (size_t)(end - text - 1)) : NULL;
        assert_int_equal(value ? buf_append_text(to, value, NULL) : buf_append(to, text, 1, NULL), 0);
        text = value ? end + 1 : text + 1;
    }
}

/* ---- what is expected ---- */

static int is_decimal(const char *text)
{
    const size_t size = strlen(text);
    return size >= 1 && size <= 16 && strspn(text, "0123456789") == size;
}

static void keep(const char *name, const char *value)
{
    char path_name[80];
    if (!*name)
        return;
    wire_set(name, value);
    const char *host = strstr(value, "://"), *path = host ? strchr(host + 3, '/') : NULL;
    snprintf(path_name, sizeof path_name, "%s.path", name);
    if (path)
        wire_set(path_name, path);
}

/* Takes "{kind}" or "{kind:argument}" apart; 0 for other texts. */
static int pattern_split(const char *text, char kind[16], char argument[200])
{
    const size_t size = strlen(text);
    kind[0] = argument[0] = '\0';
    return size > 2 && text[0] == '{' && text[size - 1] == '}' &&
           sscanf(text, "{%15[a-z]:%199[^}]", kind, argument) >= 1;
}

static int number_matches(const char *kind, const char *argument, const json_t *value)
{
    char text[32];
    if (strcmp(kind, "number") != 0 || !json_is_integer(value))
        return 0;
    snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    keep(argument, text);
    return 1;
}

static int text_matches(const char *kind, const char *argument, const char *value)
{
    if (strcmp(kind, "any") == 0)
        return *value != '\0';
    if (strcmp(kind, "has") == 0)
        return strstr(value, argument) != NULL;
    if (strcmp(kind, "text") == 0 && *value) {
        keep(argument, value);
        return 1;
    }
    if ((strcmp(kind, "id") != 0 || !is_decimal(value)) && (strcmp(kind, "url") != 0 || strncmp(value, "http", 4) != 0))
        return 0;
    keep(argument, value);
    return 1;
}

static int value_matches(const json_t *wanted, const json_t *value);

static int members_match(const json_t *wanted, const json_t *value)
{
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)wanted, key, member)
    {
        if (!value_matches(member, json_object_get(value, key))) {
            print_error("%s: member \"%s\" is another\n", shown, key);
            return 0;
        }
    }
    return 1;
}

static int elements_match(const json_t *wanted, const json_t *value)
{
    if (json_array_size(wanted) != json_array_size(value))
        return 0;
    for (size_t i = 0; i < json_array_size(wanted); i++)
        if (!value_matches(json_array_get(wanted, i), json_array_get(value, i)))
            return 0;
    return 1;
}

static int value_matches(const json_t *wanted, const json_t *value)
{
    char kind[16], argument[200];
    if (json_is_string(wanted) && pattern_split(json_string_value(wanted), kind, argument)) {
        if (strcmp(kind, "none") == 0)
            return value == NULL;
        return json_is_string(value) ? text_matches(kind, argument, json_string_value(value))
                                     : number_matches(kind, argument, value);
    }
    if (!value || json_typeof(wanted) != json_typeof(value))
        return 0;
    if (json_is_object(wanted))
        return members_match(wanted, value);
    return json_is_array(wanted) ? elements_match(wanted, value) : json_equal(wanted, value);
}

static void body_check(const char *wanted, const char *body)
{
    struct buf filled;
    json_error_t error;
    buf_init(&filled, BYTES_MAX);
    fill(&filled, wanted);
    json_t *pattern = json_loads(filled.data, 0, &error), *value = pattern ? json_loads(body, 0, NULL) : NULL;
    if (!pattern && (wanted[0] == '{' || wanted[0] == '['))
        fail_msg("%s: the expected body is no JSON: %s", shown, error.text);
    if (pattern ? !value || !value_matches(pattern, value) : strcmp(filled.data, body) != 0)
        fail_msg("%s:\n  wanted %s\n  got    %s", shown, filled.data, body);
    json_decref(pattern);
    json_decref(value);
    buf_finish(&filled);
}

/* ---- one exchange ---- */

struct exchange {
    struct buf request, wanted_body;
    size_t head_size; /* of the request, without the empty line; 0: not seen */
    int status;
    char headers[8][200];
    size_t header_count;
};

static void exchange_reset(struct exchange *exchange)
{
    buf_finish(&exchange->request);
    buf_finish(&exchange->wanted_body);
    memset(exchange, 0, sizeof *exchange);
    buf_init(&exchange->request, BYTES_MAX);
    buf_init(&exchange->wanted_body, BYTES_MAX);
}

static int socket_open(const char *address)
{
    char host[64];
    struct sockaddr_in to = {.sin_family = AF_INET};
    unsigned port;
    assert_int_equal(sscanf(address, "%63[^:]:%u", host, &port), 2);
    to.sin_port = htons((uint16_t)port);
    assert_int_equal(inet_pton(AF_INET, host, &to.sin_addr), 1);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval limit = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) < 0)
        fail_msg("%s: no connection to %s", shown, address);
    return fd;
}

static void send_all(int fd, const char *data, size_t size)
{
    while (size) {
        const ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0)
            fail_msg("%s: the server closed the connection", shown);
        data += sent;
        size -= (size_t)sent;
    }
}

static void request_send(int fd, const struct exchange *exchange, const char *address)
{
    const char *request = exchange->request.data;
    const size_t head = exchange->head_size ? exchange->head_size : exchange->request.size;
    const size_t rest = exchange->request.size - head;
    const size_t body = exchange->head_size ? rest - 2 : 0; /* behind the empty line */
    char more[200];
    snprintf(more, sizeof more, "Host: %s\r\nConnection: close\r\n", address);
    if (body)
        snprintf(more + strlen(more), sizeof more - strlen(more), "Content-Length: %zu\r\n", body);
    strcat(more, "\r\n");
    send_all(fd, request, head);
    send_all(fd, more, strlen(more));
    send_all(fd, request + exchange->request.size - body, body);
}

static void answer_read(int fd, struct buf *answer)
{
    char block[16384];
    ssize_t got;
    buf_init(answer, BYTES_MAX);
    while ((got = recv(fd, block, sizeof block, 0)) > 0 || (got < 0 && errno == EINTR))
        if (got > 0)
            assert_int_equal(buf_append(answer, block, (size_t)got, NULL), 0);
    if (got < 0 || !answer->data)
        fail_msg("%s: no answer: %s", shown, got < 0 ? strerror(errno) : "closed");
}

static void header_check(const char *wanted, const char *head, const char *end)
{
    const char *colon = strchr(wanted, ':');
    assert_non_null(colon);
    for (const char *line = strstr(head, "\r\n"); line && line < end; line = strstr(line + 2, "\r\n")) {
        const char *text = line + 2;
        if (strncasecmp(text, wanted, (size_t)(colon - wanted) + 1) != 0)
            continue;
        text += strspn(text + (colon - wanted) + 1, " ") + (size_t)(colon - wanted) + 1;
        const char *value = colon + 1 + strspn(colon + 1, " ");
        if (strcmp(value, "{any}") == 0 ? *text != '\r' : strncmp(text, value, strlen(value)) == 0)
            return;
        fail_msg("%s: header %s, but got %.*s", shown, wanted, (int)strcspn(text, "\r"), text);
    }
    fail_msg("%s: there is no header %.*s", shown, (int)(colon - wanted), wanted);
}

static void exchange_play(const struct exchange *exchange, const char *address)
{
    struct buf answer;
    int status = 0;
    const int fd = socket_open(address);
    request_send(fd, exchange, address);
    answer_read(fd, &answer);
    close(fd);
    char *end = strstr(answer.data, "\r\n\r\n");
    if (sscanf(answer.data, "HTTP/1.1 %d", &status) != 1 || !end)
        fail_msg("%s: this is no answer: %.200s", shown, answer.data);
    const char *body = end + 4;
    if (status != exchange->status)
        fail_msg("%s: status %d and not %d: %s", shown, status, exchange->status, body);
    for (size_t i = 0; i < exchange->header_count; i++)
        header_check(exchange->headers[i], answer.data, end + 2);
    if (exchange->wanted_body.size)
        body_check(exchange->wanted_body.data, body);
    buf_finish(&answer);
}

/* ---- the file ---- */

static void request_line(struct exchange *exchange, const char *text)
{
    struct buf *request = &exchange->request;
    if (!*text && !exchange->head_size)
        exchange->head_size = request->size;
    else if (exchange->head_size && request->size > exchange->head_size + 2)
        buf_append_text(request, "\r\n", NULL); /* between lines of the body */
    fill(request, text);
    if (!exchange->head_size || request->size == exchange->head_size)
        assert_int_equal(buf_append_text(request, "\r\n", NULL), 0);
}

static void answer_line(struct exchange *exchange, const char *text)
{
    if (!exchange->status) {
        exchange->status = atoi(text);
        return;
    }
    const size_t name = strcspn(text, ":");
    const int is_header = !exchange->wanted_body.size && text[name] == ':' && name && text[0] != '{' &&
                          text[0] != '[' && strcspn(text, " ") > name;
    if (is_header && exchange->header_count < 8)
        snprintf(exchange->headers[exchange->header_count++], sizeof exchange->headers[0], "%s", text);
    else
        assert_int_equal(buf_append_text(&exchange->wanted_body, text, NULL), 0);
}

static void act(const struct wire_settings *settings, const char *text)
{
    struct buf words;
    buf_init(&words, 4096);
    fill(&words, text);
    if (settings->act(settings->context, words.data) != 0)
        fail_msg("%s: ! %s", shown, words.data);
    buf_finish(&words);
}

void wire_play(const struct wire_settings *settings, int *ret_count)
{
    struct buf file;
    struct exchange exchange = {0};
    conch_error err = {0};
    char *rest;
    buf_init(&file, BYTES_MAX);
    if (file_read(&file, settings->path, &err) < 0)
        fail_msg("%s", err.text);
    exchange_reset(&exchange);
    *ret_count = 0;
    rest = file.data;
    for (char *line; (line = strsep(&rest, "\n"));) {
        const char *text = line[0] && line[1] == ' ' ? line + 2 : line + strlen(line);
        if (line[0] != '<' && exchange.status) {
            exchange_play(&exchange, settings->address);
            exchange_reset(&exchange);
            ++*ret_count;
        }
        if (strncmp(line, "== ", 3) == 0)
            snprintf(shown, sizeof shown, "%s", line + 3);
        else if (line[0] == '>')
            request_line(&exchange, text);
        else if (line[0] == '<')
            answer_line(&exchange, text);
        else if (line[0] == '!')
            act(settings, text);
    }
    assert_int_equal(exchange.request.size, 0); /* the file ends with an empty line */
    exchange_reset(&exchange);
    buf_finish(&exchange.request);
    buf_finish(&exchange.wanted_body);
    buf_finish(&file);
}
