#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/memory.h"

enum { MB = 1 << 20 };

static void what_is_available_is_less_than_what_there_is(void **state)
{
    uint64_t available = memory_available_bytes();
    uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    assert_true(available > 0 && available <= all);
}

static void pages_count_once_they_are_written(void **state)
{
    uint64_t before = memory_resident_bytes();
    assert_true(before > 0);
    void *block = mmap(NULL, 64 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(block != MAP_FAILED);
    assert_true(memory_resident_bytes() < before + 8 * MB);
    memset(block, 1, 64 * MB);
    assert_true(memory_resident_bytes() > before + 56 * MB);
    munmap(block, 64 * MB);
    assert_true(memory_resident_bytes() < before + 8 * MB);
}

static char folder[] = "/tmp/conch-test-memory-XXXXXX";

static void put(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_write_atomic(path, text, strlen(text), NULL), 0);
}

static void a_group_may_use_its_limit_less_what_it_cannot_drop(void **state)
{
    assert_non_null(mkdtemp(folder));
    assert_true(memory_left_in_cgroup(folder) == UINT64_MAX); /* no such group */
    put("memory.max", "max\n");
    put("memory.current", "5000\n");
    assert_true(memory_left_in_cgroup(folder) == UINT64_MAX);
    put("memory.max", "8000\n");
    assert_int_equal(memory_left_in_cgroup(folder), 3000);
    put("memory.stat", "anon 1000\nfile 4000\ninactive_file 1500\nactive_file 2000\nother_file 7\n");
    assert_int_equal(memory_left_in_cgroup(folder), 6500); /* pages of files can be dropped: weights that were read */
    put("memory.current", "9000\n");
    assert_int_equal(memory_left_in_cgroup(folder), 2500);
    put("memory.stat", "inactive_file 100\n");
    assert_int_equal(memory_left_in_cgroup(folder), 0);
    put("memory.stat", "inactive_file 99999\n"); /* read a moment later than memory.current */
    assert_int_equal(memory_left_in_cgroup(folder), 8000);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_available_is_less_than_what_there_is),
        cmocka_unit_test(pages_count_once_they_are_written),
        cmocka_unit_test(a_group_may_use_its_limit_less_what_it_cannot_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
