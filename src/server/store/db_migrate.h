/* Bringing the tables up to date, over db.h; and the few questions about tables that only a driver can answer. */
#ifndef SERVER_STORE_DB_MIGRATE_H
#define SERVER_STORE_DB_MIGRATE_H

#include "server/store/db.h"

/* Runs the migrations that the database has not seen; for a DB_READER only compares. */
int db_migrate(struct db *db, const struct db_settings *settings, conch_error *err);

/* Of the driver: several statements without parameters and rows; how many tables there are at all, and whether the one
 * with the version is among them. */
int db_script(struct db *db, const char *sql, conch_error *err);
int db_tables(struct db *db, int64_t *ret_tables, bool *ret_versioned, conch_error *err);

#endif
