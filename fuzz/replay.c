/* Runs a fuzz target over every file of its corpus, as an ordinary test: what once broke it may not break it again.
 * The files are those of fuzz/corpus/REPLAY_TARGET under CONCH_TEST_ROOT, or those named on the command line. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "fuzz.h"

#define INPUT_BYTES_MAX ((size_t)16 << 20)

static int replay_file(const char *path, int number)
{
    struct buf buf;
    conch_error err = {0};
    buf_init(&buf, INPUT_BYTES_MAX);
    int rc = file_read(&buf, path, &err);
    uint8_t *exact = rc < 0 ? NULL : malloc(buf.size ? buf.size : 1); /* ends where the data ends, for the sanitizers */
    if (exact) {
        if (buf.size)
            memcpy(exact, buf.data, buf.size);
        LLVMFuzzerTestOneInput(exact, buf.size);
    }
    printf("%s %d - %s\n", exact ? "ok" : "not ok", number, path);
    if (rc < 0)
        printf("# %s\n", err.text);
    fflush(stdout);
    free(exact);
    buf_finish(&buf);
    return exact ? 0 : 1;
}

static int is_visible(const struct dirent *item)
{
    return item->d_name[0] != '.';
}

static int replay_folder(const char *folder)
{
    struct dirent **list = NULL;
    int failed = 0;
    int count = scandir(folder, &list, is_visible, alphasort);
    if (count <= 0)
        printf("not ok 1 - no file to replay in %s\n", folder);
    for (int i = 0; i < count; i++) {
        char *path;
        if (asprintf(&path, "%s/%s", folder, list[i]->d_name) < 0)
            abort();
        failed += replay_file(path, i + 1);
        free(path);
        free(list[i]);
    }
    free(list);
    printf("1..%d\n", count > 0 ? count : 1);
    return count <= 0 || failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    if (argc > 1) {
        for (int i = 1; i < argc; i++)
            failed += replay_file(argv[i], i);
        return failed != 0;
    }
    char *folder;
    const char *root = getenv("CONCH_TEST_ROOT");
    if (asprintf(&folder, "%s/fuzz/corpus/" REPLAY_TARGET, root ? root : ".") < 0)
        abort();
    failed = replay_folder(folder);
    free(folder);
    return failed;
}
