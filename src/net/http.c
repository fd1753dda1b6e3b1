#include "net/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "net/http_stream.h"

/* ---- requests ---- */

const char *http_header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    return NULL;
}

const char *http_query(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->query_count; i++)
        if (strcmp(request->queries[i].name, name) == 0)
            return request->queries[i].value;
    return NULL;
}

const struct http_part *http_part(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->part_count; i++)
        if (strcmp(request->parts[i].name, name) == 0)
            return &request->parts[i];
    return NULL;
}

bool http_type_is(const struct http_request *request, const char *type)
{
    const char *stated = http_header(request, "Content-Type");
    if (!stated)
        return false;
    stated += strspn(stated, " \t");
    size_t size = strcspn(stated, "; \t");
    return size == strlen(type) && strncasecmp(stated, type, size) == 0;
}

const char *http_method_name(enum http_method method)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"};
    return names[method];
}

/* ---- responses ---- */

void http_response_init(struct http_response *response, size_t body_max)
{
    /* not as one literal: clearing all fields of every answer would be most of the work of a small one */
    response->status = 0;
    response->field_count = 0;
    response->kind = HTTP_BODY_MEMORY;
    buf_init(&response->body, body_max);
    response->file = -1;
    response->file_offset = response->file_size = 0;
    response->stream = NULL;
}

void http_response_reset(struct http_response *response)
{
    size_t body_max = response->body.size_max;
    for (size_t i = 0; i < response->field_count; i++)
        free(response->fields[i].value);
    if (response->file >= 0)
        close(response->file);
    http_stream_release(response->stream);
    buf_finish(&response->body);
    http_response_init(response, body_max);
}

void http_response_finish(struct http_response *response)
{
    if (response)
        http_response_reset(response);
}

static bool is_token(const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name <= 0x20 || (unsigned char)*name >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", *name))
            return false;
    return true;
}

static bool is_text(const char *value)
{
    for (; *value; value++)
        if (((unsigned char)*value < 0x20 && *value != '\t') || *value == 0x7f)
            return false;
    return true;
}

static int header_check(const char *name, const char *value, conch_error *err)
{
    if (!*name || !is_token(name))
        return conch_error_set(err, CONCH_ERR_RANGE, "'%s' cannot be the name of a header", name);
    if (strlen(name) >= sizeof((struct http_field_text *)0)->name)
        return conch_error_set(err, CONCH_ERR_LIMIT, "the header name '%s' is longer than the allowed %zu characters",
                               name, sizeof((struct http_field_text *)0)->name - 1);
    if (!is_text(value))
        return conch_error_set(err, CONCH_ERR_RANGE, "the value of the header %s has control characters", name);
    if (strlen(value) > HTTP_VALUE_BYTES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "the value of the header %s is longer than the allowed %d bytes",
                               name, HTTP_VALUE_BYTES_MAX);
    return 0;
}

int http_response_header(struct http_response *response, const char *name, const char *value, conch_error *err)
{
    int rc = header_check(name, value, err);
    if (rc < 0)
        return rc;
    size_t i = 0;
    while (i < response->field_count && strcasecmp(response->fields[i].name, name) != 0)
        i++;
    if (i == HTTP_RESPONSE_FIELDS_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "more than the allowed %d headers in an answer",
                               HTTP_RESPONSE_FIELDS_MAX);
    char *copy = strdup(value);
    if (!copy)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a header");
    if (i < response->field_count)
        free(response->fields[i].value);
    else
        response->field_count++;
    strcpy(response->fields[i].name, name);
    response->fields[i].value = copy;
    return 0;
}

const char *http_response_field(const struct http_response *response, const char *name)
{
    for (size_t i = 0; i < response->field_count; i++)
        if (strcasecmp(response->fields[i].name, name) == 0)
            return response->fields[i].value;
    return NULL;
}

int http_response_text(struct http_response *response, int status, const char *type, const char *text, conch_error *err)
{
    int rc = http_response_header(response, "Content-Type", type, err);
    if (rc < 0)
        return rc;
    buf_clear(&response->body);
    rc = buf_append_text(&response->body, text, err);
    if (rc < 0)
        return rc;
    response->kind = HTTP_BODY_MEMORY;
    response->status = status;
    return 0;
}

int http_response_file(struct http_response *response, int status, const char *type, int file, int64_t offset,
                       int64_t size, conch_error *err)
{
    if (response->file >= 0)
        close(response->file);
    response->file = file;
    int rc = http_response_header(response, "Content-Type", type, err);
    if (rc < 0)
        return rc;
    response->kind = HTTP_BODY_FILE;
    response->file_offset = offset;
    response->file_size = size;
    response->status = status;
    return 0;
}

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } rows[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {422, "Unprocessable Content"},
        {425, "Too Early"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].status == status)
            return rows[i].reason;
    return "Unknown";
}
