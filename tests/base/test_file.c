#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static char folder[] = "/tmp/conch-test-file-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int folder_make(void **state)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void what_was_written_is_read_back(void **state)
{
    struct buf buf;
    buf_init(&buf, 1000);
    assert_int_equal(file_write_atomic(in_folder("a"), "hello", 5, NULL), 0);
    assert_int_equal(file_read(&buf, in_folder("a"), NULL), 0);
    assert_string_equal(buf.data, "hello");
    buf_finish(&buf);

    struct file_map map;
    assert_int_equal(file_map_open(&map, in_folder("a"), NULL), 0);
    assert_int_equal(map.size, 5);
    assert_memory_equal(map.data, "hello", 5);
    file_map_close(&map);
}

static void a_file_longer_than_the_limit_is_refused(void **state)
{
    struct buf buf;
    conch_error err = {0};
    buf_init(&buf, 4);
    assert_int_equal(file_write_atomic(in_folder("b"), "hello", 5, NULL), 0);
    assert_int_equal(file_read(&buf, in_folder("b"), &err), CONCH_ERR_LIMIT);
    buf_finish(&buf);
}

static void missing_files_folders_and_pipes_are_named_not_waited_for(void **state)
{
    struct file_map map;
    conch_error err = {0};
    assert_int_equal(file_map_open(&map, in_folder("none"), &err), CONCH_ERR_NOTFOUND);
    assert_non_null(strstr(err.text, "none"));
    assert_int_equal(file_map_open(&map, folder, &err), CONCH_ERR_IO);
    assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
    assert_int_equal(file_map_open(&map, in_folder("fifo"), &err), CONCH_ERR_IO);
}

static void a_failed_write_leaves_no_partial_file(void **state)
{
    conch_error err = {0};
    assert_int_equal(mkdir(in_folder("taken"), 0700), 0);
    assert_true(file_write_atomic(in_folder("taken"), "x", 1, &err) < 0); /* rename onto a folder fails */
    char pattern[128];
    snprintf(pattern, sizeof pattern, "ls %s | grep -q partial", folder);
    assert_int_not_equal(system(pattern), 0);
}

static void an_empty_file_maps_to_nothing(void **state)
{
    struct file_map map;
    assert_int_equal(file_write_atomic(in_folder("empty"), "", 0, NULL), 0);
    assert_int_equal(file_map_open(&map, in_folder("empty"), NULL), 0);
    assert_null(map.data);
    file_map_close(&map);
}

static void nested_folders_are_made(void **state)
{
    assert_int_equal(file_make_folders(in_folder("x/y/z"), NULL), 0);
    assert_true(file_exists(in_folder("x/y/z")));
    assert_int_equal(file_make_folders(in_folder("x/y/z"), NULL), 0);
}

static void a_folder_without_name_is_refused(void **state)
{
    conch_error err;
    char *empty = strdup(""); /* on the heap, where reading on is noticed */
    assert_int_equal(file_make_folders(empty, &err), CONCH_ERR_RANGE);
    free(empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_without_name_is_refused),
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(a_file_longer_than_the_limit_is_refused),
        cmocka_unit_test(missing_files_folders_and_pipes_are_named_not_waited_for),
        cmocka_unit_test(a_failed_write_leaves_no_partial_file),
        cmocka_unit_test(an_empty_file_maps_to_nothing),
        cmocka_unit_test(nested_folders_are_made),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
