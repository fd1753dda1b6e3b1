/* SQLite behind db.h: opening, errors, transactions. Statements are in db_sqlite_statement.c.
 *
 * WAL with synchronous=FULL: a commit is one write to the log and one sync; readers go on beside the writer. Caches are
 * small, because a server keeps several connections open and the system's own page cache is behind them anyway. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crash.h"
#include "server/store/db_migrate.h"
#include "server/store/db_sqlite.h"

/* A commit that leaves the log longer than this moves it into the file (pages of 4 KiB); it is cut to the second number
 * when it begins anew. */
#define CHECKPOINT "PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 33554432;"

static const char pragmas_of_all[] = "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;"
                                     "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;";
static const char pragmas_of_writer[] = "PRAGMA synchronous = FULL; PRAGMA cache_size = -4096;" CHECKPOINT;
static const char pragmas_of_reader[] = "PRAGMA cache_size = -512; PRAGMA query_only = ON;";

static bool no_room(int errno_value)
{
    return errno_value == ENOSPC || errno_value == EDQUOT || errno_value == EFBIG;
}

/* The log keeps its own errno, and what SQLite does after a failed write may have overwritten the general one. */
static int log_errno(struct db *db)
{
    sqlite3_file *file = NULL;
    int value = 0;
    if (sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK || !file ||
        !file->pMethods)
        return 0;
    file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &value);
    return value;
}

static int write_errno(struct db *db, int code)
{
    int value = sqlite3_system_errno(db->handle);
    if (value == 0 && code == SQLITE_IOERR_WRITE)
        value = log_errno(db);
    if (value == 0 && code == SQLITE_IOERR_WRITE)
        sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_LAST_ERRNO, &value);
    return value;
}

int sqlite_fail(struct db *db, int code, conch_error *err)
{
    const char *why = sqlite3_errmsg(db->handle);
    int errno_value = write_errno(db, code);
    switch (code & 0xff) {
    case SQLITE_FULL: return conch_error_set(err, CONCH_ERR_DISKFULL, "%s: no room is left on the disk", db->path);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        if (no_room(errno_value) || code == SQLITE_IOERR_SHMSIZE)
            return conch_error_set(err, CONCH_ERR_DISKFULL, "%s: no room is left on the disk", db->path);
        if (code == SQLITE_IOERR_NOMEM)
            return conch_error_set(err, CONCH_ERR_NOMEM, "%s: no memory", db->path);
        return errno_value ? conch_error_errno(err, CONCH_ERR_IO, errno_value, "%s: %s", db->path, why)
                           : conch_error_set(err, CONCH_ERR_IO, "%s: %s", db->path, why);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return conch_error_set(err, CONCH_ERR_LIMIT, "%s: another process has kept it locked for %d ms", db->path,
                               db->busy_ms);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s is damaged or no database: %s", db->path, why);
    case SQLITE_NOMEM: return conch_error_set(err, CONCH_ERR_NOMEM, "%s: no memory", db->path);
    case SQLITE_TOOBIG: return conch_error_set(err, CONCH_ERR_LIMIT, "%s: a value is too long", db->path);
    case SQLITE_CONSTRAINT:
        if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
            code == SQLITE_CONSTRAINT_ROWID || code == SQLITE_CONSTRAINT_FOREIGNKEY)
            return conch_error_set(err, DB_ERR_CONFLICT, "%s: %s", db->path, why);
        break;
    case SQLITE_READONLY:
        if (db->role == DB_WRITER)
            return conch_error_set(err, CONCH_ERR_IO, "%s: %s", db->path, why);
        break;
    }
    return conch_error_set(err, CONCH_ERR_INTERNAL, "%s: %s (%d)", db->path, why, code);
}

bool busy_sleep(const struct db *db, int64_t since_ns, int attempt)
{
    if (clock_steady_ns() - since_ns >= (int64_t)db->busy_ms * 1000000)
        return false;
    long ns = 200000L * (attempt < 9 ? attempt + 1 : 10); /* 0.2 ms .. 2 ms */
    nanosleep(&(struct timespec){0, ns}, NULL);
    return true;
}

static int on_busy(void *context, int attempt)
{
    struct db *db = context;
    if (attempt == 0)
        db->busy_since_ns = clock_steady_ns();
    return busy_sleep(db, db->busy_since_ns, attempt);
}

int db_script(struct db *db, const char *sql, conch_error *err)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : sqlite_fail(db, rc, err);
}

int db_tables(struct db *db, int64_t *ret_tables, bool *ret_versioned, conch_error *err)
{
    int64_t versioned = 0;
    int rc = db_number(db, "SELECT count(*) FROM sqlite_schema", DB_NOTHING, ret_tables, err);
    if (rc == 0)
        rc = db_number(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'",
                       DB_NOTHING, &versioned, err);
    *ret_versioned = versioned > 0;
    return rc;
}

/* Turning the log on needs the file for itself for a moment, and SQLite does not always ask the busy handler then. */
static int log_on(struct db *db, conch_error *err)
{
    int64_t since_ns = clock_steady_ns();
    int rc = SQLITE_OK;
    for (int attempt = 0;; attempt++) {
        rc = sqlite3_exec(db->handle, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
        if ((rc & 0xff) != SQLITE_BUSY || !busy_sleep(db, since_ns, attempt))
            break;
    }
    return rc == SQLITE_OK ? 0 : sqlite_fail(db, rc, err);
}

/* A file of our own mode; SQLite gives its log the same one. */
static int file_make(const char *path, conch_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        return 0;
    }
    if (errno == EEXIST)
        return 0;
    return conch_error_errno(err, errno == ENOENT ? CONCH_ERR_NOTFOUND : CONCH_ERR_IO, errno, "cannot create %s", path);
}

static int handle_open(struct db *db, conch_error *err)
{
    int rc = 0;
    if (db->role == DB_WRITER)
        rc = file_make(db->path, err);
    else if (access(db->path, F_OK) < 0)
        rc = conch_error_errno(err, errno == ENOENT ? CONCH_ERR_NOTFOUND : CONCH_ERR_IO, errno, "cannot open %s",
                               db->path);
    if (rc < 0)
        return rc;
    rc = sqlite3_open_v2(db->path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                         NULL);
    if (!db->handle)
        return conch_error_set(err, CONCH_ERR_NOMEM, "%s: no memory", db->path);
    if (rc != SQLITE_OK)
        return sqlite_fail(db, rc, err);
    sqlite3_busy_handler(db->handle, on_busy, db);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    return 0;
}

/* Counting every allocation costs a lock that all threads share; nobody reads the numbers. */
static void sqlite_begin(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_initialize();
}

int db_open(const struct db_settings *settings, struct db **ret_db, conch_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, sqlite_begin);
    assert(settings->busy_ms >= 0);
    struct db *db = calloc(1, sizeof(*db));
    if (!db)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a database connection");
    db->turn_fd = -1;
    db->role = settings->role;
    db->busy_ms = settings->busy_ms ? settings->busy_ms : DB_BUSY_MS;
    int rc = 0;
    if (!(db->path = strdup(settings->path)))
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a database connection");
    if (rc == 0)
        rc = handle_open(db, err);
    if (rc == 0 && db->role == DB_WRITER)
        rc = log_on(db, err);
    if (rc == 0)
        rc = db_script(db, pragmas_of_all, err);
    if (rc == 0)
        rc = db_script(db, db->role == DB_WRITER ? pragmas_of_writer : pragmas_of_reader, err);
    if (rc == 0)
        rc = db_migrate(db, settings, err);
    if (rc == 0) {
        *ret_db = db;
        db = NULL;
    }
    db_close(db);
    return rc;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    db_rollback(db);
    statements_finish(db);
    int rc = sqlite3_close(db->handle);
    assert(rc == SQLITE_OK); /* else a statement is still open */
    (void)rc;
    if (db->turn_fd >= 0)
        close(db->turn_fd);
    free(db->path);
    free(db);
}

const char *db_name(const struct db *db)
{
    return db->path;
}

/* Writers of several processes take turns. SQLite's lock has no queue: a process that writes without pause takes it
 * again at once, and one that waits with short sleeps may wait for seconds. So who wants the lock first takes
 * PATH-turn, and gives it back when it has the lock: who comes again has to line up behind who holds the turn. */
static int turn_take(struct db *db, conch_error *err)
{
    if (db->turn_fd < 0) {
        char *path = sqlite3_mprintf("%s-turn", db->path);
        if (!path)
            return conch_error_set(err, CONCH_ERR_NOMEM, "%s: no memory", db->path);
        db->turn_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        int errno_value = errno;
        sqlite3_free(path);
        if (db->turn_fd < 0)
            return conch_error_errno(err, CONCH_ERR_IO, errno_value, "cannot open %s-turn", db->path);
    }
    int64_t since_ns = clock_steady_ns();
    for (int attempt = 0; flock(db->turn_fd, LOCK_EX | LOCK_NB) < 0; attempt++) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return conch_error_errno(err, CONCH_ERR_IO, errno, "cannot lock %s-turn", db->path);
        if (!busy_sleep(db, since_ns, attempt))
            return sqlite_fail(db, SQLITE_BUSY, err);
    }
    return 0;
}

int db_begin_write(struct db *db, conch_error *err)
{
    assert(db->role == DB_WRITER);
    int rc = turn_take(db, err);
    if (rc < 0)
        return rc;
    rc = db_run(db, "BEGIN IMMEDIATE", DB_NOTHING, NULL, err);
    flock(db->turn_fd, LOCK_UN);
    db->writing = rc == 0;
    return rc;
}

int db_begin_read(struct db *db, conch_error *err)
{
    db->writing = false;
    return db_run(db, "BEGIN DEFERRED", DB_NOTHING, NULL, err);
}

int db_commit(struct db *db, conch_error *err)
{
    bool writing = db->writing;
    if (writing)
        crash_point();
    int rc = db_run(db, "COMMIT", DB_NOTHING, NULL, err);
    if (rc < 0)
        db_rollback(db);
    else if (writing)
        crash_point();
    db->writing = false;
    return rc;
}

void db_rollback(struct db *db)
{
    if (db_in_transaction(db)) /* cannot fail in a way that leaves it open: SQLite forgets what was not committed */
        db_run(db, "ROLLBACK", DB_NOTHING, NULL, NULL);
    db->writing = false;
}

bool db_in_transaction(const struct db *db)
{
    return db->handle && !sqlite3_get_autocommit(db->handle);
}

int db_part_begin(struct db *db, conch_error *err)
{
    return db_run(db, "SAVEPOINT part", DB_NOTHING, NULL, err);
}

int db_part_keep(struct db *db, conch_error *err)
{
    return db_run(db, "RELEASE part", DB_NOTHING, NULL, err);
}

int db_part_undo(struct db *db, conch_error *err)
{
    int rc = db_run(db, "ROLLBACK TO part", DB_NOTHING, NULL, err);
    return rc < 0 ? rc : db_run(db, "RELEASE part", DB_NOTHING, NULL, err);
}

int db_version(struct db *db, int64_t *ret_version, conch_error *err)
{
    return db_number(db, "PRAGMA data_version", DB_NOTHING, ret_version, err);
}

int db_check(struct db *db, conch_error *err)
{
    struct db_statement *statement = NULL;
    int rc = db_start(db, "PRAGMA integrity_check(1)", DB_NOTHING, &statement, err);
    if (rc == 0)
        rc = db_step(statement, err);
    if (rc == 1) {
        const char *found = db_column_text(statement, 0);
        rc = 0;
        if (!found || strcmp(found, "ok") != 0)
            rc = conch_error_set(err, CONCH_ERR_FORMAT, "%s is damaged: %s", db->path, found ? found : "no memory");
    }
    db_end(statement);
    return rc;
}

int db_checkpoint(struct db *db, conch_error *err)
{
    int rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY ? 0 : sqlite_fail(db, rc, err);
}
