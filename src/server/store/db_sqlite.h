/* What the two files of the SQLite driver share. */
#ifndef SERVER_STORE_DB_SQLITE_H
#define SERVER_STORE_DB_SQLITE_H

#include <sqlite3.h>

#include "server/store/db.h"

struct db_statement {
    struct db *db;
    const char *sql; /* its address is the key; NULL: the place is free */
    sqlite3_stmt *handle;
    int place[DB_VALUES_MAX + 1]; /* SQLite's number of parameter $n */
    int value_count;
    bool running;
    int64_t changed;
};

/* Twice as many places as statements, so that a free one is near. */
enum { STATEMENT_PLACES = 512 };
_Static_assert(STATEMENT_PLACES > 2 * DB_STATEMENTS_MAX, "the table of statements must stay half empty");

struct db {
    sqlite3 *handle;
    char *path;
    enum db_role role;
    int busy_ms;
    int64_t busy_since_ns; /* of the wait that is going on */
    int turn_fd;           /* -1: not opened yet; see turn_take */
    bool writing;          /* in a write transaction, as far as we began one */
    size_t statement_count;
    struct db_statement statements[STATEMENT_PLACES];
};

/* Turns a result code of SQLite into ours; doing: "open", "write", ... */
int sqlite_fail(struct db *db, int code, conch_error *err);

/* For db_close. */
void statements_finish(struct db *db);

/* Sleeps a little; false when `busy_ms` have gone by since since_ns. */
bool busy_sleep(const struct db *db, int64_t since_ns, int attempt);

#endif
