/* Copying a database that is in use: SQLite's online backup. A read transaction stays open on the source meanwhile, or
 * a writer would make the copying begin anew with every commit. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/store/db_sqlite.h"

enum { STEP_PAGES = 512 };

static int file_claim(const char *path, conch_error *err)
{
    const int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0 && errno == EEXIST)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s is there already", path);
    if (file < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "cannot create %s", path);
    close(file);
    return 0;
}

static int pages_copy(sqlite3_backup *backup, const struct db_copy *copy, struct db *target, conch_error *err)
{
    for (;;) {
        const int rc = sqlite3_backup_step(backup, STEP_PAGES);
        const int total = sqlite3_backup_pagecount(backup), left = sqlite3_backup_remaining(backup);
        if (rc == SQLITE_DONE)
            return 0;
        if (rc != SQLITE_OK)
            return sqlite_fail(target, rc, err);
        if (copy->told && copy->told(copy->context, total - left, total) != 0)
            return conch_error_set(err, CONCH_ERR_CANCELLED, "the copy was stopped");
    }
}

static int target_open(struct db *target, conch_error *err)
{
    const int rc = sqlite3_open_v2(target->path, &target->handle,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (!target->handle)
        return conch_error_set(err, CONCH_ERR_NOMEM, "%s: no memory", target->path);
    return rc == SQLITE_OK ? 0 : sqlite_fail(target, rc, err);
}

int db_copy(struct db *db, const struct db_copy *copy, conch_error *err)
{
    const bool own = !db_in_transaction(db);
    int64_t tables = 0;
    struct db *target = calloc(1, sizeof *target); /* as far as errors need it */
    if (!target)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a database connection");
    target->path = (char *)(uintptr_t)copy->path;
    target->role = DB_WRITER;
    target->busy_ms = db->busy_ms;
    int rc = file_claim(copy->path, err);
    if (rc < 0) {
        free(target);
        return rc;
    }
    if (own)
        rc = db_begin_read(db, err);
    if (rc == 0) /* the transaction sees the database from its first statement on */
        rc = db_number(db, "SELECT count(*) FROM sqlite_schema", DB_NOTHING, &tables, err);
    if (rc == 0)
        rc = target_open(target, err);
    sqlite3_backup *backup = rc == 0 ? sqlite3_backup_init(target->handle, "main", db->handle, "main") : NULL;
    if (rc == 0 && !backup)
        rc = sqlite_fail(target, sqlite3_extended_errcode(target->handle), err);
    if (backup) {
        rc = pages_copy(backup, copy, target, err);
        const int end = sqlite3_backup_finish(backup);
        if (rc == 0 && end != SQLITE_OK)
            rc = sqlite_fail(target, end, err);
    }
    sqlite3_close(target->handle);
    free(target);
    if (own)
        db_rollback(db);
    return rc;
}
