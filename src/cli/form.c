#include "cli/form.h"

#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/sniff.h"

void form_init(struct form *form)
{
    unsigned char bytes[16];
    hash_random(bytes, sizeof bytes); /* no file holds what nobody could know */
    int length = snprintf(form->boundary, sizeof form->boundary, "conch-");
    for (size_t i = 0; i < sizeof bytes; i++)
        length += snprintf(form->boundary + length, sizeof form->boundary - (size_t)length, "%02x", bytes[i]);
    snprintf(form->type, sizeof form->type, "multipart/form-data; boundary=%s", form->boundary);
    buf_init(&form->body, FORM_BYTES_MAX);
}

void form_finish(struct form *form)
{
    buf_finish(&form->body);
}

int form_text(struct form *form, const char *name, const char *value, conch_error *err)
{
    int rc = buf_append_format(&form->body, err, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n",
                               form->boundary, name);
    if (rc == 0)
        rc = buf_append_text(&form->body, value, err);
    return rc == 0 ? buf_append_text(&form->body, "\r\n", err) : rc;
}

/* Quotes and line breaks of a file's name as browsers send them. */
static int append_name(struct buf *buf, const char *path, conch_error *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    int rc = 0;
    for (const char *at = name; *at && rc == 0; at++) {
        if (*at == '"' || *at == '\\' || (unsigned char)*at < 0x20 || *at == 0x7f)
            rc = buf_append_format(buf, err, "%%%02X", (unsigned char)*at);
        else
            rc = buf_append(buf, at, 1, err);
    }
    return rc;
}

int form_file(struct form *form, const char *name, const char *path, const char *option, conch_error *err)
{
    struct buf *body = &form->body;
    struct file_map map;
    conch_error cause;
    int rc = file_map_open(&map, path, &cause);
    if (rc < 0)
        return conch_error_set(err, rc, "%s: %s", option, cause.text);
    if (map.size > FORM_BYTES_MAX - body->size)
        rc = conch_error_set(err, CONCH_ERR_LIMIT, "%s: %s makes the request larger than the allowed %d MiB", option,
                             path, FORM_BYTES_MAX >> 20);
    if (rc == 0)
        rc = buf_append_format(body, err, "--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"",
                               form->boundary, name);
    if (rc == 0)
        rc = append_name(body, path, err);
    if (rc == 0)
        rc = buf_append_format(body, err, "\"\r\nContent-Type: %s\r\n\r\n",
                               sniff_media_type(sniff(map.data, size_min(map.size, SNIFF_BYTES)).type));
    if (rc == 0 && map.size)
        rc = buf_append(body, map.data, map.size, err);
    if (rc == 0)
        rc = buf_append_text(body, "\r\n", err);
    file_map_close(&map);
    return rc;
}

int form_end(struct form *form, conch_error *err)
{
    return buf_append_format(&form->body, err, "--%s--\r\n", form->boundary);
}
