#include "server/store/db_migrate.h"

/* -1: a new database, without any table. */
static int version_read(struct db *db, int64_t *ret_version, conch_error *err)
{
    int64_t tables = 0;
    bool versioned = false;
    int rc = db_tables(db, &tables, &versioned, err);
    if (rc < 0)
        return rc;
    if (!versioned) {
        if (tables > 0)
            return conch_error_set(err, CONCH_ERR_UNSUPPORTED, "%s is a database of another program", db_name(db));
        *ret_version = -1;
        return 0;
    }
    return db_number(db, "SELECT version FROM schema_version", DB_NOTHING, ret_version, err);
}

static int version_check(struct db *db, const struct db_settings *settings, int64_t version, conch_error *err)
{
    int64_t known = (int64_t)settings->migration_count;
    if (version > known)
        return conch_error_set(
            err, CONCH_ERR_UNSUPPORTED,
            "%s was written by a newer conch (its tables have version %lld, this program knows %lld)", db_name(db),
            (long long)version, (long long)known);
    if (version < known && settings->role == DB_READER)
        return conch_error_set(err, CONCH_ERR_UNSUPPORTED,
                               "the tables of %s have version %lld, this program needs %lld; start the server once",
                               db_name(db), (long long)version, (long long)known);
    return 0;
}

/* One migration. Looks at the version again once it has the lock: another process may have been faster. */
static int step_run(struct db *db, const struct db_settings *settings, bool *ret_done, conch_error *err)
{
    int64_t version = 0;
    int rc = db_begin_write(db, err);
    if (rc < 0)
        return rc;
    rc = version_read(db, &version, err);
    if (rc == 0)
        rc = version_check(db, settings, version, err);
    if (rc < 0 || version == (int64_t)settings->migration_count) {
        db_rollback(db);
        *ret_done = true;
        return rc;
    }
    if (version < 0)
        rc = db_script(db,
                       "CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT;"
                       "INSERT INTO schema_version (version) VALUES (0);",
                       err);
    else
        rc = db_script(db, settings->migrations[version], err);
    if (rc == 0 && version >= 0)
        rc = db_run(db, "UPDATE schema_version SET version = $1", DB_WITH(db_int64(version + 1)), NULL, err);
    if (rc == 0)
        rc = db_commit(db, err);
    else
        db_rollback(db);
    *ret_done = rc < 0;
    return rc;
}

int db_migrate(struct db *db, const struct db_settings *settings, conch_error *err)
{
    int64_t version = 0;
    int rc = version_read(db, &version, err);
    if (rc == 0)
        rc = version_check(db, settings, version, err);
    if (rc < 0 || version == (int64_t)settings->migration_count)
        return rc; /* nearly always: nobody's lock is needed */
    for (bool done = false; rc == 0 && !done;)
        rc = step_run(db, settings, &done, err);
    return rc;
}
