#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"

static int open_regular(const char *path, struct stat *ret_info, conch_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* NONBLOCK: opening a FIFO must not hang */
    if (fd < 0)
        return conch_error_errno(err, errno == ENOENT ? CONCH_ERR_NOTFOUND : CONCH_ERR_IO, errno, "cannot open %s",
                                 path);
    if (fstat(fd, ret_info) < 0) {
        int saved = errno;
        close(fd);
        return conch_error_errno(err, CONCH_ERR_IO, saved, "cannot look at %s", path);
    }
    if (!S_ISREG(ret_info->st_mode)) {
        close(fd);
        return conch_error_set(err, CONCH_ERR_IO, "%s is not a regular file", path);
    }
    return fd;
}

int file_map_open(struct file_map *map, const char *path, conch_error *err)
{
    struct stat info;
    *map = (struct file_map){0};
    int fd = open_regular(path, &info, err);
    if (fd < 0)
        return fd;
    int rc = 0;
    if (info.st_size > 0) {
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot map %s", path);
        } else {
            map->data = data;
            map->size = (size_t)info.st_size;
        }
    }
    close(fd);
    return rc;
}

void file_map_close(struct file_map *map)
{
    if (map->data)
        munmap((void *)map->data, map->size);
    *map = (struct file_map){0};
}

void file_map_drop(const struct file_map *map, const void *data, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)data + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)data + size) / page * page;
    if (map->data && end > begin)
        madvise((void *)begin, end - begin, MADV_DONTNEED);
}

int file_read(struct buf *buf, const char *path, conch_error *err)
{
    struct stat info;
    int fd = open_regular(path, &info, err);
    if (fd < 0)
        return fd;
    int rc = 0;
    for (;;) {
        size_t want = 65536;
        if (want > buf->size_max - buf->size + 1)
            want = buf->size_max - buf->size + 1; /* one more than allowed, to notice a file that is too long */
        char chunk[65536];
        ssize_t got = read(fd, chunk, want);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot read %s", path);
            break;
        }
        if (got == 0)
            break;
        if ((size_t)got > buf->size_max - buf->size) {
            rc = conch_error_set(err, CONCH_ERR_LIMIT, "%s is longer than the allowed %zu bytes", path, buf->size_max);
            break;
        }
        rc = buf_append(buf, chunk, (size_t)got, err);
        if (rc < 0)
            break;
    }
    close(fd);
    return rc;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t done = write(fd, data, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        data += done;
        size -= (size_t)done;
    }
    return 0;
}

int file_write_atomic(const char *path, const void *data, size_t size, conch_error *err)
{
    char *partial = NULL;
    if (asprintf(&partial, "%s.%ld.partial", path, (long)getpid()) < 0)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory to write %s", path);
    int rc = 0;
    int fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot create %s", partial);
        goto out;
    }
    if (write_all(fd, data, size) < 0 || fsync(fd) < 0)
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot write %s", path);
    if (close(fd) < 0 && rc == 0)
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot write %s", path);
    crash_point();
    if (rc == 0 && rename(partial, path) < 0)
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot put %s in place", path);
    crash_point();
    if (rc < 0)
        unlink(partial);
out:
    free(partial);
    return rc;
}

int file_make_folders(const char *path, conch_error *err)
{
    if (!*path)
        return conch_error_set(err, CONCH_ERR_RANGE, "an empty name is no folder");
    char *copy = strdup(path);
    if (!copy)
        return conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
    int rc = 0;
    for (char *slash = copy + 1; rc == 0; slash++) {
        if (*slash != '/' && *slash != 0)
            continue;
        char saved = *slash;
        *slash = 0;
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
            rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot make the folder %s", copy);
        *slash = saved;
        if (saved == 0)
            break;
    }
    free(copy);
    return rc;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}
