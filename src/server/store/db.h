/* One connection to one database, behind SQL that is written once.
 *
 * SQLite stands behind it (db_sqlite.c); nothing here shows that, so that another database can. Rules for the SQL:
 *   - parameters are $1 .. $n (n <= DB_VALUES_MAX), each used at least once;
 *   - values are int64, text (UTF-8), blob and null; flags are 0 and 1; times are Unix milliseconds;
 *   - a statement is a string that lives as long as the connection and never changes (a literal): connections keep what
 *     they prepared under the address of its text;
 *   - INSERT ... RETURNING and ON CONFLICT ... DO are there; nothing else beyond common SQL is used;
 *   - after an error the transaction, or its part, is to be undone before anything else is asked in it;
 *   - tables are made by migrations, in SQLite's words: INTEGER, TEXT, BLOB, INTEGER PRIMARY KEY AUTOINCREMENT, STRICT,
 * WITHOUT ROWID. Another database's driver translates those words and no others (BIGINT, TEXT, BYTEA, BIGINT GENERATED
 * BY DEFAULT AS IDENTITY PRIMARY KEY, nothing).
 *
 * A connection is used by one thread at a time and does not outlive a fork. Every error text names the database.
 * Beside what each function says, all that touch the database return:
 *   CONCH_ERR_DISKFULL  no room left (or the limit of file sizes); the transaction is lost
 *   CONCH_ERR_LIMIT     another process has it locked for longer than busy_ms; waiting may help
 *   CONCH_ERR_FORMAT    the file is damaged, or it is no database
 *   CONCH_ERR_NOMEM, CONCH_ERR_IO, CONCH_ERR_INTERNAL (SQL that cannot be: a bug of ours)
 *   DB_ERR_CONFLICT     a row of that key is there already, or a row that it points to is not (constraints) */
#ifndef SERVER_STORE_DB_H
#define SERVER_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"

/* Beside the codes of conch/error.h. */
enum { DB_ERR_CONFLICT = -120 };

enum {
    DB_VALUES_MAX = 64,      /* parameters of one statement */
    DB_STATEMENTS_MAX = 192, /* kept prepared by one connection; above, all that are idle are forgotten */
    DB_BUSY_MS = 10000       /* default of busy_ms */
};

struct db;
struct db_statement;

enum db_role {
    DB_WRITER, /* may do everything, and brings the tables up to date when it opens */
    DB_READER  /* reads only: a write is CONCH_ERR_INTERNAL; waits for no writer */
};

struct db_settings {
    const char *path; /* of the file; its folder exists. (An URL, once there are databases that have one.) */
    enum db_role role;
    int busy_ms;                   /* 0: DB_BUSY_MS */
    const char *const *migrations; /* [i] leads from version i to i + 1; each may be several statements */
    size_t migration_count;
};

/* Opens; a DB_WRITER makes the file (mode 0600) when there is none and runs the migrations that it has not seen, each
 * in a transaction of its own. Two processes may do so at once. The strings of settings are not copied.
 *   CONCH_ERR_NOTFOUND     a reader, and there is no file, or the folder is missing
 *   CONCH_ERR_UNSUPPORTED  the database is of a newer version than the migrations know (of an older, for a reader), or
 *                          belongs to another program */
int db_open(const struct db_settings *settings, struct db **ret_db, conch_error *err);
void db_close(struct db *db);

/* One parameter. Text and blob are not copied: they stay as they are until db_end. */
struct db_value {
    enum { DB_VALUE_NULL, DB_VALUE_INT64, DB_VALUE_TEXT, DB_VALUE_BLOB } kind;
    int64_t number;
    const void *data;
    size_t size;
};

struct db_value db_int64(int64_t number);
struct db_value db_text(const char *text); /* NULL: null */
struct db_value db_text_sized(const char *text, size_t size);
struct db_value db_blob(const void *data, size_t size); /* data NULL: null */
struct db_value db_null(void);
struct db_value db_id_or_null(int64_t id); /* 0: null; for references that may be missing */

struct db_values {
    const struct db_value *items;
    size_t count;
};

/* DB_WITH(db_int64(id), db_text(name)) is the parameters $1 and $2; they live to the end of the block. */
#define DB_WITH(...)                                                                                                   \
    ((struct db_values){(const struct db_value[]){__VA_ARGS__},                                                        \
                        sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value)})
#define DB_NOTHING ((struct db_values){NULL, 0})

/* Begins a statement; the rows come from db_step. The values must be as many as the SQL has parameters (asserted).
 * db_end always follows, also after an error of db_step; a statement of one text is not begun twice at once. */
int db_start(struct db *db, const char *sql, struct db_values values, struct db_statement **ret_statement,
             conch_error *err);

/* 1: there is a row, the columns can be read; 0: no more rows; or a negative code. */
int db_step(struct db_statement *statement, conch_error *err);

/* Columns of the present row, from 0. Pointers are good until the next db_step or db_end. A null is 0, NULL, size 0. */
int64_t db_column_int64(struct db_statement *statement, int column);
const char *db_column_text(struct db_statement *statement, int column);
const void *db_column_blob(struct db_statement *statement, int column, size_t *ret_size);
size_t db_column_size(struct db_statement *statement, int column); /* bytes of a text (without its NUL) or blob */
bool db_column_null(struct db_statement *statement, int column);

/* How many rows an INSERT, UPDATE or DELETE changed, once db_step has returned 0. */
int64_t db_changed(const struct db_statement *statement);

void db_end(struct db_statement *statement); /* takes NULL */

/* A statement whose rows nobody wants. ret_changed may be NULL. */
int db_run(struct db *db, const char *sql, struct db_values values, int64_t *ret_changed, conch_error *err);

/* A statement of one row and one number, also RETURNING. CONCH_ERR_NOTFOUND without a row (the text says "no row"). */
int db_number(struct db *db, const char *sql, struct db_values values, int64_t *ret_number, conch_error *err);

/* Transactions. A write transaction has the lock from its first moment: what it reads stays so until it ends. Writers
 * of several processes take turns. A read transaction sees the database as it was at its first statement. */
int db_begin_write(struct db *db, conch_error *err);
int db_begin_read(struct db *db, conch_error *err);
int db_commit(struct db *db, conch_error *err); /* durable once it returns 0; after an error nothing was written */
void db_rollback(struct db *db);                /* also without a transaction */
bool db_in_transaction(const struct db *db);    /* false also when an error has ended it */

/* A part of a write transaction that can be undone alone; they do not nest. */
int db_part_begin(struct db *db, conch_error *err);
int db_part_keep(struct db *db, conch_error *err);
int db_part_undo(struct db *db, conch_error *err);

/* Reads every page and index and says whether they fit together: CONCH_ERR_FORMAT with what it found first. */
int db_check(struct db *db, conch_error *err);

/* Copies the database into a new file of mode 0600, beside whoever writes: as it is at this moment, or in a read
 * transaction as that sees it. Nothing of the copy is good when this fails; the caller removes the file. told: how many
 * pages of how many; other than 0 ends the copying with CONCH_ERR_CANCELLED. May be NULL. CONCH_ERR_RANGE: there is a
 * file of that name. */
struct db_copy {
    const char *path;
    int (*told)(void *context, int64_t done, int64_t total);
    void *context;
};
int db_copy(struct db *db, const struct db_copy *copy, conch_error *err);

/* A number that changes when another connection, of any process, has committed. To be compared only with what the same
 * connection said before, outside a transaction. Costs next to nothing. */
int db_version(struct db *db, int64_t *ret_version, conch_error *err);

/* Moves what the log holds into the file, as far as other connections let it. */
int db_checkpoint(struct db *db, conch_error *err);

const char *db_name(const struct db *db); /* for texts: the path */

#endif
