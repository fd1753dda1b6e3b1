#include "store_test.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64], path[96];

int scratch_setup(void **state)
{
    snprintf(folder, sizeof(folder), "/tmp/conch-store-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/conch.db", folder);
    return 0;
}

int scratch_teardown(void **state)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return -1;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    return rmdir(folder);
}

const char *scratch_path(void)
{
    return path;
}
