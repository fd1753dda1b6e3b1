/* Workers as processes that are killed: at each durable write in turn, and in the middle of the work. Nothing that was
 * acknowledged is lost, nothing is charged twice. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"
#include "queue_test.h"
#include "server/queue/relay.h"

#define ENDED (1u << JOB_SUCCEEDED | 1u << JOB_FAILED | 1u << JOB_BLOCKED | 1u << JOB_CANCELLED)

enum { LEASE_MS = 400 };

/* ---- the process ---- */

static atomic_bool stop_asked;

static void on_term(int number)
{
    atomic_store(&stop_asked, true);
}

static int slow_run(struct backend *backend, const struct backend_job *job, const struct backend_sink *sink,
                    struct backend_result *ret, conch_error *err)
{
    struct stat info;
    int rc = sink->begun(sink->context);
    for (int i = 0; rc == 0 && stat(qt_path("go"), &info) < 0; i++) {
        const struct backend_progress progress = {.phase = "denoise", .step = i, .step_count = 100, .permille = 10};
        qt_sleep_ms(10);
        rc = sink->progress(sink->context, &progress);
    }
    FILE *file = rc == 0 ? fopen(job->clip_path, "w") : NULL;
    if (!file)
        return CONCH_ERR_CANCELLED;
    fputs("clip", file);
    fclose(file);
    *ret = (struct backend_result){.width = 2, .height = 2, .fps = 1, .frame_count = 1, .duration_ms = 1000};
    ret->poster = malloc(1);
    ret->poster_size = 1;
    return 0;
}

static const struct backend_table slow_table = {.name = "fake", .run = slow_run};

/* folder: of the store that is there already. */
static int worker_main(const char *folder)
{
    conch_error err = {0};
    struct backend slow = {&slow_table};
    struct backend *const backends[] = {&slow};
    snprintf(qt.folder, sizeof qt.folder, "%s", folder);
    log_setup(LOG_LEVEL_OFF, LOG_FORMAT_TEXT, 2);
    signal(SIGTERM, on_term);
    const struct config_override data = {.name = "server.data", .value = folder};
    const struct config_settings config = {.overrides = &data, .override_count = 1};
    const struct store_settings store = {.path = qt_path("conch.db")};
    int rc = config_load(&qt.config, &config, &err);
    qt.config.jobs.lease_ms = LEASE_MS;
    if (rc == 0)
        rc = store_open(&qt.store, &store, &err);
    if (rc == 0)
        rc = blob_store_open(&qt.blobs, qt_path("blobs"), &err);
    const struct worker_settings settings = {.config = &qt.config,
                                             .store = qt.store,
                                             .blobs = qt.blobs,
                                             .backends = backends,
                                             .backend_count = 1,
                                             .stop = &stop_asked};
    if (rc == 0)
        rc = worker_run(&settings, &err);
    store_close(qt.store);
    blob_store_close(qt.blobs);
    config_finish(&qt.config);
    return rc < 0;
}

/* crash_at 0: it does not. */
static pid_t worker_spawn(int crash_at)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", crash_at);
        if (crash_at)
            setenv("CONCH_CRASH_AT", number, 1);
        execl("/proc/self/exe", "test_queue_crash", "worker", qt.folder, (char *)NULL);
        _exit(127);
    }
    return child;
}

static void worker_end(pid_t child, int number)
{
    int status;
    kill(child, number);
    assert_int_equal(waitpid(child, &status, 0), child);
}

static void go(void)
{
    FILE *file = fopen(qt_path("go"), "w");
    assert_non_null(file);
    fclose(file);
}

/* ---- the sweep ---- */

static struct {
    pthread_t thread;
    atomic_bool stop;
} relay;

static void *relay_thread(void *context)
{
    const struct relay_settings settings = {
        .config = &qt.config, .store = qt.store, .blobs = qt.blobs, .stop = &relay.stop};
    relay_run(&settings, NULL);
    return NULL;
}

static void relay_start(void)
{
    atomic_store(&relay.stop, false);
    assert_int_equal(pthread_create(&relay.thread, NULL, relay_thread, NULL), 0);
}

static void relay_stop(void)
{
    atomic_store(&relay.stop, true);
    pthread_join(relay.thread, NULL);
}

/* ---- tests ---- */

static void a_killed_worker_s_job_is_done_by_the_next(void **state)
{
    relay_start();
    pid_t worker = worker_spawn(0);
    const int64_t id = qt_submit(&(struct qt_job){.seconds = 1});
    struct store_job row = qt_wait(id, 1u << JOB_RUNNING, 10);
    store_job_finish(&row);
    worker_end(worker, SIGKILL);
    go();
    worker = worker_spawn(0);
    row = qt_wait(id, ENDED, 10);
    assert_int_equal(row.job.state, JOB_SUCCEEDED);
    assert_int_equal(row.job.attempts, 2);
    store_job_finish(&row);
    worker_end(worker, SIGTERM);
    relay_stop();
    qt_money(QT_MONEY - 1000, 0);
}

static void a_frozen_worker_that_wakes_up_changes_nothing(void **state)
{
    relay_start();
    const pid_t frozen = worker_spawn(0);
    const int64_t id = qt_submit(&(struct qt_job){.seconds = 1});
    struct store_job row = qt_wait(id, 1u << JOB_RUNNING, 10);
    store_job_finish(&row);
    kill(frozen, SIGSTOP);
    go();
    row = qt_wait(id, 1u << JOB_QUEUED, 10); /* its lease ran out */
    store_job_finish(&row);
    const pid_t second = worker_spawn(0);
    row = qt_wait(id, ENDED, 10);
    assert_int_equal(row.job.state, JOB_SUCCEEDED);
    const int64_t file_id = row.file_id, events = row.job.event_count;
    store_job_finish(&row);
    kill(frozen, SIGCONT);
    qt_sleep_ms(300);
    worker_end(frozen, SIGTERM);
    worker_end(second, SIGTERM);
    relay_stop();
    row = qt_row(id);
    assert_int_equal(row.file_id, file_id);
    assert_int_equal(row.job.event_count, events);
    store_job_finish(&row);
    assert_int_equal(qt_blob_count(), 2);
    qt_money(QT_MONEY - 1000, 0);
}

/* One worker after the other dies at its n-th durable write; the job goes on to its end all the same. */
static void a_job_survives_a_death_at_every_durable_write(void **state)
{
    int deaths = 0;
    qt.config.jobs.attempts = 100;
    relay_start();
    go();
    for (int at = 1; at < 40; at++) {
        const int64_t id = qt_submit(&(struct qt_job){.attempts_max = 5});
        const pid_t doomed = worker_spawn(at);
        int status = 0;
        pid_t ended = 0;
        for (int i = 0; i < 300 && ended == 0; i++) {
            const enum job_state now = qt_state(id);
            ended = waitpid(doomed, &status, WNOHANG);
            if (ended == 0 && now == JOB_SUCCEEDED)
                break; /* it came through: there are fewer writes in a whole job */
            qt_sleep_ms(10);
        }
        const bool died = ended == doomed && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        deaths += died;
        if (ended == 0)
            worker_end(doomed, SIGKILL);
        const pid_t second = worker_spawn(0);
        struct store_job row = qt_wait(id, ENDED, 10);
        assert_int_equal(row.job.state, JOB_SUCCEEDED);
        store_job_finish(&row);
        worker_end(second, SIGTERM);
        qt_money(QT_MONEY - at * 1000, 0);
        if (!died)
            break;
    }
    relay_stop();
    assert_true(deaths >= 10);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "worker") == 0)
        return worker_main(argv[2]);
    const struct CMUnitTest tests[] = {
        qt_test(a_killed_worker_s_job_is_done_by_the_next),
        qt_test(a_frozen_worker_that_wakes_up_changes_nothing),
        qt_test(a_job_survives_a_death_at_every_durable_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
