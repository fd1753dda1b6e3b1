/* Children that are kept there: started again when they end, stopped when asked, killed when they will not. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/queue/supervise.h"

static struct supervise *supervise;
static char path[64];
static conch_error err;

static int setup(void **state)
{
    log_setup(LOG_LEVEL_OFF, LOG_FORMAT_TEXT, 2);
    strcpy(path, "/tmp/conch-supervise-XXXXXX");
    int file = mkstemp(path);
    if (file < 0 || supervise_create(&supervise, &err) < 0)
        return -1;
    close(file);
    supervise_program(supervise, "/bin/sh");
    return 0;
}

static int teardown(void **state)
{
    return unlink(path);
}

static void start(const char *script)
{
    const char *const arguments[] = {"-c", script, "x", path, NULL};
    assert_int_equal(supervise_start(supervise, "child", arguments, &err), 0);
}

/* What the children have written so far. */
static off_t written(void)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_size;
}

static void look_for_ms(int ms)
{
    for (int i = 0; i < ms / 10; i++) {
        supervise_look(supervise);
        usleep(10000);
    }
}

static int64_t destroy_ms(int grace_ms)
{
    const int64_t began_ns = clock_steady_ns();
    supervise_destroy(supervise, grace_ms);
    return (clock_steady_ns() - began_ns) / 1000000;
}

static void a_child_that_ends_is_started_again_with_growing_waits(void **state)
{
    start("echo >> $1");
    look_for_ms(1100); /* at 0, 200, 600 ms; the fourth would come at 1400 */
    assert_in_range(written(), 2, 3);
    destroy_ms(1000);
}

static void a_child_that_is_killed_is_started_again(void **state)
{
    start("echo >> $1; exec sleep 60");
    for (int i = 0; i < 100 && written() == 0; i++)
        usleep(10000);
    const pid_t first = supervise_pid(supervise, "child");
    assert_true(first > 0);
    assert_int_equal(supervise_pid(supervise, "nobody"), 0);
    kill(first, SIGKILL);
    look_for_ms(600);
    assert_int_equal(written(), 2);
    assert_true(supervise_pid(supervise, "child") > 0 && supervise_pid(supervise, "child") != first);
    assert_true(destroy_ms(3000) < 2500); /* sleep ends at once by SIGTERM */
}

static void children_stop_in_their_own_way_when_asked(void **state)
{
    start("trap 'echo bye >> $1; exit' TERM; echo >> $1; while :; do sleep 0.02; done");
    for (int i = 0; i < 100 && written() == 0; i++)
        usleep(10000);
    destroy_ms(3000);
    assert_int_equal(written(), 5);
}

static void one_that_will_not_stop_is_killed(void **state)
{
    start("trap '' TERM; echo >> $1; while :; do sleep 0.05; done");
    for (int i = 0; i < 100 && written() == 0; i++)
        usleep(10000);
    const pid_t pid = supervise_pid(supervise, "child");
    const int64_t took_ms = destroy_ms(200);
    assert_in_range(took_ms, 190, 2000);
    assert_int_equal(kill(pid, 0), -1);
}

static void a_program_that_is_not_there_ends_at_once_and_is_tried_again(void **state)
{
    supervise_program(supervise, "/nonexistent/program");
    start("");
    look_for_ms(300);
    assert_true(destroy_ms(100) < 90); /* nothing runs */
}

static void a_child_has_no_signal_blocked(void **state)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    start("echo >> $1; exec sleep 60");
    sigprocmask(SIG_SETMASK, &before, NULL);
    for (int i = 0; i < 100 && written() == 0; i++)
        usleep(10000);
    assert_true(destroy_ms(3000) < 2500);
}

#define child_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(a_child_that_ends_is_started_again_with_growing_waits),
        child_test(a_child_that_is_killed_is_started_again),
        child_test(children_stop_in_their_own_way_when_asked),
        child_test(one_that_will_not_stop_is_killed),
        child_test(a_program_that_is_not_there_ends_at_once_and_is_tried_again),
        child_test(a_child_has_no_signal_blocked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
