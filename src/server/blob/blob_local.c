#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/time_text.h"
#include "server/blob/blob.h"

/* Unfinished puts: no key can name one, for no part of a key begins with a dot. */
#define PUT_FOLDER ".put"

enum { DEPTH_MAX = 16, COPY_BYTES = 64 << 10, RANDOM_BYTES = 16, COMMIT_TRIES_MAX = 8 };

struct blob_store {
    char *folder;
};

struct blob_put {
    struct blob_store *store;
    char *path;
    int file; /* -1: nothing was written by blob_put_write yet */
};

static int no_memory(conch_error *err)
{
    return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a blob's name");
}

static int write_trouble(conch_error *err, int number, const char *path)
{
    /* EFBIG: over what the file system or the process may write into one file */
    return conch_error_errno(err, number == EFBIG ? CONCH_ERR_DISKFULL : CONCH_ERR_IO, number, "cannot write %s", path);
}

/* ---- keys ---- */

static bool key_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static bool key_valid(const char *key)
{
    size_t length = strnlen(key, BLOB_KEY_BYTES);
    if (length == 0 || length > 90 || key[length - 1] == '/')
        return false;
    for (size_t i = 0; i < length; i++) {
        bool first = i == 0 || key[i - 1] == '/';
        if (first && (key[i] == '/' || key[i] == '.'))
            return false;
        if (key[i] != '/' && !key_letter(key[i]))
            return false;
    }
    return true;
}

static int key_path(const struct blob_store *store, const char *key, char **ret_path, conch_error *err)
{
    if (!key_valid(key))
        return conch_error_set(err, CONCH_ERR_RANGE,
                               "blob key %.100s: allowed are 1 to 90 of a-z 0-9 - _ . and /, no part beginning with a "
                               "dot",
                               key);
    if (asprintf(ret_path, "%s/%s", store->folder, key) < 0)
        return no_memory(err);
    return 0;
}

void blob_key_make(char ret_key[BLOB_KEY_BYTES], const char *suffix, int64_t now_ms)
{
    uint8_t random[RANDOM_BYTES];
    struct time_text day = time_text(now_ms); /* 2026-11-22T... */
    hash_random(random, sizeof random);
    int used = snprintf(ret_key, BLOB_KEY_BYTES, "%.4s/%.2s/%.2s/", day.text, day.text + 5, day.text + 8);
    for (size_t i = 0; i < sizeof random; i++)
        used += snprintf(ret_key + used, BLOB_KEY_BYTES - (size_t)used, "%02x", random[i]);
    snprintf(ret_key + used, BLOB_KEY_BYTES - (size_t)used, ".%s", suffix);
    assert(key_valid(ret_key));
}

/* ---- the store ---- */

int blob_store_open(struct blob_store **ret_store, const char *location, conch_error *err)
{
    char *put_folder = NULL;
    struct blob_store *store = calloc(1, sizeof *store);
    int rc = 0;
    if (!store || asprintf(&put_folder, "%s/" PUT_FOLDER, location) < 0) {
        rc = no_memory(err);
        put_folder = NULL;
        goto out;
    }
    store->folder = strdup(location);
    if (!store->folder) {
        rc = no_memory(err);
        goto out;
    }
    rc = file_make_folders(put_folder, err);
    if (rc == 0 && access(put_folder, W_OK | X_OK) < 0)
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot write in the folder of blobs %s", location);
    if (rc < 0)
        goto out;
    *ret_store = store;
    store = NULL;
out:
    free(put_folder);
    blob_store_close(store);
    return rc;
}

void blob_store_close(struct blob_store *store)
{
    if (!store)
        return;
    free(store->folder);
    free(store);
}

int blob_free_bytes(struct blob_store *store, int64_t *ret_bytes, conch_error *err)
{
    struct statvfs info;
    if (statvfs(store->folder, &info) < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "cannot ask for the room on the disk of %s", store->folder);
    *ret_bytes = (int64_t)info.f_bavail * (int64_t)info.f_frsize;
    return 0;
}

/* ---- putting ---- */

static void put_free(struct blob_put *put)
{
    if (put->file >= 0)
        close(put->file);
    free(put->path);
    free(put);
}

int blob_put_begin(struct blob_put **ret_put, struct blob_store *store, conch_error *err)
{
    uint8_t random[RANDOM_BYTES];
    char name[2 * RANDOM_BYTES + 1];
    hash_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(name + 2 * i, 3, "%02x", random[i]);
    struct blob_put *put = calloc(1, sizeof *put);
    if (!put)
        return no_memory(err);
    put->store = store;
    put->file = -1;
    if (asprintf(&put->path, "%s/" PUT_FOLDER "/%s", store->folder, name) < 0) {
        free(put);
        return no_memory(err);
    }
    *ret_put = put;
    return 0;
}

const char *blob_put_path(const struct blob_put *put)
{
    return put->path;
}

int blob_put_write(struct blob_put *put, const void *data, size_t size, conch_error *err)
{
    if (put->file < 0)
        put->file = open(put->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (put->file < 0)
        return write_trouble(err, errno, put->path);
    for (const char *bytes = data; size;) {
        ssize_t done = write(put->file, bytes, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return write_trouble(err, errno, put->path);
        bytes += done;
        size -= (size_t)done;
    }
    return 0;
}

/* What really lies there, whoever wrote it; and onto the disk with it. */
static int sync_and_sum(const char *path, struct hash *ret_hash, int64_t *ret_bytes, conch_error *err)
{
    int rc = 0;
    struct hash_stream stream;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    uint8_t *chunk = malloc(COPY_BYTES);
    *ret_bytes = 0;
    hash_stream_init(&stream);
    if (file < 0)
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "nothing was written to %s", path);
    else if (!chunk)
        rc = no_memory(err);
    else if (fchmod(file, 0600) < 0 || fsync(file) < 0)
        rc = write_trouble(err, errno, path);
    while (rc == 0) {
        ssize_t got = read(file, chunk, COPY_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot read %s", path);
        if (got <= 0)
            break;
        hash_stream_add(&stream, chunk, (size_t)got);
        *ret_bytes += got;
    }
    *ret_hash = hash_stream_finish(&stream);
    free(chunk);
    if (file >= 0)
        close(file);
    return rc;
}

static int folder_sync(const char *folder, conch_error *err)
{
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = file < 0 || fsync(file) < 0 ? write_trouble(err, errno, folder) : 0;
    if (file >= 0)
        close(file);
    return rc;
}

/* Makes the folders between the store's own and the blob's; those that hold a new entry are synced. */
static int folders_of_key(const struct blob_store *store, char *path, conch_error *err)
{
    int rc = 0;
    for (char *slash = path + strlen(store->folder); slash && rc == 0;) {
        char *next = strchr(slash + 1, '/');
        if (!next)
            break;
        *next = 0;
        bool made = mkdir(path, 0700) == 0;
        if (!made && errno != EEXIST)
            rc = write_trouble(err, errno, path);
        *slash = 0;
        if (made && rc == 0)
            rc = folder_sync(path, err);
        *slash = '/';
        *next = '/';
        slash = next;
    }
    return rc;
}

/* Not rename: a key that is there already must stay as it is. */
static int into_place(const struct blob_put *put, char *path, conch_error *err)
{
    int rc = 0, tries = 0;
    do {
        rc = folders_of_key(put->store, path, err);
        if (rc < 0)
            return rc;
        crash_point();
        rc = link(put->path, path);
        crash_point();
    } while (rc < 0 && errno == ENOENT && ++tries < COMMIT_TRIES_MAX); /* a sweep took the empty folder away again */
    if (rc < 0 && errno == EEXIST)
        return conch_error_set(err, CONCH_ERR_RANGE, "blob %s is there already", path);
    if (rc < 0)
        return write_trouble(err, errno, path);
    char *slash = strrchr(path, '/');
    *slash = 0;
    rc = folder_sync(path, err);
    *slash = '/';
    if (rc < 0)
        unlink(path);
    return rc;
}

int blob_put_commit(struct blob_put *put, const char *key, char *ret_sha256, int64_t *ret_bytes, conch_error *err)
{
    char *path = NULL;
    struct hash hash;
    int64_t bytes = 0;
    int rc = key_path(put->store, key, &path, err);
    if (rc == 0 && put->file >= 0 && close(put->file) < 0)
        rc = write_trouble(err, errno, put->path);
    put->file = -1;
    if (rc == 0)
        rc = sync_and_sum(put->path, &hash, &bytes, err);
    if (rc == 0)
        rc = into_place(put, path, err);
    if (rc == 0 && ret_sha256)
        strcpy(ret_sha256, hash_hex(&hash).text);
    if (rc == 0 && ret_bytes)
        *ret_bytes = bytes;
    unlink(put->path);
    free(path);
    put_free(put);
    return rc;
}

void blob_put_abandon(struct blob_put *put)
{
    if (!put)
        return;
    unlink(put->path);
    put_free(put);
}

int blob_put(struct blob_store *store, const char *key, const void *data, size_t size, char *ret_sha256,
             conch_error *err)
{
    struct blob_put *put = NULL;
    int rc = blob_put_begin(&put, store, err);
    if (rc < 0)
        return rc;
    rc = blob_put_write(put, data, size, err);
    if (rc == 0)
        return blob_put_commit(put, key, ret_sha256, NULL, err);
    blob_put_abandon(put);
    return rc;
}

/* ---- reading and deleting ---- */

int blob_open(struct blob_store *store, const char *key, int *ret_file, int64_t *ret_bytes, conch_error *err)
{
    char *path = NULL;
    struct stat info;
    int rc = key_path(store, key, &path, err);
    if (rc < 0)
        return rc;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0 || fstat(file, &info) < 0)
        rc = conch_error_errno(err, errno == ENOENT || errno == ENOTDIR ? CONCH_ERR_NOTFOUND : CONCH_ERR_IO, errno,
                               "blob %s", key);
    else if (!S_ISREG(info.st_mode))
        rc = conch_error_set(err, CONCH_ERR_NOTFOUND, "blob %s: that is no file", key);
    free(path);
    if (rc < 0) {
        if (file >= 0)
            close(file);
        return rc;
    }
    *ret_file = file;
    if (ret_bytes)
        *ret_bytes = info.st_size;
    return 0;
}

int blob_read(struct blob_store *store, const char *key, size_t bytes_max, void **ret_data, size_t *ret_size,
              conch_error *err)
{
    int file;
    int64_t bytes;
    int rc = blob_open(store, key, &file, &bytes, err);
    if (rc < 0)
        return rc;
    uint8_t *data = NULL;
    size_t size = 0;
    if ((uint64_t)bytes > bytes_max)
        rc = conch_error_set(err, CONCH_ERR_LIMIT, "blob %s has %lld bytes, allowed are %zu", key, (long long)bytes,
                             bytes_max);
    else if (!(data = malloc((size_t)bytes + 1)))
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory for the %lld bytes of blob %s", (long long)bytes, key);
    while (rc == 0 && size < (size_t)bytes) {
        ssize_t got = read(file, data + size, (size_t)bytes - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            rc = conch_error_errno(err, CONCH_ERR_IO, got < 0 ? errno : EIO, "cannot read blob %s", key);
        else
            size += (size_t)got;
    }
    close(file);
    if (rc < 0) {
        free(data);
        return rc;
    }
    *ret_data = data;
    *ret_size = size;
    return 0;
}

int blob_delete(struct blob_store *store, const char *key, conch_error *err)
{
    char *path = NULL;
    int rc = key_path(store, key, &path, err);
    if (rc == 0 && unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR)
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot delete blob %s", key);
    free(path);
    return rc;
}

/* ---- the sweep ---- */

struct sweep {
    struct blob_store *store;
    int64_t before_ms;
    int (*visit)(void *context, const char *key);
    void *context;
    bool stopped;
};

static bool older(const struct stat *info, int64_t before_ms)
{
    return (int64_t)info->st_mtim.tv_sec * 1000 + info->st_mtim.tv_nsec / 1000000 < before_ms;
}

static int sweep_folder(struct sweep *sweep, const char *key, int depth, conch_error *err);

/* key: of the entry. A folder that has become empty goes, unless it is so young that a commit may be about to use it.
 */
static int sweep_entry(struct sweep *sweep, const char *key, int depth, conch_error *err)
{
    char *path = NULL;
    struct stat info;
    int rc = key_path(sweep->store, key, &path, NULL);
    if (rc == CONCH_ERR_RANGE)
        return 0; /* somebody else's file: not ours to judge */
    if (rc < 0)
        return no_memory(err);
    if (lstat(path, &info) < 0)
        rc = errno == ENOENT ? 0 : conch_error_errno(err, CONCH_ERR_IO, errno, "cannot look at %s", path);
    else if (S_ISDIR(info.st_mode)) {
        rc = sweep_folder(sweep, key, depth + 1, err);
        if (rc == 0 && !sweep->stopped && older(&info, sweep->before_ms))
            rmdir(path);
    } else if (S_ISREG(info.st_mode) && older(&info, sweep->before_ms))
        sweep->stopped = sweep->visit(sweep->context, key) != 0;
    free(path);
    return rc;
}

static int sweep_folder(struct sweep *sweep, const char *key, int depth, conch_error *err)
{
    char *path = NULL, inner[BLOB_KEY_BYTES];
    int rc = 0;
    if (depth > DEPTH_MAX)
        return 0;
    if (asprintf(&path, "%s%s%s", sweep->store->folder, *key ? "/" : "", key) < 0)
        return no_memory(err);
    DIR *folder = opendir(path);
    if (!folder)
        rc = errno == ENOENT ? 0 : conch_error_errno(err, CONCH_ERR_IO, errno, "cannot list %s", path);
    while (folder && rc == 0 && !sweep->stopped) {
        const struct dirent *entry = readdir(folder);
        if (!entry)
            break;
        if (entry->d_name[0] == '.')
            continue;
        int length = snprintf(inner, sizeof inner, "%s%s%s", key, *key ? "/" : "", entry->d_name);
        if (length > 0 && (size_t)length < sizeof inner)
            rc = sweep_entry(sweep, inner, depth, err);
    }
    if (folder)
        closedir(folder);
    free(path);
    return rc;
}

static int sweep_puts(struct blob_store *store, int64_t before_ms, conch_error *err)
{
    char *path = NULL;
    struct stat info;
    if (asprintf(&path, "%s/" PUT_FOLDER, store->folder) < 0)
        return no_memory(err);
    int rc = 0;
    DIR *folder = opendir(path);
    if (!folder)
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot list %s", path);
    for (const struct dirent *entry; folder && (entry = readdir(folder));)
        if (entry->d_name[0] != '.' && fstatat(dirfd(folder), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(info.st_mode) && older(&info, before_ms))
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
    free(path);
    return rc;
}

int blob_sweep(struct blob_store *store, int64_t before_ms, int (*visit)(void *context, const char *key), void *context,
               conch_error *err)
{
    struct sweep sweep = {.store = store, .before_ms = before_ms, .visit = visit, .context = context};
    int rc = sweep_puts(store, before_ms, err);
    return rc < 0 || !visit ? rc : sweep_folder(&sweep, "", 0, err);
}

/* ---- copying ---- */

/* What a disk without hard links, another disk, or too many names of one file say. */
static bool cannot_link(int number)
{
    return number == EXDEV || number == EPERM || number == EMLINK || number == EOPNOTSUPP || number == ENOSYS;
}

static int copy_bytes(int source, struct blob_put *put, conch_error *err)
{
    uint8_t *chunk = malloc(COPY_BYTES);
    int rc = chunk ? 0 : no_memory(err);
    while (rc == 0) {
        const ssize_t got = read(source, chunk, COPY_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot read a blob");
        if (got <= 0)
            break;
        rc = blob_put_write(put, chunk, (size_t)got, err);
    }
    free(chunk);
    return rc;
}

static int copy_whole(struct blob_store *from, struct blob_store *to, const char *key, int64_t *ret_bytes,
                      conch_error *err)
{
    struct blob_put *put = NULL;
    int source = -1;
    int rc = blob_open(from, key, &source, ret_bytes, err);
    if (rc == 0)
        rc = blob_put_begin(&put, to, err);
    if (rc == 0)
        rc = blob_put_write(put, "", 0, err); /* an empty blob is a file too */
    if (rc == 0)
        rc = copy_bytes(source, put, err);
    if (rc == 0)
        rc = blob_put_commit(put, key, NULL, ret_bytes, err);
    else
        blob_put_abandon(put);
    if (source >= 0)
        close(source);
    return rc;
}

int blob_copy(struct blob_store *from, struct blob_store *to, const char *key, struct blob_copied *ret,
              conch_error *err)
{
    char *source = NULL, *target = NULL;
    struct stat info;
    *ret = (struct blob_copied){.linked = true};
    int rc = key_path(from, key, &source, err);
    if (rc == 0)
        rc = key_path(to, key, &target, err);
    if (rc == 0 && lstat(source, &info) < 0)
        rc = conch_error_errno(err, errno == ENOENT || errno == ENOTDIR ? CONCH_ERR_NOTFOUND : CONCH_ERR_IO, errno,
                               "blob %s", key);
    if (rc == 0)
        rc = folders_of_key(to, target, err);
    if (rc < 0)
        goto out;
    ret->bytes = info.st_size;
    if (link(source, target) == 0 || errno == EEXIST)
        goto out;
    if (errno == ENOENT) /* deleted since we looked */
        rc = conch_error_errno(err, CONCH_ERR_NOTFOUND, errno, "blob %s", key);
    else if (!cannot_link(errno))
        rc = write_trouble(err, errno, target);
    else
        rc = copy_whole(from, to, key, &ret->bytes, err);
    ret->linked = false;
out:
    free(source);
    free(target);
    return rc;
}

int blob_store_sync(struct blob_store *store, conch_error *err)
{
    const int folder = open(store->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int rc = folder < 0 || syncfs(folder) < 0 ? write_trouble(err, errno, store->folder) : 0;
    if (folder >= 0)
        close(folder);
    return rc;
}
