/* Every allocation fails once: always an error code, never a crash, and nothing is left behind.
 *
 * The linker puts the functions below before malloc and its like, for all of the engine, but not for what the libraries
 * take themselves: jansson 2.14, for one, loses a character of a text when its buffer cannot grow, and says nothing. */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <dirent.h>
#include <unistd.h>

#include "engine_test.h"

static size_t calls, fail_at; /* fail_at 0: none fails */
static long mapped;           /* regions mapped and not unmapped */

static bool fails(void)
{
    return ++calls == fail_at;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
char *__real_strdup(const char *text);
void *__real_mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *address, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
int __wrap_asprintf(char **ret, const char *format, ...) __attribute__((format(printf, 2, 3)));
void *__wrap_mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *address, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

int __wrap_asprintf(char **ret, const char *format, ...)
{
    va_list args;
    if (fails())
        return -1;
    va_start(args, format);
    int length = vasprintf(ret, format, args);
    va_end(args);
    return length;
}

void *__wrap_mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (fails()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    mapped++;
    return __real_mmap64(address, size, protection, flags, fd, offset);
}

int __wrap_munmap(void *address, size_t size)
{
    mapped--;
    return __real_munmap(address, size);
}

/* ---- the work ---- */

static const char *folder;
static conch_picture first, last;

static int frame_forget(void *context, const uint8_t *rgb, int index)
{
    return 0;
}

struct job {
    conch_request request;
    const char *cache_dir;
};

/* All that a program does; whatever fails, what was opened is closed again. */
static int job_run(const struct job *job, conch_error *err)
{
    conch_engine *engine = NULL;
    conch_model *model = NULL;
    conch_plan plan;
    conch_latent_info info = {0};
    const conch_sink sink = {.frame = frame_forget, .preview = frame_forget};
    conch_engine_options options = {.threads = 1, .cache_dir = job->cache_dir};
    int rc = conch_engine_create(&engine, &options, err);
    if (rc == 0)
        rc = conch_model_open(&model, folder, err);
    if (rc == 0)
        rc = conch_plan_make(engine, model, &job->request, &plan, err);
    if (rc == 0)
        rc = conch_generate(engine, model, &job->request, &sink, err);
    if (rc == 0 && job->request.latent_path)
        rc = conch_latent_info_read(job->request.latent_path, &info, err);
    if (rc == 0 && job->request.latent_path)
        rc = conch_decode(engine, model, job->request.latent_path, CONCH_PRECISION_BF16, &sink, err);
    conch_latent_info_finish(&info);
    conch_model_close(model);
    conch_engine_destroy(engine);
    return rc;
}

static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static size_t file_count(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t count = 0;
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

/* Most failures are near the start of some phase, and a run that fails early is short: all of the first ones are tried,
 * then ever fewer. CONCH_TEST_THOROUGH tries all of them. */
static size_t next_failure(size_t n)
{
    return getenv("CONCH_TEST_THOROUGH") ? n + 1 : n + 1 + n / 64;
}

static void every_failure_is_an_error(const struct job *job)
{
    conch_error err = {0};
    fail_at = calls = 0;
    assert_int_equal(job_run(job, &err), 0); /* also warms up what is kept: locale, stdio */
    size_t total = calls, tried = 0, survived = 0;
    long mapped_before = mapped;
    size_t files = file_count(), heap = heap_bytes();
    for (size_t n = 1; n <= total; n = next_failure(n)) {
        err = (conch_error){0};
        calls = 0;
        fail_at = n;
        int rc = job_run(job, &err);
        fail_at = 0;
        tried++;
        survived += rc == 0; /* the cache may do without */
        if (rc != 0 && (rc >= 0 || err.code != rc || !err.text[0]))
            fail_msg("allocation %zu: %d, error %d '%s'", n, rc, err.code, err.text);
        if (rc != 0 && rc != CONCH_ERR_NOMEM && rc != CONCH_ERR_IO && rc != CONCH_ERR_FORMAT)
            fail_msg("allocation %zu: %d '%s'", n, rc, err.text);
        if (mapped != mapped_before)
            fail_msg("allocation %zu: %ld maps are left", n, mapped - mapped_before);
        if (file_count() != files)
            fail_msg("allocation %zu: files are left open", n);
#if !TEST_SANITIZED
        if (heap_bytes() > heap)
            fail_msg("allocation %zu: %zu bytes are left", n, heap_bytes() - heap);
#endif
    }
    print_message("%zu of %zu allocations failed, %zu times it went on\n", tried, total, survived);
    calls = 0;
    assert_int_equal(job_run(job, &err), 0);
}

static void a_clip_from_text(void **state)
{
    every_failure_is_an_error(
        &(struct job){{.prompt = "a fox", .frame_count = 1, .step_count = 1, .guidance = 1}, NULL});
}

static void a_clip_between_two_pictures_with_all_that_can_be_asked_for(void **state)
{
    const struct job job = {{.prompt = "a fox",
                             .first_frame = &first,
                             .last_frame = &last,
                             .frame_count = 5,
                             .step_count = 1,
                             .preview = true,
                             .latent_path = test_path("saved.latent")},
                            test_path("cache")};
    every_failure_is_an_error(&job);
}

static int set_up(void **state)
{
    test_folder_make("no-memory");
    folder = model_write(manifest_ti2v(), "ti2v");
    picture_draw(&first, 96, 64, 0);
    picture_draw(&last, 96, 64, 1);
    return 0;
}

static int tear_down(void **state)
{
    free((void *)first.rgb);
    free((void *)last.rgb);
    test_folder_remove();
    return 0;
}

int main(int argc, char **argv)
{
    /* blocks that glibc keeps for the next malloc of a thread would count as not given back */
    if (!getenv("GLIBC_TUNABLES")) {
        setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
        execv("/proc/self/exe", argv);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clip_from_text),
        cmocka_unit_test(a_clip_between_two_pictures_with_all_that_can_be_asked_for),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
