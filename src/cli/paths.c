#include "cli/paths.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { SLUG_BYTES_MAX = 40, NAME_TRIES_MAX = 10000 };

#define FORMAT_PATH(ret, err, ...)                                                                                     \
    (asprintf(ret, __VA_ARGS__) < 0 ? conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path") : 0)

int paths_join(const char *folder, const char *name, char **ret_path, conch_error *err)
{
    return FORMAT_PATH(ret_path, err, "%s/%s", folder, name);
}

static const char *home(void)
{
    const char *folder = getenv("HOME");
    if (folder && *folder == '/')
        return folder;
    const struct passwd *user = getpwuid(getuid());
    return user ? user->pw_dir : NULL;
}

int paths_user(enum paths_kind kind, const char *name, char **ret_path, conch_error *err)
{
    static const struct {
        const char *variable, *below_home;
    } kinds[] = {[PATHS_STATE] = {"XDG_STATE_HOME", ".local/state"},
                 [PATHS_CACHE] = {"XDG_CACHE_HOME", ".cache"},
                 [PATHS_DATA] = {"XDG_DATA_HOME", ".local/share"}};
    const char *folder = getenv(kinds[kind].variable);
    if (folder && *folder == '/') /* the specification: a relative one is to be ignored */
        return FORMAT_PATH(ret_path, err, "%s/conch/%s", folder, name);
    if (!(folder = home()))
        return conch_error_set(err, CONCH_ERR_NOTFOUND, "no home folder: set HOME or %s", kinds[kind].variable);
    return FORMAT_PATH(ret_path, err, "%s/%s/conch/%s", folder, kinds[kind].below_home, name);
}

int paths_program(char **ret_folder, conch_error *err)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        return conch_error_errno(err, CONCH_ERR_IO, errno, "cannot read /proc/self/exe");
    self[length] = 0;
    return paths_folder_of(self, ret_folder, err);
}

int paths_folder_of(const char *path, char **ret_folder, conch_error *err)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return FORMAT_PATH(ret_folder, err, ".");
    return FORMAT_PATH(ret_folder, err, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

struct paths_slug paths_slug(const char *prompt)
{
    struct paths_slug slug = {.text = ""};
    size_t length = 0, word_end = 0;
    const unsigned char *c = (const unsigned char *)prompt;
    for (; *c && length < SLUG_BYTES_MAX; c++) {
        if (isalnum(*c) && *c < 0x80) {
            slug.text[length++] = (char)tolower(*c);
        } else if (length && slug.text[length - 1] != '-') {
            word_end = length;
            slug.text[length++] = '-';
        }
    }
    if (length == SLUG_BYTES_MAX && isalnum(*c) && word_end > SLUG_BYTES_MAX / 2)
        length = word_end; /* no half word at the end */
    while (length && slug.text[length - 1] == '-')
        length--;
    slug.text[length] = 0;
    if (!length)
        strcpy(slug.text, "clip");
    return slug;
}

int paths_clip_name(const char *prompt, uint64_t seed, char **ret_path, conch_error *err)
{
    struct paths_slug slug = paths_slug(prompt);
    struct stat info;
    for (int i = 1; i <= NAME_TRIES_MAX; i++) {
        char *path = NULL, number[16] = "";
        if (i > 1)
            snprintf(number, sizeof number, "-%d", i);
        int rc = FORMAT_PATH(&path, err, "%s-%llu%s.mp4", slug.text, (unsigned long long)seed, number);
        if (rc < 0)
            return rc;
        if (lstat(path, &info) < 0 && errno == ENOENT) {
            *ret_path = path;
            return 0;
        }
        free(path);
    }
    return conch_error_set(err, CONCH_ERR_LIMIT, "%d clips of this name are here already: name one with --output",
                           NAME_TRIES_MAX);
}

bool paths_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Makes and removes a file beside path: unlike access(), this is right for root and on read-only file systems, and
 * finds a name that is too long for the name of the unfinished file. */
static int try_to_write(const char *path, const char *option, conch_error *err)
{
    char *partial = NULL;
    int rc = FORMAT_PATH(&partial, err, "%s.%ld-0.partial", path, (long)getpid());
    if (rc < 0)
        return rc;
    int fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST)
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "%s: cannot create %s", option, path);
    if (fd >= 0) {
        close(fd);
        unlink(partial);
    }
    free(partial);
    return rc;
}

int paths_check_writable(const char *path, const char *option, conch_error *err)
{
    char *folder = NULL;
    struct stat info;
    if (!*path)
        return conch_error_set(err, CONCH_ERR_RANGE, "%s: the name is empty", option);
    int rc = paths_folder_of(path, &folder, err);
    if (rc < 0)
        return rc;
    if (stat(folder, &info) < 0)
        rc = conch_error_errno(err, errno == ENOENT ? CONCH_ERR_NOTFOUND : CONCH_ERR_IO, errno, "%s: the folder %s",
                               option, folder);
    else if (!S_ISDIR(info.st_mode))
        rc = conch_error_set(err, CONCH_ERR_IO, "%s: %s is not a folder", option, folder);
    else if (path[strlen(path) - 1] == '/' || paths_is_folder(path))
        rc = conch_error_set(err, CONCH_ERR_IO, "%s: %s is a folder, wanted the name of a file", option, path);
    else
        rc = try_to_write(path, option, err);
    free(folder);
    return rc;
}
