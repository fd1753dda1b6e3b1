#include "base/ini.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

struct reader {
    struct ini_place place;
    ini_handler *handler;
    void *context;
    conch_error *err;
    char section[INI_NAME_BYTES_MAX + 1];
    char line[INI_LINE_BYTES_MAX + 1]; /* the one being read, taken apart in place */
};

static int fault(const struct reader *r, const char *what)
{
    return conch_error_set(r->err, CONCH_ERR_FORMAT, "%s:%zu: %s", r->place.document, r->place.line, what);
}

static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t size = strlen(text);
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
        text[--size] = 0;
    return text;
}

static int section_read(struct reader *r, char *text)
{
    char *end = strchr(text, ']');
    if (!end || end[1])
        return fault(r, "a section is written [name], and nothing follows it");
    *end = 0;
    const char *name = trim(text + 1);
    if (!*name)
        return fault(r, "the section has no name");
    if (strlen(name) > INI_NAME_BYTES_MAX)
        return conch_error_set(r->err, CONCH_ERR_LIMIT, "%s:%zu: the section's name is longer than %d bytes",
                               r->place.document, r->place.line, INI_NAME_BYTES_MAX);
    memcpy(r->section, name, strlen(name) + 1);
    return 0;
}

/* "..." in place, without its quotes. */
static int unquote(const struct reader *r, char *value)
{
    char *out = value, *at = value + 1;
    for (; *at && *at != '"'; at++) {
        if (*at == '\\') {
            at++;
            if (*at != '"' && *at != '\\')
                return fault(r, "in quotes a \\ stands before \" or \\ only");
        }
        *out++ = *at;
    }
    if (!*at || at[1])
        return fault(r, "a value that begins with a quote ends with one, and nothing follows it");
    *out = 0;
    return 0;
}

static int key_read(struct reader *r, char *text)
{
    char *equals = strchr(text, '=');
    if (!equals)
        return fault(r, "neither a [section], nor key = value, nor a # comment");
    *equals = 0;
    const char *key = trim(text);
    char *value = trim(equals + 1);
    if (!*key)
        return fault(r, "there is no name before the =");
    if (strlen(key) > INI_NAME_BYTES_MAX)
        return conch_error_set(r->err, CONCH_ERR_LIMIT, "%s:%zu: the name is longer than %d bytes", r->place.document,
                               r->place.line, INI_NAME_BYTES_MAX);
    const int rc = *value == '"' ? unquote(r, value) : 0;
    return rc < 0 ? rc : r->handler(r->context, r->section, key, value, &r->place, r->err);
}

static bool is_text(const char *data, size_t size)
{
    for (size_t length; size > 0; data += length, size -= length) {
        length = text_utf8_next(data, size, NULL);
        if (length == 0 || ((unsigned char)*data < ' ' && *data != '\t') || *data == 0x7f)
            return false;
    }
    return true;
}

static int line_read(struct reader *r, const char *data, size_t size)
{
    if (size > 0 && data[size - 1] == '\r')
        size--;
    if (size > INI_LINE_BYTES_MAX)
        return conch_error_set(r->err, CONCH_ERR_LIMIT, "%s:%zu: the line is longer than %d bytes", r->place.document,
                               r->place.line, INI_LINE_BYTES_MAX);
    if (!is_text(data, size))
        return fault(r, "the line holds a control character or is no UTF-8");
    memcpy(r->line, data, size);
    r->line[size] = 0;
    char *text = trim(r->line);
    if (!*text || *text == '#' || *text == ';')
        return 0;
    return *text == '[' ? section_read(r, text) : key_read(r, text);
}

int ini_read(const char *text, size_t size, const char *document, ini_handler *handler, void *context, conch_error *err)
{
    struct reader r = {.place = {document, 0}, .handler = handler, .context = context, .err = err};
    int rc = 0;
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        size -= 3;
    }
    while (size > 0 && rc == 0) {
        const char *end = memchr(text, '\n', size);
        const size_t length = end ? (size_t)(end - text) : size;
        r.place.line++;
        rc = line_read(&r, text, length);
        text += length + (end ? 1 : 0);
        size -= length + (end ? 1 : 0);
    }
    return rc;
}
