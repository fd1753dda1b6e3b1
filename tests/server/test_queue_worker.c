/* The engine worker with the real model, and with a backend that does as it is told. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/file.h"
#include "media/media.h"
#include "queue_test.h"

#define ENDED     (1u << JOB_SUCCEEDED | 1u << JOB_FAILED | 1u << JOB_BLOCKED | 1u << JOB_CANCELLED)
#define IN(state) (1u << (state))

/* ---- a backend that does as it is told ---- */

struct fake {
    struct backend backend;
    atomic_int runs, cancels;
    int fail_code;             /* of the first fail_count runs */
    enum job_error fail_error; /* 0: by the code */
    int fail_count;
    bool fail_begun;  /* fails after it began */
    atomic_bool hold; /* works until it is stopped, or this becomes false */
    bool waits;       /* ... without the engine */
    int bytes;        /* of the clip */
    int duration_ms;
    bool deaf; /* goes on though it was stopped */
};

static int fake_fill(const struct fake *fake, const struct backend_job *job, struct backend_result *ret)
{
    FILE *file = fopen(job->clip_path, "w");
    if (!file)
        return CONCH_ERR_IO;
    for (int i = 0; i < fake->bytes; i++)
        fputc('x', file);
    fclose(file);
    ret->width = 64;
    ret->height = 32;
    ret->fps = 16;
    ret->frame_count = 16;
    ret->duration_ms = fake->duration_ms ? fake->duration_ms : 1000;
    ret->seed = 7;
    ret->poster = malloc(3);
    ret->poster_size = 3;
    memcpy(ret->poster, "PNG", 3);
    ret->facts = json_pack("{s:s}", "model", "fake");
    return 0;
}

static int fake_run(struct backend *backend, const struct backend_job *job, const struct backend_sink *sink,
                    struct backend_result *ret, conch_error *err)
{
    struct fake *fake = (struct fake *)backend;
    const int run = atomic_fetch_add(&fake->runs, 1);
    const bool fails = run < fake->fail_count;
    int rc = 0;
    if (!fails || fake->fail_begun)
        rc = sink->begun(sink->context);
    if (fails) {
        ret->error = fake->fail_error;
        return conch_error_set(err, fake->fail_code, "as told");
    }
    if (strcmp(job->task, "context") == 0) {
        ret->text = strdup("words");
        return rc;
    }
    for (int i = 0; rc == 0 && atomic_load(&fake->hold); i++) {
        const struct backend_progress progress = {
            .phase = i < 5 ? "text" : "denoise", .step = i, .step_count = 500, .permille = i < 500 ? i : 500};
        rc = sink->progress(sink->context, &progress);
        if (fake->waits)
            rc = rc ? rc : sink->wait(sink->context, 10);
        else
            qt_sleep_ms(10);
        if (fake->deaf)
            rc = 0;
    }
    return rc == 0 ? fake_fill(fake, job, ret) : CONCH_ERR_CANCELLED;
}

static void fake_cancel(struct backend *backend, int64_t job_id)
{
    atomic_fetch_add(&((struct fake *)backend)->cancels, 1);
}

static const struct backend_table fake_table = {.name = "fake", .run = fake_run, .cancel = fake_cancel};

static struct fake fake_make(void)
{
    return (struct fake){.backend.table = &fake_table, .bytes = 100};
}

static struct qt_worker *fake_start(struct fake *fake)
{
    static struct backend *backends[1];
    backends[0] = &fake->backend;
    return qt_worker_start(backends, 1);
}

/* ---- what a client sees ---- */

static int worker_row(void *context, struct store_tx *tx, conch_error *err)
{
    struct store_worker *row = context;
    size_t count = 1;
    int rc = store_worker_list(tx, 0, row, &count, err);
    return rc == 0 && count != 1 ? CONCH_ERR_NOTFOUND : rc;
}

static int file_row(void *context, struct store_tx *tx, conch_error *err)
{
    struct store_file *file = context;
    return store_file_get(tx, file->id, QT_ACCOUNT, file, err);
}

static void a_job_becomes_a_clip_with_the_real_model(void **state)
{
    const char *root = getenv("CONCH_TEST_ROOT");
    char folder[512];
    snprintf(folder, sizeof folder, "%s/models/tiny", root ? root : ".");
    const char *const folders[] = {folder};
    const struct backend_local_settings local = {.folders = folders, .folder_count = 1};
    conch_error err = {0};
    struct backend *backends[2];
    assert_int_equal(backend_local_open(&backends[0], &local, &err), 0);
    const struct backend_sandbox_settings sandbox = {.local = backends[0], .watermark = "SANDBOX"};
    assert_int_equal(backend_sandbox_open(&backends[1], &sandbox, &err), 0);
    struct qt_worker *worker = qt_worker_start(backends, 2);
    const int64_t own = qt_submit(&(struct qt_job){.backend = "local"});
    const int64_t rehearsed = qt_submit(&(struct qt_job){
        .backend = "sandbox", .model = "minimax/hailuo-02", .width = 320, .height = 180, .seconds = 2});
    const int64_t words = qt_submit(&(struct qt_job){.backend = "sandbox", .task = "context"});
    struct store_job row = qt_wait(own, ENDED, 60);
    if (row.job.state != JOB_SUCCEEDED)
        fail_msg("%s", row.error_text);
    assert_int_equal(row.charged, 1000);
    assert_int_equal(row.width, 256);
    assert_int_equal(row.fps, 16);
    assert_int_equal(row.job.progress_permille, JOB_PROGRESS_FULL);
    assert_non_null(strstr(row.details, "\"made\":{\"model\":\"conch/tiny\""));
    struct store_file file = {.id = row.file_id};
    qt_read(file_row, &file);
    assert_string_equal(file.type, "video/mp4");
    assert_int_equal(file.expires_ms, row.expires_ms);
    assert_int_equal(file.duration_ms, 1062);
    char clip[512];
    struct media_clip_info info;
    snprintf(clip, sizeof clip, "%s/%s", qt_path("blobs"), file.blob);
    assert_int_equal(media_clip_probe(clip, &info, &err), 0);
    assert_int_equal(info.frame_count, 17);
    assert_int_equal(info.width, 256);
    media_clip_info_finish(&info);
    file.id = row.poster_file_id;
    qt_read(file_row, &file);
    assert_string_equal(file.type, "image/png");
    store_job_finish(&row);

    row = qt_wait(rehearsed, ENDED, 60);
    assert_int_equal(row.job.state, JOB_SUCCEEDED);
    file.id = row.file_id;
    qt_read(file_row, &file);
    snprintf(clip, sizeof clip, "%s/%s", qt_path("blobs"), file.blob);
    assert_int_equal(media_clip_probe(clip, &info, &err), 0);
    assert_int_equal(info.frame_count, 48);
    assert_int_equal(info.width, 320);
    assert_non_null(strstr(info.comment, "\"sandbox\":true"));
    assert_non_null(strstr(info.comment, "\"model\":\"minimax/hailuo-02\""));
    assert_non_null(strstr(info.comment, "\"served_by\":\"conch/tiny\""));
    media_clip_info_finish(&info);
    store_job_finish(&row);

    row = qt_wait(words, ENDED, 60);
    assert_int_equal(row.job.state, JOB_SUCCEEDED);
    assert_non_null(strstr(row.details, "\"context\":\"a red ball rolls"));
    assert_int_equal(row.file_id, 0);
    store_job_finish(&row);
    struct store_worker seen = {.kind = ""};
    qt_read(worker_row, &seen);
    assert_string_equal(seen.kind, "engine");
    assert_non_null(strstr(seen.details, "\"name\":\"conch/tiny\""));
    store_worker_finish(&seen);
    qt_worker_stop(worker);
    backend_close(backends[1]);
    backend_close(backends[0]);
    qt_money(QT_MONEY - 3000, 0);
}

static void the_log_of_a_job_has_a_line_for_each_phase(void **state)
{
    struct fake fake = fake_make();
    struct store_event events[32];
    fake.hold = true;
    struct qt_worker *worker = fake_start(&fake);
    const int64_t id = qt_submit(&(struct qt_job){.seconds = 1});
    struct store_job row;
    int32_t permille = 0;
    while (permille < 20) {
        qt_sleep_ms(20);
        row = qt_row(id);
        permille = row.job.progress_permille;
        store_job_finish(&row);
    }
    atomic_store(&fake.hold, false);
    row = qt_wait(id, IN(JOB_SUCCEEDED), 10);
    store_job_finish(&row);
    qt_worker_stop(worker);
    static const enum job_arrow wanted[] = {JOB_ARROW_CREATE,   JOB_ARROW_CLAIM,  JOB_ARROW_START, JOB_ARROW_PROGRESS,
                                            JOB_ARROW_PROGRESS, JOB_ARROW_OUTPUT, JOB_ARROW_FINISH};
    assert_int_equal(qt_events(id, events, ARRAY_LEN(events)), ARRAY_LEN(wanted));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_int_equal(events[i].event.arrow, wanted[i]);
    assert_string_equal(events[3].phase, "text");
    assert_string_equal(events[4].phase, "denoise");
    assert_int_equal(qt_blob_count(), 2);
    qt_money(QT_MONEY - 1000, 0);
}

static void a_running_job_is_cancelled_and_costs_nothing(void **state)
{
    struct fake fake = fake_make();
    fake.hold = true;
    struct qt_worker *worker = fake_start(&fake);
    const int64_t id = qt_submit(&(struct qt_job){.seconds = 1});
    struct store_job row = qt_wait(id, IN(JOB_RUNNING), 5);
    store_job_finish(&row);
    qt_cancel(id);
    row = qt_wait(id, ENDED, 3);
    assert_int_equal(row.job.state, JOB_CANCELLED);
    store_job_finish(&row);
    assert_int_equal(fake.cancels, 1);
    fake.hold = false;
    const int64_t next = qt_submit(&(struct qt_job){.seconds = 1}); /* the worker goes on with others */
    row = qt_wait(next, IN(JOB_SUCCEEDED), 5);
    store_job_finish(&row);
    qt_worker_stop(worker);
    assert_int_equal(qt_blob_count(), 2);
    qt_money(QT_MONEY - 1000, 0);
}

static void a_clip_that_came_after_the_cancel_is_dropped(void **state)
{
    struct fake fake = fake_make();
    fake.hold = fake.deaf = true;
    struct qt_worker *worker = fake_start(&fake);
    const int64_t id = qt_submit(&(struct qt_job){.seconds = 1});
    struct store_job row = qt_wait(id, IN(JOB_RUNNING), 5);
    store_job_finish(&row);
    qt_cancel(id);
    for (int i = 0; i < 300 && atomic_load(&fake.cancels) == 0; i++)
        qt_sleep_ms(10);
    atomic_store(&fake.hold, false); /* it ends as if it had not heard */
    row = qt_wait(id, ENDED, 5);
    assert_int_equal(row.job.state, JOB_CANCELLED);
    store_job_finish(&row);
    qt_worker_stop(worker);
    assert_int_equal(qt_blob_count(), 0);
    qt_money(QT_MONEY, 0);
}

static void a_worker_that_stops_hands_its_job_back(void **state)
{
    struct fake fake = fake_make();
    fake.hold = true;
    struct qt_worker *worker = fake_start(&fake);
    const int64_t id = qt_submit(&(struct qt_job){.attempts_max = 1});
    struct store_job row = qt_wait(id, IN(JOB_RUNNING), 5);
    store_job_finish(&row);
    qt_worker_stop(worker);
    row = qt_row(id);
    assert_int_equal(row.job.state, JOB_QUEUED);
    assert_int_equal(row.job.attempts, 0);
    store_job_finish(&row);
    fake.hold = false;
    worker = fake_start(&fake);
    row = qt_wait(id, ENDED, 5);
    assert_int_equal(row.job.state, JOB_SUCCEEDED);
    store_job_finish(&row);
    qt_worker_stop(worker);
    qt_money(QT_MONEY - 1000, 0);
}

/* ---- errors ---- */

static struct store_job ended_after(struct fake *fake, const struct qt_job *job)
{
    struct qt_worker *worker = fake_start(fake);
    struct store_job row = qt_wait(qt_submit(job), ENDED, 15);
    qt_worker_stop(worker);
    return row;
}

static void what_is_not_allowed_blocks_at_once_and_is_not_charged(void **state)
{
    struct fake fake = fake_make();
    fake.fail_code = CONCH_ERR_RANGE;
    fake.fail_count = 9;
    struct store_job row = ended_after(&fake, &(struct qt_job){.seconds = 1});
    assert_int_equal(row.job.state, JOB_BLOCKED);
    assert_int_equal(row.job.error, JOB_ERROR_INVALID_INPUT);
    assert_string_equal(row.error_text, "as told");
    assert_int_equal(fake.runs, 1);
    store_job_finish(&row);
    qt_money(QT_MONEY, 0);
}

static void a_passing_error_is_tried_again(void **state)
{
    struct fake fake = fake_make();
    fake.fail_code = CONCH_ERR_NOMEM;
    fake.fail_count = 1;
    struct store_job row = ended_after(&fake, &(struct qt_job){.seconds = 1});
    assert_int_equal(row.job.state, JOB_SUCCEEDED);
    assert_int_equal(row.job.attempts, 2);
    assert_null(row.error_text);
    store_job_finish(&row);
    qt_money(QT_MONEY - 1000, 0);
}

static void a_lasting_error_fails_the_job_when_attempts_are_used_up(void **state)
{
    struct fake fake = fake_make();
    fake.fail_code = CONCH_ERR_IO;
    fake.fail_error = JOB_ERROR_PROVIDER;
    fake.fail_count = 9;
    fake.fail_begun = true;
    struct store_job row = ended_after(&fake, &(struct qt_job){.attempts_max = 2});
    assert_int_equal(row.job.state, JOB_FAILED);
    assert_int_equal(row.job.error, JOB_ERROR_PROVIDER);
    assert_int_equal(fake.runs, 2);
    store_job_finish(&row);
    qt_money(QT_MONEY, 0);
}

static void a_clip_shorter_than_asked_costs_less(void **state)
{
    struct fake fake = fake_make();
    fake.duration_ms = 2500;
    struct store_job row = ended_after(&fake, &(struct qt_job){.seconds = 5});
    assert_int_equal(row.charged, 600); /* three seconds were begun */
    store_job_finish(&row);
    qt_money(QT_MONEY - 600, 0);
}

static void a_clip_that_cannot_be_put_away_fails_the_job_and_leaves_nothing(void **state)
{
    struct fake fake = fake_make();
    char year[8];
    const time_t now = time(NULL);
    strftime(year, sizeof year, "%Y", gmtime(&now));
    const char *in_the_way = qt_path("blobs/x");
    char path[256];
    snprintf(path, sizeof path, "%.*s%s", (int)strlen(in_the_way) - 1, in_the_way, year);
    conch_error err = {0};
    assert_int_equal(file_write_atomic(path, "", 0, &err), 0); /* where the folder of the day would be */
    struct store_job row = ended_after(&fake, &(struct qt_job){.attempts_max = 1});
    assert_int_equal(row.job.state, JOB_FAILED);
    assert_int_equal(row.job.error, JOB_ERROR_STORAGE);
    assert_int_equal(row.file_id, 0);
    store_job_finish(&row);
    assert_int_equal(qt_blob_count(), 1); /* that file */
    qt_money(QT_MONEY, 0);
}

/* ---- leases ---- */

static int lapse_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct store_job row;
    struct job_event event;
    int rc = store_job_get(tx, *(const int64_t *)context, 0, &row, err);
    if (rc < 0)
        return rc;
    rc = job_lapse(&row.job, row.job.lease_until_ms, &event, err);
    const struct store_job_step step = {.job = &row, .event = &event};
    if (rc == 0)
        rc = store_job_step(tx, &step, NULL, err);
    store_job_finish(&row);
    return rc;
}

static void a_worker_that_lost_its_job_drops_the_result(void **state)
{
    struct fake slow = fake_make(), quick = fake_make();
    slow.hold = slow.deaf = true;
    struct qt_worker *first = fake_start(&slow);
    int64_t id = qt_submit(&(struct qt_job){.seconds = 1});
    struct store_job row = qt_wait(id, IN(JOB_RUNNING), 5);
    store_job_finish(&row);
    qt_sleep_ms(150); /* its lease runs out, for all that the sweep knows */
    qt_write(lapse_work, &id);
    struct backend *backends[] = {&quick.backend};
    struct qt_worker *second = qt_worker_start(backends, 1);
    row = qt_wait(id, ENDED, 5);
    assert_int_equal(row.job.state, JOB_SUCCEEDED);
    assert_int_equal(row.job.attempts, 2);
    const int64_t file_id = row.file_id;
    store_job_finish(&row);
    atomic_store(&slow.hold, false); /* the first comes back with a clip of its own */
    qt_worker_stop(first);
    qt_worker_stop(second);
    row = qt_row(id);
    assert_int_equal(row.file_id, file_id);
    store_job_finish(&row);
    assert_int_equal(qt_blob_count(), 2);
    qt_money(QT_MONEY - 1000, 0);
}

static void a_lease_is_renewed_while_the_work_goes_on(void **state)
{
    struct fake fake = fake_make();
    fake.hold = true;
    fake.waits = true;
    qt.config.jobs.lease_ms = 600;
    struct qt_worker *worker = fake_start(&fake);
    const int64_t id = qt_submit(&(struct qt_job){.seconds = 1});
    qt_sleep_ms(1500);
    struct store_job row = qt_row(id);
    assert_int_equal(row.job.state, JOB_RUNNING);
    assert_true(row.job.lease_until_ms > clock_wall_ms());
    store_job_finish(&row);
    atomic_store(&fake.hold, false);
    row = qt_wait(id, ENDED, 5);
    assert_int_equal(row.job.state, JOB_SUCCEEDED);
    assert_int_equal(row.job.attempts, 1);
    store_job_finish(&row);
    qt_worker_stop(worker);
}

/* A long clip has the engine, more clips wait for it: words are there within a second all the same. */
static void words_do_not_wait_for_the_engine(void **state)
{
    struct fake fake = fake_make();
    fake.hold = true;
    struct qt_worker *worker = fake_start(&fake);
    const int64_t clip = qt_submit(&(struct qt_job){.seconds = 1});
    struct store_job row = qt_wait(clip, IN(JOB_RUNNING), 5);
    store_job_finish(&row);
    const int64_t next = qt_submit(&(struct qt_job){.seconds = 1});
    for (int i = 0; i < 3; i++) {
        const int64_t began_ns = clock_steady_ns();
        row = qt_wait(qt_submit(&(struct qt_job){.task = "context"}), ENDED, 5);
        assert_true(clock_steady_ns() - began_ns < INT64_C(1000000000));
        assert_int_equal(row.job.state, JOB_SUCCEEDED);
        assert_non_null(strstr(row.details, "\"context\":\"words\""));
        store_job_finish(&row);
    }
    assert_int_equal(qt_state(clip), JOB_RUNNING);
    assert_int_equal(qt_state(next), JOB_QUEUED); /* nobody was let in beside the clip */
    atomic_store(&fake.hold, false);
    for (size_t i = 0; i < 2; i++) {
        row = qt_wait(i ? next : clip, IN(JOB_SUCCEEDED), 5);
        store_job_finish(&row);
    }
    qt_worker_stop(worker);
    qt_money(QT_MONEY - 5000, 0);
}

static void one_that_only_waits_lets_others_work(void **state)
{
    struct fake fake = fake_make();
    fake.hold = true;
    fake.waits = true;
    struct qt_worker *worker = fake_start(&fake);
    int64_t ids[3];
    for (size_t i = 0; i < 3; i++)
        ids[i] = qt_submit(&(struct qt_job){.seconds = 1});
    for (size_t i = 0; i < 3; i++) {
        struct store_job row = qt_wait(ids[i], IN(JOB_RUNNING), 5); /* all at once */
        store_job_finish(&row);
    }
    qt_cancel(ids[1]);
    struct store_job row = qt_wait(ids[1], IN(JOB_CANCELLED), 5);
    store_job_finish(&row);
    atomic_store(&fake.hold, false);
    for (size_t i = 0; i < 3; i += 2) {
        row = qt_wait(ids[i], IN(JOB_SUCCEEDED), 5);
        store_job_finish(&row);
    }
    qt_worker_stop(worker);
    qt_money(QT_MONEY - 2000, 0);
}

static void work_that_takes_too_long_is_ended(void **state)
{
    struct fake fake = fake_make();
    fake.hold = true;
    qt.config.engine.timeout_ms = 300;
    struct store_job row = ended_after(&fake, &(struct qt_job){.attempts_max = 1});
    assert_int_equal(row.job.state, JOB_FAILED);
    assert_int_equal(row.job.error, JOB_ERROR_TIMEOUT);
    store_job_finish(&row);
    qt_money(QT_MONEY, 0);
}

static void a_lost_answer_leaves_a_question(void **state)
{
    struct fake fake = fake_make();
    fake.fail_code = CONCH_ERR_IO;
    fake.fail_error = JOB_ERROR_LOST_ANSWER;
    fake.fail_count = 9;
    struct qt_worker *worker = fake_start(&fake);
    const int64_t id = qt_submit(&(struct qt_job){.remote = true});
    struct store_job row = qt_wait(id, IN(JOB_UNKNOWN) | ENDED, 5);
    assert_int_equal(row.job.state, JOB_UNKNOWN);
    store_job_finish(&row);
    qt_sleep_ms(1200);
    assert_int_equal(fake.runs, 1); /* it is not sent again */
    assert_int_equal(qt_state(id), JOB_UNKNOWN);
    qt_worker_stop(worker);
    qt_money(QT_MONEY - 1000, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        qt_test(a_job_becomes_a_clip_with_the_real_model),
        qt_test(the_log_of_a_job_has_a_line_for_each_phase),
        qt_test(a_running_job_is_cancelled_and_costs_nothing),
        qt_test(a_clip_that_came_after_the_cancel_is_dropped),
        qt_test(a_worker_that_stops_hands_its_job_back),
        qt_test(what_is_not_allowed_blocks_at_once_and_is_not_charged),
        qt_test(a_passing_error_is_tried_again),
        qt_test(a_lasting_error_fails_the_job_when_attempts_are_used_up),
        qt_test(a_clip_shorter_than_asked_costs_less),
        qt_test(a_clip_that_cannot_be_put_away_fails_the_job_and_leaves_nothing),
        qt_test(a_worker_that_lost_its_job_drops_the_result),
        qt_test(a_lease_is_renewed_while_the_work_goes_on),
        qt_test(words_do_not_wait_for_the_engine),
        qt_test(one_that_only_waits_lets_others_work),
        qt_test(work_that_takes_too_long_is_ended),
        qt_test(a_lost_answer_leaves_a_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
