/* Bytes of clips, pictures and uploads, by key: a folder on this machine (blob_local.c).
 *
 * A key is 1 to 90 characters of a-z 0-9 - _ . and '/', made by the caller (blob_key_make gives a new one); no part of
 * it begins with a dot. What is put appears whole or not at all and is synced before blob_put_commit returns. Any
 * thread and several processes may use one store at once. Blobs never change; a key is written once. Errors:
 * CONCH_ERR_NOTFOUND, CONCH_ERR_DISKFULL, CONCH_ERR_IO, CONCH_ERR_NOMEM, CONCH_ERR_RANGE (a key that cannot be). */
#ifndef SERVER_BLOB_BLOB_H
#define SERVER_BLOB_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conch/error.h"

struct blob_store;

enum { BLOB_KEY_BYTES = 96 };

/* location: a folder; it is made with mode 0700 when it is not there. */
int blob_store_open(struct blob_store **ret_store, const char *location, conch_error *err);
void blob_store_close(struct blob_store *store);

/* "2026/11/22/0f3a…b1.mp4": a key nobody has. suffix: "mp4". */
void blob_key_make(char ret_key[BLOB_KEY_BYTES], const char *suffix, int64_t now_ms);

/* A file being written. Its path lies on the same disk as the store, so that a program of ours (the encoder) can write
 * it: either blob_put_write, or anybody by path. commit names, syncs and moves it; abandon removes it. Each ends the
 * put, commit also when it fails. sha256: 64 hex digits and a NUL; bytes: its size. Both may be NULL. */
struct blob_put;
int blob_put_begin(struct blob_put **ret_put, struct blob_store *store, conch_error *err);
const char *blob_put_path(const struct blob_put *put);
int blob_put_write(struct blob_put *put, const void *data, size_t size, conch_error *err);
int blob_put_commit(struct blob_put *put, const char *key, char *ret_sha256, int64_t *ret_bytes, conch_error *err);
void blob_put_abandon(struct blob_put *put);

/* All in one. */
int blob_put(struct blob_store *store, const char *key, const void *data, size_t size, char *ret_sha256,
             conch_error *err);

/* For reading: a descriptor that the caller closes. */
int blob_open(struct blob_store *store, const char *key, int *ret_file, int64_t *ret_bytes, conch_error *err);
/* The whole blob, malloc'ed, at most bytes_max (CONCH_ERR_LIMIT). */
int blob_read(struct blob_store *store, const char *key, size_t bytes_max, void **ret_data, size_t *ret_size,
              conch_error *err);

int blob_delete(struct blob_store *store, const char *key, conch_error *err); /* a missing one is no error */

/* The same blob in another store: one file with two names where both lie on one disk, otherwise a copy. One that is
 * there already stays. CONCH_ERR_NOTFOUND: there is no such blob here. New names are on the disk once blob_store_sync
 * returns.
 */
struct blob_copied {
    int64_t bytes;
    bool linked;
};
int blob_copy(struct blob_store *from, struct blob_store *to, const char *key, struct blob_copied *ret,
              conch_error *err);
int blob_store_sync(struct blob_store *store, conch_error *err);

/* Removes unfinished puts older than that, and tells of every blob older than that: those that no row names are the
 * caller's to delete. visit returns 0 to go on. */
int blob_sweep(struct blob_store *store, int64_t before_ms, int (*visit)(void *context, const char *key), void *context,
               conch_error *err);

/* Bytes free on its disk. */
int blob_free_bytes(struct blob_store *store, int64_t *ret_bytes, conch_error *err);

#endif
