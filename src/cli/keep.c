#include "cli/keep.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/paths.h"

#define SUFFIX ".latent"

int keep_latent_path(const char *prompt, uint64_t seed, char **ret_path, conch_error *err)
{
    char *folder = NULL, stamp[32];
    time_t now = time(NULL);
    struct tm local;
    int rc = paths_user(PATHS_STATE, "latents", &folder, err);
    if (rc == 0)
        rc = file_make_folders(folder, err);
    if (rc == 0 && access(folder, W_OK | X_OK) < 0)
        rc = conch_error_errno(err, CONCH_ERR_IO, errno, "cannot write in %s", folder);
    if (rc < 0)
        goto out;
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", localtime_r(&now, &local));
    if (asprintf(ret_path, "%s/%s-%s-%llu" SUFFIX, folder, stamp, paths_slug(prompt).text, (unsigned long long)seed) <
        0)
        rc = conch_error_set(err, CONCH_ERR_NOMEM, "no memory for a path");
out:
    free(folder);
    return rc;
}

static int is_latent(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name), suffix = strlen(SUFFIX);
    return entry->d_name[0] != '.' && length > suffix && strcmp(entry->d_name + length - suffix, SUFFIX) == 0;
}

/* Names begin with the date, so their order is their age. */
void keep_prune(void)
{
    char *folder = NULL;
    struct dirent **entries = NULL;
    if (paths_user(PATHS_STATE, "latents", &folder, NULL) < 0)
        return;
    int count = scandir(folder, &entries, is_latent, alphasort);
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        if (i < count - KEEP_LATENTS_MAX && paths_join(folder, entries[i]->d_name, &path, NULL) == 0)
            unlink(path);
        free(path);
        free(entries[i]);
    }
    free(entries);
    free(folder);
}
