#include "cli/mcp_local.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/sniff.h"
#include "base/text.h"
#include "cli/clip_fetch.h"

enum { NAMES_MAX = 100, PATIENCE_MS = 60 * 1000 };

/* ---- before: pictures ---- */

static const char *const picture_names[] = {"first_frame_image", "firstFrameImage",   "last_frame_image",
                                            "lastFrameImage",    "subject_reference", "subjectReference"};

static bool is_address(const char *text)
{
    return text_begins(text, "http://") || text_begins(text, "https://") || text_begins(text, "data:") ||
           text_begins(text, "mm_file://");
}

/* "~/x" and "file:///x" are paths too. The caller frees it; NULL: no memory. */
static char *path_of(const char *text)
{
    const char *home = getenv("HOME");
    char *path = NULL;
    if (text_begins(text, "file://"))
        return strdup(text + strlen("file://"));
    if (text_begins(text, "~/") && home)
        return asprintf(&path, "%s%s", home, text + 1) < 0 ? NULL : path;
    return strdup(text);
}

static int url_write(struct buf *url, const struct buf *data, const char *name, const char *path, conch_error *err)
{
    const struct sniff seen = sniff(data->data, size_min(data->size, SNIFF_BYTES));
    if (sniff_kind(seen.type) != SNIFF_PICTURE)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s: %s is %s; wanted is a picture", name, path,
                               sniff_name(seen.type));
    int rc = buf_append_format(url, err, "data:%s;base64,", sniff_media_type(seen.type));
    return rc < 0 ? rc : encode(url, ENCODE_BASE64, data->data, data->size, err);
}

static int picture_load(json_t *arguments, const char *name, const char *text, conch_error *err)
{
    struct buf data, url;
    conch_error cause = {0};
    char *path = path_of(text);
    if (!path)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
    buf_init(&data, MCP_LOCAL_PICTURE_BYTES_MAX);
    buf_init(&url, encode_size(ENCODE_BASE64, MCP_LOCAL_PICTURE_BYTES_MAX) + 64);
    int rc = file_read(&data, path, &cause);
    if (rc < 0)
        conch_error_set(err, rc, "%s: %s", name, cause.text);
    else
        rc = url_write(&url, &data, name, path, err);
    if (rc == 0 && json_object_set_new(arguments, name, json_stringn(url.data, url.size)) < 0)
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a picture");
    buf_finish(&data);
    buf_finish(&url);
    free(path);
    return rc;
}

static const char *either(const json_t *arguments, const char *snake, const char *camel)
{
    const char *text = json_string_value(json_object_get(arguments, snake));
    return text ? text : json_string_value(json_object_get(arguments, camel));
}

int mcp_local_prepare(json_t *message, struct mcp_local *ret, conch_error *err)
{
    const char *method = json_string_value(json_object_get(message, "method"));
    json_t *arguments = json_object_get(json_object_get(message, "params"), "arguments");
    *ret = (struct mcp_local){NULL, NULL};
    if (!method || strcmp(method, "tools/call") != 0 || !json_is_object(arguments))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(picture_names); i++) {
        const char *text = json_string_value(json_object_get(arguments, picture_names[i]));
        if (!text || !*text || is_address(text))
            continue;
        const int rc = picture_load(arguments, picture_names[i], text, err);
        if (rc < 0)
            return rc;
    }
    ret->folder = either(arguments, "output_directory", "outputDirectory");
    ret->file = either(arguments, "output_file", "outputFile");
    return 0;
}

/* ---- after: the clip ---- */

static int name_check(const char *file, conch_error *err)
{
    if (!*file || strchr(file, '/') || *file == '.')
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "output_file '%s' is no plain file name; the folder belongs into output_directory",
                               file);
    return 0;
}

/* A name that is free. The caller frees it. */
static int target_find(const struct mcp_local *local, const char *id, char **ret, conch_error *err)
{
    const char *folder = local->folder && *local->folder ? local->folder : ".";
    char own[64];
    snprintf(own, sizeof own, "conch-%.32s.mp4", id);
    const char *name = local->file && *local->file ? local->file : own, *dot = strrchr(name, '.');
    const int stem = dot && dot != name ? (int)(dot - name) : (int)strlen(name);
    char *base = path_of(folder);
    int rc = base ? name_check(name, err) : conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
    if (rc == 0)
        rc = file_make_folders(base, err);
    for (int i = 0; i < NAMES_MAX && rc == 0; i++) {
        char *path = NULL;
        const int size = i ? asprintf(&path, "%s/%.*s-%d%s", base, stem, name, i, name + stem)
                           : asprintf(&path, "%s/%s", base, name);
        if (size < 0) {
            rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
        } else if (!file_exists(path)) {
            free(base);
            *ret = path;
            return 0;
        } else {
            free(path);
        }
    }
    free(base);
    return rc < 0 ? rc
                  : conch_error_set(err, CONCH_ERR_LIMIT, "%s/%s and %d more are there already", folder, name,
                                    NAMES_MAX - 1);
}

static int clip_save(const struct client *client, const struct mcp_local *local, const char *id, char **ret_path,
                     conch_error *err)
{
    char address[64];
    json_t *job = NULL;
    uint64_t bytes;
    snprintf(address, sizeof address, "/conch/v1/jobs/%.32s", id);
    int rc = target_find(local, id, ret_path, err);
    if (rc == 0)
        rc = client_get(client, address, &job, err);
    if (rc == 0)
        rc = clip_fetch(client, &(struct clip_fetch){.job = job, .output = *ret_path, .patience_ms = PATIENCE_MS},
                        &bytes, err);
    json_decref(job);
    return rc;
}

static void text_add(json_t *result, const char *text)
{
    json_t *content = json_object_get(result, "content");
    json_array_append_new(content, json_pack("{ssss}", "type", "text", "text", text)); /* without memory: unsaid */
}

void mcp_local_deliver(const struct client *client, const struct mcp_local *local, json_t *answer)
{
    json_t *result = json_object_get(answer, "result"), *data = json_object_get(result, "structuredContent");
    const char *id = json_string_value(json_object_get(data, "task_id"));
    char *path = NULL, *text = NULL;
    conch_error err = {0};
    if ((!local->folder && !local->file) || !id || !json_string_value(json_object_get(data, "video_url")))
        return;
    const int rc = clip_save(client, local, id, &path, &err);
    const int size = rc < 0 ? asprintf(&text, "The video could not be saved here: %s", err.text)
                            : asprintf(&text, "Saved as: %s", path);
    if (size >= 0)
        text_add(result, text);
    if (rc == 0 && data)
        json_object_set_new(data, "saved_as", json_string(path));
    free(text);
    free(path);
}

json_t *mcp_local_refusal(const json_t *id, const char *text)
{
    return json_pack("{sssOs{s[{ssss}]sb}}", "jsonrpc", "2.0", "id", id, "result", "content", "type", "text", "text",
                     text, "isError", 1);
}
