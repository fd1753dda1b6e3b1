/* Statements of the SQLite driver: prepared once a connection, found again by the address of their text. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/db_sqlite.h"

static struct db_statement *statement_place(struct db *db, const char *sql)
{
    uint64_t hash = (uint64_t)(uintptr_t)sql * 0x9e3779b97f4a7c15u;
    for (size_t i = hash >> 32;; i++) {
        struct db_statement *statement = &db->statements[i % STATEMENT_PLACES];
        if (!statement->sql || statement->sql == sql)
            return statement;
    }
}

void statements_finish(struct db *db)
{
    for (size_t i = 0; i < STATEMENT_PLACES; i++) {
        assert(!db->statements[i].running);
        sqlite3_finalize(db->statements[i].handle);
    }
    memset(db->statements, 0, sizeof(db->statements));
    db->statement_count = 0;
}

/* Above the limit all are forgotten, when none is running; in a program whose texts are literals that never happens. */
static void statements_make_room(struct db *db)
{
    if (db->statement_count < DB_STATEMENTS_MAX)
        return;
    for (size_t i = 0; i < STATEMENT_PLACES; i++)
        if (db->statements[i].running)
            return;
    statements_finish(db);
}

/* SQLite numbers $names by their first appearance; we want $n to be the n-th value. */
static void places_find(struct db_statement *statement)
{
    int count = sqlite3_bind_parameter_count(statement->handle);
    assert(count <= DB_VALUES_MAX);
    for (int i = 1; i <= count; i++) {
        const char *name = sqlite3_bind_parameter_name(statement->handle, i);
        assert(name && name[0] == '$');
        int n = atoi(name + 1);
        assert(n >= 1 && n <= count);
        statement->place[n] = i;
    }
    statement->value_count = count;
}

static int statement_prepare(struct db *db, struct db_statement *statement, const char *sql, conch_error *err)
{
    sqlite3_stmt *handle = NULL;
    const char *rest = NULL;
    int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, &rest);
    if (rc != SQLITE_OK)
        return sqlite_fail(db, rc, err);
    assert(handle && !*rest); /* one statement, and no more */
    statement->db = db;
    statement->sql = sql;
    statement->handle = handle;
    places_find(statement);
    db->statement_count++;
    return 0;
}

static int value_bind(struct db_statement *statement, int place, const struct db_value *value)
{
    switch (value->kind) {
    case DB_VALUE_INT64: return sqlite3_bind_int64(statement->handle, place, value->number);
    case DB_VALUE_TEXT:
        return sqlite3_bind_text64(statement->handle, place, value->data, value->size, SQLITE_STATIC, SQLITE_UTF8);
    case DB_VALUE_BLOB: return sqlite3_bind_blob64(statement->handle, place, value->data, value->size, SQLITE_STATIC);
    case DB_VALUE_NULL: break;
    }
    return sqlite3_bind_null(statement->handle, place);
}

int db_start(struct db *db, const char *sql, struct db_values values, struct db_statement **ret_statement,
             conch_error *err)
{
    statements_make_room(db);
    struct db_statement *statement = statement_place(db, sql);
    if (!statement->sql) {
        int rc = statement_prepare(db, statement, sql, err);
        if (rc < 0)
            return rc;
    }
    assert(!statement->running);
    assert((size_t)statement->value_count == values.count);
    for (size_t i = 0; i < values.count; i++) {
        int rc = value_bind(statement, statement->place[i + 1], &values.items[i]);
        if (rc != SQLITE_OK) {
            sqlite3_clear_bindings(statement->handle);
            return sqlite_fail(db, rc, err);
        }
    }
    statement->running = true;
    statement->changed = 0;
    *ret_statement = statement;
    return 0;
}

int db_step(struct db_statement *statement, conch_error *err)
{
    assert(statement->running);
    int rc = sqlite3_step(statement->handle);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc != SQLITE_DONE)
        return sqlite_fail(statement->db, rc, err);
    statement->changed = sqlite3_stmt_readonly(statement->handle) ? 0 : sqlite3_changes64(statement->db->handle);
    return 0;
}

int64_t db_column_int64(struct db_statement *statement, int column)
{
    return sqlite3_column_int64(statement->handle, column);
}

const char *db_column_text(struct db_statement *statement, int column)
{
    return (const char *)sqlite3_column_text(statement->handle, column);
}

const void *db_column_blob(struct db_statement *statement, int column, size_t *ret_size)
{
    const void *data = sqlite3_column_blob(statement->handle, column);
    *ret_size = (size_t)sqlite3_column_bytes(statement->handle, column);
    return data;
}

size_t db_column_size(struct db_statement *statement, int column)
{
    return (size_t)sqlite3_column_bytes(statement->handle, column);
}

bool db_column_null(struct db_statement *statement, int column)
{
    return sqlite3_column_type(statement->handle, column) == SQLITE_NULL;
}

int64_t db_changed(const struct db_statement *statement)
{
    return statement->changed;
}

void db_end(struct db_statement *statement)
{
    if (!statement || !statement->running)
        return;
    sqlite3_reset(statement->handle); /* repeats the error that db_step has told of */
    sqlite3_clear_bindings(statement->handle);
    statement->running = false;
}
