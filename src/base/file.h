/* Files as whole things: map one, read a small one, write one so that it appears complete or not at all. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "conch/error.h"

/* A file mapped read-only. data is NULL for an empty file. */
struct file_map {
    const uint8_t *data;
    size_t size;
};

/* CONCH_ERR_NOTFOUND, CONCH_ERR_IO (also for a folder, socket or device). */
int file_map_open(struct file_map *map, const char *path, conch_error *err);
void file_map_close(struct file_map *map);

/* Tells the system that these bytes of the map will not be needed soon, so that they stop counting as our memory. */
void file_map_drop(const struct file_map *map, const void *data, size_t size);

/* Appends the whole file to buf; CONCH_ERR_LIMIT when it is longer than buf allows. */
int file_read(struct buf *buf, const char *path, conch_error *err);

/* Writes path.partial beside the target, syncs and renames: after a crash the old file or the new one is there. */
int file_write_atomic(const char *path, const void *data, size_t size, conch_error *err);

/* Makes every missing folder of path (mode 0700: what Conch stores is its user's). */
int file_make_folders(const char *path, conch_error *err);

bool file_exists(const char *path);

#endif
