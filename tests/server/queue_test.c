#include "queue_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "server/queue/notify.h"

struct qt qt;

static void must(int rc, const conch_error *err)
{
    if (rc < 0)
        fail_msg("%d: %s", rc, err->text);
}

void qt_write(store_work *work, void *context)
{
    conch_error err = {0};
    must(store_write(qt.store, work, context, &err), &err);
}

void qt_read(store_work *work, void *context)
{
    conch_error err = {0};
    must(store_read(qt.store, work, context, &err), &err);
}

void qt_sleep_ms(int ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

const char *qt_path(const char *name)
{
    static char path[4][256];
    static unsigned turn;
    char *here = path[turn++ % 4];
    snprintf(here, sizeof path[0], "%s/%s", qt.folder, name);
    return here;
}

static int account_make(void *context, struct store_tx *tx, conch_error *err)
{
    const struct store_account account = {.ledger = {.id = QT_ACCOUNT}, .name = "main", .created_ms = 1};
    const struct store_key key = {.id = QT_KEY,
                                  .account_id = QT_ACCOUNT,
                                  .name = "first",
                                  .scopes = STORE_SCOPE_GENERATE,
                                  .queued_max = -1,
                                  .running_max = -1,
                                  .priority_max = -1,
                                  .created_ms = 1};
    const struct store_grant grant = {
        .account_id = QT_ACCOUNT, .lot_id = QT_LOT, .kind = LEDGER_PAYG, .amount = QT_MONEY, .now_ms = 1};
    const uint8_t hash[STORE_KEY_HASH_BYTES] = {1};
    int rc = store_account_add(tx, &account, err);
    if (rc == 0)
        rc = store_key_add(tx, &key, hash, err);
    return rc == 0 ? store_grant(tx, &grant, err) : rc;
}

int qt_setup(void **state)
{
    conch_error err = {0};
    char media[512];
    const char *build = getenv("CONCH_BUILD");
    snprintf(media, sizeof media, "%s/conch-media", build ? build : ".");
    if (build)
        setenv("CONCH_MEDIA", media, 1);
    if (!getenv("QUEUE_TEST_LOG"))
        log_setup(LOG_LEVEL_OFF, LOG_FORMAT_TEXT, 2);
    strcpy(qt.folder, "/tmp/conch-queue-XXXXXX");
    assert_non_null(mkdtemp(qt.folder));
    setenv("XDG_CONFIG_HOME", qt.folder, 1);
    setenv("XDG_CONFIG_DIRS", qt.folder, 1);
    const struct config_override overrides[] = {{.name = "server.data", .value = qt.folder},
                                                {.name = "fetch.allow", .value = "127.0.0.1"},
                                                {.name = "fetch.allow_http", .value = "true"}};
    const struct config_settings config = {.overrides = overrides, .override_count = ARRAY_LEN(overrides)};
    must(config_load(&qt.config, &config, &err), &err);
    const struct store_settings store = {.path = qt_path("conch.db")};
    must(store_open(&qt.store, &store, &err), &err);
    must(blob_store_open(&qt.blobs, qt_path("blobs"), &err), &err);
    qt_write(account_make, NULL);
    return 0;
}

int qt_teardown(void **state)
{
    char command[128];
    store_close(qt.store);
    blob_store_close(qt.blobs);
    config_finish(&qt.config);
    snprintf(command, sizeof command, "rm -rf '%s'", qt.folder);
    memset(&qt, 0, sizeof qt);
    return system(command);
}

/* ---- jobs ---- */

struct submit {
    const struct qt_job *job;
    int64_t id, file_id;
    char blob[BLOB_KEY_BYTES];
};

static char *text(const char *value, const char *otherwise)
{
    return (char *)(uintptr_t)(value ? value : otherwise); /* only read by the store */
}

static int submit_work(void *context, struct store_tx *tx, conch_error *err)
{
    const struct submit *s = context;
    const struct qt_job *j = s->job;
    const int64_t now_ms = clock_wall_ms();
    const struct job_settings settings = {.id = s->id, .remote = j->remote, .attempts_max = j->attempts_max};
    struct job_event event;
    struct store_job row = {.account_id = QT_ACCOUNT,
                            .key_id = QT_KEY,
                            .hold_id = s->id,
                            .dialect = text("conch", NULL),
                            .task = text(j->task, "generation"),
                            .model_asked = text(j->model, "conch/tiny"),
                            .model = text(j->model, "conch/tiny"),
                            .served_by = text("conch/tiny", NULL),
                            .backend = text(j->backend, "fake"),
                            .mode = text(j->first_frame ? "first_frame" : "text", NULL),
                            .prompt = text(j->prompt, "a red ball rolls to the right on the grass"),
                            .prompt_used = text(j->prompt, "a red ball rolls to the right on the grass"),
                            .resolution = text(j->resolution, NULL),
                            .seconds = j->seconds ? j->seconds : 1,
                            .width = j->width,
                            .height = j->height,
                            .seed = 7,
                            .details = text(j->details, "{\"steps\":4}"),
                            .quoted = 1000,
                            .callback_url = text(j->callback, NULL),
                            .callback_style = text(j->style, j->callback ? "conch" : NULL)};
    const struct store_hold hold = {
        .account_id = QT_ACCOUNT, .hold_id = s->id, .key_id = QT_KEY, .quote = {.amount = 1000}, .now_ms = now_ms};
    const struct store_file file = {.id = s->file_id,
                                    .account_id = QT_ACCOUNT,
                                    .purpose = "job_input",
                                    .type = "image/png",
                                    .bytes = (int64_t)j->first_frame_size,
                                    .created_ms = now_ms};
    const struct store_input input = {.role = STORE_INPUT_FIRST_FRAME, .file_id = s->file_id};
    const struct store_job_new add = {
        .job = &row, .event = &event, .inputs = &input, .input_count = j->first_frame ? 1 : 0};
    int rc = 0;
    if (j->first_frame) {
        struct store_file named = file;
        strcpy(named.blob, s->blob);
        rc = store_file_add(tx, &named, err);
    }
    if (rc == 0)
        rc = job_create(&row.job, &settings, now_ms, &event, err);
    if (rc == 0)
        rc = store_hold(tx, &hold, err);
    return rc == 0 ? store_job_add(tx, &add, NULL, err) : rc;
}

int64_t qt_submit(const struct qt_job *job)
{
    conch_error err = {0};
    struct submit submit = {.job = job, .id = id_next(), .file_id = id_next()};
    if (job->first_frame) {
        blob_key_make(submit.blob, "png", clock_wall_ms());
        must(blob_put(qt.blobs, submit.blob, job->first_frame, job->first_frame_size, NULL, &err), &err);
    }
    qt_write(submit_work, &submit);
    return submit.id;
}

static int cancel_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct store_job row;
    struct job_event event;
    int64_t event_id = 0;
    int rc = store_job_get(tx, *(const int64_t *)context, 0, &row, err);
    if (rc < 0)
        return rc;
    rc = job_cancel(&row.job, clock_wall_ms(), &event, err);
    const struct store_job_step step = {.job = &row, .event = &event};
    if (rc == 0)
        rc = store_job_step(tx, &step, &event_id, err);
    if (rc == 0)
        rc = queue_notify(tx, &row, &event, event_id, err);
    store_job_finish(&row);
    return rc;
}

void qt_cancel(int64_t id)
{
    qt_write(cancel_work, &id);
}

struct row_read {
    int64_t id;
    struct store_job row;
};

static int row_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct row_read *read = context;
    return store_job_get(tx, read->id, 0, &read->row, err);
}

struct store_job qt_row(int64_t id)
{
    struct row_read read = {.id = id};
    qt_read(row_work, &read);
    return read.row;
}

enum job_state qt_state(int64_t id)
{
    struct store_job row = qt_row(id);
    const enum job_state state = row.job.state;
    store_job_finish(&row);
    return state;
}

struct store_job qt_wait(int64_t id, unsigned states, int seconds)
{
    const int64_t until_ns = clock_steady_ns() + seconds * INT64_C(1000000000);
    for (;;) {
        struct store_job row = qt_row(id);
        if (states & 1u << row.job.state)
            return row;
        if (clock_steady_ns() > until_ns)
            fail_msg("job %lld is still %s: %s", (long long)id, job_state_name(row.job.state),
                     row.error_text ? row.error_text : "no error");
        store_job_finish(&row);
        qt_sleep_ms(10);
    }
}

struct list_read {
    int64_t id;
    void *ret;
    size_t count;
};

static int events_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct list_read *read = context;
    const struct store_event_filter filter = {.job_id = read->id};
    return store_event_list(tx, &filter, read->ret, &read->count, err);
}

size_t qt_events(int64_t id, struct store_event *ret, size_t max)
{
    struct list_read read = {id, ret, max};
    qt_read(events_work, &read);
    return read.count;
}

static int messages_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct list_read *read = context;
    return store_message_list(tx, read->id, read->ret, &read->count, err);
}

int qt_messages(int64_t id, struct store_message *ret, size_t max)
{
    struct list_read read = {id, ret, max};
    qt_read(messages_work, &read);
    return (int)read.count;
}

int qt_blob_count(void)
{
    char command[128];
    int count = -1;
    snprintf(command, sizeof command, "find %s/blobs -type f | wc -l", qt.folder);
    FILE *pipe = popen(command, "r");
    if (pipe && fscanf(pipe, "%d", &count) != 1)
        count = -1;
    if (pipe)
        pclose(pipe);
    return count;
}

struct money {
    struct ledger_lot lots[LEDGER_LOTS_MAX];
    size_t count;
    struct store_audit audit;
};

static void audit_line(void *context, const char *line)
{
    print_message("audit: %s\n", line);
}

static int money_work(void *context, struct store_tx *tx, conch_error *err)
{
    struct money *money = context;
    int rc = store_lots(tx, QT_ACCOUNT, LEDGER_MICROUSD, money->lots, &money->count, err);
    return rc == 0 ? store_audit(tx, audit_line, NULL, &money->audit, err) : rc;
}

void qt_money(int64_t available, int64_t held)
{
    static struct money money;
    int64_t sums[2] = {0};
    memset(&money, 0, sizeof money);
    qt_read(money_work, &money);
    for (size_t i = 0; i < money.count; i++) {
        sums[0] += money.lots[i].available;
        sums[1] += money.lots[i].held;
    }
    assert_int_equal(sums[0], available);
    assert_int_equal(sums[1], held);
    assert_int_equal(money.audit.problems, 0);
}

/* ---- a worker ---- */

struct qt_worker {
    pthread_t thread;
    atomic_bool stop;
    struct worker_settings settings;
    int result;
};

static void *worker_thread(void *context)
{
    struct qt_worker *worker = context;
    conch_error err = {0};
    worker->result = worker_run(&worker->settings, &err);
    return NULL;
}

struct qt_worker *qt_worker_start(struct backend *const *backends, size_t count)
{
    struct qt_worker *worker = calloc(1, sizeof *worker);
    assert_non_null(worker);
    worker->settings = (struct worker_settings){.config = &qt.config,
                                                .store = qt.store,
                                                .blobs = qt.blobs,
                                                .backends = backends,
                                                .backend_count = count,
                                                .stop = &worker->stop};
    assert_int_equal(pthread_create(&worker->thread, NULL, worker_thread, worker), 0);
    return worker;
}

void qt_worker_stop(struct qt_worker *worker)
{
    atomic_store(&worker->stop, true);
    pthread_join(worker->thread, NULL);
    assert_int_equal(worker->result, 0);
    free(worker);
}
