/* What time brings: leases, files, lots and rows that have had theirs. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "server/queue/notify.h"
#include "server/queue/relay_inner.h"

enum {
    BATCH = 100,
    ORPHAN_MS = 3600 * 1000,
    PREVIEW_S = 3600,
    ROWS_KEPT_MS = 7 * 24 * 3600 * 1000, /* rows that nothing needs any more */
    PRUNE_ROUNDS_MAX = 100
};

static void trouble(const char *what, int rc, const conch_error *problem)
{
    if (rc < 0)
        log_warn(what, log_error_text(problem));
}

struct ids {
    struct relay *relay;
    int64_t ids[BATCH];
    size_t count;
    int64_t id; /* the one that is worked on */
};

/* ---- leases ---- */

static int lapsed_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct ids *ids = context;
    return store_job_lapsed(tx, relay_now_ms(ids->relay), ids->ids, &ids->count, err);
}

static int lapse_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct ids *ids = context;
    const int64_t now_ms = relay_now_ms(ids->relay);
    struct store_job row = {.hold_id = 0};
    struct job_event event;
    int64_t event_id = 0;
    int rc = store_job_get(tx, ids->id, 0, &row, err);
    if (rc < 0)
        return rc;
    if (!job_lapsed(&row.job, now_ms)) { /* it was renewed, or ended, a moment ago */
        store_job_finish(&row);
        return 0;
    }
    rc = job_lapse(&row.job, now_ms, &event, err);
    const struct store_job_step step = {.job = &row, .event = &event, .text = "its worker went silent"};
    if (rc == 0 && event.error == JOB_ERROR_WORKER_LOST) {
        free(row.error_text);
        row.error_text = strdup("the process that made this clip ended or stopped answering");
    }
    if (rc == 0)
        rc = store_job_step(tx, &step, &event_id, err);
    if (rc == 0)
        rc = queue_notify(tx, &row, &event, event_id, err);
    if (rc == 0)
        log_warn("a worker's lease ran out", log_id("job", row.job.id),
                 log_text("state", job_state_name(row.job.state)));
    store_job_finish(&row);
    return rc;
}

void sweep_leases(struct relay *relay)
{
    struct ids ids = {.relay = relay, .count = BATCH};
    conch_error problem;
    int rc = store_read(relay->settings.store, lapsed_work, &ids, &problem);
    trouble("lapsed leases cannot be read", rc, &problem);
    for (size_t i = 0; rc >= 0 && i < ids.count && !relay_stopped(relay); i++) {
        ids.id = ids.ids[i];
        trouble("a lapsed lease cannot be ended", store_write(relay->settings.store, lapse_work, &ids, &problem),
                &problem);
    }
}

/* ---- files ---- */

struct files {
    struct relay *relay;
    struct store_file *rows;
    size_t count;
    int64_t id;
};

static int jobs_expired_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct ids *ids = context;
    return store_job_expired(tx, relay_now_ms(ids->relay), ids->ids, &ids->count, err);
}

/* All files of one job. */
static int job_files_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct files *files = context;
    const struct store_file_filter filter = {.job_id = files->id};
    const struct store_page page = {.count = BATCH};
    int rc = store_file_list(tx, &filter, &page, files->rows, &files->count, err);
    for (size_t i = 0; rc == 0 && i < files->count; i++)
        rc = files->rows[i].deleted_ms ? 0 : store_file_delete(tx, files->rows[i].id, relay_now_ms(files->relay), err);
    return rc;
}

static int files_expired_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct files *files = context;
    return store_file_expired(tx, relay_now_ms(files->relay), files->rows, &files->count, err);
}

static int file_delete_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct files *files = context;
    return store_file_delete(tx, files->id, relay_now_ms(files->relay), err);
}

static int file_forget_work(void *context, struct store_tx *tx, conch_error *err)
{
    return store_file_forget(tx, ((struct files *)context)->id, err);
}

/* A file past its time is deleted; once no row has its blob any more, that goes and the row with it. */
static int file_expire(struct files *files, const struct store_file *file, conch_error *err)
{
    struct relay *relay = files->relay;
    files->id = file->id;
    if (!file->deleted_ms)
        return store_write(relay->settings.store, file_delete_work, files, err);
    int rc = file->blob[0] ? blob_delete(relay->settings.blobs, file->blob, err) : 0;
    return rc < 0 ? rc : store_write(relay->settings.store, file_forget_work, files, err);
}

static void jobs_expire(struct relay *relay, struct files *files)
{
    struct ids ids = {.relay = relay, .count = BATCH};
    conch_error problem;
    int rc = store_read(relay->settings.store, jobs_expired_work, &ids, &problem);
    for (size_t i = 0; rc >= 0 && i < ids.count && !relay_stopped(relay); i++) {
        files->id = ids.ids[i];
        rc = store_write(relay->settings.store, job_files_work, files, &problem);
    }
    trouble("expired results cannot be deleted", rc, &problem);
}

void sweep_files(struct relay *relay)
{
    struct files files = {.relay = relay, .rows = calloc(BATCH, sizeof(struct store_file))};
    conch_error problem;
    int rc = files.rows ? 0 : conch_error_set(&problem, CONCH_ERR_NOMEM, "no memory for a list of files");
    if (rc == 0)
        jobs_expire(relay, &files);
    size_t done = 1;
    for (int round = 0; rc == 0 && done > 0 && round < PRUNE_ROUNDS_MAX && !relay_stopped(relay); round++) {
        files.count = BATCH;
        rc = store_read(relay->settings.store, files_expired_work, &files, &problem);
        done = 0;
        for (size_t i = 0; rc == 0 && i < files.count; i++, done++)
            rc = file_expire(&files, &files.rows[i], &problem);
    }
    trouble("expired files cannot be deleted", rc, &problem);
    free(files.rows);
}

/* ---- blobs without a row ---- */

struct orphan {
    struct relay *relay;
    const char *blob;
    bool used;
    size_t deleted;
};

static int used_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct orphan *orphan = context;
    return store_blob_used(tx, orphan->blob, &orphan->used, err);
}

static int orphan_visit(void *context, const char *key)
{
    struct orphan *orphan = context;
    orphan->blob = key;
    if (store_read(orphan->relay->settings.store, used_work, orphan, NULL) == 0 && !orphan->used &&
        blob_delete(orphan->relay->settings.blobs, key, NULL) == 0)
        orphan->deleted++;
    return relay_stopped(orphan->relay);
}

void sweep_orphans(struct relay *relay)
{
    struct orphan orphan = {.relay = relay};
    conch_error problem;
    /* by the clock of the files themselves, not by the queue's */
    int rc = blob_sweep(relay->settings.blobs, clock_wall_ms() - ORPHAN_MS, orphan_visit, &orphan, &problem);
    trouble("the blobs cannot be swept", rc, &problem);
    if (orphan.deleted)
        log_info("blobs that no row names were deleted", log_number("count", (int64_t)orphan.deleted));
}

/* A job's process removes its preview; one that was killed cannot. */
void sweep_previews(struct relay *relay)
{
    const char *path = relay->settings.preview_folder;
    struct stat info;
    DIR *folder = path ? opendir(path) : NULL;
    const int64_t before_s = clock_wall_ms() / 1000 - PREVIEW_S;
    for (const struct dirent *entry; folder && (entry = readdir(folder));)
        if (entry->d_name[0] != '.' && fstatat(dirfd(folder), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(info.st_mode) && info.st_mtime < before_s)
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
}

/* ---- rows ---- */

struct rows {
    struct relay *relay;
    bool done;
    int64_t count;
};

static int lots_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct rows *rows = context;
    return store_expire_lots(tx, relay_now_ms(rows->relay), BATCH, &rows->done, err);
}

void sweep_lots(struct relay *relay)
{
    struct rows rows = {.relay = relay};
    conch_error problem;
    int rc = 0;
    for (int round = 0; rc == 0 && !rows.done && round < PRUNE_ROUNDS_MAX && !relay_stopped(relay); round++)
        rc = store_write(relay->settings.store, lots_work, &rows, &problem);
    trouble("expired lots cannot be booked", rc, &problem);
}

static int prune_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct rows *rows = context;
    const int64_t now_ms = relay_now_ms(rows->relay);
    return store_prune(tx, now_ms, now_ms - ROWS_KEPT_MS, BATCH, err);
}

void sweep_rows(struct relay *relay)
{
    struct rows rows = {.relay = relay};
    conch_error problem;
    trouble("old rows cannot be pruned", store_write(relay->settings.store, prune_work, &rows, &problem), &problem);
}

/* ---- what nobody has decided yet ---- */

static int unknown_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct ids *ids = context;
    struct store_job *jobs = calloc(BATCH, sizeof *jobs);
    if (!jobs)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a list of jobs");
    const struct store_job_filter filter = {.states = 1u << JOB_UNKNOWN};
    const struct store_page page = {.count = BATCH, .ascending = true};
    const int64_t before_ms = relay_now_ms(ids->relay) - ids->relay->settings.config->jobs.unknown_alert_after_ms;
    size_t count = 0;
    int rc = store_job_list(tx, &filter, &page, jobs, &count, err);
    ids->count = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (jobs[i].job.state_ms < before_ms)
            ids->ids[ids->count++] = jobs[i].job.id;
        store_job_finish(&jobs[i]);
    }
    free(jobs);
    return rc;
}

void sweep_unknown(struct relay *relay)
{
    struct ids ids = {.relay = relay};
    conch_error problem;
    int rc = store_read(relay->settings.store, unknown_work, &ids, &problem);
    trouble("jobs of unknown outcome cannot be read", rc, &problem);
    for (size_t i = 0; rc == 0 && i < ids.count; i++)
        log_warn("the outcome of a job is unknown, and an operator is to decide", log_id("job", ids.ids[i]));
}
