/* Pictures and other media of a request: brought here, looked at, and put away under names that no row has yet. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/base.h"
#include "base/encode.h"
#include "base/id.h"
#include "base/text.h"
#include "net/http_client.h"
#include "server/api/look.h"
#include "server/api/submit.h"
#include "server/blob/blob.h"

enum { COPY_BYTES = 64 << 10 };

static enum sniff_kind kind_of(enum store_input_role role)
{
    switch (role) {
    case STORE_INPUT_REFERENCE_VIDEO: return SNIFF_VIDEO;
    case STORE_INPUT_REFERENCE_AUDIO: return SNIFF_AUDIO;
    default: return SNIFF_PICTURE;
    }
}

static int64_t bytes_max_of(const struct submit *submit, const struct submit_media *media)
{
    const enum sniff_kind kind = kind_of(media->ask->role);
    const int64_t here = look_bytes_max(submit->api, kind), model = (int64_t)submit->served.model->pictures.bytes_max;
    return kind == SNIFF_PICTURE && model > 0 && model < here ? model : here;
}

/* ---- a file of the caller's ---- */

struct own_file {
    int64_t id, account_id;
    struct store_file *file;
};

static int own_file_work(void *context, struct store_tx *tx, conch_error *err)
{
    const struct own_file *own = context;
    return store_file_get(tx, own->id, own->account_id, own->file, err);
}

static int take_own(struct submit *submit, struct submit_media *media, int64_t id)
{
    struct own_file own = {.id = id, .account_id = submit->caller->key.account_id, .file = &media->file};
    conch_error err = {0};
    const int rc = store_read(submit->api->store, own_file_work, &own, &err);
    if (rc == CONCH_ERR_NOTFOUND ||
        (rc == 0 && (media->file.deleted_ms || (media->file.expires_ms && media->file.expires_ms <= submit->now_ms))))
        return api_refuse(submit->problem, API_INVALID, media->field, "%s: there is no file %lld", media->field,
                          (long long)id);
    return rc < 0 ? api_refuse_error(submit->problem, rc, &err) : 0;
}

/* ---- into a put ---- */

static int put_data_url(struct submit *submit, struct submit_media *media, struct blob_put *put)
{
    const char *url = media->ask->url, *comma = strchr(url, ',');
    const size_t head = comma ? (size_t)(comma - url) : 0;
    const int64_t bytes_max = bytes_max_of(submit, media);
    struct buf data;
    conch_error err = {0};
    if (!comma || head < 12 || strncasecmp(comma - 7, ";base64", 7) != 0)
        return api_refuse_value(submit->problem, media->field, "data:", "data:image/png;base64,...");
    const size_t length = strlen(comma + 1), most = encode_decoded_max(ENCODE_BASE64_LOOSE, length);
    if (most > (size_t)bytes_max + 4 && length > 2 * (size_t)bytes_max)
        return look_refuse_size(submit->problem, media->field, (int64_t)most, bytes_max);
    buf_init(&data, (size_t)bytes_max);
    int rc = encode_decode(&data, ENCODE_BASE64_LOOSE, comma + 1, length, &err);
    if (rc == CONCH_ERR_LIMIT)
        rc = look_refuse_size(submit->problem, media->field, (int64_t)most, bytes_max);
    else if (rc == CONCH_ERR_FORMAT)
        rc = api_refuse(submit->problem, API_INVALID, media->field, "%s: %s", media->field, err.text);
    else if (rc == 0 && data.size == 0)
        rc = api_refuse(submit->problem, API_INVALID, media->field, "%s is an empty data: address", media->field);
    else if (rc == 0 && (rc = blob_put_write(put, data.data, data.size, &err)) < 0)
        rc = api_refuse_error(submit->problem, rc, &err);
    else if (rc < 0)
        rc = api_refuse_error(submit->problem, rc, &err);
    buf_finish(&data);
    return rc;
}

static int put_file(struct submit *submit, struct submit_media *media, struct blob_put *put)
{
    const int64_t bytes_max = bytes_max_of(submit, media);
    const int file = open(media->ask->path, O_RDONLY | O_CLOEXEC);
    char *block = malloc(COPY_BYTES);
    conch_error err = {0};
    int64_t bytes = 0;
    ssize_t size = -1;
    int rc = file < 0 || !block ? conch_error_set(&err, CONCH_ERR_IO, "a spooled file cannot be read") : 0;
    while (rc == 0 && (size = read(file, block, COPY_BYTES)) > 0 && (bytes += size) <= bytes_max)
        rc = blob_put_write(put, block, (size_t)size, &err);
    if (rc == 0 && size < 0)
        rc = conch_error_set(&err, CONCH_ERR_IO, "a spooled file cannot be read");
    free(block);
    if (file >= 0)
        close(file);
    if (rc < 0)
        return api_refuse_error(submit->problem, rc, &err);
    return bytes > bytes_max ? look_refuse_size(submit->problem, media->field, bytes, bytes_max) : 0;
}

static int put_bytes(struct submit *submit, struct submit_media *media, struct blob_put *put)
{
    const int64_t bytes_max = bytes_max_of(submit, media);
    conch_error err = {0};
    if ((int64_t)media->ask->data_size > bytes_max)
        return look_refuse_size(submit->problem, media->field, (int64_t)media->ask->data_size, bytes_max);
    const int rc = blob_put_write(put, media->ask->data, media->ask->data_size, &err);
    return rc < 0 ? api_refuse_error(submit->problem, rc, &err) : 0;
}

static int refuse_fetch(struct submit *submit, const struct submit_media *media, const struct http_fetched *fetched,
                        const conch_error *err)
{
    api_count(submit->api, API_COUNT_FETCHES_REFUSED, 1);
    if (fetched->fault == HTTP_FAULT_LOCAL)
        return api_refuse_error(submit->problem, err->code, err);
    return api_refuse(submit->problem, API_FETCH, media->field, "%s cannot be fetched: %s", media->field, err->text);
}

/* What the server says of it beforehand: a page or too many bytes need not be fetched. Servers that do not answer HEAD
 * are not asked twice. */
static int ask_ahead(struct submit *submit, struct submit_media *media, const struct http_client_settings *settings)
{
    const int64_t bytes_max = (int64_t)settings->bytes_max;
    struct http_client_settings head = *settings;
    struct http_fetched stated = {0};
    conch_error err = {0};
    head.file = 0;
    head.success_only = false;
    head.bytes_max = 0;
    int rc = http_client_head(&head, &stated, &err);
    if (rc < 0 && stated.fault != HTTP_FAULT_STATUS && stated.fault != HTTP_FAULT_BROKEN &&
        stated.fault != HTTP_FAULT_TIMEOUT)
        rc = refuse_fetch(submit, media, &stated, &err);
    else if (rc < 0 || stated.status < 200 || stated.status > 299)
        rc = 0; /* the GET will tell */
    else if (stated.size != UINT64_MAX && stated.size > settings->bytes_max)
        rc = look_refuse_size(submit->problem, media->field, stated.size > INT64_MAX ? INT64_MAX : (int64_t)stated.size,
                              bytes_max);
    else if (strncasecmp(stated.type, "text/", 5) == 0 || strncasecmp(stated.type, "application/json", 16) == 0)
        rc = api_refuse(submit->problem, API_FETCH, media->field, "%s: the address answers with %.60s, not with a file",
                        media->field, stated.type);
    http_fetched_finish(&stated);
    return rc;
}

static int put_fetched(struct submit *submit, struct submit_media *media, struct blob_put *put)
{
    const struct config *config = submit->api->config;
    const int64_t most = bytes_max_of(submit, media);
    const struct http_client_settings settings = {
        .url = media->ask->url,
        .bytes_max = (uint64_t)(config->fetch.bytes_max < most ? config->fetch.bytes_max : most),
        .timeout_ms = config->fetch.timeout_ms,
        .connect_timeout_ms = config->fetch.connect_timeout_ms,
        .redirects_max = (unsigned)config->fetch.redirects_max,
        .guard = &submit->api->guard,
        .https_only = !config->fetch.allow_http,
        .success_only = true,
        .file = open(blob_put_path(put), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    struct http_fetched fetched = {0};
    conch_error err = {0};
    api_count(submit->api, API_COUNT_FETCHES, 1);
    if (settings.file < 0)
        return api_refuse_error(submit->problem, conch_error_set(&err, CONCH_ERR_IO, "cannot write what is fetched"),
                                &err);
    int rc = ask_ahead(submit, media, &settings);
    if (rc == 0 && http_client_fetch(&settings, &fetched, &err) < 0)
        rc = refuse_fetch(submit, media, &fetched, &err);
    http_fetched_finish(&fetched);
    close(settings.file);
    return rc;
}

/* ---- looked at, and put away ---- */

static int picture_check(struct submit *submit, struct submit_media *media, enum sniff_type type)
{
    static const int formats[SNIFF_TYPES] = {[SNIFF_JPEG] = CATALOG_JPEG + 1,
                                             [SNIFF_PNG] = CATALOG_PNG + 1,
                                             [SNIFF_WEBP] = CATALOG_WEBP + 1,
                                             [SNIFF_HEIC] = CATALOG_HEIC + 1,
                                             [SNIFF_HEIF] = CATALOG_HEIF + 1};
    struct catalog_refusal refusal;
    const int format = formats[type] ? formats[type] - 1 : CATALOG_FORMATS;
    const struct catalog_picture picture = {.format = (enum catalog_format)format,
                                            .bytes = (size_t)media->file.bytes,
                                            .width = (size_t)media->file.width,
                                            .height = (size_t)media->file.height};
    if (catalog_picture_check(submit->served.model, &picture, &refusal) == 0)
        return 0;
    api_refuse_catalog(submit->problem, &refusal);
    snprintf(submit->problem->field, sizeof submit->problem->field, "%s", media->field);
    snprintf(submit->problem->text, sizeof submit->problem->text, "%s: %.700s", media->field, refusal.text);
    return -1;
}

static enum sniff_type type_of(const char *media_type)
{
    for (int i = 0; i < SNIFF_TYPES; i++)
        if (strcmp(sniff_media_type((enum sniff_type)i), media_type) == 0)
            return (enum sniff_type)i;
    return SNIFF_UNKNOWN;
}

static int put_away(struct submit *submit, struct submit_media *media, struct blob_put *put)
{
    struct store_file *file = &media->file;
    struct look look;
    conch_error err = {0};
    if (look_at(submit->api, blob_put_path(put), kind_of(media->ask->role), media->field, &look, submit->problem) < 0) {
        blob_put_abandon(put);
        return -1;
    }
    const char *extension = sniff_extension(look.type);
    blob_key_make(file->blob, extension, submit->now_ms);
    const int rc = blob_put_commit(put, file->blob, file->sha256, &file->bytes, &err);
    if (rc < 0)
        return api_refuse_error(submit->problem, rc, &err);
    media->fresh = true;
    file->width = look.width;
    file->height = look.height;
    file->duration_ms = (int32_t)(look.duration_ms < INT32_MAX ? look.duration_ms : INT32_MAX);
    snprintf(file->type, sizeof file->type, "%s", sniff_media_type(look.type));
    snprintf(file->name, sizeof file->name, "%s.%s", store_input_role_name(media->ask->role), extension);
    return 0;
}

static int take_in(struct submit *submit, struct submit_media *media)
{
    const struct api_media *ask = media->ask;
    struct blob_put *put = NULL;
    conch_error err = {0};
    const bool data_url = ask->url && strncasecmp(ask->url, "data:", 5) == 0;
    const bool web = ask->url &&
                     (strncasecmp(ask->url, "http://", 7) == 0 || strncasecmp(ask->url, "https://", 8) == 0);
    if (!data_url && !web && !ask->data && !ask->path)
        return api_refuse(submit->problem, API_INVALID, media->field,
                          "%s is no address; allowed: http(s)://..., data:image/...;base64,..., mm_file://ID",
                          media->field);
    int rc = blob_put_begin(&put, submit->api->blobs, &err);
    if (rc < 0)
        return api_refuse_error(submit->problem, rc, &err);
    rc = data_url    ? put_data_url(submit, media, put)
         : web       ? put_fetched(submit, media, put)
         : ask->data ? put_bytes(submit, media, put)
                     : put_file(submit, media, put);
    if (rc < 0) {
        blob_put_abandon(put);
        return rc;
    }
    return put_away(submit, media, put);
}

static int take_one(struct submit *submit, struct submit_media *media)
{
    static const char scheme[] = "mm_file://";
    const struct api_media *ask = media->ask;
    const enum sniff_kind kind = kind_of(ask->role);
    int64_t id = ask->file_id;
    int rc;
    if (ask->url && strncmp(ask->url, scheme, strlen(scheme)) == 0 && !id_parse(ask->url + strlen(scheme), &id))
        return api_refuse_value(submit->problem, media->field, ask->url, "mm_file:// and the id of a file");
    rc = id ? take_own(submit, media, id) : take_in(submit, media);
    if (rc < 0)
        return rc;
    const enum sniff_type type = type_of(media->file.type);
    if (sniff_kind(type) != kind)
        return api_refuse_value(submit->problem, media->field, media->file.type, "%s",
                                kind == SNIFF_PICTURE ? "a picture"
                                : kind == SNIFF_VIDEO ? "a video"
                                                      : "a sound");
    return kind == SNIFF_PICTURE ? picture_check(submit, media, type) : 0;
}

/* Modes whose media the pixels made here do not show. */
static int mode_check(struct submit *submit)
{
    const enum catalog_mode mode = submit->resolved.mode;
    const bool shown = mode != CATALOG_SUBJECT && mode != CATALOG_REFERENCE;
    if (shown || strcmp(submit->task, "context") == 0 ||
        (submit->served.sandbox && submit->api->config->sandbox.references))
        return 0;
    if (!submit->served.sandbox && submit->served.maker == submit->served.model)
        return 0;
    return api_refuse(submit->problem, API_UNAVAILABLE_HERE, mode == CATALOG_SUBJECT ? "subjects" : "references",
                      "no model here can follow %s, which %s would do",
                      mode == CATALOG_SUBJECT ? "the picture of a subject" : "references", submit->served.model->name);
}

int submit_media(struct submit *submit)
{
    int64_t video_ms = 0, audio_ms = 0;
    for (size_t i = 0; i < submit->media_count && !submit->estimate; i++) {
        struct submit_media *media = &submit->media[i];
        if (take_one(submit, media) < 0)
            return -1;
        if (media->ask->role == STORE_INPUT_REFERENCE_VIDEO)
            video_ms += media->file.duration_ms;
        if (media->ask->role == STORE_INPUT_REFERENCE_AUDIO)
            audio_ms += media->file.duration_ms;
    }
    if ((video_ms || audio_ms) && submit_resolve(submit, video_ms, audio_ms) < 0)
        return -1;
    return mode_check(submit);
}
