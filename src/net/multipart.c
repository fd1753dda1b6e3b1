#include "net/multipart.h"

#include <string.h>
#include <strings.h>

enum state { PREAMBLE, AFTER_DELIMITER, AFTER_DASH, PADDING, AFTER_CR, HEAD, DATA, DONE };

/* ---- header values with parameters: type; name="value" ---- */

static const char *blanks_skip(const char *at)
{
    return at + strspn(at, " \t");
}

/* Copies a value, quoted or not, and returns what follows; NULL when it does not fit or the quote stays open.
 * Browsers percent-encode quotes in names and other clients escape them: \" is a quote, any other backslash is itself
 * (old browsers sent "C:\folder\file"). */
static const char *value_copy(const char *at, char *value, size_t size)
{
    size_t used = 0;
    bool quoted = *at == '"';
    at += quoted;
    for (;; at++) {
        if (quoted ? *at == '"' : strchr("; \t", *at) != NULL)
            break;
        if (*at == 0)
            return NULL;
        if (quoted && at[0] == '\\' && (at[1] == '"' || at[1] == '\\'))
            at++;
        if (used + 1 >= size)
            return NULL;
        value[used++] = *at;
    }
    value[used] = 0;
    return quoted ? at + 1 : at;
}

/* 1: found, 0: there is none, -1: the header is malformed or states it twice. */
static int parameter_find(const char *header, const char *name, char *value, size_t size)
{
    char other[MULTIPART_HEADER_BYTES_MAX + 1];
    int found = 0;
    const char *at = header + strcspn(header, ";");
    for (;;) {
        at = blanks_skip(at);
        if (*at == 0)
            return found;
        if (*at++ != ';')
            return -1;
        at = blanks_skip(at);
        size_t name_size = strcspn(at, "=; \t\"");
        const char *key = at;
        at += name_size;
        if (name_size == 0 && (*at == 0 || *at == ';'))
            continue;
        if (*at++ != '=')
            return -1;
        bool wanted = name_size == strlen(name) && strncasecmp(key, name, name_size) == 0;
        if (wanted && found)
            return -1;
        at = wanted ? value_copy(at, value, size) : value_copy(at, other, sizeof other);
        if (!at)
            return -1;
        found |= wanted;
    }
}

static bool boundary_is_valid(const char *boundary)
{
    size_t size = strlen(boundary);
    for (const char *at = boundary; *at; at++)
        if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f)
            return false;
    return size >= 1 && size <= MULTIPART_BOUNDARY_MAX && boundary[size - 1] != ' ';
}

int multipart_init(struct multipart *multipart, const char *content_type, const struct multipart_sink *sink,
                   conch_error *err)
{
    char boundary[MULTIPART_BOUNDARY_MAX + 2];
    if (strlen(content_type) > MULTIPART_HEADER_BYTES_MAX ||
        parameter_find(content_type, "boundary", boundary, sizeof boundary) != 1 || !boundary_is_valid(boundary))
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "the Content-Type of a multipart body needs one boundary of 1 to %d characters",
                               MULTIPART_BOUNDARY_MAX);
    multipart->sink = *sink;
    multipart->state = PREAMBLE;
    memcpy(multipart->delimiter, "\r\n--", 4);
    strcpy(multipart->delimiter + 4, boundary);
    multipart->delimiter_size = strlen(multipart->delimiter);
    multipart->matched = 2; /* the first boundary may stand at the very start, as if behind a line break */
    multipart->part_count = 0;
    multipart->head_size = 0;
    return 0;
}

/* ---- the headers of a part ---- */

static int malformed(conch_error *err, const char *why)
{
    return conch_error_set(err, CONCH_ERR_FORMAT, "the multipart body is malformed: %s", why);
}

static bool is_clean(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

/* The lines of one head; each value is a string inside multipart->head. */
struct head_lines {
    char *disposition, *type, *encoding;
};

static int line_take(struct head_lines *lines, char *line, conch_error *err)
{
    char *colon = strchr(line, ':');
    if (!colon || colon == line || !is_clean(blanks_skip(line)))
        return malformed(err, "a line of a part's headers is not 'name: value'");
    *colon = 0;
    char *value = colon + 1 + strspn(colon + 1, " \t");
    for (size_t size = strlen(value); size && strchr(" \t", value[size - 1]); size--)
        value[size - 1] = 0;
    char **slot = strcasecmp(line, "Content-Disposition") == 0         ? &lines->disposition
                  : strcasecmp(line, "Content-Type") == 0              ? &lines->type
                  : strcasecmp(line, "Content-Transfer-Encoding") == 0 ? &lines->encoding
                                                                       : NULL;
    if (slot && *slot)
        return malformed(err, "a part states a header twice");
    if (slot)
        *slot = value;
    return 0;
}

static int lines_take(struct head_lines *lines, char *head, size_t size, conch_error *err)
{
    if (memchr(head, 0, size))
        return malformed(err, "a NUL in a part's headers");
    while (*head) {
        char *end = strstr(head, "\r\n");
        *end = 0; /* the head ends with an empty line */
        if (*head) {
            int rc = line_take(lines, head, err);
            if (rc < 0)
                return rc;
        }
        head = end + 2;
    }
    return 0;
}

static const char *last_component(const char *filename)
{
    for (const char *at = filename; *at; at++)
        if (*at == '/' || *at == '\\')
            filename = at + 1;
    return filename;
}

static int head_take(struct multipart *multipart, conch_error *err)
{
    struct head_lines lines = {0};
    char name[512], filename[1024];
    int rc = lines_take(&lines, multipart->head, multipart->head_size, err);
    if (rc < 0)
        return rc;
    if (!lines.disposition || strncasecmp(lines.disposition, "form-data", 9) != 0 ||
        !strchr("; \t", lines.disposition[9]))
        return malformed(err, "a part without 'Content-Disposition: form-data'");
    if (parameter_find(lines.disposition, "name", name, sizeof name) != 1)
        return malformed(err, "a part needs one name of at most 511 bytes");
    int has_file = parameter_find(lines.disposition, "filename", filename, sizeof filename);
    if (has_file < 0)
        return malformed(err, "a part has two file names or one above 1023 bytes");
    if (lines.encoding && strcasecmp(lines.encoding, "7bit") != 0 && strcasecmp(lines.encoding, "8bit") != 0 &&
        strcasecmp(lines.encoding, "binary") != 0)
        return malformed(err, "a Content-Transfer-Encoding other than 7bit, 8bit and binary");
    struct multipart_head head = {
        .name = name, .filename = has_file ? last_component(filename) : NULL, .type = lines.type};
    return multipart->sink.begin(multipart->sink.context, &head, err);
}

/* One byte of a head; an empty line ends it. */
static int head_feed(struct multipart *multipart, char c, conch_error *err)
{
    if (multipart->head_size == MULTIPART_HEADER_BYTES_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "the headers of a part are longer than the allowed %d bytes",
                               MULTIPART_HEADER_BYTES_MAX);
    multipart->head[multipart->head_size++] = c;
    multipart->head[multipart->head_size] = 0;
    size_t size = multipart->head_size;
    const char *head = multipart->head;
    bool empty = size == 2 && memcmp(head, "\r\n", 2) == 0;
    if (!empty && (size < 4 || memcmp(head + size - 4, "\r\n\r\n", 4) != 0))
        return 0;
    multipart->state = DATA;
    multipart->matched = 0;
    return head_take(multipart, err);
}

/* ---- bytes ---- */

/* Looks for the delimiter; ret_used: bytes of data dealt with. In the preamble what is found is dropped.
 *
 * A delimiter begins with CR and has no other CR, so after a mismatch only a new CR can begin it again. */
static int data_feed(struct multipart *multipart, const char *data, size_t size, size_t *ret_used, conch_error *err)
{
    bool keep = multipart->state == DATA;
    size_t at = 0;
    int rc = 0;
    while (at < size && rc == 0) {
        if (multipart->matched == 0) {
            const char *cr = memchr(data + at, '\r', size - at);
            size_t run = cr ? (size_t)(cr - (data + at)) : size - at;
            if (run && keep)
                rc = multipart->sink.data(multipart->sink.context, data + at, run, err);
            at += run;
            if (rc < 0 || !cr)
                break;
        }
        if (data[at] == multipart->delimiter[multipart->matched]) {
            at++;
            if (++multipart->matched == multipart->delimiter_size)
                break;
        } else {
            if (keep)
                rc = multipart->sink.data(multipart->sink.context, multipart->delimiter, multipart->matched, err);
            multipart->matched = 0;
        }
    }
    *ret_used = at;
    if (rc < 0 || multipart->matched < multipart->delimiter_size)
        return rc;
    multipart->state = AFTER_DELIMITER;
    return keep ? multipart->sink.end(multipart->sink.context, err) : 0;
}

static int part_start(struct multipart *multipart, conch_error *err)
{
    if (multipart->part_count == MULTIPART_PARTS_MAX)
        return conch_error_set(err, CONCH_ERR_LIMIT, "the multipart body has more than the allowed %d parts",
                               MULTIPART_PARTS_MAX);
    multipart->part_count++;
    multipart->head_size = 0;
    multipart->state = HEAD;
    return 0;
}

/* What may follow a delimiter: "--" at the end of all, or blanks and a line break before the next part. */
static int boundary_feed(struct multipart *multipart, char c, conch_error *err)
{
    switch (multipart->state) {
    case AFTER_DELIMITER:
        if (c == '-') {
            multipart->state = AFTER_DASH;
            return 0;
        }
        multipart->state = PADDING;
        /* fall through */
    case PADDING:
        if (c == '\r')
            multipart->state = AFTER_CR;
        else if (c != ' ' && c != '\t')
            return malformed(err, "a boundary is followed by other characters");
        return 0;
    case AFTER_DASH:
        if (c != '-')
            return malformed(err, "a boundary is followed by other characters");
        multipart->state = DONE;
        return 0;
    default: return c == '\n' ? part_start(multipart, err) : malformed(err, "a boundary's line has no line feed");
    }
}

int multipart_feed(struct multipart *multipart, const char *data, size_t size, conch_error *err)
{
    size_t at = 0;
    int rc = 0;
    while (at < size && rc == 0 && multipart->state != DONE) {
        size_t used = 1;
        if (multipart->state == PREAMBLE || multipart->state == DATA)
            rc = data_feed(multipart, data + at, size - at, &used, err);
        else if (multipart->state == HEAD)
            rc = head_feed(multipart, data[at], err);
        else
            rc = boundary_feed(multipart, data[at], err);
        at += used;
    }
    return rc;
}

int multipart_end(const struct multipart *multipart, conch_error *err)
{
    return multipart->state == DONE ? 0 : malformed(err, "the closing boundary is missing");
}
