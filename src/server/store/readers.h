/* A few connections for reading, shared by many threads. They open when they are first needed. */
#ifndef SERVER_STORE_READERS_H
#define SERVER_STORE_READERS_H

#include "server/store/db.h"

enum { READERS_MAX = 64 };

struct readers;

/* db.role is DB_READER. count: 1 .. READERS_MAX. Opens nothing yet. */
int readers_create(const struct db_settings *db, int count, struct readers **ret_readers, conch_error *err);

/* Every connection has been given back. Takes NULL. */
void readers_destroy(struct readers *readers);

/* A connection with a read transaction begun; waits while all are taken. Errors of db_open and db_begin_read. */
int db_reader_take(struct readers *readers, struct db **ret_db, conch_error *err);

/* Ends the transaction. */
void db_reader_give(struct readers *readers, struct db *db);

#endif
