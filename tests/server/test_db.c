/* The database layer: values, transactions, migrations, what is said of files that are no good, group commit. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/store/readers.h"
#include "server/store/writer.h"
#include "store_test.h"

static const char *const migrations[] = {
    "CREATE TABLE item (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, data BLOB, number INTEGER) "
    "STRICT;",
    "CREATE TABLE part (id INTEGER PRIMARY KEY, item_id INTEGER NOT NULL REFERENCES item (id)) STRICT;"
    "CREATE INDEX part_item ON part (item_id);",
};

static struct db_settings settings_of(const char *path, enum db_role role)
{
    return (struct db_settings){
        .path = path, .role = role, .busy_ms = 200, .migrations = migrations, .migration_count = 2};
}

static struct db *opened(const char *path, enum db_role role)
{
    struct db_settings settings = settings_of(path, role);
    struct db *db = NULL;
    conch_error err = {0};
    if (db_open(&settings, &db, &err) < 0)
        fail_msg("%s", err.text);
    return db;
}

static int64_t number_of(struct db *db, const char *sql)
{
    int64_t number = 0;
    conch_error err = {0};
    if (db_number(db, sql, DB_NOTHING, &number, &err) < 0)
        fail_msg("%s", err.text);
    return number;
}

static int item_add(struct db *db, const char *name, conch_error *err)
{
    return db_run(db, "INSERT INTO item (name) VALUES ($1)", DB_WITH(db_text(name)), NULL, err);
}

static void values_come_back_as_they_went_in(void **state)
{
    struct db *db = opened(scratch_path(), DB_WRITER);
    conch_error err = {0};
    int64_t id = 0;
    /* $2 before $1: the numbers count, not the order in the text */
    assert_int_equal(db_number(db, "INSERT INTO item (number, name, data) VALUES ($2, $1, $3) RETURNING id",
                               DB_WITH(db_text("Muschel \xf0\x9f\x90\x9a"), db_int64(INT64_MIN), db_blob("a\0b", 3)),
                               &id, &err),
                     0);
    struct db_statement *statement = NULL;
    assert_int_equal(db_start(db, "SELECT name, number, data, NULL, $2 FROM item WHERE id = $1",
                              DB_WITH(db_int64(id), db_null()), &statement, &err),
                     0);
    assert_int_equal(db_step(statement, &err), 1);
    size_t size = 0;
    assert_string_equal(db_column_text(statement, 0), "Muschel \xf0\x9f\x90\x9a");
    assert_true(db_column_int64(statement, 1) == INT64_MIN);
    assert_memory_equal(db_column_blob(statement, 2, &size), "a\0b", 3);
    assert_int_equal(size, 3);
    assert_true(db_column_null(statement, 3));
    assert_true(db_column_null(statement, 4));
    assert_int_equal(db_step(statement, &err), 0);
    db_end(statement);
    db_close(db);
}

static void a_key_that_is_there_and_a_row_that_is_not_are_conflicts(void **state)
{
    struct db *db = opened(scratch_path(), DB_WRITER);
    conch_error err = {0};
    assert_int_equal(item_add(db, "one", &err), 0);
    assert_int_equal(item_add(db, "one", &err), DB_ERR_CONFLICT);
    assert_int_equal(db_run(db, "INSERT INTO part (item_id) VALUES ($1)", DB_WITH(db_int64(77)), NULL, &err),
                     DB_ERR_CONFLICT);
    int64_t changed = 9;
    assert_int_equal(db_run(db, "INSERT INTO item (name) VALUES ($1) ON CONFLICT (name) DO NOTHING",
                            DB_WITH(db_text("one")), &changed, &err),
                     0);
    assert_int_equal(changed, 0);
    /* STRICT: text is no number; our own bug */
    assert_int_equal(db_run(db, "UPDATE item SET number = $1", DB_WITH(db_text("many")), NULL, &err),
                     CONCH_ERR_INTERNAL);
    assert_int_equal(number_of(db, "SELECT count(*) FROM item"), 1);
    db_close(db);
}

static void a_part_is_undone_alone(void **state)
{
    struct db *db = opened(scratch_path(), DB_WRITER);
    conch_error err = {0};
    assert_int_equal(db_begin_write(db, &err), 0);
    assert_int_equal(db_part_begin(db, &err), 0);
    assert_int_equal(item_add(db, "kept", &err), 0);
    assert_int_equal(db_part_keep(db, &err), 0);
    assert_int_equal(db_part_begin(db, &err), 0);
    assert_int_equal(item_add(db, "undone", &err), 0);
    assert_int_equal(db_part_undo(db, &err), 0);
    assert_int_equal(db_commit(db, &err), 0);
    assert_int_equal(number_of(db, "SELECT count(*) FROM item WHERE name = 'kept'"), 1);
    assert_int_equal(number_of(db, "SELECT count(*) FROM item"), 1);
    db_close(db);
}

static void a_reader_sees_one_moment_and_cannot_write(void **state)
{
    struct db *writer = opened(scratch_path(), DB_WRITER), *reader = opened(scratch_path(), DB_READER);
    conch_error err = {0};
    assert_int_equal(db_begin_read(reader, &err), 0);
    assert_int_equal(number_of(reader, "SELECT count(*) FROM item"), 0);
    assert_int_equal(item_add(writer, "late", &err), 0);
    assert_int_equal(number_of(reader, "SELECT count(*) FROM item"), 0);
    assert_int_equal(db_commit(reader, &err), 0);
    assert_int_equal(number_of(reader, "SELECT count(*) FROM item"), 1);
    assert_int_equal(item_add(reader, "forbidden", &err), CONCH_ERR_INTERNAL);
    db_close(reader);
    db_close(writer);
}

static void the_version_changes_with_anothers_commit(void **state)
{
    struct db *writer = opened(scratch_path(), DB_WRITER), *reader = opened(scratch_path(), DB_READER);
    conch_error err = {0};
    int64_t before = 0, same = 0, after = 0;
    assert_int_equal(db_version(reader, &before, &err), 0);
    assert_int_equal(db_version(reader, &same, &err), 0);
    assert_int_equal(item_add(writer, "news", &err), 0);
    assert_int_equal(db_version(reader, &after, &err), 0);
    assert_true(before == same && after != before);
    db_close(reader);
    db_close(writer);
}

static void a_newer_database_is_refused_and_an_older_one_brought_up(void **state)
{
    struct db_settings settings = settings_of(scratch_path(), DB_WRITER);
    struct db *db = NULL;
    conch_error err = {0};
    settings.migration_count = 1;
    assert_int_equal(db_open(&settings, &db, &err), 0);
    assert_int_equal(item_add(db, "old", &err), 0);
    db_close(db);
    db = NULL;
    settings = settings_of(scratch_path(), DB_READER);
    assert_int_equal(db_open(&settings, &db, &err), CONCH_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "have version 1, this program needs 2"));
    db = opened(scratch_path(), DB_WRITER);
    assert_int_equal(number_of(db, "SELECT count(*) FROM item, schema_version WHERE version = 2"), 1);
    db_close(db);
    db = NULL;
    settings = settings_of(scratch_path(), DB_WRITER);
    settings.migration_count = 1;
    assert_int_equal(db_open(&settings, &db, &err), CONCH_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "newer conch"));
    assert_null(db);
}

static void a_migration_that_fails_leaves_the_version_before_it(void **state)
{
    static const char *const broken[] = {"CREATE TABLE a (x INTEGER) STRICT;",
                                         "CREATE TABLE b (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1);"};
    struct db_settings settings = settings_of(scratch_path(), DB_WRITER);
    settings.migrations = broken;
    struct db *db = NULL;
    conch_error err = {0};
    assert_int_equal(db_open(&settings, &db, &err), CONCH_ERR_INTERNAL);
    settings.migration_count = 1;
    assert_int_equal(db_open(&settings, &db, &err), 0);
    assert_int_equal(number_of(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"), 0);
    db_close(db);
}

static void a_file_that_is_no_good_is_refused_by_name(void **state)
{
    struct db_settings settings = settings_of(scratch_path(), DB_READER);
    struct db *db = NULL;
    conch_error err = {0};
    assert_int_equal(db_open(&settings, &db, &err), CONCH_ERR_NOTFOUND);
    settings.role = DB_WRITER;
    settings.path = "/nowhere/at/all.db";
    assert_int_equal(db_open(&settings, &db, &err), CONCH_ERR_NOTFOUND);
    assert_non_null(strstr(err.text, "/nowhere/at/all.db"));
    settings.path = scratch_path();
    FILE *file = fopen(scratch_path(), "w");
    for (int i = 0; i < 500; i++)
        fputs("this is a letter and no database. ", file);
    fclose(file);
    assert_int_equal(db_open(&settings, &db, &err), CONCH_ERR_FORMAT);
    assert_non_null(strstr(err.text, scratch_path()));
    unlink(scratch_path());
    static const char *const others[] = {"CREATE TABLE schema_version (version INTEGER) STRICT;"};
    struct db_settings other = {.path = scratch_path(), .role = DB_WRITER, .migrations = others};
    assert_int_equal(db_open(&other, &db, &err), 0);
    assert_int_equal(db_run(db, "ALTER TABLE schema_version RENAME TO bookmarks", DB_NOTHING, NULL, &err), 0);
    db_close(db);
    db = NULL;
    assert_int_equal(db_open(&settings, &db, &err), CONCH_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "another program"));
}

static void a_damaged_page_is_found(void **state)
{
    struct db *db = opened(scratch_path(), DB_WRITER);
    conch_error err = {0};
    assert_int_equal(db_begin_write(db, &err), 0);
    char name[300];
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "%0200d", i);
        assert_int_equal(item_add(db, name, &err), 0);
    }
    assert_int_equal(db_commit(db, &err), 0);
    assert_int_equal(db_check(db, &err), 0);
    db_close(db);
    int fd = open(scratch_path(), O_WRONLY);
    for (off_t at = 4096 * 8; at < 4096 * 40; at += 4096)
        assert_int_equal(pwrite(fd, "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", 8, at), 8);
    close(fd);
    db = opened(scratch_path(), DB_WRITER);
    assert_int_equal(db_check(db, &err), CONCH_ERR_FORMAT);
    assert_non_null(strstr(err.text, scratch_path()));
    db_close(db);
}

static void a_lock_that_is_kept_is_told_after_the_wait(void **state)
{
    struct db *first = opened(scratch_path(), DB_WRITER), *second = opened(scratch_path(), DB_WRITER);
    conch_error err = {0};
    assert_int_equal(db_begin_write(first, &err), 0);
    int64_t since_ns = clock_steady_ns();
    assert_int_equal(db_begin_write(second, &err), CONCH_ERR_LIMIT);
    assert_true(clock_steady_ns() - since_ns >= 200 * 1000000);
    assert_non_null(strstr(err.text, "locked for 200 ms"));
    db_rollback(first);
    assert_int_equal(db_begin_write(second, &err), 0);
    db_rollback(second);
    db_close(first);
    db_close(second);
}

/* ---- group commit ---- */

static int work_add(void *context, struct db *db, conch_error *err)
{
    return item_add(db, context, err);
}

static int work_add_then_refuse(void *context, struct db *db, conch_error *err)
{
    int rc = item_add(db, context, err);
    return rc < 0 ? rc : conch_error_set(err, CONCH_ERR_RANGE, "refused on purpose");
}

static struct writer *writer_of(void (*committed)(void *context), void *context)
{
    struct writer_settings settings = {
        .db = settings_of(scratch_path(), DB_WRITER), .committed = committed, .context = context};
    struct writer *writer = NULL;
    conch_error err = {0};
    if (writer_open(&settings, &writer, &err) < 0)
        fail_msg("%s", err.text);
    return writer;
}

struct crowd {
    struct writer *writer;
    struct readers *readers;
    int number;
    int wrong;
};

enum { CROWD = 24, EACH = 40 };

static void *crowd_member(void *argument)
{
    struct crowd *crowd = argument;
    char name[32];
    for (int i = 0; i < EACH; i++) {
        conch_error err = {0};
        snprintf(name, sizeof(name), "%d-%d", crowd->number, i);
        bool refuse = i % 4 == 3;
        int rc = writer_run(crowd->writer, refuse ? work_add_then_refuse : work_add, name, &err);
        crowd->wrong += rc != (refuse ? CONCH_ERR_RANGE : 0);
        struct db *db = NULL; /* what was acknowledged is seen by the next reader */
        crowd->wrong += db_reader_take(crowd->readers, &db, &err) != 0;
        int64_t there = -1;
        db_number(db, "SELECT count(*) FROM item WHERE name = $1", DB_WITH(db_text(name)), &there, &err);
        crowd->wrong += there != !refuse;
        db_reader_give(crowd->readers, db);
    }
    return NULL;
}

static void count_up(void *context)
{
    ++*(int *)context;
}

static void many_threads_share_commits_and_each_gets_its_own_answer(void **state)
{
    int commits = 0;
    struct writer *writer = writer_of(count_up, &commits);
    struct db_settings settings = settings_of(scratch_path(), DB_READER);
    struct readers *readers = NULL;
    assert_int_equal(readers_create(&settings, 3, &readers, NULL), 0);
    pthread_t threads[CROWD];
    struct crowd crowds[CROWD];
    for (int i = 0; i < CROWD; i++) {
        crowds[i] = (struct crowd){.writer = writer, .readers = readers, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_member, &crowds[i]), 0);
    }
    for (int i = 0; i < CROWD; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(crowds[i].wrong, 0);
    }
    struct writer_counts counts;
    writer_counts(writer, &counts);
    assert_int_equal(counts.pieces, CROWD * EACH);
    assert_int_equal(counts.failed, CROWD * EACH / 4);
    assert_true(counts.commits < counts.pieces);
    readers_destroy(readers);
    writer_close(writer);
    assert_int_equal(commits, counts.commits);
    struct db *db = opened(scratch_path(), DB_WRITER);
    assert_int_equal(number_of(db, "SELECT count(*) FROM item"), CROWD * EACH * 3 / 4);
    db_close(db);
}

/* The writer stands in front of the gate until it is opened. */
struct gate {
    pthread_mutex_t mutex;
    atomic_bool reached;
};

static int work_wait(void *context, struct db *db, conch_error *err)
{
    struct gate *gate = context;
    atomic_store(&gate->reached, true);
    pthread_mutex_lock(&gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
    return 0;
}

static int work_nothing(void *context, struct db *db, conch_error *err)
{
    return 0;
}

struct waiter {
    struct writer *writer;
    struct gate *gate;
    int rc;
    conch_error err;
};

static void *waiter_run(void *argument)
{
    struct waiter *waiter = argument;
    waiter->rc = writer_run(waiter->writer, waiter->gate ? work_wait : work_nothing, waiter->gate, &waiter->err);
    return NULL;
}

static void the_queue_is_bounded_and_says_so(void **state)
{
    enum { MANY = 20 };
    struct writer *writer = NULL;
    struct writer_settings settings = {.db = settings_of(scratch_path(), DB_WRITER), .waiting_max = MANY};
    assert_int_equal(writer_open(&settings, &writer, NULL), 0);
    struct gate gate = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    pthread_mutex_lock(&gate.mutex);
    pthread_t threads[MANY + 1];
    struct waiter waiters[MANY + 1] = {{.writer = writer, .gate = &gate}}, late = {.writer = writer};
    for (int i = 0; i <= MANY; i++) {
        waiters[i].writer = writer;
        assert_int_equal(pthread_create(&threads[i], NULL, waiter_run, &waiters[i]), 0);
        while (!atomic_load(&gate.reached))
            usleep(100);
    }
    for (struct writer_counts counts = {0}; counts.waiting < MANY; usleep(100))
        writer_counts(writer, &counts);
    waiter_run(&late);
    assert_int_equal(late.rc, CONCH_ERR_LIMIT);
    assert_string_equal(late.err.text, "too many writes are waiting (20)");
    pthread_mutex_unlock(&gate.mutex);
    for (int i = 0; i <= MANY; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(waiters[i].rc, 0);
    }
    writer_close(writer);
}

static int work_big(void *context, struct db *db, conch_error *err)
{
    static char data[65536];
    return db_run(db, "INSERT INTO item (name, data) VALUES ($1, $2)",
                  DB_WITH(db_text(context), db_blob(data, sizeof(data))), NULL, err);
}

static void a_full_disk_is_told_and_what_was_committed_stays(void **state)
{
    signal(SIGXFSZ, SIG_IGN);
    struct writer *writer = writer_of(NULL, NULL);
    struct rlimit before, small = {1 << 20, RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    conch_error err = {0};
    int done = 0, rc = 0;
    char name[32];
    for (; rc == 0 && done < 100; done += rc == 0) {
        snprintf(name, sizeof(name), "big-%d", done);
        rc = writer_run(writer, work_big, name, &err);
    }
    if (rc != CONCH_ERR_DISKFULL)
        fail_msg("%d: %s", rc, err.text);
    assert_int_equal(writer_run(writer, work_big, name, &err), CONCH_ERR_DISKFULL);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(writer_run(writer, work_big, (char[]){"room again"}, &err), 0);
    writer_close(writer);
    struct db *db = opened(scratch_path(), DB_WRITER);
    assert_int_equal(number_of(db, "SELECT count(*) FROM item"), done + 1);
    assert_int_equal(db_check(db, &err), 0);
    db_close(db);
}

/* In a program of its own (the environment is read once a process): writes until it kills itself at its n-th durable
 * write, and tells of each acknowledged piece by a byte. */
static int child_main(const char *path, const char *crash_at)
{
    setenv("CONCH_CRASH_AT", crash_at, 1);
    struct writer_settings settings = {.db = settings_of(path, DB_WRITER)};
    struct writer *writer = NULL;
    if (writer_open(&settings, &writer, NULL) < 0)
        return 3;
    for (int i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%s-%d", crash_at, i);
        if (writer_run(writer, work_add, name, NULL) < 0 || write(STDOUT_FILENO, "x", 1) != 1)
            return 4;
    }
    return 5;
}

static int child_acknowledged(int crash_at)
{
    int pipe_ends[2], acknowledged = 0, status = 0;
    char text[16];
    snprintf(text, sizeof(text), "%d", crash_at);
    assert_int_equal(pipe(pipe_ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(pipe_ends[1], STDOUT_FILENO);
        execl("/proc/self/exe", "test_server_db", "child", scratch_path(), text, (char *)NULL);
        _exit(2);
    }
    close(pipe_ends[1]);
    for (char byte; read(pipe_ends[0], &byte, 1) == 1;)
        acknowledged++;
    close(pipe_ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return acknowledged;
}

static void what_was_acknowledged_survives_a_kill_at_every_durable_write(void **state)
{
    for (int crash_at = 1; crash_at <= 16; crash_at++) {
        int acknowledged = child_acknowledged(crash_at);
        struct db *db = opened(scratch_path(), DB_WRITER);
        int64_t there = 0;
        char like[16];
        snprintf(like, sizeof(like), "%d-%%", crash_at);
        assert_int_equal(
            db_number(db, "SELECT count(*) FROM item WHERE name LIKE $1", DB_WITH(db_text(like)), &there, NULL), 0);
        assert_true(there >= acknowledged && there <= acknowledged + 1);
        assert_int_equal(db_check(db, NULL), 0);
        db_close(db);
    }
}

/* Two processes that write without pause: neither waits for long. */
static void writers_of_two_processes_take_turns(void **state)
{
    db_close(opened(scratch_path(), DB_WRITER));
    pid_t child = fork();
    if (child == 0) {
        struct db *db = opened(scratch_path(), DB_WRITER);
        for (;;) {
            if (db_begin_write(db, NULL) == 0) {
                usleep(2000);
                db_commit(db, NULL);
            }
        }
    }
    usleep(50000);
    struct db *db = opened(scratch_path(), DB_WRITER);
    int64_t longest_ns = 0;
    conch_error err = {0};
    int failed = 0;
    for (int i = 0; i < 50; i++) {
        int64_t since_ns = clock_steady_ns();
        failed += db_begin_write(db, &err) != 0 || item_add(db, (char[]){'a', (char)('0' + i), 0}, &err) != 0 ||
                  db_commit(db, &err) != 0;
        int64_t ns = clock_steady_ns() - since_ns;
        longest_ns = ns > longest_ns ? ns : longest_ns;
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(failed, 0);
    assert_true(longest_ns < 190 * 1000000); /* without turns most of the 50 would have been refused after 200 ms */
    db_close(db);
}

/* ---- copies ---- */

struct copier {
    struct db *writer;
    int steps, stop_at;
};

static int copy_told(void *context, int64_t done, int64_t total)
{
    struct copier *copier = context;
    conch_error err = {0};
    char name[32];
    snprintf(name, sizeof name, "during step %d", copier->steps);
    assert_true(done <= total);
    assert_int_equal(item_add(copier->writer, name, &err), 0);
    return ++copier->steps == copier->stop_at;
}

/* Long enough for several steps of the copying. */
static void items_fill(struct db *db)
{
    static char text[100001];
    conch_error err = {0};
    memset(text, 'x', sizeof text - 1);
    assert_int_equal(db_begin_write(db, &err), 0);
    for (int i = 0; i < 60; i++) {
        text[0] = (char)('0' + i);
        assert_int_equal(item_add(db, text, &err), 0);
    }
    assert_int_equal(db_commit(db, &err), 0);
}

static void a_copy_is_of_one_moment_while_others_write(void **state)
{
    const char *path = scratch_path();
    char copy_path[256];
    conch_error err = {0};
    snprintf(copy_path, sizeof copy_path, "%s-copy", path);
    struct copier copier = {.writer = opened(path, DB_WRITER)};
    items_fill(copier.writer);
    struct db *reader = opened(path, DB_READER);
    const struct db_copy copy = {.path = copy_path, .told = copy_told, .context = &copier};
    assert_int_equal(db_copy(reader, &copy, &err), 0);
    assert_in_range(copier.steps, 2, 1000);
    assert_false(db_in_transaction(reader));
    assert_int_equal(db_copy(reader, &copy, &err), CONCH_ERR_RANGE); /* never over a file that is there */
    struct db *copied = opened(copy_path, DB_WRITER);
    assert_int_equal(number_of(copied, "SELECT count(*) FROM item"), 60);
    assert_int_equal(number_of(reader, "SELECT count(*) FROM item"), 60 + copier.steps);
    assert_int_equal(db_check(copied, &err), 0);
    db_close(copied);
    db_close(reader);
    db_close(copier.writer);
    unlink(copy_path);
}

static void a_copy_can_be_stopped(void **state)
{
    const char *path = scratch_path();
    char copy_path[256];
    conch_error err = {0};
    snprintf(copy_path, sizeof copy_path, "%s-copy", path);
    struct copier copier = {.writer = opened(path, DB_WRITER), .stop_at = 1};
    items_fill(copier.writer);
    struct db *reader = opened(path, DB_READER);
    const struct db_copy copy = {.path = copy_path, .told = copy_told, .context = &copier};
    assert_int_equal(db_copy(reader, &copy, &err), CONCH_ERR_CANCELLED);
    assert_int_equal(copier.steps, 1);
    db_close(reader);
    db_close(copier.writer);
    unlink(copy_path);
}

int main(int argc, char **argv)
{
    if (argc == 4)
        return child_main(argv[2], argv[3]);
    const struct CMUnitTest tests[] = {
        scratch_test(a_copy_is_of_one_moment_while_others_write),
        scratch_test(a_copy_can_be_stopped),
        scratch_test(values_come_back_as_they_went_in),
        scratch_test(a_key_that_is_there_and_a_row_that_is_not_are_conflicts),
        scratch_test(a_part_is_undone_alone),
        scratch_test(a_reader_sees_one_moment_and_cannot_write),
        scratch_test(the_version_changes_with_anothers_commit),
        scratch_test(a_newer_database_is_refused_and_an_older_one_brought_up),
        scratch_test(a_migration_that_fails_leaves_the_version_before_it),
        scratch_test(a_file_that_is_no_good_is_refused_by_name),
        scratch_test(a_damaged_page_is_found),
        scratch_test(a_lock_that_is_kept_is_told_after_the_wait),
        scratch_test(many_threads_share_commits_and_each_gets_its_own_answer),
        scratch_test(the_queue_is_bounded_and_says_so),
        scratch_test(a_full_disk_is_told_and_what_was_committed_stays),
        scratch_test(what_was_acknowledged_survives_a_kill_at_every_durable_write),
        scratch_test(writers_of_two_processes_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
