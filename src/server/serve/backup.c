/* A backup: database first, then the files that it names. A file whose row is there was written before the row, so only
 * what was deleted since can be missing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "server/serve/parts.h"
#include "server/serve/source.h"

enum { KEY_BYTES_MAX = 4096, OPEN_FOLDERS = 16 };

struct backup {
    const struct serve_backup_settings *settings;
    struct serve_backup result;
    struct parts parts;       /* what is copied */
    struct store *store;      /* the copy */
    struct blob_store *blobs; /* of the copy */
    char *partial;            /* TARGET.partial; NULL: not made, or in place */
    int64_t file_count, file_done;
    int64_t *absent; /* ids of files whose bytes are not there */
    size_t absent_count, absent_room;
    conch_error stopped; /* what `told` said to end it */
};

static int told(struct backup *backup, const char *what, int64_t done, int64_t total, conch_error *err)
{
    const struct serve_backup_settings *settings = backup->settings;
    return settings->told ? settings->told(settings->context, what, done, total, err) : 0;
}

static int path_make(char **ret_path, const char *folder, const char *name, conch_error *err)
{
    if (asprintf(ret_path, "%s/%s", folder, name) >= 0)
        return 0;
    *ret_path = NULL;
    return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
}

/* ---- the target ---- */

static int target_check(const char *target, conch_error *err)
{
    struct stat info;
    if (!*target)
        return conch_error_set(err, CONCH_ERR_RANGE, "the folder for the backup has no name");
    if (lstat(target, &info) < 0)
        return errno == ENOENT ? 0 : conch_error_errno(err, CONCH_ERR_IO, errno, "%s", target);
    if (!S_ISDIR(info.st_mode))
        return conch_error_set(err, CONCH_ERR_RANGE, "%s is there and is no folder", target);
    DIR *folder = opendir(target);
    if (!folder)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "cannot list %s", target);
    bool empty = true;
    for (const struct dirent *entry; empty && (entry = readdir(folder));)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(folder);
    return empty ? 0
                 : conch_error_set(err, CONCH_ERR_RANGE, "%s is not empty; a backup wants a folder of its own", target);
}

static int partial_make(struct backup *backup, conch_error *err)
{
    const char *target = backup->settings->target;
    size_t size = strlen(target);
    char *path = NULL;
    while (size > 1 && target[size - 1] == '/')
        size--;
    if (asprintf(&path, "%.*s.partial", (int)size, target) < 0)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
    int rc = 0;
    if (mkdir(path, 0700) < 0 && errno == EEXIST)
        rc = conch_error_set(err, CONCH_ERR_RANGE,
                             "%s is there: another backup is at work, or was killed; then remove it", path);
    else if (access(path, W_OK | X_OK) < 0)
        rc = conch_error_errno(err, errno == ENOENT ? CONCH_ERR_NOTFOUND : CONCH_ERR_IO, errno, "cannot create %s",
                               path);
    if (rc == 0)
        backup->partial = path;
    else
        free(path);
    return rc;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    return remove(path);
}

static void partial_remove(struct backup *backup)
{
    if (backup->partial)
        nftw(backup->partial, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static int folder_sync(const char *path, conch_error *err)
{
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int rc = folder < 0 || fsync(folder) < 0 ? conch_error_errno(err, CONCH_ERR_IO, errno, "cannot sync %s", path)
                                                   : 0;
    if (folder >= 0)
        close(folder);
    return rc;
}

static int put_in_place(struct backup *backup, conch_error *err)
{
    const char *target = backup->settings->target;
    int rc = blob_store_sync(backup->blobs, err);
    if (rc == 0)
        rc = folder_sync(backup->partial, err);
    if (rc == 0 && rename(backup->partial, target) < 0)
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot rename %s to %s", backup->partial, target);
    if (rc < 0)
        return rc;
    free(backup->partial);
    backup->partial = NULL;
    char *above = NULL;
    rc = path_make(&above, target, "..", err);
    if (rc == 0)
        rc = folder_sync(above, err);
    free(above);
    return rc;
}

/* ---- the database ---- */

static int database_told(void *context, int64_t done, int64_t total)
{
    struct backup *backup = context;
    return told(backup, "database", done, total, &backup->stopped);
}

static int database_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct backup *backup = context;
    char *path = NULL;
    int rc = path_make(&path, backup->partial, "conch.db", err);
    if (rc == 0)
        rc = store_copy(tx, &(struct store_copy){.path = path, .told = database_told, .context = backup}, err);
    if (rc == CONCH_ERR_CANCELLED && backup->stopped.code)
        *err = backup->stopped;
    free(path);
    return rc;
}

static int copy_open(struct backup *backup, conch_error *err)
{
    char *database = NULL, *blobs = NULL;
    struct stat info = {.st_size = 0};
    int rc = path_make(&database, backup->partial, "conch.db", err);
    if (rc == 0)
        rc = path_make(&blobs, backup->partial, "blobs", err);
    if (rc == 0 && stat(database, &info) < 0)
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "%s", database);
    if (rc == 0)
        rc = store_open(&backup->store, &(struct store_settings){.path = database, .readers = 1}, err);
    if (rc == 0)
        rc = blob_store_open(&backup->blobs, blobs, err);
    backup->result.database_bytes = info.st_size;
    free(database);
    free(blobs);
    return rc;
}

/* What only a server at work needs. */
static void copy_close(struct backup *backup)
{
    char *turn = NULL;
    store_close(backup->store);
    backup->store = NULL;
    if (backup->partial && path_make(&turn, backup->partial, "conch.db-turn", NULL) == 0)
        unlink(turn);
    free(turn);
}

/* ---- the files ---- */

static int absent_add(struct backup *backup, int64_t id, conch_error *err)
{
    if (backup->absent_count == backup->absent_room) {
        const size_t room = backup->absent_room ? 2 * backup->absent_room : 64;
        int64_t *longer = realloc(backup->absent, room * sizeof *longer);
        if (!longer)
            return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a list of files");
        backup->absent = longer;
        backup->absent_room = room;
    }
    backup->absent[backup->absent_count++] = id;
    return 0;
}

static int file_copy(void *context, const struct store_file_brief *file, conch_error *err)
{
    struct backup *backup = context;
    struct blob_copied copied;
    int rc = told(backup, "files", backup->file_done++, backup->file_count, err);
    if (rc < 0)
        return rc;
    conch_error cause = {0};
    rc = blob_copy(backup->parts.blobs, backup->blobs, file->blob, &copied, &cause);
    if (rc == CONCH_ERR_NOTFOUND) /* of a deleted one the bytes may have gone before */
        return file->deleted_ms ? 0 : absent_add(backup, file->id, err);
    if (rc < 0)
        return conch_error_set(err, rc, "%s", cause.text);
    if (copied.bytes != file->bytes)
        return conch_error_set(err, CONCH_ERR_FORMAT,
                               "file %lld has %lld bytes, its row says %lld: %s/blobs/%s is damaged",
                               (long long)file->id, (long long)copied.bytes, (long long)file->bytes,
                               backup->parts.config.server.data, file->blob);
    backup->result.files++;
    backup->result.bytes += copied.bytes;
    backup->result.linked += copied.linked;
    return 0;
}

static int files_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct backup *backup = context;
    int rc = store_file_count(tx, &backup->file_count, err);
    return rc == 0 ? store_file_each(tx, file_copy, backup, err) : rc;
}

struct absent {
    int64_t id;
    bool alive; /* as the source has it now */
};

static int absent_look(void *context, struct store_tx *tx, conch_error *err)
{
    struct absent *absent = context;
    struct store_file file;
    const int rc = store_file_get(tx, absent->id, 0, &file, err);
    absent->alive = rc == 0 && file.deleted_ms == 0;
    return rc == CONCH_ERR_NOTFOUND ? 0 : rc;
}

static int absent_delete(void *context, struct store_tx *tx, conch_error *err)
{
    const struct absent *absent = context;
    return store_file_delete(tx, absent->id, clock_wall_ms(), err);
}

/* Deleted since the database was copied: the copy is told so. What the source still believes in, it has lost. */
static int absent_settle(struct backup *backup, conch_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < backup->absent_count && rc == 0; i++) {
        struct absent absent = {.id = backup->absent[i]};
        rc = store_read(backup->parts.store, absent_look, &absent, err);
        if (rc == 0 && !absent.alive)
            rc = store_write(backup->store, absent_delete, &absent, err);
        backup->result.deleted += !absent.alive;
        backup->result.missing += absent.alive;
    }
    return rc;
}

static int key_copy(struct backup *backup, conch_error *err)
{
    char *from = NULL, *to = NULL;
    struct buf key;
    buf_init(&key, KEY_BYTES_MAX);
    int rc = source_path(&backup->parts.config, "admin.key", &from, err);
    if (rc == 0)
        rc = path_make(&to, backup->partial, "admin.key", err);
    if (rc == 0)
        rc = file_read(&key, from, err);
    if (rc == 0)
        rc = file_write_atomic(to, key.data ? key.data : "", key.size, err);
    if (rc == 0 && chmod(to, 0600) < 0)
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "%s", to);
    if (key.data)
        hash_wipe(key.data, key.size);
    buf_finish(&key);
    free(from);
    free(to);
    return rc;
}

/* ---- whether it is good ---- */

static void print_problem(void *context, const char *line)
{
    printf("  %s\n", line);
}

static int verify_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct backup *backup = context;
    struct store_audit audit = {.accounts = 0};
    int rc = store_check(tx, err);
    if (rc == 0)
        rc = store_audit(tx, print_problem, NULL, &audit, err);
    backup->result.jobs = audit.jobs;
    backup->result.problems = audit.problems;
    return rc;
}

static int make(struct backup *backup, conch_error *err)
{
    int rc = store_read(backup->parts.store, database_work, backup, err);
    if (rc == 0)
        rc = copy_open(backup, err);
    if (rc == 0)
        rc = store_read(backup->store, files_work, backup, err);
    if (rc == 0)
        rc = absent_settle(backup, err);
    if (rc == 0 && backup->settings->with_key)
        rc = key_copy(backup, err);
    if (rc == 0)
        rc = told(backup, "books", 0, 1, err);
    if (rc == 0)
        rc = store_read(backup->store, verify_work, backup, err);
    copy_close(backup);
    return rc == 0 ? put_in_place(backup, err) : rc;
}

int serve_backup(const struct serve_backup_settings *settings, struct serve_backup *ret, conch_error *err)
{
    struct backup backup = {.settings = settings};
    umask(077);
    int rc = parts_configure(&backup.parts, &settings->source, err);
    if (rc == 0)
        rc = parts_store(&backup.parts, &(struct parts_store){.read_only = true, .readers = 2}, err);
    if (rc == 0)
        rc = target_check(settings->target, err);
    if (rc == 0)
        rc = partial_make(&backup, err);
    if (rc == 0)
        rc = make(&backup, err);
    if (rc == 0)
        *ret = backup.result;
    partial_remove(&backup);
    blob_store_close(backup.blobs);
    parts_close(&backup.parts);
    free(backup.absent);
    free(backup.partial);
    return rc;
}
