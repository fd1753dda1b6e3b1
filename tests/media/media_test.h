/* What the media tests share: where their data lies, a folder of their own, and the helper of this build. */
#ifndef TESTS_MEDIA_MEDIA_TEST_H
#define TESTS_MEDIA_MEDIA_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static inline const char *in_folder(const char *name)
{
    static char path[4][256];
    static unsigned turn;
    char *here = path[turn++ % 4];
    snprintf(here, sizeof path[0], "%s/%s", folder, name);
    return here;
}

static inline const char *data_path(const char *name)
{
    static char path[4096];
    const char *root = getenv("CONCH_TEST_ROOT");
    snprintf(path, sizeof path, "%s/tests/media/data/%s", root ? root : ".", name);
    return path;
}

static inline int group_setup(void **state)
{
    setenv("CONCH_MEDIA", CONCH_MEDIA_BUILT, 1);
    strcpy(folder, "/tmp/conch-test-media-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static inline int group_teardown(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* How many entries of the test's folder contain text in their name. */
static inline int folder_count(const char *text)
{
    char command[160];
    int count = -1;
    snprintf(command, sizeof command, "ls -A %s | grep -c -- '%s'", folder, text);
    FILE *pipe = popen(command, "r");
    if (!pipe || fscanf(pipe, "%d", &count) != 1)
        count = -1;
    if (pipe)
        pclose(pipe);
    return count;
}

#endif
