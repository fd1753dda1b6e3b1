#include "server/queue/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/log.h"

enum { ID_TRIES_MAX = 8 };

static void file_fill(struct store_file *file, const struct store_job *row, int64_t now_ms, int64_t retention_ms)
{
    file->account_id = row->account_id;
    file->job_id = row->job.id;
    file->created_ms = now_ms;
    file->expires_ms = retention_ms > 0 ? now_ms + retention_ms : 0;
}

static int clip_put(struct result *result, struct blob_put **put, bool image, conch_error *err)
{
    struct worker *worker = result->step->worker;
    struct store_file *file = &result->file;
    char key[BLOB_KEY_BYTES];
    struct blob_put *used = *put;
    blob_key_make(key, image ? "png" : "mp4", worker_now_ms(worker));
    *put = NULL;
    int rc = blob_put_commit(used, key, file->sha256, &file->bytes, err);
    if (rc < 0)
        return rc;
    memcpy(file->blob, key, sizeof key);
    file_fill(file, &result->step->row, worker_now_ms(worker), worker->settings.config->jobs.retention_ms);
    snprintf(file->purpose, sizeof file->purpose, "%s", image ? "image_generation" : "video_generation");
    snprintf(file->name, sizeof file->name, "%s", image ? "output.png" : "output.mp4");
    snprintf(file->type, sizeof file->type, "%s", image ? "image/png" : "video/mp4");
    file->width = result->made->width;
    file->height = result->made->height;
    file->duration_ms = (int32_t)result->made->duration_ms;
    return 0;
}

static int poster_put(struct result *result, conch_error *err)
{
    struct worker *worker = result->step->worker;
    struct store_file *file = &result->poster;
    char key[BLOB_KEY_BYTES];
    blob_key_make(key, "png", worker_now_ms(worker));
    int rc = blob_put(worker->settings.blobs, key, result->made->poster, result->made->poster_size, file->sha256, err);
    if (rc < 0)
        return rc;
    memcpy(file->blob, key, sizeof key);
    file_fill(file, &result->step->row, worker_now_ms(worker), worker->settings.config->jobs.retention_ms);
    snprintf(file->purpose, sizeof file->purpose, "poster");
    snprintf(file->name, sizeof file->name, "poster.png");
    snprintf(file->type, sizeof file->type, "image/png");
    file->bytes = (int64_t)result->made->poster_size;
    file->width = result->made->poster_width;
    file->height = result->made->poster_height;
    return 0;
}

int result_put(struct result *result, struct blob_put **put, conch_error *err)
{
    const char *task = result->step->row.task;
    if (result->made->text) /* nothing but words came of it */
        return 0;
    int rc = clip_put(result, put, task && strcmp(task, "image") == 0, err);
    if (rc == 0 && result->made->poster)
        rc = poster_put(result, err);
    if (rc < 0)
        result_drop(result);
    return rc;
}

static int file_add(struct store_tx *tx, struct store_file *file, conch_error *err)
{
    int rc = 0;
    if (!file->blob[0])
        return 0;
    for (int tries = 0; tries < ID_TRIES_MAX; tries++) {
        file->id = id_next();
        rc = store_file_add(tx, file, err);
        if (rc != STORE_ERR_CONFLICT)
            break;
    }
    return rc;
}

/* The job's details with how it was made. ret_fixed: the part of its price that does not depend on the length. */
static int details_set(struct store_job *row, const struct backend_result *made, int64_t *ret_fixed, conch_error *err)
{
    json_t *details = row->details ? json_loads(row->details, 0, NULL) : NULL;
    if (!json_is_object(details)) {
        json_decref(details);
        details = json_object();
    }
    *ret_fixed = json_integer_value(json_object_get(details, "price_fixed"));
    if (made->facts)
        json_object_set(details, "made", made->facts);
    if (made->text)
        json_object_set_new(details, "context", json_string(made->text));
    char *text = details ? json_dumps(details, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(details);
    if (!text)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a job's details");
    free(row->details);
    row->details = text;
    return 0;
}

int64_t result_charge(const struct result_price *price, int64_t duration_ms)
{
    const int64_t made = (duration_ms + 999) / 1000;
    if (price->seconds <= 0 || made >= price->seconds)
        return price->quoted;
    const int64_t fixed = price->fixed < 0 ? 0 : price->fixed > price->quoted ? price->quoted : price->fixed;
    return fixed + (int64_t)((__int128)(price->quoted - fixed) * made / price->seconds);
}

int result_finish(struct arrow *arrow, struct store_tx *tx, struct store_job *row, struct job_event *ret_event,
                  conch_error *err)
{
    struct result *result = arrow->context;
    const struct backend_result *made = result->made;
    struct result_price price = {.quoted = row->quoted, .seconds = row->seconds};
    int rc = job_finish(&row->job, result->step->fence, worker_now_ms(arrow->worker), ret_event, err);
    if (rc == 0)
        rc = file_add(tx, &result->file, err);
    if (rc == 0)
        rc = file_add(tx, &result->poster, err);
    if (rc == 0)
        rc = details_set(row, made, &price.fixed, err);
    if (rc < 0)
        return rc;
    row->file_id = result->file.id;
    row->poster_file_id = result->poster.id;
    row->expires_ms = result->file.expires_ms;
    if (!made->text) {
        row->width = made->width;
        row->height = made->height;
        row->fps = made->fps;
        row->seed = made->seed;
    }
    row->step = row->step_count;
    const bool timed = !made->text && made->duration_ms > 0;
    arrow->charge = timed ? result_charge(&price, made->duration_ms) : row->quoted;
    return 0;
}

struct wanted {
    const char *blob;
    bool used;
};

static int blob_wanted(void *context, struct store_tx *tx, conch_error *err)
{
    struct wanted *wanted = context;
    return store_blob_used(tx, wanted->blob, &wanted->used, err);
}

/* Where the store cannot be asked the blob stays: the sweep will find it. */
static void blob_drop(struct worker *worker, const char *blob)
{
    struct wanted wanted = {.blob = blob};
    if (*blob && store_read(worker->settings.store, blob_wanted, &wanted, NULL) == 0 && !wanted.used)
        blob_delete(worker->settings.blobs, blob, NULL);
}

void result_drop(struct result *result)
{
    blob_drop(result->step->worker, result->file.blob);
    blob_drop(result->step->worker, result->poster.blob);
}
