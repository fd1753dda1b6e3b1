#include "server/http/files.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/time_text.h"
#include "server/dialect/dialect_json.h"

/* ---- headers of the request ---- */

/* Digits alone; false: none or too many. */
static bool number_read(const char **at, int64_t *ret)
{
    int64_t value = 0;
    size_t count = strspn(*at, "0123456789");
    if (!count || count > 18)
        return false;
    for (size_t i = 0; i < count; i++)
        value = value * 10 + ((*at)[i] - '0');
    *at += count;
    *ret = value;
    return true;
}

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t");
}

enum file_range files_range(const char *header, int64_t size, int64_t *ret_offset, int64_t *ret_size)
{
    int64_t first = -1, last = -1;
    *ret_offset = 0;
    *ret_size = size;
    if (!header || strncmp(header, "bytes=", 6) != 0)
        return FILE_RANGE_WHOLE;
    const char *at = skip_space(header + 6);
    bool has_first = number_read(&at, &first);
    if (*at++ != '-')
        return FILE_RANGE_WHOLE;
    bool has_last = number_read(&at, &last);
    if ((!has_first && !has_last) || *skip_space(at) || (has_first && has_last && last < first))
        return FILE_RANGE_WHOLE;
    if (!has_first) { /* the last bytes */
        if (last == 0 || size == 0)
            return FILE_RANGE_NONE;
        *ret_size = last < size ? last : size;
        *ret_offset = size - *ret_size;
        return FILE_RANGE_PART;
    }
    if (first >= size)
        return FILE_RANGE_NONE;
    *ret_offset = first;
    *ret_size = (has_last && last < size ? last + 1 : size) - first;
    return FILE_RANGE_PART;
}

bool files_tag_match(const char *header, const char *etag)
{
    size_t size = strlen(etag);
    if (!header)
        return false;
    for (const char *at = skip_space(header); *at;) {
        if (*at == '*')
            return true;
        if (strncmp(at, "W/", 2) == 0)
            at += 2;
        const char *end = *at == '"' ? strchr(at + 1, '"') : NULL;
        if (!end)
            return false;
        if ((size_t)(end + 1 - at) == size && memcmp(at, etag, size) == 0)
            return true;
        at = skip_space(end + 1);
        if (*at == ',')
            at = skip_space(at + 1);
        else if (*at)
            return false;
    }
    return false;
}

/* If-Range: the part is only wanted of the very file the client has. */
static bool range_applies(const struct http_request *request, const char *etag, const char *modified)
{
    const char *condition = http_header(request, "If-Range");
    return !condition || strcmp(condition, etag) == 0 || strcmp(condition, modified) == 0;
}

/* ---- headers of the answer ---- */

/* What a browser may show in place; everything else that people upload is only for saving. */
static bool is_shown(const char *type)
{
    return (text_begins(type, "image/") && !text_begins(type, "image/svg")) || text_begins(type, "video/") ||
           text_begins(type, "audio/");
}

/* The name twice: for old readers in ASCII, and exactly (RFC 6266, 8187). */
static void disposition(const char *name, bool attachment, char *ret, size_t size)
{
    char plain[132], exact[3 * 128 + 4];
    size_t used = 0, length = 0;
    for (const char *at = name; *at && length < sizeof plain - 1; at++)
        plain[length++] = *at < 0x20 || *at == '"' || *at == '\\' || *at == 0x7f || *at == '/' ? '_' : *at;
    plain[length] = 0;
    for (const unsigned char *at = (const unsigned char *)name; *at && used < sizeof exact - 4; at++) {
        bool keep = (*at >= '0' && *at <= '9') || ((*at | 32) >= 'a' && (*at | 32) <= 'z') || strchr("-._~", *at);
        used += (size_t)snprintf(exact + used, sizeof exact - used, keep ? "%c" : "%%%02X", *at);
    }
    exact[used] = 0;
    for (char *at = plain; *at; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '_';
    snprintf(ret, size, "%s; filename=\"%s\"; filename*=UTF-8''%s", attachment ? "attachment" : "inline", plain, exact);
}

static int headers(struct dialect_call *call, const char *type, const char *etag, const char *modified)
{
    char text[HTTP_VALUE_BYTES_MAX];
    conch_error err = {0};
    const struct dialect_file *send = &call->file;
    struct http_response *response = call->response;
    int rc = http_response_header(response, "ETag", etag, &err);
    if (rc == 0)
        rc = http_response_header(response, "Last-Modified", modified, &err);
    if (rc == 0)
        rc = http_response_header(response, "Accept-Ranges", "bytes", &err);
    if (send->max_age_s > 0)
        snprintf(text, sizeof text, "private, max-age=%lld", (long long)send->max_age_s);
    else
        strcpy(text, "private, no-cache");
    if (rc == 0)
        rc = http_response_header(response, "Cache-Control", text, &err);
    disposition(send->file.name, send->attachment || !is_shown(type), text, sizeof text);
    if (rc == 0)
        rc = http_response_header(response, "Content-Disposition", text, &err);
    return rc < 0 ? dialect_trouble(&call->problem, &err) : 0;
}

static int part_header(struct dialect_call *call, int64_t offset, int64_t size)
{
    char text[96];
    conch_error err = {0};
    snprintf(text, sizeof text, "bytes %lld-%lld/%lld", (long long)offset, (long long)(offset + size - 1),
             (long long)call->file.file.bytes);
    return http_response_header(call->response, "Content-Range", text, &err) < 0 ? dialect_trouble(&call->problem, &err)
                                                                                 : 0;
}

static int refuse_range(struct dialect_call *call, int *ret_status)
{
    char text[48];
    snprintf(text, sizeof text, "bytes */%lld", (long long)call->file.file.bytes);
    http_response_reset(call->response);
    http_response_header(call->response, "Content-Range", text, NULL);
    *ret_status = 416;
    api_refuse(&call->problem, API_INVALID, "Range", "the range is not in the file, which has %lld bytes",
               (long long)call->file.file.bytes);
    return -1;
}

int files_send(struct dialect_call *call, int *ret_status)
{
    const struct store_file *file = &call->file.file;
    const char *type = call->file.type ? call->file.type : *file->type ? file->type : "application/octet-stream";
    struct time_text_http modified = time_text_http(file->created_ms);
    char etag[80];
    int64_t offset, size;
    int descriptor;
    conch_error err = {0};
    snprintf(etag, sizeof etag, "\"%s\"", file->sha256);
    if (headers(call, type, etag, modified.text) < 0)
        return -1;
    if (files_tag_match(http_header(call->request, "If-None-Match"), etag)) {
        call->response->status = 304;
        return 0;
    }
    const char *wanted = http_header(call->request, "Range");
    if (call->request->method != HTTP_GET || !range_applies(call->request, etag, modified.text))
        wanted = NULL;
    enum file_range range = files_range(wanted, file->bytes, &offset, &size);
    if (range == FILE_RANGE_NONE)
        return refuse_range(call, ret_status);
    if (range == FILE_RANGE_PART && part_header(call, offset, size) < 0)
        return -1;
    if (api_file_open(call->api, file, &descriptor, &call->problem) < 0)
        return -1;
    if (http_response_file(call->response, range == FILE_RANGE_PART ? 206 : 200, type, descriptor, offset, size, &err) <
        0)
        return dialect_trouble(&call->problem, &err);
    return 0;
}
