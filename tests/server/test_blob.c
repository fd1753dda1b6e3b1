/* The folder of blobs: what is put appears whole, once, or not at all; what is left over is found. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "server/blob/blob.h"

#define SHA_OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static char folder[64], other[256];
static struct blob_store *store;
static conch_error err;

static int setup(void **state)
{
    strcpy(folder, "/tmp/conch-blob-XXXXXX");
    return mkdtemp(folder) ? blob_store_open(&store, strcat(folder, "/a/b"), &err) : -1;
}

static int teardown(void **state)
{
    char command[128];
    blob_store_close(store);
    snprintf(command, sizeof command, "rm -rf '%.22s'", folder);
    return system(command);
}

static const char *path_of(const char *name)
{
    snprintf(other, sizeof other, "%s/%s", folder, name);
    return other;
}

static int count_files(void)
{
    char command[128];
    int count = -1;
    snprintf(command, sizeof command, "find %s -type f | wc -l", folder);
    FILE *pipe = popen(command, "r");
    if (pipe && fscanf(pipe, "%d", &count) != 1)
        count = -1;
    if (pipe)
        pclose(pipe);
    return count;
}

static void what_was_put_is_read_again(void **state)
{
    char sum[65];
    void *data;
    size_t size;
    int file;
    int64_t bytes;
    assert_int_equal(blob_put(store, "2026/11/22/x.mp4", "abc", 3, sum, &err), 0);
    assert_string_equal(sum, SHA_OF_ABC);
    assert_int_equal(blob_read(store, "2026/11/22/x.mp4", 3, &data, &size, &err), 0);
    assert_int_equal(size, 3);
    assert_memory_equal(data, "abc", 3);
    free(data);
    assert_int_equal(blob_open(store, "2026/11/22/x.mp4", &file, &bytes, &err), 0);
    assert_int_equal(bytes, 3);
    close(file);
    assert_int_equal(blob_read(store, "2026/11/22/x.mp4", 2, &data, &size, &err), CONCH_ERR_LIMIT);
    assert_int_equal(blob_delete(store, "2026/11/22/x.mp4", &err), 0);
    assert_int_equal(blob_delete(store, "2026/11/22/x.mp4", &err), 0);
    assert_int_equal(blob_open(store, "2026/11/22/x.mp4", &file, &bytes, &err), CONCH_ERR_NOTFOUND);
    assert_int_equal(blob_put(store, "empty", "", 0, sum, &err), 0);
    assert_int_equal(blob_read(store, "empty", 0, &data, &size, &err), 0);
    assert_int_equal(size, 0);
    free(data);
    assert_int_equal(count_files(), 1);
}

static void a_key_is_written_once(void **state)
{
    void *data;
    size_t size;
    assert_int_equal(blob_put(store, "k", "old", 3, NULL, &err), 0);
    assert_int_equal(blob_put(store, "k", "new", 3, NULL, &err), CONCH_ERR_RANGE);
    assert_non_null(strstr(err.text, "is there already"));
    assert_int_equal(blob_read(store, "k", 9, &data, &size, &err), 0);
    assert_memory_equal(data, "old", 3);
    free(data);
    assert_int_equal(count_files(), 1); /* nothing of the second put is left */
}

static void keys_that_would_leave_the_folder_are_refused(void **state)
{
    char long_key[96];
    memset(long_key, 'a', 91);
    long_key[91] = 0;
    const char *const bad[] = {"",     "/etc/passwd", "../x", "a/../b", "a//b",     ".put/x", "a/.b",
                               "a/b/", "A",           "a b",  "a\nb",   "\xc3\xa4", long_key};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int file;
        int64_t bytes;
        assert_int_equal(blob_put(store, bad[i], "x", 1, NULL, &err), CONCH_ERR_RANGE);
        assert_int_equal(blob_open(store, bad[i], &file, &bytes, &err), CONCH_ERR_RANGE);
        assert_int_equal(blob_delete(store, bad[i], &err), CONCH_ERR_RANGE);
    }
    long_key[90] = 0;
    assert_int_equal(blob_put(store, long_key, "x", 1, NULL, &err), 0);
    assert_int_equal(count_files(), 1);
}

static void a_link_in_the_folder_is_not_followed(void **state)
{
    int file;
    int64_t bytes;
    assert_int_equal(symlink("/etc/passwd", path_of("x")), 0);
    assert_true(blob_open(store, "x", &file, &bytes, &err) < 0);
    assert_int_equal(blob_put(store, "d/x", "1", 1, NULL, &err), 0);
    assert_int_equal(blob_open(store, "d", &file, &bytes, &err), CONCH_ERR_NOTFOUND);
}

static void new_keys_differ_and_are_allowed(void **state)
{
    char a[BLOB_KEY_BYTES], b[BLOB_KEY_BYTES];
    blob_key_make(a, "mp4", 1795305600000);
    blob_key_make(b, "mp4", 1795305600000);
    assert_string_not_equal(a, b);
    assert_memory_equal(a, "2026/11/22/", 11);
    assert_string_equal(a + strlen(a) - 4, ".mp4");
    assert_int_equal(blob_put(store, a, "x", 1, NULL, &err), 0);
}

static void a_put_may_be_written_by_path_or_in_pieces_or_not_at_all(void **state)
{
    struct blob_put *put;
    char sum[65];
    int64_t bytes;
    assert_int_equal(blob_put_begin(&put, store, &err), 0);
    FILE *file = fopen(blob_put_path(put), "w");
    assert_non_null(file);
    fputs("abc", file);
    fclose(file);
    assert_int_equal(blob_put_commit(put, "by-path", sum, &bytes, &err), 0);
    assert_string_equal(sum, SHA_OF_ABC);
    assert_int_equal(bytes, 3);

    assert_int_equal(blob_put_begin(&put, store, &err), 0);
    assert_int_equal(blob_put_write(put, "a", 1, &err), 0);
    assert_int_equal(blob_put_write(put, "bc", 2, &err), 0);
    assert_int_equal(blob_put_commit(put, "pieces", sum, &bytes, &err), 0);
    assert_string_equal(sum, SHA_OF_ABC);

    assert_int_equal(blob_put_begin(&put, store, &err), 0);
    assert_int_equal(blob_put_commit(put, "nothing", sum, &bytes, &err), CONCH_ERR_IO);
    assert_int_equal(blob_put_begin(&put, store, &err), 0);
    assert_int_equal(blob_put_write(put, "a", 1, &err), 0);
    blob_put_abandon(put);
    assert_int_equal(count_files(), 2);
}

static void a_full_disk_leaves_nothing_and_is_named(void **state)
{
    const struct rlimit small = {1000, RLIM_INFINITY};
    struct rlimit before;
    static char many[4096];
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int rc = blob_put(store, "big", many, sizeof many, NULL, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(rc, CONCH_ERR_DISKFULL);
    assert_int_equal(count_files(), 0);
}

struct seen {
    char keys[8][BLOB_KEY_BYTES];
    int count, stop_after;
};

static int see(void *context, const char *key)
{
    struct seen *seen = context;
    assert_true(seen->count < 8);
    strcpy(seen->keys[seen->count++], key);
    return seen->count == seen->stop_after;
}

static void age(const char *name, int64_t seconds)
{
    const struct timespec times[] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path_of(name), times, 0), 0);
}

static void the_sweep_tells_of_old_blobs_and_clears_what_was_not_finished(void **state)
{
    struct seen seen = {.count = 0};
    struct blob_put *crashed, *young;
    assert_int_equal(blob_put(store, "2020/01/01/old", "x", 1, NULL, &err), 0);
    assert_int_equal(blob_put(store, "2026/new", "x", 1, NULL, &err), 0);
    age("2020/01/01/old", 1000);
    assert_int_equal(blob_put_begin(&crashed, store, &err), 0);
    assert_int_equal(blob_put_write(crashed, "x", 1, &err), 0);
    age(blob_put_path(crashed) + strlen(folder) + 1, 1000);
    assert_int_equal(blob_put_begin(&young, store, &err), 0);
    assert_int_equal(blob_put_write(young, "x", 1, &err), 0);
    assert_int_equal(blob_sweep(store, 2000000, see, &seen, &err), 0);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.keys[0], "2020/01/01/old");
    assert_int_equal(access(blob_put_path(crashed), F_OK), -1);
    assert_int_equal(access(blob_put_path(young), F_OK), 0);
    blob_put_abandon(crashed);
    blob_put_abandon(young);
    assert_int_equal(blob_delete(store, "2020/01/01/old", &err), 0);
    age("2020/01/01", 1000);
    assert_int_equal(blob_sweep(store, 2000000, see, &seen, &err), 0);
    assert_int_equal(access(path_of("2020/01/01"), F_OK), -1); /* the empty folder went as well */
    assert_int_equal(blob_put(store, "2020/01/01/again", "x", 1, NULL, &err), 0);
}

static void the_sweep_ends_when_told(void **state)
{
    struct seen seen = {.stop_after = 1};
    for (int i = 0; i < 3; i++) {
        char key[24];
        snprintf(key, sizeof key, "f/%d", i);
        assert_int_equal(blob_put(store, key, "x", 1, NULL, &err), 0);
        age(key, 1000);
    }
    assert_int_equal(blob_sweep(store, 2000000, see, &seen, &err), 0);
    assert_int_equal(seen.count, 1);
}

/* Killed at each durable write in turn: the blob is there whole, or not at all. */
static void a_crash_at_any_moment_leaves_all_or_nothing(void **state)
{
    int whole = 0, absent = 0;
    for (int at = 1; at < 9; at++) {
        char key[48], number[16];
        snprintf(key, sizeof key, "crash/%d/blob", at);
        snprintf(number, sizeof number, "%d", at);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            setenv("CONCH_CRASH_AT", number, 1); /* it is read once a process */
            execl("/proc/self/exe", "test_blob", "put", folder, key, (char *)NULL);
            _exit(127);
        }
        int status;
        void *data;
        size_t size;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (blob_read(store, key, 100, &data, &size, &err) == 0) {
            assert_int_equal(size, 3);
            free(data);
            whole++;
        } else {
            assert_true(WIFSIGNALED(status));
            absent++;
        }
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            break;
        }
    }
    assert_true(whole >= 2 && absent >= 1);
}

static void free_room_is_told(void **state)
{
    int64_t bytes = -1;
    assert_int_equal(blob_free_bytes(store, &bytes, &err), 0);
    assert_true(bytes >= 0);
}

static void a_location_that_is_a_file_is_refused(void **state)
{
    struct blob_store *none = NULL;
    assert_int_equal(blob_store_open(&none, "/dev/null/x", &err), CONCH_ERR_IO);
    assert_null(none);
    blob_store_close(none);
}

static void a_copy_in_another_store_outlives_the_original(void **state)
{
    struct blob_store *to = NULL;
    struct blob_copied copied;
    void *data = NULL;
    size_t size = 0;
    char path[128];
    snprintf(path, sizeof path, "%.22s/copy", folder);
    assert_int_equal(blob_store_open(&to, path, &err), 0);
    assert_int_equal(blob_put(store, "2026/x/clip.mp4", "abc", 3, NULL, &err), 0);
    assert_int_equal(blob_copy(store, to, "2026/x/clip.mp4", &copied, &err), 0);
    assert_int_equal(copied.bytes, 3);
    assert_true(copied.linked);
    assert_int_equal(blob_copy(store, to, "2026/x/clip.mp4", &copied, &err), 0); /* it is there already */
    assert_int_equal(blob_store_sync(to, &err), 0);
    assert_int_equal(blob_delete(store, "2026/x/clip.mp4", &err), 0);
    assert_int_equal(blob_copy(store, to, "2026/x/clip.mp4", &copied, &err), CONCH_ERR_NOTFOUND);
    assert_int_equal(blob_read(to, "2026/x/clip.mp4", 100, &data, &size, &err), 0);
    assert_int_equal(size, 3);
    assert_memory_equal(data, "abc", 3);
    free(data);
    blob_store_close(to);
}

static void a_copy_on_another_disk_has_the_same_bytes(void **state)
{
    struct blob_store *to = NULL;
    struct blob_copied copied;
    void *data = NULL;
    size_t size = 0;
    char path[] = "/dev/shm/conch-blob-XXXXXX", command[128], bytes[200000];
    struct stat here, there;
    if (!mkdtemp(path))
        skip();
    if (stat(folder, &here) < 0 || stat(path, &there) < 0 || here.st_dev == there.st_dev) {
        rmdir(path);
        skip();
    }
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(blob_store_open(&to, path, &err), 0);
    assert_int_equal(blob_put(store, "a/long", bytes, sizeof bytes, NULL, &err), 0);
    assert_int_equal(blob_put(store, "a/empty", "", 0, NULL, &err), 0);
    assert_int_equal(blob_copy(store, to, "a/long", &copied, &err), 0);
    assert_int_equal(copied.bytes, sizeof bytes);
    assert_false(copied.linked);
    assert_int_equal(blob_copy(store, to, "a/empty", &copied, &err), 0);
    assert_int_equal(copied.bytes, 0);
    assert_int_equal(blob_read(to, "a/long", sizeof bytes, &data, &size, &err), 0);
    assert_int_equal(size, sizeof bytes);
    assert_memory_equal(data, bytes, sizeof bytes);
    free(data);
    blob_store_close(to);
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

#define blob_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int put_and_end(const char *where, const char *key)
{
    return blob_store_open(&store, where, &err) < 0 || blob_put(store, key, "abc", 3, NULL, &err) < 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "put") == 0)
        return put_and_end(argv[2], argv[3]);
    const struct CMUnitTest tests[] = {
        blob_test(a_copy_in_another_store_outlives_the_original),
        blob_test(a_copy_on_another_disk_has_the_same_bytes),
        blob_test(what_was_put_is_read_again),
        blob_test(a_key_is_written_once),
        blob_test(keys_that_would_leave_the_folder_are_refused),
        blob_test(a_link_in_the_folder_is_not_followed),
        blob_test(new_keys_differ_and_are_allowed),
        blob_test(a_put_may_be_written_by_path_or_in_pieces_or_not_at_all),
        blob_test(a_full_disk_leaves_nothing_and_is_named),
        blob_test(the_sweep_tells_of_old_blobs_and_clears_what_was_not_finished),
        blob_test(the_sweep_ends_when_told),
        blob_test(a_crash_at_any_moment_leaves_all_or_nothing),
        blob_test(free_room_is_told),
        blob_test(a_location_that_is_a_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
