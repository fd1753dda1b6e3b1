/* The part of db.h that is the same for every database. */
#include <string.h>

#include "server/store/db.h"

struct db_value db_int64(int64_t number)
{
    return (struct db_value){.kind = DB_VALUE_INT64, .number = number};
}

struct db_value db_text(const char *text)
{
    return text ? db_text_sized(text, strlen(text)) : db_null();
}

struct db_value db_text_sized(const char *text, size_t size)
{
    return (struct db_value){.kind = DB_VALUE_TEXT, .data = text, .size = size};
}

struct db_value db_blob(const void *data, size_t size)
{
    if (!data)
        return db_null();
    return (struct db_value){.kind = DB_VALUE_BLOB, .data = data, .size = size};
}

struct db_value db_null(void)
{
    return (struct db_value){.kind = DB_VALUE_NULL};
}

struct db_value db_id_or_null(int64_t id)
{
    return id ? db_int64(id) : db_null();
}

int db_run(struct db *db, const char *sql, struct db_values values, int64_t *ret_changed, conch_error *err)
{
    struct db_statement *statement = NULL;
    int rc = db_start(db, sql, values, &statement, err);
    if (rc == 0) {
        do
            rc = db_step(statement, err);
        while (rc == 1);
        if (rc == 0 && ret_changed)
            *ret_changed = db_changed(statement);
    }
    db_end(statement);
    return rc;
}

int db_number(struct db *db, const char *sql, struct db_values values, int64_t *ret_number, conch_error *err)
{
    struct db_statement *statement = NULL;
    int rc = db_start(db, sql, values, &statement, err);
    if (rc == 0)
        rc = db_step(statement, err);
    if (rc == 1) {
        int64_t number = db_column_int64(statement, 0);
        rc = db_step(statement, err); /* to its end: that of an INSERT ... RETURNING is only then reached */
        if (rc >= 0) {
            *ret_number = number;
            rc = 1;
        }
    }
    db_end(statement);
    if (rc == 0)
        return conch_error_set(err, CONCH_ERR_NOTFOUND, "%s: there is no row", db_name(db));
    return rc < 0 ? rc : 0;
}
