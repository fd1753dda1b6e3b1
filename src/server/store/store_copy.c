/* What a backup needs of the store. */
#include "server/store/store_inner.h"

int store_copy(struct store_tx *tx, const struct store_copy *copy, conch_error *err)
{
    return db_copy(tx->db, &(struct db_copy){.path = copy->path, .told = copy->told, .context = copy->context}, err);
}

int store_check(struct store_tx *tx, conch_error *err)
{
    return db_check(tx->db, err);
}

int store_file_each(struct store_tx *tx,
                    int (*visit)(void *context, const struct store_file_brief *file, conch_error *err), void *context,
                    conch_error *err)
{
    struct db_statement *statement = NULL;
    int rc = db_start(tx->db, "SELECT id, bytes, deleted_ms, blob FROM file ORDER BY id", DB_NOTHING, &statement, err);
    while (rc == 0 && (rc = db_step(statement, err)) == 1) {
        const struct store_file_brief file = {.id = db_column_int64(statement, 0),
                                              .bytes = db_column_int64(statement, 1),
                                              .deleted_ms = db_column_int64(statement, 2),
                                              .blob = db_column_text(statement, 3)};
        if (!file.blob) {
            rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a blob's name");
            break;
        }
        rc = visit(context, &file, err);
    }
    db_end(statement);
    return rc;
}

int store_file_count(struct store_tx *tx, int64_t *ret_count, conch_error *err)
{
    return db_number(tx->db, "SELECT count(*) FROM file", DB_NOTHING, ret_count, err);
}
