/* Many hands at one store: random submits, workers that finish, fail or fall silent, cancellations, grants, expiry, by
 * several threads and processes, killed at durable writes, on a full disk, behind a locked database. Afterwards the
 * audit finds nothing, and what was acknowledged is there. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/rand.h"
#include "server/store/schema.h"
#include "server/store/store_inner.h"
#include "store_world.h"

enum { OWN_JOBS = 64 };

struct storm {
    struct store *store;
    uint64_t seed, draws;
    int64_t jobs[OWN_JOBS]; /* some that this hand submitted */
    size_t submitted;
    int told;    /* where acknowledged ids are written; -1: nowhere */
    int allowed; /* an error code that may come besides those of a busy day; 0: none */
    int seen;    /* how often it came */
    int wrong;
    conch_error err; /* of the first that was wrong */
};

static uint32_t draw(struct storm *storm, uint32_t below)
{
    uint32_t words[4];
    rand_block(words, storm->seed, storm->draws++);
    return words[0] % below;
}

/* Errors that are an answer and no fault: no money, somebody was faster, the lease is gone. */
static bool is_answer(int rc)
{
    return rc == 0 || rc == LEDGER_ERR_BALANCE || rc == STORE_ERR_BUDGET || rc == JOB_ERR_STALE ||
           rc == CONCH_ERR_UNSUPPORTED || rc == STORE_ERR_CONFLICT;
}

static int note(struct storm *storm, int rc, const conch_error *err)
{
    if (rc < 0 && rc == storm->allowed) {
        storm->seen++;
    } else if (!is_answer(rc)) {
        if (!storm->wrong++)
            storm->err = *err;
    }
    return rc;
}

static int write_work(struct storm *storm, store_work *work, void *context)
{
    conch_error err = {0};
    int rc = store_write(storm->store, work, context, &err);
    return note(storm, rc, &err);
}

static void submit(struct storm *storm)
{
    struct world_job job = {.id = id_next(),
                            .price = draw(storm, 4) ? draw(storm, 50) : 0,
                            .now_ms = clock_wall_ms(),
                            .priority = (int32_t)draw(storm, 3),
                            .remote = draw(storm, 4) == 0};
    if (write_work(storm, world_job_add, &job) < 0)
        return;
    storm->jobs[storm->submitted++ % OWN_JOBS] = job.id;
    if (storm->told >= 0 && write(storm->told, &job.id, sizeof(job.id)) != sizeof(job.id))
        storm->wrong++;
}

struct ids_call {
    bool lapsed;
    int64_t now_ms;
    int64_t ids[8];
    size_t count;
};

static int ids_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct ids_call *call = context;
    const char *backends[] = {"local"};
    struct store_due due = {.backends = backends, .backend_count = 1, .now_ms = call->now_ms};
    call->count = 8;
    if (call->lapsed)
        return store_job_lapsed(tx, call->now_ms, call->ids, &call->count, err);
    return store_job_due(tx, &due, call->ids, &call->count, err);
}

static struct ids_call ids_of(struct storm *storm, bool lapsed, int64_t now_ms)
{
    struct ids_call call = {.lapsed = lapsed, .now_ms = now_ms};
    conch_error err = {0};
    if (note(storm, store_read(storm->store, ids_work, &call, &err), &err) < 0)
        call.count = 0;
    return call;
}

static int step(struct storm *storm, struct world_step *step, enum world_arrow arrow)
{
    step->arrow = arrow;
    step->now_ms = clock_wall_ms();
    return write_work(storm, world_job_step, step);
}

/* From wherever the claim found it: a remote job may be under way, or unknown. */
static void work_on(struct storm *storm, struct world_step *at)
{
    if (at->after.state == JOB_SUBMITTING && step(storm, at, WORLD_START) < 0)
        return;
    if (at->after.state == JOB_UNKNOWN && step(storm, at, draw(storm, 4) ? WORLD_FIND : WORLD_GIVE_UP) < 0)
        return;
    if (at->after.state == JOB_RUNNING && draw(storm, 2) && step(storm, at, WORLD_PROGRESS) < 0)
        return;
    if (at->after.state == JOB_RUNNING && at->after.cancel_requested && step(storm, at, WORLD_STOP) < 0)
        return;
    if (at->after.state == JOB_RUNNING && step(storm, at, WORLD_OUTPUT) < 0)
        return;
    if (at->after.state != JOB_STORING || draw(storm, 8) == 0)
        return;
    if (step(storm, at, WORLD_FINISH) == 0)
        step(storm, at, WORLD_FINISH); /* a second time: refused */
}

/* One job as far as this worker takes it. */
static void work(struct storm *storm)
{
    struct ids_call due = ids_of(storm, false, clock_wall_ms());
    if (due.count == 0)
        return;
    struct world_step at = {.id = due.ids[draw(storm, (uint32_t)due.count)], .lease_ms = 1 + draw(storm, 60)};
    static const enum job_error errors[] = {JOB_ERROR_INTERNAL, JOB_ERROR_CAPACITY, JOB_ERROR_CONTENT_POLICY};
    if (step(storm, &at, WORLD_CLAIM) < 0 || draw(storm, 8) == 0)
        return; /* silent from here on: the lease runs out */
    at.error = errors[draw(storm, 3)];
    at.charge_permille = 1 + (int)draw(storm, 1000);
    if (at.after.state == JOB_SUBMITTING && draw(storm, 6) == 0)
        step(storm, &at, WORLD_TROUBLE);
    else
        work_on(storm, &at);
}

static void sweep(struct storm *storm)
{
    struct ids_call lapsed = ids_of(storm, true, clock_wall_ms());
    for (size_t i = 0; i < lapsed.count; i++) {
        struct world_step at = {.id = lapsed.ids[i]};
        step(storm, &at, WORLD_LAPSE);
    }
}

static void cancel(struct storm *storm)
{
    if (storm->submitted == 0)
        return;
    struct world_step at = {.id = storm->jobs[draw(storm, (uint32_t)storm->submitted) % OWN_JOBS]};
    step(storm, &at, WORLD_CANCEL);
}

struct grant_call {
    int64_t amount, expires_ms;
};

static int grant_work(void *context, struct store_tx *tx, conch_error *err)
{
    const struct grant_call *call = context;
    struct store_grant grant = {.account_id = WORLD_ACCOUNT,
                                .lot_id = id_next(),
                                .kind = LEDGER_PAYG,
                                .amount = call->amount,
                                .expires_ms = call->expires_ms,
                                .now_ms = clock_wall_ms()};
    if (grant.expires_ms && grant.expires_ms <= grant.now_ms)
        grant.expires_ms = grant.now_ms + 1;
    int rc = store_grant(tx, &grant, err);
    return rc == CONCH_ERR_LIMIT ? 0 : rc; /* as many open lots as there may be */
}

static int expire_work(void *context, struct store_tx *tx, conch_error *err)
{
    bool done = false;
    return store_expire_lots(tx, clock_wall_ms(), 4, &done, err);
}

static void turn(struct storm *storm)
{
    const uint32_t what = draw(storm, 100);
    struct grant_call grant = {.amount = 1 + draw(storm, 200)};
    if (what < 40)
        submit(storm);
    else if (what < 75)
        work(storm);
    else if (what < 85)
        sweep(storm);
    else if (what < 93)
        cancel(storm);
    else if (what < 97) {
        grant.expires_ms = clock_wall_ms() + 1 + draw(storm, 50);
        write_work(storm, grant_work, &grant);
    } else
        write_work(storm, expire_work, NULL);
}

struct hand {
    struct storm storm;
    int turns;
};

static void *hand_run(void *argument)
{
    struct hand *hand = argument;
    for (int i = 0; i < hand->turns; i++)
        turn(&hand->storm);
    return NULL;
}

/* That many threads; returns how many answers were wrong. */
enum { HANDS_MAX = 8 };

static int hands_run(struct store *store, int hands, int turns, uint64_t seed, int told)
{
    static struct hand all[HANDS_MAX];
    pthread_t threads[HANDS_MAX];
    int wrong = 0;
    for (int i = 0; i < hands; i++) {
        all[i] = (struct hand){.storm = {.store = store, .seed = seed + (uint64_t)i, .told = told}, .turns = turns};
        if (pthread_create(&threads[i], NULL, hand_run, &all[i]) != 0)
            return -1;
    }
    for (int i = 0; i < hands; i++) {
        pthread_join(threads[i], NULL);
        if (all[i].storm.wrong)
            fprintf(stderr, "%s\n", all[i].storm.err.text);
        wrong += all[i].storm.wrong;
    }
    return wrong;
}

/* In a process of its own: program child PATH SEED TURNS CRASH_AT. Acknowledged ids go to standard output. */
static int child_main(char **argv)
{
    if (atoi(argv[5]) > 0)
        setenv("CONCH_CRASH_AT", argv[5], 1);
    struct store_settings settings = {.path = argv[2]};
    struct store *store = NULL;
    if (store_open(&store, &settings, NULL) < 0)
        return 3;
    int wrong = hands_run(store, 3, atoi(argv[4]), (uint64_t)atoll(argv[3]), STDOUT_FILENO);
    store_close(store);
    return wrong == 0 ? 0 : 4;
}

struct child {
    pid_t pid;
    int told;
    int kill_after; /* acknowledged submits; 0: it is not killed from outside */
};

static struct child child_start(int seed, int turns, int crash_at)
{
    int ends[2];
    char texts[3][16];
    snprintf(texts[0], sizeof(texts[0]), "%d", seed);
    snprintf(texts[1], sizeof(texts[1]), "%d", turns);
    snprintf(texts[2], sizeof(texts[2]), "%d", crash_at);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execl("/proc/self/exe", "test_server_store_storm", "child", scratch_path(), texts[0], texts[1], texts[2],
              (char *)NULL);
        _exit(2);
    }
    close(ends[1]);
    return (struct child){.pid = pid, .told = ends[0]};
}

/* ---- what must be true afterwards ---- */

struct there_call {
    int64_t id;
};

static int there_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct there_call *call = context;
    struct store_job job;
    int rc = store_job_get(tx, call->id, WORLD_ACCOUNT, &job, err);
    if (rc == 0)
        store_job_finish(&job);
    return rc;
}

static int child_wait(struct store *store, struct child *child, int *ret_status)
{
    int acknowledged = 0;
    struct there_call call;
    int64_t *ids = NULL;
    while (read(child->told, &call.id, sizeof(call.id)) == sizeof(call.id)) {
        if (acknowledged % 256 == 0)
            ids = realloc(ids, (size_t)(acknowledged + 256) * sizeof(*ids));
        ids[acknowledged++] = call.id;
        if (acknowledged == child->kill_after)
            kill(child->pid, SIGKILL);
    }
    close(child->told);
    assert_int_equal(waitpid(child->pid, ret_status, 0), child->pid);
    struct store *mine = store ? store : world_reopen();
    for (int i = 0; i < acknowledged; i++) {
        call.id = ids[i];
        world_read(mine, there_work, &call, 0, NULL);
    }
    if (!store) {
        world_audit(mine, 0);
        store_close(mine);
    }
    free(ids);
    return acknowledged;
}

/* A day later every job is brought to an end by one worker. */
static void all_end(struct store *store)
{
    struct storm storm = {.store = store, .told = -1};
    const int64_t later_ms = clock_wall_ms() + 24 * 3600 * 1000;
    for (struct ids_call lapsed; (lapsed = ids_of(&storm, true, later_ms)).count > 0;)
        for (size_t i = 0; i < lapsed.count; i++) {
            struct world_step at = {.id = lapsed.ids[i], .arrow = WORLD_LAPSE, .now_ms = later_ms};
            world_write(store, world_job_step, &at, 0, NULL);
        }
    for (struct ids_call due; (due = ids_of(&storm, false, later_ms + 600000)).count > 0;)
        for (size_t i = 0; i < due.count; i++) {
            struct world_step at = {.id = due.ids[i], .arrow = WORLD_CLAIM, .now_ms = later_ms + 600000};
            world_write(store, world_job_step, &at, 0, NULL);
            at.arrow = at.after.state == JOB_UNKNOWN ? WORLD_GIVE_UP : WORLD_FAIL;
            at.error = JOB_ERROR_INTERNAL;
            world_write(store, world_job_step, &at, 0, NULL);
        }
    assert_int_equal(storm.wrong, 0);
}

static int nothing_open_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct ledger_lot lots[LEDGER_LOTS_MAX];
    size_t count = 0;
    int rc = store_lots(tx, WORLD_ACCOUNT, LEDGER_MICROUSD, lots, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        assert_int_equal(lots[i].held, 0);
    struct store_job_filter under_way = {.states = 1u << JOB_QUEUED | 1u << JOB_SUBMITTING | 1u << JOB_RUNNING |
                                                   1u << JOB_STORING | 1u << JOB_UNKNOWN};
    int64_t left = -1, queued = -1, running = -1;
    if (rc == 0)
        rc = store_job_count(tx, &under_way, &left, err);
    if (rc == 0)
        rc = store_job_load(tx, 0, &queued, &running, err);
    assert_int_equal(left, 0);
    assert_int_equal(queued, 0);
    assert_int_equal(running, 0);
    return rc;
}

static void assert_all_resolved(struct store *store)
{
    all_end(store);
    world_audit(store, 0);
    world_read(store, nothing_open_work, NULL, 0, NULL);
}

/* ---- somebody follows the log ---- */

struct follower {
    struct store *store;
    atomic_bool stop;
    int64_t last_id, count, wrong;
};

static int follow_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct follower *follower = context;
    static struct store_event events[64];
    size_t count = 64;
    int rc = store_event_list(tx, &(struct store_event_filter){.after_id = follower->last_id}, events, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        follower->wrong += events[i].id <= follower->last_id;
        follower->last_id = events[i].id;
    }
    follower->count += rc == 0 ? (int64_t)count : 0;
    return rc < 0 ? rc : (int)count;
}

static void *follow(void *argument)
{
    struct follower *follower = argument;
    for (bool last = false;; last = atomic_load(&follower->stop)) {
        int found = store_read(follower->store, follow_work, follower, NULL);
        follower->wrong += found < 0;
        if (found == 0 && last)
            return NULL;
        if (found == 0)
            usleep(500);
    }
}

static int all_events_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct follower fresh = {0};
    int found;
    while ((found = follow_work(&fresh, tx, err)) > 0)
        ;
    *(int64_t *)context = fresh.count;
    return found;
}

static void threads_and_processes_at_once_leave_everything_in_order(void **state)
{
    struct store *store = world_open(3000);
    struct follower follower = {.store = store};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, follow, &follower), 0);
    struct child child = child_start(1000, 150, 0);
    assert_int_equal(hands_run(store, 4, 150, 1, -1), 0);
    int status = 0;
    assert_true(child_wait(store, &child, &status) > 20);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    atomic_store(&follower.stop, true);
    pthread_join(thread, NULL);
    int64_t events = 0;
    world_read(store, all_events_work, &events, 0, NULL);
    assert_int_equal(follower.wrong, 0);
    assert_int_equal(follower.count, events); /* nothing was committed behind its back with a smaller id */
    struct store_audit audit = world_audit(store, 0);
    assert_true(audit.jobs > 100 && audit.movements > 100);
    assert_all_resolved(store);
    store_close(store);
}

static void kills_at_durable_writes_lose_nothing_that_was_acknowledged(void **state)
{
    store_close(world_open(100000));
    int acknowledged = 0, killed = 0;
    for (int i = 0; i < 30; i++) {
        struct child child = child_start(5000 + 10 * i, 60, i < 16 ? 1 + i : 1 + i * 7);
        int status = 0;
        acknowledged += child_wait(NULL, &child, &status);
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        assert_true(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    }
    assert_true(killed >= 16);
    assert_true(acknowledged > 50);
    struct store *store = world_reopen();
    assert_all_resolved(store);
    store_close(store);
}

static void kills_at_any_time_lose_nothing_that_was_acknowledged(void **state)
{
    store_close(world_open(100000));
    int acknowledged = 0;
    for (int i = 0; i < 12; i++) {
        struct child child = child_start(9000 + 10 * i, 100000, 0);
        int status = 0;
        child.kill_after = 1 + 3 * i;
        acknowledged += child_wait(NULL, &child, &status);
    }
    assert_true(acknowledged >= 200);
    struct store *store = world_reopen();
    assert_all_resolved(store);
    store_close(store);
}

static void a_full_disk_refuses_and_keeps_the_books(void **state)
{
    signal(SIGXFSZ, SIG_IGN);
    struct store *store = world_open(100000);
    struct storm storm = {.store = store, .seed = 77, .told = -1, .allowed = CONCH_ERR_DISKFULL};
    for (int i = 0; i < 100; i++)
        turn(&storm);
    char log[128];
    struct stat info;
    snprintf(log, sizeof(log), "%s-wal", scratch_path());
    assert_int_equal(stat(log, &info), 0);
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){(rlim_t)info.st_size + 100000, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    for (int i = 0; i < 3000 && storm.seen < 20; i++)
        turn(&storm);
    setrlimit(RLIMIT_FSIZE, &before);
    if (storm.wrong)
        fail_msg("%s", storm.err.text);
    assert_true(storm.seen >= 20);
    world_audit(store, 0);
    storm.allowed = 0;
    for (int i = 0; i < 100; i++)
        turn(&storm);
    assert_int_equal(storm.wrong, 0);
    assert_all_resolved(store);
    store_close(store);
}

static void a_locked_database_is_told_and_reads_go_on(void **state)
{
    store_close(world_open(1000));
    struct store_settings settings = {.path = scratch_path(), .busy_ms = 50};
    struct store *store = NULL;
    assert_int_equal(store_open(&store, &settings, NULL), 0);
    int64_t before = 0, after = 0;
    struct world_job job = {.id = 9, .price = 1, .now_ms = 1};
    struct there_call there = {.id = 9};
    struct db *holder = NULL;
    struct db_settings same = {
        .path = scratch_path(), .role = DB_WRITER, .migrations = schema_steps, .migration_count = schema_step_count};
    assert_int_equal(db_open(&same, &holder, NULL), 0);
    assert_int_equal(db_begin_write(holder, NULL), 0);
    conch_error err = {0};
    world_write(store, world_job_add, &job, CONCH_ERR_LIMIT, &err);
    assert_non_null(strstr(err.text, "locked"));
    world_read(store, there_work, &there, CONCH_ERR_NOTFOUND, NULL);
    assert_int_equal(store_version(store, &before, NULL), 0);
    db_rollback(holder);
    world_write(store, world_job_add, &job, 0, NULL);
    world_read(store, there_work, &there, 0, NULL);
    assert_int_equal(store_version(store, &after, NULL), 0);
    assert_true(before != after);
    db_close(holder);
    store_close(store);
}

static void a_store_for_reading_only_stands_beside_a_running_one(void **state)
{
    struct store *store = world_open(1000), *beside = NULL;
    struct store_settings settings = {.path = scratch_path(), .read_only = true};
    assert_int_equal(store_open(&beside, &settings, NULL), 0);
    struct world_job job = {.id = 9, .price = 1, .now_ms = 1};
    world_write(beside, world_job_add, &job, CONCH_ERR_UNSUPPORTED, NULL);
    world_write(store, world_job_add, &job, 0, NULL);
    assert_int_equal(world_audit(beside, 0).jobs, 1);
    store_close(beside);
    store_close(store);
}

struct damage {
    const char *sql;
    struct store_audit audit;
};

static int damage_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct damage *damage = context;
    int rc = db_run(tx->db, damage->sql, DB_NOTHING, NULL, err);
    if (rc == 0)
        rc = store_audit(tx, NULL, NULL, &damage->audit, err);
    return rc == 0 ? CONCH_ERR_CANCELLED : rc;
}

/* What the audit is for: each kind of damage is found. */
static void the_audit_finds_what_was_tampered_with(void **state)
{
    static const char *const damages[] = {
        "UPDATE lot SET available = available + 1 WHERE id = 31",
        "UPDATE posting SET amount = amount + 1 WHERE movement_id = 1 AND position = 0",
        "DELETE FROM posting WHERE movement_id = 2",
        "UPDATE hold SET state = 2 WHERE id = 9",
        "UPDATE hold SET amount = amount + 1 WHERE id = 9",
        "UPDATE pin SET amount = amount + 1 WHERE hold_id = 9",
        "UPDATE job SET state = 5 WHERE id = 9",
        "UPDATE job SET event_count = event_count + 1 WHERE id = 9",
        "UPDATE job SET charged = 3 WHERE id = 9",
        "UPDATE job SET files_live = 3 WHERE id = 9",
        "UPDATE event SET to_state = 4 WHERE job_id = 9",
        "UPDATE movement SET available_after = available_after + 1 WHERE id = 2",
        "UPDATE movement SET kind = 3 WHERE id = 2",
        "UPDATE account SET issued_microusd = issued_microusd + 1",
        "UPDATE api_key SET spent_microusd = 0",
        "UPDATE job_load SET queued = 0 WHERE key_id = 0",
        "UPDATE job_load SET running = 1 WHERE key_id = 21",
        "DELETE FROM event WHERE job_id = 9",
    };
    struct store *store = world_open(1000);
    struct world_job job = {.id = 9, .price = 7, .now_ms = 1};
    world_write(store, world_job_add, &job, 0, NULL);
    world_audit(store, 0);
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        struct damage damage = {.sql = damages[i]};
        world_write(store, damage_work, &damage, CONCH_ERR_CANCELLED, NULL); /* so it is undone */
        if (damage.audit.problems == 0)
            fail_msg("not found: %s", damages[i]);
    }
    world_audit(store, 0);
    store_close(store);
}

int main(int argc, char **argv)
{
    if (argc == 6)
        return child_main(argv);
    const struct CMUnitTest tests[] = {
        scratch_test(threads_and_processes_at_once_leave_everything_in_order),
        scratch_test(kills_at_durable_writes_lose_nothing_that_was_acknowledged),
        scratch_test(kills_at_any_time_lose_nothing_that_was_acknowledged),
        scratch_test(a_full_disk_refuses_and_keeps_the_books),
        scratch_test(a_locked_database_is_told_and_reads_go_on),
        scratch_test(a_store_for_reading_only_stands_beside_a_running_one),
        scratch_test(the_audit_finds_what_was_tampered_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
